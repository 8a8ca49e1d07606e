// Known: an id is executed once, and a long run costs no memory.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { orderId } from '../../core/brand.ts'
import { Known } from './known.ts'

const knownOf = (...ids: string[]): Known => {
  const known = new Known()
  for (const id of ids) known.add(orderId(id))
  return known
}

test('every id that came is known, and one that may still come is not', () => {
  const known = knownOf('sma-k3x-1', 'sma-k3x-z', 'sma-k3x-10', 'order', 'a-b', 'sma-k3x-01', '-5')

  for (const id of ['sma-k3x-1', 'sma-k3x-z', 'sma-k3x-10', 'order', 'a-b', 'sma-k3x-01', '-5'])
    assert.ok(known.has(orderId(id)), id)
  for (const id of [
    '-4',
    'sma-k3x-11',
    'sma-k3y-1',
    'other-k3x-1',
    'a-c',
    'sma-k3x-001',
    'sma-k3x-A',
  ])
    assert.ok(!known.has(orderId(id)), id)
})

test('a number that others of its run have passed is refused, whether it came or not', () => {
  const known = knownOf('sma-k3x-5')

  assert.ok(known.has(orderId('sma-k3x-4')))
})

test('a hundred thousand orders of a run are remembered as one number', () => {
  const known = new Known()

  for (let n = 1; n <= 100_000; n++) known.add(orderId(`sma-k3x-${n.toString(36)}`))

  assert.deepEqual(known.capture(), { highest: [['sma-k3x', 100_000]], uncounted: [] })
})

test('a restored memory knows what it knew', () => {
  const known = knownOf('sma-k3x-5', 'order')
  const restored = new Known()

  restored.restore(JSON.parse(JSON.stringify(known.capture())))

  assert.deepEqual(restored.capture(), known.capture())
  assert.ok(restored.has(orderId('sma-k3x-5')) && restored.has(orderId('order')))
})
