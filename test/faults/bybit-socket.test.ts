// Faults of the trade socket: answers that are lost, late or shuffled, connections that end, and a lease that was lost.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { type LocalAccountLease, accountLease } from '../../src/runtime/live/account-lease.ts'
import { LEASE_MS } from '../../src/store/lease.ts'
import { Bench } from '../bybit/bench.ts'

const SECOND = 1_000
const ROOM = { limits: { orders: 100 } } as const
const SOCKET = { ordersPerSecond: 100, orderEntry: 'socket' } as const
const REST_BATCH = '/v5/order/create-batch'
const REST_ONE = '/v5/order/create'

test('F330 an order whose answer is lost on the trade socket is unknown, and takes no other way', async (t) => {
  const bench = await Bench.start(t, { local: ROOM, adapter: SOCKET })
  bench.inject({ on: 'entry', fault: 'drop', holding: '"order.create"', times: 1 })
  const [order] = bench.orders(1)
  const [taken] = await bench.submit([order!])
  assert(taken !== undefined && !taken.ok)
  assert.equal(taken.fault.code, 'outcome-unknown')
  assert.deepEqual([bench.framesOf('create'), bench.sizesOf(REST_ONE)], [[1], []])
  const { orders } = await bench.report()
  assert.deepEqual(
    orders.map(({ id }) => id),
    [order!.id],
  )

  // The connection that gave no answer is not used again: REST until there is another.
  const [next] = await bench.submit(bench.orders(1))
  await bench.run(30 * SECOND)
  const [later] = await bench.submit(bench.orders(1))
  assert(next?.ok && later?.ok)
  assert.deepEqual([bench.framesOf('create'), bench.sizesOf(REST_ONE)], [[1, 1], [1]])
})

test('F331 a batch that is under way when the trade socket ends is looked up, order by order', async (t) => {
  const bench = await Bench.start(t, { local: ROOM, adapter: SOCKET })
  bench.inject({ on: 'orders', fault: 'subset', share: 0.5, times: 1 })
  bench.inject({ on: 'entry', fault: 'drop', holding: '"order.create-batch"', times: 1 })
  bench.inject({ on: 'entry', fault: 'cut-off', at: '1s' })
  const orders = bench.orders(20)
  const taken = await bench.submit(orders)

  assert.deepEqual([bench.framesOf('create-batch'), bench.sizesOf(REST_BATCH)], [[20], []])
  const again = bench.framesOf('create').length + bench.sizesOf(REST_ONE).length
  assert.ok(again > 0 && again < 20, `${again} are sent again, by themselves`)
  const theirs = bench.account.orders.map(({ linkId }) => linkId)
  assert.deepEqual(theirs.toSorted(), orders.map(({ id }) => String(id)).toSorted())
  for (const [i, answer] of taken.entries()) {
    assert(answer.ok, JSON.stringify(answer))
    assert.equal(bench.account.find({ id: answer.value.venueId })?.linkId, orders[i]!.id)
  }
})

test('F332 answers of the trade socket belong to the requests that they name, in any order', async (t) => {
  const bench = await Bench.start(t, { local: ROOM, adapter: SOCKET })
  bench.inject({ on: 'entry', fault: 'delay', by: '300ms', times: 1 })
  const orders = bench.orders(3)
  const taken = await bench.world.settled(
    Promise.all(
      orders.map((order) =>
        bench.venue.broker.execute({
          venue: bench.venue.id,
          kind: 'submit',
          commands: [{ type: 'submit', order }],
        }),
      ),
    ),
  )

  for (const [i, [answer]] of taken.entries()) {
    assert(answer?.ok, JSON.stringify(answer))
    assert.equal(bench.account.find({ id: answer.value.venueId })?.linkId, orders[i]!.id)
  }
  assert.deepEqual(bench.framesOf('create'), [1, 1, 1])
})

test('F333 an engine that lost its lease sends nothing on the trade socket, and none over REST', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'skein-lease-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const path = join(folder, 'leases.db')
  let [first, second]: (LocalAccountLease | undefined)[] = []
  let isAsleep = false
  const bench = await Bench.start(t, {
    local: ROOM,
    adapter: SOCKET,
    io: (io) => {
      // Signs of life are timers of the process: asleep, it gives none.
      const after = (delayMs: number, fire: () => void) =>
        io.after(delayMs, () => {
          if (!isAsleep) fire()
        })
      const time = { now: () => io.now(), after }
      first = accountLease({ io, path, run: 'one', onLost: () => {}, time })
      second = accountLease({ io, path, run: 'two', onLost: () => {}, time: io })
      return first.io
    },
  })
  t.after(() => second!.release())
  const [early] = await bench.submit(bench.orders(1))
  first!.take('the account')
  const [held] = await bench.submit(bench.orders(1))
  isAsleep = true
  await bench.run(LEASE_MS + SECOND)
  second!.take('the account')
  const orders = bench.orders(3)
  const late = [...(await bench.submit(orders)), ...(await bench.cancel(orders))]

  assert(held?.ok)
  for (const answer of [early, ...late]) {
    assert(answer !== undefined && !answer.ok)
    assert.deepEqual([answer.fault.code, answer.fault.context?.['sent']], ['network', 'no'])
  }
  assert.deepEqual([bench.framesOf('create'), bench.framesOf('create-batch')], [[1], []])
  assert.deepEqual([bench.framesOf('cancel-batch'), bench.framesOf('cancel')], [[], []])
  assert.equal(bench.local.venue.audit.requests.filter(({ method }) => method === 'POST').length, 0)
})

test('F334 a node that restarts gives its last answers, and new orders take another way until there is another', async (t) => {
  const bench = await Bench.start(t, { local: ROOM, adapter: SOCKET })
  bench.inject({ on: 'entry', fault: 'delay', holding: '"order.create"', by: '2s', times: 1 })
  bench.inject({ on: 'entry', fault: 'error', code: 10019, msg: 'restarting', times: 1, skip: 1 })
  const [slow, refused] = bench.orders(2)
  const execute = (order: typeof slow) =>
    bench.venue.broker.execute({
      venue: bench.venue.id,
      kind: 'submit',
      commands: [{ type: 'submit', order: order! }],
    })
  const asked = Promise.all([execute(slow), execute(refused)])
  await bench.run(SECOND)
  const [meanwhile] = await bench.submit(bench.orders(1))
  const [[one], [other]] = await bench.world.settled(asked)
  await bench.run(30 * SECOND)
  const [later] = await bench.submit(bench.orders(1))

  assert(one?.ok && meanwhile?.ok && later?.ok, JSON.stringify([one, meanwhile, later]))
  assert(other !== undefined && !other.ok)
  assert.equal(other.fault.code, 'outcome-unknown')
  assert.deepEqual([bench.framesOf('create'), bench.sizesOf(REST_ONE)], [[1, 1, 1], [1]])
})

test('F465 a trade socket that is refused while its node restarts is tried again, and one whose key is refused is not', async (t) => {
  const bench = await Bench.start(t, { local: ROOM, adapter: SOCKET })
  for (const [code, frames] of [
    [10016, 1],
    [10003, 0],
  ] as const) {
    const before = bench.framesOf('create').length
    bench.inject({ on: 'entry', fault: 'error', code, msg: 'as it is', times: 1 })
    bench.inject({ on: 'entry', fault: 'cut-off' })
    await bench.run(30 * SECOND)
    const [taken] = await bench.submit(bench.orders(1))
    assert(taken?.ok, JSON.stringify(taken))
    assert.equal(bench.framesOf('create').length - before, frames, `after ${code}`)
  }
  assert.match(
    bench.troubles.at(-1) ?? '',
    /over REST until a person clears the trade socket: .*10003/,
  )
})

test('F335 what the quota refuses on the trade socket waits as long as its header says, and only that goes again', async (t) => {
  // The adapter believes in ten times what the account has.
  const bench = await Bench.start(t, { local: { limits: { orders: 12 } }, adapter: SOCKET })
  const orders = bench.orders(20)
  const poor = { ...orders[3]!, limit: 0.01 as never }
  const taken = await bench.submit(orders.map((order, i) => (i === 3 ? poor : order)))

  assert.deepEqual([bench.framesOf('create-batch'), bench.sizesOf(REST_BATCH)], [[20, 8], []])
  for (const [i, answer] of taken.entries()) {
    assert.equal(answer.ok, i !== 3, JSON.stringify(answer))
    if (answer.ok)
      assert.equal(bench.account.find({ id: answer.value.venueId })?.linkId, orders[i]!.id)
    else assert.match(answer.fault.message, /110094/)
  }
})
