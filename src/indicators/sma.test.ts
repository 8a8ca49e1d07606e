import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seeded } from '../core/random.ts'
import { sma } from './sma.ts'

test('is the mean of the last values', () => {
  const average = sma(3)

  assert.deepEqual(
    [1, 2, 6, 4, 5].map((x) => average.push(x)),
    [NaN, NaN, 3, 4, 5],
  )
})

test('is the value itself at a length of 1', () => {
  const average = sma(1)

  assert.deepEqual(
    [3, 1, 2].map((x) => average.push(x)),
    [3, 1, 2],
  )
})

test('does not drift over a million pushes, however large the values between', () => {
  const random = seeded(1)
  const average = sma(50)
  const last: number[] = []
  for (let n = 0; n < 1_000_000; n++) {
    // A wild print every 1,000: a running sum that subtracts would keep its rounding for ever.
    const x = n % 1_000 === 0 ? 1e15 * random() : 500 + random()
    average.push(x)
    if (n >= 999_950) last.push(x)
  }

  const exact = last.reduce((sum, x) => sum + x, 0) / 50
  assert.ok(Math.abs(average.value - exact) <= 1e-13 * exact)
})
