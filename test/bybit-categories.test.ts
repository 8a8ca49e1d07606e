// The other categories of Bybit on the wire of the local venue: inverse contracts, options, and spot, which is watched.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Input } from '../src/core/input.ts'
import { applyFill, FLAT, type Position, realisedProfit } from '../src/core/position.ts'
import { sign } from '../src/core/order.ts'
import { Bench } from './bybit/bench.ts'

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

test('pairs of spot are watched, and not traded', async (t) => {
  const prices = { AAAUSDT: 100 }
  const adapter = { isWatchedOnly: true } as const
  const bench = await Bench.start(t, { category: 'spot', prices, adapter })
  const [pair] = bench.universe.all
  await bench.world.settled(bench.venue.feed.subscribe('bars', [pair!.id]))
  await bench.run(125 * SECOND)

  assert.deepEqual([pair?.kind, pair?.spec.currency], ['crypto', 'USDT'])
  assert.ok(bench.inputs.some(({ type }) => type === 'bar'))
  await assert.rejects(Bench.start(t, { category: 'spot', prices }), /is watched only/)
})
