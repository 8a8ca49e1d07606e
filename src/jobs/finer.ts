/*
 * Finer: whether the bars that others are made from are there, whether they will come, or whether nobody will bring them:
 * no definition keeps them, their run has failed or was taken out of the queue, or they wait for a provider that is away.
 */
import type { JobStore, Span } from '../core/jobs.ts'
import { without } from '../core/spans.ts'
import { ms, type Timeframe } from '../core/time.ts'
import type { Pack } from './pack.ts'
import { closedEnd } from './slices.ts'

/** Runs that are looked at. */
const RUNS_MAX = 50_000

export type Finer = 'there' | 'coming' | 'never'

export interface FinerQuery extends Pick<Pack, 'adjustment' | 'assetClass' | 'from' | 'to'> {
  readonly finer: Timeframe
  readonly symbols: readonly string[]
  /** Whose definitions and runs count. */
  readonly provider: string
  readonly now: number
}

export async function finerOf(store: JobStore, query: FinerQuery): Promise<Finer> {
  const { finer: timeframe, adjustment, assetClass, symbols, provider, from, now } = query
  // Coarse windows end later than fine ones, while the market is closed.
  const to = ms(Math.min(query.to, closedEnd(timeframe, assetClass, now)))
  const series = { symbols, timeframe, adjustment }
  const covered = Map.groupBy(await store.coverage(series), ({ symbol }) => symbol)
  // What the provider did not have, or had otherwise, is asked for again when its time has come.
  const holes = (await store.holes(series)).filter(
    (hole) => (hole.status === 'open' || hole.expiresAt <= now) && hole.from < to && hole.to > from,
  )
  const lacks: (Span & { readonly symbol: string })[] = [...holes]
  for (const symbol of symbols) {
    for (const span of without({ from, to }, covered.get(symbol) ?? []))
      lacks.push({ ...span, symbol })
  }
  if (lacks.length === 0) return 'there'
  if (holes.some(({ expiresAt }) => expiresAt > now)) return 'never'
  const definitions = (await store.definitions()).filter(
    (one) =>
      one.isEnabled &&
      one.timeframe === timeframe &&
      one.adjustment === adjustment &&
      one.provider === provider,
  )
  const ids = new Set(definitions.map(({ id }) => id))
  const status = ['queued', 'running', 'paused', 'failed', 'cancelled'] as const
  const runs = (await store.runs({ status, limit: RUNS_MAX })).filter((run) =>
    ids.has(run.definition),
  )
  const isLost = (lack: (typeof lacks)[number]): boolean => {
    const ours = runs.filter((run) => run.symbols.includes(lack.symbol))
    const isUnderWay = (run: (typeof runs)[number]): boolean =>
      run.status === 'queued' || run.status === 'running'
    const kept = definitions.filter((one) => one.symbols.includes(lack.symbol))
    return without(lack, ours.filter(isUnderWay)).some(
      (left) =>
        ours.some((run) => !isUnderWay(run) && run.from < left.to && run.to > left.from) ||
        without(
          left,
          kept.map((one) => ({ from: one.from, to: one.to ?? left.to })),
        ).length > 0,
    )
  }
  return lacks.some(isLost) ? 'never' : 'coming'
}
