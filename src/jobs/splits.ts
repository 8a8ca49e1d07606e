/*
 * Splits: what a provider knows of the corporate actions of all symbols that are kept, once a day. Providers tell them late
 * and correct them, so the last weeks are asked for again, and what was known of them gives way.
 *
 * Raw bars are adjusted when they are read. Those that the provider adjusts are others after a split: where one is told that
 * was not known, or otherwise, they are asked for again up to it, when the provider has had a day to adjust them. So is what
 * it tells until then: some of it may be adjusted, and some not.
 */
import type { Ms } from '../core/brand.ts'
import { expectedStarts } from '../core/expected.ts'
import type {
  Adjustment,
  BarSource,
  JobStore,
  KnownHole,
  Span,
  Split,
  SplitsTold,
} from '../core/jobs.ts'
import { failed, ok, type Result } from '../core/result.ts'
import { joined } from '../core/spans.ts'
import { bucketStart, DAY, ms, plus, type Timeframe } from '../core/time.ts'
import { calendarFor } from './estimate.ts'
import type { Meter } from './metered.ts'
import { windowsOf } from './slices.ts'

/** Asked for again: what was told late, or corrected. */
const AGAIN_MS = 30 * DAY
/** Series whose prices a split changes all the way back. */
const ADJUSTED: readonly Adjustment[] = ['split', 'all']

export interface SplitsOptions {
  readonly store: JobStore
  readonly source: BarSource
  readonly meter?: Meter
  readonly now: number
  readonly signal?: AbortSignal
}

/** Asks for what was not asked for today; gives how many splits were told. */
export async function fetchSplits(options: SplitsOptions): Promise<Result<number>> {
  const { store, source, meter, now, signal } = options
  const { splits } = source
  if (splits === undefined) return ok(0)
  const to = ms(bucketStart(now, DAY) + DAY)
  let count = 0
  for (const { from, symbols } of await lacking(options, to)) {
    for (let i = 0; i < symbols.length; i += source.limits.symbols) {
      const part = symbols.slice(i, i + source.limits.symbols)
      // Nothing is claimed.
      const held = { signal, renew: () => Promise.resolve(true) }
      meter?.about({ timeframe: '1d', symbols: part.length }, held)
      const told = await splits({ symbols: part, from, to })
      if (!told.ok) return failed(told.fault)
      const id = meter?.last
      if (id !== undefined) await store.answered({ id, status: 200, at: now })
      const { provider } = source
      const all = { provider, symbols: part, from, to, splits: told.value, at: now }
      // Before the splits are known: who dies in between finds them changed again.
      await store.reopen(await outdated(store, all))
      await store.putSplits(all)
      count += told.value.length
    }
  }
  return ok(count)
}

/** Symbols by the time from which on they were not asked for. */
async function lacking({ store, source }: SplitsOptions, to: Ms) {
  const wanted = new Map<string, Ms>()
  for (const { isEnabled, provider, assetClass, symbols, from } of await store.definitions()) {
    if (!isEnabled || provider !== source.provider || assetClass !== 'stock') continue
    for (const symbol of symbols) {
      const known = wanted.get(symbol)
      if (known === undefined || from < known) wanted.set(symbol, from)
    }
  }
  const refused = new Set((await store.quarantined(source.provider)).map(({ symbol }) => symbol))
  const asked = new Map((await store.splitsAsked(source.provider)).map((one) => [one.symbol, one]))
  const parts = [...wanted].flatMap(([symbol, from]) => {
    const known = asked.get(symbol)
    if (refused.has(symbol)) return []
    if (known === undefined || known.from > from) return [{ symbol, from }]
    // From where they were asked for up to: what is left out in between would pass for asked.
    return known.to >= to ? [] : [{ symbol, from: ms(known.to - AGAIN_MS) }]
  })
  return [...Map.groupBy(parts, ({ from }) => from)].map(([from, list]) => ({
    from,
    symbols: list.map(({ symbol }) => symbol).toSorted(),
  }))
}

/** Adjusted bars that are there with the prices of before, as holes in windows of the grid. */
async function outdated(store: JobStore, told: SplitsTold): Promise<KnownHole[]> {
  const until = lastOf(changed(await store.splits(told.symbols), told))
  if (until.size === 0) return []
  const holes: KnownHole[] = []
  for (const adjustment of ADJUSTED) {
    for (const span of await store.coverage({ symbols: [...until.keys()], adjustment }))
      holes.push(...holesBefore(until.get(span.symbol)!, span, { ...span, at: told.at }))
  }
  return holes
}

export interface TellingOfBars extends Span {
  readonly symbols: readonly string[]
  readonly timeframe: Timeframe
  readonly adjustment: Adjustment
  /** When their first page was asked for. */
  readonly since: number
  readonly at: number
}

/**
 * Bars of a query that a provider told when it may not have adjusted them for a split that was known: holes in the windows
 * of all that is kept of the series, as a split that is told leaves them.
 */
export async function tooEarly(store: JobStore, told: TellingOfBars): Promise<KnownHole[]> {
  const { symbols, timeframe, adjustment, from, to, since, at } = told
  if (!ADJUSTED.includes(adjustment)) return []
  const splits = await store.splits(symbols)
  const until = lastOf(splits.filter(({ exAt }) => exAt > from && exAt + DAY > since))
  if (until.size === 0) return []
  const series = { symbols: [...until.keys()], timeframe, adjustment }
  const kept = Map.groupBy(await store.coverage(series), ({ symbol }) => symbol)
  return [...until].flatMap(([symbol, exAt]) =>
    joined([{ from, to }, ...(kept.get(symbol) ?? [])])
      .flatMap((span) => holesBefore(exAt, span, { symbol, timeframe, adjustment, at }))
      .filter((hole) => hole.from < to && hole.to > from),
  )
}

/** The last split of each symbol. */
function lastOf(splits: readonly Split[]): ReadonlyMap<string, Ms> {
  const until = new Map<string, Ms>()
  for (const { symbol, exAt } of splits)
    until.set(symbol, ms(Math.max(until.get(symbol) ?? 0, exAt)))
  return until
}

/** What is before a split, in windows of the grid. */
function holesBefore(
  exAt: Ms,
  { from, to }: Span,
  {
    symbol,
    timeframe,
    adjustment,
    at,
  }: Pick<KnownHole, 'symbol' | 'timeframe' | 'adjustment'> & { readonly at: number },
): KnownHole[] {
  // A time of its own each time that it is told: a repair of the same holes, and of the same time, is one that has ended.
  const expiresAt = Math.max(plus(exAt, DAY), at)
  const old = { from, to: ms(Math.min(to, exAt)) }
  const holes: KnownHole[] = []
  for (const window of windowsOf(old, timeframe)) {
    const bars = expectedStarts(calendarFor('stock'), timeframe, window).length
    const about = { ...window, symbol, timeframe, adjustment, bars }
    if (bars > 0) holes.push({ ...about, status: 'no_data', expiresAt })
  }
  return holes
}

/** Splits of the range that were not known, or are not told any more. */
function changed(known: readonly Split[], { from, to, splits }: SplitsTold): Split[] {
  const within = known.filter(({ exAt }) => exAt >= from && exAt < to)
  const keyOf = ({ symbol, exAt, oldRate, newRate }: Split) =>
    `${symbol} ${exAt} ${oldRate}:${newRate}`
  const without = (some: readonly Split[], others: readonly Split[]) => {
    const keys = new Set(others.map(keyOf))
    return some.filter((split) => !keys.has(keyOf(split)))
  }
  return [...without(splits, within), ...without(within, splits)]
}
