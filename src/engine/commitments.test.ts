import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { type SymbolId, symbolId } from '../core/brand.ts'
import { isLive, type Order, remaining } from '../core/order.ts'
import { coin, future, MONDAY_10, order, request, universeOf } from '../testing/builders.ts'
import { Commitments } from './commitments.ts'
import { Externals } from './externals.ts'
import { Orders } from './orders.ts'
import { Portfolio } from './portfolio.ts'

const PRICES = [100, 5_000, 50_000]

/** A book of three symbols, and what a random hand may do to it. */
class Stage {
  readonly universe = universeOf('AAPL', future('ES'), coin('BTC'))
  readonly portfolio = new Portfolio(this.universe, 'USD')
  readonly orders = new Orders(this.universe, 'r')
  readonly book = {
    portfolio: this.portfolio,
    orders: this.orders,
    externals: new Externals(),
    lanesOf: (symbol: SymbolId) => [
      { strategy: 's', position: { qty: this.portfolio.qty(symbol) } },
    ],
  }
  readonly live: Order[] = []
  #next = 1

  constructor() {
    for (const i of PRICES.keys()) this.mark(i, 1)
  }

  mark(symbol: number, by: number): void {
    this.portfolio.mark(symbolId(symbol), PRICES[symbol]! * by, MONDAY_10)
  }

  hold(symbol: number, signedQty: number): void {
    this.portfolio.fill(symbolId(symbol), { signedQty, price: PRICES[symbol]!, fee: 0 })
  }

  work(symbol: number, changes: Parameters<typeof order>[0]): void {
    const id = `o${this.#next++}`
    const placed = order({ id, symbol: symbolId(symbol), type: 'limit', ...changes })
    this.orders.add(placed)
    this.live.push(placed)
  }

  change(nth: number, changes: Parameters<typeof order>[0]): void {
    const i = nth % Math.max(1, this.live.length)
    const before = this.live[i]
    if (before === undefined) return
    const after = { ...before, ...changes } as Order
    this.orders.update(after)
    if (isLive(after)) this.live[i] = after
    else this.live.splice(i, 1)
  }

  act([what, symbol, size, nth]: readonly [number, number, number, number]): void {
    const limit = PRICES[symbol]! - size
    if (what === 0) this.mark(symbol, 1 + size / 100)
    else if (what === 1) this.mark(symbol, NaN)
    else if (what === 2) this.hold(symbol, size < 5 ? -size : size)
    else if (what === 3) this.work(symbol, { qty: size, limit, side: nth % 2 ? 'buy' : 'sell' })
    else if (what === 4) this.work(symbol, { qty: size, limit, reduceOnly: true, side: 'sell' })
    else if (what === 5) this.work(symbol, { qty: size, limit, role: 'target', side: 'sell' })
    else if (what === 6) this.change(nth, { phase: 'done', reason: 'canceled' })
    else this.change(nth, { qty: size, filled: size / 2 })
  }
}

test('what is kept from one question to the next is what a new count comes to', () => {
  const action = fc.tuple(fc.nat(7), fc.nat(2), fc.integer({ min: 1, max: 9 }), fc.nat(99))
  fc.assert(
    fc.property(fc.array(fc.tuple(action, fc.boolean()), { maxLength: 60 }), (actions) => {
      const stage = new Stage()
      const kept = new Commitments(stage.book)
      for (const [does, asks] of actions) {
        stage.act(does)
        if (!asks) continue
        const [own] = does.slice(1)
        const [flat, value, openers] = [kept.flat(symbolId(own!)), kept.value(), kept.openers()]
        const fresh = new Commitments(stage.book)
        assert.deepEqual(flat, fresh.flat(symbolId(own!)))
        assert.deepEqual(value, fresh.value())
        assert.equal(openers, fresh.openers())
      }
    }),
    { numRuns: 300 },
  )
})

test('an order that is to become another is worth nothing beside it', () => {
  const stage = new Stage()
  stage.work(0, { qty: 3, limit: 99 })
  stage.work(1, { qty: 2, limit: 4_990 })
  const commitments = new Commitments(stage.book)
  const [share, contract] = stage.live

  assert.deepEqual(commitments.value(), { paid: 297, margined: 499_000 })
  assert.deepEqual(commitments.value(share), { paid: 0, margined: 499_000 })
  assert.deepEqual(commitments.value(contract), { paid: 297, margined: 0 })
  const wanted = request({ symbol: symbolId(0), qty: 5, type: 'limit', limit: 99 })
  assert.equal(commitments.worstQty(wanted, share), 5)
  assert.equal(commitments.worstQty(wanted), 5 + remaining(share!))
})
