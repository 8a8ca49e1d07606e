// What of bought coins is ours, after a fee that no message tells.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { coin, share, universeOf } from '../../testing/builders.ts'
import { COIN_FEE, keptOf, netOf } from './kept.ts'

const [btc, aapl] = universeOf(coin('BTC/USD'), share('AAPL')).all as [
  ReturnType<typeof universeOf>['all'][number],
  ReturnType<typeof universeOf>['all'][number],
]

test('counts of a purchase what no fee can take, and the rest as its fee in money', () => {
  const { qty, fee } = netOf(btc, { side: 'buy', qty: 0.13, price: 50_000, cumulative: 0.13 })
  assert.equal(qty, 0.1296)
  assert.equal(Math.round(fee * 1e6) / 1e6, 20)
  // The venue has said `requested: 0.12, available: 0.119784`.
  assert.ok(keptOf(btc, 'buy', 0.12) <= 0.119784)
})

test('counts all of a sale, whose fee is in money, and all of shares, which have none', () => {
  assert.deepEqual(netOf(btc, { side: 'sell', qty: 1, price: 50_000 }), { qty: 1, fee: 125 })
  assert.deepEqual(netOf(aapl, { side: 'buy', qty: 3, price: 100 }), { qty: 3, fee: 0 })
  assert.equal(keptOf(aapl, 'buy', 3), 3)
})

test('parts of a purchase come to what the whole does, in whatever parts, and never to more than is there', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 5_000 }), { minLength: 1, maxLength: 20 }),
      (lots) => {
        let [bought, told, paid, spent] = [0, 0, 0, 0]
        for (const n of lots) {
          const qty = btc.qty(n * btc.lotSize)
          bought = btc.qty(bought + qty)
          const net = netOf(btc, { side: 'buy', qty, price: 100, cumulative: bought })
          told = btc.qty(told + net.qty)
          paid += net.qty * 100 + net.fee
          spent += qty * 100
        }
        assert.equal(told, keptOf(btc, 'buy', bought))
        assert.ok(
          told <= bought * (1 - COIN_FEE) && told > bought * (1 - COIN_FEE) - 2 * btc.lotSize,
        )
        assert.ok(Math.abs(paid - spent) < 1e-6, 'no money is lost between quantity and fee')
      },
    ),
  )
})
