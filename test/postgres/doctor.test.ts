// skein doctor and its databases, on a real Postgres.
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { Finding } from '../../src/runtime/doctor/finding.ts'
import { openPostgresJobs } from '../../src/store/index.ts'
import { put, skein, temporary } from '../cli/skein.ts'
import { clusterFor, query } from './cluster.ts'

const postgres = await clusterFor()
const { skip } = postgres

/** What the doctor finds where both are at this address. */
async function told(t: TestContext, url: string) {
  const folder = temporary(t)
  put(folder, 'skein.yaml', 'store: { database: "${PLACE}", leases: "${PLACE}" }\n')
  process.env['PLACE'] = url
  t.after(() => delete process.env['PLACE'])
  const words = ['doctor', '--config', 'skein.yaml', '--json']
  const { code, stdout } = await skein(folder, ...words)
  const { findings } = JSON.parse(stdout) as { findings: readonly Finding[] }
  const of = (check: string) => findings.find((one) => one.check === check)
  return { code, stdout, database: of('database'), leases: of('leases') }
}

const tablesOf = async (url: string) =>
  query(url, `select tablename from pg_tables where schemaname in ('public', 'skein')`)

test('an empty database is fit, and stays empty', { skip }, async (t) => {
  const url = await postgres.database()

  const { code, database, leases, stdout } = await told(t, url.replace('@', ':CANARYpw@'))

  assert.deepEqual([code, database?.state, leases?.state], [0, 'ok', 'ok'])
  assert.match(
    database!.text,
    /Postgres \d+\.\d+, answers in \d+\.\d ms, tables of version 0 of \d/,
  )
  assert.doesNotMatch(stdout, /CANARYpw/)
  assert.deepEqual(await tablesOf(url), [])
})

test('tables of a newer version fail, and those of today are fit', { skip }, async (t) => {
  const url = await postgres.database()
  await (await openPostgresJobs({ url })).close()
  const fit = await told(t, url)
  await query(url, `insert into schema_version values (99, 'of tomorrow')`)

  const { code, database } = await told(t, url)

  assert.equal(fit.database?.state, 'ok')
  assert.deepEqual([code, database?.state], [1, 'fail'])
  assert.match(database!.text, /tables of version 99 of \d/)
  assert.match(database!.todo!, /update Skein/)
})

test('whoever may create nothing there is told', { skip }, async (t) => {
  const url = await postgres.database()
  await query(url, 'create role reader login; revoke create on schema public from public')

  const { database, leases } = await told(t, url.replace('postgres@', 'reader@'))

  assert.deepEqual([database?.state, leases?.state], ['fail', 'fail'])
  for (const one of [database, leases]) assert.match(one!.todo!, /let its user create there/)
})

test('a database that does not answer is told by what a run does then', { skip }, async (t) => {
  const { code, database, leases } = await told(t, 'postgres://me:CANARYpw@127.0.0.1:1/bars')

  assert.deepEqual([code, database?.state, leases?.state], [1, 'warn', 'fail'])
  assert.match(database!.text, /^postgres:\/\/me@127\.0\.0\.1:1\/bars was away/)
  assert.match(leases!.todo!, /does not trade before it has its account/)
})
