// Commands around jobs: told the same by a database as by an archive.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MONITORS } from '../../src/core/jobs.ts'
import { MONITOR_SQL } from '../../src/store/index.ts'
import { desk, SYMBOLS, WISH } from '../backfill/desk.ts'
import { clusterFor, query } from './cluster.ts'

const postgres = await clusterFor()
const { skip } = postgres

/** Times of the machine and names that are made of them, which differ from one call to the next. */
const TIMES = [
  'startedAt',
  'updatedAt',
  'updated_at',
  'lastSuccessAt',
  'leaseUntil',
  'worker',
  'pack',
]

const COMMANDS = [
  ['backfill', 'plan', ...WISH, '--timeframes', '1h,1d', '--single'],
  ['jobs', 'disable', 'AMD/1h/v1'],
  ['jobs', 'list'],
  ['jobs', 'tick'],
  ['jobs', 'migrate', '--coexist'],
  ['jobs', 'migrate'],
  ['jobs', 'work', '--until-done'],
  ['jobs', 'show', 'BATCH_STOCK_1/1h/v2'],
  ['jobs', 'list', '--status', 'success'],
  ['coverage', '--symbols', 'NVDA,AMD'],
  ['jobs', 'monitor', 'versions'],
  ['jobs', 'rollback'],
  ['jobs', 'list'],
] as const

test('a database and an archive tell the same', { skip }, async (t) => {
  const { json } = await desk(t)
  const url = await postgres.database()
  const told = async (words: readonly string[], ...where: readonly string[]): Promise<unknown> => {
    const answer = await json(...words, ...where)
    return JSON.parse(
      JSON.stringify(answer, (key, value: unknown) => (TIMES.includes(key) ? undefined : value)),
    )
  }

  for (const words of COMMANDS) {
    const [inFile, inDatabase] = [await told(words), await told(words, '--database', url)]
    assert.deepEqual(inDatabase, inFile, words.join(' '))
  }

  const rows = await query(
    url,
    'select symbol, count(*)::integer as n from intraday_bars group by 1',
  )
  assert.deepEqual(rows.map(({ symbol }) => String(symbol)).toSorted(), SYMBOLS.toSorted())
})

test('the documented queries run on Postgres', { skip }, async (t) => {
  const { run } = await desk(t)
  const url = await postgres.database()
  await run('backfill', 'run', ...WISH, '--timeframes', '1h,1d', '--database', url)

  for (const name of MONITORS) {
    const rows = await query(url, MONITOR_SQL[name].replaceAll('?1', `${Date.now()}`))
    assert.ok(rows.length > 0, name)
  }
})
