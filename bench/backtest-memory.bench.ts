/*
 * Peak of the memory that a backtest of ten symbols holds, straight from the market generator: 10 M bars beside the
 * same run of 1 M. History is streamed, so they are equal. What both computed is compared where the short one ends.
 *
 * Held is what a forced collection leaves, looked at twenty times on the way. The resident size of the process says
 * little here: it grows with the garbage that V8 has not taken up yet, about 300 MB after 1 M bars and 400 MB from
 * a few million on, while 25 MB are held throughout.
 */
import assert from 'node:assert/strict'
import { type Ms, venueId } from '../src/core/brand.ts'
import { DAY, MINUTE } from '../src/core/time.ts'
import { Universe } from '../src/core/universe.ts'
import { backtest } from '../src/runtime/tape/backtest.ts'
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
  const lookEvery = (minutes * MINUTE) / 20
  let lookAt = FROM + lookEvery
  let value = 0
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
        if (at >= lookAt) {
          lookAt += lookEvery
          value = Math.max(value, heldBytes())
        }
        if (at >= checkedTo) return
        samples++
        sum += equity
      },
    },
  })
  return { value, check: `${samples} samples of equity, sum ${sum.toFixed(2)}` }
}

function heldBytes(): number {
  assert(gc !== undefined, 'a bench runs with --expose-gc')
  // Twice, because the first one hands the buffers of dead pages to a thread that frees them later.
  gc()
  gc()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}
