/*
 * Bars: trades → bars → bars of higher timeframes.
 *
 * The rules:
 * 1. A trade belongs to the bar that holds its `ts`, the venue's time. Bars are aligned to UTC; a '1d' bar is
 *    the trading day of the instrument's calendar.
 * 2. A bar closes when its end (plus `latenessMs`) has passed on the engine's clock, or when a trade of a
 *    later bar of the same symbol arrives, whichever comes first. A quiet market closes bars by the clock.
 * 3. A published bar never changes. A trade of a bar that is already closed is late: it is in no bar, it is
 *    counted, and a notice `trade.late` carries it. It still is a price, and the account is marked with it.
 * 4. A bar without a trade is not made when its time passes, because nobody can know yet how long the silence
 *    lasts. When the next trade comes and at most `maxFill` bars of the same session are missing, they are
 *    published first: flat at the previous close, no volume, marked `filled`. More than that is a gap: it is
 *    told by a notice `bar.gap` and not filled. The same holds for bars that come from a venue or a file.
 * 5. Higher timeframes are built from the closed bars of the base timeframe, filled ones included. They too
 *    close by the clock, before any later base bar of their symbol is told, and never change then: a bar that
 *    only becomes known afterwards (a straggler's, or a silence that was filled) is in no higher bar that is
 *    already published. A straggler is counted as late.
 * 6. Where a source tells trades and bars, its bar takes the place of the open bar of the same time.
 * 7. Bars from outside that come while the market goes on come after their end, nobody knows how long after, and
 *    after a break many at once. So there the clock closes nothing: a higher bar closes with its last base bar, or
 *    where that never comes, just before the next one of its symbol.
 */
import { assert } from '../core/assert.ts'
import { type Ms, type SymbolId, symbolId } from '../core/brand.ts'
import { type Calendar, calendarOf } from '../core/calendar.ts'
import type { Bar, Trade } from '../core/market.ts'
import { bucketStart, lengthMs, type Timeframe } from '../core/time.ts'
import type { Universe } from '../core/universe.ts'

export interface BarOptions {
  /** The timeframe that trades are built into, and that bars from outside have. */
  readonly base: Timeframe
  /** Higher timeframes that somebody needs. */
  readonly higher: readonly Timeframe[]
  /** How long after its end a bar waits for stragglers, in milliseconds, >= 0. */
  readonly latenessMs: number
  /** Most missing bars that are filled from the previous close. */
  readonly maxFill: number
  /** 'outside' where base bars come some time after their end (rule 7); 'trades' where not told. */
  readonly barsFrom?: 'trades' | 'outside'
}

export interface BarSink {
  closed(bar: Bar): void
  gap(symbol: SymbolId, timeframe: Timeframe, from: Ms, to: Ms): void
  late(trade: Trade): void
}

// One row of eight doubles per symbol: a cache line. `START` is Infinity while no bar is open.
const START = 0
const END = 1
const OPEN = 2
const HIGH = 3
const LOW = 4
const CLOSE = 5
const VOLUME = 6
const TRADES = 7
const ROW = 8

/** The open bars of one timeframe, one row for each symbol. */
class OpenBars {
  readonly timeframe: Timeframe
  readonly #lengthMs: number
  readonly #calendars: readonly Calendar[]
  rows: Float64Array
  /** End of the last published bar of each symbol; 0 before the first. */
  lastEnd: Float64Array<ArrayBuffer>
  /** No open bar ends before this. Rows that close by a later trade leave it behind until `settle`. */
  nextEnd = Infinity

  constructor(timeframe: Timeframe, calendars: readonly Calendar[]) {
    this.timeframe = timeframe
    this.#lengthMs = lengthMs(timeframe)
    this.#calendars = calendars
    this.rows = new Float64Array(calendars.length * ROW).fill(Infinity)
    this.lastEnd = new Float64Array(calendars.length)
  }

  /** More symbols have joined: their rows are empty. */
  grow(symbols: number): void {
    if (this.rows.length >= symbols * ROW) return
    const rows = new Float64Array(symbols * ROW).fill(Infinity)
    rows.set(this.rows)
    this.rows = rows
    this.lastEnd = grown(this.lastEnd, symbols)
  }

  startOf(symbol: number, ts: number): Ms {
    return this.timeframe === '1d'
      ? this.#calendars[symbol]!.dayStart(ts as Ms)
      : bucketStart(ts, this.#lengthMs)
  }

  endOf(symbol: number, start: Ms): number {
    return this.timeframe === '1d'
      ? this.#calendars[symbol]!.nextDayStart(start)
      : start + this.#lengthMs
  }

  isOpen(symbol: number): boolean {
    return this.rows[symbol * ROW + START]! !== Infinity
  }

  open(symbol: number, start: Ms, first: { open: number; high: number; low: number }): void {
    const row = symbol * ROW
    const end = this.endOf(symbol, start)
    this.rows[row + START] = start
    this.rows[row + END] = end
    this.rows[row + OPEN] = first.open
    this.rows[row + HIGH] = first.high
    this.rows[row + LOW] = first.low
    this.rows[row + VOLUME] = 0
    this.rows[row + TRADES] = 0
    if (end < this.nextEnd) this.nextEnd = end
  }

  /** Forgets the open bar of a row. */
  discard(symbol: number): void {
    this.rows[symbol * ROW + START] = Infinity
  }

  /** The bar of a row that closes now; the row is empty afterwards. */
  close(symbol: number): Bar {
    const rows = this.rows
    const row = symbol * ROW
    const start = rows[row + START]! as Ms
    this.discard(symbol)
    this.lastEnd[symbol] = rows[row + END]!
    return {
      symbol: symbolId(symbol),
      timeframe: this.timeframe,
      start,
      open: rows[row + OPEN]!,
      high: rows[row + HIGH]!,
      low: rows[row + LOW]!,
      close: rows[row + CLOSE]!,
      volume: rows[row + VOLUME]!,
      trades: rows[row + TRADES]!,
    }
  }

  /** Finds the earliest end again, after rows were closed. */
  settle(): void {
    let nextEnd = Infinity
    const rows = this.rows
    for (let row = 0; row < rows.length; row += ROW) {
      if (rows[row + START]! !== Infinity && rows[row + END]! < nextEnd) nextEnd = rows[row + END]!
    }
    this.nextEnd = nextEnd
  }
}

export interface BarState {
  readonly open: readonly {
    readonly timeframe: Timeframe
    readonly rows: readonly (number | null)[]
    readonly lastEnd: readonly number[]
    readonly nextEnd: number | null
  }[]
  readonly lastClose: readonly number[]
  readonly late: number
  readonly filled: number
  readonly gaps: number
}

export class Bars {
  readonly #options: BarOptions
  readonly #sink: BarSink
  readonly #universe: Universe
  readonly #calendars: Calendar[] = []
  readonly #base: OpenBars
  readonly #higher: readonly OpenBars[]
  readonly #baseMs: number
  /** The close of the last base bar of each symbol. */
  #lastClose = new Float64Array(0)
  #nextAt = Infinity
  #late = 0
  #filled = 0
  #gaps = 0
  #isSweeping = false

  constructor(universe: Universe, options: BarOptions, sink: BarSink) {
    for (const timeframe of options.higher) {
      assert(
        lengthMs(timeframe) > lengthMs(options.base),
        `a higher timeframe is above ${options.base}, not ${timeframe}`,
      )
    }
    this.#options = options
    this.#sink = sink
    this.#universe = universe
    this.#base = new OpenBars(options.base, this.#calendars)
    this.#higher = options.higher.map((timeframe) => new OpenBars(timeframe, this.#calendars))
    this.#baseMs = options.base === '1d' ? Infinity : lengthMs(options.base)
    this.grow()
  }

  /** Makes room for the symbols that have joined the universe. */
  grow(): void {
    const { size } = this.#universe
    for (let i = this.#calendars.length; i < size; i++) {
      this.#calendars.push(calendarOf(this.#universe.all[i]!.spec.calendar))
    }
    this.#lastClose = grown(this.#lastClose, size)
    this.#base.grow(size)
    for (const open of this.#higher) open.grow(size)
  }

  /** Adds one print to its bar. The common case, a trade of the open bar, is the first branch. */
  push(symbol: number, ts: number, price: number, size: number): void {
    const rows = this.#base.rows
    const row = symbol * ROW
    if (!(ts >= rows[row + START]! && ts < rows[row + END]!)) {
      if (!this.#roll(symbol, ts, price, size)) return
    }
    if (price > rows[row + HIGH]!) rows[row + HIGH] = price
    if (price < rows[row + LOW]!) rows[row + LOW] = price
    rows[row + CLOSE] = price
    rows[row + VOLUME]! += size
    rows[row + TRADES]!++
  }

  /** A closed bar of the base timeframe from outside. A bar at or before the last one is late. */
  bar(bar: Bar): void {
    const { symbol, start } = bar
    const base = this.#base
    const opened = base.rows[symbol * ROW + START]!
    if (opened < start) this.#publish(base.close(symbol))
    const lastEnd = base.lastEnd[symbol]!
    if (start < lastEnd || (opened > start && opened !== Infinity)) {
      this.#late++
      return
    }
    if (opened === start) base.discard(symbol)
    if (start > lastEnd && lastEnd > 0) this.#fill(symbol, start)
    this.#publish(bar)
  }

  /** End of the last base bar of a symbol that is closed; 0 before the first. */
  knownUntil(symbol: number): number {
    return this.#base.lastEnd[symbol] ?? 0
  }

  /** When the next open bar must close by the clock; Infinity where none is open. */
  get nextAt(): number {
    return this.#nextAt
  }

  /**
   * Closes every bar whose end plus lateness is at or before `at`: one timeframe after the other, the base
   * first, and within each the symbols in order.
   */
  closeDue(at: number): void {
    if (this.#options.barsFrom === 'outside') return
    this.#sweep(at - this.#options.latenessMs)
  }

  /** Closes every open bar, finished or not: for an ordered stop. */
  closeAll(): void {
    this.#sweep(Infinity)
  }

  get statistics(): { readonly late: number; readonly filled: number; readonly gaps: number } {
    return { late: this.#late, filled: this.#filled, gaps: this.#gaps }
  }

  capture(): BarState {
    const open = [this.#base, ...this.#higher].map(({ timeframe, rows, lastEnd, nextEnd }) => ({
      timeframe,
      rows: Array.from(rows, (value) => (value === Infinity ? null : value)),
      lastEnd: [...lastEnd],
      nextEnd: nextEnd === Infinity ? null : nextEnd,
    }))
    return {
      open,
      lastClose: [...this.#lastClose],
      ...this.statistics,
    }
  }

  restore(state: BarState): void {
    for (const [i, open] of [this.#base, ...this.#higher].entries()) {
      const saved = state.open[i]
      assert(saved?.timeframe === open.timeframe, `the snapshot has ${open.timeframe} bars`)
      open.rows.set(saved.rows.map((value) => value ?? Infinity))
      open.lastEnd.set(saved.lastEnd)
      // As it was, and not settled anew: a runner wakes at the same moments as without the restart.
      open.nextEnd = saved.nextEnd ?? Infinity
    }
    this.#lastClose.set(state.lastClose)
    this.#late = state.late
    this.#filled = state.filled
    this.#gaps = state.gaps
    this.#plan()
  }

  /** Follows where a bar was opened or bars were closed by the clock: the time is asked for far more often. */
  #plan(): void {
    if (this.#options.barsFrom === 'outside') return
    let nextEnd = this.#base.nextEnd
    for (const open of this.#higher) if (open.nextEnd < nextEnd) nextEnd = open.nextEnd
    this.#nextAt = nextEnd + this.#options.latenessMs
  }

  /** Opens the bar of a trade that is not in the open one. False where the trade is late. */
  #roll(symbol: number, ts: number, price: number, size: number): boolean {
    const base = this.#base
    assert(Number.isFinite(ts), () => `the time of a trade of symbol ${symbol} is finite: ${ts}`)
    if (base.isOpen(symbol) && ts >= base.rows[symbol * ROW + END]!) {
      this.#publish(base.close(symbol))
    }
    const start = base.startOf(symbol, ts)
    const lastEnd = base.lastEnd[symbol]!
    if (base.isOpen(symbol) || start < lastEnd) {
      this.#late++
      this.#sink.late({ symbol: symbolId(symbol), ts: ts as Ms, price, size })
      return false
    }
    if (start > lastEnd && lastEnd > 0) this.#fill(symbol, start)
    base.open(symbol, start, { open: price, high: price, low: price })
    this.#plan()
    return true
  }

  #publish(bar: Bar): void {
    const { symbol } = bar
    this.#base.lastEnd[symbol] = this.#base.endOf(symbol, bar.start)
    this.#lastClose[symbol] = bar.close
    const higher = this.#higher
    for (let i = 0; i < higher.length; i++) this.#closeBefore(higher[i]!, bar)
    this.#sink.closed(bar)
    for (let i = 0; i < higher.length; i++) this.#merge(higher[i]!, bar)
  }

  /** Rule 4: fills a short silence before `start`, or tells of a long one. */
  #fill(symbol: number, start: Ms): void {
    const from = this.#base.lastEnd[symbol]! as Ms
    if (!this.#isSameSession(symbol, from, start)) return
    // Whole bars only: a source may begin its sessions off the grid, as hourly bars from 09:30 do.
    const missing = Math.floor((start - from) / this.#baseMs)
    if (missing > this.#options.maxFill) {
      this.#gaps++
      this.#sink.gap(symbolId(symbol), this.#options.base, from, start)
      return
    }
    const close = this.#lastClose[symbol]!
    for (let i = 0; i < missing; i++) {
      this.#filled++
      this.#publish({
        symbol: symbolId(symbol),
        timeframe: this.#options.base,
        start: (from + i * this.#baseMs) as Ms,
        open: close,
        high: close,
        low: close,
        close,
        volume: 0,
        trades: 0,
        filled: true,
      })
    }
  }

  /** A silence over night or over a halt of the calendar is no gap. Extended hours count as one session. */
  #isSameSession(symbol: number, from: Ms, start: Ms): boolean {
    const calendar = this.#calendars[symbol]!
    let session = calendar.sessionAt(from, 'extended')
    // Sessions that touch, as the days of a market that never closes, are one.
    while (session !== undefined && start >= session.close) {
      session = calendar.sessionAt(session.close, 'extended')
    }
    return session !== undefined
  }

  /** What had ended when a bar began is told before it, as where the clock closes it: who hears the bar knows it. */
  #closeBefore(open: OpenBars, { symbol, start }: Bar): void {
    if (open.isOpen(symbol) && open.rows[symbol * ROW + END]! <= start)
      this.#sink.closed(open.close(symbol))
  }

  #merge(open: OpenBars, bar: Bar): void {
    const { symbol } = bar
    if (bar.start < open.lastEnd[symbol]!) {
      if (bar.filled !== true) this.#late++
      return
    }
    const row = symbol * ROW
    if (!open.isOpen(symbol)) {
      open.open(symbol, open.startOf(symbol, bar.start), bar)
      this.#plan()
    }
    const { rows } = open
    if (bar.high > rows[row + HIGH]!) rows[row + HIGH] = bar.high
    if (bar.low < rows[row + LOW]!) rows[row + LOW] = bar.low
    rows[row + CLOSE] = bar.close
    rows[row + VOLUME]! += bar.volume
    rows[row + TRADES]! += bar.trades
    // A sweep comes to this timeframe by itself, after the base bars of all symbols.
    if (this.#isSweeping || this.#base.lastEnd[symbol]! < rows[row + END]!) return
    this.#sink.closed(open.close(symbol))
  }

  #sweep(end: number): void {
    this.#isSweeping = true
    if (this.#base.nextEnd <= end) this.#closeUntil(this.#base, end)
    for (const open of this.#higher) if (open.nextEnd <= end) this.#closeUntil(open, end)
    this.#isSweeping = false
    this.#plan()
  }

  #closeUntil(open: OpenBars, end: number): void {
    for (let symbol = 0; symbol < this.#calendars.length; symbol++) {
      if (!open.isOpen(symbol) || open.rows[symbol * ROW + END]! > end) continue
      const bar = open.close(symbol)
      if (open === this.#base) this.#publish(bar)
      else this.#sink.closed(bar)
    }
    open.settle()
  }
}

function grown(column: Float64Array<ArrayBuffer>, length: number): Float64Array<ArrayBuffer> {
  if (column.length >= length) return column
  const larger = new Float64Array(length)
  larger.set(column)
  return larger
}
