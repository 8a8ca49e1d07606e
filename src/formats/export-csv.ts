// Export: bars as csv text that `openTape` reads back equal.
import type { BarColumns } from '../core/columns.ts'
import { iso, type Timeframe } from '../core/time.ts'

export const CSV_HEADER = 'symbol,timeframe,start,open,high,low,close,volume,trades,filled'

/** A series as chunks of csv text, the header first. Numbers are written so that they read back as the same doubles. */
export async function* exportCsv(
  pages: AsyncIterable<BarColumns> | Iterable<BarColumns>,
  { symbol, timeframe }: { readonly symbol: string; readonly timeframe: Timeframe },
): AsyncIterable<string> {
  // A name with a quotation mark, as `import` reads it.
  const name = symbol.includes('"') ? `"${symbol.replaceAll('"', '""')}"` : symbol
  yield `${CSV_HEADER}\n`
  for await (const bars of pages) {
    const lines: string[] = []
    for (let i = 0; i < bars.length; i++) {
      const cells = [
        bars.open,
        bars.high,
        bars.low,
        bars.close,
        bars.volume,
        bars.trades,
        bars.filled,
      ]
      const values = cells.map((column) => column[i]).join(',')
      lines.push(`${name},${timeframe},${iso(bars.start[i] ?? NaN)},${values}\n`)
    }
    yield lines.join('')
  }
}
