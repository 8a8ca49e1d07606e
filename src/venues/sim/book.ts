// Book: the live orders of the simulated venue, what ends or changes them, and the brackets that bind them.
import {
  fillId,
  type Ms,
  type OrderId,
  type Px,
  type Qty,
  type SymbolId,
} from '../../core/brand.ts'
import type { Fault } from '../../core/fault.ts'
import { money } from '../../core/instrument.ts'
import type { Bar } from '../../core/market.ts'
import { ms } from '../../core/time.ts'
import type { Universe } from '../../core/universe.ts'
import type { Answers } from './answers.ts'
import type { Ledger } from './ledger.ts'
import { feeOf, type SimTerms } from './models.ts'
import { Reach } from './reach.ts'
import type { Seen } from './seen.ts'
import { NEVER, type Working } from './working.ts'

/** When something happened at the venue, and when it is heard at the earliest. */
export interface Moment {
  readonly ts: Ms
  readonly at: number
}

/** A bracket: how much its entry has brought in, and its legs have taken out. */
interface Group {
  readonly id: OrderId
  readonly legs: readonly OrderId[]
  in: number
  out: number
}

export interface BookState {
  readonly orders: readonly Working[]
  readonly groups: readonly Group[]
  readonly priorities: number
  readonly fills: number
  readonly ids: number
}

export interface Changes {
  readonly qty?: Qty
  readonly limit?: Px
  readonly stop?: Px
}

const EMPTY: readonly Working[] = []

/** What the parts of one exchange share. */
export interface Desk {
  readonly universe: Universe
  readonly terms: SimTerms
  readonly seen: Seen
  readonly ledger: Ledger
  readonly answers: Answers
}

export class Book {
  readonly #desk: Desk
  readonly #live = new Map<OrderId, Working>()
  /** Those that may trade, by symbol, in order of priority. Held legs are not among them. */
  readonly #bySymbol: Working[][] = []
  readonly #reach = new Reach()
  readonly #groups = new Map<OrderId, Group>()
  /** How many live orders expire when: few times, many orders. */
  readonly #expiries = new Map<number, number>()
  #nextExpiry = Infinity
  #priorities = 0
  #fills = 0
  #ids = 0

  constructor(desk: Desk) {
    this.#desk = desk
  }

  /** Time of the next expiry; Infinity where none is due. */
  get nextExpiry(): number {
    return this.#nextExpiry
  }

  get orders(): Iterable<Working> {
    return this.#live.values()
  }

  get(id: OrderId): Working | undefined {
    return this.#live.get(id)
  }

  /** Orders that may trade in a symbol. A shared empty array where none may. */
  at(symbol: SymbolId): readonly Working[] {
    return this.#bySymbol[symbol] ?? EMPTY
  }

  /** False where a bar changes no order of its symbol. */
  isReached(bar: Bar): boolean {
    const { symbol } = bar
    if (!this.#reach.isMeasured(symbol)) this.#reach.measure(symbol, this.at(symbol))
    return this.#reach.isReached(bar)
  }

  /** Data have met the orders of a symbol: they may wait for something else now. */
  met(symbol: SymbolId): void {
    this.#reach.forget(symbol)
  }

  nextVenueId(): string {
    return `v${(++this.#ids).toString(36)}`
  }

  /** Takes an entry or a single order with its legs. */
  open(order: Working, legs: readonly Working[], when: Moment): void {
    if (legs.length > 0) {
      this.#groups.set(order.id, { id: order.id, legs: legs.map(({ id }) => id), in: 0, out: 0 })
    }
    this.#accept(order, when)
    for (const leg of legs) this.#accept(leg, when)
    this.#place(order)
  }

  #accept(order: Working, when: Moment): void {
    this.#enlist(order)
    const { id, venueId } = order
    const at = told(order, when)
    this.#desk.answers.add({ type: 'order.accepted', at, id, venueId, ts: when.ts })
  }

  /** Ends an order that still works. An entry that ends unfilled takes its legs with it. */
  end(order: Working, type: 'order.canceled' | 'order.expired', when: Moment): void {
    this.#delist(order)
    this.#desk.answers.add({ type, at: told(order, when), id: order.id, ts: when.ts })
    const group = this.#groupOf(order)
    if (group === undefined || group.id !== order.id || group.in > 0) return
    for (const leg of this.#legsOf(group)) this.end(leg, 'order.canceled', when)
  }

  /** Ends what expires at `ts`. */
  expire(ts: number, heardAt: number): void {
    for (const order of this.#live.values()) {
      // What this ends on the way, such as the legs of an entry, a Map no longer gives.
      if (order.expiresAt > ts) continue
      this.end(order, 'order.expired', { ts: ms(ts), at: heardAt })
    }
  }

  /** Changes an order. A new price or a larger quantity goes to the back of the queue. */
  amend(order: Working, changes: Changes, sentAt: Ms, when: Moment): void {
    const { qty, limit, stop } = changes
    const isMoved =
      (limit !== undefined && limit !== order.limit) || (stop !== undefined && stop !== order.stop)
    const isLarger = qty !== undefined && qty > order.qty
    if (qty !== undefined) order.qty = qty
    if (limit !== undefined) order.limit = limit
    if (stop !== undefined) order.stop = stop
    if (isMoved) {
      order.sentAt = sentAt
      order.arrivedAt = when.ts
      order.hasRested = false
    }
    if ((isMoved || isLarger) && !order.isHeld) {
      this.#displace(order)
      this.#place(order)
    }
    this.#tellAmended(order, changes, when)
  }

  /** Says why an order was not taken. Where its id is that of a live one, the fact follows what was told of that. */
  reject(id: OrderId, fault: Fault, when: Moment): void {
    this.#desk.answers.add({
      type: 'order.rejected',
      at: this.#after(id, when),
      id,
      fault,
      ts: when.ts,
    })
  }

  /** Says why a cancel or an amend changes nothing. */
  refuse(id: OrderId, fault: Fault, when: Moment): void {
    const at = this.#after(id, when)
    this.#desk.answers.add({ type: 'cancel.rejected', at, id, fault, ts: when.ts })
  }

  #after(id: OrderId, when: Moment): Ms {
    const order = this.#live.get(id)
    return order === undefined ? ms(when.at) : told(order, when)
  }

  /** Books an execution and all that follows from it; gives the legs that begin to work by it. */
  fill(
    order: Working,
    deal: { readonly qty: Qty; readonly price: number; readonly isMaker: boolean },
    when: Moment,
  ): readonly Working[] {
    const { universe, ledger, answers, terms } = this.#desk
    const instrument = universe.at(order.symbol)
    const { qty, price, isMaker } = deal
    const { ts } = when
    const value = instrument.notional(qty, price)
    const before = { qty: order.filled, value: order.value }
    const fee = money(feeOf(terms.fees, { qty, value, isMaker, before }))
    const id = fillId(`f${(++this.#fills).toString(36)}`)
    order.filled = instrument.qty(order.filled + qty)
    order.value += value
    ledger.book(order, { id, qty, price, fee, ts }, instrument)
    const at = told(order, when)
    answers.add({ type: 'order.filled', at, id: order.id, fill: id, qty, price, fee, ts })
    if (order.filled >= order.qty) this.#delist(order)
    const born = this.#regroup(order, qty, when)
    this.#endIdle(order.symbol, when)
    return born
  }

  /** Ends the reduce-only orders that have nothing left to reduce. */
  #endIdle(symbol: SymbolId, when: Moment): void {
    const { ledger } = this.#desk
    const orders = this.at(symbol)
    // From the front each time: what one of them ends may take others out of the list.
    for (let i = 0; i < orders.length; i++) {
      const order = orders[i]!
      if (!order.isReduceOnly || ledger.reducible(order) > 0) continue
      this.end(order, 'order.canceled', when)
      i = -1
    }
  }

  /** Sizes the other orders of a bracket by a fill of one. */
  #regroup(order: Working, qty: number, when: Moment): readonly Working[] {
    const group = this.#groupOf(order)
    if (group === undefined) return EMPTY
    if (order.id === group.id) group.in += qty
    else {
      group.out += qty
      const entry = this.#live.get(group.id)
      if (entry !== undefined) this.end(entry, 'order.canceled', when)
    }
    const legs = this.#legsOf(group)
    if (legs.length === 0) return EMPTY
    const born: Working[] = []
    for (const leg of legs) {
      const instrument = this.#desk.universe.at(leg.symbol)
      const wanted = instrument.qty(group.in - group.out + leg.filled)
      if (wanted <= leg.filled) {
        this.end(leg, 'order.canceled', when)
        continue
      }
      if (leg.isHeld) {
        leg.isHeld = false
        leg.sentAt = when.ts
        leg.arrivedAt = when.ts
        this.#place(leg)
        born.push(leg)
      }
      if (wanted !== leg.qty) {
        leg.qty = wanted
        this.#tellAmended(leg, { qty: wanted }, when)
      }
    }
    return born
  }

  #groupOf(order: Working): Group | undefined {
    return order.group === undefined ? undefined : this.#groups.get(order.group)
  }

  #legsOf(group: Group): Working[] {
    const legs: Working[] = []
    for (const id of group.legs) {
      const leg = this.#live.get(id)
      if (leg !== undefined) legs.push(leg)
    }
    return legs
  }

  #tellAmended(order: Working, changes: Changes, when: Moment): void {
    const at = told(order, when)
    this.#desk.answers.add({ type: 'order.amended', at, id: order.id, ...changes, ts: when.ts })
  }

  /** Puts an order at the end of its queue. */
  #place(order: Working): void {
    order.priority = ++this.#priorities
    order.ahead =
      order.limit === undefined || !order.isTriggered
        ? NEVER
        : this.#desk.seen.shown(order.symbol, order.side, order.limit)
    while (this.#bySymbol.length <= order.symbol) this.#bySymbol.push([])
    this.#bySymbol[order.symbol]!.push(order)
    this.#reach.forget(order.symbol)
  }

  #displace(order: Working): void {
    this.#reach.forget(order.symbol)
    const orders = this.#bySymbol[order.symbol] ?? []
    const i = orders.indexOf(order)
    if (i >= 0) orders.splice(i, 1)
  }

  #enlist(order: Working): void {
    this.#live.set(order.id, order)
    if (order.expiresAt === NEVER) return
    this.#expiries.set(order.expiresAt, (this.#expiries.get(order.expiresAt) ?? 0) + 1)
    this.#nextExpiry = Math.min(this.#nextExpiry, order.expiresAt)
  }

  #delist(order: Working): void {
    this.#live.delete(order.id)
    this.#displace(order)
    this.#desk.ledger.file(order)
    const group = this.#groupOf(order)
    if (group !== undefined && !this.#live.has(group.id) && this.#isOver(group)) {
      this.#groups.delete(group.id)
    }
    if (order.expiresAt === NEVER) return
    const others = (this.#expiries.get(order.expiresAt) ?? 0) - 1
    if (others > 0) this.#expiries.set(order.expiresAt, others)
    else if (this.#expiries.delete(order.expiresAt)) {
      this.#nextExpiry = Math.min(Infinity, ...this.#expiries.keys())
    }
  }

  #isOver(group: Group): boolean {
    return !group.legs.some((id) => this.#live.has(id))
  }

  capture(): BookState {
    return structuredClone({
      orders: [...this.#live.values()],
      groups: [...this.#groups.values()],
      priorities: this.#priorities,
      fills: this.#fills,
      ids: this.#ids,
    })
  }

  restore(state: BookState): void {
    const { orders, groups, priorities, fills, ids } = structuredClone(state)
    for (const order of orders) this.#enlist(order)
    for (const group of groups) this.#groups.set(group.id, group)
    const working = orders.filter((order) => !order.isHeld)
    for (const order of working.toSorted((a, b) => a.priority - b.priority)) {
      while (this.#bySymbol.length <= order.symbol) this.#bySymbol.push([])
      this.#bySymbol[order.symbol]!.push(order)
    }
    this.#priorities = priorities
    this.#fills = fills
    this.#ids = ids
  }
}

/** When a fact about an order is heard: facts of one order never overtake each other. */
function told(order: Working, when: Moment): Ms {
  order.toldAt = Math.max(when.at, order.toldAt)
  return ms(order.toldAt)
}
