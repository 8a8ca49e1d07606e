import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Turn } from '../../core/command.ts'
import type { Input } from '../../core/input.ts'
import type { Journal } from '../../core/store.ts'
import { money } from '../../core/instrument.ts'
import { ok } from '../../core/result.ts'
import { ms } from '../../core/time.ts'
import type { Broker } from '../../core/venue.ts'
import { Engine } from '../../engine/engine.ts'
import { RISK_DEFAULTS } from '../../engine/risk-limits.ts'
import type { VirtualNode } from '../../io/virtual-node.ts'
import { VirtualWorld } from '../../io/virtual.ts'
import { defineStrategy, type Strategy, z } from '../../strategy/index.ts'
import { A, limitsOf, SIM, trade, universeOf } from '../../testing/builders.ts'
import { Gateway } from './gateway.ts'
import { FACT_FLUSH_MS, Pump, SLICE_INPUTS } from './pump.ts'
import { Recorder } from '../session/recorder.ts'

/** Asks for a bar a minute, so that trades are built into bars that close by the clock. */
const watcher = defineStrategy({
  name: 'watcher',
  params: z.strictObject({}),
  needs: () => ({ bars: '1m' }),
  symbol: () => ({ onBar: () => {} }),
})

/** Buys on every trade. */
const buyer = defineStrategy({
  name: 'buyer',
  params: z.strictObject({}),
  needs: () => ({ trades: true }),
  symbol: (context) => ({
    onTrade: () => {
      context.buy({ qty: 1 })
    },
  }),
})

interface Changes {
  readonly append?: () => void
  readonly snapshotEvery?: number
  /** Resolves when the archive has what it was given. */
  readonly archived?: Promise<void>
  readonly strategy?: Strategy
}

class Desk {
  readonly world = new VirtualWorld({ seed: 1 })
  readonly turns: Turn[] = []
  readonly snapshots: number[] = []
  readonly written: number[] = []
  readonly io: VirtualNode
  readonly pump: Pump
  flushes = 0
  timers = 0

  /** Turns that had been made, and batches that had left, when the journal caught up. */
  readonly caughtUp: string[] = []
  /** Turns that were made when a batch left. */
  readonly leftAfter: number[] = []

  constructor(changes: Changes = {}) {
    const { append = () => {}, snapshotEvery = 1_000, strategy = watcher, archived } = changes
    const universe = universeOf('A')
    const engine = new Engine({
      universe,
      uses: [{ name: 'w', strategy, params: {}, on: [A] }],
      limits: new Map([[SIM, limitsOf()]]),
      risk: { ...RISK_DEFAULTS, tradingHours: 'always' },
      run: 'r',
      currency: 'USD',
      calendar: '24/7',
      base: '1m',
      latenessMs: 0,
      maxFill: 0,
    })
    const journal: Journal = {
      append: (turn) => {
        append()
        this.turns.push(turn)
      },
      flush: () => {
        this.flushes++
      },
      catchUp: () => {
        this.caughtUp.push(`${this.turns.length} ${this.leftAfter.length}`)
      },
      snapshot: (n) => this.snapshots.push(n),
      latest: () => undefined,
      since: () => [],
    }
    const archive = {
      putBars: async () => {
        this.written.push(this.turns.length)
        await archived
        return { written: 1 }
      },
    }
    this.io = this.world.node('engine')
    const io = {
      now: () => this.io.now(),
      after: (delayMs: number, fire: () => void) => {
        this.timers++
        return this.io.after(delayMs, fire)
      },
    }
    // As a request does, a batch leaves some steps after it was handed over.
    const execute: Broker['execute'] = async ({ commands }) => {
      await Promise.resolve()
      this.leftAfter.push(this.turns.length)
      return commands.map(() => ok({ venueId: 'v' }))
    }
    const report: Broker['report'] = () => Promise.reject(new Error('nobody asks'))
    const gateway = new Gateway({
      brokers: new Map([[SIM, { execute, report }]]),
      now: () => io.now(),
      sink: () => {},
    })
    this.pump = new Pump({
      io,
      engine,
      journal,
      gateway,
      recorder: new Recorder(
        archive as unknown as ConstructorParameters<typeof Recorder>[0],
        engine,
      ),
      inbox: { capacity: 10_000, maxAgeMs: 60_000 },
      snapshotEvery,
      snapshot: () => '{}',
    })
  }

  trade(aheadMs = 0): void {
    const at = ms(this.world.now + aheadMs)
    this.pump.push({ type: 'trade', at, trade: trade({ ts: at }) })
  }

  get sizes(): number[] {
    return this.turns.map(({ inputs }) => inputs.length)
  }
}

const up = (desk: Desk): Input => ({
  type: 'venue.up',
  at: desk.world.now,
  venue: SIM,
  stream: 'orders',
})

const pause = (desk: Desk): Input => ({
  type: 'control',
  at: desk.world.now,
  control: { do: 'pause' },
  by: 'test',
})

test('what arrives in one millisecond is one turn, the operator first', async () => {
  const desk = new Desk()
  desk.pump.start()
  desk.trade()
  desk.trade()
  desk.pump.push(pause(desk))

  await desk.world.run(1)

  assert.deepEqual(desk.sizes, [3])
  assert.equal(desk.turns[0]!.inputs[0]!.type, 'control')
})

test('time never goes back: an input that is stamped earlier counts as of now', async () => {
  const desk = new Desk()
  desk.pump.start()
  desk.trade()
  desk.trade(-5_000)

  await desk.world.run(1)

  assert.deepEqual(new Set(desk.turns.flatMap(({ inputs }) => inputs.map(({ at }) => at))).size, 1)
})

test('a slice takes so many inputs, and never a part of a millisecond', async () => {
  const desk = new Desk()
  for (let i = 0; i < SLICE_INPUTS + 10; i++) desk.trade()
  for (let i = 1; i <= SLICE_INPUTS + 10; i++) desk.trade(i)

  desk.pump.start()
  // Each run waits for some turns of the event loop only.
  for (let i = 0; i < 3; i++) await desk.world.run(1)

  assert.equal(desk.sizes[0], SLICE_INPUTS + 10)
  assert.equal(
    desk.sizes.reduce((sum, size) => sum + size, 0),
    2 * (SLICE_INPUTS + 10),
  )
  assert.ok(desk.pump.statistics.slices >= 3)
})

test('inputs wait while it is paused, and none is taken after it is stopped', async () => {
  const desk = new Desk()
  desk.trade()
  await desk.world.run(1)
  assert.deepEqual(desk.sizes, [])

  desk.pump.stop()
  desk.pump.start()
  desk.trade()
  await desk.world.run(1)

  assert.deepEqual(desk.sizes, [])
})

test('an order leaves before the turns of what came after it', async () => {
  const desk = new Desk({ strategy: buyer })
  const cash = money(1e6)
  const [equity, buyingPower] = [cash, cash]
  desk.pump.push({ type: 'account', at: desk.world.now, venue: SIM, cash, equity, buyingPower })
  for (let i = 0; i < 3; i++) desk.trade(i)

  desk.pump.start()
  await desk.world.run(3)

  assert.equal(desk.leftAfter[0], 1)
  assert.equal(desk.turns.length, 3)
})

test('the journal catches up when nothing waits, and when the orders of the last turn have left', async () => {
  const desk = new Desk({ strategy: buyer })
  const cash = money(1e6)
  const [equity, buyingPower] = [cash, cash]
  desk.pump.push({ type: 'account', at: desk.world.now, venue: SIM, cash, equity, buyingPower })
  desk.trade()
  desk.pump.start()
  await desk.world.run(1)
  assert.deepEqual([desk.turns.length, desk.leftAfter, desk.caughtUp], [1, [1], []])

  desk.pump.push(up(desk))
  await desk.world.run(1)

  assert.deepEqual(desk.caughtUp, ['2 1'])
})

test('it wakes for a bar though the clock went back meanwhile', async () => {
  const desk = new Desk()
  desk.pump.start()
  desk.trade()
  await desk.world.run(1)
  desk.io.jump(-30_000)

  await desk.world.run(60_000)
  assert.deepEqual(desk.sizes, [1])
  await desk.world.run(30_000)

  assert.deepEqual(desk.sizes, [1, 0])
})

test('it wakes for a bar when it is due, though the clock was set ahead meanwhile', async () => {
  const desk = new Desk()
  desk.pump.start()
  desk.trade()
  await desk.world.run(1)
  desk.io.jump(50_000)

  await desk.world.run(12_000)

  assert.deepEqual(desk.sizes, [1, 0])
})

test('turns that change nothing of what is due make no timer', async () => {
  const desk = new Desk()
  desk.pump.start()
  desk.trade()
  await desk.world.run(1)
  const { timers } = desk

  for (let i = 0; i < 10; i++) {
    desk.trade()
    await desk.world.run(1)
  }

  assert.equal(desk.turns.length, 11)
  assert.equal(desk.timers, timers)
})

test('a bar closes by the clock though nothing arrives', async () => {
  const desk = new Desk()
  desk.pump.start()
  desk.trade()

  await desk.world.run(60_000)

  assert.deepEqual(desk.sizes, [1, 0])
  assert.equal(desk.turns[1]!.at % 60_000, 0)
})

test('what a person says is flushed at once, market data never are', async () => {
  const desk = new Desk()
  desk.pump.start()
  desk.trade()
  await desk.world.run(FACT_FLUSH_MS)
  assert.equal(desk.flushes, 0)

  desk.pump.push(pause(desk))
  await desk.world.run(1)

  assert.equal(desk.flushes, 1)
})

test('what the venue tells is flushed a moment later, several facts at once', async () => {
  const desk = new Desk()
  desk.pump.start()
  desk.pump.push(up(desk))
  await desk.world.run(FACT_FLUSH_MS - 1)
  desk.pump.push(up(desk))
  assert.equal(desk.flushes, 0)

  await desk.world.run(1)

  assert.deepEqual([desk.sizes, desk.flushes], [[1, 1], 1])
  await desk.world.run(10 * FACT_FLUSH_MS)
  assert.equal(desk.flushes, 1)
})

test('nothing is flushed after it is stopped', async () => {
  const desk = new Desk()
  desk.pump.start()
  desk.pump.push(up(desk))
  await desk.world.run(1)

  desk.pump.stop()
  await desk.world.run(10 * FACT_FLUSH_MS)

  assert.deepEqual([desk.sizes, desk.flushes], [[1], 0])
})

test('a snapshot is taken only when all bars before it are in the archive', async () => {
  const archive = Promise.withResolvers<void>()
  const desk = new Desk({ snapshotEvery: 2, archived: archive.promise })
  desk.pump.start()
  desk.trade()
  await desk.world.run(60_000)
  assert.deepEqual([desk.snapshots, desk.written.length], [[], 1])

  archive.resolve()
  await desk.world.run(1)

  // At once, because the next turn may close a bar that the archive has not.
  assert.deepEqual([desk.snapshots, desk.turns.length], [[2], 2])
})

test('a snapshot that waits for the archive is not taken when the run has ended', async () => {
  const archive = Promise.withResolvers<void>()
  const desk = new Desk({ snapshotEvery: 2, archived: archive.promise })
  desk.pump.start()
  desk.trade()
  await desk.world.run(60_000)

  desk.pump.stop()
  archive.resolve()
  await desk.world.run(1)

  assert.deepEqual(desk.snapshots, [])
})

test('an error of the journal stops it for good', async () => {
  const desk = new Desk({
    append: () => {
      throw new Error('the disk is full')
    },
  })
  desk.pump.start()
  desk.trade()
  await desk.world.run(1)
  desk.trade()
  await desk.world.run(60_000)

  assert.deepEqual(desk.turns, [])
  assert.equal((await desk.pump.failure).message, 'the disk is full')
  assert.ok(desk.pump.isStopped)
})
