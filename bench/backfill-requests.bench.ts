/*
 * Requests of a backfill of 1,000 symbols x 4 timeframes x 1 year, from the plan to the last repair, as the local venue counts
 * them, beside the full pages that would hold all its rows. No time is measured: the clock leaps where somebody waits.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { madeSymbols, Past } from '../src/simulators/past.ts'
import { rolled } from '../src/simulators/alpaca/timeframe.ts'
import { DAY } from '../src/core/time.ts'
import { TO, Wire } from '../test/backfill/wire.ts'
import type { Bench, Measured, Size } from './bench.ts'

const SIZES = { full: { count: 1_000, days: 365 }, quick: { count: 60, days: 365 } } as const
const PAGE_ROWS = 10_000
const UNITS = [
  { count: 15, unit: 'minute' },
  { count: 1, unit: 'hour' },
  { count: 4, unit: 'hour' },
  { count: 1, unit: 'day' },
] as const

export const bench: Bench = {
  name: 'backfill-requests',
  unit: 'requests',
  goal: { ratioAtMost: 1.05 },
  isSlow: true,
  run: { skein: fetched, reference: fewest },
}

async function fetched(size: Size): Promise<Measured> {
  const folder = mkdtempSync(join(tmpdir(), 'skein-bench-'))
  const timeframes = ['15m', '1h', '4h', '1d'] as const
  const wire = await Wire.within(folder, { ...SIZES[size], timeframes, pageRows: PAGE_ROWS })
  try {
    await wire.work()
    const series = await wire.archive.series()
    const rows = series.reduce((sum, { bars }) => sum + bars, 0)
    const { busiestMinute } = wire
    return {
      value: wire.asked.length,
      check: `${rows} rows of ${series.length} series, no minute above 200: ${busiestMinute <= 200}`,
      also: `at most ${busiestMinute} in a minute; ${series.length} with one symbol each`,
    }
  } finally {
    await wire.archive.close()
    rmSync(folder, { recursive: true })
  }
}

function fewest(size: Size): Measured {
  const { count, days } = SIZES[size]
  const symbols = madeSymbols(count)
  const past = new Past({ seed: 5, symbols, from: TO - days * DAY, to: TO })
  const rowsOf = UNITS.map(() => 0)
  for (const symbol of symbols) {
    for (const [i, { count: length, unit }] of UNITS.entries()) {
      const make = (steps: Parameters<typeof rolled>[0]) =>
        rolled(steps, { count: length, unit }, false)
      rowsOf[i]! += past.rows(symbol, `${length} ${unit}`, make).length
    }
  }
  const rows = rowsOf.reduce((sum, each) => sum + each, 0)
  const value = rowsOf.reduce((sum, each) => sum + Math.ceil(each / PAGE_ROWS), 0)
  return { value, check: `${rows} rows of ${4 * count} series, no minute above 200: true` }
}
