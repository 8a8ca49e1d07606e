/*
 * Order books kept from recorded diff streams: BTCUSDT, spot and perpetual, of one venue, 2024-08-08 23:54 to 24:00.
 *
 * Depth frames come before the snapshot that they continue, and the ones that straddle it must be applied after it.
 * Whoever drops all of them has a level that is no longer there, and a book that crosses a minute and a half later.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, it } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { symbolId } from '../src/core/brand.ts'
import { type BookFrame, OrderBook } from '../src/core/order-book.ts'
import { ms } from '../src/core/time.ts'
import { recorded, SKIPPED } from './cli/skein.ts'

const CAPTURES = recorded('crypto_l2_binance_2024-08')

type Levels = readonly (readonly [string, string])[]
interface Snapshot {
  readonly lastUpdateId: number
  readonly bids: Levels
  readonly asks: Levels
}
interface Depth {
  readonly data: {
    readonly E: number
    readonly U: number
    readonly u: number
    readonly pu?: number
    readonly b: Levels
    readonly a: Levels
  }
}

const flat = (levels: Levels): Float64Array => Float64Array.from(levels.flat(), Number)

/** Depth frames and the snapshot, in the order in which they were received. */
function framesOf(file: string): readonly BookFrame[] {
  const frames: BookFrame[] = []
  let ts = ms(0)
  for (const line of gunzipSync(readFileSync(join(CAPTURES!, file)))
    .toString()
    .split('\n')) {
    const text = line.slice(line.indexOf(' ') + 1)
    if (text.includes('"lastUpdateId"')) {
      const { lastUpdateId: last, bids, asks } = JSON.parse(text) as Snapshot
      const levels = { bids: flat(bids), asks: flat(asks) }
      frames.push({ type: 'snapshot', first: last, last, ...levels, ts })
    } else if (text.includes('@depth')) {
      const { E, U, u, pu, b, a } = (JSON.parse(text) as Depth).data
      ts = ms(E)
      const levels = { bids: flat(b), asks: flat(a) }
      const frame = { type: 'delta', first: U, last: u, ...levels, ts } as const
      frames.push(pu === undefined ? frame : { ...frame, previous: pu })
    }
  }
  return frames
}

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
