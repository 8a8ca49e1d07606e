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
 *   another order sells it → the legs shrink by it, and native ones give way to such; first goes what is held beside
 *   a leg is not as asked → it is asked again, every CHANGE_WAIT_MS: for its size, for where the stop is, for its cancel
 *
 * Where the venue has reduce-only orders (`reduceOnly`) these legs are such: one that outlives the position, because nobody
 * was here to cancel or to shrink it, opens none. Not where strategies share the symbol, whose positions the venue nets.
 *
 * Where native legs wait until the entry has filled completely (`protectsParts`), a stop without a target is kept here
 * too; a stop with a target cannot be, because such a venue holds the shares for one of two separate exits. Where such an
 * entry is canceled when a part of it has filled, its legs end with it, and the part is kept here, with one exit at rest.
 *
 * Where the venue has one time in force for a native bracket (`oneTif`) it is that of the legs, which rest until they fill
 * or are canceled. An entry for the day is canceled here at the close then; a cancel that was refused is tried again.
 *
 * The brackets of a lane go one way at a time: the venue nets what they hold, and exits of both sides would be cut or ended
 * by it. One the other way is denied until what is there is over.
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
import { isLeg, isLive, type LegRole, type Order, type Side, sign } from '../core/order.ts'
import {
  askedAtOf,
  askFor,
  type BracketDesk,
  changeOf,
  copyOf,
  type Group,
  type Leg,
  leftOf,
  liveOf,
  noteAsked,
  noteStop,
  qtyChangeOf,
  stopLimitOf,
} from './bracket.ts'
import { BracketPrices } from './bracket-prices.ts'
import type { Lane } from './lanes.ts'

/** Brackets that are still known after they are over; the oldest go first. */
export const ENDED_LIMIT = 1_000
/** A change of a leg that is not as asked for so long is taken for lost, and asked for again. */
export const CHANGE_WAIT_MS = 30_000
/** By then a report has told how the leg is. */
const CHANGE_SURE_MS = 3 * CHANGE_WAIT_MS
const ROLES = ['stop', 'target'] as const

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
  /** Those whose entry is live and to be ended. */
  readonly #ending = new Set<Group>()
  /** Those that may have a leg which is not as it should be. */
  readonly #changing = new Set<Group>()

  constructor(desk: BracketDesk) {
    this.#desk = desk
    this.#prices = new BracketPrices(desk, (group) => this.#note(group))
  }

  add(group: Group): void {
    this.#groups.set(group.entry, group)
    this.#prices.add(group)
    this.#noteEnd(group)
  }

  #noteEnd(group: Group): void {
    if (group.endsAt === undefined) return
    if (liveOf(this.#desk, group.entry) === undefined) this.#ending.delete(group)
    else this.#ending.add(group)
  }

  /** The entry of a bracket of the lane that is not over and goes the other way; undefined where there is none. */
  againstOf({ strategy, symbol }: Lane, side: Side): OrderId | undefined {
    for (const group of this.#groups.values()) {
      if (group.strategy !== strategy || group.symbol !== symbol || group.side === side) continue
      // One whose last leg is only still being canceled holds nothing any more.
      if (liveOf(this.#desk, group.entry) !== undefined || leftOf(this.#desk, group) !== 0)
        return group.entry
    }
    return undefined
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
    this.#noteEnd(group)
    const left = leftOf(this.#desk, group)
    if (this.#isParted(group)) {
      // The venue ends all three; what rests beside our stop would hold what that is to sell.
      if (isLive(entry!) || liveOf(this.#desk, group.target) !== undefined) return
      group.isNative = false
    }
    if (!group.isNative) this.#size(group, left)
    this.#guard(group, order, left)
    this.#note(group)
    this.#retire(group)
  }

  /**
   * An order of no bracket has filled: what it took of what brackets of its lane have brought in, the oldest first, their
   * legs are for no more. What the lane holds beside its brackets goes first.
   */
  onOutside({ strategy, symbol }: Lane, before: number, after: number): void {
    const groups = [...this.#groups.values()].filter(
      (group) =>
        group.strategy === strategy && group.symbol === symbol && leftOf(this.#desk, group) > 0,
    )
    const [first] = groups
    // Of what is held against each other nobody can say which it took.
    if (first === undefined || groups.some(({ side }) => side !== first.side)) return
    const instrument = this.#desk.instrument(symbol)
    const total = instrument.qty(groups.reduce((sum, one) => sum + leftOf(this.#desk, one), 0))
    if (sign(first.side) * before < total) return
    let over: number = instrument.qty(total - Math.max(0, sign(first.side) * after))
    for (const group of groups) {
      if (over <= 0) return
      const taken = Math.min(over, leftOf(this.#desk, group))
      group.outside = instrument.qty((group.outside ?? 0) + taken)
      this.#takeOver(group)
      over = instrument.qty(over - taken)
      this.onOrder(this.#desk.order(group.entry)!)
    }
  }

  /** The bracket is kept here from now on: its venue sizes legs of its own by their entry, so ours take their place. */
  #takeOver(group: Group): void {
    if (!group.isNative) return
    group.isNative = false
    for (const role of ROLES) {
      const leg = this.#legOf(group, role)
      if (leg === undefined || leg.cancelSentAt !== undefined) continue
      group.asked[role] = 0
      noteAsked(group, role, this.#desk.now)
      this.#desk.cancelOrder(leg)
    }
  }

  /** The venue has changed a leg: what it says is how it is from now on, until something else is asked for. */
  onAmended(order: Order): void {
    const group = this.#groupOf(order)
    if (group === undefined || !isLeg(order)) return
    // One that is to go has the size that the venue gave it on the way, and is to go all the same.
    if (order.cancelSentAt === undefined) group.asked[order.role] = order.qty
    if (group.stop === order.id) noteStop(group, order)
  }

  /**
   * The venue did not change a leg: a stop that stays too small leaves a part without protection. Where an answer was
   * lost before, the stop may be another than we know: then it takes CHANGE_SURE_MS, in which the venue has told.
   */
  onAmendRefused(order: Order): void {
    const group = this.#groupOf(order)
    if (group === undefined || group.stop !== order.id || !isLive(order)) return
    const lackedMs = this.#desk.now - (group.lacksAt ?? group.askedAt)
    if (lackedMs >= CHANGE_WAIT_MS && lackedMs < CHANGE_SURE_MS) return
    const left = leftOf(this.#desk, group)
    const covered = this.#desk.instrument(group.symbol).qty(order.qty - order.filled)
    if (covered >= left || this.#desk.isClosing(group)) return
    this.#desk.closeOut(group, `the stop was not amended and covers ${covered} of ${left}`)
  }

  /**
   * When an entry is to be ended, or a leg asked again for what it lacks, though nothing arrives; Infinity where neither is.
   */
  get nextAt(): number {
    let nextAt = this.#endsAt
    for (const group of this.#changing) {
      for (const role of ROLES) nextAt = Math.min(nextAt, this.#dueAt(group, role))
    }
    return nextAt
  }

  /** Ends the entries whose session is over, and asks legs again for what was lost or refused, where their time has come. */
  work(): void {
    if (this.#endsAt <= this.#desk.now) this.#endEntries()
    // In the order of the brackets, which a restored engine has too.
    for (const group of this.#groups.values()) {
      if (!this.#changing.has(group)) continue
      for (const role of ROLES) {
        if (this.#dueAt(group, role) > this.#desk.now) continue
        const leg = this.#legOf(group, role)!
        if (this.#isToGo(group)) this.#cancel(group, leg)
        else askFor(this.#desk, group, leg)
      }
    }
  }

  /** When the next entry is to be ended. */
  get #endsAt(): number {
    let endsAt = Infinity
    for (const group of this.#ending) endsAt = Math.min(endsAt, group.endsAt!)
    return endsAt
  }

  /** Cancels the entries whose session is over, in the order of the brackets. */
  #endEntries(): void {
    const { now } = this.#desk
    for (const group of this.#groups.values()) {
      if (!this.#ending.has(group) || group.endsAt! > now) continue
      group.endsAt = (now + CHANGE_WAIT_MS) as Ms
      this.#desk.cancelOrder(this.#desk.order(group.entry)!)
    }
  }

  capture(): BracketState {
    const copies = (groups: { values(): Iterable<Group> }) => Array.from(groups.values(), copyOf)
    return { working: copies(this.#groups), ended: copies(this.#ended) }
  }

  restore({ working, ended }: BracketState): void {
    for (const group of working) this.add(copyOf(group))
    for (const group of this.#groups.values()) this.#note(group)
    for (const group of ended) this.#ended.set(group.entry, copyOf(group))
  }

  #groupOf({ group }: Order): Group | undefined {
    return group === undefined ? undefined : (this.#groups.get(group) ?? this.#ended.get(group))
  }

  /** True where native legs that wait for all of their entry end with it, which has brought in a part. */
  #isParted(group: Group): boolean {
    if (!group.isNative || group.isSingle !== true || group.stop === undefined) return false
    const [entry, stop] = [this.#desk.order(group.entry), this.#desk.order(group.stop)]
    if (entry === undefined || (isLive(entry) && entry.cancelSentAt === undefined)) return false
    const isPart = entry.filled > 0 && entry.filled < entry.qty
    // A stop that was to go is not placed again.
    return isPart && stop?.reason === 'canceled' && stop.cancelSentAt === undefined
  }

  /** Emulated brackets: places, grows, shrinks or cancels the legs so that each covers what is left. */
  #size(group: Group, left: number): void {
    if (group.isTaking === true && this.#isTaken(group, left)) return
    for (const role of ROLES) {
      if (role === 'target' && (group.targetPx === undefined || group.isSingle === true)) continue
      const id = group[role]
      const leg = id === undefined ? undefined : this.#desk.order(id)
      if (leg === undefined || !isLive(leg)) {
        const isPlaced = left > 0 && this.#mayPlace(group, role, leg)
        if (isPlaced && !this.#isTooSmall(group, left)) this.#place(group, role, left)
        continue
      }
      if (!isLeg(leg)) continue
      if (left <= 0) this.#cancel(group, leg)
      // One change at a time: the answer to it brings us here again, and then the newest size is asked for.
      else if (qtyChangeOf(this.#desk, group, leg) !== undefined && !this.#isChanging(group, leg))
        askFor(this.#desk, group, leg)
    }
  }

  /** A leg of which nothing is left. Where the cancel was refused, it has its time before it is asked for again. */
  #cancel(group: Group, leg: Leg): void {
    const { now } = this.#desk
    const { role } = leg
    if (leg.cancelSentAt !== undefined) return
    if (group.asked[role] === 0 && now - askedAtOf(group, role) < CHANGE_WAIT_MS) return
    group.asked[role] = 0
    noteAsked(group, role, now)
    this.#desk.cancelOrder(leg)
  }

  /** The leg while it is live and sized here, or moved. */
  #legOf(group: Group, role: LegRole): Leg | undefined {
    const leg = group.isTaking === true ? undefined : liveOf(this.#desk, group[role])
    return leg !== undefined && isLeg(leg) ? leg : undefined
  }

  #isToGo(group: Group): boolean {
    return !group.isNative && leftOf(this.#desk, group) <= 0
  }

  /** When a leg is asked again; Infinity where it is as it should be, or its cancel is under way. */
  #dueAt(group: Group, role: LegRole): number {
    const leg = this.#legOf(group, role)
    if (leg === undefined || leg.cancelSentAt !== undefined) return Infinity
    const isRight = !this.#isToGo(group) && changeOf(this.#desk, group, leg) === undefined
    return isRight ? Infinity : askedAtOf(group, role) + CHANGE_WAIT_MS
  }

  #note(group: Group): void {
    if (ROLES.some((role) => this.#dueAt(group, role) < Infinity)) this.#changing.add(group)
    else this.#changing.delete(group)
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

  #isChanging(group: Group, { role, qty }: Leg): boolean {
    return group.asked[role] !== qty && this.#desk.now - askedAtOf(group, role) < CHANGE_WAIT_MS
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
    if (role === 'stop' && group.askedPx !== undefined) {
      group.stopPx = group.askedPx
      delete group.askedPx
    }
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
      const other =
        group.outside === undefined ? 'both legs of the bracket' : 'a leg and another exit'
      this.#desk.closeOut(group, `${other} filled`)
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
    this.#changing.delete(group)
    this.#prices.remove(group)
    this.#ended.set(group.entry, group)
  }
}
