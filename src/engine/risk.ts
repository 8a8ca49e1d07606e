/*
 * Risk: the gate that every order passes before it may leave. It fails closed: a check whose data are missing
 * or not finite denies.
 *
 * The tiers, in this order; the first that refuses gives the code:
 *   1. The request itself: numbers finite and on the grid, prices where the type needs them.
 *   2. Safety: kill switch, trading hours.
 *   3. State: stopping, paused, safe mode, venue down, symbol halted, drawdown ladder (halt and emergency).
 *   4. Losses and counts of the day: daily loss, trades per day, concurrent positions.
 *   5. Size: order notional, position notional, exposure, buying power; open orders count as if filled, a sale
 *      at the last price where that is above its own.
 *   6. Mechanics: open orders, order rate, stale price, price band, duplicates, trades with ourselves.
 * An order that reduces its lane's position passes tiers 1 and 2 only. A protective leg of a bracket passes
 * tier 1 only, because an unprotected position is the greater risk.
 *
 * An exit is measured by its own lane. Where two lanes hold a symbol on opposite sides, the exit of one leaves the
 * net position to the other, and may so raise it: it still passes, since whoever wants out gets out.
 *
 * The kill switch and safe mode keep orders from leaving; what rests at the venue stays there. `cancel-all` and
 * `flatten` are controls of their own.
 */
import { assert } from '../core/assert.ts'
import { type Ms, type SymbolId, symbolId, type VenueId } from '../core/brand.ts'
import { type Calendar, calendarOf } from '../core/calendar.ts'
import type { HaltCause, LimitChange, LimitValue } from '../core/input.ts'
import type { Instrument } from '../core/instrument.ts'
import type { Denial, DenyCode } from '../core/notice.ts'
import { isLeg, isLive, type Order, type OrderRequest, remaining, sign } from '../core/order.ts'
import { Drawdown, DRAWDOWN_DEFAULTS, type DrawdownLimits, type DrawdownState } from './drawdown.ts'
import { type Externals, leftOf } from './externals.ts'
import { OpenEntries } from './open-entries.ts'
import type { Orders } from './orders.ts'
import type { Portfolio } from './portfolio.ts'

/** Limits in money of the account, fractions of equity, counts. `Infinity` switches a limit off. */
export interface RiskLimits {
  readonly maxOrderNotional: number
  readonly maxPositionNotional: number
  /** Value of one position as a fraction of equity. */
  readonly maxPositionFraction: number
  /** Share of equity that may be lost at a protective stop; used by sizing. */
  readonly maxRiskFraction: number
  /** Value of all positions and open entries as a fraction of equity. */
  readonly maxExposureFraction: number
  /** Buying power as a multiple of equity: 1 is a cash account. */
  readonly leverage: number
  /** What a future or perpetual ties up, as a fraction of its notional. */
  readonly marginRate: number
  readonly maxPositions: number
  readonly maxOpenOrders: number
  readonly maxTradesPerDay: number
  /** Realised loss of the trading day, fees included, in money. */
  readonly maxDailyLoss: number
  readonly maxDailyLossFraction: number
  readonly ordersPerMinute: number
  /** How far a limit or stop price may be from the last price, as a fraction of it. */
  readonly priceBand: number
  /** A last price older than this cannot be traded on, in milliseconds. */
  readonly staleAfterMs: number
  readonly tradingHours: 'regular' | 'extended' | 'always'
  readonly drawdown: DrawdownLimits
}

export const RISK_DEFAULTS: RiskLimits = {
  maxOrderNotional: Infinity,
  maxPositionNotional: Infinity,
  maxPositionFraction: 0.1,
  maxRiskFraction: 0.01,
  maxExposureFraction: 1,
  leverage: 1,
  marginRate: 0.1,
  maxPositions: 10,
  maxOpenOrders: 500,
  maxTradesPerDay: 20,
  maxDailyLoss: Infinity,
  maxDailyLossFraction: 0.05,
  ordersPerMinute: 200,
  priceBand: 0.1,
  staleAfterMs: 300_000,
  tradingHours: 'regular',
  drawdown: DRAWDOWN_DEFAULTS,
}

/** The streams of a venue: market data, and what happens to orders. */
const STREAMS = ['feed', 'orders'] as const
export type Stream = (typeof STREAMS)[number]

/** Who asks, and what for. */
export interface Asker {
  /** Quantity that the lane holds, signed. */
  readonly held: number
  /** The lane's live orders. */
  readonly live: readonly Order[]
  /** A leg of a bracket that protects what its entry filled. */
  readonly isProtective: boolean
  /** A live order that would become this one: it is no longer counted as it is. */
  readonly replaces?: Order
}

/** What risk counts. */
export interface Book {
  readonly portfolio: Portfolio
  readonly orders: Orders
  /** Of other users of the account: as much at risk as our own. */
  readonly externals: Externals
}

/** Why a symbol takes no new risk. */
export interface Halt {
  readonly symbol: SymbolId
  readonly cause: HaltCause
  readonly why: string
}

/** What keeps all symbols from new risk. */
export interface Safety {
  readonly killSwitch: string | undefined
  readonly safeMode: string | undefined
  readonly isPaused: boolean
  /** Why nothing new may be risked before the venue's report. */
  readonly hold: string | undefined
  /** Streams that are down, as `venue stream`. */
  readonly down: readonly string[]
}

export interface RiskState {
  readonly killSwitch: string | null
  readonly safeMode: string | null
  readonly isPaused: boolean
  readonly isStopping: boolean
  readonly down: readonly string[]
  readonly halts: readonly Halt[]
  readonly day: number
  readonly realisedToday: number
  readonly tradesToday: number
  readonly orderTimes: readonly number[]
  readonly drawdown: DrawdownState
  readonly hold?: string
  /** Limits that were changed while it ran, by name. */
  readonly tuned?: readonly (readonly [string, LimitValue])[]
}

export class Risk {
  #limits: RiskLimits
  /** Limits that are no longer those of the start, by name. */
  readonly #tuned = new Map<string, LimitValue>()
  readonly #portfolio: Portfolio
  readonly #orders: Orders
  readonly #externals: Externals
  readonly #calendar: Calendar
  #drawdown: Drawdown
  readonly #denied = new Map<DenyCode, number>()
  readonly #open: OpenEntries
  #killSwitch: string | null = null
  #safeMode: string | null = null
  #isPaused = false
  #isStopping = false
  #hold: string | undefined
  /** Streams that are down, as `venue stream`: a venue trades only while all of its streams are up. */
  readonly #down = new Set<string>()
  /** Halted symbols, by symbol and cause. */
  readonly #halts = new Map<string, Halt>()
  #day = -1
  /** Until here the day cannot change: it spares a look at the calendar. */
  #dayEnd = -Infinity
  #realisedToday = 0
  #tradesToday = 0
  #orderTimes: number[] = []

  /** @param calendar Whose trading days begin the counts of a day anew. */
  constructor(limits: RiskLimits, { portfolio, orders, externals }: Book, calendar: Calendar) {
    this.#limits = checked(limits)
    this.#portfolio = portfolio
    this.#orders = orders
    this.#externals = externals
    this.#open = new OpenEntries(orders, portfolio, this.#valueOfEntries)
    this.#calendar = calendar
    this.#drawdown = new Drawdown(limits.drawdown)
  }

  get limits(): RiskLimits {
    return this.#limits
  }

  /** Takes other limits; what was counted so far counts on. */
  retune(changes: readonly LimitChange[]): void {
    const drawdown = this.#drawdown.capture()
    for (const { limit, after } of changes) {
      this.#limits = checked(withLimit(this.#limits, limit, after))
      this.#tuned.set(limit, after)
    }
    this.#drawdown = new Drawdown(this.#limits.drawdown)
    this.#drawdown.restore(drawdown)
  }

  setKillSwitch(why: string | null): void {
    this.#killSwitch = why
  }

  setSafeMode(why: string | null): void {
    this.#safeMode = why
  }

  setPaused(isPaused: boolean): void {
    this.#isPaused = isPaused
  }

  setHold(why: string | undefined): void {
    this.#hold = why
  }

  setStopping(isStopping: boolean): void {
    this.#isStopping = isStopping
  }

  setHalt({ symbol, cause, why }: Halt, isOn: boolean): void {
    if (isOn) this.#halts.set(`${symbol} ${cause}`, { symbol, cause, why })
    else this.#halts.delete(`${symbol} ${cause}`)
  }

  get halts(): readonly Halt[] {
    return [...this.#halts.values()]
  }

  get killSwitch(): string | undefined {
    return this.#killSwitch ?? undefined
  }

  get isStopping(): boolean {
    return this.#isStopping
  }

  get safety(): Safety {
    return {
      killSwitch: this.#killSwitch ?? undefined,
      safeMode: this.#safeMode ?? undefined,
      isPaused: this.#isPaused,
      hold: this.#hold,
      down: [...this.#down],
    }
  }

  setStream(venue: VenueId, stream: Stream, isUp: boolean): void {
    if (isUp) this.#down.delete(`${venue} ${stream}`)
    else this.#down.add(`${venue} ${stream}`)
  }

  get isSafeMode(): boolean {
    return this.#safeMode !== null
  }

  get drawdown(): Drawdown {
    return this.#drawdown
  }

  get denied(): ReadonlyMap<DenyCode, number> {
    return this.#denied
  }

  /** Takes the equity of a new minute to the drawdown ladder. */
  updateDrawdown(now: Ms): void {
    this.#rollDay(now)
    this.#drawdown.update(this.#day, this.#portfolio.equity)
  }

  /** Books what a fill did to the counts of the day. */
  onFill(now: Ms, profit: number, fee: number, isOpening: boolean): void {
    this.#rollDay(now)
    this.#realisedToday += profit - fee
    if (isOpening) this.#tradesToday++
  }

  /** Why the order may not leave; undefined where it may, and then it counts for the order rate. */
  check(now: Ms, instrument: Instrument, request: OrderRequest, asker: Asker): Denial | undefined {
    this.#rollDay(now)
    const denial = this.#refuse(now, instrument, request, asker)
    if (denial === undefined) {
      this.#noteOrder(now)
      return undefined
    }
    this.#denied.set(denial.code, (this.#denied.get(denial.code) ?? 0) + 1)
    return denial
  }

  /** Why nothing new may be risked in the instrument at all, whatever it is; undefined where it may. Counts nothing. */
  refusal(now: Ms, instrument: Instrument): Denial | undefined {
    return this.#checkSafety(now, instrument) ?? this.#checkState(instrument)
  }

  capture(): RiskState {
    return {
      killSwitch: this.#killSwitch,
      safeMode: this.#safeMode,
      isPaused: this.#isPaused,
      isStopping: this.#isStopping,
      down: [...this.#down],
      halts: this.halts,
      day: this.#day,
      realisedToday: this.#realisedToday,
      tradesToday: this.#tradesToday,
      orderTimes: [...this.#orderTimes],
      drawdown: this.#drawdown.capture(),
      ...(this.#hold === undefined ? {} : { hold: this.#hold }),
      ...(this.#tuned.size === 0 ? {} : { tuned: [...this.#tuned] }),
    }
  }

  restore(state: RiskState): void {
    this.#killSwitch = state.killSwitch
    this.#safeMode = state.safeMode
    this.#isPaused = state.isPaused
    this.#isStopping = state.isStopping
    for (const down of state.down) this.#down.add(down)
    for (const halt of state.halts) this.setHalt({ ...halt, symbol: symbolId(halt.symbol) }, true)
    this.#day = state.day
    this.#realisedToday = state.realisedToday
    this.#tradesToday = state.tradesToday
    this.#orderTimes = [...state.orderTimes]
    this.#drawdown.restore(state.drawdown)
    this.#hold = state.hold
    const changes = (state.tuned ?? []).map(([limit, after]) => ({ limit, before: after, after }))
    if (changes.length > 0) this.retune(changes)
  }

  #refuse(
    now: Ms,
    instrument: Instrument,
    request: OrderRequest,
    asker: Asker,
  ): Denial | undefined {
    const malformed = checkRequest(instrument, request)
    if (malformed !== undefined || asker.isProtective) return malformed
    const unsafe = this.#checkSafety(now, instrument)
    if (unsafe !== undefined || isReducing(instrument, request, asker)) return unsafe
    return (
      this.#checkState(instrument) ??
      this.#checkDay(request, asker) ??
      this.#checkSize(instrument, request, asker) ??
      this.#checkMechanics(now, request, asker)
    )
  }

  #checkSafety(now: Ms, instrument: Instrument): Denial | undefined {
    if (this.#killSwitch !== null)
      return deny('kill-switch', `the kill switch is on: ${this.#killSwitch}`)
    const { tradingHours } = this.limits
    if (tradingHours === 'always') return undefined
    const calendar = calendarOf(instrument.spec.calendar)
    if (calendar.sessionAt(now, tradingHours) !== undefined) return undefined
    return deny('market-closed', `${instrument.symbol} has no ${tradingHours} session at ${now}`)
  }

  #checkState(instrument: Instrument): Denial | undefined {
    if (this.#isStopping) return deny('stopping', 'the engine is stopping')
    if (this.#isPaused) return deny('paused', 'trading is paused')
    if (this.#hold !== undefined) return deny('paused', `trading is held: ${this.#hold}`)
    if (this.#safeMode !== null) return deny('safe-mode', `safe mode is on: ${this.#safeMode}`)
    const down = this.#downOf(instrument)
    if (down !== undefined) return deny('venue-down', `${down} of ${instrument.venue} is down`)
    const halt = this.#haltOf(instrument)
    if (halt !== undefined)
      return deny('symbol-halted', `${instrument.symbol} is halted: ${halt.why}`)
    if (this.#drawdown.scale > 0) return undefined
    const drawdown = percent(this.#drawdown.drawdown)
    return deny('drawdown', `the drawdown of ${drawdown} is at level ${this.#drawdown.level}`)
  }

  #downOf({ venue }: Instrument): Stream | undefined {
    if (this.#down.size === 0) return undefined
    return STREAMS.find((stream) => this.#down.has(`${venue} ${stream}`))
  }

  #haltOf({ id }: Instrument): Halt | undefined {
    if (this.#halts.size === 0) return undefined
    return this.halts.find(({ symbol }) => symbol === id)
  }

  #checkDay(request: OrderRequest, asker: Asker): Denial | undefined {
    const { limits } = this
    const { equity } = this.#portfolio
    const maxLoss = Math.min(limits.maxDailyLoss, equity * limits.maxDailyLossFraction)
    if (!(this.#realisedToday > -maxLoss)) {
      return above('daily-loss', 'the loss of the day', -this.#realisedToday, maxLoss)
    }
    // Without such limits nothing is counted: a turn may ask for hundreds of quotes.
    if (limits.maxTradesPerDay === Infinity && limits.maxPositions === Infinity) return undefined
    const entries = this.#open.flat(request.symbol)
    const trades = this.#tradesToday + entries.flat
    if (!(trades < limits.maxTradesPerDay) && asker.held === 0) {
      return above('max-trades-per-day', 'trades of the day', trades + 1, limits.maxTradesPerDay)
    }
    const isHeld = this.#portfolio.qty(request.symbol) !== 0
    const positions = this.#portfolio.held.length + entries.flat
    if (!isHeld && !entries.hasOwn && !(positions < limits.maxPositions)) {
      return above('max-positions', 'open positions', positions + 1, limits.maxPositions)
    }
    return undefined
  }

  #checkSize(
    instrument: Instrument,
    request: OrderRequest,
    { replaces }: Asker,
  ): Denial | undefined {
    const { limits } = this
    const last = this.#portfolio.price(request.symbol)
    if (!isKnown(last))
      return missing(`no price of ${instrument.symbol} to value the order: ${last}`)
    const { equity } = this.#portfolio
    if (!isKnown(equity)) return missing(`equity is not above zero: ${equity}`)
    const price = valuedAt(request, last)
    const notional = instrument.notional(request.qty, price)
    if (!(notional <= limits.maxOrderNotional)) {
      return above('max-order-notional', 'order notional', notional, limits.maxOrderNotional)
    }
    if (notional < instrument.spec.minNotional) {
      const detail = `order notional ${round(notional)} is below ${instrument.spec.minNotional}`
      return deny('below-minimum', detail)
    }
    const position = instrument.notional(this.#worstQty(request, replaces), price)
    const cap = Math.min(limits.maxPositionNotional, equity * limits.maxPositionFraction)
    // A thousandth of slack: a size computed from the same fraction must not fail on the last digit.
    if (!(position <= cap * 1.001))
      return above('max-position-notional', 'position notional', position, cap)
    const committed = this.#committed(replaces)
    const exposure = committed.notional + notional
    const maxExposure = equity * limits.maxExposureFraction
    if (!(exposure <= maxExposure)) return above('max-exposure', 'exposure', exposure, maxExposure)
    const margin = committed.margin + notional * this.#marginOf(instrument)
    const power = equity * limits.leverage
    if (!(margin <= power)) return above('insufficient-buying-power', 'margin', margin, power)
    return undefined
  }

  #checkMechanics(now: Ms, request: OrderRequest, asker: Asker): Denial | undefined {
    const { limits } = this
    const isNew = asker.replaces === undefined
    if (isNew && !(this.#orders.live < limits.maxOpenOrders)) {
      return above('max-open-orders', 'open orders', this.#orders.live + 1, limits.maxOpenOrders)
    }
    const inMinute = this.#ordersSince(now - 60_000)
    if (!(inMinute < limits.ordersPerMinute)) {
      return above('order-rate', 'orders in a minute', inMinute + 1, limits.ordersPerMinute)
    }
    const age = this.#portfolio.priceAge(request.symbol, now)
    if (!(age <= limits.staleAfterMs)) {
      return above('stale-price', 'age of the last price in ms', age, limits.staleAfterMs)
    }
    const last = this.#portfolio.price(request.symbol)
    const far = this.#checkBand(request.limit, last) ?? this.#checkBand(request.stop, last)
    if (far !== undefined) return far
    // Quotes have no twins: what rests was held against what is wanted, and one may take the price that another leaves.
    const twin =
      request.quote === true ? undefined : asker.live.find((order) => isTwin(order, request))
    if (twin !== undefined) return deny('duplicate', `the same order is live as ${twin.id}`)
    const held = this.#orders.heldOf(request.symbol)
    for (let i = 0; i < held.length; i++) {
      const own = held[i]!.order
      if (!isCrossed(own, request, last)) continue
      return deny(
        'self-cross',
        `it would trade with our own ${own.id}, ${own.side} at ${own.limit}`,
      )
    }
    return undefined
  }

  #checkBand(price: number | undefined, last: number): Denial | undefined {
    if (price === undefined) return undefined
    const distance = Math.abs(price - last) / last
    const { priceBand } = this.limits
    if (distance <= priceBand) return undefined
    return above('price-band', `distance of ${price} from ${last}`, distance, priceBand)
  }

  /** The largest position, in quantity, that the symbol could come to if all its open entries filled. */
  #worstQty(request: OrderRequest, replaces?: Order): number {
    const held = this.#portfolio.qty(request.symbol)
    let worst = held + sign(request.side) * request.qty
    const orders = this.#orders.heldOf(request.symbol)
    for (let i = 0; i < orders.length; i++) {
      const { order } = orders[i]!
      if (order !== replaces && !this.#isExit(order) && order.side === request.side)
        worst += sign(order.side) * remaining(order)
    }
    return worst + sign(request.side) * this.#externals.remaining(request.symbol, request.side)
  }

  /** What positions and open entries together are worth, and what margin they tie up. */
  #committed(replaces?: Order): { readonly notional: number; readonly margin: number } {
    let { paid, margined } = this.#open.value()
    const { held } = this.#portfolio
    for (let i = 0; i < held.length; i++) {
      const { id, isMargined } = held[i]!
      const value = this.#worth(id, this.#portfolio.qty(id), this.#portfolio.price(id))
      if (isMargined) margined += value
      else paid += value
    }
    if (replaces !== undefined && !this.#isExit(replaces)) {
      const value = this.#worth(replaces.symbol, remaining(replaces), this.#priceOf(replaces))
      if (this.#orders.instrumentOf(replaces).isMargined) margined -= value
      else paid -= value
    }
    for (const order of this.#externals.open()) {
      const value = this.#worth(order.symbol, leftOf(order), this.#priceOf(order))
      if (this.#orders.instrumentOf(order).isMargined) margined += value
      else paid += value
    }
    return { notional: paid + margined, margin: paid + margined * this.limits.marginRate }
  }

  /** In money; NaN where the price is not known. */
  #worth(symbol: SymbolId, qty: number, price: number): number {
    return isKnown(price) ? this.#orders.instrumentOf({ symbol }).notional(qty, price) : NaN
  }

  #priceOf(order: Pick<OrderRequest, 'symbol' | 'side' | 'limit' | 'stop'>): number {
    return valuedAt(order, this.#portfolio.price(order.symbol))
  }

  /** What the open entries of a symbol come to; undefined where it has none. */
  readonly #valueOfEntries = (symbol: SymbolId): number | undefined => {
    let value = 0
    let hasEntry = false
    const orders = this.#orders.heldOf(symbol)
    for (let i = 0; i < orders.length; i++) {
      const { order } = orders[i]!
      if (this.#isExit(order)) continue
      value += this.#worth(symbol, remaining(order), this.#priceOf(order))
      hasEntry = true
    }
    return hasEntry ? value : undefined
  }

  /** A leg of a bracket, or a reduce-only order that its symbol's position can take. */
  #isExit(order: Order): boolean {
    if (isLeg(order)) return true
    if (order.reduceOnly !== true) return false
    const qty = this.#portfolio.qty(order.symbol)
    return Math.sign(qty) === -sign(order.side) && remaining(order) <= Math.abs(qty)
  }

  #marginOf(instrument: Instrument): number {
    return instrument.isMargined ? this.limits.marginRate : 1
  }

  #rollDay(now: Ms): void {
    if (now < this.#dayEnd) return
    this.#dayEnd = this.#calendar.nextDayStart(now)
    const day = this.#calendar.dayStart(now)
    if (day === this.#day) return
    this.#day = day
    this.#realisedToday = 0
    this.#tradesToday = 0
  }

  #noteOrder(now: Ms): void {
    if (this.limits.ordersPerMinute === Infinity) return
    const since = now - 60_000
    while (this.#orderTimes.length > 0 && this.#orderTimes[0]! <= since) this.#orderTimes.shift()
    this.#orderTimes.push(now)
    // Exits are not held to the rate, so more may come than the limit needs to be remembered.
    if (this.#orderTimes.length > Math.ceil(this.limits.ordersPerMinute)) this.#orderTimes.shift()
  }

  #ordersSince(since: number): number {
    let count = 0
    for (let i = this.#orderTimes.length - 1; i >= 0 && this.#orderTimes[i]! > since; i--) count++
    return count
  }
}

function checked(limits: RiskLimits): RiskLimits {
  for (const [name, limit] of Object.entries(limits)) {
    if (typeof limit === 'string' || typeof limit === 'object') continue
    assert(limit >= 0, `the risk limit ${name} is >= 0, not ${limit}`)
  }
  return limits
}

const DRAWDOWN = 'drawdown.'

/** The limits with one of them changed, by its name. */
function withLimit(limits: RiskLimits, name: string, value: LimitValue): RiskLimits {
  const given = value === 'off' ? Infinity : value
  const isLadder = name.startsWith(DRAWDOWN)
  const key = isLadder ? name.slice(DRAWDOWN.length) : name
  const among: object = isLadder ? limits.drawdown : limits
  assert(Object.hasOwn(among, key) && key !== 'drawdown', `risk has a limit ${name}`)
  assert(
    typeof Reflect.get(among, key) === typeof given,
    `the risk limit ${name} is not ${String(value)}`,
  )
  return isLadder
    ? { ...limits, drawdown: { ...limits.drawdown, [key]: given } }
    : { ...limits, [key]: given }
}

/** A price or an amount that checks can be made with. */
const isKnown = (x: number): boolean => x > 0 && x < Infinity

/** The price that an order is valued at, if it fills: a sale may get more than it asks for. */
function valuedAt(request: Pick<OrderRequest, 'side' | 'limit' | 'stop'>, last: number): number {
  const asked = request.limit ?? request.stop ?? last
  return request.side === 'sell' ? Math.max(asked, last) : asked
}

/** True where the order only makes its lane's position smaller, other exits under way included. */
export function isReducing(instrument: Instrument, request: OrderRequest, asker: Asker): boolean {
  const direction = sign(request.side)
  if (asker.held === 0 || Math.sign(asker.held) === direction) return false
  let free = Math.abs(asker.held)
  for (const order of asker.live) {
    if (order.side === request.side && !isLeg(order)) free -= remaining(order)
  }
  // Half a lot of slack, because differences of coins are not on the grid.
  return request.qty <= free + instrument.lotSize / 2
}

const isTwin = (order: Order, request: OrderRequest): boolean =>
  isLive(order) &&
  !isLeg(order) &&
  order.symbol === request.symbol &&
  order.side === request.side &&
  order.limit === request.limit &&
  order.stop === request.stop

/** True where the order would meet a resting one of ours, of any lane: a trade of ours with ourselves. */
function isCrossed(resting: Order, { side, limit, stop }: OrderRequest, last: number): boolean {
  if (resting.side === side || resting.limit === undefined || resting.stop !== undefined)
    return false
  // What waits for its trigger meets nobody now.
  if (stop !== undefined) return false
  const reach = limit ?? last
  return side === 'buy' ? reach >= resting.limit : reach <= resting.limit
}

function checkRequest(instrument: Instrument, request: OrderRequest): Denial | undefined {
  const { qty, limit, stop, type } = request
  if (!Number.isFinite(qty)) return missing(`the quantity is not finite: ${qty}`)
  if (!(qty > 0)) return deny('below-minimum', `the quantity is not above zero: ${qty}`)
  if (!(qty / instrument.lotSize <= Number.MAX_SAFE_INTEGER)) {
    return deny('bad-request', `quantity ${qty} has more lots than can be counted`)
  }
  if (!instrument.isOnSizeGrid(qty)) {
    return deny('off-grid', `quantity ${qty} is not a multiple of ${instrument.lotSize}`)
  }
  const needsLimit = type === 'limit' || type === 'stop-limit'
  const needsStop = type === 'stop' || type === 'stop-limit'
  if (needsLimit !== (limit !== undefined) || needsStop !== (stop !== undefined)) {
    return deny('bad-request', `a ${type} order has limit ${limit} and stop ${stop}`)
  }
  return checkPrice(instrument, limit) ?? checkPrice(instrument, stop)
}

function checkPrice(instrument: Instrument, price: number | undefined): Denial | undefined {
  if (price === undefined) return undefined
  if (!Number.isFinite(price)) return missing(`a price is not finite: ${price}`)
  if (!(price > 0)) return deny('bad-request', `a price is not above zero: ${price}`)
  if (!(price / instrument.tickSize <= Number.MAX_SAFE_INTEGER))
    return deny('bad-request', `price ${price} has more ticks than can be counted`)
  if (instrument.isOnPriceGrid(price)) return undefined
  return deny('off-grid', `price ${price} is not a multiple of ${instrument.tickSize}`)
}

const deny = (code: DenyCode, detail: string): Denial => ({ code, detail })
const missing = (detail: string): Denial => ({ code: 'missing-data', detail })

/** A value above its limit; or one that is not finite, and then the check has no data to pass on. */
function above(code: DenyCode, what: string, value: number, limit: number): Denial {
  if (Number.isNaN(value) || Number.isNaN(limit)) return missing(`${what} is not known`)
  return deny(code, `${what} ${round(value)} is above the limit of ${round(limit)}`)
}

const round = (x: number): number => Math.round(x * 1e4) / 1e4
const percent = (x: number): string => `${round(x * 100)} %`
