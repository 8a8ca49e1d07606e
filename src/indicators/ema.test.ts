import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ema, wilder } from './ema.ts'

test('is seeded with the mean and then moves 2 / (length + 1) of the way', () => {
  const average = ema(3)

  assert.deepEqual(
    [1, 2, 6, 5, 0].map((x) => average.push(x)),
    [NaN, NaN, 3, 4, 2],
  )
})

test("moves 1 / length of the way where it is Wilder's", () => {
  const average = wilder(4)

  assert.deepEqual(
    [1, 2, 3, 2, 6, 3].map((x) => average.push(x)),
    [NaN, NaN, NaN, 2, 3, 3],
  )
})

test('stays at a price that stands still', () => {
  const average = ema(7)
  for (let n = 0; n < 1_000; n++) average.push(0.1)

  assert.ok(Math.abs(average.value - 0.1) < 1e-16)
})
