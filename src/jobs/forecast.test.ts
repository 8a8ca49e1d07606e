import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ms } from '../core/time.ts'
import { forecast } from './forecast.ts'
import { plan } from './plan.ts'
import { slicesOf } from './slices.ts'

const LIMITS = { symbols: 200, rows: 10_000 } as const
const NOW = Date.UTC(2026, 0, 1)

function forecastOf(batches: number, from: number) {
  const letters = Array.from({ length: 26 }, (_, i) => String.fromCharCode(65 + i))
  const tickers = letters.flatMap((a) => letters.map((b) => `${a}${b}`))
  const wish = {
    symbols: tickers.slice(0, batches * 50),
    timeframes: ['1m'],
    from: ms(from),
    to: undefined,
    provider: 'alpaca',
    adjustment: 'raw',
    batchVersion: 2,
    batchSymbols: 50,
    isDeriving: false,
    priority: 100,
  } as const
  const { all } = plan(wish, [])
  const none = { coverage: [], pending: [], quarantined: new Set<string>(), now: NOW }
  const slices = all.flatMap((definition) => slicesOf({ definition, ...none }, Infinity))
  return forecast(all, slices, LIMITS)
}

test('a forecast counts the rows of all years, not of the windows of one tick', () => {
  const { runs, rows, isSampled } = forecastOf(1, Date.UTC(2016, 0, 1))

  // 2,514 sessions of ten years; the 21 half days among them have 210 minutes instead of 390.
  assert.equal(rows, 50 * (2_514 * 390 - 21 * 180))
  assert.deepEqual([runs, isSampled], [522, false])
})

test('requests of more windows than are packed follow from those that are', () => {
  const { runs, rows, requests, leastRequests, isSampled } = forecastOf(6, Date.UTC(2016, 0, 1))

  assert.deepEqual([runs, isSampled], [6 * 522, true])
  assert.equal(leastRequests, Math.ceil(rows / LIMITS.rows))
  assert.ok(requests >= leastRequests && requests < leastRequests * 1.01, `${requests}`)
})
