import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { add, sumOf, valueOf, ZERO } from './sum.ts'

const total = (terms: readonly number[]) => valueOf(terms.reduce(add, ZERO))

test('adds 0.1 ten million times without drift', () => {
  let sum = ZERO
  let plain = 0
  for (let n = 0; n < 10_000_000; n++) {
    sum = add(sum, 0.1)
    plain += 0.1
  }

  assert.equal(valueOf(sum), 1_000_000)
  assert.notEqual(plain, 1_000_000)
})

test('keeps a small term beside large ones that cancel', () => {
  assert.equal(total([1, 1e100, 1, -1e100]), 2)
  assert.equal(total([1e16, 1, -1e16]), 1)
})

test('is the exact sum of cents to the last digit, in any order', () => {
  const cents = fc.array(fc.integer({ min: -1_000_000_000, max: 1_000_000_000 }), {
    maxLength: 200,
  })
  fc.assert(
    fc.property(cents, (terms) => {
      const exact = terms.reduce((sum, term) => sum + term, 0) / 100
      assert.ok(Math.abs(total(terms.map((term) => term / 100)) - exact) < 1e-7)
      assert.ok(Math.abs(total(terms.toReversed().map((term) => term / 100)) - exact) < 1e-7)
    }),
  )
})

test('is plain data that JSON gives back as it was', () => {
  const sum = add(add(sumOf(1e16), 0.3), 0.7)

  assert.deepEqual(JSON.parse(JSON.stringify(sum)), sum)
})
