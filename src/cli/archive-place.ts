// Archive place: where the bars of a command are, and its jobs: in a file, or in a database that many machines share.
import { existsSync, mkdirSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { type Command, Option } from 'commander'
import { BadInput } from '../core/bad-input.ts'
import type { BarStore } from '../core/store.ts'
import { type Config } from '../runtime/config/config.ts'
import { DATABASE_FORM, isDatabase } from '../runtime/config/schema.ts'
import { openArchive, openPostgresArchive, type SqliteArchive } from '../store/index.ts'
import { storedAt } from './paths.ts'
import { type ConfigOptions, withConfigFile } from './settings.ts'
import { pathOf } from './values.ts'

export interface PlaceOptions {
  readonly archive?: string
  readonly database?: string
}

export interface ArchiveOptions extends PlaceOptions, Pick<ConfigOptions, 'config'> {}

export type ArchivePlace = { readonly file: string } | { readonly database: string }

export function withArchiveOptions(command: Command): Command {
  return withPlaceOptions(withConfigFile(command))
}

export function withPlaceOptions(command: Command): Command {
  const file = 'the archive; that of the configuration, data/archive.db, if not given'
  const database = 'the archive in Postgres, which many machines share: postgres://user@host/name'
  return command
    .option('--archive <file>', file, pathOf)
    .addOption(new Option('--database <url>', database).argParser(databaseOf).conflicts('archive'))
}

/** What the command line names, or else the configuration: its database where it has one. */
export function placeOf(config: Config, { archive, database }: PlaceOptions): ArchivePlace {
  if (archive !== undefined) return { file: archive }
  const shared = database ?? config.store.database?.reveal()
  return shared === undefined
    ? { file: storedAt(config, config.store.archive) }
    : { database: shared }
}

/** So long a database that is away is waited for by a command that a person waits for. */
const PATIENCE_MS = 10_000

/** Opens it, and makes it where it is not there. */
export async function openPlace(place: ArchivePlace): Promise<BarStore> {
  return 'database' in place
    ? await openPostgresArchive({ url: place.database, patienceMs: PATIENCE_MS })
    : await openForWriting(place.file)
}

/** Opens one that is there: a command that only reads makes none. */
export async function openExisting(
  place: ArchivePlace,
  how = '"skein data import <path>" makes one',
): Promise<BarStore> {
  if ('database' in place || existsSync(place.file)) return await openPlace(place)
  throw new BadInput({ file: place.file }, 'is missing', undefined, `an archive: ${how}`)
}

/** So long a worker waits for a file that another process writes, as for a database that is away: half of its lease. */
const WORK_BUSY_MS = 60_000

/** As `openPlace`, for workers, who wait for a database as long as it may take to start, and for the end of an import. */
export async function openWorkPlace(place: ArchivePlace): Promise<BarStore> {
  return 'database' in place
    ? await openPostgresArchive({ url: place.database })
    : await openForWriting(place.file, { busyMs: WORK_BUSY_MS })
}

/** Opens an archive in a file for writing, and makes it and its folder where they are not there. */
export async function openForWriting(
  path: string,
  patience: { readonly busyMs?: number } = {},
): Promise<SqliteArchive> {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true)
    throw new BadInput({ file: path }, 'is a folder', undefined, 'the file of an archive')
  mkdirSync(dirname(resolve(path)), { recursive: true })
  return await openArchive(path, patience)
}

/** Reads an archive that is there for a while. */
export async function reading<T>(
  place: ArchivePlace,
  work: (archive: BarStore) => Promise<T>,
): Promise<T> {
  const archive = await openExisting(place)
  try {
    return await work(archive)
  } finally {
    await archive.close()
  }
}

export function databaseOf(text: string): string {
  if (isDatabase(text)) return text
  const place = { file: 'command line', field: '--database' }
  throw new BadInput(place, 'is no address', undefined, DATABASE_FORM)
}
