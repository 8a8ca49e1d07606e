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
 * `session.ts` is what is restored, `start.ts` goes from there to the run, `agreement.ts` asks the venue
 * while it runs, `end.ts` ends it in phases.
 */
import { assert } from '../../core/assert.ts'
import type { Ms, VenueId } from '../../core/brand.ts'
import { type Fault, fault } from '../../core/fault.ts'
import type { Control, Input } from '../../core/input.ts'
import type { Notice } from '../../core/notice.ts'
import { failed, ok, type Result } from '../../core/result.ts'
import type { Broker } from '../../core/venue.ts'
import type { Engine } from '../../engine/engine.ts'
import { pause } from '../../io/clock.ts'
import { alertOf, type Told } from '../session/alerts.ts'
import type { ExitPolicy } from '../config/exit-policy.ts'
import { Gateway } from './gateway.ts'
import { behindText, type Health, type HealthPhase } from './health.ts'
import { Heartbeat } from './heartbeat.ts'
import { Agreement } from './agreement.ts'
import { End, type Stopped } from './end.ts'
import { healthOf } from './live-health.ts'
import { KINDS, type LiveOptions, type LiveParts, type Timing, TIMING } from './options.ts'
import { type LiveSession, liveSession } from './session.ts'
import { Start } from './start.ts'
import { Operator, type Resolved, type Unresolved } from './operator.ts'
import { Pruner } from './pruner.ts'
import { Pump } from './pump.ts'
import { Recorder } from '../session/recorder.ts'
import { Standby } from './standby.ts'
import { recover, type Recovered, snapshotOf } from '../session/recover.ts'
import { rehearse } from './rehearsal.ts'
import { resolve } from './resolution.ts'

/** Texts that are remembered, so that each is told once. */
const TOLD_MAX = 1_000
const PUBLISH_EVERY_MS = 1_000
/** So many snapshots' turns prove one, where those between could not. */
const PROOF_SNAPSHOTS_MAX = 10

/** Lets the event loop turn once. */
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Starts, or goes on where the journal ends. Fails, with all closed again, where the venue cannot be opened or read. */
export async function startLive(options: LiveOptions): Promise<Result<Live>> {
  const { venue, journal, archive, shared, setup, kinds = KINDS } = options
  assert(venue.broker !== undefined, `venue ${venue.id} has a broker`)
  if (options.isRehearsed === true) {
    const { limits } = venue
    await rehearse({ setup, limits, kinds, now: options.io.now(), breathe: nextTurn })
  }
  let recorder: Recorder | undefined
  const build = (): LiveSession => {
    const session = liveSession(setup, venue.limits, kinds)
    recorder = new Recorder(archive, session.engine)
    shared?.watch(session.engine)
    return session
  }
  const recovered = await recover({
    build,
    journal,
    archive,
    breathe: async () => recorder?.work(),
    keepsBars: options.keepMs !== undefined,
  })
  assert(recorder !== undefined, 'a session has its recorder')
  options.onRecovered?.(recovered)
  const live = new Live(options, recovered, recorder, venue.broker)
  let trouble: Fault | undefined
  let isBegun = false
  const { signal } = options
  // Whoever waits for the venue is told that it was closed, so the start comes to its end by itself.
  let abandoned: Promise<void> | undefined
  const abandon = (): void => {
    abandoned = live.abandon()
  }
  signal?.addEventListener('abort', abandon, { once: true })
  if (signal?.aborted === true) abandon()
  try {
    trouble = await live.begin()
    isBegun = trouble === undefined
  } finally {
    signal?.removeEventListener('abort', abandon)
    await abandoned
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
  readonly #parts: LiveParts
  readonly #agreement: Agreement
  readonly #standby: Standby
  readonly #operator: Operator
  readonly #heartbeat: Heartbeat
  /** Absent where all turns are kept. */
  readonly #pruner: Pruner | undefined
  /** A hold that the engine has not heard of, and the last one's number. */
  #pendingHold: Control | undefined
  #holds = 0
  /** What people said while it starts: turns are made by hand then, and each begins with it. */
  readonly #said: Input[] = []
  readonly #begun = Promise.withResolvers<void>()
  readonly #told = new Set<string>()
  readonly #waiters = new Set<() => void>()
  #phase: HealthPhase = 'starting'
  #since: Ms | undefined
  #cancelPublish: (() => void) | undefined
  #stopping: Promise<Stopped> | undefined

  constructor(
    options: LiveOptions,
    { session, marks }: Recovered<LiveSession>,
    recorder: Recorder,
    broker: Broker,
  ) {
    const { io, venue, journal, inbox, snapshotEvery } = options
    this.#options = options
    this.#timing = { ...TIMING, visibilityMs: venue.limits.visibilityMs, ...options.timing }
    this.engine = session.engine
    this.gateway = this.#gatewayTo(broker)
    this.pump = new Pump({
      io,
      engine: this.engine,
      journal,
      gateway: this.gateway,
      recorder,
      book: (symbol) => venue.feed?.book?.(symbol),
      inbox,
      snapshotEvery,
      snapshot: () => snapshotOf(session, marks),
      unkept: marks,
      onSnapshot: (n, at) => this.#pruner?.onSnapshot(n, at),
      guard: () => this.#guard(),
      onTurn: (turn) => {
        this.#operator.onTurn(turn)
        for (const notice of turn.notices) this.#onNotice(notice)
        options.forming?.onTurn(turn)
        options.onTurn?.(turn)
        for (const look of this.#waiters) look()
      },
    })
    this.#parts = {
      options,
      timing: this.#timing,
      broker,
      engine: this.engine,
      gateway: this.gateway,
      pump: this.pump,
      recorder,
      tell: (level, text) => this.#tell(level, text),
      forget: (text) => this.#told.delete(text),
      control: (control, by) => this.control(control, by),
      listen: () => this.#operator.start(),
      said: () => this.#said.splice(0),
      until: (holds) => this.#until(holds),
    }
    this.#agreement = new Agreement(this.#parts)
    this.#pruner = this.#prunerOf(options)
    this.#standby = new Standby(this.#parts, this.#agreement)
    this.#heartbeat = new Heartbeat(io, {
      gapMsMax: this.#timing.gapMsMax,
      onGap: (gapMs) => this.#hold(gapMs),
    })
    options.strays?.listen((stray) => this.control({ do: 'halt', ...stray }, 'strategy'))
    this.#operator = new Operator({
      ...options,
      killSwitch: () => this.engine.killSwitch,
      changed: () => options.reload?.look(this.engine.inForce),
      resolve: (wanted) => this.#resolve(wanted),
      control: (control, by) => this.control(control, by),
      flush: () => journal.flush(),
      tell: (text) => this.#tell('warn', text),
      say: (text) => this.#options.tell?.({ level: 'warn', text }),
    })
  }

  /** Opens, reconciles, warms up and runs. Gives why it could not. */
  async begin(): Promise<Fault | undefined> {
    this.#publish()
    const { mayLead, venue } = this.#options
    if (this.engine.wantsDepth && venue.feed?.book === undefined)
      return fault('unsupported', `${venue.id} keeps no depth, and a strategy asks for it`)
    if (mayLead !== undefined && venue.broker?.cancelAll === undefined)
      return fault('unsupported', `${venue.id} cannot cancel what runs have at an account`)
    const trouble = await new Start(this.#parts, this.#agreement, this.#standby).run()
    if (trouble !== undefined) return trouble
    const said = this.#said.splice(0)
    if (said.length > 0) this.pump.turn(said)
    this.#since = this.pump.now()
    this.#enter('running')
    this.#begun.resolve()
    this.#heartbeat.start()
    this.pump.start()
    this.#standby.start()
    this.#agreement.askNext()
    return undefined
  }

  /** What a person or a signal wants: journaled, and done in a turn of its own kind. */
  control(control: Control, by: string): Input {
    const input: Input = { type: 'control', at: this.pump.now(), control, by }
    // At once, not only when the turn comes.
    if (control.do === 'kill-switch' && control.on) this.gateway.kill(control.why)
    if (this.#phase === 'starting') this.#said.push(input)
    else this.pump.push(input)
    return input
  }

  /** Asks the venue and closes the gap; one at a time. Gives why the venue could not be asked. */
  reconcile(): Promise<Fault | undefined> {
    return this.#agreement.ask()
  }

  /**
   * Ends in phases. A second call waits for the first.
   *
   * @param override For all strategies, instead of their own policies.
   */
  stop(override?: ExitPolicy): Promise<Stopped> {
    this.#stopping ??= this.#stop(override)
    return this.#stopping
  }

  /** Lets go of everything at once, as after a failure: orders and positions stay as they are. */
  async abandon(): Promise<void> {
    this.#release()
    this.#enter(this.#options.signal?.aborted === true ? 'stopped' : 'failed')
    this.#cancelPublish?.()
    await this.#options.venue.close()
  }

  get health(): Health {
    const phase = this.pump.hasFailed ? 'failed' : this.#phase
    const { isFollowing, takeovers } = this.#standby
    const leads = { isFollowing: isFollowing && phase === 'running', takeovers }
    const pruned = this.#pruner?.statistics
    return healthOf(this.#parts, this.#agreement, { phase, since: this.#since, pruned, ...leads })
  }

  /** Resolves when nothing of the journal is being dropped. */
  pruned(): Promise<void> {
    return this.#pruner?.idle() ?? Promise.resolve()
  }

  get statistics() {
    return {
      engine: this.engine.statistics,
      pump: this.pump.statistics,
      inbox: this.pump.inbox.statistics,
      gateway: this.gateway.statistics,
      bars: this.#parts.recorder.statistics,
      ...this.#agreement.statistics,
    }
  }

  async #stop(override?: ExitPolicy): Promise<Stopped> {
    this.#enter('stopping')
    const stopped = await new End(this.#parts, this.#agreement, () => this.#release()).run(override)
    this.#enter('stopped')
    this.#cancelPublish?.()
    return stopped
  }

  #enter(phase: HealthPhase): void {
    this.#phase = phase
    this.#options.publish?.(this.health)
  }

  /** Now, and then every second. */
  #publish(): void {
    const { io, publish } = this.#options
    if (publish === undefined) return
    publish(this.health)
    this.#cancelPublish = io.after(PUBLISH_EVERY_MS, () => this.#publish())
  }

  /** Nothing is decided on what was believed before a gap. */
  #guard(): Control | undefined {
    this.#heartbeat.look()
    const hold = this.#pendingHold
    this.#pendingHold = undefined
    return hold
  }

  #hold(gapMs: number): void {
    // Held already, until the account is taken over.
    if (this.#standby.isFollowing) return
    const seconds = Math.round(Math.abs(gapMs) / 1_000)
    const what = gapMs < 0 ? 'the clock went back by' : 'nothing was seen for'
    const why = `${what} ${seconds} s`
    const { behindMs } = this.pump
    if (behindMs > this.#timing.gapMsMax) this.#tell('error', behindText(behindMs))
    this.#tell('warn', `trading is held, ${why}; ${this.#options.venue.id} is asked first`)
    // As at a start: what fell due meanwhile is not lived at its own time, and what is held is not certain.
    const blind = { do: 'hold', on: true, why, isBlind: true } as const
    this.#pendingHold = blind
    // What waits may end the hold of an earlier gap.
    this.control(blind, 'heartbeat')
    void this.#lift(++this.#holds, why)
  }

  /**
   * Asks until the venue has told what it has, by a report from after the gap that leaves no position in doubt; another
   * gap begins anew. What the report says may call for exits, so they no longer wait then. An end waits for them too. Timers
   * want entries as well, and wait until these may leave.
   */
  async #lift(hold: number, why: string): Promise<void> {
    const { io } = this.#options
    const isOver = (): boolean => {
      this.#heartbeat.look()
      return hold !== this.#holds || this.pump.isStopped
    }
    for (;;) {
      const trouble = await this.#agreement.askAfresh(() => {
        const sure = { do: 'hold', on: true, why, areTimersLate: true } as const
        if (!isOver()) this.control(sure, 'heartbeat')
      })
      if (isOver()) return
      if (trouble === undefined && this.#agreement.doubts === 0) break
      await pause(io, this.#timing.lookupEveryMs)
    }
    // What the report said is taken first.
    await this.#until(() => this.pump.inbox.nextAt === Infinity)
    if (isOver()) return
    this.control({ do: 'hold', on: false, why: 'the venue was asked' }, 'heartbeat')
  }

  /** What a wish comes to that is no control by itself. A start asks the venue in its own way. */
  async #resolve(wanted: Unresolved): Promise<Resolved> {
    await this.#begun.promise
    return resolve(wanted, {
      engine: this.engine,
      agreement: this.#agreement,
      reload: this.#options.reload,
      isFollowing: this.#standby.isFollowing,
    })
  }

  #prunerOf({ setup, venue, journal, kinds = KINDS, ...options }: LiveOptions): Pruner | undefined {
    const { past } = journal
    const { keepMs, copyTurns, snapshotEvery } = options
    if (past === undefined || keepMs === undefined) return undefined
    return new Pruner({
      past,
      journal,
      keepMs,
      copy: copyTurns,
      proofTurnsMax: PROOF_SNAPSHOTS_MAX * snapshotEvery,
      build: () => liveSession(setup, venue.limits, kinds),
      breathe: nextTurn,
      isOver: () => this.pump.isStopped,
      tell: (level, text) => this.#tell(level, text),
    })
  }

  #gatewayTo(broker: Broker): Gateway {
    const { venue, isDryRun = false } = this.#options
    const { lookupEveryMs, visibilityMs, orderAgeMsMax } = this.#timing
    return new Gateway({
      brokers: new Map<VenueId, Broker>([[venue.id, broker]]),
      now: () => this.pump.now(),
      sink: (input) => {
        this.pump.push(input)
        // A cancel that is refused came too late as a rule: what became of its order is asked for.
        if (input.type === 'cancel.rejected') this.#agreement.askIn(lookupEveryMs)
        // Whether that is the order's fault or the keys', the report tells.
        if (input.type === 'order.rejected' && input.fault.code === 'unauthorized')
          this.#agreement.askIn(lookupEveryMs)
      },
      isDryRun,
      maxAgeMs: orderAgeMsMax,
      quoteAgeMsMax: () => this.engine.inForce.batching.tickDeadlineMs,
      inFlight: new Map([[venue.id, venue.limits.orders.inFlight ?? 1]]),
      onError: (error) => this.pump.fail(error),
      onAnswered: (at) => this.#options.onAnswered?.(at, this.pump.now()),
      onUnknown: (id) => {
        this.#tell('warn', `the outcome of order ${id} is not known; ${venue.id} is asked`)
        this.#agreement.askIn(Math.min(lookupEveryMs, visibilityMs))
      },
    })
  }

  #release(): void {
    this.pump.stop()
    this.gateway.close()
    this.#agreement.rest()
    this.#standby.stop()
    this.#heartbeat.stop()
    this.#operator.stop()
  }

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

  /** What a person must hear of, each time that it happens; what cannot be explained is asked about at once. */
  #onNotice(notice: Notice): void {
    const alert = alertOf(notice, this.#options.setup.universe)
    if (alert !== undefined) this.#options.tell?.(alert)
    const isOn = (notice.type === 'safe-mode' || notice.type === 'kill-switch') && notice.on
    if (isOn || notice.type === 'fill.late') this.#agreement.askIn(this.#timing.lookupEveryMs)
    if (notice.type === 'safe-mode' && !notice.on) this.#options.venue.clear?.()
  }

  /** How something is, once: it may be found with every report. */
  #tell(level: Told['level'], text: string): void {
    if (this.#told.has(text)) return
    if (this.#told.size >= TOLD_MAX) this.#told.clear()
    this.#told.add(text)
    this.#options.tell?.({ level, text })
  }
}
