/*
 * History: what Alpaca's REST gives of the past, page by page to the end.
 *
 * A page's rows are shared by all its symbols, ordered by symbol and then by time; a page may be short and still have
 * a successor, and only a token of null ends it. Every page takes a token of the request budget in lane `backfill`
 * (or `read`, where live data wait for it). The cursor is `<first symbol of the chunk>|<page token>`: the token alone
 * says where in its chunk of symbols a query stands, and chunks are made again from the same query.
 *
 * A bar whose end has not passed is not given: it still forms. A page with a foreign symbol or without order is
 * corrupt data, and so is a bar that is none; nothing of such a page is used, and the fault names the place. Bars that
 * a page has in common with the one before it are given once.
 */
import type { Ms, SymbolId } from '../../core/brand.ts'
import { fault } from '../../core/fault.ts'
import type { Bar, Quote, Trade } from '../../core/market.ts'
import { failed, ok, type Result } from '../../core/result.ts'
import { DAY, HOUR, lengthMs, type Timeframe } from '../../core/time.ts'
import type { Universe } from '../../core/universe.ts'
import type { BarQuery, History } from '../../core/venue.ts'
import type { Io } from '../../io/io.ts'
import { chunk } from '../../io/paced.ts'
import type { Lane, Query, Rest } from './rest.ts'
import { formatStamp } from './stamps.ts'
import { isObject } from '../../io/json.ts'
import { ASSET_FIELDS, flawOf, parseAsset, type WireAsset } from './wire.ts'
import {
  barOf,
  type Clock,
  type Day,
  parseClock,
  parseDay,
  quoteOf,
  ROW_FIELDS,
  tradeOf,
} from './wire-history.ts'

export interface HistoryOptions {
  readonly io: Io
  readonly data: Rest
  readonly trading: Rest
  readonly universe: Universe
  readonly feed: 'iex' | 'sip'
  /** How prices of the past are adjusted; bars as they were traded where not told. */
  readonly adjustment?: 'raw' | 'split' | 'dividend' | 'all'
  /** Place of crypto data: `us`. */
  readonly location?: string
  /** Symbols in a request, >= 1. */
  readonly symbols: number
  /** Rows in a page, 1 to 10,000. */
  readonly rows: number
}

export interface Span {
  readonly symbols: readonly string[]
  /** First time, included. */
  readonly from: Ms
  /** Last time, excluded. */
  readonly to: Ms
  readonly cursor?: string
}

export type Page<Key extends string, Row> = Result<
  { readonly [P in Key]: readonly Row[] } & { readonly cursor?: string }
>

/** Symbols of a class that are asked for one at a time. */
const ASKED_MAX = 30

/** A query of more pages than this has lost its end. */
const PAGES_MAX = 100_000
export const WIRE_TIMEFRAMES: Readonly<Record<Timeframe, string | undefined>> = {
  '1s': undefined,
  '1m': '1Min',
  '5m': '5Min',
  '15m': '15Min',
  '1h': '1Hour',
  '4h': '4Hour',
  '1d': '1Day',
}

export class AlpacaHistory implements History {
  readonly #options: HistoryOptions

  constructor(options: HistoryOptions) {
    this.#options = options
  }

  async *bars(
    query: BarQuery & { readonly cursor?: string },
    lane: Lane = 'backfill',
  ): AsyncGenerator<Page<'bars', Bar>> {
    const { timeframe } = query
    const wire = WIRE_TIMEFRAMES[timeframe]
    if (wire === undefined) {
      yield failed(fault('unsupported', `alpaca has no bars of ${timeframe}`))
      return
    }
    const { adjustment = 'raw', io } = this.#options
    const toBar = (json: unknown, symbol: SymbolId): Bar | undefined =>
      barOf(json, symbol, timeframe)
    const about = {
      kind: 'bars',
      extra: { timeframe: wire },
      stocks: { adjustment },
      lane,
    } as const
    const last = new Map<SymbolId, Ms>()
    for await (const page of this.#pages(query, about, toBar)) {
      if (!page.ok) yield page
      else {
        const now = io.now()
        const isNew = ({ symbol, start }: Bar): boolean => {
          if (start <= (last.get(symbol) ?? -Infinity)) return false
          last.set(symbol, start)
          return true
        }
        const isClosed = ({ symbol, start }: Bar): boolean =>
          start + (timeframe === '1d' ? this.#dayMs(symbol) : lengthMs(timeframe)) <= now
        const bars = page.value.rows.filter((bar) => isClosed(bar) && isNew(bar))
        yield ok({ bars, ...cursorOf(page.value.cursor) })
      }
    }
  }

  /** A day of shares ends with its session, when 24 h of it have not passed; one of a coin does not. */
  #dayMs(symbol: SymbolId): number {
    return this.#options.universe.at(symbol).kind === 'crypto' ? DAY : 16 * HOUR
  }

  async *trades(span: Span, lane: Lane = 'backfill'): AsyncGenerator<Page<'trades', Trade>> {
    for await (const page of this.#pages(span, { kind: 'trades', lane }, tradeOf)) {
      yield page.ok ? ok({ trades: page.value.rows, ...cursorOf(page.value.cursor) }) : page
    }
  }

  async *quotes(span: Span, lane: Lane = 'backfill'): AsyncGenerator<Page<'quotes', Quote>> {
    for await (const page of this.#pages(span, { kind: 'quotes', lane }, quoteOf)) {
      yield page.ok ? ok({ quotes: page.value.rows, ...cursorOf(page.value.cursor) }) : page
    }
  }

  /** The last trade and quote of each symbol; symbols without any are left out. */
  async snapshots(
    symbols: readonly string[],
  ): Promise<Result<ReadonlyMap<SymbolId, { readonly trade?: Trade; readonly quote?: Quote }>>> {
    const { data, universe, feed, location = 'us' } = this.#options
    const all = new Map<SymbolId, { readonly trade?: Trade; readonly quote?: Quote }>()
    for (const { isCrypto, part } of this.#chunks(symbols)) {
      const path = isCrypto ? `/v1beta3/crypto/${location}/snapshots` : '/v2/stocks/snapshots'
      const query = { symbols: part.join(','), ...(isCrypto ? {} : { feed }) }
      const answer = await data.get(path, query)
      if (!answer.ok) return answer
      // Stocks come as a bare map, crypto within `snapshots`.
      const map = isObject(answer.value)
        ? isCrypto
          ? answer.value['snapshots']
          : answer.value
        : undefined
      if (!isObject(map)) return failed(fault('corrupt-data', `${path}: no map of symbols`))
      for (const [symbol, snapshot] of Object.entries(map)) {
        const instrument = universe.find(symbol)
        if (instrument === undefined || !isObject(snapshot)) continue
        const trade = tradeOf(snapshot['latestTrade'], instrument.id)
        const quote = quoteOf(snapshot['latestQuote'], instrument.id)
        all.set(instrument.id, {
          ...(trade === undefined ? {} : { trade }),
          ...(quote === undefined ? {} : { quote }),
        })
      }
    }
    return ok(all)
  }

  /** The venue's own clock and hours. */
  async clock(): Promise<Result<Clock>> {
    const answer = await this.#options.trading.get('/v2/clock')
    if (!answer.ok) return answer
    const clock = parseClock(answer.value)
    return clock === undefined
      ? failed(fault('corrupt-data', 'GET /v2/clock: no clock'))
      : ok(clock)
  }

  /** Trading days from one date to another, both included: `2026-01-05`. */
  async calendar(span: {
    readonly start: string
    readonly end: string
  }): Promise<Result<readonly Day[]>> {
    return this.#list('/v2/calendar', span, parseDay)
  }

  /** All assets of a class that can be traded. */
  async assets(kind: 'us_equity' | 'crypto'): Promise<Result<readonly WireAsset[]>> {
    return this.#list('/v2/assets', { status: 'active', asset_class: kind }, parseAsset)
  }

  /**
   * What the venue says of each symbol, in their order. Many are looked up in its list, one request for all; what is not
   * listed is asked for by itself, because it may have another name now, or have been traded once.
   */
  async *assetsOf(
    symbols: readonly string[],
  ): AsyncGenerator<readonly [symbol: string, asset: Result<WireAsset>]> {
    const listed = new Map<string, Result<WireAsset>>()
    for (const [kind, some] of Map.groupBy(symbols, kindOf)) {
      if (some.length <= ASKED_MAX) continue
      const list = await this.assets(kind)
      if (list.ok) for (const asset of list.value) listed.set(asset.symbol, ok(asset))
      else for (const symbol of some) listed.set(symbol, list)
    }
    for (const symbol of symbols) yield [symbol, listed.get(symbol) ?? (await this.asset(symbol))]
  }

  /** One asset; `not-found` where the venue does not know it. */
  async asset(symbol: string): Promise<Result<WireAsset>> {
    const answer = await this.#options.trading.get(`/v2/assets/${encodeURIComponent(symbol)}`)
    if (!answer.ok) return answer
    const asset = parseAsset(answer.value)
    return asset === undefined
      ? failed(fault('corrupt-data', `the asset ${symbol}${flawOf(answer.value, ASSET_FIELDS)}`))
      : ok(asset)
  }

  async #list<T>(
    path: string,
    query: Query,
    parse: (json: unknown) => T | undefined,
  ): Promise<Result<readonly T[]>> {
    const answer = await this.#options.trading.get(path, query)
    if (!answer.ok) return answer
    if (!Array.isArray(answer.value)) return failed(fault('corrupt-data', `GET ${path}: no list`))
    return ok(answer.value.map((item) => parse(item)).filter((item) => item !== undefined))
  }

  /** Symbols by kind and in chunks: stocks and crypto are different requests. */
  #chunks(
    symbols: readonly string[],
  ): { readonly isCrypto: boolean; readonly part: readonly string[] }[] {
    const { universe } = this.#options
    const isCrypto = (symbol: string): boolean => universe.find(symbol)?.kind === 'crypto'
    return [false, true].flatMap((crypto) => {
      const of = symbols.filter((symbol) => isCrypto(symbol) === crypto)
      return [...chunk(of, this.#options.symbols)].map((part) => ({ isCrypto: crypto, part }))
    })
  }

  async *#pages<Row extends { readonly symbol: SymbolId }>(
    span: Span,
    about: {
      readonly kind: 'bars' | 'trades' | 'quotes'
      readonly extra?: Query
      readonly stocks?: Query
      readonly lane: Lane
    },
    parse: (json: unknown, symbol: SymbolId) => Row | undefined,
  ): AsyncGenerator<Result<{ readonly rows: readonly Row[]; readonly cursor?: string }>> {
    const { data, feed, rows: limit, location = 'us' } = this.#options
    const { kind, extra = {}, stocks = {}, lane } = about
    const chunks = this.#chunks(span.symbols)
    const resumed = resumeAt(span.cursor, chunks)
    if (resumed === undefined) {
      yield failed(fault('bad-request', `the cursor ${span.cursor} is of another query`))
      return
    }
    let token = resumed.token
    let isAnew = false
    for (let i = resumed.index; i < chunks.length; i++) {
      const { isCrypto, part } = chunks[i]!
      const path = isCrypto ? `/v1beta3/crypto/${location}/${kind}` : `/v2/stocks/${kind}`
      for (let pages = 0; ; pages++) {
        const query = {
          symbols: part.join(','),
          ...extra,
          // `end` is included by the venue and excluded by us.
          start: formatStamp(span.from),
          end: formatStamp(span.to - 1),
          limit,
          sort: 'asc',
          ...(isCrypto ? {} : { feed, ...stocks }),
          page_token: token,
        }
        const answer = await data.get(path, query, lane)
        // Nothing else tells a token that is not taken any more. Bars that were given are not given again.
        const isToken = kind === 'bars' && token !== undefined && !isAnew
        if (!answer.ok && answer.fault.code === 'bad-request' && isToken) {
          isAnew = true
          token = undefined
          continue
        }
        if (!answer.ok) {
          yield answer
          return
        }
        const page = this.#page(answer.value, { kind, part, path, parse })
        const next = page.ok ? page.value.token : undefined
        if (!page.ok || pages === PAGES_MAX || (next !== undefined && next === token)) {
          yield page.ok ? failed(fault('corrupt-data', `${path}: the pages do not end`)) : page
          return
        }
        token = next
        data.saved(Math.max(0, new Set(page.value.rows.map(({ symbol }) => symbol)).size - 1))
        const following = chunks[i + 1]
        const resume =
          token !== undefined
            ? `${part[0]}|${token}`
            : following === undefined
              ? undefined
              : `${following.part[0]}|`
        yield ok({ rows: page.value.rows, ...cursorOf(resume) })
        if (token === undefined) break
      }
    }
  }

  /** `{"bars":{"AAPL":[{"t":"2022-01-03T09:00:00Z","o":…}]},"next_page_token":"QUFQ…"}` */
  #page<Row>(
    json: unknown,
    about: {
      readonly kind: 'bars' | 'trades' | 'quotes'
      readonly part: readonly string[]
      readonly path: string
      readonly parse: (json: unknown, symbol: SymbolId) => Row | undefined
    },
  ): Result<{ readonly rows: readonly Row[]; readonly token?: string }> {
    const { kind, part, path, parse } = about
    const map = isObject(json) ? json[kind] : undefined
    if (!isObject(json) || (!isObject(map) && map !== null))
      return failed(fault('corrupt-data', `${path}: no ${kind}`))
    const wanted = new Set(part)
    const rows: Row[] = []
    for (const [symbol, list] of Object.entries(map ?? {})) {
      const instrument = this.#options.universe.find(symbol)
      if (!wanted.has(symbol) || instrument === undefined) {
        return failed(fault('corrupt-data', `${path}: nobody asked for ${symbol}`))
      }
      if (list === null) continue
      if (!Array.isArray(list))
        return failed(fault('corrupt-data', `${path}: ${symbol} has no list`))
      let before = ''
      for (const [i, item] of list.entries()) {
        const row = parse(item, instrument.id)
        const t: unknown = isObject(item) ? item['t'] : undefined
        if (row === undefined)
          return failed(
            fault(
              'corrupt-data',
              `${path}: ${kind}.${symbol}[${i}]${flawOf(item, ROW_FIELDS[kind])}`,
            ),
          )
        // Stamps of one second are compared as text, which sorts as time where no fraction is there.
        if (kind === 'bars' && typeof t === 'string' && t <= before) {
          return failed(fault('corrupt-data', `${path}: ${symbol} at ${t} follows ${before}`))
        }
        if (typeof t === 'string') before = t
        rows.push(row)
      }
    }
    const token = json['next_page_token']
    return ok({ rows, ...(typeof token === 'string' && token !== '' ? { token } : {}) })
  }
}

/** Where a cursor stands; undefined where it is of another query. */
function resumeAt(
  cursor: string | undefined,
  chunks: readonly { readonly part: readonly string[] }[],
): { readonly index: number; readonly token: string | undefined } | undefined {
  if (cursor === undefined) return { index: 0, token: undefined }
  const bar = cursor.indexOf('|')
  const first = cursor.slice(0, bar)
  const index = chunks.findIndex(({ part }) => part[0] === first)
  const token = cursor.slice(bar + 1)
  return index < 0 ? undefined : { index, token: token === '' ? undefined : token }
}

const cursorOf = (cursor: string | undefined): { readonly cursor?: string } =>
  cursor === undefined ? {} : { cursor }

const kindOf = (symbol: string): 'us_equity' | 'crypto' =>
  symbol.includes('/') ? 'crypto' : 'us_equity'
