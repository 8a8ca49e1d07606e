/*
 * History: klines of the past over REST, page by page to the end. A page is a part of one symbol's span, no longer than
 * the rows that a request may have, so it is asked for from its start: the venue gives the newest of a span first. The
 * cursor is `<symbol>|<start of the next page>`.
 *
 * A bar whose end has not passed at the venue is not given: it still forms. Rows that are no bar, or out of order, are corrupt data.
 */
import type { Ms, SymbolId } from '../../core/brand.ts'
import { fault } from '../../core/fault.ts'
import type { Bar } from '../../core/market.ts'
import { failed, ok, type Result } from '../../core/result.ts'
import { bucketStart, lengthMs, ms, type Timeframe } from '../../core/time.ts'
import type { Universe } from '../../core/universe.ts'
import type { BarQuery, History } from '../../core/venue.ts'
import { decimalOf } from '../../io/json.ts'
import type { Category } from './category.ts'
import type { Rest } from './rest.ts'

export interface HistoryOptions {
  readonly rest: Rest
  readonly universe: Universe
  readonly category: Category
  /** Rows in a page, 1 to 1,000. */
  readonly rows: number
}

type Page = Result<{ readonly bars: readonly Bar[]; readonly cursor?: string }>

export const INTERVALS: Readonly<Record<Timeframe, string | undefined>> = {
  '1s': undefined,
  '1m': '1',
  '5m': '5',
  '15m': '15',
  '1h': '60',
  '4h': '240',
  '1d': 'D',
}

export class BybitHistory implements History {
  readonly #options: HistoryOptions

  constructor(options: HistoryOptions) {
    this.#options = options
  }

  async *bars(query: BarQuery & { readonly cursor?: string }): AsyncGenerator<Page> {
    const { symbols, timeframe } = query
    const interval = INTERVALS[timeframe]
    const { category } = this.#options
    if (interval === undefined || !category.hasKlines) {
      const what = category.hasKlines ? timeframe : `an ${category.word}`
      yield failed(fault('unsupported', `bybit has no bars of ${what}`))
      return
    }
    const place = placeOf(query)
    if (place === undefined) {
      yield failed(fault('bad-request', `${query.cursor} is no cursor of this query`))
      return
    }
    const length = lengthMs(timeframe)
    let { index, from } = place
    while (index < symbols.length) {
      // The bar that forms now is asked for no more than those after it; which one that is, the venue's clock says.
      const to = Math.min(query.to, bucketStart(this.#options.rest.clock.now(), length))
      const until = Math.min(to, from + this.#options.rows * length)
      const page =
        from < until
          ? await this.#page(symbols[index]!, timeframe, { from, until })
          : ok<readonly Bar[]>([])
      if (!page.ok) {
        yield page
        return
      }
      if (until >= to) {
        index++
        from = query.from
      } else from = ms(until)
      const next = symbols[index]
      yield ok({ bars: page.value, ...(next === undefined ? {} : { cursor: `${next}|${from}` }) })
    }
  }

  async #page(
    symbol: string,
    timeframe: Timeframe,
    { from, until }: { readonly from: number; readonly until: number },
  ): Promise<Result<readonly Bar[]>> {
    const { rest, rows, universe, category } = this.#options
    const instrument = universe.find(symbol)
    if (instrument === undefined) return failed(fault('not-found', `${symbol} is unknown`))
    const about = { category: category.name, symbol, interval: INTERVALS[timeframe] }
    const span = { start: from, end: until - 1, limit: rows }
    const answer = await rest.get('/v5/market/kline', { ...about, ...span }, 'market')
    if (!answer.ok) return answer
    const { list } = answer.value.result
    const bars = Array.isArray(list)
      ? (list as unknown[]).map((row) => barOf(row, instrument.id, timeframe))
      : [undefined]
    const isWhole = bars.every(
      (bar, i) =>
        bar !== undefined &&
        bar.start >= from &&
        bar.start < until &&
        bar.start < (bars[i - 1]?.start ?? Infinity),
    )
    return isWhole
      ? ok(bars.map((bar) => bar!).toReversed())
      : failed(fault('corrupt-data', `GET /v5/market/kline: the bars of ${symbol} make no sense`))
  }
}

/** Where a query stands. */
function placeOf({ symbols, from, to, cursor }: BarQuery & { readonly cursor?: string }) {
  if (cursor === undefined) return { index: 0, from }
  const [symbol = '', text = ''] = cursor.split('|')
  const [index, at] = [symbols.indexOf(symbol), Number(text)]
  const isWithin = Number.isSafeInteger(at) && at >= from && at <= to
  return index < 0 || !isWithin || text === '' ? undefined : { index, from: at as Ms }
}

/** `["1670608800000","17071","17073","17027","17055.5","268611","15.74462667"]`: start, prices, volume, turnover. */
export function barOf(row: unknown, symbol: SymbolId, timeframe: Timeframe): Bar | undefined {
  if (!Array.isArray(row)) return undefined
  const [start, open, high, low, close, volume] = row.map((value: unknown) => decimalOf(value))
  if (start === undefined || open === undefined || high === undefined || low === undefined)
    return undefined
  if (close === undefined || volume === undefined) return undefined
  const bar = { symbol, timeframe, start: start as Ms, open, high, low, close, volume, trades: 0 }
  return isBar(bar) ? bar : undefined
}

/** Prices that can be, in their order, on the grid of the timeframe. */
export const isBar = ({ start, timeframe, open, high, low, close, volume }: Bar): boolean =>
  Number.isSafeInteger(start) &&
  start % lengthMs(timeframe) === 0 &&
  low > 0 &&
  low <= Math.min(open, close) &&
  high >= Math.max(open, close) &&
  volume >= 0
