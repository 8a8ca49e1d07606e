/*
 * Reconcile: what we believe, and what the venue reports, become the inputs that close the gap. Pure.
 *
 * The promises:
 *   1. After the inputs, quantities and fills of every order that both know are the venue's.
 *   2. Each missing fill is an input with the venue's fill id. What the venue counts as filled and no fill explains,
 *      in two agreeing reports, becomes one with an id made of the order and the quantities: twice is once.
 *   3. Orders at the venue that we never sent are told as external, as they are now.
 *   4. A live order without a trace, in two reports that lie the venue's visibility window apart and with nothing heard
 *      of it between them, is sent again under the same id, once and while it is worth it; then it is rejected as not
 *      found, or canceled where the venue had it once. A late fill for it is still booked, because the order is
 *      remembered. Until the verdict its symbol takes no new risk.
 *   5. Twice changes nothing.
 *
 * A report is older than what the streams have told since it was asked for, so orders that have changed since are
 * left to the next one. Where one changed in the very millisecond of the question, nothing may have been told of it
 * since (a restart in no time, a clock that went back): the next one is wanted soon. One strange answer proves nothing: an absent order, an unexplained quantity and a position
 * that differs need two agreeing reports. `Memory` is what one report leaves for the next.
 *
 * A position that differs although all fills are booked halts its symbol until the two numbers agree again: nothing
 * here trades to make them so.
 */
import { assert } from '../core/assert.ts'
import {
  fillId,
  type Ms,
  type OrderId,
  type Qty,
  type SymbolId,
  type VenueId,
} from '../core/brand.ts'
import { fault } from '../core/fault.ts'
import type { ExternalOrder, HaltCause, Input, OrderFact } from '../core/input.ts'
import { money } from '../core/instrument.ts'
import { isLeg, isLive, type Order, sign } from '../core/order.ts'
import type { Universe } from '../core/universe.ts'
import type { VenueReport } from '../core/venue.ts'

/** What the engine believes. */
export interface Ours {
  readonly orders: readonly { readonly order: Order; readonly fills: ReadonlySet<string> }[]
  readonly externals: readonly ExternalOrder[]
  /** Those that are not flat. */
  readonly positions: readonly { readonly symbol: SymbolId; readonly qty: number }[]
  readonly cash: number
  readonly halts: readonly {
    readonly symbol: SymbolId
    readonly cause: HaltCause
    readonly why: string
  }[]
}

export interface Asked {
  readonly venue: VenueId
  readonly universe: Universe
  /** When the report was asked for, and when it came, by the engine's clock. */
  readonly askedAt: Ms
  readonly at: Ms
  /** After so long an order that was taken is in every report. */
  readonly visibilityMs: number
  /** An order that is older is not sent again; 0 where none is. */
  readonly resendAgeMsMax: number
  /** Orders that a request is under way for, or waits to be: nothing is concluded about them. */
  readonly underWay: ReadonlySet<OrderId>
}

/** What one report leaves for the next. Plain and small; it may be lost, then two more reports are needed. */
export interface Memory {
  /** Live orders without a trace, and when a report first had none. */
  readonly absent: ReadonlyMap<OrderId, Ms>
  /** Filled quantities that no fill explains, by order. */
  readonly unexplained: ReadonlyMap<OrderId, number>
  /** Positions that differed: `ours venue`, by symbol. */
  readonly differing: ReadonlyMap<SymbolId, string>
}

export const NO_MEMORY: Memory = { absent: new Map(), unexplained: new Map(), differing: new Map() }

/** What a report may find. */
export const DIFFERENCES = [
  'missed-fill',
  'missed-end',
  'not-found',
  'external-order',
  'revived-order',
  'too-much-filled',
  'position',
] as const
export type DifferenceKind = (typeof DIFFERENCES)[number]

/** What a person should hear of. */
export interface Difference {
  readonly kind: DifferenceKind
  readonly symbol: SymbolId
  readonly text: string
}

export interface Reconciled {
  /** For one turn, in this order. */
  readonly inputs: readonly Input[]
  readonly differences: readonly Difference[]
  readonly memory: Memory
  /** Orders and symbols about which another report is needed. */
  readonly open: number
}

type TheirOrder = VenueReport['orders'][number]
type TheirFill = VenueReport['fills'][number]
type Known = { readonly order: Order; readonly fills: ReadonlySet<string> }

export function reconcile(
  ours: Ours,
  report: VenueReport,
  memory: Memory,
  asked: Asked,
): Reconciled {
  return new Reconciliation(ours, report, memory, asked).result()
}

/** True for the id of a fill that was concluded, not told. */
export const isSynthetic = (id: string): boolean => id.startsWith('~')

class Reconciliation {
  readonly #ours: Ours
  readonly #report: VenueReport
  readonly #memory: Memory
  readonly #asked: Asked
  readonly #facts: OrderFact[] = []
  readonly #externals: Input[] = []
  readonly #differences: Difference[] = []
  readonly #absent = new Map<OrderId, Ms>()
  readonly #unexplained = new Map<OrderId, number>()
  readonly #differing = new Map<SymbolId, string>()
  /** Orders of which nobody can tell whether they changed before the report or after it. */
  #unsure = 0
  /** Symbols whose positions this report cannot judge: something moves there, or is not explained yet. */
  readonly #moving = new Set<SymbolId>()
  /** Orders that have ended here and are open at the venue: nobody here counts what they may still do. */
  readonly #revived = new Map<SymbolId, string>()
  /** Quantities that the facts add to our positions. */
  readonly #added = new Map<SymbolId, number>()

  constructor(ours: Ours, report: VenueReport, memory: Memory, asked: Asked) {
    this.#ours = ours
    this.#report = report
    this.#memory = memory
    this.#asked = asked
  }

  result(): Reconciled {
    this.#compareOrders()
    const halts = [...this.#haltUnknown(), ...this.#comparePositions()]
    return {
      inputs: [...halts, ...this.#facts, ...this.#externals, ...this.#account()],
      differences: this.#differences,
      memory: {
        absent: this.#absent,
        unexplained: this.#unexplained,
        differing: this.#differing,
      },
      open: this.#absent.size + this.#unexplained.size + this.#differing.size + this.#unsure,
    }
  }

  #compareOrders(): void {
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
        this.#moving.add(order.symbol)
        if (this.#isUnsure(order)) this.#unsure++
        continue
      }
      const names = new Set([order.id, theirs?.venueId, order.venueId])
      const fills = [...names].flatMap((name) => fillsOf.get(name ?? '') ?? [])
      if (theirs !== undefined) this.#compare(known, theirs, fills)
      else this.#compareAbsent(known, fills)
    }
    const known = new Map(this.#ours.externals.map((order) => [order.venueId, order]))
    for (const theirs of this.#report.orders) {
      if (matched.has(theirs)) continue
      this.#compareExternal(theirs, known.get(theirs.venueId), fillsOf.get(theirs.venueId) ?? [])
    }
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
    this.#externals.push({ type: 'external', at: this.#asked.at, order: wanted })
    if (known !== undefined) this.#add(symbol, sign(side) * (filled - known.filled))
  }

  /** What the inputs add to a position of ours. */
  #add(symbol: SymbolId, signedQty: number): void {
    const added = (this.#added.get(symbol) ?? 0) + signedQty
    this.#added.set(symbol, this.#asked.universe.at(symbol).qty(added))
  }

  #isFresh(order: Order): boolean {
    return order.updatedAt >= this.#asked.askedAt || this.#asked.underWay.has(order.id)
  }

  /** The answer to a request under way tells of itself. */
  #isUnsure({ id, updatedAt }: Order): boolean {
    return updatedAt === this.#asked.askedAt && !this.#asked.underWay.has(id)
  }

  #compare({ order, fills: counted }: Known, theirs: TheirOrder, fills: TheirFill[]): void {
    const filled = this.#bookFills(order, counted, fills, theirs.filled)
    if (order.phase === 'done') {
      if (!theirs.open || order.filled >= order.qty) return
      const text = `order ${order.id} ended as ${order.reason} and is open at the venue`
      this.#tell('revived-order', order.symbol, text)
      this.#revived.set(order.symbol, text)
      this.#moving.add(order.symbol)
      return
    }
    if (filled < theirs.filled) return
    if (theirs.open) this.#follow(order, theirs)
    else if (filled < order.qty) this.#end(order, theirs)
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
    const book = (id: string, qty: Qty, price: number, ts: Ms): void => {
      filled = instrument.qty(filled + qty)
      this.#fact({
        type: 'order.filled',
        at: this.#asked.at,
        id: order.id,
        fill: fillId(id),
        qty,
        price,
        fee: money(0),
        ts,
      })
      this.#add(order.symbol, sign(order.side) * qty)
      this.#tell(
        'missed-fill',
        order.symbol,
        `fill ${id} of ${order.id} was missed: ${qty} at ${price}`,
      )
    }
    const seen = new Set<string>()
    for (const { id, qty, price, ts } of fills) {
      if (counted.has(id) || seen.has(id)) continue
      seen.add(id)
      // A fill beyond what the venue counts was concluded before, and has now come by its own name.
      if (instrument.qty(filled + qty) > limit) continue
      book(id, qty, price, ts)
    }
    if (filled > limit) {
      this.#moving.add(order.symbol)
      const text = `order ${order.id} has filled ${filled} here and ${limit} at the venue`
      this.#tell('too-much-filled', order.symbol, text)
    }
    if (filled >= limit) return filled
    const missing = instrument.qty(limit - filled)
    const since = this.#memory.unexplained.get(order.id)
    if (since !== undefined && askedAt - since >= visibilityMs) {
      const price = fills.at(-1)?.price ?? order.limit ?? this.#priceOf(order)
      if (price > 0) {
        book(`~${order.id}:${filled}-${limit}`, missing, price, this.#report.at)
        return filled
      }
    }
    this.#unexplained.set(order.id, since ?? askedAt)
    this.#moving.add(order.symbol)
    return filled
  }

  /** Brings a live order to what the venue has. */
  #follow(order: Order, theirs: TheirOrder): void {
    const { at, askedAt, visibilityMs } = this.#asked
    const { id } = order
    const ts = this.#report.at
    if (order.phase === 'sent' || order.venueId !== theirs.venueId) {
      this.#fact({ type: 'order.accepted', at, id, venueId: theirs.venueId, ts })
    }
    const isOtherLimit =
      theirs.limit !== undefined && order.limit !== undefined && theirs.limit !== order.limit
    if (theirs.qty !== order.qty || isOtherLimit) {
      const { qty, limit } = theirs
      this.#fact({
        type: 'order.amended',
        at,
        id,
        qty,
        ...(isOtherLimit && limit !== undefined ? { limit } : {}),
        ts,
      })
    }
    // The cancel was lost: whoever wanted it may want it again.
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

  #compareAbsent(known: Known, fills: TheirFill[]): void {
    const { order } = known
    if (fills.length > 0) {
      // A venue that no longer shows the order still shows what it traded.
      const filled = this.#bookFills(order, known.fills, fills, Math.max(order.qty, order.filled))
      if (filled > order.filled) return
      this.#unexplained.delete(order.id)
      this.#moving.delete(order.symbol)
    }
    if (!isLive(order) || this.#isHeldLeg(order)) return
    const { askedAt, at, visibilityMs } = this.#asked
    const first = this.#memory.absent.get(order.id)
    // What was heard of it since, by the stream, begins the window anew.
    const since = first === undefined || order.updatedAt > first ? askedAt : first
    if (askedAt - since < visibilityMs) {
      this.#absent.set(order.id, since)
      this.#moving.add(order.symbol)
      return
    }
    const { id } = order
    const ts = this.#report.at
    if (this.#isWorthAgain(order)) {
      this.#absent.set(order.id, askedAt)
      this.#moving.add(order.symbol)
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

  /** Symbols with orders whose fate is open are halted until it is known. */
  #haltUnknown(): Input[] {
    const open = new Map(this.#revived)
    const note = (id: OrderId, why: string): void => {
      for (const { order } of this.#ours.orders) if (order.id === id) open.set(order.symbol, why)
    }
    for (const id of this.#absent.keys()) note(id, `order ${id} is not in the venue's report`)
    for (const id of this.#unexplained.keys()) note(id, `fills of order ${id} are not known yet`)
    return this.#haltsOf('unknown-order', open)
  }

  #comparePositions(): Input[] {
    const { universe, venue } = this.#asked
    const theirs = new Map<SymbolId, number>()
    const dust = new Map<SymbolId, number>()
    for (const { symbol, qty, dust: most = 0 } of this.#report.positions) {
      theirs.set(symbol, qty)
      dust.set(symbol, most)
    }
    const ours = new Map<SymbolId, number>()
    for (const { symbol, qty } of this.#ours.positions) ours.set(symbol, qty)
    for (const [symbol, added] of this.#added) ours.set(symbol, (ours.get(symbol) ?? 0) + added)
    const differing = new Map<SymbolId, string>()
    const isHalted = (symbol: SymbolId): boolean =>
      this.#ours.halts.some((halt) => halt.cause === 'position' && halt.symbol === symbol)
    for (const symbol of new Set([...theirs.keys(), ...ours.keys()])) {
      const instrument = universe.at(symbol)
      if (instrument.venue !== venue) continue
      const here = instrument.qty(ours.get(symbol) ?? 0)
      const there = instrument.qty(theirs.get(symbol) ?? 0)
      if (here === there) continue
      if (there > here && there - here <= (dust.get(symbol) ?? 0)) continue
      const text = `${instrument.symbol} is ${here} here and ${there} at ${venue}`
      if (this.#moving.has(symbol)) {
        // Not judged now; what was halted stays so.
        if (isHalted(symbol)) differing.set(symbol, this.#whyOf(symbol) ?? text)
        continue
      }
      this.#differing.set(symbol, text)
      if (this.#memory.differing.get(symbol) !== text && !isHalted(symbol)) continue
      differing.set(symbol, text)
      this.#tell('position', symbol, text)
    }
    for (const { symbol, cause, why } of this.#ours.halts) {
      if (cause === 'position' && this.#moving.has(symbol)) differing.set(symbol, why)
    }
    return this.#haltsOf('position', differing)
  }

  #whyOf(symbol: SymbolId): string | undefined {
    return this.#ours.halts.find((halt) => halt.symbol === symbol && halt.cause === 'position')?.why
  }

  /** The controls that make the halts of a cause those that are wanted. */
  #haltsOf(cause: HaltCause, wanted: ReadonlyMap<SymbolId, string>): Input[] {
    const { at, universe, venue } = this.#asked
    const control = (symbol: SymbolId, on: boolean, why: string): Input => ({
      type: 'control',
      at,
      control: { do: 'halt-symbol', symbol, cause, on, why },
      by: 'reconcile',
    })
    const inputs: Input[] = []
    const current = new Map<SymbolId, string>()
    for (const halt of this.#ours.halts) {
      if (halt.cause !== cause || universe.at(halt.symbol).venue !== venue) continue
      current.set(halt.symbol, halt.why)
      const isUnderWay = cause === 'unknown-order' && this.#moving.has(halt.symbol)
      if (!wanted.has(halt.symbol) && !isUnderWay) {
        inputs.push(control(halt.symbol, false, 'the report and we agree'))
      }
    }
    for (const [symbol, why] of wanted) {
      if (current.get(symbol) !== why) inputs.push(control(symbol, true, why))
    }
    return inputs
  }

  /** The venue's word for the account, where nothing is on its way that would explain another one. */
  #account(): Input[] {
    const { at, venue } = this.#asked
    const { cash, equity, buyingPower } = this.#report.account
    const isQuiet =
      this.#facts.length === 0 && this.#externals.length === 0 && this.#moving.size === 0
    if (!isQuiet || Math.abs(cash - this.#ours.cash) < CASH_SLACK) return []
    return [{ type: 'account', at, venue, equity, cash, buyingPower }]
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
    this.#facts.push(fact)
  }

  #tell(kind: Difference['kind'], symbol: SymbolId, text: string): void {
    this.#differences.push({ kind, symbol, text })
  }

  #name(symbol: SymbolId): string {
    return this.#asked.universe.at(symbol).symbol
  }
}

/** Cash that venues round away. */
const CASH_SLACK = 0.005
