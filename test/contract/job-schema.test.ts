// The tables of jobs and bars are the same in SQLite and Postgres: their names, their columns, their keys.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { openArchive, openPostgresJobs } from '../../src/store/index.ts'
import { Postgres } from '../../src/store/postgres.ts'
import { migratePostgres, POSTGRES_MIGRATIONS } from '../../src/store/postgres-schema.ts'
import { temporary } from '../cli/skein.ts'
import { clusterFor, query } from '../postgres/cluster.ts'

const postgres = await clusterFor()
const { skip } = postgres

/**
 * Bars that a venue told twice are kept where a run at it writes: in the archive's file. There, history lies in chunks; what
 * is in them is in the view, as if it were rows.
 */
const OF_THE_FILE = `'revisions', 'bar_chunks'`

test('SQLite and Postgres have the same tables, columns and keys', { skip }, async (t) => {
  const path = join(temporary(t), 'archive.db')
  await (await openArchive(path)).close()
  const url = await postgres.database()
  await (await openPostgresJobs({ url })).close()

  const file = new DatabaseSync(path, { readOnly: true })
  const inFile = file
    .prepare(
      `select t.name || '.' || c.name || case when c.pk > 0 and t.type = 'table' then ' key' else '' end as cell
       from sqlite_master t join pragma_table_info(t.name) c
       where t.type in ('table', 'view') and t.name not in (${OF_THE_FILE})`,
    )
    .all()
  file.close()
  const inPostgres = await query(
    url,
    `select c.table_name || '.' || c.column_name || case when k.column_name is null then '' else ' key' end as cell
     from information_schema.columns c
     left join (
       select u.table_name, u.column_name
       from information_schema.key_column_usage u
       join information_schema.table_constraints p using (constraint_name, table_name)
       where p.constraint_type = 'PRIMARY KEY'
     ) k on k.table_name = c.table_name and k.column_name = c.column_name
     where c.table_schema = 'public'`,
  )

  const sorted = (rows: readonly Record<string, unknown>[]) =>
    rows.map(({ cell }) => String(cell)).toSorted()
  assert.ok(inFile.length > 100)
  assert.deepEqual(sorted(inPostgres), sorted(inFile))
})

test('a Postgres of an older version is copied before it is changed', { skip }, async (t) => {
  const url = await postgres.database()
  const server = new Postgres({ url })
  t.after(() => server.close())
  await migratePostgres(server, POSTGRES_MIGRATIONS.slice(0, 1))
  await query(url, `insert into symbols (id, symbol) values (1, 'AAPL')`)
  await query(url, `insert into bars values (1, 3600000, 0, 1, 2, 0.5, 1.5, 10, 3, 0, 2)`)
  const wrong = { version: 2, name: 'a wrong step', sql: 'create table bars (id integer)' }

  const refused = migratePostgres(server, [POSTGRES_MIGRATIONS[0]!, wrong])
  await assert.rejects(refused, /stays at version 1: migration 2 \(a wrong step\) failed: .*exists/)
  const schemas = await query(url, `select nspname from pg_namespace where nspname like 'skein%'`)
  await (await openPostgresJobs({ url })).close()

  assert.deepEqual(schemas, [])
  const copy = 'skein_backup_v1'
  const bars = await query(url, `select * from ${copy}.bars except select * from public.bars`)
  const [row] = await query(
    url,
    `select (select count(*)::integer from ${copy}.bars) as bars,
       (select max(version) from ${copy}.schema_version) as before,
       (select max(version) from public.schema_version) as after`,
  )
  assert.deepEqual(bars, [])
  assert.deepEqual(row, { bars: 1, before: 1, after: POSTGRES_MIGRATIONS.length })
})

test('the view of bars cannot be written', { skip }, async () => {
  const url = await postgres.database()
  await (await openPostgresJobs({ url })).close()

  await assert.rejects(query(url, `update intraday_bars set close = 1`), /cannot update view/)
})
