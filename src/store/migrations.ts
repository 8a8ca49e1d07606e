/*
 * Migrations: how a database file of an older Skein becomes one of today.
 *
 * A schema is a list of numbered steps; a file holds the numbers that it has seen in `schema_version`. Steps
 * only add, so that an older backup can be read next to today's file. Opening a file
 *   without content      runs all steps in one transaction;
 *   of an older version  for each step: a backup `<file>.backup-v<version before>`, then the step and its
 *                        number in one transaction. A step that fails leaves the file as it was;
 *   of a newer version   is refused, and so is a file of another program. Neither is changed.
 */
import { randomUUID } from 'node:crypto'
import { closeSync, fsyncSync, openSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { DatabaseSync, SQLOutputValue } from 'node:sqlite'
import { assert } from '../core/assert.ts'
import { lockFile } from './file-lock.ts'
import { JOB_TABLES, REVISION_COUNTS, SPLIT_TABLES } from './job-schema.ts'
import { StoreError, storeError } from './store-error.ts'

export interface Migration {
  /** 1, 2, 3 … without a hole. */
  readonly version: number
  /** What is true after it, for people. */
  readonly name: string
  readonly sql: string
}

export interface Schema {
  readonly name: 'archive' | 'journal' | 'leases'
  /** Marks the file in its header (https://www.sqlite.org/pragma.html#pragma_application_id). */
  readonly applicationId: number
  readonly migrations: readonly Migration[]
}

/** Prices that were adjusted are other prices: they have tables of their own, and never mix with those as traded. */
const ADJUSTED_TABLES = ['bars_split', 'bars_dividend', 'bars_all']
  .map(
    (table) => `
        create table ${table} (
          symbol_id integer not null,
          timeframe integer not null,
          start integer not null,
          open real not null,
          high real not null,
          low real not null,
          close real not null,
          volume real not null,
          trades integer not null,
          filled integer not null,
          source integer not null default 1,
          primary key (symbol_id, timeframe, start)
        ) without rowid;`,
  )
  .join('')

const TIMEFRAME = `case timeframe when 1000 then '1s' when 60000 then '1m' when 300000 then '5m'
            when 900000 then '15m' when 3600000 then '1h' when 14400000 then '4h' else '1d' end as timeframe`
const ROW = `b.start as ts, b.open, b.high, b.low, b.close, b.volume, b.trades,
          case b.source when 2 then 'verified' when 1 then 'live' else 'provisional' end as data_status`
const TABLES_BY_ADJUSTMENT = [
  ['bars', 'raw'],
  ...['split', 'dividend', 'all'].map((name) => [`bars_${name}`, name]),
] as const

/** All bars with the names that people and other programs ask for. It has no triggers: it cannot be written. */
export const INTRADAY_VIEW = `
        create view intraday_bars as
        select s.symbol, b.adjustment, ${TIMEFRAME}, ${ROW}
        from (${TABLES_BY_ADJUSTMENT.map(
          ([table, name]) => `select '${name}' as adjustment, * from ${table}`,
        ).join(' union all ')}) b
        join symbols s on s.id = b.symbol_id;`

/** The same with chunks (chunk-text.ts). Each part finds its symbol by itself: SQLite would go through all bars for one. */
const VIEW_WITH_CHUNKS = `create view intraday_bars as
        ${TABLES_BY_ADJUSTMENT.map(
          ([table, name]) => `select s.symbol, '${name}' as adjustment, ${TIMEFRAME}, ${ROW}
        from symbols s join ${table} b on b.symbol_id = s.id
        union all `,
        ).join('')}
        select s.symbol, c.adjustment, ${TIMEFRAME}, c.first + (bar.value ->> 0),
          (bar.value ->> 1) / (c.price_unit * 1.0),
          ((bar.value ->> 1) + (bar.value ->> 2)) / (c.price_unit * 1.0),
          ((bar.value ->> 1) + (bar.value ->> 3)) / (c.price_unit * 1.0),
          ((bar.value ->> 1) + (bar.value ->> 4)) / (c.price_unit * 1.0),
          (bar.value ->> 5) / (c.volume_unit * 1.0), bar.value ->> 6, 'verified'
        from symbols s join bar_chunks c on c.symbol_id = s.id, json_each(c.rows) bar;`

const CHUNKS = `
        create table bar_chunks (
          symbol_id integer not null,
          timeframe integer not null,
          adjustment text not null,
          first integer not null,
          last integer not null,
          bars integer not null,
          price_unit integer not null,
          volume_unit integer not null,
          sum integer not null,
          rows text not null,
          primary key (symbol_id, timeframe, adjustment, first)
        ) without rowid;
        drop view intraday_bars;
        ${VIEW_WITH_CHUNKS}`

// Rows of one series lie next to each other, because series are read and backfilled as a whole. Times are
// integers of milliseconds, which SQLite stores in six bytes; text would take four times that.
export const ARCHIVE_SCHEMA: Schema = {
  name: 'archive',
  applicationId: 0x534b4541,
  migrations: [
    {
      version: 1,
      name: 'bars by symbol, timeframe and start',
      sql: `
        create table symbols (
          id integer primary key,
          symbol text not null unique
        );
        create table bars (
          symbol_id integer not null,
          timeframe integer not null,
          start integer not null,
          open real not null,
          high real not null,
          low real not null,
          close real not null,
          volume real not null,
          trades integer not null,
          filled integer not null,
          primary key (symbol_id, timeframe, start)
        ) without rowid;`,
    },
    {
      version: 2,
      name: 'revisions beside the bars',
      sql: `
        create table revisions (
          symbol_id integer not null,
          timeframe integer not null,
          start integer not null,
          open real not null,
          high real not null,
          low real not null,
          close real not null,
          volume real not null,
          trades integer not null,
          seen_at integer not null,
          source text not null,
          primary key (symbol_id, timeframe, start, open, high, low, close, volume, trades)
        ) without rowid;`,
    },
    {
      version: 3,
      name: 'jobs that keep bars complete, and bars by adjustment',
      sql: `
        alter table bars add column source integer not null default 1;
        ${ADJUSTED_TABLES}
        ${INTRADAY_VIEW}
        ${JOB_TABLES}`,
    },
    {
      version: 4,
      name: 'how often bars gave way to others',
      sql: REVISION_COUNTS,
    },
    { version: 5, name: 'splits, and what of them was asked for', sql: SPLIT_TABLES },
    { version: 6, name: 'chunks of history beside the rows', sql: CHUNKS },
  ],
}

export const JOURNAL_SCHEMA: Schema = {
  name: 'journal',
  applicationId: 0x534b454a,
  migrations: [
    {
      version: 1,
      name: 'turns, snapshots and meta',
      sql: `
        create table turns (
          n integer primary key,
          at integer not null,
          inputs text not null,
          batches text not null
        );
        create table snapshots (n integer primary key, state text not null);
        create table meta (key text primary key, value text not null) without rowid;`,
    },
    {
      version: 2,
      name: 'a checksum in each row',
      // What was there before has none, and is told by its number.
      sql: `
        alter table turns add column sum integer;
        alter table snapshots add column sum integer;
        alter table meta add column sum integer;
        create table summed (from_n integer not null);
        insert into summed select coalesce(max(n), -1) + 1 from turns;`,
    },
    {
      version: 3,
      name: 'bars that lanes have seen, for when the turns that made them are dropped',
      // They need no checksum: each snapshot has the hash of them all.
      sql: `
        create table bars (
          symbol_id integer not null,
          timeframe text not null,
          i integer not null,
          start integer not null,
          open real not null,
          high real not null,
          low real not null,
          close real not null,
          volume real not null,
          trades integer not null,
          filled integer not null,
          primary key (symbol_id, timeframe, i)
        ) without rowid;`,
    },
  ],
}

export const LEASES_SCHEMA: Schema = {
  name: 'leases',
  applicationId: 0x534b454c,
  migrations: [
    {
      version: 1,
      name: 'who trades an account',
      sql: `
        create table leases (
          account text primary key,
          token integer not null,
          holder text not null,
          until integer not null
        ) without rowid;`,
    },
  ],
}

/** Brings the open database at `path` to the newest version of `schema`. Throws StoreError, see above. */
export function migrate(db: DatabaseSync, path: string, schema: Schema): void {
  const newest = schema.migrations.length
  schema.migrations.forEach(({ version }, i) =>
    assert(version === i + 1, `migrations count from 1 without a hole, not ${version} at ${i}`),
  )
  const found = versionOf(db, path, schema)
  if (found > newest) {
    throw new StoreError(
      'newer-schema',
      `${path} has version ${found} of the ${schema.name}, but this Skein knows versions up to ` +
        `${newest}; update Skein, or open a backup`,
    )
  }
  if (found === 0) {
    apply(db, { path, schema, from: 0, steps: schema.migrations })
    return
  }
  for (const step of schema.migrations.slice(found)) {
    backUp(db, path, { schema, version: step.version - 1 })
    apply(db, { path, schema, from: step.version - 1, steps: [step] })
  }
}

/** The version of a database, 0 where it is empty. Reads only. */
function versionOf(db: DatabaseSync, path: string, schema: Schema): number {
  const id = single(db, 'pragma application_id')
  const tables = single(db, `select count(*) from sqlite_master where type = 'table'`)
  if (id === 0 && tables === 0) return 0
  if (id !== schema.applicationId) {
    throw new StoreError(
      'other-program',
      `${path} is a database, but not a Skein ${schema.name}; name another file`,
    )
  }
  return single(db, 'select max(version) from schema_version')
}

interface Backup {
  readonly schema: Schema
  /** Of the file that is kept. */
  readonly version: number
}

interface Steps {
  readonly path: string
  readonly schema: Schema
  readonly from: number
  readonly steps: readonly Migration[]
}

function apply(db: DatabaseSync, { path, schema, from, steps }: Steps): void {
  db.exec('begin immediate')
  let step: Migration | undefined
  try {
    // Another process may have been faster while this one waited for the lock.
    if (versionOf(db, path, schema) === from) {
      if (from === 0) {
        db.exec(`pragma application_id = ${schema.applicationId}`)
        db.exec('create table schema_version (version integer primary key, name text not null)')
      }
      const note = db.prepare('insert into schema_version (version, name) values (?, ?)')
      for (step of steps) {
        db.exec(step.sql)
        note.run(step.version, step.name)
      }
    }
    db.exec('commit')
  } catch (error) {
    if (db.isTransaction) db.exec('rollback')
    if (step === undefined) throw storeError(error, path)
    const why = error instanceof Error ? error.message : String(error)
    throw new StoreError(
      'migration-failed',
      `${path} stays at version ${from}: migration ${step.version} (${step.name}) failed: ${why}; ` +
        `nothing was changed, report it`,
      { cause: error },
    )
  }
}

/**
 * Writes a copy beside the file, complete or not at all; one that is there is replaced. Processes that open an old file at
 * once write their own, and only one of the version that the name says takes the name.
 */
function backUp(db: DatabaseSync, path: string, { schema, version }: Backup): void {
  const target = `${path}.backup-v${version}`
  const partial = `${target}.${randomUUID()}${PARTIAL}`
  try {
    sweep(path)
    db.prepare('vacuum into ?').run(partial)
    const file = openSync(partial, 'r+')
    fsyncSync(file)
    closeSync(file)
    // Another process may have changed the file meanwhile, and has kept a copy of it before it did.
    if (versionOf(db, path, schema) === version) renameSync(partial, target)
  } catch (error) {
    throw storeError(error, path, `a copy of version ${version} is written before it changes`)
  } finally {
    rmSync(partial, { force: true })
  }
}

const PARTIAL = '.partial'
/** A copy is locked while it is written, but not in the moment before it takes its name. */
const UNTOUCHED_MS = 60_000

/** Takes away copies of processes that were killed: each is as large as the file, and each start would leave another. */
function sweep(path: string): void {
  const folder = dirname(path)
  for (const name of readdirSync(folder)) {
    if (!name.startsWith(`${basename(path)}.backup-v`) || !name.endsWith(PARTIAL)) continue
    const file = join(folder, name)
    const { mtimeMs } = statSync(file, { throwIfNoEntry: false }) ?? { mtimeMs: Infinity }
    if (Date.now() - mtimeMs < UNTOUCHED_MS || isLocked(file)) continue
    for (const tail of ['', '-journal']) rmSync(file + tail, { force: true })
  }
}

function isLocked(file: string): boolean {
  try {
    const lock = lockFile(file)
    lock?.release()
    return lock === undefined
  } catch {
    // Half a copy need not be a database.
    return false
  }
}

function single(db: DatabaseSync, sql: string): number {
  const value: SQLOutputValue | undefined = Object.values(db.prepare(sql).get() ?? {})[0]
  return typeof value === 'number' ? value : 0
}
