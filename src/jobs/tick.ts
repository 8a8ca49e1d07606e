/*
 * Tick: what is due becomes runs. It writes its heartbeat first and last, gives back what has lost its worker, and queues
 * the windows that definitions lack. It may be called by many processes and as often as they like: ids make it idempotent.
 */
import type { Coverage, JobStore, KnownHole } from '../core/jobs.ts'
import { DAY } from '../core/time.ts'
import { alertOf, freshness, keyOf } from './freshness.ts'
import { type Pending, repairsOf, slicesOf } from './slices.ts'

/** Runs that are looked at: more than that are waiting already. */
const PENDING_MAX = 50_000
const PENDING = ['queued', 'running', 'paused', 'failed'] as const
/** Requests, flaws of single bars, and runs that are done are remembered for so long. */
const KEPT_MS = 30 * DAY
export const HEARTBEAT = 'dispatcher'
/** Its message is what a person must hear of series that are stale. */
export const FRESHNESS_BEAT = 'freshness'

export interface TickReport {
  readonly definitions: number
  readonly enqueued: number
  readonly repairs: number
  readonly requeued: number
  readonly failed: number
  /** In words; undefined where no series is stale. */
  readonly stale: string | undefined
}

export async function tick(store: JobStore, now: number): Promise<TickReport> {
  const beat = { name: HEARTBEAT, at: now }
  await store.beat({ ...beat, status: 'healthy', message: 'tick began' })
  const stale = await store.requeueStale(now)
  await store.prune(now - KEPT_MS)
  const definitions = (await store.definitions()).filter(({ isEnabled }) => isEnabled)
  const waiting = await store.runs({ status: [...PENDING], limit: PENDING_MAX })
  const pending: Map<string, Pending[]> = Map.groupBy(
    // One that has failed holds up its own definition only: a person decides about it.
    waiting.filter(({ status }) => status !== 'failed'),
    ({ timeframe, adjustment }) => `${timeframe} ${adjustment}`,
  )
  const dead = Map.groupBy(
    waiting.filter(({ status }) => status === 'failed'),
    ({ definition }) => definition,
  )
  const covered = await store.coverage({})
  const coverage = bySeries(covered)
  const holes = bySeries(await store.holes({}))
  const quarantined = new Map<string, ReadonlySet<string>>()
  for (const { provider } of definitions) {
    if (quarantined.has(provider)) continue
    const list = await store.quarantined(provider)
    quarantined.set(provider, new Set(list.map(({ symbol }) => symbol)))
  }
  let enqueued = 0
  let repairs = 0
  for (const definition of definitions) {
    const { symbols, timeframe, adjustment, provider } = definition
    const members = new Set(symbols)
    const alike = pending.get(`${timeframe} ${adjustment}`) ?? []
    const hasMember = (run: Pending): boolean => run.symbols.some((symbol) => members.has(symbol))
    const keys = symbols.map((symbol) => keyOf({ symbol, timeframe, adjustment }))
    const lack = {
      definition,
      coverage: keys.flatMap((key) => coverage.get(key) ?? []),
      // Of any definition: one of the old kind and one of the new do not fetch the same twice.
      pending: [...alike.filter(hasMember), ...(dead.get(definition.id) ?? [])],
      quarantined: quarantined.get(provider) ?? new Set<string>(),
      now,
    }
    const slices = slicesOf(lack)
    const again = repairsOf({ ...lack, holes: keys.flatMap((key) => holes.get(key) ?? []) })
    const added = await store.enqueue(slices, now)
    repairs += await store.enqueue(again, now)
    enqueued += added
    // The next definition may have the same symbols.
    pending.set(`${timeframe} ${adjustment}`, [...alike, ...slices])
  }
  const isWarning = stale.failed > 0
  const message = `${enqueued} queued, ${repairs} repairs, ${stale.requeued} given back, ${stale.failed} failed`
  await store.beat({ ...beat, status: isWarning ? 'warning' : 'healthy', message })
  const series = await freshness(store, {}, now, { definitions, coverage: covered })
  const alert = alertOf(series)
  const text = alert ?? `${series.length} series are fresh`
  const status = alert === undefined ? 'healthy' : 'warning'
  await store.beat({ name: FRESHNESS_BEAT, at: now, status, message: text })
  return { definitions: definitions.length, enqueued, repairs, ...stale, stale: alert }
}

function bySeries<T extends Coverage | KnownHole>(rows: readonly T[]): Map<string, T[]> {
  return Map.groupBy(rows, keyOf)
}
