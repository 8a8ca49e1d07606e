import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { type SymbolId, symbolId } from '../core/brand.ts'
import { A, B, C, coin, future, universeOf } from '../testing/builders.ts'
import { Portfolio, type PortfolioState } from './portfolio.ts'

const universe = () => universeOf('AAPL', future('ES'), coin('BTC'))

function make(cash = 10_000): Portfolio {
  const portfolio = new Portfolio(universe(), 'USD')
  portfolio.setCash(cash)
  return portfolio
}

/** Buys where `qty` is above zero, marks the price, and gives what was realised. */
function fill(portfolio: Portfolio, symbol: SymbolId, qty: number, price: number, fee = 0): number {
  portfolio.mark(symbol, price, 0)
  return portfolio.fill(symbol, { signedQty: qty, price, fee })
}

const copied = (portfolio: Portfolio): Portfolio => {
  const copy = new Portfolio(universe(), 'USD')
  copy.restore(JSON.parse(JSON.stringify(portfolio.capture())) as PortfolioState)
  return copy
}

test('knows what the venue has beyond a position, also when restored, until the position is taken over', () => {
  const portfolio = make()
  assert.equal('dust' in portfolio.capture(), false)
  portfolio.setDust(C, 0.004)
  portfolio.setDust(A, 1)
  portfolio.setDust(A, 0)
  const copy = copied(portfolio)
  assert.deepEqual([[...copy.dust], copy.equity], [[[C, 0.004]], 10_000])
  copy.adopt(C, { qty: 0.5, avgPrice: 1 })
  assert.deepEqual([...copy.dust], [])
})

test('pays for a share in full, and counts it at the last price', () => {
  const portfolio = make()
  fill(portfolio, A, 10, 100, 1)
  portfolio.mark(A, 110, 5)
  assert.deepEqual([portfolio.cash, portfolio.equity, portfolio.exposure], [8_999, 10_099, 1_100])
})

test('moves no cash for a future but its fee, and counts its open profit', () => {
  const portfolio = make()
  fill(portfolio, B, 2, 5_000, 5)
  portfolio.mark(B, 5_001, 5)
  assert.deepEqual([portfolio.cash, portfolio.equity, portfolio.exposure], [9_995, 10_095, 500_100])
})

test('takes in the money of a short sale, and owes the shares', () => {
  const portfolio = make()
  fill(portfolio, A, -10, 100)
  portfolio.mark(A, 90, 5)
  assert.deepEqual([portfolio.cash, portfolio.equity, portfolio.exposure], [11_000, 10_100, 900])
})

test('flips a share through zero at the price of the fill', () => {
  const portfolio = make()
  fill(portfolio, A, 10, 100)
  const realised = fill(portfolio, A, -15, 110)
  assert.equal(realised, 100)
  assert.deepEqual(
    [portfolio.position(A).qty, portfolio.position(A).avgPrice, portfolio.equity],
    [-5, 110, 10_100],
  )
  assert.deepEqual(
    portfolio.held.map(({ symbol }) => symbol),
    ['AAPL'],
  )
})

test('flips a future through zero and moves what it realised to cash', () => {
  const portfolio = make()
  fill(portfolio, B, 1, 5_000)
  const realised = fill(portfolio, B, -3, 5_010)
  portfolio.mark(B, 5_008, 5)
  assert.deepEqual([realised, portfolio.cash, portfolio.equity], [500, 10_500, 10_700])
})

test('adds up several symbols, longs and shorts', () => {
  const portfolio = make()
  fill(portfolio, A, 10, 100)
  fill(portfolio, C, -0.5, 2_000)
  assert.deepEqual([portfolio.cash, portfolio.equity, portfolio.exposure], [10_000, 10_000, 2_000])
})

test('holds a symbol until it is flat, in the order of opening', () => {
  const portfolio = make()
  fill(portfolio, C, 1, 10)
  fill(portfolio, A, 1, 10)
  fill(portfolio, C, 1, 10)
  const both = portfolio.held.map(({ id }) => id)
  fill(portfolio, C, -2, 10)
  assert.deepEqual([both, portfolio.held.map(({ id }) => id)], [[C, A], [A]])
})

test('gives what a fill realised without the rounding of what was realised before', () => {
  const portfolio = make(1e12)
  fill(portfolio, B, 1_000, 1_000_000)
  fill(portfolio, B, -1_000, 3_000_000.25)
  fill(portfolio, B, 1, 100)
  assert.equal(fill(portfolio, B, -1, 100.1), (100.1 - 100) * 50)
})

test('takes its base of profit from equity when the venue tells the cash', () => {
  const portfolio = make()
  fill(portfolio, A, 10, 100)
  portfolio.setCash(5_000)
  assert.deepEqual([portfolio.cash, portfolio.base, portfolio.equity], [5_000, 6_000, 6_000])
})

test('knows no equity while a holding has no price', () => {
  const portfolio = make()
  portfolio.fill(A, { signedQty: 10, price: 100, fee: 0 })
  assert.ok(Number.isNaN(portfolio.equity))
  assert.ok(Number.isNaN(portfolio.exposure))
})

test('tells how old a price is, and Infinity before the first', () => {
  const portfolio = make()
  assert.deepEqual([portfolio.price(A), portfolio.priceAge(A, 100)], [NaN, Infinity])
  portfolio.mark(A, 7, 40)
  assert.deepEqual([portfolio.price(A), portfolio.priceAge(A, 100)], [7, 60])
})

test('makes room for symbols that join, and keeps the prices that it has', () => {
  const shared = universe()
  const portfolio = new Portfolio(shared, 'USD')
  portfolio.mark(A, 7, 40)
  const { id } = shared.add(coin('ETH'))
  portfolio.grow()
  portfolio.mark(id, 9, 41)
  assert.deepEqual([portfolio.price(A), portfolio.price(id)], [7, 9])
})

test('refuses a snapshot with a symbol that the universe does not have', () => {
  const portfolio = make()
  fill(portfolio, C, 1, 10)
  const small = new Portfolio(universeOf('AAPL'), 'USD')
  assert.throws(() => small.restore(portfolio.capture()), /symbol id 2 of the snapshot/)
})

const fills = fc.array(
  fc.record({
    symbol: fc.nat(2).map(symbolId),
    qty: fc.integer({ min: -5, max: 5 }).filter((qty) => qty !== 0),
    price: fc.integer({ min: 1, max: 99_999 }).map((ticks) => ticks / 4),
    fee: fc.integer({ min: -10, max: 30 }).map((cents) => cents / 100),
  }),
  { maxLength: 40 },
)

test('gains exactly what was bought below and sold above the last prices', () => {
  fc.assert(
    fc.property(fills, (all) => {
      const portfolio = make()
      for (const { symbol, qty, price, fee } of all) fill(portfolio, symbol, qty, price, fee)
      const multiplier = [1, 50, 1]
      const gained = all.reduce(
        (sum, { symbol, qty, price, fee }) =>
          sum + qty * (portfolio.price(symbol) - price) * multiplier[symbol]! - fee,
        10_000,
      )
      const size = Math.max(...all.map(({ price }) => price * 500), 10_000)
      assert.ok(Math.abs(portfolio.equity - gained) < 1e-9 * size, `${portfolio.equity} ${gained}`)
    }),
  )
})

test('sums in the same order after a restart, to the last bit', () => {
  fc.assert(
    fc.property(fills, fc.nat(40), (all, cut) => {
      const running = make()
      const book = (portfolio: Portfolio, some: typeof all) => {
        for (const { symbol, qty, price, fee } of some) {
          fill(portfolio, symbol, qty, price / 3, fee)
        }
      }
      book(running, all.slice(0, cut))
      const restarted = copied(running)
      book(running, all.slice(cut))
      book(restarted, all.slice(cut))

      assert.equal(restarted.equity, running.equity)
      assert.equal(restarted.exposure, running.exposure)
      assert.deepEqual(restarted.capture(), running.capture())
      assert.deepEqual(
        restarted.held.map(({ id }) => id),
        running.held.map(({ id }) => id),
      )
    }),
  )
})
