import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ms } from '../core/time.ts'
import { filled, MONDAY_10, order } from '../testing/builders.ts'
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
