/*
 * Bracket prices: what a bracket does because of the price. It sees the last one: of each trade that is shown, and of bars
 * at their close.
 *
 * A trailing stop follows the best price since the entry, once the profit has reached its activation, and only ever
 * tightens. A bar that began before the entry filled does not move it, since nobody knows whether its extreme came before or
 * after the fill.
 *
 * Where the venue lets one exit rest alone, the target is taken here: the entry and the stop are canceled when the price is
 * there, and what is left goes to the market when the stop has ended (brackets.ts). Where a stop rests as a stop-limit, a
 * price beyond its limit has passed it by: then the position is closed at the market.
 */
import type { SymbolId } from '../core/brand.ts'
import { calendarOf } from '../core/calendar.ts'
import type { Bar } from '../core/market.ts'
import { isLeg, type Order } from '../core/order.ts'
import { lengthMs } from '../core/time.ts'
import { askFor, type BracketDesk, type Group, leftOf, liveOf } from './bracket.ts'

/** A target is not taken again for so long after its stop could not be canceled. */
export const TAKE_WAIT_MS = 30_000
/** The close of a bar that ended longer ago is no price of now: it fills a gap. */
const CLOSE_AGE_MAX_MS = 60_000

export class BracketPrices {
  readonly #desk: BracketDesk
  /** Those that follow the price, by symbol. */
  readonly #following: (Group[] | undefined)[] = []

  readonly #onAsked: (group: Group) => void

  /** @param onAsked Told each bracket whose stop was asked to move. */
  constructor(desk: BracketDesk, onAsked: (group: Group) => void) {
    this.#desk = desk
    this.#onAsked = onAsked
  }

  /** From now on it is told the price, where that is of concern to it. */
  add(group: Group): void {
    if (!isFollowing(group)) return
    const groups = (this.#following[group.symbol] ??= [])
    groups.push(group)
  }

  remove(group: Group): void {
    const groups = isFollowing(group) ? this.#following[group.symbol] : undefined
    groups?.splice(groups.indexOf(group), 1)
  }

  /** Takes a symbol's new price to the brackets that follow it. */
  onPrice(symbol: SymbolId, price: number): void {
    const groups = this.#following[symbol]
    if (groups === undefined || groups.length === 0) return
    // Backwards, because a bracket that is over leaves the list.
    for (let i = groups.length - 1; i >= 0; i--) {
      const group = groups[i]!
      if (group.filledAt !== this.#desk.now) this.#trail(group, price, price)
      this.#watch(group, price)
    }
  }

  /** Takes the extremes of a symbol's bar to its trailing stops, and its close to those that follow the price. */
  onBar(bar: Bar): void {
    const groups = this.#following[bar.symbol]
    if (groups === undefined || groups.length === 0) return
    const age = this.#desk.now - bar.start - lengthMs(bar.timeframe)
    for (let i = groups.length - 1; i >= 0; i--) {
      const group = groups[i]!
      if (group.filledAt <= bar.start) this.#trail(group, bar.high, bar.low)
      if (age <= CLOSE_AGE_MAX_MS) this.#watch(group, bar.close)
    }
  }

  /** Sees whether the price has come to a target that is taken here, or has passed the limit of a stop by. */
  #watch(group: Group, price: number): void {
    const { isNative, isSingle, collar, side, targetPx } = group
    if (isNative || (isSingle !== true && collar === undefined)) return
    // A price that comes after a pause may be of then, and what is held may have been sold.
    if (this.#desk.isBlind || this.#desk.isClosing(group)) return
    const stop = liveOf(this.#desk, group.stop)
    if (stop === undefined || leftOf(this.#desk, group) <= 0) return
    const isBeyond = (a: number, b: number): boolean => (side === 'buy' ? a < b : a > b)
    if (collar !== undefined && isBeyond(price, stop.limit!)) {
      const why = `the price of ${price} has passed the limit of the stop by, ${stop.limit}`
      this.#desk.closeOut(group, why)
      return
    }
    if (group.isTaking === true) this.#desk.cancelAgain(stop)
    else if (isSingle === true && !isBeyond(price, targetPx!)) this.#take(group, stop)
  }

  /** What is sold at the market before its session waits for the opening, and no stop would be there until then. */
  #isOpen({ symbol }: Group): boolean {
    const { calendar } = this.#desk.instrument(symbol).spec
    return calendarOf(calendar).sessionAt(this.#desk.now) !== undefined
  }

  #take(group: Group, stop: Order): void {
    const { now } = this.#desk
    if (stop.cancelSentAt !== undefined || !this.#isOpen(group)) return
    if (group.tookAt !== undefined && now - group.tookAt < TAKE_WAIT_MS) return
    group.isTaking = true
    group.tookAt = now
    const entry = this.#desk.order(group.entry)
    if (entry !== undefined) this.#desk.cancelOrder(entry)
    group.asked.stop = 0
    this.#desk.cancelOrder(stop)
  }

  #trail(group: Group, high: number, low: number): void {
    const { trail } = group
    if (trail === undefined || group.best === 0) return
    const stop = liveOf(this.#desk, group.stop)
    const entry = this.#desk.order(group.entry)
    if (stop === undefined || entry === undefined || stop.cancelSentAt !== undefined) return
    if (!isLeg(stop)) return
    const isLong = group.side === 'buy'
    group.best = isLong ? Math.max(group.best, high) : Math.min(group.best, low)
    const profit =
      (isLong ? group.best - entry.avgPrice : entry.avgPrice - group.best) / entry.avgPrice
    if (profit < trail.activate) return
    const wanted = group.best * (isLong ? 1 - trail.distance : 1 + trail.distance)
    const price = this.#desk.instrument(group.symbol).px(wanted, isLong ? 'down' : 'up')
    const before = group.askedPx ?? group.stopPx
    if (isLong ? price <= before : price >= before) return
    group.askedPx = price
    askFor(this.#desk, group, stop)
    this.#onAsked(group)
  }
}

/** Its stop trails, or may be passed by, or its target is taken here. */
const isFollowing = ({ trail, isSingle, collar }: Group): boolean =>
  trail !== undefined || isSingle === true || collar !== undefined
