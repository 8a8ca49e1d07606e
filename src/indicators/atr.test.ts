import assert from 'node:assert/strict'
import { test } from 'node:test'
import { atr } from './atr.ts'

test('begins with high less low and then counts gaps on either side', () => {
  const range = atr(1)

  assert.equal(range.push(12, 10, 11), 2)
  assert.equal(range.push(15, 14, 14), 4)
  assert.equal(range.push(9, 8, 9), 6)
  assert.equal(range.push(10, 8, 9), 2)
})

test('is the mean of the first ranges, then moves one part in length', () => {
  const range = atr(2)

  assert.deepEqual(
    [range.push(12, 10, 10), range.push(14, 10, 10), range.push(17, 10, 10)],
    [NaN, 3, 5],
  )
})

test('refuses a bar whose high is below its low', () => {
  assert.throws(() => atr(2).push(9, 10, 9.5), /the high of a bar is not below its low: 9 and 10/)
})
