// Tests of liveness with symbols that are told all at once: socket.test.ts has the rest, on connections.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ms } from '../core/time.ts'
import { Liveness } from './liveness.ts'

const NOW = ms(Date.UTC(2026, 0, 5, 15))
const STEP_MS = 1_000

class Watch {
  seen: string[] = []
  readonly liveness = new Liveness({
    dataWithinMs: 2_000,
    symbolWithinMs: 3_000,
    pingAfterMs: 1_000_000,
    takeSeen: () => this.seen.splice(0),
  })

  constructor(...symbols: readonly string[]) {
    this.liveness.watch(symbols)
  }

  /** What the steps have found. */
  check(steps: number) {
    return Array.from({ length: steps }, () => [...this.liveness.check(STEP_MS, NOW, true)]).flat()
  }
}

test('symbols that are taken at a check are data, as if each had been told when it came', () => {
  const watch = new Watch('A', 'B')
  for (let i = 0; i < 3; i++) {
    watch.seen.push('A', 'A')
    assert.deepEqual(watch.check(1), i < 2 ? [] : [{ type: 'quiet', symbols: ['B'] }])
  }

  assert.deepEqual([watch.liveness.ageOf('A'), watch.liveness.ageOf('B')], [1_000, 3_000])
  assert.deepEqual(watch.check(1), [{ type: 'mute', silentMs: 2_000 }])
})

test('what the last connection has seen does not speak for the next', () => {
  const watch = new Watch('A')
  assert.equal(watch.check(2).at(-1)?.type, 'mute')
  watch.seen.push('A')
  watch.liveness.restart()
  assert.equal(watch.check(2).at(-1)?.type, 'mute')
  watch.liveness.restart()

  // A second one in a row that brings nothing is given twice the time.
  assert.deepEqual(
    watch.check(4).map(({ type }) => type),
    ['quiet', 'mute'],
  )
})
