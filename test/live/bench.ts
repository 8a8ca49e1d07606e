/*
 * Bench: an engine that comes and goes at a venue that stays, on virtual time. The venue is a fake whose answers a test
 * scripts, the journal a file, and the strategy does what the volume of a bar says.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { Ms } from '../../src/core/brand.ts'
import { barColumns } from '../../src/core/columns.ts'
import type { Bar } from '../../src/core/market.ts'
import type { Order } from '../../src/core/order.ts'
import type { Archive, Journal } from '../../src/core/store.ts'
import { RISK_DEFAULTS } from '../../src/engine/risk-limits.ts'
import { VirtualWorld } from '../../src/io/virtual.ts'
import type { Told } from '../../src/runtime/session/alerts.ts'
import type { ExitPolicy } from '../../src/runtime/config/exit-policy.ts'
import type { LiveOptions } from '../../src/runtime/live/options.ts'
import { type Live, startLive } from '../../src/runtime/live/live.ts'
import { Wishes } from '../../src/runtime/live/wishes.ts'
import { openJournal } from '../../src/store/index.ts'
import { type Context, defineStrategy, z } from '../../src/strategy/index.ts'
import { A, B, bar, universeOf } from '../../src/testing/builders.ts'
import { FakeVenue } from '../../src/testing/fake-venue.ts'

export const MINUTE = 60_000
export const VISIBLE_MS = 20_000

/** Does what the volume of a bar says: 1 buys, 2 sells, 3 buys with a limit, 4 closes. */
const obey = defineStrategy({
  name: 'obey',
  params: z.strictObject({}),
  needs: () => ({ bars: '1m', warmup: 1 }),
  symbol: (context: Context) => ({
    onBar: ({ volume }: Bar) => {
      if (volume === 1) context.buy({ qty: 10 })
      if (volume === 2) context.sell({ qty: 10 })
      if (volume === 3) context.buy({ qty: 10, limit: 99 })
      if (volume === 4) context.close()
    },
  }),
})

/** Keeps no bar: a restart does its journal again from the first turn. */
export const archive: Archive = {
  putBars: (_symbol, _timeframe, bars) => Promise.resolve({ written: bars.length }),
  latest: () => Promise.resolve(barColumns(0)),
  async *bars() {},
  series: () => Promise.resolve([]),
  coverage: () => Promise.resolve([]),
  close: () => Promise.resolve(),
}

export class Bench {
  readonly world = new VirtualWorld({ seed: 1 })
  readonly universe = universeOf('A', 'B')
  readonly venue: FakeVenue
  readonly told: Told[] = []
  readonly path: string
  journal!: Journal
  live!: Live
  #lives = 0

  readonly #orderAgeMsMax: number

  /** Orders are too old to be sent again when it is clear that they are lost, where not told. */
  constructor(t: TestContext, orderAgeMsMax = VISIBLE_MS / 2) {
    this.#orderAgeMsMax = orderAgeMsMax
    const folder = mkdtempSync(join(tmpdir(), 'skein-live-'))
    t.after(() => rmSync(folder, { recursive: true, force: true }))
    this.path = join(folder, 'journal.db')
    this.venue = new FakeVenue(this.universe, () => this.world.now)
  }

  get setup(): LiveOptions['setup'] {
    return {
      universe: this.universe,
      uses: [{ name: 's', strategy: obey, params: {}, on: [A, B] }],
      risk: { ...RISK_DEFAULTS, tradingHours: 'always', maxPositionFraction: 1 },
      run: 'r',
      currency: 'USD',
      base: '1m',
      bars: { latenessMs: 0, maxFill: 0 },
    }
  }

  /** What its starts have in common. */
  get usual(): Partial<LiveOptions> {
    return {}
  }

  /** Starts an engine on the journal of the one before. */
  async start(changes: Partial<LiveOptions> = {}): Promise<void> {
    const result = await this.#settled(this.#started(changes))
    assert(result.ok, result.ok ? '' : result.fault.message)
    this.live = result.value
    await this.world.run(10)
  }

  /** The error of a start that does not come as far as its venue. */
  async refusal(changes: Partial<LiveOptions> = {}): Promise<unknown> {
    try {
      await this.#started(changes)
      return undefined
    } catch (error) {
      return error
    }
  }

  #started(changes: Partial<LiveOptions>): ReturnType<typeof startLive> {
    this.journal = openJournal(this.path)
    return startLive({
      io: this.world.node(`engine ${++this.#lives}`),
      venue: this.venue,
      setup: this.setup,
      journal: this.journal,
      archive,
      inbox: { capacity: 1_000, maxAgeMs: 60_000 },
      snapshotEvery: 1_000,
      timing: { visibilityMs: VISIBLE_MS, orderAgeMsMax: this.#orderAgeMsMax },
      tell: (told) => this.told.push(told),
      ...this.usual,
      ...changes,
    })
  }

  wishes(): Wishes {
    return new Wishes(this.path)
  }

  /** The process is gone: nothing of it is heard or sent any more, nothing is flushed. */
  kill(): void {
    this.world.node(`engine ${this.#lives}`).close()
    this.live.pump.stop()
    this.live.gateway.close()
  }

  /** A bar in the next minute, and a moment for what it causes. */
  async bar(volume: number, symbol = A): Promise<void> {
    await this.world.run(MINUTE)
    const start = (Math.floor(this.world.now / MINUTE) * MINUTE - MINUTE) as Ms
    this.venue.bar(bar({ symbol, start, volume, open: 100, high: 100, low: 100, close: 100 }))
    await this.world.run(10)
  }

  async stop(policy?: ExitPolicy) {
    return await this.#settled(this.live.stop(policy))
  }

  get orders(): readonly Order[] {
    return this.live.engine.ours.orders.map(({ order }) => order)
  }

  get phases(): string[] {
    return this.orders.map(({ phase, reason = '', filled }) => `${phase} ${reason} ${filled}`)
  }

  get position(): number {
    return this.live.engine.ours.positions.find(({ symbol }) => symbol === A)?.qty ?? 0
  }

  /** Lets time pass until the work is done. */
  async #settled<T>(work: Promise<T>): Promise<T> {
    const done: T[] = []
    const noted = work.then((value) => done.push(value))
    await this.world.until(() => done.length > 0, 200_000)
    await noted
    return done[0]!
  }

  /** What must hold whatever happened. */
  check(): void {
    const { again } = this.venue
    assert.equal(new Set(again).size, again.length, 'no order more than twice')
    for (const symbol of [A, B]) {
      const ours = this.live.engine.ours.positions.find((one) => one.symbol === symbol)?.qty ?? 0
      assert.equal(ours, this.venue.positionOf(symbol))
    }
    for (const { id, phase } of this.orders) assert.notEqual(phase, 'sent', `${id} is settled`)
  }
}
