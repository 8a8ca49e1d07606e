import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rsi } from './rsi.ts'

const last = (length: number, closes: readonly number[]) => {
  const strength = rsi(length)
  for (const close of closes) strength.push(close)
  return strength.value
}

test('is the share of rises in all movement', () => {
  assert.equal(last(2, [10, 13, 12]), 75)
  assert.equal(last(2, [10, 13, 12, 12]), 75)
  assert.equal(last(2, [10, 13, 12, 14]), 100 * (1.75 / 2))
})

test('is ready one push after its length, because it needs a change', () => {
  const strength = rsi(2)

  assert.deepEqual(
    [1, 2, 3].map((x) => [strength.push(x), strength.isReady]),
    [
      [NaN, false],
      [NaN, false],
      [100, true],
    ],
  )
})

test('is 100 where nothing fell, 0 where nothing rose and 50 where nothing moved', () => {
  assert.equal(last(3, [1, 2, 3, 4, 5]), 100)
  assert.equal(last(3, [5, 4, 3, 2, 1]), 0)
  assert.equal(last(3, [5, 5, 5, 5, 5]), 50)
})
