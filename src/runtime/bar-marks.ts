// Bar marks: which bars a session has closed, in a few words, so that an archive can be held against them.
import type { Ms, SymbolId } from '../core/brand.ts'
import { Hasher, type HashState } from '../core/hash.ts'
import type { Bar } from '../core/market.ts'
import type { SeenBar } from '../core/store.ts'
import type { Timeframe } from '../core/time.ts'
import type { Engine } from '../engine/engine.ts'

/** All closed bars of one series. */
export interface BarMark {
  readonly symbol: SymbolId
  readonly timeframe: Timeframe
  readonly count: number
  /** Starts of the first and the last. */
  readonly first: Ms
  readonly last: Ms
  readonly hash: HashState
}

interface Series {
  readonly symbol: SymbolId
  readonly timeframe: Timeframe
  count: number
  readonly first: Ms
  last: Ms
  readonly hasher: Hasher
}

/** Follows the notices of an engine. As many series as there are symbols and timeframes in use. */
export class BarMarks {
  readonly #series = new Map<string, Series>()
  /** Those that lanes are shown when they are rebuilt; undefined where no bars are kept. */
  readonly #shown: ReadonlySet<string> | undefined
  #unkept: SeenBar[] = []

  /** @param keepsBars True where the journal is to have the bars that lanes see: they wait until they are taken. */
  constructor(engine: Engine, { keepsBars = false }: { readonly keepsBars?: boolean } = {}) {
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
    for (const { hash, ...mark } of marks) {
      const hasher = new Hasher()
      hasher.restore(hash)
      this.#series.set(`${mark.timeframe} ${mark.symbol}`, { ...mark, hasher })
    }
  }

  #note(bar: Bar): void {
    const { symbol, timeframe, start } = bar
    const key = `${timeframe} ${symbol}`
    let series = this.#series.get(key)
    if (series === undefined) {
      series = { symbol, timeframe, count: 0, first: start, last: start, hasher: new Hasher() }
      this.#series.set(key, series)
    }
    series.count++
    series.last = start
    series.hasher.add(lineOf(bar))
    if (this.#shown?.has(key) === true) this.#unkept.push({ i: series.count, bar })
  }
}

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
