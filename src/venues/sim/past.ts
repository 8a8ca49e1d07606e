// Past: the bars that a simulated venue has shown, as its history gives them: page by page, in order of time.
import type { Ms, SymbolId } from '../../core/brand.ts'
import { fault } from '../../core/fault.ts'
import type { Bar } from '../../core/market.ts'
import { failed, ok, type Result } from '../../core/result.ts'
import { ms } from '../../core/time.ts'
import type { Universe } from '../../core/universe.ts'
import type { BarQuery, History } from '../../core/venue.ts'

/** Bars of one symbol that are kept; the older half is forgotten beyond twice as many. */
export const PAST_MAX = 10_000

export class Past implements History {
  readonly #universe: Universe
  readonly #rows: number
  readonly #bars = new Map<SymbolId, Bar[]>()

  /** `rows` is the most bars of one page. */
  constructor(universe: Universe, rows: number) {
    this.#universe = universe
    this.#rows = rows
  }

  /** Keeps a closed bar. One that is told again takes the place of the first. */
  add(bar: Bar): void {
    const bars = this.#bars.get(bar.symbol) ?? []
    this.#bars.set(bar.symbol, bars)
    let i = bars.length
    while (i > 0 && bars[i - 1]!.start > bar.start) i--
    while (i > 0 && bars[i - 1]!.start === bar.start) {
      i--
      if (bars[i]!.timeframe !== bar.timeframe) continue
      bars[i] = bar
      return
    }
    bars.splice(i, 0, bar)
    if (bars.length >= 2 * PAST_MAX) bars.splice(0, PAST_MAX)
  }

  /** The cursor is `<start>|<symbol>` of the last bar that was given. */
  // oxlint-disable-next-line require-await -- The port is asynchronous, the bars are here.
  async *bars(
    query: BarQuery & { readonly cursor?: string },
  ): AsyncGenerator<Result<{ readonly bars: readonly Bar[]; readonly cursor?: string }>> {
    const after = query.cursor === undefined ? NOTHING : placeOf(query.cursor)
    if (after === undefined) {
      yield failed(fault('bad-request', `the cursor ${query.cursor} is none`))
      return
    }
    const bars = this.#wanted(query).filter((bar) => isBehind(bar, after))
    for (let from = 0; from === 0 || from < bars.length; from += this.#rows) {
      const page = bars.slice(from, from + this.#rows)
      const last = page.at(-1)
      const hasMore = last !== undefined && from + this.#rows < bars.length
      yield ok({ bars: page, ...(hasMore ? { cursor: `${last.start}|${last.symbol}` } : {}) })
    }
  }

  #wanted({ symbols, timeframe, from, to }: BarQuery): Bar[] {
    const ids = new Set(symbols.map((symbol) => this.#universe.find(symbol)?.id))
    return [...ids]
      .flatMap((id) => (id === undefined ? [] : (this.#bars.get(id) ?? [])))
      .filter((bar) => bar.timeframe === timeframe && bar.start >= from && bar.start < to)
      .toSorted((a, b) => a.start - b.start || a.symbol - b.symbol)
  }
}

interface Place {
  readonly start: Ms | -1
  readonly symbol: number
}

const NOTHING: Place = { start: -1, symbol: -1 }

function placeOf(cursor: string): Place | undefined {
  const match = /^(\d{1,16})\|(\d{1,5})$/.exec(cursor)
  return match === null ? undefined : { start: ms(Number(match[1])), symbol: Number(match[2]) }
}

const isBehind = ({ start, symbol }: Bar, after: Place): boolean =>
  start > after.start || (start === after.start && symbol > after.symbol)
