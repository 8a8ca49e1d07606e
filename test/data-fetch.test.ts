// skein data fetch against the local venue that speaks Alpaca, on real sockets.
import assert from 'node:assert/strict'
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { ms } from '../src/core/time.ts'
import { systemIo } from '../src/io/system.ts'
import { fetchBars } from '../src/runtime/history/fetch.ts'
import { alpacaTermsOf } from '../src/runtime/venues/alpaca.ts'
import { parseConfig } from '../src/runtime/config/config.ts'
import { generateTape } from '../src/simulators/market.ts'
import { AlpacaServer, withCoins } from '../src/simulators/alpaca/index.ts'
import type { ServerOptions } from '../src/simulators/alpaca/server.ts'
import { openArchive } from '../src/store/index.ts'
import { contentHash, put, skein, start, temporary } from './cli/skein.ts'
import { HEADERS, KEY, START, startVenue, SYMBOLS, until } from './alpaca/local.ts'

const RANGE = ['--from', '2026-01-06', '--to', '2026-01-07T15:00:00Z']
const SPAN = { from: ms(Date.UTC(2026, 0, 6)), to: ms(START) }

const yamlOf = (server: AlpacaServer): string =>
  `universe: [SPY, BTC/USD]
venues:
  alpaca:
    key: \${ALPACA_KEY}
    secret: \${ALPACA_SECRET}
    hosts: { trading: "${server.urls.rest}", data: "${server.urls.rest}" }
`

async function venue(t: TestContext, options: Partial<ServerOptions> = {}, keys = KEY) {
  const server = await startVenue(options)
  t.after(() => server.stop())
  process.env['ALPACA_KEY'] = keys.key
  process.env['ALPACA_SECRET'] = keys.secret
  t.after(() => {
    delete process.env['ALPACA_KEY']
    delete process.env['ALPACA_SECRET']
  })
  const folder = temporary(t)
  put(folder, 'skein.yaml', yamlOf(server))
  const fetchData = (...words: readonly string[]) =>
    skein(folder, 'data', 'fetch', '--config', 'skein.yaml', ...RANGE, ...words)
  return { server, folder, fetchData, archive: join(folder, 'data/archive.db') }
}

type Row = Readonly<Record<'t' | 'o' | 'h' | 'l' | 'c' | 'v' | 'n', number>>

/** What the server itself says, asked by nothing of ours. */
async function rowsOf(server: AlpacaServer, symbol: string): Promise<number[][]> {
  const path = symbol.includes('/') ? '/v1beta3/crypto/us/bars' : '/v2/stocks/bars'
  const end = new Date(SPAN.to - 1).toISOString()
  const range = { timeframe: '1Min', start: '2026-01-06T00:00:00Z', end, limit: '10000' }
  const query = new URLSearchParams({ symbols: symbol, ...range })
  const answer = await fetch(`${server.urls.rest}${path}?${query.toString()}`, { headers: HEADERS })
  const { bars } = (await answer.json()) as { bars: Record<string, Row[]> }
  return (bars[symbol] ?? []).map(({ t, o, h, l, c, v, n }) => [
    new Date(t).getTime(),
    o,
    h,
    l,
    c,
    v,
    n,
  ])
}

async function storedIn(path: string, symbol: string): Promise<number[][]> {
  const archive = await openArchive(path)
  const rows: number[][] = []
  for await (const page of archive.bars({ symbol, timeframe: '1m' })) {
    const { start, open, high, low, close, volume, trades } = page
    const columns = [start, open, high, low, close, volume, trades]
    for (let i = 0; i < page.length; i++) rows.push(columns.map((column) => column[i]!))
  }
  await archive.close()
  return rows
}

async function countIn(path: string): Promise<number> {
  const archive = await openArchive(path)
  const series = await archive.series()
  await archive.close()
  return series.reduce((sum, { bars }) => sum + bars, 0)
}

/** Requests for bars that the server saw. */
const barRequests = ({ audit }: AlpacaServer): number =>
  audit.requests.filter(({ path }) => path.endsWith('/bars')).length

test('stores every bar that the server has, with the fewest requests', async (t) => {
  const { server, fetchData, archive } = await venue(t)

  const { code, stdout, stderr } = await fetchData('--symbols', SYMBOLS.join(','))

  assert.equal(code, 0, stderr)
  assert.match(
    stdout,
    /^\d+ bars of 4 symbols in 2 pages; 2 requests, 2 at least, and 4 to look the symbols up, in data/,
  )
  assert.equal(barRequests(server), 2)
  for (const symbol of SYMBOLS) {
    const rows = await rowsOf(server, symbol)
    assert.ok(rows.length > 100, `${symbol} has ${rows.length} bars`)
    assert.deepEqual(await storedIn(archive, symbol), rows, symbol)
  }
})

test('takes the universe of the configuration, and the same command again rewrites the same rows', async (t) => {
  const { fetchData, archive } = await venue(t)

  const first = await fetchData('--json')
  const hash = contentHash(archive)
  const second = await fetchData('--json')

  const report = JSON.parse(first.stdout) as Record<string, unknown>
  assert.deepEqual(report['symbols'], ['SPY', 'BTC/USD'])
  assert.deepEqual([report['requests'], report['leastRequests'], report['lookups']], [2, 2, 2])
  assert.equal(second.stdout, first.stdout)
  assert.equal(contentHash(archive), hash)
})

test('without a file it needs both variables of the environment', async (t) => {
  const { folder } = await venue(t)
  delete process.env['ALPACA_SECRET']

  const { code, stderr } = await skein(folder, 'data', 'fetch', '--symbols', 'SPY', ...RANGE)

  assert.equal(code, 2)
  assert.match(stderr, /^error: configuration: venues\.alpaca is missing; allowed: venues: /)
})

test('follows pages to the end, and leaves whole pages where it is stopped', async (t) => {
  const { server, folder } = await venue(t)
  const terms = alpacaTermsOf(parseConfig(yamlOf(server), 'skein.yaml', process.env))
  const archive = await openArchive(join(folder, 'pages.db'))
  t.after(() => archive.close())
  const job = {
    terms,
    archive,
    symbols: ['AAPL', 'MSFT', 'SPY'],
    timeframe: '1m',
    ...SPAN,
  } as const
  const history = { symbols: 50, rows: 100, perMinute: 200 }

  server.nemesis.inject({
    fault: 'status',
    on: 'rest',
    status: 400,
    path: '/v2/stocks/bars',
    skip: 3,
  })
  const broken = await fetchBars({ ...job, history })
  const after3 = (await archive.series()).reduce((sum, { bars }) => sum + bars, 0)
  server.nemesis.clear()
  const whole = await fetchBars({ ...job, history })

  assert.ok(!broken.ok)
  assert.deepEqual(
    [broken.fault.code, broken.fault.context?.['rows'], after3],
    ['bad-request', 300, 300],
  )
  assert.ok(whole.ok, JSON.stringify(whole))
  const { rows, pages, requests, leastRequests } = whole.value
  const all = (await archive.series()).reduce((sum, { bars }) => sum + bars, 0)
  assert.equal(rows, all)
  assert.deepEqual([pages, requests], [Math.ceil(rows / 100), leastRequests])
  for (const symbol of job.symbols)
    assert.deepEqual(await storedIn(archive.path, symbol), await rowsOf(server, symbol), symbol)
})

test('waits as long as a 429 asks, says so, and loses nothing', async (t) => {
  const { server, fetchData, archive } = await venue(t)
  const rule = {
    fault: 'status',
    on: 'rest',
    status: 429,
    path: '/v2/stocks/bars',
    times: 1,
  } as const
  server.nemesis.inject({ ...rule, retryAfter: 1 })

  const { code, stdout, stderr } = await fetchData('--symbols', 'SPY')

  assert.equal(code, 0, stderr)
  assert.match(stderr, /alpaca's limit of requests is met; waiting 1 s/)
  assert.match(stdout, /in 1 pages; 2 requests, 1 at least/)
  const asked = server.audit.requests.filter(({ path }) => path.endsWith('/bars'))
  assert.deepEqual(
    asked.map(({ status }) => status),
    [429, 200],
  )
  assert.ok(asked[1]!.clockAt - asked[0]!.clockAt >= 1_000)
  assert.deepEqual(await storedIn(archive, 'SPY'), await rowsOf(server, 'SPY'))
})

const MANY = Array.from({ length: 31 }, (_, i) => `S${String.fromCharCode(65 + (i % 26))}${i}`)
const manySymbols = () =>
  withCoins(generateTape({ seed: 3, symbols: MANY, start: SPAN.from, sessions: 2, kind: 'bars' }))

test('looks many symbols up by one list', async (t) => {
  const { server, folder } = await venue(t, { tape: manySymbols() })
  const terms = alpacaTermsOf(parseConfig(yamlOf(server), 'skein.yaml', process.env))
  const archive = await openArchive(join(folder, 'many.db'))
  t.after(() => archive.close())
  const io = systemIo({ seed: 1 })
  t.after(() => io.close())

  const fetched = await fetchBars({ terms, archive, symbols: MANY, timeframe: '1m', ...SPAN, io })

  assert.ok(fetched.ok, JSON.stringify(fetched))
  const { rows, requests, leastRequests, lookups } = fetched.value
  assert.ok(rows > 10_000, `${rows} rows`)
  assert.deepEqual([requests, leastRequests, lookups], [2, 2, 1])
})

test('F061 a fetch that is killed leaves whole pages, and the same command ends as if it had not been', async (t) => {
  const { server, folder, archive } = await venue(t, { tape: manySymbols() })
  const words = ['data', 'fetch', '--config', 'skein.yaml', ...RANGE, '--symbols', MANY.join(',')]
  // The second page never comes.
  server.nemesis.inject({ fault: 'silence', on: 'rest', path: '/v2/stocks/bars', skip: 1 })
  const { child, ended } = start(folder, words)
  await until(() => barRequests(server) === 2, 'the second page was asked for')
  child.kill('SIGKILL')
  assert.equal((await ended).signal, 'SIGKILL')
  const left = await countIn(archive)
  server.nemesis.clear()
  const { code, stdout } = await skein(folder, ...words)
  const rows = async (): Promise<number[][][]> =>
    Promise.all(MANY.map((symbol) => storedIn(archive, symbol)))
  const resumed = await rows()
  rmSync(archive)
  await skein(folder, ...words)

  assert.equal(left, 10_000)
  assert.equal(code, 0)
  assert.equal(resumed.flat().length, Number.parseInt(stdout, 10))
  assert.deepEqual(resumed, await rows())
})

test('a wrong key is one message without the key, and exit code 1', async (t) => {
  const wrong = { key: 'test-key', secret: 'not-the-secret' }
  const { fetchData, archive } = await venue(t, {}, wrong)

  const { code, stdout, stderr } = await fetchData()

  assert.equal(code, 1)
  assert.equal(stdout, '')
  assert.match(
    stderr,
    /^failed: GET \/v2\/assets\/SPY: answered 401.*; check key and secret; paper keys go with/,
  )
  assert.match(stderr, /; nothing was stored\n$/)
  assert.doesNotMatch(stderr, /not-the-secret|test-key/)
  assert.ok(existsSync(archive))
})

test('symbols that the venue does not know are named, and nothing is asked for the others', async (t) => {
  const { server, fetchData } = await venue(t)

  const { code, stderr } = await fetchData('--symbols', 'SPY,SPYY,BTCUSD,QQQQ')

  assert.equal(code, 1)
  assert.match(
    stderr,
    /^failed: alpaca knows no SPYY, BTCUSD \(its name is BTC\/USD\), QQQQ; write symbols as Alpaca does/,
  )
  assert.equal(barRequests(server), 0)
})

test('a feed that the plan does not hold is told with what to do', async (t) => {
  const { server, fetchData, folder } = await venue(t, { plan: 'free' })
  put(folder, 'skein.yaml', `${yamlOf(server)}    feed: sip\n`)

  const { code, stderr } = await fetchData('--symbols', 'SPY')

  assert.equal(code, 1)
  assert.match(
    stderr,
    /does not permit querying recent SIP data.*; the data plan does not hold this/,
  )
})

test('a symbol without bars in the range is told', async (t) => {
  const { fetchData } = await venue(t)

  const { code, stdout } = await fetchData(
    '--symbols',
    'SPY,BTC/USD',
    '--from',
    '2026-01-06T04:00:00Z',
    '--to',
    '2026-01-06T05:00:00Z',
  )

  assert.equal(code, 0)
  assert.match(stdout, /bars of 2 symbols in 2 pages; none of .*SPY/)
})

test('a range that ends before it begins is refused', async (t) => {
  const { fetchData } = await venue(t)

  const { code, stderr } = await fetchData('--to', '2026-01-05')

  assert.equal(code, 2)
  assert.match(stderr, /--from is not before --to/)
})
