// Rows of COPY, read back as the server reads them.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type BarColumns, barColumns } from '../core/columns.ts'
import { copyInto, CopyRows, type NumberedSeries } from './postgres-copy.ts'

const ABOUT = { timeframeMs: 86_400_000, source: 2 }

/** Every cell tells where it is. */
function barsOf(length: number, first: number): BarColumns {
  const bars = barColumns(length)
  for (let i = 0; i < length; i++) {
    bars.start[i] = 1_735_828_200_000 + (first + i) * 60_000
    bars.open[i] = first + i + 0.1
    bars.high[i] = first + i + 0.2
    bars.low[i] = -0
    bars.close[i] = 1e-300
    bars.volume[i] = first + i + 0.5
    bars.trades[i] = i === 0 ? 0 : Number.MAX_SAFE_INTEGER - i
    bars.filled[i] = i % 2
  }
  return bars
}

const page = (...lengths: readonly number[]): NumberedSeries[] =>
  lengths.map((length, i) => ({ id: 70_000 + i, bars: barsOf(length, 100 * i) }))

/** The fields of each row, as the server reads them. */
function read(bytes: Buffer): bigint[][] {
  let at = 0
  const whole = (length: number): number => bytes.readIntBE((at += length) - length, length)
  assert.equal(String.fromCharCode(whole(1)), 'd')
  const end = 1 + whole(4)
  assert.equal(bytes.toString('latin1', at, (at += 11)), 'PGCOPY\n\xff\r\n\0')
  assert.deepEqual([whole(4), whole(4)], [0, 0])
  const rows: bigint[][] = []
  for (let count = whole(2); count >= 0; count = whole(2)) {
    const row = Array.from({ length: count }, () => {
      const length = whole(4)
      const field = bytes.subarray(at, (at += length))
      return BigInt.asIntN(8 * length, BigInt(`0x${field.toString('hex')}`))
    })
    rows.push(row)
  }
  assert.equal(at, end)
  assert.deepEqual([...bytes.subarray(at)], [0x63, 0, 0, 0, 4])
  return rows
}

const bitsOf = (value: number): bigint => new BigInt64Array(new Float64Array([value]).buffer)[0]!

const expected = (series: readonly NumberedSeries[]): bigint[][] =>
  series.flatMap(({ id, bars }) =>
    Array.from({ length: bars.length }, (_, i) => [
      ...[id, ABOUT.timeframeMs, ABOUT.source, bars.filled[i]!, bars.start[i]!].map(BigInt),
      ...[bars.open, bars.high, bars.low, bars.close, bars.volume].map((column) =>
        bitsOf(column[i]!),
      ),
      BigInt(bars.trades[i]!),
    ]),
  )

test('writes the rows of all series one after the other, each bit of them', () => {
  const series = page(3, 1, 0, 7)

  const bytes = new CopyRows().write(series, ABOUT)

  assert.deepEqual(read(bytes), expected(series))
  assert.match(copyInto('bars'), /^copy bars \(symbol_id, timeframe, source, filled, start, open,/)
})

test('writes a page to the memory of the one before, of which nothing is left', () => {
  const rows = new CopyRows()
  const long = rows.write(page(9, 9), ABOUT)

  for (const series of [page(2), page(), page(4, 5)]) {
    const bytes = rows.write(series, ABOUT)
    assert.equal(bytes.buffer, long.buffer)
    assert.deepEqual(read(bytes), expected(series))
  }
})

test('takes more memory for a page that is longer', () => {
  const rows = new CopyRows()
  rows.write(page(9), ABOUT)

  assert.deepEqual(read(rows.write(page(9, 10), ABOUT)), expected(page(9, 10)))
})
