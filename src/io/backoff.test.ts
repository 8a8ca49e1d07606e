import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seeded } from '../core/random.ts'
import { Backoff } from './backoff.ts'

const clockAt = (random: () => number = () => 1) => {
  const io = { at: 0, monotonic: (): number => io.at, random }
  return io
}
const take = (backoff: Backoff, count: number): number[] =>
  Array.from({ length: count }, () => backoff.next())

test('the steps are 1, 2, 4 … 60 s', () => {
  const steps = take(new Backoff(clockAt()), 9)

  assert.deepEqual(
    steps.map((step) => step / 1_000),
    [1, 2, 4, 8, 16, 32, 60, 60, 60],
  )
})

test('jitter draws between half of the step and the step, the same for the same seed', () => {
  const drawn = take(new Backoff(clockAt(seeded(5))), 50)
  const again = take(new Backoff(clockAt(seeded(5))), 50)

  assert.deepEqual(drawn, again)
  assert.ok(drawn.slice(6).every((delay) => delay >= 30_000 && delay <= 60_000))
  assert.ok(new Set(drawn.slice(6)).size > 40)
})

test('begins again only after the connection was stable', () => {
  const delayAfter = (openMs: number, stableMs = 60_000): number => {
    const io = clockAt()
    const backoff = new Backoff(io, { stableMs })
    take(backoff, 5)
    backoff.opened()
    io.at += openMs
    return backoff.next()
  }

  assert.equal(delayAfter(59_999), 32_000)
  assert.equal(delayAfter(60_000), 1_000)
  // Without the guard a venue that accepts and closes at once is met every second for ever.
  assert.equal(delayAfter(0, 0), 1_000)
})

test('a connection that was never open does not count as stable', () => {
  const io = clockAt()
  const backoff = new Backoff(io)
  take(backoff, 3)
  io.at += 3_600_000

  assert.equal(backoff.next(), 8_000)
})
