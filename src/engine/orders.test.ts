import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { fillId, orderId } from '../core/brand.ts'
import { fault } from '../core/fault.ts'
import type { OrderInput } from '../core/order.ts'
import { A, B, coin, filled, MONDAY_10, order, universeOf } from '../testing/builders.ts'
import { concludedId } from './concluded.ts'
import { FINISHED_LIMIT, Orders, type OrdersState } from './orders.ts'

const make = (): Orders => new Orders(universeOf('AAPL', 'MSFT'), 'run1')
const canceled = (id: string): OrderInput => ({
  type: 'order.canceled',
  at: MONDAY_10,
  id: orderId(id),
  ts: MONDAY_10,
})
const accepted = (id: string): OrderInput => ({
  type: 'order.accepted',
  at: MONDAY_10,
  id: orderId(id),
  venueId: `v-${id}`,
  ts: MONDAY_10,
})
const ids = (orders: Iterable<{ readonly id: string }>): string[] => [...orders].map(({ id }) => id)
const copied = (orders: Orders): Orders => {
  const copy = make()
  copy.restore(JSON.parse(JSON.stringify(orders.capture())) as OrdersState)
  return copy
}

test('counts up in order ids, whatever the strategy', () => {
  const orders = make()
  assert.deepEqual([orders.nextId('sma'), orders.nextId('b-c')], ['sma-run1-1', 'b-c-run1-2'])
})

test('gives ids of at most 36 characters to the longest names, for two billion orders', () => {
  const orders = new Orders(universeOf('AAPL'), '12345678')
  orders.restore({ ...orders.capture(), next: 36 ** 6 - 1 })
  assert.equal(orders.nextId('a'.repeat(20)).length, 36)
})

test('refuses a name that is too long with its first order, not with a later one', () => {
  assert.throws(() => make().nextId('a'.repeat(21)), /a strategy has at most 20 characters/)
})

for (const run of ['', 'a-b', '123456789', 'ä']) {
  test(`refuses the run "${run}"`, () => {
    assert.throws(() => new Orders(universeOf('AAPL'), run), /a run is named by/)
  })
}

test('lists the live orders of a symbol, and of all symbols, oldest first', () => {
  const orders = make()
  orders.add(order({ id: 'b1', symbol: B }))
  orders.add(order({ id: 'a1' }))
  orders.add(order({ id: 'a2' }))
  orders.add(order({ id: 'a3' }))
  orders.apply(canceled('a2'))

  assert.deepEqual(ids(orders.liveOf(A)), ['a1', 'a3'])
  assert.deepEqual(ids(orders.allLive()), ['b1', 'a1', 'a3'])
  assert.equal(orders.live, 3)
})

test('asserts that an id is used once', () => {
  const orders = make()
  orders.add(order({ id: 'a' }))
  assert.throws(() => orders.add(order({ id: 'a' })), /order id a is used once/)
})

test('asserts that an order is sent when it is added', () => {
  assert.throws(() => make().add(order({ phase: 'new' })), /is sent when it is added/)
})

test('moves an order on and tells what it was', () => {
  const orders = make()
  orders.add(order({ id: 'a' }))
  const applied = orders.apply(accepted('a'))!
  assert.deepEqual(
    [applied.before.phase, applied.after.phase, applied.isNewFill],
    ['sent', 'open', false],
  )
  assert.equal(orders.get(orderId('a'))!.venueId, 'v-a')
})

test('counts a fill once, for ever', () => {
  const orders = make()
  orders.add(order({ id: 'a' }))

  const results = [1, 2].map(() => orders.apply(filled('a', { qty: 4 }))!)
  const restarted = copied(orders).apply(filled('a', { qty: 4 }))!

  assert.deepEqual(
    [...results, restarted].map(({ isNewFill, after }) => [isNewFill, after.filled]),
    [
      [true, 4],
      [false, 4],
      [false, 4],
    ],
  )
})

test('counts fills of one id that belong to two orders', () => {
  const orders = make()
  orders.add(order({ id: 'a' }))
  orders.add(order({ id: 'b' }))
  const results = ['a', 'b'].map((id) => orders.apply(filled(id, { fill: 'same' })))
  assert.deepEqual(
    results.map((applied) => applied?.isNewFill),
    [true, true],
  )
})

test('books a fill that arrives after the cancel', () => {
  const orders = make()
  orders.add(order({ id: 'a' }))
  orders.apply(canceled('a'))

  const late = orders.apply(filled('a', { qty: 3 }))!

  assert.deepEqual([late.isNewFill, late.after.filled, late.after.reason], [true, 3, 'canceled'])
  assert.equal(orders.live, 0)
})

test('tells of an overfill', () => {
  const orders = make()
  orders.add(order({ id: 'a', qty: 10 }))
  const whole = orders.apply(filled('a', { qty: 10 }))!
  const more = orders.apply(filled('a', { fill: '2', qty: 1 }))!
  assert.deepEqual([whole.isOverfill, more.isOverfill, more.isNewFill], [false, true, true])
})

test('counts inputs for orders that it does not know', () => {
  const orders = make()
  assert.equal(orders.apply(filled('stranger')), undefined)
  assert.equal(orders.statistics.unknown, 1)
})

test('takes an answer that changes nothing for no change', () => {
  const orders = make()
  orders.add(order({ id: 'a' }))
  orders.apply(canceled('a'))
  const rejected: OrderInput = {
    type: 'order.rejected',
    at: MONDAY_10,
    id: orderId('a'),
    fault: fault('bad-request', 'no'),
    ts: MONDAY_10,
  }
  const applied = orders.apply(rejected)!
  assert.equal(applied.after, applied.before)
})

test('ends an order that never left', () => {
  const orders = make()
  orders.add(order({ id: 'a' }))
  orders.update(order({ id: 'a', phase: 'done', reason: 'canceled' }))
  assert.deepEqual([orders.live, ids(orders.liveOf(A))], [0, []])
})

test('asserts that a finished order is not revived', () => {
  const orders = make()
  const stale = order({ id: 'a' })
  orders.add(stale)
  orders.apply(canceled('a'))
  assert.throws(() => orders.update(stale), /order a is live when it changes, not done/)
})

/** Adds and ends so many orders of no bracket. */
function finish(orders: Orders, count: number, prefix: string): void {
  for (let i = 0; i < count; i++) {
    orders.add(order({ id: `${prefix}${i}` }))
    orders.apply(canceled(`${prefix}${i}`))
  }
}

test('forgets the oldest of 10,001 finished orders', () => {
  const orders = make()
  finish(orders, FINISHED_LIMIT + 1, 'x')
  assert.deepEqual(
    ['x0', 'x1', 'x10000'].map((id) => orders.get(orderId(id)) !== undefined),
    [false, true, true],
  )
  assert.equal(orders.capture().entries.length, FINISHED_LIMIT)
})

test('keeps to its limit over three times as many orders', () => {
  const orders = make()
  finish(orders, 3 * FINISHED_LIMIT + 7, 'x')
  const { entries, finished } = orders.capture()
  assert.deepEqual([entries.length, finished.length], [FINISHED_LIMIT, FINISHED_LIMIT])
})

test('an order that finished long ago counts a late fill once, and what takes it back', () => {
  const orders = make()
  orders.add(order({ id: 'old', qty: 10 }))
  orders.apply(accepted('old'))
  orders.apply(filled('old', { qty: 4, fill: 'f1' }))
  orders.apply(canceled('old'))
  finish(orders, 1_000, 'x')
  const busted = (bust: string): OrderInput => {
    const { type: _type, ...told } = filled('old', { qty: 4, fill: 'f1' })
    return { ...told, type: 'order.busted', bust: fillId(bust) }
  }

  for (const one of [orders, copied(orders)]) {
    assert.equal(one.apply(filled('old', { qty: 4, fill: 'f1' }))?.isNewFill, false)
    assert.equal(one.apply(filled('old', { qty: 3, fill: 'f2' }))?.isNewFill, true)
    assert.equal(one.apply(filled('old', { qty: 3, fill: 'f2' }))?.isNewFill, false)
    const after = one.get(orderId('old'))
    assert.deepEqual([after?.filled, after?.phase, after?.reason], [7, 'done', 'canceled'])
    assert.deepEqual(copied(one).capture(), one.capture())

    assert.equal(one.apply(busted('b1'))?.after.filled, 3)
    assert.equal(one.apply(busted('b1'))?.after.filled, 3)
    assert.equal(one.get(orderId('old'))?.filled, 3)
    assert.equal(one.live, 0)
  }
})

test('forgets no live order', () => {
  const orders = make()
  orders.add(order({ id: 'live' }))
  finish(orders, FINISHED_LIMIT + 1, 'x')
  assert.equal(orders.get(orderId('live'))?.phase, 'sent')
})

test('remembers the finished orders of a bracket while one of its legs works', () => {
  const orders = make()
  const bracket = { group: 'entry' }
  orders.add(order({ id: 'entry', ...bracket, role: 'entry' }))
  orders.apply(filled('entry'))
  orders.add(order({ id: 'stop', ...bracket, role: 'stop' }))
  finish(orders, FINISHED_LIMIT + 1, 'x')
  const restarted = copied(orders)

  for (const one of [orders, restarted]) {
    finish(one, FINISHED_LIMIT + 1, 'y')
    assert.equal(one.get(orderId('entry'))?.filled, 10)
    one.apply(canceled('stop'))
    finish(one, 2 * FINISHED_LIMIT, 'z')
    assert.equal(one.get(orderId('entry')), undefined)
    assert.equal(one.capture().entries.length, FINISHED_LIMIT)
  }
})

const facts = fc.array(
  fc.record({
    what: fc.constantFrom('add', 'accept', 'fill', 'cancel'),
    i: fc.nat(12),
    qty: fc.integer({ min: 1, max: 6 }),
    fill: fc.nat(4),
  }),
  { maxLength: 80 },
)

function take(
  orders: Orders,
  { what, i, qty, fill }: { what: string; i: number; qty: number; fill: number },
): unknown {
  const id = `o${i}`
  if (what === 'add') {
    if (orders.get(orderId(id)) === undefined) {
      orders.add(order({ id, symbol: i % 2 === 0 ? A : B, ...(i < 6 ? { group: 'g' } : {}) }))
    }
    return orders.nextId('s')
  }
  if (what === 'accept') return orders.apply(accepted(id))
  if (what === 'cancel') return orders.apply(canceled(id))
  return orders.apply(filled(id, { qty, fill: String(fill) }))
}

test('goes on after a restart at any moment as if there had been none', () => {
  fc.assert(
    fc.property(facts, fc.nat(80), (steps, cut) => {
      const running = make()
      for (const step of steps.slice(0, cut)) take(running, step)
      const restarted = copied(running)
      for (const step of steps.slice(cut)) {
        assert.deepEqual(take(restarted, step), take(running, step))
      }
      assert.deepEqual(restarted.capture(), running.capture())
      assert.deepEqual([...restarted.allLive()], [...running.allLive()])
      assert.deepEqual(restarted.statistics, running.statistics)
    }),
  )
})

test('lists exactly the orders that are live', () => {
  fc.assert(
    fc.property(facts, (steps) => {
      const orders = make()
      for (const step of steps) take(orders, step)
      const live = orders
        .capture()
        .entries.filter((entry) => entry.order.phase !== 'done')
        .map((entry) => entry.order.id)
      assert.deepEqual(ids(orders.allLive()).toSorted(), live.toSorted())
      assert.equal(orders.live, live.length)
    }),
  )
})

test('a real fill takes the place of a concluded one, and counts what is beyond it', () => {
  const orders = make()
  orders.add(order({ id: 'a', qty: 20 }))
  orders.apply(filled('a', { qty: 4, fill: '~a:0-4' }))

  const part = orders.apply(filled('a', { qty: 3, fill: 'f1' }))!
  const restarted = copied(orders)
  const rests = [orders, restarted].map((one) => {
    const { after, input } = one.apply(filled('a', { qty: 3, fee: 6, fill: 'f2' }))!
    return [after.filled, input.type === 'order.filled' && [input.qty, input.fee]]
  })

  assert.deepEqual([part.isNewFill, part.after.filled], [false, 4])
  assert.deepEqual(rests, [
    [6, [2, 4]],
    [6, [2, 4]],
  ])
  assert.deepEqual(restarted.capture(), orders.capture())
  assert.deepEqual(orders.capture().entries[0]?.fills, ['f1', 'f2'])
  assert.equal(orders.apply(filled('a', { qty: 3, fill: 'f1' }))!.after.filled, 6)
})

test('a fill is not concluded beyond what the venue counted, whatever came meanwhile', () => {
  const orders = make()
  orders.add(order({ id: 'a', qty: 20 }))
  orders.apply(filled('a', { qty: 3, fill: 'f1' }))

  const part = orders.apply(filled('a', { qty: 4, fill: '~a:0-4' }))!
  const none = orders.apply(filled('a', { qty: 2, fill: '~a:2-4' }))!

  assert.deepEqual([part.after.filled, none.after.filled, none.isNewFill], [4, 4, false])
  assert.deepEqual(orders.capture().entries[0]?.fills, ['f1', '~a:3-4'])
})

test('the real fill of an order that ended long ago takes the place of its concluded one', () => {
  const orders = make()
  orders.add(order({ id: 'a', qty: 4 }))
  orders.apply(filled('a', { qty: 4, fill: '~a:0-4' }))
  for (let i = 0; i < 100; i++) {
    orders.add(order({ id: `b${i}` }))
    orders.apply(canceled(`b${i}`))
  }

  orders.apply(filled('a', { qty: 4, fill: 'f1' }))

  const { order: ended, fills } = orders.known[0]!
  assert.deepEqual([ended.id, ended.filled, [...fills]], ['a', 4, ['f1']])
})

test('whatever is concluded and in whatever parts the real fills come, each quantity counts once', () => {
  const parts = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 6 })
  fc.assert(
    fc.property(parts, fc.nat(), (sizes, cut) => {
      const total = sizes.reduce((sum, one) => sum + one, 0)
      // Quantities of coins: small ones are written with an exponent.
      const orders = new Orders(universeOf(coin('BTC/USD', { lotSize: 1e-8 })), 'run1')
      const unit = 1e-8
      orders.add(order({ id: 'a', qty: 100 * unit }))
      const to = 1 + (cut % total)
      const told = concludedId(orderId('a'), { from: 0, to: Number((to * unit).toFixed(8)) })
      orders.apply(filled('a', { qty: to * unit, fill: told }))
      for (const [i, size] of sizes.entries())
        orders.apply(filled('a', { qty: size * unit, fill: `f${i}` }))

      const { filled: counted } = orders.get(orderId('a'))!
      assert.equal(Math.round(counted / unit), total)
      assert.deepEqual(
        orders.capture().entries[0]?.fills,
        sizes.map((_size, i) => `f${i}`),
      )
    }),
  )
})
