// Live, whole: an engine that comes and goes at a venue that stays, on virtual time. No order twice, none lost.
import assert from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { inspect } from 'node:util'
import { whyKilled } from '../src/cli/live-run.ts'
import type { Ms } from '../src/core/brand.ts'
import type { Bar } from '../src/core/market.ts'
import { integer, seeded } from '../src/core/random.ts'
import { ok } from '../src/core/result.ts'
import type { Archive } from '../src/core/store.ts'
import type { History, Venue } from '../src/core/venue.ts'
import { type LiveOptions, TIMING } from '../src/runtime/live/options.ts'
import { barsOf, columnsOf } from '../src/runtime/session/recorder.ts'
import { defineStrategy, z } from '../src/strategy/index.ts'
import { A, B, bar } from '../src/testing/builders.ts'
import type { Answer } from '../src/testing/fake-venue.ts'
import { temporary } from './cli/skein.ts'
import { archive, Bench, MINUTE, VISIBLE_MS } from './live/bench.ts'

test('an order goes out once, is filled, and the engine has what the venue has', async (t) => {
  const bench = new Bench(t)
  await bench.start()

  await bench.bar(0)
  await bench.bar(1)

  assert.deepEqual(bench.venue.subscribed, ['bars A', 'bars B'])
  assert.deepEqual(bench.phases, ['done filled 10'])
  assert.equal(bench.live.engine.ours.cash, 99_000)
  bench.check()
})

test('a venue whose instrument is another than ours is not traded at', async (t) => {
  const others = [
    [{ kind: 'perpetual' }, /A: kind is equity; the venue's is perpetual/],
    [{ kind: 'future', multiplier: 50 }, /A: kind is equity; the venue's is future/],
    [{ multiplier: 10 }, /A: multiplier is 1; the venue's is 10/],
    [{ tickSize: 0.05 }, /A: tickSize is 0.01; the venue's is 0.05/],
    [{ lotSize: 100 }, /A: lotSize is 1; the venue's is 100/],
  ] as const
  for (const [changes, told] of others) {
    const bench = new Bench(t)
    const specs = bench.universe.all.map(({ spec }) => ({ ...spec, ...changes }))
    Object.assign(bench.venue, { open: () => Promise.resolve(ok(specs)) })
    await assert.rejects(bench.start(), told)
  }
  const bench = new Bench(t)
  const specs = bench.universe.all.map(({ spec }) => ({ ...spec, tickSize: 0.005, lotSize: 0.5 }))
  Object.assign(bench.venue, { open: () => Promise.resolve(ok(specs)) })
  await bench.start()
})

test('an intent is in the journal before the venue has it', async (t) => {
  const bench = new Bench(t)
  await bench.start()
  await bench.bar(0)
  const seen: number[] = []
  const execute = bench.venue.broker.execute.bind(bench.venue.broker)
  Object.assign(bench.venue.broker, {
    execute: (batch: Parameters<typeof execute>[0]) => {
      const durable = [...bench.journal.since(0)].flatMap(({ batches }) => batches)
      seen.push(durable.length)
      return execute(batch)
    },
  })

  await bench.bar(1)

  assert.deepEqual(seen, [1])
})

test('a rejected order ends, with the reason of the venue', async (t) => {
  const bench = new Bench(t)
  await bench.start()
  await bench.bar(0)
  bench.venue.script.push('reject')

  await bench.bar(1)

  assert.deepEqual(bench.phases, ['done rejected 0'])
  assert.match(bench.orders[0]!.why!, /is refused/)
})

test('an unknown order halts its symbol, is found by report, and is never sent again', async (t) => {
  const bench = new Bench(t)
  await bench.start()
  await bench.bar(0)
  bench.venue.fillsAt = undefined
  bench.venue.script.push('booked-unknown')

  await bench.bar(1)
  assert.deepEqual(
    bench.live.engine.ours.halts.map(({ cause }) => cause),
    ['unknown-order'],
  )
  await bench.world.run(VISIBLE_MS)

  assert.deepEqual(bench.phases, ['open  0'])
  assert.deepEqual(bench.live.engine.ours.halts, [])
  bench.check()
})

test('an unknown order without a trace is given up after the window; a late fill is still booked', async (t) => {
  const bench = new Bench(t)
  await bench.start()
  await bench.bar(0)
  bench.venue.lag()
  bench.venue.fillsAt = undefined
  bench.venue.script.push('booked-unknown')

  await bench.bar(1)
  assert.deepEqual(bench.phases, ['sent  0'])
  await bench.world.run(2 * VISIBLE_MS)
  assert.deepEqual(bench.phases, ['done rejected 0'])
  assert.equal(bench.venue.arrived.length, 1)

  bench.venue.isLagging = false
  bench.venue.fill(bench.venue.arrived[0]!, 10)
  await bench.world.run(10)
  assert.deepEqual(bench.phases, ['done filled 10'])
  bench.check()
})

test('an unknown order that was never booked is given up, and the symbol trades again', async (t) => {
  const bench = new Bench(t)
  await bench.start()
  await bench.bar(0)
  bench.venue.script.push('lost-unknown')

  await bench.bar(1)
  await bench.world.run(2 * VISIBLE_MS)
  assert.deepEqual(bench.phases, ['done rejected 0'])
  await bench.bar(1)

  assert.deepEqual(bench.phases, ['done rejected 0', 'done filled 10'])
  bench.check()
})

test('a start lifts what the last process knew of the market, and keeps what a person said', async (t) => {
  const bench = new Bench(t)
  await bench.start()
  for (const cause of [
    'silent',
    'trading-halt',
    'bad-prices',
    'not-tradable',
    'operator',
  ] as const) {
    bench.live.control({ do: 'halt-symbol', symbol: A, cause, on: true, why: cause }, 'test')
  }
  await bench.bar(0)
  const before = bench.live.engine.ours.halts.length
  bench.kill()
  await bench.start()

  assert.equal(before, 5)
  assert.deepEqual(
    bench.live.engine.ours.halts.map(({ cause }) => cause),
    ['operator'],
  )
})

test('a fill that is told twice is booked once', async (t) => {
  const bench = new Bench(t)
  await bench.start()
  await bench.bar(0)
  bench.venue.fillsAt = undefined
  await bench.bar(1)

  const fill = bench.venue.fill(bench.venue.arrived[0]!, 4)
  bench.venue.repeat(fill)
  bench.venue.repeat(fill)
  await bench.world.run(10)

  assert.equal(bench.position, 4)
  bench.check()
})

test('what a lost stream has not told is in the next report', async (t) => {
  const bench = new Bench(t)
  await bench.start()
  await bench.bar(0)
  bench.venue.fillsAt = undefined
  await bench.bar(1)
  bench.venue.isMute = true
  bench.venue.fill(bench.venue.arrived[0]!, 10)
  bench.venue.isMute = false

  await bench.world.run(2 * MINUTE)

  assert.equal(bench.position, 10)
  assert.match(bench.told.map(({ text }) => text).join(), /fill f1 of s-r-1 was missed/)
  bench.check()
})

test('F400 what changed in the very millisecond of a restart is known five seconds later', async (t) => {
  const bench = new Bench(t)
  await bench.start()
  await bench.bar(0)
  bench.venue.isMute = true
  bench.venue.script.push('silent')
  // A position that differs would be asked about anyway.
  bench.venue.fillsAt = undefined
  await bench.world.run(MINUTE)
  const { now } = bench.world
  const start = (Math.floor(now / MINUTE) * MINUTE - MINUTE) as Ms
  const wanting = bar({ symbol: A, start, volume: 1, open: 100, high: 100, low: 100, close: 100 })
  bench.live.pump.push({ type: 'bar', at: now, bar: wanting, source: 'venue' })
  await setImmediate()
  bench.kill()
  const { arrived } = bench.venue

  await bench.start()
  const known = [arrived.length, bench.world.now - now, ...bench.phases]
  await bench.world.run(TIMING.lookupEveryMs)

  assert.deepEqual(known, [1, 10, 'sent  0'])
  assert.deepEqual(bench.phases, ['open  0'])
  bench.check()
})

test('a position that somebody else moved halts its symbol and names both numbers', async (t) => {
  const bench = new Bench(t)
  await bench.start()
  await bench.bar(0)
  bench.venue.moveBy(A, 7)

  await bench.world.run(2 * MINUTE)
  await bench.bar(1)

  assert.deepEqual(bench.venue.arrived, [])
  assert.ok(bench.told.some(({ text }) => text === 'A is 0 here and 7 at sim'))
  assert.equal(bench.live.statistics.engine.denied['symbol-halted'], 1)
})

test('bars of the past warm up without an order; after a restart only the missed ones are asked for', async (t) => {
  const bench = new Bench(t)
  const start = (back: number): Ms =>
    (Math.floor(bench.world.now / MINUTE) * MINUTE - back * MINUTE) as Ms
  bench.venue.bars = [1, 2, 3, 4, 5].map((back) => bar({ start: start(back), volume: 1 }))
  await bench.start()
  assert.deepEqual(bench.venue.arrived, [])
  assert.equal(bench.live.engine.lanes[0]!.seen('1m'), 5)

  await bench.bar(1)
  assert.equal(bench.venue.arrived.length, 1)
  bench.kill()
  const missed = start(0)
  await bench.world.run(MINUTE)
  bench.venue.bars = [...bench.venue.bars, bar({ start: missed, volume: 1 })]
  await bench.start()

  assert.equal(bench.venue.arrived.length, 1)
  assert.equal(bench.live.engine.lanes[0]!.seen('1m'), 7)
})

test('the first bar of a higher timeframe that a warm-up makes is whole', async (t) => {
  const bench = new Bench(t)
  const { venue, world, setup } = bench
  await world.run(3 * MINUTE + 10_000)
  // Five times the ten minutes that two bars of five take.
  const reach = world.now - 50 * MINUTE
  const first = (Math.floor(reach / (5 * MINUTE)) * 5 * MINUTE) as Ms
  assert.ok(reach - first >= MINUTE, 'it begins within five minutes')
  venue.bars = Array.from({ length: 12 }, (_none, i) =>
    bar({ start: (first + i * MINUTE) as Ms, volume: 1 }),
  )
  const seen: Bar[] = []
  const watcher = defineStrategy({
    name: 'watcher',
    params: z.strictObject({}),
    needs: () => ({ bars: ['1m', '5m'], warmup: 1 }),
    symbol: () => ({ onBar: (one: Bar) => void (one.timeframe === '5m' && seen.push(one)) }),
  })

  await bench.start({
    setup: { ...setup, uses: [{ name: 'w', strategy: watcher, params: {}, on: [A] }] },
  })

  assert.deepEqual([seen[0]?.start, seen[0]?.volume], [first, 5])
})

test('a bar that the stream told before the start and the history tells late is waited for', async (t) => {
  const bench = new Bench(t)
  const { venue, world } = bench
  const last = (Math.floor(world.now / MINUTE) * MINUTE) as Ms
  const before = [1, 2, 3].map((back) => bar({ start: (last - back * MINUTE) as Ms, volume: 1 }))
  venue.bars = before
  // Two seconds into the next minute; over REST the last one comes three seconds later.
  await world.run(last + MINUTE + 2_000 - world.now)
  world.node('late history').after(3_000, () => {
    venue.bars = [...before, bar({ start: last, volume: 1 })]
  })

  await bench.start()
  await world.run(10_000)
  await bench.bar(1)

  assert.equal(bench.live.engine.lanes[0]!.seen('1m'), 5)
  assert.equal(bench.live.statistics.engine.bars.filled, 0)
})

test('a warm-up that takes minutes is followed by the bars of those minutes, each once', async (t) => {
  const bench = new Bench(t)
  const { venue, world } = bench
  const start = (back: number): Ms =>
    (Math.floor(world.now / MINUTE) * MINUTE - back * MINUTE) as Ms
  venue.bars = [1, 2, 3].map((back) => bar({ start: start(back), volume: 0 }))
  // The first answer takes minutes, in which bars close, are told, and grow too old for the inbox.
  const io = world.node('slow history')
  const closed = (): void => {
    const one = bar({ start: start(1), volume: 0 })
    venue.bars = [...venue.bars, one]
    venue.bar(one)
  }
  for (const minute of [1, 2]) io.after(minute * MINUTE, closed)
  let asked = 0
  const history: History = {
    async *bars(query) {
      const takesMs = asked++ === 0 ? 2.5 * MINUTE : 10
      await new Promise<void>((resolve) => io.after(takesMs, resolve))
      yield* venue.history.bars(query)
    },
  }
  const { id, limits, feed, broker } = venue
  const open = (sink: Parameters<Venue['open']>[0]) => venue.open(sink)
  await bench.start({
    venue: { id, limits, feed, broker, history, open, close: () => venue.close() },
  })

  await bench.bar(0)

  assert.equal(asked, 2)
  assert.ok(bench.live.statistics.inbox.pastBars > 0)
  assert.equal(bench.live.engine.lanes[0]!.seen('1m'), 3 + 2 + 1)
})

test('a restart takes the snapshot, and the halts, orders and positions are those of before', async (t) => {
  const bench = new Bench(t)
  const kept: Bar[] = []
  const froms: string[] = []
  const memory: Archive = {
    ...archive,
    putBars: (symbol, timeframe, bars) => {
      kept.push(...barsOf(bars, bench.universe.find(symbol)!.id, timeframe))
      return Promise.resolve({ written: bars.length })
    },
    async *bars({ symbol, from = 0, to = Infinity }) {
      const { id } = bench.universe.find(symbol)!
      const bars = kept.filter(({ symbol, start }) => symbol === id && start >= from && start < to)
      yield columnsOf(bars.toSorted((a, b) => a.start - b.start))
    },
  }
  const changes: Partial<LiveOptions> = {
    archive: memory,
    snapshotEvery: 2,
    onRecovered: ({ from }) => froms.push(from),
  }
  await bench.start(changes)
  await bench.bar(0)
  await bench.bar(1)
  await bench.bar(3)
  bench.venue.moveBy(B, 5)
  await bench.world.run(3 * MINUTE)
  await bench.bar(0)
  const hash = (): string => {
    const { ours, held } = bench.live.engine
    return JSON.stringify([bench.phases, ours.halts, held])
  }
  const before = hash()
  assert.deepEqual(bench.live.engine.held, [{ symbol: A, qty: 10, avgPrice: 100 }])
  bench.kill()

  await bench.start(changes)

  assert.deepEqual(froms, ['nothing', 'snapshot'])
  assert.equal(hash(), before)
  assert.deepEqual(
    bench.live.engine.ours.halts.map(({ why }) => why),
    ['B is 0 here and 5 at sim'],
  )
})

test('a dry run sends nothing and says so to the strategy', async (t) => {
  const bench = new Bench(t)
  await bench.start({ isDryRun: true })
  await bench.bar(0)

  await bench.bar(1)

  assert.deepEqual(bench.venue.arrived, [])
  assert.equal(bench.orders[0]!.why, 'dry-run')
})

test('the kill switch is journaled, and holds after a restart', async (t) => {
  const bench = new Bench(t)
  let why: string | undefined
  await bench.start({ isKilled: () => why })
  await bench.bar(0)
  why = 'data/kill is there'
  await bench.bar(1)
  assert.equal(bench.live.engine.killSwitch, why)
  bench.kill()

  await bench.start()
  await bench.bar(1)

  assert.deepEqual(bench.venue.arrived, [])
  assert.equal(bench.live.engine.killSwitch, why)
})

test('a kill file that goes while no process runs leaves the switch on, and what is said of it is true', async (t) => {
  const bench = new Bench(t)
  const file = join(temporary(t), 'kill')
  const isKilled = () => whyKilled(file)
  await bench.start({ isKilled })
  writeFileSync(file, '')
  await bench.bar(0)
  bench.kill()
  rmSync(file)

  await bench.start({ isKilled })
  await bench.bar(1)

  assert.equal(bench.live.engine.killSwitch, `${file} was found`)
  assert.deepEqual(bench.venue.arrived, [])
})

test('the kill switch cancels resting entries, and a wish lifts it after a restart', async (t) => {
  const bench = new Bench(t)
  const wishes = bench.wishes()
  await bench.start({ wishes })
  await bench.bar(0)
  await bench.bar(3)
  assert.deepEqual(bench.phases, ['open  0'])

  wishes.put({ want: 'kill', why: 'prices look wrong', by: 'test' })
  await bench.bar(1)
  assert.equal(bench.live.engine.killSwitch, 'prices look wrong')
  assert.deepEqual(bench.phases, ['done canceled 0'])
  assert.equal(bench.venue.arrived.length, 1)
  assert.deepEqual(wishes.waiting(), [])

  bench.kill()
  await bench.start({ wishes })
  assert.equal(bench.live.engine.killSwitch, 'prices look wrong')
  wishes.put({ want: 'lift', why: 'checked', by: 'test' })
  await bench.bar(0)
  await bench.bar(1)
  assert.equal(bench.live.engine.killSwitch, undefined)
  assert.equal(bench.venue.arrived.length, 2)
})

test('what a person wants is told, each time, with who that is', async (t) => {
  const bench = new Bench(t)
  const wishes = bench.wishes()
  await bench.start({ wishes })
  await bench.bar(0)

  for (const want of ['pause', 'resume', 'pause', 'cancel'] as const) {
    wishes.put({ want, why: want === 'cancel' ? 'news' : '', by: 'command of ann' })
    await bench.bar(0)
  }

  assert.deepEqual(
    bench.told.filter(({ text }) => text.includes('ann')).map(({ text }) => text),
    ['pause', 'resume', 'pause', 'cancel-all'].map(
      (what) => `${what}, wished for by command of ann${what === 'cancel-all' ? ': news' : ''}`,
    ),
  )
})

test('safe mode survives a kill until a person clears it', async (t) => {
  const bench = new Bench(t)
  const wishes = bench.wishes()
  await bench.start({ wishes })
  await bench.bar(0)
  wishes.put({ want: 'safe-mode', why: 'ten failures', by: 'test' })
  await bench.bar(1)
  assert.deepEqual(bench.venue.arrived, [])
  bench.kill()

  await bench.start({ wishes })
  await bench.bar(1)
  assert.deepEqual(bench.venue.arrived, [])
  assert.equal(bench.venue.cleared, 0)
  wishes.put({ want: 'clear-safe-mode', why: 'checked', by: 'test' })
  await bench.bar(0)
  await bench.bar(1)
  assert.equal(bench.venue.arrived.length, 1)
  // Its streams may be in a safe mode of their own.
  assert.equal(bench.venue.cleared, 1)
})

test('a wish that waits at the start is taken before anything leaves', async (t) => {
  const bench = new Bench(t)
  const wishes = bench.wishes()
  wishes.put({ want: 'kill', why: 'not today', by: 'test' })

  await bench.start({ wishes })
  await bench.bar(0)
  await bench.bar(1)

  assert.deepEqual(bench.venue.arrived, [])
})

test('a wish does not lift the kill switch while the kill file is there', async (t) => {
  const bench = new Bench(t)
  const wishes = bench.wishes()
  let why: string | undefined = 'data/kill is there'
  await bench.start({ wishes, isKilled: () => why })
  await bench.bar(0)
  wishes.put({ want: 'lift', why: 'in haste', by: 'test' })
  await bench.bar(1)
  assert.equal(bench.live.engine.killSwitch, why)
  assert.ok(bench.told.some(({ text }) => text.includes('is not lifted: data/kill is there')))

  why = undefined
  await bench.bar(1)
  assert.equal(bench.live.engine.killSwitch, undefined)
})

test('a kill file that goes away does not lift what a person switched on', async (t) => {
  const bench = new Bench(t)
  let why: string | undefined
  await bench.start({ isKilled: () => why })
  bench.live.control({ do: 'kill-switch', on: true, why: 'SIGUSR2' }, 'signal')
  why = 'data/kill is there'
  await bench.bar(0)
  why = undefined
  await bench.bar(1)

  assert.equal(bench.live.engine.killSwitch, 'SIGUSR2')
  assert.deepEqual(bench.venue.arrived, [])
})

test('a journal that fails stops the pump: nothing leaves that is not durable', async (t) => {
  const bench = new Bench(t)
  await bench.start()
  await bench.bar(0)
  bench.journal.append = () => {
    throw new Error('the disk is full')
  }

  await bench.bar(1)

  assert.deepEqual(bench.venue.arrived, [])
  assert.equal((await bench.live.pump.failure).message, 'the disk is full')
})

for (const [policy, remaining] of [
  ['keep', ['position A 10', 'order s-r-2 open: buy 10 B limit']],
  ['cancel', ['position A 10']],
  ['flatten', []],
] as const) {
  test(`an ordered stop with ${policy} tells what remains, and the next start trades again`, async (t) => {
    const bench = new Bench(t)
    await bench.start()
    await bench.bar(0)
    await bench.bar(0, B)
    await bench.bar(1)
    await bench.bar(3, B)

    const stopped = await bench.stop(policy)

    assert.deepEqual(stopped.remaining, remaining)
    assert.ok(
      stopped.phases.every(({ isDone }) => isDone),
      JSON.stringify(stopped.phases),
    )
    await bench.start()
    await bench.bar(1, B)
    assert.equal(bench.venue.arrived.at(-1)?.startsWith('s-r-'), true)
    assert.equal(bench.live.engine.isStopping, false)
    bench.check()
  })
}

test('a close that leaves during the last report of a stop is waited for', async (t) => {
  const bench = new Bench(t)
  const { id, limits, feed, history, broker } = bench.venue
  let closes = 0
  let isStopping = false
  const report: typeof broker.report = async () => {
    // What is asked takes a moment, in which the strategy sees a bar, and closes.
    if (isStopping && closes++ === 0) {
      bench.venue.fillsAt = undefined
      const start = (Math.floor(bench.world.now / MINUTE) * MINUTE) as Ms
      bench.venue.bar(bar({ start, volume: 4 }))
      io.after(2_000, () => bench.venue.fill(bench.venue.arrived.at(-1)!, 10))
    }
    await new Promise<void>((resolve) => io.after(100, resolve))
    return await broker.report()
  }
  const io = bench.world.node('the venue')
  await bench.start({
    venue: {
      id,
      limits,
      feed,
      history,
      broker: { execute: (batch) => broker.execute(batch), report },
      open: (sink) => bench.venue.open(sink),
      close: () => bench.venue.close(),
    },
  })
  await bench.bar(0)
  await bench.bar(1)
  assert.equal(bench.position, 10)

  isStopping = true
  const { phases, remaining } = await bench.stop('cancel')

  assert.equal(closes, 2)
  assert.deepEqual([bench.position, remaining], [0, []])
  assert.ok(
    phases.every(({ isDone }) => isDone),
    inspect(phases),
  )
})

test('an order of unknown outcome is looked for while the run stops, and ends within the limit', async (t) => {
  const bench = new Bench(t)
  await bench.start()
  await bench.bar(0)
  bench.venue.script.push('lost-unknown')
  await bench.bar(1)
  bench.kill()
  const orderAgeMsMax = VISIBLE_MS / 2
  await bench.start({
    timing: { visibilityMs: VISIBLE_MS, orderAgeMsMax, exitMs: 10 * VISIBLE_MS },
  })

  const { phases, remaining } = await bench.stop('cancel')

  assert.deepEqual(remaining, [])
  const exit = phases.find(({ name }) => name === 'cancel')
  assert.ok(exit?.isDone === true && exit.tookMs <= 2 * VISIBLE_MS, inspect(phases))
})

// ── Killed at every step of a flush ─────────────────────────────────────────────────────────────────────

type Step = 'before journal' | 'after journal' | 'after send' | 'after answer' | 'after fill'
const steps: readonly (readonly [Step, number])[] = [
  ['before journal', 0],
  ['after journal', 0],
  ['after send', 10],
  ['after answer', 10],
  ['after fill', 10],
]
class Killed extends Error {}

for (const [step, expected] of steps) {
  for (const isTwice of [false, true]) {
    const name = `killed ${step}${isTwice ? ', and again at the next start' : ''}`
    test(`${name}: no order twice, none lost, the position is the venue's`, async (t) => {
      const bench = new Bench(t)
      await bench.start()
      await bench.bar(0)
      const { journal, venue } = bench
      const append = journal.append.bind(journal)
      if (step === 'before journal' || step === 'after journal') {
        journal.append = (turn) => {
          if (turn.batches.length > 0 && step === 'before journal') throw new Killed()
          append(turn)
          if (turn.batches.length > 0) throw new Killed()
        }
      }
      if (step === 'after send') venue.script.push('silent')
      venue.fillsAt = undefined
      await bench.bar(1)
      if (step === 'after fill') {
        // Heard, and not yet in the file when the process dies.
        journal.flush = () => {}
        venue.fill(venue.arrived[0]!, 10)
        await bench.world.run(10)
      }
      bench.kill()
      if (expected > 0 && step !== 'after fill') venue.fill(venue.arrived[0]!, 10)
      if (isTwice) {
        await bench.start()
        bench.kill()
      }

      await bench.start()
      await bench.world.run(3 * VISIBLE_MS)

      assert.equal(venue.arrived.length, expected > 0 ? 1 : 0)
      assert.equal(bench.position, expected)
      assert.deepEqual(bench.live.engine.ours.halts, [])
      bench.check()
      // It trades on, under ids that were never used.
      venue.fillsAt = 100
      await bench.bar(0)
      await bench.bar(2)
      assert.equal(bench.position, expected - 10)
      bench.check()
    })
  }
}

// ── Whatever comes: answers, faults and kills by a seed ─────────────────────────────────────────────────

const SEEDS = Number(process.env['SKEIN_SEEDS'] ?? 40)

test(`${SEEDS} seeds of lost answers, mute streams and kills: once quiet, all is as at the venue`, async (t) => {
  const kinds: Answer[] = ['accept', 'accept', 'reject', 'booked-unknown', 'lost-unknown']
  const seen = { sent: 0, again: 0, kills: 0, repeats: 0 }
  for (let seed = 1; seed <= SEEDS; seed++) {
    const random = seeded(seed)
    const chance = (share: number): boolean => random() < share
    const bench = new Bench(t, seed % 2 === 0 ? 2 * VISIBLE_MS : 0)
    const { venue } = bench
    await bench.start()
    for (let step = 0; step < 25; step++) {
      if (chance(0.4)) venue.script.push(kinds[integer(random, 0, kinds.length - 1)]!)
      venue.isMute = chance(0.15)
      venue.fillsAt = chance(0.6) ? 100 : undefined
      if (chance(0.1)) venue.failingReports = 2
      if (venue.isMute) await bench.world.run(MINUTE)
      else await bench.bar(integer(random, 0, 4), chance(0.5) ? A : B)
      const [open] = venue.openIds
      if (open !== undefined && chance(0.5)) {
        const fill = venue.fill(open, chance(0.5) ? 5 : 10 - (step % 2) * 5)
        if (chance(0.3)) {
          venue.repeat(fill)
          seen.repeats++
        }
      }
      if (!chance(0.15)) continue
      // Whatever has just been heard has not been taken yet.
      bench.kill()
      seen.kills++
      venue.failingReports = 0
      await bench.start()
    }
    venue.isMute = false
    venue.failingReports = 0
    venue.script.length = 0
    await bench.world.run(10 * MINUTE)

    bench.check()
    assert.deepEqual(bench.live.engine.ours.halts, [], `seed ${seed}`)
    const open = bench.orders.filter(({ phase }) => phase === 'open').map(({ id }) => id)
    assert.deepEqual(new Set(open), new Set(venue.openIds), `seed ${seed}`)
    seen.again += venue.again.length
    seen.sent += venue.arrived.length
    bench.kill()
  }
  t.diagnostic(JSON.stringify(seen))
  assert.ok(
    seen.sent > SEEDS && seen.kills > SEEDS && seen.repeats > 0 && seen.again > 0,
    JSON.stringify(seen),
  )
})
