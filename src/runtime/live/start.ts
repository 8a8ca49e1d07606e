/*
 * Start of a run at a venue, from what its journal gave to the moment before it trades: the venue is opened, asked for its
 * report, its feed subscribed, and strategies are shown the bars of the past. What the venue says meanwhile waits.
 *
 * What was missed while no process was there is not lived afterwards: the first turn is a blind hold at the time of the
 * last one. It ends in the turn of the report, after all that the report said, and where a position differs, in that of
 * the second report, which halts its symbol. So closes, quotes and timers of a run that goes on come after both.
 */
import { assert } from '../../core/assert.ts'
import { type Fault, fault, type FaultCode } from '../../core/fault.ts'
import { type Control, type Input, MARKET_CAUSES } from '../../core/input.ts'
import { inputOf } from '../../core/market-rows.ts'
import { Instrument, type InstrumentSpec } from '../../core/instrument.ts'
import { bucketStart, DAY, lengthMs, ms } from '../../core/time.ts'
import { failed, type Result } from '../../core/result.ts'
import type { History, Venue } from '../../core/venue.ts'
import { pause } from '../../io/clock.ts'
import type { Agreement } from './agreement.ts'
import { behindText } from './health.ts'
import { KINDS, type LiveParts, type LiveSetup } from './options.ts'
import { FOLLOWED, FOLLOWING, type Standby } from './standby.ts'
import { warmUpBars } from './warmup.ts'

/** What passes. Where nobody is there at all, or refuses us, the start fails at once. */
const BUSY: ReadonlySet<FaultCode> = new Set(['rate-limited', 'venue-unavailable', 'timeout'])
/** Times that the venue is opened and reports are asked for, and the wait before the second; it doubles. */
const REPORTS = 5
const RETRY_MS = 1_000
/** Inputs that may come before the venue is open. */
const HELD_MAX = 10_000
/** Times that bars of the past are asked for. */
const WARMUP_ROUNDS = 5
/** So long after its end a venue may still hold a bar back over REST that its stream has told. */
const PUBLISHED_MS = 10_000
const ASKING = 'a start asks the venue first'
/** Bars of one warm-up turn. */
const WARMUP_BARS = 1_000

const STOPPED = fault('corrupt-data', 'the run stopped while it started')

export class Start {
  readonly #parts: LiveParts
  readonly #agreement: Agreement
  readonly #standby: Standby
  readonly #held: Input[] = []
  #isOpen = false

  constructor(parts: LiveParts, agreement: Agreement, standby: Standby) {
    this.#parts = parts
    this.#agreement = agreement
    this.#standby = standby
  }

  /** Gives why the run cannot begin; undefined where the pump may start. */
  async run(): Promise<Fault | undefined> {
    const { timing, engine, gateway, pump, tell, listen } = this.#parts
    const closed = pump.isStopped ? STOPPED : await this.#open()
    if (closed !== undefined) return closed
    if (pump.behindMs > timing.gapMsMax) tell('error', behindText(pump.behindMs))
    gateway.kill(engine.killSwitch)
    this.#hold()
    this.#turn([
      ...(engine.isStopping ? [this.#control({ do: 'drain', on: false })] : []),
      ...this.#safeMode(),
      ...this.#staleHalts(),
      ...this.#retuned(),
    ])
    listen()
    this.#turn([])
    const trouble = (await this.#firstReport()) ?? (await this.#subscribe())
    if (trouble !== undefined) return trouble
    await this.#warmUp()
    return pump.isStopped ? STOPPED : undefined
  }

  async #open(): Promise<Fault | undefined> {
    const { options, pump } = this.#parts
    const { venue, setup, isDryRun, takeAccount, mayLead } = options
    this.#adopt()
    const opened = await this.#opened(venue)
    if (!opened.ok) return opened.fault
    if (pump.isStopped) return STOPPED
    const grid = gridFault(setup, opened.value)
    if (grid !== undefined) return grid
    if (venue.account !== undefined && isDryRun !== true) {
      await takeAccount?.(venue.account)
      const isAnothers = (await mayLead?.(venue.account)) === false
      if (isAnothers) this.#standby.follow(FOLLOWING)
      else this.#lead()
    }
    const isOurs = isDryRun !== true && !this.#standby.isFollowing
    const unready = isOurs ? await venue.begin?.() : undefined
    if (unready !== undefined) return unready
    this.#isOpen = true
    for (const input of this.#held.splice(0)) if (this.#standby.hears(input)) pump.push(input)
    return undefined
  }

  /** A venue that is busy or limits requests is asked again: what is held there waits for us. */
  async #opened(venue: Venue): Promise<Result<readonly InstrumentSpec[]>> {
    const { options, pump, tell } = this.#parts
    for (let i = 1; ; i++) {
      const opened = await venue.open(
        (input) => this.#take(input),
        (rows, row, at) => {
          if (this.#isOpen) pump.pushRow(rows, row, at)
          else this.#take(inputOf(rows, row, at))
        },
      )
      if (opened.ok || !BUSY.has(opened.fault.code) || i === REPORTS || pump.isStopped)
        return opened
      tell('warn', `${venue.id} does not answer yet: ${opened.fault.message}`)
      await pause(options.io, RETRY_MS * 2 ** (i - 1), options.signal)
      if (pump.isStopped) return failed(STOPPED)
    }
  }

  /** What another has left meanwhile, a run that may follow takes over as one that did. */
  #lead(): void {
    const { mayLead, leaseMark } = this.#parts.options
    if (mayLead !== undefined && leaseMark?.wasAnothers === true) this.#standby.follow(FOLLOWED)
    else leaseMark?.set()
  }

  /** Adapters that need it learn which orders of ours may be open, before anything is sent or heard. */
  #adopt(): void {
    const { options, engine, pump, broker } = this.#parts
    const halts = engine.ours.halts.filter(({ cause }) => cause === 'trading-halt')
    const others = engine.ours.externals.filter(({ open }) => open)
    options.venue.adopt?.(
      engine.liveOrders,
      halts.map(({ symbol }) => symbol),
      options.setup.run,
      others.map(({ venueId }) => venueId),
      engine.turns === 0 ? undefined : engine.now,
    )
    // What the last process did not hear happened after its last turn, but for the clocks.
    const last = engine.now === 0 ? pump.now() : engine.now
    broker.reportFrom?.(ms(last - DAY))
  }

  #take(input: Input): void {
    const { pump, timing } = this.#parts
    if (!this.#standby.hears(input)) return
    if (this.#isOpen) pump.push(input)
    else {
      assert(this.#held.length < HELD_MAX, `at most ${HELD_MAX} inputs come before the start`)
      this.#held.push(input)
    }
    // The stream mends its gap by itself; whether that was all, the report tells.
    const isBack = input.type === 'venue.up' && input.stream === 'orders'
    if (isBack && this.#isOpen) this.#agreement.askIn(timing.lookupEveryMs)
  }

  #control(control: Control): Input {
    return { type: 'control', at: this.#parts.pump.now(), control, by: 'start' }
  }

  /** At the time of the last turn, so that nothing that has become due since comes first. */
  #hold(): void {
    const { engine, pump } = this.#parts
    if (engine.turns === 0 || pump.isStopped) return
    const control = { do: 'hold', on: true, why: ASKING, isBlind: true } as const
    pump.turn([{ type: 'control', at: engine.now, control, by: 'start' }], engine.now)
  }

  /** What people have said by then comes first. */
  #turn(inputs: readonly Input[]): void {
    const { pump, said } = this.#parts
    const all = [...said(), ...inputs]
    if (all.length > 0 && !pump.isStopped) pump.turn(all)
  }

  /** What the last process knew of the market is old: the venue's feed tells it anew. It was told of trading halts. */
  #staleHalts(): readonly Input[] {
    const { options, engine } = this.#parts
    return engine.ours.halts
      .filter(({ cause }) => MARKET_CAUSES.some((each) => each === cause))
      .filter(({ cause }) => cause !== 'trading-halt' || options.venue.adopt === undefined)
      .map(({ symbol, cause }) =>
        this.#control({ do: 'halt-symbol', symbol, cause, on: false, why: 'a new start' }),
      )
  }

  #safeMode(): readonly Input[] {
    const { options, engine } = this.#parts
    const { safeMode } = options
    // Where it is on already, nobody needs to hear of it again.
    if (safeMode === undefined || engine.safety.safeMode !== undefined) return []
    return [this.#control({ do: 'safe-mode', on: true, why: safeMode })]
  }

  /** The limits in force are the journal's; what the configuration says now is another matter. */
  #retuned(): readonly Input[] {
    const { options, engine, tell } = this.#parts
    const reloaded = options.reload?.consider(engine.inForce)
    if (reloaded === undefined) return []
    if (reloaded.ok) return reloaded.value === undefined ? [] : [this.#control(reloaded.value)]
    tell('warn', reloaded.fault.message)
    return []
  }

  async #firstReport(): Promise<Fault | undefined> {
    const { options, pump } = this.#parts
    let trouble: Fault | undefined
    for (let i = 0; i < REPORTS; i++) {
      if (i > 0) await pause(options.io, RETRY_MS * 2 ** (i - 1), options.signal)
      if (pump.isStopped) return STOPPED
      trouble = this.#standby.isFollowing ? await this.#worth() : await this.#agreed()
      if (trouble === undefined || trouble.retry === 'never') return trouble
    }
    return trouble
  }

  async #agreed(): Promise<Fault | undefined> {
    const trouble = await this.#agreement.askOnce((inputs) => this.#believe(inputs))
    if (trouble !== undefined || !this.#isHeld) return trouble
    return fault('venue-unavailable', 'its reports give other positions or transfers each time')
  }

  /**
   * What the report said, and then the hold is over. What it said may call for exits, so they no longer wait; where
   * positions or cash are in doubt all of it does, until the next report.
   */
  #believe(inputs: readonly Input[]): void {
    const isSure = this.#agreement.doubts === 0
    if (!this.#isHeld || !isSure) {
      this.#turn(inputs)
      return
    }
    this.#turn([
      this.#control({ do: 'hold', on: true, why: ASKING }),
      ...inputs,
      this.#control({ do: 'hold', on: false, why: 'the venue was asked' }),
    ])
  }

  get #isHeld(): boolean {
    return this.#parts.engine.safety.hold !== undefined
  }

  /** Who follows has nothing there that a report could be held against. */
  async #worth(): Promise<Fault | undefined> {
    const worth = await this.#agreement.worth()
    if (!worth.ok) return worth.fault
    this.#turn([worth.value, this.#control({ do: 'hold', on: true, why: FOLLOWING })])
    return undefined
  }

  async #subscribe(): Promise<Fault | undefined> {
    const { options, pump } = this.#parts
    const { venue, setup, kinds = KINDS } = options
    if (venue.feed === undefined) return undefined
    if (pump.isStopped) return STOPPED
    const symbols = setup.universe.all.map(({ id }) => id)
    for (const kind of kinds) {
      const answer = await venue.feed.subscribe(kind, symbols)
      if (!answer.ok) return answer.fault
    }
    return undefined
  }

  /**
   * Once more where a bar has closed meanwhile, because those that wait in the inbox may be too old to be traded on, and
   * where the last bar is not there yet: the stream may have told it before it was subscribed.
   */
  async #warmUp(): Promise<void> {
    const { options, engine, pump } = this.#parts
    const { io, venue, setup } = options
    if (venue.history === undefined) return
    const boundary = (): number => bucketStart(pump.now(), lengthMs(setup.base))
    for (let round = 1; round <= WARMUP_ROUNDS; round++) {
      const upTo = boundary()
      await this.#warmUpOnce(venue.history)
      if (pump.isStopped) return
      if (boundary() !== upTo) continue
      const waitMs = upTo + PUBLISHED_MS - pump.now()
      const isWhole = engine.lanes.every(({ symbol }) => engine.knownUntil(symbol) >= upTo)
      if (isWhole || waitMs <= 0) return
      await pause(io, waitMs, options.signal)
    }
  }

  async #warmUpOnce(history: History): Promise<void> {
    const { options, engine, pump, recorder, tell } = this.#parts
    const plan = { base: options.setup.base, now: pump.now() }
    const { bars, faults } = await warmUpBars(engine, history, options.venue.limits, plan)
    for (const { message } of faults) tell('error', `warm-up is incomplete: ${message}`)
    for (let i = 0; i < bars.length; i += WARMUP_BARS) {
      const at = pump.now()
      const part = bars.slice(i, i + WARMUP_BARS)
      this.#turn(part.map((bar) => ({ type: 'bar', at, bar, source: 'warmup' })))
      await new Promise(setImmediate)
      await recorder.calm()
    }
  }
}

type Fitting = 'kind' | 'inverse' | 'multiplier' | 'tickSize' | 'lotSize'

/** Why orders on our grid would be off the venue's, or worth another amount of money than we count. */
function gridFault(setup: LiveSetup, specs: readonly InstrumentSpec[]): Fault | undefined {
  for (const spec of specs) {
    const ours = setup.universe.find(spec.symbol)
    if (ours === undefined) continue
    const theirs = new Instrument(ours.id, spec)
    const fits: readonly (readonly [Fitting, boolean])[] = [
      ['kind', theirs.isMargined === ours.isMargined],
      ['inverse', theirs.isInverse === ours.isInverse],
      ['multiplier', theirs.multiplier === ours.multiplier],
      ['tickSize', theirs.isOnPriceGrid(ours.tickSize)],
      ['lotSize', theirs.isOnSizeGrid(ours.lotSize)],
    ]
    const [name] = fits.find(([, isFit]) => !isFit) ?? []
    if (name === undefined) continue
    const told = ({ [name]: value = false }: InstrumentSpec) => String(value)
    const what = `${ours.symbol}: ${name} is ${told(ours.spec)}; the venue's is ${told(spec)}`
    return fault('bad-request', `${what}: leave it out of the configuration`)
  }
  return undefined
}
