// Made bars: minutes that tell by their prices which they are, and bars as rows to compare.
import { type BarColumns, barColumns } from '../core/columns.ts'
import { MINUTE } from '../core/time.ts'

export const T0 = Date.UTC(2026, 2, 23, 13, 30)

/** Bars of minutes from T0 + `from` minutes on; prices tell which bar and which `version` it is. */
export function minutes(from: number, count: number, version = 0): BarColumns {
  const bars = barColumns(count)
  for (let i = 0; i < count; i++) {
    const price = 100 + (from + i) / 100 + version
    bars.start[i] = T0 + (from + i) * MINUTE
    bars.open[i] = price
    bars.high[i] = price + 0.1
    bars.low[i] = price - 0.1
    bars.close[i] = price + 0.05
    bars.volume[i] = 1000.5 + i
    bars.trades[i] = i
    bars.filled[i] = i % 2
  }
  return bars
}

/** The same as a provider tells them: prices in cents, whole volumes, none filled. */
export function told(from: number, count: number, version = 0): BarColumns {
  const bars = minutes(from, count)
  for (let i = 0; i < count; i++) {
    const cents = 10_000 + from + i + version
    bars.open[i] = cents / 100
    bars.high[i] = (cents + 10) / 100
    bars.low[i] = (cents - 10) / 100
    bars.close[i] = (cents + 5) / 100
    bars.volume[i] = 1_000 + i
    bars.filled[i] = 0
  }
  return bars
}

export async function read(pages: AsyncIterable<BarColumns>): Promise<number[][]> {
  const rows: number[][] = []
  for await (const page of pages) rows.push(...rowsOf(page))
  return rows
}

export const rowsOf = (bars: BarColumns): number[][] =>
  Array.from({ length: bars.length }, (_, i) =>
    [
      bars.start,
      bars.open,
      bars.high,
      bars.low,
      bars.close,
      bars.volume,
      bars.trades,
      bars.filled,
    ].map((column) => column[i] ?? NaN),
  )

export const SPY = { symbol: 'SPY', timeframe: '1m' } as const
