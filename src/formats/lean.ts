/*
 * Lean: one zip for a symbol and day, a csv without header inside, named for what it holds.
 *
 *   20131007_spy_minute_trade.csv   ms, open, high, low, close, volume
 *                                   14760000,1676500,1676500,1676500,1676500,20000
 *   20131007_spy_Trade_Tick.csv     ms, price, size, exchange, condition flags, suspicious
 *                                   14400464,1674100,100,P,20002000,0
 *   20131007_ibm_Quote_Tick.csv     ms, bid, bid size, ask, ask size, exchange, flags, suspicious
 *                                   14400241,1800100,300,0,0,P,1,0
 *   20131007_spy_minute_quote.csv   ms, bid open, high, low, close, size, ask open, high, low, close, size
 *                                   14400000,1674200,1675800,1674200,1675600,20000,1678700,1678700,1676000,1676000,20000
 *   spy.csv                         day, open, high, low, close, volume
 *                                   19980102 00:00,973100,975300,965300,973600,2150000
 *   20161007_btcusd_minute_trade.csv in crypto/gdax/minute/btcusd
 *                                   0,614.51,614.51,614.5,614.5,1.1545
 *
 * Times are milliseconds of the wall clock from midnight: New York, Chicago for indices, UTC for futures, coins, forex and
 * cfds; UTC-05 for forex of fxcm. Prices are 1/10000 USD of stocks and options, plain decimals of all else. An entry of a
 * future carries the expiry in its name; what else it is the folder alone tells, the last on the path that Lean has a kind
 * of (github.com/QuantConnect/Lean, Data/crypto, forex and cfd/readme.md, read 2026-11-29). Their ticks and quotes of
 * hours and days have other columns, and are refused.
 *
 * Trade ticks: half of them share a millisecond and many are equal in every byte; all are real and kept in the
 * order of the file. Those marked suspicious are left out and counted.
 *
 * Quote ticks: a row carries one side, the other is 0,0, and both stay valid until they change. Each row is
 * the best of all exchanges already: with this rule the last quote of every regular minute equals the minute
 * quote bars of the same set (BAC and IBM on 2013-10-07 and -08, 390 of 390 each), whereas the best over the
 * last quotes of each exchange is crossed in 99 % of all rows. A quote that is crossed between the two rows of
 * one change is left out and counted.
 *
 * Minute quote bars give one quote each: its close, in the last millisecond of the minute. They are no finer than
 * bars of trades, and left out of a tape where their symbol has those of their length (quote-bars.ts).
 */
import { resolve } from 'node:path'
import { assert, unreachable } from '../core/assert.ts'
import { BadInput, type Place } from '../core/bad-input.ts'
import type { Calendar } from '../core/calendar.ts'
import {
  type BarColumns,
  barColumns,
  type QuoteColumns,
  type TradeColumns,
} from '../core/columns.ts'
import { DAY, MINUTE, ms, SECOND, type Timeframe } from '../core/time.ts'
import { countIn, priceIn } from './numbers.ts'
import type { Skipped } from './options.ts'
import { rowsOf } from './rows.ts'
import { parseStamp, WallClock } from './stamps.ts'

export interface LeanLayout {
  readonly holds: 'bars' | 'trades' | 'quotes' | 'quote bars' | 'days'
  readonly symbol: string
  readonly timeframe: Timeframe
  /** Midnight of the day as wall clock; NaN for daily files, whose rows have their dates. */
  readonly midnight: number
  readonly zone: string
  /** What prices are multiplied with in the file. */
  readonly scale: number
}

const ENTRY =
  /^(\d{8})_([a-z0-9.]+)_(?:(minute|second)_(trade|quote)(?:_(\d{6}))?|(trade|quote)_tick|tick_(trade|quote))\.csv$/i

/** What the entry of a zip holds, told by names alone; undefined where it is not of Lean. */
export function leanLayout(
  file: string,
  entry: string,
  zone: string | undefined,
): LeanLayout | undefined {
  const match = ENTRY.exec(entry)
  if (match === null) return undefined
  const [, day = '', root = '', step, kind = '', expiry, tick, odd] = match
  const stamp = parseStamp(day)
  if (stamp === undefined) {
    throw new BadInput(
      { file, field: entry },
      'starts with no date',
      day,
      'a date such as 20131007',
    )
  }
  const home = homeOf(file)
  if ((tick ?? odd) !== undefined && home.isCurrency) throw unread({ file, field: entry }, home)
  if (odd !== undefined) return undefined
  const isQuote = (tick ?? kind).toLowerCase() === 'quote'
  const { zone: own, scale } = expiry === undefined ? home : { zone: 'UTC', scale: 1 }
  return {
    holds: tick === undefined ? (isQuote ? 'quote bars' : 'bars') : isQuote ? 'quotes' : 'trades',
    symbol: (expiry === undefined ? root : `${root}-${expiry}`).toUpperCase(),
    timeframe: step?.toLowerCase() === 'second' ? '1s' : '1m',
    midnight: stamp.at,
    zone: zone ?? own,
    scale,
  }
}

/** What the folders of a file say of it. */
interface Home {
  readonly kind: string
  /** Coins, forex and cfds. */
  readonly isCurrency: boolean
  readonly zone: string
  readonly scale: number
}

const KINDS = /^.*[/\\](equity|option|future|index|crypto|cryptofuture|forex|cfd)[/\\](.*)$/i
/** `gdax/minute/btcusd/20161007_trade.zip` */
const INSIDE = /^([^/\\]+)[/\\](tick|second|minute|hour|daily)[/\\]/i

function homeOf(file: string): Home {
  const [, folder = 'equity', inside = ''] = KINDS.exec(resolve(file)) ?? []
  const kind = folder.toLowerCase()
  const isCurrency = ['crypto', 'cryptofuture', 'forex', 'cfd'].includes(kind)
  if (kind === 'index') return { kind, isCurrency, zone: 'America/Chicago', scale: 1 }
  if (!isCurrency) return { kind, isCurrency, zone: 'America/New_York', scale: 10_000 }
  const market = INSIDE.exec(inside)?.[1]
  if (market === undefined) {
    // Of stocks or not: prices would be ten thousand times too high, or too low.
    const allowed = `folders as Lean has them: ${kind}/<market>/minute, or equity/usa/minute of a stock`
    throw new BadInput(
      { file },
      `lies in a folder ${kind} and may be of it or not`,
      inside,
      allowed,
    )
  }
  const isEastern = kind === 'forex' && market.toLowerCase() === 'fxcm'
  return { kind, isCurrency, zone: isEastern ? 'Etc/GMT+5' : 'UTC', scale: 1 }
}

const unread = (place: Place, { kind }: Home): BadInput =>
  new BadInput(
    place,
    `holds what is not read of ${kind}`,
    undefined,
    'bars of seconds and minutes, of trades or quotes, and days of trades',
  )

/** A daily file, told by its first row. */
export function leanDailyLayout(file: string, entry: string, text: string): LeanLayout | undefined {
  if (!/^\d{8} \d\d:\d\d,/.test(text)) return undefined
  const home = homeOf(file)
  const days = home.isCurrency
    ? /^\d{8} 00:00(,[\d.e+-]+){5}\r?(\n|$)/i
    : /^\d{8} 00:00,\d+,\d+,\d+,\d+,\d+\r?(\n|$)/
  if (!days.test(text)) {
    if (home.isCurrency) throw unread({ file, field: entry }, home)
    return undefined
  }
  const symbol = entry.replace(/\.csv$/i, '').toUpperCase()
  return {
    holds: 'days',
    symbol,
    timeframe: '1d',
    midnight: NaN,
    zone: home.zone,
    scale: home.scale,
  }
}

/** The rows of one entry, one after the other: reading moves on, `cell` and `place` are of the row. */
class Lines {
  readonly #name: string
  readonly #layout: LeanLayout
  readonly #clock: WallClock
  readonly #titles: readonly string[]
  readonly #rows: ReturnType<typeof rowsOf>
  #i = -1
  #last = -Infinity

  constructor(name: string, text: string, layout: LeanLayout, titles: readonly string[]) {
    this.#name = name
    this.#layout = layout
    this.#clock = new WallClock(layout.zone)
    this.#titles = titles
    this.#rows = rowsOf(name, text)
  }

  get count(): number {
    return this.#rows.length
  }

  next(): boolean {
    const row = this.#rows[++this.#i]
    if (row === undefined) return false
    if (row.cells.length !== this.#titles.length) {
      const place = { file: this.#name, line: row.line }
      const allowed = `${this.#titles.length}: ${this.#titles.join(', ')}`
      throw new BadInput(place, 'has a wrong number of columns', row.cells.length, allowed)
    }
    return true
  }

  cell(column: number): string {
    return this.#rows[this.#i]?.cells[column] ?? ''
  }

  get line(): number {
    return this.#rows[this.#i]?.line ?? 0
  }

  /** The time of the row. Bars rise, ticks do not fall. */
  time({ gridMs = 1, isRising = false } = {}): number {
    const text = this.cell(0)
    const since = /^\d{1,8}$/.test(text) ? Number(text) : NaN
    if (!(since < DAY && since % gridMs === 0)) {
      const grid = gridMs === 1 ? '' : `, a multiple of ${gridMs}`
      throw this.bad(
        0,
        'is not a time of the day',
        text,
        `milliseconds from 0 to ${DAY - 1}${grid}`,
      )
    }
    const at = this.#clock.utcOf(this.#layout.midnight + since)
    if (at === undefined) {
      throw this.bad(0, 'was skipped by the clock', text, `a time that ${this.#layout.zone} showed`)
    }
    return this.inOrder(at, text, { isRising })
  }

  inOrder(at: number, text: string, { isRising }: { isRising: boolean }): number {
    if (at < this.#last || (isRising && at === this.#last)) {
      const what = at === this.#last ? 'is the time of the row before' : 'is before the row before'
      throw this.bad(0, what, text, isRising ? 'rising times' : 'times that do not fall')
    }
    this.#last = at
    return at
  }

  price(column: number): number {
    const value = priceIn(this.#place(column), this.cell(column))
    if (this.#layout.scale === 1) return value
    if (!Number.isInteger(value))
      throw this.bad(
        column,
        'is not whole',
        value,
        'units of 1/10000 USD; decimals of coins, forex and cfds, in folders as Lean has them',
      )
    return value / this.#layout.scale
  }

  amount(column: number): number {
    return countIn(this.#place(column), this.cell(column))
  }

  flag(column: number): boolean {
    const text = this.cell(column)
    if (text !== '0' && text !== '1') throw this.bad(column, 'is not a mark', text, '0 or 1')
    return text === '1'
  }

  bad(column: number, what: string, value: unknown, allowed: string): BadInput {
    return new BadInput(this.#place(column), what, value, allowed)
  }

  #place(column: number) {
    return { file: this.#name, line: this.line, field: this.#titles[column] ?? '' }
  }
}

const BAR_TITLES = ['time', 'open', 'high', 'low', 'close', 'volume']
const TRADE_TITLES = ['time', 'price', 'size', 'exchange', 'conditions', 'suspicious']
const QUOTE_TITLES = [
  'time',
  'bid',
  'bid size',
  'ask',
  'ask size',
  'exchange',
  'conditions',
  'suspicious',
]
const QUOTE_BAR_TITLES = [
  'time',
  'bid open',
  'bid high',
  'bid low',
  'bid close',
  'bid size',
  'ask open',
  'ask high',
  'ask low',
  'ask close',
  'ask size',
]

export function readLeanBars(
  name: string,
  text: string,
  layout: LeanLayout,
  calendar: Calendar,
): BarColumns {
  const lines = new Lines(name, text, layout, BAR_TITLES)
  const bars = barColumns(lines.count)
  const gridMs = layout.timeframe === '1s' ? SECOND : MINUTE
  for (let i = 0; lines.next(); i++) {
    const start =
      layout.holds === 'days'
        ? dayOf(lines, layout, calendar)
        : lines.time({ gridMs, isRising: true })
    const [open, high, low, close] = [
      lines.price(1),
      lines.price(2),
      lines.price(3),
      lines.price(4),
    ]
    if (high < low) throw lines.bad(2, 'is below the low', high, `a price >= the low ${low}`)
    const range = `a price from the low ${low} to the high ${high}`
    if (open < low || open > high) throw lines.bad(1, 'is outside of low and high', open, range)
    if (close < low || close > high) throw lines.bad(4, 'is outside of low and high', close, range)
    bars.start[i] = start
    bars.open[i] = open
    bars.high[i] = high
    bars.low[i] = low
    bars.close[i] = close
    bars.volume[i] = lines.amount(5)
  }
  return bars
}

function dayOf(lines: Lines, { zone }: LeanLayout, calendar: Calendar): number {
  const text = lines.cell(0)
  const stamp = parseStamp(text)
  if (stamp === undefined || stamp.at % DAY !== 0) {
    throw lines.bad(0, 'is not a day', text, 'a day such as 20131007 00:00')
  }
  const start = zone === 'UTC' ? stamp.at : calendar.dayStart(ms(stamp.at + DAY / 2))
  return lines.inOrder(start, text, { isRising: true })
}

export function readLeanTrades(
  name: string,
  text: string,
  layout: LeanLayout,
  skipped: Skipped,
): TradeColumns {
  const lines = new Lines(name, text, layout, TRADE_TITLES)
  const columns = [0, 1, 2].map(() => new Float64Array(lines.count))
  const [ts, price, size] = columns
  assert(ts !== undefined && price !== undefined && size !== undefined, 'three columns are made')
  let length = 0
  while (lines.next()) {
    ts[length] = lines.time()
    price[length] = lines.price(1)
    size[length] = lines.amount(2)
    if (lines.flag(5)) skipped.suspicious++
    else length++
  }
  return {
    length,
    ts: ts.subarray(0, length),
    price: price.subarray(0, length),
    size: size.subarray(0, length),
  }
}

/** Collects quotes: one row for each change that leaves both sides known and not crossed. */
class Quotes {
  readonly ts: Float64Array
  readonly #sides: readonly Float64Array[]
  readonly #skipped: Skipped
  #length = 0

  constructor(capacity: number, skipped: Skipped) {
    this.ts = new Float64Array(capacity)
    this.#sides = [0, 1, 2, 3].map(() => new Float64Array(capacity))
    this.#skipped = skipped
  }

  add(ts: number, bid: number, bidSize: number, ask: number, askSize: number): void {
    if (bid === 0 || ask === 0) {
      this.#skipped.oneSided++
      return
    }
    if (bid > ask) {
      this.#skipped.crossed++
      return
    }
    const i = this.#length++
    this.ts[i] = ts
    const values = [bid, bidSize, ask, askSize]
    for (let side = 0; side < 4; side++) this.#sides[side]![i] = values[side]!
  }

  columns(): QuoteColumns {
    const cut = (column: Float64Array | undefined) =>
      (column ?? new Float64Array()).subarray(0, this.#length)
    const [bid, bidSize, ask, askSize] = this.#sides
    return {
      length: this.#length,
      ts: cut(this.ts),
      bid: cut(bid),
      bidSize: cut(bidSize),
      ask: cut(ask),
      askSize: cut(askSize),
    }
  }
}

export function readLeanQuotes(
  name: string,
  text: string,
  layout: LeanLayout,
  skipped: Skipped,
): QuoteColumns {
  switch (layout.holds) {
    case 'quotes':
      return quoteTicks(new Lines(name, text, layout, QUOTE_TITLES), skipped)
    case 'quote bars':
      return quoteBars(new Lines(name, text, layout, QUOTE_BAR_TITLES), layout, skipped)
    case 'bars':
    case 'days':
    case 'trades':
      throw new Error(`assertion failed: ${name} holds quotes, not ${layout.holds}`)
    default:
      return unreachable(layout.holds)
  }
}

function quoteTicks(lines: Lines, skipped: Skipped): QuoteColumns {
  const quotes = new Quotes(lines.count, skipped)
  let [bid, bidSize, ask, askSize] = [0, 0, 0, 0]
  while (lines.next()) {
    const ts = lines.time()
    const hasBid = lines.cell(1) !== '0'
    const hasAsk = lines.cell(3) !== '0'
    if (hasBid === hasAsk) {
      throw lines.bad(1, 'and ask are not one side', lines.cell(1), 'one side, and 0 for the other')
    }
    const price = lines.price(hasBid ? 1 : 3)
    const size = lines.amount(hasBid ? 2 : 4)
    if (lines.flag(7)) {
      skipped.suspicious++
      continue
    }
    if (hasBid) [bid, bidSize] = [price, size]
    else [ask, askSize] = [price, size]
    quotes.add(ts, bid, bidSize, ask, askSize)
  }
  return quotes.columns()
}

function quoteBars(lines: Lines, layout: LeanLayout, skipped: Skipped): QuoteColumns {
  const quotes = new Quotes(lines.count, skipped)
  const gridMs = layout.timeframe === '1s' ? SECOND : MINUTE
  while (lines.next()) {
    const ts = lines.time({ gridMs, isRising: true }) + gridMs - 1
    const bid = lines.cell(4) === '' ? 0 : lines.price(4)
    const ask = lines.cell(9) === '' ? 0 : lines.price(9)
    quotes.add(ts, bid, lines.amount(5), ask, lines.amount(10))
  }
  return quotes.columns()
}
