// No strategy sees the future: every prefix of a tape decides what the full run decided up to then.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MarketInput } from '../src/core/input.ts'
import { ms } from '../src/core/time.ts'
import { Universe } from '../src/core/universe.ts'
import { RISK_DEFAULTS } from '../src/engine/risk-limits.ts'
import type { Setup } from '../src/runtime/session/build.ts'
import { Feed } from '../src/runtime/tape/feed.ts'
import { drive } from '../src/runtime/tape/backtest.ts'
import { findLookAhead, RowFeed } from '../src/runtime/tape/look-ahead.ts'
import { SIM } from '../src/runtime/tape/prepare.ts'
import { generateTape } from '../src/simulators/market.ts'
import { smaCross } from '../src/strategies/sma-cross.ts'
import { defineStrategy, type Strategy, z } from '../src/strategy/index.ts'

const SYMBOLS = ['AAPL', 'MSFT', 'SPY', 'TLT', 'GLD']
const start = ms(Date.UTC(2026, 2, 23))

async function rowsOf(kind: 'bars' | 'trades', minutes: number): Promise<readonly MarketInput[]> {
  const options = { seed: 11, symbols: SYMBOLS, start, minutes, kind, tradesPerMinute: 2 } as const
  const tape = generateTape(options)
  const feed = new Feed(tape, new Universe(tape.instruments))
  const rows: MarketInput[] = []
  for (;;) {
    if (feed.isStarved) await feed.refill()
    if (feed.nextAt === Infinity) return rows
    rows.push(...feed.take())
  }
}

function setupWith(strategy: Strategy, params: object): Setup {
  const tape = generateTape({ seed: 11, symbols: SYMBOLS, start, minutes: 1, kind: 'bars' })
  const universe = new Universe(tape.instruments)
  const on = universe.all.map(({ id }) => id)
  return {
    universe,
    uses: [{ name: strategy.name, strategy, params: strategy.params.parse(params), on }],
    risk: { ...RISK_DEFAULTS, maxTradesPerDay: Infinity },
    sim: { venue: SIM, cash: 100_000 },
    run: 'prefix',
    currency: 'USD',
    base: '1m',
    bars: { latenessMs: 0, maxFill: 2 },
  }
}

test('sma-cross decides on every prefix of a day of bars as in the full run', async () => {
  const rows = await rowsOf('bars', 400)
  assert.ok(rows.length >= 390 * SYMBOLS.length, `${rows.length} rows are enough`)
  let decisions = 0
  const found = await findLookAhead(rows, () => {
    decisions++
    return setupWith(smaCross, { minConfidence: 0 })
  })
  assert.equal(found, undefined)
  const moments = new Set(rows.map(({ at }) => at)).size
  assert.equal(decisions, moments, 'every prefix was run')
  const { statistics } = await drive(new RowFeed(rows), {
    setup: setupWith(smaCross, { minConfidence: 0 }),
  })
  assert.ok(statistics.orders.created > 100, `${statistics.orders.created} orders were compared`)
})

test('sma-cross decides on prefixes of trades as in the full run', async () => {
  const rows = await rowsOf('trades', 120)
  const { statistics } = await drive(new RowFeed(rows), {
    setup: setupWith(smaCross, { minConfidence: 0 }),
  })
  assert.ok(statistics.orders.created > 20, `${statistics.orders.created} orders were compared`)
  const found = await findLookAhead(rows, () => setupWith(smaCross, { minConfidence: 0 }), {
    every: 23,
  })
  assert.equal(found, undefined)
})

test('a timer that decides by what all symbols did is not taken for one that knows the future', async () => {
  const rows = await rowsOf('bars', 60)
  const spreading = defineStrategy({
    name: 'spreading',
    params: z.object({}),
    needs: () => ({ bars: '1m', every: { cycle: '1m' } }),
    symbol(ctx) {
      let close = 0
      return {
        onBar: (bar) => void (close = bar.close),
        // What the account is worth depends on the bars of all others.
        onTimer() {
          if (close > 0 && ctx.orders.length === 0 && ctx.position.isFlat)
            ctx.buy({ qty: 1 + (Math.round(ctx.equity * 100) % 7) })
          else ctx.close()
        },
      }
    },
  })
  assert.equal(await findLookAhead(rows, () => setupWith(spreading, {})), undefined)
  const { statistics } = await drive(new RowFeed(rows), { setup: setupWith(spreading, {}) })
  assert.ok(statistics.orders.created > 50, `${statistics.orders.created} orders were compared`)
})

test('a strategy that peeks at the next bar is caught', async () => {
  const rows = await rowsOf('bars', 60)
  const peeking = (known: readonly MarketInput[]) =>
    defineStrategy({
      name: 'peeking',
      params: z.object({}),
      needs: () => ({ bars: '1m' }),
      symbol: (ctx) => ({
        onBar(bar) {
          const next = known.find(
            (row) =>
              row.type === 'bar' && row.bar.symbol === bar.symbol && row.bar.start > bar.start,
          )
          if (next?.type === 'bar' && next.bar.close > bar.close && ctx.orders.length === 0) {
            ctx.buy({ qty: 1 })
          }
        },
      }),
    })
  const found = await findLookAhead(rows, (known) => setupWith(peeking(known), {}))
  assert.ok(found !== undefined, 'the future was seen')
  assert.notEqual(found.decided, found.decidedInFull)
})
