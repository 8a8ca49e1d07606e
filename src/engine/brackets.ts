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
 * Where the venue has one time in force for a native bracket (`oneTif`) it is that of the legs, which rest until they fill
 * or are canceled. An entry for the day is canceled here at the close then; a cancel that was refused is tried again.
 *
 * On every venue, what is held without a stop is closed at the market, and the lane is told: where the stop was
 * refused, canceled or expired, or did not take its size; where both legs filled and turned the lane around.
 *
 * Where the venue lets one exit rest alone (`exits`), it is the stop, and the target is taken here (bracket-prices.ts):
 *
 *   the price is at the target → the entry and the stop are canceled
 *   the stop has ended         → what is left goes to the market, as the target
 *   the stop is not canceled   → it protects on; the target is not taken for TAKE_WAIT_MS
 *   no answer to the cancel    → it is sent again with a price, after CANCEL_AGAIN_MS (dispatch.ts)
 *
 * For as long as a cancel takes, no exit rests. Where a stop rests as a stop-limit (`stopCollar`), what has filled and is
 * worth less than the venue takes of one order waits for its stop until more has filled, or the entry has ended.
 *
 * A bracket is over when all its orders have ended. It is still known for a while, because a fill may arrive
 * after the cancel that it crossed: that is a position, and protected like any other.
 */
import { BoundedMap } from '../core/bounded-map.ts'
import type { Ms, OrderId, SymbolId } from '../core/brand.ts'
import type { Bar } from '../core/market.ts'
import { isLeg, isLive, type LegRole, type Order } from '../core/order.ts'
import { type BracketDesk, copyOf, type Group, leftOf, liveOf, stopLimitOf } from './bracket.ts'
import { BracketPrices } from './bracket-prices.ts'

/** Brackets that are still known after they are over; the oldest go first. */
export const ENDED_LIMIT = 1_000
const CHANGE_WAIT_MS = 30_000

export interface BracketState {
  readonly working: readonly Group[]
  /** Over, the oldest first. */
  readonly ended: readonly Group[]
}

export class Brackets {
  readonly #desk: BracketDesk
  readonly #groups = new Map<OrderId, Group>()
  readonly #ended = new BoundedMap<OrderId, Group>(ENDED_LIMIT)
  readonly #prices: BracketPrices
  #nextAt = Infinity

  constructor(desk: BracketDesk) {
    this.#desk = desk
    this.#prices = new BracketPrices(desk)
  }

  /** When an entry is to be ended though nothing arrives; Infinity where none is. */
  get nextAt(): number {
    return this.#nextAt
  }

  add(group: Group): void {
    this.#groups.set(group.entry, group)
    this.#prices.add(group)
    this.#nextAt = Math.min(this.#nextAt, group.endsAt ?? Infinity)
  }

  /** Cancels the entries whose session is over. */
  endEntries(): void {
    const { now } = this.#desk
    this.#nextAt = Infinity
    for (const group of this.#groups.values()) {
      const entry = group.endsAt === undefined ? undefined : liveOf(this.#desk, group.entry)
      if (entry === undefined || group.endsAt === undefined) continue
      if (group.endsAt <= now) {
        group.endsAt = (now + CHANGE_WAIT_MS) as Ms
        this.#desk.cancelOrder(entry)
      }
      this.#nextAt = Math.min(this.#nextAt, group.endsAt)
    }
  }

  onPrice(symbol: SymbolId, price: number): void {
    this.#prices.onPrice(symbol, price)
  }

  onBar(bar: Bar): void {
    this.#prices.onBar(bar)
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
    const left = leftOf(this.#desk, group)
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
    const left = leftOf(this.#desk, group)
    const covered = this.#desk.instrument(group.symbol).qty(order.qty - order.filled)
    if (covered >= left || this.#desk.isClosing(group)) return
    this.#desk.closeOut(group, `the stop was not amended and covers ${covered} of ${left}`)
  }

  capture(): BracketState {
    const copies = (groups: { values(): Iterable<Group> }) => Array.from(groups.values(), copyOf)
    return { working: copies(this.#groups), ended: copies(this.#ended) }
  }

  restore({ working, ended }: BracketState): void {
    for (const group of working) this.add(copyOf(group))
    for (const group of ended) this.#ended.set(group.entry, copyOf(group))
  }

  #groupOf({ group }: Order): Group | undefined {
    return group === undefined ? undefined : (this.#groups.get(group) ?? this.#ended.get(group))
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

  /** A change that is not answered for so long is taken for lost. */
  #isChanging({ asked, askedAt }: Group, role: LegRole, leg: Order): boolean {
    return asked[role] !== leg.qty && this.#desk.now - askedAt < CHANGE_WAIT_MS
  }

  /** Of what is worth less than the venue takes there is no stop yet, while more of the entry may come. */
  #isTooSmall(group: Group, left: number): boolean {
    if (group.collar === undefined || liveOf(this.#desk, group.entry) === undefined) return false
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
    if (liveOf(this.#desk, group.stop) !== undefined) return
    if (group.stop === undefined && this.#isTooSmall(group, left)) return
    // The stop has made room for it.
    const role: LegRole = group.isTaking === true ? 'target' : 'stop'
    const id = group[role]
    const exit = id === undefined ? undefined : this.#desk.order(id)
    if (exit !== undefined && isLive(exit)) return
    const how = exit === undefined ? 'was refused' : `ended as ${exit.reason}`
    this.#desk.closeOut(group, `the ${role} ${how} and leaves ${left} unprotected`)
  }

  /** A fill that comes after its bracket was over is protected like any other. */
  #revive(group: Group): void {
    this.#ended.delete(group.entry)
    this.add(group)
  }

  /** A bracket whose orders have all ended is over. */
  #retire(group: Group): void {
    const { entry, stop, target } = group
    if (
      liveOf(this.#desk, target) !== undefined ||
      liveOf(this.#desk, stop) !== undefined ||
      liveOf(this.#desk, entry) !== undefined
    )
      return
    if (!this.#groups.has(entry)) return
    this.#groups.delete(group.entry)
    this.#prices.remove(group)
    this.#ended.set(group.entry, group)
  }
}
