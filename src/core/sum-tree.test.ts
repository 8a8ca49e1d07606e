import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { SumTree } from './sum-tree.ts'

test('sums what was set, whatever was there before', () => {
  const sets = fc.array(fc.tuple(fc.nat(300), fc.integer({ min: -1e9, max: 1e9 })))
  fc.assert(
    fc.property(sets, (pairs) => {
      const tree = new SumTree()
      const column: number[] = []
      for (const [i, x] of pairs) {
        tree.set(i, x)
        column[i] = x
        assert.equal(tree.get(i), x)
        assert.equal(
          tree.sum,
          column.reduce((sum, each) => sum + each, 0),
        )
      }
    }),
  )
})

test('gives one sum for equal numbers, in whatever order they were set', () => {
  const numbers = fc.array(fc.double({ min: -1e12, max: 1e12, noNaN: true }), { minLength: 1 })
  fc.assert(
    fc.property(numbers, (column) => {
      const [there, back] = [new SumTree(), new SumTree()]
      for (const [i, x] of column.entries()) there.set(i, x)
      for (let i = column.length - 1; i >= 0; i--) {
        back.set(i, 7)
        back.set(i, column[i]!)
      }
      assert.ok(Object.is(back.sum, there.sum), `${back.sum} is ${there.sum}`)
    }),
  )
})

test('is not a number only while one of its numbers is none', () => {
  const tree = new SumTree()
  tree.set(0, 1)
  tree.set(5, NaN)
  assert.ok(Number.isNaN(tree.sum))
  tree.set(5, 2)
  assert.equal(tree.sum, 3)
})
