// ChartBars: the candles of a run for its charts, bounded whatever its length.
import { assert } from '../core/assert.ts'
import type { SymbolId } from '../core/brand.ts'
import type { Bar } from '../core/market.ts'
import { DAY, HOUR, MINUTE, SECOND } from '../core/time.ts'
import type { Universe } from '../core/universe.ts'

/** Most candles per symbol; past it they merge into the next coarser bucket. */
const CANDLES_MAX = 3_000
/** Most symbols with candles; those that come later have none, and the page says how many of those that traded. */
const CHARTS_MAX = 40

/** Buckets that people read; past a week they double. Aligned to the UTC epoch. */
const BUCKETS: readonly number[] = [
  SECOND,
  5 * SECOND,
  15 * SECOND,
  MINUTE,
  5 * MINUTE,
  15 * MINUTE,
  30 * MINUTE,
  HOUR,
  2 * HOUR,
  4 * HOUR,
  DAY,
  7 * DAY,
]

/** The candles of one symbol as columns, in order of `start`: that of the first bar in each, ms since the epoch. */
export interface Chart {
  readonly symbol: string
  readonly bucketMs: number
  readonly tickSize: number
  readonly start: readonly number[]
  readonly open: readonly number[]
  readonly high: readonly number[]
  readonly low: readonly number[]
  readonly close: readonly number[]
  readonly volume: readonly number[]
}

/** A bar as far as a candle needs it. */
export type CandleBar = Omit<Bar, 'timeframe' | 'trades'>

type Candle = Omit<CandleBar, 'symbol' | 'start'>

export class ChartBars {
  readonly #universe: Universe
  readonly #candlesMax: number
  readonly #chartsMax: number
  readonly #candles: (Candles | undefined)[] = []
  #count = 0

  constructor(
    universe: Universe,
    limits: { readonly candles?: number; readonly charts?: number } = {},
  ) {
    this.#universe = universe
    this.#candlesMax = limits.candles ?? CANDLES_MAX
    this.#chartsMax = limits.charts ?? CHARTS_MAX
    assert(this.#candlesMax >= 2, `a chart holds two candles or more, not ${this.#candlesMax}`)
  }

  /** Bars of one symbol come in order of time. Bars without a trade and bars out of order are left out. */
  push(bar: CandleBar): void {
    if (bar.filled) return
    const candles = this.#candles[bar.symbol]
    if (candles !== undefined) candles.push(bar)
    else this.#open(bar)
  }

  /** The charts in order of symbol id. */
  charts(): Chart[] {
    const charts: Chart[] = []
    for (const [id, candles] of this.#candles.entries()) {
      if (candles === undefined) continue
      const { symbol, tickSize } = this.#universe.at(id as SymbolId)
      charts.push({ symbol, tickSize, ...candles.columns() })
    }
    return charts
  }

  #open(bar: CandleBar): void {
    if (this.#count === this.#chartsMax) return
    this.#count++
    const candles = new Candles(this.#candlesMax)
    this.#candles[bar.symbol] = candles
    candles.push(bar)
  }
}

/** Candles of one symbol. Columns grow to the limit; there they merge in place. */
class Candles {
  readonly #max: number
  #bucketMs = BUCKETS[0]!
  #count = 0
  readonly #start: Float64Array
  readonly #open: Float64Array
  readonly #high: Float64Array
  readonly #low: Float64Array
  readonly #close: Float64Array
  readonly #volume: Float64Array

  constructor(max: number) {
    this.#max = max
    this.#start = new Float64Array(max)
    this.#open = new Float64Array(max)
    this.#high = new Float64Array(max)
    this.#low = new Float64Array(max)
    this.#close = new Float64Array(max)
    this.#volume = new Float64Array(max)
  }

  push(bar: CandleBar): void {
    const last = this.#count - 1
    const bucket = this.#bucketOf(bar.start)
    const lastBucket = last < 0 ? -Infinity : this.#bucketOf(this.#start[last]!)
    if (bucket < lastBucket) return
    if (bucket === lastBucket) this.#merge(last, bar)
    else if (this.#count < this.#max) this.#append(bar.start, bar)
    else {
      this.#coarsen()
      this.push(bar)
    }
  }

  columns(): Omit<Chart, 'symbol' | 'tickSize'> {
    const take = (column: Float64Array) => Array.from(column.subarray(0, this.#count))
    return {
      bucketMs: this.#width(),
      start: take(this.#start),
      open: take(this.#open),
      high: take(this.#high),
      low: take(this.#low),
      close: take(this.#close),
      volume: take(this.#volume),
    }
  }

  /** The bucket that the candles look like: before any merge, the smallest distance between two. */
  #width(): number {
    let width = Infinity
    for (let i = 1; i < this.#count; i++) {
      const buckets = this.#bucketOf(this.#start[i]!) - this.#bucketOf(this.#start[i - 1]!)
      width = Math.min(width, buckets * this.#bucketMs)
    }
    return Number.isFinite(width) ? width : this.#bucketMs
  }

  /** A candle begins with its first bar, and not with its bucket: a day of New York does not begin at midnight of UTC. */
  #bucketOf(start: number): number {
    return Math.floor(start / this.#bucketMs)
  }

  #append(start: number, bar: Candle): void {
    const i = this.#count++
    this.#start[i] = start
    this.#open[i] = bar.open
    this.#high[i] = bar.high
    this.#low[i] = bar.low
    this.#close[i] = bar.close
    this.#volume[i] = bar.volume
  }

  #merge(i: number, bar: Candle): void {
    this.#high[i] = Math.max(this.#high[i]!, bar.high)
    this.#low[i] = Math.min(this.#low[i]!, bar.low)
    this.#close[i] = bar.close
    this.#volume[i] = this.#volume[i]! + bar.volume
  }

  /** Goes up to the first bucket that leaves a quarter of the room free. */
  #coarsen(): void {
    while (this.#count > this.#max * 0.75) {
      this.#bucketMs = BUCKETS.find((bucket) => bucket > this.#bucketMs) ?? this.#bucketMs * 2
      const count = this.#count
      this.#count = 0
      for (let i = 0; i < count; i++) this.#move(i)
    }
  }

  /** Books candle `i` again, at or before its place. */
  #move(i: number): void {
    const start = this.#start[i]!
    const candle = {
      open: this.#open[i]!,
      high: this.#high[i]!,
      low: this.#low[i]!,
      close: this.#close[i]!,
      volume: this.#volume[i]!,
    }
    const last = this.#count - 1
    const isSame = last >= 0 && this.#bucketOf(start) === this.#bucketOf(this.#start[last]!)
    if (isSame) this.#merge(last, candle)
    else this.#append(start, candle)
  }
}
