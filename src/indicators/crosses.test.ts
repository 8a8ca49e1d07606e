import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { cross } from './cross.ts'
import { crosses } from './crosses.ts'
import { sma } from './sma.ts'

const PAIRS = [
  [1, 2],
  [3, 7],
  [5, 15],
] as const

test('tells of each pair what the pair tells alone, to the last bit', () => {
  const prices = fc.array(fc.integer({ min: 9_990, max: 10_010 }), { maxLength: 120 })
  fc.assert(
    fc.property(prices, (all) => {
      const together = crosses(PAIRS)
      const slows = PAIRS.map(([, slow]) => sma(slow))
      const alone = PAIRS.map(([fast], i) => cross(sma(fast), slows[i]!))
      for (const cents of all) {
        const isCrossed = together.push(cents / 100)
        const told = alone.map((pair) => pair.push(cents / 100))

        assert.equal(
          isCrossed,
          told.some((crossing) => crossing !== 0),
        )
        assert.deepEqual(
          PAIRS.map((_, i) => together.value(i)),
          told,
        )
        assert.deepEqual(
          PAIRS.map((_, i) => together.slow(i)),
          slows.map(({ value }) => value),
        )
      }
    }),
  )
})

test('refuses lengths that are none, and a pair that it does not have', () => {
  assert.throws(() => crosses([[0, 5]]), /length of an indicator/)
  assert.throws(() => crosses([[5, 1.5]]), /length of an indicator/)
  assert.throws(() => crosses(PAIRS).value(3), /one of 3 pairs/)
  assert.throws(() => crosses(PAIRS).slow(-1), /one of 3 pairs/)
})
