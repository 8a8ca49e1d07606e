// Witnesses: clients that others wrote place, replace, cancel and read against the local Alpaca.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { marketData, streaming, trading } from '@alpacahq/alpaca-trade-api'
import { alpaca, InsufficientFunds } from 'ccxt'
import type { AlpacaServer } from '../src/simulators/alpaca/index.ts'
import { KEY, START, startVenue, until } from './alpaca/local.ts'

describe('@alpacahq/alpaca-trade-api against the local Alpaca', () => {
  let server: AlpacaServer
  let configuration: trading.Configuration
  let orders: trading.OrdersApi

  before(async () => {
    server = await startVenue()
    configuration = new trading.Configuration({
      basePath: server.urls.rest,
      keyId: KEY.key,
      secret: KEY.secret,
      // Its timer would outlive the test.
      timeoutMs: 0,
    })
    orders = new trading.OrdersApi(configuration)
  })
  after(() => server.stop())

  it('reads account, clock, calendar and assets', async () => {
    const account = await new trading.AccountsApi(configuration).getAccount()
    const clock = await new trading.ClockApi(configuration).legacyClock()
    const days = await new trading.CalendarApi(configuration).legacyCalendar({
      start: new Date(START),
      end: new Date(START + 7 * 86_400_000),
    })
    const assets = await new trading.AssetsApi(configuration).getV2Assets({
      assetClass: 'us_equity',
    })

    assert.equal(account.cash, '100000')
    assert.equal(account.buyingPower, '200000')
    assert.equal(clock.isOpen, true)
    assert.equal(days[0]?.open, '09:30')
    assert.deepEqual(
      assets.map(({ symbol }) => symbol),
      ['AAPL', 'MSFT', 'SPY'],
    )
  })

  it('places, replaces, finds and cancels an order', async () => {
    const placed = await orders.postOrder({
      postOrderRequest: {
        symbol: 'AAPL',
        qty: '3',
        side: 'buy',
        type: 'limit',
        timeInForce: 'day',
        limitPrice: '20.5',
        clientOrderId: 'witness-1',
      },
    })
    await server.advance(5)
    const replaced = await orders.patchOrderByOrderId({
      orderId: placed.id!,
      patchOrderRequest: { qty: '4', limitPrice: '21', clientOrderId: 'witness-2' },
    })
    await server.advance(5)
    const found = await orders.getOrderByClientOrderId({ clientOrderId: 'witness-2' })
    const old = await orders.getOrderByOrderID({ orderId: placed.id! })
    await orders.deleteOrderByOrderID({ orderId: found.id! })
    await server.advance(5)
    const [last] = await orders.getAllOrders({ status: 'closed', limit: 1 })

    assert.equal(placed.status, 'pending_new')
    assert.equal(replaced.replaces, placed.id)
    assert.equal(old.status, 'replaced')
    assert.equal(old.replacedBy, found.id)
    assert.deepEqual([found.status, found.qty, found.limitPrice], ['new', '4', '21'])
    assert.deepEqual([last?.id, last?.status], [found.id, 'canceled'])
  })

  it('fills a market order, shows the position, and closes it', async () => {
    const positions = new trading.PositionsApi(configuration)
    const request = {
      symbol: 'SPY',
      qty: '10',
      side: 'buy',
      type: 'market',
      timeInForce: 'day',
    } as const
    await orders.postOrder({ postOrderRequest: request })
    await server.advance(60_000)
    const held = await positions.getOpenPosition({ symbolOrAssetId: 'SPY' })
    await positions.deleteOpenPosition({ symbolOrAssetId: 'SPY' })
    await server.advance(60_000)
    const left = await positions.getAllOpenPositions()
    const activities = await new trading.AccountActivitiesApi(configuration).getAccountActivities({
      activityTypes: ['FILL'],
    })

    assert.equal(held.qty, '10')
    assert.deepEqual(left, [])
    assert.equal(activities.length, 2)
  })

  it('hears orders on the trading stream', async () => {
    const heard: string[] = []
    const stream = new streaming.TradingStream({
      credentials: { keyId: KEY.key, secret: KEY.secret },
      url: server.urls.tradingStream,
    })
    let isListening = false
    stream.onTradeUpdate(({ event }) => heard.push(String(event)))
    stream.on(streaming.EVENT.SUBSCRIPTION, () => (isListening = true))
    stream.subscribeTradeUpdates()
    stream.connect()
    await until(() => isListening, 'the stream listens')
    const request = {
      symbol: 'MSFT',
      qty: '1',
      side: 'buy',
      type: 'market',
      timeInForce: 'day',
    } as const
    await orders.postOrder({ postOrderRequest: request })
    await until(() => heard.includes('fill'), 'the fill is heard', { server, stepMs: 1_000 })
    stream.disconnect()

    assert.deepEqual(heard, ['pending_new', 'new', 'fill'])
  })

  it('hears trades, quotes and bars on the data stream, in msgpack', async () => {
    const heard = new Map<string, number>()
    const count = (kind: string) => () => heard.set(kind, (heard.get(kind) ?? 0) + 1)
    const stream = new streaming.StockDataStream({
      credentials: { keyId: KEY.key, secret: KEY.secret },
      url: `${server.urls.dataStream}/v2/iex`,
    })
    let subscribed: readonly string[] = []
    let stamp = ''
    stream.onTrade((trade) => (stamp = trade.timestampRaw ?? ''))
    stream.onTrade(count('trade')).onQuote(count('quote')).onBar(count('bar'))
    stream.on(streaming.EVENT.SUBSCRIPTION, () => (subscribed = stream.getSubscriptions().bars))
    stream.subscribeForTrades(['AAPL', 'SPY'])
    stream.subscribeForQuotes(['AAPL'])
    stream.subscribeForBars(['AAPL', 'SPY'])
    stream.connect()
    await until(() => subscribed.length === 2, 'both are subscribed')
    await until(() => (heard.get('bar') ?? 0) >= 4, 'bars are heard', { server, stepMs: 10_000 })
    stream.disconnect()

    assert.ok((heard.get('trade') ?? 0) > 10)
    assert.ok((heard.get('quote') ?? 0) > 5)
    assert.match(stamp, /^2026-01-07T15:\d\d:\d\d\.\d{9}Z$/)
  })

  it('pages through bars of several symbols to the end', async () => {
    const data = new marketData.StockApi(
      new marketData.Configuration({
        basePath: server.urls.rest,
        keyId: KEY.key,
        secret: KEY.secret,
        timeoutMs: 0,
      }),
    )
    const query = {
      symbols: 'SPY,AAPL',
      timeframe: '5Min',
      start: new Date(START - 30 * 60_000),
      end: new Date(START),
      limit: 5,
    }
    const bars: string[] = []
    let pageToken: string | undefined
    do {
      const page = await data.stockBars({
        ...query,
        ...(pageToken === undefined ? {} : { pageToken }),
      })
      for (const [symbol, rows] of Object.entries(page.bars))
        bars.push(...rows.map((bar) => `${symbol} ${String(bar.t).slice(11, 16)}`))
      pageToken = page.nextPageToken ?? undefined
    } while (pageToken !== undefined)
    const snapshots = await data.stockSnapshots({ symbols: 'AAPL,SPY' })

    const times = ['14:30', '14:35', '14:40', '14:45', '14:50', '14:55', '15:00']
    assert.deepEqual(
      bars,
      ['AAPL', 'SPY'].flatMap((symbol) => times.map((time) => `${symbol} ${time}`)),
    )
    assert.ok((snapshots['SPY']?.latestTrade?.p ?? 0) > 0)
  })
})

describe('ccxt against the local Alpaca', () => {
  let server: AlpacaServer
  let exchange: alpaca

  before(async () => {
    server = await startVenue()
    const { rest } = server.urls
    exchange = new alpaca({ apiKey: KEY.key, secret: KEY.secret, enableRateLimit: false })
    exchange.urls['api'] = { trader: rest, market: rest, broker: rest }
  })
  after(() => server.stop())

  it('places, edits, cancels and reads', async () => {
    const market = await exchange.loadMarkets()
    const placed = await exchange.createOrder('BTC/USD', 'limit', 'buy', 2, 10)
    await server.advance(5)
    const edited = await exchange.editOrder(String(placed.id), 'BTC/USD', 'limit', 'buy', 3, 11)
    await server.advance(5)
    const open = await exchange.fetchOpenOrders('BTC/USD')
    await exchange.cancelOrder(String(edited.id))
    await server.advance(5)
    const canceled = await exchange.fetchOrder(String(edited.id))

    assert.ok(market['BTC/USD'] !== undefined)
    assert.deepEqual(
      open.map(({ id, amount, price }) => [id, amount, price]),
      [[edited.id, 3, 11]],
    )
    assert.equal(canceled.status, 'canceled')
  })

  it('buys at the market, and reads its trades and candles', async () => {
    await exchange.createOrder('BTC/USD', 'market', 'buy', 1)
    await server.advance(60_000)
    const trades = await exchange.fetchMyTrades('BTC/USD')
    const balance = await exchange.fetchBalance()
    const candles = await exchange.fetchOHLCV('BTC/USD', '1m', START - 300_000, 5)
    const book = await exchange.fetchOrderBook('BTC/USD')

    assert.equal(
      trades.reduce((sum, { amount }) => sum + (amount ?? 0), 0),
      1,
    )
    assert.ok((balance['USD']?.total ?? 0) < 100_000)
    assert.equal(candles.length, 5)
    assert.ok((book.bids[0]?.[0] ?? 0) < (book.asks[0]?.[0] ?? 0))
  })

  it('is told in its own words what the venue refuses', async () => {
    const order = exchange.createOrder('BTC/USD', 'limit', 'buy', 1_000_000, 100)

    await assert.rejects(order, InsufficientFunds)
  })
})
