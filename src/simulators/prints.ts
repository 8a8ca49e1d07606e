// Prints: a tape as one stream of trades, quotes and minutes in order of time, read page by page.
import { assert, unreachable } from '../core/assert.ts'
import type { BarColumns, QuoteColumns, TradeColumns } from '../core/columns.ts'
import type { Tape, TapeSeries } from '../core/tape.ts'
import { MINUTE } from '../core/time.ts'

/** A bar of one minute as venues tell it: `t` is its start, `vw` its volume-weighted price. */
export interface Minute {
  readonly t: number
  readonly o: number
  readonly h: number
  readonly l: number
  readonly c: number
  readonly v: number
  readonly n: number
  readonly vw: number
}

export interface PrintedTrade {
  readonly type: 'trade'
  readonly symbol: string
  readonly ts: number
  readonly price: number
  readonly size: number
}

export interface PrintedQuote {
  readonly type: 'quote'
  readonly symbol: string
  readonly ts: number
  readonly bid: number
  readonly bidSize: number
  readonly ask: number
  readonly askSize: number
}

/** A recorded minute, known one millisecond before its end: it overrules what its prints add up to. */
export interface PrintedMinute {
  readonly type: 'minute'
  readonly symbol: string
  readonly ts: number
  readonly bar: Minute
}

export type Print = PrintedTrade | PrintedQuote | PrintedMinute

/** What nobody wants, and is not made therefore. */
export interface Skip {
  /** Pages of trades and quotes that end before it. */
  readonly before?: number
  /** Minutes that start before it are told as such only, without trades. */
  readonly spellFrom?: number
}

/**
 * Merges the series of a tape. Bars of one minute are spelled out as four trades: open, the two extremes, close.
 * Of equal times, the series that the tape names first comes first.
 */
export class Prints {
  readonly #cursors: Cursor[]
  /** A binary heap of the cursors that have a print, by time, then by rank. */
  readonly #heap: Cursor[] = []
  #isOpen = false

  constructor(tape: Tape, skip: Skip = {}) {
    this.#cursors = tape.series.map((series, rank) => new Cursor(series, rank, skip))
  }

  /** Tells every print up to `until`, in order. */
  async advance(until: number, tell: (print: Print) => void): Promise<void> {
    if (!this.#isOpen) await this.#open()
    for (;;) {
      const first = this.#heap[0]
      if (first === undefined || first.ts > until) return
      tell(first.take())
      if (first.isDry) await first.load()
      if (first.ts === Infinity) this.#remove()
      else this.#sink(0)
    }
  }

  /** When the next print is stamped; Infinity after the last, and before the first `advance`. */
  get nextAt(): number {
    return this.#heap[0]?.ts ?? Infinity
  }

  async #open(): Promise<void> {
    this.#isOpen = true
    for (const cursor of this.#cursors) {
      await cursor.load()
      if (cursor.ts < Infinity) this.#heap.push(cursor)
    }
    for (let i = this.#heap.length >> 1; i >= 0; i--) this.#sink(i)
  }

  #remove(): void {
    const last = this.#heap.pop()
    if (last === undefined || this.#heap.length === 0) return
    this.#heap[0] = last
    this.#sink(0)
  }

  #sink(from: number): void {
    const heap = this.#heap
    for (let i = from; ;) {
      let least = i
      for (const child of [2 * i + 1, 2 * i + 2]) {
        if (child < heap.length && isBefore(heap[child]!, heap[least]!)) least = child
      }
      if (least === i) return
      const moved = heap[i]!
      heap[i] = heap[least]!
      heap[least] = moved
      i = least
    }
  }
}

const isBefore = (a: Cursor, b: Cursor): boolean =>
  a.ts < b.ts || (a.ts === b.ts && a.rank < b.rank)

/** One series, and the prints of its row that were not taken yet. */
class Cursor {
  readonly rank: number
  readonly #symbol: string
  readonly #pages: AsyncIterator<Page>
  #page: Page = NO_ROWS
  #row = 0
  #waiting: readonly Print[] = []
  #next = 0

  constructor(series: TapeSeries, rank: number, skip: Skip) {
    this.rank = rank
    this.#symbol = series.symbol
    this.#pages = pagesOf(series, skip)[Symbol.asyncIterator]()
  }

  get ts(): number {
    return this.#waiting[this.#next]?.ts ?? Infinity
  }

  get isDry(): boolean {
    return this.#next >= this.#waiting.length
  }

  /** Gives a print and moves on, within the page. */
  take(): Print {
    const print = this.#waiting[this.#next++]
    assert(print !== undefined, `the series of ${this.#symbol} has a print to take`)
    if (this.isDry) this.#turnRows()
    return print
  }

  async load(): Promise<void> {
    while (this.isDry) {
      const { done, value } = await this.#pages.next()
      if (done === true) return
      this.#page = value
      this.#row = 0
      this.#turnRows()
    }
  }

  /** A row at a time: the prints of whole pages of thousands of symbols would fill the memory. */
  #turnRows(): void {
    const page = this.#page
    while (this.isDry && this.#row < page.length) {
      this.#waiting = page.printsOf(this.#row++)
      this.#next = 0
    }
  }
}

const NO_ROWS: Page = { length: 0, printsOf: () => [] }

/** Rows of a series, and what each of them shows. */
interface Page {
  readonly length: number
  readonly printsOf: (row: number) => readonly Print[]
}

async function* pagesOf(series: TapeSeries, skip: Skip): AsyncGenerator<Page> {
  const { symbol } = series
  const { before = -Infinity, spellFrom = -Infinity } = skip
  const isOver = ({ length, ts }: TradeColumns | QuoteColumns) => (ts[length - 1] ?? 0) < before
  switch (series.kind) {
    case 'trades':
      for await (const page of series.pages()) if (!isOver(page)) yield tradesOf(symbol, page)
      return
    case 'quotes':
      for await (const page of series.pages()) if (!isOver(page)) yield quotesOf(symbol, page)
      return
    // Books of a local venue are made around its quotes.
    case 'depth':
      return
    case 'bars':
      assert(
        series.timeframe === '1m',
        `bars of ${symbol} are of one minute, not ${series.timeframe}`,
      )
      for await (const page of series.pages()) yield minutesOf(symbol, page, spellFrom)
      return
    default:
      unreachable(series)
  }
}

const tradesOf = (symbol: string, page: TradeColumns): Page => ({
  length: page.length,
  printsOf: (row) => {
    const [ts, price, size] = [page.ts[row]!, page.price[row]!, page.size[row]!]
    return [{ type: 'trade', symbol, ts, price, size }]
  },
})

const quotesOf = (symbol: string, page: QuoteColumns): Page => ({
  length: page.length,
  printsOf: (row) => {
    const [bid, bidSize] = [page.bid[row]!, page.bidSize[row]!]
    const [ask, askSize] = [page.ask[row]!, page.askSize[row]!]
    return [{ type: 'quote', symbol, ts: page.ts[row]!, bid, bidSize, ask, askSize }]
  },
})

const minutesOf = (symbol: string, page: BarColumns, spellFrom: number): Page => ({
  length: page.length,
  printsOf: (row) => {
    const [start, volume] = [page.start[row]!, page.volume[row]!]
    if (page.filled[row] === 1 || !(volume > 0)) return []
    const [o, h, l, c] = [page.open[row]!, page.high[row]!, page.low[row]!, page.close[row]!]
    const trades = start >= spellFrom ? spelled(symbol, start, { o, h, l, c, volume }) : []
    const vw = (o + h + l + c) / 4
    const bar = { t: start, o, h, l, c, v: volume, n: page.trades[row]! || 4, vw }
    return [...trades, { type: 'minute', symbol, ts: start + MINUTE - 1, bar }]
  },
})

/** A minute as four trades: open, the extreme that comes first, the other, close. */
function spelled(
  symbol: string,
  start: number,
  bar: { o: number; h: number; l: number; c: number; volume: number },
): Print[] {
  const { o, h, l, c, volume } = bar
  const path = c < o ? [o, h, l, c] : [o, l, h, c]
  const part = Number.isInteger(volume) ? Math.max(1, Math.floor(volume / 4)) : volume / 4
  return path.map((price, k) => {
    const size = k < 3 || volume <= 3 * part ? part : volume - 3 * part
    return { type: 'trade', symbol, ts: start + (k * MINUTE) / 4, price, size }
  })
}
