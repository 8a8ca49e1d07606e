// Live on the real wire: the engine, the Alpaca adapter and the local venue, killed in the middle and started again.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Bar } from '../src/core/market.ts'
import { equitySpec } from '../src/core/instrument.ts'
import { ms } from '../src/core/time.ts'
import { Universe } from '../src/core/universe.ts'
import { RISK_DEFAULTS } from '../src/engine/risk-limits.ts'
import { systemIo } from '../src/io/system.ts'
import { type Live, startLive } from '../src/runtime/live/live.ts'
import { openArchive, openJournal } from '../src/store/index.ts'
import { type Context, defineStrategy, z } from '../src/strategy/index.ts'
import { ALPACA } from '../src/venues/alpaca/broker.ts'
import { AlpacaVenue } from '../src/venues/alpaca/venue.ts'
import { KEY, START, startVenue, until } from './alpaca/local.ts'

const MINUTE = 60_000
const SYMBOLS = ['AAPL', 'MSFT']

/** In with the first bar, out with the third, and again. */
const inAndOut = defineStrategy({
  name: 'in-and-out',
  params: z.strictObject({}),
  needs: () => ({ bars: '1m', warmup: 2 }),
  state: () => 0,
  symbol: (context: Context) => ({
    onBar: (_bar: Bar) => {
      const bars = Number(context.state)
      context.state = bars + 1
      if (context.position.isFlat) context.buy({ qty: 5 })
      else if (bars % 2 === 0) context.close()
    },
  }),
})

test(
  'trades on the wire, is killed, and goes on with what the venue has',
  { timeout: 300_000 },
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'skein-alpaca-'))
    t.after(() => rmSync(folder, { recursive: true, force: true }))
    const server = await startVenue()
    const clock = { now: START }
    const told: string[] = []
    const start = async () => {
      const system = systemIo({ seed: 1 })
      const io = { ...system, now: () => ms(clock.now) }
      const universe = new Universe(SYMBOLS.map((symbol) => equitySpec(symbol, ALPACA)))
      const venue = new AlpacaVenue({
        io,
        keys: KEY,
        symbols: SYMBOLS,
        universe,
        hosts: {
          trading: server.urls.rest,
          data: server.urls.rest,
          stream: server.urls.dataStream,
          orders: server.urls.tradingStream,
        },
        limits: { subscribe: { batch: 2, everyMs: 1, total: 30 } },
      })
      const journal = openJournal(join(folder, 'journal.db'))
      const archive = await openArchive(join(folder, 'archive.db'))
      const started = await startLive({
        io,
        venue,
        setup: {
          universe,
          uses: [
            { name: 's', strategy: inAndOut, params: {}, on: universe.all.map(({ id }) => id) },
          ],
          risk: { ...RISK_DEFAULTS, tradingHours: 'always', maxTradesPerDay: Infinity },
          run: 'r',
          currency: 'USD',
          base: '1m',
          bars: { latenessMs: 0, maxFill: 2 },
        },
        journal,
        archive,
        inbox: { capacity: 10_000, maxAgeMs: 10 * MINUTE },
        snapshotEvery: 50,
        // Of which the venue hears nothing: at the end it has as many orders as the engine.
        isRehearsed: true,
        // The clock goes in steps of half a minute, which is no pause here.
        timing: { gapMsMax: MINUTE },
        tell: ({ text }) => told.push(text),
      })
      assert.ok(started.ok, started.ok ? '' : started.fault.message)
      const live: Live = started.value
      const close = async (): Promise<void> => {
        await live.abandon()
        await system.close()
        await archive.close()
      }
      return { live, venue, universe, close }
    }
    const advance = async (live: Live, minutes: number): Promise<void> => {
      for (let i = 0; i < 2 * minutes; i++) {
        const { turns } = live.engine
        clock.now += MINUTE / 2
        await server.advance(MINUTE / 2)
        if (i % 2 === 1) await until(() => live.engine.turns > turns, 'a bar came')
      }
    }
    const settled = (live: Live): boolean =>
      live.engine.ours.orders.every(({ order }) => order.phase === 'done') &&
      live.gateway.underWay.size === 0

    const first = await start()
    await advance(first.live, 4)
    await until(() => settled(first.live), 'orders are done', { server, stepMs: 20 })
    const placed = first.live.engine.statistics.orders.created
    assert.ok(placed >= 2, `${placed} orders`)
    // Killed: what is in memory is gone, the venue stays.
    await first.close()
    // A start takes time: what changed in the very millisecond of a report is left to the next one.
    clock.now += 1
    const second = await start()
    await advance(second.live, 4)
    await until(() => settled(second.live), 'orders are done', { server, stepMs: 20 })

    const report = await second.venue.broker.report()
    assert.ok(report.ok)
    const theirs = report.value.positions.map(({ symbol, qty }) => [symbol, qty] as const)
    const ours = second.live.engine.ours.positions.map(({ symbol, qty }) => [symbol, qty] as const)
    assert.deepEqual(new Map(ours), new Map(theirs))
    const ids = report.value.orders.map(({ id }) => id)
    assert.equal(new Set(ids).size, ids.length)
    assert.equal(ids.length, second.live.engine.statistics.orders.created)
    assert.ok(ids.length > placed, `${ids.length} orders, ${placed} before`)
    assert.deepEqual(second.live.engine.ours.halts, [])
    await second.close()
    await server.stop()
  },
)
