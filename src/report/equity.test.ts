import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { ms, DAY, HOUR, MINUTE } from '../core/time.ts'
import { EquityCurve, POINTS_MAX } from './equity.ts'

const START = ms(Date.UTC(2026, 2, 23, 13, 30))
const at = (minutes: number) => ms(START + minutes * MINUTE)

/** A curve of one sample a minute. */
function curveOf(start: number, values: readonly number[]): EquityCurve {
  const curve = new EquityCurve(start)
  values.forEach((value, i) => curve.sample(at(i), value, 0))
  return curve
}

test('tells the deepest drawdown with its peak, trough and recovery', () => {
  const curve = curveOf(100, [100, 110, 99, 105, 120, 114, 121])

  assert.deepEqual(curve.drawdown(), {
    amount: 11,
    fraction: 0.1,
    peakAt: at(1),
    troughAt: at(2),
    recoveredAt: at(4),
    durationMs: 3 * MINUTE,
  })
})

test('counts a drawdown that has not recovered up to the end', () => {
  const curve = curveOf(100, [100, 80, 90, 95])

  const drawdown = curve.drawdown()!
  assert.equal(drawdown.recoveredAt, null)
  assert.equal(drawdown.durationMs, 3 * MINUTE)
  assert.equal(curve.longestUnderwaterMs(), 3 * MINUTE)
})

test('measures the first fall from the starting equity', () => {
  assert.equal(curveOf(100, [90]).drawdown()!.fraction, 0.1)
})

test('has no drawdown while equity only rises', () => {
  assert.equal(curveOf(100, [100, 101, 101, 102]).drawdown(), null)
})

test('weighs exposure by time', () => {
  const curve = new EquityCurve(1_000)
  curve.sample(at(0), 1_000, 0)
  curve.sample(at(10), 1_000, 500)
  curve.sample(at(40), 1_000, 0)

  assert.deepEqual(curve.exposure(), {
    mean: 375,
    meanFraction: 0.375,
    max: 500,
    timeInMarket: 0.75,
  })
})

test('closes a day with the last sample before its end', () => {
  const curve = new EquityCurve(100)
  for (const [hours, equity] of [
    [0, 100],
    [1, 110],
    [24, 121],
    [25, 99],
  ] as const) {
    curve.sample(ms(START + hours * HOUR), equity, 0)
  }

  const returns = curve.returns()
  assert.equal(returns.days, 2)
  assert.ok(Math.abs(returns.best - 0.1) < 1e-12)
  assert.ok(Math.abs(returns.worst + 0.1) < 1e-12)
})

test('takes trading days from the caller', () => {
  const curve = new EquityCurve(100, (time) => ms(time + HOUR))
  for (let i = 0; i < 5; i++) curve.sample(ms(START + i * HOUR), 100 + i, 0)

  assert.equal(curve.returns().days, 5)
})

test('has no daily returns after equity was gone', () => {
  const curve = new EquityCurve(100)
  for (const [day, equity] of [0, -5, 10].entries()) {
    curve.sample(ms(START + day * DAY), equity, 0)
  }

  assert.equal(curve.returns().days, 0)
})

test('keeps a bounded curve that holds the ends and the deepest drawdown', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: -50, max: 50 }), { minLength: 1, maxLength: 300 }),
      fc.integer({ min: 1, max: 60 }),
      (steps, repeats) => {
        const curve = new EquityCurve(10_000)
        let equity = 10_000
        let minute = 0
        for (let i = 0; i < repeats; i++) {
          for (const step of steps) curve.sample(at(minute++), (equity += step), 0)
        }

        const points = curve.points()
        assert.ok(points.at.length <= POINTS_MAX + 3)
        assert.ok(points.at.every((time, i) => i === 0 || time > points.at[i - 1]!))
        assert.equal(points.at[0], START - 1)
        assert.equal(points.equity[0], 10_000)
        assert.equal(points.equity.at(-1), equity)
        const drawdown = curve.drawdown()
        if (drawdown === null) return
        const peak = points.equity[points.at.indexOf(drawdown.peakAt)]!
        const trough = points.equity[points.at.indexOf(drawdown.troughAt)]!
        assert.equal(peak - trough, drawdown.amount)
      },
    ),
    { numRuns: 50 },
  )
})

test('finds the same drawdown as a search over all pairs', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 1_000 }), { maxLength: 60 }), (values) => {
      const all = [500, ...values]
      let deepest = 0
      for (let i = 0; i < all.length; i++) {
        for (let j = i; j < all.length; j++) {
          deepest = Math.max(deepest, (all[i]! - all[j]!) / all[i]!)
        }
      }

      const found = curveOf(500, values).drawdown()?.fraction ?? 0
      assert.ok(Math.abs(found - deepest) < 1e-8)
    }),
  )
})

test('refuses to tell an equity that is not a number', () => {
  assert.throws(() => curveOf(100, [100, Number.NaN]).end, /sampled equity is finite, not NaN/)
})

test('takes no fraction of an equity that is smaller than money', () => {
  const curve = new EquityCurve(0)
  curve.sample(at(0), 5e-324, 1)
  curve.sample(at(1), -1e9, 1)
  curve.sample(at(2), 0, 1)

  assert.equal(curve.drawdown(), null)
  assert.equal(curve.exposure().meanFraction, 0)
  assert.equal(curve.returns().days, 0)
})
