// Reconnecting: the account's stream is cut, and what it did not tell is asked for when it is back.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { equitySpec } from '../../src/core/instrument.ts'
import { Universe } from '../../src/core/universe.ts'
import { RISK_DEFAULTS } from '../../src/engine/risk-limits.ts'
import { openJournal } from '../../src/store/index.ts'
import { defineStrategy, z } from '../../src/strategy/index.ts'
import { ALPACA } from '../../src/venues/alpaca/broker.ts'
import { Bench } from './bench.ts'

const SECOND = 1_000

test('F418 a cut of the order stream after more orders than the inbox holds facts is mended', async (t) => {
  const inbox = { capacity: 40, maxAgeMs: 60_000 }
  const bench = await Bench.start(t, { live: { inbox }, risk: { ordersPerMinute: Infinity } })
  for (let round = 0; round < 6; round++) {
    await bench.does((context) => {
      for (let i = 0; i < 10; i++) context.buy({ qty: 1, limit: 95 - i / 10 })
    })
    await bench.does((context) => {
      for (const { id } of context.orders) context.cancel(id)
    })
    await bench.run(5 * SECOND)
  }
  await bench.does((context) => context.buy({ qty: 1, limit: 95 }))
  assert.equal(
    bench.orders.filter(({ reason }) => reason === 'canceled').length,
    60,
    bench.denials[0],
  )

  bench.inject({ on: 'trading', fault: 'cut-off' })
  await bench.run(30 * SECOND)

  assert.deepEqual(bench.live.engine.safety.down, [])
  assert.ok(!bench.has(/is not filled/), bench.told.join('; '))
  assert.equal(bench.live.pump.hasFailed, false)
  bench.check()
})

test('F419 fills of another run are no news of ours when the order stream is back', async (t) => {
  const bench = await Bench.start(t)
  await bench.does((context) => context.buy({ qty: 10 }))
  await bench.does((context) => context.close())
  bench.kill()
  await bench.run(SECOND)
  const folder = mkdtempSync(join(tmpdir(), 'skein-fault-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const universe = new Universe(['AAPL', 'MSFT'].map((symbol) => equitySpec(symbol, ALPACA)))
  const strategy = defineStrategy({
    name: 'n',
    params: z.strictObject({}),
    needs: () => ({ trades: true, warmup: 0 }),
    symbol: () => ({ onTrade: () => {} }),
  })
  await bench.start({
    journal: openJournal(join(folder, 'another.db')),
    setup: {
      universe,
      uses: [{ name: 'n', strategy, params: {}, on: universe.all.map(({ id }) => id) }],
      risk: { ...RISK_DEFAULTS, tradingHours: 'always' },
      run: 'q',
      currency: 'USD',
      base: '1m',
      bars: { latenessMs: 0, maxFill: 0 },
    },
  })
  await bench.run(60 * SECOND)

  bench.inject({ on: 'trading', fault: 'cut-off' })
  await bench.run(30 * SECOND)

  assert.equal(bench.live.engine.safety.safeMode, undefined)
  assert.deepEqual(bench.live.engine.safety.down, [])
  assert.deepEqual(bench.halts, [])
})

test('F438 a first connection of the order stream that fails does not silence the next one', async (t) => {
  const bench = await Bench.start(t)
  bench.kill()
  bench.inject({ on: 'trading', fault: 'refuse', for: '1s' })
  await bench.start()
  assert.ok(bench.alpaca.venue.audit.counts()['refuse']! > 0)

  await bench.does((context) => context.buy({ qty: 10 }))
  await bench.run(SECOND)

  // By the stream, and long before a report is due.
  assert.equal(bench.position(), 10)
  bench.check()
})

test('F647 nothing new is risked while nobody can say what a cut of the order stream has hidden', async (t) => {
  const bench = await Bench.start(t)
  await bench.does((context) => context.buy({ qty: 10, limit: 95 }))
  bench.inject({ on: 'trading', fault: 'refuse', for: '5s' })
  bench.inject({ on: 'trading', fault: 'cut-off' })
  bench.inject({ on: 'rest', path: '/v2/orders', fault: 'status', status: 503, for: '90s' })
  bench.inject({ on: 'market', fault: 'print', symbol: 'AAPL', price: 94, size: 100 })
  await bench.run(30 * SECOND)
  assert.equal(bench.position(), 0)

  // Its purchase has filled, and it does not know.
  await bench.does((context) => context.buy({ qty: 10 }))
  assert.deepEqual(bench.denials, ['venue-down: orders of alpaca is down'])
  await bench.run(120 * SECOND)

  assert.deepEqual(bench.live.engine.safety.down, [])
  assert.deepEqual([bench.phases, bench.position()], [['filled 10/10'], 10])
  bench.check()
})
