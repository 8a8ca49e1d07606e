/*
 * Migrate: from a definition for each symbol (batch_version 1) to definitions of many (2), and back.
 *
 * What was switched on before is written down first, so a migration that was stopped half-way is finished by the next one,
 * and a rollback restores exactly that: what a person had switched off stays off. Both kinds share coverage, so beside each
 * other they fetch nothing twice. Deleting the old ones keeps their history.
 */
import type { JobDefinition, JobStore } from '../core/jobs.ts'
import { DAY } from '../core/time.ts'
import { keyOf } from './freshness.ts'
import { plan } from './plan.ts'

const NOTE = 'migration'
/** The old definitions are kept for so long after the switch. */
export const KEPT_MS = 7 * DAY

interface Migration {
  readonly at: number
  /** Singles that were switched on. */
  readonly singles: readonly string[]
  /** Batches that were switched on before. */
  readonly batches: readonly string[]
}

export interface Switched {
  readonly created: number
  readonly enabled: number
  readonly disabled: number
}

/** With `coexist` the singles stay switched on. */
export async function migrate(
  store: JobStore,
  { at, mode }: { readonly at: number; readonly mode: 'cut-over' | 'coexist' },
): Promise<Switched> {
  const definitions = await store.definitions()
  const of = (version: 1 | 2): readonly string[] =>
    definitions.filter((one) => one.batchVersion === version && one.isEnabled).map(({ id }) => id)
  const begun = await noted(store)
  const migration = begun ?? { at, singles: of(1), batches: of(2) }
  if (begun === undefined) await store.note(NOTE, JSON.stringify(migration))
  const members = new Set(migration.singles)
  const singles = definitions.filter(({ id }) => members.has(id))
  const batches = batchesOf(singles, definitions)
  const { created } = await store.putDefinitions(batches, at)
  const enabled = await store.enable({ ids: batches.map(({ id }) => id), isEnabled: true, at })
  const disabled =
    mode === 'coexist' ? 0 : await store.enable({ ids: migration.singles, isEnabled: false, at })
  return { created, enabled, disabled }
}

/** Undefined where there is nothing to go back from. */
export async function rollback(store: JobStore, at: number): Promise<Switched | undefined> {
  const migration = await noted(store)
  if (migration === undefined) return undefined
  const before = new Set(migration.batches)
  const batches = (await store.definitions()).filter(
    ({ id, batchVersion }) => batchVersion === 2 && !before.has(id),
  )
  const disabled = await store.enable({ ids: batches.map(({ id }) => id), isEnabled: false, at })
  const enabled = await store.enable({ ids: migration.singles, isEnabled: true, at })
  await store.note(NOTE, '')
  return { created: 0, enabled, disabled }
}

/** Takes the old definitions that are switched off into the history; `too-soon` within a week of the switch. */
export async function cleanUp(
  store: JobStore,
  { at, keptMs = KEPT_MS }: { readonly at: number; readonly keptMs?: number },
): Promise<number | 'nothing' | 'too-soon'> {
  const migration = await noted(store)
  if (migration === undefined) return 'nothing'
  if (at - migration.at < keptMs) return 'too-soon'
  const members = new Set(migration.singles)
  const over = (await store.definitions()).filter(
    ({ id, isEnabled }) => members.has(id) && !isEnabled,
  )
  const archived = await store.archiveDefinitions(
    over.map(({ id }) => id),
    at,
  )
  await store.note(NOTE, '')
  return archived
}

async function noted(store: JobStore): Promise<Migration | undefined> {
  const text = await store.noted(NOTE)
  return text === undefined || text === '' ? undefined : (JSON.parse(text) as Migration)
}

/** The definitions of many that do what these singles do. */
function batchesOf(
  singles: readonly JobDefinition[],
  known: readonly JobDefinition[],
): JobDefinition[] {
  const alike = Map.groupBy(singles, ({ timeframe, adjustment, provider, from, to }) =>
    [timeframe, adjustment, provider, from, to ?? 'now'].join(' '),
  )
  const derivedFrom = new Map(known.map((one) => [one.id, one.derivedFrom]))
  let all = known
  for (const group of alike.values()) {
    const { timeframe, adjustment, provider, from, to, priority } = group[0]!
    const made = plan(
      {
        symbols: group.flatMap(({ symbols }) => symbols),
        timeframes: [timeframe],
        adjustment,
        provider,
        from,
        to,
        priority,
        batchVersion: 2,
        batchSymbols: 50,
        isDeriving: false,
      },
      all,
    )
    const source = group.find((one) => one.derivedFrom !== undefined)?.derivedFrom
    const batches = made.all.map((one) => {
      // Where finer bars are not there, hours are fetched all the same.
      const finer = derivedFrom.get(one.id) ?? source
      derivedFrom.set(one.id, finer)
      return { ...one, derivedFrom: finer }
    })
    const ids = new Set(batches.map(({ id }) => id))
    all = [...all.filter(({ id }) => !ids.has(id)), ...batches]
  }
  const seriesOf = ({ symbols, timeframe, adjustment }: JobDefinition): string[] =>
    symbols.map((symbol) => keyOf({ symbol, timeframe, adjustment }))
  const before = new Set(singles.flatMap(seriesOf))
  return all.filter((one) => one.batchVersion === 2 && seriesOf(one).some((key) => before.has(key)))
}
