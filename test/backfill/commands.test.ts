// Commands around jobs on the local venue: looking, switching, migrating and going back.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { MONITORS } from '../../src/core/jobs.ts'
import { MONITOR_SQL } from '../../src/store/index.ts'
import { put } from '../cli/skein.ts'
import { desk, SYMBOLS, WISH } from './desk.ts'

type Rows = readonly Readonly<Record<string, unknown>>[]

test('a migration is switched, repeated, and rolled back to exactly what was on', async (t) => {
  const { run, json } = await desk(t)
  await run('backfill', 'plan', ...WISH, '--timeframes', '1h,1d', '--single')
  await run('jobs', 'disable', 'AMD/1h/v1')
  const on = async (): Promise<string[]> =>
    ((await json('jobs', 'list')) as Rows)
      .filter(({ isEnabled }) => isEnabled)
      .map(({ id }) => String(id))
  const before = await on()

  const beside = await json('jobs', 'migrate', '--coexist')
  const both = await on()
  const switched = await json('jobs', 'migrate')
  const batches = await on()
  const again = await json('jobs', 'migrate')
  const tooSoon = await run('jobs', 'cleanup')
  const back = await json('jobs', 'rollback')
  const nothing = await run('jobs', 'rollback')

  assert.equal(before.length, 9)
  assert.deepEqual(beside, { created: 2, enabled: 0, disabled: 0 })
  assert.equal(both.length, 11)
  assert.deepEqual(
    [switched, again],
    [
      { created: 0, enabled: 0, disabled: 9 },
      { created: 0, enabled: 0, disabled: 0 },
    ],
  )
  assert.deepEqual(batches, ['BATCH_STOCK_1/1d/v2', 'BATCH_STOCK_1/1h/v2'])
  assert.match(tooSoon.stderr, /less than a week old/)
  assert.deepEqual(back, { created: 0, enabled: 9, disabled: 2 })
  assert.deepEqual(await on(), before)
  assert.equal(nothing.code, 1)
})

test('a migration switches on no prices that were switched off', async (t) => {
  const { run, json } = await desk(t)
  await run('backfill', 'plan', ...WISH, '--timeframes', '1h', '--single')
  await run('backfill', 'plan', ...WISH, '--timeframes', '1h', '--adjustment', 'split')
  await run('jobs', 'disable', 'BATCH_STOCK_1_SPLIT/1h/v2')

  await run('jobs', 'migrate')

  const on = ((await json('jobs', 'list')) as Rows).filter(({ isEnabled }) => isEnabled)
  assert.deepEqual(
    on.map(({ id }) => id),
    ['BATCH_STOCK_1/1h/v2'],
  )
})

test('a migration keeps that hours are made from finer bars', async (t) => {
  const { run, json } = await desk(t)
  const sources = async () =>
    ((await json('jobs', 'list')) as Rows)
      .filter(({ timeframe, batchVersion }) => timeframe === '1h' && batchVersion === 2)
      .map(({ derivedFrom }) => derivedFrom)
  await run('backfill', 'plan', ...WISH, '--timeframes', '15m,1h', '--derive', '--single')

  await run('jobs', 'migrate')
  const ofSingles = await sources()
  await run('jobs', 'rollback')
  await run('backfill', 'plan', ...WISH, '--timeframes', '1h', '--single')
  await run('jobs', 'migrate')

  assert.deepEqual([ofSingles, await sources()], [['15m'], ['15m']])
})

test('single definitions and batches beside each other fetch nothing twice', async (t) => {
  const { run, json, server } = await desk(t)
  await run('backfill', 'run', ...WISH, '--timeframes', '1h', '--single')
  const asked = server.audit.requests.filter(({ path }) => path.endsWith('/bars')).length
  await run('jobs', 'migrate', '--coexist')

  const worked = (await json('jobs', 'work', '--until-done')) as Record<string, unknown>

  // Single definitions are joined to queries as well.
  assert.deepEqual([asked, worked['requests']], [1, 0])
})

test('cleaning up keeps the history of what it takes away', async (t) => {
  const { run, json, archive } = await desk(t)
  await run('backfill', 'run', ...WISH, '--timeframes', '1d', '--single')
  await run('jobs', 'migrate')

  assert.deepEqual(await json('jobs', 'cleanup', '--now'), { archived: 5 })

  const db = new DatabaseSync(archive, { readOnly: true })
  t.after(() => db.close())
  const kept = db.prepare('select definition, runs from job_history').all()
  assert.equal(kept.length, 5)
  const { runs, results } = JSON.parse(String(kept[0]!['runs'])) as Record<string, Rows>
  assert.deepEqual([runs![0]!['status'], results!.length], ['success', 1])
  const left = (await json('jobs', 'list')) as Rows
  assert.deepEqual(
    left.map(({ batchVersion }) => batchVersion),
    [2],
  )
})

test('a run is shown, however many others there are that are newer', async (t) => {
  const { folder, run, json } = await desk(t)
  await run('backfill', 'run', ...WISH, '--timeframes', '1h')
  await run('backfill', 'plan', ...WISH, '--timeframes', '1d')
  const [old] = (await json('jobs', 'list', '--status', 'success')) as Rows
  const db = new DatabaseSync(join(folder, 'data/archive.db'))
  db.exec(`insert into job_runs (id, job_def_id, symbols_array, slice_from, slice_to, lane, status, triggered_by,
      created_at, updated_at)
    with recursive counted (n) as (select 1 union all select n + 1 from counted where n <= 100000)
    select d.id || '/' || n, d.id, '[]', n, n + 1, 'batch', 'paused', 'cron', 0, 9e12
    from counted, job_definitions d where d.timeframe = '1d'`)
  db.close()

  const shown = await run('jobs', 'show', String(old!['id']))

  assert.equal(shown.code, 0, shown.stderr)
  assert.match(shown.stdout, /success/)
})

test('runs are shown, paused and tried again', async (t) => {
  const { run, json } = await desk(t)
  await run('backfill', 'plan', ...WISH, '--timeframes', '1h,1d')
  await run('jobs', 'disable', 'all')
  const unknown = await run('jobs', 'enable', 'BATCH_9/1h/v2')
  const nobody = await run('backfill', 'plan', '--symbols', 'A!', '--from', '2025-01-01')
  await run('jobs', 'enable', 'BATCH_STOCK_1/1h/v2')
  await run('jobs', 'tick')
  const { definition, runs } = (await json('jobs', 'show', 'BATCH_STOCK_1/1h/v2')) as {
    readonly definition: Readonly<Record<string, unknown>>
    readonly runs: Rows
  }
  const shown = (await json('jobs', 'show', String(runs[0]!['id']))) as { readonly results: Rows }
  const paused = await run('jobs', 'pause', 'BATCH_STOCK_1/1h/v2')
  const text = await run('jobs', 'show', String(runs[0]!['id']))

  assert.match(unknown.stderr, /names no definition: "BATCH_9\/1h\/v2"/)
  assert.equal(nobody.code, 2)
  assert.match(nobody.stderr, /--symbols has no ticker: \["A!"\]; allowed: symbols such as SPY/)
  assert.deepEqual([definition['isEnabled'], runs[0]!['status']], [true, 'success'])
  assert.deepEqual(shown.results.map(({ symbol }) => String(symbol)).toSorted(), SYMBOLS.toSorted())
  assert.match(paused.stderr, /no run of BATCH_STOCK_1\/1h\/v2 is queued/)
  assert.match(text.stdout, /success.*\n.*symbol/)
})

test('an id that is unknown beside a known one changes nothing', async (t) => {
  const { run, json } = await desk(t)
  await run('backfill', 'plan', ...WISH, '--timeframes', '1h,15m')
  await run('jobs', 'tick', '--packs', '1')
  const queued = async () => (await json('jobs', 'list', '--status', 'queued')) as Rows
  const before = await queued()
  const id = String(before[0]!['id'])

  const wrong = await run('jobs', 'pause', id, 'BATCH_9/1h/v2')
  const window = await run('jobs', 'retry', `${id}0`)
  const after = await queued()
  const paused = await json('jobs', 'pause', id)

  assert.deepEqual([wrong.code, window.code], [2, 2])
  assert.match(wrong.stderr, /names no definition and no run: "BATCH_9\/1h\/v2"; allowed: an id/)
  assert.match(window.stderr, /names no definition and no run/)
  assert.deepEqual(after, before)
  assert.deepEqual(paused, { changed: 1 })
})

test('jobs are looked at and switched while their venue is down, at the time of its last tick', async (t) => {
  const { run, json, server, folder } = await desk(t)
  const { port } = new URL(server.urls.rest)
  const local = `local: { port: ${port}, speed: 120 }`
  const keys = 'key: ${ALPACA_KEY}, secret: ${ALPACA_SECRET}'
  await run('backfill', 'run', ...WISH, '--timeframes', '1h,1d', '--single')
  put(folder, 'skein.yaml', `venues: { alpaca: { ${keys}, ${local} } }\n`)
  await server.stop()
  const [single] = (await json('jobs', 'list')) as Rows
  const id = String(single!['id'])

  const looks = [
    await run('jobs', 'list'),
    await run('jobs', 'list', '--status', 'success'),
    await run('jobs', 'show', id),
    await run('jobs', 'monitor', 'runs'),
    await run('jobs', 'disable', id),
    await run('jobs', 'enable', id),
    await run('jobs', 'migrate'),
    await run('jobs', 'cleanup', '--now'),
    await run('coverage'),
    await run('backfill', 'plan', ...WISH, '--timeframes', '1h,1d'),
  ]
  const work = await run('jobs', 'work', '--until-done')
  const elsewhere = await run('jobs', 'list', '--archive', 'none.db')

  assert.deepEqual(
    looks.map(({ code }) => code),
    looks.map(() => 0),
    looks.map(({ stderr }) => stderr).join('\n'),
  )
  const { stderr } = looks.at(-1)!
  assert.match(stderr, /no local venue answers at 127\.0\.0\.1:\d+; the time of the last tick is/)
  assert.equal(work.code, 1)
  assert.match(work.stderr, /is "skein venue alpaca" running/)
  assert.match(elsewhere.stderr, /none\.db: is missing.*"skein backfill plan" makes one/)
  assert.equal(existsSync(join(folder, 'none.db')), false)
})

test('coverage tells what is there and what is missing, and passes its check where that is all', async (t) => {
  const { run, json } = await desk(t)
  await run('backfill', 'run', ...WISH, '--timeframes', '1h')

  const seen = (await json('coverage', '--symbols', 'NVDA,TSLA')) as Rows
  const text = await run('coverage', '--timeframe', '1h')
  const checked = await run('coverage', '--check')
  const mistyped = [
    await run('coverage', '--check', '--symbols', 'NVDA,NVDIA'),
    await run('coverage', '--freshness', '--check', '--symbols', 'NVDA,NVDIA'),
  ]
  const elsewhere = await run('coverage', '--freshness', '--check', '--timeframe', '5m')
  await run('backfill', 'plan', ...WISH, '--timeframes', '4h')
  const unfetched = await run('coverage', '--check')

  assert.deepEqual(
    seen.map(({ symbol, missing, expected, bars }) => [symbol, missing, expected === bars]),
    [
      ['NVDA', 0, true],
      ['TSLA', 0, true],
    ],
  )
  assert.match(text.stdout, /^NVDA +1h +2025-12-29 +2026-01-07 .*\|█+\|$/m)
  // The range has ended: it is judged by its end, and not by now.
  assert.deepEqual([checked.code, checked.stderr], [0, ''])
  for (const { code, stderr } of mistyped)
    assert.deepEqual([code, stderr], [1, 'failed: nothing is kept of NVDIA\n'])
  assert.deepEqual([elsewhere.code, elsewhere.stderr], [1, 'failed: nothing is kept\n'])
  assert.equal(unfetched.code, 1)
  assert.match(unfetched.stderr, /5 of 10 series are stale: AMD 4h has no bar/)
})

test('freshness names what is late, is an alert of the tick, and judges an ended range by its end', async (t) => {
  const { run, json, archive } = await desk(t)
  await run('backfill', 'run', ...WISH, '--timeframes', '1h')
  const ended = await run('coverage', '--freshness', '--check')
  const kept = ['--symbols', 'NVDA,TSLA', '--from', '2025-12-29', '--timeframes', '1h']
  await run('backfill', 'plan', ...kept)

  const late = (await json('coverage', '--freshness')) as { readonly counts: unknown }
  const text = await run('coverage', '--freshness', '--check')
  await run('jobs', 'disable', 'all')
  const none = await run('coverage', '--freshness')
  await run('jobs', 'enable', 'all')
  await run('jobs', 'tick', '--packs', '1')

  assert.deepEqual([ended.code, ended.stderr], [0, ''])
  assert.match(ended.stdout, /5 fresh, 0 updating, 0 stale, 0 no_data at /)
  assert.deepEqual(late.counts, { fresh: 0, updating: 0, stale: 5, no_data: 0 })
  assert.equal(text.code, 1)
  assert.match(text.stdout, /^NVDA +1h +stale +2026-01-06T\S+ +20\S+ +\d+ min +120 min$/m)
  assert.match(text.stderr, /5 of 5 series are stale: the last bar of/)
  assert.match(none.stdout, /nothing is kept/)
  const db = new DatabaseSync(archive, { readOnly: true })
  t.after(() => db.close())
  const beat = db.prepare(`select * from orchestrator_heartbeat where name = 'freshness'`).get()
  assert.ok(beat !== undefined && typeof beat['message'] === 'string')
})

test('raw bars are exported as if their splits had been all along, where those are known', async (t) => {
  const exAt = Date.UTC(2026, 0, 2, 5)
  const splits = [{ symbol: 'NVDA', exAt, oldRate: 1, newRate: 4 }]
  const { run } = await desk(t, { splits })
  await run('backfill', 'run', ...WISH, '--timeframes', '1d')
  const series = ['data', 'export', '--timeframe', '1d', '--symbols']
  const closes = async (...words: readonly string[]): Promise<number[]> =>
    (await run(...series, ...words)).stdout
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => Number(line.split(',')[4]))

  const raw = await closes('NVDA')
  const adjusted = await closes('NVDA', '--adjustment', 'split')
  const other = await run(...series, 'SPY', '--adjustment', 'split')

  // Three sessions were before the second of January.
  assert.deepEqual(
    adjusted,
    raw.map((close, i) => (i < 3 ? Math.round((close / 4) * 10_000) / 10_000 : close)),
  )
  assert.ok(raw.length > 4)
  assert.notEqual(other.code, 0)
})

test('a plan counts extended hours where the feed has them', async (t) => {
  const { json, folder } = await desk(t)
  const wish = [...WISH, '--timeframes', '15m']
  const keys = 'key: ${ALPACA_KEY}, secret: ${ALPACA_SECRET}'
  const regular = (await json('backfill', 'plan', ...wish)) as { readonly rows: number }
  put(folder, 'skein.yaml', `venues: { alpaca: { ${keys}, feed: sip } }\n`)
  const extended = (await json('backfill', 'plan', ...wish)) as { readonly rows: number }

  // Six sessions of five symbols; the last hour of the last of them is on the next day in UTC.
  assert.deepEqual([regular.rows, extended.rows], [5 * 6 * 26, 5 * (6 * 64 - 4)])
})

test('the queries of the page are those of the program, and run on the file', async (t) => {
  const { run, json, archive } = await desk(t)
  await run('backfill', 'run', ...WISH, '--timeframes', '1h,1d')
  const page = readFileSync(join(import.meta.dirname, '../../docs/commands/jobs.md'), 'utf8')
  const blocks = [...page.matchAll(/```sql\n(.*?)\n```/gs)].map((match) => match[1]!)
  const db = new DatabaseSync(archive, { readOnly: true })
  t.after(() => db.close())

  const told: unknown[] = []
  for (const name of MONITORS) told.push(await json('jobs', 'monitor', name))

  assert.deepEqual(
    blocks,
    MONITORS.map((name) => MONITOR_SQL[name].trim()),
  )
  for (const [i, sql] of blocks.entries()) {
    const rows = db.prepare(sql).all(...(sql.includes('?1') ? [Date.now()] : []))
    assert.ok(rows.length > 0, sql)
    assert.equal((told[i] as Rows).length, rows.length)
  }
  assert.deepEqual(told[0], [{ batch_version: 2, enabled: 1, definitions: 2, symbols: 10 }])
})
