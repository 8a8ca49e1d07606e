// The difference of two ladders: the fewest commands, and orders that are near enough stay.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { ladderDiff, type Match, type Resting, type Wanted } from './ladder.ts'

const at = (...prices: number[]): Resting[] => prices.map((price) => ({ price, qty: 10 }))

/** Kept within 1, amended within 2. */
const matchOf = (order: Resting, level: Wanted): Match => {
  const apart = Math.abs(order.price - level.price)
  return apart <= 1 ? 'keep' : apart <= 2 ? 'amend' : 'none'
}

const told = (resting: Resting[], wanted: Wanted[], match = matchOf): string => {
  const { cancels, amends, places, waits } = ladderDiff(resting, wanted, match)
  return [
    ...cancels.map(({ price }) => `cancel ${price}`),
    ...amends.map(({ order, level }) => `amend ${order.price} ${level.price}`),
    ...places.map(({ price }) => `place ${price}`),
    ...waits.map(({ price }) => `wait ${price}`),
  ].join(', ')
}

test('asks for nothing where every level is met', () => {
  assert.equal(told(at(100, 98), at(100.5, 98)), '')
})

test('keeps the orders that another level needs where the ladder moves by one', () => {
  assert.equal(told(at(110, 107, 104), at(107, 104, 101)), 'cancel 110, place 101')
})

test('moves an order that is near by an amend', () => {
  assert.equal(told(at(110, 100), at(108, 100)), 'amend 110 108')
})

test('takes the way in which orders move least, of those with as many commands', () => {
  assert.equal(told(at(100), at(101, 100)), 'place 101')
  assert.equal(told(at(101, 100), at(100)), 'cancel 101')
})

test('places nothing for a level whose order must wait', () => {
  const waits = (): Match => 'wait'
  assert.equal(told(at(110), at(100), waits), 'wait 110')
})

test('cancels what is beyond the levels that are wanted', () => {
  assert.equal(told(at(100, 90), []), 'cancel 100, cancel 90')
  assert.equal(told([], at(100, 90)), 'place 100, place 90')
})

/** The least number of commands over all ways to pair orders with levels. */
function fewest(resting: readonly Resting[], wanted: readonly Wanted[]): number {
  const [first, ...others] = resting
  if (first === undefined) return wanted.length
  let least = 1 + fewest(others, wanted)
  for (const [i, level] of wanted.entries()) {
    const match = matchOf(first, level)
    if (match === 'none') continue
    const left = wanted.filter((_level, j) => j !== i)
    least = Math.min(least, (match === 'amend' ? 1 : 0) + fewest(others, left))
  }
  return least
}

const prices = fc.uniqueArray(fc.integer({ min: 90, max: 110 }), { maxLength: 5 })
const ladder = prices.map((list) => at(...list.toSorted((a, b) => b - a)))

test('uses as few commands as any way to pair orders with levels', () => {
  fc.assert(
    fc.property(ladder, ladder, (resting, wanted) => {
      const { cancels, amends, places } = ladderDiff(resting, wanted, matchOf)
      assert.equal(cancels.length + amends.length + places.length, fewest(resting, wanted))
    }),
  )
})

test('leaves one order for each level, none of them twice', () => {
  fc.assert(
    fc.property(ladder, ladder, (resting, wanted) => {
      const { cancels, amends, places } = ladderDiff(resting, wanted, matchOf)
      const gone = new Set(cancels)
      const moved = new Map(amends.map(({ order, level }) => [order, level]))
      const left = [
        ...resting.filter((order) => !gone.has(order)).map((order) => moved.get(order) ?? order),
        ...places,
      ]
      assert.equal(left.length, wanted.length)
      left.sort((a, b) => b.price - a.price)
      for (const [i, { price }] of left.entries())
        assert.ok(Math.abs(price - wanted[i]!.price) <= 1, `${price} is near ${wanted[i]!.price}`)
    }),
  )
})
