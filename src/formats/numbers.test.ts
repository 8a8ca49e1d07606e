import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { undoFloat32 } from './numbers.ts'

const undone = (...prices: number[]): number[] => {
  const column = Float64Array.from(prices)
  undoFloat32([column])
  return [...column]
}

describe('undoing float32', () => {
  it('gives back the price that was kept as float32', () => {
    assert.deepEqual(
      undone(657.8599853515625, 658.3800048828125, 638.25, 638.0700073242188),
      [657.86, 658.38, 638.25, 638.07],
    )
    assert.deepEqual(undone(25387.779296875), [25387.78])
  })

  it('gives back any price of at most four decimals below 800', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 8_000_000 }), { minLength: 1 }), (units) => {
        const prices = units.map((unit) => unit / 10_000)
        assert.deepEqual(undone(...prices.map(Math.fround)), prices)
      }),
    )
  })

  it('leaves honest prices of many decimals alone', () => {
    for (const prices of [
      [0.00001234, 0.00001235],
      [58.485714, 58.92857],
      [110.015625, 110.03125],
      [61820.99, 657.8599853515625],
      [0.03125],
      [1.00390625],
    ]) {
      assert.deepEqual(undone(...prices), prices)
    }
  })

  it('leaves prices with a few decimals alone, whether they are float32 or not', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 1e9 }), { minLength: 1 }), (units) => {
        const prices = units.map((unit) => unit / 10_000)
        assert.deepEqual(undone(...prices), prices)
      }),
    )
  })

  it('never turns the order of two prices', () => {
    fc.assert(
      fc.property(
        fc.array(fc.float({ min: 1, max: 100_000, noNaN: true }), { minLength: 2 }),
        (prices) => {
          const sorted = prices.toSorted((a, b) => a - b)
          const result = undone(...sorted)
          assert.deepEqual(
            result,
            result.toSorted((a, b) => a - b),
          )
        },
      ),
    )
  })
})
