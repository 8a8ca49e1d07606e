/*
 * Bar pages: bars of the past for jobs, as columns. The same wire as history.ts, without an object for each bar.
 *
 * A page that is not what was asked for (a foreign symbol, a field that is missing or of another type, stamps out of
 * order) is corrupt data as a whole, and the fault names the place. What single bars say is looked at by whoever stores
 * them. Bars that a page repeats of the one before it are given once.
 *
 * The cursor is `<hash of the query> <page token>`: a token is good for its query only, and a query that has changed is
 * read from its beginning.
 */
import { barColumns, type BarColumns, sliceBars } from '../../core/columns.ts'
import { type Fault, fault } from '../../core/fault.ts'
import { hashOf } from '../../core/hash.ts'
import type { BarPage, BarSource, SourceQuery } from '../../core/jobs.ts'
import { failed, ok, type Result } from '../../core/result.ts'
import { errorOf } from './faults.ts'
import { WIRE_TIMEFRAMES } from './history.ts'
import type { Rest } from './rest.ts'
import { formatStamp, parseStamp } from './stamps.ts'
import { isObject } from '../../io/json.ts'

/** A query of more pages than this has lost its end. */
const PAGES_MAX = 10_000
/** 200 symbols are about 1 KB of address; https://docs.alpaca.markets/reference/stockbars names no limit. */
export const PAGE_LIMITS = { symbols: 200, rows: 10_000 } as const

export interface BarPagesOptions {
  readonly data: Rest
  readonly feed: 'iex' | 'sip'
  readonly perMinute: number
  readonly rows?: number
  /** Place of crypto data: `us`. */
  readonly location?: string
}

export class AlpacaBarPages implements BarSource {
  readonly provider = 'alpaca'
  readonly limits: BarSource['limits']
  readonly #options: BarPagesOptions

  constructor(options: BarPagesOptions) {
    this.#options = options
    const { perMinute, rows = PAGE_LIMITS.rows } = options
    this.limits = { ...PAGE_LIMITS, rows, perMinute }
  }

  async *pages(query: SourceQuery): AsyncGenerator<Result<BarPage>> {
    const { symbols, timeframe, adjustment, from, to } = query
    const { data, feed, location = 'us' } = this.#options
    const wire = WIRE_TIMEFRAMES[timeframe]
    if (wire === undefined) {
      yield failed(fault('unsupported', `alpaca has no bars of ${timeframe}`))
      return
    }
    const isCrypto = symbols[0]?.includes('/') === true
    const path = isCrypto ? `/v1beta3/crypto/${location}/bars` : '/v2/stocks/bars'
    const asked = {
      symbols: symbols.join(','),
      timeframe: wire,
      // `end` is included by the venue and excluded by us.
      start: formatStamp(from),
      end: formatStamp(to - 1),
      limit: this.limits.rows,
      sort: 'asc',
      ...(isCrypto ? {} : { feed, adjustment }),
    }
    const key = hashOf(asked)
    const wanted = new Set(symbols)
    const last = new Map<string, number>()
    let token = tokenOf(query.cursor, key)
    for (let n = 0; ; n++) {
      const answer = await data.get(path, { ...asked, page_token: token }, 'backfill')
      if (!answer.ok) {
        yield failed(withSymbol(answer.fault, wanted))
        return
      }
      const page = pageOf(answer.value, { path, wanted, last })
      const next = page.ok ? page.value.token : undefined
      if (!page.ok || n === PAGES_MAX || (next !== undefined && next === token)) {
        yield page.ok ? failed(fault('corrupt-data', `${path}: the pages do not end`)) : page
        return
      }
      token = next
      data.saved(Math.max(0, page.value.series.length - 1))
      const cursor = token === undefined ? undefined : `${key} ${token}`
      yield ok({ series: page.value.series, cursor })
      if (token === undefined) return
    }
  }
}

interface About {
  readonly path: string
  readonly wanted: ReadonlySet<string>
  /** The last start of each symbol. */
  readonly last: Map<string, number>
}

/** `{"bars":{"AAPL":[{"t":"2022-01-03T09:00:00Z","o":…}]},"next_page_token":"QUFQ…"}` */
function pageOf(
  json: unknown,
  { path, wanted, last }: About,
): Result<{ readonly series: BarPage['series']; readonly token: string | undefined }> {
  const map = isObject(json) ? json['bars'] : undefined
  if (!isObject(json) || (!isObject(map) && map !== null))
    return failed(fault('corrupt-data', `${path}: no bars`))
  const series: { symbol: string; bars: BarColumns }[] = []
  for (const [symbol, list] of Object.entries(map ?? {})) {
    if (!wanted.has(symbol))
      return failed(fault('corrupt-data', `${path}: nobody asked for ${symbol}`))
    if (list === null) continue
    if (!Array.isArray(list)) return failed(fault('corrupt-data', `${path}: ${symbol} has no list`))
    const bars = columnsOf(list)
    if (typeof bars === 'number') {
      return failed(
        fault('corrupt-data', `${path}: bars.${symbol}[${bars}]${whatIsWrong(list[bars])}`),
      )
    }
    const known = last.get(symbol) ?? -Infinity
    let from = 0
    while (from < bars.length && bars.start[from]! <= known) from++
    if (bars.length > 0) last.set(symbol, Math.max(known, bars.start[bars.length - 1]!))
    if (from < bars.length)
      series.push({ symbol, bars: from === 0 ? bars : sliceBars(bars, from, bars.length) })
  }
  const token = json['next_page_token']
  if (token !== null && token !== undefined && typeof token !== 'string')
    return failed(fault('corrupt-data', `${path}: next_page_token is no text`))
  return ok({ series, token: token === null || token === '' ? undefined : token })
}

/** The rows as columns, or the place of the first that is none. */
function columnsOf(list: readonly unknown[]): BarColumns | number {
  const bars = barColumns(list.length)
  const { start, open, high, low, close, volume, trades } = bars
  const stamps = new Stamps()
  let before = -Infinity
  for (let i = 0; i < list.length; i++) {
    const row = list[i]
    if (!isObject(row)) return i
    const { t, o, h, l, c, v, n } = row
    if (typeof o !== 'number' || typeof h !== 'number' || typeof l !== 'number') return i
    if (typeof c !== 'number' || typeof v !== 'number') return i
    const at = typeof t === 'string' ? stamps.at(t) : undefined
    if (at === undefined || at <= before) return i
    before = at
    start[i] = at
    open[i] = o
    high[i] = h
    low[i] = l
    close[i] = c
    volume[i] = v
    trades[i] = typeof n === 'number' && Number.isSafeInteger(n) && n >= 0 ? n : 0
  }
  return bars
}

function whatIsWrong(row: unknown): string {
  if (!isObject(row)) return ` is ${shown(row)}`
  const field = ['o', 'h', 'l', 'c', 'v'].find((name) => typeof row[name] !== 'number')
  if (field !== undefined) return `.${field} is ${shown(row[field])}`
  return `.t is ${shown(row['t'])}, which is no time after the one before`
}

const shown = (value: unknown): string => (JSON.stringify(value) ?? 'missing').slice(0, 100)

/** Bars come on whole seconds in UTC, `2022-01-03T09:00:00Z`, and many of a day: its midnight is counted once. */
class Stamps {
  #day = ''
  #midnight = 0

  at(text: string): number | undefined {
    if (text.length !== 20 || text.charCodeAt(19) !== 90) return parseStamp(text)
    const day = text.slice(0, 10)
    if (day !== this.#day) {
      const midnight = parseStamp(`${day}T00:00:00Z`)
      if (midnight === undefined) return undefined
      this.#day = day
      this.#midnight = midnight
    }
    const hour = twoAt(text, 11)
    const minute = twoAt(text, 14)
    const second = twoAt(text, 17)
    return hour < 24 && minute < 60 && second < 60
      ? this.#midnight + (hour * 3_600 + minute * 60 + second) * 1_000
      : undefined
  }
}

const twoAt = (text: string, at: number): number => {
  const ten = text.charCodeAt(at) - 48
  const one = text.charCodeAt(at + 1) - 48
  return ten >= 0 && ten <= 9 && one >= 0 && one <= 9 ? ten * 10 + one : 99
}

function tokenOf(cursor: string | undefined, key: string): string | undefined {
  if (cursor === undefined) return undefined
  const [of, token] = cursor.split(' ')
  return of === key ? token : undefined
}

/** `{"message":"Invalid symbol(s): FOO!A does not match ^[A-Z0-9./]+$"}`: the first of ours that it names. */
function withSymbol(told: Fault, wanted: ReadonlySet<string>): Fault {
  const message = errorOf(told)?.message
  if (told.code !== 'bad-request' || message === undefined) return told
  const symbol = message.split(/[\s,:;'"]+/).find((word) => wanted.has(word))
  return symbol === undefined ? told : { ...told, context: { ...told.context, symbol } }
}
