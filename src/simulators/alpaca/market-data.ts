// MarketData: Alpaca's market-data REST endpoints on what the venue's market has shown.
import { calendarOf } from '../../core/calendar.ts'
import { DAY, MINUTE, ms } from '../../core/time.ts'
import { merged, type Shown } from '../history.ts'
import type { Minute } from '../prints.ts'
import { splitAdjusted } from '../splits.ts'
import { corporateActions } from './corporate-actions.ts'
import { ApiError, badData } from './error.ts'
import { barJson, type Json, quoteJson, tradeJson } from './quotes-json.ts'
import type { Call, Reply } from './call.ts'
import { bucketOf, parseTimeframe, rolled } from './timeframe.ts'
import type { AlpacaVenue } from './venue.ts'

const LIMIT_MAX = 10_000
const LIMIT_USUAL = 1_000
/** The free plan sees consolidated data only when they are so old. */
const RECENT_MS = 15 * MINUTE
/** A made past has no finer bars than these, and what they add up to. */
const PAST_MINUTES = 15
const FEEDS: readonly string[] = ['sip', 'iex', 'otc', 'boats', 'delayed_sip', 'overnight']

const ADJUSTMENTS: readonly string[] = ['raw', 'split', 'dividend', 'spin-off', 'all']

type Kind = 'bars' | 'trades' | 'quotes'
interface Row {
  readonly t: number
  readonly json: Json
}

export class MarketData {
  readonly #venue: AlpacaVenue

  constructor(venue: AlpacaVenue) {
    this.#venue = venue
  }

  /** Answers a request; undefined where there is no such endpoint. */
  answer(call: Call): Reply | undefined {
    if (call.path === '/v1/corporate-actions')
      return corporateActions(call, { splits: this.#venue.splits, now: this.#venue.shownNow() })
    const stocks = /^\/v2\/stocks\/(.+)$/.exec(call.path)
    if (stocks !== null) return this.#stocks(call, stocks[1]!.split('/'))
    const crypto = /^\/v1beta3\/crypto\/[a-z0-9-]+\/(.+)$/.exec(call.path)
    return crypto === null ? undefined : this.#crypto(call, crypto[1]!)
  }

  #stocks(call: Call, [first = '', second = '', third = '']: readonly string[]): Reply | undefined {
    if (first === 'meta') return metaOf(second)
    if (first === 'snapshots') return reply(this.#snapshots(this.#symbols(call), false))
    if (isKind(first)) {
      if (second === '') return this.#pages(call, first, this.#symbols(call), false)
      return second === 'latest'
        ? reply(this.#latest(first, this.#symbols(call), false))
        : undefined
    }
    return this.#oneStock(call, first.toUpperCase(), second, third)
  }

  #oneStock(call: Call, symbol: string, what: string, latest: string): Reply | undefined {
    if (what === 'snapshot') {
      const snapshot = this.#snapshots([symbol], false)[symbol]
      if (snapshot === undefined) throw new ApiError(404, undefined, `symbol not found: ${symbol}`)
      return reply({ symbol, ...snapshot })
    }
    if (!isKind(what)) return undefined
    if (latest === 'latest') {
      const name = what.slice(0, -1)
      const found = this.#latest(what, [symbol], false)[what] as Record<string, Json>
      return reply({ symbol, [name]: found[symbol] ?? null })
    }
    const page = this.#page(call, what, [symbol], false)
    const rows = page.rows[symbol]
    return reply({ [what]: rows ?? null, symbol, next_page_token: page.token })
  }

  #crypto(call: Call, what: string): Reply | undefined {
    const symbols = this.#symbols(call)
    if (what === 'snapshots') return reply({ snapshots: this.#snapshots(symbols, true) })
    if (what === 'latest/orderbooks') return reply({ orderbooks: this.#books(symbols) })
    const latest = /^latest\/(.+)$/.exec(what)?.[1]
    if (latest !== undefined)
      return isKind(latest) ? reply(this.#latest(latest, symbols, true)) : undefined
    return isKind(what) ? this.#pages(call, what, symbols, true) : undefined
  }

  #symbols({ query }: Call): readonly string[] {
    const symbols = query.getAll('symbols').flatMap((text) => text.split(','))
    const clean = symbols.map((symbol) => symbol.trim()).filter((symbol) => symbol !== '')
    if (clean.length === 0) throw badData('symbols is required')
    const bad = clean.find((symbol) => !/^[A-Z0-9./]{1,21}$/.test(symbol))
    if (bad !== undefined) throw badData(`Invalid symbol(s): ${bad} does not match ^[A-Z0-9./]+$`)
    return [...new Set(clean)].toSorted()
  }

  #pages(call: Call, kind: Kind, symbols: readonly string[], isCrypto: boolean): Reply {
    const { rows, token } = this.#page(call, kind, symbols, isCrypto)
    const currency = call.query.get('currency')
    return reply({
      [kind]: rows,
      next_page_token: token,
      ...(currency === null ? {} : { currency }),
    })
  }

  /** One page: by symbol, then by time; `limit` counts the rows of all symbols together. */
  #page(call: Call, kind: Kind, symbols: readonly string[], isCrypto: boolean) {
    const { query } = call
    const now = this.#venue.shownNow()
    const from = timeOf(query, 'start') ?? now - (now % DAY)
    const to = timeOf(query, 'end', true) ?? (this.#isLate(query, isCrypto) ? now - RECENT_MS : now)
    if (to < from) throw badData('end should not be before start')
    this.#checkFeed(query, to, isCrypto)
    const limit = limitOf(query)
    const isUp = (query.get('sort') ?? 'asc') === 'asc'
    const cursor = cursorOf(query.get('page_token'))
    const timeframe = kind === 'bars' ? parseTimeframe(query.get('timeframe') ?? '') : undefined
    const pages: Record<string, Json[]> = {}
    let left = limit
    for (const symbol of symbols) {
      const skip =
        cursor === undefined
          ? 0
          : symbol < cursor.symbol
            ? Infinity
            : symbol === cursor.symbol
              ? cursor.rows
              : 0
      if (skip === Infinity) continue
      const shown = this.#shown(symbol, isCrypto)
      if (shown === undefined) continue
      const range = { from, to, timeframe, isCrypto, adjust: this.#adjustment(query, symbol) }
      const rows = [...this.#pastOf(symbol, range), ...rowsOf(kind, shown, range)]
      const sorted = isUp ? rows : rows.toReversed()
      const page = sorted.slice(skip, skip + left)
      if (page.length > 0) pages[symbol] = page.map(({ json }) => json)
      left -= page.length
      const isDone = skip + page.length >= sorted.length
      if (left > 0) continue
      if (!isDone) return { rows: pages, token: tokenOf(symbol, skip + page.length) }
      const next = symbols[symbols.indexOf(symbol) + 1]
      return { rows: pages, token: next === undefined ? null : tokenOf(next, 0) }
    }
    return { rows: pages, token: null }
  }

  /** How bars of before its splits are told. */
  #adjustment(query: URLSearchParams, symbol: string): Adjust {
    const adjustment = query.get('adjustment') ?? 'raw'
    if (!ADJUSTMENTS.includes(adjustment)) throw badData(`invalid adjustment: ${adjustment}`)
    const splits =
      adjustment === 'split' || adjustment === 'all' ? this.#venue.splitsOf(symbol) : []
    return (bar) => (splits.length === 0 ? bar : splitAdjusted(bar, splits))
  }

  /** Bars that were made when they were asked for: of 15 minutes and more. */
  #pastOf(symbol: string, { from, to, timeframe, isCrypto, adjust }: Range): Row[] {
    const { past } = this.#venue.options
    if (past === undefined || timeframe === undefined || isCrypto) return []
    if (timeframe.unit === 'minute' && timeframe.count % PAST_MINUTES !== 0) return []
    const kind = `${timeframe.count} ${timeframe.unit}`
    const rows = past.rows(symbol, kind, (steps) => rolled(steps, timeframe, false))
    return rows
      .slice(firstFrom(rows, from), firstFrom(rows, to + 1))
      .map((bar) => ({ t: bar.t, json: barJson(adjust(bar), false) }))
  }

  #isLate(query: URLSearchParams, isCrypto: boolean): boolean {
    return !isCrypto && this.#venue.plan === 'free' && query.get('feed') === 'sip'
  }

  #checkFeed(query: URLSearchParams, to: number, isCrypto: boolean): void {
    const feed = query.get('feed')
    if (feed !== null && !FEEDS.includes(feed)) throw badData(`invalid feed: ${feed}`)
    if (this.#isLate(query, isCrypto) && to > this.#venue.now() - RECENT_MS)
      throw new ApiError(403, undefined, 'subscription does not permit querying recent SIP data')
  }

  #shown(symbol: string, isCrypto: boolean): Shown | undefined {
    const kind = this.#venue.universe.find(symbol)?.kind
    return (kind === 'crypto') === isCrypto ? this.#venue.market.shown(symbol) : undefined
  }

  #latest(kind: Kind, symbols: readonly string[], isCrypto: boolean): Record<string, Json> {
    const found: Record<string, Json> = {}
    for (const symbol of symbols) {
      const shown = this.#shown(symbol, isCrypto)
      const bar = shown?.minutes.at(-1)
      if (kind === 'bars' && bar !== undefined) found[symbol] = barJson(bar, isCrypto)
      if (kind === 'trades' && shown?.last !== undefined)
        found[symbol] = tradeJson(shown.last, isCrypto)
      if (kind === 'quotes' && shown?.quote !== undefined)
        found[symbol] = quoteJson(shown.quote, isCrypto)
    }
    return { [kind]: found }
  }

  #snapshots(symbols: readonly string[], isCrypto: boolean): Record<string, Json> {
    const found: Record<string, Json> = {}
    const now = this.#venue.now()
    const calendar = calendarOf(isCrypto ? '24/7' : 'us-equity')
    for (const symbol of symbols) {
      const shown = this.#shown(symbol, isCrypto)
      if (shown === undefined) continue
      const { minutes, last, quote } = shown
      const minute = minutes.at(-1)
      const today = calendar.dayStart(ms(minute?.t ?? now))
      const day = minutes.slice(minutes.findLastIndex(({ t }) => t < today) + 1)
      const before = minutes[minutes.length - day.length - 1]
      const previous = before === undefined ? NaN : calendar.dayStart(ms(before.t))
      const former = minutes.filter(({ t }) => t >= previous && t < today)
      found[symbol] = {
        ...(last && { latestTrade: tradeJson(last, isCrypto) }),
        ...(quote && { latestQuote: quoteJson(quote, isCrypto) }),
        ...(minute && { minuteBar: barJson(minute, isCrypto) }),
        ...(day.length > 0 && { dailyBar: barJson(merged(today, day), isCrypto) }),
        ...(former.length > 0 && { prevDailyBar: barJson(merged(previous, former), isCrypto) }),
      }
    }
    return found
  }

  #books(symbols: readonly string[]): Record<string, Json> {
    const found: Record<string, Json> = {}
    for (const symbol of symbols) {
      const quote = this.#shown(symbol, true)?.quote
      if (quote === undefined) continue
      const { t } = quoteJson(quote, true)
      const { bid, bidSize, ask, askSize } = quote
      found[symbol] = { t, b: [{ p: bid, s: bidSize }], a: [{ p: ask, s: askSize }] }
    }
    return found
  }
}

type Adjust = (bar: Minute) => Minute

interface Range {
  readonly adjust: Adjust
  readonly from: number
  readonly to: number
  readonly timeframe: ReturnType<typeof parseTimeframe> | undefined
  readonly isCrypto: boolean
}

/** The place of the first row at `at` or later. */
function firstFrom(rows: readonly { readonly t: number }[], at: number): number {
  let [low, high] = [0, rows.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (rows[middle]!.t < at) low = middle + 1
    else high = middle
  }
  return low
}

const isKind = (text: string): text is Kind =>
  text === 'bars' || text === 'trades' || text === 'quotes'
const reply = (json: unknown): Reply => ({ status: 200, json })

function rowsOf(kind: Kind, shown: Shown, range: Range): Row[] {
  const { from, to, timeframe, isCrypto, adjust } = range
  const isIn = (t: number): boolean => t >= from && t <= to
  if (kind === 'trades')
    return shown.trades
      .filter(({ ts }) => isIn(ts))
      .map((trade) => ({ t: trade.ts, json: tradeJson(trade, isCrypto) }))
  if (kind === 'quotes')
    return shown.quotes
      .filter(({ ts }) => isIn(ts))
      .map((quote) => ({ t: quote.ts, json: quoteJson(quote, isCrypto) }))
  if (timeframe === undefined) return []
  // Whole buckets: a bar whose start is in the range is made of all its minutes.
  const first = bucketOf(Math.max(0, Math.floor(from)), timeframe, isCrypto)
  const minutes = shown.minutes.filter(({ t }) => t >= first)
  return rolled(minutes, timeframe, isCrypto)
    .filter(({ t }) => isIn(t))
    .map((bar) => ({ t: bar.t, json: barJson(adjust(bar), isCrypto) }))
}

function metaOf(what: string): Reply | undefined {
  if (what === 'exchanges') return reply({ V: 'IEX' })
  return what === 'conditions'
    ? reply({ '@': 'Regular Sale', I: 'Odd Lot Trade', R: 'Regular' })
    : undefined
}

function limitOf(query: URLSearchParams): number {
  const text = query.get('limit')
  if (text === null || text === '') return LIMIT_USUAL
  const limit = Number(text)
  if (!Number.isInteger(limit) || limit < 1 || limit > LIMIT_MAX)
    throw badData(`limit must be between 1 and ${LIMIT_MAX}`)
  return limit
}

/** A date means its first moment, or its last where it ends a range. */
function timeOf(query: URLSearchParams, name: string, isEnd = false): number | undefined {
  const text = query.get(name)
  if (text === null || text === '') return undefined
  const at = Date.parse(text)
  if (Number.isNaN(at))
    throw badData(
      `Invalid format for parameter ${name}: error parsing '${text}' as RFC3339 or 2006-01-02`,
    )
  const isDate = /^\d{4}-\d{2}-\d{2}$/.test(text)
  if (!isDate) return at
  const start = calendarOf('us-equity').dayStart(ms(at + DAY / 2))
  return isEnd ? start + DAY - 1 : start
}

/** Opaque to clients. Rows are counted, because stamps tie. */
const tokenOf = (symbol: string, rows: number): string =>
  Buffer.from(`${symbol}|${rows}`).toString('base64')

function cursorOf(token: string | null): { symbol: string; rows: number } | undefined {
  if (token === null || token === '') return undefined
  const [symbol = '', rows] = Buffer.from(token, 'base64').toString().split('|')
  if (!/^\d+$/.test(rows ?? '')) throw badData('invalid page_token')
  return { symbol, rows: Number(rows) }
}
