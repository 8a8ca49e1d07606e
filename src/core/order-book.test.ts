// The order book: what continues, what breaks, and when it may be trusted again.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { A } from '../testing/builders.ts'
import { type BookFrame, OrderBook, WAITING_MAX } from './order-book.ts'
import { ms } from './time.ts'

const frame = (
  type: BookFrame['type'],
  [first, last]: readonly [number, number],
  changes: Partial<BookFrame> = {},
): BookFrame => ({ type, first, last, bids: [], asks: [], ts: ms(last), ...changes })
const snapshot = (last: number, changes: Partial<BookFrame> = {}): BookFrame =>
  frame('snapshot', [last, last], { bids: [100, 1, 99, 2], asks: [101, 1, 102, 2], ...changes })
const delta = (first: number, last: number, changes: Partial<BookFrame> = {}): BookFrame =>
  frame('delta', [first, last], changes)
const book = (...frames: BookFrame[]): OrderBook => {
  const made = new OrderBook({ symbol: A })
  for (const one of frames) made.apply(one)
  return made
}
const top = ({ quote }: OrderBook): string =>
  quote === undefined ? 'none' : `${quote.bid} x ${quote.bidSize} | ${quote.ask} x ${quote.askSize}`

test('shows nothing before a snapshot', () => {
  const empty = book(delta(5, 5, { bids: [100, 1] }))
  assert.equal(top(empty), 'none')
  assert.ok(empty.wantsSnapshot)
})

test('takes levels in, changes them and takes them away', () => {
  const one = book(snapshot(10), delta(11, 11, { bids: [100.5, 3, 99, 0], asks: [101, 4] }))
  assert.equal(top(one), '100.5 x 3 | 101 x 4')
  assert.equal(one.bids.size, 2)
  assert.equal(one.bids.sizeOf(99), 0)
  assert.equal(one.bids.sum(2), 4)
})

test('says whether the top has changed', () => {
  const one = book(snapshot(10))
  assert.equal(one.apply(delta(11, 11, { bids: [99, 5] })), false)
  assert.equal(one.apply(delta(12, 12, { bids: [100, 5] })), true)
  assert.equal(one.apply(delta(13, 13, { asks: [101, 0] })), true)
})

test('drops what it holds already', () => {
  const one = book(snapshot(10), delta(9, 10, { bids: [100, 0] }))
  assert.equal(top(one), '100 x 1 | 101 x 1')
  assert.equal(one.statistics.dropped, 1)
})

test('applies what came before the snapshot and reaches beyond it', () => {
  const early = [delta(7, 8, { bids: [100, 9] }), delta(9, 12, { bids: [100, 5] }), delta(13, 13)]
  const one = book(...early, snapshot(10))
  assert.equal(top(one), '100 x 5 | 101 x 1')
  assert.equal(one.last, 13)
})

test('wants another snapshot where the first is older than all deltas that came', () => {
  const one = book(delta(15, 15, { bids: [100, 7] }), snapshot(10))
  assert.equal(one.fault, 'old-snapshot')
  assert.equal(top(one), 'none')
  one.apply(snapshot(14))
  assert.equal(top(one), '100 x 7 | 101 x 1')
})

test('breaks on a gap, shows nothing, and is good again with a snapshot that closes it', () => {
  const one = book(snapshot(10), delta(12, 12, { bids: [100, 7] }))
  assert.equal(one.fault, 'gap')
  assert.equal(top(one), 'none')
  one.apply(delta(13, 13, { asks: [101, 8] }))
  one.apply(snapshot(11))
  assert.equal(top(one), '100 x 7 | 101 x 8')
})

test('follows the count of the frame before, where the venue tells it', () => {
  const one = book(snapshot(10), delta(20, 25, { previous: 10 }), delta(40, 41, { previous: 25 }))
  assert.ok(one.isGood)
  one.apply(delta(42, 43, { previous: 40 }))
  assert.equal(one.fault, 'gap')
})

test('breaks where bid and ask cross', () => {
  const one = book(snapshot(10), delta(11, 11, { bids: [101, 1] }))
  assert.equal(one.fault, 'crossed')
  assert.equal(top(one), 'none')
})

test('breaks where the checksum is another one', () => {
  const checked = new OrderBook({ symbol: A, checksum: ({ bids }) => bids.sum(10) })
  checked.apply(snapshot(10, { checksum: 3 }))
  assert.ok(checked.isGood)
  checked.apply(delta(11, 11, { bids: [98, 1], checksum: 5 }))
  assert.equal(checked.fault, 'checksum')
})

test('begins anew where the count begins again at 1', () => {
  const one = book(snapshot(10), delta(1, 1, { bids: [90, 1], asks: [91, 1] }))
  assert.equal(top(one), '90 x 1 | 91 x 1')
  one.apply(delta(2, 2, { bids: [90, 2] }))
  assert.equal(top(one), '90 x 2 | 91 x 1')
})

test('is stale where nothing was heard of it', () => {
  const one = book(snapshot(10))
  assert.equal(one.isStale(ms(1_010), 1_000), false)
  assert.equal(one.isStale(ms(1_011), 1_000), true)
})

test('forgets all with the connection', () => {
  const one = book(snapshot(10))
  one.reset()
  assert.equal(top(one), 'none')
  assert.equal(one.fault, undefined)
})

test('lets no more than so many deltas wait', () => {
  const one = book()
  for (let i = 1; i <= WAITING_MAX + 5; i++) one.apply(delta(i + 1, i + 1))
  assert.equal(one.statistics.faults.overflow, 1)
  one.apply(snapshot(WAITING_MAX + 1))
  assert.ok(one.isGood)
})

test('forgets the worst level where there are more than its depth', () => {
  const small = new OrderBook({ symbol: A, depth: 2 })
  small.apply(snapshot(10))
  small.apply(delta(11, 11, { bids: [100.5, 1], asks: [101.5, 1] }))
  assert.deepEqual([small.bids.priceAt(0), small.bids.priceAt(1), small.bids.size], [100.5, 100, 2])
  assert.deepEqual([small.asks.priceAt(0), small.asks.priceAt(1)], [101, 101.5])
})

test('holds the same levels as a map of prices, in order', () => {
  const levels = fc.array(
    fc.tuple(fc.boolean(), fc.integer({ min: 1, max: 300 }), fc.integer({ min: 0, max: 5 })),
    { maxLength: 400 },
  )
  fc.assert(
    fc.property(levels, (changes) => {
      const one = book(frame('snapshot', [0, 0]))
      const maps = [new Map<number, number>(), new Map<number, number>()] as const
      for (const [i, [isBid, price, size]] of changes.entries()) {
        // Asks begin above all bids, so that the book never crosses.
        const at = isBid ? price : price + 300
        one.apply(delta(i + 1, i + 1, isBid ? { bids: [at, size] } : { asks: [at, size] }))
        const map = maps[isBid ? 0 : 1]
        if (size > 0) map.set(at, size)
        else map.delete(at)
      }
      for (const [side, map] of [one.bids, one.asks].map((side, i) => [side, maps[i]!] as const)) {
        const told = Array.from({ length: side.size }, (_, i) => [side.priceAt(i), side.sizeAt(i)])
        const sign = side === one.bids ? -1 : 1
        assert.deepEqual(
          told,
          [...map].toSorted(([a], [b]) => sign * (a - b)),
        )
      }
    }),
  )
})
