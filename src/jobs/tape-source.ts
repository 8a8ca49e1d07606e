/*
 * TapeSource: a tape as a source of bars for jobs: files of csv or Lean, a generated market. It has no limits and no faults
 * of a network. Bars of minutes and hours that it lacks are made from its finest ones. A page is one symbol.
 */
import { type BarColumns, joinedBars, sliceBars } from '../core/columns.ts'
import { fault } from '../core/fault.ts'
import type { BarPage, BarSource, SourceQuery } from '../core/jobs.ts'
import { failed, ok, type Result } from '../core/result.ts'
import type { Tape, TapeSeries } from '../core/tape.ts'
import { lengthMs, type Timeframe } from '../core/time.ts'
import { derived } from './derive.ts'

type BarSeries = Extract<TapeSeries, { readonly kind: 'bars' }>

export class TapeSource implements BarSource {
  readonly provider: string
  readonly limits = { symbols: 200, rows: 10_000, perMinute: Infinity }
  /** What it has, by symbol. */
  readonly #series: ReadonlyMap<string, readonly BarSeries[]>

  constructor(provider: string, tape: Tape) {
    this.provider = provider
    const bars = tape.series.filter((series) => series.kind === 'bars')
    this.#series = Map.groupBy(bars, ({ symbol }) => symbol)
  }

  get symbols(): readonly string[] {
    return [...this.#series.keys()].toSorted()
  }

  /** The cursor is the symbol that comes next. */
  async *pages(query: SourceQuery): AsyncGenerator<Result<BarPage>> {
    const { timeframe, adjustment, cursor, signal } = query
    const symbols = query.symbols.toSorted()
    if (adjustment !== 'raw') {
      yield failed(fault('unsupported', `${this.provider} has no ${adjustment} prices`))
      return
    }
    const unknown = symbols.find((symbol) => this.#seriesOf(symbol, timeframe) === undefined)
    if (unknown !== undefined) {
      const text = `${this.provider} has no ${timeframe} bars of ${unknown}`
      yield failed(fault('bad-request', text, { symbol: unknown }))
      return
    }
    const first = cursor === undefined ? 0 : symbols.findIndex((symbol) => symbol >= cursor)
    for (let i = Math.max(0, first); i < symbols.length; i++) {
      if (signal?.aborted === true) return
      const symbol = symbols[i]!
      const bars = await this.#read(symbol, query)
      yield ok({ series: bars.length === 0 ? [] : [{ symbol, bars }], cursor: symbols[i + 1] })
    }
  }

  async #read(symbol: string, { timeframe, from, to }: SourceQuery): Promise<BarColumns> {
    const series = this.#seriesOf(symbol, timeframe)!
    const pages: BarColumns[] = []
    for await (const page of series.pages()) {
      const [first, last] = [page.start[0] ?? Infinity, page.start[page.length - 1] ?? -Infinity]
      if (last < from) continue
      if (first >= to) break
      pages.push(page)
    }
    const found = joinedBars(pages)
    const bars = series.timeframe === timeframe ? found : derived(found, timeframe)
    return sliceBars(bars, placeOf(bars, from), placeOf(bars, to))
  }

  /** That of the timeframe, or the finest one that it follows from. Days have their own rules. */
  #seriesOf(symbol: string, timeframe: Timeframe): BarSeries | undefined {
    const all = this.#series.get(symbol) ?? []
    const own = all.find((series) => series.timeframe === timeframe)
    if (own !== undefined || timeframe === '1d') return own
    return all
      .filter((series) => lengthMs(timeframe) % lengthMs(series.timeframe) === 0)
      .toSorted((a, b) => lengthMs(a.timeframe) - lengthMs(b.timeframe))[0]
  }
}

/** Of the first bar that starts at `at` or later. */
function placeOf({ start, length }: BarColumns, at: number): number {
  let i = 0
  while (i < length && start[i]! < at) i++
  return i
}
