/*
 * Stand: a live run that quotes on the simulated venue, on virtual time. Prices are set by the test; each call that the
 * venue gets is counted. Every price makes each symbol want the same ladder around it.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { type Batching, BATCHING_DEFAULTS, batchingChanges } from '../../src/core/batching.ts'
import type { Batch } from '../../src/core/command.ts'
import type { Journal } from '../../src/core/store.ts'
import type { Universe } from '../../src/core/universe.ts'
import { RISK_DEFAULTS } from '../../src/engine/risk-limits.ts'
import { VirtualWorld } from '../../src/io/virtual.ts'
import type { LiveOptions } from '../../src/runtime/live/options.ts'
import { type Live, startLive } from '../../src/runtime/live/live.ts'
import { openJournal } from '../../src/store/index.ts'
import { defineStrategy, type Ladder, type RestPolicy, z } from '../../src/strategy/index.ts'
import { coin, SIM, universeOf } from '../../src/testing/builders.ts'
import { SimVenue } from '../../src/venues/sim/index.ts'
import { archive } from '../live/bench.ts'

export const LATENCY_MS = 10
/** Levels of a side. */
export const LEVELS = 5
const OFF = Infinity

export interface StandOptions {
  readonly symbols: number
  readonly policy?: Partial<RestPolicy>
  readonly batching?: Partial<Batching>
}

/** No caps, so that a ladder is where it is wanted at once. */
const FREE: Partial<RestPolicy> = {
  requoteBps: 0.01,
  minRestMs: 0,
  levelsPerSide: LEVELS,
  placesPerSecond: OFF,
  amendsPerSecond: OFF,
  cancelsPerSecond: OFF,
  cancelsPerMinute: OFF,
}

/** Ten basis points away from the price, and one more for each level. */
export const ladderAt = (price: number): Ladder => {
  const levels = (sign: 1 | -1) =>
    Array.from({ length: LEVELS }, (_, i) => ({
      price: price * (1 + (sign * (10 + i)) / 10_000),
      qty: 1,
    }))
  return { bids: levels(-1), asks: levels(1) }
}

const strategyOf = (policy: Partial<RestPolicy>) =>
  defineStrategy({
    name: 'ladder',
    params: z.object({}),
    needs: () => ({ quotes: true }),
    symbol: (ctx) => ({
      onTurn() {
        const { quote } = ctx
        if (quote !== undefined) ctx.rest(ladderAt((quote.bid + quote.ask) / 2), policy)
      },
    }),
  })

/** A run that rests the same ladder in each symbol, and that risk never stops. */
export function setupOf(
  universe: Universe,
  { policy = {}, batching }: Omit<StandOptions, 'symbols'>,
): LiveOptions['setup'] {
  const strategy = strategyOf({ ...FREE, ...policy })
  return {
    universe,
    uses: [{ name: 'mm', strategy, params: {}, on: universe.all.map(({ id }) => id) }],
    risk: {
      ...RISK_DEFAULTS,
      tradingHours: 'always',
      maxPositions: OFF,
      maxTradesPerDay: OFF,
      ordersPerMinute: OFF,
      maxOpenOrders: 5_000,
    },
    batching: { ...BATCHING_DEFAULTS, ...batching },
    run: 'r',
    currency: 'USD',
    base: '1m',
    bars: { latenessMs: 0, maxFill: 0 },
  }
}

export class Stand {
  readonly world = new VirtualWorld({ seed: 1 })
  readonly universe: Universe
  readonly calls: Batch[] = []
  readonly venue: SimVenue
  readonly #options: StandOptions
  readonly journal: Journal
  live!: Live

  private constructor(options: StandOptions, path: string) {
    this.#options = options
    this.journal = openJournal(path)
    const names = Array.from({ length: options.symbols }, (_, i) => coin(`S${i}`))
    this.universe = universeOf(...names)
    const latency = { entryMs: LATENCY_MS / 2, responseMs: LATENCY_MS / 2 }
    this.venue = new SimVenue({
      io: this.world.node('venue'),
      universe: this.universe,
      sim: { venue: SIM, cash: 1e9, latency },
      limits: { orders: { batch: 20, perSecond: 1_000, inFlight: 4 } },
    })
    const { broker } = this.venue
    const execute = broker.execute.bind(broker)
    broker.execute = (...args) => {
      this.calls.push(args[0])
      return execute(...args)
    }
  }

  static async start(t: TestContext, options: StandOptions): Promise<Stand> {
    const folder = mkdtempSync(join(tmpdir(), 'skein-quoting-'))
    t.after(() => rmSync(folder, { recursive: true, force: true }))
    const stand = new Stand(options, join(folder, 'journal.db'))
    await stand.#begin()
    return stand
  }

  get setup(): LiveOptions['setup'] {
    return setupOf(this.universe, this.#options)
  }

  async #begin(): Promise<void> {
    const started = startLive({
      io: this.world.node('engine'),
      venue: this.venue,
      setup: this.setup,
      journal: this.journal,
      archive,
      inbox: { capacity: 1_000, maxAgeMs: 60_000 },
      snapshotEvery: 1_000_000,
      kinds: ['quotes'],
    })
    let result: Awaited<typeof started> | undefined
    void started.then((value) => (result = value))
    await this.world.until(() => result !== undefined, 60_000)
    assert(result?.ok === true, 'the run begins')
    this.live = result.value
  }

  /** All symbols have this price; what it causes is over when it returns. Gives the calls that it took. */
  async price(price: number, settleMs = 500): Promise<readonly Batch[]> {
    const before = this.calls.length
    const at = this.world.now
    for (const { id: symbol } of this.universe.all) {
      const sides = { bid: price - 0.01, bidSize: 1_000, ask: price + 0.01, askSize: 1_000 }
      this.venue.show({ type: 'quote', at, quote: { symbol, ts: at, ...sides } })
    }
    await this.world.run(settleMs)
    return this.calls.slice(before)
  }

  switch(changes: Partial<Batching>): void {
    const { batching } = this.live.engine.inForce
    const after = { ...batching, ...changes }
    this.live.control({ do: 'retune', changes: batchingChanges(batching, after) }, 'test')
  }

  /** What rests at the venue, in words: equal for equal ladders. */
  get resting(): readonly string[] {
    const { orders } = this.venue.broker.exchange.report(this.world.now)
    const open = orders.filter((order) => order.open)
    return open
      .map(({ symbol, side, qty, limit }) => `${symbol} ${side} ${qty} @ ${limit}`)
      .toSorted(compareText)
  }

  /** What should rest there at a price. */
  wantedAt(price: number): readonly string[] {
    const { bids, asks } = ladderAt(price)
    return this.universe.all
      .flatMap((instrument) => [
        ...bids.map((one) => `${instrument.id} buy 1 @ ${instrument.px(one.price, 'down')}`),
        ...asks.map((one) => `${instrument.id} sell 1 @ ${instrument.px(one.price, 'up')}`),
      ])
      .toSorted(compareText)
  }
}

export const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
