/*
 * Soak: four hours of virtual time in which 31 symbols trade and the connections are lost a hundred times, through the
 * real engine, adapter, gateway and journal; beside the same hours without a loss.
 *
 * Both decide upon the same bars, each once: that is the check. The value is what the buffers have grown by between
 * the first quarter and the end. It fails where a queue is longer at the end than it was, or where a timer, a
 * connection, a handle or a listener is left over.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Bench, Measured, Size } from './bench.ts'
import { equitySpec } from '../src/core/instrument.ts'
import type { Bar } from '../src/core/market.ts'
import type { Tape } from '../src/core/tape.ts'
import { MINUTE, ms, SECOND } from '../src/core/time.ts'
import { Universe } from '../src/core/universe.ts'
import { RISK_DEFAULTS } from '../src/engine/risk-limits.ts'
import { VirtualWorld } from '../src/io/virtual.ts'
import { startLive } from '../src/runtime/live/live.ts'
import { openArchive, openJournal } from '../src/store/index.ts'
import { type Context, defineStrategy, z } from '../src/strategy/index.ts'
import { ALPACA } from '../src/venues/alpaca/broker.ts'
import { AlpacaVenue } from '../src/venues/alpaca/venue.ts'
import { HOST, HOSTS, VirtualAlpaca } from '../test/alpaca/virtual.ts'

const SIZES = {
  full: { minutes: 240, cuts: 100 },
  quick: { minutes: 4, cuts: 2 },
} as const
/** The venue moves in steps of this: finer ones cost the bench more than all else. */
const PACE_MS = 250
/** Until the venue has missed a connection that broke silently; it admits no other before. */
const MISSED_AFTER_MS = 30 * SECOND
const TRADE_EVERY_MS = 5 * SECOND
/** Looks at an archive that is still asked. */
const LOOKS_MAX = 1_000
/** 10:00 in New York; the market stays open for longer than the soak. */
const STARTED = Date.UTC(2026, 0, 7, 15)
const KEY = { key: 'soak-key', secret: 'soak-secret' }
const NODE = 'engine'
const SYMBOLS = Array.from({ length: 31 }, (_, i) => `S${String(i).padStart(2, '0')}`)

export const bench: Bench = {
  name: 'soak',
  unit: 'bytes',
  goal: { atMost: 50_000 },
  isSlow: true,
  run: {
    skein: (size) => soak(size, SIZES[size].cuts),
    reference: (size) => soak(size, 0),
  },
}

/** In and out of each symbol, so that orders are always under way. */
const restless = defineStrategy({
  name: 'restless',
  params: z.strictObject({}),
  needs: () => ({ bars: '1m' }),
  state: () => 0,
  symbol: (context: Context) => ({
    onBar: (_bar: Bar) => {
      const bars = Number(context.state)
      context.state = bars + 1
      if ((bars + context.instrument.id) % 8 !== 0) return
      if (context.position.isFlat) context.buy({ qty: 1 })
      else context.close()
    },
  }),
})

async function soak(size: Size, cuts: number): Promise<Measured> {
  const { minutes } = SIZES[size]
  const folder = mkdtempSync(join(tmpdir(), 'skein-soak-'))
  const archive = await openArchive(join(folder, 'archive.db'))
  const world = new VirtualWorld({ seed: 1, startAt: ms(STARTED) })
  try {
    const options = { tape: tapeOf(minutes + 2), startAt: STARTED, keys: [KEY] }
    const alpaca = await world.settled(VirtualAlpaca.serve(world, options, PACE_MS))
    const io = world.node(NODE)
    const universe = new Universe(SYMBOLS.map((symbol) => equitySpec(symbol, ALPACA)))
    const adapter = new AlpacaVenue({ io, keys: KEY, symbols: SYMBOLS, universe, hosts: HOSTS })
    const bars = new Set<string>()
    let ups = 0
    const started = await world.settled(
      startLive({
        io,
        venue: adapter,
        setup: {
          universe,
          uses: [
            { name: 's', strategy: restless, params: {}, on: universe.all.map(({ id }) => id) },
          ],
          risk: { ...RISK_DEFAULTS, maxTradesPerDay: Infinity, ordersPerMinute: Infinity },
          run: 'r',
          currency: 'USD',
          base: '1m',
          bars: { latenessMs: 0, maxFill: 2 },
        },
        journal: openJournal(join(folder, 'journal.db')),
        archive,
        inbox: { capacity: 10_000, maxAgeMs: MINUTE },
        snapshotEvery: 10_000,
        kinds: ['trades', 'bars'],
        onTurn: ({ inputs, notices }) => {
          for (const input of inputs) if (input.type === 'venue.up') ups++
          for (const notice of notices) if (notice.type === 'bar.closed') note(bars, notice.bar)
        },
      }),
    )
    assert.ok(started.ok, started.ok ? '' : started.fault.message)
    const live = started.value
    // The archive's thread is a handle for as long as it is asked.
    const atRest = async (): Promise<void> => {
      const isAsked = () => process.getActiveResourcesInfo().includes('MessagePort')
      for (let i = 0; isAsked(); i++) {
        assert.ok(i < LOOKS_MAX, 'what the archive was asked is answered')
        await archive.series()
      }
    }
    const usage = async (): Promise<Usage> => {
      await atRest()
      return {
        buffers: buffersHeld(),
        left: {
          timers: io.usage().timers,
          connections: io.usage().connections,
          handles: process.getActiveResourcesInfo().length,
          listeners: listenersOfProcess(),
        },
        waiting: live.pump.inbox.statistics.waiting + live.gateway.underWay.size,
      }
    }
    const everyMs = (minutes * MINUTE) / (cuts + 1)
    const quarter = Math.floor(cuts / 4)
    let before: Usage | undefined
    for (let cut = 0; cut < cuts; cut++) {
      await world.run(everyMs)
      if (cut === quarter) before = await usage()
      // Now and then nobody is told, and silence has to be noticed.
      if (cut % 4 === 3) alpaca.breakSilently(NODE, MISSED_AFTER_MS)
      else world.link(NODE, HOST).reset()
    }
    await world.run(everyMs - (cuts === 0 ? everyMs / 2 : 0))
    before ??= await usage()
    // Until the end, and for the last bar.
    await world.run(STARTED + minutes * MINUTE + 30 * SECOND - world.now)
    const after = await usage()
    assert.deepEqual(after.left, before.left, 'nothing is left over')
    assert.ok(after.waiting <= before.waiting + SYMBOLS.length, `${after.waiting} wait at the end`)
    assert.ok(ups > 2 * cuts, `two streams came up ${ups} times for ${cuts} cuts`)
    alpaca.stop()
    await world.settled(live.abandon())
    // A ratio wants a value above zero, also where buffers have shrunk.
    const value = Math.max(1, after.buffers - before.buffers)
    return { value, check: `${bars.size} bars` }
  } finally {
    world.node(NODE).close()
    await archive.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

interface Usage {
  readonly buffers: number
  /** What must be the same at both times. */
  readonly left: Readonly<Record<string, number>>
  readonly waiting: number
}

function note(bars: Set<string>, { symbol, start, timeframe, close }: Bar): void {
  const bar = `${timeframe} ${symbol} ${start}`
  assert.ok(!bars.has(bar), `${bar} ${close} is told once`)
  bars.add(bar)
}

/** Buffers are given back after a collection, beside it; the next one waits for that. */
function buffersHeld(): number {
  assert.ok(globalThis.gc, 'a bench runs with --expose-gc')
  globalThis.gc()
  globalThis.gc()
  return process.memoryUsage().arrayBuffers
}

const listenersOfProcess = (): number =>
  process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0)

/** A trade of each symbol every few seconds, on a slow wave of its own. */
function tapeOf(minutes: number): Tape {
  const length = (minutes * MINUTE) / TRADE_EVERY_MS
  const priceOf = (symbol: number, i: number): number =>
    Math.round(100 * (100 + symbol + Math.sin(i / (50 + symbol)))) / 100
  return {
    name: 'waves',
    instruments: SYMBOLS.map((symbol) => equitySpec(symbol, ALPACA)),
    series: SYMBOLS.map((symbol, n) => ({
      kind: 'trades',
      symbol,
      pages: async function* () {
        yield {
          length,
          ts: Float64Array.from({ length }, (_, i) => STARTED + TRADE_EVERY_MS * i + n),
          price: Float64Array.from({ length }, (_, i) => priceOf(n, i)),
          size: new Float64Array(length).fill(100),
        }
      },
    })),
  }
}
