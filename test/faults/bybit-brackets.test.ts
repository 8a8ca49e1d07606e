// Faults of protection at Bybit: exits that nobody is there to cancel or to shrink open no position.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LiveRun } from '../bybit/live.ts'

const enter = (qty: number) => ({
  act: (context: { bracket(intent: object): unknown }) =>
    context.bracket({ side: 'buy', qty, stop: 95, target: 105 }),
})

test('F410 a stop that outlives its position, because no process was there when the target filled, opens none', async (t) => {
  const priceAt = (second: number): number => (second < 20 ? 100 : second < 30 ? 106 : 94)
  const run = await LiveRun.start(t, { priceAt, ...enter(10) })
  await run.runTo(15)
  assert.deepEqual(run.orders, ['entry filled 10/10', 'stop open 0/10', 'target open 0/10'])
  run.kill()
  await run.runTo(75)
  assert.deepEqual(run.held, [10, 0])

  await run.start()
  await run.runTo(90)

  assert.deepEqual(run.held, [0, 0])
  assert.deepEqual(run.orders, ['entry filled 10/10', 'stop canceled 0/10', 'target filled 10/10'])
  assert.doesNotMatch(run.told.join('; '), /unprotected/)
})

test('F410 a stop that was not shrunk in time takes what is left, and no more', async (t) => {
  const priceAt = (second: number): number => (second === 20 ? 106 : second < 40 ? 100 : 94)
  const run = await LiveRun.start(t, { priceAt, ...enter(1_400) })
  await run.runTo(19)
  run.local.venue.nemesis.inject({ on: 'trading', fault: 'drop', for: '30s' })
  await run.runTo(30)
  assert.deepEqual(run.held, [1_400, 400])

  await run.runTo(45)

  assert.deepEqual(run.held, [1_400, 0])
  await run.runTo(200)
  assert.deepEqual(run.held, [0, 0])
  assert.deepEqual(run.account.open.size, 0)
})

test('F463 a stop that the price has passed already is refused, and what it was to protect is closed at once', async (t) => {
  // The entry is filled with the first price after the fall.
  const priceAt = (second: number): number => (second < 11 ? 100 : 94)
  const run = await LiveRun.start(t, { priceAt, ...enter(10) })
  await run.runTo(15)

  assert.deepEqual(run.held, [0, 0], run.orders.join(', '))
  assert.deepEqual(run.live.engine.ours.halts, [])
  assert.match(run.told.join('; '), /the stop ended as rejected and leaves 10 unprotected/)
})
