// The other categories of Bybit on the wire of the local venue: inverse contracts, options, and spot, which is watched.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Input } from '../src/core/input.ts'
import { applyFill, FLAT, type Position, realisedProfit } from '../src/core/position.ts'
import { sign } from '../src/core/order.ts'
import type { Context } from '../src/strategy/index.ts'
import { Bench } from './bybit/bench.ts'
import { LiveRun } from './bybit/live.ts'

const SECOND = 1_000
const isNear = (actual: number, expected: number): void =>
  assert.ok(Math.abs(actual - expected) < 1e-7, `${actual}, not ${expected}`)

/** What all fills that were told add up to. */
function heldIn(bench: Bench, symbol: number): Position {
  const instrument = bench.universe.all[symbol]!
  const sides = new Map(bench.account.orders.map(({ linkId, side }) => [linkId, side]))
  let position = FLAT
  for (const input of bench.inputs) {
    if (input.type !== 'order.filled') continue
    const signedQty = sign(sides.get(input.id)!) * input.qty
    position = applyFill(position, { signedQty, price: input.price, fee: input.fee }, instrument)
  }
  return position
}

test('an inverse contract is dollars: its value, its margin, its fee and its profit are coins', async (t) => {
  const bench = await Bench.start(t, {
    category: 'inverse',
    prices: { BTCUSD: 50_000 },
    adapter: { coin: 'BTC' },
    local: { cash: 1 },
  })
  const [instrument] = bench.universe.all
  const [buy] = bench.orders(1, { type: 'market', tif: 'ioc', qty: 10_000 })
  const [taken] = await bench.submit([buy!])
  await bench.run(30 * SECOND)
  const held = await bench.report()
  const [sell] = bench.orders(1, { type: 'market', tif: 'ioc', qty: 10_000, side: 'sell' })
  await bench.submit([{ ...sell!, reduceOnly: true }])
  await bench.run(30 * SECOND)
  const flat = await bench.report()

  assert(taken?.ok, JSON.stringify(taken))
  assert.deepEqual([instrument?.isInverse, instrument?.spec.currency], [true, 'BTC'])
  const [position] = held.positions
  assert.equal(position?.qty, 10_000)
  isNear(position.avgPrice, 50_000.01)
  // 0.2 coins of value, a tenth of them bound, and 0.055 % of fee; the touch is a cent above the print.
  const fee = (10_000 / 50_000.01) * 0.000_55
  const open = 10_000 / 50_000.01 - 10_000 / 50_000
  isNear(held.account.cash, 1 - fee)
  isNear(held.account.equity, 1 - fee + open)
  isNear(held.account.buyingPower, 1 - fee + open - 0.02)
  const profit = 10_000 / 50_000.01 - 10_000 / 49_999.99
  const fees = fee + (10_000 / 49_999.99) * 0.000_55
  isNear(flat.account.cash, 1 + profit - fees)
  assert.deepEqual(flat.positions, [])
  isNear(realisedProfit(heldIn(bench, 0)), profit)
})

test('an inverse run of another coin does not begin', async (t) => {
  const prices = { BTCUSD: 50_000 }
  const bench = await Bench.start(t, { category: 'inverse', prices, adapter: { coin: 'BTC' } })
  const other = await Bench.start(t, {
    category: 'inverse',
    prices: { ETHUSD: 3_000 },
    adapter: { coin: 'ETH' },
  })
  assert.equal(bench.universe.all[0]?.spec.currency, 'BTC')
  assert.equal(other.universe.all[0]?.spec.currency, 'ETH')
  await assert.rejects(
    Bench.start(t, { category: 'inverse', prices, adapter: { coin: 'ETH' } }),
    /BTCUSD is paid in BTC, the account counts in ETH/,
  )
})

const OPTIONS = { 'BTC-27MAR26-70000-C-USDT': 900, 'ETH-27MAR26-3000-P-USDT': 80 }

test('options are paid for in full, have a position, and no stops, bars or one-way mode', async (t) => {
  const bench = await Bench.start(t, { category: 'option', prices: OPTIONS })
  const [call, put] = bench.universe.all
  const [buy] = bench.orders(1, { type: 'market', tif: 'ioc', qty: 3 })
  const [stop] = bench.orders(1, { type: 'stop', stop: 950, qty: 1 })
  const [taken] = await bench.submit([buy!])
  const [refused] = await bench.submit([stop!])
  await bench.run(3 * SECOND)
  const report = await bench.report()
  const bars = await bench.world.settled(bench.venue.feed.subscribe('bars', [call!.id]))

  assert.deepEqual(call?.spec.option, {
    underlying: 'BTC',
    right: 'call',
    strike: 70_000,
    expiry: Date.UTC(2026, 2, 27, 8),
  })
  assert.equal(put?.spec.option?.right, 'put')
  assert(taken?.ok)
  assert(refused !== undefined && !refused.ok)
  assert.match(refused.fault.message, /bybit has no stop order of an option/)
  const paid = 3 * 900.01
  assert.deepEqual(
    report.positions.map(({ symbol, qty, avgPrice }) => [symbol, qty, avgPrice]),
    [[call.id, 3, 900.01]],
  )
  isNear(report.account.cash, 100_000 - paid - paid * 0.000_55)
  assert.ok(!bars.ok && bars.fault.message.includes('streams no bars of an option'))
})

test('trades of options come by coin, and each is its own; books have 25 levels', async (t) => {
  const prices = { ...OPTIONS, 'BTC-27MAR26-80000-C-USDT': 400 }
  const bench = await Bench.start(t, { category: 'option', prices })
  const [first, second, third] = bench.universe.all.map(({ id }) => id)
  const { feed } = bench.venue
  const trades = await bench.world.settled(feed.subscribe('trades', [first!, second!]))
  const quotes = await bench.world.settled(feed.subscribe('quotes', [first!, third!]))
  await bench.run(5 * SECOND)
  const told = (of: Input['type']) =>
    new Set(
      bench.inputs.flatMap((input) =>
        input.type === of && input.type === 'trade'
          ? [input.trade.symbol]
          : input.type === of && input.type === 'quote'
            ? [input.quote.symbol]
            : [],
      ),
    )
  const before = bench.inputs.length
  await bench.world.settled(feed.unsubscribe([first!]))
  await bench.run(5 * SECOND)
  const after = bench.inputs.slice(before).filter(({ type }) => type === 'trade')

  assert.ok(trades.ok && quotes.ok)
  assert.deepEqual(told('trade'), new Set([first, second]))
  assert.deepEqual(told('quote'), new Set([first, third]))
  assert.ok(after.length > 0)
  const asked = bench.local.venue.audit.frames.map(({ text }) => text).join()
  for (const topic of ['publicTrade.BTC"', 'publicTrade.ETH"', 'orderbook.25.BTC-27MAR26-80000-C'])
    assert.ok(asked.includes(topic), topic)
})

test('a batch of twenty options costs one of the quota', async (t) => {
  const bench = await Bench.start(t, { category: 'option', prices: OPTIONS })
  const orders = bench.orders(60, { limit: 500, qty: 1 })
  const began = bench.world.now
  const taken = await bench.submit(orders)

  assert.ok(taken.every(({ ok }) => ok))
  assert.deepEqual(bench.sizesOf('/v5/order/create-batch'), [20, 20, 20])
  assert.ok(bench.world.now - began < SECOND, `${bench.world.now - began} ms`)
  assert.equal(bench.venue.statistics.limited, 0)
  const canceled = await bench.world.settled(bench.venue.broker.cancelAll())
  assert.deepEqual(canceled, { ok: true, value: 60 })
})

const SPOT = { category: 'spot', prices: { AAAUSDT: 100, BBBUSDT: 50 } } as const
const market = { type: 'market', tif: 'ioc' } as const

test('a purchase in spot pays its fee in coins: lots that are whole are held, the rest is dust', async (t) => {
  const bench = await Bench.start(t, SPOT)
  const [pair] = bench.universe.all
  const [buy] = bench.orders(1, { ...market, qty: 300 })
  const [taken] = await bench.submit([buy!])
  await bench.run(5 * SECOND)
  const held = await bench.report()

  assert(taken?.ok, JSON.stringify(taken))
  assert.deepEqual([pair?.kind, pair?.spec.currency, pair?.lotSize], ['crypto', 'USDT', 1])
  // 0.055 % of 300 coins are 0.165: 299 lots are whole.
  const [position] = held.positions
  assert.equal(position?.qty, 299)
  // Less than the smallest order, and what this purchase has left.
  isNear(position.dust!, 5 / 100 + 0.835)
  isNear(held.account.cash, 100_000 - 300 * 100.01)
  isNear(held.account.equity, 100_000 - 300 * 100.01 + 299.835 * 100)
  const types = bench.said(buy!.id).map(({ type }) => type)
  assert.deepEqual(types, ['order.accepted', 'order.filled', 'order.canceled'])
  const ours = heldIn(bench, 0)
  assert.equal(ours.qty, 299)
  // What was paid is what the lots cost and the fee, so the cash of both agrees.
  const [fill] = bench.inputs.filter((input) => input.type === 'order.filled')
  isNear(299 * fill!.price + fill!.fee, 300 * 100.01)
  const [order] = held.orders
  assert.deepEqual([order?.filled, order?.open, order?.ended], [299, false, 'canceled'])
  assert.deepEqual(
    held.fills.map(({ id, qty }) => [id, qty]),
    [[fill!.fill, 299]],
  )
})

test('a sale in spot takes what is there, pays in money, and an open one locks its coins', async (t) => {
  const bench = await Bench.start(t, SPOT)
  const [buy] = bench.orders(1, { ...market, qty: 300 })
  await bench.submit([buy!])
  await bench.run(5 * SECOND)
  const [rest] = bench.orders(1, { side: 'sell', qty: 200, limit: 150 })
  const [more] = bench.orders(1, { side: 'sell', qty: 100, limit: 150 })
  const [rested] = await bench.submit([rest!])
  const [refused] = await bench.submit([more!])
  await bench.cancel([rest!])
  await bench.run(SECOND)
  const before = (await bench.report()).account.cash
  const [exit] = bench.orders(1, { ...market, side: 'sell', qty: 299 })
  const [sold] = await bench.submit([{ ...exit!, reduceOnly: true }])
  await bench.run(5 * SECOND)
  const flat = await bench.report()

  assert(rested?.ok && sold?.ok, JSON.stringify([rested, sold]))
  assert.ok(refused?.ok === false && refused.fault.message.includes('170131'))
  const types = bench.said(exit!.id).map(({ type }) => type)
  assert.deepEqual(types, ['order.accepted', 'order.filled'])
  isNear(flat.account.cash, before + 299 * 99.99 * (1 - 0.000_55))
  assert.equal(heldIn(bench, 0).qty, 0)
  // 0.835 coins are left, no lot.
  assert.deepEqual(
    flat.positions.map(({ qty }) => qty),
    [0],
  )
  const [owed] = await bench.submit(
    bench.orders(1, { ...market, qty: 1 }).map((order) => ({ ...order, reduceOnly: true })),
  )
  assert.ok(owed?.ok === false && owed.fault.message.includes('no purchase that reduces in spot'))
})

test('fills of a purchase in spot count the same for the stream, for reports and after a restart', async (t) => {
  const bench = await Bench.start(t, SPOT)
  // 500 are shown a second: three executions.
  const [buy] = bench.orders(1, { ...market, qty: 1_200, symbol: 1 })
  await bench.submit([buy!])
  await bench.run(10 * SECOND)
  const told = bench.inputs.flatMap((input) =>
    input.type === 'order.filled' ? [`${input.fill} ${input.qty}`] : [],
  )
  const { fills, orders } = await bench.report()
  bench.die()
  const opened = await bench.connect()
  const after = await bench.report()

  assert.ok(opened.ok)
  assert.equal(told.length, 3)
  const qtys = (list: typeof fills) => new Set(list.map(({ id, qty }) => `${id} ${qty}`))
  assert.deepEqual(qtys(fills), new Set(told))
  assert.deepEqual(qtys(after.fills), new Set(told))
  // 1,200 × (1 − 0.00055) = 1,199.34.
  assert.equal(
    fills.reduce((sum, { qty }) => sum + qty, 0),
    1_199,
  )
  assert.deepEqual([orders[0]?.filled, after.orders[0]?.filled], [1_199, 1_199])
})

test('batches of spot hold ten orders, and bars of its pairs are streamed', async (t) => {
  const fast = { ordersPerSecond: 100 } as const
  const local = { limits: { orders: 100 } } as const
  const bench = await Bench.start(t, { ...SPOT, adapter: fast, local })
  const taken = await bench.submit(bench.orders(25, { qty: 1 }))
  await bench.world.settled(bench.venue.feed.subscribe('bars', [bench.universe.all[0]!.id]))
  await bench.run(125 * SECOND)

  assert.ok(taken.every(({ ok }) => ok))
  assert.deepEqual(bench.sizesOf('/v5/order/create-batch'), [10, 10, 5])
  assert.ok(bench.inputs.some(({ type }) => type === 'bar'))
})

test('of a coin that nobody tells the worth of, no more than its fees is dust', async (t) => {
  const unvalued = (_path: string, body: string): string =>
    body.replaceAll(/"usdValue":"[^"]*"/g, '"usdValue":""')
  const bench = await Bench.start(t, { ...SPOT, spoil: unvalued })
  await bench.submit(bench.orders(1, { ...market, qty: 300 }))
  await bench.run(5 * SECOND)
  const { positions } = await bench.report()

  assert.equal(positions[0]?.qty, 299)
  isNear(positions[0].dust!, 0.835)
})

test('the dust of many purchases in spot halts no symbol, also after a restart', async (t) => {
  const act = (context: Context): void => {
    if (context.position.qty === 0) context.buy({ qty: 3 })
    else context.close()
  }
  const run = await LiveRun.start(t, {
    category: 'spot',
    priceAt: () => 100,
    act,
    isCue: (second) => second % 30 === 10,
  })
  await run.runTo(1_200)
  run.kill()
  await run.start()
  await run.runTo(2_525)

  const { ours } = run.live.engine
  assert.equal(run.orders.length, 2 * 42)
  assert.deepEqual([run.told, ours.halts], [[], []])
  // Of each of 42 purchases of 3 coins 0.00165 are missing, so 2 are held and 0.99835 are left.
  const [dust] = ours.dust.values()
  assert.ok(dust! >= 39, `${dust} are known`)
})
