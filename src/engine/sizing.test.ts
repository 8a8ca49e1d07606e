import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { symbolId } from '../core/brand.ts'
import { A, B, C, coin, future, share, universeOf } from '../testing/builders.ts'
import { type SizeInputs, sizeOf } from './sizing.ts'

const universe = universeOf(
  'AAPL',
  future('ES'),
  coin('BTC'),
  share('X', { minNotional: 500 }),
  share('BTCUSD', { kind: 'perpetual', inverse: true }),
)
const stock = universe.at(A)
const es = universe.at(B)
const btc = universe.at(C)
const dear = universe.at(symbolId(3))
const inverse = universe.at(symbolId(4))

const INPUTS: SizeInputs = {
  equity: 100_000,
  price: 100,
  fraction: 0.1,
  riskFraction: 0.01,
  scale: 1,
  maxOrderNotional: Infinity,
  maxPositionNotional: Infinity,
}

const cases: readonly (readonly [string, typeof stock, Partial<SizeInputs>, number])[] = [
  ['takes a fraction of equity', stock, {}, 100],
  ['rounds down to a lot', stock, { price: 101 }, 99],
  ['rounds down to a fraction of a coin', btc, { price: 30_000 }, 0.3333],
  ['counts the multiplier of a future', es, { price: 100 }, 2],
  ['forces nothing up to one share', stock, { price: 10_001 }, 0],
  ['forces nothing up to one future', es, { price: 5_000 }, 0],
  ['bounds the loss at a far stop', stock, { stopDistance: 20 }, 50],
  ['leaves a size alone that a near stop allows', stock, { stopDistance: 1 }, 100],
  ['counts the multiplier at the stop', es, { fraction: 10, stopDistance: 5 }, 4],
  // A tenth of 2 coins at 50,000; at the stop one contract loses 1/40,000 − 1/50,000 of a coin: 0.02 / 0.000005.
  ['takes dollars of an inverse contract', inverse, { equity: 2, price: 50_000 }, 10_000],
  [
    'bounds the loss of an inverse contract in coins',
    inverse,
    { equity: 2, price: 50_000, stopDistance: 10_000 },
    4_000,
  ],
  [
    'is nothing where the stop of an inverse contract is at no price',
    inverse,
    { equity: 2, price: 50_000, stopDistance: 50_000 },
    0,
  ],
  ['scales', stock, { scale: 0.5 }, 50],
  ['caps after scaling', stock, { scale: 0.5, maxOrderNotional: 4_000 }, 40],
  ['does not scale what is capped', stock, { scale: 0.5, maxOrderNotional: 5_000 }, 50],
  ['caps by the position', stock, { maxPositionNotional: 2_550 }, 25],
  ['caps by the smaller of two', stock, { maxOrderNotional: 900, maxPositionNotional: 950 }, 9],
  ['takes leverage', stock, { fraction: 2 }, 2_000],
  ['is nothing below the least value that a venue takes', dear, { fraction: 0.00499 }, 0],
  ['is something at the least value that a venue takes', dear, { fraction: 0.005 }, 5],
  ['takes no risk limit for none', stock, { riskFraction: Infinity, stopDistance: 20 }, 100],
  ['is nothing where no loss is allowed', stock, { riskFraction: 0, stopDistance: 20 }, 0],
  ['is nothing at a price that is a mistake', btc, { price: 1e-13 }, 0],
]
for (const [name, instrument, changes, expected] of cases) {
  test(name, () => {
    assert.equal(sizeOf(instrument, { ...INPUTS, ...changes }), expected)
  })
}

const KEYS = ['equity', 'price', 'fraction', 'scale', 'stopDistance', 'riskFraction'] as const
const CAPS = ['maxOrderNotional', 'maxPositionNotional'] as const

for (const key of [...KEYS, ...CAPS]) {
  for (const value of [NaN, 0, -1, -Infinity]) {
    test(`is nothing where ${key} is ${value}`, () => {
      assert.equal(sizeOf(stock, { ...INPUTS, stopDistance: 5, [key]: value }), 0)
    })
  }
}

for (const key of ['equity', 'price', 'fraction', 'scale', 'stopDistance'] as const) {
  test(`is nothing where ${key} is Infinity, even with caps`, () => {
    const inputs = { ...INPUTS, maxOrderNotional: 1_000, [key]: Infinity }
    assert.equal(sizeOf(stock, inputs), 0)
  })
}

const number = fc.oneof(
  fc.double(),
  fc.double({ min: 0, max: 1e6, noNaN: true }),
  fc.constantFrom(0, -0, NaN, Infinity, -Infinity, Number.MAX_VALUE, Number.MIN_VALUE),
)

test('is a whole number of lots that no limit forbids, whatever comes', () => {
  const inputs = fc.record(
    Object.fromEntries([...KEYS, ...CAPS].map((key) => [key, number])) as Record<
      (typeof KEYS)[number] | (typeof CAPS)[number],
      typeof number
    >,
  )
  fc.assert(
    fc.property(inputs, fc.constantFrom(stock, es, btc), (given, instrument) => {
      const qty = sizeOf(instrument, given)
      assert.ok(qty >= 0 && Number.isFinite(qty) && instrument.isOnSizeGrid(qty), String(qty))
      if (qty === 0) return
      const notional = instrument.notional(qty, given.price)
      const cap = Math.min(given.maxOrderNotional, given.maxPositionNotional)
      assert.ok(notional <= cap * (1 + 1e-9), `${notional} within ${cap}`)
      assert.ok(notional <= given.equity * given.fraction * given.scale * (1 + 1e-9))
      const loss = qty * given.stopDistance * instrument.multiplier
      assert.ok(loss <= given.equity * given.riskFraction * given.scale * (1 + 1e-9))
    }),
    { numRuns: 2_000 },
  )
})
