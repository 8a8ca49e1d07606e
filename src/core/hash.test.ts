import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { canonical, Hasher, hashOf } from './hash.ts'

test('writes equal data as equal text, whatever the order of keys', () => {
  const one = { b: [1, { d: 0.1, c: null }], a: 'x' }
  const two = { a: 'x', b: [1, { c: null, d: 0.1 }] }

  assert.equal(canonical(one), '{"a":"x","b":[1,{"c":null,"d":0.1}]}')
  assert.equal(canonical(two), canonical(one))
  assert.equal(hashOf(two), hashOf(one))
})

test('leaves undefined members out and keeps the order of arrays', () => {
  assert.equal(canonical({ a: undefined, b: 1 }), '{"b":1}')
  assert.notEqual(hashOf([1, 2]), hashOf([2, 1]))
})

test('gives back any JSON value from its canonical text', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = canonical(value)
      assert.equal(canonical(JSON.parse(text)), text)
      assert.deepEqual(JSON.parse(text), JSON.parse(JSON.stringify(value)))
    }),
  )
})

test('never changes the hash of a text, because recorded runs hold it', () => {
  assert.equal(new Hasher().digest(), 'c14d96711aee8d83')
  assert.equal(hashOf({ strategy: 'sma', qty: 10 }), '7a99c6314759f222')
})

test('hashes a sequence of texts, not their concatenation', () => {
  const digest = (...texts: readonly string[]) =>
    texts.reduce((hasher, text) => hasher.add(text), new Hasher()).digest()

  const digests = [
    digest('ab', 'c'),
    digest('a', 'bc'),
    digest('abc'),
    digest('abc', ''),
    digest('c', 'ab'),
  ]
  assert.equal(new Set(digests).size, digests.length)
})

test('can be asked for its digest on the way without being changed by it', () => {
  const asked = new Hasher().add('a')
  asked.digest()

  assert.equal(asked.add('b').digest(), new Hasher().add('a').add('b').digest())
})

test('finds no two equal hashes among 200,000 orders that differ in one number', () => {
  const seen = new Set<string>()
  for (let n = 0; n < 100_000; n++) {
    seen.add(hashOf({ id: `sma-1-${n.toString(36)}`, qty: 10, limit: 100 }))
    seen.add(hashOf({ id: 'sma-1-a', qty: 10, limit: n / 100 + 1_000 }))
  }

  assert.equal(seen.size, 200_000)
})

test('hashes numbers that differ in one bit, in order or in kind differently', () => {
  const digest = (...numbers: readonly (number | undefined)[]) =>
    numbers.reduce((hasher: Hasher, x) => hasher.number(x), new Hasher()).digest()
  const bits = new BigUint64Array(1)
  const seen = new Set([digest(), digest(undefined), digest(NaN), digest(0, 0)])
  let count = seen.size
  for (const x of [0, 1, 100.01, 1e300]) {
    for (let bit = -1n; bit < 64n; bit++) {
      new Float64Array(bits.buffer)[0] = x
      if (bit >= 0n) bits[0]! ^= 1n << bit
      const changed = new Float64Array(bits.buffer)[0]!
      if (Number.isNaN(changed) || Object.is(changed, -0)) continue
      seen.add(digest(changed))
      seen.add(digest(changed, x + 1))
      count += 2
    }
  }
  assert.equal(seen.size, count)
  assert.equal(digest(-0), digest(0))
})
