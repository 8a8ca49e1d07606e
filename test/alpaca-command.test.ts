// skein venue alpaca, as a person runs it.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { it, type TestContext } from 'node:test'
import { ms } from '../src/core/time.ts'
import type { Report } from '../src/report/report.ts'
import { AlpacaServer, generatedMarket } from '../src/simulators/alpaca/index.ts'
import { DEMO_SYMBOLS } from '../src/simulators/market.ts'
import { openJournal } from '../src/store/index.ts'
import { until } from './bybit/local.ts'
import { endsItsStart, provenIn, put, type Running, skein, start, temporary } from './cli/skein.ts'

const BIN = join(import.meta.dirname, '../bin/skein.js')

/** Runs the command until it says that Ctrl-C stops it, then works, then stops it. */
async function run(args: readonly string[], work: (url: string) => Promise<void>) {
  const child = spawn(process.execPath, [BIN, 'venue', 'alpaca', '--port', '0', ...args])
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (part: string) => (text += part))
  child.stderr.setEncoding('utf8').on('data', (part: string) => (text += part))
  const ended = new Promise<number | null>((resolve) => child.on('exit', (code) => resolve(code)))
  const ready = new Promise<void>((resolve) => {
    child.stdout.on('data', () => {
      if (text.includes('Ctrl-C stops it.')) resolve()
    })
  })
  try {
    await Promise.race([ready, ended])
    const url = /http:\/\/127\.0\.0\.1:\d+/.exec(text)?.[0]
    if (url !== undefined) await work(url)
  } finally {
    child.kill('SIGINT')
  }
  return { code: await ended, text }
}

it('skein venue alpaca serves a market, follows the clock, and stops in order at Ctrl-C', async () => {
  const market = ['--symbols', 'SPY,BTC/USD', '--days', '1', '--start', '2026-01-07T15:00:00Z']
  const faces: string[] = []
  const { code, text } = await run([...market, '--keys', 'a:b', '--speed', '600'], async (url) => {
    const headers = { 'APCA-API-KEY-ID': 'a', 'APCA-API-SECRET-KEY': 'b' }
    const read = async (path: string): Promise<string> =>
      (await fetch(url + path, { headers })).text()
    faces.push(await read('/v2/clock'))
    const query = 'symbols=SPY&timeframe=1Min&start=2026-01-07T15:01:00Z'
    let bars = ''
    while (!bars.includes('"v"')) bars = await read(`/v2/stocks/bars?${query}`)
    faces.push(bars)
  })

  assert.equal(code, 0, text)
  assert.match(faces[0] ?? '', /"is_open":true/)
  assert.match(faces[1] ?? '', /"t":"2026-01-07T15:01:00Z"/)
  assert.match(text, /account {9}key a, secret b/)
  assert.match(text, /stopped: \d+ requests, 0 order events/)
})

it('says of a port that is taken which, and what to do', async (t) => {
  const folder = temporary(t)
  await run([], async (url) => {
    const { port } = new URL(url)
    for (const venue of ['alpaca', 'bybit']) {
      const { code, stdout, stderr } = await skein(folder, 'venue', venue, '--port', port)

      assert.deepEqual([code, stdout], [2, ''])
      assert.equal(
        stderr,
        `error: command line: --port is taken by another program: ${port}; ` +
          'allowed: a free port of this machine, or 0 for any\n',
      )
    }
  })
})

it('refuses a history that would not fit, and says what does', async (t) => {
  const folder = temporary(t)
  const { code, stdout, stderr } = await skein(folder, 'venue', 'bybit', '--days', '3000')

  assert.deepEqual([code, stdout], [2, ''])
  assert.match(
    stderr,
    /--days is more history than fits: 3000; allowed: at most \d+ for \d+ symbols\n$/,
  )
})

const SIXTY = ['--always-open', '--speed', '60']

/** A folder that is configured for a local venue at this address. */
function configured(t: TestContext, url: string, speed: number): string {
  const folder = temporary(t)
  const { port } = new URL(url)
  put(
    folder,
    'skein.yaml',
    `universe: [${DEMO_SYMBOLS.join(', ')}]
instrument: { calendar: 24/7 }
store: { leases: ./data/leases.db, leaseMs: 3000, snapshotEvery: 5 }
venues: { alpaca: { local: { port: ${port}, speed: ${speed} }, subscribe: { total: 100 } } }
`,
  )
  return folder
}

/** A local venue whose market is always open. */
async function served(
  t: TestContext,
  { speed = 1, symbols = DEMO_SYMBOLS }: { speed?: number; symbols?: readonly string[] } = {},
): Promise<AlpacaServer> {
  const startAt = ms(Date.UTC(2026, 0, 7, 15))
  const market = generatedMarket({ seed: 7, symbols, startAt, days: 1, isAlwaysOpen: true })
  const keys = [{ key: 'local', secret: 'local' }]
  const server = await AlpacaServer.start({ ...market, port: 0, speed, keys })
  t.after(() => server.stop())
  return server
}

const PAPER = ['run', '--mode', 'paper', '--venue', 'alpaca', '--config', 'skein.yaml']

for (const on of ['trading', 'data'] as const) {
  it(`Ctrl-C ends a start that waits for the ${on} stream, in order`, async (t) => {
    const server = await served(t)
    server.nemesis.inject({ on, fault: 'refuse' })
    const running = start(configured(t, server.urls.rest, 1), PAPER)
    const refused = until(() => server.audit.faults.length > 0, 'it is refused')
    await endsItsStart(running, refused)
  })
}

it('a run that loses its account while it starts does not go on', async (t) => {
  const server = await served(t)
  // The last thing that a start waits for.
  server.nemesis.inject({ on: 'rest', path: '/v2/stocks/bars', fault: 'slow', by: '2s' })
  const folder = configured(t, server.urls.rest, 1)
  const { child, ended } = start(folder, PAPER)
  t.after(() => child.kill('SIGKILL'))
  await until(() => server.audit.faults.length > 0, 'it warms up')
  const leases = new DatabaseSync(join(folder, 'data/leases.db'))
  leases.exec(`update leases set token = token + 1, holder = 'run two, process 1'`)
  leases.close()

  const { code, stderr } = await ended

  assert.equal(code, 1, stderr)
  assert.match(stderr, /the run stopped itself: .* was taken over by run two, process 1/)
})

it('SIGUSR2 holds though it comes while a run starts', async (t) => {
  const server = await served(t)
  server.nemesis.inject({ on: 'trading', fault: 'refuse', times: 1 })
  const { child, ended, seen } = start(configured(t, server.urls.rest, 1), PAPER)
  const refused = until(() => server.audit.faults.length > 0, 'it is refused')
  await Promise.race([ended, refused])
  child.kill('SIGUSR2')
  await seen(/trading; Ctrl-C/)
  child.kill('SIGINT')
  const { code, stderr } = await ended

  assert.equal(code, 0, stderr)
  assert.match(stderr, /kill-switch ON: SIGUSR2[^]*trading; Ctrl-C/)
})

it('a run trades at a local venue whose minutes are seconds', { timeout: 300_000 }, async (t) => {
  const server = await served(t, { speed: 60 })
  const filled = new Promise<void>((resolve) => {
    server.venue.onOrder((_, { type }) => {
      if (type === 'fill') resolve()
    })
  })

  const folder = configured(t, server.urls.rest, 60)
  const { child, ended } = start(folder, PAPER)
  await Promise.race([ended, filled])
  await Promise.race([ended, until(() => provenIn(folder) !== undefined, 'a proven snapshot')])
  child.kill('SIGINT')
  const { code, stdout, stderr } = await ended
  const again = await skein(folder, 'replay', 'data/journal.db', '--json')

  assert.equal(code, 0, stderr)
  assert.doesNotMatch(stderr, /error:/)
  // The report of the run, and the same from its journal.
  assert.match(stdout, /^paper {2}sma-cross on 31 symbols$/m)
  assert.match(stdout, /Fills are those of alpaca's paper account/)
  assert.equal(again.code, 0, again.stderr)
  assert.match(again.stderr, /replayed \d+ turns: state (\w+), recorded \1: equal/)
  const report = JSON.parse(again.stdout) as Report
  assert.equal(report.manifest.costs, null)
  assert.equal(report.summary.equityStart, 100_000)
  assert.ok(report.total.fills > 0)

  // The first snapshot was proven while it ran; what was before it is dropped here, as it would be a month later.
  const journal = openJournal(join(folder, 'data/journal.db'))
  journal.past.begin(provenIn(folder)!)
  while (journal.past.drop() > 0);
  journal.close()
  const pruned = await skein(folder, 'replay', 'data/journal.db', '--json')

  assert.equal(pruned.code, 0, pruned.stderr)
  assert.match(pruned.stderr, /replayed \d+ turns: state (\w+), recorded \1: equal/)
  const part = JSON.parse(pruned.stdout) as Report
  assert.equal(part.manifest.hashes.intents, report.manifest.hashes.intents)
  assert.equal(part.manifest.work.turns, report.manifest.work.turns)
  assert.match(part.warnings.join('\n'), /The journal begins at 2026-01-07T.*was dropped/)
})

it('sma-cross trades a coin at a local venue, from a signal to a closed trip', async (t) => {
  const speed = 120
  const server = await served(t, { symbols: ['BTC/USD'], speed })
  const closed = new Promise<void>((resolve) => {
    server.venue.onOrder((_, { type, order }) => {
      if (type === 'fill' && order.side === 'sell') resolve()
    })
  })
  const folder = temporary(t)
  const { port } = new URL(server.urls.rest)
  put(
    folder,
    'skein.yaml',
    `universe: [BTC/USD]
store: { leases: ./data/leases.db }
venues: { alpaca: { local: { port: ${port}, speed: ${speed} } } }
strategies:
  - use: sma-cross
    params: { shorts: false, minConfidence: 0, pairs: [[2, 3]], stopAtr: 1, targetAtr: 1 }
`,
  )
  const { child, ended } = start(folder, PAPER)
  await Promise.race([ended, closed])
  child.kill('SIGINT')
  const { code, stdout, stderr } = await ended
  const again = await skein(folder, 'replay', 'data/journal.db', '--json')

  assert.equal(code, 0, stdout + stderr)
  const placed = server.venue.accounts[0]!.orders.map(({ side, type }) => `${side} ${type}`)
  assert.deepEqual(placed.slice(0, 2), ['buy market', 'sell stop_limit'])
  assert.ok(!server.venue.accounts[0]!.orders.some(({ status }) => status === 'rejected'))
  assert.ok(!server.audit.requests.some(({ status }) => status >= 400), 'nothing was refused')
  const report = JSON.parse(again.stdout) as Report
  assert.ok(report.total.trips > 0, JSON.stringify(report.total))
})

it(
  'a run that is asked to shows its open minutes, built from trades',
  { timeout: 300_000 },
  async (t) => {
    const server = await served(t, { speed: 60 })
    const folder = configured(t, server.urls.rest, 60)
    const path = join(folder, 'skein.yaml')
    put(
      folder,
      'skein.yaml',
      readFileSync(path, 'utf8').replace('store: {', 'store: { formingMs: 1000,'),
    )

    const { child, ended, seen } = start(folder, PAPER)
    await seen(/trading; Ctrl-C/)
    const db = new DatabaseSync(join(folder, 'data/archive.db'), { readOnly: true })
    t.after(() => db.close())
    const sql = `select symbol, ts, volume, trades from intraday_bars where data_status = 'provisional'`
    let shown = db.prepare(sql).all()
    await until(
      () => (shown = db.prepare(sql).all()).length > 0 || child.exitCode !== null,
      'it forms',
    )
    child.kill('SIGINT')
    const { code, stderr } = await ended

    assert.equal(code, 0, stderr)
    assert.ok(shown.length > 0)
    assert.ok(shown.every(({ volume, trades }) => Number(volume) > 0 && Number(trades) > 0))
    assert.match(stderr, /sma-cross on 31 symbols, bars$/m)
  },
)

it('a run is told where the pace of its local venue is another', async (t) => {
  let ended: Awaited<Running['ended']> | undefined
  await run(SIXTY, async (url) => {
    ended = await start(configured(t, url, 1), PAPER).ended
  })

  assert.equal(ended?.code, 2)
  assert.match(
    ended?.stderr ?? '',
    /skein\.yaml:\d: venues\.alpaca\.local\.speed is not the venue's: 1/,
  )
  assert.match(ended?.stderr ?? '', /which runs at about (5|6)\d/)
})

it('a run is told that its local venue does not run', async (t) => {
  const folder = configured(t, 'http://127.0.0.1:9', 60)

  const { code, stderr } = await start(folder, PAPER).ended

  assert.equal(code, 1)
  assert.match(stderr, /is "skein venue alpaca" running at http:\/\/127\.0\.0\.1:9\?/)
})

it('skein venue alpaca says what is wrong with its options', async () => {
  const { code, text } = await run(['--keys', 'nothing'], async () => {})

  assert.equal(code, 2)
  assert.match(text, /key:secret,key:secret/)
})

it(
  'a live run moves real money only of the account that is named',
  { timeout: 300_000 },
  async (t) => {
    const startAt = ms(Date.now())
    const market = { seed: 7, symbols: ['AAPL'], startAt, days: 1, isAlwaysOpen: true }
    const keys = [{ key: 'local', secret: 'local' }]
    const options = { ...generatedMarket(market), port: 0, speed: 1, keys, isLive: true }
    const server = await AlpacaServer.start(options)
    t.after(() => server.stop())
    const url = server.urls.rest
    const stream = url.replace('http', 'ws')
    const folder = temporary(t)
    put(folder, 'keys', 'key: local\nsecret: local\n')
    put(
      folder,
      'skein.yaml',
      `universe: [AAPL]
instrument: { calendar: 24/7 }
venues:
  alpaca:
    paper: false
    keyFile: keys
    hosts: { trading: '${url}', data: '${url}', stream: '${stream}', orders: '${stream}/stream' }
`,
    )
    const words = [
      'run',
      '--mode',
      'live',
      '--venue',
      'alpaca',
      '--config',
      'skein.yaml',
      '--account',
    ]
    const { stdout: checked } = await skein(folder, 'doctor', '--config', 'skein.yaml')
    const number = /live account (\d{9})/.exec(checked)?.[1] ?? ''

    const refused = await skein(folder, ...words, '123456789')
    const { child, ended, seen } = start(folder, [...words, number])
    await seen(/trading; Ctrl-C/)
    child.kill('SIGINT')
    const { code, stderr, stdout } = await ended

    assert.equal(refused.code, 2)
    assert.match(
      refused.stderr,
      new RegExp(`--account is not the account of the keys.*${number.slice(-4)}`),
    )
    assert.equal(code, 0, stderr)
    assert.match(stderr, /^live run \w+ at alpaca: sma-cross on 1 symbols/m)
    assert.match(stdout, /^live {2}sma-cross/m)
  },
)
