// Look: what is covered, what is missing in it, and how fresh it is, by symbol and timeframe.
import type { Adjustment, Coverage, Hole, JobStore, SeriesFilter, Span } from '../core/jobs.ts'
import { expectedStarts } from '../core/expected.ts'
import type { Timeframe } from '../core/time.ts'
import { calendarFor } from './estimate.ts'
import { dueOf, endsOf, type Freshness, keyOf, leastOf, stateOf } from './freshness.ts'
import { assetClassOf } from './plan.ts'

export interface Seen {
  readonly symbol: string
  readonly timeframe: Timeframe
  readonly adjustment: Adjustment
  readonly from: number
  readonly to: number
  readonly bars: number
  /** Of these, not told by history: a run heard them. */
  readonly heard: number
  /** Bars that gave way to others with other values, ever. */
  readonly revised: number
  readonly expected: number
  /** What the calendar expects and the store has not, single bars included. */
  readonly missing: number
  readonly holes: readonly Pick<Hole, 'from' | 'to' | 'bars' | 'status'>[]
  readonly freshness: Freshness
  /** Part of the expected bars that is there, in equal parts of the range. */
  readonly heat: readonly number[]
}

export async function look(
  store: JobStore,
  filter: SeriesFilter,
  { now, cells }: { readonly now: number; readonly cells: number },
): Promise<Seen[]> {
  const coverage = await store.coverage(filter)
  const holes = Map.groupBy(await store.holes(filter), keyOf)
  const revised = new Map((await store.revised(filter)).map((one) => [keyOf(one), one.bars]))
  const ends = endsOf(await store.definitions())
  const groups = [...Map.groupBy(coverage, keyOf).values()]
  const seen: Seen[] = []
  for (const spans of groups) {
    const { symbol, timeframe, adjustment } = spans[0]!
    const from = spans[0]!.from
    const to = spans.at(-1)!.to
    const bars = await store.bars({ symbol, timeframe, adjustment, from, to })
    const [told] = await store.starts({ symbols: [symbol], timeframe, adjustment, from, to })
    const assetClass = assetClassOf(symbol)
    const expected = expectedStarts(calendarFor(assetClass), timeframe, { from, to })
    const there = new Set(bars.start)
    const missing = expected.reduce((sum, start) => sum + (there.has(start) ? 0 : 1), 0)
    const last = bars.start[bars.length - 1]
    // What nobody keeps any more is judged by what it covers.
    const end = ends.get(keyOf(spans[0]!)) ?? to
    seen.push({
      symbol,
      timeframe,
      adjustment,
      from,
      to,
      bars: bars.length,
      heard: bars.length - told!.length,
      revised: revised.get(keyOf(spans[0]!)) ?? 0,
      expected: expected.length,
      missing,
      holes: [
        ...(holes.get(keyOf(spans[0]!)) ?? []).map(({ from, to, bars, status }) => ({
          from,
          to,
          bars,
          status,
        })),
        ...between(spans),
      ].toSorted((a, b) => a.from - b.from),
      freshness: stateOf(last, leastOf(dueOf({ timeframe, assetClass, now, end }), to)),
      heat: heatOf(expected, there, { from, to }, cells),
    })
  }
  return seen
}

/** Never asked for: what lies between two covered spans. */
function between(spans: readonly Coverage[]): Seen['holes'] {
  return spans.slice(1).map(({ from }, i) => {
    const { to, symbol, timeframe } = spans[i]!
    const gap = { from: to, to: from }
    const bars = expectedStarts(calendarFor(assetClassOf(symbol)), timeframe, gap).length
    return { ...gap, bars, status: 'open' }
  })
}

function heatOf(
  expected: Float64Array,
  there: ReadonlySet<number>,
  { from, to }: Span,
  cells: number,
): number[] {
  const wanted = Array.from({ length: cells }, () => 0)
  const found = Array.from({ length: cells }, () => 0)
  for (const start of expected) {
    const cell = Math.min(cells - 1, Math.floor(((start - from) / (to - from)) * cells))
    wanted[cell]!++
    if (there.has(start)) found[cell]!++
  }
  return wanted.map((count, i) => (count === 0 ? 1 : found[i]! / count))
}
