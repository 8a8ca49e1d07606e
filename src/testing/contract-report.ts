// Contract of reports: the venue's own account of the world, and that it agrees with what the streams have told.
import assert from 'node:assert/strict'
import { describe } from 'node:test'
import { applyCash, cashOf, openAccount } from '../core/account.ts'
import type { SymbolId } from '../core/brand.ts'
import { sign } from '../core/order.ts'
import { applyFill, FLAT, type Position, realisedProfit } from '../core/position.ts'
import { type Bench, itKeeps } from './contract-bench.ts'
import { SHOWN } from './contract-market.ts'
import { CONTRACT_LIMITS, type VenueContract } from './contract-terms.ts'

const SECOND = 1_000
/** Cash that venues round away. */
const CENT = 0.01

export function describeReport(contract: VenueContract): void {
  describe('its report', () => {
    itKeeps(contract, 'is empty but for the cash of a fresh account', {}, async (bench) => {
      const { orders, fills, positions, account } = await bench.report()

      assert.deepEqual([orders, fills, positions], [[], [], []])
      const { cash } = CONTRACT_LIMITS
      assert.deepEqual([account.cash, account.equity], [cash, cash])
      assert(account.buyingPower >= cash, `buying power ${account.buyingPower}`)
    })

    itKeeps(contract, 'has open orders, fills, positions and the account', {}, async (bench) => {
      const [first, second] = bench.instruments
      const bought = await bench.placed()
      const sold = await bench.placed({ symbol: second.id, side: 'sell', qty: 20 })
      const resting = await bench.placed({ type: 'limit', limit: 90 })
      await bench.until(() => bench.filled(bought.id) === 10, 'the purchase is filled')
      await bench.until(() => bench.filled(sold.id) === 20, 'the sale is filled')

      const { orders, positions } = await bench.report()
      assert.deepEqual(
        orders
          .map(({ id, open, filled }) => `${id} ${open ? 'open' : 'done'} ${filled}`)
          .toSorted(),
        [`${bought.id} done 10`, `${sold.id} done 20`, `${resting.id} open 0`].toSorted(),
      )
      assert.deepEqual(
        positions.map(({ symbol, qty }) => `${symbol} ${qty}`).toSorted(),
        [`${first.id} 10`, `${second.id} -20`].toSorted(),
      )
      await agrees(bench)
    })

    const parts = { needs: ['partial-fills'] } as const
    itKeeps(
      contract,
      'agrees with the stream after parts, a cancel and a reversal',
      parts,
      async (bench) => {
        const [, second] = bench.instruments
        const wish = { symbol: second.id, qty: 2 * SHOWN, type: 'limit', limit: 50.05 } as const
        const order = await bench.placed(wish)
        await bench.until(() => bench.filled(order.id) > 0, 'a part is filled')
        await bench.cancel(order)
        await bench.pass(2 * SECOND)
        const held = bench.filled(order.id)
        const exit = await bench.placed({ symbol: second.id, side: 'sell', qty: held })
        await bench.until(() => bench.filled(exit.id) === held, 'it is flat')
        const short = await bench.placed({ symbol: second.id, side: 'sell', qty: 5 })
        await bench.until(() => bench.filled(short.id) === 5, 'it is short')
        await bench.pass(2 * SECOND)

        await agrees(bench)
      },
    )

    const lost = { needs: ['lost-answers'] } as const
    itKeeps(contract, 'finds an order whose answer was lost', lost, async (bench) => {
      bench.stand.loseAnswer?.('after')
      const order = bench.order({ type: 'limit', limit: 90 })
      const taken = await bench.submit(order)
      assert(!taken.ok && taken.fault.code === 'outcome-unknown', JSON.stringify(taken))
      await bench.pass(2 * SECOND)

      const { orders } = await bench.report()
      assert.deepEqual(
        orders.map(({ id, open }) => [id, open]),
        [[order.id, true]],
      )
    })

    itKeeps(contract, 'does not find an order that was lost on its way', lost, async (bench) => {
      bench.stand.loseAnswer?.('before')
      const order = bench.order({ type: 'limit', limit: 90 })
      const taken = await bench.submit(order)
      assert(!taken.ok && taken.fault.code === 'outcome-unknown', JSON.stringify(taken))
      await bench.pass(2 * SECOND)

      assert.deepEqual((await bench.report()).orders, [])
    })

    itKeeps(contract, 'comes twice the same where nothing happened', {}, async (bench) => {
      const order = await bench.placed()
      await bench.until(() => bench.filled(order.id) === order.qty, 'it is filled')
      await bench.placed({ type: 'limit', limit: 90 })
      await bench.pass(SECOND)
      const [once, again] = [await bench.report(), await bench.report()]

      assert.deepEqual(again.orders, once.orders)
      assert.deepEqual(again.fills, once.fills)
      assert.deepEqual(again.positions, once.positions)
    })
  })

  describe('its end', () => {
    itKeeps(contract, 'may come twice, and nothing is told after it', {}, async (bench) => {
      const [first] = bench.instruments
      const kind = contract.lacks?.trades === undefined ? 'trades' : 'bars'
      void bench.venue.feed?.subscribe(kind, [first.id])
      const order = await bench.placed({ type: 'limit', limit: 90 })
      await bench.pass(2 * SECOND)
      await Promise.all([bench.venue.close(), bench.venue.close()])
      const told = bench.inputs.length
      await bench.pass(70 * SECOND)
      await bench.venue.close()

      assert.equal(bench.inputs.length, told)
      const [taken] = await bench.broker.execute({
        venue: bench.venue.id,
        kind: 'cancel',
        commands: [{ type: 'cancel', id: order.id, symbol: order.symbol }],
      })
      assert.equal(taken?.ok, false)
    })
  })
}

/** Fills, positions and cash of the report are those that the stream has told. */
async function agrees(bench: Bench): Promise<void> {
  const report = await bench.report()
  const facts = bench.inputs.flatMap((input) => (input.type === 'order.filled' ? [input] : []))
  const told = new Map(facts.map((fact) => [fact.fill, fact]))
  const sides = new Map(
    report.orders.flatMap(({ id, side }) => (id === undefined ? [] : [[id, side]])),
  )
  const symbols = new Map(
    report.orders.flatMap(({ id, symbol }) => (id === undefined ? [] : [[id, symbol]])),
  )
  assert.deepEqual(
    report.fills.map(({ id, qty, price }) => `${id} ${qty} @ ${price}`).toSorted(),
    [...told.values()].map(({ fill, qty, price }) => `${fill} ${qty} @ ${price}`).toSorted(),
  )
  let account = openAccount('USD', CONTRACT_LIMITS.cash)
  const held = new Map<SymbolId, Position>()
  for (const { id, qty, price, fee } of told.values()) {
    const side = sides.get(id)
    const symbol = symbols.get(id)
    assert(side !== undefined && symbol !== undefined, `the report has ${id}`)
    const instrument = bench.stand.universe.at(symbol)
    const before = held.get(symbol) ?? FLAT
    const fill = { signedQty: sign(side) * qty, price, fee }
    const after = applyFill(before, fill, instrument)
    // What is margined moves its profit only.
    account = applyCash(account, fill, realisedProfit(after) - realisedProfit(before), instrument)
    held.set(symbol, after)
  }
  const cash = cashOf(account)
  assert.deepEqual(
    report.positions.map(({ symbol, qty }) => `${symbol} ${qty}`).toSorted(),
    [...held]
      .filter(([, { qty }]) => qty !== 0)
      .map(([symbol, { qty }]) => `${symbol} ${qty}`)
      .toSorted(),
  )
  assert(Math.abs(report.account.cash - cash) < CENT, `${report.account.cash} is ${cash}`)
}
