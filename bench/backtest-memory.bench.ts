/*
 * Peak memory of a process that backtests ten symbols straight from the market generator, so that no history is
 * held: 10 M bars beside the same run of 1 M. What both computed is compared where the short one ends.
 */
import { type Ms, venueId } from '../src/core/brand.ts'
import { DAY, MINUTE } from '../src/core/time.ts'
import { Universe } from '../src/core/universe.ts'
import { backtest } from '../src/runtime/backtest.ts'
import { generateTape } from '../src/simulators/market.ts'
import { smaCross } from '../src/strategies/sma-cross.ts'
import { NO_LIMITS } from './backtest.ts'
import type { Bench, Measured, Size } from './bench.ts'
import { FROM } from './market.ts'

const SYMBOLS = Array.from({ length: 10 }, (_, i) => `S${i}`)
const SIM = venueId('sim')

const shortBars = (size: Size): number => (size === 'full' ? 1_000_000 : 20_000)

export const bench: Bench = {
  name: 'backtest-memory',
  unit: 'bytes',
  goal: { ratioAtMost: 1.2 },
  run: {
    skein: (size) => peakOf(10 * shortBars(size), shortBars(size)),
    reference: (size) => peakOf(shortBars(size), shortBars(size)),
  },
}

async function peakOf(bars: number, checkedBars: number): Promise<Measured> {
  const minutes = bars / SYMBOLS.length
  const generated = generateTape({
    seed: 1,
    symbols: SYMBOLS,
    start: FROM as Ms,
    minutes,
    kind: 'bars',
    sessionFrom: (at) => ({ open: at, close: (at + DAY) as Ms }),
  })
  const universe = new Universe(
    generated.instruments.map((spec) => ({ ...spec, calendar: '24/7' })),
  )
  const on = universe.all.map(({ id }) => id)
  const params = smaCross.params.parse({ fraction: 0.001, minConfidence: 0.9 })
  const checkedTo = FROM + (checkedBars / SYMBOLS.length) * MINUTE
  let samples = 0
  let sum = 0
  await backtest({
    tape: generated,
    setup: {
      universe,
      uses: [{ name: 'sma-cross', strategy: smaCross, params, on }],
      risk: NO_LIMITS,
      sim: { venue: SIM, cash: 10_000_000, participation: 1 },
      run: 'bench',
      currency: 'USD',
      base: '1m',
      bars: { latenessMs: 0, maxFill: 5 },
    },
    watch: {
      sample: (at, equity) => {
        if (at >= checkedTo) return
        samples++
        sum += equity
      },
    },
  })
  const value = process.resourceUsage().maxRSS * 1024
  return { value, check: `${samples} samples of equity, sum ${sum.toFixed(2)}` }
}
