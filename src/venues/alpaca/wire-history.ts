/*
 * Wire of history: rows of bars, trades and quotes, the clock and the calendar.
 *
 * https://docs.alpaca.markets/reference/stockbars (OpenAPI file of 2026-08-13)
 */
import type { Ms, SymbolId } from '../../core/brand.ts'
import type { Bar, Quote, Trade } from '../../core/market.ts'
import type { Timeframe } from '../../core/time.ts'
import { parseStamp } from './stamps.ts'
import { decimalOf, isObject, textOf } from '../../io/json.ts'
import { type Fields } from './wire.ts'

/** `{"t":"2022-01-03T09:00:00Z","o":178.26,"h":178.34,"l":177.76,"c":178.08,"v":60937,"n":1727,"vw":178.0}` */
export function barOf(json: unknown, symbol: SymbolId, timeframe: Timeframe): Bar | undefined {
  if (!isObject(json)) return undefined
  const start = parseStamp(json['t'])
  const [open, high, low, close, volume] = ['o', 'h', 'l', 'c', 'v'].map((key) =>
    decimalOf(json[key]),
  )
  if (start === undefined || open === undefined || high === undefined || low === undefined)
    return undefined
  if (close === undefined || volume === undefined) return undefined
  const bar = {
    symbol,
    timeframe,
    start,
    open,
    high,
    low,
    close,
    volume,
    trades: decimalOf(json['n']) ?? 0,
  }
  return isBar(bar) ? bar : undefined
}

/** What of a row is used. */
export const ROW_FIELDS: Readonly<Record<'bars' | 'trades' | 'quotes', Fields>> = {
  bars: { t: 'stamp', o: 'number', h: 'number', l: 'number', c: 'number', v: 'number' },
  trades: { t: 'stamp', p: 'number', s: 'number' },
  quotes: { t: 'stamp', bp: 'number', ap: 'number' },
}

/** What a bar must be, wherever it came from: prices > 0 in their order, and a volume. */
export const isBar = (bar: Bar): boolean =>
  bar.low > 0 &&
  bar.low <= Math.min(bar.open, bar.close) &&
  bar.high >= Math.max(bar.open, bar.close) &&
  bar.volume >= 0 &&
  bar.trades >= 0

/** `{"t":"2022-01-03T09:00:00.086175744Z","x":"P","p":178.26,"s":246,"c":["@","T"],"i":1,"z":"C"}` */
export function tradeOf(json: unknown, symbol: SymbolId): Trade | undefined {
  if (!isObject(json)) return undefined
  const ts = parseStamp(json['t'])
  const price = decimalOf(json['p'])
  const size = decimalOf(json['s'])
  const id = json['i']
  if (ts === undefined || price === undefined || size === undefined || price <= 0 || size < 0)
    return undefined
  return {
    symbol,
    ts,
    price,
    size,
    ...(typeof id === 'number' || typeof id === 'string' ? { id: String(id) } : {}),
  }
}

/** `{"t":"2022-01-03T09:00:00.028160898Z","ax":" ","ap":0,"as":0,"bx":"Q","bp":177.92,"bs":4,"c":["Y"],"z":"C"}` */
export function quoteOf(json: unknown, symbol: SymbolId): Quote | undefined {
  if (!isObject(json)) return undefined
  const ts = parseStamp(json['t'])
  const [bid, bidSize, ask, askSize] = ['bp', 'bs', 'ap', 'as'].map((key) => decimalOf(json[key]))
  if (ts === undefined || bid === undefined || ask === undefined) return undefined
  return { symbol, ts, bid, bidSize: bidSize ?? 0, ask, askSize: askSize ?? 0 }
}

/** `{"timestamp":"2026-01-05T10:04:05.123456789-05:00","is_open":true,"next_open":"…","next_close":"…"}` */
export interface Clock {
  readonly at: Ms
  readonly isOpen: boolean
  readonly nextOpen: Ms
  readonly nextClose: Ms
}

export function parseClock(json: unknown): Clock | undefined {
  if (!isObject(json)) return undefined
  const at = parseStamp(json['timestamp'])
  const nextOpen = parseStamp(json['next_open'])
  const nextClose = parseStamp(json['next_close'])
  if (at === undefined || nextOpen === undefined || nextClose === undefined) return undefined
  return { at, isOpen: json['is_open'] === true, nextOpen, nextClose }
}

/** `{"date":"2026-01-05","open":"09:30","close":"16:00","session_open":"0400","session_close":"2000",…}`, New York. */
export interface Day {
  readonly date: string
  readonly open: string
  readonly close: string
}

export function parseDay(json: unknown): Day | undefined {
  if (!isObject(json)) return undefined
  const date = textOf(json['date'])
  const open = textOf(json['open'])
  const close = textOf(json['close'])
  return date === undefined || open === undefined || close === undefined
    ? undefined
    : { date, open, close }
}
