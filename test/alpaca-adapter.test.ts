// The adapter against the local venue that speaks Alpaca, on real sockets.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { orderId, venueId } from '../src/core/brand.ts'
import type { Input } from '../src/core/input.ts'
import type { Trade } from '../src/core/market.ts'
import type { Order } from '../src/core/order.ts'
import { ms } from '../src/core/time.ts'
import { Universe } from '../src/core/universe.ts'
import { type ServerOptions, withCoins } from '../src/simulators/alpaca/index.ts'
import { madeSymbols, silentTape } from '../src/simulators/past.ts'
import { systemIo } from '../src/io/system.ts'
import { type AlpacaOptions, AlpacaVenue } from '../src/venues/alpaca/venue.ts'
import { KEY, START, startVenue, SYMBOLS, until } from './alpaca/local.ts'

const MINUTE = 60_000

async function connected(
  changes: Partial<AlpacaOptions> = {},
  market: Partial<ServerOptions> = {},
) {
  const server = await startVenue(market)
  const io = systemIo({ seed: 1 })
  const universe = new Universe()
  const inputs: Input[] = []
  const troubles: string[] = []
  const state = { now: START }
  const venue = new AlpacaVenue({
    io: { ...io, now: () => ms(state.now) },
    keys: KEY,
    symbols: SYMBOLS,
    universe,
    hosts: {
      trading: server.urls.rest,
      data: server.urls.rest,
      stream: server.urls.dataStream,
      orders: server.urls.tradingStream,
    },
    limits: { subscribe: { batch: 2, everyMs: 1, total: 30 } },
    onTrouble: (why) => troubles.push(why),
    ...changes,
  })
  const opened = await venue.open((input) => inputs.push(input))
  assert.ok(opened.ok, JSON.stringify(opened))
  for (const spec of opened.value) universe.add(spec)
  /** Moves the venue's time, and ours with it. */
  const advance = async (deltaMs: number): Promise<void> => {
    state.now += deltaMs
    await server.advance(deltaMs)
  }
  const close = async (): Promise<void> => {
    await venue.close()
    await io.close()
    await server.stop()
  }
  const has = (type: Input['type'], count = 1): boolean =>
    inputs.filter((input) => input.type === type).length >= count
  return { server, venue, universe, inputs, troubles, advance, close, has, io }
}

function limitOrder(
  universe: Universe,
  id: string,
  changes: { readonly limit: number; readonly qty: number },
): Order {
  const aapl = universe.find('AAPL')!
  return {
    id: orderId(id),
    strategy: 'test',
    symbol: aapl.id,
    side: 'buy',
    type: 'limit',
    qty: aapl.qty(changes.qty),
    limit: aapl.px(changes.limit),
    tif: 'day',
    phase: 'sent',
    filled: aapl.qty(0),
    avgPrice: 0,
    createdAt: ms(START),
    updatedAt: ms(START),
  }
}

test('asks for the assets of a large universe in one request, and for what is not listed by itself', async (t) => {
  const shares = madeSymbols(60)
  const symbols = [...shares, 'BTC/USD', 'ETH/USD']
  const { server, venue, close } = await connected(
    { symbols },
    { tape: withCoins(silentTape(symbols)) },
  )
  t.after(close)
  const asked = () =>
    server.venue.audit.requests
      .map(({ path, query }) => `${path}?${query}`)
      .filter((request) => request.startsWith('/v2/assets'))
  const list = '/v2/assets?status=active&asset_class=us_equity'
  const coins = ['/v2/assets/BTC/USD?', '/v2/assets/ETH/USD?']
  assert.deepEqual(asked(), [list, ...coins])

  const looked = await Array.fromAsync(venue.history.assetsOf([...shares, 'GONE']))

  assert.deepEqual(asked(), [list, ...coins, list, '/v2/assets/GONE?'])
  assert.deepEqual(
    looked.map(([symbol, asset]) => [symbol, asset.ok ? asset.value.symbol : asset.fault.code]),
    [...shares.map((symbol) => [symbol, symbol]), ['GONE', 'not-found']],
  )
})

for (const codec of ['json', 'msgpack'] as const) {
  test(`streams trades, quotes and closed bars of ${codec}, stocks and crypto apart`, async () => {
    const { venue, universe, inputs, advance, close, has } = await connected({ codec })
    const ids = universe.all.map(({ id }) => id)
    for (const kind of ['bars', 'trades', 'quotes'] as const) {
      const result = await venue.feed.subscribe(kind, ids)
      assert.ok(result.ok, JSON.stringify(result))
    }
    for (let i = 0; i < 6; i++) await advance(MINUTE / 2)
    await until(() => has('bar', 4) && has('trade', 10), 'bars and trades came')
    const bars = inputs.filter((input) => input.type === 'bar')
    assert.deepEqual(new Set(bars.map(({ bar }) => bar.start % MINUTE)), new Set([0]))
    const { corrupt, malformed, refused, strangers, forming } = venue.feed.counts
    assert.deepEqual(
      { corrupt, malformed, refused, strangers, forming },
      { corrupt: 0, malformed: 0, refused: 0, strangers: 0, forming: 0 },
    )
    await close()
  })
}

test('trades of minutes that form are heard beside the bars, and are no inputs but where they are subscribed', async (t) => {
  const heard: Trade[] = []
  const onTrade = (trade: Trade): number => heard.push(trade)
  const { venue, universe, inputs, advance, close, has } = await connected({ onTrade })
  t.after(close)
  const ids = universe.all.map(({ id }) => id)
  assert.ok((await venue.feed.subscribe('bars', ids)).ok)
  for (let i = 0; i < 4; i++) await advance(MINUTE / 2)
  await until(() => has('bar', 2) && heard.length > 10, 'bars came, and trades beside them')
  assert.ok(!has('trade'), 'a trade that nobody subscribed is no input')

  assert.ok((await venue.feed.subscribe('trades', ids)).ok)
  const before = heard.length
  await advance(MINUTE / 2)
  await until(() => has('trade', 5), 'trades came')
  const told = inputs.flatMap((input) => (input.type === 'trade' ? [input.trade] : []))
  const later = heard.slice(before)
  assert.deepEqual(
    told.map(({ symbol, ts, price, size }) => ({ symbol, ts, price, size })),
    later.slice(later.length - told.length),
  )
})

test('tells what it trades before it is open, as when it is, and asks for coins alone', async () => {
  const { server, venue, universe, close } = await connected()
  const asked = (): number =>
    server.audit.requests.filter(({ path }) => path.startsWith('/v2/assets/')).length
  const before = asked()
  const told = await venue.instruments()

  assert.ok(told.ok)
  assert.deepEqual(
    told.value,
    universe.all.map(({ spec }) => spec),
  )
  const coins = told.value.filter(({ kind }) => kind === 'crypto')
  assert.ok(coins.length > 0 && coins.length < SYMBOLS.length)
  assert.equal(asked() - before, coins.length)
  await close()
})

test('places, replaces, cancels and reports, and the stream tells the same', async () => {
  const { server, venue, universe, inputs, close, has } = await connected()
  const moving = { server, stepMs: 20 }
  const aapl = universe.find('AAPL')!
  const order = limitOrder(universe, 'test-1-1', { limit: 1, qty: 10 })
  const execute = (command: Parameters<typeof venue.broker.execute>[0]['commands'][number]) =>
    venue.broker.execute({ venue: venueId('alpaca'), kind: command.type, commands: [command] })

  const [placed] = await execute({ type: 'submit', order })
  assert.ok(placed?.ok, JSON.stringify(placed))
  await until(() => has('order.accepted'), 'the order was accepted', moving)
  const [changed] = await execute({
    type: 'amend',
    id: order.id,
    symbol: aapl.id,
    limit: aapl.px(2),
    qty: aapl.qty(12),
  })
  assert.ok(changed?.ok, JSON.stringify(changed))
  await until(() => has('order.amended'), 'the order was amended', moving)
  const amended = inputs.find((input) => input.type === 'order.amended')
  assert.deepEqual([amended?.id, amended?.qty, amended?.limit], [order.id, 12, 2])
  const report = await venue.broker.report()
  assert.ok(report.ok, JSON.stringify(report))
  assert.deepEqual(
    report.value.orders.map(({ id, venueId, qty, limit, open }) => [id, venueId, qty, limit, open]),
    [[order.id, changed.value.venueId, 12, 2, true]],
  )
  const [again] = await execute({ type: 'submit', order })
  assert.ok(again?.ok, JSON.stringify(again))
  const [canceled] = await execute({ type: 'cancel', id: order.id, symbol: aapl.id })
  assert.ok(canceled?.ok, JSON.stringify(canceled))
  await until(() => has('order.canceled'), 'the order was canceled', moving)
  await close()
})

test('books each fill of a market order once, and the report agrees', async () => {
  const { venue, universe, inputs, close, advance, has } = await connected()
  const { limit: _none, ...rest } = limitOrder(universe, 'test-1-1', { limit: 1, qty: 10 })
  const order: Order = { ...rest, type: 'market' }
  const [placed] = await venue.broker.execute({
    venue: venueId('alpaca'),
    kind: 'submit',
    commands: [{ type: 'submit', order }],
  })
  assert.ok(placed?.ok, JSON.stringify(placed))
  await advance(5_000)
  await until(() => has('order.filled'), 'the order was filled')
  await advance(5_000)
  const report = await venue.broker.report()
  assert.ok(report.ok, JSON.stringify(report))
  const fills = inputs.filter((input) => input.type === 'order.filled')
  const sum = fills.reduce((total, { qty }) => total + qty, 0)
  assert.equal(sum, 10)
  assert.deepEqual(
    report.value.fills.map(({ id }) => id).toSorted(),
    fills.map(({ fill }) => fill).toSorted(),
  )
  assert.deepEqual(
    report.value.positions.map(({ symbol, qty }) => [symbol, qty]),
    [[order.symbol, 10]],
  )
  await close()
})

test('reads history, snapshots, clock, calendar and assets', async () => {
  const { venue, close } = await connected()
  const bars = []
  for await (const page of venue.history.bars({
    symbols: SYMBOLS,
    timeframe: '1m',
    from: ms(START - 30 * MINUTE),
    to: ms(START),
  })) {
    assert.ok(page.ok, JSON.stringify(page))
    bars.push(...page.value.bars)
  }
  assert.ok(bars.length > 30, `${bars.length} bars`)
  const snapshots = await venue.history.snapshots(SYMBOLS)
  assert.ok(snapshots.ok && snapshots.value.size > 0, JSON.stringify(snapshots))
  const clock = await venue.history.clock()
  assert.ok(clock.ok && clock.value.isOpen, JSON.stringify(clock))
  const days = await venue.history.calendar({ start: '2026-01-05', end: '2026-01-09' })
  assert.ok(days.ok && days.value.length > 0, JSON.stringify(days))
  const assets = await venue.history.assets('us_equity')
  assert.ok(assets.ok && assets.value.length > 0, JSON.stringify(assets))
  await close()
})
