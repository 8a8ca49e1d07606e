// Tape: recorded or generated market data, as the series of its symbols.
import type { BarColumns, DepthColumns, QuoteColumns, TradeColumns } from './columns.ts'
import type { InstrumentSpec } from './instrument.ts'
import type { Timeframe } from './time.ts'

/** One symbol's data of one kind, read page by page. Pages follow each other in time and may be read again. */
export type TapeSeries =
  | {
      readonly kind: 'bars'
      readonly symbol: string
      readonly timeframe: Timeframe
      pages(): AsyncIterable<BarColumns>
    }
  | { readonly kind: 'trades'; readonly symbol: string; pages(): AsyncIterable<TradeColumns> }
  | { readonly kind: 'quotes'; readonly symbol: string; pages(): AsyncIterable<QuoteColumns> }
  | { readonly kind: 'depth'; readonly symbol: string; pages(): AsyncIterable<DepthColumns> }

export interface Tape {
  /** Where it comes from, for people: a path, or the seed of a generator. */
  readonly name: string
  readonly instruments: readonly InstrumentSpec[]
  readonly series: readonly TapeSeries[]
  /** What a reader of results on it must know, in sentences. */
  readonly notes?: readonly string[]
}
