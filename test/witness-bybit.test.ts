// Witnesses: clients that others wrote place, amend, cancel, batch and listen against the local Bybit.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { RestClientV5, WebsocketAPIClient, WebsocketClient } from 'bybit-api'
import { bybit, InsufficientFunds, pro } from 'ccxt'
import { ms } from '../src/core/time.ts'
import type { BybitServer } from '../src/simulators/bybit/index.ts'
import { KEY, startVenue, until } from './bybit/local.ts'

/** Clients stamp by the clock of the machine, so the venue shows it. */
const live = () => startVenue({ startAt: ms(Date.now()), speed: 1 })
const QUIET = { trace: () => {}, info: () => {}, error: () => {} }
/** Far below any price of the market. */
const FAR = { orderType: 'Limit', price: '1', side: 'Buy', timeInForce: 'PostOnly' } as const

describe('bybit-api against the local Bybit', () => {
  let server: BybitServer
  let client: RestClientV5
  const closing: (() => void)[] = []

  before(async () => {
    server = await live()
    client = new RestClientV5({ ...KEY, baseUrl: server.urls.rest })
  })
  after(async () => {
    for (const close of closing) close()
    await server.stop()
  })

  it('reads time, instruments, book, tickers, klines and trades', async () => {
    const time = await client.getServerTime()
    const instruments = await client.getInstrumentsInfo({ category: 'linear' })
    const book = await client.getOrderbook({ category: 'linear', symbol: 'BTCUSDT', limit: 5 })
    const tickers = await client.getTickers({ category: 'linear' })
    const klines = await client.getKline({
      category: 'linear',
      symbol: 'BTCUSDT',
      interval: '5',
      limit: 3,
    })

    assert.ok(Math.abs(Number(time.result.timeSecond) * 1_000 - Date.now()) < 5_000)
    assert.deepEqual(
      instruments.result.list.map(({ symbol }) => symbol),
      ['BTCUSDT', 'ETHUSDT', 'SOLUSDT'],
    )
    const { a: asks, b: bids } = book.result
    assert.deepEqual([asks.length, bids.length], [5, 5])
    assert.ok(Number(bids[0]?.[0]) < Number(asks[0]?.[0]))
    assert.equal(tickers.result.list.length, 3)
    const starts = klines.result.list.map(([start]) => Number(start))
    assert.deepEqual(
      starts,
      starts.toSorted((one, other) => other - one),
    )
    assert.equal(starts.length, 3)
  })

  it('places, amends, finds and cancels an order', async () => {
    const placed = await client.submitOrder({
      category: 'linear',
      symbol: 'BTCUSDT',
      qty: '10',
      orderLinkId: 'witness-1',
      ...FAR,
    })
    await until(() => server.venue.accounts[0]!.open.size === 1, 'it is there')
    const amended = await client.amendOrder({
      category: 'linear',
      symbol: 'BTCUSDT',
      orderLinkId: 'witness-1',
      price: '1.5',
    })
    const [order] = server.venue.accounts[0]!.open
    await until(() => order?.price === 1.5, 'it is amended')
    const open = await client.getActiveOrders({ category: 'linear', settleCoin: 'USDT' })
    await client.cancelOrder({ category: 'linear', symbol: 'BTCUSDT', orderLinkId: 'witness-1' })
    await until(() => order?.status === 'Cancelled', 'it is canceled')
    const past = await client.getHistoricOrders({ category: 'linear' })
    const again = await client.cancelOrder({
      category: 'linear',
      symbol: 'BTCUSDT',
      orderLinkId: 'witness-1',
    })

    assert.equal(placed.result.orderLinkId, 'witness-1')
    assert.deepEqual([amended.retCode, amended.result.orderId], [0, placed.result.orderId])
    assert.deepEqual(
      open.result.list.map(({ orderId, price, qty }) => [orderId, price, qty]),
      [[placed.result.orderId, '1.5', '10']],
    )
    assert.equal(past.result.list[0]?.orderStatus, 'Cancelled')
    assert.equal(again.retCode, 110010)
  })

  it('places a batch with one item that fails, amends and cancels it', async () => {
    const items = ['batch-1', 'batch-2', 'batch-1'].map((orderLinkId) => ({
      symbol: 'ETHUSDT',
      qty: '10',
      orderLinkId,
      ...FAR,
    }))
    const placed = await client.batchSubmitOrders('linear', items)
    await until(() => server.venue.accounts[0]!.open.size === 2, 'two are there')
    const amended = await client.batchAmendOrders('linear', [
      { symbol: 'ETHUSDT', orderLinkId: 'batch-1', qty: '12' },
      { symbol: 'ETHUSDT', orderLinkId: 'batch-9', qty: '12' },
    ])
    const canceled = await client.batchCancelOrders('linear', [
      { symbol: 'ETHUSDT', orderLinkId: 'batch-1' },
      { symbol: 'ETHUSDT', orderLinkId: 'batch-2' },
    ])
    await until(() => server.venue.accounts[0]!.open.size === 0, 'none is left')

    const codes = (answer: { retExtInfo: unknown }) =>
      (answer.retExtInfo as { list: { code: number }[] }).list.map(({ code }) => code)
    assert.deepEqual([placed.retCode, codes(placed)], [0, [0, 0, 110072]])
    assert.deepEqual(codes(amended), [0, 110001])
    assert.deepEqual(codes(canceled), [0, 0])
  })

  it('hears books and its own orders on the streams, and enters an order over the socket', async () => {
    const heard: string[] = []
    const listen = (wsUrl: string) => {
      const stream = new WebsocketClient({ ...KEY, wsUrl }, QUIET)
      stream.on('update', ({ topic, type }: { topic: string; type?: string }) =>
        heard.push(`${topic} ${type ?? ''}`.trim()),
      )
      stream.on('exception', () => heard.push('exception'))
      closing.push(() => stream.closeAll(true))
      return stream
    }
    void listen(server.urls.publicStream).subscribeV5(['orderbook.50.BTCUSDT'], 'linear')
    void listen(server.urls.privateStream).subscribeV5(['order', 'execution', 'wallet'], 'linear')
    const subscribed = (stream: string) =>
      server.audit.frames.some(
        (frame) => frame.stream === stream && /"success":true.*"op":"subscribe"/.test(frame.text),
      )
    await until(() => subscribed('data') && subscribed('trading'), 'both listen')
    const entry = new WebsocketAPIClient({ ...KEY, wsUrl: server.urls.tradeStream }, QUIET)
    closing.push(() => entry.getWSClient().closeAll(true))
    const placed = await entry.submitNewOrder({
      category: 'linear',
      symbol: 'BTCUSDT',
      side: 'Buy',
      orderType: 'Market',
      qty: '1',
      orderLinkId: 'socket-1',
    })
    server.nemesis.inject({ on: 'market', fault: 'print', symbol: 'BTCUSDT', price: 100 })
    await until(() => heard.includes('execution'), 'the execution is heard')

    assert.equal(placed.retCode, 0)
    assert.ok(heard.includes('orderbook.50.BTCUSDT snapshot'), heard.join(', '))
    assert.deepEqual(
      [...new Set(heard)].filter((topic) => !topic.startsWith('orderbook')).toSorted(),
      ['execution', 'order', 'wallet'],
    )
  })
})

describe('ccxt against the local Bybit', () => {
  let server: BybitServer
  let exchange: bybit
  let stream: InstanceType<typeof pro.bybit>

  before(async () => {
    server = await live()
    const { rest } = server.urls
    const keys = { apiKey: KEY.key, secret: KEY.secret, enableRateLimit: false }
    const api = { public: rest, private: rest, spot: rest, futures: rest, v2: rest }
    exchange = new bybit(keys)
    exchange.urls['api'] = api
    exchange.has['fetchCurrencies'] = false
    stream = new pro.bybit(keys)
    const { publicStream, privateStream, tradeStream } = server.urls
    stream.urls['api'] = {
      ...api,
      ws: {
        public: { spot: publicStream, inverse: publicStream, linear: publicStream },
        private: { spot: {}, contract: privateStream, usdc: privateStream, trade: tradeStream },
      },
    }
    stream.has['fetchCurrencies'] = false
    await stream.loadHttpProxyAgent()
  })
  after(async () => {
    await stream.close()
    await server.stop()
  })

  it('places, edits, cancels, batches and reads', async () => {
    await exchange.loadMarkets()
    const symbol = 'BTC/USDT:USDT'
    const placed = await exchange.createOrder(symbol, 'limit', 'buy', 10, 1, { postOnly: true })
    await exchange.editOrder(String(placed.id), symbol, 'limit', 'buy', 11, 1.5)
    const [order] = server.venue.accounts[0]!.open
    await until(() => order?.price === 1.5, 'it is edited')
    const open = await exchange.fetchOpenOrders(symbol)
    const batch = await exchange.createOrders(
      [1, 0.1].map((price) => ({ symbol, type: 'limit', side: 'buy', amount: 10, price })),
    )
    const ids = [placed, batch[0]!].map(({ id }) => String(id))
    await exchange.cancelOrders(ids, symbol)
    await until(() => server.venue.accounts[0]!.open.size === 0, 'none is left')
    const book = await exchange.fetchOrderBook(symbol)
    const candles = await exchange.fetchOHLCV(symbol, '1m', undefined, 5)

    assert.deepEqual(
      open.map(({ id, amount, price }) => [id, amount, price]),
      [[placed.id, 11, 1.5]],
    )
    // 10 at 0.1 are worth less than the venue takes.
    assert.deepEqual(
      batch.map(({ id, info }) => [typeof id, (info as { code?: unknown }).code]),
      [
        ['string', undefined],
        ['undefined', 110094],
      ],
    )
    assert.ok((book.bids[0]?.[0] ?? 0) < (book.asks[0]?.[0] ?? 0))
    assert.equal(candles.length, 5)
  })

  it('is told in its own words what the venue refuses', async () => {
    const order = exchange.createOrder('ETH/USDT:USDT', 'limit', 'buy', 1_000_000, 10)

    await assert.rejects(order, InsufficientFunds)
  })

  it('watches a book that it puts together from snapshot and deltas', async () => {
    const symbol = 'SOL/USDT:USDT'
    await stream.watchOrderBook(symbol)
    server.nemesis.inject({ on: 'market', fault: 'print', symbol: 'SOLUSDT', price: 77 })
    const book = await stream.watchOrderBook(symbol)

    assert.ok((book.bids[0]?.[0] ?? 0) < (book.asks[0]?.[0] ?? 0))
    assert.equal(book.bids.length, 50)
  })
})
