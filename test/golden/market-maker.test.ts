// Golden run of market-maker: what it does in one made market, to the last order. A commit that changes a number here
// says in its body why the new one is right: engine, venue or strategy have changed what they decide.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { QuoteColumns, TradeColumns } from '../../src/core/columns.ts'
import { integer, seeded } from '../../src/core/random.ts'
import type { Tape } from '../../src/core/tape.ts'
import { Universe } from '../../src/core/universe.ts'
import { RISK_DEFAULTS } from '../../src/engine/risk-limits.ts'
import { Statistics } from '../../src/report/statistics.ts'
import { backtest } from '../../src/runtime/tape/backtest.ts'
import { marketMaker } from '../../src/strategies/index.ts'
import { coin, MONDAY_10, SIM } from '../../src/testing/builders.ts'

const CASH = 1_000_000
const QUOTES = 6_000
const OFF = Infinity

/** A price that wanders by ticks, ten times a second, and a print at every other of them. */
function tapeOf(symbols: readonly string[]): Tape {
  const instruments = symbols.map((name) => coin(name, { tickSize: 0.1, lotSize: 0.001 }))
  const series = symbols.flatMap((symbol, i): Tape['series'] => {
    const { quotes, trades } = rowsOf(seeded(7 + i))
    return [
      { kind: 'quotes', symbol, pages: () => once(quotes) },
      { kind: 'trades', symbol, pages: () => once(trades) },
    ]
  })
  return { name: 'made', instruments, series }
}

// oxlint-disable-next-line require-await -- The port is asynchronous, the rows are here.
async function* once<T>(page: T): AsyncIterable<T> {
  yield page
}

function rowsOf(random: () => number): { quotes: QuoteColumns; trades: TradeColumns } {
  const column = (length: number) => new Float64Array(length)
  const [ts, bid, bidSize] = [column(QUOTES), column(QUOTES), column(QUOTES)]
  const [ask, askSize] = [column(QUOTES), column(QUOTES)]
  const prints = QUOTES / 2
  const trades = { ts: column(prints), price: column(prints), size: column(prints) }
  let ticks = 100_000
  for (let i = 0; i < QUOTES; i++) {
    ticks += integer(random, -3, 3)
    ts[i] = MONDAY_10 + i * 100
    bid[i] = ticks / 10
    ask[i] = (ticks + 2) / 10
    bidSize[i] = integer(random, 1, 9)
    askSize[i] = integer(random, 1, 9)
    if (i % 2 === 1) continue
    // Now and then somebody sweeps through several prices.
    const through = random() < 0.3 ? integer(random, 1, 60) : 0
    const isSell = random() < 0.5
    trades.ts[i / 2] = MONDAY_10 + i * 100 + 50
    trades.price[i / 2] = (isSell ? ticks - through : ticks + 2 + through) / 10
    trades.size[i / 2] = integer(random, 1, 5)
  }
  const quotes = { length: QUOTES, ts, bid, bidSize, ask, askSize }
  return { quotes, trades: { length: prints, ...trades } }
}

test('market-maker quotes ten made minutes of two coins as it always did', async () => {
  const tape = tapeOf(['AAA', 'BBB'])
  const universe = new Universe(tape.instruments)
  const report = new Statistics({ universe, equity: CASH })
  const params = marketMaker.params.parse({ notional: 2_000, maxPosition: 100_000 })
  const on = universe.all.map(({ id }) => id)

  const { intents, statistics } = await backtest({
    tape,
    setup: {
      universe,
      uses: [{ name: 'market-maker', strategy: marketMaker, params, on }],
      risk: {
        ...RISK_DEFAULTS,
        maxTradesPerDay: OFF,
        ordersPerMinute: OFF,
        tradingHours: 'always',
      },
      sim: {
        venue: SIM,
        cash: CASH,
        queue: 'volume',
        latency: { entryMs: 10, responseMs: 10 },
        fees: { type: 'fraction', maker: 0.0001, taker: 0.0006 },
      },
      run: 'golden',
      currency: 'USD',
      base: '1m',
      bars: { latenessMs: 0, maxFill: 2 },
    },
    watch: {
      notices: {
        types: ['fill', 'quote.marked', 'order.placed', 'order.changed'],
        handle: (notice) => report.onNotice(notice),
      },
    },
  })

  const { quotes, orders } = report.summary()
  const { commands, batches } = statistics.outbox
  assert.deepEqual(
    {
      fills: quotes?.fills,
      edgeBps: quotes?.edgeBps,
      adverseBps: quotes?.adverseBps,
      placed: orders.placed,
      rejected: orders.rejected,
      commands,
      batches,
      denied: statistics.denied,
      intents,
    },
    {
      fills: 16,
      edgeBps: 5.0231183,
      adverseBps: 0.20204913,
      placed: 1699,
      rejected: 0,
      commands: 5170,
      batches: 2332,
      denied: {},
      intents: '198f8d8550af4cb0',
    },
  )
})
