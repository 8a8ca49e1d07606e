/*
 * Freshness: is the last bar there that should be by now, for each symbol and timeframe that is kept complete?
 *
 * It counts in bars that the calendar expects, so a night or a weekend makes nothing stale. A range that ends is judged by
 * its end and not by now. What is asked for this moment is `updating` and not stale. It looks at bars and not at what jobs
 * say of themselves: a provider that answers with nothing makes a series stale, however well its runs end.
 */
import type {
  Adjustment,
  AssetClass,
  Coverage,
  JobDefinition,
  JobStore,
  SeriesFilter,
} from '../core/jobs.ts'
import { expectedStarts } from '../core/expected.ts'
import { named } from '../core/named.ts'
import { DAY, iso, lengthMs, MINUTE, ms, plus, type Timeframe } from '../core/time.ts'
import { calendarFor } from './estimate.ts'
import { assetClassOf } from './plan.ts'
import { sessionBars } from './verify.ts'

/** So long after its end a bar may be missing. */
export const LATE_MS: Readonly<Record<Timeframe, number>> = {
  '1s': MINUTE,
  '1m': 20 * MINUTE,
  '5m': 20 * MINUTE,
  '15m': 15 * MINUTE,
  '1h': 120 * MINUTE,
  '4h': 480 * MINUTE,
  '1d': 1_440 * MINUTE,
}
/** A holiday and its weekend, and as much again. */
const LOOK_BACK_MS = 14 * DAY
const PENDING_MAX = 50_000
/** Series that a message names. */
const NAMED_MAX = 3

export type Freshness = 'fresh' | 'updating' | 'stale' | 'no_data'

export interface Fresh {
  readonly symbol: string
  readonly timeframe: Timeframe
  readonly adjustment: Adjustment
  readonly state: Freshness
  /** Start of the last bar. */
  readonly last: number | undefined
  /** Start of the bar that should be there by now. */
  readonly due: number | undefined
  /** How long the bar that is due has been missing beyond its end; 0 where it is there. */
  readonly lateMs: number
  readonly limitMs: number
}

/** What a store says of what it keeps. */
export interface Kept {
  readonly definitions: readonly JobDefinition[]
  readonly coverage: readonly Coverage[]
}

/**
 * Of all series that definitions keep, which are switched on; symbols that a provider refuses are left out.
 *
 * @param kept Where it has been read already.
 */
export async function freshness(
  store: JobStore,
  filter: SeriesFilter,
  now: number,
  kept?: Kept,
): Promise<Fresh[]> {
  const { definitions: all, coverage } = kept ?? (await keptIn(store, filter))
  const definitions = all.filter(({ isEnabled }) => isEnabled)
  const known = await knownOf(store, { definitions, coverage })
  const dues = new Dues()
  const series: Fresh[] = []
  for (const { symbols, timeframe, adjustment } of await wanted(store, filter, definitions)) {
    const found = await store.lasts({ symbols, timeframe, adjustment })
    const lasts = new Map(found.map(({ symbol, start }) => [symbol, start]))
    for (const symbol of symbols) {
      const key = keyOf({ symbol, timeframe, adjustment })
      const last = lasts.get(symbol)
      const end = known.ends.get(key)
      const { due, quiet } = dues.of({ timeframe, assetClass: assetClassOf(symbol), now, end })
      const least = leastOf({ due, quiet }, known.covered.get(key))
      const isUpdating = due !== undefined && (known.pending.get(key) ?? 0) > due
      const isThere = least === undefined || (last !== undefined && last >= least)
      const lateMs = isThere ? 0 : now - least - lengthMs(timeframe)
      const state = stateOf(last, least, isUpdating)
      const limitMs = LATE_MS[timeframe]
      series.push({ symbol, timeframe, adjustment, state, last, due: least, lateMs, limitMs })
    }
  }
  return series
}

const keptIn = async (store: JobStore, filter: SeriesFilter): Promise<Kept> => ({
  definitions: await store.definitions(),
  coverage: await store.coverage(filter),
})

interface Wanted extends Pick<Fresh, 'timeframe' | 'adjustment'> {
  readonly symbols: readonly string[]
}

async function wanted(
  store: JobStore,
  filter: SeriesFilter,
  definitions: readonly JobDefinition[],
): Promise<Wanted[]> {
  const asked = filter.symbols === undefined ? undefined : new Set(filter.symbols)
  const groups: Wanted[] = []
  const alike = Map.groupBy(definitions, (one) => `${one.timeframe} ${one.adjustment}`)
  for (const group of alike.values()) {
    const { timeframe, adjustment } = group[0]!
    if ((filter.timeframe ?? timeframe) !== timeframe) continue
    if ((filter.adjustment ?? adjustment) !== adjustment) continue
    const refused = new Set<string>()
    for (const provider of new Set(group.map((one) => one.provider))) {
      for (const { symbol } of await store.quarantined(provider)) refused.add(symbol)
    }
    const symbols = [...new Set(group.flatMap((one) => one.symbols))]
      .filter((symbol) => asked?.has(symbol) !== false && !refused.has(symbol))
      .toSorted()
    groups.push({ timeframe, adjustment, symbols })
  }
  return groups
}

/** By series: until when it is kept, covered, and being asked for. */
async function knownOf(
  store: JobStore,
  { definitions, coverage }: Kept,
): Promise<Readonly<Record<'ends' | 'covered' | 'pending', ReadonlyMap<string, number>>>> {
  const covered = new Map<string, number>()
  for (const span of coverage) covered.set(keyOf(span), span.to)
  const pending = new Map<string, number>()
  for (const run of await store.runs({ status: ['queued', 'running'], limit: PENDING_MAX })) {
    for (const symbol of run.symbols) {
      const key = keyOf({ ...run, symbol })
      pending.set(key, Math.max(pending.get(key) ?? 0, run.to))
    }
  }
  return { ends: endsOf(definitions), covered, pending }
}

/** The same question is answered once: a thousand symbols have one calendar. */
class Dues {
  readonly #known = new Map<string, Due>()

  of(question: DueQuestion): Due {
    const { timeframe, assetClass, end } = question
    const key = `${timeframe} ${assetClass} ${end}`
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const due = dueOf(question)
    this.#known.set(key, due)
    return due
  }
}

/** How many series are in which state. */
export function countsOf(all: readonly Fresh[]): Readonly<Record<Freshness, number>> {
  const counts = { fresh: 0, updating: 0, stale: 0, no_data: 0 }
  for (const { state } of all) counts[state]++
  return counts
}

/** In words, what a person must hear; undefined where nothing is stale. */
export function alertOf(all: readonly Fresh[]): string | undefined {
  const stale = all.filter(({ state }) => state === 'stale' || state === 'no_data')
  if (stale.length === 0) return undefined
  const texts = stale
    .toSorted((a, b) => b.lateMs - a.lateMs)
    .map(({ symbol, timeframe, last }) =>
      last === undefined
        ? `${symbol} ${timeframe} has no bar`
        : `the last bar of ${symbol} ${timeframe} began ${iso(last).slice(0, 16)}Z`,
    )
  return `${stale.length} of ${all.length} series are stale: ${named(texts, NAMED_MAX)}`
}

export interface DueQuestion {
  readonly timeframe: Timeframe
  readonly assetClass: AssetClass
  readonly now: number
  /** Of the range that is kept; undefined where that is now. */
  readonly end: number | undefined
}

export interface Due {
  /** Start of the last bar that must be there by now. */
  readonly due: number | undefined
  /** The one of a session before: a symbol may have been quiet since. */
  readonly quiet: number | undefined
}

export function dueOf({ timeframe, assetClass, now, end }: DueQuestion): Due {
  const to = ms(Math.min(now, end ?? now))
  const span = { from: plus(to, -LOOK_BACK_MS), to }
  const starts = expectedStarts(calendarFor(assetClass), timeframe, span)
  const last = starts.findLastIndex(
    (start) => start + lengthMs(timeframe) + LATE_MS[timeframe] <= now,
  )
  return { due: starts[last], quiet: starts[last - sessionBars(timeframe, assetClass)] }
}

/** What was asked for, and the provider has not, may be a quiet symbol: for as long as a session. */
export const leastOf = ({ due, quiet }: Due, coveredTo = 0): number | undefined =>
  due !== undefined && coveredTo > due ? quiet : due

export function stateOf(
  last: number | undefined,
  due: number | undefined,
  isUpdating = false,
): Freshness {
  if (due === undefined) return last === undefined ? 'no_data' : 'fresh'
  if (last !== undefined && last >= due) return 'fresh'
  if (isUpdating) return 'updating'
  return last === undefined ? 'no_data' : 'stale'
}

/** Until when each series is kept; undefined is for ever. */
export function endsOf(definitions: readonly JobDefinition[]): ReadonlyMap<string, number> {
  const ends = new Map<string, number>()
  for (const { symbols, timeframe, adjustment, to = Infinity } of definitions) {
    for (const symbol of symbols) {
      const key = keyOf({ symbol, timeframe, adjustment })
      ends.set(key, Math.max(ends.get(key) ?? -Infinity, to))
    }
  }
  return ends
}

export const keyOf = ({
  symbol,
  timeframe,
  adjustment,
}: Pick<Fresh, 'symbol' | 'timeframe' | 'adjustment'>): string =>
  `${symbol} ${timeframe} ${adjustment}`
