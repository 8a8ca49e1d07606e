// Faults of sending: an order leaves once, and what became of it is found out, never guessed.
import assert from 'node:assert/strict'
import { createServer, connect, type AddressInfo, type Socket } from 'node:net'
import { test } from 'node:test'
import { equitySpec } from '../../src/core/instrument.ts'
import { isLive } from '../../src/core/order.ts'
import { integer, seeded } from '../../src/core/random.ts'
import { Universe } from '../../src/core/universe.ts'
import { requestOf, orderOf } from '../../src/engine/placing.ts'
import { orderId } from '../../src/core/brand.ts'
import { systemIo } from '../../src/io/system.ts'
import { ALPACA } from '../../src/venues/alpaca/broker.ts'
import { AlpacaVenue } from '../../src/venues/alpaca/venue.ts'
import { KEY, startVenue, until } from '../alpaca/local.ts'
import { type Action, Bench, MSFT } from './bench.ts'

const SECOND = 1_000
const ORDERS = { on: 'rest', method: 'POST', path: '/v2/orders' } as const

/** So many limit orders below the market, in one turn. */
const resting =
  (count: number, from = 91): Action =>
  (context) => {
    for (let i = 0; i < count; i++) context.buy({ qty: 1, limit: from + i / 10 })
  }

test('F001 an order whose answer is lost is unknown, is looked up, and is not sent again', async (t) => {
  const bench = await Bench.start(t)
  bench.inject({ ...ORDERS, fault: 'silence', when: 'after', times: 1 })
  bench.inject({ on: 'trading', fault: 'drop', for: '15s' })

  await bench.does((context) => context.buy({ qty: 10 }))
  await bench.run(11 * SECOND)
  assert.deepEqual(bench.phases, ['sent 0/10'])
  assert.deepEqual(bench.halts, ['unknown-order'])
  await bench.run(20 * SECOND)

  assert.deepEqual(bench.phases, ['filled 10/10'])
  assert.equal(bench.submitted.length, 1)
  bench.check()
})

test('F002 an answer of 5xx after the booking is never a rejection', async (t) => {
  const bench = await Bench.start(t)
  for (const status of [500, 502, 503, 504]) {
    bench.inject({ ...ORDERS, fault: 'status', status, when: 'after', times: 1 })
    await bench.does((context) => context.buy({ qty: 10 }))
    await bench.run(10 * SECOND)
  }

  assert.deepEqual(bench.inputs('order.rejected'), [])
  assert.equal(bench.position(), 40)
  assert.equal(bench.submitted.length, 4)
  bench.check()
})

test('F005 a connection that is cut within a request leaves the order unknown, at whatever byte', async () => {
  const server = await startVenue({ isAlwaysOpen: true })
  const proxy = await cutting(Number(new URL(server.urls.rest).port))
  const io = systemIo({ seed: 1 })
  const universe = new Universe([equitySpec('AAPL', ALPACA)])
  const { rest, dataStream, tradingStream } = server.urls
  const venue = new AlpacaVenue({
    io,
    keys: KEY,
    symbols: ['AAPL'],
    universe,
    hosts: { trading: proxy.url, data: rest, stream: dataStream, orders: tradingStream },
  })
  try {
    assert.ok((await venue.open(() => {})).ok)
    let sent = 0
    const send = async (n: number) => {
      const request = requestOf(universe.all[0]!, 'buy', { qty: 1, limit: 50 })
      // As long as the others: what is cut is counted in bytes.
      const id = orderId(`cut-${String(n).padStart(4, '0')}`)
      const order = orderOf(request, { id, strategy: 's', at: io.now() })
      const commands = [{ type: 'submit', order }] as const
      const [answer] = await venue.broker.execute({ venue: ALPACA, kind: 'submit', commands })
      sent = proxy.length
      const found = await venue.broker.lookup(order.id)
      const theirs = server.venue.accounts[0]!.findByClientId(order.id)
      assert.equal(found.ok && found.value?.venueId, theirs?.id, 'a lookup tells the truth')
      return answer!.ok ? 'taken' : answer!.fault.code
    }
    proxy.measure()
    assert.equal(await send(0), 'taken')
    const length = sent
    for (const bytes of [1, length / 4, length / 2, length - 20, length - 1, length]) {
      const after = Math.floor(bytes)
      proxy.cutAfter(after)
      assert.equal(await send(after), 'outcome-unknown', `${after} of ${length} bytes`)
    }
    assert.equal(server.venue.accounts[0]!.orders.length, 2, 'the first and the last were whole')
  } finally {
    await venue.close()
    await io.close()
    await proxy.stop()
    await server.stop()
  }
})

test('F007 a client order id that the venue has seen is the proof that the order was taken', async (t) => {
  const bench = await Bench.start(t)
  const body = JSON.stringify({ code: 40010001, message: 'client_order_id must be unique' })
  bench.inject({ ...ORDERS, fault: 'status', status: 422, when: 'after', body, times: 1 })

  await bench.does((context) => context.buy({ qty: 10 }))
  await bench.run(SECOND)

  assert.deepEqual(bench.inputs('order.rejected'), [])
  assert.deepEqual(bench.phases, ['filled 10/10'])
  assert.equal(bench.requests('GET', '/v2/orders:by_client_order_id').length, 1)
  bench.check()
})

test('F010 a batch whose answers are all lost is unknown order by order, and no batch is sent again', async (t) => {
  const bench = await Bench.start(t)
  bench.inject({ ...ORDERS, fault: 'silence', when: 'after', chance: 0.5, for: '40s' })
  bench.inject({ ...ORDERS, fault: 'silence', when: 'before', for: '40s' })

  await bench.does(resting(10))
  await bench.run(35 * SECOND)
  assert.deepEqual(bench.inputs('order.rejected'), [])
  const booked = bench.account.orders.length
  assert.ok(booked > 0 && booked < 10, `${booked} of 10 are booked`)
  await bench.run(200 * SECOND)

  const [open, rejected] = ['open 0/1', 'rejected 0/1']
  assert.equal(bench.phases.filter((phase) => phase === open).length, booked)
  assert.equal(bench.phases.filter((phase) => phase === rejected).length, 10 - booked)
  assert.equal(bench.submitted.length, 10)
  bench.check()
})

const steps = [
  ['before the journal', 0, 0],
  ['after the journal', 0, 5],
  ['with the first request at the venue', 4, 5],
  ['with the last request at the venue', 5, 5],
] as const
for (const [step, booked, created] of steps) {
  test(`F011 a crash ${step} resolves each order of the batch once`, async (t) => {
    const bench = await Bench.start(t, { timing: { visibilityMs: 10_000 } })
    const append = bench.journal.append.bind(bench.journal)
    bench.journal.append = (turn) => {
      if (turn.batches.length === 0 || booked > 0) return append(turn)
      if (created > 0) append(turn)
      throw new Error('crash')
    }
    let arrived = 0
    bench.alpaca.onRequest = ({ method }) => {
      // Four requests are under way at the same time.
      if (method === 'POST' && ++arrived === (booked === 5 ? 5 : 1)) bench.kill()
    }

    await bench.does(resting(5))
    bench.alpaca.onRequest = () => {}
    await bench.restart()
    assert.equal(bench.account.orders.length, booked)
    await bench.run(60 * SECOND)

    assert.equal(bench.orders.length, created)
    const ids = new Set<string>(bench.orders.map(({ id }) => id))
    for (const { clientId } of bench.account.orders) assert.ok(ids.has(clientId), clientId)
    bench.check()
  })
}

test('F012 a batch beyond what the venue takes is cut, and each order costs one request', async (t) => {
  const bench = await Bench.start(t, { risk: { ordersPerMinute: Infinity } })
  const batches: number[] = []
  const { broker } = bench.adapter
  const execute = broker.execute.bind(broker)
  broker.execute = (batch) => {
    batches.push(batch.commands.length)
    return execute(batch)
  }

  for (const [i, count] of [1, 10, 11, 20, 21, 60].entries()) {
    await bench.does(resting(count, 90.01 + i / 100))
    await bench.run(5 * SECOND)
  }

  assert.deepEqual(batches, [1, 10, 11, 20, 20, 1, 20, 20, 20])
  assert.equal(bench.submitted.length, 123)
  assert.equal(bench.orders.filter(({ phase }) => phase === 'open').length, 123)
  const { limit, used } = bench.adapter.budgets.trading.stats()
  assert.ok(used >= 123 && used <= limit, `${used} of ${limit} requests are charged`)
  bench.check()
})

test('F013 orders that are placed, replaced and canceled in one moment end as was last said', async (t) => {
  let left = 0
  for (let seed = 1; seed <= 6; seed++) {
    const random = seeded(seed)
    const bench = await Bench.start(t)
    const ended = new Set<string>()
    const foolish: Action = (context) => {
      for (let i = integer(random, 1, 4); i > 0; i--) {
        const { orders } = context
        const some = orders[integer(random, 0, Math.max(orders.length - 1, 0))]
        if (some === undefined || random() < 0.5) {
          const id = context.buy({ qty: 1, limit: integer(random, 9_100, 9_900) / 100 })
          if (id === undefined || random() > 0.3) continue
          context.cancel(id)
          ended.add(id)
        } else {
          context.cancel(some.id)
          ended.add(some.id)
        }
      }
    }
    for (let i = 0; i < 15; i++) {
      bench.tells(foolish)
      await bench.run(integer(random, 1, 60))
    }
    await bench.run(3 * SECOND)

    const live = bench.orders.filter((order) => isLive(order)).map(({ id }) => id)
    assert.deepEqual(
      live.filter((id) => ended.has(id)),
      [],
      `seed ${seed}: a cancel is not lost`,
    )
    assert.ok(ended.size > 3, `seed ${seed}: ${ended.size} ended`)
    left += live.length
    bench.check()
    bench.end()
  }
  assert.ok(left > 0, 'some that were not canceled are open')
})

test('F015 an order off the grid never leaves, and the denial names value and step', async (t) => {
  const bench = await Bench.start(t)

  await bench.does((context) => {
    context.buy({ qty: 0.07 * 100, limit: 99.999 })
    context.buy({ qty: 0.4, limit: 98 })
    context.buy({ qty: NaN })
    context.buy({ qty: 3, limit: Infinity })
    context.buy({ qty: 3, limit: -1 })
  })

  const [first] = bench.account.orders
  assert.deepEqual([first?.qty, first?.limit], [7, 99.99])
  assert.equal(bench.submitted.length, 1)
  assert.deepEqual(bench.denials, [
    'below-minimum: the quantity is not above zero: 0',
    'missing-data: the quantity is not finite: NaN',
    'missing-data: a price is not finite: NaN',
    'bad-request: a price is not above zero: -1',
  ])
})

test('F016 ids are short, of safe characters, and never used again by a later start', async (t) => {
  const bench = await Bench.start(t, { strategy: 'a-strategy-of-twenty' })
  for (let i = 0; i < 3; i++) {
    await bench.does(resting(3, 91 + i))
    await bench.restart()
  }

  const ids = bench.submitted
  assert.equal(ids.length, 9)
  assert.equal(new Set(ids).size, 9)
  for (const id of ids) assert.match(id, /^[a-z0-9-]{1,36}$/)
  bench.check()
})

test('F017 an order while the market is shut is refused with the reason, and nothing is sent', async (t) => {
  const bench = await Bench.start(t, {
    risk: { tradingHours: 'regular' },
    venue: { startAt: Date.UTC(2026, 0, 7, 20, 59, 50) },
  })
  await bench.does((context) => context.buy({ qty: 1, limit: 90 }))
  await bench.run(15 * SECOND)
  await bench.does((context) => context.buy({ qty: 2, limit: 91 }))

  assert.equal(bench.submitted.length, 1)
  assert.match(bench.denials.join(), /^market-closed: AAPL has no regular session/)
})

test('F003 an order that was not booked is sent once more, under the same id, when its window is over', async (t) => {
  const bench = await Bench.start(t, {
    timing: { visibilityMs: 20 * SECOND, orderAgeMsMax: 60 * SECOND },
  })
  bench.inject({ ...ORDERS, fault: 'status', status: 503, when: 'before', times: 1 })

  await bench.does((context) => context.buy({ qty: 10 }))
  await bench.run(19 * SECOND)
  assert.deepEqual(bench.phases, ['sent 0/10'])
  assert.equal(bench.submitted.length, 1)
  await bench.run(20 * SECOND)

  assert.deepEqual(bench.submitted, ['s-r-1', 's-r-1'])
  assert.deepEqual(bench.phases, ['filled 10/10'])
  bench.check()
})

test('F003 an order that is too old when its window is over is given up, not sent', async (t) => {
  const bench = await Bench.start(t, {
    timing: { visibilityMs: 20 * SECOND, orderAgeMsMax: 10 * SECOND },
  })
  bench.inject({ ...ORDERS, fault: 'status', status: 503, when: 'before', times: 1 })

  await bench.does((context) => context.buy({ qty: 10 }))
  await bench.run(60 * SECOND)

  assert.deepEqual(bench.submitted, ['s-r-1'])
  assert.deepEqual(bench.phases, ['rejected 0/10'])
  bench.check()
})

test('F004 an order that lookups do not show yet is waited for, up to 90 s, and never sent under a new id', async (t) => {
  for (const seconds of [0, 5, 30, 60, 90]) {
    const bench = await Bench.start(t)
    bench.inject({ on: 'orders', fault: 'hide', by: `${seconds + 1}s`, times: 1 })
    bench.inject({ ...ORDERS, fault: 'status', status: 504, when: 'after', times: 1 })
    bench.inject({ on: 'trading', fault: 'drop', for: '200s' })

    await bench.does((context) => context.buy({ qty: 10, limit: 95 }))
    const shownAt = bench.world.now + seconds * SECOND
    while (bench.world.now < shownAt - 5 * SECOND) {
      assert.deepEqual(bench.phases, ['sent 0/10'], `hidden for ${seconds} s`)
      await bench.does((context) => context.buy({ qty: 10, limit: 94 }))
      await bench.run(3 * SECOND)
    }
    await bench.run(20 * SECOND)

    const [first] = bench.orders
    assert.equal(first?.phase, 'open', `hidden for ${seconds} s`)
    assert.equal(bench.submitted.filter((id) => id === first.id).length, 1)
    bench.check()
    bench.end()
  }
})

test('F006 an order that the stream accepts while it waits to be sent again is not sent again', async (t) => {
  const bench = await Bench.start(t, {
    timing: { visibilityMs: 20 * SECOND, orderAgeMsMax: 60 * SECOND },
  })
  bench.inject({ on: 'orders', fault: 'hide', by: '36s', times: 1 })
  bench.inject({ ...ORDERS, fault: 'status', status: 504, when: 'after', times: 1 })
  const restore = bench.inject({ on: 'trading', fault: 'drop' })

  await bench.does((context) => context.buy({ qty: 10, limit: 95 }))
  await bench.run(19 * SECOND)
  restore()
  bench.inject({ on: 'trading', fault: 'replay' })
  await bench.run(30 * SECOND)

  assert.deepEqual(bench.phases, ['open 0/10'])
  assert.equal(bench.submitted.length, 1)
  await bench.run(30 * SECOND)
  bench.check()
})

test('F008 orders that meet a 429 wait as long as it says, and then leave one by one', async (t) => {
  const bench = await Bench.start(t)
  bench.inject({ ...ORDERS, fault: 'status', status: 429, when: 'before', retryAfter: 3, times: 4 })

  await bench.does(resting(10))
  await bench.run(12 * SECOND)

  assert.deepEqual(bench.inputs('order.rejected'), [])
  assert.equal(bench.orders.filter(({ phase }) => phase === 'open').length, 10)
  const at = bench.requests('POST', '/v2/orders').map((request) => request.at)
  assert.equal(at.length, 14)
  const [refused, later] = [at.slice(0, 4), at.slice(4)]
  assert.ok(later[0]! - refused[0]! >= 3 * SECOND, `${later[0]! - refused[0]!} ms`)
  const gaps = later.slice(1).map((time, i) => time - later[i]!)
  assert.ok(Math.min(...gaps) >= 250, `no burst: ${gaps.join()}`)
  bench.check()
})

test('F008 an order whose venue asks for more time than it is worth is dropped', async (t) => {
  const bench = await Bench.start(t)
  bench.inject({
    ...ORDERS,
    fault: 'status',
    status: 429,
    when: 'before',
    retryAfter: 60,
    times: 1,
  })

  await bench.does((context) => context.buy({ qty: 10 }))
  await bench.run(90 * SECOND)

  assert.deepEqual(bench.phases, ['rejected 0/10'])
  assert.equal(bench.submitted.length, 1)
  bench.check()
})

test('F009 of ten orders in one batch the rejected one is told by its id, whatever the order of the answers', async (t) => {
  const bench = await Bench.start(t)
  const reject = { code: 42210000, message: 'asset is not borrowable' }
  const body = JSON.stringify(reject)
  bench.inject({ ...ORDERS, fault: 'status', status: 422, when: 'before', body, skip: 2, times: 1 })
  bench.inject({ ...ORDERS, fault: 'slow', by: '900ms', chance: 0.5, times: 10 })

  await bench.does(resting(10))
  await bench.run(5 * SECOND)

  assert.equal(bench.phases[2], 'rejected 0/1')
  assert.match(bench.orders[2]!.why!, /asset is not borrowable/)
  assert.equal(bench.orders.filter(({ phase }) => phase === 'open').length, 9)
  for (const { id, venueId, limit } of bench.orders.filter(({ phase }) => phase === 'open')) {
    const theirs = bench.account.find(venueId!)
    assert.deepEqual([theirs?.clientId, theirs?.limit], [id, limit])
  }
  bench.check()
})

test('F009 an answer about another order is no answer', async (t) => {
  const bench = await Bench.start(t)
  await bench.does((context) => context.buy({ qty: 1, limit: 95 }))
  const [first] = bench.alpaca.venue.audit.requests.filter(({ method }) => method === 'POST')
  const body = first!.answer
  bench.inject({ ...ORDERS, fault: 'status', status: 200, when: 'after', body, times: 1 })

  bench.inject({ on: 'trading', fault: 'drop', for: '3s' })
  await bench.does((context) => context.buy({ qty: 2, limit: 94 }))
  assert.deepEqual(bench.phases, ['open 0/1', 'sent 0/2'])
  await bench.run(10 * SECOND)

  const [one, two] = bench.orders
  assert.equal(bench.account.findByClientId(two!.id)?.id, two!.venueId)
  assert.notEqual(one!.venueId, two!.venueId)
  bench.check()
})

test('F014 a signal that comes twice, by a repeated trade or after a restart, places one order', async (t) => {
  const bench = await Bench.start(t)
  bench.inject({ on: 'data', fault: 'duplicate', holding: 't×', copies: 2, for: '3s' })
  const buy: Action = (context) => context.buy({ qty: 10, once: 'cross 15:00' })

  await bench.does(buy)
  await bench.run(3 * SECOND)
  await bench.does(buy)
  await bench.restart()
  await bench.does(buy)
  await bench.does(buy, 'MSFT')
  await bench.run(SECOND)

  assert.deepEqual(bench.submitted, ['s-r-1', 's-r-2'])
  assert.deepEqual([bench.position(), bench.position(MSFT)], [10, 10])
  assert.match(bench.denials.join(), /duplicate: an order has left for "cross 15:00"/)
  bench.check()
})

/** A proxy that cuts both sides of a connection after so many bytes of what a client sends next. */
async function cutting(port: number) {
  const proxy = { length: 0, left: Infinity }
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const upstream = connect(port, '127.0.0.1')
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => sockets.delete(socket))
    }
    client.on('data', (data) => {
      proxy.length += data.length
      const passed = data.subarray(0, proxy.left)
      proxy.left -= passed.length
      upstream.write(passed, () => {
        if (passed.length === data.length) return
        client.resetAndDestroy()
        upstream.resetAndDestroy()
      })
    })
    upstream.on('data', (data) => {
      // All of the request has passed: what is lost is its answer.
      if (proxy.left === 0) client.resetAndDestroy()
      else client.write(data)
    })
    client.on('close', () => {
      proxy.left = Infinity
      upstream.destroy()
    })
  })
  server.listen(0, '127.0.0.1')
  await until(() => server.listening, 'the proxy listens')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    /** Bytes of the first request since `measure`. */
    get length() {
      return proxy.length
    },
    measure: () => {
      proxy.length = 0
    },
    cutAfter: (bytes: number) => {
      proxy.left = bytes
    },
    stop: async () => {
      server.close()
      for (const socket of sockets) socket.destroy()
      await until(() => sockets.size === 0, 'the proxy is closed')
    },
  }
}
