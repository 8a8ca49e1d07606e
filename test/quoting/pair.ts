/*
 * Pair: two engines for one account at the local Bybit, on virtual time. One leads, the other follows. Each rests a bid and
 * an ask about the last trade, which moves five times a second; every four seconds one hits the bids. Whose orders rest is looked at with every event of the venue.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { equitySpec } from '../../src/core/instrument.ts'
import type { Tape } from '../../src/core/tape.ts'
import { ms } from '../../src/core/time.ts'
import { Universe } from '../../src/core/universe.ts'
import { VirtualWorld } from '../../src/io/virtual.ts'
import { type LocalAccountLease, accountLease } from '../../src/runtime/live/account-lease.ts'
import { LeaseMark } from '../../src/runtime/live/lease-mark.ts'
import type { LiveOptions } from '../../src/runtime/live/options.ts'
import { type Live, startLive } from '../../src/runtime/live/live.ts'
import { openJournal } from '../../src/store/index.ts'
import { type Context, defineStrategy, z } from '../../src/strategy/index.ts'
import { BYBIT, BybitVenue } from '../../src/venues/bybit/venue.ts'
import { KEY } from '../bybit/local.ts'
import { HOSTS, VirtualBybit } from '../bybit/virtual.ts'
import { archive } from '../live/bench.ts'
import { setupOf } from './stand.ts'

export const LEASE_MS = 3_000
const START = ms(Date.UTC(2026, 0, 7, 15))
const TRADES = 1_000
const EVERY_MS = 200
const PRICE = 10_000
const AWAY = 10
/** Requests of a kind in a second: the quota is not what is tested. */
const QUOTA = 10_000

export type Name = 'a' | 'b'

export interface Engine {
  /** Of its process, in the world. */
  readonly node: string
  readonly live: Live
  readonly lease: LocalAccountLease
  readonly signs: SignsOfLife
  /** Why it lost the account. */
  readonly lost: readonly string[]
}

/** An engine that gives no sign of life goes on with all else that it does. */
class SignsOfLife {
  readonly #due: (() => void)[] = []
  #isHeldBack = false

  give(sign: () => void): void {
    if (this.#isHeldBack) this.#due.push(sign)
    else sign()
  }

  holdBack(): void {
    this.#isHeldBack = true
  }

  goOn(): void {
    this.#isHeldBack = false
    for (const sign of this.#due.splice(0)) sign()
  }
}

export class Pair {
  readonly world: VirtualWorld
  readonly local: VirtualBybit
  /** Engines whose orders rested at the same moment, if ever. */
  readonly together = new Set<string>()
  readonly #folder: string

  private constructor(world: VirtualWorld, local: VirtualBybit, folder: string) {
    this.world = world
    this.local = local
    this.#folder = folder
    local.venue.onAccount(() => {
      const names = this.resting
      if (names.length > 1) this.together.add(names.join(' and '))
    })
  }

  static async start(t: TestContext): Promise<Pair> {
    const folder = mkdtempSync(join(tmpdir(), 'skein-pair-'))
    t.after(() => rmSync(folder, { recursive: true, force: true }))
    const world = new VirtualWorld({ seed: 1, startAt: START })
    const limits = { orders: QUOTA, requests: QUOTA, reads: QUOTA }
    const venue = { startAt: START, tape: movingTape(), keys: [KEY], cash: 1e9, limits }
    const local = await world.settled(VirtualBybit.serve(world, venue))
    return new Pair(world, local, folder)
  }

  /** An engine that leads where it may, and follows where it may not; after a kill, a process of another name goes on. */
  async engine(
    t: TestContext,
    name: Name,
    { process = name, ...changes }: { process?: string } & Pick<LiveOptions, 'wishes'> = {},
  ): Promise<Engine> {
    const node = this.world.node(process)
    const specs = this.local.venue.universe.all.map(({ spec }) => ({ ...spec, venue: BYBIT }))
    const universe = new Universe(specs)
    const lost: string[] = []
    const signs = new SignsOfLife()
    let live: Live | undefined
    const lease = accountLease({
      io: node,
      path: this.leases,
      run: name,
      time: { now: () => node.now(), after: (ms, fire) => node.after(ms, () => signs.give(fire)) },
      leaseMs: LEASE_MS,
      onLost: (why) => {
        lost.push(why)
        live?.pump.fail(new Error(why))
      },
    })
    t.after(() => lease.release())
    const setup = setupOf(universe, {})
    const journal = openJournal(join(this.#folder, `${name}.db`))
    const started = startLive({
      io: lease.io,
      venue: new BybitVenue({
        io: lease.io,
        keys: KEY,
        symbols: specs.map(({ symbol }) => symbol),
        universe,
        hosts: HOSTS,
        ordersPerSecond: QUOTA,
      }),
      setup: {
        ...setup,
        run: name,
        uses: [{ ...setup.uses[0]!, strategy: aboutTheTrade }],
      },
      journal,
      archive,
      inbox: { capacity: 1_000, maxAgeMs: 60_000 },
      snapshotEvery: 1_000_000,
      kinds: ['trades'],
      mayLead: (account) => lease.tryTake(account.name),
      leaseMark: new LeaseMark(journal, lease.token),
      ...changes,
    })
    const result = await this.world.settled(started)
    assert.ok(result.ok, result.ok ? '' : result.fault.message)
    live = result.value
    return { node: process, live, lease, signs, lost }
  }

  /** Where the engines meet. */
  get leases(): string {
    return join(this.#folder, 'leases.db')
  }

  /** Whose orders rest at the venue. */
  get resting(): readonly string[] {
    const [account] = this.local.venue.accounts
    const runs = [...account!.open].map(({ linkId }) => linkId.split('-')[1])
    return [...new Set(runs.filter((run) => run === 'a' || run === 'b'))].toSorted()
  }

  /** Requests that change something, as they came. */
  get writes(): number {
    return this.local.venue.audit.requests.filter(({ method }) => method === 'POST').length
  }

  positionAtVenue(): number {
    const { symbol } = this.local.venue.universe.all[0]!
    return this.local.venue.accounts[0]!.positionOf(symbol).qty
  }

  /** The process is gone: nothing of it is heard or sent any more. */
  kill({ node, live }: Engine): void {
    this.world.node(node).close()
    live.pump.stop()
    live.gateway.close()
  }

  async end(...engines: readonly Engine[]): Promise<void> {
    for (const { live } of engines) await this.world.settled(live.abandon())
    this.local.stop()
    await this.local.venue.close()
  }
}

const aboutTheTrade = defineStrategy({
  name: 'about-the-trade',
  params: z.strictObject({}),
  needs: () => ({ trades: true, warmup: 0 }),
  symbol: (context: Context) => ({
    onTrade: ({ price }) => {
      if (Math.abs(price - PRICE) > AWAY) return
      context.rest(
        { bids: [{ price: price - AWAY, qty: 1 }], asks: [{ price: price + AWAY, qty: 1 }] },
        { requoteBps: 0.1, minRestMs: 0, cancelsPerMinute: 10_000 },
      )
    },
  }),
})

/** Every fourth second a trade goes through all bids. */
const isHit = (i: number): boolean => i % 20 === 19

/** Trades that go up and down by two. */
function movingTape(): Tape {
  const at = (i: number): number => START + EVERY_MS * (i + 1)
  const trades = {
    length: TRADES,
    ts: Float64Array.from({ length: TRADES }, (_, i) => at(i)),
    price: Float64Array.from({ length: TRADES }, (_, i) =>
      isHit(i) ? PRICE - 2 * AWAY : PRICE + 2 * (i % 2),
    ),
    size: Float64Array.from({ length: TRADES }, (_, i) => (isHit(i) ? 1_000 : 1)),
  }
  const symbol = 'S0USDT'
  return {
    name: 'a market that moves by two',
    instruments: [equitySpec(symbol, BYBIT)],
    series: [
      {
        kind: 'trades',
        symbol,
        async *pages() {
          yield trades
        },
      },
    ],
  }
}
