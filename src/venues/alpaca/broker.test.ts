// Tests of broker, order stream and identity against an in-memory venue on virtual time.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { symbolId } from '../../core/brand.ts'
import {
  codeOf,
  idOf,
  opened,
  orderOf,
  posts,
  settled,
  told,
  venueOf,
} from '../../../test/alpaca/booking.ts'
import { ALPACA } from './broker.ts'

test('opens with the account and its assets, and listens before anything is sent', async () => {
  const { result, inputs, venue } = await opened()
  assert.ok(result.ok)
  assert.deepEqual(
    result.value.map(({ symbol, kind, lotSize }) => [symbol, kind, lotSize]),
    [['AAPL', 'equity', 1]],
  )
  assert.deepEqual(told(inputs), ['venue.up'])
  assert.equal(venue.sockets.length, 1)
})

test('submits with our own id, numbers as text, one request', async () => {
  const { run, universe, venue } = await opened()
  const [answer] = await run({ type: 'submit', order: orderOf(universe, 'sma-1-1') })
  assert.equal(codeOf(answer), 'ok')
  assert.deepEqual(venue.bodies, [
    {
      symbol: 'AAPL',
      qty: '10',
      side: 'buy',
      type: 'limit',
      time_in_force: 'day',
      client_order_id: 'sma-1-1',
      limit_price: '100',
    },
  ])
})

test('refuses what alpaca has not, without a request', async () => {
  const { run, universe, venue } = await opened()
  const btc = symbolId(1)
  const stop = orderOf(universe, 'a-1', { symbol: btc, type: 'stop', stop: universe.at(btc).px(5) })
  const fok = orderOf(universe, 'a-2', { symbol: btc, tif: 'fok' })
  const long = orderOf(universe, 'x'.repeat(37))
  const answers = await run(
    ...[stop, fok, long].map((order) => ({ type: 'submit', order }) as const),
  )
  assert.deepEqual(answers.map(codeOf), ['unsupported', 'unsupported', 'unsupported'])
  assert.equal(posts(venue), 0)
})

for (const [name, trouble] of [
  ['a 502 after booking', 'book-then-502'],
  ['an answer that never comes', 'book-then-hang'],
] as const) {
  test(`F001, F002: ${name} is unknown, is not sent again, and is found by our own id`, async () => {
    const { run, universe, venue, alpaca } = await opened()
    venue.state.trouble = (method) => (method === 'POST' ? trouble : undefined)
    const [answer] = await run({ type: 'submit', order: orderOf(universe, 'sma-1-1') })
    assert.equal(codeOf(answer), 'outcome-unknown')
    await venue.world.run(120_000)
    assert.equal(posts(venue), 1)
    const found = await settled(venue.world, alpaca.broker.lookup(idOf('sma-1-1')))
    assert.ok(found.ok && found.value?.venueId === venue.orders[0]!.id)
  })
}

test('F007: a refusal of an id that was seen is the proof that it was taken', async () => {
  const { run, universe, venue } = await opened()
  venue.state.trouble = (method) => (method === 'POST' ? 'book-then-502' : undefined)
  await run({ type: 'submit', order: orderOf(universe, 'sma-1-1') })
  venue.state.trouble = () => undefined
  const [again] = await run({ type: 'submit', order: orderOf(universe, 'sma-1-1') })
  assert.deepEqual(again, { ok: true, value: { venueId: venue.orders[0]!.id } })
  assert.equal(venue.orders.length, 1)
})

for (const [status, code, message, expected] of [
  [403, 40310000, 'insufficient buying power', 'bad-request'],
  [422, 42210000, 'qty must be > 0', 'bad-request'],
  [401, 40110000, 'request is not authorized', 'unauthorized'],
  [429, 42910000, 'rate limit exceeded', 'rate-limited'],
  [500, 50010000, 'internal server error', 'outcome-unknown'],
  [503, 40310000, 'insufficient buying power', 'outcome-unknown'],
] as const) {
  test(`a ${status} with ${code} on a submit is ${expected}`, async () => {
    const { run, universe, venue } = await opened()
    venue.state.trouble = (method) =>
      method === 'POST' ? { status, body: JSON.stringify({ code, message }) } : undefined
    const [answer] = await run({ type: 'submit', order: orderOf(universe, 'sma-1-1') })
    assert.equal(codeOf(answer), expected)
    // Only a 429 proves that the order was not even looked at: it comes again, 1, 2 and 4 s later.
    assert.equal(posts(venue), status === 429 ? 4 : 1)
    assert.doesNotMatch(JSON.stringify(answer), /PKTESTKEY|very-secret/)
  })
}

test('sends a bracket as one order and tells its legs by our ids', async () => {
  const { run, universe, venue, inputs } = await opened()
  const entry = orderOf(universe, 'e-1')
  const { px } = { px: (x: number) => universe.at(symbolId(0)).px(x) }
  const legs = [
    orderOf(universe, 'e-2', {
      side: 'sell',
      type: 'stop',
      stop: px(95),
      role: 'stop',
      group: entry.id,
    }),
    orderOf(universe, 'e-3', { side: 'sell', limit: px(110), role: 'target', group: entry.id }),
  ]
  const [answer] = await run({ type: 'submit', order: entry, legs })
  assert.equal(codeOf(answer), 'ok')
  assert.equal(venue.bodies[0]!['order_class'], 'bracket')
  assert.deepEqual(venue.bodies[0]!['stop_loss'], { stop_price: '95' })
  assert.deepEqual(told(inputs), ['venue.up', 'order.accepted e-3', 'order.accepted e-2'])
  venue.fill(venue.orders[2]!, 10).say()
  await venue.world.run(100)
  assert.deepEqual(told(inputs).at(-1), 'filled e-2 10')
})

test('F019: an execution that is told five times is booked once', async () => {
  const { run, universe, venue, inputs, alpaca } = await opened()
  await run({ type: 'submit', order: orderOf(universe, 'sma-1-1') })
  const first = venue.fill(venue.orders[0]!, 4)
  const second = venue.fill(venue.orders[0]!, 6)
  for (let i = 0; i < 5; i++) {
    first.say()
    second.say()
  }
  await venue.world.run(100)
  assert.deepEqual(told(inputs).slice(1), ['filled sma-1-1 4', 'filled sma-1-1 6'])
  assert.equal(alpaca.orders.counts.duplicates, 8)
})

test('F018: a fill that is told before the answer to its submit is ours', async () => {
  const { alpaca, universe, venue, inputs } = await opened()
  venue.state.trouble = (method) => (method === 'POST' ? 'book-then-hang' : undefined)
  const order = orderOf(universe, 'sma-1-1')
  const commands = [{ type: 'submit', order }] as const
  const sent = alpaca.broker.execute({ venue: ALPACA, kind: 'submit', commands })
  await venue.world.run(100)
  venue.fill(venue.orders[0]!, 10).say()
  await venue.world.run(100)
  assert.deepEqual(told(inputs).slice(1), ['filled sma-1-1 10'])
  assert.equal(codeOf((await settled(venue.world, sent))[0]), 'outcome-unknown')
})

test('a replace without an answer is found by the id that it would have', async () => {
  const { run, universe, venue, alpaca } = await opened()
  await run({ type: 'submit', order: orderOf(universe, 'sma-1-1') })
  venue.state.trouble = (method) => (method === 'PATCH' ? 'book-then-502' : undefined)
  const [answer] = await run({
    type: 'amend',
    id: idOf('sma-1-1'),
    symbol: symbolId(0),
    qty: universe.at(symbolId(0)).qty(5),
  })
  assert.equal(codeOf(answer), 'outcome-unknown')
  venue.state.trouble = () => undefined
  const found = await settled(venue.world, alpaca.broker.lookup(idOf('sma-1-1')))
  assert.ok(found.ok && found.value?.clientId === 'sma-1-1~2')
})

test('after a restart with an empty memory, cancels the venue order that works now', async () => {
  const venue = venueOf()
  const first = await opened(venue)
  await first.run({ type: 'submit', order: orderOf(first.universe, 'sma-1-1') })
  await first.run({
    type: 'amend',
    id: idOf('sma-1-1'),
    symbol: symbolId(0),
    limit: first.universe.at(symbolId(0)).px(101),
  })
  await settled(venue.world, first.alpaca.close())

  const second = await opened(venue)
  const report = await settled(venue.world, second.alpaca.broker.report())
  assert.ok(report.ok && report.value.orders[0]!.id === idOf('sma-1-1'))
  const [answer] = await second.run({ type: 'cancel', id: idOf('sma-1-1'), symbol: symbolId(0) })
  assert.deepEqual(answer, { ok: true, value: { venueId: venue.orders[1]!.id } })

  const third = await opened(venue)
  const [late] = await third.run({ type: 'cancel', id: idOf('sma-1-1'), symbol: symbolId(0) })
  assert.equal(codeOf(late), 'bad-request')
})

test('F022: a cancel of a filled order is refused, and sends nothing else', async () => {
  const { run, universe, venue } = await opened()
  await run({ type: 'submit', order: orderOf(universe, 'sma-1-1') })
  venue.fill(venue.orders[0]!, 10)
  const [answer] = await run({ type: 'cancel', id: idOf('sma-1-1'), symbol: symbolId(0) })
  assert.equal(codeOf(answer), 'bad-request')
  assert.deepEqual(venue.requests.slice(-1), [`DELETE /v2/orders/${venue.orders[0]!.id}`])
})

test('F026: what was filled and canceled while the stream was down comes with the next connection, once', async () => {
  const { run, universe, venue, inputs } = await opened()
  await run(
    { type: 'submit', order: orderOf(universe, 'sma-1-1') },
    { type: 'submit', order: orderOf(universe, 'sma-1-2') },
  )
  const before = venue.fill(venue.orders[0]!, 4)
  before.say()
  await venue.world.run(100)
  venue.sockets.at(-1)!.abort()
  await venue.world.run(100)
  venue.fill(venue.orders[0]!, 6)
  venue.orders[1]!.status = 'canceled'
  await venue.world.until(
    () => told(inputs).filter((line) => line === 'venue.up').length === 2,
    60_000,
  )
  before.say()
  await venue.world.run(100)
  assert.deepEqual(told(inputs), [
    'venue.up',
    'filled sma-1-1 4',
    'venue.down',
    'filled sma-1-1 6',
    'order.canceled sma-1-2',
    'venue.up',
  ])
})

test('F026: a cut of the trading stream without a close is found within 15 s, and what was missed comes once', async () => {
  const { run, universe, venue, inputs } = await opened()
  await run({ type: 'submit', order: orderOf(universe, 'sma-1-1') })
  const link = venue.world.link('engine', 'venue.test')
  const cutAt = venue.world.timeline.now
  link.halfOpen()
  venue.fill(venue.orders[0]!, 10).say()
  await venue.world.until(() => told(inputs).includes('venue.down'), 60_000)
  assert.ok(venue.world.timeline.now - cutAt <= 15_000, `${venue.world.timeline.now - cutAt} ms`)
  await venue.world.until(() => told(inputs).at(-1) === 'venue.up', 30_000)
  assert.deepEqual(told(inputs), ['venue.up', 'venue.down', 'filled sma-1-1 10', 'venue.up'])
})

test('the trading stream is in safe mode after ten failures, and comes back when it is cleared', async () => {
  const { venue, alpaca, inputs, troubles } = await opened()
  const link = venue.world.link('engine', 'venue.test')
  link.partition()
  venue.sockets.at(-1)!.abort()
  await venue.world.run(3_600_000)
  assert.match(troubles.join(), /^trade updates are in safe mode until a person clears it/)
  link.heal()
  const before = venue.sockets.length
  await venue.world.run(3_600_000)
  assert.equal(venue.sockets.length, before)
  assert.equal(told(inputs).at(-1), 'venue.down')

  alpaca.clear()
  await venue.world.run(5_000)
  assert.equal(venue.sockets.length, before + 1)
  assert.equal(told(inputs).at(-1), 'venue.up')
})

test('reads every page of orders and fills', async () => {
  const { venue, alpaca } = await opened()
  const body = { symbol: 'AAPL', qty: '2', side: 'buy', type: 'limit', time_in_force: 'day' }
  for (let i = 0; i < 600; i++) venue.book({ ...body, client_order_id: `p-${i}` })
  for (const order of venue.orders) venue.fill(order, 1)
  const report = await settled(venue.world, alpaca.broker.report())
  assert.ok(report.ok)
  assert.equal(report.value.orders.length, 600)
  assert.equal(new Set(report.value.orders.map(({ id }) => id)).size, 600)
  assert.equal(report.value.fills.length, 600)
})

test('a position of crypto is found without its slash, a short one is negative, one that is unknown is named', async () => {
  const { venue, alpaca } = await opened()
  venue.state.positions = [
    { symbol: 'BTCUSD', qty: '0.5', side: 'long', avg_entry_price: '60000.5' },
    { symbol: 'AAPL', qty: '7', side: 'short', avg_entry_price: '187.3' },
    { symbol: 'GME', qty: '1', side: 'long', avg_entry_price: '20' },
  ]
  const report = await settled(venue.world, alpaca.broker.report())
  assert.ok(report.ok)
  assert.deepEqual(report.value.positions, [
    { symbol: 1, qty: 0.5, avgPrice: 60000.5, dust: 0.0002 },
    { symbol: 0, qty: -7, avgPrice: 187.3 },
  ])
  assert.deepEqual(alpaca.broker.strangers, ['GME'])
  assert.deepEqual(report.value.account, { equity: 100000.5, cash: 50000, buyingPower: 200000 })
})

test('a report is all or nothing', async () => {
  const { venue, alpaca } = await opened()
  venue.state.positions = [{ symbol: 'AAPL', qty: 'NaN', side: 'long', avg_entry_price: '1' }]
  const report = await settled(venue.world, alpaca.broker.report())
  assert.equal(codeOf(report), 'corrupt-data')
})

test('an event that nobody knows is told to whoever reconciles, an order that is not ours as external', async () => {
  const { run, universe, venue, troubles, inputs, alpaca } = await opened()
  await run({ type: 'submit', order: orderOf(universe, 'sma-1-1') })
  venue.update('quantum_leap', venue.orders[0]!)
  venue.update('trade_bust', venue.orders[0]!)
  venue.update('new', {
    ...venue.orders[0]!,
    id: 'other',
    client_order_id: '5b5d3d67-06ad-4ffa-af65-a117d0fc5a59',
  })
  venue.sockets[0]!.send('{"stream":')
  await venue.world.run(100)
  assert.equal(troubles.length, 2)
  const { unknown, busts, foreign } = alpaca.orders.counts
  assert.deepEqual({ unknown, busts, foreign }, { unknown: 1, busts: 1, foreign: 1 })
  // Unknown counts as open: its exposure stays.
  assert.deepEqual(told(inputs), ['venue.up', 'order.accepted sma-1-1', 'external'])
})

test('a purchase of coins counts without its fee and ends as canceled, for the stream, for reports and after a gap', async () => {
  const { venue, alpaca, inputs, run, universe } = await opened()
  const btc = universe.at(symbolId(1))
  const [qty, limit] = [btc.qty(1), btc.px(100)]
  const order = orderOf(universe, 'sma-1-9', { symbol: btc.id, qty, limit, tif: 'gtc' })
  await run({ type: 'submit', order })
  const booked = venue.orders[0]!
  const first = venue.fill(booked, 0.4)
  const last = venue.fill(booked, 0.6)
  first.say()
  last.say()
  last.say()
  await venue.world.run(100)
  const counted = ['filled sma-1-9 0.3989', 'filled sma-1-9 0.5985', 'order.canceled sma-1-9']
  const stream = told(inputs).filter((line) => !line.startsWith('venue'))
  assert.deepEqual([...new Set(stream)], counted)
  const paid = inputs.map((input) =>
    input.type === 'order.filled' ? input.qty * input.price + input.fee : 0,
  )
  assert.equal(Math.round(paid.reduce((sum, one) => sum + one, 0) * 1e6) / 1e6, 100)

  venue.state.positions = [
    { symbol: 'BTCUSD', qty: '0.9975', side: 'long', avg_entry_price: '100' },
  ]
  const report = await settled(venue.world, alpaca.broker.report())
  assert.ok(report.ok)
  const [one] = report.value.orders
  assert.deepEqual([one?.filled, one?.open, one?.ended], [0.9974, false, 'canceled'])
  assert.deepEqual(
    report.value.fills.map((fill) => fill.qty),
    [0.3989, 0.5985],
  )
  const [held] = report.value.positions
  assert.equal(held?.qty, 0.9975)
  // Two lots, and what both purchases leave where the fee was lower: what of them is not counted.
  assert.equal(Math.round((held?.dust ?? NaN) * 1e4) / 1e4, 0.0002 + 0.0026)

  const after = await opened(venue, { adopt: [{ ...order, venueId: booked.id, phase: 'open' }] })
  venue.sockets.at(-1)?.close()
  await venue.world.run(60_000)
  const mended = told(after.inputs).filter((line) => !line.startsWith('venue'))
  assert.deepEqual([...new Set(mended)], counted)
})
