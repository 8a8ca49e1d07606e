// Example: a small report with something in every field, for tests.
import { fillId, type Money, orderId, type Qty, type SymbolId, venueId } from '../core/brand.ts'
import { equitySpec } from '../core/instrument.ts'
import type { Order } from '../core/order.ts'
import { DAY, MINUTE, ms } from '../core/time.ts'
import { Universe } from '../core/universe.ts'
import { type Chart, ChartBars } from './chart-bars.ts'
import { makeReport, type Manifest, type Report } from './report.ts'
import { Statistics } from './statistics.ts'

/** Monday, 09:30 in New York. */
const START = Date.UTC(2026, 2, 23, 13, 30)

export const exampleManifest: Manifest = {
  mode: 'backtest',
  command: 'skein backtest --strategy sma-cross',
  currency: 'USD',
  strategies: [{ name: 'sma-cross', symbols: ['AAPL', 'SPY'], params: { fraction: 0.02 } }],
  universe: ['AAPL', 'SPY'],
  data: {
    source: 'generated, seed 1',
    kind: 'bars',
    timeframe: '1m',
    fromAt: START,
    toAt: START + 3 * DAY,
  },
  versions: { skein: '0.1.0', node: '24.0.0' },
  hashes: { state: '9bf424a2e018c90e', intents: null },
  seeds: { market: 1 },
  costs: { fees: 0.005 },
  risk: { maxOrderNotional: 10_000 },
  work: { elapsedMs: 1_500, turns: 390, inputs: 780 },
}

export interface Example {
  readonly report: Report
  readonly charts: readonly Chart[]
}

/** Two symbols, three days, a winning and a losing trip, a denial and a halt. Names may be replaced. */
export function example(
  names: readonly [string, string] = ['AAPL', 'SPY'],
  manifest: Manifest = exampleManifest,
): Example {
  const universe = new Universe(names.map((name) => equitySpec(name, venueId('sim'))))
  const statistics = new Statistics({ universe, equity: 100_000 })
  const bars = new ChartBars(universe)
  let fills = 0
  const fill = (
    symbol: number,
    change: number,
    price: number,
    profit: number,
    position: number,
  ) => {
    const id = symbol as SymbolId
    const at = ms(START + ++fills * 10 * MINUTE)
    const qty = Math.abs(change) as Qty
    const order: Order = {
      id: orderId(`o-${fills}`),
      strategy: 'sma-cross',
      symbol: id,
      side: change > 0 ? 'buy' : 'sell',
      type: 'market',
      qty,
      tif: 'day',
      phase: 'done',
      reason: 'filled',
      role: position === 0 ? 'target' : 'entry',
      filled: qty,
      avgPrice: price,
      createdAt: at,
      updatedAt: at,
    }
    const execution = { id: fillId(`f-${fills}`), qty, price, fee: 1 as Money, ts: at }
    statistics.onNotice({ type: 'order.placed', order })
    statistics.onNotice({ type: 'fill', at, order, fill: execution, profit, position })
  }
  fill(0, 100, 50, 0, 100)
  fill(0, -100, 51, 100, 0)
  fill(1, -20, 400, 0, -20)
  fill(1, 20, 401.5, -30, 0)
  const symbol = 0 as SymbolId
  const request = { symbol, side: 'buy', type: 'market', qty: 1 as Qty, tif: 'day' } as const
  const denial = { code: 'max-positions', detail: '3 positions are the limit of 3' } as const
  statistics.onNotice({ type: 'order.denied', strategy: 'sma-cross', request, denial })
  statistics.onNotice({ type: 'strategy.halted', strategy: 'sma-cross', symbol, error: 'boom' })
  for (const [day, equity] of [100_098, 99_998, 100_066].entries()) {
    for (let i = 0; i < 10; i++) {
      const at = ms(START + day * DAY + i * MINUTE)
      statistics.sample(at, equity + i / 10 - 0.9, i * 100)
      const close = 50 + i / 100
      const shape = { open: 50, high: close + 0.05, low: 49.9, close, volume: 100 }
      for (const id of [0, 1]) bars.push({ symbol: id as SymbolId, start: at, ...shape })
    }
  }
  const warnings = ['Fills are bounded by 10 % of the volume traded.']
  const report = makeReport({ manifest, summary: statistics.summary(), warnings })
  return { report, charts: bars.charts() }
}
