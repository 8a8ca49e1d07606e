/*
 * Desk: the jobs of a command. Whoever looks at them or switches them needs the store alone; whoever works them has the
 * world beside it, on the clock of the venue.
 */
import { hostname } from 'node:os'
import type { Ms } from '../core/brand.ts'
import type { JobStore } from '../core/jobs.ts'
import type { BarStore } from '../core/store.ts'
import { alpacaTermsOf } from '../runtime/venues/alpaca.ts'
import { Backfill, openWorld, type World } from '../runtime/history/backfill.ts'
import type { Config } from '../runtime/config/config.ts'
import { jobTime } from '../runtime/history/job-time.ts'
import type { TapeSource } from '../jobs/tape-source.ts'
import { tapeSourcesOf } from '../runtime/history/tape-sources.ts'
import {
  type ArchiveOptions,
  openExisting,
  openPlace,
  openWorkPlace,
  placeOf,
} from './archive-place.ts'
import type { WorkOptions } from './jobs-options.ts'
import { RunFailed } from './output.ts'
import { alpacaConfigOf } from './settings.ts'

export interface Desk {
  readonly config: Config
  readonly store: JobStore
  /** The time of the jobs; asked for by commands that need it. */
  readonly now: () => Promise<Ms>
  close(): Promise<void>
}

export interface WorkDesk extends Pick<Desk, 'config' | 'store' | 'close'> {
  readonly io: World['io']
  readonly tapes: readonly TapeSource[]
}

/** For looking and switching: jobs that are there, and no venue. */
export async function openDesk(options: ArchiveOptions): Promise<Desk> {
  const config = alpacaConfigOf(options)
  const how = '"skein backfill plan" makes one, --archive names another'
  return deskOf(config, storeOf(await openExisting(placeOf(config, options), how)))
}

/** For plans: the same, made where it is not there. */
export async function openNewDesk(options: ArchiveOptions): Promise<Desk> {
  const config = alpacaConfigOf(options)
  return deskOf(config, storeOf(await openPlace(placeOf(config, options))))
}

/** The jobs, on the venue's clock; without a local venue, on that of the database where they are in one. */
export async function openWorkDesk(options: ArchiveOptions): Promise<WorkDesk> {
  const config = alpacaConfigOf(options)
  const opened = storeOf(await openWorkPlace(placeOf(config, options)))
  try {
    const world = await openWorld(config)
    if (!world.ok) throw new RunFailed(world.fault.message)
    const tapes = await tapeSourcesOf(config)
    const isLocal = config.venues?.alpaca?.local?.speed !== undefined
    const time = isLocal || opened.now === undefined ? {} : { now: opened.now }
    const close = async (): Promise<void> => {
      await opened.close()
      await world.value.close()
    }
    return { config, tapes, store: opened.store, io: { ...world.value.io, ...time }, close }
  } catch (error) {
    await opened.close()
    throw error
  }
}

interface Opened extends Pick<Desk, 'store' | 'close'> {
  readonly now?: () => Ms
}

const deskOf = (config: Config, opened: Opened): Desk => ({
  config,
  store: opened.store,
  close: opened.close,
  now: async () => {
    const { at, note } = await jobTime(config, opened.store, opened.now)
    if (note !== undefined) process.stderr.write(`${note}\n`)
    return at
  },
})

function storeOf(archive: BarStore): Opened {
  const { jobs, now } = archive
  return { store: jobs, close: () => archive.close(), ...(now === undefined ? {} : { now }) }
}

/** The workers of this process: `name`, or `name.1`, `name.2` … where they are more. */
export function workersOf(desk: WorkDesk, options: WorkOptions): readonly Backfill[] {
  const { worker = `${hostname()}-${process.pid}`, workers = 1 } = options
  const names = Array.from({ length: workers }, (_, i) => `${worker}.${i + 1}`)
  return (workers === 1 ? [worker] : names).map((name) => backfillOf(desk, name, options))
}

export function backfillOf(
  { config, store, io, tapes }: WorkDesk,
  name: string,
  { pageRows }: Pick<WorkOptions, 'pageRows'> = {},
): Backfill {
  const { providers } = config.history
  return new Backfill({
    store,
    io,
    tapes,
    name,
    providers,
    ...(providers.includes('alpaca') ? { terms: alpacaTermsOf(config) } : {}),
    onParked: (provider, why) => {
      process.stderr.write(`${provider} is parked for 5 minutes, others stand in: ${why}\n`)
    },
    speed: config.venues?.alpaca?.local?.speed ?? 1,
    ...(pageRows === undefined ? {} : { pageRows }),
  })
}
