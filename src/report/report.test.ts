import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { venueId } from '../core/brand.ts'
import { equitySpec } from '../core/instrument.ts'
import { ms } from '../core/time.ts'
import { Universe } from '../core/universe.ts'
import { example, exampleManifest } from './example.ts'
import { type Json, makeReport } from './report.ts'
import { Statistics } from './statistics.ts'

/** Paths of all keys, with `[]` for the members of a list. */
function keysOf(value: unknown, path = ''): string[] {
  if (Array.isArray(value))
    return value.length === 0 ? [`${path}[]`] : keysOf(value[0], `${path}[]`)
  if (value === null || typeof value !== 'object') return [path]
  return Object.entries(value).flatMap(([key, member]) =>
    keysOf(member, path === '' ? key : `${path}.${key}`),
  )
}

const results = (path: string) =>
  (
    'trips wins losses breakEven winRate grossProfit grossLoss profitFactor expectancy averageWin ' +
    'averageLoss largestWin largestLoss longestWinStreak longestLossStreak averageHeldMs fills traded ' +
    'realised fees net'
  )
    .split(' ')
    .map((key) => `${path}.${key}`)

test('keeps the keys of skein-report/1', () => {
  const { manifest: _manifest, ...measured } = example().report

  assert.deepEqual(keysOf(measured), [
    'schema',
    'summary.fromAt',
    'summary.toAt',
    'summary.equityStart',
    'summary.equityEnd',
    'summary.change',
    'summary.changeFraction',
    'summary.openProfit',
    'summary.openTrips',
    'summary.drawdown.amount',
    'summary.drawdown.fraction',
    'summary.drawdown.peakAt',
    'summary.drawdown.troughAt',
    'summary.drawdown.recoveredAt',
    'summary.drawdown.durationMs',
    'summary.ruinedAt',
    'summary.longestUnderwaterMs',
    'summary.exposure.mean',
    'summary.exposure.meanFraction',
    'summary.exposure.max',
    'summary.exposure.timeInMarket',
    'summary.daily.days',
    'summary.daily.daysUp',
    'summary.daily.best',
    'summary.daily.worst',
    'summary.daily.sharpe',
    'summary.daily.sortino',
    'summary.daily.daysPerYear',
    ...results('total'),
    'symbols[].name',
    ...results('symbols[]'),
    'strategies[].name',
    ...results('strategies[]'),
    'orders.placed',
    'orders.filled',
    'orders.canceled',
    'orders.rejected',
    'orders.expired',
    'orders.denied',
    'denied.max-positions',
    'incidents.gaps',
    'incidents.lateTrades',
    'incidents.safeMode',
    'incidents.killSwitch',
    'incidents.halts',
    'incidents.safeModeWhy',
    'incidents.halted[]',
    'quotes',
    'warnings[]',
    'curve.at[]',
    'curve.equity[]',
    'trips.list[].strategy',
    'trips.list[].symbol',
    'trips.list[].side',
    'trips.list[].qty',
    'trips.list[].entryAt',
    'trips.list[].exitAt',
    'trips.list[].entryHeardAt',
    'trips.list[].exitHeardAt',
    'trips.list[].entryPrice',
    'trips.list[].exitPrice',
    'trips.list[].gross',
    'trips.list[].fees',
    'trips.list[].net',
    'trips.list[].netFraction',
    'trips.list[].heldMs',
    'trips.list[].fills',
    'trips.list[].exit',
    'trips.unlisted',
  ])
})

test('holds plain JSON only, whatever equity and parameters were', () => {
  const sample = fc.record({
    elapsed: fc.nat(100_000_000),
    equity: fc.double({ min: -1e9, max: 1e9, noNaN: true }),
    exposure: fc.double({ min: 0, max: 1e9, noNaN: true }),
  })
  const params = fc.anything({ withBigInt: false, maxDepth: 2 }) as fc.Arbitrary<Json>
  fc.assert(
    fc.property(
      fc.array(sample, { maxLength: 40 }),
      fc.integer(),
      params,
      (samples, start, given) => {
        const universe = new Universe([equitySpec('AAPL', venueId('sim'))])
        const statistics = new Statistics({ universe, equity: start })
        let at = Date.UTC(2026, 0, 1)
        for (const { elapsed, equity, exposure } of samples) {
          statistics.sample(ms((at += elapsed)), equity, exposure)
        }

        const manifest = { ...exampleManifest, risk: given === undefined ? null : given }
        const report = makeReport({ manifest, summary: statistics.summary() })
        assert.deepEqual(JSON.parse(JSON.stringify(report)), report)
        refuseStrange(report)
      },
    ),
  )
})

function refuseStrange(value: unknown): void {
  assert.notEqual(value, undefined)
  if (typeof value === 'number') assert.ok(Number.isFinite(value))
  if (value !== null && typeof value === 'object') Object.values(value).forEach(refuseStrange)
}

test('says why nothing happened', () => {
  const universe = new Universe([equitySpec('AAPL', venueId('sim'))])
  const statistics = new Statistics({ universe, equity: 1 })
  const warnings = () =>
    makeReport({ manifest: exampleManifest, summary: statistics.summary() }).warnings

  assert.deepEqual(warnings(), ['No market data reached the engine: nothing was tested.'])
  statistics.sample(ms(1), 1, 0)
  assert.deepEqual(warnings(), ['No strategy asked for an order.'])
})

test('says when equity was used up, because no account goes on from there', () => {
  const universe = new Universe([{ ...equitySpec('BTC', venueId('sim')), calendar: '24/7' }])
  const statistics = new Statistics({ universe, equity: 100 })
  const day = (n: number) => ms(Date.UTC(2026, 0, n, 12))
  for (const [i, equity] of [100, -5, 10, 900].entries()) statistics.sample(day(i + 1), equity, 50)
  const { summary, warnings } = makeReport({
    manifest: exampleManifest,
    summary: statistics.summary(),
  })

  assert.equal(summary.ruinedAt, day(2))
  assert.match(warnings.join(), /Equity was used up at 2026-01-02T12:00:00.000Z: no account goes/)
  const manifest = { ...exampleManifest, costs: null }
  const atVenue = makeReport({ manifest, summary: statistics.summary() }).warnings
  assert.match(atVenue.join(), /Equity was used up at 2026-01-02T12:00:00.000Z\./)
  assert.equal(summary.daily.days, 4)
  assert.equal(summary.daily.sharpe, null)
})

test('says why safe mode began', () => {
  const statistics = new Statistics({ universe: new Universe([]), equity: 1 })
  for (const why of ['s could not close 5 AAPL in 5 tries', 'another'])
    statistics.onNotice({ type: 'safe-mode', on: true, why })
  const { warnings } = makeReport({ manifest: exampleManifest, summary: statistics.summary() })

  assert.match(warnings.join(), /began 2 times, first because: s could not close 5 AAPL in 5 tries/)
})

test('warns of few days, few trips and halted lanes', () => {
  assert.deepEqual(example().report.warnings, [
    'Fills are bounded by 10 % of the volume traded.',
    '3 days are few: read Sharpe and Sortino as noise below 20.',
    '2 round trips: win rate and profit factor are noise below 30.',
    'Halted: sma-cross on AAPL: boom',
  ])
})
