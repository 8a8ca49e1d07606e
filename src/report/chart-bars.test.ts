import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { type SymbolId, venueId } from '../core/brand.ts'
import { equitySpec } from '../core/instrument.ts'
import { MINUTE, ms } from '../core/time.ts'
import { Universe } from '../core/universe.ts'
import { type CandleBar, ChartBars } from './chart-bars.ts'

const START = ms(Date.UTC(2026, 2, 23, 13, 30))
const universe = (...symbols: readonly string[]) =>
  new Universe(symbols.map((symbol) => equitySpec(symbol, venueId('sim'))))
const bar = (symbol: number, minute: number, close: number): CandleBar => ({
  symbol: symbol as SymbolId,
  start: ms(START + minute * MINUTE),
  open: close,
  high: close + 1,
  low: close - 1,
  close,
  volume: 10,
})

test('keeps bars as they are while they fit', () => {
  const bars = new ChartBars(universe('AAPL'))
  for (let i = 0; i < 5; i++) bars.push(bar(0, i, 100 + i))

  const [chart] = bars.charts()
  assert.deepEqual(chart?.close, [100, 101, 102, 103, 104])
  assert.equal(chart?.bucketMs, MINUTE)
})

test('merges into five minutes when there are too many', () => {
  const bars = new ChartBars(universe('AAPL'), { candles: 10 })
  for (let i = 0; i < 12; i++) bars.push(bar(0, i, 100 + i))

  const [chart] = bars.charts()
  assert.equal(chart?.bucketMs, 5 * MINUTE)
  assert.deepEqual(chart?.open, [100, 105, 110])
  assert.deepEqual(chart?.high, [105, 110, 112])
  assert.deepEqual(chart?.low, [99, 104, 109])
  assert.deepEqual(chart?.close, [104, 109, 111])
  assert.deepEqual(chart?.volume, [50, 50, 20])
})

test('begins a candle with its first bar, not with a bucket of UTC', () => {
  const bars = new ChartBars(universe('AAPL'), { candles: 10 })
  const newYork = (day: number) => ms(Date.UTC(2026, 5, day, 4))
  for (let day = 1; day <= 12; day++) bars.push({ ...bar(0, 0, 100), start: newYork(day) })

  // Weeks of UTC begin on Thursdays, the 4th and the 11th.
  assert.deepEqual(bars.charts()[0]?.start, [newYork(1), newYork(4), newYork(11)])
})

test('leaves out bars without a trade, and bars out of order', () => {
  const bars = new ChartBars(universe('AAPL'))
  bars.push(bar(0, 5, 100))
  bars.push({ ...bar(0, 6, 100), filled: true })
  bars.push(bar(0, 4, 1))

  assert.deepEqual(bars.charts()[0]?.close, [100])
})

test('holds no more charts than it may', () => {
  const bars = new ChartBars(universe('AAPL', 'SPY', 'QQQ'), { charts: 1 })
  for (const symbol of [0, 1, 1, 2]) bars.push(bar(symbol, 0, 100))

  assert.deepEqual(
    bars.charts().map((chart) => chart.symbol),
    ['AAPL'],
  )
})

test('keeps extremes, ends and volume through any number of merges', () => {
  const step = fc.record({ minutes: fc.integer({ min: 1, max: 5_000 }), close: fc.nat(1_000) })
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 200 }), (steps) => {
      const bars = new ChartBars(universe('AAPL'), { candles: 8 })
      let minute = 0
      for (const { minutes, close } of steps) bars.push(bar(0, (minute += minutes), close))

      const chart = bars.charts()[0]!
      const closes = steps.map(({ close }) => close)
      assert.ok(chart.start.length <= 8)
      assert.equal(Math.max(...chart.high), Math.max(...closes) + 1)
      assert.equal(Math.min(...chart.low), Math.min(...closes) - 1)
      assert.equal(chart.open[0], closes[0])
      assert.equal(chart.close.at(-1), closes.at(-1))
      assert.equal(
        chart.volume.reduce((sum, volume) => sum + volume, 0),
        10 * steps.length,
      )
      assert.ok(chart.start.every((start, i) => i === 0 || start > chart.start[i - 1]!))
    }),
  )
})
