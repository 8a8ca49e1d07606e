/*
 * Readmit: symbols that a provider has refused are asked for again. What they lack is queued by the next tick; but a window
 * whose run has ended without them would be the same run once more, so it is left as a hole, which has runs of its own. A
 * repair that has ended without them would be the same too, so their holes get a new time.
 */
import type { JobDefinition, JobStore, KnownHole } from '../core/jobs.ts'
import { expectedStarts } from '../core/expected.ts'
import { calendarFor } from './estimate.ts'
import { type Pending, slicesOf } from './slices.ts'

/** Runs of a definition that are looked at. */
const RUNS_MAX = 100_000

export interface Readmission {
  readonly symbols: readonly string[]
  readonly provider: string
  readonly now: number
}

/** Gives how many symbols were in quarantine, and are not any more. */
export async function readmit(store: JobStore, readmission: Readmission): Promise<number> {
  const { symbols, provider } = readmission
  for (const definition of await store.definitions()) {
    if (definition.provider !== provider) continue
    if (!definition.symbols.some((symbol) => symbols.includes(symbol))) continue
    // First, so that whoever dies in between finds them still refused.
    await store.reopen(await left(store, definition, readmission))
    await store.reopen(await unasked(store, definition, readmission))
  }
  return store.readmit({ symbols, provider })
}

/** Holes of the symbols, from now on: the run that was to ask for them again may have ended without them. */
async function left(
  store: JobStore,
  { timeframe, adjustment }: JobDefinition,
  { symbols, now }: Readmission,
): Promise<KnownHole[]> {
  const holes = await store.holes({ symbols, timeframe, adjustment })
  return holes
    .filter(({ expiresAt }) => expiresAt < now)
    .map((hole) => ({ ...hole, expiresAt: now }))
}

/** Windows that lack the symbols, and whose run has ended. */
async function unasked(
  store: JobStore,
  definition: JobDefinition,
  { symbols, provider, now }: Readmission,
): Promise<KnownHole[]> {
  const { timeframe, adjustment, assetClass } = definition
  const coverage = await store.coverage({ symbols: definition.symbols, timeframe, adjustment })
  const others = (await store.quarantined(provider)).filter((one) => !symbols.includes(one.symbol))
  const quarantined = new Set(others.map(({ symbol }) => symbol))
  const query = { definition: definition.id, limit: RUNS_MAX }
  const ended = await store.runs({ ...query, status: ['success'] })
  const ids = new Set(ended.map(({ id }) => id))
  const pending: Pending[] = []
  const holes: KnownHole[] = []
  for (;;) {
    const slices = slicesOf({ definition, coverage, pending, quarantined, now })
    if (slices.length === 0) return holes
    pending.push(...slices)
    for (const { id, from, to, symbols: lacking } of slices) {
      if (!ids.has(id)) continue
      const bars = expectedStarts(calendarFor(assetClass), timeframe, { from, to }).length
      const about = { from, to, timeframe, adjustment, bars, expiresAt: now } as const
      holes.push(...lacking.map((symbol) => ({ ...about, symbol, status: 'open' as const })))
    }
  }
}
