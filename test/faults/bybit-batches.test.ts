// Faults of batches at Bybit: answers that are shuffled, short or lost, batches of which a part was booked, and quotas.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fault } from '../../src/core/fault.ts'
import type { Order } from '../../src/core/order.ts'
import type { Taken } from '../../src/venues/bybit/batches.ts'
import { Bench } from '../bybit/bench.ts'

const SECOND = 1_000
const BATCH = '/v5/order/create-batch'
const ROOM = { limits: { orders: 100 } } as const
const FAST = { ordersPerSecond: 100 } as const

/** Each order is at the venue once, and each answer names it. */
function isThereOnce(bench: Bench, orders: readonly Order[], taken: readonly Taken[]): void {
  const theirs = bench.account.orders.map(({ linkId }) => linkId)
  assert.equal(new Set(theirs).size, theirs.length, 'no id is there twice')
  assert.deepEqual([...theirs].toSorted(), orders.map(({ id }) => String(id)).toSorted())
  for (const [i, answer] of taken.entries()) {
    assert(answer.ok, JSON.stringify(answer))
    assert.equal(bench.account.find({ id: answer.value.venueId })?.linkId, orders[i]!.id)
  }
}

test('F310 of a batch each answer belongs to the order that it names, shuffled as they may be', async (t) => {
  const shuffled = (path: string, body: string): string => {
    if (path !== BATCH) return body
    const answer = JSON.parse(body) as { result: Lists; retExtInfo: Lists }
    return JSON.stringify({
      ...answer,
      result: { list: answer.result.list.toReversed() },
      retExtInfo: { list: answer.retExtInfo.list.toReversed() },
    })
  }
  const bench = await Bench.start(t, { local: ROOM, adapter: FAST, spoil: shuffled })
  const orders = bench.orders(10).map((order, i) => (i === 2 ? poor(order) : order))
  const taken = await bench.submit(orders)

  const failed = taken.flatMap((answer) => (answer.ok ? [] : [answer.fault]))
  assert.equal(failed.length, 1)
  assert.match(failed[0]!.message, new RegExp(`${orders[2]!.id}: bybit says 110094`))
  isThereOnce(
    bench,
    orders.filter((_, i) => i !== 2),
    taken.filter((_, i) => i !== 2),
  )
})

test('F311 an answer that is shorter than its batch leaves none of its orders in doubt for ever', async (t) => {
  let isCut = false
  const short = (path: string, body: string): string => {
    if (path !== BATCH || isCut) return body
    isCut = true
    const answer = JSON.parse(body) as { retExtInfo: Lists }
    return JSON.stringify({ ...answer, retExtInfo: { list: answer.retExtInfo.list.slice(1) } })
  }
  const bench = await Bench.start(t, { local: ROOM, adapter: FAST, spoil: short })
  const orders = bench.orders(4).map((order, i) => (i === 0 ? poor(order) : order))
  const taken = await bench.submit(orders)

  // Which code belonged to which order nobody can say: not even that of the one that was refused.
  assert.ok(taken.every((answer) => !answer.ok && answer.fault.code === 'outcome-unknown'))
  const { orders: theirs } = await bench.report()
  assert.deepEqual(
    theirs.map(({ id }) => String(id)).toSorted(),
    orders.slice(1).map(({ id }) => String(id)),
  )
})

for (const seed of [1, 2, 3]) {
  test(`F312 a batch of which a part was booked and no answer came is resolved order by order, seed ${seed}`, async (t) => {
    const faults = { seed, faults: [] }
    const bench = await Bench.start(t, { local: { ...ROOM, faults }, adapter: FAST })
    bench.inject({ on: 'orders', fault: 'subset', share: 0.5, times: 1 })
    bench.inject({ on: 'rest', path: BATCH, fault: 'reset', when: 'after', bytes: 0, times: 1 })
    const orders = bench.orders(20)
    const taken = await bench.submit(orders)

    isThereOnce(bench, orders, taken)
    assert.deepEqual(bench.sizesOf(BATCH), [20], 'no batch is sent again')
    const alone = bench.sizesOf('/v5/order/create').length
    assert.ok(alone > 0 && alone < 20, `${alone} are sent again, by themselves`)
  })
}

test('F312 a booked batch whose answer is lost, or says that the server failed, is not placed twice', async (t) => {
  const bench = await Bench.start(t, { local: ROOM, adapter: FAST })
  const all: Order[] = []
  const lost: Taken[] = []
  for (const fault of [
    { fault: 'silence', when: 'after' },
    { fault: 'status', when: 'after', status: 502 },
    { fault: 'code', when: 'after', code: 10016 },
    { fault: 'code', when: 'after', code: 10000 },
  ] as const) {
    bench.inject({ on: 'rest', path: BATCH, times: 1, ...fault })
    const orders = bench.orders(5)
    lost.push(...(await bench.submit(orders)))
    all.push(...orders)
  }

  isThereOnce(bench, all, lost)
  assert.deepEqual(bench.sizesOf('/v5/order/create'), [], 'what is there is not sent again')
})

for (const [what, refuse] of [
  ['by the gateway', undefined],
  ['by the venue', { fault: 'code', code: 110007, when: 'before' }],
] as const) {
  test(`F459 orders that no list shows yet, and whose second attempt is refused ${what}, stay unknown`, async (t) => {
    const bench = await Bench.start(t, { local: ROOM, adapter: FAST })
    bench.inject({ on: 'orders', fault: 'hide', by: '20s' })
    bench.inject({ on: 'rest', path: BATCH, fault: 'code', code: 10016, when: 'after', times: 1 })
    if (refuse !== undefined) bench.inject({ on: 'rest', path: '/v5/order/create', ...refuse })
    const orders = bench.orders(3)
    const until = bench.world.now + SECOND
    const refusal = () =>
      refuse === undefined && bench.world.now > until
        ? fault('bad-request', 'it has waited too long')
        : undefined
    const commands = orders.map((order) => ({ type: 'submit', order }) as const)
    const { broker, id: venue } = bench.venue
    const taken = await bench.world.settled(
      broker.execute({ venue, kind: 'submit', commands }, refusal),
    )
    await bench.run(20 * SECOND)
    const report = await bench.report()

    assert.deepEqual(
      taken.map((answer) => (answer.ok ? 'ok' : answer.fault.code)),
      orders.map(() => 'outcome-unknown'),
    )
    assert.deepEqual(
      report.orders
        .filter(({ open }) => open)
        .map(({ id }) => String(id))
        .toSorted(),
      orders.map(({ id }) => String(id)),
    )
  })
}

test('F313 a rejection of a whole batch is a rejection: nothing of it goes again', async (t) => {
  const bench = await Bench.start(t, { local: ROOM, adapter: FAST })
  bench.inject({ on: 'rest', path: BATCH, fault: 'code', code: 10001, when: 'before', times: 1 })
  const taken = await bench.submit(bench.orders(5))

  assert.ok(taken.every((answer) => !answer.ok && answer.fault.code === 'bad-request'))
  assert.deepEqual([bench.sizesOf('/v5/order/create'), bench.sizesOf(BATCH)], [[], [5]])
  bench.inject({ on: 'rest', path: BATCH, fault: 'status', status: 404, when: 'before' })
  const orders = bench.orders(3)
  isThereOnce(bench, orders, await bench.submit(orders))
  assert.equal(bench.sizesOf('/v5/order/create').length, 3, 'where there are no batches, singles')
})

test('F314 what a batch left behind when its process died is found by the next one, each order once', async (t) => {
  const bench = await Bench.start(t, { local: ROOM, adapter: FAST })
  bench.inject({ on: 'orders', fault: 'subset', share: 0.7, times: 1 })
  const orders = bench.orders(10)
  const dying = bench.venue.broker.execute({
    venue: bench.venue.id,
    kind: 'submit',
    commands: orders.map((order) => ({ type: 'submit', order }) as const),
  })
  void dying
  await bench.world.until(() => bench.account.orders.length > 0, SECOND)
  bench.die()
  const booked = bench.account.orders.map(({ linkId }) => linkId)
  bench.inject({ on: 'orders', fault: 'revoke', symbol: 'AAAUSDT' })
  await bench.run(SECOND)
  // Closed orders are in the history only from now on.
  bench.inject({ on: 'market', fault: 'restart' })
  await bench.run(SECOND)
  const opened = await bench.connect(orders)
  assert(opened.ok)
  bench.venue.broker.reportFrom(bench.world.now)
  const report = await bench.report()

  assert.deepEqual(report.orders.map(({ id }) => String(id)).toSorted(), booked.toSorted())
  assert.equal(report.orders.filter(({ open }) => !open).length, 1)
  assert.equal(report.orders.find(({ open }) => !open)?.ended, 'canceled')
})

test('F315 a batch beyond the cap is cut, and none holds more than the quota of a second', async (t) => {
  const bench = await Bench.start(t, { local: ROOM, adapter: FAST })
  const orders = bench.orders(45)
  const taken = await bench.submit(orders)
  isThereOnce(bench, orders, taken)
  assert.deepEqual(bench.sizesOf(BATCH), [20, 20, 5])

  const slow = await Bench.start(t)
  const more = slow.orders(21)
  const answers = await slow.submit(more)
  isThereOnce(slow, more, answers)
  assert.deepEqual([slow.sizesOf(BATCH), slow.sizesOf('/v5/order/create')], [[10, 10], [1]])
  assert.equal(slow.venue.statistics.limited, 0)
})

test('F316 what the quota refuses in the middle of a batch is sent again when there is room, and only that', async (t) => {
  // The adapter believes in ten times what the account has.
  const bench = await Bench.start(t, { local: { limits: { orders: 12 } }, adapter: FAST })
  const orders = bench.orders(20)
  const taken = await bench.submit(orders)

  isThereOnce(bench, orders, taken)
  assert.deepEqual(bench.sizesOf(BATCH), [20, 8])
  bench.inject({ on: 'rest', path: BATCH, fault: 'code', code: 10006, when: 'before', times: 1 })
  const more = bench.orders(3)
  const again = await bench.submit(more)
  isThereOnce(bench, [...orders, ...more], [...taken, ...again])
})

test('F317 a change or a cancel whose answer is lost is done once, and what has ended meanwhile is told', async (t) => {
  const bench = await Bench.start(t, { local: ROOM, adapter: FAST })
  const orders = bench.orders(6)
  await bench.submit(orders)
  await bench.run(SECOND)
  const [first] = bench.universe.all
  const lose = { on: 'rest', fault: 'reset', when: 'after', bytes: 0, times: 1 } as const
  bench.inject({ ...lose, path: '/v5/order/amend-batch' })
  const amended = await bench.send(
    orders.map(({ id, symbol }) => ({ type: 'amend', id, symbol, limit: first!.px(91) })),
  )
  await bench.run(SECOND)
  bench.inject({ ...lose, path: '/v5/order/cancel-batch' })
  const canceled = await bench.cancel(orders)
  await bench.run(SECOND)
  const again = await bench.cancel(orders.slice(0, 2))

  assert.ok(amended.every(({ ok }) => ok) && canceled.every(({ ok }) => ok))
  for (const order of bench.account.orders)
    assert.deepEqual([order.price, order.status], [91, 'Cancelled'])
  for (const { id } of orders) {
    const types = bench.said(id).map(({ type }) => type)
    assert.deepEqual(types, ['order.accepted', 'order.amended', 'order.canceled'])
  }
  // It is canceled, as was asked: that is no refusal.
  assert.ok(again.every((answer) => answer.ok || answer.fault.code === 'bad-request'))
})

interface Lists {
  readonly list: readonly unknown[]
}

/** Worth less than the venue takes. */
const poor = (order: Order): Order => ({ ...order, limit: 0.01 as never })
