// What the market tells: trades, quotes and bars.
// Prices in market data are plain numbers: prints may be off the order grid (midpoint fills, VWAPs).
import type { BookFault } from './book-fault.ts'
import type { Ms, SymbolId } from './brand.ts'
import type { Timeframe } from './time.ts'

/** One print. `ts` is the venue's time; sizes are shares, contracts or coins. */
export interface Trade {
  readonly symbol: SymbolId
  readonly ts: Ms
  readonly price: number
  readonly size: number
  readonly id?: string
}

/** The top of the book. */
export interface Quote {
  readonly symbol: SymbolId
  readonly ts: Ms
  readonly bid: number
  readonly bidSize: number
  readonly ask: number
  readonly askSize: number
}

/** The best levels of a book, as its keeper has it at a moment. */
export interface Depth {
  readonly symbol: SymbolId
  /** The venue's time of the last change that it holds. */
  readonly ts: Ms
  /** Price, size, price, size …, the best level first; none where the book is not good. */
  readonly bids: readonly number[]
  readonly asks: readonly number[]
  /** False where the book has a gap, is crossed, or waits for a snapshot: no price of it can be traded on. */
  readonly isGood: boolean
  readonly fault?: BookFault
}

/** Open, high, low, close and volume over [start, start + timeframe). */
export interface Bar {
  readonly symbol: SymbolId
  readonly timeframe: Timeframe
  /** Start of the bucket. */
  readonly start: Ms
  readonly open: number
  readonly high: number
  readonly low: number
  readonly close: number
  readonly volume: number
  /** Number of prints; 0 where the source does not tell. */
  readonly trades: number
  /** True where no trade fell in the bucket and the last close was carried over. Not price action. */
  readonly filled?: true
}

/** Where a bar comes from, from the least to the most certain: still forming, closed by a stream, told as history. */
export type BarRank = 'forming' | 'closed' | 'final'
