// Two runs for one account as a person starts them: the one that leads is killed, and the one that follows quotes.
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { startVenue, until } from './bybit/local.ts'
import { provenIn, put, skein, start, temporary } from './cli/skein.ts'

const LOCAL = { key: 'local', secret: 'local' }
const SPEED = 20

/** Limits of time are in the venue's, which is twenty times the machine's. */
const PARAMS =
  'spikeBps: 1000, softMoveBps: 1000, hardMoveBps: 1000, softLatencyMs: 60000, hardLatencyMs: 60000'

function folderFor(t: TestContext, port: string, leases: string): string {
  const folder = temporary(t)
  put(
    folder,
    'skein.yaml',
    `universe: [BTCUSDT]
account: { cash: 100000, currency: USDT }
instrument: { kind: perpetual, currency: USDT, calendar: 24/7, lotSize: 0.01 }
strategies: [{ use: market-maker, params: { notional: 2000, maxPosition: 20000, depth: 5, ${PARAMS} } }]
risk: { maxTradesPerDay: 100000, tradingHours: always, ordersPerMinute: 10000 }
batching: { tickDeadlineMs: 60000 }
store: { leases: ${leases}/leases.db, leaseMs: 3000, snapshotEvery: 50 }
venues: { bybit: { local: { port: ${port}, speed: ${SPEED} } } }
`,
  )
  return folder
}

test(
  'a run that follows says so, and quotes when the one that led is killed',
  { timeout: 300_000 },
  async (t) => {
    const server = await startVenue({ speed: SPEED, keys: [LOCAL] })
    t.after(() => server.stop())
    const { port } = new URL(server.urls.rest)
    const leases = temporary(t)
    const [account] = server.venue.accounts
    const together: string[] = []
    const resting = (): string =>
      [...new Set([...account!.open].map(({ linkId }) => linkId.split('-').at(-2)!))].join(' and ')
    server.venue.onAccount(() => {
      if (resting().includes(' and ')) together.push(resting())
    })
    const running = (run: string) => {
      const folder = folderFor(t, port, leases)
      const words = ['run', '--mode', 'paper', '--venue', 'bybit', '--config', 'skein.yaml']
      return { folder, ...start(folder, [...words, '--standby', '--run', run]) }
    }

    const one = running('one')
    t.after(() => one.child.kill('SIGKILL'))
    await until(() => resting() === 'one', 'the first quotes')
    const other = running('other')
    t.after(() => other.child.kill('SIGKILL'))
    await other.seen(/following; Ctrl-C stops/)
    const { stdout, code } = await skein(other.folder, 'status', '--config', 'skein.yaml')
    one.child.kill('SIGKILL')
    await until(() => resting() === 'other', 'the second quotes')
    // What it remembers is in its state, so that turns of its journal may be dropped one day.
    await until(() => provenIn(other.folder) !== undefined, 'a proven snapshot')
    other.child.kill('SIGINT')
    const ended = await other.ended

    assert.equal(code, 0, stdout)
    assert.match(stdout, /^leads +no: another engine trades the account/m)
    assert.equal(ended.code, 0, ended.stderr)
    assert.match(ended.stderr, /this run trades bybit now/)
    assert.match(ended.stderr, /replayed \d+ turns: state (\w+), recorded \1: equal/)
    assert.doesNotMatch(ended.stderr, /nothing is dropped/)
    assert.deepEqual(together, [])
  },
)
