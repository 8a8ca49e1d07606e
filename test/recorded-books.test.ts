/*
 * Order books kept from recorded diff streams: BTCUSDT, spot and perpetual, of one venue, 2024-08-08 23:54 to 24:00.
 *
 * Depth frames come before the snapshot that they continue, and the ones that straddle it must be applied after it.
 * Whoever drops all of them has a level that is no longer there, and a book that crosses a minute and a half later.
 */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { symbolId } from '../src/core/brand.ts'
import { type BookFrame, OrderBook } from '../src/core/order-book.ts'
import { SKIPPED } from './cli/skein.ts'
import { CAPTURES, framesOf } from './quoting/captures.ts'

/** Deep enough that no level of the captures is forgotten. */
const bookOf = (): OrderBook => new OrderBook({ symbol: symbolId(0), depth: 20_000 })

const SETS = [
  { file: 'usdm_btcusdt_20240808.gz', frames: 6_551, straddling: 2, best: [61_659.7, 61_659.8] },
  { file: 'spot_btcusdt_20240808.gz', frames: 3_451, straddling: 1, best: [61_685.99, 61_686] },
]

for (const { file, frames: count, straddling, best } of SETS) {
  describe(`books of ${file}`, { skip: CAPTURES === undefined ? SKIPPED : false }, () => {
    let frames: readonly BookFrame[] = []
    let snapshotAt = 0
    before(() => {
      frames = framesOf(file)
      snapshotAt = frames.findIndex(({ type }) => type === 'snapshot')
    })

    it('has no gap and never crosses, and ends at the best prices that are known', () => {
      const book = bookOf()
      for (const [i, frame] of frames.entries()) {
        book.apply(frame)
        assert.equal(book.isGood, i >= snapshotAt, `after frame ${i}`)
      }
      const { statistics, quote } = book
      assert.deepEqual([quote?.bid, quote?.ask], best)
      assert.equal(frames.length - 1, count)
      assert.deepEqual(Object.values(statistics.faults), [0, 0, 0, 0, 0])
      assert.equal(snapshotAt - statistics.dropped, straddling, 'frames that straddle the snapshot')
    })

    it('says at once that what came before the snapshot is missing', () => {
      const book = bookOf()
      for (const frame of frames.slice(snapshotAt)) {
        book.apply(frame)
        if (frame.type === 'delta') break
      }
      assert.equal(book.fault, 'gap')
    })

    it('breaks at a frame that is lost, and shows nothing from there on', () => {
      const book = bookOf()
      const lost = snapshotAt + 1_000
      for (const [i, frame] of frames.entries()) {
        if (i === lost) continue
        book.apply(frame)
        if (i > snapshotAt) assert.equal(book.quote === undefined, i > lost)
      }
      assert.equal(book.statistics.faults.gap, 1)
    })
  })
}

describe('a stale level of a book', { skip: CAPTURES === undefined ? SKIPPED : false }, () => {
  it('makes it cross later, where the count of frames does not tell', () => {
    const frames = framesOf('spot_btcusdt_20240808.gz')
    const snapshotAt = frames.findIndex(({ type }) => type === 'snapshot')
    const book = bookOf()
    // The frames before the snapshot are dropped, and those after it are counted as if nothing was missing.
    let crossedAt: number | undefined
    let n = frames[snapshotAt]!.last
    book.apply(frames[snapshotAt]!)
    for (const { previous: _count, ...frame } of frames.slice(snapshotAt + 1)) {
      n++
      book.apply({ ...frame, first: n, last: n })
      if (book.fault !== 'crossed') continue
      crossedAt = frame.ts
      break
    }
    assert.ok(crossedAt !== undefined)
    assert.deepEqual([book.bids.priceAt(0), book.asks.priceAt(0)], [61_820.99, 61_817.4])
    const seconds = (crossedAt - frames[snapshotAt]!.ts) / 1_000
    assert.ok(seconds > 86 && seconds < 89, `it crosses after ${seconds} s`)
  })
})
