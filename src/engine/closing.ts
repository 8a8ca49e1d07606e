/*
 * Closing: how a lane gets rid of all it has.
 *
 *   begun     its entries are canceled, and it may place nothing more, nor cancel what sells
 *   clearing  once a market order may leave, the legs of its brackets are canceled too; until then, through a
 *             night or a kill switch, they go on protecting what is held
 *   selling   when the last order has ended, what is still held goes to the market; reduce-only, unless another
 *             lane holds the symbol, because then the venue's net position says nothing about this lane. Where
 *             the venue lets it (`exitsBesideLegs`) and the order is reduce-only, it follows the cancels at once:
 *             a leg that fills on the way cannot turn the position around, and nothing is unprotected meanwhile
 *   flat      nothing is held and nothing is live: the close is over, with the fact that made it so, before the lane
 *             hears of it. What it may place from then on is none of the close's business
 *
 * What fails is tried again. A refused cancel, after CANCEL_AGAIN_MS. A market order that was refused or fell
 * short, after CLOSE_RETRY_MS, doubled each time; after CLOSE_ATTEMPTS of them the close is given up, the engine
 * goes into safe mode and calls for a person, and a new `close` or `flatten` begins anew. An order that our own
 * risk denies is no attempt and is told once: where the market is shut, its next session is waited for.
 */
import type { Ms, OrderId, SymbolId } from '../core/brand.ts'
import { calendarOf } from '../core/calendar.ts'
import type { Denial } from '../core/notice.ts'
import { isLeg, isLive, type Order, type OrderRequest, type TimeInForce } from '../core/order.ts'
import { CANCEL_AGAIN_MS } from './dispatch.ts'
import type { Closing, Lane } from './lanes.ts'
import { requestOf } from './placing.ts'

/** Market orders that are tried for one close. */
export const CLOSE_ATTEMPTS = 5
/** Wait before the second try, doubled for each further one. */
export const CLOSE_RETRY_MS = 30_000
export const CLOSE_RETRY_MS_MAX = 600_000

/** What closing may ask of the desk. */
export interface ClosingDesk {
  readonly now: Ms
  readonly lanes: readonly Lane[]
  lanesOf(symbol: SymbolId): readonly Lane[]
  readonly tradingHours: 'regular' | 'extended' | 'always'
  ordersOf(lane: Lane): readonly Order[]
  order(id: OrderId): Order | undefined
  cancelOrder(order: Order): void
  /** What the lane wants to rest is no longer wanted; what rests is not touched. */
  forgetQuotes(lane: Lane): void
  /** May an exit of the lane's symbol leave while its legs are still being canceled? */
  exitsBesideLegs(lane: Lane): boolean
  /** How long the market order of the lane's exit lives; as usual where undefined. */
  exitTif(lane: Lane): TimeInForce | undefined
  /** Why risk would not let the request leave, were it the lane's only order; undefined where it would. */
  check(lane: Lane, request: OrderRequest): Denial | undefined
  deny(lane: Lane, request: OrderRequest, denial: Denial): void
  place(lane: Lane, request: OrderRequest): OrderId
  /** Safe mode and a notice, even where safe mode is on already. */
  callForHelp(why: string): void
}

export class Closings {
  readonly #desk: ClosingDesk
  /** Lanes with a close under way, in the order of the lanes: a restored engine goes on in the same order. */
  #closing: readonly Lane[] = []
  #nextAt = Infinity

  constructor(desk: ClosingDesk) {
    this.#desk = desk
  }

  /** When a close is tried again, though nothing arrives; Infinity where none waits. */
  get nextAt(): number {
    return this.#nextAt
  }

  /** Begins the close of a lane; nothing where one is under way or there is nothing to close. */
  begin(lane: Lane): void {
    if (lane.closing !== undefined || this.#isDone(lane)) return
    lane.closing = { attempts: 0, retryAt: 0, cancelAt: 0, nextAt: null, order: null, denied: null }
    for (const order of this.#desk.ordersOf(lane)) if (!isLeg(order)) this.#desk.cancelOrder(order)
    // What was never sent is gone at once.
    if (this.#isDone(lane)) lane.closing = undefined
    this.#keep([...new Set([...this.#closing, lane])])
  }

  /** Finds the lanes that are closing, as after a restore. */
  resume(): void {
    this.#keep(this.#desk.lanes)
  }

  /** Ends the close of a lane where it is over; what was to rest until then is forgotten. */
  settle(lane: Lane): void {
    if (lane.closing === undefined || !this.#isDone(lane)) return
    lane.closing = undefined
    this.#desk.forgetQuotes(lane)
    this.#keep(this.#closing)
  }

  /** Takes the closes under way as far as they go. Called once at the end of a turn. */
  workOff(): void {
    if (this.#closing.length === 0) return
    for (const lane of this.#closing) {
      const closing = lane.closing!
      closing.nextAt = this.#workOff(lane, closing)
    }
    this.#keep(this.#closing)
  }

  /** Keeps those of the lanes that are closing, in the order of the lanes. */
  #keep(lanes: readonly Lane[]): void {
    const closing = lanes.filter((lane) => lane.closing !== undefined)
    this.#closing = closing.toSorted((a, b) => a.rank - b.rank)
    this.#nextAt = Infinity
    for (const { closing } of this.#closing) {
      this.#nextAt = Math.min(this.#nextAt, closing?.nextAt ?? Infinity)
    }
  }

  #isDone(lane: Lane): boolean {
    return lane.position.isFlat && this.#desk.ordersOf(lane).length === 0
  }

  /** Gives when to look at the lane again though no fact about it arrives; null where only a fact helps. */
  #workOff(lane: Lane, closing: Closing): number | null {
    const waitsUntil = this.#clear(lane, closing)
    if (waitsUntil !== undefined) return waitsUntil
    if (lane.position.isFlat) {
      this.settle(lane)
      return null
    }
    if (this.#desk.now < closing.retryAt) return closing.retryAt
    if (closing.attempts === CLOSE_ATTEMPTS) {
      lane.closing = undefined
      const held = `${Math.abs(lane.position.qty)} ${lane.instrument.symbol}`
      this.#desk.callForHelp(`${lane.strategy} could not close ${held} in ${CLOSE_ATTEMPTS} tries`)
      return null
    }
    const request = this.#request(lane)
    if (this.#isDenied(lane, closing, request)) return closing.retryAt
    const wait = Math.min(CLOSE_RETRY_MS * 2 ** closing.attempts, CLOSE_RETRY_MS_MAX)
    closing.attempts++
    closing.retryAt = this.#desk.now + wait
    closing.order = this.#desk.place(lane, request)
    return null
  }

  /** Cancels what is live. Undefined once nothing is; else when to look again. */
  #clear(lane: Lane, closing: Closing): number | null | undefined {
    const { now } = this.#desk
    const sale = closing.order === null ? undefined : this.#desk.order(closing.order)
    if (sale !== undefined && isLive(sale)) return null
    const stays = this.#desk.ordersOf(lane).filter((order) => order.cancelSentAt === undefined)
    if (stays.length > 0) {
      if (now < closing.cancelAt) return closing.cancelAt
      if (!lane.position.isFlat && stays.some(isLeg)) {
        if (now < closing.retryAt) return closing.retryAt
        if (this.#isDenied(lane, closing, this.#request(lane))) return closing.retryAt
      }
      closing.cancelAt = now + CANCEL_AGAIN_MS
      for (const order of stays) this.#desk.cancelOrder(order)
    }
    const left = this.#desk.ordersOf(lane)
    if (left.length === 0) return undefined
    // An entry that may still fill is waited for: what it brings would be left over.
    const isParting = left.every(isLeg) && this.#desk.exitsBesideLegs(lane)
    return isParting && !this.#isShared(lane) ? undefined : null
  }

  /** True where another lane holds the symbol too. */
  #isShared({ symbol, strategy }: Lane): boolean {
    return this.#desk
      .lanesOf(symbol)
      .some((other) => other.strategy !== strategy && !other.position.isFlat)
  }

  #request(lane: Lane): OrderRequest {
    const { position, instrument } = lane
    const qty = Math.abs(position.qty)
    const tif = this.#desk.exitTif(lane)
    const intent = {
      qty,
      ...(this.#isShared(lane) ? {} : { reduceOnly: true as const }),
      ...(tif === undefined ? {} : { tif }),
    }
    return requestOf(instrument, position.isLong ? 'sell' : 'buy', intent)
  }

  /** Where risk denies, the next try waits for what may change it; the same answer is told once. */
  #isDenied(lane: Lane, closing: Closing, request: OrderRequest): boolean {
    const denial = this.#desk.check(lane, request)
    if (denial === undefined) return false
    const { now, tradingHours } = this.#desk
    const hours = tradingHours === 'always' ? 'regular' : tradingHours
    closing.retryAt =
      denial.code === 'market-closed'
        ? calendarOf(lane.instrument.spec.calendar).nextSession(now, hours).open
        : now + CLOSE_RETRY_MS
    if (closing.denied !== denial.code) this.#desk.deny(lane, request, denial)
    closing.denied = denial.code
    return true
  }
}
