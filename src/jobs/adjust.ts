/*
 * Adjust: bars as they were traded, as if the splits that came after them had been all along. Done when bars are read and
 * not when they are stored: raw bars are kept once, and a split that becomes known later needs nothing fetched again.
 */
import { barColumns, type BarColumns } from '../core/columns.ts'
import type { Split } from '../core/jobs.ts'

/** Digits of an adjusted price, as the provider tells them. */
const SCALE = 10_000

/** Prices with four digits, whole shares; bars of one symbol and its splits. The same columns where nothing changes. */
export function splitAdjusted(bars: BarColumns, splits: readonly Split[]): BarColumns {
  const first = bars.start[0] ?? Infinity
  const later = splits.filter(({ exAt }) => exAt > first).toSorted((a, b) => a.exAt - b.exAt)
  if (later.length === 0) return bars
  const adjusted = barColumns(bars.length)
  let next = 0
  for (let i = 0; i < bars.length; i++) {
    const start = bars.start[i]!
    while (next < later.length && later[next]!.exAt <= start) next++
    const { olds, news } = productOf(later, next)
    adjusted.start[i] = start
    for (const name of ['open', 'high', 'low', 'close'] as const) {
      const price = bars[name][i]!
      adjusted[name][i] =
        olds === news ? price : Math.round(((price * olds) / news) * SCALE) / SCALE
    }
    const volume = bars.volume[i]!
    adjusted.volume[i] = olds === news ? volume : Math.round((volume * news) / olds)
    adjusted.trades[i] = bars.trades[i]!
    adjusted.filled[i] = bars.filled[i]!
  }
  return adjusted
}

/** Of the splits from `next` on. */
function productOf(splits: readonly Split[], next: number) {
  let [olds, news] = [1, 1]
  for (let i = next; i < splits.length; i++) {
    olds *= splits[i]!.oldRate
    news *= splits[i]!.newRate
  }
  return { olds, news }
}
