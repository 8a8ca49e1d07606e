// Columns: how market data waits and travels in bulk. Typed arrays in order of time, one symbol each.

/** Bars of one symbol and timeframe, in order of `start`. */
export interface BarColumns {
  readonly length: number
  readonly start: Float64Array
  readonly open: Float64Array
  readonly high: Float64Array
  readonly low: Float64Array
  readonly close: Float64Array
  readonly volume: Float64Array
  readonly trades: Float64Array
  /** 1 where the bar was filled from the previous close, 0 elsewhere. */
  readonly filled: Uint8Array
}

/** Trades of one symbol in order of `ts`; several may share a millisecond, and none is dropped. */
export interface TradeColumns {
  readonly length: number
  readonly ts: Float64Array
  readonly price: Float64Array
  readonly size: Float64Array
}

/** Best quotes of one symbol, in order of `ts`. */
export interface QuoteColumns {
  readonly length: number
  readonly ts: Float64Array
  readonly bid: Float64Array
  readonly bidSize: Float64Array
  readonly ask: Float64Array
  readonly askSize: Float64Array
}

/** Best levels of the book of one symbol, in order of `ts`. */
export interface DepthColumns {
  readonly length: number
  /** Levels of a side in each row. */
  readonly levels: number
  readonly ts: Float64Array
  /** `levels` times price and size in each row, the best first; a level that is not there has size 0. */
  readonly bids: Float64Array
  readonly asks: Float64Array
  /** 0 where the book was not good. */
  readonly good: Uint8Array
}

/** Zeroed columns for `length` bars. */
export function barColumns(length: number): BarColumns {
  return {
    length,
    start: new Float64Array(length),
    open: new Float64Array(length),
    high: new Float64Array(length),
    low: new Float64Array(length),
    close: new Float64Array(length),
    volume: new Float64Array(length),
    trades: new Float64Array(length),
    filled: new Uint8Array(length),
  }
}

/** Copies of the bars from `from` up to `to`. */
export function copyBars(bars: BarColumns, from: number, to: number): BarColumns {
  return {
    length: to - from,
    start: bars.start.slice(from, to),
    open: bars.open.slice(from, to),
    high: bars.high.slice(from, to),
    low: bars.low.slice(from, to),
    close: bars.close.slice(from, to),
    volume: bars.volume.slice(from, to),
    trades: bars.trades.slice(from, to),
    filled: bars.filled.slice(from, to),
  }
}

/** Writes bar `from` of some over bar `to` of others. */
export function copyBar(into: BarColumns, to: number, bars: BarColumns, from: number): void {
  into.start[to] = bars.start[from]!
  into.open[to] = bars.open[from]!
  into.high[to] = bars.high[from]!
  into.low[to] = bars.low[from]!
  into.close[to] = bars.close[from]!
  into.volume[to] = bars.volume[from]!
  into.trades[to] = bars.trades[from]!
  into.filled[to] = bars.filled[from]!
}

/** The bars from `from` up to `to`, as views: nothing is copied. */
export function sliceBars(bars: BarColumns, from: number, to: number): BarColumns {
  return {
    length: to - from,
    start: bars.start.subarray(from, to),
    open: bars.open.subarray(from, to),
    high: bars.high.subarray(from, to),
    low: bars.low.subarray(from, to),
    close: bars.close.subarray(from, to),
    volume: bars.volume.subarray(from, to),
    trades: bars.trades.subarray(from, to),
    filled: bars.filled.subarray(from, to),
  }
}

/** Bars that follow each other, as one. */
export function joinedBars(pages: readonly BarColumns[]): BarColumns {
  if (pages.length === 1) return pages[0]!
  const all = barColumns(pages.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const page of pages) {
    for (const name of ['start', 'open', 'high', 'low', 'close', 'volume', 'trades'] as const) {
      all[name].set(page[name], at)
    }
    all.filled.set(page.filled, at)
    at += page.length
  }
  return all
}
