import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { cross, crossed } from './cross.ts'
import { sma } from './sma.ts'

const crossings = (fast: number, slow: number, closes: readonly number[]) => {
  const pair = cross(sma(fast), sma(slow))
  return closes.map((close) => pair.push(close))
}

test('tells the bar on which the fast average goes through the slow one', () => {
  assert.deepEqual(crossings(1, 2, [5, 4, 3, 4, 5, 4]), [0, 0, 0, 1, 0, -1])
})

test('says nothing on the first push with both ready, wherever they stand', () => {
  assert.deepEqual(crossings(1, 3, [1, 2, 9, 10]), [0, 0, 0, 0])
  assert.deepEqual(crossings(1, 3, [1, 2, 9, 0]), [0, 0, 0, -1])
})

test('crosses from equal in either direction, and again after a touch', () => {
  assert.deepEqual(crossings(1, 2, [5, 5, 6]), [0, 0, 1])
  assert.deepEqual(crossings(1, 2, [5, 5, 4]), [0, 0, -1])
  assert.deepEqual(crossings(1, 2, [5, 5, 6, 6, 7]), [0, 0, 1, 0, 1])
})

test('keeps silent in a market that stands still, whatever the sums round to', () => {
  const prices = fc.integer({ min: 1, max: 1_000_000 })
  const starts = fc.array(prices, { maxLength: 80 })
  fc.assert(
    fc.property(prices, starts, (cents, start) => {
      const pair = cross(sma(10), sma(30))
      for (const x of start) pair.push(x / 100)
      for (let n = 0; n < 30; n++) pair.push(cents / 100)

      for (let n = 0; n < 100; n++) assert.equal(pair.push(cents / 100), 0)
    }),
  )
})

test('agrees with whole-number averages, which cannot round', () => {
  const closes = fc.array(fc.integer({ min: 9_990, max: 10_010 }), { maxLength: 120 })
  fc.assert(
    fc.property(closes, (all) => {
      // The sign of mean(3) - mean(7) from sums of cents: 7 × the one less 3 × the other.
      const sum = (n: number, length: number) =>
        all.slice(n - length + 1, n + 1).reduce((total, x) => total + x, 0)
      const side = (n: number) => (n < 6 ? NaN : Math.sign(7 * sum(n, 3) - 3 * sum(n, 7)))
      const expected = all.map((_, n) =>
        side(n - 1) <= 0 && side(n) > 0 ? 1 : side(n - 1) >= 0 && side(n) < 0 ? -1 : 0,
      )

      assert.deepEqual(
        crossings(
          3,
          7,
          all.map((x) => x / 100),
        ),
        expected,
      )
    }),
  )
})

test('gives the same answer for averages that are pushed elsewhere', () => {
  assert.equal(crossed({ fastBefore: 1, slowBefore: 2, fast: 3, slow: 2 }), 1)
  assert.equal(crossed({ fastBefore: 3, slowBefore: 2, fast: 1, slow: 2 }), -1)
  assert.equal(crossed({ fastBefore: 3, slowBefore: 2, fast: 4, slow: 2 }), 0)
  assert.equal(crossed({ fastBefore: NaN, slowBefore: 2, fast: 3, slow: 2 }), 0)
})
