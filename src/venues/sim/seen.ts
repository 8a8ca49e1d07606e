// Seen: what the market last showed of each symbol, as one row of numbers, so that looking costs nothing.
import { calendarOf } from '../../core/calendar.ts'
import type { Ms, SymbolId } from '../../core/brand.ts'
import type { Instrument } from '../../core/instrument.ts'
import type { Bar, Quote, Trade } from '../../core/market.ts'
import type { Side } from '../../core/order.ts'
import { lengthMs, ms } from '../../core/time.ts'
import { NEVER } from './working.ts'

// Columns of a row. Eight doubles are one cache line.
const KINDS = 0
const LAST = 1
const LAST_TS = 2
const BID = 3
const ASK = 4
const BID_SIZE = 5
const ASK_SIZE = 6
const QUOTE_TS = 7
const BAR_START = 8
const BAR_MS = 9
const WIDTH = 10

// Kinds of data that a symbol has shown.
const BARS = 1
const TRADES = 2
const QUOTES = 4

export class Seen {
  #rows = new Float64Array(64 * WIDTH)
  /** Of each symbol, the time of its last print or quote before the millisecond of the very last; 0 where none. */
  #finerBefore = new Float64Array(64)

  /** Gives false where a bar that ended at `end` tells nothing: finer data of its symbol have told it. */
  bar(bar: Bar, end: Ms): boolean {
    const row = this.#row(bar.symbol)
    const rows = this.#rows
    const length = lengthMs(bar.timeframe)
    const shortest = rows[row + BAR_MS]!
    if (shortest > 0 && length > shortest) return false
    rows[row + BAR_MS] = length
    if (this.#hasFiner(bar, end)) return false
    // The finer data have ended or pause: until they come again, the symbol is known by its bars.
    rows[row + KINDS] = BARS
    rows[row + LAST] = bar.close
    rows[row + BAR_START] = bar.start
    return true
  }

  trade(trade: Trade): void {
    const row = this.#row(trade.symbol)
    const rows = this.#rows
    this.#finerAt(trade.symbol, trade.ts)
    rows[row + KINDS] = rows[row + KINDS]! | TRADES
    rows[row + LAST] = trade.price
    rows[row + LAST_TS] = Math.max(trade.ts, rows[row + LAST_TS]!)
  }

  quote(quote: Quote): void {
    const row = this.#row(quote.symbol)
    const rows = this.#rows
    this.#finerAt(quote.symbol, quote.ts)
    rows[row + KINDS] = rows[row + KINDS]! | QUOTES
    rows[row + BID] = quote.bid
    rows[row + ASK] = quote.ask
    rows[row + BID_SIZE] = quote.bidSize
    rows[row + ASK_SIZE] = quote.askSize
    rows[row + QUOTE_TS] = Math.max(quote.ts, rows[row + QUOTE_TS]!)
  }

  hasTrades(symbol: SymbolId): boolean {
    return (this.#at(symbol, KINDS) & TRADES) !== 0
  }

  hasQuotes(symbol: SymbolId): boolean {
    return (this.#at(symbol, KINDS) & QUOTES) !== 0
  }

  /** The last print, else the middle of the quote, else the last close; NaN before the first. */
  price(symbol: SymbolId): number {
    const kinds = this.#at(symbol, KINDS)
    if (kinds === 0) return NaN
    // What a bar told before the quotes came is older than they are.
    if ((kinds & (TRADES | QUOTES)) !== QUOTES) return this.#at(symbol, LAST)
    return (this.#at(symbol, BID) + this.#at(symbol, ASK)) / 2
  }

  /** The print before the next one, if it is of the session that opened at `open`; NaN where there is none. */
  lastPrint(symbol: SymbolId, open: Ms): number {
    const isKnown = this.hasTrades(symbol) && this.#at(symbol, LAST_TS) >= open
    return isKnown ? this.#at(symbol, LAST) : NaN
  }

  /** What an order of this side would trade against, as `lastPrint`. */
  lastFarSide(symbol: SymbolId, side: Side, open: Ms): number {
    const isKnown = this.hasQuotes(symbol) && this.#at(symbol, QUOTE_TS) >= open
    return isKnown ? this.#at(symbol, side === 'buy' ? ASK : BID) : NaN
  }

  /** True where an order at this limit would trade at once, by the quote, or beyond the last price by it. */
  wouldTake(symbol: SymbolId, side: Side, limit: number): boolean {
    if (this.hasQuotes(symbol)) {
      return side === 'buy' ? limit >= this.#at(symbol, ASK) : limit <= this.#at(symbol, BID)
    }
    const last = this.price(symbol)
    return side === 'buy' ? limit > last : limit < last
  }

  /** Size shown at a price that an order would rest behind: 0 at a better one, NEVER where it is not known. */
  shown(symbol: SymbolId, side: Side, limit: number): number {
    if (!this.hasQuotes(symbol)) return NEVER
    const best = this.#at(symbol, side === 'buy' ? BID : ASK)
    if (limit === best) return this.#at(symbol, side === 'buy' ? BID_SIZE : ASK_SIZE)
    return (side === 'buy') === limit > best ? 0 : NEVER
  }

  /** End of the bar that holds the last millisecond before `close`; `close` itself for other data. */
  barEnd(instrument: Instrument, close: Ms): Ms {
    if (this.#at(instrument.id, KINDS) !== BARS) return close
    const length = this.#at(instrument.id, BAR_MS)
    if (length === lengthMs('1d')) {
      return calendarOf(instrument.spec.calendar).nextDayStart(ms(close - 1))
    }
    const start = this.#at(instrument.id, BAR_START)
    return ms(start + Math.ceil((close - start) / length) * length)
  }

  /** Rows up to the last symbol that was seen. */
  capture(): number[] {
    let end = this.#rows.length
    while (end > 0 && this.#rows[end - WIDTH + KINDS] === 0) end -= WIDTH
    return Array.from(this.#rows.subarray(0, end))
  }

  /** What the rows do not hold, symbol by symbol. */
  captureFiner(): number[] {
    return Array.from(this.#finerBefore.subarray(0, this.capture().length / WIDTH))
  }

  /** A state without `finerBefore` is of an older version: what was before the last print or quote counts as its own. */
  restore(rows: readonly number[], finerBefore?: readonly number[]): void {
    this.#rows = new Float64Array(Math.max(rows.length, this.#rows.length))
    this.#rows.set(rows)
    this.#finerBefore = new Float64Array(this.#rows.length / WIDTH)
    if (finerBefore !== undefined) this.#finerBefore.set(finerBefore)
    else this.#finerBefore.forEach((_, i, all) => (all[i] = this.#lastFiner(i * WIDTH)))
  }

  /**
   * True where a print or a quote lies inside the bar. Where two have come since it ended, nobody remembers: the finer
   * data go on, and it counts as told.
   */
  #hasFiner(bar: Bar, end: Ms): boolean {
    const last = this.#lastFiner(bar.symbol * WIDTH)
    const inside = last < end ? last : this.#finerBefore[bar.symbol]!
    return inside > 0 && inside >= bar.start
  }

  /** Those of a live feed may come late: one from before the last is of the time before it. */
  #finerAt(symbol: SymbolId, ts: Ms): void {
    const last = this.#lastFiner(symbol * WIDTH)
    if (ts > last) this.#finerBefore[symbol] = last
    else if (ts < last) this.#finerBefore[symbol] = Math.max(ts, this.#finerBefore[symbol]!)
  }

  /** Time of the last print or quote; 0 before the first. */
  #lastFiner(row: number): number {
    return Math.max(this.#rows[row + LAST_TS]!, this.#rows[row + QUOTE_TS]!)
  }

  #at(symbol: SymbolId, column: number): number {
    return this.#rows[symbol * WIDTH + column] ?? 0
  }

  #row(symbol: SymbolId): number {
    const row = symbol * WIDTH
    if (row >= this.#rows.length) {
      const rows = new Float64Array(Math.max(this.#rows.length * 2, row + WIDTH))
      rows.set(this.#rows)
      this.#rows = rows
      const finerBefore = new Float64Array(rows.length / WIDTH)
      finerBefore.set(this.#finerBefore)
      this.#finerBefore = finerBefore
    }
    return row
  }
}

/** When a bar ended: a day where its calendar's day did, others after their length. */
export function endOf(bar: Bar, instrument: Instrument): Ms {
  return bar.timeframe === '1d'
    ? calendarOf(instrument.spec.calendar).nextDayStart(bar.start)
    : ms(bar.start + lengthMs(bar.timeframe))
}
