import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { symbolId, venueId } from './brand.ts'
import { equitySpec, Instrument, money } from './instrument.ts'

const spec = equitySpec('TEST', venueId('sim'))
const withTick = (tickSize: number) => new Instrument(symbolId(0), { ...spec, tickSize })
const withLot = (lotSize: number) => new Instrument(symbolId(0), { ...spec, lotSize })

// The decimal digits of each tick, as an integer and a number of places: 0.05 is 5 at 2 places.
const ticks = [
  { digits: 1n, places: 2 },
  { digits: 5n, places: 2 },
  { digits: 25n, places: 2 },
  { digits: 1n, places: 4 },
  { digits: 1n, places: 8 },
  { digits: 5n, places: 1 },
  { digits: 125n, places: 1 },
  { digits: 1n, places: 0 },
  { digits: 3n, places: 3 },
].map(({ digits, places }) => ({
  tickSize: Number(`${digits}e-${places}`),
  /** The double nearest to n ticks, by way of the decimal text. */
  at: (n: number) => Number(`${digits * BigInt(n)}e-${places}`),
}))

const steps = fc.integer({ min: -1_000_000_000, max: 1_000_000_000 })

for (const { tickSize, at } of ticks) {
  const instrument = withTick(tickSize)

  test(`keeps every multiple of ${tickSize} as it is, in each rounding`, () => {
    fc.assert(
      fc.property(steps, fc.constantFrom('nearest', 'down', 'up'), (n, rounding) => {
        const x = at(n) + 0
        assert.equal(instrument.px(x, rounding), x)
        assert.ok(instrument.isOnPriceGrid(x))
      }),
    )
  })

  test(`makes n steps of ${tickSize} the double that the decimal text reads as`, () => {
    fc.assert(
      fc.property(steps, (n) => {
        assert.equal(instrument.px(n * tickSize), at(n) + 0)
        assert.equal(instrument.px(at(n - 1) + tickSize), at(n) + 0)
      }),
    )
  })

  test(`rounds between two steps of ${tickSize} to the one that was asked for`, () => {
    const between = fc.double({ min: 0.001, max: 0.999, noNaN: true })
    fc.assert(
      fc.property(fc.integer({ min: -100_000, max: 100_000 }), between, (n, part) => {
        const x = (n + part) * tickSize
        assert.equal(instrument.px(x, 'down'), at(n) + 0)
        assert.equal(instrument.px(x, 'up'), at(n + 1) + 0)
        if (Math.abs(part - 0.5) > 0.001) {
          assert.equal(instrument.px(x), at(part < 0.5 ? n : n + 1) + 0)
        }
        assert.ok(!instrument.isOnPriceGrid(x))
      }),
    )
  })
}

test('adds 0.001 a million times and has exactly 1000', () => {
  const instrument = withLot(0.001)
  let total = 0

  for (let n = 0; n < 1_000_000; n++) total = instrument.qty(total + 0.001)

  assert.equal(total, 1000)
})

test('is exact up to the last step', () => {
  const last = (2 ** 53 - 1) / 4

  assert.equal(withTick(0.25).px(last), last)
})

test('keeps a value on the grid that arithmetic left a hair beside it', () => {
  assert.equal(withLot(0.1).qty(0.1 + 0.2, 'up'), 0.3)
  assert.equal(withLot(0.1).qty(0.8 - 0.1, 'down'), 0.7)
  assert.equal(withTick(0.01).px(1.1 * 3, 'up'), 3.3)
})

test('rounds a half step up, below zero too', () => {
  assert.equal(withTick(0.5).px(0.25), 0.5)
  assert.equal(withTick(0.5).px(-0.25), 0)
})

test('gives 0 and never -0', () => {
  for (const rounding of ['nearest', 'down', 'up'] as const) {
    assert.ok(Object.is(withTick(0.01).px(-0, rounding), 0))
  }
  assert.ok(Object.is(withTick(0.01).px(-0.001), 0))
  assert.ok(Object.is(withTick(0.01).px(-0.001, 'up'), 0))
  assert.ok(Object.is(money(-1e-12), 0))
})

test('refuses NaN, infinity and what lies past 2^53 steps', () => {
  const instrument = withTick(0.01)
  for (const x of [NaN, Infinity, -Infinity, 2 ** 53, -(2 ** 53), 1e300]) {
    assert.throws(() => instrument.px(x), /a grid number is finite and below 2\^53 steps/)
  }
  assert.throws(() => withLot(1).qty(2 ** 53), /2\^53/)
  assert.equal(withLot(1).qty(2 ** 53 - 1), 2 ** 53 - 1)
  assert.throws(() => money(NaN), /money is finite/)
})

test('says of NaN and infinity that they are on no grid', () => {
  assert.equal(withTick(0.01).isOnPriceGrid(NaN), false)
  assert.equal(withTick(0.01).isOnSizeGrid(Infinity), false)
})

test('refuses a spec that is no contract', () => {
  for (const tickSize of [0, -0.01, NaN, Infinity, 1e-13]) {
    assert.throws(() => withTick(tickSize), /a grid step is/)
  }
  for (const multiplier of [0, -1, NaN, Infinity]) {
    assert.throws(() => new Instrument(symbolId(0), { ...spec, multiplier }), /multiplier of TEST/)
  }
  assert.throws(() => new Instrument(symbolId(0), { ...spec, symbol: '' }), /has a symbol/)
})

test('is margined as a future or a perpetual, and values by its multiplier', () => {
  const kinds = ['equity', 'crypto', 'future', 'perpetual', 'option'] as const

  const margined = kinds.filter((kind) => new Instrument(symbolId(0), { ...spec, kind }).isMargined)

  assert.deepEqual(margined, ['future', 'perpetual'])
  const option = new Instrument(symbolId(0), { ...spec, kind: 'option', multiplier: 100 })
  assert.equal(option.notional(-2, 1.5), 300)
})
