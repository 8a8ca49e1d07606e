// Faults that are Alpaca's own: statuses, replaces, binary frames, and keys of the wrong account. Rows F073 to F075, F083, F482,
// F483 and F523.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { symbolId } from '../../src/core/brand.ts'
import { equitySpec } from '../../src/core/instrument.ts'
import { DAY, iso, ms } from '../../src/core/time.ts'
import { Universe } from '../../src/core/universe.ts'
import { VirtualWorld } from '../../src/io/virtual.ts'
import { generatedMarket } from '../../src/simulators/alpaca/index.ts'
import { generateTape } from '../../src/simulators/market.ts'
import { ALPACA } from '../../src/venues/alpaca/broker.ts'
import { AlpacaVenue } from '../../src/venues/alpaca/venue.ts'
import { codeOf, idOf, opened, orderOf, settled, told } from '../alpaca/booking.ts'
import { KEY, START } from '../alpaca/local.ts'
import { HOSTS, VirtualAlpaca } from '../alpaca/virtual.ts'

/** What an event with a status says of our order: the input that follows, where one does. */
const EVENTS: readonly (readonly [
  event: string,
  status: string,
  input: string,
  isKnown?: false,
])[] = [
  ['pending_new', 'pending_new', ''],
  ['new', 'new', 'order.accepted'],
  ['accepted', 'accepted', 'order.accepted'],
  ['held', 'held', 'order.accepted'],
  ['accepted_for_bidding', 'accepted_for_bidding', 'order.accepted'],
  ['calculated', 'calculated', 'order.accepted'],
  ['restated', 'new', 'order.accepted'],
  ['stopped', 'stopped', ''],
  ['suspended', 'suspended', ''],
  ['pending_cancel', 'pending_cancel', ''],
  ['pending_replace', 'pending_replace', ''],
  ['order_cancel_rejected', 'new', 'cancel.rejected'],
  ['order_replace_rejected', 'new', 'cancel.rejected'],
  // Done for the day only: it works again tomorrow.
  ['done_for_day', 'done_for_day', ''],
  ['done_for_day', 'canceled', 'order.expired'],
  ['canceled', 'canceled', 'order.canceled'],
  ['expired', 'expired', 'order.expired'],
  ['rejected', 'rejected', 'order.rejected'],
  ['quantum_leap', 'new', 'order.accepted', false],
  ['new', 'entangled', 'order.accepted', false],
  ['quantum_leap', 'entangled', 'order.accepted', false],
]

for (const [event, status, input, isKnown = true] of EVENTS) {
  test(`F073 the event ${event} of an order that is ${status} gives ${input || 'nothing'}`, async () => {
    const { run, universe, venue, inputs, troubles, alpaca } = await opened()
    await run({ type: 'submit', order: orderOf(universe, 'sma-1-1') })
    const order = venue.orders[0]!
    inputs.splice(0)
    order.status = status
    venue.update(event, order)
    await venue.world.run(100)
    const report = await settled(venue.world, alpaca.broker.report())
    const isDone = ['order.canceled', 'order.expired', 'order.rejected'].includes(input)

    assert.deepEqual(told(inputs), input === '' ? [] : [`${input} sma-1-1`])
    assert.equal(troubles.length, isKnown ? 0 : 1, troubles.join())
    // What nobody knows counts as open: that keeps its exposure.
    assert.ok(report.ok)
    assert.deepEqual(
      report.value.orders.map(({ open }) => open),
      [!isDone],
    )
  })
}

for (const [what, message] of [
  ['too little buying power', 'insufficient buying power'],
  ['a pattern of day trades', 'trade denied due to pattern day trading protection'],
] as const) {
  test(`F073 an order that is refused for ${what} is rejected, and not sent again`, async () => {
    const { run, universe, venue } = await opened()
    venue.state.trouble = (method) =>
      method === 'POST'
        ? { status: 403, body: JSON.stringify({ code: 40310000, message }) }
        : undefined
    const [answer] = await run({ type: 'submit', order: orderOf(universe, 'sma-1-1') })
    await venue.world.run(60_000)

    assert.equal(answer?.ok, false)
    assert.notEqual(codeOf(answer), 'outcome-unknown')
    assert.match(answer.ok ? '' : answer.fault.message, new RegExp(message))
    assert.equal(venue.requests.filter((line) => line === 'POST /v2/orders').length, 1)
  })
}

test('F482 an order that is refused with the code of a duplicate, for another reason, is rejected at once', async () => {
  const { run, universe, venue } = await opened()
  const message = 'us_equity orders not allowed for account'
  venue.state.trouble = (method) =>
    method === 'POST'
      ? { status: 422, body: JSON.stringify({ code: 40010001, message }) }
      : undefined

  const [answer] = await run({ type: 'submit', order: orderOf(universe, 'sma-1-1') })

  assert.equal(codeOf(answer), 'bad-request')
  assert.match(JSON.stringify(answer), new RegExp(message))
})

test('F074 a replace keeps our order, asks for what is left, and counts fills of both venue orders', async () => {
  const { run, universe, venue, inputs, alpaca } = await opened()
  await run({ type: 'submit', order: orderOf(universe, 'sma-1-1') })
  const old = venue.orders[0]!
  venue.fill(old, 4).say()
  await venue.world.run(100)

  const [answer] = await run({
    type: 'amend',
    id: idOf('sma-1-1'),
    symbol: symbolId(0),
    limit: universe.at(symbolId(0)).px(101),
  })

  const next = venue.orders[1]!
  assert.deepEqual(answer, { ok: true, value: { venueId: next.id } })
  assert.deepEqual(venue.bodies[1], { client_order_id: 'sma-1-1~2', qty: '6', limit_price: '101' })
  venue.update('replaced', old)
  venue.update('new', next)
  venue.update('replaced', old)
  venue.fill(next, 6).say()
  await venue.world.run(100)
  assert.deepEqual(told(inputs).slice(1), [
    'filled sma-1-1 4',
    'order.accepted sma-1-1',
    'amended sma-1-1 10 101',
    'order.accepted sma-1-1',
    'filled sma-1-1 6',
  ])
  const report = await settled(venue.world, alpaca.broker.report())
  assert.ok(report.ok)
  assert.deepEqual(
    report.value.orders.map(({ id, venueId, qty, filled, open }) => [
      id,
      venueId,
      qty,
      filled,
      open,
    ]),
    [['sma-1-1', next.id, 10, 10, false]],
  )
  assert.deepEqual(
    report.value.fills.map(({ order, qty }) => [order, qty]),
    [
      [next.id, 4],
      [next.id, 6],
    ],
  )
})

/** Every order in which the stream may tell a fill of the old order, the replace, and a fill of the new one. */
const RACES: readonly (readonly string[])[] = [
  ['old fill', 'replaced', 'new', 'new fill'],
  ['replaced', 'old fill', 'new', 'new fill'],
  ['replaced', 'new', 'old fill', 'new fill'],
  ['new', 'replaced', 'old fill', 'new fill'],
  ['new', 'new fill', 'replaced', 'old fill'],
  ['new fill', 'new', 'old fill', 'replaced'],
]

for (const race of RACES) {
  test(`F074 the quantity is right where the stream tells ${race.join(', ')}`, async () => {
    const { run, universe, venue, inputs } = await opened()
    await run({ type: 'submit', order: orderOf(universe, 'sma-1-1') })
    const old = venue.orders[0]!
    const limit = universe.at(symbolId(0)).px(101)
    await run({ type: 'amend', id: idOf('sma-1-1'), symbol: symbolId(0), limit })
    const next = venue.orders[1]!
    const status = old.status
    // Filled in the moment before it was replaced.
    const oldFill = venue.fill(old, 4)
    old.status = status
    next.qty = '6'
    const newFill = venue.fill(next, 6)
    const says: Readonly<Record<string, () => void>> = {
      'old fill': oldFill.say,
      'new fill': newFill.say,
      replaced: () => venue.update('replaced', old),
      new: () => venue.update('new', { ...next, status: 'new' }),
    }
    for (const what of [...race, ...race]) {
      says[what]!()
      await venue.world.run(10)
    }
    const fills = inputs.filter((input) => input.type === 'order.filled')

    assert.deepEqual(fills.map(({ id, qty }) => `${id} ${qty}`).toSorted(), [
      'sma-1-1 4',
      'sma-1-1 6',
    ])
  })
}

test('F075 trade updates are read as text and as bytes', async () => {
  const { run, universe, venue, inputs, alpaca } = await opened()
  await run({ type: 'submit', order: orderOf(universe, 'sma-1-1') })
  const data = (event: string) => ({
    stream: 'trade_updates',
    data: { event, order: venue.orders[0] },
  })
  venue.sockets[0]!.send(JSON.stringify(data('new')))
  venue.sockets[0]!.send(Buffer.from(JSON.stringify(data('canceled'))))
  await venue.world.run(100)

  assert.deepEqual(told(inputs), ['venue.up', 'order.accepted sma-1-1', 'order.canceled sma-1-1'])
  assert.equal(alpaca.orders.counts.malformed, 0)
})

async function startAt(changes: {
  readonly isLive?: boolean
  readonly symbols?: readonly string[]
  readonly keys?: { readonly key: string; readonly secret: string }
}) {
  const world = new VirtualWorld({ seed: 1, startAt: ms(START) })
  const market = { seed: 3, symbols: ['AAPL'], start: ms(START - 86_400_000), sessions: 1 }
  const tape = generateTape({ ...market, kind: 'trades' })
  const served = VirtualAlpaca.serve(world, { tape, startAt: START, keys: [KEY] })
  const alpaca = await settled(world, served)
  const venue = new AlpacaVenue({
    io: world.node('engine'),
    keys: KEY,
    symbols: ['AAPL'],
    universe: new Universe(),
    hosts: HOSTS,
    ...changes,
  })
  const result = await settled(
    world,
    venue.open(() => {}),
  )
  const { requests, frames } = alpaca.venue.audit
  await settled(world, venue.close())
  alpaca.stop()
  return { result, paths: requests.map(({ path }) => path), frames: frames.length }
}

test('F083 the account says itself whether it is paper, and one that is not what was meant is refused', async () => {
  const meant = await startAt({ isLive: false })
  const swapped = await startAt({ isLive: true })
  const wrong = await startAt({ isLive: false, keys: { ...KEY, secret: 'of-the-live-account' } })

  assert.equal(codeOf(meant.result), 'ok')
  assert.equal(codeOf(swapped.result), 'unauthorized')
  assert.match(JSON.stringify(swapped.result), /is a paper account, and a live one was meant/)
  assert.equal(codeOf(wrong.result), 'unauthorized')
  // Nothing was asked for beyond that, and no stream was opened.
  assert.deepEqual([swapped.paths, swapped.frames], [['/v2/account'], 0])
  assert.deepEqual([wrong.paths, wrong.frames], [['/v2/account'], 0])
})

test('F483 the day of a coin is not over when that of shares is', async (t) => {
  const startAt = Date.UTC(2026, 0, 7, 22)
  const world = new VirtualWorld({ seed: 1, startAt: ms(startAt) })
  const market = { seed: 3, symbols: ['AAPL', 'BTC/USD'], startAt: ms(startAt), days: 2 }
  const served = VirtualAlpaca.serve(world, {
    ...generatedMarket({ ...market, isAlwaysOpen: false }),
    startAt,
    keys: [KEY],
  })
  const alpaca = await settled(world, served)
  t.after(() => alpaca.stop())
  const coin = { ...equitySpec('BTC/USD', ALPACA), kind: 'crypto' } as const
  const universe = new Universe([equitySpec('AAPL', ALPACA), coin])
  const io = world.node('engine')
  const { history } = new AlpacaVenue({ io, keys: KEY, symbols: [], universe, hosts: HOSTS })
  const days: string[] = []
  const read = async (): Promise<void> => {
    const span = { from: ms(startAt - DAY), to: ms(startAt) }
    for await (const page of history.bars({ symbols: market.symbols, timeframe: '1d', ...span })) {
      assert.ok(page.ok)
      for (const { symbol, start } of page.value.bars)
        days.push(`${universe.at(symbol).symbol} ${iso(start).slice(0, 10)}`)
    }
  }

  await settled(world, read())

  // It is 17:00 in New York, and 22:00 where the day of a coin ends.
  assert.deepEqual(days, ['AAPL 2026-01-07'])
})

test('F523 a universe with an option ends the start, before anything is asked for', async () => {
  const symbols = ['AAPL', 'AAPL260116C00250000']
  const { result, paths } = await startAt({ symbols })
  const world = new VirtualWorld({ seed: 1 })
  const io = world.node('engine')
  const venue = new AlpacaVenue({ io, keys: KEY, symbols, universe: new Universe(), hosts: HOSTS })
  const specs = await venue.instruments()

  for (const told of [result, specs]) {
    assert.equal(codeOf(told), 'unsupported')
    assert.match(JSON.stringify(told), /AAPL260116C00250000: options are not traded at alpaca here/)
  }
  assert.deepEqual(paths, [])
})
