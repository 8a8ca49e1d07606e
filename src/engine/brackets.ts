/*
 * Brackets: an entry with a protective stop and an optional profit target. One cancels the other, and both
 * are sized by what the entry has filled.
 *
 * On a venue with native brackets the legs leave with their entry and the venue keeps the promise; here the
 * legs are only watched. On other venues the promise is kept here:
 *
 *   entry fills a part    → the legs are placed for it, or grow to what is filled and not yet exited
 *   a leg fills a part    → the other leg shrinks by it, and what is left of the entry is canceled
 *   nothing is left       → the other leg is canceled
 *   entry fills after it  → legs that have ended by then are placed anew
 *
 * Where native legs wait until the entry has filled completely (`protectsParts`), a stop without a target is kept here
 * too; a stop with a target cannot be, because such a venue holds the shares for one of two separate exits.
 *
 * On every venue, what is held without a stop is closed at the market, and the lane is told: where the stop was
 * refused, canceled or expired, or did not take its size; where both legs filled and turned the lane around.
 *
 * Where the venue lets one exit rest alone (`exits`), it is the stop, and the target is taken here:
 *
 *   the price is at the target → the entry and the stop are canceled
 *   the stop has ended         → what is left goes to the market, as the target
 *   the stop is not canceled   → it protects on; the target is not taken for TAKE_WAIT_MS
 *   no answer to the cancel    → it is sent again with a price, after CANCEL_AGAIN_MS (desk.ts)
 *
 * For as long as a cancel takes, no exit rests. Where a stop rests as a stop-limit (`stopCollar`), a price beyond its
 * limit has passed it by: then the position is closed at the market. Both see the last price: of each trade that is
 * shown, and of bars at their close. There, what has filled and is worth less than the venue takes of one order waits for
 * its stop until more has filled, or the entry has ended.
 *
 * A bracket is over when all its orders have ended. It is still known for a while, because a fill may arrive
 * after the cancel that it crossed: that is a position, and protected like any other.
 *
 * A trailing stop follows the best price since the entry, once the profit has reached its activation, and
 * only ever tightens. A bar that began before the entry filled does not move it, since nobody knows whether
 * its extreme came before or after the fill.
 */
import type { Ms, OrderId, Px, Qty, SymbolId } from '../core/brand.ts'
import type { Instrument } from '../core/instrument.ts'
import type { Bar } from '../core/market.ts'
import { isLeg, isLive, type LegRole, opposite, type Order, type Side } from '../core/order.ts'
import { lengthMs } from '../core/time.ts'
import type { Trail } from '../strategy/context.ts'

/** Brackets that are still known after they are over; the oldest go first. */
export const ENDED_LIMIT = 1_000
const CHANGE_WAIT_MS = 30_000
/** A target is not taken again for so long after its stop could not be canceled. */
export const TAKE_WAIT_MS = 30_000
/** The close of a bar that ended longer ago is no price of now: it fills a gap. */
const CLOSE_AGE_MAX_MS = 60_000

export interface Group {
  readonly entry: OrderId
  readonly strategy: string
  readonly symbol: SymbolId
  readonly side: Side
  readonly isNative: boolean
  readonly targetPx?: Px
  readonly trail?: Trail
  /** One exit may rest: the stop does, and the target is taken here. */
  readonly isSingle?: true
  /** The stop is a stop-limit, its limit this fraction beyond it. */
  readonly collar?: number
  /** The target is being taken: the stop makes room for it. */
  isTaking?: boolean
  /** When that last began. */
  tookAt?: Ms
  /** Where the stop is wanted now. */
  stopPx: Px
  stop?: OrderId
  target?: OrderId
  /** Quantity that each leg was last asked to have; 0 once it was canceled because nothing was left. */
  asked: { stop: number; target: number }
  /** When a leg was last asked to change. */
  askedAt: Ms
  /** Legs of before a late fill, which others have replaced. */
  past: OrderId[]
  /** Best price since the first fill of the entry; 0 before it. */
  best: number
  filledAt: Ms
}

export interface BracketState {
  readonly working: readonly Group[]
  /** Over, the oldest first. */
  readonly ended: readonly Group[]
}

export interface LegChange {
  readonly qty?: Qty
  readonly stop?: Px
  readonly limit?: Px
}

/** What brackets may ask of the desk. */
export interface BracketDesk {
  readonly now: Ms
  order(id: OrderId): Order | undefined
  instrument(symbol: SymbolId): Instrument
  /** Places a protective leg; undefined where even that was refused. */
  placeLeg(group: Group, role: LegRole, qty: Qty): OrderId | undefined
  cancelOrder(order: Order): void
  /** Where a cancel was sent and has had its time. */
  cancelAgain(order: Order): void
  amendOrder(order: Order, change: LegChange): void
  /** Closes whatever the lane holds, because its bracket no longer protects it. */
  closeOut(group: Group, why: string): void
  isClosing(group: Group): boolean
}

export class Brackets {
  readonly #desk: BracketDesk
  readonly #groups = new Map<OrderId, Group>()
  /** Those that follow the price, by symbol: their stop trails, or may be passed by, or their target is taken here. */
  readonly #watching: (Group[] | undefined)[] = []
  readonly #ended = new Map<OrderId, Group>()

  constructor(desk: BracketDesk) {
    this.#desk = desk
  }

  add(group: Group): void {
    this.#groups.set(group.entry, group)
    if (!isWatching(group)) return
    const groups = (this.#watching[group.symbol] ??= [])
    groups.push(group)
  }

  /** Follows a change of an order that belongs to a bracket. */
  onOrder(order: Order): void {
    const group = this.#groupOf(order)
    if (group === undefined) return
    if (!this.#groups.has(group.entry)) this.#revive(group)
    const entry = this.#desk.order(group.entry)
    if (entry !== undefined && entry.filled > 0 && group.best === 0) {
      group.best = entry.avgPrice
      group.filledAt = this.#desk.now
    }
    const left = this.#left(group)
    if (!group.isNative) this.#size(group, left)
    this.#guard(group, order, left)
    this.#retire(group)
  }

  /** The venue has changed a leg: what it says is the size from now on, until another is asked for. */
  onAmended(order: Order): void {
    const group = this.#groupOf(order)
    if (group !== undefined && isLeg(order)) group.asked[order.role] = order.qty
  }

  /** The venue did not change a leg: a stop that stays too small leaves a part without protection. */
  onAmendRefused(order: Order): void {
    const group = this.#groupOf(order)
    if (group === undefined || group.stop !== order.id || !isLive(order)) return
    const left = this.#left(group)
    const covered = this.#desk.instrument(group.symbol).qty(order.qty - order.filled)
    if (covered >= left || this.#desk.isClosing(group)) return
    this.#desk.closeOut(group, `the stop was not amended and covers ${covered} of ${left}`)
  }

  /** Takes a symbol's new price to the brackets that follow it. */
  onPrice(symbol: SymbolId, price: number): void {
    const groups = this.#watching[symbol]
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
    const groups = this.#watching[bar.symbol]
    if (groups === undefined || groups.length === 0) return
    const age = this.#desk.now - bar.start - lengthMs(bar.timeframe)
    for (let i = groups.length - 1; i >= 0; i--) {
      const group = groups[i]!
      if (group.filledAt <= bar.start) this.#trail(group, bar.high, bar.low)
      if (age <= CLOSE_AGE_MAX_MS) this.#watch(group, bar.close)
    }
  }

  capture(): BracketState {
    const copies = (groups: Map<OrderId, Group>) => Array.from(groups.values(), copy)
    return { working: copies(this.#groups), ended: copies(this.#ended) }
  }

  restore({ working, ended }: BracketState): void {
    for (const group of working) this.add(copy(group))
    for (const group of ended) this.#ended.set(group.entry, copy(group))
  }

  #groupOf({ group }: Order): Group | undefined {
    return group === undefined ? undefined : (this.#groups.get(group) ?? this.#ended.get(group))
  }

  /** What the entry has brought in and no leg has taken out. */
  #left({ entry, stop, target, past, symbol }: Group): number {
    let out = this.#filled(stop) + this.#filled(target)
    for (const id of past) out += this.#filled(id)
    // Snapped, because a coin's 0.3 − 0.1 − 0.2 is not 0 in doubles.
    return this.#desk.instrument(symbol).qty(this.#filled(entry) - out)
  }

  #filled(id: OrderId | undefined): number {
    return id === undefined ? 0 : (this.#desk.order(id)?.filled ?? 0)
  }

  #isLive(id: OrderId | undefined): boolean {
    const order = id === undefined ? undefined : this.#desk.order(id)
    return order !== undefined && isLive(order)
  }

  /** Emulated brackets: places, grows, shrinks or cancels the legs so that each covers what is left. */
  #size(group: Group, left: number): void {
    if (group.isTaking === true && this.#isTaken(group, left)) return
    const instrument = this.#desk.instrument(group.symbol)
    for (const role of ['stop', 'target'] as const) {
      if (role === 'target' && (group.targetPx === undefined || group.isSingle === true)) continue
      const id = group[role]
      const leg = id === undefined ? undefined : this.#desk.order(id)
      if (leg === undefined || !isLive(leg)) {
        const isPlaced = left > 0 && this.#mayPlace(group, role, leg)
        if (isPlaced && !this.#isTooSmall(group, left)) this.#place(group, role, left)
        continue
      }
      const wanted = left > 0 ? instrument.qty(leg.filled + left) : instrument.qty(0)
      if (left > 0 && (leg.cancelSentAt !== undefined || wanted === group.asked[role])) continue
      // One change at a time: the answer to it brings us here again, and then the newest size is asked for.
      if (left > 0 && this.#isChanging(group, role, leg)) continue
      group.asked[role] = wanted
      group.askedAt = this.#desk.now
      if (left > 0) this.#desk.amendOrder(leg, { qty: wanted })
      else this.#desk.cancelOrder(leg)
    }
  }

  /** Takes the target as far as it goes now. False where the stop was not canceled: then it stays, as if never asked. */
  #isTaken(group: Group, left: number): boolean {
    const stop = group.stop === undefined ? undefined : this.#desk.order(group.stop)
    if (stop !== undefined && isLive(stop)) {
      if (stop.cancelSentAt !== undefined) return true
      group.isTaking = false
      group.asked.stop = stop.qty
      return false
    }
    const target = group.target === undefined ? undefined : this.#desk.order(group.target)
    if (target !== undefined && isLive(target)) return true
    if (left > 0 && this.#mayPlace(group, 'target', target)) this.#place(group, 'target', left)
    return true
  }

  /** Sees whether the price has come to a target that is taken here, or has passed the limit of a stop by. */
  #watch(group: Group, price: number): void {
    const { isSingle, collar, side, targetPx } = group
    if ((isSingle !== true && collar === undefined) || this.#desk.isClosing(group)) return
    const stop = group.stop === undefined ? undefined : this.#desk.order(group.stop)
    if (stop === undefined || !isLive(stop) || this.#left(group) <= 0) return
    const isBeyond = (a: number, b: number): boolean => (side === 'buy' ? a < b : a > b)
    if (collar !== undefined && isBeyond(price, stop.limit!)) {
      const why = `the price of ${price} has passed the limit of the stop by, ${stop.limit}`
      this.#desk.closeOut(group, why)
      return
    }
    if (group.isTaking === true) this.#desk.cancelAgain(stop)
    else if (isSingle === true && !isBeyond(price, targetPx!)) this.#take(group, stop)
  }

  #take(group: Group, stop: Order): void {
    const { now } = this.#desk
    if (stop.cancelSentAt !== undefined) return
    if (group.tookAt !== undefined && now - group.tookAt < TAKE_WAIT_MS) return
    group.isTaking = true
    group.tookAt = now
    const entry = this.#desk.order(group.entry)
    if (entry !== undefined) this.#desk.cancelOrder(entry)
    group.asked.stop = 0
    this.#desk.cancelOrder(stop)
  }

  /** A change that is not answered for so long is taken for lost. */
  #isChanging({ asked, askedAt }: Group, role: LegRole, leg: Order): boolean {
    return asked[role] !== leg.qty && this.#desk.now - askedAt < CHANGE_WAIT_MS
  }

  /** Of what is worth less than the venue takes there is no stop yet, while more of the entry may come. */
  #isTooSmall(group: Group, left: number): boolean {
    if (group.collar === undefined || !this.#isLive(group.entry)) return false
    const instrument = this.#desk.instrument(group.symbol)
    const limit = stopLimitOf(group, instrument)!
    return instrument.notional(left, limit) < instrument.spec.minNotional
  }

  /** A leg that the venue or the strategy has ended is not placed again: #guard sees to the position. */
  #mayPlace(group: Group, role: LegRole, ended: Order | undefined): boolean {
    if (this.#desk.isClosing(group)) return false
    return ended === undefined || ended.reason === 'filled' || group.asked[role] === 0
  }

  #place(group: Group, role: LegRole, left: number): void {
    const qty = this.#desk.instrument(group.symbol).qty(left)
    const id = this.#desk.placeLeg(group, role, qty)
    if (id === undefined) return
    const before = group[role]
    if (before !== undefined) group.past.push(before)
    group[role] = id
    group.asked[role] = qty
  }

  /** Sees to it that what is held has a stop, and that a leg which fills ends the entry. */
  #guard(group: Group, changed: Order, left: number): void {
    if (this.#desk.isClosing(group)) return
    if (left < 0) {
      this.#desk.closeOut(group, 'both legs of the bracket filled')
      return
    }
    const entry = this.#desk.order(group.entry)
    if (entry !== undefined && isLeg(changed) && changed.filled > 0) this.#desk.cancelOrder(entry)
    if (left === 0) return
    if (this.#isLive(group.stop)) return
    if (group.stop === undefined && this.#isTooSmall(group, left)) return
    // The stop has made room for it.
    const role: LegRole = group.isTaking === true ? 'target' : 'stop'
    const id = group[role]
    const exit = id === undefined ? undefined : this.#desk.order(id)
    if (exit !== undefined && isLive(exit)) return
    const how = exit === undefined ? 'was refused' : `ended as ${exit.reason}`
    this.#desk.closeOut(group, `the ${role} ${how} and leaves ${left} unprotected`)
  }

  #trail(group: Group, high: number, low: number): void {
    const { trail } = group
    if (trail === undefined || group.best === 0 || group.stop === undefined) return
    const stop = this.#desk.order(group.stop)
    const entry = this.#desk.order(group.entry)
    if (stop === undefined || entry === undefined) return
    if (!isLive(stop) || stop.cancelSentAt !== undefined) return
    const isLong = group.side === 'buy'
    group.best = isLong ? Math.max(group.best, high) : Math.min(group.best, low)
    const profit =
      (isLong ? group.best - entry.avgPrice : entry.avgPrice - group.best) / entry.avgPrice
    if (profit < trail.activate) return
    const wanted = group.best * (isLong ? 1 - trail.distance : 1 + trail.distance)
    const price = this.#desk.instrument(group.symbol).px(wanted, isLong ? 'down' : 'up')
    if (isLong ? price <= group.stopPx : price >= group.stopPx) return
    group.stopPx = price
    const limit = stopLimitOf(group, this.#desk.instrument(group.symbol))
    this.#desk.amendOrder(stop, limit === undefined ? { stop: price } : { stop: price, limit })
  }

  /** A fill that comes after its bracket was over is protected like any other. */
  #revive(group: Group): void {
    this.#ended.delete(group.entry)
    this.add(group)
  }

  /** A bracket whose orders have all ended is over. */
  #retire(group: Group): void {
    const { entry, stop, target } = group
    if (this.#isLive(target) || this.#isLive(stop) || this.#isLive(entry)) return
    if (!this.#groups.has(entry)) return
    this.#groups.delete(group.entry)
    const watching = isWatching(group) ? this.#watching[group.symbol] : undefined
    watching?.splice(watching.indexOf(group), 1)
    this.#ended.set(group.entry, group)
    if (this.#ended.size <= ENDED_LIMIT) return
    for (const oldest of this.#ended.keys()) {
      this.#ended.delete(oldest)
      break
    }
  }
}

const copy = (group: Group): Group => ({
  ...group,
  asked: { ...group.asked },
  past: [...group.past],
})

const isWatching = ({ trail, isSingle, collar }: Group): boolean =>
  trail !== undefined || isSingle === true || collar !== undefined

/** The worst price at which a stop may trade that rests as a stop-limit; undefined where it is a plain stop. */
export function stopLimitOf(
  { side, stopPx, collar }: Group,
  instrument: Instrument,
): Px | undefined {
  if (collar === undefined) return undefined
  const isLong = side === 'buy'
  return instrument.px(stopPx * (isLong ? 1 - collar : 1 + collar), isLong ? 'down' : 'up')
}

/** The side of both legs. */
export const legSide = (group: Group): Side => opposite(group.side)
