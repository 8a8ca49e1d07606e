/*
 * Reconcile orders: every order that we remember beside what the venue reports of it, and those that only the venue has.
 * The promises are those of reconcile.ts.
 */
import { assert } from '../core/assert.ts'
import { fillId, type Ms, type OrderId, type SymbolId } from '../core/brand.ts'
import { fault } from '../core/fault.ts'
import type { ExternalOrder, Input, OrderFact } from '../core/input.ts'
import { money } from '../core/instrument.ts'
import { isLeg, isLive, type Order, sign } from '../core/order.ts'
import type { VenueReport } from '../core/venue.ts'
import { concludedId, concludedQty } from './concluded.ts'
import type { Asked, Difference, KnownOrder, Memory, Ours } from './reconcile-terms.ts'

type TheirOrder = VenueReport['orders'][number]
type TheirFill = VenueReport['fills'][number]

export class OrderComparison {
  readonly #ours: Ours
  readonly #report: VenueReport
  readonly #memory: Memory
  readonly #asked: Asked
  readonly facts: OrderFact[] = []
  readonly externals: Input[] = []
  readonly differences: Difference[] = []
  /** For the next report's memory. */
  readonly absent = new Map<OrderId, Ms>()
  readonly unexplained = new Map<OrderId, number>()
  /** Orders of which nobody can tell whether they changed before the report or after it. */
  unsure = 0
  /** Symbols whose positions this report cannot judge, because an order there is not explained yet. It will be. */
  readonly unclear = new Set<SymbolId>()
  /** Symbols with orders that have changed since the question: a fill may have crossed the report. */
  readonly moving = new Set<SymbolId>()
  /** Orders that have ended here and are open at the venue: nobody here counts what they may still do. */
  readonly revived = new Map<SymbolId, string>()
  /** What others have traded since we last heard of them is news: it is not in our cash yet. */
  haveOthersTraded = false
  /** Quantities that the facts add to our positions. */
  readonly added = new Map<SymbolId, number>()

  constructor(ours: Ours, report: VenueReport, memory: Memory, asked: Asked) {
    this.#ours = ours
    this.#report = report
    this.#memory = memory
    this.#asked = asked
  }

  /** Once. */
  compare(): this {
    const byId = new Map<OrderId, TheirOrder>()
    const byVenueId = new Map<string, TheirOrder>()
    for (const theirs of this.#report.orders) {
      if (theirs.id !== undefined) byId.set(theirs.id, theirs)
      byVenueId.set(theirs.venueId, theirs)
    }
    const fillsOf = new Map<string, TheirFill[]>()
    for (const fill of this.#report.fills) {
      const fills = fillsOf.get(fill.order)
      if (fills === undefined) fillsOf.set(fill.order, [fill])
      else fills.push(fill)
    }
    const matched = new Set<TheirOrder>()
    for (const known of this.#ours.orders) {
      const { order } = known
      if (this.#asked.universe.at(order.symbol).venue !== this.#asked.venue) continue
      const theirs = byId.get(order.id) ?? byVenueId.get(order.venueId ?? '')
      if (theirs !== undefined) matched.add(theirs)
      // What has changed since the report was asked for may be newer than the report.
      if (this.#isFresh(order)) {
        this.moving.add(order.symbol)
        if (this.#isUnsure(order)) this.unsure++
        continue
      }
      const names = new Set([order.id, theirs?.venueId, order.venueId])
      const fills = [...names].flatMap((name) => fillsOf.get(name ?? '') ?? [])
      if (theirs !== undefined) this.#compareKnown(known, theirs, fills)
      else this.#compareAbsent(known, fills)
    }
    const known = new Map(this.#ours.externals.map((order) => [order.venueId, order]))
    for (const theirs of this.#report.orders) {
      if (matched.has(theirs)) continue
      this.#compareExternal(theirs, known.get(theirs.venueId), fillsOf.get(theirs.venueId) ?? [])
    }
    return this
  }

  /** An order that is not ours. One that had ended before we heard of it is of no concern. */
  #compareExternal(
    theirs: TheirOrder,
    known: ExternalOrder | undefined,
    fills: readonly TheirFill[],
  ): void {
    const { symbol, side, qty, filled, venueId, limit, open } = theirs
    if (open) {
      const name = theirs.id ?? venueId
      const text = `EXTERNAL order ${name} in ${this.#name(symbol)} is not ours: ${side} ${qty}, filled ${filled}`
      this.#tell('external-order', symbol, text)
    }
    if (known === undefined ? !open : known.open === open && known.filled === filled) return
    const instrument = this.#asked.universe.at(symbol)
    const paid = fills.reduce((sum, fill) => sum + instrument.notional(fill.qty, fill.price), 0)
    const told = fills.reduce((sum, fill) => sum + fill.qty, 0)
    const avgPrice = told > 0 ? instrument.priceOf(told, paid) : (limit ?? this.#heldAt(symbol))
    const order = { venueId, symbol, side, qty, filled, avgPrice, open }
    const wanted = limit === undefined ? order : { ...order, limit }
    this.externals.push({ type: 'external', at: this.#asked.at, order: wanted })
    if (known === undefined || known.filled === filled) return
    this.haveOthersTraded = true
    this.#add(symbol, sign(side) * (filled - known.filled))
  }

  /** What the inputs add to a position of ours. */
  #add(symbol: SymbolId, signedQty: number): void {
    const added = (this.added.get(symbol) ?? 0) + signedQty
    this.added.set(symbol, this.#asked.universe.at(symbol).qty(added))
  }

  #isFresh(order: Order): boolean {
    return order.updatedAt >= this.#asked.askedAt || this.#asked.underWay.has(order.id)
  }

  /** The answer to a request under way tells of itself. */
  #isUnsure({ id, updatedAt }: Order): boolean {
    return updatedAt === this.#asked.askedAt && !this.#asked.underWay.has(id)
  }

  #compareKnown(
    { order, fills: counted }: KnownOrder,
    theirs: TheirOrder,
    fills: TheirFill[],
  ): void {
    if (isLive(order)) this.#change(order, theirs)
    const filled = this.#bookFills(order, counted, fills, theirs.filled)
    if (order.phase === 'done') {
      if (!theirs.open || order.filled >= Math.max(order.qty, theirs.qty)) return
      const text = `order ${order.id} ended as ${order.reason} and is open at the venue`
      this.#tell('revived-order', order.symbol, text)
      this.revived.set(order.symbol, text)
      return
    }
    if (filled < theirs.filled) return
    if (theirs.open) this.#refuse(order)
    else if (filled < theirs.qty) this.#end(order, theirs)
  }

  /** Books what is missing, up to what the venue counts as filled. Gives what is filled then. */
  #bookFills(
    order: Order,
    counted: ReadonlySet<string>,
    fills: readonly TheirFill[],
    limit: number,
  ): number {
    const { universe, visibilityMs, askedAt } = this.#asked
    const instrument = universe.at(order.symbol)
    let filled: number = order.filled
    // What fills of the venue explain; concluded ones give way to them.
    let explained = instrument.qty(filled - concludedQty(counted))
    const book = (fill: Omit<TheirFill, 'order'>, reached: number): void => {
      const { id, qty, price, fee = money(0), ts } = fill
      this.#fact({
        type: 'order.filled',
        at: this.#asked.at,
        id: order.id,
        fill: fillId(id),
        qty,
        price,
        fee,
        ts,
      })
      if (reached <= filled) return
      this.#add(order.symbol, sign(order.side) * instrument.qty(reached - filled))
      filled = reached
      this.#tell(
        'missed-fill',
        order.symbol,
        `fill ${id} of ${order.id} was missed: ${qty} at ${price}`,
      )
    }
    const seen = new Set<string>()
    for (const fill of fills) {
      const { id, qty } = fill
      if (counted.has(id) || seen.has(id)) continue
      seen.add(id)
      // One beyond what the venue counts was counted before, by another name.
      const reached = instrument.qty(explained + qty)
      if (reached > limit) continue
      explained = reached
      book(fill, reached)
    }
    if (filled > limit) {
      const text = `order ${order.id} has filled ${filled} here and ${limit} at the venue`
      this.#tell('too-much-filled', order.symbol, text)
    }
    if (filled >= limit) return filled
    const missing = instrument.qty(limit - filled)
    const since = this.#memory.unexplained.get(order.id)
    if (since !== undefined && askedAt - since >= visibilityMs) {
      const price = fills.at(-1)?.price ?? order.limit ?? this.#priceOf(order)
      if (price > 0) {
        const id = concludedId(order.id, { from: filled, to: limit })
        book({ id, qty: missing, price, ts: this.#report.at }, limit)
        return filled
      }
    }
    this.unexplained.set(order.id, since ?? askedAt)
    this.unclear.add(order.symbol)
    return filled
  }

  /** Makes a live order what the venue has, before its fills are counted: they may be of another size than we know. */
  #change(order: Order, theirs: TheirOrder): void {
    const { at } = this.#asked
    const { id } = order
    const ts = this.#report.at
    const { qty } = theirs
    if (!theirs.open) {
      if (qty !== order.qty) this.#fact({ type: 'order.amended', at, id, qty, ts })
      return
    }
    if (order.phase === 'sent' || order.venueId !== theirs.venueId) {
      this.#fact({ type: 'order.accepted', at, id, venueId: theirs.venueId, ts })
    }
    const { limit, stop } = theirs
    const isOtherLimit = limit !== undefined && order.limit !== undefined && limit !== order.limit
    const isOtherStop = stop !== undefined && order.stop !== undefined && stop !== order.stop
    // One that is open has not filled all of it: a size that says so is none.
    const isOtherQty = qty !== order.qty && qty > order.filled
    if (isOtherQty || isOtherLimit || isOtherStop) {
      this.#fact({
        type: 'order.amended',
        at,
        id,
        ...(isOtherQty ? { qty } : {}),
        ...(isOtherLimit ? { limit } : {}),
        ...(isOtherStop ? { stop } : {}),
        ts,
      })
    }
  }

  /** The cancel of an open order was lost: whoever wanted it may want it again. */
  #refuse(order: Order): void {
    const { at, askedAt, visibilityMs } = this.#asked
    const { id } = order
    const ts = this.#report.at
    if (order.cancelSentAt !== undefined && askedAt - order.cancelSentAt >= visibilityMs) {
      const why = fault('not-found', `${id} is open ${visibilityMs} ms after its cancel was sent`)
      this.#fact({ type: 'cancel.rejected', at, id, fault: why, ts })
    }
  }

  #end(order: Order, { ended = 'canceled' }: Pick<TheirOrder, 'ended'>): void {
    const { at } = this.#asked
    const { id } = order
    const ts = this.#report.at
    this.#tell('missed-end', order.symbol, `that order ${id} was ${ended} was missed`)
    if (ended !== 'rejected') this.#fact({ type: `order.${ended}`, at, id, ts })
    else {
      const why = fault('bad-request', `${id} was rejected; the venue's reason was missed`)
      this.#fact({ type: 'order.rejected', at, id, fault: why, ts })
    }
  }

  #compareAbsent(known: KnownOrder, fills: TheirFill[]): void {
    const { order } = known
    if (fills.length > 0) {
      // A venue that no longer shows the order still shows what it traded.
      const filled = this.#bookFills(order, known.fills, fills, Math.max(order.qty, order.filled))
      if (filled > order.filled) return
      this.unexplained.delete(order.id)
      this.unclear.delete(order.symbol)
    }
    if (!isLive(order) || this.#isHeldLeg(order)) return
    const { askedAt, at, visibilityMs } = this.#asked
    const first = this.#memory.absent.get(order.id)
    // What was heard of it since, by the stream, begins the window anew.
    const since = first === undefined || order.updatedAt > first ? askedAt : first
    if (askedAt - since < visibilityMs) {
      this.absent.set(order.id, since)
      this.unclear.add(order.symbol)
      return
    }
    const { id } = order
    const ts = this.#report.at
    if (this.#isWorthAgain(order)) {
      this.absent.set(order.id, askedAt)
      this.unclear.add(order.symbol)
      this.#fact({ type: 'order.absent', at, id, ts })
      return
    }
    const text = `order ${id} is unknown to ${this.#asked.venue} after reports ${askedAt - since} ms apart`
    this.#tell('not-found', order.symbol, text)
    if (order.phase === 'open') {
      this.#fact({ type: 'order.canceled', at, id, ts })
      return
    }
    this.#fact({ type: 'order.rejected', at, id, fault: fault('not-found', text), ts })
  }

  /** A leg is not: on a venue with native brackets it is part of its entry. */
  #isWorthAgain(order: Order): boolean {
    if (order.phase !== 'sent' || order.resentAt !== undefined || isLeg(order)) return false
    const { askedAt, resendAgeMsMax } = this.#asked
    return order.cancelSentAt === undefined && askedAt - order.createdAt <= resendAgeMsMax
  }

  /** A leg that travels with its entry need not be in a report before the entry has filled. */
  #isHeldLeg(order: Order): boolean {
    if (!isLeg(order)) return false
    if (order.phase !== 'sent' || order.group === undefined) return false
    const entry = this.#entries.get(order.group)
    return entry !== undefined && isLive(entry) && entry.filled === 0
  }

  #entriesMade: Map<OrderId, Order> | undefined
  get #entries(): ReadonlyMap<OrderId, Order> {
    if (this.#entriesMade !== undefined) return this.#entriesMade
    const made = new Map<OrderId, Order>()
    for (const { order } of this.#ours.orders) if (order.role === 'entry') made.set(order.id, order)
    this.#entriesMade = made
    return made
  }

  #priceOf(order: Order): number {
    return order.avgPrice > 0 ? order.avgPrice : this.#heldAt(order.symbol) || (order.stop ?? 0)
  }

  /** Average price of the venue's position; 0 where it has none. */
  #heldAt(symbol: SymbolId): number {
    return this.#report.positions.find((one) => one.symbol === symbol)?.avgPrice ?? 0
  }

  #fact(fact: OrderFact): void {
    assert(fact.at === this.#asked.at, 'what a report says is known when it came')
    this.facts.push(fact)
  }

  #tell(kind: Difference['kind'], symbol: SymbolId, text: string): void {
    this.differences.push({ kind, symbol, text })
  }

  #name(symbol: SymbolId): string {
    return this.#asked.universe.at(symbol).symbol
  }
}
