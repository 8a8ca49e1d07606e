import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Ms } from '../core/brand.ts'
import { Breaker, type BreakerOptions, type BreakerState } from './breaker.ts'

function breakerOf(options: BreakerOptions = {}) {
  const io = { at: 0, monotonic: (): number => io.at, now: (): Ms => io.at as Ms }
  return { io, breaker: new Breaker(io, options) }
}
const fail = (breaker: Breaker, times: number): void => {
  for (let i = 0; i < times; i++) breaker.failed('no answer')
}

test('opens after ten failures in a row, and no sooner', () => {
  const { breaker } = breakerOf()
  fail(breaker, 9)
  assert.equal(breaker.admits(), true)
  breaker.succeeded()
  fail(breaker, 9)
  assert.equal(breaker.admits(), true)

  fail(breaker, 1)

  assert.equal(breaker.admits(), false)
  assert.equal(breaker.state.why, 'no answer')
})

test('manual: stays open until a person clears it, whatever time passes and succeeds', () => {
  const { io, breaker } = breakerOf()
  fail(breaker, 10)
  io.at += 1e9
  breaker.succeeded()
  assert.equal(breaker.admits(), false)

  breaker.clear()

  assert.equal(breaker.admits(), true)
  assert.deepEqual(breaker.state, { phase: 'closed', failures: 0 })
})

test('lets cancels and reads pass where it was told so', () => {
  const { breaker } = breakerOf({ always: ['cancel', 'read'] })
  fail(breaker, 10)

  assert.deepEqual(
    (['write', 'read', 'cancel'] as const).map((traffic) => breaker.admits(traffic)),
    [false, true, true],
  )
})

test('its state survives a restart as plain data', () => {
  const saved: BreakerState[] = []
  const { breaker } = breakerOf({ onChange: (state) => void saved.push(state) })
  fail(breaker, 10)

  const state = JSON.parse(JSON.stringify(saved.at(-1))) as BreakerState
  const restored = breakerOf({ state }).breaker
  const forgot = breakerOf().breaker

  assert.equal(restored.admits(), false)
  assert.equal(forgot.admits(), true)
})

test('timed: lets probes through after its time, and closes when all of them succeed', () => {
  const { io, breaker } = breakerOf({ policy: { type: 'timed', openMs: 100, probes: 2 } })
  fail(breaker, 10)
  io.at = 99
  assert.equal(breaker.admits(), false)
  io.at = 100

  assert.deepEqual([breaker.admits(), breaker.admits(), breaker.admits()], [true, true, false])
  breaker.succeeded()
  assert.equal(breaker.admits(), false)
  breaker.succeeded()

  assert.equal(breaker.state.phase, 'closed')
})

test('timed: a probe that fails opens it for the whole time again', () => {
  const { io, breaker } = breakerOf({ policy: { type: 'timed', openMs: 100, probes: 2 } })
  fail(breaker, 10)
  io.at = 100
  breaker.admits()
  breaker.failed('still no answer')
  io.at = 199

  assert.equal(breaker.admits(), false)
  io.at = 200
  assert.equal(breaker.admits(), true)
})
