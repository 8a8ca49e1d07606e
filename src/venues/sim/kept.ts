/*
 * Kept: the last orders that have ended and the last fills, for reports. They are rows of numbers and words, because
 * orders end often and reports are few: kept as objects, a collection would copy all of them each time.
 */
import type { FillId, Ms, OrderId, Px, Qty, SymbolId } from '../../core/brand.ts'
import type { VenueReport } from '../../core/venue.ts'
import type { Working } from './working.ts'

/** Finished orders and fills that a report shows: older ones are forgotten. */
export const REPORTED_MAX = 1_000

export type ReportedFill = VenueReport['fills'][number]
/** What is told of an order. */
export type Filed = Readonly<
  Pick<Working, 'id' | 'venueId' | 'symbol' | 'side' | 'qty' | 'filled' | 'limit'>
>

/** Rows of so many numbers and two words. The older half goes when they have doubled, so that no row is dear. */
class Rows {
  readonly width: number
  readonly numbers: Float64Array
  readonly words: string[] = []

  constructor(width: number) {
    this.width = width
    this.numbers = new Float64Array(2 * REPORTED_MAX * width)
  }

  get length(): number {
    return this.words.length / 2
  }

  /** Where the numbers of a new row begin. */
  add(one: string, other: string): number {
    this.words.push(one, other)
    return (this.length - 1) * this.width
  }

  trim(): void {
    if (this.length < 2 * REPORTED_MAX) return
    this.words.splice(0, 2 * REPORTED_MAX)
    this.numbers.copyWithin(0, REPORTED_MAX * this.width)
  }

  clear(): void {
    this.words.length = 0
  }
}

export class KeptOrders {
  /** Symbol, 1 to buy and -1 to sell, quantity, what was filled, and the limit or NaN. */
  readonly #rows = new Rows(5)

  add({ id, venueId, symbol, side, qty, filled, limit }: Filed): void {
    const rows = this.#rows
    const at = rows.add(id, venueId)
    rows.numbers[at] = symbol
    rows.numbers[at + 1] = side === 'buy' ? 1 : -1
    rows.numbers[at + 2] = qty
    rows.numbers[at + 3] = filled
    rows.numbers[at + 4] = limit ?? NaN
    rows.trim()
  }

  /** The venue's id of an order, of the latest where several had its id. */
  venueIdOf(id: OrderId): string | undefined {
    const { words } = this.#rows
    for (let i = words.length - 2; i >= 0; i -= 2) if (words[i] === id) return words[i + 1]
    return undefined
  }

  /** Oldest first. */
  get all(): Filed[] {
    const { words, numbers, width, length } = this.#rows
    return Array.from({ length }, (_, i) => {
      const [symbol, way, qty, filled, limit] = numbers.subarray(i * width, (i + 1) * width)
      const order: Filed = {
        id: words[2 * i]! as OrderId,
        venueId: words[2 * i + 1]!,
        symbol: symbol as SymbolId,
        side: way === 1 ? 'buy' : 'sell',
        qty: qty as Qty,
        filled: filled as Qty,
      }
      return Number.isNaN(limit) ? order : { ...order, limit: limit as Px }
    })
  }

  restore(orders: readonly Filed[]): void {
    this.#rows.clear()
    for (const order of orders) this.add(order)
  }
}

export class KeptFills {
  /** Quantity, price and time. */
  readonly #rows = new Rows(3)

  add({ id, order, qty, price, ts }: ReportedFill): void {
    const rows = this.#rows
    const at = rows.add(id, order)
    rows.numbers[at] = qty
    rows.numbers[at + 1] = price
    rows.numbers[at + 2] = ts
    rows.trim()
  }

  /** Oldest first. */
  get all(): ReportedFill[] {
    const { words, numbers, width, length } = this.#rows
    return Array.from({ length }, (_, i) => {
      const [qty, price, ts] = numbers.subarray(i * width, (i + 1) * width)
      const [id, order] = [words[2 * i]! as FillId, words[2 * i + 1]!]
      return { id, order, qty: qty as Qty, price: price!, ts: ts as Ms }
    })
  }

  restore(fills: readonly ReportedFill[]): void {
    this.#rows.clear()
    for (const fill of fills) this.add(fill)
  }
}
