/*
 * Backfill-workers: rows per second that two workers store in one Postgres, without a limit of requests; the reference is
 * one worker. The server is a real one with the settings of one in service, but with fsync off, as tests have it; it, the
 * provider and the workers share the machine.
 */
import assert from 'node:assert/strict'
import { openPostgresJobs } from '../src/store/index.ts'
import { query, startCluster } from '../test/postgres/cluster.ts'
import type { Bench, Measured, Size } from './bench.ts'
import { child, endOf, putJobs, said, WEEK_ROWS } from './history.ts'

/** Symbols of each of four queries. */
const SYMBOLS = { full: 1_000, quick: 5 } as const
const NO_LIMIT = 1_000_000
const BARS = ['bars', 'bars_split', 'bars_dividend', 'bars_all']

export const bench: Bench = {
  name: 'backfill-workers',
  unit: 'rows/s',
  goal: { ratioAtLeast: 1.6 },
  run: { skein: (size) => measure(size, 2), reference: (size) => measure(size, 1) },
}

async function measure(size: Size, count: number): Promise<Measured> {
  const cluster = await startCluster('in service')
  assert.equal(cluster.skip, false, `it needs a Postgres: ${cluster.skip}`)
  const url = await cluster.database()
  const store = await openPostgresJobs({ url })
  await putJobs(store, { symbols: SYMBOLS[size], weeks: 1 })
  await store.close()
  const server = child('history-server.ts')
  const { port } = (await said(server)) as { readonly port: number }
  const host = `http://127.0.0.1:${port}`
  const workers = Array.from({ length: count }, () =>
    child('history-worker.ts', url, host, `${NO_LIMIT}`),
  )
  try {
    await Promise.all(workers.map(said))
    const began = Date.now()
    const ends = await Promise.all(
      workers.map(async (worker) => {
        worker.send('go')
        for (;;) {
          const told = await said(worker)
          if (typeof told === 'object' && told !== null && 'endedAt' in told) return told.endedAt
        }
      }),
    )
    const seconds = (Math.max(...ends.map(Number)) - began) / 1_000
    const counted = BARS.map((table) => `(select count(*) from ${table})`).join(' + ')
    const [row] = await query(url, `select (${counted})::integer as rows`)
    const rows = Number(row?.['rows'])
    assert.equal(rows, BARS.length * SYMBOLS[size] * WEEK_ROWS)
    return { value: rows / seconds, check: `${rows} rows`, also: `${seconds.toFixed(1)} s` }
  } finally {
    for (const one of [...workers, server]) await endOf(one)
    await cluster.stop()
  }
}
