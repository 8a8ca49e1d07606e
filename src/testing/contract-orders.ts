// Contract of orders: each is taken or refused for certain, filled by the market, and known by our id for ever.
import assert from 'node:assert/strict'
import { describe } from 'node:test'
import type { Px, Qty } from '../core/brand.ts'
import type { Order, OrderType, TimeInForce } from '../core/order.ts'
import { type Bench, itKeeps, type Taken } from './contract-bench.ts'
import { SHOWN } from './contract-market.ts'
import type { VenueContract } from './contract-terms.ts'

const TYPES: readonly OrderType[] = ['market', 'limit', 'stop', 'stop-limit']
const TIFS: readonly TimeInForce[] = ['day', 'gtc', 'ioc', 'fok']
const SECOND = 1_000
/** Far from the market of about 100, on the side where a buyer waits. */
const FAR: Readonly<Record<OrderType, { readonly limit?: number; readonly stop?: number }>> = {
  market: {},
  limit: { limit: 90 },
  stop: { stop: 110 },
  'stop-limit': { stop: 110, limit: 111 },
}

export function describeOrders(contract: VenueContract): void {
  describe('its orders', () => {
    for (const type of TYPES) {
      for (const tif of TIFS) describeKind(contract, type, tif)
    }
    describeTerms(contract)
    describeLives(contract)
    describeChanges(contract)
    describeRefusals(contract)
  })
}

/** Limits and contract say the same, so what is denied before it leaves is what the venue refuses. */
function describeTerms(contract: VenueContract): void {
  itKeeps(contract, 'says in its limits what it takes', {}, async (bench) => {
    const { takes, postOnly, brackets, stopCollar } = bench.terms
    const said = TYPES.flatMap((type) => (takes[type] ?? []).map((tif) => `${type} ${tif}`))
    const kept = contract.orders.map(([type, tif]) => `${type} ${tif}`)
    assert.deepEqual(said.toSorted(), kept.toSorted())
    assert.equal(postOnly, contract.lacks?.['post-only'] === undefined)
    if (brackets !== 'emulated') return
    const stop = stopCollar === undefined ? 'stop' : 'stop-limit'
    assert(takes[stop]?.includes('gtc'), 'a bracket that is kept here has a stop that may rest')
  })
}

function describeKind(contract: VenueContract, type: OrderType, tif: TimeInForce): void {
  const isThere = contract.orders.some(([one, other]) => one === type && other === tif)
  // A stop waits for its price, whatever it does then.
  const isWaiting =
    FAR[type].stop !== undefined || (type === 'limit' && tif !== 'ioc' && tif !== 'fok')
  if (!isThere) {
    itKeeps(contract, `refuses ${type} ${tif}, which it does not have`, {}, async (bench) => {
      await bench.pass(2 * SECOND)
      const order = bench.order({ type, tif, ...FAR[type] })
      isRefused(await bench.submit(order))

      const { orders } = await bench.report()
      assert.deepEqual(
        orders.filter(({ id }) => id === order.id),
        [],
      )
    })
    return
  }
  itKeeps(contract, `takes ${type} ${tif}`, {}, async (bench) => {
    await bench.pass(2 * SECOND)
    const order = await bench.placed({ type, tif, ...FAR[type] })
    await bench.pass(5 * SECOND)

    const { orders } = await bench.report()
    const [told] = orders.filter(({ id }) => id === order.id)
    assert(told !== undefined, 'the report has it under our id')
    assert.deepEqual([told.symbol, told.side, told.qty], [order.symbol, order.side, order.qty])
    assert.equal(told.open, isWaiting)
    assert.equal(told.filled, type === 'market' ? order.qty : 0)
    if (FAR[type].limit !== undefined) assert.equal(told.limit, FAR[type].limit)
  })
}

function describeLives(contract: VenueContract): void {
  itKeeps(
    contract,
    'accepts an order before it fills it, under one venue id',
    {},
    async (bench) => {
      const order = bench.order({ type: 'limit', limit: 100.05 })
      const taken = await bench.submit(order)
      assert(taken.ok && taken.value.venueId !== '', JSON.stringify(taken))
      await bench.until(() => bench.filled(order.id) === order.qty, 'it is filled')

      const [first] = bench.said(order.id)
      assert.equal(first?.type, 'order.accepted')
      for (const { price, qty, ts, at } of bench.fills(order.id)) {
        assert(price > 0 && price <= 100.05 && qty > 0, `${qty} @ ${price}`)
        assert(ts <= at, 'it happened before we heard of it')
      }
    },
  )

  itKeeps(
    contract,
    'leaves a limit order alone until the price comes',
    { prices: DIPPING },
    async (bench) => {
      const order = await bench.placed({ type: 'limit', limit: 98.5 })
      await bench.pass(5 * SECOND)
      assert.equal(bench.filled(order.id), 0)
      await bench.until(() => bench.filled(order.id) === order.qty, 'the price has come')

      assert(bench.fills(order.id).every(({ price }) => price <= 98.5))
    },
  )

  itKeeps(contract, 'triggers a stop when the price comes', { prices: DIPPING }, async (bench) => {
    await bench.placed()
    const stop = await bench.placed({ side: 'sell', type: 'stop', stop: 99 })
    await bench.pass(5 * SECOND)
    assert.equal(bench.filled(stop.id), 0)
    await bench.until(() => bench.filled(stop.id) === stop.qty, 'it has triggered')
  })

  itKeeps(
    contract,
    'fills in parts what is more than the market shows',
    { needs: ['partial-fills'] },
    async (bench) => {
      const [, second] = bench.instruments
      const qty = 2 * SHOWN + 200
      const order = await bench.placed({ symbol: second.id, type: 'limit', limit: 50.05, qty })
      await bench.until(() => bench.filled(order.id) === qty, 'all of it is filled')

      const fills = bench.fills(order.id)
      assert(fills.length >= 3, `${fills.length} fills`)
      assert(
        fills.every((fill) => fill.qty <= SHOWN),
        'no part is more than was shown',
      )
    },
  )

  itKeeps(
    contract,
    'fills one leg of a bracket and cancels the other',
    { needs: ['brackets'], prices: LIFTING },
    async (bench) => {
      if (bench.terms.brackets !== 'native') {
        const taken = await bench.submit(...bracket(bench))
        isRefused(taken)
        return
      }
      await bench.pass(2 * SECOND)
      const [entry, stop, target] = bracket(bench)
      const taken = await bench.submit(entry, stop, target)
      assert(taken.ok, JSON.stringify(taken))
      await bench.until(() => bench.filled(entry.id) === entry.qty, 'the entry is filled')
      await bench.until(() => bench.filled(target.id) === entry.qty, 'the target is filled')
      await bench.until(() => bench.has(stop.id, 'order.canceled'), 'the stop is canceled')

      const { positions } = await bench.report()
      assert.deepEqual(positions, [])
      assert(bench.has(stop.id, 'order.accepted') && bench.has(target.id, 'order.accepted'))
    },
  )

  itKeeps(
    contract,
    'cancels the legs of an entry that never filled',
    { needs: ['brackets'] },
    async (bench) => {
      const [entry, stop, target] = bracket(bench, { type: 'limit', limit: 96 })
      const taken = await bench.submit(entry, stop, target)
      if (bench.terms.brackets !== 'native') return isRefused(taken)
      assert(taken.ok, JSON.stringify(taken))
      await bench.cancel(entry)
      for (const { id } of [entry, stop, target])
        await bench.until(() => bench.has(id, 'order.canceled'), `${id} is canceled`)
    },
  )
}

function describeChanges(contract: VenueContract): void {
  const needs = ['amend'] as const

  itKeeps(contract, 'cancels an open order, and tells it', {}, async (bench) => {
    const order = await bench.placed({ type: 'limit', limit: 90, tif: 'day' })
    const taken = await bench.cancel(order)
    assert(taken.ok, JSON.stringify(taken))
    await bench.until(() => bench.has(order.id, 'order.canceled'), 'it is canceled')

    const { orders } = await bench.report()
    assert.equal(orders.find(({ id }) => id === order.id)?.open ?? false, false)
  })

  itKeeps(
    contract,
    'refuses to cancel what has filled, and leaves it filled',
    {},
    async (bench) => {
      const order = await bench.placed()
      await bench.until(() => bench.filled(order.id) === order.qty, 'it is filled')
      isRefused(await bench.cancel(order))
      await bench.pass(SECOND)

      assert(!bench.has(order.id, 'order.canceled'))
    },
  )

  itKeeps(contract, 'refuses to cancel or amend what it never had', {}, async (bench) => {
    const order = bench.order({ type: 'limit', limit: 90 })
    isRefused(await bench.cancel(order))
    if (contract.lacks?.amend === undefined) isRefused(await bench.amend(order, { limit: 91 }))
  })

  itKeeps(contract, 'amends an order, which keeps our id', { needs }, async (bench) => {
    const order = await bench.placed({ type: 'limit', limit: 90 })
    await bench.until(() => bench.has(order.id, 'order.accepted'), 'it works')
    const taken = await bench.amend(order, { limit: 91, qty: 12 })
    assert(taken.ok, JSON.stringify(taken))
    await bench.until(() => bench.has(order.id, 'order.amended'), 'it is amended')

    const { orders } = await bench.report()
    const open = orders.filter(({ open }) => open)
    assert.deepEqual(
      open.map(({ id, limit, qty }) => [id, limit, qty]),
      [[order.id, 91, 12]],
    )
  })

  itKeeps(
    contract,
    'fills an amended order under our id, to the quantity that it then has',
    { needs },
    async (bench) => {
      const order = await bench.placed({ type: 'limit', limit: 90 })
      await bench.until(() => bench.has(order.id, 'order.accepted'), 'it works')
      await bench.amend(order, { limit: 100.05, qty: 15 })
      await bench.until(() => bench.filled(order.id) === 15, 'it is filled')
      await bench.pass(3 * SECOND)

      assert.equal(bench.filled(order.id), 15)
      const { positions } = await bench.report()
      assert.deepEqual(
        positions.map(({ qty }) => qty),
        [15],
      )
    },
  )

  const parts = { needs: ['amend', 'partial-fills'] } as const
  itKeeps(contract, 'counts what was filled before an amend to the total', parts, async (bench) => {
    const [, second] = bench.instruments
    const qty = 2 * SHOWN + 200
    const order = await bench.placed({ symbol: second.id, type: 'limit', limit: 50.05, qty })
    await bench.until(() => bench.filled(order.id) >= SHOWN, 'a part is filled')
    const taken = await bench.amend(order, { qty: qty + 100 })
    assert(taken.ok, JSON.stringify(taken))
    await bench.until(() => bench.filled(order.id) >= qty + 100, 'all of it is filled')
    await bench.pass(5 * SECOND)

    assert.equal(bench.filled(order.id), qty + 100)
    const { positions } = await bench.report()
    assert.deepEqual(
      positions.map(({ qty }) => qty),
      [qty + 100],
    )
  })
}

function describeRefusals(contract: VenueContract): void {
  itKeeps(
    contract,
    'refuses a price off the grid and a quantity off the lot, with a reason',
    {},
    async (bench) => {
      await bench.pass(SECOND)
      const offTick = { ...bench.order({ type: 'limit', limit: 90 }), limit: 90.005 as Px }
      const offLot = { ...bench.order({ type: 'limit', limit: 90 }), qty: 10.5 as Qty }
      for (const order of [offTick, offLot]) isRefused(await bench.submit(order))

      assert.deepEqual((await bench.report()).orders, [])
    },
  )

  itKeeps(
    contract,
    'refuses what the account cannot pay',
    { needs: ['buying-power'] },
    async (bench) => {
      await bench.pass(SECOND)
      isRefused(await bench.submit(bench.order({ type: 'limit', limit: 100, qty: 90_000 })))

      assert.deepEqual((await bench.report()).orders, [])
    },
  )

  itKeeps(
    contract,
    'never takes liquidity with a post-only order',
    { needs: ['post-only'] },
    async (bench) => {
      await bench.watch(contract.lacks?.quotes === undefined ? 'quotes' : 'bars')
      await bench.pass(2 * SECOND)
      const crossing = bench.order({ type: 'limit', limit: 100.05, postOnly: true })
      const taken = await bench.submit(crossing)
      // Some venues take an order and tell afterwards that they do not want it.
      if (taken.ok)
        await bench.until(() => bench.has(crossing.id, 'order.rejected'), 'it is rejected')
      else isRefused(taken)
      assert.equal(bench.filled(crossing.id), 0)
      const resting = await bench.placed({ type: 'limit', limit: 90, postOnly: true })

      await bench.until(() => bench.has(resting.id, 'order.accepted'), 'the other one rests')
    },
  )

  if (contract.lacks?.['post-only'] !== undefined) {
    itKeeps(contract, 'refuses a post-only order where it has none', {}, async (bench) => {
      await bench.pass(SECOND)
      isRefused(await bench.submit(bench.order({ type: 'limit', limit: 90, postOnly: true })))
    })
  }

  itKeeps(
    contract,
    'never reduces beyond the position',
    { needs: ['reduce-only'] },
    async (bench) => {
      const entry = await bench.placed()
      await bench.until(() => bench.filled(entry.id) === entry.qty, 'the entry is filled')
      const exit = await bench.placed({ side: 'sell', qty: 15, reduceOnly: true })
      await bench.until(() => bench.filled(exit.id) === entry.qty, 'the exit is filled')
      await bench.pass(3 * SECOND)

      assert.deepEqual((await bench.report()).positions, [])
    },
  )

  itKeeps(contract, 'makes no second order of an id that it has', {}, async (bench) => {
    const order = await bench.placed({ type: 'limit', limit: 90 })
    const again = await bench.submit(order)
    await bench.pass(SECOND)

    const { orders } = await bench.report()
    const [first] = orders
    assert.deepEqual(
      orders.map(({ id, open }) => [id, open]),
      [[order.id, true]],
    )
    assert(again.ok, `the order that is there is the answer: ${JSON.stringify(again)}`)
    assert.equal(again.value.venueId, first?.venueId)
    assert(!bench.has(order.id, 'order.rejected'))
  })

  itKeeps(contract, 'makes no second order of the id of one that has filled', {}, async (bench) => {
    const order = await bench.placed()
    await bench.until(() => bench.filled(order.id) === order.qty, 'it is filled')
    await bench.submit(order)
    await bench.pass(5 * SECOND)

    assert.equal(bench.filled(order.id), order.qty)
    assert.deepEqual(
      (await bench.report()).positions.map(({ qty }) => qty),
      [order.qty],
    )
  })

  itKeeps(contract, 'answers each command of a batch at its place', {}, async (bench) => {
    await bench.pass(SECOND)
    const orders = [90, 90.005, 91, 92.005, 93].map((limit) => ({
      ...bench.order({ type: 'limit', limit: 90 }),
      limit: limit as Px,
    }))
    const taken = await bench.send(...orders.map((order) => ({ type: 'submit', order }) as const))

    assert.deepEqual(
      taken.map(({ ok }) => ok),
      [true, false, true, false, true],
    )
    const report = await bench.report()
    for (const [i, answer] of taken.entries()) {
      if (!answer.ok) continue
      const told = report.orders.find(({ venueId }) => venueId === answer.value.venueId)
      assert.deepEqual([told?.id, told?.limit], [orders[i]?.id, orders[i]?.limit])
    }
  })
}

const DIPPING = [...Array.from({ length: 12 }, () => 100), 99.5, 98, 98, 97, 97, 98, 98]
const LIFTING = [...Array.from({ length: 8 }, () => 100), 103, 106, 106, 107]

/** An entry of 10 with a stop at 95 and a target at 105. */
function bracket(bench: Bench, entry: Parameters<Bench['order']>[0] = {}): [Order, Order, Order] {
  const first = bench.order({ role: 'entry', tif: 'gtc', ...entry })
  const leg = { side: 'sell', tif: 'gtc', group: first.id } as const
  return [
    { ...first, group: first.id },
    bench.order({ ...leg, role: 'stop', type: 'stop', stop: 95 }),
    bench.order({ ...leg, role: 'target', type: 'limit', limit: 105 }),
  ]
}

/** Refused for certain, in words: nothing of it is at the venue. */
function isRefused(taken: Taken): void {
  assert(!taken.ok, `it is refused, not ${JSON.stringify(taken)}`)
  const { code, message } = taken.fault
  const proofs = ['bad-request', 'not-found', 'unsupported']
  assert(proofs.includes(code) && message.length > 10, `${code}: ${message}`)
}
