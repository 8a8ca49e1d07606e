import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gaussian, integer, seeded } from './random.ts'

const take = (count: number, next: () => number) => Array.from({ length: count }, next)
const mean = (all: readonly number[]) => all.reduce((sum, x) => sum + x, 0) / all.length

test('gives the same numbers for the same seed, and others for another', () => {
  assert.deepEqual(take(50, seeded(7)), take(50, seeded(7)))
  assert.notDeepEqual(take(50, seeded(7)), take(50, seeded(8)))
})

test('never changes the sequence of a seed, because recorded runs depend on it', () => {
  assert.deepEqual(
    take(3, seeded(1)),
    [0.7494974588043988, 0.8321312651969492, 0.03565387078560889],
  )
})

test('fills [0, 1) evenly, for neighbouring seeds too', () => {
  for (const seed of [0, 1, 2, 2 ** 31, -1]) {
    const draws = take(20_000, seeded(seed))
    const tenths = Array.from({ length: 10 }, () => 0)
    for (const x of draws) tenths[Math.floor(x * 10)]! += 1

    assert.ok(draws.every((x) => x >= 0 && x < 1))
    // Chi-square with 9 degrees of freedom: above 33 once in ten thousand.
    const chi = tenths.reduce((sum, count) => sum + (count - 2000) ** 2 / 2000, 0)
    assert.ok(chi < 33, `seed ${seed} has a chi-square of ${chi}`)
  }
})

test('gives first draws of neighbouring seeds that do not follow each other', () => {
  const firsts = Array.from({ length: 1_000 }, (_, seed) => seeded(seed)())

  assert.equal(new Set(firsts).size, 1_000)
  assert.ok(Math.abs(mean(firsts) - 0.5) < 0.04)
})

test('draws normal numbers of mean 0 and variance 1', () => {
  const random = seeded(3)
  const draws = take(20_000, () => gaussian(random))

  assert.ok(Math.abs(mean(draws)) < 0.03)
  assert.ok(Math.abs(mean(draws.map((x) => x * x)) - 1) < 0.05)
})

test('draws integers from the low to the high end, both included', () => {
  const random = seeded(4)
  const draws = new Set(take(1_000, () => integer(random, -2, 2)))

  assert.deepEqual(
    [...draws].toSorted((a, b) => a - b),
    [-2, -1, 0, 1, 2],
  )
})
