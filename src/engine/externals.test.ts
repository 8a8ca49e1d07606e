import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { ExternalOrder } from '../core/input.ts'
import { A, share, universeOf } from '../testing/builders.ts'
import { Externals } from './externals.ts'

const order = (filled: number, avgPrice: number) =>
  ({
    venueId: 'y',
    symbol: A,
    side: 'buy',
    qty: 30_000,
    filled,
    avgPrice,
    open: true,
  }) as unknown as ExternalOrder

it('gives what an order has filled since, at the price that moved its average', () => {
  const externals = new Externals()
  const instrument = universeOf('AAPL').at(A)
  const first = externals.take(order(0, 0), instrument)
  const fills = [order(10, 100), order(40, 103), order(40, 103)].map((each) =>
    externals.take(each, instrument),
  )

  assert.equal(first, undefined)
  assert.deepEqual(fills, [{ signedQty: 10, price: 100 }, { signedQty: 30, price: 104 }, undefined])
})

it('counts the average of an inverse contract by its value in coins', () => {
  const externals = new Externals()
  const instrument = universeOf(share('BTCUSD', { kind: 'perpetual', inverse: true })).at(A)
  externals.take(order(0, 0), instrument)
  externals.take(order(1_000, 5_000), instrument)
  // 1,000 at 5,000 and 2,000 at 6,000 are 3,000 at 5,625.
  const fill = externals.take(order(3_000, 5_625), instrument)

  assert.equal(fill?.signedQty, 2_000)
  assert.ok(Math.abs(fill.price - 6_000) < 1e-6, `${fill.price}`)
})
