// Golden run of sma-cross: what it does in one market, to the last order. A commit that changes a number here
// says in its body why the new one is right: engine, venue, market or strategy have changed what they decide.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ms } from '../../src/core/time.ts'
import { Universe } from '../../src/core/universe.ts'
import { RISK_DEFAULTS } from '../../src/engine/risk-limits.ts'
import { backtest } from '../../src/runtime/tape/backtest.ts'
import { SIM } from '../../src/runtime/tape/prepare.ts'
import { generateTape } from '../../src/simulators/market.ts'
import { smaCross } from '../../src/strategies/sma-cross.ts'

const CASH = 100_000

test('sma-cross trades five generated sessions of five shares as it always did', async () => {
  const symbols = ['AAPL', 'MSFT', 'SPY', 'TLT', 'GLD']
  const start = ms(Date.UTC(2026, 2, 23))
  const tape = generateTape({ seed: 7, symbols, start, sessions: 5, kind: 'bars' })
  const universe = new Universe(tape.instruments)
  const on = universe.all.map(({ id }) => id)
  const params = smaCross.params.parse({})
  let trips = 0
  let fees = 0

  const { equity, intents, statistics } = await backtest({
    tape,
    setup: {
      universe,
      uses: [{ name: 'sma-cross', strategy: smaCross, params, on }],
      risk: { ...RISK_DEFAULTS, maxTradesPerDay: Infinity },
      sim: {
        venue: SIM,
        cash: CASH,
        fees: { type: 'per-share', perShare: 0.005, min: 1, maxFraction: 0.01 },
        slippage: { type: 'fraction', fraction: 0.0001 },
      },
      run: 'golden',
      currency: 'USD',
      base: '1m',
      bars: { latenessMs: 0, maxFill: 2 },
    },
    watch: {
      notices: {
        types: ['fill'],
        handle(notice) {
          if (notice.type !== 'fill') return
          fees += notice.fill.fee
          if (notice.position === 0) trips++
        },
      },
    },
  })

  assert.deepEqual(
    {
      trips,
      orders: statistics.orders.created,
      profit: Math.round((equity - CASH) * 100) / 100,
      fees: Math.round(fees * 100) / 100,
      denied: statistics.denied,
      intents,
    },
    {
      trips: 639,
      orders: 2086,
      profit: -1623.79,
      fees: 1282,
      denied: { 'market-closed': 2 },
      intents: '9d1c19218975a154',
    },
  )
})
