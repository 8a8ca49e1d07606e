/*
 * Order rows: orders that have ended, as rows of one table.
 *
 * Thousands of them are remembered in case a late fill comes, which almost never does. As objects they are a dozen each,
 * and all of them are copied by the next two collections: on a market that trades every few bars that was more than half
 * of a backtest's time. As numbers in a table they are nothing that a collection looks at.
 */
import { assert } from '../core/assert.ts'
import type { FillId, Ms, OrderId, Px, Qty, SymbolId } from '../core/brand.ts'
import type {
  BracketRole,
  DoneReason,
  Order,
  OrderPhase,
  OrderType,
  Side,
  TimeInForce,
} from '../core/order.ts'

/** Ids of the fills that were counted: none, one, which is the rule, or several. */
export type FillIds = undefined | FillId | Set<FillId>

/** An order with the fills that it has counted: each counts once. */
export interface Entry {
  order: Order
  fills: FillIds
}

// The numbers of a row. What an order has not is NaN.
const SYMBOL = 0
const QTY = 1
const LIMIT = 2
const STOP = 3
const FILLED = 4
const AVG_PRICE = 5
const CANCEL_SENT_AT = 6
const AMEND_QTY = 7
const AMEND_LIMIT = 8
const AMENDED_AT = 9
const RESENT_AT = 10
const CREATED_AT = 11
const UPDATED_AT = 12
const KINDS = 13
const NUMBERS = 14

// Its words.
const ID = 0
const STRATEGY = 1
const GROUP = 2
const VENUE_ID = 3
const WHY = 4
const WORDS = 5

// Its kinds are digits of one number, the first the lowest; the place in a list is the digit.
const SIDES: readonly Side[] = ['buy', 'sell']
const TYPES: readonly OrderType[] = ['market', 'limit', 'stop', 'stop-limit']
const TIFS: readonly TimeInForce[] = ['day', 'gtc', 'ioc', 'fok']
const PHASES: readonly OrderPhase[] = ['new', 'sent', 'open', 'done']
const REASONS: readonly (DoneReason | undefined)[] = [
  undefined,
  'filled',
  'canceled',
  'rejected',
  'expired',
  'denied',
]
const ROLES: readonly (BracketRole | undefined)[] = [undefined, 'entry', 'stop', 'target']
const TYPE = 1
const TIF = 3
const PHASE = 5
const REASON = 7
const ROLE = 10
const POST_ONLY = 1 << 12
const REDUCE_ONLY = 1 << 13
const QUOTE = 1 << 14

/** Rows that a table begins with; it doubles. */
const FIRST_ROWS = 64

export class OrderRows {
  #numbers = new Float64Array(FIRST_ROWS * NUMBERS)
  readonly #words: (string | undefined)[] = []
  readonly #fills: FillIds[] = []
  readonly #free: number[] = []
  #size = 0

  /** Gives the row that it is kept in, until it is freed. */
  add(entry: Entry): number {
    const row = this.#free.pop() ?? this.#grow()
    this.set(row, entry)
    return row
  }

  set(row: number, { order, fills }: Entry): void {
    const numbers = this.#numbers
    const n = row * NUMBERS
    const { amending } = order
    numbers[n + SYMBOL] = order.symbol
    numbers[n + QTY] = order.qty
    numbers[n + LIMIT] = order.limit ?? NaN
    numbers[n + STOP] = order.stop ?? NaN
    numbers[n + FILLED] = order.filled
    numbers[n + AVG_PRICE] = order.avgPrice
    numbers[n + CANCEL_SENT_AT] = order.cancelSentAt ?? NaN
    numbers[n + AMEND_QTY] = amending?.qty ?? NaN
    numbers[n + AMEND_LIMIT] = amending?.limit ?? NaN
    numbers[n + AMENDED_AT] = amending?.at ?? NaN
    numbers[n + RESENT_AT] = order.resentAt ?? NaN
    numbers[n + CREATED_AT] = order.createdAt
    numbers[n + UPDATED_AT] = order.updatedAt
    numbers[n + KINDS] = kindsOf(order)
    const words = this.#words
    const w = row * WORDS
    words[w + ID] = order.id
    words[w + STRATEGY] = order.strategy
    words[w + GROUP] = order.group
    words[w + VENUE_ID] = order.venueId
    words[w + WHY] = order.why
    this.#fills[row] = fills
  }

  /** A copy as it was added, but that members which were undefined are not there. */
  at(row: number): Entry {
    return { order: this.#orderAt(row), fills: this.#fills[row] }
  }

  groupAt(row: number): OrderId | undefined {
    return this.#words[row * WORDS + GROUP] as OrderId | undefined
  }

  /** The row may be given to another order. */
  free(row: number): void {
    this.#words.fill(undefined, row * WORDS, (row + 1) * WORDS)
    this.#fills[row] = undefined
    this.#free.push(row)
  }

  #grow(): number {
    const row = this.#size++
    if (this.#size * NUMBERS > this.#numbers.length) {
      const numbers = new Float64Array(2 * this.#numbers.length)
      numbers.set(this.#numbers)
      this.#numbers = numbers
    }
    for (let i = 0; i < WORDS; i++) this.#words.push(undefined)
    this.#fills.push(undefined)
    return row
  }

  #orderAt(row: number): Order {
    const numbers = this.#numbers
    const n = row * NUMBERS
    const w = row * WORDS
    const kinds = numbers[n + KINDS]!
    const id = this.#words[w + ID] as OrderId | undefined
    const strategy = this.#words[w + STRATEGY]
    assert(id !== undefined && strategy !== undefined, () => `row ${row} has an order`)
    const order: { -readonly [K in keyof Order]: Order[K] } = {
      symbol: numbers[n + SYMBOL]! as SymbolId,
      side: SIDES[kinds & 1]!,
      type: TYPES[(kinds >> TYPE) & 3]!,
      qty: numbers[n + QTY]! as Qty,
      tif: TIFS[(kinds >> TIF) & 3]!,
      id,
      strategy,
      phase: PHASES[(kinds >> PHASE) & 3]!,
      filled: numbers[n + FILLED]! as Qty,
      avgPrice: numbers[n + AVG_PRICE]!,
      createdAt: numbers[n + CREATED_AT]! as Ms,
      updatedAt: numbers[n + UPDATED_AT]! as Ms,
    }
    const limit = numbers[n + LIMIT]! as Px
    const stop = numbers[n + STOP]! as Px
    const cancelSentAt = numbers[n + CANCEL_SENT_AT]! as Ms
    const resentAt = numbers[n + RESENT_AT]! as Ms
    const reason = REASONS[(kinds >> REASON) & 7]
    const role = ROLES[(kinds >> ROLE) & 3]
    const group = this.groupAt(row)
    const venueId = this.#words[w + VENUE_ID]
    const why = this.#words[w + WHY]
    if (!Number.isNaN(limit)) order.limit = limit
    if (!Number.isNaN(stop)) order.stop = stop
    if ((kinds & POST_ONLY) !== 0) order.postOnly = true
    if ((kinds & REDUCE_ONLY) !== 0) order.reduceOnly = true
    if ((kinds & QUOTE) !== 0) order.quote = true
    if (group !== undefined) order.group = group
    if (role !== undefined) order.role = role
    if (reason !== undefined) order.reason = reason
    if (why !== undefined) order.why = why
    if (venueId !== undefined) order.venueId = venueId
    if (!Number.isNaN(cancelSentAt)) order.cancelSentAt = cancelSentAt
    if (!Number.isNaN(resentAt)) order.resentAt = resentAt
    const at = numbers[n + AMENDED_AT]! as Ms
    if (!Number.isNaN(at)) {
      const qty = numbers[n + AMEND_QTY]! as Qty
      order.amending = { qty, limit: numbers[n + AMEND_LIMIT]! as Px, at }
    }
    return order
  }
}

function kindsOf(order: Order): number {
  let kinds =
    SIDES.indexOf(order.side) |
    (TYPES.indexOf(order.type) << TYPE) |
    (TIFS.indexOf(order.tif) << TIF) |
    (PHASES.indexOf(order.phase) << PHASE) |
    (REASONS.indexOf(order.reason) << REASON) |
    (ROLES.indexOf(order.role) << ROLE)
  if (order.postOnly === true) kinds |= POST_ONLY
  if (order.reduceOnly === true) kinds |= REDUCE_ONLY
  if (order.quote === true) kinds |= QUOTE
  return kinds
}

export const hasFill = (fills: FillIds, id: FillId): boolean =>
  typeof fills === 'object' ? fills.has(id) : fills === id

/** Takes the place of what was given, which several fills share. */
export function withFill(fills: FillIds, id: FillId): FillIds {
  if (fills === undefined || fills === id) return id
  return typeof fills === 'object' ? fills.add(id) : new Set([fills, id])
}

export function withoutFill(fills: FillIds, id: FillId): FillIds {
  if (typeof fills !== 'object') return fills === id ? undefined : fills
  fills.delete(id)
  return fills
}

export const fillList = (fills: FillIds): readonly FillId[] =>
  fills === undefined ? [] : typeof fills === 'object' ? [...fills] : [fills]
