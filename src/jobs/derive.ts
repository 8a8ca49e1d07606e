/*
 * Derive: bars of hours from finer bars that are stored anyway, instead of requests. One symbol of each query is asked for
 * all the same, and compared with what was made: a provider whose hours are made otherwise is found out before a row is kept.
 */
import { barColumns, type BarColumns, sliceBars } from '../core/columns.ts'
import { bucketStart, iso, lengthMs, type Timeframe } from '../core/time.ts'

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

/** In words, where what was made is not what the provider tells; undefined where it is. */
export function differenceOf(made: BarColumns, told: BarColumns): string | undefined {
  if (made.length !== told.length)
    return `${made.length} bars were made, the provider has ${told.length}`
  for (let i = 0; i < made.length; i++) {
    for (const name of ['start', 'open', 'high', 'low', 'close', 'volume'] as const) {
      if (made[name][i] === told[name][i]) continue
      return `${name} at ${iso(made.start[i]!)} is ${told[name][i]}, and ${made[name][i]} was made`
    }
  }
  return undefined
}
