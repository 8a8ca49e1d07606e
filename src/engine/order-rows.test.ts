import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { type FillId, fillId, type Ms, type Qty } from '../core/brand.ts'
import type { Order } from '../core/order.ts'
import { order } from '../testing/builders.ts'
import { type FillIds, fillList, hasFill, OrderRows, withFill } from './order-rows.ts'

const text = fc.string({ minLength: 1, maxLength: 12 })
const number = fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => (n === 0 ? 0 : n))
const time = fc.integer({ min: 0, max: 8.64e15 }).map((n) => n as Ms)
const yes = fc.constant(true as const)
/** An order with any members, and any that it may lack missing. */
const anyOrder: fc.Arbitrary<Order> = fc.record(
  {
    symbol: fc.nat(60_000),
    side: fc.constantFrom('buy', 'sell'),
    type: fc.constantFrom('market', 'limit', 'stop', 'stop-limit'),
    qty: number,
    limit: number,
    stop: number,
    tif: fc.constantFrom('day', 'gtc', 'ioc', 'fok'),
    postOnly: yes,
    reduceOnly: yes,
    quote: yes,
    id: text,
    strategy: text,
    group: text,
    role: fc.constantFrom('entry', 'stop', 'target'),
    phase: fc.constantFrom('new', 'sent', 'open', 'done'),
    reason: fc.constantFrom('filled', 'canceled', 'rejected', 'expired', 'denied'),
    why: text,
    venueId: text,
    filled: number,
    avgPrice: number,
    cancelSentAt: time,
    amending: fc.record({ qty: number, limit: number, at: time }, { noNullPrototype: true }),
    resentAt: time,
    createdAt: time,
    updatedAt: time,
  },
  {
    noNullPrototype: true,
    requiredKeys: [
      'symbol',
      'side',
      'type',
      'qty',
      'tif',
      'id',
      'strategy',
      'phase',
      'filled',
      'avgPrice',
      'createdAt',
      'updatedAt',
    ],
  },
) as unknown as fc.Arbitrary<Order>

const idsOf = (...ids: readonly string[]): FillIds => {
  let fills: FillIds
  for (const id of ids) fills = withFill(fills, fillId(id))
  return fills
}

test('gives back every order as it was added, rows of others freed and taken again', () => {
  const step = fc.tuple(anyOrder, fc.array(text, { maxLength: 3 }), fc.boolean())
  fc.assert(
    fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
      const rows = new OrderRows()
      const kept = new Map<number, { readonly order: Order; readonly fills: readonly string[] }>()
      for (const [added, fills, isFreed] of steps) {
        const row = rows.add({ order: added, fills: idsOf(...fills) })
        assert.ok(!kept.has(row), 'a row is of one order')
        kept.set(row, { order: added, fills: [...new Set(fills)] })
        const [first] = kept.keys()
        if (!isFreed) continue
        rows.free(first!)
        kept.delete(first!)
      }
      for (const [row, one] of kept) {
        const entry = rows.at(row)
        assert.deepEqual(entry.order, one.order)
        assert.deepEqual(fillList(entry.fills), one.fills)
        assert.equal(rows.groupAt(row), one.order.group)
      }
    }),
  )
})

test('changes a row in place, and forgets what the order has no more', () => {
  const rows = new OrderRows()
  const before = order({ id: 'a', limit: 5, why: 'no', resentAt: 7 })
  const row = rows.add({ order: before, fills: idsOf('f1') })
  const { limit: _limit, why: _why, resentAt: _resent, ...after } = before

  rows.set(row, {
    order: { ...after, filled: 3 as Qty, amending: undefined },
    fills: idsOf('f1', 'f2'),
  })

  const { order: changed, fills } = rows.at(row)
  assert.deepEqual(changed, { ...after, filled: 3 })
  assert.deepEqual(fillList(fills), ['f1', 'f2'])
})

test('a freed row has no order', () => {
  const rows = new OrderRows()
  const row = rows.add({ order: order({ id: 'a' }), fills: undefined })
  rows.free(row)
  assert.throws(() => rows.at(row), /row 0 has an order/)
})

test('ids of fills are kept once, as many as there are', () => {
  const all: FillId[] = []
  let fills: FillIds
  assert.equal(hasFill(fills, fillId('a')), false)
  for (const id of ['a', 'a', 'b', 'c', 'b'].map(fillId)) {
    fills = withFill(fills, id)
    if (!all.includes(id)) all.push(id)
    assert.deepEqual(fillList(fills), all)
    for (const known of all) assert.ok(hasFill(fills, known))
    assert.equal(hasFill(fills, fillId('d')), false)
  }
})
