// The buffers of pages: what is packed is unpacked, and memory is taken again only where nobody reads it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type BarColumns, barColumns } from '../core/columns.ts'
import { PagePacker, unpackSeries } from './packed-pages.ts'

/** Every cell tells where it is. */
function barsOf(length: number, first: number): BarColumns {
  const bars = barColumns(length)
  for (let i = 0; i < length; i++) {
    bars.start[i] = first + i
    bars.open[i] = first + i + 0.1
    bars.high[i] = first + i + 0.2
    bars.low[i] = first + i + 0.3
    bars.close[i] = first + i + 0.4
    bars.volume[i] = first + i + 0.5
    bars.trades[i] = first + i + 0.6
    bars.filled[i] = (first + i) % 2
  }
  return bars
}

const page = (...lengths: readonly number[]) =>
  lengths.map((length, i) => ({ symbol: `S${i}`, bars: barsOf(length, 100 * i) }))

test('gives the series back as they were packed, also of a page without bars', () => {
  const packer = new PagePacker()

  for (const series of [page(3, 1, 0, 7), page()])
    assert.deepEqual(unpackSeries(packer.pack(series)), series)
})

test('takes a buffer again that was given back, for a page that is not longer', () => {
  const packer = new PagePacker()
  const long = packer.pack(page(5, 5))
  packer.giveBack(long)

  const short = packer.pack(page(4))
  const other = packer.pack(page(4))

  assert.equal(short.all.buffer, long.all.buffer)
  assert.notEqual(other.all.buffer, long.all.buffer)
  // What the longer page has left behind is not seen.
  assert.deepEqual(unpackSeries(short), page(4))
})

test('takes a new buffer for a page that is longer', () => {
  const packer = new PagePacker()
  packer.giveBack(packer.pack(page(5)))

  assert.deepEqual(unpackSeries(packer.pack(page(6))), page(6))
})
