// OpenAPI: every answer of the local Alpaca is as Alpaca's own files say.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { AlpacaServer } from '../src/simulators/alpaca/index.ts'
import { HEADERS, START, startVenue } from './alpaca/local.ts'
import { readSpec, Spec } from './alpaca/schema.ts'

const trading = readSpec('trading')
const data = readSpec('data')
const skip =
  trading === undefined || data === undefined ? 'no OpenAPI files beside this checkout' : false

interface Asked {
  readonly method?: string
  /** The path as in the file; what is in braces is taken from `with`. */
  readonly path: string
  readonly with?: Readonly<Record<string, string>>
  readonly query?: string
  readonly body?: unknown
  readonly status?: number
}

describe('answers of the local Alpaca', { skip }, () => {
  let server: AlpacaServer

  before(async () => {
    const split = { symbol: 'AAPL', exAt: Date.UTC(2026, 0, 6, 5), oldRate: 1, newRate: 4 }
    const reverse = { symbol: 'MSFT', exAt: Date.UTC(2026, 0, 7, 5), oldRate: 10, newRate: 1 }
    server = await startVenue({ splits: [split, reverse] })
  })
  after(() => server.stop())

  async function ask(asked: Asked): Promise<unknown> {
    const { method = 'GET', query = '', body } = asked
    const path = asked.path.replace(/\{(\w+)\}/g, (_all, name: string) => asked.with?.[name] ?? '')
    const init = body === undefined ? {} : { body: JSON.stringify(body) }
    const response = await fetch(`${server.urls.rest}${path}?${query}`, {
      method,
      headers: HEADERS,
      ...init,
    })
    const text = await response.text()
    return {
      status: response.status,
      json: text === '' ? undefined : (JSON.parse(text) as unknown),
    }
  }

  async function check(spec: Spec | undefined, asked: Asked): Promise<unknown> {
    const { status, json } = (await ask(asked)) as { status: number; json: unknown }
    assert.equal(status, asked.status ?? 200, JSON.stringify(json))
    const problems = spec?.problems(asked.method ?? 'GET', asked.path, status, json)
    assert.deepEqual(problems, [], asked.path)
    return json
  }

  const order = {
    symbol: 'AAPL',
    side: 'buy',
    qty: '2',
    type: 'limit',
    time_in_force: 'day',
    limit_price: '30',
  }
  const idOf = (json: unknown): string => (json as { readonly id: string }).id

  it('of account, clock, calendar and assets', async () => {
    await check(trading, { path: '/v2/account' })
    await check(trading, { path: '/v2/account/configurations' })
    await check(trading, { path: '/v2/account/portfolio/history' })
    await check(trading, { path: '/v2/clock' })
    await check(trading, { path: '/v2/calendar', query: 'start=2026-01-01&end=2026-12-31' })
    await check(trading, { path: '/v2/assets' })
    await check(trading, {
      path: '/v2/assets/{symbol_or_asset_id}',
      with: { symbol_or_asset_id: 'BTC/USD' },
    })
  })

  it('of orders of every kind', async () => {
    const post = (body: object) => check(trading, { method: 'POST', path: '/v2/orders', body })
    const prices = {
      take_profit: { limit_price: '900' },
      stop_loss: { stop_price: '20', limit_price: '19' },
    }
    await post(order)
    await post({ ...order, order_class: 'bracket', ...prices })
    await post({ ...order, order_class: 'oto', stop_loss: { stop_price: '20' } })
    await post({ ...order, type: 'stop', limit_price: undefined, stop_price: '900' })
    await post({ ...order, type: 'stop_limit', limit_price: '905', stop_price: '900' })
    await post({ ...order, type: 'trailing_stop', limit_price: undefined, trail_percent: '5' })
    await post({
      ...order,
      type: 'market',
      limit_price: undefined,
      qty: undefined,
      notional: '500',
    })
    await post({ ...order, symbol: 'BTC/USD', qty: '0.5', time_in_force: 'gtc' })
    await server.advance(5_000)
    await check(trading, { path: '/v2/orders', query: 'status=all&nested=true&limit=500' })
  })

  it('of one order, its replacement and its end', async () => {
    const id = idOf(
      await check(trading, {
        method: 'POST',
        path: '/v2/orders',
        body: { ...order, client_order_id: 'c1' },
      }),
    )
    await server.advance(5)
    const path = '/v2/orders/{order_id}'
    await check(trading, { path, with: { order_id: id } })
    await check(trading, { path: '/v2/orders:by_client_order_id', query: 'client_order_id=c1' })
    const body = { qty: '3' }
    const next = idOf(await check(trading, { method: 'PATCH', path, with: { order_id: id }, body }))
    await server.advance(5)
    await check(trading, { method: 'DELETE', path, with: { order_id: next }, status: 204 })
    await check(trading, { method: 'DELETE', path: '/v2/orders', status: 207 })
    await check(trading, { path: '/v2/orders', query: 'status=closed' })
  })

  it('of positions and activities', async () => {
    const body = { ...order, symbol: 'SPY', type: 'market', limit_price: undefined, qty: '7' }
    await check(trading, { method: 'POST', path: '/v2/orders', body })
    await server.advance(60_000)
    const path = '/v2/positions/{symbol_or_asset_id}'
    const one = { symbol_or_asset_id: 'SPY' }
    await check(trading, { path: '/v2/positions' })
    await check(trading, { path, with: one })
    await check(trading, { method: 'DELETE', path, with: one, query: 'qty=2' })
    await server.advance(60_000)
    await check(trading, {
      method: 'DELETE',
      path: '/v2/positions',
      query: 'cancel_orders=true',
      status: 207,
    })
    await check(trading, { path: '/v2/account/activities' })
    await check(trading, {
      path: '/v2/account/activities/{activity_type}',
      with: { activity_type: 'FILL' },
    })
  })

  it('of market data of stocks', async () => {
    const query = `symbols=AAPL,SPY&start=${new Date(START - 600_000).toISOString()}&limit=50`
    await check(data, { path: '/v2/stocks/bars', query: `${query}&timeframe=1Min` })
    await check(data, { path: '/v2/stocks/trades', query })
    await check(data, { path: '/v2/stocks/quotes', query })
    await check(data, { path: '/v2/stocks/snapshots', query })
    for (const kind of ['bars', 'trades', 'quotes']) {
      await check(data, { path: `/v2/stocks/${kind}/latest`, query })
      await check(data, {
        path: `/v2/stocks/{symbol}/${kind}`,
        with: { symbol: 'AAPL' },
        query: `${query}&timeframe=1Min`,
      })
      await check(data, { path: `/v2/stocks/{symbol}/${kind}/latest`, with: { symbol: 'AAPL' } })
    }
    await check(data, { path: '/v2/stocks/{symbol}/snapshot', with: { symbol: 'AAPL' } })
    await check(data, { path: '/v2/stocks/meta/exchanges' })
    await check(data, {
      path: '/v2/stocks/meta/conditions/{ticktype}',
      with: { ticktype: 'trade' },
      query: 'tape=A',
    })
  })

  it('of corporate actions', async () => {
    const path = '/v1/corporate-actions'
    const range = 'start=2025-12-01&end=2026-01-07'
    type Answer = {
      readonly corporate_actions: Readonly<Record<string, readonly Record<string, unknown>[]>>
      readonly next_page_token: string | null
    }
    const all = (await check(data, { path, query: range })) as Answer
    const one = (await check(data, { path, query: `${range}&limit=1` })) as Answer
    const next = `${range}&limit=1&page_token=${one.next_page_token}`
    const two = (await check(data, { path, query: next })) as Answer
    const none = (await check(data, { path, query: `${range}&types=cash_dividend` })) as Answer

    const { forward_splits: forward, reverse_splits: reverse } = all.corporate_actions
    assert.deepEqual([forward?.[0]?.['symbol'], reverse?.[0]?.['symbol']], ['AAPL', 'MSFT'])
    assert.deepEqual(
      [one.corporate_actions, two.corporate_actions, two.next_page_token],
      [{ forward_splits: forward }, { reverse_splits: reverse }, null],
    )
    assert.deepEqual(none.corporate_actions, {})
  })

  it('of market data of coins', async () => {
    const query = `symbols=BTC/USD&start=${new Date(START - 600_000).toISOString()}`
    const loc = { loc: 'us' }
    for (const kind of ['bars', 'trades', 'quotes']) {
      await check(data, {
        path: `/v1beta3/crypto/{loc}/${kind}`,
        with: loc,
        query: `${query}&timeframe=1Hour`,
      })
      await check(data, { path: `/v1beta3/crypto/{loc}/latest/${kind}`, with: loc, query })
    }
    await check(data, { path: '/v1beta3/crypto/{loc}/latest/orderbooks', with: loc, query })
    await check(data, { path: '/v1beta3/crypto/{loc}/snapshots', with: loc, query })
  })

  it('are found wanting where they differ', () => {
    const good = {
      timestamp: '2026-01-05T10:00:00Z',
      is_open: true,
      next_open: '2026-01-06T09:30:00-05:00',
      next_close: '2026-01-05T16:00:00-05:00',
    }
    const problems = (value: unknown) => trading?.problems('GET', '/v2/clock', 200, value)

    assert.deepEqual(problems(good), [])
    assert.deepEqual(problems({ ...good, is_open: 'yes' }), ['$.is_open is "yes", not boolean'])
    assert.deepEqual(problems({ ...good, timestamp: 'now' }), [
      '$.timestamp is "now", no date-time',
    ])
    assert.equal(problems({})?.length, 4)
  })
})
