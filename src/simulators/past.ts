/*
 * Past: years of a generated market, for requests about bars of 15 minutes and more.
 *
 * A thousand symbols over a year are a hundred million minutes, which no venue of one process remembers. So the past is
 * made when it is asked for, one symbol at a time, by a walk of 15-minute steps from (seed, symbol) alone: asked again it
 * is the same, and only the symbols of the last requests are kept. It is a market of its own, apart from what trades live.
 * Here and there a bar is missing, as where nothing traded.
 */
import { assert } from '../core/assert.ts'
import { calendarOf } from '../core/calendar.ts'
import { expectedStarts } from '../core/expected.ts'
import { Hasher } from '../core/hash.ts'
import { equitySpec } from '../core/instrument.ts'
import { gaussian, seeded } from '../core/random.ts'
import type { Tape } from '../core/tape.ts'
import { ms } from '../core/time.ts'
import { venueId } from '../core/brand.ts'
import type { Minute } from './prints.ts'
import { asTraded, madeSplit, type Split } from './splits.ts'

export interface PastOptions {
  readonly seed: number
  readonly symbols: readonly string[]
  readonly from: number
  readonly to: number
  /** One bar of so many is missing, 5,000 where not told. */
  readonly missingOf?: number
  /** One symbol of so many has a split; none where not told. */
  readonly splitOf?: number
}

export const PAST_STEP = '15m'
/** Lists of rows that are kept; a page needs those of a few symbols. */
const KEPT_MAX = 64
/** Deviation of a step, of the logarithm. */
const DEVIATION = 0.003

export class Past {
  readonly options: PastOptions
  readonly #symbols: ReadonlySet<string>
  readonly #starts: Float64Array
  readonly #kept = new Map<string, readonly Minute[]>()

  constructor(options: PastOptions) {
    const { from, to, symbols } = options
    assert(from < to, `a past begins before it ends, not at ${from}`)
    this.options = options
    this.#symbols = new Set(symbols)
    const span = { from: ms(from), to: ms(to) }
    this.#starts = expectedStarts(calendarOf('us-equity'), PAST_STEP, span)
  }

  /** Its split, where the symbol has one. */
  splitOf(symbol: string): Split | undefined {
    const { splitOf, ...range } = this.options
    return splitOf === undefined ? undefined : madeSplit(symbol, { ...range, splitOf })
  }

  /** Bars of the step of a symbol, as `make` turns them into what was asked for. */
  rows(
    symbol: string,
    kind: string,
    make: (steps: readonly Minute[]) => readonly Minute[],
  ): readonly Minute[] {
    if (!this.#symbols.has(symbol)) return []
    const key = `${symbol} ${kind}`
    const known = this.#kept.get(key)
    if (known !== undefined) return known
    const rows = make(this.#steps(symbol))
    const [oldest] = this.#kept.keys()
    if (oldest !== undefined && this.#kept.size >= KEPT_MAX) this.#kept.delete(oldest)
    this.#kept.set(key, rows)
    return rows
  }

  #steps(symbol: string): Minute[] {
    const { seed, missingOf = 5_000 } = this.options
    const digest = new Hasher().add(String(seed)).add(`past ${symbol}`).digest()
    const random = seeded(Number.parseInt(digest.slice(0, 13), 16))
    let log = Math.log(15) + random() * Math.log(40)
    const size = 2_000 + 20_000 * random()
    let close = cents(log)
    const split = this.splitOf(symbol)
    const steps: Minute[] = []
    for (const t of this.#starts) {
      const open = close
      log += DEVIATION * gaussian(random)
      close = cents(log)
      const reach = Math.abs(close - open) + Math.exp(log) * DEVIATION * random()
      const high = Math.round((Math.max(open, close) + reach * random()) * 100) / 100
      const low = Math.max(0.01, Math.round((Math.min(open, close) - reach * random()) * 100) / 100)
      const v = Math.max(1, Math.round(size * (0.2 + 1.6 * random())))
      const n = Math.max(1, Math.round(v / 90))
      const isThere = random() * missingOf >= 1
      if (!isThere) continue
      const bar = { t, o: open, h: high, l: low, c: close, v, n, vw: (high + low + close) / 3 }
      steps.push(split === undefined ? bar : asTraded(bar, split))
    }
    return steps
  }
}

const cents = (log: number): number => Math.max(1, Math.round(Math.exp(log) * 100) / 100)

/** So many symbols in the order of the alphabet: AAA, AAB, AAC … */
export function madeSymbols(count: number): string[] {
  assert(
    count >= 1 && count <= 26 ** 3,
    `symbols of three letters are at most 17,576, not ${count}`,
  )
  const letter = (n: number): string => String.fromCharCode(65 + (n % 26))
  return Array.from(
    { length: count },
    (_, i) => letter(Math.floor(i / 676)) + letter(Math.floor(i / 26)) + letter(i),
  )
}

/** A tape on which nothing trades: its symbols are known, and have a past only. */
export const silentTape = (symbols: readonly string[]): Tape => ({
  name: `a past of ${symbols.length} symbols`,
  instruments: symbols.map((symbol) => equitySpec(symbol, venueId('alpaca'))),
  series: [],
})
