// Postgres: what a database that goes away in the middle, and a worker that was stopped for too long, mean for jobs.
import assert from 'node:assert/strict'
import dns from 'node:dns'
import { test } from 'node:test'
import { Client } from 'pg'
import { barColumns, type BarColumns } from '../../src/core/columns.ts'
import type { JobDefinition, JobStore, NewRun, RequestAsk } from '../../src/core/jobs.ts'
import { HOUR, MINUTE, ms } from '../../src/core/time.ts'
import { NO_FAULTS, parseRule } from '../../src/simulators/fault-script.ts'
import { openPostgresJobs } from '../../src/store/index.ts'
import { LOCK_BUDGET } from '../../src/store/postgres-sql.ts'
import { clusterFor, query } from '../postgres/cluster.ts'
import { Proxy } from '../postgres/proxy.ts'
import { until, Workers } from '../postgres/workers.ts'

const postgres = await clusterFor()
const { skip } = postgres

type Lookup = (
  error: Error | null,
  found?: readonly { readonly address: string; readonly family: number }[],
) => void

const T0 = Date.UTC(2026, 0, 5)
const SERIES = { timeframe: '1h', adjustment: 'raw' } as const
const PAGES = 20
const PAGE_BARS = 5

const DEFINITION: JobDefinition = {
  ...SERIES,
  id: 'BATCH_STOCK_1/1h/v2',
  label: 'BATCH_STOCK_1',
  batchVersion: 2,
  jobType: 'fetch_historical',
  assetClass: 'stock',
  provider: 'alpaca',
  symbols: ['AAPL'],
  batchNumber: 1,
  totalBatches: 1,
  from: ms(T0),
  to: undefined,
  derivedFrom: undefined,
  priority: 100,
  isEnabled: true,
}

const RUN: NewRun = {
  id: 'run',
  definition: DEFINITION.id,
  lane: 'batch',
  symbols: DEFINITION.symbols,
  from: ms(T0),
  to: ms(T0 + PAGES * PAGE_BARS * HOUR),
  triggeredBy: 'cron',
}

function barsOf(page: number): BarColumns {
  const bars = barColumns(PAGE_BARS)
  for (let i = 0; i < PAGE_BARS; i++) {
    bars.start[i] = T0 + (page * PAGE_BARS + i) * HOUR
    for (const column of [bars.open, bars.high, bars.low, bars.close]) column[i] = 100 + page
  }
  return bars
}

const askOf = (page: number): RequestAsk => ({
  id: `request ${page}`,
  provider: 'alpaca',
  worker: 'w',
  at: T0 + page,
  timeframe: '1h',
  symbols: 1,
  limit: 1_000,
  windowMs: MINUTE,
})

/** That of an even page is asked for alone, that of an odd one is granted with the page before it. */
const take = async (store: JobStore, page: number): Promise<boolean> =>
  page % 2 === 1 || (await store.takeRequest(askOf(page))).waitMs === 0

const commit = (store: JobStore, page: number) =>
  store.commitPage({
    ...SERIES,
    token: 'token',
    at: T0 + page,
    leaseUntil: T0 + HOUR,
    series: [{ symbol: 'AAPL', bars: barsOf(page) }],
    cursor: `after ${page}`,
    request: `request ${page}`,
    flaws: [],
    ...(page % 2 === 0 ? { next: askOf(page + 1) } : {}),
  })

const claim = (store: JobStore) =>
  store.claim([RUN.id], { token: 'token', pack: 'p', worker: 'w', at: T0, leaseUntil: T0 + HOUR })

const settle = (store: JobStore) =>
  store.settle({
    ...SERIES,
    token: 'token',
    at: T0 + PAGES,
    provider: 'alpaca',
    results: [{ run: RUN.id, symbol: 'AAPL', rows: PAGES * PAGE_BARS, status: 'success' }],
    covered: [{ symbol: 'AAPL', from: RUN.from, to: RUN.to, rows: PAGES * PAGE_BARS }],
    holes: [],
  })

/** All that is stored of the run, after its last page. */
async function stored(store: JobStore) {
  const [run] = await store.runs({ limit: 1 })
  const requests = await store.requests({ since: 0, limit: 1_000 })
  const query = { ...SERIES, symbol: 'AAPL', from: RUN.from, to: RUN.to }
  return {
    bars: (await store.bars(query)).length,
    pages: run?.pages,
    status: run?.status,
    requests: requests.map(({ status, rows }) => `${status} ${rows}`),
    covered: (await store.coverage({})).map(({ from, to }) => [from, to]),
  }
}

const WHOLE = {
  bars: PAGES * PAGE_BARS,
  pages: PAGES,
  status: 'success',
  requests: Array.from({ length: PAGES }, () => `200 ${PAGE_BARS}`),
  covered: [[RUN.from, RUN.to]],
}

test(
  'F100 a server that ends connections, and one that crashes, cost a worker nothing',
  { skip },
  async (t) => {
    const store = await openPostgresJobs({ url: await postgres.database() })
    t.after(() => store.close())
    await store.putDefinitions([DEFINITION], T0)
    await store.enqueue([RUN], T0)
    await claim(store)

    const work = async (): Promise<void> => {
      for (let page = 0; page < PAGES; page++) {
        const hit =
          page % 10 === 3
            ? postgres.restart()
            : page % 3 === 0
              ? postgres.run(
                  `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'skein'`,
                )
              : undefined
        await take(store, page)
        assert.ok(await commit(store, page))
        await hit
      }
      assert.equal(await settle(store), true)
    }
    await assert.doesNotReject(work())

    assert.deepEqual(await stored(store), WHOLE)
  },
)

test('F101 a COMMIT whose answer is lost is done once', { skip }, async (t) => {
  const url = await postgres.database()
  const direct = await openPostgresJobs({ url })
  const proxy = await Proxy.open(url)
  const store = await openPostgresJobs({ url: proxy.url })
  t.after(async () => {
    await store.close()
    await proxy.close()
    await direct.close()
  })
  await store.putDefinitions([DEFINITION], T0)
  await store.enqueue([RUN], T0)

  proxy.loseCommit()
  const answers: unknown[] = [await claim(store)]
  for (let page = 0; page < PAGES; page++) {
    if (page % 2 === 0) proxy.loseCommit()
    answers.push(await take(store, page))
    proxy.loseCommit()
    answers.push((await commit(store, page))?.isGranted === (page % 2 === 0))
  }
  proxy.loseCommit()
  answers.push(await settle(store))

  assert.equal(proxy.waiting, 0)
  assert.deepEqual(new Set(answers), new Set([true]))
  assert.deepEqual(await stored(direct), WHOLE)
})

test(
  'F128 a database that a newer version has changed is refused by an older one',
  { skip },
  async () => {
    const url = await postgres.database()
    await (await openPostgresJobs({ url })).close()
    await query(url, `insert into schema_version (version, name) values (99, 'of tomorrow')`)

    await assert.rejects(openPostgresJobs({ url }), /has version 99 .* update Skein/)

    const [row] = await query(url, 'select max(version)::integer as version from schema_version')
    assert.equal(row?.['version'], 99)
  },
)

test(
  'F301 a worker that was stopped past its lease writes nothing when it wakes',
  { skip },
  async (t) => {
    // Each answer is under way for long enough to stop whoever waits for it.
    const slow = parseRule({ on: 'rest', fault: 'slow', path: '/v2/stocks/bars', by: '30s' })
    const workers = await Workers.open(t, postgres, {
      symbols: ['AAPL', 'MSFT'],
      timeframes: ['1h'],
      sessions: 4,
      speed: 60,
      pageRows: 20,
      batch: 2,
      faults: { ...NO_FAULTS, faults: [slow] },
    })
    const isWaiting = async (): Promise<boolean> => {
      const rows = await workers.ask(
        `select r.id from request_ledger r where r.worker = 'stopped' and r.status is null
         and exists (select 1 from job_runs where worker = 'stopped' and status = 'running' and pages > 0)`,
      )
      return rows.length > 0
    }
    const stopped = workers.start('stopped')
    for (;;) {
      await until(isWaiting, 'a page is under way')
      stopped.child.kill('SIGSTOP')
      if (await isWaiting()) break
      stopped.child.kill('SIGCONT')
    }

    const other = await workers.start('other').ended
    const { problems, rows } = await workers.compare()
    // What comes late would show: there is nothing else any more.
    await workers.ask('delete from bars')
    stopped.child.kill('SIGCONT')
    const late = await stopped.ended

    assert.equal(other.code, 0, other.stderr)
    assert.deepEqual(problems, [])
    assert.ok(rows > 0)
    assert.equal(late.code, 0, late.stderr)
    assert.deepEqual(await workers.ask('select count(*)::integer as bars from bars'), [{ bars: 0 }])
  },
)

test(
  'F404 the last request of a window is granted once, whatever transactions see by default',
  { skip },
  async (t) => {
    const url = await postgres.database()
    const name = new URL(url).pathname.slice(1)
    await postgres.run(
      `alter database ${name} set default_transaction_isolation = 'repeatable read'`,
    )
    const stores = [await openPostgresJobs({ url }), await openPostgresJobs({ url })]
    const holder = new Client({ connectionString: url })
    await holder.connect()
    t.after(async () => {
      await holder.end()
      for (const store of stores) await store.close()
    })
    await holder.query('begin')
    await holder.query(LOCK_BUDGET.replace('?1', `'alpaca'`))

    const taken = stores.map((store, page) => store.takeRequest({ ...askOf(page), limit: 1 }))
    const areWaiting = async (): Promise<boolean> => {
      const sql = `select pid from pg_stat_activity where datname = '${name}' and wait_event = 'advisory'`
      return (await postgres.run(sql)).length === stores.length
    }
    await until(areWaiting, 'both wait for the lock of the budget')
    await holder.query('commit')

    const waits = (await Promise.all(taken)).map(({ waitMs }) => waitMs > 0)
    assert.equal(waits.filter(Boolean).length, 1)
  },
)

test('F407 a worker that is stopped while it sends a page loses its runs', { skip }, async (t) => {
  const url = await postgres.database()
  const name = new URL(url).pathname.slice(1)
  const statementMs = 300
  const other = await openPostgresJobs({ url, statementMs })
  const proxy = await Proxy.open(url)
  const stopped = await openPostgresJobs({ url: proxy.url, statementMs })
  t.after(async () => {
    await stopped.close()
    await proxy.close()
    await other.close()
  })
  await other.putDefinitions([DEFINITION], T0)
  await other.enqueue([RUN], T0)
  await claim(stopped)
  const isOld = async (): Promise<boolean> => {
    const sql = `select pid from pg_stat_activity where datname = '${name}' and wait_event = 'ClientRead'
      and state = 'active' and query_start < clock_timestamp() - 2 * interval '${statementMs} ms'`
    return (await postgres.run(sql)).length > 0
  }

  proxy.stopCopy(1)
  const page = commit(stopped, 0)
  await until(isOld, 'the rest of the page is waited for longer than a statement may take')
  const stale = await other.requeueStale(T0 + 2 * HOUR)
  proxy.wake()

  assert.deepEqual(stale, { requeued: 1, failed: 0 })
  assert.equal(await page, undefined)
  assert.equal((await stored(other)).bars, 0)
})

test(
  'F431 a database that was restored gives no symbol the bars of another',
  { skip },
  async (t) => {
    const url = await postgres.database()
    const name = new URL(url).pathname.slice(1)
    await (await openPostgresJobs({ url })).close()
    await postgres.run(`create database ${name}_backup template ${name}`)
    const live = await openPostgresJobs({ url })
    t.after(() => live.close())
    const merge = (store: JobStore, symbol: string, page: number) =>
      store.merge({ ...SERIES, rank: 'final', series: [{ symbol, bars: barsOf(page) }] })
    await merge(live, 'AAPL', 1)
    await postgres.run(`drop database ${name} with (force)`)
    await postgres.run(`create database ${name} template ${name}_backup`)
    const other = await openPostgresJobs({ url })
    t.after(() => other.close())
    await merge(other, 'MSFT', 2)

    await assert.rejects(merge(live, 'AAPL', 3), { name: 'StoreError', code: 'restored' })
    await merge(live, 'AAPL', 3)

    const rows = await query(
      url,
      'select symbol, min(close) as close from intraday_bars group by 1 order by 1',
    )
    assert.deepEqual(rows, [
      { symbol: 'AAPL', close: 103 },
      { symbol: 'MSFT', close: 102 },
    ])
  },
)

test(
  'F432 a lock that another holds for longer than a statement may take is waited for',
  { skip },
  async (t) => {
    const url = await postgres.database()
    await (await openPostgresJobs({ url })).close()
    // It may wait less long than a statement takes: that begins when something goes wrong.
    const store = await openPostgresJobs({ url, statementMs: 400, patienceMs: 200 })
    const holder = new Client({ connectionString: url })
    await holder.connect()
    t.after(async () => {
      await holder.end()
      await store.close()
    })
    await holder.query('begin; lock table job_notes in exclusive mode')
    const waiting = async (): Promise<unknown> => {
      const sql = `select pid, query_start from pg_stat_activity where wait_event_type = 'Lock'`
      return (await postgres.run(sql))[0]?.['query_start']
    }

    let isOver = false
    const noted = store.note('a', 'b').finally(() => (isOver = true))
    const outcome = noted.then(
      () => 'noted',
      (error: unknown) => String(error),
    )
    let first: unknown
    await until(async () => (first ??= await waiting()) !== undefined, 'it waits')
    const isAgain = async (): Promise<boolean> => String(await waiting()) !== String(first)
    await until(async () => isOver || (await isAgain()), 'it has waited for too long')
    await holder.query('commit')

    assert.equal(await outcome, 'noted')
    assert.equal(await store.noted('a'), 'b')
  },
)

test(
  'F618 a worker waits for a database whose name is not known for a moment',
  { skip },
  async (t) => {
    const url = new URL(await postgres.database())
    url.hostname = 'bars.test'
    const gone = Object.assign(new Error('getaddrinfo ENOTFOUND bars.test'), { code: 'ENOTFOUND' })
    let asked = 0
    t.mock.method(dns, 'lookup', (_name: string, _options: unknown, tell: Lookup) => {
      if (++asked < 3) tell(gone)
      else tell(null, [{ address: '127.0.0.1', family: 4 }])
    })

    const work = async (): Promise<void> => {
      const store = await openPostgresJobs({ url: url.href })
      assert.deepEqual(await store.definitions(), [])
      await store.close()
    }
    await assert.doesNotReject(work())

    assert.equal(asked, 3)
  },
)
