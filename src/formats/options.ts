// Options: what a file of market data does not say about itself.
import type { Ms } from '../core/brand.ts'
import type { InstrumentSpec } from '../core/instrument.ts'
import type { Timeframe } from '../core/time.ts'

export interface TapeOptions {
  /** Only these; one that is not there is an error. */
  readonly symbols?: readonly string[]
  /** Only data of this kind. */
  readonly kind?: 'bars' | 'trades' | 'quotes'
  /**
   * Only bars of this timeframe, where a `timeframe` column, the file's name or its layout tells; where none does,
   * what the bars are, held against the rows' spacing, which tells without it. No bars of it are an error.
   */
  readonly timeframe?: Timeframe
  /** IANA zone of stamps without offset; without it the file's name (`_et`, `_utc`) tells, or it is an error. */
  readonly zone?: string
  /** What a bar's stamp means; `end` for sets that stamp 09:30-09:31 as 09:31. Without it, `start`. */
  readonly stamp?: 'start' | 'end'
  /** First time, included. */
  readonly from?: Ms
  /** Last time, excluded. */
  readonly to?: Ms
  /** Names of the columns, in order, for csv files without a header row. */
  readonly columns?: readonly string[]
  /** What the instruments have that US equities do not; its calendar tells when a daily bar starts. */
  readonly instrument?: Partial<InstrumentSpec>
  /** Most bytes that one file may unpack to: a limit against zip bombs. */
  readonly maxBytes?: number
}

/** What was in the files and is not on the tape, counted over the parts that were read. */
export interface Skipped {
  /** Ticks that their source marked as suspicious. */
  suspicious: number
  /** Bars that were in their file twice, identical in every value. */
  repeated: number
  /** Quotes without a bid or without an ask. */
  oneSided: number
  /** Quotes with the bid above the ask: one side of a change whose other side comes in the next row. */
  crossed: number
}

export const nothingSkipped = (): Skipped => ({
  suspicious: 0,
  repeated: 0,
  oneSided: 0,
  crossed: 0,
})

/** In a sentence, what was left out; none where nothing was. */
export function leftOut({ suspicious, repeated, oneSided, crossed }: Skipped): readonly string[] {
  const parts = [
    [suspicious, 'suspicious tick'],
    [repeated, 'repeated bar'],
    [oneSided, 'one-sided quote'],
    [crossed, 'crossed quote'],
  ] as const
  const found = parts
    .filter(([count]) => count > 0)
    .map(([count, what]) => `${count} ${what}${count === 1 ? '' : 's'}`)
  return found.length === 0 ? [] : [`Left out of the data: ${found.join(', ')}.`]
}
