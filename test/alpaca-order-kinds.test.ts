// Every kind of order that Alpaca has, from the adapter over the wire to the local venue; and those it has not.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { venueId } from '../src/core/brand.ts'
import type { Order } from '../src/core/order.ts'
import { ms } from '../src/core/time.ts'
import { Universe } from '../src/core/universe.ts'
import { type SystemIo, systemIo } from '../src/io/system.ts'
import type { AlpacaServer } from '../src/simulators/alpaca/index.ts'
import { order } from '../src/testing/builders.ts'
import { AlpacaVenue } from '../src/venues/alpaca/venue.ts'
import type { Extras } from '../src/venues/alpaca/wire.ts'
import { KEY, START, startVenue, SYMBOLS, until } from './alpaca/local.ts'

type Wish = NonNullable<Parameters<typeof order>[0]>
type Case = readonly [
  name: string,
  symbol: string,
  wish: Wish,
  extras: Extras,
  expected: Readonly<Record<string, unknown>>,
]

const STOCK = 'AAPL'
const COIN = 'BTC/USD'
const limit = { type: 'limit', limit: 10 } as const
/** Coins cost thousands, and an order of them at least 10. */
const coinLimit = { type: 'limit', limit: 1_000, qty: 0.02 } as const
const stop = { type: 'stop', stop: 5_000 } as const
const stopLimit = { type: 'stop-limit', stop: 5_000, limit: 5_001 } as const

const TAKEN: readonly Case[] = [
  ...(['day', 'gtc', 'ioc', 'fok'] as const).map((tif): Case => [
    `market ${tif}`,
    STOCK,
    { tif },
    {},
    { type: 'market', tif },
  ]),
  ...(['day', 'gtc', 'ioc', 'fok'] as const).map((tif): Case => [
    `limit ${tif}`,
    STOCK,
    { ...limit, tif },
    {},
    { type: 'limit', tif, limit: 10 },
  ]),
  ...(['day', 'gtc'] as const).flatMap((tif): Case[] => [
    [`stop ${tif}`, STOCK, { ...stop, tif }, {}, { type: 'stop', tif, stop: 5_000 }],
    [
      `stop-limit ${tif}`,
      STOCK,
      { ...stopLimit, tif },
      {},
      { type: 'stop_limit', tif, limit: 5_001 },
    ],
    [
      `trailing by money ${tif}`,
      STOCK,
      { ...stop, tif },
      { trail: { price: 2 } },
      { type: 'trailing_stop', tif, trailPrice: 2 },
    ],
    [
      `trailing by percent ${tif}`,
      STOCK,
      { ...stop, tif },
      { trail: { percent: 1.5 } },
      { type: 'trailing_stop', tif, trailPercent: 1.5 },
    ],
    [
      `limit ${tif} in the extended hours`,
      STOCK,
      { ...limit, tif },
      { isExtendedHours: true },
      { type: 'limit', tif, extendedHours: true },
    ],
  ]),
  ...(['opg', 'cls'] as const).flatMap((auction): Case[] => [
    [`market ${auction}`, STOCK, {}, { auction }, { type: 'market', tif: auction }],
    [`limit ${auction}`, STOCK, limit, { auction }, { type: 'limit', tif: auction, limit: 10 }],
  ]),
  ...(['gtc', 'ioc'] as const).flatMap((tif): Case[] => [
    [`a coin at the market ${tif}`, COIN, { qty: 1, tif }, {}, { type: 'market', tif, qty: 1 }],
    [`a coin at a limit ${tif}`, COIN, { ...coinLimit, tif }, {}, { type: 'limit', tif }],
    [
      `a coin by stop-limit ${tif}`,
      COIN,
      { ...stopLimit, stop: 5_000, limit: 5_001, qty: 1, tif },
      {},
      { type: 'stop_limit', tif },
    ],
  ]),
]

const REFUSED: readonly (readonly [string, string, Wish, Extras])[] = [
  ['stop ioc', STOCK, { ...stop, tif: 'ioc' }, {}],
  ['stop-limit fok', STOCK, { ...stopLimit, tif: 'fok' }, {}],
  ['post-only', STOCK, { ...limit, postOnly: true }, {}],
  ['a trailing limit', STOCK, limit, { trail: { price: 2 } }],
  ['a trailing stop ioc', STOCK, { ...stop, tif: 'ioc' }, { trail: { price: 2 } }],
  ['a stop to an auction', STOCK, stop, { auction: 'cls' }],
  ['a market order in the extended hours', STOCK, {}, { isExtendedHours: true }],
  ['limit ioc in the extended hours', STOCK, { ...limit, tif: 'ioc' }, { isExtendedHours: true }],
  ['a fraction of a share', STOCK, { ...limit, qty: 0.5 }, {}],
  ['a fraction of a cent', STOCK, { ...limit, limit: 10.001 }, {}],
  ['a coin by stop', COIN, { ...stop, qty: 0.01, tif: 'gtc' }, {}],
  ['a coin for the day', COIN, { ...coinLimit, tif: 'day' }, {}],
  ['a coin fok', COIN, { ...coinLimit, tif: 'fok' }, {}],
  ['a coin by trailing stop', COIN, { ...stop, qty: 0.01, tif: 'gtc' }, { trail: { price: 2 } }],
  ['a coin to an auction', COIN, coinLimit, { auction: 'opg' }],
  ['a coin in the extended hours', COIN, coinLimit, { isExtendedHours: true }],
]

describe('orders of the adapter at the local Alpaca', () => {
  let server: AlpacaServer
  let io: SystemIo
  let venue: AlpacaVenue
  const universe = new Universe()
  let extras: Extras = {}
  let ids = 0

  before(async () => {
    server = await startVenue({ cash: 10_000_000, limits: { tradingPerMinute: 10_000 } })
    await server.advance(60_000)
    io = systemIo({ seed: 1 })
    venue = new AlpacaVenue({
      io: { ...io, now: () => ms(START + 60_000) },
      keys: KEY,
      symbols: SYMBOLS,
      universe,
      hosts: {
        trading: server.urls.rest,
        data: server.urls.rest,
        stream: server.urls.dataStream,
        orders: server.urls.tradingStream,
      },
      tradesPerMinute: 10_000,
      extrasOf: () => extras,
    })
    const opened = await venue.open(() => {})
    assert.ok(opened.ok, JSON.stringify(opened))
    for (const spec of opened.value) universe.add(spec)
  })
  after(async () => {
    await venue.close()
    await io.close()
    await server.stop()
  })

  const orderOf = (symbol: string, wish: Wish): Order =>
    order({ id: `kinds-k-${(++ids).toString(36)}`, symbol: universe.find(symbol)!.id, ...wish })
  const submit = async (entry: Order, ...legs: readonly Order[]) => {
    const command = { type: 'submit', order: entry, ...(legs.length > 0 ? { legs } : {}) } as const
    const batch = { venue: venueId('alpaca'), kind: 'submit', commands: [command] } as const
    const [taken] = await venue.broker.execute(batch)
    return taken!
  }
  const find = ({ id }: Order) => server.venue.accounts[0]!.findByClientId(id)
  /** Cancels what works, so that no order meets another of the account. */
  const clear = async (): Promise<void> => {
    const headers = { 'APCA-API-KEY-ID': KEY.key, 'APCA-API-SECRET-KEY': KEY.secret }
    await fetch(`${server.urls.rest}/v2/orders`, { method: 'DELETE', headers })
    const account = server.venue.accounts[0]!
    await until(() => account.open.size === 0, 'all is canceled', { server, stepMs: 50 })
  }

  for (const [name, symbol, wish, more, expected] of TAKEN) {
    it(`leave as ${name}`, async () => {
      extras = more
      const sent = orderOf(symbol, wish)
      const taken = await submit(sent)

      assert.ok(taken.ok, JSON.stringify(taken))
      const found = find(sent)
      assert.ok(found !== undefined, 'the venue has it under our id')
      const there = Object.fromEntries(
        Object.keys(expected).map((key) => [key, Reflect.get(found, key) as unknown]),
      )
      assert.deepEqual(there, expected)
      await clear()
    })
  }

  for (const [name, symbol, wish, more] of REFUSED) {
    it(`are refused here, without a request: ${name}`, async () => {
      extras = more
      const requests = server.audit.requests.length
      const taken = await submit(orderOf(symbol, wish))

      assert.ok(!taken.ok && ['unsupported', 'bad-request'].includes(taken.fault.code))
      assert.equal(server.audit.requests.length, requests)
    })
  }

  it('leave as a bracket, an OTO with a stop and an OTO with a target', async () => {
    extras = {}
    const price = server.venue.market.price(STOCK)
    const [below, above] = [Math.floor(price * 0.5), Math.ceil(price * 1.5)]
    const way = { side: 'sell', tif: 'gtc' } as const
    const legs = {
      stop: { ...way, role: 'stop', type: 'stop', stop: below },
      target: { ...way, role: 'target', type: 'limit', limit: above },
    } as const
    for (const [names, expected] of [
      [['stop', 'target'], 'bracket'],
      [['stop'], 'oto'],
      [['target'], 'oto'],
    ] as const) {
      const entry = orderOf(STOCK, { tif: 'gtc', role: 'entry' })
      const group = { group: entry.id }
      const taken = await submit(
        entry,
        ...names.map((name) => orderOf(STOCK, { ...legs[name], ...group })),
      )

      assert.ok(taken.ok, JSON.stringify(taken))
      assert.equal(find(entry)?.class, expected)
      assert.equal(find(entry)?.legs.length, names.length)
      await clear()
    }
    const coin = orderOf(COIN, { qty: 0.01, tif: 'gtc', role: 'entry' })
    const refused = await submit(coin, orderOf(COIN, { ...legs.stop, qty: 0.01, group: coin.id }))
    assert.ok(!refused.ok && refused.fault.code === 'unsupported', JSON.stringify(refused))
    // One time in force travels for all three.
    const day = orderOf(STOCK, { tif: 'day', role: 'entry' })
    const mixed = await submit(day, orderOf(STOCK, { ...legs.stop, group: day.id }))
    assert.ok(!mixed.ok && /not day and gtc/.test(mixed.fault.message), JSON.stringify(mixed))
  })

  it('leave as an OCO of a position, of which both have our ids', async () => {
    extras = {}
    const entry = orderOf(STOCK, {})
    assert.ok((await submit(entry)).ok)
    await until(() => find(entry)?.filled === 10, 'the entry is filled', { server, stepMs: 500 })
    const price = server.venue.market.price(STOCK)
    const way = { side: 'sell', tif: 'gtc' } as const
    const target = orderOf(STOCK, { ...way, type: 'limit', limit: Math.ceil(price * 1.5) })
    const stopOrder = orderOf(STOCK, { ...way, type: 'stop', stop: Math.floor(price * 0.5) })
    const taken = await venue.broker.submitOco(target, stopOrder)

    assert.ok(taken.ok, JSON.stringify(taken))
    assert.equal(find(target)?.class, 'oco')
    const report = await venue.broker.report()
    assert.ok(report.ok, JSON.stringify(report))
    const open = report.value.orders.filter((one) => one.open).map(({ id }) => id)
    assert.deepEqual(new Set(open), new Set([target.id, stopOrder.id]))
    await clear()
  })
})
