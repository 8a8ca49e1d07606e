/*
 * Bench: an engine that trades at the local Alpaca, all of it in virtual time: the real adapter, gateway, pump and
 * journal on one side, the venue with its faults on the other, and a strategy that does what a test says.
 *
 * What the strategy is told travels as a trade of an agreed size, on the wire and so in the journal: a restarted engine
 * does its past again and finds the same orders in it.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { SymbolId } from '../../src/core/brand.ts'
import { barColumns } from '../../src/core/columns.ts'
import type { Input } from '../../src/core/input.ts'
import { equitySpec, type InstrumentSpec } from '../../src/core/instrument.ts'
import type { Notice } from '../../src/core/notice.ts'
import type { Order } from '../../src/core/order.ts'
import type { Archive, Journal } from '../../src/core/store.ts'
import type { VenueAccount } from '../../src/core/venue.ts'
import type { Tape } from '../../src/core/tape.ts'
import { ms } from '../../src/core/time.ts'
import { Universe } from '../../src/core/universe.ts'
import { RISK_DEFAULTS, type RiskLimits } from '../../src/engine/risk-limits.ts'
import type { Io } from '../../src/io/io.ts'
import { VirtualWorld } from '../../src/io/virtual.ts'
import type { LocalAccountLease } from '../../src/runtime/live/account-lease.ts'
import type { LiveOptions, LiveSetup, Timing } from '../../src/runtime/live/options.ts'
import { type Live, startLive } from '../../src/runtime/live/live.ts'
import type { Account } from '../../src/simulators/alpaca/account.ts'
import type { AlpacaOptions as VenueOptions } from '../../src/simulators/alpaca/venue.ts'
import { withCoins } from '../../src/simulators/alpaca/index.ts'
import type { RuleText } from '../../src/simulators/fault-script.ts'
import { openJournal } from '../../src/store/index.ts'
import { type Context, defineStrategy, z } from '../../src/strategy/index.ts'
import { ALPACA } from '../../src/venues/alpaca/broker.ts'
import { AlpacaVenue } from '../../src/venues/alpaca/venue.ts'
import { KEY, START } from '../alpaca/local.ts'
import { HOSTS, VirtualAlpaca } from '../alpaca/virtual.ts'

/** AAPL trades at 100, MSFT at 50, and where there is a coin, it does at 1,000; once a second each. */
const PRICES = { AAPL: 100, MSFT: 50, 'BTC/USD': 1_000 } as const
export type Name = keyof typeof PRICES
export const [AAPL, MSFT, BTC] = [0 as SymbolId, 1 as SymbolId, 2 as SymbolId]
const MINUTES = 60
/** Trades of at least this size tell the strategy to do something. */
const ACTIONS_FROM = 1_000_000
/** Time for an order to leave, arrive, meet the trade of the second, and be told. */
const MOMENT_MS = 1_100

export type Action = (context: Context) => void

/** A strategy on AAPL that does something at a pace of its own, such as `1m`, and hears trades. */
export function timed(
  every: string,
  { risk = {}, onTimer }: { readonly risk?: Partial<RiskLimits>; readonly onTimer: Action },
): LiveSetup {
  const universe = new Universe(['AAPL', 'MSFT'].map((symbol) => equitySpec(symbol, ALPACA)))
  const strategy = defineStrategy({
    name: 's',
    params: z.strictObject({}),
    needs: () => ({ trades: true, warmup: 0, every: { pace: every } }),
    symbol: (context: Context) => ({ onTrade: () => {}, onTimer: () => onTimer(context) }),
  })
  return {
    universe,
    uses: [{ name: 's', strategy, params: {}, on: [AAPL] }],
    risk: { ...RISK_DEFAULTS, tradingHours: 'always', ...risk },
    run: 'r',
    currency: 'USD',
    base: '1m',
    bars: { latenessMs: 0, maxFill: 0 },
  }
}

export interface BenchOptions {
  readonly risk?: Partial<RiskLimits>
  readonly timing?: Partial<Timing>
  readonly venue?: Partial<VenueOptions>
  readonly live?: Partial<LiveOptions>
  readonly strategy?: string
  /** AAPL and MSFT alone where not told. */
  readonly hasCoin?: true
  /** The right to trade, and the Io that it fences. */
  readonly account?: (io: Io) => LocalAccountLease
}

export class Bench {
  readonly world: VirtualWorld
  readonly alpaca: VirtualAlpaca
  readonly told: string[] = []
  readonly notices: Notice[] = []
  readonly denials: string[] = []
  adapter!: AlpacaVenue
  journal!: Journal
  live!: Live
  /** Done before the engine of this moment sends or hears anything. */
  onStart: () => void = () => {}
  readonly #options: BenchOptions
  readonly #journalPath: string
  readonly #actions: Action[] = []
  #engines = 0

  private constructor(
    t: TestContext,
    world: VirtualWorld,
    alpaca: VirtualAlpaca,
    options: BenchOptions,
  ) {
    const folder = mkdtempSync(join(tmpdir(), 'skein-fault-'))
    t.after(() => {
      this.end()
      rmSync(folder, { recursive: true, force: true })
    })
    this.#journalPath = join(folder, 'journal.db')
    this.#options = options
    this.alpaca = alpaca
    this.world = world
  }

  static async start(t: TestContext, options: BenchOptions = {}): Promise<Bench> {
    const { startAt = START } = options.venue ?? {}
    const world = new VirtualWorld({ seed: 1, startAt: ms(startAt) })
    const market = withCoins(tape(startAt, namesOf(options)))
    const venue = { tape: market, startAt, keys: [KEY], ...options.venue }
    const alpaca = await world.settled(VirtualAlpaca.serve(world, venue))
    const bench = new Bench(t, world, alpaca, options)
    await bench.start()
    return bench
  }

  /** An engine on the journal of the one before. */
  async start(changes: Partial<LiveOptions> = {}): Promise<void> {
    const node = this.world.node(`engine ${++this.#engines}`)
    const account = this.#options.account?.(node)
    const io = account?.io ?? node
    const names = namesOf(this.#options)
    const universe = new Universe(names.map(specOf))
    this.journal = openJournal(this.#journalPath)
    this.adapter = new AlpacaVenue({
      io,
      keys: KEY,
      symbols: names,
      universe,
      hosts: HOSTS,
      limits: { subscribe: { batch: 10, everyMs: 1, total: 30 } },
    })
    this.onStart()
    const { strategy = 's', risk, timing = {}, live } = this.#options
    const on = universe.all.map(({ id }) => id)
    const started = startLive({
      io,
      venue: this.adapter,
      setup: {
        universe,
        uses: [{ name: strategy, strategy: this.#obey(strategy), params: {}, on }],
        risk: { ...RISK_DEFAULTS, ...LOOSE, ...risk },
        run: 'r',
        currency: 'USD',
        base: '1m',
        bars: { latenessMs: 0, maxFill: 0 },
      },
      journal: this.journal,
      archive: NO_ARCHIVE,
      inbox: { capacity: 10_000, maxAgeMs: 60_000 },
      snapshotEvery: 1_000_000,
      kinds: ['trades'],
      timing,
      tell: ({ text }) => this.told.push(text),
      onTurn: ({ notices }) => this.#note(notices),
      ...(account && { takeAccount: ({ name }: VenueAccount) => account.take(name) }),
      ...live,
      ...changes,
    })
    const result = await this.world.settled(started)
    assert.ok(result.ok, result.ok ? '' : result.fault.message)
    this.live = result.value
    await this.run(1_500)
  }

  /** The process is gone: nothing of it is heard or sent any more, nothing is flushed. */
  kill(): void {
    this.world.node(`engine ${this.#engines}`).close()
    this.live.pump.stop()
    this.live.gateway.close()
  }

  /** Nothing moves any more. */
  end(): void {
    this.kill()
    this.alpaca.stop()
  }

  async restart(awayMs = 1_000): Promise<void> {
    this.kill()
    await this.run(awayMs)
    await this.start()
  }

  run(forMs: number): Promise<void> {
    return this.world.run(forMs)
  }

  async until(isSo: () => boolean, limitMs = 120_000): Promise<void> {
    await this.world.until(isSo, limitMs)
  }

  /** Lets the strategy do something, and gives it a moment to happen. */
  async does(action: Action, name: Name = 'AAPL'): Promise<void> {
    this.tells(action, name)
    await this.run(MOMENT_MS)
  }

  /** Tells the strategy to do something. */
  tells(action: Action, symbol: Name = 'AAPL'): void {
    this.#actions.push(action)
    const size = ACTIONS_FROM + this.#actions.length - 1
    const price = this.alpaca.venue.market.price(symbol)
    this.inject({ on: 'market', fault: 'print', symbol, price, size })
  }

  /** A trade at a price. */
  async print(price: number, symbol: Name = 'AAPL', size = 100): Promise<void> {
    this.inject({ on: 'market', fault: 'print', symbol, price, size })
    await this.run(MOMENT_MS)
  }

  inject(rule: RuleText): () => void {
    return this.alpaca.venue.nemesis.inject(rule)
  }

  // ── What we have ──────────────────────────────────────────────────────────────────────────────────

  get orders(): readonly Order[] {
    return this.live.engine.ours.orders.map(({ order }) => order)
  }

  /** `open 4/10` */
  get phases(): readonly string[] {
    return this.orders.map(
      ({ phase, reason, filled, qty }) => `${reason ?? phase} ${filled}/${qty}`,
    )
  }

  position(symbol: SymbolId = AAPL): number {
    return this.live.engine.ours.positions.find((one) => one.symbol === symbol)?.qty ?? 0
  }

  get halts(): readonly string[] {
    return this.live.engine.ours.halts.map(({ cause }) => cause)
  }

  /** How often a fill was told to whoever watches, replays of a restart aside. */
  get fills(): readonly Extract<Notice, { type: 'fill' }>[] {
    return this.notices.filter((notice) => notice.type === 'fill')
  }

  has(words: RegExp): boolean {
    return this.told.some((text) => words.test(text))
  }

  /** All inputs of the journal, of one type. */
  inputs<T extends Input['type']>(type: T): readonly Extract<Input, { type: T }>[] {
    const all = [...this.journal.since(0)].flatMap(({ inputs }) => inputs)
    return all.filter((input): input is Extract<Input, { type: T }> => input.type === type)
  }

  // ── What the venue has ────────────────────────────────────────────────────────────────────────────

  get account(): Account {
    return this.alpaca.venue.accounts[0]!
  }

  held(name: Name = 'AAPL'): number {
    return this.account.holdings.positionOf(name).qty
  }

  /** Requests that reached the venue, such as `POST /v2/orders`. */
  requests(
    method: string,
    path: string,
  ): readonly { readonly body: string; readonly query: string; readonly at: number }[] {
    return this.alpaca.venue.audit.requests.filter(
      (request) => request.method === method && request.path.startsWith(path),
    )
  }

  /** Client order ids of what was submitted, once for each time. */
  get submitted(): readonly string[] {
    return this.requests('POST', '/v2/orders').map(({ body }) => {
      const { client_order_id: id } = JSON.parse(body) as { client_order_id: string }
      return id
    })
  }

  /** What must hold whatever happened, once all is quiet. */
  check(): void {
    const ids = this.account.orders.map(({ clientId }) => clientId)
    assert.equal(new Set(ids).size, ids.length, 'the venue has no order twice')
    for (const [i, name] of namesOf(this.#options).entries()) {
      // Fees of coins leave parts of a lot, which nobody counts.
      const [ours, theirs] = [this.position(i as SymbolId), this.held(name)]
      const dust = name === 'BTC/USD' ? theirs - ours : 0
      assert.ok(dust >= 0 && dust < 0.0002, `${name}: ${theirs} there and ${ours} here`)
      assert.equal(ours + dust, theirs)
    }
    const open = this.orders.filter(({ phase }) => phase === 'open').map(({ venueId }) => venueId)
    const theirs = [...this.account.open].map(({ id }) => id)
    assert.deepEqual(new Set(open), new Set(theirs), 'open here is open there')
    for (const { id, phase } of this.orders) assert.notEqual(phase, 'sent', `${id} is settled`)
    assert.deepEqual(this.halts, [])
  }

  #obey(name: string) {
    return defineStrategy({
      name,
      params: z.strictObject({}),
      needs: () => ({ trades: true, warmup: 0 }),
      symbol: (context: Context) => ({
        onTrade: ({ size }) => {
          if (size >= ACTIONS_FROM) this.#actions[size - ACTIONS_FROM]?.(context)
        },
      }),
    })
  }

  #note(notices: readonly Notice[]): void {
    for (const notice of notices) {
      if (notice.type === 'order.denied') {
        this.denials.push(`${notice.denial.code}: ${notice.denial.detail}`)
      }
      if (notice.type !== 'bar.closed') this.notices.push(notice)
    }
  }
}

/** A test of one fault is not about the limits of risk. */
const LOOSE: Partial<RiskLimits> = {
  tradingHours: 'always',
  maxPositionFraction: 1,
  maxTradesPerDay: Infinity,
}

/** Keeps no bar: a restart does its journal again from the first turn. */
const NO_ARCHIVE: Archive = {
  putBars: (_symbol, _timeframe, bars) => Promise.resolve({ written: bars.length }),
  latest: () => Promise.resolve(barColumns(0)),
  async *bars() {},
  series: () => Promise.resolve([]),
  coverage: () => Promise.resolve([]),
  close: () => Promise.resolve(),
}

const namesOf = ({ hasCoin }: BenchOptions): readonly Name[] =>
  hasCoin === true ? ['AAPL', 'MSFT', 'BTC/USD'] : ['AAPL', 'MSFT']

/** Coins in parts of a ten-thousandth, as the real venue has them. */
const specOf = (symbol: string): InstrumentSpec => ({
  ...equitySpec(symbol, ALPACA),
  ...(symbol.includes('/')
    ? { kind: 'crypto', calendar: '24/7', lotSize: 0.0001, minNotional: 10 }
    : {}),
})

function tape(startAt: number, names: readonly Name[]): Tape {
  const length = MINUTES * 60
  return {
    name: 'flat',
    instruments: names.map((symbol) => equitySpec(symbol, ALPACA)),
    series: names.map((symbol) => ({
      kind: 'trades',
      symbol,
      pages: async function* () {
        yield {
          length,
          ts: Float64Array.from({ length }, (_none, i) => startAt + 1_000 * i),
          price: new Float64Array(length).fill(PRICES[symbol]),
          size: new Float64Array(length).fill(500),
        }
      },
    })),
  }
}
