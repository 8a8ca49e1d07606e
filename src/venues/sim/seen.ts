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

  /** Gives false where the bar tells nothing: the symbol is known by finer data. */
  bar(bar: Bar): boolean {
    const row = this.#row(bar.symbol)
    const rows = this.#rows
    const kinds = rows[row + KINDS]!
    const length = lengthMs(bar.timeframe)
    if (kinds > BARS || (kinds === BARS && length > rows[row + BAR_MS]!)) return false
    rows[row + KINDS] = BARS
    rows[row + LAST] = bar.close
    rows[row + BAR_START] = bar.start
    rows[row + BAR_MS] = length
    return true
  }

  trade(trade: Trade): void {
    const row = this.#row(trade.symbol)
    const rows = this.#rows
    rows[row + KINDS] = rows[row + KINDS]! | TRADES
    rows[row + LAST] = trade.price
    rows[row + LAST_TS] = trade.ts
  }

  quote(quote: Quote): void {
    const row = this.#row(quote.symbol)
    const rows = this.#rows
    rows[row + KINDS] = rows[row + KINDS]! | QUOTES
    rows[row + BID] = quote.bid
    rows[row + ASK] = quote.ask
    rows[row + BID_SIZE] = quote.bidSize
    rows[row + ASK_SIZE] = quote.askSize
    rows[row + QUOTE_TS] = quote.ts
  }

  hasTrades(symbol: SymbolId): boolean {
    return (this.#at(symbol, KINDS) & TRADES) !== 0
  }

  hasQuotes(symbol: SymbolId): boolean {
    return (this.#at(symbol, KINDS) & QUOTES) !== 0
  }

  /** The last price of a bar or a print, or the middle of the quote; NaN before the first. */
  price(symbol: SymbolId): number {
    const kinds = this.#at(symbol, KINDS)
    if ((kinds & (BARS | TRADES)) !== 0) return this.#at(symbol, LAST)
    return kinds === 0 ? NaN : (this.#at(symbol, BID) + this.#at(symbol, ASK)) / 2
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

  restore(rows: readonly number[]): void {
    this.#rows = new Float64Array(Math.max(rows.length, this.#rows.length))
    this.#rows.set(rows)
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
