/*
 * A backtest of quoting: the market maker over recorded depth and trades of a perpetual, five minutes of 21,000 prints.
 * Its orders wait in the queue of their price (`queue: volume`) and are on their way for a while in both directions.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Tape } from '../src/core/tape.ts'
import { Universe } from '../src/core/universe.ts'
import { RISK_DEFAULTS } from '../src/engine/risk-limits.ts'
import { Statistics, type Summary } from '../src/report/statistics.ts'
import { backtest, type BacktestResult } from '../src/runtime/tape/backtest.ts'
import { SIM } from '../src/runtime/tape/prepare.ts'
import { marketMaker } from '../src/strategies/index.ts'
import type { QueueModel } from '../src/venues/sim/index.ts'
import { SKIPPED } from './cli/skein.ts'
import { CAPTURES, tapeOf } from './quoting/captures.ts'

const CASH = 100_000
const OFF = Infinity

/** Quotes near the top, so that five minutes have fills. */
const PARAMS = {
  levels: 2,
  notional: 5_000,
  maxPosition: 100_000,
  makerFeeBps: 0,
  takerFeeBps: 0,
  bufferBps: 0.2,
  softInventory: 1,
  hardInventory: 1,
  maxRiskRatio: 1,
  minEdgeBps: -100,
  softMoveBps: 500,
  hardMoveBps: 900,
}

interface Quoted {
  readonly result: BacktestResult
  readonly summary: Summary
}

const tapes = new Map<number, Tape>()

async function quoted(
  queue: QueueModel,
  { latencyMs = 20, depth = 0 }: { readonly latencyMs?: number; readonly depth?: number } = {},
): Promise<Quoted> {
  const tape = tapes.get(depth) ?? tapeOf('usdm_btcusdt_20240808.gz', depth)
  tapes.set(depth, tape)
  const universe = new Universe(tape.instruments)
  const statistics = new Statistics({ universe, equity: CASH })
  const result = await backtest({
    tape,
    setup: {
      universe,
      uses: [
        {
          name: 'market-maker',
          strategy: marketMaker,
          params: marketMaker.params.parse({ ...PARAMS, depth }),
          on: universe.all.map(({ id }) => id),
        },
      ],
      risk: {
        ...RISK_DEFAULTS,
        maxPositionFraction: 5,
        maxExposureFraction: 5,
        maxTradesPerDay: OFF,
        ordersPerMinute: OFF,
        tradingHours: 'always',
      },
      sim: {
        venue: SIM,
        cash: CASH,
        queue,
        participation: 1,
        latency: { entryMs: latencyMs, responseMs: latencyMs },
        fees: { type: 'fraction', maker: -0.00005, taker: 0.0005 },
      },
      run: 'quoting',
      currency: 'USD',
      base: '1m',
      bars: { latenessMs: 0, maxFill: 2 },
    },
    watch: {
      notices: {
        types: ['fill', 'quote.marked', 'order.placed', 'order.changed'],
        handle: (notice) => statistics.onNotice(notice),
      },
      sample: (at, equity, exposure) => statistics.sample(at, equity, exposure),
    },
  })
  return { result, summary: statistics.summary() }
}

describe('a backtest of quoting', { skip: CAPTURES === undefined ? SKIPPED : false }, () => {
  it('tells edge, what the market took back, fees and inventory, and the same each time', async () => {
    const [one, two] = [await quoted('volume'), await quoted('volume')]
    assert.equal(one.result.intents, two.result.intents)
    assert.equal(one.result.hash, two.result.hash)
    assert.deepEqual(one.summary.quotes, two.summary.quotes)
    const { quotes, orders } = one.summary
    assert.ok(quotes !== null && quotes.fills > 10, 'quotes fill')
    assert.ok(quotes.edge > 0, 'a quote that rests fills on the right side of the middle')
    assert.ok(quotes.fees < 0, 'and as a maker, who is paid here')
    assert.ok(Math.abs(quotes.left - (quotes.edge - quotes.adverse - quotes.fees)) < 1e-6)
    assert.ok(quotes.largestPosition > 0 && quotes.largestPosition < 110_000)
    assert.equal(orders.rejected < orders.placed / 2, true)
  })

  it('decides otherwise with five levels of depth, and the same each time', async () => {
    const [top, one, two] = [
      await quoted('volume'),
      await quoted('volume', { depth: 5 }),
      await quoted('volume', { depth: 5 }),
    ]
    assert.equal(one.result.intents, two.result.intents)
    assert.equal(one.result.hash, two.result.hash)
    assert.notEqual(one.result.intents, top.result.intents)
    assert.ok((one.summary.quotes?.fills ?? 0) > 10, 'quotes fill')
  })

  it('fills more at the front of the queue than behind those who were there before', async () => {
    const front = (await quoted('touch')).summary.quotes?.traded ?? 0
    const behind = (await quoted('volume')).summary.quotes?.traded ?? 0
    assert.ok(front > behind && behind > 0, `${front}, ${behind}`)
  })
})
