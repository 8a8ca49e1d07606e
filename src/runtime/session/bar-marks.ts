// Bar marks: which bars a session has closed, in a few words, so that an archive can be held against them.
import type { Ms, SymbolId } from '../../core/brand.ts'
import { barEnd, type CalendarName } from '../../core/calendar.ts'
import { Hasher, type HashState } from '../../core/hash.ts'
import type { Bar } from '../../core/market.ts'
import type { SeenBar } from '../../core/store.ts'
import { lengthMs, type Timeframe } from '../../core/time.ts'
import type { Universe } from '../../core/universe.ts'
import type { Engine } from '../../engine/engine.ts'

/** All closed bars of one series. */
export interface BarMark {
  readonly symbol: SymbolId
  readonly timeframe: Timeframe
  readonly count: number
  /** Starts of the first and the last. */
  readonly first: Ms
  readonly last: Ms
  readonly hash: HashState
  /** True where one of them closed after a bar of another timeframe that ended later: a silence that was filled. */
  readonly isOutOfTurn?: boolean
}

interface Series {
  readonly symbol: SymbolId
  readonly timeframe: Timeframe
  count: number
  readonly first: Ms
  last: Ms
  readonly hasher: Hasher
  isOutOfTurn: boolean
}

/** Follows the notices of an engine. As many series as there are symbols and timeframes in use. */
export class BarMarks {
  readonly #universe: Universe
  readonly #series = new Map<string, Series>()
  /** The bar of each symbol that ended last. */
  readonly #latest = new Map<SymbolId, Span>()
  /** Those that lanes are shown when they are rebuilt; undefined where no bars are kept. */
  readonly #shown: ReadonlySet<string> | undefined
  #unkept: SeenBar[] = []

  /** @param keepsBars True where the journal is to have the bars that lanes see: they wait until they are taken. */
  constructor(engine: Engine, { keepsBars = false }: { readonly keepsBars?: boolean } = {}) {
    this.#universe = engine.universe
    const lanes = engine.lanes.filter(({ hooks }) => hooks.onBar !== undefined)
    if (keepsBars)
      this.#shown = new Set(
        lanes.flatMap(({ timeframes, symbol }) => timeframes.map((each) => `${each} ${symbol}`)),
      )
    engine.notices.on('bar.closed', ({ bar }) => this.#note(bar))
  }

  /** Bars that wait to be taken. */
  get unkept(): number {
    return this.#unkept.length
  }

  /** What has closed since the last time. */
  takeUnkept(): readonly SeenBar[] {
    const bars = this.#unkept
    this.#unkept = []
    return bars
  }

  of(symbol: SymbolId, timeframe: Timeframe): BarMark | undefined {
    const series = this.#series.get(`${timeframe} ${symbol}`)
    return series === undefined ? undefined : markOf(series)
  }

  capture(): readonly BarMark[] {
    return Array.from(this.#series.values(), markOf)
  }

  restore(marks: readonly BarMark[]): void {
    for (const { hash, isOutOfTurn = false, ...mark } of marks) {
      const { symbol, timeframe, last: start } = mark
      const hasher = new Hasher()
      hasher.restore(hash)
      this.#series.set(`${timeframe} ${symbol}`, { ...mark, hasher, isOutOfTurn })
      this.#isInTurn(symbol, { timeframe, start })
    }
  }

  #note(bar: Bar): void {
    const { symbol, timeframe, start } = bar
    const key = `${timeframe} ${symbol}`
    let series = this.#series.get(key)
    if (series === undefined) {
      const hasher = new Hasher()
      series = {
        symbol,
        timeframe,
        count: 0,
        first: start,
        last: start,
        hasher,
        isOutOfTurn: false,
      }
      this.#series.set(key, series)
    }
    series.count++
    series.last = start
    series.hasher.add(lineOf(bar))
    if (!this.#isInTurn(symbol, bar)) series.isOutOfTurn = true
    if (this.#shown?.has(key) === true) this.#unkept.push({ i: series.count, bar })
  }

  /** False where a bar of its symbol closed before it that is shown after it. */
  #isInTurn(symbol: SymbolId, span: Span): boolean {
    const latest = this.#latest.get(symbol)
    const isInTurn =
      latest === undefined || byEnd(this.#universe.at(symbol).spec.calendar)(latest, span) <= 0
    if (isInTurn) this.#latest.set(symbol, { timeframe: span.timeframe, start: span.start })
    return isInTurn
  }
}

type Span = Pick<Bar, 'timeframe' | 'start'>

/** The order in which the bars of a symbol close: by their end, and the finer timeframe first where two end together. */
export const byEnd =
  (calendar: CalendarName) =>
  (a: Span, b: Span): number =>
    barEnd(calendar, a) - barEnd(calendar, b) || lengthMs(a.timeframe) - lengthMs(b.timeframe)

/**
 * Holds bars against a mark, piece by piece. They hold where they are all of them, unchanged, and one after the other in
 * time: lanes are shown bars by their time, so any that closed in another order would be shown in the wrong one.
 */
export class MarkCheck {
  readonly #mark: BarMark
  readonly #hasher = new Hasher()
  #count = 0
  #last = -Infinity
  #isInOrder = true

  constructor(mark: BarMark) {
    this.#mark = mark
  }

  add(bars: readonly Bar[]): void {
    for (const bar of bars) {
      this.#isInOrder &&= bar.start > this.#last
      this.#last = bar.start
      this.#count++
      this.#hasher.add(lineOf(bar))
    }
  }

  get holds(): boolean {
    const { count, hash } = this.#mark
    const { high, low } = this.#hasher.capture()
    return this.#isInOrder && this.#count === count && high === hash.high && low === hash.low
  }
}

const markOf = ({ hasher, ...series }: Series): BarMark => ({ ...series, hash: hasher.capture() })

const lineOf = ({ start, open, high, low, close, volume, trades, filled }: Bar): string =>
  `${start} ${open} ${high} ${low} ${close} ${volume} ${trades} ${filled === true}`
