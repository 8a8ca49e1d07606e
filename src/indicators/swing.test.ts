import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { swing, type SwingPoint } from './swing.ts'

/** What each push of a bar with this high and a low one below it confirmed. */
const confirmed = (left: number, right: number, highs: readonly number[]) => {
  const swings = swing(left, right)
  return highs.map((high) => swings.push(high, high - 1))
}

test('confirms a high when its last neighbour is known, not before', () => {
  const points = confirmed(1, 2, [1, 5, 3, 4, 5])

  assert.deepEqual(points, [
    undefined,
    undefined,
    undefined,
    { high: 5, barsAgo: 2 },
    { low: 2, barsAgo: 2 },
  ])
})

test('counts the first of equal highs, and only that', () => {
  const highs = (all: readonly number[]) =>
    confirmed(1, 1, all).flatMap((point, i) =>
      point?.high === undefined ? [] : [i - point.barsAgo],
    )

  assert.deepEqual(highs([1, 5, 5, 5, 1]), [1])
  assert.deepEqual(highs([1, 5, 2, 5, 1]), [1, 3])
  assert.deepEqual(highs([5, 5, 5, 5]), [])
})

test('tells a bar that is both high and low at once', () => {
  const swings = swing(1, 1)
  swings.push(10, 9)
  swings.push(12, 7)

  assert.deepEqual(swings.push(11, 8), { high: 12, low: 7, barsAgo: 1 })
  assert.deepEqual([swings.lastHigh, swings.lastLow], [12, 7])
})

test('has no last high or low before the first, and is ready when one bar has all neighbours', () => {
  const swings = swing(2, 1)
  const ready = [1, 2, 3, 4].map((high) => {
    swings.push(high, high)
    return swings.isReady
  })

  assert.deepEqual(ready, [false, false, false, true])
  assert.deepEqual([swings.lastHigh, swings.lastLow], [NaN, NaN])
})

const neighbours = fc.integer({ min: 1, max: 4 })
// Few prices, so that equal ones are common.
const bars = fc.array(fc.tuple(fc.integer({ min: 0, max: 6 }), fc.integer({ min: 0, max: 3 })), {
  maxLength: 50,
})

test('agrees with a look at all neighbours of each bar', () => {
  fc.assert(
    fc.property(neighbours, neighbours, bars, (left, right, all) => {
      const swings = swing(left, right)
      const highs = all.map(([low, range]) => low + range)
      const lows = all.map(([low]) => low)
      for (let n = 0; n < all.length; n++) {
        const i = n - right
        const isKnown = i >= left
        const before = (x: readonly number[]) => x.slice(i - left, i)
        const after = (x: readonly number[]) => x.slice(i + 1, n + 1)
        const isHigh =
          isKnown &&
          before(highs).every((x) => x < highs[i]!) &&
          after(highs).every((x) => x <= highs[i]!)
        const isLow =
          isKnown &&
          before(lows).every((x) => x > lows[i]!) &&
          after(lows).every((x) => x >= lows[i]!)
        const expected: SwingPoint | undefined =
          isHigh || isLow
            ? {
                ...(isHigh ? { high: highs[i]! } : {}),
                ...(isLow ? { low: lows[i]! } : {}),
                barsAgo: right,
              }
            : undefined

        assert.deepEqual(swings.push(highs[n]!, lows[n]!), expected)
      }
    }),
  )
})
