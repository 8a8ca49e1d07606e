// Faults of Bybit: its clock, its codes, what it says after it has taken an order, and what others do to the account.
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { apply } from '../../src/core/order.ts'
import type { OrderId } from '../../src/core/brand.ts'
import { DAY, MINUTE, ms } from '../../src/core/time.ts'
import type { Io } from '../../src/io/io.ts'
import { Bench } from '../bybit/bench.ts'
import { LiveRun } from '../bybit/live.ts'
import { START } from '../bybit/local.ts'

const SECOND = 1_000
const NO_SYMBOL = '{"retCode":10001,"retMsg":"Not supported symbols","result":{},"time":1}'
const CREATE = { on: 'rest', path: '/v5/order/create' } as const

/** Amends and fills of an order, as they were told. */
const changesOf = (bench: Bench, id: OrderId): string[] =>
  bench.said(id).flatMap((fact) => {
    if (fact.type === 'order.amended') return [`amended ${fact.qty}`]
    return fact.type === 'order.filled' ? [`filled ${fact.qty}`] : []
  })

test('F067 a stamp that is off by up to ten seconds is signed again by the right clock, and the order is there once', async (t) => {
  const bench = await Bench.start(t, { local: { limits: { orders: 100 } } })
  const skews = [-10_000, -6_000, -900, 0, 900, 1_100, 6_000, 10_000]
  for (const by of skews) {
    bench.local.venue.nemesis.clear()
    bench.inject({ on: 'clock', fault: 'skew', by })
    const orders = bench.orders(1)
    const [taken] = await bench.submit(orders)
    assert(taken?.ok, `${by} ms: ${JSON.stringify(taken)}`)
  }

  const ids = [...bench.account.open].map(({ linkId }) => linkId)
  assert.equal(new Set(ids).size, skews.length)
  assert.equal(ids.length, skews.length)
  assert.ok(bench.troubles.some((why) => why.includes('our clock is')))
})

test('F068 an answer of 200 with another code than 0 is a refusal, of whatever it is', async (t) => {
  const bench = await Bench.start(t)
  const [poor] = await bench.submit(bench.orders(1, { qty: 1_000_000 }))
  assert(poor !== undefined && !poor.ok)
  assert.equal(poor.fault.code, 'bad-request')
  assert.match(poor.fault.message, /110007/)

  bench.inject({ ...CREATE, fault: 'code', code: 999_999, message: 'who knows', times: 1 })
  const [strange] = await bench.submit(bench.orders(1))
  assert(strange !== undefined && !strange.ok)
  assert.equal(strange.fault.code, 'outcome-unknown')

  bench.inject({ on: 'rest', fault: 'code', code: 10005, path: '/v5/order/realtime', times: 1 })
  const report = await bench.world.settled(bench.venue.broker.report())
  assert(!report.ok)
  assert.equal(report.fault.code, 'unauthorized')
})

test('F069 an order that was taken and is rejected afterwards ends as rejected, with the reason', async (t) => {
  const bench = await Bench.start(t)
  bench.inject({ on: 'orders', fault: 'late-reject', reason: 'EC_Others', times: 1 })
  const [order] = bench.orders(1)
  const [taken] = await bench.submit([order!])
  await bench.run(SECOND)
  const [crossing] = bench.orders(1, { limit: 100.05, postOnly: true })
  const [also] = await bench.submit([crossing!])
  await bench.run(SECOND)

  assert(taken?.ok && also?.ok)
  for (const [{ id }, reason] of [
    [order!, /EC_Others/],
    [crossing!, /EC_PostOnlyWillTakeLiquidity/],
  ] as const) {
    const last = bench.said(id).at(-1)
    assert(last?.type === 'order.rejected', JSON.stringify(bench.said(id)))
    assert.match(last.fault.message, reason)
  }
})

test('F070 what the venue canceled while nobody listened is told once the stream is back', async (t) => {
  const bench = await Bench.start(t)
  const orders = bench.orders(3)
  await bench.submit(orders)
  await bench.run(SECOND)
  bench.inject({ on: 'trading', fault: 'cut-off' })
  bench.inject({ on: 'trading', fault: 'refuse', for: '10s' })
  bench.inject({ on: 'orders', fault: 'revoke-all', at: '5s' })
  await bench.run(9 * SECOND)
  assert.equal(bench.account.open.size, 0)
  assert.ok(orders.every(({ id }) => !bench.said(id).some(({ type }) => type === 'order.canceled')))
  await bench.run(60 * SECOND)

  const said = bench.inputs.map(({ type }) => type)
  for (const { id } of orders) {
    const canceled = bench.said(id).filter(({ type }) => type === 'order.canceled')
    assert.equal(canceled.length, 1, id)
  }
  assert.ok(said.lastIndexOf('order.canceled') < said.lastIndexOf('venue.up'))
})

test('what the stream had told before it was cut is not told again', async (t) => {
  const bench = await Bench.start(t)
  const orders = bench.orders(3)
  await bench.submit(orders)
  await bench.run(SECOND)
  bench.inject({ on: 'orders', fault: 'revoke-all' })
  await bench.run(SECOND)
  bench.inject({ on: 'trading', fault: 'cut-off' })
  await bench.run(60 * SECOND)

  assert.equal(bench.inputs.at(-1)?.type, 'venue.up')
  for (const { id } of orders) {
    const canceled = bench.said(id).filter(({ type }) => type === 'order.canceled')
    assert.equal(canceled.length, 1, id)
  }
})

test('F071 a position that gets two sides halts its symbol, and no run begins with one', async (t) => {
  const bench = await Bench.start(t)
  bench.inject({ on: 'orders', fault: 'hedge', symbol: 'AAAUSDT' })
  await bench.run(SECOND)

  const [halt] = bench.inputs.flatMap((input) => (input.type === 'control' ? [input.control] : []))
  assert(halt?.do === 'halt-symbol', JSON.stringify(halt))
  assert.deepEqual([halt.symbol, halt.cause, halt.on], [0, 'not-tradable', true])
  bench.die()
  const opened = await bench.connect()
  assert(!opened.ok)
  assert.match(opened.fault.message, /AAAUSDT has two sides; set one-way mode/)
})

test('F467 a position that gets two sides while nobody listens halts its symbol when the stream is back', async (t) => {
  const bench = await Bench.start(t)
  bench.inject({ on: 'trading', fault: 'cut-off' })
  bench.inject({ on: 'trading', fault: 'refuse', for: '10s' })
  bench.inject({ on: 'orders', fault: 'hedge', symbol: 'AAAUSDT', at: '5s' })
  await bench.run(60 * SECOND)

  assert.deepEqual(
    bench.halts.map(({ symbol, cause, on }) => [symbol, cause, on]),
    [[0, 'not-tradable', true]],
  )
  assert.equal(bench.inputs.at(-1)?.type, 'venue.up')
})

test('F072 a minute without its confirmation is never a bar', async (t) => {
  const bench = await Bench.start(t)
  const [first] = bench.universe.all
  await bench.world.settled(bench.venue.feed.subscribe('bars', [first!.id]))
  bench.inject({ on: 'data', fault: 'drop', holding: '"confirm":true', for: '125s' })
  await bench.run(125 * SECOND)
  const early = bench.inputs.filter(({ type }) => type === 'bar')
  await bench.run(60 * SECOND)
  const late = bench.inputs.flatMap((input) => (input.type === 'bar' ? [input.bar] : []))

  assert.deepEqual(early, [])
  assert.equal(late.length, 1)
  assert.equal(late[0]!.volume, 60 * 500)
})

test('F318 a book that lost a delta shows nothing, and is whole again with the snapshot that is asked for', async (t) => {
  const { bench } = await Bench.startBooks(t)
  await bench.run(60 * SECOND)
  bench.inject({ on: 'data', fault: 'drop', holding: '"type":"delta"', times: 1 })
  await bench.run(60 * SECOND)
  bench.inject({ on: 'market', fault: 'restart' })
  await bench.run(120 * SECOND)

  const { halts } = bench
  assert.deepEqual(
    halts.map(({ cause, on }) => [cause, on]),
    [
      ['bad-prices', true],
      ['bad-prices', false],
    ],
  )
  assert.match(halts[0]!.why, /has a fault: gap/)
  for (const { id, symbol } of bench.universe.all) {
    const shown = bench.local.venue.market.shown(symbol)!.quote!
    const told = bench.inputs.flatMap((input) =>
      input.type === 'quote' && input.quote.symbol === id ? [input.quote] : [],
    )
    const { bid, ask, bidSize, askSize } = told.at(-1)!
    assert.deepEqual(
      [bid, bidSize, ask, askSize],
      [shown.bid, shown.bidSize, shown.ask, shown.askSize],
    )
    assert.ok(told.length > 20 && told.every((quote) => quote.bid < quote.ask))
    assert.equal(bench.venue.feed.book(id)?.bids.size, 50)
  }
})

test('F336 the venue cancels what is open when we are gone for longer than the window, and not before', async (t) => {
  const bench = await Bench.start(t, { adapter: { deadManS: 10 } })
  const unset = bench.venue.deadMan
  const trouble = await bench.world.settled(bench.venue.begin())
  await bench.submit(bench.orders(3))
  await bench.run(60 * SECOND)
  const alive = bench.account.open.size
  bench.inject({ on: 'trading', fault: 'cut-off' })
  bench.inject({ on: 'trading', fault: 'refuse', for: '5s' })
  await bench.run(60 * SECOND)
  const back = bench.account.open.size
  bench.die()
  await bench.run(8 * SECOND)
  const waiting = bench.account.open.size
  await bench.run(40 * SECOND)

  assert.equal(trouble, undefined)
  assert.match(String(unset), /is not set yet/)
  assert.match(String(bench.venue.deadMan), /cancels all orders 10 s after/)
  assert.deepEqual([alive, back, waiting, bench.account.open.size], [3, 3, 3, 0])
  for (const { cancelType } of bench.account.orders) assert.equal(cancelType, 'CancelByDCP')
})

test("F337 a dead man's switch that the venue does not set lets nothing begin", async (t) => {
  const bench = await Bench.start(t, { local: { hasDeadMan: false }, adapter: { deadManS: 10 } })
  const refused = await bench.world.settled(bench.venue.begin())
  const other = await Bench.start(t, { adapter: { deadManS: 10 } })
  const ignored = { path: '/v5/account/query-dcp-info', fault: 'code', code: 0 } as const
  other.inject({ on: 'rest', ...ignored, when: 'before', times: 1 })
  const unheard = await other.world.settled(other.venue.begin())

  for (const trouble of [refused, unheard]) {
    assert.equal(trouble?.code, 'unsupported')
    assert.match(trouble.message, /dead man's switch cannot be set/)
  }
})

test('F338 a purchase whose fee is taken in coins counts for the coins that are there', async (t) => {
  const bench = await Bench.start(t, { category: 'spot', prices: { AAAUSDT: 100 } })
  const [first, second] = bench.orders(2, { type: 'market', tif: 'ioc', qty: 300 })
  await bench.submit([first!])
  await bench.run(5 * SECOND)
  await bench.submit([second!])
  await bench.run(5 * SECOND)
  const { fills, positions } = await bench.report()
  const told = bench.inputs.flatMap((input) => (input.type === 'order.filled' ? [input.qty] : []))
  const [exit] = bench.orders(1, { type: 'market', tif: 'ioc', side: 'sell', qty: 598 })
  const [sold] = await bench.submit([exit!])

  // Twice 300 less 0.165: 299 lots each, and 1.67 coins of dust, of which one is a lot that is in no position.
  assert.deepEqual(told, [299, 299])
  assert.deepEqual(
    fills.map(({ qty }) => qty),
    [299, 299],
  )
  const [held] = positions
  assert.equal(held?.qty, 599)
  const dust = 5 / 100 + 1.67
  assert.ok(
    Math.abs(held.dust! - dust) < 1e-9,
    `${held.dust} is less than an order and what the fees have left`,
  )
  assert(sold?.ok, JSON.stringify(sold))
})

test('F339 a symbol that is paid in another coin than the account lets nothing begin', async (t) => {
  const prices = { BTCUSD: 50_000 }
  const start = (coin: string) => Bench.start(t, { category: 'inverse', prices, adapter: { coin } })

  await start('BTC')
  await assert.rejects(start('USDT'), /BTCUSD is paid in BTC, the account counts in USDT/)
})

for (const qty of [6, 14]) {
  test(`F414 an order of 10 that became one of ${qty} and filled while nobody listened is told so before its fills`, async (t) => {
    const bench = await Bench.start(t)
    const [order] = bench.orders(1)
    await bench.submit([order!])
    await bench.run(SECOND)
    bench.inject({ on: 'trading', fault: 'drop', for: '5s' })
    const { id, symbol } = order!
    const instrument = bench.universe.at(symbol)
    await bench.send([{ type: 'amend', id, symbol, qty: instrument.qty(qty) }])
    await bench.run(SECOND)
    bench.inject({ on: 'market', fault: 'print', symbol: 'AAAUSDT', price: 89, size: 500 })
    await bench.run(5 * SECOND)
    assert.deepEqual(
      bench.said(id).map(({ type }) => type),
      ['order.accepted'],
    )
    bench.inject({ on: 'trading', fault: 'cut-off' })
    await bench.run(60 * SECOND)

    const told = changesOf(bench, id)
    assert.deepEqual(told, [`amended ${qty}`, `filled ${qty}`])
  })
}

test('F460 an order that has grown and fills before its change is told is for all of it, and of one that has shrunk nothing is taken back', async (t) => {
  const bench = await Bench.start(t)
  const [order] = bench.orders(1)
  await bench.submit([order!])
  await bench.run(SECOND)
  const { id, symbol } = order!
  const instrument = bench.universe.at(symbol)
  const late = { on: 'trading', fault: 'delay' } as const
  const print = { on: 'market', fault: 'print', symbol: 'AAAUSDT', price: 89 } as const
  bench.inject({ ...late, holding: '"topic":"order"', by: '4s', for: '3s' })
  await bench.send([{ type: 'amend', id, symbol, qty: instrument.qty(30) }])
  await bench.run(SECOND)
  bench.inject({ ...print, size: 12 })
  await bench.run(6 * SECOND)
  // The other way round: the change is told, and what was executed before it comes late.
  bench.inject({ ...late, holding: '"topic":"execution"', by: '4s', for: '2s' })
  bench.inject({ ...print, size: 3 })
  await bench.run(SECOND)
  await bench.send([{ type: 'amend', id, symbol, qty: instrument.qty(20) }])
  await bench.run(6 * SECOND)

  const told = changesOf(bench, id)
  assert.deepEqual(told, ['amended 30', 'filled 12', 'amended 20', 'filled 3'])
})

test('F466 what an order was before the change that is known takes nothing back', async (t) => {
  const bench = await Bench.start(t)
  const [order] = bench.orders(1)
  await bench.submit([order!])
  await bench.run(SECOND)
  const { id, symbol } = order!
  const instrument = bench.universe.at(symbol)
  const print = { on: 'market', fault: 'print', symbol: 'AAAUSDT', price: 89 } as const
  const rows = { on: 'trading', fault: 'delay', holding: '"topic":"order"' } as const
  bench.inject({ ...rows, by: '6s', for: '4s' })
  bench.inject({ ...print, size: 3 })
  await bench.run(SECOND)
  await bench.send([{ type: 'amend', id, symbol, qty: instrument.qty(30) }])
  await bench.run(SECOND)
  bench.inject({ ...print, size: 12 })
  await bench.run(20 * SECOND)

  let ours = order!
  const told = bench.said(id).map((fact) => {
    ours = apply(ours, fact, instrument)
    return `${fact.type} ${ours.phase} ${ours.filled}/${ours.qty}`
  })
  assert.deepEqual(told, [
    'order.accepted open 0/10',
    'order.filled open 3/10',
    'order.amended open 3/30',
    'order.filled open 15/30',
  ])
  assert.deepEqual(
    [...bench.account.open].map(({ filled, qty }) => [filled, qty]),
    [[15, 30]],
  )
})

test('F461 a run that lasts asks for a day of the past, not for all of its own', async (t) => {
  const run = await LiveRun.start(t, { priceAt: () => 100, act: () => {} })
  await run.runTo(600)

  const asked = run.local.venue.audit.requests.filter(({ path }) => path === '/v5/execution/list')
  const [first, last] = [asked[0]!, asked.at(-1)!]
  const since = ({ query }: typeof last) => Number(new URLSearchParams(query).get('startTime'))
  assert.ok(since(first) >= START - DAY && since(first) < START - DAY + MINUTE)
  // What the report before it has told is agreed on.
  assert.ok(since(last) >= last.at - DAY - 2 * MINUTE, `${last.at - since(last)} ms`)
})

test('F462 a report has all orders that are open, on every page, however long ago they were placed', async (t) => {
  const fast = { local: { limits: { orders: 100 } }, adapter: { ordersPerSecond: 100 } }
  const bench = await Bench.start(t, fast)
  const orders = bench.orders(120)
  await bench.submit(orders)
  await bench.run(SECOND)
  bench.die()
  // Nobody knows of them any more, as of those of another program.
  assert((await bench.connect()).ok)
  bench.venue.broker.reportFrom(bench.world.now)
  const report = await bench.report()

  const open = report.orders.filter((one) => one.open).map(({ id }) => String(id))
  assert.deepEqual(open.toSorted(), orders.map(({ id }) => String(id)).toSorted())
})

test('F464 an order stream that is refused for a clock that has moved is listened to again', async (t) => {
  const bench = await Bench.start(t)
  bench.inject({ on: 'clock', fault: 'skew', by: 15_000 })
  bench.inject({ on: 'trading', fault: 'cut-off' })
  await bench.run(30 * SECOND)

  const told = bench.inputs.flatMap((input) =>
    input.type === 'venue.down' || input.type === 'venue.up' ? [input.type] : [],
  )
  assert.equal(told.at(-1), 'venue.up', bench.troubles.join('; '))
  // A key that is refused is refused again: a person must look at it.
  bench.inject({ on: 'trading', fault: 'error', code: 10003, msg: 'Invalid apikey' })
  bench.inject({ on: 'trading', fault: 'cut-off' })
  await bench.run(300 * SECOND)
  assert.match(bench.troubles.at(-1) ?? '', /in safe mode until a person clears it: .*Params Error/)
})

test('F433 a symbol whose gap cannot be filled leaves none of the others with one', async (t) => {
  let isSpoiled = false
  const bench = await Bench.start(t, {
    spoil: (path, body) =>
      isSpoiled && path.includes('/kline') && path.includes('AAAUSDT') ? NO_SYMBOL : body,
  })
  const [first, second] = bench.universe.all.map(({ id }) => id)
  await bench.world.settled(bench.venue.feed.subscribe('bars', [first!, second!]))
  await bench.run(2 * MINUTE + 5 * SECOND)
  isSpoiled = true
  bench.inject({ on: 'data', fault: 'cut-off' })
  bench.inject({ on: 'data', fault: 'refuse', for: '130s' })
  await bench.run(6 * MINUTE)

  assert.deepEqual(minutesOf(bench, second!), [0, 1, 2, 3, 4, 5, 6, 7])
  assert.deepEqual(minutesOf(bench, first!), [0, 1, 4, 5, 6, 7])
  const up = bench.inputs.findLast((input) => input.type === 'venue.up' && input.stream === 'feed')
  assert(up?.type === 'venue.up')
  assert.match(up.why ?? '', /the gap in the bars of AAAUSDT was not filled: .*10001/)
})

test('F434 a stream that is cut before the first bar of a symbol loses none of its minutes', async (t) => {
  const bench = await Bench.start(t)
  const ids = bench.universe.all.map(({ id }) => id)
  await bench.world.settled(bench.venue.feed.subscribe('bars', ids))
  await bench.run(30 * SECOND)
  bench.inject({ on: 'data', fault: 'cut-off' })
  bench.inject({ on: 'data', fault: 'refuse', for: '130s' })
  await bench.run(6 * MINUTE)

  for (const id of ids) assert.deepEqual(minutesOf(bench, id), [0, 1, 2, 3, 4, 5])
})

for (const [how, status] of [
  ['is refused for good', 403],
  ['fails ten times in a row', 503],
] as const) {
  test(`F435 a stream of market data that ${how} while a run starts ends the start`, async (t) => {
    const bench = await Bench.start(t)
    const ids = bench.universe.all.map(({ id }) => id)
    bench.inject({ on: 'data', fault: 'refuse', status })
    const asked: unknown[] = []
    void bench.venue.feed.subscribe('bars', ids).then((answer) => asked.push(answer))
    await bench.run(20 * MINUTE)
    // Nor does anything wait that is asked for later.
    void bench.venue.feed.subscribe('quotes', ids).then((answer) => asked.push(answer))
    await bench.run(SECOND)

    assert.deepEqual(
      asked.map((answer) => (answer as { fault?: { code: string } }).fault?.code),
      ['network', 'network'],
    )
    assert.ok(bench.troubles.some((why) => why.startsWith('market data are in safe mode')))
    bench.local.venue.nemesis.clear()
    bench.venue.clear()
    await bench.run(3 * MINUTE)
    for (const id of ids) assert.ok(minutesOf(bench, id).length >= 2)
  })
}

for (const [how, times] of [
  ['once', 1],
  ['twice', 2],
] as const) {
  test(`F436 a book whose renewal is refused ${how} is asked for again until it is whole`, async (t) => {
    const { bench, ids } = await Bench.startBooks(t)
    await bench.run(30 * SECOND)
    bench.inject({ on: 'data', fault: 'drop', holding: '"type":"delta"', times: 1 })
    bench.inject({ on: 'data', fault: 'error', code: 0, msg: 'system busy', times })
    await bench.run(2 * MINUTE)

    assert.deepEqual(
      bench.halts.map(({ cause, on }) => [cause, on]),
      [
        ['bad-prices', true],
        ['bad-prices', false],
      ],
    )
    for (const id of ids) assert.equal(bench.venue.feed.book(id)?.bids.size, 50)
    // Only where once more did not help is the connection left.
    const downs = bench.inputs.filter(({ type }) => type === 'venue.down')
    assert.equal(downs.length, times - 1)
  })
}

for (const [how, by, backAfter] of [
  ['ahead of', 4_000, 'no wait'],
  ['behind', -4_000, '4s'],
] as const) {
  test(`F437 a clock that is ${how} the venue's makes no bar of what still forms, and misses none`, async (t) => {
    const io = (node: Io): Io => ({
      now: () => ms(node.now() + by),
      monotonic: () => node.monotonic(),
      after: (delayMs, fire) => node.after(delayMs, fire),
      random: node.random,
      http: node.http,
      websocket: node.websocket,
      tcp: node.tcp,
    })
    const bench = await Bench.start(t, { io })
    const ids = bench.universe.all.map(({ id }) => id)
    await bench.world.settled(bench.venue.feed.subscribe('bars', ids))
    // It is back within four seconds of the end of the minute, before or after.
    await bench.run(3 * MINUTE - 3.5 * SECOND)
    bench.inject({ on: 'data', fault: 'cut-off' })
    if (backAfter !== 'no wait') bench.inject({ on: 'data', fault: 'refuse', for: backAfter })
    await bench.run(4 * MINUTE)

    const up = bench.inputs.findLast((input) => input.type === 'venue.up')!
    const isBefore = up.at - by < START + 3 * MINUTE
    assert.equal(isBefore, by > 0, `back at ${up.at - by - START} ms`)
    assert.ok(up.at - by < START + 3 * MINUTE + 4 * SECOND, `back at ${up.at - by - START} ms`)
    for (const id of ids) {
      assert.deepEqual(minutesOf(bench, id), [0, 1, 2, 3, 4, 5])
      const bars = bench.inputs.flatMap((input) =>
        input.type === 'bar' && input.bar.symbol === id ? [input.bar.volume] : [],
      )
      assert.deepEqual(new Set(bars.slice(1)), new Set([60 * 500]))
    }
  })
}

/** Minutes since the start whose bars were given, in the order in which they were. */
const minutesOf = (bench: Bench, id: number): readonly number[] =>
  bench.inputs.flatMap((input) =>
    input.type === 'bar' && input.bar.symbol === id ? [(input.bar.start - START) / MINUTE] : [],
  )

/** A purchase of coins fills 3 and 4, the process dies, and the next one asks for what was since the second of both. */
async function goesOn(
  t: TestContext,
  { meanwhile, id }: { readonly meanwhile?: (bench: Bench) => void; readonly id?: string } = {},
) {
  const bench = await Bench.start(t, { category: 'spot', prices: { AAAUSDT: 100 } })
  const [order] = bench.orders(1, { qty: 600, ...(id !== undefined && { id }) })
  await bench.submit([order!])
  await bench.run(SECOND)
  for (const size of [3, 4]) {
    bench.inject({ ...PRINT, size })
    await bench.run(5 * SECOND)
  }
  const since = ms(bench.account.executions.at(-1)!.ts - SECOND)
  bench.die()
  await bench.connect(id === undefined ? [order!] : [], since)
  meanwhile?.(bench)
  await bench.run(5 * SECOND)
  const { orders, fills } = await bench.report()

  const told = bench.inputs.filter((input) => input.type === 'order.filled')
  assert.deepEqual(
    fills.map(({ id: fill, qty }) => [fill, qty]),
    told.map(({ fill, qty }) => [fill, qty]),
  )
  return { lots: fills.map(({ qty }) => Number(qty)), filled: orders[0]?.filled }
}

const PRINT = { on: 'market', fault: 'print', symbol: 'AAAUSDT', price: 89 } as const

test('F510 a purchase whose fee was coins before the span of the reports counts all of its lots after a restart', async (t) => {
  assert.deepEqual(await goesOn(t), { lots: [2, 4], filled: 6 })
  // Of others, too, who use the account.
  const id = '5cf98598-39a7-459e-97bf-76ca765ee020'
  assert.deepEqual(await goesOn(t, { id }), { lots: [2, 4], filled: 6 })
})

test('F511 a purchase of coins that goes on filling after a restart counts for what it has made complete', async (t) => {
  const meanwhile = (bench: Bench): void => bench.inject({ ...PRINT, size: 2 })

  // Of 3, 4 and 2 coins a little is missing, which makes one lot.
  assert.deepEqual(await goesOn(t, { meanwhile }), { lots: [2, 4, 2], filled: 8 })
})

test('F512 an execution that cannot be read fails a report only where it may be a trade of ours', async (t) => {
  let row: object = {}
  const bench = await Bench.start(t, {
    spoil: (path, body) => (path.startsWith('/v5/execution/list') ? withFirst(row, body) : body),
  })
  await bench.submit(bench.orders(1, { type: 'market', tif: 'ioc' }))
  await bench.run(5 * SECOND)
  const filledWith = async (first: object) => {
    row = first
    const report = await bench.world.settled(bench.venue.broker.report())
    return report.ok ? report.value.fills.map(({ qty }) => Number(qty)) : report.fault.code
  }

  const funding = { symbol: 'AAAUSDT', execType: 'Funding', execId: 'f', orderId: '', execQty: '' }
  assert.deepEqual(await filledWith(funding), [10])
  assert.deepEqual(await filledWith({ symbol: 'ZZZUSDT', execType: 'Trade' }), [10])
  assert.deepEqual(await filledWith({ symbol: 'AAAUSDT', execType: 'Trade' }), 'corrupt-data')
  assert.deepEqual(await filledWith({ symbol: 'AAAUSDT' }), 'corrupt-data')
})

/** An answer with one more row. */
function withFirst(row: object, body: string): string {
  const answer = JSON.parse(body) as { result: { list: object[]; nextPageCursor: string } }
  const { result } = answer
  return JSON.stringify({ ...answer, result: { ...result, list: [row, ...result.list] } })
}

test('F513 an order that was taken and answered with 429 is not given up for refused', async (t) => {
  const bench = await Bench.start(t)
  const [order] = bench.orders(1)
  const status = { ...CREATE, fault: 'status', status: 429, when: 'after', times: 1 } as const
  bench.inject(status)
  const [taken] = await bench.submit([order!])

  assert.ok(taken?.ok === false)
  assert.equal(taken.fault.code, 'outcome-unknown')
  assert.equal(bench.account.open.size, 1)
})

/** What the venue lists, without a symbol that it had before. */
const GONE: Readonly<Record<string, (rows: readonly Row[]) => readonly Row[]>> = {
  'is closed': (rows) =>
    rows.map((row) => (row.symbol === 'BBBUSDT' ? { ...row, status: 'Closed' } : row)),
  'is not listed': (rows) => rows.filter(({ symbol }) => symbol !== 'BBBUSDT'),
}
interface Row {
  readonly symbol: string
  readonly status: string
  readonly priceFilter?: object
}

/** A run that goes on, when its venue lists something else than it did when it began. */
async function restarted(t: TestContext, listed: (rows: readonly Row[]) => readonly Row[]) {
  let isOther = false
  const spoil = (path: string, body: string): string => {
    if (!isOther || !path.startsWith('/v5/market/instruments-info')) return body
    const answer = JSON.parse(body) as { result: { list: readonly Row[] } }
    answer.result.list = listed(answer.result.list)
    return JSON.stringify(answer)
  }
  const bench = await Bench.start(t, { spoil })
  bench.die()
  isOther = true
  return { bench, opened: await bench.connect() }
}

for (const [what, listed] of Object.entries(GONE)) {
  test(`F589 a run goes on where a symbol ${what} that it began with`, async (t) => {
    const { bench, opened } = await restarted(t, listed)
    const [first, second] = bench.universe.all.map(({ id }) => id)
    assert.ok(opened.ok, JSON.stringify(opened))
    bench.inputs.length = 0
    for (const kind of ['trades', 'quotes', 'bars'] as const)
      assert.ok((await bench.world.settled(bench.venue.feed.subscribe(kind, [first!, second!]))).ok)
    await bench.run(90 * SECOND)

    assert.deepEqual(
      opened.value.map(({ symbol }) => symbol),
      ['AAAUSDT'],
    )
    const heard = bench.inputs.flatMap((input) => (input.type === 'trade' ? [input.trade] : []))
    assert.deepEqual([...new Set(heard.map(({ symbol }) => symbol))], [first])
    assert.match(bench.troubles.join(), /BBBUSDT takes no new risk: /)
  })
}

test('F646 a symbol that was not traded at the start is taken in when it is traded again', async (t) => {
  for (const isOnAnotherGrid of [false, true]) {
    let isBack = false
    const { bench, opened } = await restarted(t, (rows) => {
      if (!isBack) return GONE['is closed']!(rows)
      if (!isOnAnotherGrid) return rows
      return rows.map((row) => ({ ...row, priceFilter: { tickSize: '0.5' } }))
    })
    const [first, second] = bench.universe.all.map(({ id }) => id)
    assert.ok(opened.ok, JSON.stringify(opened))
    for (const kind of ['trades', 'quotes', 'bars'] as const)
      assert.ok((await bench.world.settled(bench.venue.feed.subscribe(kind, [first!, second!]))).ok)
    await bench.run(6 * MINUTE)
    assert.deepEqual(
      bench.halts.map(({ symbol, cause, on }) => [symbol, cause, on]),
      [[second, 'not-tradable', true]],
    )
    isBack = true
    bench.inputs.length = 0
    await bench.run(12 * MINUTE)

    const kinds = new Set(
      bench.inputs.flatMap((input) => {
        if (input.type === 'trade') return input.trade.symbol === second ? ['trade'] : []
        if (input.type === 'quote') return input.quote.symbol === second ? ['quote'] : []
        return input.type === 'bar' && input.bar.symbol === second ? ['bar'] : []
      }),
    )
    const lifted = bench.halts.map(({ symbol, cause, on }) => [symbol, cause, on])
    const told = bench.troubles.slice(1)
    assert.deepEqual(kinds.size, isOnAnotherGrid ? 0 : 3)
    assert.deepEqual(lifted, isOnAnotherGrid ? [] : [[second, 'not-tradable', false]])
    assert.equal(told.length, 1, told.join())
    assert.match(told[0]!, isOnAnotherGrid ? /on another grid/ : /^BBBUSDT is traded again$/)
  }
})

test('F595 a run does not go on without the data of a symbol whose row cannot be read', async (t) => {
  const { bench, opened } = await restarted(t, (rows) =>
    rows.map((row) => (row.symbol === 'BBBUSDT' ? { ...row, priceFilter: {} } : row)),
  )

  assert.ok(!opened.ok)
  assert.deepEqual(
    [opened.fault.code, opened.fault.message],
    ['corrupt-data', 'what bybit says of BBBUSDT cannot be read'],
  )
  assert.deepEqual(bench.halts, [])
})
