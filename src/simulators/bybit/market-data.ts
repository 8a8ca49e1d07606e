// MarketData: Bybit's public REST endpoints on what the venue's market has shown.
import type { Json } from '../../io/json.ts'
import type { Instrument } from '../../core/instrument.ts'
import { DAY, MINUTE } from '../../core/time.ts'
import { decimal } from '../decimal.ts'
import { merged, type Shown } from '../history.ts'
import type { Minute } from '../prints.ts'
import { levelsOf } from './book.ts'
import { badParameter } from './codes.ts'
import { coinsOf } from './category.ts'
import { instrumentRow } from './render.ts'
import type { BybitVenue } from './venue.ts'

/** Lengths of klines by their names. Months are not made here. */
export const INTERVALS: Readonly<Record<string, number>> = {
  ...Object.fromEntries(
    [1, 3, 5, 15, 30, 60, 120, 240, 360, 720].map((minutes) => [String(minutes), minutes * MINUTE]),
  ),
  D: DAY,
  W: 7 * DAY,
}
/** Weeks begin on Mondays; the epoch was a Thursday. */
const WEEK_SHIFT = 4 * DAY

/** Start of the kline that holds a time. */
export function startOf(at: number, length: number): number {
  const shift = length === 7 * DAY ? WEEK_SHIFT : 0
  return at - ((at - shift) % length)
}

export class MarketData {
  readonly #venue: BybitVenue

  constructor(venue: BybitVenue) {
    this.#venue = venue
  }

  /** The result of a public endpoint; undefined where there is none. */
  answer(path: string, query: URLSearchParams): unknown {
    switch (path) {
      case '/v5/market/time':
        return this.#time()
      case '/v5/market/instruments-info':
        return this.#instruments(query)
      case '/v5/market/orderbook':
        return this.#book(query)
      case '/v5/market/tickers':
        return this.#tickers(query)
      case '/v5/market/kline':
        return this.#klines(query)
      case '/v5/market/recent-trade':
        return this.#trades(query)
      default:
        return undefined
    }
  }

  /** The ticker of a symbol; fields that derivatives alone have are left out for spot. */
  ticker(instrument: Instrument): Json {
    const { symbol } = instrument
    const shown = this.#shown(instrument)
    const last = this.#venue.market.price(symbol)
    const day = this.#lastDay(shown)
    const quote = shown.quote
    const price = decimal(Number.isNaN(last) ? 0 : last)
    const common = {
      symbol,
      lastPrice: price,
      bid1Price: decimal(quote?.bid ?? 0),
      bid1Size: decimal(quote?.bidSize ?? 0),
      ask1Price: decimal(quote?.ask ?? 0),
      ask1Size: decimal(quote?.askSize ?? 0),
      prevPrice24h: decimal(day.o),
      price24hPcnt: decimal(day.o > 0 ? last / day.o - 1 : 0),
      highPrice24h: decimal(day.h),
      lowPrice24h: decimal(day.l),
      volume24h: decimal(day.v),
      turnover24h: decimal(day.v * day.vw),
    }
    if (this.#venue.isSpot) return common
    const funding = { fundingRate: '0.0001', nextFundingTime: '0', fundingIntervalHour: '8' }
    return { ...common, ...funding, markPrice: price, indexPrice: price, openInterest: '0' }
  }

  #time(): Json {
    const now = this.#venue.shownNow()
    return { timeSecond: String(Math.floor(now / 1_000)), timeNano: `${now}000000` }
  }

  #instruments(query: URLSearchParams): Json {
    const category = query.get('category') ?? ''
    const isOurs = category === this.#venue.category
    const all = isOurs ? this.#venue.universe.all : []
    const symbol = query.get('symbol')
    const coin = query.get('baseCoin') ?? (category === 'option' ? 'BTC' : null)
    const meant = all.filter(
      (each) =>
        (symbol === null || each.symbol === symbol) &&
        (symbol !== null || coin === null || coinsOf(each.symbol).base === coin),
    )
    const [from, limit] = [Number(query.get('cursor') ?? 0), limitOf(query, 500, 1_000)]
    const { isSpot } = this.#venue
    const page = isSpot ? meant : meant.slice(from, from + limit)
    const next = from + page.length < meant.length ? String(from + page.length) : ''
    const list = page.map((instrument) => instrumentRow(instrument, this.#venue.category))
    return { category, list, nextPageCursor: next }
  }

  #book(query: URLSearchParams): Json {
    const instrument = this.#instrument(query)
    const { quote, trades } = this.#shown(instrument)
    const limit = limitOf(query, 25, 1_000)
    const levels = quote === undefined ? undefined : levelsOf(quote, instrument, limit)
    const text = (side: readonly (readonly [number, number])[] = []) =>
      side.map(([price, size]) => [decimal(price), decimal(size)])
    const now = this.#venue.now()
    const u = trades.length
    const [b, a] = [text(levels?.bids), text(levels?.asks)]
    return { s: instrument.symbol, b, a, ts: now, u, seq: u, cts: now }
  }

  #tickers(query: URLSearchParams): Json {
    const category = query.get('category') ?? ''
    if (category !== this.#venue.category) return { category, list: [] }
    const all = query.has('symbol') ? [this.#instrument(query)] : this.#venue.universe.all
    return { category, list: all.map((instrument) => this.ticker(instrument)) }
  }

  #klines(query: URLSearchParams): Json {
    if (this.#venue.category === 'option') throw badParameter('params error: Category is invalid')
    const instrument = this.#instrument(query)
    const interval = query.get('interval') ?? ''
    const length = INTERVALS[interval]
    if (length === undefined) throw badParameter('params error: interval invalid')
    const limit = limitOf(query, 200, 1_000)
    const from = Number(query.get('start') ?? 0)
    const to = Number(query.get('end') ?? Infinity)
    const bars = klinesOf(this.#shown(instrument), length)
    // The newest first; where there are more than the limit, the newest of them.
    const list = bars
      .filter(({ t }) => t >= from && t <= to)
      .slice(-limit)
      .toReversed()
      .map((bar) => [
        String(bar.t),
        ...[bar.o, bar.h, bar.l, bar.c, bar.v, bar.v * bar.vw].map(decimal),
      ])
    return { category: this.#venue.category, symbol: instrument.symbol, list }
  }

  #trades(query: URLSearchParams): Json {
    const instrument = this.#instrument(query)
    const most = this.#venue.isSpot ? 60 : 1_000
    const { trades } = this.#shown(instrument)
    const { symbol } = instrument
    const list = trades
      .slice(-limitOf(query, Math.min(500, most), most))
      .toReversed()
      .map(({ ts, id, price, size }) => ({
        execId: String(id),
        symbol,
        price: decimal(price),
        size: decimal(size),
        side: takerOf(id),
        time: String(ts),
        isBlockTrade: false,
        isRPITrade: false,
        seq: String(id),
      }))
    return { category: this.#venue.category, list }
  }

  #instrument(query: URLSearchParams): Instrument {
    this.#venue.mustServe(query.get('category') ?? 'linear')
    return this.#venue.instrumentOf(query.get('symbol'))
  }

  #shown({ symbol }: Instrument): Shown {
    return this.#venue.market.shown(symbol)!
  }

  #lastDay(shown: Shown): Minute {
    const from = this.#venue.now() - DAY
    const first = shown.minutes.findLastIndex(({ t }) => t < from) + 1
    const bars = shown.minutes.slice(first)
    if (shown.forming !== undefined) bars.push(shown.forming)
    if (bars.length > 0) return merged(from, bars)
    return { t: from, o: 0, h: 0, l: 0, c: 0, v: 0, n: 0, vw: 0 }
  }
}

/** Nobody says who took: every other trade is a sale. */
export const takerOf = (id: number): 'Buy' | 'Sell' => (id % 2 === 0 ? 'Buy' : 'Sell')

/** All klines of a length, the one that still forms included. */
export function klinesOf({ minutes, forming }: Shown, length: number): readonly Minute[] {
  const all = forming === undefined ? minutes : [...minutes, forming]
  if (length === MINUTE) return all
  const groups = new Map<number, Minute[]>()
  for (const minute of all) {
    const start = startOf(minute.t, length)
    const group = groups.get(start)
    if (group === undefined) groups.set(start, [minute])
    else group.push(minute)
  }
  return [...groups].map(([start, group]) => merged(start, group))
}

export function limitOf(query: URLSearchParams, usual: number, most: number): number {
  const text = query.get('limit')
  const limit = text === null ? usual : Number(text)
  if (!Number.isInteger(limit) || limit < 1) throw badParameter('params error: limit invalid')
  return Math.min(limit, most)
}
