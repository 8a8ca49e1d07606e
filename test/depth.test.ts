/*
 * Depth: what a strategy sees of a book. At a venue it is looked at when a turn is made and is in the journal, so doing the
 * journal again decides the same; on a tape it comes in its own time, and no run sees what a prefix of the tape has not.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import type { MarketInput } from '../src/core/input.ts'
import { equitySpec } from '../src/core/instrument.ts'
import type { Depth } from '../src/core/market.ts'
import type { Tape } from '../src/core/tape.ts'
import { ms } from '../src/core/time.ts'
import { Universe } from '../src/core/universe.ts'
import { RISK_DEFAULTS } from '../src/engine/risk-limits.ts'
import { VirtualWorld } from '../src/io/virtual.ts'
import { Feed } from '../src/runtime/tape/feed.ts'
import { liveSession } from '../src/runtime/live/session.ts'
import { startLive } from '../src/runtime/live/live.ts'
import { findLookAhead } from '../src/runtime/tape/look-ahead.ts'
import { SIM } from '../src/runtime/tape/prepare.ts'
import { openJournal } from '../src/store/index.ts'
import { type Context, defineStrategy, z } from '../src/strategy/index.ts'
import { coin } from '../src/testing/builders.ts'
import { BYBIT, BybitVenue } from '../src/venues/bybit/venue.ts'
import { KEY } from './bybit/local.ts'
import { HOSTS, VirtualBybit } from './bybit/virtual.ts'
import { archive, Bench } from './live/bench.ts'
import { setupOf } from './quoting/stand.ts'

const START = ms(Date.UTC(2026, 0, 7, 15))
const LEVELS = 3

/** Rests a bid where the side that holds more of the book says, and remembers what it saw. */
const leaning = (seen: (Depth | undefined)[] = []) =>
  defineStrategy({
    name: 'leaning',
    params: z.strictObject({}),
    needs: () => ({ quotes: true, depth: LEVELS }),
    symbol: (context: Context) => ({
      onTurn: () => {
        const { book, quote } = context
        seen.push(book)
        if (quote === undefined || book?.isGood !== true) return
        const size = (side: readonly number[]) =>
          side.reduce((sum, one, i) => sum + (i % 2 === 1 ? one : 0), 0)
        const isHeavy = size(book.bids) > size(book.asks)
        const price = quote.bid * (isHeavy ? 0.999 : 0.998)
        context.rest({ bids: [{ price, qty: 1 }], asks: [] }, { minRestMs: 0, requoteBps: 0.1 })
      },
    }),
  })

async function running(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'skein-depth-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const world = new VirtualWorld({ seed: 1, startAt: START })
  const local = await world.settled(
    VirtualBybit.serve(world, { startAt: START, tape: tradesTape(), keys: [KEY], cash: 1e6 }),
  )
  const specs = local.venue.universe.all.map(({ spec }) => ({ ...spec, venue: BYBIT }))
  const universe = new Universe(specs)
  const symbols = specs.map(({ symbol }) => symbol)
  const io = world.node('engine')
  const venue = new BybitVenue({ io, keys: KEY, symbols, universe, hosts: HOSTS })
  const seen: (Depth | undefined)[] = []
  const plain = setupOf(universe, {})
  const uses = [{ ...plain.uses[0]!, strategy: leaning(seen) }]
  const setup = { ...plain, uses }
  const journal = openJournal(join(folder, 'journal.db'))
  const started = await world.settled(
    startLive({
      io,
      venue,
      setup,
      journal,
      archive,
      inbox: { capacity: 1_000, maxAgeMs: 60_000 },
      snapshotEvery: 1_000_000,
      kinds: ['quotes'],
    }),
  )
  assert.ok(started.ok, started.ok ? '' : started.fault.message)
  return { world, local, venue, setup, journal, seen, live: started.value }
}

test('at a venue a strategy sees the best levels of the kept book, and the journal done again decides the same', async (t) => {
  const { world, local, venue, setup, journal, seen, live } = await running(t)
  await world.run(20_000)

  const book = seen.findLast((one) => one !== undefined)
  const [symbol] = setup.universe.all
  assert.ok(book !== undefined && book.isGood && symbol !== undefined)
  assert.equal(book.bids.length, 2 * LEVELS)
  assert.deepEqual(book, venue.feed.book(symbol.id)?.depth(LEVELS))
  assert.ok(live.engine.statistics.orders.created > 2)
  await world.settled(live.abandon())
  const again = liveSession(
    { ...setup, uses: [{ ...setup.uses[0]!, strategy: leaning() }] },
    venue.limits,
    ['quotes'],
  ).engine
  for (const { at, inputs } of journal.since(-1)) again.turn(at, inputs)
  assert.deepEqual([again.hash(), again.intents], [live.engine.hash(), live.engine.intents])
  local.stop()
  await local.venue.close()
})

test('F343 a strategy sees nothing of a book that lost a delta, until it is whole again', async (t) => {
  const { world, local, seen, live } = await running(t)
  await world.run(15_000)
  const before = seen.length
  local.venue.nemesis.inject({ on: 'data', fault: 'drop', holding: 'orderbook', times: 1 })
  await world.run(5_000)

  const shown = seen.slice(before)
  const broken = shown.filter((book) => book?.isGood === false)
  assert.ok(broken.length > 0)
  for (const book of broken) assert.deepEqual([book?.bids, book?.asks], [[], []])
  assert.equal(shown.at(-1)?.isGood, true)
  await world.settled(live.abandon())
  local.stop()
  await local.venue.close()
})

test('a venue that keeps no depth is refused where a strategy asks for it', async (t) => {
  const bench = new Bench(t)
  const uses = [{ ...bench.setup.uses[0]!, strategy: leaning() }]
  const { universe } = bench
  const started = startLive({
    io: bench.world.node('engine'),
    venue: bench.venue,
    setup: { ...bench.setup, universe, uses },
    journal: openJournal(bench.path),
    archive,
    inbox: { capacity: 1_000, maxAgeMs: 60_000 },
    snapshotEvery: 1_000,
  })
  const result = await bench.world.settled(started)
  assert.ok(!result.ok)
  assert.match(result.fault.message, /keeps no depth/)
})

test('on a tape no decision sees depth that a prefix of it does not hold', async () => {
  const tape = depthTape(60)
  const universe = new Universe(tape.instruments)
  const feed = new Feed(tape, universe)
  const rows: MarketInput[] = []
  for (await feed.refill(); feed.nextAt < Infinity; await feed.refill()) rows.push(...feed.take())
  assert.deepEqual(
    rows.slice(0, 2).map(({ type }) => type),
    ['depth', 'quote'],
  )
  let runs = 0
  const found = await findLookAhead(rows, () => {
    runs++
    return {
      universe,
      uses: [
        { name: 'leaning', strategy: leaning(), params: {}, on: universe.all.map(({ id }) => id) },
      ],
      risk: {
        ...RISK_DEFAULTS,
        tradingHours: 'always',
        maxTradesPerDay: 1e6,
        ordersPerMinute: 1e6,
      },
      sim: { venue: SIM, cash: 1e6 },
      run: 'r',
      currency: 'USD',
      base: '1m',
      bars: { latenessMs: 0, maxFill: 0 },
    }
  })
  assert.equal(found, undefined)
  assert.equal(runs, 60)
})

const series = <T>(page: T) =>
  async function* (): AsyncIterable<T> {
    yield page
  }

/** A book and its top, which lean one way and the other. */
function depthTape(rows: number): Tape {
  const ts = Float64Array.from({ length: rows }, (_, i) => START + 100 * i)
  const column = (of: (i: number) => number) => Float64Array.from({ length: rows }, (_, i) => of(i))
  const side = (sign: 1 | -1) =>
    Float64Array.from({ length: rows * 2 * LEVELS }, (_, i) => {
      const row = Math.floor(i / (2 * LEVELS))
      const level = Math.floor((i % (2 * LEVELS)) / 2)
      if (i % 2 === 0) return 1_000 + (row % 7) - sign * (level + 1)
      return (row % 2 === 0) === (sign === 1) ? 20 : 10
    })
  const symbol = 'C'
  return {
    name: 'a book that leans',
    instruments: [coin(symbol)],
    series: [
      {
        kind: 'quotes',
        symbol,
        pages: series({
          length: rows,
          ts,
          bid: column((i) => 999 + (i % 7)),
          bidSize: column(() => 10),
          ask: column((i) => 1_001 + (i % 7)),
          askSize: column(() => 10),
        }),
      },
      {
        kind: 'depth',
        symbol,
        pages: series({
          length: rows,
          levels: LEVELS,
          ts,
          bids: side(1),
          asks: side(-1),
          good: new Uint8Array(rows).fill(1),
        }),
      },
    ],
  }
}

/** Trades that go up and down, five a second; the venue makes books around them. */
function tradesTape(): Tape {
  const length = 300
  const symbol = 'S0USDT'
  return {
    name: 'trades',
    instruments: [equitySpec(symbol, BYBIT)],
    series: [
      {
        kind: 'trades',
        symbol,
        pages: series({
          length,
          ts: Float64Array.from({ length }, (_, i) => START + 200 * (i + 1)),
          price: Float64Array.from({ length }, (_, i) => 10_000 + ((i * 7) % 11)),
          size: Float64Array.from({ length }, (_, i) => 1 + (i % 5)),
        }),
      },
    ],
  }
}
