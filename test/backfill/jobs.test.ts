// skein backfill and skein jobs against the local venue that speaks Alpaca, on real sockets.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AlpacaServer } from '../../src/simulators/alpaca/index.ts'
import { openArchive } from '../../src/store/index.ts'
import { HEADERS } from '../alpaca/local.ts'
import { desk, SYMBOLS, WISH } from './desk.ts'

/** What the server itself says, asked by nothing of ours. */
async function rowsOf(server: AlpacaServer, symbol: string, timeframe: string): Promise<unknown> {
  const range = { start: '2025-12-29T00:00:00Z', end: '2026-01-06T23:59:59Z', limit: '10000' }
  const query = new URLSearchParams({ symbols: symbol, timeframe, ...range })
  const url = `${server.urls.rest}/v2/stocks/bars?${query.toString()}`
  const answer = await fetch(url, { headers: HEADERS })
  const { bars } = (await answer.json()) as { bars: Record<string, Record<string, number>[]> }
  return (bars[symbol] ?? []).map(({ t, o, h, l, c, v, n }) => [
    Date.parse(String(t)),
    o,
    h,
    l,
    c,
    v,
    n,
  ])
}

async function storedIn(path: string, symbol: string, timeframe: '1h' | '1d'): Promise<unknown> {
  const archive = await openArchive(path)
  const rows: number[][] = []
  for await (const page of archive.bars({ symbol, timeframe })) {
    const { start, open, high, low, close, volume, trades } = page
    for (let i = 0; i < page.length; i++)
      rows.push([start, open, high, low, close, volume, trades].map((column) => column[i]!))
  }
  await archive.close()
  return rows
}

test('five symbols and two timeframes are two definitions, and one tick brings their rows', async (t) => {
  const { server, run, archive } = await desk(t)

  const planned = await run('backfill', 'plan', ...WISH, '--timeframes', '1h,1d', '--json')
  const listed = await run('jobs', 'list', '--json')
  const ticked = await run('jobs', 'tick', '--json')

  assert.equal(planned.code, 0, planned.stderr)
  const { definitions, created, requests, leastRequests, singleRequests } = JSON.parse(
    planned.stdout,
  )
  assert.deepEqual(
    { definitions, created, requests, leastRequests, singleRequests },
    { definitions: 2, created: 2, requests: 2, leastRequests: 2, singleRequests: 10 },
  )
  const found = JSON.parse(listed.stdout) as Record<string, unknown>[]
  assert.deepEqual(
    found.map(({ timeframe, symbols, batchVersion }) => ({ timeframe, symbols, batchVersion })),
    [
      { timeframe: '1d', symbols: SYMBOLS, batchVersion: 2 },
      { timeframe: '1h', symbols: SYMBOLS, batchVersion: 2 },
    ],
  )
  assert.equal(ticked.code, 0, ticked.stderr)
  assert.equal(server.audit.requests.filter(({ path }) => path.endsWith('/bars')).length, 2)
  for (const symbol of SYMBOLS) {
    const hours = await rowsOf(server, symbol, '1Hour')
    assert.ok(Array.isArray(hours) && hours.length > 30)
    assert.deepEqual(await storedIn(archive, symbol, '1h'), hours)
    assert.deepEqual(await storedIn(archive, symbol, '1d'), await rowsOf(server, symbol, '1Day'))
  }
})

test('planning and working again adds nothing, and asks for nothing', async (t) => {
  const { server, run, archive } = await desk(t)
  const wish = [...WISH, '--timeframes', '1h,1d', '--json']
  await run('backfill', 'run', ...wish)
  const asked = server.audit.requests.length
  const stored = await storedIn(archive, 'NVDA', '1h')

  const planned = await run('backfill', 'plan', ...wish)
  const worked = await run('backfill', 'run', ...wish)

  const { created, changed, requests } = JSON.parse(planned.stdout)
  assert.deepEqual({ created, changed, requests }, { created: 0, changed: 0, requests: 0 })
  assert.equal(JSON.parse(worked.stdout).rows, 0)
  assert.equal(server.audit.requests.length, asked)
  assert.deepEqual(await storedIn(archive, 'NVDA', '1h'), stored)
})
