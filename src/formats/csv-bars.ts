/*
 * Csv bars: rows with a time, open, high, low, close and perhaps a volume, in any order and case of columns.
 *
 *   Datetime,Close,High,Low,Open,Volume
 *   2026-03-23 13:30:00+00:00,657.8599853515625,658.3800048828125,656.9500122070312,658.0700073242188,13836961
 *
 * Further columns that mean something: symbol, timeframe, trades, filled. Others are left alone. Without a
 * volume column the volume is 0, as an index has none; a column that only seems to be one is an error. Rows may stand in any order (newest first is common)
 * and are sorted; a bar that is there twice with the same values is taken once and counted, with other values
 * it is an error that names both lines.
 */
import { BadInput, type Place } from '../core/bad-input.ts'
import { type BarColumns, barColumns } from '../core/columns.ts'
import type { Calendar } from '../core/calendar.ts'
import {
  DAY,
  gridMs,
  HOUR,
  iso,
  isTimeframe,
  lengthMs,
  ms,
  type Timeframe,
  TIMEFRAMES,
} from '../core/time.ts'
import { COUNT, countIn, numberIn, priceIn, undoFloat32 } from './numbers.ts'
import type { Skipped } from './options.ts'
import { type Column, type Header, headerOf } from './csv-header.ts'
import { type Row, rowsOf } from './rows.ts'
import { parseStamp, type Stamp, STAMPS, WallClock } from './stamps.ts'

/** What is known of a text before it is read. */
export interface CsvContext {
  /** For messages. */
  readonly name: string
  /** Where the text has no symbol column. */
  readonly symbol: string | undefined
  /** Where the text has no timeframe column. */
  readonly timeframe: Timeframe | undefined
  /** Where nothing else tells it: held against the rows' spacing, which tells it where this is undefined too. */
  readonly label: Timeframe | undefined
  readonly zone: string | undefined
  readonly stamp: 'start' | 'end'
  /** Names for a text without a header row. */
  readonly columns: readonly string[] | undefined
  readonly calendar: Calendar
}

export interface BarPart {
  readonly symbol: string
  readonly timeframe: Timeframe
  readonly bars: BarColumns
  /** Line of the earliest bar. */
  readonly line: number
}

/** True where a text has bars of more than one series, told by a column. */
export function namesSeries(context: CsvContext, text: string): boolean {
  const header = headerOf(rowsOf(context.name, text), context).header
  return header.symbol !== undefined || header.timeframe !== undefined
}

/** All bars of a text, by series. Throws BadInput for the first value that cannot be used. */
export function readCsvBars(context: CsvContext, text: string, skipped: Skipped): BarPart[] {
  const { header, rows } = headerOf(rowsOf(context.name, text), context)
  if (rows.length === 0) {
    throw new BadInput(
      { file: context.name },
      'has no rows',
      undefined,
      'a data row below the header',
    )
  }
  const series = new Map<string, Group>()
  for (const row of rows) {
    if (row.cells.length !== header.width) {
      const place = { file: context.name, line: row.line }
      const allowed = `${header.width}, as the header has`
      throw new BadInput(place, 'has a wrong number of columns', row.cells.length, allowed)
    }
    const symbol = symbolIn(context, header, row)
    const timeframe = timeframeIn(context, header, row)
    const key = `${symbol} ${timeframe}`
    let group = series.get(key)
    if (group === undefined) {
      group = new Group(context, { header, symbol, timeframe })
      series.set(key, group)
    }
    group.add(row)
  }
  return [...series.values()].map((group) => group.finish(skipped))
}

function symbolIn(context: CsvContext, { symbol }: Header, row: Row): string {
  if (symbol !== undefined) {
    const name = (row.cells[symbol.index] ?? '').trim().toUpperCase()
    if (/^[^\s,]+$/.test(name)) return name
    const place = { file: context.name, line: row.line, field: symbol.title }
    throw new BadInput(place, 'is no symbol', name, 'a name without spaces')
  }
  if (context.symbol !== undefined) return context.symbol
  const allowed = 'a symbol column, or a name such as SPY_1m.csv'
  throw new BadInput({ file: context.name }, 'does not tell its symbol', undefined, allowed)
}

function timeframeIn(context: CsvContext, header: Header, row: Row): Timeframe | undefined {
  if (header.timeframe === undefined) return context.timeframe
  const { index, title } = header.timeframe
  const name = (row.cells[index] ?? '').trim()
  if (isTimeframe(name)) return name
  const place = { file: context.name, line: row.line, field: title }
  throw new BadInput(place, 'is no timeframe', name, TIMEFRAMES.join(', '))
}

/** One in so many: what happens less often than this by chance did not happen by chance. */
const CHANCE = 1_000_000

/** The greatest time that both are multiples of. */
const commonOf = (a: number, b: number): number => (b === 0 ? a : commonOf(b, a % b))

interface GroupOptions {
  readonly header: Header
  readonly symbol: string
  readonly timeframe: Timeframe | undefined
}

/** The rows of one series, in the order of the file until `finish`. */
class Group {
  readonly #context: CsvContext
  readonly #header: Header
  readonly #symbol: string
  readonly #timeframe: Timeframe | undefined
  readonly #isLabel: boolean
  readonly #lines: number[] = []
  readonly #stamps: Stamp[] = []
  /** open, high, low, close, volume, trades, filled. */
  readonly #columns: readonly number[][] = [[], [], [], [], [], [], []]

  constructor(context: CsvContext, { header, symbol, timeframe }: GroupOptions) {
    this.#context = context
    this.#header = header
    this.#symbol = symbol
    this.#timeframe = timeframe ?? context.label
    this.#isLabel = timeframe === undefined && context.label !== undefined
  }

  add(row: Row): void {
    const header = this.#header
    const cell = (column: Column) => row.cells[column.index] ?? ''
    const place = ({ title }: Column) => this.#place(row.line, title)
    const text = cell(header.time).trim()
    const stamp = parseStamp(text)
    if (stamp === undefined) throw new BadInput(place(header.time), 'is not a time', text, STAMPS)
    const open = priceIn(place(header.open), cell(header.open))
    const high = priceIn(place(header.high), cell(header.high))
    const low = priceIn(place(header.low), cell(header.low))
    const close = priceIn(place(header.close), cell(header.close))
    if (high < low) {
      throw new BadInput(place(header.high), 'is below the low', high, `a price >= the low ${low}`)
    }
    const range = `a price from the low ${low} to the high ${high}`
    if (open < low || open > high) {
      throw new BadInput(place(header.open), 'is outside of low and high', open, range)
    }
    if (close < low || close > high) {
      throw new BadInput(place(header.close), 'is outside of low and high', close, range)
    }
    const { volume, trades, filled } = header
    this.#lines.push(row.line)
    this.#stamps.push(stamp)
    const values = [
      open,
      high,
      low,
      close,
      volume === undefined ? 0 : countIn(place(volume), cell(volume)),
      trades === undefined ? 0 : wholeIn(place(trades), cell(trades), Number.MAX_SAFE_INTEGER),
      filled === undefined ? 0 : wholeIn(place(filled), cell(filled), 1),
    ]
    values.forEach((value, i) => this.#columns[i]?.push(value))
  }

  finish(skipped: Skipped): BarPart {
    const order = this.#order()
    const starts = this.#instants(order)
    const timeframe = this.#timeframe ?? this.#spacing(starts)
    if (this.#isLabel) this.#checkLabel(starts, timeframe)
    this.#align(order, starts, timeframe)
    const kept = this.#unique(order, starts, skipped)
    const bars = barColumns(kept.length)
    const targets = [
      bars.open,
      bars.high,
      bars.low,
      bars.close,
      bars.volume,
      bars.trades,
      bars.filled,
    ]
    kept.forEach((k, i) => {
      bars.start[i] = starts[k] ?? NaN
      const row = order[k] ?? 0
      targets.forEach((target, c) => (target[i] = this.#columns[c]?.[row] ?? NaN))
    })
    // Our own export, which alone has this column, writes every double as it is.
    if (this.#header.filled === undefined) {
      undoFloat32([bars.open, bars.high, bars.low, bars.close])
    }
    return { symbol: this.#symbol, timeframe, bars, line: this.#lines[order[0] ?? 0] ?? 0 }
  }

  /** Row numbers in order of time; a file that is newest first is turned, any other is sorted. */
  #order(): number[] {
    const times = this.#stamps.map(({ at }) => at)
    const order = times.map((_, i) => i)
    const at = (i: number) => times[i] ?? NaN
    let rises = 0
    let falls = 0
    for (let i = 1; i < times.length; i++) {
      if (at(i) > at(i - 1)) rises++
      else if (at(i) < at(i - 1)) falls++
    }
    // A wall clock goes back by an hour once in 52 weeks: those falls are in order and must not be sorted away.
    const isWall = this.#stamps.some(({ kind }) => kind === 'wall')
    const weeks = Math.ceil(Math.abs(at(times.length - 1) - at(0)) / (7 * DAY))
    const turns = isWall ? 1 + Math.floor(weeks / 52) : 0
    if (falls === 0 || (falls <= turns && rises > falls)) return order
    if (rises <= turns) return order.toReversed()
    return order.toSorted((a, b) => at(a) - at(b) || a - b)
  }

  #instants(order: readonly number[]): number[] {
    const { zone, name } = this.#context
    const clock = zone === undefined ? undefined : new WallClock(zone)
    return order.map((row) => {
      const { kind, at } = this.#stamps[row] ?? { kind: 'date', at: NaN }
      // Daily bars are stamped with a date, whatever hour and zone stand next to it.
      if (kind !== 'wall' || (this.#timeframe === '1d' && at % DAY === 0)) return at
      const place = this.#place(this.#lines[row] ?? 0, this.#header.time.title)
      if (clock === undefined) {
        const allowed =
          'an offset in each stamp, _utc or _et in the name of the file, or the option zone'
        throw new BadInput(place, 'does not tell its zone', iso(at), allowed)
      }
      const instant = clock.utcOf(at)
      if (instant === undefined) {
        const allowed = `a time that the clock of ${zone} showed`
        throw new BadInput(place, `was skipped by the clock (in ${name})`, iso(at), allowed)
      }
      return instant
    })
  }

  #spacing(starts: readonly number[]): Timeframe {
    let gapMs = Infinity
    for (let i = 1; i < starts.length; i++) {
      const step = (starts[i] ?? NaN) - (starts[i - 1] ?? NaN)
      if (step > 0 && step < gapMs) gapMs = step
    }
    const timeframe = TIMEFRAMES.find((name) => lengthMs(name) === gapMs)
    if (timeframe !== undefined) return timeframe
    const spacing = gapMs === Infinity ? 'one row' : `rows ${gapMs / 1_000} s apart`
    const allowed = `rows ${TIMEFRAMES.join(', ')} apart, or the option timeframe`
    throw new BadInput(
      { file: this.#context.name },
      'does not tell its timeframe',
      spacing,
      allowed,
    )
  }

  /**
   * Refuses a timeframe that a person says of rows which stand closer, or farther apart than its bars can be: all at
   * multiples of a longer time. That sparse bars do so by chance is one in `times` for each row.
   */
  #checkLabel(starts: readonly number[], label: Timeframe): void {
    const length = lengthMs(label)
    let [least, common, gaps] = [Infinity, 0, 0]
    for (let i = 1; i < starts.length; i++) {
      const gap = (starts[i] ?? NaN) - (starts[i - 1] ?? NaN)
      if (!(gap > 0)) continue
      least = Math.min(least, gap)
      common = commonOf(gap, common)
      gaps++
    }
    // A day has 23 hours where the clock goes forward.
    const isCloser = least < (label === '1d' ? length - HOUR : length)
    const isFarther = common > length && Math.log(common / length) * gaps > Math.log(CHANCE)
    if (!isCloser && !isFarther) return
    const apart = isCloser ? least : common
    const fitting = TIMEFRAMES.find((name) => lengthMs(name) === apart)
    const allowed =
      fitting === undefined ? `rows ${length / 1_000} s apart` : `the option ${fitting}`
    const what = `has no ${label} bars, which the option timeframe says`
    throw new BadInput({ file: this.#context.name }, what, `rows ${apart / 1_000} s apart`, allowed)
  }

  /** Turns stamps into starts, and refuses those that are off the grid. */
  #align(order: readonly number[], starts: number[], timeframe: Timeframe): void {
    const length = lengthMs(timeframe)
    const { calendar, stamp } = this.#context
    // Our own export, which alone has this column, says when a day starts: a coin's does at midnight of UTC.
    const isExported =
      this.#header.filled !== undefined && this.#stamps.every(({ kind }) => kind === 'instant')
    starts.forEach((at, k) => {
      const start =
        timeframe !== '1d'
          ? at - (stamp === 'end' ? length : 0)
          : isExported
            ? at
            : dayStart(calendar, at)
      if (start === undefined || start < 0 || start % gridMs(timeframe) !== 0) {
        const place = this.#place(this.#lines[order[k] ?? 0] ?? 0, this.#header.time.title)
        const allowed = `the ${stamp} of a ${timeframe} bar, counted from midnight UTC`
        const daily = `a date, or the start of a trading day (${calendar.name})`
        const what = `is off the grid of ${timeframe}`
        throw new BadInput(place, what, iso(at), timeframe === '1d' ? daily : allowed)
      }
      starts[k] = start
    })
  }

  /** Positions of the bars without their repetitions. */
  #unique(order: readonly number[], starts: readonly number[], skipped: Skipped): number[] {
    const kept: number[] = []
    starts.forEach((start, k) => {
      const last = kept.at(-1)
      if (last === undefined || start > (starts[last] ?? NaN)) {
        kept.push(k)
        return
      }
      const [here, there] = [order[k] ?? 0, order[last] ?? 0]
      const isSame = this.#columns.every((column) => column[here] === column[there])
      if (start !== starts[last] || !isSame) {
        const lines = [this.#lines[here] ?? 0, this.#lines[there] ?? 0].toSorted((a, b) => b - a)
        const place = this.#place(lines[0] ?? 0, this.#header.time.title)
        const what =
          start === starts[last] ? 'has other values than line' : 'is out of order with line'
        throw new BadInput(place, `${what} ${lines[1]}`, iso(start), 'each bar once')
      }
      skipped.repeated++
    })
    return kept
  }

  #place(line: number, field: string): Place {
    return { file: this.#context.name, line, field }
  }
}

/** Midnight of a date names a trading day; the start of the day itself is taken too. */
function dayStart(calendar: Calendar, at: number): number | undefined {
  if (at % DAY === 0) return calendar.dayStart(plusHours(at, 12))
  return calendar.dayStart(plusHours(at, 0)) === at ? at : undefined
}

const plusHours = (at: number, hours: number) => ms(at + hours * HOUR)

function wholeIn(place: Place, text: string, max: number): number {
  const value = numberIn(place, text, COUNT)
  if (Number.isInteger(value) && value >= 0 && value <= max) return value
  throw new BadInput(place, 'is not a count', value, max === 1 ? '0 or 1' : 'an integer >= 0')
}
