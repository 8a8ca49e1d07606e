/*
 * Look: what is covered, what is missing in it, and how fresh it is, by symbol and timeframe.
 *
 * Freshness counts in bars that the calendar expects, so a weekend makes nothing stale: a series is fresh while the last
 * bar that had to be there by now is.
 */
import type {
  Adjustment,
  AssetClass,
  Coverage,
  Hole,
  JobStore,
  SeriesFilter,
  Span,
} from '../core/jobs.ts'
import { expectedStarts } from '../core/expected.ts'
import { DAY, lengthMs, MINUTE, ms, plus, type Timeframe } from '../core/time.ts'
import { calendarFor } from './estimate.ts'
import { assetClassOf } from './plan.ts'

/** So long after its end a bar may be missing. */
const LATE_MS: Readonly<Record<Timeframe, number>> = {
  '1s': MINUTE,
  '1m': 5 * MINUTE,
  '5m': 15 * MINUTE,
  '15m': 15 * MINUTE,
  '1h': 120 * MINUTE,
  '4h': 480 * MINUTE,
  '1d': 1_440 * MINUTE,
}

export type Freshness = 'fresh' | 'stale' | 'no_data'

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
  const groups = [...Map.groupBy(coverage, keyOf).values()]
  const seen: Seen[] = []
  for (const spans of groups) {
    const { symbol, timeframe, adjustment } = spans[0]!
    const from = spans[0]!.from
    const to = spans.at(-1)!.to
    const bars = await store.bars({ symbol, timeframe, adjustment, from, to })
    const told = await store.starts({ symbol, timeframe, adjustment, from, to })
    const assetClass = assetClassOf(symbol)
    const expected = expectedStarts(calendarFor(assetClass), timeframe, { from, to })
    const there = new Set(bars.start)
    const missing = expected.reduce((sum, start) => sum + (there.has(start) ? 0 : 1), 0)
    const last = bars.start[bars.length - 1]
    seen.push({
      symbol,
      timeframe,
      adjustment,
      from,
      to,
      bars: bars.length,
      heard: bars.length - told.length,
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
      freshness: freshnessOf({ timeframe, assetClass, last, now }),
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

export function freshnessOf({
  timeframe,
  assetClass,
  last,
  now,
}: {
  readonly timeframe: Timeframe
  readonly assetClass: AssetClass
  /** Start of the last bar. */
  readonly last: number | undefined
  readonly now: number
}): Freshness {
  if (last === undefined) return 'no_data'
  const span = { from: plus(ms(now), -14 * DAY), to: ms(now) }
  const due = expectedStarts(calendarFor(assetClass), timeframe, span).findLast(
    (start) => start + lengthMs(timeframe) + LATE_MS[timeframe] <= now,
  )
  return due === undefined || last >= due ? 'fresh' : 'stale'
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

const keyOf = ({
  symbol,
  timeframe,
  adjustment,
}: Pick<Coverage, 'symbol' | 'timeframe' | 'adjustment'>): string =>
  `${symbol} ${timeframe} ${adjustment}`
