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
 *   a stop ends unfilled  → the position would be unprotected: it is closed at the market
 *   both legs filled      → the lane was turned around: what is left over is closed at the market
 *
 * A trailing stop follows the best price since the entry, once the profit has reached its activation, and
 * only ever tightens. The data of the moment of the entry itself do not move it, since nobody knows whether
 * the bar's extreme came before or after the fill.
 */
import type { Ms, OrderId, Px, Qty, SymbolId } from '../core/brand.ts'
import type { Instrument } from '../core/instrument.ts'
import { isLive, opposite, type Order, remaining, type Side } from '../core/order.ts'
import type { Trail } from '../strategy/context.ts'

export interface Group {
  readonly entry: OrderId
  readonly strategy: string
  readonly symbol: SymbolId
  readonly side: Side
  readonly isNative: boolean
  readonly targetPx?: Px
  readonly trail?: Trail
  /** Where the stop is wanted now. */
  stopPx: Px
  stop?: OrderId
  target?: OrderId
  /** Best price since the first fill of the entry; 0 before it. */
  best: number
  filledAt: Ms
}

/** What brackets may ask of the desk. */
export interface BracketDesk {
  readonly now: Ms
  order(id: OrderId): Order | undefined
  instrument(symbol: SymbolId): Instrument
  /** Places a protective leg; undefined where even that was refused. */
  placeLeg(group: Group, role: 'stop' | 'target', qty: Qty): OrderId | undefined
  cancelOrder(order: Order): void
  amendOrder(order: Order, change: { readonly qty?: Qty; readonly stop?: Px }): void
  /** Closes whatever the lane holds, because its bracket no longer protects it. */
  closeOut(group: Group, why: string): void
  isClosing(group: Group): boolean
}

export class Brackets {
  readonly #desk: BracketDesk
  readonly #groups = new Map<OrderId, Group>()
  readonly #bySymbol: (Group[] | undefined)[] = []

  constructor(desk: BracketDesk) {
    this.#desk = desk
  }

  add(group: Group): void {
    this.#groups.set(group.entry, group)
    const groups = (this.#bySymbol[group.symbol] ??= [])
    groups.push(group)
  }

  /** Follows a change of an order that belongs to a bracket. */
  onOrder(order: Order): void {
    const group = order.group === undefined ? undefined : this.#groups.get(order.group)
    if (group === undefined) return
    const entry = this.#desk.order(group.entry)!
    if (entry.filled > 0 && group.best === 0) {
      group.best = entry.avgPrice
      group.filledAt = this.#desk.now
    }
    const left = entry.filled - this.#exited(group)
    if (!group.isNative) this.#size(group, left)
    this.#guard(group, order, entry, left)
    this.#forget(group, entry)
  }

  /** Takes a symbol's new prices to its trailing stops. */
  onPrices(symbol: SymbolId, high: number, low: number): void {
    const groups = this.#bySymbol[symbol]
    if (groups === undefined || groups.length === 0) return
    for (const group of groups) {
      if (group.trail === undefined || group.best === 0) continue
      if (group.filledAt === this.#desk.now) continue
      this.#trail(group, group.trail, high, low)
    }
  }

  capture(): readonly Group[] {
    return [...this.#groups.values()].map((group) => ({ ...group }))
  }

  restore(groups: readonly Group[]): void {
    for (const group of groups) this.add({ ...group })
  }

  /** Quantity that the legs have taken out again. */
  #exited(group: Group): number {
    const stop = group.stop === undefined ? undefined : this.#desk.order(group.stop)
    const target = group.target === undefined ? undefined : this.#desk.order(group.target)
    return (stop?.filled ?? 0) + (target?.filled ?? 0)
  }

  /** Emulated brackets: places, grows, shrinks or cancels the legs so that each covers what is left. */
  #size(group: Group, left: number): void {
    const instrument = this.#desk.instrument(group.symbol)
    for (const role of ['stop', 'target'] as const) {
      const id = group[role]
      if (id === undefined) {
        if (left <= 0 || (role === 'target' && group.targetPx === undefined)) continue
        if (this.#desk.isClosing(group)) continue
        const placed = this.#desk.placeLeg(group, role, instrument.qty(left))
        if (placed !== undefined) group[role] = placed
        continue
      }
      const leg = this.#desk.order(id)!
      if (!isLive(leg)) continue
      if (left <= 0) this.#desk.cancelOrder(leg)
      else if (remaining(leg) !== left) {
        this.#desk.amendOrder(leg, { qty: instrument.qty(leg.filled + left) })
      }
    }
  }

  #guard(group: Group, changed: Order, entry: Order, left: number): void {
    if (left < 0) {
      this.#desk.closeOut(group, 'both legs of the bracket filled')
      return
    }
    const isLeg = changed.role === 'stop' || changed.role === 'target'
    if (isLeg && changed.filled > 0 && isLive(entry)) this.#desk.cancelOrder(entry)
    if (changed.role !== 'stop' || changed.phase !== 'done' || left === 0) return
    if (!this.#desk.isClosing(group)) {
      this.#desk.closeOut(group, `the stop ended as ${changed.reason} with ${left} unprotected`)
    }
  }

  #trail(group: Group, trail: Trail, high: number, low: number): void {
    const stop = group.stop === undefined ? undefined : this.#desk.order(group.stop)
    const entry = this.#desk.order(group.entry)!
    if (stop === undefined || !isLive(stop) || stop.cancelSentAt !== undefined) return
    const isLong = group.side === 'buy'
    group.best = isLong ? Math.max(group.best, high) : Math.min(group.best, low)
    const profit =
      (isLong ? group.best - entry.avgPrice : entry.avgPrice - group.best) / entry.avgPrice
    if (profit < trail.activate) return
    const wanted = group.best * (isLong ? 1 - trail.distance : 1 + trail.distance)
    const price = this.#desk.instrument(group.symbol).px(wanted, isLong ? 'down' : 'up')
    if (isLong ? price <= group.stopPx : price >= group.stopPx) return
    group.stopPx = price
    this.#desk.amendOrder(stop, { stop: price })
  }

  /** A bracket whose orders have all ended is over. */
  #forget(group: Group, entry: Order): void {
    for (const id of [group.entry, group.stop, group.target]) {
      const order = id === undefined ? undefined : this.#desk.order(id)
      if (order !== undefined && isLive(order)) return
    }
    const isUnarmed = group.stop === undefined && entry.filled > 0 && !this.#desk.isClosing(group)
    if (isUnarmed) this.#desk.closeOut(group, 'the stop of the bracket was refused')
    this.#groups.delete(group.entry)
    const groups = this.#bySymbol[group.symbol]!
    groups.splice(groups.indexOf(group), 1)
  }
}

/** Why the prices of a bracket make no sense around the price of its entry; undefined where they do. */
export function checkPrices(
  side: Side,
  around: number,
  stop: number,
  target: number | undefined,
): string | undefined {
  const isBeyond = (a: number, b: number): boolean => (side === 'buy' ? a < b : a > b)
  if (!isBeyond(stop, around)) {
    return `the stop ${stop} of a ${side} is not on the losing side of ${around}`
  }
  if (target !== undefined && !isBeyond(around, target)) {
    return `the target ${target} of a ${side} is not on the winning side of ${around}`
  }
  return undefined
}

/** The side of both legs. */
export const legSide = (group: Group): Side => opposite(group.side)
