/*
 * Derive: bars of hours from finer bars that are stored anyway, instead of requests. One symbol of each query is asked for
 * all the same, and compared with what was made: a provider whose hours are made otherwise is found out before a row is kept.
 */
import { barColumns, type BarColumns, sliceBars } from '../core/columns.ts'
import type { Adjustment } from '../core/jobs.ts'
import { bucketStart, iso, lengthMs, ms, type Timeframe } from '../core/time.ts'

/** Bars of a timeframe from finer ones; buckets are aligned to UTC. */
export function derived(finer: BarColumns, timeframe: Timeframe): BarColumns {
  const bars = barColumns(finer.length)
  let k = -1
  for (let i = 0; i < finer.length; i++) {
    const start = bucketStart(finer.start[i]!, lengthMs(timeframe))
    if (k < 0 || bars.start[k] !== start) {
      k++
      bars.start[k] = start
      bars.open[k] = finer.open[i]!
      bars.high[k] = -Infinity
      bars.low[k] = Infinity
    }
    bars.high[k] = Math.max(bars.high[k]!, finer.high[i]!)
    bars.low[k] = Math.min(bars.low[k]!, finer.low[i]!)
    bars.close[k] = finer.close[i]!
    bars.volume[k]! += finer.volume[i]!
    bars.trades[k]! += finer.trades[i]!
  }
  return sliceBars(bars, 0, k + 1)
}

/**
 * In words, where what was made is not what the provider tells; undefined where it is. A provider that adjusts volumes rounds
 * each to whole shares, after a split such as 3:2: a half for the hour, and a half for each of the bars that it is made of.
 */
export function differenceOf(
  finer: BarColumns,
  told: BarColumns,
  { timeframe, adjustment }: { readonly timeframe: Timeframe; readonly adjustment: Adjustment },
): string | undefined {
  const made = derived(finer, timeframe)
  if (made.length !== told.length)
    return `${made.length} bars were made, the provider has ${told.length}`
  const counts = Map.groupBy(finer.start, (start) => bucketStart(start, lengthMs(timeframe)))
  for (let i = 0; i < made.length; i++) {
    const count = counts.get(ms(made.start[i]!))!.length
    const slack = adjustment === 'raw' ? 0 : (count + 1) / 2
    for (const name of ['start', 'open', 'high', 'low', 'close', 'volume'] as const) {
      const apart = Math.abs(made[name][i]! - told[name][i]!)
      if (apart <= (name === 'volume' ? slack : 0)) continue
      return `${name} at ${iso(made.start[i]!)} is ${told[name][i]}, and ${made[name][i]} was made`
    }
  }
  return undefined
}
