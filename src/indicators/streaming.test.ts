// What all indicators have in common.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { atr, cross, crosses, ema, rsi, sma, swing, vwap, wilder, window } from './index.ts'

/** Each one fed with one number at a time; what it gives is a number or plain data. */
const indicators: Readonly<Record<string, () => (x: number) => unknown>> = {
  sma: () => fed(sma(4)),
  ema: () => fed(ema(4)),
  wilder: () => fed(wilder(4)),
  rsi: () => fed(rsi(4)),
  cross: () => fed(cross(sma(2), sma(4))),
  crosses: () => {
    const pairs = crosses([[2, 4]])
    return (x) => [pairs.push(x), pairs.value(0), pairs.slow(0)]
  },
  atr: () => {
    const range = atr(4)
    return (x) => range.push(x + 1, x, x)
  },
  vwap: () => {
    const average = vwap()
    return (x) => average.push(x, 3)
  },
  swing: () => {
    const swings = swing(2, 2)
    return (x) => swings.push(x + 1, x)
  },
  window: () => {
    const ring = window(4)
    return (x) => {
      ring.push(x)
      return [ring.mean, ring.min, ring.max]
    }
  },
}

function fed(indicator: { push(x: number): number }) {
  return (x: number) => indicator.push(x)
}

const prices = fc.array(fc.integer({ min: 1, max: 20 }), { maxLength: 40 })

for (const [name, make] of Object.entries(indicators)) {
  test(`${name} tells the same of a beginning, whatever comes after it`, () => {
    fc.assert(
      fc.property(prices, prices, prices, (beginning, one, other) => {
        const [first, second] = [make(), make()]
        const told = [...beginning, ...one].map(first).slice(0, beginning.length)

        assert.deepEqual([...beginning, ...other].map(second).slice(0, beginning.length), told)
      }),
    )
  })

  test(`${name} refuses NaN and infinity`, () => {
    for (const x of [NaN, Infinity, -Infinity]) {
      const push = make()
      push(1)
      assert.throws(() => push(x), /assertion failed/)
    }
  })
}

test('is NaN until it is ready, and a number from then on', () => {
  for (const [indicator, due] of [
    [sma(4), 4],
    [ema(4), 4],
    [rsi(4), 5],
  ] as const) {
    for (let n = 1; n <= 8; n++) {
      const value = indicator.push(n)

      assert.equal(indicator.isReady, n >= due)
      assert.equal(Number.isNaN(value), n < due)
      assert.ok(Object.is(indicator.value, value))
    }
  }
})

test('refuses a length that is none', () => {
  for (const make of [sma, ema, rsi, atr, window, (length: number) => swing(length, 1)]) {
    for (const length of [0, -1, 1.5, NaN, Infinity, 1_000_001]) {
      assert.throws(() => make(length), /the length of an indicator is an integer from 1/)
    }
  }
})
