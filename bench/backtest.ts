/*
 * Backtest: sma-cross with brackets on 1 M bars, event by event, beside a loop over the same columns that makes
 * the same trades (backtest-loop.ts).
 *
 * Chosen so that the loop has few rules to copy and none of them is bent: a market that is open day and night and
 * has every minute; stop and target in percent; a fixed fraction of equity; risk limits that deny nothing; volume
 * that fills every order at once. `minConfidence` 0.9 lets only the slowest pair trade, and only in a trend: signals
 * are computed on every bar, positions are opened every few hundred. Fees are paid, equity is taken every minute.
 */
import { venueId } from '../src/core/brand.ts'
import type { BarColumns } from '../src/core/columns.ts'
import { equitySpec } from '../src/core/instrument.ts'
import type { Tape } from '../src/core/tape.ts'
import { Universe } from '../src/core/universe.ts'
import { RISK_DEFAULTS, type RiskLimits } from '../src/engine/risk-limits.ts'
import { backtest } from '../src/runtime/tape/backtest.ts'
import type { Setup } from '../src/runtime/session/build.ts'
import { smaCross } from '../src/strategies/sma-cross.ts'
import { bareBacktest } from './backtest-loop.ts'
import { type Bench, perSecond, type Size } from './bench.ts'
import { minutesOf, pagesOf } from './market.ts'

/** What both sides trade by. */
export const TERMS = {
  cash: 10_000_000,
  maker: 0.0002,
  taker: 0.0005,
  stop: 0.01,
  target: 0.02,
  minConfidence: 0.9,
} as const

/** What a run comes to; equity to the cent. */
export interface Outcome {
  readonly trips: number
  readonly signals: number
  readonly equity: number
  readonly drawdown: number
}

const SIM = venueId('sim')

/** Every limit that can be switched off. */
export const NO_LIMITS: RiskLimits = {
  ...RISK_DEFAULTS,
  maxPositionFraction: Infinity,
  maxRiskFraction: Infinity,
  maxExposureFraction: Infinity,
  leverage: Infinity,
  maxPositions: Infinity,
  maxOpenOrders: Infinity,
  maxTradesPerDay: Infinity,
  maxDailyLossFraction: Infinity,
  ordersPerMinute: Infinity,
  priceBand: Infinity,
  staleAfterMs: Infinity,
  tradingHours: 'always',
  drawdown: { ...RISK_DEFAULTS.drawdown, warning: Infinity, halt: Infinity, emergency: Infinity },
}

/** @param fraction Of equity per position: small, so that fees do not eat the account in a million bars. */
export function backtestBench(
  name: string,
  { symbols, fraction }: { readonly symbols: number; readonly fraction: number },
  goal: Bench['goal'],
): Bench {
  const bars = (size: Size) => (size === 'full' ? 1_000_000 : symbols === 1 ? 50_000 : 100_000)
  const marketOf = (size: Size) =>
    Array.from({ length: symbols }, (_, i) => minutesOf(i + 1, bars(size) / symbols))
  return {
    name,
    unit: 'bars/s',
    goal,
    run: {
      skein: (size) => {
        const market = marketOf(size)
        const tape = tapeOf(market)
        return perSecond(bars(size), async (time) => {
          const setup = setupOf(tape, fraction)
          return textOf(await time(() => skeinBacktest(tape, setup)))
        })
      },
      reference: (size) => {
        const market = marketOf(size)
        return perSecond(bars(size), async (time) =>
          textOf(await time(() => bareBacktest(market, fraction, TERMS))),
        )
      },
    },
  }
}

function tapeOf(market: readonly BarColumns[]): Tape {
  const symbols = market.map((_, i) => `S${i}`)
  const pages = market.map(pagesOf)
  return {
    name: 'bench',
    instruments: symbols.map((symbol) => ({
      ...equitySpec(symbol, SIM),
      kind: 'crypto',
      calendar: '24/7',
    })),
    series: symbols.map((symbol, i) => ({
      kind: 'bars',
      symbol,
      timeframe: '1m',
      async *pages() {
        yield* pages[i]!
      },
    })),
  }
}

function setupOf(tape: Tape, fraction: number): Setup {
  const universe = new Universe(tape.instruments)
  const { stop, target, minConfidence, cash, maker, taker } = TERMS
  const params = smaCross.params.parse({ exits: 'percent', fraction, stop, target, minConfidence })
  return {
    universe,
    uses: [{ name: 'sma-cross', strategy: smaCross, params, on: universe.all.map(({ id }) => id) }],
    risk: NO_LIMITS,
    sim: { venue: SIM, cash, participation: 1, fees: { type: 'fraction', maker, taker } },
    run: 'bench',
    currency: 'USD',
    base: '1m',
    bars: { latenessMs: 0, maxFill: 5 },
  }
}

async function skeinBacktest(tape: Tape, setup: Setup): Promise<Outcome> {
  let trips = 0
  let signals = 0
  let peak = 0
  let drawdown = 0
  const result = await backtest({
    tape,
    setup,
    watch: {
      notices: {
        types: ['fill', 'signal'],
        handle: (notice) => {
          if (notice.type === 'signal') signals++
          else if (notice.type === 'fill' && notice.position === 0) trips++
        },
      },
      sample: (_at, equity) => {
        if (equity > peak) peak = equity
        else if (peak - equity > drawdown) drawdown = peak - equity
      },
    },
  })
  return { trips, signals, equity: result.equity, drawdown }
}

function textOf({ trips, signals, equity, drawdown }: Outcome): string {
  const lost = drawdown.toFixed(2)
  return `${trips} trips, ${signals} signals, equity ${equity.toFixed(2)}, drawdown ${lost}`
}
