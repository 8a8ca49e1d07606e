import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ms } from '../../core/time.ts'
import { RISK_DEFAULTS } from '../../engine/risk-limits.ts'
import { A, bar, limitsOf, universeOf } from '../../testing/builders.ts'
import { BarMarks, MarkCheck } from './bar-marks.ts'
import { buildEngine } from './build.ts'
import type { Bar } from '../../core/market.ts'

const MINUTE = 60_000

const barAt = (minute: number): Bar =>
  bar({ start: ms(minute * MINUTE), close: 100, volume: minute })

/** The mark of bars that close in this order. */
function markOf(bars: readonly Bar[]) {
  const engine = buildEngine(
    {
      universe: universeOf('A'),
      uses: [],
      risk: RISK_DEFAULTS,
      run: 'r',
      currency: 'USD',
      base: '1m',
      bars: { latenessMs: 0, maxFill: 0 },
    },
    limitsOf(),
  )
  const marks = new BarMarks(engine)
  engine.notices.deliver(bars.map((one) => ({ type: 'bar.closed', bar: one })))
  return marks.of(A, '1m')!
}

function holds(mark: ReturnType<typeof markOf>, ...pieces: readonly (readonly Bar[])[]): boolean {
  const check = new MarkCheck(mark)
  for (const piece of pieces) check.add(piece)
  return check.holds
}

test('bars hold against their mark where they are all of them and unchanged, in whatever pieces', () => {
  const bars = [barAt(1), barAt(2), barAt(4)]
  const mark = markOf(bars)

  assert.ok(holds(mark, bars))
  assert.ok(holds(mark, bars.slice(0, 1), [], bars.slice(1)))
  assert.ok(!holds(mark, bars.slice(0, 2)))
  assert.ok(!holds(mark, [...bars, barAt(5)]))
  assert.ok(!holds(mark, [barAt(1), { ...barAt(2), close: 101 }, barAt(4)]))
  assert.ok(!holds(mark, [barAt(1), barAt(4), barAt(2)]))
})

test('bars that closed in another order than that of their time hold in none', () => {
  const bars = [barAt(1), barAt(4), barAt(2)]
  const mark = markOf(bars)

  assert.ok(!holds(mark, bars))
  assert.ok(!holds(mark, [barAt(1), barAt(2), barAt(4)]))
})
