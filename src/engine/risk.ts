/*
 * Risk: the gate that every order passes before it may leave. It fails closed: a check whose data are missing
 * or not finite denies.
 *
 * The tiers, in this order; the first that refuses gives the code:
 *   1. The request itself: numbers finite and on the grid, prices where the type needs them, and an order that the
 *      venue takes of this kind of instrument (terms.ts).
 *   2. Safety: kill switch, trading hours.
 *   3. State: no short sale where the venue has none; stopping, paused, safe mode, venue down, symbol halted, drawdown
 *      ladder (halt and emergency).
 *   4. Losses and counts of the day: daily loss, trades per day, concurrent positions.
 *   5. Size: order notional, position notional, exposure, buying power (size-limits.ts).
 *   6. Mechanics: open orders and order rate; stale price, price band, duplicates, trades with ourselves, brackets of
 *      both sides (conduct.ts).
 * An order that reduces its lane's position passes tiers 1 and 2 only; the entry of a bracket is none, because its legs
 * would bring back what it has reduced. A protective leg of a bracket passes tier 1 only, because an unprotected position
 * is the greater risk.
 *
 * What passed because it reduces is canceled when another exit has taken what it was for (facts.ts).
 *
 * An exit is measured by its own lane. Where two lanes hold a symbol on opposite sides, the exit of one leaves the
 * net position to the other, and may so raise it: it still passes, since whoever wants out gets out.
 *
 * The kill switch and safe mode keep orders from leaving; what rests at the venue stays there. `cancel-all` and
 * `flatten` are controls of their own.
 */
import { BoundedMap } from '../core/bounded-map.ts'
import type { Ms, OrderId, VenueId } from '../core/brand.ts'
import { type Calendar, calendarOf } from '../core/calendar.ts'
import type { LimitChange, LimitValue, Transfer } from '../core/input.ts'
import type { Instrument } from '../core/instrument.ts'
import type { Denial, DenyCode } from '../core/notice.ts'
import { isLeg, type Order, type OrderRequest, remaining, sign } from '../core/order.ts'
import type { OrderTerms } from '../core/terms.ts'
import type { Limits } from '../core/venue.ts'
import { type Book, Commitments } from './commitments.ts'
import { checkConduct } from './conduct.ts'
import { above, deny, percent } from './denials.ts'
import { Drawdown, type DrawdownState } from './drawdown.ts'
import type { Externals } from './externals.ts'
import type { Orders } from './orders.ts'
import type { Portfolio } from './portfolio.ts'
import { checked, type RiskLimits, withLimit } from './risk-limits.ts'
import { checkSize, type Means } from './size-limits.ts'
import { checkBrackets, checkShort, checkTerms } from './terms.ts'
import { type SavedTradingState, TradingState } from './trading-state.ts'
import { checkRequest } from './well-formed.ts'

/** Transfers that are remembered, so that each counts once. */
const TRANSFERS_MAX = 1_000

/** Who asks, and what for. */
export interface Asker {
  /** Quantity that the lane holds, signed. */
  readonly held: number
  /** The lane's live orders. */
  readonly live: readonly Order[]
  /** A leg of a bracket that protects what its entry filled. */
  readonly isProtective: boolean
  /** The best price of the other side, where a quote tells it: an order at the market reaches so far. */
  readonly farSide?: number | undefined
  /** A live order that would become this one: it is no longer counted as it is. */
  readonly replaces?: Order
  /** The entry of a bracket of the lane that goes the other way than the one that is asked for. */
  readonly opposes?: OrderId | undefined
}

/** What the venues take, of their limits. */
export type Venues = ReadonlyMap<VenueId, Pick<Limits, 'terms'>>

export interface RiskState extends SavedTradingState {
  readonly day: number
  readonly realisedToday: number
  readonly tradesToday: number
  readonly orderTimes: readonly number[]
  readonly drawdown: DrawdownState
  /** Limits that were changed while it ran, by name. */
  readonly tuned?: readonly (readonly [string, LimitValue])[]
  /** Ids of transfers that counted, oldest first. */
  readonly transfers?: readonly string[]
}

export class Risk {
  /** What keeps orders from leaving, whatever they are. */
  readonly state = new TradingState()
  #limits: RiskLimits
  /** Limits that are no longer those of the start, by name. */
  readonly #tuned = new Map<string, LimitValue>()
  readonly #portfolio: Portfolio
  readonly #orders: Orders
  readonly #externals: Externals
  readonly #calendar: Calendar
  readonly #venues: Venues
  #drawdown: Drawdown
  readonly #denied = new Map<DenyCode, number>()
  readonly #commitments: Commitments
  #day = -1
  /** Until here the day cannot change: it spares a look at the calendar. */
  #dayEnd = -Infinity
  #realisedToday = 0
  #tradesToday = 0
  #orderTimes: number[] = []
  readonly #transfers = new BoundedMap<string, true>(TRANSFERS_MAX)

  /**
   * @param calendar Whose trading days begin the counts of a day anew.
   * @param venues What they take.
   */
  constructor(limits: RiskLimits, book: Book, calendar: Calendar, venues: Venues) {
    this.#limits = checked(limits)
    this.#venues = venues
    this.#externals = book.externals
    this.#portfolio = book.portfolio
    this.#orders = book.orders
    this.#commitments = new Commitments(book)
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

  /**
   * Takes what came or left without a trade, before the cash is set that tells of it. Gives how much of it is news: what
   * explains nothing of the other cash was in it before, and what came before there was any equity is what it began with.
   */
  onTransfers(transfers: readonly Transfer[], cash: number): number {
    let moved = 0
    for (const { id, amount } of transfers) {
      if (this.#transfers.has(id)) continue
      this.#transfers.set(id, true)
      moved += amount
    }
    const { equity, cash: before } = this.#portfolio
    const gap = cash - before
    if (!(equity > 0 && Math.abs(gap - moved) < Math.abs(gap))) return 0
    this.#drawdown.rescale((equity + moved) / equity)
    return moved
  }

  /** Books what a fill did to the counts of the day. */
  onFill(now: Ms, profit: number, fee: number, isOpening: boolean): void {
    this.#rollDay(now)
    this.#realisedToday += profit - fee
    if (isOpening) this.#tradesToday++
  }

  /**
   * True where the live orders may open more positions than the day has left: such as one whose rest opens another one.
   *
   * @param but One that is not counted.
   */
  isOverTrades(but?: Order): boolean {
    const { maxTradesPerDay } = this.limits
    return maxTradesPerDay < Infinity && this.#tradesMay(but) > maxTradesPerDay
  }

  /** Why the order may not leave; undefined where it may, and then it counts for the order rate. */
  check(now: Ms, instrument: Instrument, request: OrderRequest, asker: Asker): Denial | undefined {
    this.#rollDay(now)
    const denial = this.#refuse(now, instrument, request, asker)
    if (denial === undefined) {
      this.#noteOrder(now)
      return undefined
    }
    this.#count(denial)
    return denial
  }

  /** Why the instrument's venue can have no bracket in it, and none can be kept here; undefined where it may. */
  checkBrackets(instrument: Instrument): Denial | undefined {
    const denial = checkBrackets(instrument, this.#termsOf(instrument))
    if (denial !== undefined) this.#count(denial)
    return denial
  }

  /** Why nothing new may be risked in the instrument at all, whatever it is; undefined where it may. Counts nothing. */
  refusal(now: Ms, instrument: Instrument): Denial | undefined {
    return this.#checkSafety(now, instrument) ?? this.#checkState(instrument)
  }

  capture(): RiskState {
    return {
      ...this.state.capture(),
      day: this.#day,
      realisedToday: this.#realisedToday,
      tradesToday: this.#tradesToday,
      orderTimes: [...this.#orderTimes],
      drawdown: this.#drawdown.capture(),
      ...(this.#tuned.size === 0 ? {} : { tuned: [...this.#tuned] }),
      ...(this.#transfers.size === 0 ? {} : { transfers: [...this.#transfers.keys()] }),
    }
  }

  restore(state: RiskState): void {
    this.state.restore(state)
    this.#day = state.day
    this.#realisedToday = state.realisedToday
    this.#tradesToday = state.tradesToday
    this.#orderTimes = [...state.orderTimes]
    this.#drawdown.restore(state.drawdown)
    const changes = (state.tuned ?? []).map(([limit, after]) => ({ limit, before: after, after }))
    if (changes.length > 0) this.retune(changes)
    for (const id of state.transfers ?? []) this.#transfers.set(id, true)
  }

  #count({ code }: Denial): void {
    this.#denied.set(code, (this.#denied.get(code) ?? 0) + 1)
  }

  #refuse(
    now: Ms,
    instrument: Instrument,
    request: OrderRequest,
    asker: Asker,
  ): Denial | undefined {
    const terms = this.#termsOf(instrument)
    const malformed = checkRequest(instrument, request) ?? checkTerms(instrument, request, terms)
    if (malformed !== undefined || asker.isProtective) return malformed
    const unsafe = this.#checkSafety(now, instrument)
    if (unsafe !== undefined) return unsafe
    if (isReducing(instrument, request, asker)) return this.state.refuseExit(instrument)
    return (
      (terms?.shorts === true ? undefined : this.#checkShort(instrument, request, asker)) ??
      this.#checkState(instrument) ??
      this.#checkDay(request, asker) ??
      checkSize(instrument, request, this.#means, asker.replaces) ??
      this.#checkRates(now, asker.replaces === undefined) ??
      this.#checkConduct(now, request, asker)
    )
  }

  get #means(): Means {
    return { limits: this.limits, portfolio: this.#portfolio, commitments: this.#commitments }
  }

  #termsOf({ venue, kind }: Instrument): OrderTerms | undefined {
    return this.#venues.get(venue)?.terms[kind]
  }

  #checkShort(
    instrument: Instrument,
    request: OrderRequest,
    { replaces }: Asker,
  ): Denial | undefined {
    const { id } = instrument
    const held = {
      qty: this.#portfolio.qty(id),
      orders: this.#orders.heldOf(id),
      selling: this.#externals.remaining(id, 'sell'),
    }
    return checkShort(instrument, request, held, replaces)
  }

  #checkSafety(now: Ms, instrument: Instrument): Denial | undefined {
    const refused = this.state.refuseAll()
    if (refused !== undefined) return refused
    const { tradingHours } = this.limits
    if (tradingHours === 'always') return undefined
    const calendar = calendarOf(instrument.spec.calendar)
    if (calendar.sessionAt(now, tradingHours) !== undefined) return undefined
    return deny('market-closed', `${instrument.symbol} has no ${tradingHours} session at ${now}`)
  }

  #checkState(instrument: Instrument): Denial | undefined {
    const refused = this.state.refuseEntry(instrument)
    if (refused !== undefined) return refused
    if (this.#drawdown.scale > 0) return undefined
    const drawdown = percent(this.#drawdown.drawdown)
    return deny('drawdown', `the drawdown of ${drawdown} is at level ${this.#drawdown.level}`)
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
    const entries = this.#commitments.flat(request.symbol)
    const trades = this.#tradesMay(asker.replaces)
    if (!(trades < limits.maxTradesPerDay)) {
      return above('max-trades-per-day', 'trades of the day', trades + 1, limits.maxTradesPerDay)
    }
    const isHeld = this.#portfolio.qty(request.symbol) !== 0
    const positions = this.#portfolio.held.length + entries.flat
    if (!isHeld && !entries.hasOwn && !(positions < limits.maxPositions)) {
      return above('max-positions', 'open positions', positions + 1, limits.maxPositions)
    }
    return undefined
  }

  /** Trades of the day, and those that the live orders may still open: whether one adds or opens is known when it fills. */
  #tradesMay(replaces?: Order): number {
    return this.#tradesToday + this.#commitments.openers(replaces)
  }

  #checkRates(now: Ms, isNew: boolean): Denial | undefined {
    const { maxOpenOrders, ordersPerMinute } = this.limits
    if (isNew && !(this.#orders.live < maxOpenOrders)) {
      return above('max-open-orders', 'open orders', this.#orders.live + 1, maxOpenOrders)
    }
    const inMinute = this.#ordersSince(now - 60_000)
    if (inMinute < ordersPerMinute) return undefined
    return above('order-rate', 'orders in a minute', inMinute + 1, ordersPerMinute)
  }

  #checkConduct(
    now: Ms,
    request: OrderRequest,
    { live, farSide, opposes }: Asker,
  ): Denial | undefined {
    const { symbol } = request
    const last = this.#portfolio.price(symbol)
    const ageMs = this.#portfolio.priceAge(symbol, now)
    const scene = { last, farSide, ageMs, live, held: this.#orders.heldOf(symbol), opposes }
    return checkConduct(request, scene, this.limits)
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
