/*
 * Wire: a live run that quotes through the Bybit adapter at the local venue, on virtual time. Its market stands still, wide
 * apart, so that no quote is met; prices are told to the engine by the test. Requests are counted at the venue. After half a
 * minute the silent feed is found lost, which takes the quotes back: a test is shorter.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { type Batching, batchingChanges } from '../../src/core/batching.ts'
import { equitySpec } from '../../src/core/instrument.ts'
import type { Tape } from '../../src/core/tape.ts'
import { ms } from '../../src/core/time.ts'
import { Universe } from '../../src/core/universe.ts'
import { VirtualWorld } from '../../src/io/virtual.ts'
import { type Live, startLive } from '../../src/runtime/live/live.ts'
import { openJournal } from '../../src/store/index.ts'
import { BYBIT, BybitVenue } from '../../src/venues/bybit/venue.ts'
import { KEY } from '../bybit/local.ts'
import { HOSTS, VirtualBybit } from '../bybit/virtual.ts'
import { archive } from '../live/bench.ts'
import { compareText, ladderAt, setupOf, type StandOptions } from './stand.ts'

const START = ms(Date.UTC(2026, 0, 7, 15))
/** Orders of a kind in a second: the quota is not what is tested. */
const QUOTA = 10_000

export interface WireOptions extends StandOptions {
  readonly orderEntry?: 'rest' | 'socket'
  readonly deadManS?: number
}

export class WireStand {
  readonly world: VirtualWorld
  readonly universe: Universe
  readonly local: VirtualBybit
  /** Paths of the requests about orders, as the venue got them. */
  readonly calls: string[] = []
  readonly live: Live

  private constructor(world: VirtualWorld, local: VirtualBybit, universe: Universe, live: Live) {
    this.world = world
    this.local = local
    this.universe = universe
    this.live = live
    local.onRequest = ({ method, path }) => {
      if (method === 'POST' && path.startsWith('/v5/order/')) this.calls.push(path)
    }
  }

  static async start(
    t: TestContext,
    { symbols, orderEntry = 'rest', deadManS, ...options }: WireOptions,
  ): Promise<WireStand> {
    const folder = mkdtempSync(join(tmpdir(), 'skein-wire-'))
    t.after(() => rmSync(folder, { recursive: true, force: true }))
    const world = new VirtualWorld({ seed: 1, startAt: START })
    const names = Array.from({ length: symbols }, (_, i) => `S${i}USDT`)
    const limits = { orders: QUOTA, requests: QUOTA, reads: QUOTA }
    const venue = { startAt: START, tape: stillTape(names), keys: [KEY], cash: 1e9, limits }
    const local = await world.settled(VirtualBybit.serve(world, venue))
    const specs = local.venue.universe.all.map(({ spec }) => ({ ...spec, venue: BYBIT }))
    const universe = new Universe(specs)
    const started = startLive({
      io: world.node('engine'),
      venue: new BybitVenue({
        io: world.node('engine'),
        keys: KEY,
        symbols: names,
        universe,
        hosts: HOSTS,
        ordersPerSecond: QUOTA,
        orderEntry,
        deadManS,
      }),
      setup: setupOf(universe, options),
      journal: openJournal(join(folder, 'journal.db')),
      archive,
      inbox: { capacity: 1_000, maxAgeMs: 60_000 },
      snapshotEvery: 1_000_000,
      kinds: ['trades'],
    })
    const result = await world.settled(started)
    assert(result.ok, result.ok ? '' : result.fault.message)
    return new WireStand(world, local, universe, result.value)
  }

  /** All symbols have this price; what it causes is over when it returns. Gives the calls that it took: paths, and operations of the socket. */
  async price(price: number, settleMs = 500): Promise<readonly string[]> {
    const before = this.calls.length
    const framesBefore = this.#frames.length
    const at = this.world.now
    for (const { id: symbol } of this.universe.all) {
      const sides = { bid: price - 0.01, bidSize: 1_000, ask: price + 0.01, askSize: 1_000 }
      this.live.pump.push({ type: 'quote', at, quote: { symbol, ts: at, ...sides } })
    }
    await this.world.run(settleMs)
    return [...this.calls.slice(before), ...this.#frames.slice(framesBefore)]
  }

  get #frames(): readonly string[] {
    return this.local.venue.audit.frames
      .filter(({ stream, direction }) => stream === 'entry' && direction === 'in')
      .map(({ text }) => (JSON.parse(text) as { readonly op: string }).op)
      .filter((op) => op.startsWith('order.'))
  }

  switch(changes: Partial<Batching>): void {
    const { batching } = this.live.engine.inForce
    const after = { ...batching, ...changes }
    this.live.control({ do: 'retune', changes: batchingChanges(batching, after) }, 'test')
  }

  /** What rests at the venue, in words: equal for equal ladders. */
  get resting(): readonly string[] {
    const [account] = this.local.venue.accounts
    return [...account!.open]
      .map(({ instrument, side, qty, price }) => `${instrument.symbol} ${side} ${qty} @ ${price}`)
      .toSorted(compareText)
  }

  /** What should rest there at a price. */
  wantedAt(price: number): readonly string[] {
    const { bids, asks } = ladderAt(price)
    return this.universe.all
      .flatMap((its) => [
        ...bids.map((one) => `${its.symbol} buy 1 @ ${its.px(one.price, 'down')}`),
        ...asks.map((one) => `${its.symbol} sell 1 @ ${its.px(one.price, 'up')}`),
      ])
      .toSorted(compareText)
  }

  async end(): Promise<void> {
    await this.world.settled(this.live.abandon())
    this.local.stop()
    await this.local.venue.close()
  }
}

/** One wide quote and one trade of each symbol, and then nothing. */
function stillTape(symbols: readonly string[]): Tape {
  const ts = Float64Array.of(START + 100)
  const quotes = {
    length: 1,
    ts,
    bid: Float64Array.of(9_000),
    bidSize: Float64Array.of(1_000),
    ask: Float64Array.of(11_000),
    askSize: Float64Array.of(1_000),
  }
  const trades = { length: 1, ts, price: Float64Array.of(10_000), size: Float64Array.of(1) }
  return {
    name: 'a market that stands still',
    instruments: symbols.map((symbol) => equitySpec(symbol, BYBIT)),
    series: symbols.flatMap((symbol) => [
      {
        kind: 'quotes' as const,
        symbol,
        async *pages() {
          yield quotes
        },
      },
      {
        kind: 'trades' as const,
        symbol,
        async *pages() {
          yield trades
        },
      },
    ]),
  }
}
