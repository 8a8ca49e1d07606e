/*
 * Live: a venue, its feed and its broker around the engine. Start-up and crash recovery are one path:
 *
 *   restore     snapshot and journal tail; the venue's answers are in the journal, so only the batches are compared
 *   open        the venue; what it says waits
 *   reconcile   what we believe against what it reports, as inputs of a normal turn
 *   subscribe   the feed; what it says waits
 *   warm up     the bars of the past, as inputs that nobody can trade on
 *   run         the pump takes what has waited, and goes on
 *
 * While it runs, the venue is asked every minute whether we agree, and sooner while something is open. It ends in
 * phases, each with its time limit: drain (no new risk), cancel or flatten by policy, what is under way, a last
 * reconciliation, the venue, the archive and a snapshot. What is left at the venue is told.
 */
import { assert } from '../core/assert.ts'
import type { VenueId } from '../core/brand.ts'
import { type Fault, fault } from '../core/fault.ts'
import { type Control, type Input, MARKET_CAUSES } from '../core/input.ts'
import { Instrument, type InstrumentSpec } from '../core/instrument.ts'
import { isLive, type Order, remaining } from '../core/order.ts'
import { failed, ok, type Result } from '../core/result.ts'
import type { Notice } from '../core/notice.ts'
import type { Archive, Journal } from '../core/store.ts'
import { bucketStart, DAY, lengthMs, ms } from '../core/time.ts'
import type { Turn } from '../core/command.ts'
import type { Broker, History, Limits, Venue, VenueAccount, VenueReport } from '../core/venue.ts'
import type { Engine, EngineState } from '../engine/engine.ts'
import type { InboxOptions } from '../engine/inbox.ts'
import { type Difference, type Memory, NO_MEMORY, reconcile } from '../engine/reconcile.ts'
import { pause } from '../io/clock.ts'
import type { Io } from '../io/io.ts'
import { buildEngine, type Setup } from './build.ts'
import { alertOf, type Told } from './alerts.ts'
import { Gateway } from './gateway.ts'
import { Operator } from './operator.ts'
import { Pump } from './pump.ts'
import { Recorder } from './recorder.ts'
import { recover, type Recovered, type Redoable, snapshotOf } from './recover.ts'
import { warmUpBars } from './warmup.ts'
import type { Wishes } from './wishes.ts'

export type LiveSetup = Omit<Setup, 'sim'>
/** What happens to orders and positions at the end. */
export type ExitPolicy = 'keep' | 'cancel' | 'flatten'
export type FeedKind = 'trades' | 'quotes' | 'bars'

export interface LiveOptions {
  readonly io: Pick<Io, 'now' | 'after'>
  /** With a broker. Its feed and its history are used where it has them. */
  readonly venue: Venue
  readonly setup: LiveSetup
  readonly journal: Journal
  readonly archive: Archive
  readonly inbox: InboxOptions
  readonly snapshotEvery: number
  /** What the feed is asked for; bars where not told. */
  readonly kinds?: readonly FeedKind[]
  readonly isDryRun?: boolean
  /** Called when the venue has told its account, before anything is sent; throws where it may not be traded. */
  readonly takeAccount?: (account: VenueAccount) => void
  readonly timing?: Partial<Timing>
  /** Says why the kill switch should be on; asked every second. */
  readonly isKilled?: () => string | undefined
  /** What people want of the run; asked every second. */
  readonly wishes?: Pick<Wishes, 'waiting' | 'done'>
  /** What a person should know, once each. */
  readonly tell?: (told: Told) => void
  readonly onTurn?: (turn: Turn) => void
  /** Told before anything is sent. */
  readonly onRecovered?: (recovered: Recovered<LiveSession>) => void
}

export interface Timing {
  /** After so long an order that was taken is in every report: the venue's own, where not told. */
  readonly visibilityMs: number
  readonly reconcileEveryMs: number
  /** Between reports while something is open. */
  readonly lookupEveryMs: number
  /** A submit that waited longer in our own queue is not sent. */
  readonly orderAgeMsMax: number
  /** Limits of the phases of the end. */
  readonly exitMs: number
  readonly closeMs: number
}

export const TIMING: Omit<Timing, 'visibilityMs'> = {
  reconcileEveryMs: 60_000,
  lookupEveryMs: 5_000,
  orderAgeMsMax: 30_000,
  exitMs: 30_000,
  closeMs: 10_000,
}

export interface Phase {
  readonly name: string
  readonly tookMs: number
  /** False where its time was up first. */
  readonly isDone: boolean
}

export interface Stopped {
  readonly phases: readonly Phase[]
  /** What is left at the venue, in words. */
  readonly remaining: readonly string[]
}

const KINDS: readonly FeedKind[] = ['bars']
/** Reports that are tried at start-up, and the wait before the second; it doubles. */
const START_REPORTS = 5
const START_RETRY_MS = 1_000
/** Inputs that may come before the pump is there. */
const HELD_MAX = 10_000
/** Times that bars of the past are asked for at the start. */
const WARMUP_ROUNDS = 5
/** Bars of one warm-up turn. */
const WARMUP_BARS = 1_000
/** Texts that are remembered, so that each is told once. */
const TOLD_MAX = 1_000

/** The engine alone: its venue is real. */
export class LiveSession implements Redoable<{ readonly engine: EngineState }> {
  readonly engine: Engine

  constructor(engine: Engine) {
    this.engine = engine
  }

  capture(): { readonly engine: EngineState } {
    return { engine: this.engine.capture() }
  }

  restore(state: { readonly engine: EngineState }): void {
    this.engine.restore(state.engine)
  }

  redo(recorded: Turn): { readonly turn: Turn } {
    const turn = this.engine.turn(recorded.at, recorded.inputs)
    if (turn.notices.length > 0) this.engine.notices.deliver(turn.notices)
    return { turn }
  }
}

/**
 * A fresh session. A run begins and goes on within a minute, of whose trades it sees a part only: where the feed tells
 * bars, its bars hold, and trades make none.
 */
export function liveSession(
  setup: LiveSetup,
  limits: Limits,
  kinds: readonly FeedKind[],
): LiveSession {
  const barsFrom = kinds.includes('bars') ? 'outside' : 'trades'
  return new LiveSession(buildEngine({ ...setup, bars: { ...setup.bars, barsFrom } }, limits))
}

/** Starts, or goes on where the journal ends. Fails, with all closed again, where the venue cannot be opened or read. */
export async function startLive(options: LiveOptions): Promise<Result<Live>> {
  const { venue, journal, archive, setup, kinds = KINDS } = options
  assert(venue.broker !== undefined, `venue ${venue.id} has a broker`)
  let recorder: Recorder | undefined
  const build = (): LiveSession => {
    const session = liveSession(setup, venue.limits, kinds)
    recorder = new Recorder(archive, session.engine)
    return session
  }
  const recovered = await recover(build, journal, archive, async () => recorder?.work())
  assert(recorder !== undefined, 'a session has its recorder')
  options.onRecovered?.(recovered)
  const live = new Live(options, recovered, recorder, venue.broker)
  let trouble: Fault | undefined
  let isBegun = false
  try {
    trouble = await live.begin()
    isBegun = trouble === undefined
  } finally {
    if (!isBegun) await live.abandon()
  }
  return trouble === undefined ? ok(live) : failed(trouble)
}

export class Live {
  readonly engine: Engine
  readonly gateway: Gateway
  readonly pump: Pump
  readonly #options: LiveOptions
  readonly #timing: Timing
  readonly #broker: Broker
  readonly #recorder: Recorder
  readonly #held: Input[] = []
  readonly #told = new Set<string>()
  readonly #waiters = new Set<() => void>()
  readonly #operator: Operator
  #isBegun = false
  #memory: Memory = NO_MEMORY
  #reports = 0
  #reconciling: Promise<Fault | undefined> | undefined
  #cancelNext: (() => void) | undefined
  #stopping: Promise<Stopped> | undefined

  constructor(
    options: LiveOptions,
    { session, marks }: Recovered<LiveSession>,
    recorder: Recorder,
    broker: Broker,
  ) {
    const { io, venue, journal, inbox, snapshotEvery, isDryRun = false } = options
    this.#options = options
    this.#timing = { ...TIMING, visibilityMs: venue.limits.visibilityMs, ...options.timing }
    this.#broker = broker
    this.#recorder = recorder
    this.engine = session.engine
    this.gateway = new Gateway({
      brokers: new Map<VenueId, Broker>([[venue.id, broker]]),
      now: () => this.pump.now(),
      sink: (input) => {
        this.pump.push(input)
        // A cancel that is refused came too late as a rule: what became of its order is asked for.
        if (input.type === 'cancel.rejected') this.#reconcileIn(this.#timing.lookupEveryMs)
      },
      isDryRun,
      maxAgeMs: this.#timing.orderAgeMsMax,
      onError: (error) => this.pump.fail(error),
      onUnknown: (id) => {
        this.#tell('warn', `the outcome of order ${id} is not known; ${venue.id} is asked`)
        this.#reconcileIn(Math.min(this.#timing.lookupEveryMs, this.#timing.visibilityMs))
      },
    })
    this.pump = new Pump({
      io,
      engine: this.engine,
      journal,
      gateway: this.gateway,
      recorder,
      inbox,
      snapshotEvery,
      snapshot: () => snapshotOf(session, marks),
      onTurn: (turn) => {
        this.#operator.onTurn(turn)
        for (const notice of turn.notices) this.#onNotice(notice)
        options.onTurn?.(turn)
        for (const look of this.#waiters) look()
      },
    })
    this.#operator = new Operator({
      ...options,
      killSwitch: () => this.engine.killSwitch,
      control: (control, by) => this.control(control, by),
      flush: () => journal.flush(),
      tell: (text) => this.#tell('warn', text),
    })
  }

  /** Opens, reconciles, warms up and runs. Gives why it could not. */
  async begin(): Promise<Fault | undefined> {
    const { venue, setup, isDryRun, takeAccount } = this.#options
    this.#adopt()
    const opened = await venue.open((input) => this.#take(input))
    if (!opened.ok) return opened.fault
    const grid = gridFault(setup, opened.value)
    if (grid !== undefined) return grid
    if (venue.account !== undefined && isDryRun !== true) takeAccount?.(venue.account)
    this.#isBegun = true
    for (const input of this.#held.splice(0)) this.pump.push(input)
    this.gateway.kill(this.engine.killSwitch)
    this.#turn([
      ...(this.engine.isStopping ? [this.#control({ do: 'drain', on: false }, 'start')] : []),
      ...this.#staleHalts(),
    ])
    const report = await this.#firstReport()
    if (report !== undefined) return report
    const subscribed = await this.#subscribe()
    if (subscribed !== undefined) return subscribed
    await this.#warmUp()
    if (this.pump.isStopped) return fault('corrupt-data', 'the run stopped while it started')
    this.#operator.start()
    this.pump.start()
    this.#reconcileIn(this.#nextReportMs)
    return undefined
  }

  /** What a person or a signal wants: journaled, and done in a turn of its own kind. */
  control(control: Control, by: string): Input {
    const input = this.#control(control, by)
    // At once, not only when the turn comes.
    if (control.do === 'kill-switch' && control.on) this.gateway.kill(control.why)
    this.pump.push(input)
    return input
  }

  /** Asks the venue and closes the gap; one at a time. Gives why the venue could not be asked. */
  reconcile(): Promise<Fault | undefined> {
    this.#reconciling ??= this.#reconcile((inputs) => {
      for (const input of inputs) this.pump.push(input)
    }).finally(() => {
      this.#reconciling = undefined
      if (!this.pump.isStopped && this.#stopping === undefined) {
        this.#reconcileIn(this.#nextReportMs)
      }
    })
    return this.#reconciling
  }

  /** Ends in phases. A second call waits for the first. */
  stop(policy: ExitPolicy): Promise<Stopped> {
    this.#stopping ??= this.#stop(policy)
    return this.#stopping
  }

  /** Lets go of everything at once, as after a failure: orders and positions stay as they are. */
  async abandon(): Promise<void> {
    this.#release()
    await this.#options.venue.close()
  }

  get statistics() {
    return {
      engine: this.engine.statistics,
      pump: this.pump.statistics,
      inbox: this.pump.inbox.statistics,
      gateway: this.gateway.statistics,
      bars: this.#recorder.statistics,
      reports: this.#reports,
      open: this.#memory.absent.size + this.#memory.unexplained.size + this.#memory.differing.size,
    }
  }

  // ── Start ─────────────────────────────────────────────────────────────────────────────────────────

  /** Adapters that need it learn which orders of ours may be open, before anything is sent or heard. */
  #adopt(): void {
    const { venue } = this.#options
    const orders = this.engine.ours.orders.map(({ order }) => order)
    const halts = this.engine.ours.halts.filter(({ cause }) => cause === 'trading-halt')
    venue.adopt?.(
      orders.filter((order) => isLive(order)),
      halts.map(({ symbol }) => symbol),
    )
    // What the last process did not hear happened after its last turn, but for the clocks.
    const last = this.engine.now === 0 ? this.pump.now() : this.engine.now
    this.#broker.reportFrom?.(ms(last - DAY))
  }

  #take(input: Input): void {
    if (this.#isBegun) this.pump.push(input)
    else {
      assert(this.#held.length < HELD_MAX, `at most ${HELD_MAX} inputs come before the start`)
      this.#held.push(input)
    }
    // The stream mends its gap by itself; whether that was all, the report tells.
    const isBack = input.type === 'venue.up' && input.stream === 'orders'
    if (isBack && this.#isBegun) this.#reconcileIn(this.#timing.lookupEveryMs)
  }

  #turn(inputs: readonly Input[]): void {
    if (inputs.length > 0 && !this.pump.isStopped) this.pump.turn(inputs)
  }

  /** What the last process knew of the market is old: the venue's feed tells it anew. It was told of trading halts. */
  #staleHalts(): readonly Input[] {
    const { venue } = this.#options
    return this.engine.ours.halts
      .filter(({ cause }) => MARKET_CAUSES.some((each) => each === cause))
      .filter(({ cause }) => cause !== 'trading-halt' || venue.adopt === undefined)
      .map(({ symbol, cause }) => {
        const control = { do: 'halt-symbol', symbol, cause, on: false, why: 'a new start' } as const
        return this.#control(control, 'start')
      })
  }

  async #firstReport(): Promise<Fault | undefined> {
    let trouble: Fault | undefined
    for (let i = 0; i < START_REPORTS; i++) {
      if (i > 0) await pause(this.#options.io, START_RETRY_MS * 2 ** (i - 1))
      trouble = await this.#reconcile((inputs) => this.#turn(inputs))
      if (trouble === undefined || trouble.retry === 'never') return trouble
    }
    return trouble
  }

  async #subscribe(): Promise<Fault | undefined> {
    const { venue, setup, kinds = KINDS } = this.#options
    if (venue.feed === undefined) return undefined
    const symbols = setup.universe.all.map(({ id }) => id)
    for (const kind of kinds) {
      const answer = await venue.feed.subscribe(kind, symbols)
      if (!answer.ok) return answer.fault
    }
    return undefined
  }

  /** Once more where a bar has closed meanwhile: those that wait in the inbox may be too old when they are taken. */
  async #warmUp(): Promise<void> {
    const { venue, setup } = this.#options
    if (venue.history === undefined) return
    const boundary = (): number => bucketStart(this.pump.now(), lengthMs(setup.base))
    for (let round = 1; round <= WARMUP_ROUNDS; round++) {
      const upTo = boundary()
      await this.#warmUpOnce(venue.history)
      if (boundary() === upTo) return
    }
  }

  async #warmUpOnce(history: History): Promise<void> {
    const { venue, setup } = this.#options
    const plan = { base: setup.base, now: this.pump.now() }
    const { bars, faults } = await warmUpBars(this.engine, history, venue.limits, plan)
    for (const { message } of faults) this.#tell('error', `warm-up is incomplete: ${message}`)
    for (let i = 0; i < bars.length; i += WARMUP_BARS) {
      const at = this.pump.now()
      const part = bars.slice(i, i + WARMUP_BARS)
      this.#turn(part.map((bar) => ({ type: 'bar', at, bar, source: 'warmup' })))
      await new Promise(setImmediate)
    }
  }

  // ── Agreement with the venue ──────────────────────────────────────────────────────────────────────

  get #nextReportMs(): number {
    const { open } = this.statistics
    const isOpen = open > 0 || this.engine.ours.halts.some(({ cause }) => cause === 'unknown-order')
    return isOpen ? this.#timing.lookupEveryMs : this.#timing.reconcileEveryMs
  }

  /** What is on its way out sends nothing twice. */
  get #resendAgeMsMax(): number {
    const isQuiet = this.engine.isStopping || this.engine.killSwitch !== undefined
    return isQuiet ? 0 : this.#timing.orderAgeMsMax
  }

  /** The next report comes in `delayMs`, or sooner where it was due sooner. */
  #reconcileIn(delayMs: number): void {
    if (this.pump.isStopped || this.#stopping !== undefined) return
    const { io } = this.#options
    const when = io.now() + delayMs
    if (this.#cancelNext !== undefined && this.#nextAt <= when) return
    this.#cancelNext?.()
    this.#nextAt = when
    this.#cancelNext = io.after(delayMs, () => {
      this.#cancelNext = undefined
      void this.reconcile()
    })
  }
  #nextAt = Infinity

  async #reconcile(take: (inputs: readonly Input[]) => void): Promise<Fault | undefined> {
    const { venue, setup } = this.#options
    const { id, broker } = { id: venue.id, broker: this.#broker }
    const askedAt = this.pump.now()
    const underWayBefore = this.gateway.underWay
    let answer: Result<VenueReport>
    try {
      answer = await broker.report()
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      answer = failed(fault('venue-unavailable', `${id}: ${why}`))
    }
    if (this.pump.isStopped) return undefined
    if (!answer.ok) {
      this.#tell('warn', `${id} gave no report: ${answer.fault.message}`)
      return answer.fault
    }
    this.#reports++
    const { inputs, differences, memory } = reconcile(
      this.engine.ours,
      answer.value,
      this.#memory,
      {
        venue: id,
        universe: setup.universe,
        askedAt,
        at: this.pump.now(),
        visibilityMs: this.#timing.visibilityMs,
        resendAgeMsMax: this.#resendAgeMsMax,
        underWay: new Set([...underWayBefore, ...this.gateway.underWay]),
      },
    )
    this.#memory = memory
    for (const difference of differences) this.#tell(levelOf(difference), difference.text)
    take(inputs)
    return undefined
  }

  // ── End ───────────────────────────────────────────────────────────────────────────────────────────

  async #stop(policy: ExitPolicy): Promise<Stopped> {
    const { exitMs, closeMs } = this.#timing
    const { venue, journal } = this.#options
    const phases: Phase[] = []
    const phase = async (name: string, limitMs: number, work: Promise<unknown>): Promise<void> => {
      phases.push(await this.#within(name, limitMs, work))
    }
    this.#cancelNext?.()
    if (!this.pump.isStopped) {
      this.control({ do: 'drain', on: true }, 'stop')
      await phase(
        'drain',
        closeMs,
        this.#until(() => this.engine.isStopping),
      )
      if (policy !== 'keep') {
        this.control({ do: policy === 'cancel' ? 'cancel-all' : 'flatten' }, 'stop')
        await phase(
          policy,
          exitMs,
          this.#until(() => this.#isQuit(policy)),
        )
      }
      await phase('answers', closeMs, this.gateway.idle())
      await phase('report', closeMs, this.reconcile())
      await phase(
        'inbox',
        closeMs,
        this.#until(() => this.pump.inbox.nextAt === Infinity),
      )
    }
    this.#release()
    await phase('venue', closeMs, venue.close())
    await phase(
      'archive',
      closeMs,
      this.#recorder.flush().catch(() => {}),
    )
    if (!(await this.#hasFailed())) {
      this.pump.snapshot()
      journal.flush()
    }
    return { phases, remaining: this.#remaining() }
  }

  #isQuit(policy: ExitPolicy): boolean {
    const { positions, orders } = this.engine.ours
    if (orders.some(({ order }) => isLive(order))) return false
    return policy === 'cancel' || positions.length === 0
  }

  #remaining(): readonly string[] {
    const { universe } = this.#options.setup
    const { positions, orders } = this.engine.ours
    const nameOf = ({ symbol }: { readonly symbol: Order['symbol'] }): string =>
      universe.at(symbol).symbol
    return [
      ...positions.map((position) => `position ${nameOf(position)} ${position.qty}`),
      ...orders
        .map(({ order }) => order)
        .filter((order) => isLive(order))
        .map((order) => {
          const { id, side, type, phase } = order
          return `order ${id} ${phase}: ${side} ${remaining(order)} ${nameOf(order)} ${type}`
        }),
    ]
  }

  #release(): void {
    this.pump.stop()
    this.gateway.close()
    this.#cancelNext?.()
    this.#operator.stop()
  }

  /** True where the pump stopped by an error: then nothing more may be written. */
  async #hasFailed(): Promise<boolean> {
    return await Promise.race([
      this.pump.failure.then(() => true),
      new Promise<boolean>((resolve) => {
        setImmediate(() => resolve(false))
      }),
    ])
  }

  /** Resolves when the condition holds, looked at after each turn. */
  #until(holds: () => boolean): Promise<void> {
    if (holds()) return Promise.resolve()
    return new Promise((resolve) => {
      const look = (): void => {
        if (!holds()) return
        this.#waiters.delete(look)
        resolve()
      }
      this.#waiters.add(look)
    })
  }

  async #within(name: string, limitMs: number, work: Promise<unknown>): Promise<Phase> {
    const { io } = this.#options
    const began = io.now()
    const timer = new AbortController()
    const isDone = await Promise.race([
      work.then(
        () => true,
        () => false,
      ),
      this.pump.failure.then(() => false),
      pause(io, limitMs, timer.signal).then(() => false),
    ])
    timer.abort()
    return { name, tookMs: io.now() - began, isDone }
  }

  // ── Odds and ends ─────────────────────────────────────────────────────────────────────────────────

  /** What a person must hear of; what cannot be explained is asked about at once. */
  #onNotice(notice: Notice): void {
    const alert = alertOf(notice, this.#options.setup.universe)
    if (alert !== undefined) this.#tell(alert.level, alert.text)
    const isStrange = notice.type === 'fill.late' || (notice.type === 'safe-mode' && notice.on)
    if (isStrange) this.#reconcileIn(this.#timing.lookupEveryMs)
  }

  #control(control: Control, by: string): Input {
    return { type: 'control', at: this.pump.now(), control, by }
  }

  #tell(level: Told['level'], text: string): void {
    if (this.#told.has(text)) return
    if (this.#told.size >= TOLD_MAX) this.#told.clear()
    this.#told.add(text)
    this.#options.tell?.({ level, text })
  }
}

const levelOf = ({ kind }: Difference): Told['level'] =>
  kind === 'missed-fill' || kind === 'missed-end' ? 'warn' : 'error'

/** Why orders on our grid would be off the venue's. */
function gridFault(setup: LiveSetup, specs: readonly InstrumentSpec[]): Fault | undefined {
  for (const spec of specs) {
    const ours = setup.universe.find(spec.symbol)
    if (ours === undefined) continue
    const theirs = new Instrument(ours.id, spec)
    const { symbol, tickSize, lotSize } = ours
    if (!theirs.isOnPriceGrid(tickSize))
      return fault(
        'bad-request',
        `${symbol}: tickSize ${tickSize}; the venue's is ${spec.tickSize}`,
      )
    if (!theirs.isOnSizeGrid(lotSize))
      return fault('bad-request', `${symbol}: lotSize ${lotSize}; the venue's is ${spec.lotSize}`)
  }
  return undefined
}
