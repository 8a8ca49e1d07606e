// Paper with simulated fills on another venue's feed: journaled, killed and started again, and done again.
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type TestContext, test } from 'node:test'
import { barColumns } from '../src/core/columns.ts'
import { integer, seeded } from '../src/core/random.ts'
import type { Archive } from '../src/core/store.ts'
import { MINUTE, ms } from '../src/core/time.ts'
import { RISK_DEFAULTS } from '../src/engine/risk-limits.ts'
import { VirtualWorld } from '../src/io/virtual.ts'
import { buildEngine } from '../src/runtime/session/build.ts'
import { LiveSession } from '../src/runtime/live/session.ts'
import { type Live, startLive } from '../src/runtime/live/live.ts'
import { differenceOf } from '../src/runtime/session/recover.ts'
import { AlpacaServer, generatedMarket } from '../src/simulators/alpaca/index.ts'
import { openJournal, type SqliteJournal } from '../src/store/index.ts'
import { type Context, defineStrategy, z } from '../src/strategy/index.ts'
import { A, bar, B, quote, SIM, trade, universeOf } from '../src/testing/builders.ts'
import { PaperVenue, SimVenue } from '../src/venues/sim/index.ts'
import { put, type Running, skein, start, temporary } from './cli/skein.ts'

/** In and out with every bar, by a bracket and by limits, so that much is open when a process dies. */
const busy = defineStrategy({
  name: 'busy',
  params: z.strictObject({}),
  needs: () => ({ bars: '1m' }),
  symbol: (context: Context) => ({
    onBar: ({ close }) => {
      if (!context.position.isFlat) context.close()
      else if (context.orders.length === 0)
        context.bracket({ side: 'buy', qty: 40, stop: close - 1, target: close + 0.02 })
    },
  }),
})

const archive: Archive = {
  putBars: (_symbol, _timeframe, bars) => Promise.resolve({ written: bars.length }),
  latest: () => Promise.resolve(barColumns(0)),
  async *bars() {},
  series: () => Promise.resolve([]),
  coverage: () => Promise.resolve([]),
  close: () => Promise.resolve(),
}

/** A market that goes on, and processes on one journal that come and go. */
class Bench {
  readonly world = new VirtualWorld({ seed: 5 })
  readonly universe = universeOf('A', 'B')
  readonly path: string
  readonly #random = seeded(11)
  #lives = 0
  #market!: SimVenue
  #venue!: PaperVenue
  journal!: SqliteJournal
  live!: Live

  constructor(t: TestContext) {
    const folder = mkdtempSync(join(tmpdir(), 'skein-paper-'))
    t.after(() => rmSync(folder, { recursive: true, force: true }))
    this.path = join(folder, 'journal.db')
  }

  get setup() {
    return {
      universe: this.universe,
      uses: [{ name: 's', strategy: busy, params: {}, on: [A, B] }],
      risk: { ...RISK_DEFAULTS, maxTradesPerDay: Infinity, maxDailyLoss: Infinity },
      run: 'r',
      currency: 'USD',
      base: '1m' as const,
      bars: { latenessMs: 0, maxFill: 0 },
    }
  }

  async start(): Promise<void> {
    const io = this.world.node(`life ${++this.#lives}`)
    const { universe } = this
    this.journal = openJournal(this.path)
    // The other venue's orders and money are none of this run's: it has a fortune, and no order ever.
    this.#market = new SimVenue({ io, universe, sim: { venue: SIM, cash: 9e9 } })
    this.#venue = new PaperVenue({
      io,
      universe,
      market: this.#market,
      sim: { cash: 100_000, participation: 0.1, fees: { type: 'per-contract', perContract: 0.01 } },
      books: {
        load: () => this.journal.meta('books'),
        save: (state) => this.journal.setMeta('books', state),
      },
    })
    const work = startLive({
      io,
      venue: this.#venue,
      setup: this.setup,
      journal: this.journal,
      archive,
      inbox: { capacity: 10_000, maxAgeMs: 60_000 },
      snapshotEvery: 1_000_000,
    })
    const started = await this.world.settled(work)
    assert(started.ok, started.ok ? '' : started.fault.message)
    this.live = started.value
  }

  /** The process is gone: nothing of it runs any more, nothing is flushed. */
  kill(): void {
    this.world.node(`life ${this.#lives}`).close()
    this.live.pump.stop()
    this.live.gateway.close()
    void this.#venue.close()
  }

  /** A minute of quotes and prints, and its bar; sooner over where `atMs` is told. */
  async minute(atMs = MINUTE): Promise<void> {
    const start = Math.floor(this.world.now / MINUTE) * MINUTE
    for (let at = 0; at < MINUTE; at += 5_000) {
      if (at >= atMs) return
      await this.world.run(start + at + 1 - this.world.now)
      for (const symbol of [A, B]) {
        const price = 100 + integer(this.#random, -5, 5) / 100
        const ts = this.world.now
        const [bid, ask] = [price - 0.01, price + 0.01]
        this.#market.show({ type: 'quote', at: ts, quote: quote({ symbol, ts, bid, ask }) })
        this.#market.show({ type: 'trade', at: ts, trade: trade({ symbol, ts, price, size: 200 }) })
      }
    }
    await this.world.run(start + MINUTE - this.world.now)
    for (const symbol of [A, B]) {
      const told = { symbol, start: ms(start), open: 100, high: 100.05, low: 99.95, close: 100 }
      this.#market.show({ type: 'bar', at: this.world.now, bar: bar(told), source: 'venue' })
    }
    await this.world.run(1)
  }

  async report() {
    const report = await this.#venue.broker.report()
    assert(report.ok)
    return report.value
  }

  get limits() {
    return this.#venue.limits
  }

  get marketReport() {
    return this.#market.broker.exchange.report(this.world.now)
  }
}

test('orders fill on the feed, outlive 25 kills, and come out again from the journal', async (t) => {
  const bench = new Bench(t)
  const random = seeded(3)
  await bench.start()
  for (let life = 0; life < 25; life++) {
    for (let i = integer(random, 1, 3); i > 0; i--) await bench.minute()
    // Anywhere in a minute: orders are on their way, held, or filled in part.
    await bench.minute(integer(random, 0, MINUTE))
    await bench.world.run(integer(random, 0, 120))
    bench.kill()
    await bench.world.run(integer(random, 10, 20_000))
    await bench.start()
  }
  for (let i = 0; i < 3; i++) await bench.minute()

  const { ours } = bench.live.engine
  const report = await bench.report()
  assert.deepEqual(
    ours.positions.map(({ symbol, qty }) => `${symbol} ${qty}`),
    report.positions.map(({ symbol, qty }) => `${symbol} ${qty}`),
  )
  assert.ok(Math.abs(ours.cash - report.account.cash) < 0.005, `${ours.cash} here`)
  assert.deepEqual(ours.halts, [])
  const ids = report.orders.map(({ id }) => id)
  assert.equal(new Set(ids).size, ids.length)
  assert.ok(report.fills.length > 60, `${report.fills.length} fills`)
  // Each fill is booked once, and the other venue has heard of none.
  const turns = [...bench.journal.since(0)]
  const facts = turns.flatMap(({ inputs }) => inputs.filter(({ type }) => type === 'order.filled'))
  const fills = facts.map((fact) => (fact.type === 'order.filled' ? fact.fill : ''))
  assert.deepEqual(new Set(fills), new Set(report.fills.map(({ id }) => id)))
  assert.deepEqual(bench.marketReport.orders, [])
  const again = new LiveSession(buildEngine(bench.setup, bench.limits))
  for (const turn of turns) assert.equal(differenceOf(again.redo(turn), turn), undefined)
  t.diagnostic(
    `${turns.length} turns, ${report.orders.length} orders, ${report.fills.length} fills`,
  )
})

test(
  'the command is killed and goes on, and no order reaches the venue',
  { timeout: 300_000 },
  async (t) => {
    const startAt = ms(Date.UTC(2026, 0, 7, 15))
    const symbols = ['SPY', 'QQQ', 'AAPL', 'MSFT', 'NVDA', 'TSLA', 'AMD', 'META']
    const market = { seed: 7, symbols, startAt, days: 1, isAlwaysOpen: true }
    const keys = [{ key: 'local', secret: 'local' }]
    const server = await AlpacaServer.start({
      ...generatedMarket(market),
      port: 0,
      speed: 60,
      keys,
    })
    t.after(() => server.stop())
    const folder = temporary(t)
    const { port } = new URL(server.urls.rest)
    const local = `local: { port: ${port}, speed: 60 }, subscribe: { batch: 10, total: 100 }`
    put(
      folder,
      'skein.yaml',
      `universe: [${symbols.join(', ')}]
instrument: { calendar: 24/7 }
strategies: [{ use: sma-cross, params: { pairs: [[2, 3]], minConfidence: 0 } }]
risk: { maxTradesPerDay: 'off', tradingHours: always }
sim: { participation: 1 }
venues: { alpaca: { ${local}, fills: simulated } }
`,
    )
    const path = join(folder, 'data', 'journal.db')
    const run = () => start(folder, ['run', '--venue', 'alpaca', '--config', 'skein.yaml'])

    const first = run()
    await fillsIn(path, 2, first)
    first.child.kill('SIGKILL')
    await first.ended
    const before = count(path, 'order.filled')
    const second = run()
    await fillsIn(path, before + 2, second)
    second.child.kill('SIGINT')
    const { code, stderr } = await second.ended

    assert.equal(code, 0, stderr)
    assert.match(stderr, /simulated fills/)
    assert.match(stderr, /going on at /)
    assert.doesNotMatch(stderr, /error:/)
    assert.deepEqual(server.audit.orders, [])
    const replayed = await skein(folder, 'replay', path)
    assert.equal(replayed.code, 0, replayed.stderr)
  },
)

/** Between two looks at the file of another process. */
const LOOK_MS = 50

/** Resolves when so many turns of the journal have a fill, or the run has ended. */
async function fillsIn(path: string, wanted: number, { child }: Running): Promise<void> {
  while (child.exitCode === null && count(path, 'order.filled') < wanted)
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
}

function count(path: string, type: string): number {
  if (!existsSync(path)) return 0
  const db = new DatabaseSync(path, { readOnly: true })
  try {
    const sql = 'select count(*) as n from turns where inputs like ?'
    return Number(db.prepare(sql).get(`%"${type}"%`)?.['n'])
  } catch {
    // It is being made.
    return 0
  } finally {
    db.close()
  }
}
