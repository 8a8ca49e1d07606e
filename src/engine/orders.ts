// Orders: every order of a run by id, by lane and by symbol, moved on by the transition table alone.
import { assert } from '../core/assert.ts'
import { type FillId, type OrderId, orderId, type SymbolId } from '../core/brand.ts'
import { type Instrument, money } from '../core/instrument.ts'
import { apply, isLive, type Order, type OrderInput } from '../core/order.ts'
import { SymbolMarks } from '../core/symbol-marks.ts'
import type { Universe } from '../core/universe.ts'
import { concludedId, concludedOf, settle } from './concluded.ts'
import { type Entry, fillList, hasFill, OrderRows, withFill, withoutFill } from './order-rows.ts'

/** Most orders that may be live at once. */
export const LIVE_LIMIT = 50_000
/**
 * Finished orders that are kept, so that a late fill finds its order; the oldest go first. Those of a bracket
 * that is still working are kept beyond it, because what its legs have to cover follows from them.
 */
export const FINISHED_LIMIT = 10_000
/** Of those, so many as are asked for again soon stay as they are; the others are rows of a table. */
const WARM_LIMIT = 64
/** Finished orders that are looked at, at most, to find one that may be forgotten. */
const FORGET_TRIES = 32
/** Longest name of a strategy: with the run and six digits of the counter, an id has 36 characters. */
const NAME_LENGTH_MAX = 20

const NO_ENTRIES: readonly Entry[] = []

/** What an input did to an order. */
export interface Applied {
  readonly before: Order
  readonly after: Order
  /** True for a fill that was not counted before. */
  readonly isNewFill: boolean
  readonly isOverfill: boolean
  /** True for a bust of a fill that counted, and of more than was filled: nothing was changed. */
  readonly isStrange: boolean
  /** What of the input was new: of a fill, what was not concluded before. */
  readonly input: OrderInput
}

type Filled = Extract<OrderInput, { type: 'order.filled' }>

export interface OrdersState {
  readonly next: number
  readonly entries: readonly { readonly order: Order; readonly fills: readonly string[] }[]
  /** Finished orders in the order in which they finished. */
  readonly finished: readonly OrderId[]
  readonly unknown: number
}

export class Orders {
  readonly #universe: Universe
  readonly #run: string
  /** Every order that is remembered; of the older ones that have finished, the row. */
  readonly #entries = new Map<OrderId, Entry | number>()
  readonly #rows = new OrderRows()
  /** Those that are live, oldest first: all of them, and by symbol. */
  readonly #live = new Map<OrderId, Entry>()
  readonly #bySymbol: (Entry[] | undefined)[] = []
  /** Symbols with live orders that are no legs, in order: risk counts those orders for each new one. */
  readonly #noLegSymbols: SymbolId[] = []
  /** How many such orders a symbol has. */
  readonly #noLegs: number[] = []
  /** Symbols of orders that have changed since whoever counts them has looked. */
  readonly changed = new SymbolMarks()
  /** Live orders of each bracket. */
  readonly #liveOfGroup = new Map<OrderId, number>()
  readonly #finished: OrderId[] = []
  #finishedHead = 0
  /** Those before it are rows. */
  #coolHead = 0
  #next = 1
  #unknown = 0

  /** @param run Names this run in every order id: 1 to 8 letters or digits, never used before. */
  constructor(universe: Universe, run: string) {
    assert(/^[a-z0-9]{1,8}$/i.test(run), `a run is named by 1 to 8 letters or digits, not "${run}"`)
    this.#universe = universe
    this.#run = run
  }

  /** The next id: unique for ever, because the run is, and the counter never goes back. */
  nextId(strategy: string): OrderId {
    assert(
      strategy.length <= NAME_LENGTH_MAX,
      () => `a strategy has at most ${NAME_LENGTH_MAX} characters, not "${strategy}"`,
    )
    const id = `${strategy}-${this.#run}-${(this.#next++).toString(36)}`
    assert(id.length <= 36, () => `an order id has at most 36 characters, not ${id}`)
    return orderId(id)
  }

  add(order: Order): void {
    assert(!this.#entries.has(order.id), () => `order id ${order.id} is used once`)
    assert(this.#live.size < LIVE_LIMIT, () => `at most ${LIVE_LIMIT} orders are live`)
    assert(isLive(order), () => `order ${order.id} is sent when it is added, not ${order.phase}`)
    const entry = { order, fills: undefined }
    this.#entries.set(order.id, entry)
    this.#enlist(entry)
  }

  get(id: OrderId): Order | undefined {
    const entry = this.#entries.get(id)
    return typeof entry === 'number' ? this.#rows.at(entry).order : entry?.order
  }

  /** Live orders of a symbol, oldest first. */
  liveOf(symbol: SymbolId): Order[] {
    const entries = this.#bySymbol[symbol]
    return entries === undefined ? [] : entries.map(({ order }) => order)
  }

  /** The same without a copy: for whoever only looks, and changes nothing meanwhile. */
  heldOf(symbol: SymbolId): readonly { readonly order: Order }[] {
    return this.#bySymbol[symbol] ?? NO_ENTRIES
  }

  instrumentOf(order: Pick<Order, 'symbol'>): Instrument {
    return this.#universe.at(order.symbol)
  }

  /** Every order that is remembered, oldest first, with the ids of the fills that were counted. */
  get known(): readonly { readonly order: Order; readonly fills: ReadonlySet<string> }[] {
    return Array.from(this.#all(), ({ order, fills }) => ({
      order,
      fills: new Set(fillList(fills)),
    }))
  }

  *#all(): Iterable<Entry> {
    for (const entry of this.#entries.values())
      yield typeof entry === 'number' ? this.#rows.at(entry) : entry
  }

  get live(): number {
    return this.#live.size
  }

  /** All live orders, oldest first. */
  *allLive(): Iterable<Order> {
    for (const { order } of this.#live.values()) yield order
  }

  /** Symbols with live orders that may add to a position, that is all but the legs of brackets; in order. */
  get noLegSymbols(): readonly SymbolId[] {
    return this.#noLegSymbols
  }

  /** Replaces an order by what the engine itself decided: a cancel that was sent, an order that never left. */
  update(order: Order): void {
    const entry = this.#entries.get(order.id)
    assert(entry !== undefined, () => `order ${order.id} is known`)
    assert(
      typeof entry !== 'number' && isLive(entry.order),
      () => `order ${order.id} is live when it changes, not done`,
    )
    this.#settle(entry, order)
  }

  /** Moves the order of an input on; undefined where it is not ours or was forgotten long ago. */
  apply(input: OrderInput): Applied | undefined {
    const held = this.#entries.get(input.id)
    if (held === undefined) {
      this.#unknown++
      return undefined
    }
    if (typeof held !== 'number') return this.#applyTo(held, input)
    const entry = this.#rows.at(held)
    const applied = this.#applyTo(entry, input)
    this.#rows.set(held, entry)
    return applied
  }

  #applyTo(entry: Entry, told: OrderInput): Applied {
    const before = entry.order
    const input = told.type === 'order.filled' ? this.#uncounted(entry, told) : told
    const isOld =
      input === undefined ||
      (input.type === 'order.filled' && hasFill(entry.fills, input.fill)) ||
      (input.type === 'order.busted' && !this.#mayBust(entry, input))
    const after = isOld ? before : apply(before, input, this.#universe.at(before.symbol))
    const isStrange = !isOld && after === before && input.type === 'order.busted'
    if (after !== before) this.#settle(entry, after)
    const isNewFill = after !== before && input?.type === 'order.filled'
    if (isNewFill) note(entry, input.fill)
    const isOverfill = isNewFill && after.filled > after.qty
    return { before, after, isNewFill, isOverfill, isStrange, input: input ?? told }
  }

  /** What of a fill was not concluded before; undefined where all of it was. A real one takes their place. */
  #uncounted(entry: Entry, input: Filled): Filled | undefined {
    const { fills, order } = entry
    if (fills === undefined || hasFill(fills, input.fill)) return input
    const { id } = order
    const instrument = this.#universe.at(order.symbol)
    const concluded = concludedOf(input.fill)
    if (concluded !== undefined) {
      // Real ones may have come since the report that it is of.
      const { filled: from } = order
      const { to } = concluded
      if (to - from >= input.qty) return input
      const qty = instrument.qty(to - from)
      return qty > 0 ? { ...input, fill: concludedId(id, { from, to }), qty } : undefined
    }
    const names = typeof fills === 'object' ? fills : [fills]
    const { gone, kept, rest } = settle(names, { order: id, qty: input.qty, instrument })
    if (gone.length === 0) return input
    for (const one of gone) entry.fills = withoutFill(entry.fills, one)
    if (kept !== undefined) note(entry, kept)
    if (rest > 0) return { ...input, qty: rest, fee: money((input.fee * rest) / input.qty) }
    note(entry, input.fill)
    return undefined
  }

  /** True the first time that a fill which counts is taken back. One that did not count yet never will. */
  #mayBust(entry: Entry, { bust, fill }: Extract<OrderInput, { type: 'order.busted' }>): boolean {
    const isNew = !hasFill(entry.fills, bust)
    const isCounted = hasFill(entry.fills, fill)
    note(entry, bust)
    note(entry, fill)
    return isNew && isCounted
  }

  get statistics(): { readonly live: number; readonly created: number; readonly unknown: number } {
    return { live: this.#live.size, created: this.#next - 1, unknown: this.#unknown }
  }

  capture(): OrdersState {
    return {
      next: this.#next,
      entries: Array.from(this.#all(), ({ order, fills }) => ({ order, fills: fillList(fills) })),
      finished: this.#finished.slice(this.#finishedHead),
      unknown: this.#unknown,
    }
  }

  restore(state: OrdersState): void {
    this.#next = state.next
    this.#unknown = state.unknown
    for (const { order, fills } of state.entries) {
      const entry: Entry = { order, fills: undefined }
      for (const id of fills) note(entry, id as FillId)
      this.#entries.set(order.id, entry)
      if (isLive(order)) this.#enlist(entry)
    }
    for (const id of state.finished) this.#finished.push(id)
    this.#cool()
  }

  #enlist(entry: Entry): void {
    const { id, symbol, group, role } = entry.order
    this.#live.set(id, entry)
    this.changed.add(symbol)
    if (role === undefined || role === 'entry') this.#countNoLeg(symbol, 1)
    const entries = (this.#bySymbol[symbol] ??= [])
    entries.push(entry)
    if (group !== undefined) this.#liveOfGroup.set(group, (this.#liveOfGroup.get(group) ?? 0) + 1)
  }

  #delist(entry: Entry): void {
    const { id, symbol, group, role } = entry.order
    this.#live.delete(id)
    if (role === undefined || role === 'entry') this.#countNoLeg(symbol, -1)
    const entries = this.#bySymbol[symbol]!
    entries.splice(entries.indexOf(entry), 1)
    if (group === undefined) return
    const live = this.#liveOfGroup.get(group)! - 1
    if (live > 0) this.#liveOfGroup.set(group, live)
    else this.#liveOfGroup.delete(group)
  }

  #countNoLeg(symbol: SymbolId, by: 1 | -1): void {
    const before = this.#noLegs[symbol] ?? 0
    this.#noLegs[symbol] = before + by
    const symbols = this.#noLegSymbols
    if (before + by === 0) symbols.splice(symbols.indexOf(symbol), 1)
    if (before > 0) return
    const i = symbols.findIndex((other) => other > symbol)
    symbols.splice(i < 0 ? symbols.length : i, 0, symbol)
  }

  #settle(entry: Entry, order: Order): void {
    const wasLive = isLive(entry.order)
    entry.order = order
    this.changed.add(order.symbol)
    if (!wasLive || order.phase !== 'done') return
    this.#delist(entry)
    this.#finished.push(order.id)
    this.#forget()
    this.#cool()
  }

  /** Several are forgotten where brackets that have ended since had kept more than the limit. */
  #forget(): void {
    for (let i = 0; i < FORGET_TRIES; i++) {
      if (this.#finished.length - this.#finishedHead <= FINISHED_LIMIT) break
      const id = this.#finished[this.#finishedHead++]!
      const entry = this.#entries.get(id)!
      const group = typeof entry === 'number' ? this.#rows.groupAt(entry) : entry.order.group
      if (group !== undefined && this.#liveOfGroup.has(group)) {
        this.#finished.push(id)
        continue
      }
      this.#entries.delete(id)
      if (typeof entry === 'number') this.#rows.free(entry)
    }
    if (this.#finishedHead < FINISHED_LIMIT) return
    this.#finished.splice(0, this.#finishedHead)
    this.#coolHead -= this.#finishedHead
    this.#finishedHead = 0
  }

  /** What its bracket has not asked for any more becomes a row. */
  #cool(): void {
    while (this.#finished.length - this.#coolHead > WARM_LIMIT) {
      const id = this.#finished[this.#coolHead++]!
      const entry = this.#entries.get(id)
      if (typeof entry === 'object') this.#entries.set(id, this.#rows.add(entry))
    }
  }
}

/** A fill, or the taking back of one, counts once. */
function note(entry: Entry, id: FillId): void {
  entry.fills = withFill(entry.fills, id)
}
