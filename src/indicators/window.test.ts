import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { window } from './window.ts'

const lengths = fc.integer({ min: 1, max: 12 })
const prices = fc.array(fc.integer({ min: -1_000, max: 1_000 }), { maxLength: 60 })

test('agrees with a slice of the list after every push', () => {
  fc.assert(
    fc.property(lengths, prices, (length, all) => {
      const ring = window(length)
      for (let n = 1; n <= all.length; n++) {
        ring.push(all[n - 1]!)
        const held = all.slice(Math.max(0, n - length), n)

        assert.equal(ring.size, held.length)
        assert.equal(ring.isFull, n >= length)
        assert.equal(
          ring.sum,
          held.reduce((sum, x) => sum + x, 0),
        )
        assert.equal(ring.mean, ring.sum / held.length)
        assert.equal(ring.min, Math.min(...held))
        assert.equal(ring.max, Math.max(...held))
        assert.deepEqual(
          held.map((_, back) => ring.at(back)),
          held.toReversed(),
        )
      }
    }),
  )
})

test('forgets a large value wholly when it leaves', () => {
  const ring = window(3)
  for (const x of [0.1, 1e16, 0.2, 0.3, 0.4]) ring.push(x)

  assert.equal(ring.sum, 0.2 + (0.3 + 0.4))
  assert.equal(ring.max, 0.4)
})

test('is empty at first', () => {
  const ring = window(3)

  assert.deepEqual([ring.size, ring.sum, ring.mean, ring.min, ring.max], [0, 0, NaN, NaN, NaN])
})

test('refuses to be asked for what it does not hold', () => {
  const ring = window(3)
  ring.push(1)

  assert.equal(ring.at(0), 1)
  for (const back of [1, -1, 0.5, NaN]) assert.throws(() => ring.at(back), /a window of 1 values/)
})
