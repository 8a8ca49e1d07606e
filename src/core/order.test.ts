import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fillId, type Ms, orderId, symbolId, venueId } from './brand.ts'
import { fault } from './fault.ts'
import { equitySpec, Instrument, money } from './instrument.ts'
import { apply, isLive, type Order, type OrderInput, opposite, remaining, sign } from './order.ts'
import { ms } from './time.ts'

const instrument = new Instrument(symbolId(0), equitySpec('AAPL', venueId('sim')))
const id = orderId('sma-1-a')
const then = ms(1_000)
const at = ms(2_000)

const sent: Order = {
  id,
  strategy: 'sma',
  symbol: instrument.id,
  side: 'buy',
  type: 'limit',
  qty: instrument.qty(10),
  limit: instrument.px(100),
  tif: 'day',
  phase: 'sent',
  filled: instrument.qty(0),
  avgPrice: 0,
  createdAt: then,
  updatedAt: then,
}

const orders = {
  new: { ...sent, phase: 'new' },
  sent,
  open: { ...sent, phase: 'open', venueId: 'v1', cancelSentAt: then },
  done: { ...sent, phase: 'done', reason: 'canceled', venueId: 'v1', cancelSentAt: then },
} as const satisfies Record<Order['phase'], Order>

const filled = (qty: number, price = 100, when: Ms = at): OrderInput => ({
  type: 'order.filled',
  at: when,
  ts: when,
  id,
  fill: fillId(`f${qty}`),
  qty: instrument.qty(qty),
  price,
  fee: money(0),
})

const inputs = {
  accepted: { type: 'order.accepted', at, ts: at, id, venueId: 'v1' },
  'part fill': filled(4),
  'last fill': filled(10),
  canceled: { type: 'order.canceled', at, ts: at, id },
  expired: { type: 'order.expired', at, ts: at, id },
  rejected: { type: 'order.rejected', at, ts: at, id, fault: fault('bad-request', 'no funds') },
  'cancel.rejected': { type: 'cancel.rejected', at, ts: at, id, fault: fault('not-found', 'gone') },
  amended: { type: 'order.amended', at, ts: at, id, limit: instrument.px(101) },
  absent: { type: 'order.absent', at, ts: at, id },
} as const satisfies Record<string, OrderInput>

const PART = { filled: 4, avgPrice: 100, updatedAt: at }
const FULL = { filled: 10, avgPrice: 100, phase: 'done', reason: 'filled', updatedAt: at }
const CANCELED = { phase: 'done', reason: 'canceled', updatedAt: at }
const EXPIRED = { phase: 'done', reason: 'expired', updatedAt: at }
const REJECTED = { phase: 'done', reason: 'rejected', why: 'no funds', updatedAt: at }
const AMENDED = { phase: 'open', limit: 101, updatedAt: at }

// What changes, member by member; 'same' is the same object. `undefined` takes the member away.
const table: Record<Order['phase'], Record<keyof typeof inputs, object | 'assert' | 'same'>> = {
  new: {
    accepted: 'assert',
    'part fill': 'assert',
    'last fill': 'assert',
    canceled: 'assert',
    expired: 'assert',
    rejected: 'assert',
    'cancel.rejected': 'assert',
    amended: 'assert',
    absent: 'assert',
  },
  sent: {
    accepted: { phase: 'open', venueId: 'v1', updatedAt: at },
    'part fill': { phase: 'open', ...PART },
    'last fill': FULL,
    canceled: CANCELED,
    expired: EXPIRED,
    rejected: REJECTED,
    'cancel.rejected': 'same',
    amended: AMENDED,
    absent: { resentAt: at, updatedAt: at },
  },
  open: {
    accepted: 'same',
    'part fill': PART,
    'last fill': FULL,
    canceled: CANCELED,
    expired: EXPIRED,
    rejected: REJECTED,
    'cancel.rejected': { cancelSentAt: undefined, updatedAt: at },
    amended: AMENDED,
    absent: 'same',
  },
  done: {
    accepted: 'same',
    'part fill': PART,
    'last fill': FULL,
    canceled: 'same',
    expired: 'same',
    rejected: 'same',
    'cancel.rejected': 'same',
    amended: 'same',
    absent: 'same',
  },
}

const phases = Object.keys(orders) as Order['phase'][]
const inputNames = Object.keys(inputs) as (keyof typeof inputs)[]

for (const phase of phases) {
  for (const name of inputNames) {
    const expected = table[phase][name]
    const what = typeof expected === 'string' ? expected : JSON.stringify(expected)

    test(`${phase} order, ${name}: ${what}`, () => {
      const order: Order = orders[phase]
      const input = inputs[name]

      if (expected === 'assert') {
        assert.throws(
          () => apply(order, input, instrument),
          /assertion failed: order sma-1-a hears/,
        )
      } else if (expected === 'same') {
        assert.equal(apply(order, input, instrument), order)
      } else {
        const after: Record<string, unknown> = { ...order, ...expected }
        for (const key of Object.keys(after)) if (after[key] === undefined) delete after[key]
        assert.deepEqual(apply(order, input, instrument), after)
      }
    })
  }
}

const after = (...facts: readonly OrderInput[]): Order =>
  facts.reduce((order, fact) => apply(order, fact, instrument), sent)

test('books a fill that arrives after the cancel, and stays canceled', () => {
  const order = after(inputs.accepted, inputs.canceled, filled(4, 99))

  assert.deepEqual([order.phase, order.reason, order.filled], ['done', 'canceled', 4])
  assert.equal(order.avgPrice, 99)
})

test('is filled in the end when fills after the cancel complete it', () => {
  assert.equal(after(inputs.canceled, filled(4), filled(6)).reason, 'filled')
})

test('ignores an acceptance that arrives after the last fill', () => {
  const order = after(filled(10))

  assert.equal(apply(order, inputs.accepted, instrument), order)
})

test('learns the id of the venue from an acceptance that arrives after a part fill', () => {
  const order = after(filled(4), inputs.accepted)

  assert.deepEqual([order.phase, order.venueId, order.filled], ['open', 'v1', 4])
})

test('books more than was ordered', () => {
  const order = after(filled(8), filled(5))

  assert.deepEqual([order.reason, order.filled, remaining(order)], ['filled', 13, 0])
})

const busted = (qty: number, price = 100): OrderInput => ({
  type: 'order.busted',
  at,
  ts: at,
  id,
  bust: fillId('b1'),
  fill: fillId('f1'),
  qty: instrument.qty(qty),
  price,
})

test('takes back a fill, and never more than was filled', () => {
  const order = after(filled(4, 100), filled(2, 103), busted(4, 100))

  assert.deepEqual([order.filled, order.avgPrice], [2, 103])
  assert.equal(after(filled(10), busted(10)).filled, 0)
  assert.equal(apply(order, busted(3), instrument), order)
})

test('is sent again once at most', () => {
  const order = after(inputs.absent)

  assert.equal(apply(order, { ...inputs.absent, at: then }, instrument), order)
})

test('weighs the average price by quantity', () => {
  assert.equal(after(filled(1, 100), filled(2, 101), filled(5, 103)).avgPrice, 102.125)
  assert.equal(after(filled(3, 0.1)).avgPrice, 0.1)
})

test('keeps its wish to cancel while fills arrive', () => {
  assert.equal(apply(orders.open, filled(4), instrument).cancelSentAt, then)
})

test('is unchanged by the refusal of a cancel that it did not send', () => {
  const order = after(inputs.accepted)

  assert.equal(apply(order, inputs['cancel.rejected'], instrument), order)
})

test('takes quantity and prices from an amendment, each only where given', () => {
  const stop = instrument.px(98)
  const order = after({ type: 'order.amended', at, ts: at, id, qty: instrument.qty(6), stop })

  assert.deepEqual([order.qty, order.limit, order.stop], [6, 100, 98])
})

test('is filled where it was made as small as what it has filled', () => {
  const shrunk = (qty: number): OrderInput => ({
    type: 'order.amended',
    at,
    ts: at,
    id,
    qty: instrument.qty(qty),
  })

  assert.deepEqual(after(filled(4), shrunk(4)).reason, 'filled')
  assert.deepEqual(after(filled(4), shrunk(5)).phase, 'open')
  assert.deepEqual(after(shrunk(4), filled(4)).reason, 'filled')
})

test('refuses a fill without quantity or price', () => {
  assert.throws(() => after(filled(0)), /a fill of sma-1-a/)
  assert.throws(() => after(filled(-1)), /a fill of sma-1-a/)
  assert.throws(() => after(filled(1, NaN)), /a fill of sma-1-a/)
})

test('is live from sent to done, and only then has something left to fill', () => {
  assert.deepEqual(
    phases.map((phase) => [isLive(orders[phase]), remaining(orders[phase])]),
    [
      [false, 0],
      [true, 10],
      [true, 10],
      [false, 0],
    ],
  )
  assert.equal(remaining(after(filled(4))), 6)
})

test('gives each side its sign and its opposite', () => {
  assert.deepEqual([sign('buy'), sign('sell')], [1, -1])
  assert.deepEqual([opposite('buy'), opposite('sell')], ['sell', 'buy'])
})
