// A venue that speaks Bybit, a doctor that looks at it, and a run that trades on it, as a person starts them.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test, type TestContext } from 'node:test'
import { z } from 'zod'
import { ms } from '../src/core/time.ts'
import type { Finding } from '../src/runtime/doctor/finding.ts'
import { RunFile } from '../src/runtime/replay/run-file.ts'
import { openArchive } from '../src/store/index.ts'
import { type BybitServer, generatedMarket } from '../src/simulators/bybit/index.ts'
import { START, startVenue, SYMBOLS, until } from './bybit/local.ts'
import { endsItsStart, put, skein, start, temporary } from './cli/skein.ts'

const LOCAL = { key: 'local', secret: 'local' }
const SPEED = 60
const TRADING = /trading; Ctrl-C/

type Configured = [
  server: BybitServer,
  venue: string,
  symbols?: readonly string[],
  currency?: string,
]

function folderFor(t: TestContext, ...about: Configured): string {
  const folder = temporary(t)
  configure(folder, ...about)
  return folder
}

function configure(
  folder: string,
  ...[server, venue, symbols = SYMBOLS, currency = 'USDT']: Configured
): void {
  const port = new URL(server.urls.rest).port
  put(
    folder,
    'skein.yaml',
    `universe: [${symbols.join(', ')}]
account: { cash: 100000, currency: ${currency} }
strategies: [{ use: sma-cross, params: { pairs: [[1, 2]], fraction: 0.02 } }]
risk: { maxTradesPerDay: 1000 }
store: { leases: ./data/leases.db }
venues: { bybit: { ${venue.replace('PORT', port)} } }
`,
  )
}

test('skein venue bybit prints where to point a client, and stops in order', async (t) => {
  const words = ['venue', 'bybit', '--port', '0', '--symbols', 'BTCUSDT', '--days', '1']
  const { child, ended } = start(temporary(t), words)
  child.stdout!.on('data', (text: Buffer) => {
    if (text.includes('Ctrl-C stops it.')) child.kill('SIGINT')
  })
  const { code, stdout } = await ended

  assert.equal(code, 0)
  assert.match(stdout, /private stream {2}ws:\/\/127\.0\.0\.1:\d+\/v5\/private/)
  assert.match(stdout, /venues: \{ bybit: \{ local: \{ port: \d+, speed: 1 \} \} \}/)
  assert.match(stdout, /account: \{ currency: USDT \}/)
  assert.match(stdout, /stopped: 0 requests, 0 order events/)
})

test('the doctor looks at each category by its own names', async (t) => {
  for (const [category, symbol, currency] of [
    ['inverse', 'BTCUSD', 'BTC'],
    ['option', 'BTC-27MAR26-70000-C-USDT', 'USDT'],
    ['spot', 'BTCUSDT', 'USDT'],
  ] as const) {
    const startAt = ms(Date.now())
    const market = generatedMarket({ seed: 3, symbols: [symbol], startAt, days: 1 })
    const server = await startVenue({ ...market, startAt, speed: 1, category, keys: [LOCAL] })
    t.after(() => server.stop())
    const local = `category: ${category}, local: { port: PORT }`
    const folder = folderFor(t, server, local, [symbol], currency)
    const { stdout } = await skein(folder, 'doctor', '--config', 'skein.yaml', '--json')
    const { findings } = JSON.parse(stdout) as { findings: readonly Finding[] }
    const states = findings.map(({ check, state }) => `${check} ${state}`)

    for (const check of ['account', 'positions', 'symbols', 'dead man'])
      assert.ok(states.includes(`${check} ok`), `${category} ${check}: ${JSON.stringify(findings)}`)
  }
})

test('the doctor looks at key, clock, positions and symbols of Bybit', async (t) => {
  const server = await startVenue({ startAt: ms(Date.now()), speed: 1, keys: [LOCAL] })
  t.after(() => server.stop())
  const doctor = async (symbols: readonly string[]): Promise<readonly string[]> => {
    const folder = folderFor(t, server, 'local: { port: PORT }', [...symbols])
    const { stdout } = await skein(folder, 'doctor', '--config', 'skein.yaml', '--json')
    const { findings } = JSON.parse(stdout) as { findings: readonly Finding[] }
    return findings.map(({ check, state }) => `${check} ${state}`)
  }

  const well = await doctor(SYMBOLS)
  server.nemesis.inject({ on: 'orders', fault: 'hedge', symbol: 'BTCUSDT' })
  server.nemesis.inject({ on: 'clock', fault: 'skew', by: 5_000 })
  await new Promise((resolve) => server.venue.onMove(() => resolve(undefined)))
  const ill = await doctor(['BTCUSDT', 'NOSUCH'])

  for (const check of ['keys', 'account', 'clock', 'positions', 'symbols'])
    assert.ok(well.includes(`${check} ok`), `${check}: ${well.join(', ')}`)
  for (const check of ['positions', 'symbols'])
    assert.ok(ill.includes(`${check} fail`), `${check}: ${ill.join(', ')}`)
})

test(
  'a run trades perpetuals, is killed, goes on over the trade socket, ends flat, and replays to the same',
  { timeout: 300_000 },
  async (t) => {
    const server = await startVenue({ speed: SPEED, keys: [LOCAL] })
    t.after(() => server.stop())
    const [account] = server.venue.accounts
    const filled = fillsAt(server)
    const local = `local: { port: PORT, speed: ${SPEED} }`
    const folder = folderFor(t, server, local)
    const words = ['run', '--mode', 'paper', '--venue', 'bybit', '--config', 'skein.yaml']
    const untilFilled = async () => {
      const first = filled()
      const running = start(folder, [...words, '--on-stop', 'flatten'])
      // What a killed process meant to send may be sent, and fill, while the next one starts.
      await Promise.race([running.ended, Promise.all([first, running.seen(TRADING)])])
      return running
    }
    const first = await untilFilled()
    first.child.kill('SIGKILL')
    await first.ended
    const other = await skein(folder, ...words, '--symbols', 'NOPE')
    assert.equal(other.code, 2)
    assert.match(other.stderr, /the unfinished run \w+ of another universe: "?NOPE/)
    const before = account!.executions.length
    configure(folder, server, `${local}, orderEntry: socket`)
    const second = await untilFilled()
    second.child.kill('SIGINT')
    const { code, stdout, stderr } = await second.ended

    assert.equal(code, 0, stderr)
    assert.deepEqual(kindsIn(folder), ['perpetual', 'perpetual', 'perpetual'])
    assert.match(stderr, /going on at \S+ from the \w+, \d+ turns done again/)
    assert.match(stdout, /^paper {2}sma-cross on 3 symbols$/m)
    assert.match(stdout, /Fills are those of bybit, with its fees\./)
    assert.match(stderr, /replayed \d+ turns: state (\w+), recorded \1: equal/)
    const entered = server.audit.frames.filter(({ text }) => text.includes('"op":"order.create'))
    assert.ok(entered.length > 0)
    assert.ok(before > 0 && account!.executions.length > before)
    const ids = account!.orders.map(({ linkId }) => linkId)
    assert.equal(new Set(ids).size, ids.length)
    assert.equal(account!.open.size, 0)
    for (const symbol of SYMBOLS) assert.equal(account!.positionOf(symbol).qty, 0)
  },
)

test('a new run asks for the instruments once, and one that goes on once more', async (t) => {
  const server = await startVenue({ speed: SPEED, keys: [LOCAL] })
  t.after(() => server.stop())
  const asked = (): number =>
    server.audit.requests.filter(({ path }) => path === '/v5/market/instruments-info').length
  const folder = folderFor(t, server, `local: { port: PORT, speed: ${SPEED} }`)
  const words = ['run', '--mode', 'paper', '--venue', 'bybit', '--config', 'skein.yaml']
  const untilTrading = async (end: NodeJS.Signals) => {
    const { child, ended } = start(folder, words)
    child.stderr!.on('data', (text: Buffer) => {
      if (TRADING.test(text.toString())) child.kill(end)
    })
    return ended
  }
  await untilTrading('SIGKILL')
  const first = asked()
  const { code, stderr } = await untilTrading('SIGINT')

  assert.equal(code, 0, stderr)
  assert.match(stderr, /going on at/)
  assert.deepEqual([first, asked()], [1, 2])
})

for (const on of ['trading', 'data'] as const) {
  test(`Ctrl-C ends a start that waits for the ${on} stream, in order`, async (t) => {
    const server = await startVenue({ speed: 1, keys: [LOCAL] })
    t.after(() => server.stop())
    server.nemesis.inject({ on, fault: 'refuse' })
    const folder = folderFor(t, server, 'local: { port: PORT, speed: 1 }')
    const words = ['run', '--mode', 'paper', '--venue', 'bybit', '--config', 'skein.yaml']
    const running = start(folder, words)
    const refused = until(() => server.audit.faults.length > 0, 'it is refused')
    await endsItsStart(running, refused)
  })
}

test('minutes that form are in the archive for people, and a run that is killed goes on as if they were not there', async (t) => {
  const server = await startVenue({ speed: SPEED, keys: [LOCAL] })
  t.after(() => server.stop())
  const folder = folderFor(t, server, `local: { port: PORT, speed: ${SPEED} }`)
  const path = join(folder, 'skein.yaml')
  const text = readFileSync(path, 'utf8')
  put(folder, 'skein.yaml', text.replace('store: {', 'store: { formingMs: 1000,'))
  const words = ['run', '--mode', 'paper', '--venue', 'bybit', '--config', 'skein.yaml']
  const provisional = () => statusesIn(folder).get('provisional') ?? 0
  const untilForming = async (end: NodeJS.Signals) => {
    const { child, ended } = start(folder, words)
    let isTrading = false
    child.stderr!.on('data', (part: Buffer) => (isTrading ||= TRADING.test(part.toString())))
    await until(() => isTrading || child.exitCode !== null, 'it trades')
    const before = statusesIn(folder).get('live') ?? 0
    await until(
      () =>
        child.exitCode !== null ||
        (provisional() > 0 && (statusesIn(folder).get('live') ?? 0) > before),
      'a minute is closed, and another forms',
    )
    child.kill(end)
    return ended
  }
  await untilForming('SIGKILL')
  const { code, stderr } = await untilForming('SIGINT')
  const archive = await openArchive(join(folder, 'data/archive.db'))
  t.after(() => archive.close())
  const told = (await archive.series()).reduce((sum, { bars }) => sum + bars, 0)

  assert.equal(told, statusesIn(folder).get('live'))
  assert.equal(code, 0, stderr)
  assert.match(stderr, /going on at /)
  assert.match(stderr, /replayed \d+ turns: state (\w+), recorded \1: equal/)
})

/** How many bars of each status the archive shows. */
function statusesIn(folder: string): ReadonlyMap<string, number> {
  const path = join(folder, 'data/archive.db')
  if (!existsSync(path)) return new Map()
  const db = new DatabaseSync(path, { readOnly: true })
  try {
    const sql = 'select data_status as status, count(*) as n from intraday_bars group by 1'
    return new Map(
      db
        .prepare(sql)
        .all()
        .map(({ status, n }) => [String(status), Number(n)]),
    )
  } finally {
    db.close()
  }
}

/** Gives how to wait for a fill of an order that is not there yet: one of a killed process may fill after it. */
function fillsAt({ venue }: BybitServer): () => Promise<void> {
  let onOrder = (_order: unknown): void => {}
  venue.onAccount((_, event) => {
    if (event.type === 'execution') onOrder(event.execution.order)
  })
  return () => {
    const before = new Set<unknown>(venue.accounts.flatMap(({ orders }) => orders))
    return new Promise((resolve) => {
      onOrder = (order) => {
        if (!before.has(order)) resolve()
      }
    })
  }
}

/** Of the instruments of the run: the configuration says nothing of them. */
function kindsIn(folder: string): string[] {
  const file = RunFile.open(join(folder, 'data/journal.db'))
  const specs = z.array(z.object({ kind: z.string() })).parse(file.header?.instruments)
  file.close()
  return specs.map(({ kind }) => kind)
}

/** Buys at a bar, and sells at the next. */
const TURNING = `import { defineStrategy, z } from 'skein'
export default defineStrategy({
  name: 'turning',
  params: z.strictObject({}),
  needs: () => ({ bars: '1m' }),
  symbol: (ctx) => ({
    onBar() {
      if (ctx.orders.length > 0) return
      if (ctx.position.isFlat) ctx.buy({ qty: 1 })
      else ctx.close()
    },
  }),
})
`

const CATEGORIES = [
  {
    category: 'inverse',
    kind: 'perpetual',
    symbols: ['BTCUSD'],
    currency: 'BTC',
    what: 'inverse contracts, which are dollars and paid in coins',
  },
  {
    category: 'option',
    kind: 'option',
    symbols: ['BTC-27MAR26-70000-C-USDT', 'ETH-27MAR26-3000-P-USDT'],
    currency: 'USDT',
    what: 'options, whose bars are made of trades',
  },
  {
    category: 'spot',
    kind: 'crypto',
    symbols: ['BTCUSDT', 'ETHUSDT'],
    currency: 'USDT',
    what: 'pairs of spot, whose fees are coins',
  },
] as const

for (const { category, kind, symbols, currency, what } of CATEGORIES) {
  test(
    `a run trades ${what}, is killed, goes on and ends flat`,
    { timeout: 300_000 },
    async (t) => {
      const market = generatedMarket({ seed: 3, symbols, startAt: START, days: 1 })
      const server = await startVenue({ ...market, category, speed: SPEED, keys: [LOCAL] })
      t.after(() => server.stop())
      const [account] = server.venue.accounts
      const filled = fillsAt(server)
      const local = `category: ${category}, local: { port: PORT, speed: ${SPEED} }`
      const folder = folderFor(t, server, local, symbols, currency)
      put(folder, 'turning.ts', TURNING)
      const words = ['run', '--mode', 'paper', '--venue', 'bybit', '--config', 'skein.yaml']
      const flat = ['--on-stop', 'flatten', '--strategy', './turning.ts']
      const untilFilled = async () => {
        const first = filled()
        const running = start(folder, [...words, ...flat])
        await Promise.race([running.ended, Promise.all([first, running.seen(TRADING)])])
        return running
      }
      const killed = await untilFilled()
      killed.child.kill('SIGKILL')
      await killed.ended
      const running = await untilFilled()
      running.child.kill('SIGINT')
      const { code, stderr } = await running.ended

      assert.equal(code, 0, stderr)
      assert.deepEqual(new Set(kindsIn(folder)), new Set([kind]))
      assert.match(stderr, /replayed \d+ turns: state (\w+), recorded \1: equal/)
      assert.doesNotMatch(stderr, /halted|differ/)
      assert.ok(account!.executions.length > 0)
      assert.equal(account!.open.size, 0)
      for (const instrument of server.venue.universe.all) {
        const held =
          category === 'spot'
            ? account!.coinsOf(instrument).balance
            : account!.positionOf(instrument.symbol).qty
        // What the fees have left of a lot.
        assert.ok(held >= 0 && held < instrument.lotSize, `${held} ${instrument.symbol}`)
      }
    },
  )
}

test('keys are asked for by name, and real money only where it is said twice', async (t) => {
  const server = await startVenue()
  t.after(() => server.stop())
  const hosts = `hosts: { rest: "${server.urls.rest}" }`
  const run = async (venue: string, ...words: readonly string[]) => {
    const folder = folderFor(t, server, venue)
    return skein(folder, 'run', '--venue', 'bybit', '--config', 'skein.yaml', ...words)
  }
  const missing = await run(hosts)
  const real = await run(`environment: mainnet, keyFile: ./keys`, '--mode', 'paper')

  assert.equal(missing.code, 2)
  assert.match(missing.stderr, /venues\.bybit\.key is missing; allowed: \$\{BYBIT_KEY\} from the/)
  assert.equal(real.code, 2)
  assert.match(real.stderr, /venues\.bybit\.environment is configured for real money, and this is/)
})
