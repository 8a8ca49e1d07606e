// Chunks give back what was put into them to the last bit, or say beforehand that they cannot.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { type BarColumns, barColumns } from '../core/columns.ts'
import { CHUNK_BARS, ChunkWriter, readChunk, unitsOf } from './chunk-text.ts'

const NAMES = ['start', 'open', 'high', 'low', 'close', 'volume', 'trades', 'filled'] as const

/** Whole numbers, small ones and such as are too big for a chunk alike. */
const whole = fc.oneof(fc.nat(99), fc.nat(1e9), fc.nat({ max: 2 ** 50 }), fc.maxSafeNat())
const unit = fc.constantFrom(1, 10, 100, 10_000, 1e8)
const bar = fc.record({
  step: fc.oneof(fc.constant(60_000), fc.integer({ min: 1, max: 1e12 })),
  prices: fc.tuple(whole, whole, whole, whole),
  volume: whole,
  trades: fc.oneof(fc.nat(1e6), fc.maxSafeNat()),
})

const written = (bars: BarColumns, from = 0, to = bars.length) => {
  const units = unitsOf(bars)
  assert.ok(units)
  return new ChunkWriter().write(bars, units, from, to)
}

test('a chunk gives back its bars to the last bit', () => {
  const some = fc.array(bar, { minLength: 1, maxLength: 50 })
  fc.assert(
    fc.property(some, unit, unit, (rows, priceUnit, volumeUnit) => {
      const bars = barColumns(rows.length)
      let start = 0
      for (const [i, { step, prices, volume, trades }] of rows.entries()) {
        bars.start[i] = start += step
        for (const [k, name] of (['open', 'high', 'low', 'close'] as const).entries())
          bars[name][i] = prices[k]! / priceUnit
        bars.volume[i] = volume / volumeUnit
        bars.trades[i] = trades
      }
      const units = unitsOf(bars)
      // One that is too big, or has no unit, is for rows.
      if (units === undefined) return
      const chunk = written(bars)
      const into = barColumns(rows.length + 2)
      into.filled.fill(1)

      readChunk({ ...chunk, text: chunk.text.slice() }, into, 1)

      for (const name of NAMES)
        assert.deepEqual([...into[name].subarray(1, rows.length + 1)], [...bars[name]], name)
    }),
    { numRuns: 2_000 },
  )
})

const minutes = (count: number, price = (i: number): number => 100 + (i % 7) / 100): BarColumns => {
  const bars = barColumns(count)
  for (let i = 0; i < count; i++) {
    bars.start[i] = i * 60_000
    for (const name of ['open', 'high', 'low', 'close'] as const) bars[name][i] = price(i)
    bars.volume[i] = i
  }
  return bars
}

test('prices in cents and whole volumes take less than half of what rows take', () => {
  const bars = minutes(CHUNK_BARS)

  assert.deepEqual(unitsOf(bars), { price: 100, volume: 1 })
  assert.ok(written(bars).text.length < 32 * CHUNK_BARS)
})

for (const [what, change] of [
  ['a price with more than eight places', (bars: BarColumns) => bars.close.fill(1 / 3, 5, 6)],
  ['a price that no unit has', (bars: BarColumns) => bars.open.fill(0.1 + 0.2, 5, 6)],
  ['a volume that is not counted', (bars: BarColumns) => bars.volume.fill(Math.PI, 9, 10)],
  ['a volume above 2^49', (bars: BarColumns) => bars.volume.fill(2 ** 49 + 2, 9, 10)],
  [
    'a big price beside one in small units',
    (bars: BarColumns) => {
      bars.open.fill(5e12, 3, 4)
      bars.open.fill(1e-8, 9, 10)
    },
  ],
  ['a bar that was filled', (bars: BarColumns) => bars.filled.fill(1, 3, 4)],
] as const) {
  test(`${what} is for rows`, () => {
    const bars = minutes(20)
    change(bars)

    assert.equal(unitsOf(bars), undefined)
  })
}

test('a chunk that is damaged is not read', () => {
  const chunk = written(minutes(40))
  const text = Buffer.from(chunk.text)
  const into = barColumns(40)
  const other = Buffer.from(text.toString().replace('10003,', '90003,'))
  assert.notDeepEqual(other, text)

  for (const damaged of [text.subarray(0, -9), other, Buffer.alloc(text.length), Buffer.alloc(0)]) {
    assert.throws(() => readChunk({ ...chunk, text: damaged }, into, 0), {
      message: 'a chunk of 40 bars from 0 to 2340000 has another checksum than it was given',
      errcode: 11,
    })
  }
})
