/*
 * Slices: what a definition still lacks, as windows of a fixed grid.
 *
 * A window never ends at "now": the end of what can be asked for moves in steps, so the same lack gives the same windows,
 * and their ids are the same. What is covered, under way, or has failed is not asked for again. Symbols that lack
 * different things get runs of their own: one that joins a batch does not have the others fetched again.
 */
import type { Ms } from '../core/brand.ts'
import { hashOf } from '../core/hash.ts'
import type { AssetClass, Coverage, JobDefinition, KnownHole, NewRun, Span } from '../core/jobs.ts'
import { joined, without } from '../core/spans.ts'
import { bucketStart, DAY, iso, lengthMs, MINUTE, ms, plus, type Timeframe } from '../core/time.ts'
import { calendarFor } from './estimate.ts'

/** New slices of one definition in one tick: a definition of many years does not fill the queue at once. */
export const SLICES_MAX = 100

/** Providers tell the last minutes late, and free plans not at all. */
const RECENT_MS = 15 * MINUTE
const STEP_MS = 5 * MINUTE
/** A market is closed for no longer than this. */
const CLOSED_MS_MAX = 10 * DAY

/** Length of a window; windows begin at multiples of it since the epoch. */
const cellMs = (timeframe: Timeframe): number => (lengthMs(timeframe) < 5 * MINUTE ? 7 : 28) * DAY

/** The end of what may be asked for at `now`: it stands still while the market is closed. */
export function closedEnd(timeframe: Timeframe, assetClass: AssetClass, now: number): Ms {
  const stepMs = Math.max(STEP_MS, lengthMs(timeframe))
  const calendar = calendarFor(assetClass)
  const told = ms(now - RECENT_MS)
  // A day is over at its own midnight, which is later than that of UTC: until then its bar forms.
  const end = bucketStart(timeframe === '1d' ? calendar.dayStart(told) : told, stepMs)
  const last = calendar.sessions(plus(end, -CLOSED_MS_MAX), end, 'extended').at(-1)
  if (last === undefined || end <= last.close) return end
  const closed = bucketStart(last.close + stepMs - 1, stepMs)
  return closed < end ? closed : end
}

export type Pending = Pick<NewRun, 'definition' | 'symbols' | 'from' | 'to'>

export interface Lack {
  readonly definition: JobDefinition
  readonly coverage: readonly Coverage[]
  /** Queued, running, paused, and failed: a person decides about those. */
  readonly pending: readonly Pending[]
  readonly quarantined: ReadonlySet<string>
  readonly now: number
}

/** The newest first; as many as one tick takes, where not told otherwise. */
export function slicesOf(
  { definition, coverage, pending, quarantined, now }: Lack,
  most: number = SLICES_MAX,
): NewRun[] {
  const { id, timeframe, assetClass, from, to } = definition
  const end = closedEnd(timeframe, assetClass, now)
  const whole: Span = { from, to: to === undefined || to > end ? end : to }
  if (whole.from >= whole.to) return []
  const taken = new Map<string, Span[]>()
  const note = (symbol: string, span: Span): void => {
    const list = taken.get(symbol)
    if (list === undefined) taken.set(symbol, [span])
    else list.push(span)
  }
  for (const span of coverage) note(span.symbol, span)
  for (const run of pending) for (const symbol of run.symbols) note(symbol, run)
  const groups = Map.groupBy(
    definition.symbols.filter((symbol) => !quarantined.has(symbol)),
    (symbol) => keyOf(without(whole, taken.get(symbol) ?? [])),
  )
  const runs = [...groups].flatMap(([key, symbols]) =>
    spansOf(key)
      .flatMap((span) => windowsOf(span, timeframe))
      .map((span): NewRun => {
        const part = symbols.length === definition.symbols.length ? '' : `/${hashOf(symbols)}`
        return {
          ...span,
          id: `${id}/${stamp(span.from)}..${stamp(span.to)}${part}`,
          definition: id,
          lane: definition.batchVersion === 1 ? 'single' : 'batch',
          symbols,
          triggeredBy: 'cron',
        }
      }),
  )
  return runs.toSorted((a, b) => b.to - a.to).slice(0, most)
}

/** Runs that ask again for holes whose time has come: at once, when the provider may be back, when its answer is old. */
export function repairsOf({
  definition,
  holes,
  pending,
  quarantined,
  now,
}: Omit<Lack, 'coverage'> & { readonly holes: readonly KnownHole[] }): NewRun[] {
  const { id, timeframe } = definition
  const due = holes.filter(
    ({ symbol, from, expiresAt }) =>
      !quarantined.has(symbol) &&
      expiresAt <= now &&
      !pending.some((run) => run.symbols.includes(symbol) && run.from <= from && from < run.to),
  )
  const byCell = Map.groupBy(due, ({ from }) => Math.floor(from / cellMs(timeframe)))
  return [...byCell.values()].slice(0, SLICES_MAX).map((all): NewRun => {
    const symbols = [...new Set(all.map(({ symbol }) => symbol))]
    const span = {
      from: ms(Math.min(...all.map(({ from }) => from))),
      to: ms(Math.max(...all.map(({ to }) => to))),
    }
    const part = hashOf({ symbols, holes: all.map(({ expiresAt }) => expiresAt) })
    return {
      ...span,
      id: `${id}/repair/${stamp(span.from)}..${stamp(span.to)}/${part}`,
      definition: id,
      lane: 'repair',
      symbols,
      triggeredBy: 'system',
    }
  })
}

/** A span in the windows of the grid that it reaches into. */
export function windowsOf(span: Span, timeframe: Timeframe): Span[] {
  const lengthOfCell = cellMs(timeframe)
  const cells: Span[] = []
  for (let at: number = span.from; at < span.to;) {
    const next = Math.min(bucketStart(at, lengthOfCell) + lengthOfCell, span.to)
    cells.push({ from: ms(at), to: ms(next) })
    at = next
  }
  return cells
}

const keyOf = (spans: readonly Span[]): string =>
  JSON.stringify(spans.map(({ from, to }) => [from, to]))
const spansOf = (key: string): Span[] =>
  joined(
    (JSON.parse(key) as [number, number][]).map(([from, to]) => ({ from: ms(from), to: ms(to) })),
  )

/** `2026-03-02`, `2026-03-02T14:00`: as short as it says the same. */
const stamp = (at: Ms): string => (at % DAY === 0 ? iso(at).slice(0, 10) : iso(at).slice(0, 16))
