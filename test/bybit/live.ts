/*
 * Live: a run at the local Bybit in virtual time, which may be killed and started again. AAAUSDT trades once a second at
 * what the test says, 500 of it on each side and a cent apart; its strategy does one thing, with the tenth trade.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { equitySpec } from '../../src/core/instrument.ts'
import type { Tape } from '../../src/core/tape.ts'
import { Universe } from '../../src/core/universe.ts'
import { RISK_DEFAULTS, type RiskLimits } from '../../src/engine/risk-limits.ts'
import { VirtualWorld } from '../../src/io/virtual.ts'
import { type Live, startLive } from '../../src/runtime/live/live.ts'
import type { Account } from '../../src/simulators/bybit/account.ts'
import { openJournal } from '../../src/store/index.ts'
import { type Context, defineStrategy, z } from '../../src/strategy/index.ts'
import { BYBIT, BybitVenue } from '../../src/venues/bybit/venue.ts'
import { archive } from '../live/bench.ts'
import { KEY, START } from './local.ts'
import { HOSTS, VirtualBybit } from './virtual.ts'

const SYMBOL = 'AAAUSDT'
const SECONDS = 3_600
const PACE_MS = 100
/** Size of the trade that the strategy acts on. */
const CUE = 501

export interface RunOptions {
  /** By the second since the start. */
  readonly priceAt: (second: number) => number
  readonly act: (context: Context) => void
  /** Whether the strategy acts in that second: in the tenth alone, where not told. */
  readonly isCue?: (second: number) => boolean
  readonly category?: 'spot'
}

/** A test of one fault is not about the limits of risk. */
const LOOSE: RiskLimits = {
  ...RISK_DEFAULTS,
  tradingHours: 'always',
  maxOrderNotional: 1e9,
  maxPositionNotional: 1e9,
  maxPositionFraction: 100,
  maxTradesPerDay: Infinity,
}

export class LiveRun {
  readonly world = new VirtualWorld({ seed: 1, startAt: START })
  readonly told: string[] = []
  local!: VirtualBybit
  live!: Live
  readonly #options: RunOptions
  readonly #journalPath: string
  #engines = 0

  private constructor(t: TestContext, options: RunOptions) {
    const folder = mkdtempSync(join(tmpdir(), 'skein-bybit-'))
    t.after(() => {
      this.kill()
      this.local.stop()
      rmSync(folder, { recursive: true, force: true })
    })
    this.#options = options
    this.#journalPath = join(folder, 'journal.db')
  }

  static async start(t: TestContext, options: RunOptions): Promise<LiveRun> {
    const run = new LiveRun(t, options)
    const { category } = options
    const venue = {
      startAt: START,
      tape: tapeOf(options),
      keys: [KEY],
      cash: 1e7,
      ...(category && { category }),
    }
    run.local = await run.world.settled(VirtualBybit.serve(run.world, venue, PACE_MS))
    await run.start()
    return run
  }

  /** An engine on the journal of the one before. */
  async start(): Promise<void> {
    const io = this.world.node(`engine ${++this.#engines}`)
    const specs = this.local.venue.universe.all.map(({ spec }) => ({ ...spec, venue: BYBIT }))
    const universe = new Universe(specs)
    const on = universe.all.map(({ id }) => id)
    const strategy = cued(this.#options)
    const { category = 'linear' } = this.#options
    const hosts = { ...HOSTS, market: HOSTS.market.replace('linear', category) }
    const started = startLive({
      io,
      venue: new BybitVenue({ io, keys: KEY, symbols: [SYMBOL], universe, hosts, category }),
      setup: {
        universe,
        uses: [{ name: 's', strategy, params: {}, on }],
        risk: LOOSE,
        run: 'r',
        currency: 'USDT',
        base: '1m',
        bars: { latenessMs: 0, maxFill: 0 },
      },
      journal: openJournal(this.#journalPath),
      archive,
      inbox: { capacity: 10_000, maxAgeMs: 60_000 },
      snapshotEvery: 1_000_000,
      kinds: ['trades'],
      tell: ({ text }) => this.told.push(text),
    })
    const result = await this.world.settled(started)
    assert(result.ok, result.ok ? '' : result.fault.message)
    this.live = result.value
  }

  /** The process is gone: nothing of it is heard or sent any more, nothing is flushed. */
  kill(): void {
    this.world.node(`engine ${this.#engines}`).close()
    this.live.pump.stop()
    this.live.gateway.close()
  }

  /** To so many seconds after the start of the market. */
  runTo(second: number): Promise<void> {
    return this.world.run(START + 1_000 * second - this.world.now)
  }

  /** `stop open 4/10` */
  get orders(): readonly string[] {
    return this.live.engine.ours.orders.map(
      ({ order: { role, reason, phase, filled, qty } }) =>
        `${role ?? 'exit'} ${reason ?? phase} ${filled}/${qty}`,
    )
  }

  /** Here, and at the venue. */
  get held(): readonly [number, number] {
    return [this.live.engine.ours.positions[0]?.qty ?? 0, this.account.positionOf(SYMBOL).qty]
  }

  get account(): Account {
    return this.local.venue.accounts[0]!
  }
}

const cued = ({ act }: RunOptions) =>
  defineStrategy({
    name: 's',
    params: z.strictObject({}),
    needs: () => ({ trades: true, warmup: 0 }),
    symbol: (context: Context) => ({
      onTrade: ({ size }) => {
        if (size === CUE) act(context)
      },
    }),
  })

function tapeOf({ priceAt, isCue = (second) => second === 10 }: RunOptions): Tape {
  const column = (of: (second: number) => number) =>
    Float64Array.from({ length: SECONDS }, (_none, i) => of(i + 1))
  const [ts, size] = [column((second) => START + 1_000 * second), column(() => 500)]
  const trades = {
    length: SECONDS,
    ts,
    price: column(priceAt),
    size: column((second) => (isCue(second) ? CUE : 500)),
  }
  const bid = column((second) => priceAt(second) - 0.01)
  const ask = column((second) => priceAt(second) + 0.01)
  const quotes = { length: SECONDS, ts, bid, bidSize: size, ask, askSize: size }
  return {
    name: 'as told',
    instruments: [equitySpec(SYMBOL, BYBIT)],
    series: [
      {
        kind: 'quotes',
        symbol: SYMBOL,
        pages: async function* () {
          yield quotes
        },
      },
      {
        kind: 'trades',
        symbol: SYMBOL,
        pages: async function* () {
          yield trades
        },
      },
    ],
  }
}
