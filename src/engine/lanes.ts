// Lane: one strategy on one symbol. Its context, its state, its own position; halted alone where it throws.
import { BadInput, type Place } from '../core/bad-input.ts'
import { BoundedMap } from '../core/bounded-map.ts'
import type { Ms, OrderId, SymbolId } from '../core/brand.ts'
import { type Calendar, calendarOf, type Session } from '../core/calendar.ts'
import type { Gauges } from '../core/gauges.ts'
import type { Instrument } from '../core/instrument.ts'
import type { Depth, Quote } from '../core/market.ts'
import type { DenyCode } from '../core/notice.ts'
import type { Order } from '../core/order.ts'
import { applyFill, FLAT, type Position } from '../core/position.ts'
import { thrownText } from '../core/thrown.ts'
import { type Timeframe, TIMEFRAMES } from '../core/time.ts'
import type {
  BracketIntent,
  Context,
  Holding,
  Ladder,
  OrderIntent,
  Peer,
  RestPolicy,
} from '../strategy/context.ts'
import { HOOK_NAMES, type Hooks, type Needs, type Strategy } from '../strategy/define.ts'
import { deepFreeze } from './lane-state.ts'

/** What a lane may ask of the engine. */
export interface LaneDesk {
  readonly now: Ms
  readonly equity: number
  price(symbol: SymbolId): number
  quote(symbol: SymbolId): Quote | undefined
  depth(symbol: SymbolId): Depth | undefined
  peer(lane: Lane, symbol: string): Peer
  ordersOf(lane: Lane): readonly Order[]
  buyOrSell(lane: Lane, side: 'buy' | 'sell', intent: OrderIntent): OrderId | undefined
  bracket(lane: Lane, intent: BracketIntent): OrderId | undefined
  cancel(lane: Lane, id: OrderId): void
  rest(lane: Lane, ladder: Ladder, policy: Partial<RestPolicy>): void
  close(lane: Lane): void
  size(lane: Lane, fraction: number, stop: number | undefined): number
  signal(lane: Lane, name: string, data: Readonly<Record<string, unknown>>): void
}

/** A close that is under way, as closing.ts tells it. Times are of the engine; 0 is long ago. */
export interface Closing {
  /** Market orders that were sent. */
  attempts: number
  /** The next market order is not sent before this. */
  retryAt: number
  /** Refused cancels are not sent again before this. */
  cancelAt: number
  /** When to look again though no fact arrives; null where only a fact helps. */
  nextAt: number | null
  /** The last market order. */
  order: OrderId | null
  /** What risk last said, so that it is told once. */
  denied: DenyCode | null
}

/** While a lane was halted, told in closed bars of all its timeframes, from its first on. */
export interface Halted {
  /** The last one that it was shown: what it threw at, where that was a bar. */
  readonly after: number
  /** The last one that it was not shown. */
  readonly until: number
}

export interface LaneState {
  readonly strategy: string
  readonly symbol: number
  readonly position: Position
  readonly state: unknown
  readonly seen: readonly number[]
  readonly halted: string | null
  /** Only where it was ever halted. */
  readonly halts?: readonly Halted[]
  readonly closing: Closing | null
  /** What it has sent an order for, once and for all; the oldest first. */
  readonly once: readonly string[]
}

/** Names of `once` that a lane remembers; the oldest are forgotten. */
export const ONCE_MAX = 10_000

/** One strategy as it runs: under its name in this run, with parsed parameters and the symbols it is on. */
export interface Use {
  readonly name: string
  readonly strategy: Strategy
  readonly params: Readonly<Record<string, unknown>>
  readonly on: readonly SymbolId[]
}

export class Lane implements Context {
  readonly strategy: string
  readonly instrument: Instrument
  readonly symbol: SymbolId
  /** Its place among all lanes: what several lanes ask for at once is done in this order. */
  readonly rank: number
  readonly needs: Needs
  readonly timeframes: readonly Timeframe[]
  readonly hooks: Hooks
  readonly position: LaneHolding
  closing: Closing | undefined
  /** Why the lane was halted; undefined while it runs. */
  halted: string | undefined
  readonly #desk: LaneDesk
  readonly #calendar: Calendar
  readonly #warmup: number
  /** Bars seen, by index of their timeframe in TIMEFRAMES. */
  readonly #seen = new Float64Array(TIMEFRAMES.length)
  /** True while a hook is shown a bar of the past, from before the run. */
  isPast = false
  #isWarmingUp: boolean
  #isRebuilding = false
  #state: unknown
  readonly #once = new BoundedMap<string, true>(ONCE_MAX)
  #halts: readonly Halted[] = []

  constructor(desk: LaneDesk, use: Use, instrument: Instrument, rank: number) {
    this.rank = rank
    this.strategy = use.name
    this.instrument = instrument
    this.symbol = instrument.id
    this.#desk = desk
    this.#calendar = calendarOf(instrument.spec.calendar)
    this.needs = use.strategy.needs(use.params)
    const { bars } = this.needs
    this.timeframes = bars === undefined ? [] : typeof bars === 'string' ? [bars] : bars
    this.#warmup = this.needs.warmup ?? 0
    this.#isWarmingUp = this.#isShort()
    this.position = new LaneHolding()
    this.#state = stateOf(this, use)
    this.hooks = hooksOf(this, use)
  }

  get now(): Ms {
    return this.#desk.now
  }

  get price(): number | undefined {
    const price = this.#desk.price(this.symbol)
    return Number.isNaN(price) ? undefined : price
  }

  get quote(): Quote | undefined {
    return this.#desk.quote(this.symbol)
  }

  get book(): Depth | undefined {
    return this.needs.depth === undefined ? undefined : this.#desk.depth(this.symbol)
  }

  peer(symbol: string): Peer {
    return this.#desk.peer(this, symbol)
  }

  get orders(): readonly Order[] {
    return this.#desk.ordersOf(this)
  }

  get equity(): number {
    return this.#desk.equity
  }

  get session(): Session | undefined {
    return this.#calendar.sessionAt(this.#desk.now)
  }

  get isWarmingUp(): boolean {
    return this.#isWarmingUp
  }

  get state(): unknown {
    return this.#state
  }

  set state(state: unknown) {
    // While bars rebuild the closure, the saved state is the truth: the hook's assignments are echoes. A hook that was
    // halted because it is asynchronous may go on outside of any turn, where nobody could do it again.
    if (!this.#isRebuilding && this.halted === undefined) this.#state = deepFreeze(state)
  }

  /** True where the lane may not ask for anything: it is halted, warming up, shown the past or being rebuilt. */
  get isMute(): boolean {
    return this.#isWarmingUp || this.isPast || this.#isRebuilding || this.halted !== undefined
  }

  buy(intent: OrderIntent): OrderId | undefined {
    return this.isMute ? undefined : this.#desk.buyOrSell(this, 'buy', intent)
  }

  sell(intent: OrderIntent): OrderId | undefined {
    return this.isMute ? undefined : this.#desk.buyOrSell(this, 'sell', intent)
  }

  bracket(intent: BracketIntent): OrderId | undefined {
    return this.isMute ? undefined : this.#desk.bracket(this, intent)
  }

  cancel(id: OrderId): void {
    if (!this.isMute) this.#desk.cancel(this, id)
  }

  rest(ladder: Ladder, policy: Partial<RestPolicy> = {}): void {
    if (!this.isMute) this.#desk.rest(this, ladder, policy)
  }

  close(): void {
    if (!this.isMute) this.#desk.close(this)
  }

  size(fraction: number, stop?: number): number {
    return this.#desk.size(this, fraction, stop)
  }

  signal(name: string, data: Readonly<Record<string, unknown>> = {}): void {
    if (!this.isMute) this.#desk.signal(this, name, data)
  }

  /** True where an order has left under this name. */
  hasSent(once: string): boolean {
    return this.#once.has(once)
  }

  noteSent(once: string): void {
    this.#once.set(once, true)
  }

  /** Every time in which it was halted, oldest first: what its closure holds lacks the bars of then. */
  get halts(): readonly Halted[] {
    return this.#halts
  }

  halt(why: string): void {
    this.halted = why
    const shown = this.#seen.reduce((sum, count) => sum + count, 0)
    const missed = this.#halts.reduce((sum, { after, until }) => sum + until - after, 0)
    this.#halts = [...this.#halts, { after: shown + missed, until: shown + missed }]
  }

  release(): void {
    this.halted = undefined
  }

  /** Counts a bar that it is not shown, because it is halted. */
  noteMissed(): void {
    const last = this.#halts.at(-1)
    if (last === undefined) return
    this.#halts = [...this.#halts.slice(0, -1), { ...last, until: last.until + 1 }]
  }

  /** Counts a bar, towards the warm-up first. Called before the hook sees the bar. */
  noteBar(index: number): void {
    this.#seen[index]!++
    if (this.#isWarmingUp) this.#isWarmingUp = this.#isShort()
  }

  /** Closed bars of a timeframe that the hooks have seen. */
  seen(timeframe: Timeframe): number {
    return this.#seen[TIMEFRAMES.indexOf(timeframe)]!
  }

  /** True where a timeframe has fewer bars than the warm-up asks for. */
  #isShort(): boolean {
    return this.timeframes.some((timeframe) => this.seen(timeframe) < this.#warmup)
  }

  /**
   * Takes over what was neither bought nor sold by an order of its own. What goes is booked without a profit; what comes,
   * also on the other side, is held at the price.
   */
  adopt(signedQty: number, price: number): void {
    const { current } = this.position
    const isMore = current.qty === 0 || current.qty > 0 === signedQty > 0
    const goes = isMore
      ? 0
      : Math.sign(signedQty) * Math.min(Math.abs(signedQty), Math.abs(current.qty))
    const comes = this.instrument.qty(signedQty - goes)
    this.#take(goes, current.avgPrice)
    this.#take(comes, price)
  }

  #take(signedQty: number, price: number): void {
    if (signedQty === 0) return
    const { current } = this.position
    this.position.current = applyFill(current, { signedQty, price, fee: 0 }, this.instrument)
  }

  /** Runs `feed` with the lane mute and its state untouched: bars rebuild what the closure derives. */
  rebuild(feed: () => void): void {
    this.#isRebuilding = true
    try {
      feed()
    } finally {
      this.#isRebuilding = false
    }
  }

  /** What the strategy tells of itself; nothing where it does not, was halted, or throws. */
  gauges(): Gauges {
    let told: Gauges = {}
    if (this.halted !== undefined) return told
    this.rebuild(() => {
      try {
        const answer = this.hooks.gauges?.()
        mustBeDone(answer)
        told = answer ?? {}
      } catch {
        // It is only looked at: what it decides is not touched by that.
      }
    })
    return told
  }

  capture(): LaneState {
    return {
      strategy: this.strategy,
      symbol: this.symbol,
      position: this.position.current,
      state: this.#state ?? null,
      seen: [...this.#seen],
      halted: this.halted ?? null,
      ...(this.#halts.length === 0 ? {} : { halts: this.#halts }),
      closing: this.closing === undefined ? null : { ...this.closing },
      once: [...this.#once.keys()],
    }
  }

  restore(saved: LaneState): void {
    this.position.current = saved.position
    // Undefined became null in JSON: a strategy that began without a state has none again.
    const none = this.#state === undefined ? undefined : null
    this.#state = deepFreeze(saved.state ?? none)
    this.#seen.set(saved.seen)
    this.#isWarmingUp = this.#isShort()
    this.halted = saved.halted ?? undefined
    this.#halts = saved.halts ?? []
    this.closing = saved.closing === null ? undefined : { ...saved.closing }
    for (const once of saved.once) this.#once.set(once, true)
  }
}

/** Throws BadInput where the strategy cannot begin on the symbol. */
function stateOf(lane: Lane, use: Use): unknown {
  const place = { file: `strategy ${use.name}`, field: 'state()' }
  try {
    return deepFreeze(use.strategy.state?.())
  } catch (error) {
    throw refused(place, lane, error, 'a function that gives the first ctx.state')
  }
}

/** Throws BadInput likewise. */
function hooksOf(lane: Lane, { name, strategy, params }: Use): Hooks {
  const place = { file: `strategy ${name}`, field: 'symbol()' }
  const allowed = 'a function that gives the hooks of each symbol'
  let hooks: unknown
  try {
    hooks = strategy.symbol(lane, params)
    mustBeDone(hooks)
  } catch (error) {
    throw refused(place, lane, error, allowed)
  }
  const { symbol } = lane.instrument
  if (typeof hooks === 'object' && hooks !== null) {
    const odd = Object.keys(hooks).find((key) => isMisspelt(key))
    if (odd === undefined) return hooks
    const known = HOOK_NAMES.join(', ')
    throw new BadInput(place, `gives a hook ${odd} for ${symbol}, which is none`, undefined, known)
  }
  throw new BadInput(place, `gives ${typeof hooks} for ${symbol}`, undefined, allowed)
}

/** A hook that nobody calls is a strategy that does nothing, or misses its fills, and says so nowhere. */
const isMisspelt = (key: string): boolean =>
  !HOOK_NAMES.includes(key) &&
  (/^on[A-Z]/.test(key) || HOOK_NAMES.some((hook) => hook.toLowerCase() === key.toLowerCase()))

function refused(place: Place, { instrument }: Lane, cause: unknown, allowed: string): BadInput {
  const what = `throws for ${instrument.symbol} (${told(cause)})`
  const refused = new BadInput(place, what, undefined, allowed)
  refused.cause = cause
  return refused
}

/** The folder of the engine. */
const HERE = new URL('.', import.meta.url).href

/** An error in one line, with where it was thrown, unless it was here. */
function told(error: unknown): string {
  if (!(error instanceof Error)) return thrownText(error)
  const at = /^\s+at .*$/m.exec(error.stack ?? '')?.[0].trim()
  const isOurs = at?.includes(HERE) === true
  return at === undefined || isOurs ? thrownText(error) : `${thrownText(error)}, ${at}`
}

/**
 * Throws where a hook has only begun: what it did after it has waited would be outside of its turn, and what it threw
 * would be nobody's.
 */
export function mustBeDone(answer: unknown): void {
  if (!(answer instanceof Promise)) return
  answer.catch(() => {})
  throw new TypeError('it gave a promise, and has to be done when it returns: no async, no await')
}

/** The strategy's view of its own position: one object for the life of the lane. */
export class LaneHolding implements Holding {
  current: Position = FLAT

  get qty(): number {
    return this.current.qty
  }

  get avgPrice(): number {
    return this.current.avgPrice
  }

  get isFlat(): boolean {
    return this.current.qty === 0
  }

  get isLong(): boolean {
    return this.current.qty > 0
  }

  get isShort(): boolean {
    return this.current.qty < 0
  }
}
