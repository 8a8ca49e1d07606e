// Quoting as a whole: how many calls a change of many quotes takes, and that the switch changes nothing but that.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Batch } from '../src/core/command.ts'
import { liveSession } from '../src/runtime/live/session.ts'
import { replay } from '../src/runtime/replay/replay.ts'
import { SIM } from '../src/testing/builders.ts'
import { LEVELS, Stand, type StandOptions } from './quoting/stand.ts'

const kinds = (calls: readonly Batch[]): string[] => calls.map(({ kind }) => kind)
const commands = (calls: readonly Batch[], kind: Batch['kind']): number =>
  calls.filter((call) => call.kind === kind).reduce((sum, call) => sum + call.commands.length, 0)

/** Four symbols whose ten quotes each are all to stand elsewhere. */
const requote = async (stand: Stand): Promise<readonly Batch[]> => {
  await stand.price(10_000)
  const calls = await stand.price(10_006)
  assert.deepEqual(stand.resting, stand.wantedAt(10_006))
  return calls
}

const FOUR: StandOptions = { symbols: 4, policy: { amends: false } }

test('four symbols that move ten quotes each take 4 calls, and 80 with the switch off', async (t) => {
  const on = await requote(await Stand.start(t, FOUR))
  assert.equal(commands(on, 'cancel'), 40)
  assert.equal(commands(on, 'submit'), 40)
  assert.deepEqual(kinds(on), ['cancel', 'cancel', 'submit', 'submit'])
  for (let symbol = 0; symbol < 4; symbol++) {
    const of = (kind: Batch['kind']) =>
      on.filter(
        (call) =>
          call.kind === kind &&
          call.commands.some((one) => (one.type === 'submit' ? one.order : one).symbol === symbol),
      ).length
    assert.ok(of('cancel') <= 1 && of('submit') <= 2, `calls of symbol ${symbol}`)
  }

  const off = await requote(await Stand.start(t, { ...FOUR, batching: { enabled: false } }))
  assert.equal(off.length, 80)
})

test('with amends the same change takes no more than 4 calls', async (t) => {
  const stand = await Stand.start(t, { symbols: 4, policy: { amendBps: 10 } })
  const calls = await requote(stand)
  assert.ok(calls.length <= 4, `${calls.length} calls`)
  assert.ok(commands(calls, 'amend') >= 20, 'most quotes are moved by amends')
})

test('three runs give the same orders, hash for hash', async (t) => {
  const hashes = new Set<string>()
  for (let run = 0; run < 3; run++) {
    const stand = await Stand.start(t, { symbols: 4 })
    for (let i = 0; i < 10; i++) await stand.price(10_000 + ((i * 7) % 5) * 3)
    hashes.add(`${stand.live.engine.intents} ${stand.live.engine.hash()}`)
  }
  assert.equal(hashes.size, 1)
})

test('twelve symbols are all quoted where ten may be at once, two of them after the others', async (t) => {
  const stand = await Stand.start(t, { symbols: 12, batching: { maxParallelSymbols: 10 } })
  const calls = await stand.price(10_000)
  assert.deepEqual(stand.resting, stand.wantedAt(10_000))
  assert.equal(commands(calls, 'submit'), 12 * 2 * LEVELS)
  assert.deepEqual(
    calls.map(({ wave = 0 }) => wave),
    [0, 0, 0, 0, 0, 1],
  )
})

test('the switch, flipped 100 times while quotes move, leaves exactly what is wanted each time', async (t) => {
  const stand = await Stand.start(t, { symbols: 3 })
  await stand.price(10_000)
  const flips = [
    { enabled: false },
    { enabled: true },
    { coalesceCancel: false },
    { coalescePlace: false, maxParallelSymbols: 1 },
    { coalesceCancel: true, coalescePlace: true, maxBatchSize: 3 },
    { maxBatchSize: 20, maxParallelSymbols: 10 },
  ]
  for (let i = 0; i < 100; i++) {
    // The flip comes while the quotes of the price before are still under way.
    const price = 10_000 + ((i * 7) % 11) * 2
    await stand.price(price, 7)
    stand.switch(flips[i % flips.length]!)
    await stand.world.run(1_000)
    assert.deepEqual(stand.resting, stand.wantedAt(price), `after flip ${i}`)
  }
})

test('a run whose switch was flipped is done again from its journal to the same hash', async (t) => {
  const stand = await Stand.start(t, { symbols: 2 })
  await stand.price(10_000)
  stand.switch({ enabled: false, tickDeadlineMs: 500 })
  await stand.price(10_006)
  stand.switch({ enabled: true, coalescePlace: false })
  await stand.price(10_003)
  stand.journal.flush()

  const session = liveSession(stand.setup, stand.venue.limits, ['quotes'])
  const again = await replay(session, stand.journal)

  const { engine } = stand.live
  assert.deepEqual([again.differing, again.hash, again.intents], [0, engine.hash(), engine.intents])
  const { enabled, coalescePlace, tickDeadlineMs } = session.engine.inForce.batching
  assert.deepEqual([enabled, coalescePlace, tickDeadlineMs], [true, false, 500])
})

test('a run that stops leaves no quote behind, whatever its policy', async (t) => {
  const stand = await Stand.start(t, { symbols: 2 })
  await stand.price(10_000)
  assert.equal(stand.resting.length, 2 * 2 * LEVELS)
  let isStopped = false
  void stand.live.stop('keep').then(() => (isStopped = true))
  await stand.world.until(() => isStopped, 60_000)
  assert.deepEqual(stand.resting, [])
})

test('a feed that is lost takes the quotes with it', async (t) => {
  const stand = await Stand.start(t, { symbols: 2 })
  await stand.price(10_000)
  const at = stand.world.now
  stand.live.pump.push({ type: 'venue.down', at, venue: SIM, stream: 'feed' })
  await stand.world.run(100)
  assert.deepEqual(stand.resting, [])

  stand.live.pump.push({ type: 'venue.up', at, venue: SIM, stream: 'feed' })
  await stand.price(10_001)
  assert.deepEqual(stand.resting, stand.wantedAt(10_001))
})

test('a tick past its deadline moves no quote, cancels all the same, and is made up for', async (t) => {
  // One call at a time, each of 10 ms: a change of 20 quotes takes 200 ms.
  const stand = await Stand.start(t, {
    symbols: 4,
    policy: { amends: false },
    batching: { enabled: false, tickDeadlineMs: 5_000 },
  })
  await stand.price(10_000, 5_000)
  stand.switch({ tickDeadlineMs: 50 })
  const calls = await stand.price(10_006, 190)
  assert.equal(commands(calls, 'cancel'), 40)
  assert.equal(commands(calls, 'submit'), 0)
  const { late } = stand.live.statistics.gateway
  assert.equal(late, 40)

  stand.switch({ tickDeadlineMs: 5_000 })
  await stand.world.run(10_000)
  assert.deepEqual(stand.resting, stand.wantedAt(10_006))
})
