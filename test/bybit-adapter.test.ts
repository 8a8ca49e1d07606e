// The Bybit adapter at the local Bybit, in virtual time: what its contract does not ask and its faults do not cover.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Input } from '../src/core/input.ts'
import type { Bar } from '../src/core/market.ts'
import { MINUTE } from '../src/core/time.ts'
import type { Connection } from '../src/io/io.ts'
import { apiOf, type TimedRequest } from '../src/io/timed.ts'
import { parseExecution } from '../src/venues/bybit/wire.ts'
import { Bench } from './bybit/bench.ts'

const SECOND = 1_000
/** What is said of the stream of market data. */
const streams = (inputs: readonly Input[]): readonly string[] =>
  inputs.flatMap((input) =>
    (input.type === 'venue.up' || input.type === 'venue.down') && input.stream === 'feed'
      ? [input.type]
      : [],
  )
const AT_ONCE = { batch: 500, everyMs: 0, total: 500 }

test('cancels all of runs at the account in one request, where nobody else has orders there', async (t) => {
  const bench = await Bench.start(t)
  const orders = bench.orders(6)
  await bench.submit(orders)
  await bench.run(SECOND)
  const canceled = await bench.world.settled(bench.venue.broker.cancelAll())
  await bench.run(SECOND)

  assert.deepEqual(canceled, { ok: true, value: 6 })
  assert.equal(bench.account.open.size, 0)
  assert.deepEqual(bench.sizesOf('/v5/order/cancel-all'), [1])
  for (const { id } of orders) assert.equal(bench.said(id).at(-1)?.type, 'order.canceled')
})

test('a report has no money of a fill that came while it was read, and is not in it', async (t) => {
  const bench = await Bench.start(t)
  await bench.submit(bench.orders(1))
  await bench.run(SECOND)
  const { account } = await bench.report()
  bench.inject({ on: 'rest', path: '/v5/position/list', fault: 'slow', by: '3s', times: 1 })
  const asked = (): number =>
    bench.local.venue.audit.requests.filter(({ path }) => path === '/v5/position/list').length
  const before = asked()

  const reporting = bench.venue.broker.report()
  await bench.world.until(() => asked() > before, 10 * SECOND)
  bench.inject({ on: 'market', fault: 'print', symbol: 'AAAUSDT', price: 89, size: 500 })
  await bench.run(SECOND)
  assert.equal(bench.account.executions.length, 1)
  const report = await bench.world.settled(reporting)

  assert.ok(report.ok)
  assert.deepEqual([report.value.fills, report.value.account.cash], [[], account.cash])
  assert.notEqual((await bench.report()).account.cash, account.cash)
})

for (const orderEntry of ['rest', 'socket'] as const) {
  test(`a stamp may be as old as it is told, of a connection and of orders over ${orderEntry}`, async (t) => {
    const patience = { recvWindowMs: MINUTE }
    const bench = await Bench.start(t, { adapter: { orderEntry, patience } })
    const asked = (): number =>
      bench.local.venue.audit.requests.filter(({ path }) => path === '/v5/market/time').length
    const before = asked()

    bench.world.node('engine 1').jump(-20 * SECOND)
    bench.inject({ on: 'trading', fault: 'cut-off' })
    await bench.run(5 * SECOND)
    const [placed] = await bench.submit(bench.orders(1))

    assert.ok(placed?.ok, JSON.stringify(placed))
    const streams = bench.inputs.filter(({ type }) => /^venue\.(?:up|down)$/.test(type))
    assert.deepEqual(
      streams.slice(-2).map(({ type }) => type),
      ['venue.down', 'venue.up'],
    )
    // Whoever is refused asks for the time.
    assert.equal(asked(), before)
  })
}

test('times each request over the trade socket, as if its operation were a path', async (t) => {
  const timed: string[] = []
  const onTimed = ({ method, url }: TimedRequest): void =>
    void timed.push(`${method} ${apiOf(url)}`)
  const bench = await Bench.start(t, { adapter: { orderEntry: 'socket', onTimed } })
  await bench.submit(bench.orders(1))
  await bench.cancel(bench.orders(2))

  assert.deepEqual(timed, ['WS /v5/trade/create', 'WS /v5/trade/cancel-batch'])
})

test('fetches the bars that were missed while its stream was down, before anything newer', async (t) => {
  const bench = await Bench.start(t)
  const ids = bench.universe.all.map(({ id }) => id)
  await bench.world.settled(bench.venue.feed.subscribe('bars', ids))
  await bench.run(2 * MINUTE + 5 * SECOND)
  bench.inject({ on: 'data', fault: 'cut-off' })
  bench.inject({ on: 'data', fault: 'refuse', for: '100s' })
  await bench.run(5 * MINUTE)

  for (const id of ids) {
    const starts = bench.inputs.flatMap((input) =>
      input.type === 'bar' && input.bar.symbol === id ? [input.bar.start] : [],
    )
    assert.ok(starts.length >= 6, `${starts.length} bars`)
    const steps = starts.slice(1).map((start, i) => start - starts[i]!)
    assert.deepEqual(new Set(steps), new Set([MINUTE]))
  }
  assert.ok(bench.venue.statistics.gapBars > 0)
  const streams = bench.inputs.flatMap((input) =>
    (input.type === 'venue.up' || input.type === 'venue.down') && input.stream === 'feed'
      ? [input.type]
      : [],
  )
  assert.deepEqual([streams[0], streams[1], streams.at(-1)], ['venue.up', 'venue.down', 'venue.up'])
})

test('loses no topic with another one that the venue has no more', async (t) => {
  const bench = await Bench.start(t)
  const ids = bench.universe.all.map(({ id }) => id)
  await bench.world.settled(bench.venue.feed.subscribe('bars', ids))
  const refusal = { on: 'data', fault: 'error', code: 0, msg: 'error:handler not found' } as const
  // The request for both is refused, and then the one for the first alone.
  bench.inject({ ...refusal, times: 2 })
  bench.inject({ on: 'data', fault: 'cut-off' })
  await bench.run(3 * MINUTE)

  const symbols = bench.inputs.flatMap((input) => (input.type === 'bar' ? [input.bar.symbol] : []))
  assert.deepEqual([...new Set(symbols)], [ids[1]])
  const { halts } = bench
  assert.deepEqual(
    halts.map(({ symbol, cause, on }) => [symbol, cause, on]),
    [[ids[0], 'not-tradable', true]],
  )
  assert.ok(bench.troubles.some((why) => /refuses kline\.1\.AAAUSDT/.test(why)))
})

test('asks for no bars of a symbol that the venue has no more', async (t) => {
  const asked: string[] = []
  const spoil = (path: string, body: string): string => {
    if (path.includes('/kline')) asked.push(path)
    return body
  }
  const bench = await Bench.start(t, { spoil })
  const ids = bench.universe.all.map(({ id }) => id)
  await bench.world.settled(bench.venue.feed.subscribe('bars', ids))
  await bench.run(2 * MINUTE)
  const refusal = { on: 'data', fault: 'error', code: 0, msg: 'error:handler not found' } as const
  bench.inject({ ...refusal, times: 2 })
  bench.inject({ on: 'data', fault: 'cut-off' })
  await bench.run(2 * MINUTE)
  bench.inject({ on: 'data', fault: 'cut-off' })
  bench.inject({ on: 'data', fault: 'refuse', for: '100s' })
  await bench.run(4 * MINUTE)

  assert.ok(asked.some((path) => path.includes('BBBUSDT')))
  assert.ok(!asked.some((path) => path.includes('AAAUSDT')))
  // Its silence is none: the connection lives on the data of the other.
  assert.ok(!bench.troubles.some((why) => why.startsWith('no data of')))
})

test('asks for a book again on the next connection, where this one ends meanwhile', async (t) => {
  const { bench, ids } = await Bench.startBooks(t)
  await bench.run(30 * SECOND)
  bench.inject({ on: 'data', fault: 'drop', holding: '"type":"delta"', times: 1 })
  bench.inject({ on: 'data', fault: 'no-ack', for: '60s' })
  bench.inject({ on: 'data', fault: 'cut-off', at: '40s' })
  await bench.run(180 * SECOND)

  for (const id of ids) assert.equal(bench.venue.feed.book(id)?.bids.size, 50)
  const halts = bench.halts.map(({ on }) => on)
  assert.equal(halts.at(-1), false)
})

test('tells orders of others as such, and takes none of them for its own', async (t) => {
  const bench = await Bench.start(t)
  bench.inject({ on: 'orders', fault: 'foreign', symbol: 'AAAUSDT', side: 'buy', qty: 3 })
  await bench.run(3 * SECOND)
  const externals = bench.inputs.flatMap((input) =>
    input.type === 'external' ? [input.order] : [],
  )
  const report = await bench.report()

  assert.equal(externals.at(-1)?.filled, 3)
  assert.equal(externals.at(-1)?.open, false)
  assert.ok(!bench.inputs.some(({ type }) => type === 'order.filled'))
  assert.deepEqual(
    report.positions.map(({ qty }) => qty),
    [3],
  )
  assert.deepEqual(
    report.orders.map(({ id }) => id),
    [undefined],
  )
})

test('tells minutes while they form to whoever asks for them, and never as inputs', async (t) => {
  const forming: Bar[] = []
  const told = await Bench.start(t, { adapter: { onForming: (bar) => forming.push(bar) } })
  const silent = await Bench.start(t)
  for (const bench of [told, silent]) {
    const ids = bench.universe.all.map(({ id }) => id)
    assert.ok((await bench.world.settled(bench.venue.feed.subscribe('bars', ids))).ok)
    await bench.run(3 * MINUTE)
  }
  const barsOf = ({ inputs }: Bench) =>
    inputs.flatMap((input) => (input.type === 'bar' ? [input.bar] : []))

  assert.ok(forming.length > 100, `${forming.length} bars formed`)
  assert.ok(forming.every(({ start }) => start % MINUTE === 0))
  assert.ok(barsOf(told).length >= 4)
  assert.deepEqual(barsOf(told), barsOf(silent))
})

test('sends nothing for ten minutes after it was told that this machine asks too much', async (t) => {
  const bench = await Bench.start(t)
  const { audit } = bench.local.venue
  const told = { status: 403, body: 'access too frequent', when: 'before', times: 1 } as const
  bench.inject({ on: 'rest', path: '/v5/order/create', fault: 'status', ...told })
  const [banned] = await bench.submit(bench.orders(1))
  const sent = audit.requests.length
  const [waiting] = await bench.submit(bench.orders(1))

  assert(banned !== undefined && !banned.ok && waiting !== undefined && !waiting.ok)
  assert.deepEqual([banned.fault.code, waiting.fault.code], ['rate-limited', 'rate-limited'])
  assert.equal(audit.requests.length, sent)
  await bench.run(10 * MINUTE)
  const [later] = await bench.submit(bench.orders(1))
  assert.ok(later?.ok, JSON.stringify(later))
})

test('shows the secret in no fault, whatever the venue answers', async (t) => {
  const bench = await Bench.start(t)
  const body = 'you sent test-secret and test-key'
  bench.inject({
    on: 'rest',
    path: '/v5/order',
    fault: 'status',
    status: 500,
    body,
    when: 'before',
  })
  const taken = await bench.submit(bench.orders(1))
  const report = await bench.world.settled(bench.venue.broker.report())

  assert.doesNotMatch(JSON.stringify([taken, report, bench.troubles]), /test-(?:secret|key)/)
  assert.match(JSON.stringify(taken), /answered 500/)
})

test('tells what the owner brought and took, all pages of both ways', async (t) => {
  const bench = await Bench.start(t)
  const before = (await bench.report()).account.cash
  const amounts = Array.from({ length: 60 }, (_none, i) => i + 1)
  for (const amount of [...amounts, -5_000]) {
    bench.inject({ on: 'orders', fault: 'transfer', amount })
    await bench.run(10)
  }
  await bench.run(SECOND)

  const told = await bench.world.settled(bench.venue.broker.transfers())

  assert.ok(told.ok)
  const sorted = told.value.map(({ amount }) => amount).toSorted((a, b) => a - b)
  assert.deepEqual(sorted, [-5_000, ...amounts])
  assert.equal(new Set(told.value.map(({ id }) => id)).size, 61)
  const sum = sorted.reduce((total, amount) => total + amount, 0)
  assert.equal((await bench.report()).account.cash, before + sum)
})

test('symbols whose topics are too long for one connection go over several, and one that is cut is filled alone', async (t) => {
  // Of such a name of 91 characters 103, 104 and 99, so 68 symbols have their place on the first.
  const names = Array.from({ length: 80 }, (_none, i) => `COIN${`${i}`.padStart(83, 'X')}USDT`)
  const prices = Object.fromEntries(names.map((name) => [name, 100]))
  const markets: Connection[] = []
  const fetched: string[] = []
  const bench = await Bench.start(t, {
    prices,
    adapter: { limits: { subscribe: AT_ONCE } },
    io: (node) => ({
      now: () => node.now(),
      monotonic: () => node.monotonic(),
      after: (delayMs, fire) => node.after(delayMs, fire),
      random: node.random,
      tcp: node.tcp,
      http: {
        request: (asked) => {
          if (asked.url.includes('/v5/market/kline')) fetched.push(asked.url)
          return node.http.request(asked)
        },
      },
      websocket: {
        connect: (options) => {
          const connection = node.websocket.connect(options)
          if (options.url.includes('/public/')) markets.push(connection)
          return connection
        },
      },
    }),
  })
  const ids = bench.universe.all.map(({ id }) => id)
  for (const kind of ['trades', 'quotes', 'bars'] as const)
    assert.ok((await bench.world.settled(bench.venue.feed.subscribe(kind, ids))).ok)
  assert.equal(markets.length, 2)
  assert.deepEqual(streams(bench.inputs), ['venue.up'])

  await bench.run(2 * MINUTE)
  const heard = bench.inputs.splice(0)
  bench.inject({ on: 'data', fault: 'refuse', for: '90s' })
  markets[1]!.close(1001)
  await bench.run(4 * MINUTE)

  const said = bench.inputs.flatMap((input) =>
    input.type === 'venue.up' || input.type === 'venue.down' ? [input] : [],
  )
  assert.deepEqual(
    said.map(({ type, symbols }) => [type, symbols]),
    [
      ['venue.down', ids.slice(68)],
      ['venue.up', ids.slice(68)],
    ],
  )
  assert.equal(new Set(fetched).size, 80 - 68)
  for (const inputs of [heard, bench.inputs]) {
    const traded = inputs.flatMap((input) => (input.type === 'trade' ? [input.trade.symbol] : []))
    const barred = inputs.flatMap((input) => (input.type === 'bar' ? [input.bar.symbol] : []))
    assert.deepEqual([new Set(traded).size, new Set(barred).size], [80, 80])
  }
  assert.ok(bench.venue.feed.book(ids[0]!)?.isGood)
  assert.ok(bench.venue.feed.book(ids[79]!)?.isGood)
  // Without any of them all is down; the first that is back is up for its own symbols.
  bench.inputs.length = 0
  bench.inject({ on: 'data', fault: 'refuse', for: '30s' })
  for (const market of [markets.at(-1), markets[0]]) market!.close(1001)
  await bench.run(2 * MINUTE)
  const parts = bench.inputs.flatMap((input) =>
    input.type === 'venue.up' || input.type === 'venue.down'
      ? [[input.type, input.symbols?.length]]
      : [],
  )
  const whole = parts.slice(1, -2)
  assert.deepEqual(parts[0], ['venue.down', 12])
  assert.deepEqual(whole.at(-1), ['venue.up', undefined])
  for (const part of whole.slice(0, -1)) assert.deepEqual(part, ['venue.down', undefined])
  assert.deepEqual(parts.slice(-2), [
    ['venue.down', 68],
    ['venue.up', 68],
  ])
  assert.ok((await bench.world.settled(bench.venue.feed.unsubscribe(ids))).ok)
  bench.inputs.length = 0
  await bench.run(10 * SECOND)
  assert.deepEqual(bench.inputs, [])
})

test('asks for a report where an execution is no trade, and does not say that a position has moved', async (t) => {
  const bench = await Bench.start(t)
  // Of contracts in USDC profit is settled each session, and what is held stays.
  const row = { symbol: 'AAAUSDT', orderId: 'o', execId: 'e', execType: 'Settle' }
  const numbers = { execQty: '10', execPrice: '100', execTime: '1672282722429' }
  bench.venue.orders.applyExecution(parseExecution({ ...row, ...numbers })!)

  assert.deepEqual(bench.troubles, [
    'an execution of type Settle in AAAUSDT, which may have moved its position',
  ])
})
