// Quotes as JSON: bars, trades and quotes of the market in Alpaca's words, for REST and for streams.
import type { KeptQuote, KeptTrade } from '../history.ts'
import type { Minute } from '../prints.ts'
import { nanosOf, stamp } from './text.ts'

/** How a time is written: text, or the timestamp of msgpack. */
export type Stamper = (atMs: number, nanos: number) => unknown

export type Json = Readonly<Record<string, unknown>>

/** Sizes of shares are whole; those of coins are not. */
const sizeOf = (size: number, isCrypto: boolean): number => (isCrypto ? size : Math.round(size))

export function barJson(bar: Minute, isCrypto: boolean, write: Stamper = stamp): Json {
  const { o, h, l, c, v, n, vw } = bar
  const worth = Math.round(vw * 1e6) / 1e6
  return { t: write(bar.t, 0), o, h, l, c, v: sizeOf(v, isCrypto), n, vw: worth }
}

// Members in the order in which Alpaca's streams have them.
export function tradeJson(trade: KeptTrade, isCrypto: boolean, write: Stamper = stamp): Json {
  const { id, price, size, ts } = trade
  const t = write(ts, nanosOf(id))
  const i = 52_983_525_000_000 + id
  if (isCrypto) return { t, p: price, s: size, i, tks: id % 2 === 0 ? 'B' : 'S' }
  const s = Math.max(1, Math.round(size))
  return { i, x: 'V', p: price, s, c: s < 100 ? ['@', 'I'] : ['@'], z: 'C', t }
}

export function quoteJson(quote: KeptQuote, isCrypto: boolean, write: Stamper = stamp): Json {
  const { bid, bidSize, ask, askSize, ts } = quote
  const t = write(ts, nanosOf(bidSize + askSize))
  const [bs, as] = [sizeOf(bidSize, isCrypto), sizeOf(askSize, isCrypto)]
  if (isCrypto) return { t, bp: bid, bs, ap: ask, as }
  return { bx: 'V', bp: bid, bs, ax: 'V', ap: ask, as, c: ['R'], z: 'C', t }
}
