/*
 * Market rows: trades, quotes and bars as columns, in order of arrival. Adapters decode into them, and what is decoded
 * goes on to the inbox without an object for each message.
 *
 *   kind      trade                 quote               bar
 *   value 0   price                 bid                 open
 *   value 1   size                  bid size            high
 *   value 2   id / 1e8              ask                 low
 *   value 3   id % 1e8              ask size            close
 *   value 4                                             volume
 *   value 5                                             number of trades
 *
 * A trade's id may exceed 2^53 and must not lose a digit, so it is kept as two halves; both are -1 where it has none.
 */
import { type Ms, symbolId } from './brand.ts'
import type { RowInput } from './input.ts'
import { ms } from './time.ts'

export const TRADE = 1
export const QUOTE = 2
export const BAR = 3
/** Values of a row: as many as a bar needs. */
export const WIDTH = 6
/** The lower half of a trade's id is below this: eight digits. */
export const ID_HALF = 1e8

export interface MarketRows {
  readonly kind: Uint8Array
  readonly symbol: Uint32Array
  readonly ts: Float64Array
  readonly values: Float64Array
}

/** Takes a trade or a quote that came at `at`. The row is overwritten once it returns. */
export type RowSink = (rows: MarketRows, row: number, at: Ms) => void

/** The input of a row that came at `at`; a bar is a closed minute of the venue. */
export function inputOf(rows: MarketRows, row: number, at: Ms): RowInput {
  const kind = rows.kind[row]!
  if (kind === QUOTE) return quoteInput(rows, row, at)
  return kind === TRADE ? tradeInput(rows, row, at) : barInput(rows, row, at)
}

/** @param name The trade's id, where it is more than digits and so not in the row. */
export function tradeInput(rows: MarketRows, row: number, at: Ms, name?: string): RowInput {
  const { values } = rows
  const v = row * WIDTH
  const symbol = symbolId(rows.symbol[row]!)
  const ts = ms(rows.ts[row]!)
  const price = values[v]!
  const size = values[v + 1]!
  if (name !== undefined) return { type: 'trade', at, trade: { symbol, ts, price, size, id: name } }
  const high = values[v + 2]!
  if (high < 0) return { type: 'trade', at, trade: { symbol, ts, price, size } }
  const id = tradeId(high, values[v + 3]!)
  return { type: 'trade', at, trade: { symbol, ts, price, size, id } }
}

function quoteInput(rows: MarketRows, row: number, at: Ms): RowInput {
  const { values } = rows
  const v = row * WIDTH
  const symbol = symbolId(rows.symbol[row]!)
  const ts = ms(rows.ts[row]!)
  const bid = values[v]!
  const bidSize = values[v + 1]!
  const ask = values[v + 2]!
  const askSize = values[v + 3]!
  return { type: 'quote', at, quote: { symbol, ts, bid, bidSize, ask, askSize } }
}

function barInput(rows: MarketRows, row: number, at: Ms): RowInput {
  const { values } = rows
  const v = row * WIDTH
  const bar = {
    symbol: symbolId(rows.symbol[row]!),
    timeframe: '1m',
    start: ms(rows.ts[row]!),
    open: values[v]!,
    high: values[v + 1]!,
    low: values[v + 2]!,
    close: values[v + 3]!,
    volume: values[v + 4]!,
    trades: values[v + 5]!,
  } as const
  return { type: 'bar', at, bar, source: 'venue' }
}

/** Four digits each: to join texts that are there costs a fifth of making a new one from a number. */
const FOURS = Array.from({ length: 10_000 }, (_, n) => String(n).padStart(4, '0'))

/** The digits of a trade's id from its halves. */
export function tradeId(high: number, low: number): string {
  if (high === 0) return String(low)
  const upper = (low / 10_000) | 0
  return String(high) + (FOURS[upper]! + FOURS[low - upper * 10_000]!)
}
