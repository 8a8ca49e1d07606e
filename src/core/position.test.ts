import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { symbolId, venueId } from './brand.ts'
import { equitySpec, Instrument } from './instrument.ts'
import {
  applyFill,
  FLAT,
  openProfit,
  type Position,
  realisedBy,
  realisedProfit,
} from './position.ts'
import { valueOf } from './sum.ts'

const share = new Instrument(symbolId(0), equitySpec('AAPL', venueId('sim')))
const future = new Instrument(symbolId(1), {
  ...share.spec,
  symbol: 'ES',
  kind: 'future',
  tickSize: 0.25,
  multiplier: 50,
})

type Trade = readonly [signedQty: number, price: number]

const book = (trades: readonly Trade[], instrument: Instrument = share): Position =>
  trades.reduce(
    (position, [signedQty, price]) => applyFill(position, { signedQty, price, fee: 1 }, instrument),
    FLAT,
  )

// name, fills, quantity, average price, realised profit of a share.
const cases: readonly [string, readonly Trade[], number, number, number][] = [
  ['opens long', [[10, 100]], 10, 100, 0],
  ['opens short', [[-10, 100]], -10, 100, 0],
  [
    'blends the average when adding to a long',
    [
      [10, 100],
      [30, 104],
    ],
    40,
    103,
    0,
  ],
  [
    'blends the average when adding to a short',
    [
      [-10, 100],
      [-30, 104],
    ],
    -40,
    103,
    0,
  ],
  [
    'keeps the average when reducing a long',
    [
      [10, 100],
      [-4, 103],
    ],
    6,
    100,
    12,
  ],
  [
    'keeps the average when reducing a short',
    [
      [-10, 100],
      [4, 103],
    ],
    -6,
    100,
    -12,
  ],
  [
    'has no average when flat',
    [
      [10, 100],
      [-10, 99],
    ],
    0,
    0,
    -10,
  ],
  [
    'flips from long to short at the price of the fill',
    [
      [10, 100],
      [-15, 102],
    ],
    -5,
    102,
    20,
  ],
  [
    'flips from short to long at the price of the fill',
    [
      [-10, 100],
      [15, 102],
    ],
    5,
    102,
    -20,
  ],
  [
    'starts again after it was flat',
    [
      [10, 100],
      [-10, 101],
      [-3, 50],
    ],
    -3,
    50,
    10,
  ],
  [
    'adds up profit over round trips',
    [
      [1, 10],
      [-1, 11],
      [-1, 12],
      [1, 10],
    ],
    0,
    0,
    3,
  ],
  [
    'holds at a negative price',
    [
      [10, -2],
      [-5, 1],
    ],
    5,
    -2,
    15,
  ],
]

for (const [name, trades, qty, avgPrice, realised] of cases) {
  test(name, () => {
    const position = book(trades)

    assert.equal(position.qty, qty)
    assert.equal(position.avgPrice, avgPrice)
    assert.equal(realisedProfit(position), realised)
    assert.equal(valueOf(position.fees), trades.length)
  })

  test(`${name}, fifty times the money for a multiplier of 50`, () => {
    const position = book(trades, future)

    assert.equal(position.qty, qty)
    assert.equal(position.avgPrice, avgPrice)
    assert.equal(realisedProfit(position), realised * 50)
  })
}

// A bitcoin costs so many dollars, a contract is one dollar, profit is in bitcoins.
const inverse = new Instrument(symbolId(2), {
  ...share.spec,
  symbol: 'BTCUSD',
  kind: 'perpetual',
  currency: 'BTC',
  tickSize: 0.5,
  inverse: true,
})
const isNear = (actual: number, expected: number): void =>
  assert.ok(Math.abs(actual - expected) < 1e-12 * Math.max(1, Math.abs(expected)), `${actual}`)

test('averages an inverse contract by its value in coins, as Bybit does in its example', () => {
  // 1,000 at 5,000 and 2,000 at 6,000: 3,000 / (0.2 + 0.3333…) = 5,625.
  const long = book(
    [
      [1_000, 5_000],
      [2_000, 6_000],
    ],
    inverse,
  )
  const short = book(
    [
      [-1_000, 5_000],
      [-2_000, 6_000],
    ],
    inverse,
  )

  isNear(long.avgPrice, 5_625)
  isNear(short.avgPrice, 5_625)
})

test('realises the profit of an inverse contract in coins', () => {
  // 10,000 bought at 8,000 are 1.25 coins, sold at 12,500 they are 0.8.
  isNear(
    realisedProfit(
      book(
        [
          [10_000, 8_000],
          [-10_000, 12_500],
        ],
        inverse,
      ),
    ),
    0.45,
  )
  isNear(
    realisedProfit(
      book(
        [
          [-10_000, 8_000],
          [10_000, 12_500],
        ],
        inverse,
      ),
    ),
    -0.45,
  )
  // A half at 10,000: 5,000 × (1/8,000 − 1/10,000) = 0.125; then through zero at 16,000: 5,000 × (1/8,000 − 1/16,000) = 0.3125.
  const flipped = book(
    [
      [10_000, 8_000],
      [-5_000, 10_000],
      [-6_000, 16_000],
    ],
    inverse,
  )
  isNear(realisedProfit(flipped), 0.125 + 0.3125)
  assert.deepEqual([flipped.qty, flipped.avgPrice], [-1_000, 16_000])
})

test('says what an open inverse contract would earn', () => {
  // 1,000 × (1/5,000 − 1/5,500) = 0.0181818…
  isNear(openProfit(book([[1_000, 5_000]], inverse), 5_500, inverse), 1_000 / 5_000 - 1_000 / 5_500)
  isNear(
    openProfit(book([[-1_000, 5_000]], inverse), 4_000, inverse),
    1_000 / 4_000 - 1_000 / 5_000,
  )
})

test('blends equal prices of an inverse contract to themselves', () => {
  const ticks = fc.integer({ min: 1, max: 1_000_000 })
  const lots = fc.integer({ min: 1, max: 10_000_000 })
  fc.assert(
    fc.property(ticks, lots, lots, (tick, first, second) => {
      const px = inverse.px(tick / 2)
      assert.equal(
        book(
          [
            [first, px],
            [second, px],
          ],
          inverse,
        ).avgPrice,
        px,
      )
    }),
  )
})

test('says what open quantity would earn at a price', () => {
  assert.equal(openProfit(book([[10, 100]]), 101.5, share), 15)
  assert.equal(openProfit(book([[-10, 100]]), 101.5, share), -15)
  assert.equal(openProfit(book([[-2, 100]], future), 101.5, future), -150)
  assert.equal(openProfit(FLAT, 101.5, share), 0)
})

test('has the very price of its first fill as average, at any price and quantity', () => {
  const cents = fc.integer({ min: 1, max: 10_000_000 })
  const lots = fc.integer({ min: 1, max: 1_000_000 })
  fc.assert(
    fc.property(cents, lots, fc.boolean(), (price, qty, isBuy) => {
      const px = share.px(price / 100)
      const opened = book([[isBuy ? qty : -qty, px]])
      const grown = applyFill(opened, { signedQty: isBuy ? 7 : -7, price: px, fee: 0 }, share)

      assert.equal(opened.avgPrice, px)
      assert.equal(grown.avgPrice, px)
    }),
  )
})

test('tells what one fill realised', () => {
  const before = book([
    [10, 100],
    [-4, 103],
  ])

  assert.equal(
    realisedBy(before, applyFill(before, { signedQty: -6, price: 99, fee: 0 }, share)),
    -6,
  )
  assert.equal(realisedBy(before, applyFill(before, { signedQty: 6, price: 99, fee: 0 }, share)), 0)
})

test('refuses a fill without a quantity, a price or a fee', () => {
  const good = { signedQty: 1, price: 100, fee: 0 }
  for (const bad of [{ signedQty: 0 }, { signedQty: NaN }, { price: NaN }, { fee: Infinity }]) {
    assert.throws(() => applyFill(FLAT, { ...good, ...bad }, share), /assertion failed/)
  }
})
