/*
 * Splits: opens that look like a split of a symbol that was traded. Prices are taken as they are given, and raw ones
 * jump where shares are split: a position across it seems to win or lose most of its value, and so does an average.
 *
 * A day that opens within 2 % of 3:2, 2:1 or 3:1 of the last close, or within 10 % of a larger ratio, up or down, looks like one;
 * nothing below 30 % does. Larger ratios have more room, because hardly a night does that to a price by itself, while
 * what is split so often moves in it: UVXY's 1:5 of 2025-11-20 opened at 4.51, AAPL's 4:1 of 2020-08-31 at 0.2557.
 * It is a look and no proof: a bank that fails (WM, 2008-09-26) looks the same.
 */
import { type Calendar, calendarOf } from '../core/calendar.ts'
import type { SymbolId } from '../core/brand.ts'
import type { Bar } from '../core/market.ts'
import { DAY, iso, type Timeframe } from '../core/time.ts'
import type { Universe } from '../core/universe.ts'

/** Splits that a report lists, the first ones. */
const LISTED_MAX = 20
/** Splits that are remembered of all symbols, traded or not. */
const KEPT_MAX = 10_000
/** Between closes farther apart than this, much else may have happened. */
const APART_MS_MAX = 7 * DAY

const RATIOS = [
  ...[3 / 2, 2, 3].map((factor) => ({ factor, tolerance: 0.02 })),
  ...[4, 5, 6, 7, 8, 10, 12, 15, 20, 25, 30, 40, 50, 100].map((factor) => ({
    factor,
    tolerance: 0.1,
  })),
]

/** The split that an open at so many times the last close looks like, such as '4:1' for 0.25; undefined for none. */
export function splitLike(ratio: number): string | undefined {
  const times = ratio < 1 ? 1 / ratio : ratio
  const off = (factor: number): number => Math.abs(Math.log(times / factor))
  const [nearest] = RATIOS.toSorted((a, b) => off(a.factor) - off(b.factor))
  if (nearest === undefined || Math.abs(times / nearest.factor - 1) > nearest.tolerance)
    return undefined
  const [news, olds] = nearest.factor === 3 / 2 ? [3, 2] : [nearest.factor, 1]
  return ratio < 1 ? `${news}:${olds}` : `${olds}:${news}`
}

/** The last bar of a symbol. */
interface Last {
  readonly timeframe: Timeframe
  readonly calendar: Calendar
  close: number
  start: number
  nextDayAt: number
}

interface Found {
  readonly symbol: SymbolId
  readonly text: string
}

export class Splits {
  readonly #universe: Universe
  readonly #lasts: (Last | undefined)[] = []
  readonly #found: Found[] = []
  readonly #traded = new Set<SymbolId>()

  constructor(universe: Universe) {
    this.#universe = universe
  }

  traded(symbol: SymbolId): void {
    this.#traded.add(symbol)
  }

  /** Closed bars, in order of time; of a symbol with several timeframes the one that closes first counts. */
  push({ symbol, timeframe, start, open, close }: Bar): void {
    const last = this.#lasts[symbol]
    if (last === undefined) {
      const { spec } = this.#universe.at(symbol)
      if (spec.kind !== 'equity') return
      const calendar = calendarOf(spec.calendar)
      const nextDayAt = calendar.nextDayStart(start)
      this.#lasts[symbol] = { timeframe, calendar, close, start, nextDayAt }
      return
    }
    if (timeframe !== last.timeframe) return
    if (start >= last.nextDayAt) {
      if (start - last.start <= APART_MS_MAX) this.#look(symbol, start, open / last.close)
      last.nextDayAt = last.calendar.nextDayStart(start)
    }
    last.close = close
    last.start = start
  }

  /** One sentence for each split of a symbol that was traded. */
  warnings(): readonly string[] {
    const texts = this.#found
      .filter(({ symbol }) => this.#traded.has(symbol))
      .map(({ text }) => text)
    const more = texts.length - LISTED_MAX
    return more <= 0
      ? texts
      : [...texts.slice(0, LISTED_MAX), `${more} more opens look like splits.`]
  }

  #look(symbol: SymbolId, at: Bar['start'], ratio: number): void {
    const split = Math.abs(ratio - 1) < 0.3 ? undefined : splitLike(ratio)
    if (split === undefined || this.#found.length >= KEPT_MAX) return
    const { spec } = this.#universe.at(symbol)
    const day = iso(at).slice(0, 10)
    const times = Number(ratio.toPrecision(3))
    const text = `${spec.symbol} opens on ${day} at ${times} times its last close, which looks like a split of ${split}; prices are raw, so that results across it are not real.`
    this.#found.push({ symbol, text })
  }
}
