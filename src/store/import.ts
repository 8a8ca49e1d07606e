// Import: a tape's bars into an archive, all of them or none.
import { BadInput } from '../core/bad-input.ts'
import type { BarStore } from '../core/store.ts'
import type { Tape } from '../core/tape.ts'
import type { Timeframe } from '../core/time.ts'

export interface ImportProgress {
  readonly symbol: string
  readonly timeframe: Timeframe
  /** Bars of all series so far. */
  readonly bars: number
  /** Series that are done, of how many. */
  readonly done: number
  readonly of: number
}

export interface ImportReport {
  readonly series: number
  readonly bars: number
  /** Series of trades and quotes, which an archive does not hold. */
  readonly skipped: number
}

/**
 * Writes all bars of a tape in one transaction. A page is read and checked before it is written; the first
 * bad value rejects with its BadInput and leaves the archive exactly as it was. Other writers of an archive in a file
 * wait until the import has ended.
 */
export async function importTape(
  tape: Tape,
  archive: Pick<BarStore, 'writing'>,
  onProgress: (progress: ImportProgress) => void = () => {},
): Promise<ImportReport> {
  const series = tape.series.filter((one) => one.kind === 'bars')
  const skipped = tape.series.length - series.length
  if (series.length === 0) {
    throw new BadInput({ file: tape.name }, 'has no bars to import', undefined, 'a series of bars')
  }
  const bars = await archive.writing(async (write) => {
    let bars = 0
    for (const [done, one] of series.entries()) {
      const { symbol, timeframe } = one
      for await (const page of one.pages()) {
        await write(symbol, timeframe, page)
        bars += page.length
        onProgress({ symbol, timeframe, bars, done, of: series.length })
      }
    }
    return bars
  })
  return { series: series.length, bars, skipped }
}
