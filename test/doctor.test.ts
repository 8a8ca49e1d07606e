// skein doctor against the local venue that speaks Alpaca, on real sockets.
import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, readdirSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { fsyncFinding, roomFinding } from '../src/runtime/doctor/disk.ts'
import { nodeFinding } from '../src/runtime/doctor/doctor.ts'
import type { Finding } from '../src/runtime/doctor/finding.ts'
import { AlpacaServer } from '../src/simulators/alpaca/index.ts'
import type { ServerOptions } from '../src/simulators/alpaca/server.ts'
import { KEY, startOpenVenue, startVenue } from './alpaca/local.ts'
import { put, skein, start, temporary } from './cli/skein.ts'

interface Told {
  readonly universe?: readonly string[]
  /** Further lines of venues.alpaca. */
  readonly lines?: readonly string[]
}

const yamlOf = (
  server: AlpacaServer,
  { universe = ['SPY', 'BTC/USD'], lines = [] }: Told,
): string =>
  `universe: [${universe.join(', ')}]
venues:
  alpaca:
    key: \${ALPACA_KEY}
    secret: \${ALPACA_SECRET}
    hosts: { trading: "${server.urls.rest}", data: "${server.urls.rest}" }
${lines.map((line) => `    ${line}\n`).join('')}`

/** How fast and how full the disk of the machine is decides them, and no test of a venue. */
const OF_THE_DISK = ['disk', 'fsync']
const isOfVenue = ({ check }: Finding): boolean => !OF_THE_DISK.includes(check)

/** A venue whose clock is the machine's, and a folder that is configured for it. */
async function venue(t: TestContext, told: Told = {}, options: Partial<ServerOptions> = {}) {
  const server = await startVenue({ startAt: Date.now(), speed: 1, ...options })
  t.after(() => server.stop())
  setKeys(t, KEY)
  const folder = temporary(t)
  put(folder, 'skein.yaml', yamlOf(server, told))
  const doctor = async (...words: readonly string[]) => {
    const result = await skein(folder, 'doctor', '--config', 'skein.yaml', '--json', ...words)
    const { findings } = JSON.parse(result.stdout) as { findings: readonly Finding[] }
    const of = (check: string) => findings.find((one) => one.check === check)
    const bad = findings
      .filter((one) => isOfVenue(one) && one.state !== 'ok')
      .map(({ check }) => check)
    return { ...result, findings, of, bad }
  }
  return { server, folder, doctor }
}

function setKeys(t: TestContext, { key, secret }: { key: string; secret: string }): void {
  process.env['ALPACA_KEY'] = key
  process.env['ALPACA_SECRET'] = secret
  t.after(() => {
    delete process.env['ALPACA_KEY']
    delete process.env['ALPACA_SECRET']
  })
}

test('finds all well, and leaves nothing behind', async (t) => {
  const { folder, doctor } = await venue(t)

  const { code, stderr, findings, bad, of } = await doctor()

  assert.equal(code, 0, stderr)
  assert.deepEqual(bad, [])
  assert.deepEqual(
    findings.map(({ check }) => check),
    [
      'node',
      'configuration',
      'keys',
      'account',
      'clock',
      'feed',
      'plan',
      'plan',
      'disk',
      'sqlite',
      'fsync',
      'leases',
      'ports',
    ],
  )
  assert.match(of('account')?.text ?? '', /^paper account PA\w+, ACTIVE, equity 100000\.00$/)
  assert.match(
    of('clock')?.text ?? '',
    /^\d+ ms (behind|ahead of) the venue \(give or take \d+ ms\)$/,
  )
  assert.deepEqual(readdirSync(folder), ['skein.yaml'])
})

test('tells a person one line for each check, and what to do below it', async (t) => {
  const { folder } = await venue(t, {
    lines: ['subscribe: { total: 1 }'],
    universe: ['SPY', 'AAPL'],
  })

  const { code, stdout, stderr } = await skein(folder, 'doctor', '--config', 'skein.yaml')

  assert.equal(code, 1)
  assert.match(stdout, /^ok {4}node {11}\d+\.\d+\.\d+$/m)
  assert.match(
    stdout,
    /^fail {2}plan {11}2 symbols do not fit a 1-symbol plan \(stocks\)\n {21}→ take 1 out/m,
  )
  assert.match(stderr, /^failed: 1 of 12 checks failed\n$/)
})

test('31 symbols do not fit a plan of 30, and it says what to do', async (t) => {
  const universe = Array.from({ length: 31 }, (_, i) => `S${i}`)
  const { doctor } = await venue(t, { universe })

  const { code, bad, of } = await doctor()

  assert.equal(code, 1)
  assert.deepEqual(bad, ['plan'])
  assert.equal(of('plan')?.text, '31 symbols do not fit a 30-symbol plan (stocks)')
  assert.match(
    of('plan')?.todo ?? '',
    /^take 1 out of the universe, or take a plan with more symbols and/,
  )
})

test('31 symbols fit a plan that takes them, and it tells how they are subscribed', async (t) => {
  const universe = Array.from({ length: 31 }, (_, i) => `S${i}`)
  const { doctor } = await venue(t, { universe, lines: ['subscribe: { total: 100 }'] })

  const { code, of } = await doctor()

  assert.equal(code, 0)
  assert.equal(of('plan')?.text, '31 of 100 symbols (stocks), subscribed in 4 batches over 3 s')
})

test('a wrong key fails, is not shown, and what can be checked without it is checked', async (t) => {
  const { doctor } = await venue(t)
  setKeys(t, { key: 'wrong-key', secret: 'wrong-secret' })

  const { code, stdout, bad, of } = await doctor()

  assert.equal(code, 1)
  assert.deepEqual(bad, ['account'])
  assert.match(of('account')?.text ?? '', /^GET \/v2\/account: answered 401/)
  assert.match(of('account')?.todo ?? '', /^check key and secret; paper keys go with "paper: true"/)
  assert.equal(of('plan')?.state, 'ok')
  assert.doesNotMatch(stdout, /wrong-key|wrong-secret/)
})

test('missing keys fail with the name of the variable', async (t) => {
  const { folder } = await venue(t)
  delete process.env['ALPACA_KEY']

  const { code, stdout } = await skein(folder, 'doctor', '--config', 'skein.yaml')

  assert.equal(code, 1)
  assert.match(
    stdout,
    /^fail {2}configuration {2}skein\.yaml:4: .*key needs the variable ALPACA_KEY, which is not set/m,
  )
})

test('a paper account is no live account', async (t) => {
  const { doctor } = await venue(t, { lines: ['paper: false'] })

  const { code, bad, of } = await doctor()

  assert.equal(code, 1)
  assert.deepEqual(bad, ['account'])
  assert.match(of('account')?.text ?? '', /^paper account PA.*; configured is live$/)
})

for (const [byMs, state, side] of [
  [90_000, 'fail', 'behind'],
  [-1_500, 'warn', 'ahead of'],
] as const) {
  test(`a clock that is ${byMs} ms off is a ${state}`, async (t) => {
    const { server, doctor } = await venue(t)
    server.nemesis.inject({ fault: 'skew', on: 'clock', by: byMs })

    const { code, of } = await doctor()

    assert.equal(code, state === 'fail' ? 1 : 0)
    const { text, todo = '', state: found } = of('clock')!
    assert.equal(found, state, text)
    const [, offMs = '', withinMs = ''] = /^(\d+) ms .* take (\d+) ms\)$/.exec(text) ?? []
    assert.ok(Math.abs(Number(offMs) - Math.abs(byMs)) <= 100 + Number(withinMs), text)
    assert.ok(text.includes(`ms ${side} the venue`), text)
    assert.match(todo, /^let the machine keep time/)
  })
}

test('a feed that the plan does not hold fails', async (t) => {
  const { doctor } = await venue(t, { lines: ['feed: sip'] }, { plan: 'free' })

  const { code, bad, of } = await doctor()

  assert.equal(code, 1)
  assert.deepEqual(bad, ['feed'])
  assert.match(of('feed')?.todo ?? '', /^the data plan does not hold this: choose feed iex/)
})

test('a file of keys that others may read is a warning', async (t) => {
  const { server, folder, doctor } = await venue(t)
  put(folder, 'alpaca.keys', `key: ${KEY.key}\nsecret: ${KEY.secret}\n`)
  chmodSync(join(folder, 'alpaca.keys'), 0o644)
  const yaml = yamlOf(server, {}).replaceAll(/ {4}(key|secret): .*\n/g, '')
  put(folder, 'skein.yaml', `${yaml}    keyFile: ./alpaca.keys\n`)

  const open = await doctor()
  chmodSync(join(folder, 'alpaca.keys'), 0o600)
  const closed = await doctor()

  assert.deepEqual([open.code, open.bad], [0, ['keys']])
  assert.match(open.of('keys')?.todo ?? '', /^chmod 600 /)
  assert.deepEqual([closed.code, closed.bad], [0, []])
})

test('a configuration that is wrong is the finding', async (t) => {
  const folder = temporary(t)
  put(folder, 'skein.yaml', 'risk: { leverage: 0 }\n')

  const { code, stdout } = await skein(folder, 'doctor', '--config', 'skein.yaml')

  assert.equal(code, 1)
  assert.match(stdout, /^fail {2}configuration {2}skein\.yaml:1: risk\.leverage is too small: 0/m)
})

test('without a venue it checks the machine, and warns', async (t) => {
  const { code, stdout } = await skein(temporary(t), 'doctor')

  assert.equal(code, 0)
  assert.match(stdout, /^warn {2}venue {10}no venue is configured$/m)
  assert.match(stdout, /^ok {4}sqlite {9}data \(not there yet\): write-ahead log works$/m)
})

const NOBODY = 65_534
// For root there is no folder that may not be written.
const USER = process.getuid?.() === 0 ? { as: NOBODY } : {}

test('a folder that may not be written fails', async (t) => {
  const folder = temporary(t)
  chmodSync(folder, 0o555)

  const { code, stdout } = await start(folder, ['doctor'], USER).ended

  assert.equal(code, 1, stdout)
  assert.match(
    stdout,
    /^fail {2}disk {11}data \(not there yet\) may not be written \(EACCES\)\n {21}→ check the/m,
  )
})

const LEASES = `universe: [SPY]
store: { leases: ./meet/leases.db }
venues: { alpaca: { feed: iex } }
`

test('a place of leases that may not be written fails: a run would not start', async (t) => {
  const folder = temporary(t)
  put(folder, 'skein.yaml', LEASES)
  mkdirSync(join(folder, 'meet'))
  chmodSync(join(folder, 'meet'), 0o555)
  chmodSync(folder, 0o755)

  const { code, stdout } = await start(folder, ['doctor', '--config', 'skein.yaml'], USER).ended

  assert.equal(code, 1, stdout)
  assert.match(
    stdout,
    /^fail {2}leases {9}meet\/leases\.db may not be written \(EACCES\)\n {21}→ /m,
  )
})

const isRoot = process.getuid?.() === 0
const NO_NAME = { as: 54_321, env: { HOME: undefined, XDG_STATE_HOME: undefined } }

test(
  'a user without a name and a home fails, and all else is told',
  { skip: !isRoot },
  async (t) => {
    const folder = temporary(t)
    put(folder, 'skein.yaml', LEASES.replace(/^store: .*\n/m, ''))
    chmodSync(folder, 0o755)

    const words = ['doctor', '--config', 'skein.yaml']
    const { code, stdout, stderr } = await start(folder, words, NO_NAME).ended

    assert.equal(code, 1, stderr)
    assert.match(stdout, /^fail {2}leases {9}environment: HOME names no folder, .*\n {21}→ /m)
    assert.match(stdout, /^ok {4}ports /m)
  },
)

test('a file in the place of the folder of leases fails', async (t) => {
  const folder = temporary(t)
  put(folder, 'skein.yaml', LEASES)
  put(folder, 'meet', 'a file')

  const { stdout } = await skein(folder, 'doctor', '--config', 'skein.yaml')

  assert.match(stdout, /^fail {2}leases {9}meet is a file, not a folder$/m)
})

test('a file in the place of the folder fails', async (t) => {
  const folder = temporary(t)
  put(folder, 'data', 'a file')

  const { code, stdout } = await skein(folder, 'doctor')

  assert.equal(code, 1)
  assert.match(stdout, /^fail {2}disk {11}data is a file, not a folder$/m)
})

test('the port of the metrics is free, or taken by somebody', async (t) => {
  const folder = temporary(t)
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  const { port } = server.address() as AddressInfo
  put(folder, 'skein.yaml', `universe: [SPY]\nops: { metrics: ${port} }\n`)
  const words = ['doctor', '--config', 'skein.yaml']

  const taken = await skein(folder, ...words)
  await new Promise((resolve) => server.close(resolve))
  const free = await skein(folder, ...words)

  assert.deepEqual([taken.code, free.code], [0, 0], taken.stdout)
  assert.match(
    taken.stdout,
    new RegExp(`^warn {2}ports {10}.*127.0.0.1:${port}: .*EADDRINUSE`, 'm'),
  )
  assert.match(free.stdout, new RegExp(`^ok {4}ports {10}${port} is free for metrics$`, 'm'))
})

/** A configuration that keeps what its journal drops in `past`, and a look at all of it. */
function prunedTo(t: TestContext, lines = '') {
  const folder = temporary(t)
  chmodSync(folder, 0o777)
  put(folder, 'skein.yaml', `universe: [SPY]\nstore: { prunedTo: ./past${lines} }\n`)
  const doctor = () => start(folder, ['doctor', '--config', 'skein.yaml'], USER).ended
  return { folder, doctor }
}

test('the folder of dropped turns is looked at, and nothing is left in it', async (t) => {
  const { folder, doctor } = prunedTo(t)
  const before = await doctor()
  mkdirSync(join(folder, 'past'), { mode: 0o777 })
  chmodSync(join(folder, 'past'), 0o777)

  const { code, stdout } = await doctor()

  assert.equal(code, 0, stdout)
  assert.match(before.stdout, /^\w+ +disk {11}past \(not there yet\): [\d,]+ MB free$/m)
  assert.match(stdout, /^\w+ +disk {11}past: [\d,]+ MB free$/m)
  assert.deepEqual(readdirSync(join(folder, 'past')), [])
})

test('a folder of dropped turns that may not be written fails, and says what to do', async (t) => {
  const { folder, doctor } = prunedTo(t)
  mkdirSync(join(folder, 'past'))
  chmodSync(join(folder, 'past'), 0o555)

  const { code, stdout } = await doctor()

  assert.equal(code, 1, stdout)
  assert.match(
    stdout,
    /^fail {2}disk {11}past may not be written \(EACCES\)\n {21}→ check the .*place in store\.prunedTo$/m,
  )
})

test('a file in the place of the folder of dropped turns fails', async (t) => {
  const { folder, doctor } = prunedTo(t)
  put(folder, 'past', 'a file')

  const { code, stdout } = await doctor()

  assert.equal(code, 1)
  assert.match(
    stdout,
    /^fail {2}disk {11}past is a file, not a folder\n {21}→ name another place in store\.prunedTo$/m,
  )
})

test('where nothing is dropped, no folder for it is looked at', async (t) => {
  const { doctor } = prunedTo(t, ', keepDays: off')

  assert.doesNotMatch((await doctor()).stdout, /past/)
})

for (const [freeBytes, state] of [
  [99_999_999, 'fail'],
  [999_999_999, 'warn'],
  [1_000_000_000, 'ok'],
] as const) {
  test(`a folder with ${freeBytes} bytes of room is ${state}`, () => {
    const found = roomFinding({ name: 'past', freeBytes, todo: 'free space' })

    assert.equal(found.state, state)
    assert.equal(found.todo, state === 'ok' ? undefined : 'free space')
  })
}

for (const [fsyncMs, state] of [
  [51, 'warn'],
  [50, 'ok'],
] as const) {
  test(`a durable write of ${fsyncMs} ms is ${state}`, () => {
    const found = fsyncFinding('data', fsyncMs)

    assert.deepEqual(
      [found.state, found.text],
      [state, `data: a durable write takes ${fsyncMs} ms`],
    )
  })
}

test('a venue that does not answer is told with what to do', async (t) => {
  const { server, doctor } = await venue(t)
  await server.stop()

  const { code, bad, of } = await doctor()

  assert.equal(code, 1)
  assert.deepEqual(bad, ['account'])
  assert.match(of('account')?.text ?? '', /ECONNREFUSED/)
  assert.match(of('account')?.todo ?? '', /^check the network and the hosts/)
})

test('an old Node fails', () => {
  assert.equal(nodeFinding('22.4.1').state, 'fail')
  assert.equal(nodeFinding('24.0.0').state, 'ok')
})

/** A local venue whose minutes are seconds, and a folder that is configured for it. */
async function fastVenue(t: TestContext) {
  const server = await startOpenVenue(t, { speed: 60 })
  const folder = temporary(t)
  const local = `{ port: ${new URL(server.urls.rest).port}, speed: 60 }`
  put(
    folder,
    'skein.yaml',
    `universe: [SPY, AAPL]\ninstrument: { calendar: 24/7 }\nvenues: { alpaca: { local: ${local} } }\n`,
  )
  const watch = async (length: string) => {
    const words = ['doctor', '--config', 'skein.yaml', '--json', '--for', length]
    const { code, stdout, stderr } = await skein(folder, ...words)
    const { findings } = JSON.parse(stdout) as { findings: readonly Finding[] }
    const states = new Map(findings.map(({ check, state }) => [check, state]))
    const of = (check: string) => findings.find((one) => one.check === check)?.text ?? ''
    return { code, stderr, states, of }
  }
  return { server, folder, watch }
}

const WATCHED = ['uptime', 'connected', 'trades', 'bars', 'stored']

test('a checkpoint of minutes passes where the streams hold and every bar is stored', async (t) => {
  const { server, folder, watch } = await fastVenue(t)

  const { code, stderr, states, of } = await watch('4m')

  assert.equal(code, 0, stderr)
  assert.deepEqual(
    WATCHED.map((check) => states.get(check)),
    ['ok', 'ok', 'ok', 'ok', 'ok'],
  )
  assert.equal(states.get('clock'), 'ok')
  assert.equal(of('keys'), 'none needed: the venue is on this machine')
  assert.match(of('uptime'), /^100\.0 %: ran [\d.]+ min of 4\.0 min$/)
  assert.match(of('stored'), /^(\d+) bars stored of \1 that were closed$/)
  assert.equal(server.audit.orders.length, 0)
  assert.deepEqual(readdirSync(folder), ['skein.yaml'])
})

test('a checkpoint fails where the streams are lost, and says for how long', async (t) => {
  const { server, watch } = await fastVenue(t)
  for (const on of ['data', 'trading'] as const) {
    server.nemesis.inject({ on, fault: 'cut-off', every: '2m', at: '2m' })
  }

  const { code, stderr, states, of } = await watch('6m')

  assert.equal(code, 1, stderr)
  assert.equal(states.get('connected'), 'fail')
  assert.match(of('connected'), /^lost \d+ times, [\d.]+ (s|min) in all$/)
  assert.equal(states.get('uptime'), 'ok')
  assert.equal(states.get('stored'), 'ok')
})

test('a checkpoint needs something to watch', async (t) => {
  const { code, stderr } = await skein(temporary(t), 'doctor', '--for', '1m')

  assert.equal(code, 2)
  assert.match(stderr, /--for has nothing to watch; allowed: with a configuration that has venues/)
})
