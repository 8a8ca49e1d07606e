import assert from 'node:assert/strict'
import { test } from 'node:test'
import { vwap } from './vwap.ts'

test('weighs prices by volume', () => {
  const average = vwap()

  assert.deepEqual([average.push(10, 1), average.push(20, 3)], [10, 17.5])
})

test('is unmoved by a price without volume, and not ready by one', () => {
  const average = vwap()
  assert.equal(average.push(99, 0), NaN)
  assert.equal(average.isReady, false)

  average.push(10, 2)

  assert.equal(average.push(99, 0), 10)
  assert.equal(average.isReady, true)
})

test('starts again after a reset', () => {
  const average = vwap()
  average.push(10, 1_000)

  average.reset()

  assert.deepEqual([average.isReady, average.value], [false, NaN])
  assert.equal(average.push(20, 1), 20)
})

test('stays at a price that stands still, over any volumes', () => {
  const average = vwap()
  for (let n = 1; n < 10_000; n++) average.push(0.1, n * 7.3)

  assert.equal(average.value, 0.1)
})

test('refuses a volume below zero or without end', () => {
  for (const volume of [-1, NaN, Infinity]) {
    assert.throws(() => vwap().push(10, volume), /a volume is finite and not below zero/)
  }
})
