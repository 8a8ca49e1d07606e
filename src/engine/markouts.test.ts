import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Ms } from '../core/brand.ts'
import type { Input } from '../core/input.ts'
import { ms } from '../core/time.ts'
import { coin, filled, MONDAY_10, order, quote } from '../testing/builders.ts'
import { scenario } from '../testing/scenario.ts'
import { type Markout, Markouts, WAITING_MAX } from './markouts.ts'

const of = (middles: { now: number }) => {
  const told: Markout[] = []
  return {
    told,
    markouts: new Markouts(
      () => middles.now,
      (notice) => told.push(notice),
    ),
  }
}

test('tells the middle of the fill and that of a second later', () => {
  const middles = { now: 100 }
  const { told, markouts } = of(middles)
  markouts.onFill(MONDAY_10, order({ strategy: 'mm', side: 'sell' }), filled('a', { price: 100.1 }))
  middles.now = 100.2
  markouts.work(ms(MONDAY_10 + 999))
  assert.equal(told.length, 0)
  markouts.work(ms(MONDAY_10 + 1_000))
  const [{ strategy, side, price, middle, later } = assert.fail()] = told
  assert.deepEqual([strategy, side, price, middle, later], ['mm', 'sell', 100.1, 100, 100.2])
  assert.equal(markouts.nextAt, Infinity)
})

test('tells nothing of a fill without a market to hold it against', () => {
  const { told, markouts } = of({ now: NaN })
  markouts.onFill(MONDAY_10, order(), filled('a'))
  markouts.work(ms(MONDAY_10 + 5_000))
  assert.equal(told.length, 0)
})

test('lets no more fills wait than so many', () => {
  const { told, markouts } = of({ now: 100 })
  for (let i = 0; i <= WAITING_MAX; i++) markouts.onFill(MONDAY_10, order(), filled('a'))
  assert.equal(told.length, 1)
})

test('goes on after a restart', () => {
  const before = of({ now: 100 })
  before.markouts.onFill(MONDAY_10, order(), filled('a'))
  const after = of({ now: 101 })
  after.markouts.restore(structuredClone(before.markouts.capture()))
  after.markouts.work(ms(MONDAY_10 + 1_000))
  assert.deepEqual([after.told[0]?.middle, after.told[0]?.later], [100, 101])
})

/** A quote that filled at 10:00:02, when the middle was 10000; what is told of it in a turn. */
function later(at: number, inputs: (at: Ms) => readonly Input[]): readonly number[] {
  const { engine } = scenario(
    `
    10:00:00  quote BTC 9999 x 10001
    10:00:00  s rest 1 @ 9998 |                     > submit #1 buy 1 limit 9998 gtc post-only
    10:00:01  accepted #1
    10:00:02  filled #1 1 @ 9998
    `,
    { symbols: [coin('BTC')], risk: { leverage: 10, maxPositionFraction: 10 } },
  )
  const moment = ms(MONDAY_10 + at)
  const { notices } = engine.turn(moment, inputs(moment))
  return notices.flatMap((notice) => (notice.type === 'quote.marked' ? [notice.later] : []))
}

test('what is heard later than a second after a fill is not its second', () => {
  const fallen = (at: Ms): readonly Input[] => [
    { type: 'quote', at, quote: quote({ ts: at, bid: 8_999, ask: 9_001 }) },
  ]
  assert.deepEqual(later(2_999, fallen), [])
  assert.deepEqual(later(3_000, fallen), [9_000])
  assert.deepEqual(later(3_001, fallen), [10_000])
  assert.deepEqual(later(600_000, fallen), [10_000])
})

test('the fills of the last second are told when the run stops', () => {
  const stop = (at: Ms): readonly Input[] => [
    { type: 'control', at, control: { do: 'stop' }, by: 'test' },
  ]
  assert.deepEqual(later(2_500, stop), [10_000])
})
