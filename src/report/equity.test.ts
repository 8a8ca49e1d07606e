import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { calendarOf } from '../core/calendar.ts'
import { ms, DAY, HOUR, MINUTE } from '../core/time.ts'
import { EquityCurve, POINTS_MAX } from './equity.ts'
import { sharpe } from './returns.ts'

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

test('counts a sample at the first moment of a day into the day before', () => {
  const curve = new EquityCurve(100)
  const midnight = Date.UTC(2026, 0, 1)
  for (let hour = 1; hour <= 60 * 24; hour++) curve.sample(ms(midnight + hour * HOUR), 100, 0)

  assert.equal(curve.returns().days, 60)
})

test('counts no day without a session, and books what it changes to the next day with one', () => {
  const curve = new EquityCurve(100, calendarOf('us-equity'))
  const friday = Date.UTC(2026, 1, 20, 20)
  for (const [hours, equity] of [
    [0, 100],
    [24, 101],
    [48, 102],
    [72, 103],
  ] as const) {
    curve.sample(ms(friday + hours * HOUR), equity, 0)
  }

  const returns = curve.returns()
  assert.equal(returns.days, 2)
  assert.ok(Math.abs(returns.best - 0.03) < 1e-12)
})

/** Of New York in spring 2026, with the one holiday that it has. */
const closed = (date: string): boolean =>
  date === '2026-04-03' || [0, 6].includes(new Date(`${date}T12:00:00Z`).getUTCDay())
const DATE = new Intl.DateTimeFormat('sv-SE', { timeZone: 'America/New_York' })

/** The Sharpe ratio, computed from a list of all dates and the last equity of each. */
function sharpeOf(start: number, samples: readonly (readonly [at: number, equity: number])[]) {
  const equities = new Map<string, number>()
  for (const [time, equity] of samples) equities.set(DATE.format(time - 1), equity)
  const dates = [...equities.keys()]
  const last = dates.at(-1)!
  const values: number[] = []
  let open = start
  let equity = start
  for (let date = dates[0]!; date <= last;) {
    equity = equities.get(date) ?? equity
    if (!closed(date)) {
      values.push(equity / open - 1)
      open = equity
    }
    date = new Date(Date.parse(`${date}T00:00:00Z`) + DAY).toISOString().slice(0, 10)
  }
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const spread = values.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  const deviation = Math.sqrt(spread / (values.length - 1))
  return { days: values.length, sharpe: (mean / deviation) * Math.sqrt(252) }
}

test('has the returns of all trading days, however often is looked', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: -500, max: 500 }), { minLength: 20, maxLength: 40 }),
      fc.integer({ min: 1, max: 30 }),
      fc.boolean(),
      (steps, everyHours, isDaily) => {
        // The end of a daily bar is the next midnight of New York, over the change of the clocks too.
        const calendar = calendarOf('us-equity')
        const sparse: (readonly [number, number])[] = []
        const dense: (readonly [number, number])[] = []
        let equity = 10_000
        let time = calendar.dayStart(ms(Date.UTC(2026, 2, 2, 18)))
        for (const step of steps) {
          const session = calendar.nextSession(time)
          const end = isDaily ? calendar.nextDayStart(session.open) : session.close
          for (let looks = time + HOUR; looks < end; looks += everyHours * HOUR)
            dense.push([looks, equity])
          dense.push([end, (equity += step)])
          sparse.push([end, equity])
          time = end
        }
        // Both begin alike: the first look says from when days count.
        sparse.unshift(dense[0]!)

        const expected = sharpeOf(10_000, sparse)
        for (const samples of [sparse, dense]) {
          const curve = new EquityCurve(10_000, calendar)
          for (const [at, value] of samples) curve.sample(ms(at), value, 0)
          const returns = curve.returns()
          assert.equal(returns.days, expected.days)
          const found = sharpe(returns, 252)
          if (found === null) continue
          assert.ok(Math.abs(found - expected.sharpe) < 1e-9, `${found} is ${expected.sharpe}`)
        }
      },
    ),
    { numRuns: 100 },
  )
})

test('has no daily returns after equity was gone', () => {
  const curve = new EquityCurve(100)
  for (const [day, equity] of [0, -5, 10].entries()) {
    curve.sample(ms(START + day * DAY), equity, 0)
  }

  assert.equal(curve.returns().days, 0)
  assert.equal(curve.days, 3)
  assert.equal(curve.ruinedAt, START)
})

test('has no daily returns where equity was gone for a moment of a day', () => {
  const curve = new EquityCurve(100)
  for (const [i, equity] of [100, 0, 90].entries()) curve.sample(at(i), equity, 0)

  assert.equal(curve.returns().days, 0)
  assert.equal(curve.ruinedAt, at(1))
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
  assert.throws(
    () => curveOf(100, [100, Number.NaN]).end,
    /the equity that was sampled last is finite/,
  )
})

test('goes on with what was known last while equity is not a number', () => {
  const [whole, known] = [new EquityCurve(100), new EquityCurve(100)]
  for (const [i, equity] of [NaN, 100, 120, NaN, NaN, 90, 130].entries()) {
    whole.sample(at(i), equity, equity)
    if (!Number.isNaN(equity)) known.sample(at(i), equity, equity)
  }

  const all = (curve: EquityCurve) => [
    curve.end,
    curve.points(),
    curve.drawdown(),
    curve.exposure(),
    curve.returns(),
    curve.longestUnderwaterMs(),
  ]
  assert.deepEqual(all(whole), all(known))
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
