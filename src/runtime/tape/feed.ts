/*
 * Feed: the series of a tape merged into one stream, ordered by time of receipt, kind (depth, trades, quotes, bars)
 * and symbol. `take` gives everything of one millisecond; nothing is sorted or compared per row beyond that.
 *
 * A bar is received when it has ended, all else at its own time. Series wait in groups of equal
 * next time; groups wait in a heap. Symbols whose bars end together, the common case, therefore cost one
 * comparison each, not the logarithm of the universe.
 */
import { assert } from '../../core/assert.ts'
import { type Ms, type SymbolId } from '../../core/brand.ts'
import { type Calendar, calendarOf } from '../../core/calendar.ts'
import type { BarColumns, DepthColumns, QuoteColumns, TradeColumns } from '../../core/columns.ts'
import type { MarketInput } from '../../core/input.ts'
import type { Bar } from '../../core/market.ts'
import type { Tape, TapeSeries } from '../../core/tape.ts'
import { lengthMs, type Timeframe } from '../../core/time.ts'
import type { Universe } from '../../core/universe.ts'

/** One series: the page it is on, the row it is at, and when that row is received. */
abstract class Cursor {
  /** Orders series within one millisecond. */
  readonly rank: number
  readonly symbol: SymbolId
  at = Infinity
  /** True where the page is used up and the next has not been fetched. */
  isStarved = true
  protected row = 0

  constructor(symbol: SymbolId, kind: number) {
    this.symbol = symbol
    this.rank = kind * 65_536 + symbol
  }

  /** Fetches the next page; false at the end of the series. */
  abstract fetch(): Promise<boolean>
  /** The next row, received at `at`; moves on. */
  abstract next(): MarketInput
  abstract close(): Promise<void>
}

/** What the three kinds share: pages that follow each other. */
abstract class PagedCursor<Page extends { readonly length: number }> extends Cursor {
  protected page: Page | undefined
  readonly #pages: AsyncIterator<Page>

  constructor(symbol: SymbolId, kind: number, pages: AsyncIterable<Page>) {
    super(symbol, kind)
    this.#pages = pages[Symbol.asyncIterator]()
  }

  async fetch(): Promise<boolean> {
    for (;;) {
      const next = await this.#pages.next()
      if (next.done === true) {
        this.at = Infinity
        this.isStarved = false
        return false
      }
      if (next.value.length === 0) continue
      this.page = next.value
      this.row = 0
      const before = this.at
      this.at = this.timeOf(next.value, 0)
      assert(!(this.at < before && before !== Infinity), `pages of ${this.symbol} follow in time`)
      this.isStarved = false
      return true
    }
  }

  async close(): Promise<void> {
    await this.#pages.return?.()
  }

  next(): MarketInput {
    const page = this.page!
    const input = this.inputOf(page, this.row, this.at as Ms)
    this.row++
    if (this.row === page.length) this.isStarved = true
    else this.at = this.timeOf(page, this.row)
    return input
  }

  protected abstract timeOf(page: Page, row: number): number
  protected abstract inputOf(page: Page, row: number, at: Ms): MarketInput
}

class TradeCursor extends PagedCursor<TradeColumns> {
  protected timeOf(page: TradeColumns, row: number): number {
    return page.ts[row]!
  }

  protected inputOf(page: TradeColumns, row: number, at: Ms): MarketInput {
    const { symbol } = this
    const trade = { symbol, ts: at, price: page.price[row]!, size: page.size[row]! }
    return { type: 'trade', at, trade }
  }
}

class QuoteCursor extends PagedCursor<QuoteColumns> {
  protected timeOf(page: QuoteColumns, row: number): number {
    return page.ts[row]!
  }

  protected inputOf(page: QuoteColumns, row: number, at: Ms): MarketInput {
    const quote = {
      symbol: this.symbol,
      ts: at,
      bid: page.bid[row]!,
      bidSize: page.bidSize[row]!,
      ask: page.ask[row]!,
      askSize: page.askSize[row]!,
    }
    return { type: 'quote', at, quote }
  }
}

class DepthCursor extends PagedCursor<DepthColumns> {
  protected timeOf(page: DepthColumns, row: number): number {
    return page.ts[row]!
  }

  protected inputOf(page: DepthColumns, row: number, at: Ms): MarketInput {
    const isGood = page.good[row] === 1
    const side = (levels: Float64Array): readonly number[] => {
      const found: number[] = []
      const width = 2 * page.levels
      const end = isGood ? (row + 1) * width : 0
      for (let i = row * width; i < end && levels[i + 1]! > 0; i += 2)
        found.push(levels[i]!, levels[i + 1]!)
      return found
    }
    const { symbol } = this
    const depth = { symbol, ts: at, bids: side(page.bids), asks: side(page.asks), isGood }
    return { type: 'depth', at, depth }
  }
}

/** Rows of a page of bars that are turned at a time, and the doubles of one: a cache line. */
const BLOCK_ROWS = 64
const BLOCK_WIDTH = 8

/**
 * Columns are how bars are kept, and rows how they are told. With hundreds of symbols, a row that is gathered from
 * eight columns costs eight looks into memory that the other symbols have since pushed out of the cache; so a
 * block of rows is turned at once, and each row is then one look.
 */
class BarCursor extends PagedCursor<BarColumns> {
  readonly #timeframe: Timeframe
  readonly #lengthMs: number
  /** Only daily bars ask the calendar for their end. */
  readonly #calendar: Calendar | undefined
  readonly #block = new Float64Array(BLOCK_ROWS * BLOCK_WIDTH)

  constructor(
    symbol: SymbolId,
    timeframe: Timeframe,
    calendar: Calendar,
    pages: AsyncIterable<BarColumns>,
  ) {
    super(symbol, 2, pages)
    this.#timeframe = timeframe
    this.#lengthMs = lengthMs(timeframe)
    this.#calendar = timeframe === '1d' ? calendar : undefined
  }

  /** Rows are asked for in order, each for its time first: the first of a block turns it. */
  protected timeOf(page: BarColumns, row: number): number {
    const i = row % BLOCK_ROWS
    if (i === 0) turnBlock(page, row, this.#block)
    const start = this.#block[i * BLOCK_WIDTH]!
    return this.#calendar === undefined
      ? start + this.#lengthMs
      : this.#calendar.nextDayStart(start as Ms)
  }

  protected inputOf(_page: BarColumns, row: number, at: Ms): MarketInput {
    const block = this.#block
    const i = (row % BLOCK_ROWS) * BLOCK_WIDTH
    const bar: Bar = {
      symbol: this.symbol,
      timeframe: this.#timeframe,
      start: block[i]! as Ms,
      open: block[i + 1]!,
      high: block[i + 2]!,
      low: block[i + 3]!,
      close: block[i + 4]!,
      volume: block[i + 5]!,
      trades: block[i + 6]!,
    }
    const isFilled = block[i + 7] === 1
    return { type: 'bar', at, bar: isFilled ? { ...bar, filled: true } : bar, source: 'venue' }
  }
}

function turnBlock(page: BarColumns, from: number, block: Float64Array): void {
  const { start, open, high, low, close, volume, trades, filled } = page
  const rows = Math.min(BLOCK_ROWS, page.length - from)
  for (let row = 0; row < rows; row++) {
    const i = row * BLOCK_WIDTH
    block[i] = start[from + row]!
    block[i + 1] = open[from + row]!
    block[i + 2] = high[from + row]!
    block[i + 3] = low[from + row]!
    block[i + 4] = close[from + row]!
    block[i + 5] = volume[from + row]!
    block[i + 6] = trades[from + row]!
    block[i + 7] = filled[from + row]!
  }
}

/** Series that have their next row at the same time, by rank. */
interface Group {
  at: number
  readonly cursors: Cursor[]
}

/** Groups of series, the earliest first: a heap, in which several groups may have the same time. */
class Schedule {
  readonly #heap: Group[] = []

  get nextAt(): number {
    return this.#heap.length === 0 ? Infinity : this.#heap[0]!.at
  }

  /** The earliest group; it stays in the heap until it is moved or popped. */
  get first(): Group {
    return this.#heap[0]!
  }

  /** True where no other group has the time of the first. */
  get isFirstAlone(): boolean {
    const heap = this.#heap
    const { at } = heap[0]!
    return (heap.length < 2 || heap[1]!.at !== at) && (heap.length < 3 || heap[2]!.at !== at)
  }

  /** The first group goes on to a later time. */
  moveFirst(at: number): void {
    const group = this.#heap[0]!
    group.at = at
    this.#down(group)
  }

  pop(): Group {
    const first = this.#heap[0]!
    const tail = this.#heap.pop()!
    if (tail !== first) this.#down(tail)
    return first
  }

  push(group: Group): void {
    const heap = this.#heap
    let i = heap.length
    heap.push(group)
    while (i > 0) {
      const parent = (i - 1) >> 1
      if (heap[parent]!.at <= group.at) break
      heap[i] = heap[parent]!
      i = parent
    }
    heap[i] = group
  }

  #down(group: Group): void {
    const heap = this.#heap
    let i = 0
    for (;;) {
      let child = 2 * i + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && heap[child + 1]!.at < heap[child]!.at) child++
      if (heap[child]!.at >= group.at) break
      heap[i] = heap[child]!
      i = child
    }
    heap[i] = group
  }
}

/** Market facts in order of receipt, for a runner to drive a session with. */
export interface MarketFeed {
  /** True where `refill` must be awaited before the next `take`. */
  readonly isStarved: boolean
  /** When the next rows are received; Infinity at the end. */
  readonly nextAt: number
  /** Rows given so far. */
  readonly rows: number
  refill(): Promise<void>
  /** Skips everything received at or before `at`. */
  skipTo(at: number): Promise<void>
  /** All rows received at `nextAt`, in order. */
  take(): readonly MarketInput[]
}

export class Feed implements MarketFeed {
  readonly #schedule = new Schedule()
  readonly #cursors: Cursor[]
  #starved: Cursor[]
  #rows = 0

  /** Symbols of the tape that are not in the universe are left out. */
  constructor(tape: Tape, universe: Universe) {
    this.#cursors = tape.series.flatMap((series) => cursorOf(series, universe) ?? [])
    this.#cursors.sort((a, b) => a.rank - b.rank)
    this.#starved = this.#cursors
  }

  get isStarved(): boolean {
    return this.#starved.length > 0
  }

  get nextAt(): number {
    return this.#schedule.nextAt
  }

  get rows(): number {
    return this.#rows
  }

  /** Fetches the pages that ran out. */
  async refill(): Promise<void> {
    const starved = this.#starved
    this.#starved = []
    for (const cursor of starved) await cursor.fetch()
    this.#plan(starved)
  }

  async skipTo(at: number): Promise<void> {
    for (;;) {
      if (this.isStarved) await this.refill()
      if (this.nextAt > at) return
      this.take()
    }
  }

  take(): readonly MarketInput[] {
    assert(this.#starved.length === 0, 'a starved feed is refilled first')
    const schedule = this.#schedule
    const at = schedule.nextAt
    const isAlone = schedule.isFirstAlone
    const cursors = isAlone ? schedule.first.cursors : this.#popAll(at)
    // It begins with its first row, because an empty array takes room for 17 with the first push.
    const inputs = [cursors[0]!.next()]
    const next = this.#takeAll(cursors, at, inputs)
    // All series of the group go on together, as bars of one market do: the group just moves.
    if (isAlone && next !== undefined) schedule.moveFirst(next)
    else {
      if (isAlone) schedule.pop()
      this.#plan(cursors)
    }
    this.#rows += inputs.length
    return inputs
  }

  /** The series of all groups at `at`, by rank. */
  #popAll(at: number): Cursor[] {
    const cursors: Cursor[] = []
    while (this.#schedule.nextAt === at) cursors.push(...this.#schedule.pop().cursors)
    return cursors.toSorted((a, b) => a.rank - b.rank)
  }

  /** Takes the rows at `at` that each cursor still has. Gives their next time where all have the same one. */
  #takeAll(cursors: readonly Cursor[], at: number, into: MarketInput[]): number | undefined {
    let next: number | undefined
    let isTogether = true
    for (let i = 0; i < cursors.length; i++) {
      const cursor = cursors[i]!
      while (cursor.at === at && !cursor.isStarved) into.push(cursor.next())
      if (cursor.isStarved) {
        this.#starved.push(cursor)
        isTogether = false
      } else if (i === 0) next = cursor.at
      else if (cursor.at !== next) isTogether = false
    }
    return isTogether ? next : undefined
  }

  /** Puts series that have a next row into groups by its time. */
  #plan(cursors: readonly Cursor[]): void {
    const byTime = new Map<number, Cursor[]>()
    for (const cursor of cursors) {
      if (cursor.isStarved || cursor.at === Infinity) continue
      const group = byTime.get(cursor.at)
      if (group === undefined) byTime.set(cursor.at, [cursor])
      else group.push(cursor)
    }
    for (const [at, group] of byTime) this.#schedule.push({ at, cursors: group })
  }

  async close(): Promise<void> {
    for (const cursor of this.#cursors) await cursor.close()
  }
}

function cursorOf(series: TapeSeries, universe: Universe): Cursor | undefined {
  const instrument = universe.find(series.symbol)
  if (instrument === undefined) return undefined
  const { id } = instrument
  // A strategy that is told a quote has the depth beneath it.
  if (series.kind === 'depth') return new DepthCursor(id, -1, series.pages())
  if (series.kind === 'trades') return new TradeCursor(id, 0, series.pages())
  if (series.kind === 'quotes') return new QuoteCursor(id, 1, series.pages())
  const calendar = calendarOf(instrument.spec.calendar)
  return new BarCursor(id, series.timeframe, calendar, series.pages())
}
