/*
 * Bar pages: bars of the past for jobs, as columns. The same wire as history.ts, mostly without an object for each bar:
 * scan-bars.ts reads the pages as Alpaca writes them, and what it gives up is parsed.
 *
 * A page that is not what was asked for (a foreign symbol, a field that is missing or of another type, stamps out of
 * order) is corrupt data as a whole, and the fault names the place. What single bars say is looked at by whoever stores
 * them. Bars that a page repeats of the one before it are given once.
 *
 * The cursor is `<hash of the query> <page token>`: a token is good for its query only, and a query that has changed is
 * read from its beginning. So is one, once, of which the provider refuses the token.
 */
import type { Hours } from '../../core/calendar.ts'
import { type BarColumns, sliceBars } from '../../core/columns.ts'
import { type Fault, fault } from '../../core/fault.ts'
import { hashOf } from '../../core/hash.ts'
import type { BarPage, BarSource, SourceQuery, Split } from '../../core/jobs.ts'
import { failed, ok, type Result } from '../../core/result.ts'
import { BodyBuffer } from '../../io/body-buffer.ts'
import { splitsOf, type SplitsQuery } from './corporate-actions.ts'
import { parsedBars } from './decode-bars.ts'
import { errorOf } from './faults.ts'
import { WIRE_TIMEFRAMES } from './history.ts'
import type { Rest } from './rest.ts'
import { BarScanner, ScannedBars } from './scan-bars.ts'
import { formatStamp } from './stamps.ts'

/** A query of more pages than this has lost its end. */
const PAGES_MAX = 10_000
/** 200 symbols are about 1 KB of address; https://docs.alpaca.markets/reference/stockbars names no limit. */
export const PAGE_LIMITS = { symbols: 200, rows: 10_000 } as const

export interface BarPagesOptions {
  readonly data: Rest
  readonly feed: 'iex' | 'sip'
  readonly perMinute: number
  readonly rows?: number
  /** Of which it sends bars of stocks: regular ones where not told. */
  readonly hours?: Hours
  /** Place of crypto data: `us`. */
  readonly location?: string
}

export class AlpacaBarPages implements BarSource {
  readonly provider = 'alpaca'
  readonly limits: BarSource['limits']
  readonly #options: BarPagesOptions
  /** As many as queries were read at once. */
  readonly #desks: Desk[] = []

  constructor(options: BarPagesOptions) {
    this.#options = options
    const { perMinute, rows = PAGE_LIMITS.rows, hours = 'regular' } = options
    this.limits = { ...PAGE_LIMITS, rows, perMinute, hours }
  }

  async *pages(query: SourceQuery): AsyncGenerator<Result<BarPage>> {
    const desk = this.#desks.pop() ?? { into: new BodyBuffer(), scanner: new BarScanner() }
    try {
      yield* this.#pages(query, desk)
    } finally {
      this.#desks.push(desk)
    }
  }

  async *#pages(query: SourceQuery, { into, scanner }: Desk): AsyncGenerator<Result<BarPage>> {
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
    let isAnew = false
    const scanning = { scan: (body: Uint8Array) => scanner.scan(body), into }
    for (let n = 0; ; n++) {
      const answer = await data.get(path, { ...asked, page_token: token }, 'backfill', scanning)
      if (!answer.ok) {
        const told = withSymbol(answer.fault, wanted)
        // Nothing else tells a token that is not taken any more; what is read again is stored once.
        const isNamed = told.context?.['symbol'] !== undefined
        if (told.code === 'bad-request' && token !== undefined && !isNamed && !isAnew) {
          isAnew = true
          token = undefined
          last.clear()
          continue
        }
        yield failed(told)
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

  splits = (query: SplitsQuery): Promise<Result<readonly Split[]>> =>
    splitsOf(this.#options.data, query)
}

/** What a query is read with: memory of a megabyte or two, which the next query takes over. */
interface Desk {
  readonly into: BodyBuffer
  readonly scanner: BarScanner
}

interface About {
  readonly path: string
  readonly wanted: ReadonlySet<string>
  /** The last start of each symbol. */
  readonly last: Map<string, number>
}

function pageOf(
  body: unknown,
  { path, wanted, last }: About,
): Result<{ readonly series: BarPage['series']; readonly token: string | undefined }> {
  const page = body instanceof ScannedBars ? ok(body) : parsedBars(body, path)
  if (!page.ok) return page
  const { lists, token } = page.value
  const series: { symbol: string; bars: BarColumns }[] = []
  for (const { symbol, bars } of lists) {
    if (!wanted.has(symbol))
      return failed(fault('corrupt-data', `${path}: nobody asked for ${symbol}`))
    const known = last.get(symbol) ?? -Infinity
    let from = 0
    while (from < bars.length && bars.start[from]! <= known) from++
    if (bars.length > 0) last.set(symbol, Math.max(known, bars.start[bars.length - 1]!))
    if (from < bars.length)
      series.push({ symbol, bars: from === 0 ? bars : sliceBars(bars, from, bars.length) })
  }
  return ok({ series, token: token === null || token === '' ? undefined : token })
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
