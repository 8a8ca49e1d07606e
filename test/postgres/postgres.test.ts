// Transactions on a real Postgres: what holds others up, whose clock counts, and what is told where nobody answers.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Client } from 'pg'
import { barColumns } from '../../src/core/columns.ts'
import { ok } from '../../src/core/result.ts'
import { DAY, HOUR, MINUTE, ms } from '../../src/core/time.ts'
import { systemIo } from '../../src/io/system.ts'
import { Meter } from '../../src/jobs/metered.ts'
import { openPostgresJobs } from '../../src/store/index.ts'
import { Postgres } from '../../src/store/postgres.ts'
import { migratePostgres } from '../../src/store/postgres-schema.ts'
import { LOCK_BUDGET } from '../../src/store/postgres-sql.ts'
import { skein, temporary } from '../cli/skein.ts'
import { clusterFor, query } from './cluster.ts'
import { Proxy } from './proxy.ts'
import { until } from './workers.ts'

const postgres = await clusterFor()
const { skip } = postgres

test(
  'a transaction that stands still is ended by the server, and done again',
  { skip },
  async (t) => {
    const url = await postgres.database()
    const [one, other] = [new Postgres({ url, standstillMs: 300 }), new Postgres({ url })]
    t.after(() => Promise.all([one.close(), other.close()]))
    const [holds, goesOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    let tries = 0

    const stopped = one.transaction(async ({ all }) => {
      await all(LOCK_BUDGET, 'alpaca')
      holds.resolve()
      if (++tries === 1) await goesOn.promise
      return all('select 1')
    })
    await holds.promise
    await other.transaction(({ all }) => all(LOCK_BUDGET, 'alpaca'))
    goesOn.resolve()
    await stopped

    // A machine with much to do may let the next one stand still too.
    assert.ok(tries > 1)
  },
)

test('rows are with the server when their statement is', { skip }, async (t) => {
  const url = await postgres.database()
  const proxy = await Proxy.open(url)
  const [one, other] = [new Postgres({ url: proxy.url, standstillMs: 300 }), new Postgres({ url })]
  t.after(async () => {
    await Promise.all([one.close(), other.close()])
    await proxy.close()
  })
  await query(url, 'create table lines (line integer)')
  const line = Buffer.from('d\0\0\0\u00061\nc\0\0\0\u0004', 'latin1')
  const holds = Promise.withResolvers<void>()
  let isCopying = false
  let isAgain = false

  // It hears nothing more, and holds nobody up for longer than any other that stands still.
  proxy.stopCopy(0)
  const stopped = one.transaction(async ({ all, copies }) => {
    if (isCopying) {
      isAgain = true
      return
    }
    await all(LOCK_BUDGET, 'alpaca')
    isCopying = true
    holds.resolve()
    await copies('copy lines from stdin', line)
  })
  await holds.promise
  await other.transaction(({ all }) => all(LOCK_BUDGET, 'alpaca'))
  proxy.wake()
  await stopped

  assert.ok(isAgain)
})

test('the time of all workers is that of the server', { skip }, async (t) => {
  const url = await postgres.database()
  const time = async (): Promise<number> => {
    const [row] = await query(url, 'select extract(epoch from clock_timestamp()) * 1000 as at')
    return Number(row?.['at'])
  }
  // The clock of this machine is years behind.
  t.mock.timers.enable({ apis: ['Date'], now: Date.UTC(2001, 0, 1) })
  const store = await openPostgresJobs({ url })
  t.after(() => store.close())

  const before = await time()
  const now = store.now()
  const after = await time()

  // What a round trip took is not known to either side.
  assert.ok(
    now >= before - MINUTE && now <= after + MINUTE,
    `${now} is within ${before} and ${after}`,
  )
})

test('a request that is granted late takes its place in the window again', { skip }, async (t) => {
  const url = await postgres.database()
  const name = new URL(url).pathname.slice(1)
  const store = await openPostgresJobs({ url })
  const system = systemIo()
  const holder = new Client({ connectionString: url })
  await holder.connect()
  t.after(async () => {
    await holder.end()
    await store.close()
    await system.close()
  })
  const clock = { now: Date.UTC(2026, 0, 5) }
  let sentAt = 0
  const request = () => {
    sentAt = clock.now
    return Promise.resolve(ok({ status: 200, headers: {}, body: new Uint8Array() }))
  }
  const meter = new Meter({
    store,
    io: { ...system, now: () => ms(clock.now), http: { request } },
    provider: 'alpaca',
    worker: 'w',
    perMinute: 10,
    counts: () => true,
  })
  await holder.query('begin')
  await holder.query(LOCK_BUDGET.replace('?1', `'alpaca'`))

  const answer = meter.io.http.request({
    method: 'GET',
    url: 'http://venue/bars',
    timeoutMs: 1_000,
  })
  const waiting = `select pid from pg_stat_activity where datname = '${name}' and wait_event = 'advisory'`
  await until(async () => (await query(url, waiting)).length === 1, 'it waits for its turn')
  clock.now += 800
  await holder.query('commit')
  assert.ok((await answer).ok)

  const asked = await store.requests({ since: 0, limit: 10 })
  assert.deepEqual(
    asked.map(({ at }) => at),
    [sentAt, sentAt - 800],
  )
})

test('bars that another adds at the same moment are met, not refused', { skip }, async (t) => {
  const url = await postgres.database()
  const store = await openPostgresJobs({ url })
  const other = new Client({ connectionString: url })
  await other.connect()
  t.after(async () => {
    await other.end()
    await store.close()
  })
  const barsAt = (...starts: readonly number[]) => {
    const bars = barColumns(starts.length)
    bars.start.set(starts)
    for (const column of [bars.open, bars.high, bars.low, bars.close]) column.fill(100.25)
    bars.volume.fill(7)
    return bars
  }
  const heard = (rank: 'closed' | 'final', ...starts: readonly number[]) =>
    store.merge({
      timeframe: '1h',
      adjustment: 'raw',
      rank,
      series: [{ symbol: 'AAPL', bars: barsAt(...starts) }],
    })
  await heard('closed', 0)
  await other.query('begin')
  await other.query(
    `insert into bars select symbol_id, timeframe, ${HOUR}, 1, 1, 1, 1, 1, 1, 0, 1 from bars`,
  )

  const merged = heard('final', HOUR, 2 * HOUR)
  const waiting = `select count(*)::integer as n from pg_stat_activity where wait_event_type = 'Lock'`
  await until(async () => (await query(url, waiting))[0]?.['n'] === 1, 'the key is waited for')
  await other.query('commit')

  assert.deepEqual(await merged, { bars: 2, revised: 1, outranked: 0 })
  const span = {
    symbol: 'AAPL',
    timeframe: '1h',
    adjustment: 'raw',
    from: ms(0),
    to: ms(DAY),
  } as const
  const kept = await store.bars(span)
  assert.deepEqual([...kept.start], [0, HOUR, 2 * HOUR])
  assert.deepEqual([...kept.close], [100.25, 100.25, 100.25])
})

test('a database that is not there is named without its password', async () => {
  const url = 'postgres://somebody:secret@127.0.0.1:1/bars'
  const opening = openPostgresJobs({ url, patienceMs: 100 })

  await assert.rejects(opening, (error: Error) => {
    assert.match(error.message, /^postgres:\/\/somebody@127\.0\.0\.1:1\/bars was away .* start it/)
    return !error.message.includes('secret')
  })
})

test('commands take a database, and say what is wrong with its address', { skip }, async (t) => {
  const folder = temporary(t)
  const url = await postgres.database()
  const list = (...words: readonly string[]) => skein(folder, 'jobs', 'list', '--json', ...words)

  const empty = await list('--database', url)
  const wrong = await list('--database', 'mysql://x')
  const both = await list('--database', url, '--archive', 'x.db')
  const unknown = await list('--database', url.replace(/[^/]+$/, 'nobody'))

  assert.deepEqual([empty.code, empty.stdout], [0, '[]\n'], empty.stderr)
  assert.equal(wrong.code, 2)
  assert.match(wrong.stderr, /--database is no address.*postgres:\/\//)
  assert.equal(both.code, 2)
  assert.equal(unknown.code, 1)
  assert.match(unknown.stderr, /does not let us in .*nobody/)
})

test('a server that is too old is refused before anything is made', { skip }, async (t) => {
  const url = await postgres.database()
  const old = new Postgres({ url })
  t.after(() => old.close())

  const refused = migratePostgres(old, undefined, 99)

  await assert.rejects(refused, /is Postgres \d\d, and Skein needs 99 or newer; update it/)
  const tables = await query(url, `select 1 from pg_tables where schemaname = 'public'`)
  assert.deepEqual(tables, [])
})
