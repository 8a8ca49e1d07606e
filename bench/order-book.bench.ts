/*
 * Order books: 50 symbols at depth 50, kept from deltas of about four levels each, beside a bare book of two sorted
 * arrays a side that checks nothing. An update is a delta, with its sequence and its crossing checked and its top told.
 */
import { ms } from '../src/core/time.ts'
import { symbolId } from '../src/core/brand.ts'
import { type BookFrame, OrderBook } from '../src/core/order-book.ts'
import { integer, seeded } from '../src/core/random.ts'
import { type Bench, perSecond } from './bench.ts'

const SYMBOLS = 50
const DEPTH = 50

interface Update {
  readonly symbol: number
  readonly frame: BookFrame
}

export const bench: Bench = {
  name: 'order-book',
  unit: 'updates/s',
  goal: { atLeast: 500_000, ratioAtLeast: 0.5 },
  run: {
    skein: (size) => measured(size === 'full' ? 300_000 : 10_000, skeinBooks),
    reference: (size) => measured(size === 'full' ? 300_000 : 10_000, bareBooks),
  },
}

function measured(count: number, run: (updates: readonly Update[]) => number) {
  const updates = updatesOf(count)
  return perSecond(count, (time) => time(() => String(run(updates))))
}

function skeinBooks(updates: readonly Update[]): number {
  const books = Array.from(
    { length: SYMBOLS },
    (_, i) => new OrderBook({ symbol: symbolId(i), depth: 4 * DEPTH }),
  )
  let sum = 0
  for (const { symbol, frame } of updates) {
    const book = books[symbol]!
    book.apply(frame)
    sum += book.bids.priceAt(0) + book.asks.sizeAt(0)
  }
  return sum
}

/** Prices ascending, as anybody would write it. */
class BareSide {
  readonly prices: number[] = []
  readonly sizes: number[] = []

  set(price: number, size: number): void {
    let [low, high] = [0, this.prices.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.prices[middle]! < price) low = middle + 1
      else high = middle
    }
    if (this.prices[low] === price) {
      if (size > 0) this.sizes[low] = size
      else {
        this.prices.splice(low, 1)
        this.sizes.splice(low, 1)
      }
    } else if (size > 0) {
      this.prices.splice(low, 0, price)
      this.sizes.splice(low, 0, size)
    }
  }
}

function bareBooks(updates: readonly Update[]): number {
  const books = Array.from({ length: SYMBOLS }, () => [new BareSide(), new BareSide()] as const)
  let sum = 0
  for (const { symbol, frame } of updates) {
    const [bids, asks] = books[symbol]!
    for (let i = 0; i < frame.bids.length; i += 2) bids.set(frame.bids[i]!, frame.bids[i + 1]!)
    for (let i = 0; i < frame.asks.length; i += 2) asks.set(frame.asks[i]!, frame.asks[i + 1]!)
    sum += (bids.prices.at(-1) ?? NaN) + (asks.sizes[0] ?? 0)
  }
  return sum
}

/** Snapshots of all symbols, then deltas: most near the top, a fifth of them taking a level away, the top moving. */
function updatesOf(count: number): readonly Update[] {
  const random = seeded(7)
  const books = Array.from({ length: SYMBOLS }, (_, symbol) => ({
    symbol,
    top: 10_000,
    last: 1_000,
  }))
  const updates: Update[] = books.map(({ symbol, top, last }) => ({
    symbol,
    frame: {
      type: 'snapshot',
      first: last,
      last,
      ts: ms(0),
      bids: Array.from({ length: 2 * DEPTH }, (_, i) => (i % 2 === 0 ? top - i / 2 : 5)),
      asks: Array.from({ length: 2 * DEPTH }, (_, i) => (i % 2 === 0 ? top + 1 + i / 2 : 5)),
    },
  }))
  const size = (): number => (random() < 0.2 ? 0 : integer(random, 1, 1_000))
  const rank = (): number => 1 + Math.floor(random() ** 3 * (DEPTH - 2))
  while (updates.length < count) {
    const book = books[Math.floor(random() * SYMBOLS)]!
    const first = ++book.last
    // The best of both sides is always there, so that neither is ever empty.
    const [bids, asks] = [
      [book.top, integer(random, 1, 1_000)],
      [book.top + 1, integer(random, 1, 1_000)],
    ]
    if (random() < 0.2) {
      const up = random() < 0.5
      if (up) asks.splice(0, 2, book.top + 1, 0, book.top + 2, 3)
      else bids.splice(0, 2, book.top, 0, book.top - 1, 3)
      if (up) bids.splice(0, 2, book.top + 1, 4)
      else asks.splice(0, 2, book.top, 4)
      book.top += up ? 1 : -1
    } else {
      bids.push(book.top - rank(), size())
      asks.push(book.top + 1 + rank(), size())
    }
    updates.push({
      symbol: book.symbol,
      frame: { type: 'delta', first, last: first, bids, asks, ts: ms(updates.length) },
    })
  }
  return updates
}
