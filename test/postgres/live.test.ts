// A run at a venue gives its closed bars to a real Postgres, through a crash of it, and history takes their place.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { DatabaseSync } from 'node:sqlite'
import { barColumns } from '../../src/core/columns.ts'
import { MINUTE, ms } from '../../src/core/time.ts'
import { openPostgresJobs } from '../../src/store/index.ts'
import { START, startVenue, SYMBOLS } from '../bybit/local.ts'
import { put, type Running, start, temporary } from '../cli/skein.ts'
import { clusterFor, query } from './cluster.ts'
import { until } from './workers.ts'

const postgres = await clusterFor()
const { skip } = postgres
const SPEED = 60
const WORDS = ['run', '--mode', 'paper', '--venue', 'bybit', '--config', 'skein.yaml']
const LIVE = `select symbol, timeframe, ts, open, high, low, close, volume, trades from intraday_bars
  where data_status = 'live'`
/** Connections but the one that asks. */
const OTHERS = `select pid from pg_stat_activity
  where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()`

async function running(t: TestContext, database: string, store = '') {
  const server = await startVenue({ speed: SPEED, keys: [{ key: 'local', secret: 'local' }] })
  t.after(() => server.stop())
  const folder = temporary(t)
  const port = new URL(server.urls.rest).port
  put(
    folder,
    'skein.yaml',
    `universe: [${SYMBOLS.join(', ')}]
account: { cash: 100000, currency: USDT }
strategies: [{ use: sma-cross, params: { pairs: [[1, 2]], fraction: 0.02 } }]
store: { leases: ./data/leases.db${store} }
venues: { bybit: { local: { port: ${port}, speed: ${SPEED} } } }
`,
  )
  const words = store.includes('database') ? WORDS : [...WORDS, '--database', database]
  let last: Running | undefined
  const again = (): Running => {
    const run = start(folder, words, { env: { BARS: database } })
    t.after(() => run.child.kill('SIGKILL'))
    last = run
    return run
  }
  const run = again()
  /** Minutes since the start of the run: those before are its warm-up. */
  const minutes = async (): Promise<number> => {
    if (last?.child.exitCode !== null) assert.fail((await last?.ended)?.stderr)
    // Before its first connection there are no tables.
    const [there] = await query(database, `select to_regclass('intraday_bars') is not null as is`)
    if (there?.['is'] !== true) return 0
    const [row] = await query(
      database,
      `select count(distinct ts)::integer as n from (${LIVE}) as live where timeframe = '1m' and ts >= ${START}`,
    )
    return Number(row?.['n'])
  }
  return { folder, run, again, minutes }
}

/** Ends in order what trades: a start that is stopped leaves to the next one what it has not written. */
async function stopped({ child, seen, ended }: Running) {
  await seen(/trading; Ctrl-C/)
  child.kill('SIGINT')
  return ended
}

/** What the run's own archive has. */
function archived(folder: string) {
  const db = new DatabaseSync(join(folder, 'data/archive.db'), { readOnly: true })
  try {
    return db.prepare(`${LIVE} order by symbol, timeframe, ts`).all()
  } finally {
    db.close()
  }
}

const byKey = (rows: readonly Readonly<Record<string, unknown>>[]) =>
  rows
    .map((row) =>
      JSON.stringify(Object.values(row).map((cell) => (isNaN(Number(cell)) ? cell : Number(cell)))),
    )
    .toSorted()

test(
  'a run gives its closed bars to a database that crashes meanwhile, and ends with all of them there',
  { skip, timeout: 300_000 },
  async (t) => {
    const url = await postgres.database()
    const { folder, run, minutes } = await running(t, url)
    await until(async () => (await minutes()) >= 3, 'bars are in the database')
    await postgres.restart()
    const before = await minutes()
    await until(async () => (await minutes()) >= before + 2, 'bars come again')
    const { code, stderr } = await stopped(run)

    assert.equal(code, 0, stderr)
    const kept = archived(folder)
    assert.ok(kept.filter((row) => Number(row['ts']) >= START).length >= 15)
    assert.deepEqual(byKey(await query(url, LIVE)), byKey(kept))
  },
)

test(
  'a run that is killed and goes on gives the database what it lacks, from its archive',
  { skip, timeout: 300_000 },
  async (t) => {
    const url = await postgres.database()
    const { folder, run, again, minutes } = await running(t, url, ', snapshotEvery: 3')
    await until(async () => (await minutes()) >= 4, 'bars are in the database')
    run.child.kill('SIGKILL')
    await run.ended
    // What it had sent when it was killed, the server may still be taking.
    await until(async () => (await query(url, OTHERS)).length === 0, 'the server has let go of it')
    // As if it had been away for a while before.
    await query(url, `delete from bars where start >= ${START - 10 * MINUTE}`)
    const second = again()
    await until(async () => (await minutes()) >= 5, 'they are there again')
    const { code, stderr } = await stopped(second)

    assert.equal(code, 0, stderr)
    assert.deepEqual(byKey(await query(url, LIVE)), byKey(archived(folder)))
  },
)

test(
  'a configured database is that of runs and of jobs, whose history takes the place of what was heard',
  { skip, timeout: 300_000 },
  async (t) => {
    const url = await postgres.database()
    const { folder, run, minutes } = await running(t, url, ', database: ${BARS}')
    await until(async () => (await minutes()) >= 2, 'bars are in the database')
    const { code, stderr } = await stopped(run)
    const words = ['jobs', 'list', '--config', 'skein.yaml', '--json']
    const jobs = await start(folder, words, { env: { BARS: url } }).ended

    const store = await openPostgresJobs({ url })
    t.after(() => store.close())
    const [symbol] = SYMBOLS
    const key = { symbol: symbol!, timeframe: '1m', adjustment: 'raw' } as const
    const span = { from: ms(START - 600 * MINUTE), to: ms(START + 600 * MINUTE) }
    const heard = await store.bars({ ...key, ...span })
    const proven = await store.starts({ ...key, ...span, symbols: [symbol!] })
    const told = barColumns(heard.length)
    for (const name of ['start', 'open', 'high', 'low', 'volume', 'trades'] as const)
      told[name].set(heard[name])
    told.close.set(heard.low)
    const final = { ...key, rank: 'final', series: [{ symbol: symbol!, bars: told }] } as const
    const { revised } = await store.merge(final)
    const late = await store.merge({ ...final, rank: 'closed', series: [{ ...key, bars: heard }] })

    assert.equal(code, 0, stderr)
    assert.deepEqual([jobs.code, jobs.stdout], [0, '[]\n'], jobs.stderr)
    assert.ok(heard.length >= 2)
    // What a run heard proves nothing: no coverage, and no start that history told.
    assert.deepEqual([await store.coverage({}), [...proven[0]!]], [[], []])
    assert.ok(revised > 0)
    assert.equal(late.outranked, heard.length)
    assert.deepEqual([...(await store.bars({ ...key, ...span })).close], [...told.close])
  },
)

test(
  'the minute that is open is in the database while it forms, for people alone, and turns into the closed one',
  { skip, timeout: 300_000 },
  async (t) => {
    const url = await postgres.database()
    const { folder, run, minutes } = await running(t, url, ', formingMs: 1000')
    await until(async () => (await minutes()) >= 1, 'bars are in the database')
    const shown = (where: string) =>
      query(url, `select symbol, ts::text as ts, data_status as status from intraday_bars ${where}`)
    let open: Readonly<Record<string, unknown>> | undefined
    await until(async () => {
      ;[open] = await shown(`where data_status = 'provisional'`)
      return open !== undefined
    }, 'a minute forms')
    const store = await openPostgresJobs({ url })
    t.after(() => store.close())
    const { symbol, ts } = { symbol: String(open!['symbol']), ts: Number(open!['ts']) }
    const key = { timeframe: '1m', adjustment: 'raw' } as const
    await until(async () => {
      const [row] = await shown(`where symbol = '${symbol}' and ts = ${ts} and timeframe = '1m'`)
      return row?.['status'] === 'live'
    }, 'it is closed')
    const { code, stderr } = await stopped(run)
    const left = (await shown(`where data_status = 'provisional'`)).map(({ ts }) => Number(ts))

    assert.equal(code, 0, stderr)
    assert.deepEqual(byKey(await query(url, LIVE)), byKey(archived(folder)))
    for (const start of left) {
      const span = { from: ms(start), to: ms(start + 1) }
      for (const symbol of SYMBOLS)
        assert.equal((await store.bars({ ...key, ...span, symbol })).length, 0)
    }
    assert.deepEqual(await store.coverage({}), [])
    // What formed with other values was no bar yet.
    assert.deepEqual(await store.revised({}), [])
  },
)

test('a run whose database is not there trades, says so without its password, and ends in order', async (t) => {
  const { folder, run } = await running(t, 'postgres://somebody:hidden@127.0.0.1:1/bars')
  const trading = Promise.withResolvers<void>()
  let text = ''
  run.child.stderr!.on('data', (part: Buffer) => {
    text += part.toString()
    if (text.includes('trading; Ctrl-C') && text.includes('takes no bars')) trading.resolve()
  })
  await Promise.race([trading.promise, run.ended])
  run.child.kill('SIGINT')
  const { code, stderr } = await run.ended

  assert.equal(code, 0, stderr)
  assert.match(
    stderr,
    /warn: the database takes no bars, which wait for it: postgres:\/\/somebody@/,
  )
  assert.doesNotMatch(stderr, /hidden/)
  assert.ok(archived(folder).length > 0)
})
