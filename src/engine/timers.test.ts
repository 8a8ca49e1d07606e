import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HOUR, MINUTE } from '../core/time.ts'
import { MONDAY_10 } from '../testing/builders.ts'
import { TIMER_LIMIT, Timers } from './timers.ts'

/** Timers by name, and the list of those that fired. */
function timersOf(...everyMs: readonly number[]): { timers: Timers; fired: number[] } {
  const timers = new Timers()
  const fired: number[] = []
  for (const period of everyMs) timers.add(period, () => fired.push(period))
  return { timers, fired }
}

test('fires on full periods of UTC', () => {
  const { timers, fired } = timersOf(5 * MINUTE)
  timers.start(MONDAY_10 + 7)
  const moments: number[] = []

  for (let at: number = MONDAY_10; at <= MONDAY_10 + 20 * MINUTE; at += 1_000) {
    const before = fired.length
    timers.fire(at)
    if (fired.length > before) moments.push((at - MONDAY_10) / MINUTE)
  }

  assert.deepEqual(moments, [5, 10, 15, 20])
})

test('fires at its moment and not a millisecond before', () => {
  const { timers, fired } = timersOf(MINUTE)
  timers.start(MONDAY_10)

  timers.fire(MONDAY_10 + MINUTE - 1)
  assert.deepEqual(fired, [])
  timers.fire(MONDAY_10 + MINUTE)
  assert.deepEqual(fired, [MINUTE])
})

test('begins after the moment of its start, not with it', () => {
  const { timers } = timersOf(MINUTE)
  timers.start(MONDAY_10)
  assert.equal(timers.nextAt, MONDAY_10 + MINUTE)
})

test('fires once after a jump over many periods, and is aligned again', () => {
  const { timers, fired } = timersOf(MINUTE)
  timers.start(MONDAY_10)

  timers.fire(MONDAY_10 + 3 * HOUR + 1)

  assert.deepEqual(fired, [MINUTE])
  assert.equal(timers.nextAt, MONDAY_10 + 3 * HOUR + MINUTE)
})

test('fires what is due together in the order of adding', () => {
  const { timers, fired } = timersOf(HOUR, MINUTE, 5 * MINUTE)
  timers.start(MONDAY_10)

  timers.fire(MONDAY_10 + HOUR)

  assert.deepEqual(fired, [HOUR, MINUTE, 5 * MINUTE])
})

test('fires a moment once, however often it is asked', () => {
  const { timers, fired } = timersOf(MINUTE)
  timers.start(MONDAY_10)

  for (let i = 0; i < 3; i++) timers.fire(MONDAY_10 + MINUTE)

  assert.deepEqual(fired, [MINUTE])
})

test('finds the same next moment after a restart', () => {
  const periods = [7_000, MINUTE, 4 * HOUR]
  const running = timersOf(...periods)
  running.timers.start(MONDAY_10)

  for (let at: number = MONDAY_10 + 500; at < MONDAY_10 + HOUR; at += 977) {
    running.timers.fire(at)
    const restarted = timersOf(...periods)
    restarted.timers.start(at)
    assert.equal(restarted.timers.nextAt, running.timers.nextAt)
  }
})

test('is never due without a timer', () => {
  const timers = new Timers()
  timers.start(MONDAY_10)
  assert.equal(timers.nextAt, Infinity)
})

for (const everyMs of [0, -1, 0.5, NaN, Infinity]) {
  test(`refuses a period of ${everyMs} ms`, () => {
    assert.throws(() => new Timers().add(everyMs, () => {}), /a period is > 0 ms/)
  })
}

test('holds 10,000 timers and no more', () => {
  const timers = new Timers()
  for (let i = 0; i < TIMER_LIMIT; i++) timers.add(MINUTE, () => {})
  assert.throws(() => timers.add(MINUTE, () => {}), /at most 10000 timers/)
})
