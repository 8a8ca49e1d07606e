// What the limits say that Alpaca takes, and what the local Alpaca takes on the wire, by kind of instrument: the same.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { OrderTerms } from '../src/core/terms.ts'
import type { AlpacaServer } from '../src/simulators/alpaca/index.ts'
import { ALPACA_TERMS } from '../src/venues/alpaca/terms.ts'
import { HEADERS, startVenue, until } from './alpaca/local.ts'

const TYPES = {
  market: 'market',
  limit: 'limit',
  stop: 'stop',
  'stop-limit': 'stop_limit',
} as const
const TIFS = ['day', 'gtc', 'ioc', 'fok'] as const
/** Purchases that wait, of a share of about 100 and of a coin of thousands. */
const PRICES = {
  market: {},
  limit: { limit_price: '50' },
  stop: { stop_price: '900000' },
  'stop-limit': { stop_price: '900000', limit_price: '900001' },
} as const

describe('the local Alpaca takes what the limits say, and nothing else', () => {
  let server: AlpacaServer
  before(async () => {
    server = await startVenue({ cash: 100_000_000, limits: { tradingPerMinute: 10_000 } })
    await server.advance(60_000)
  })
  after(() => server.stop())

  const post = async (body: Readonly<Record<string, unknown>>) => {
    const answer = await fetch(`${server.urls.rest}/v2/orders`, {
      method: 'POST',
      headers: HEADERS,
      body: JSON.stringify({ side: 'buy', type: 'market', time_in_force: 'gtc', ...body }),
    })
    const told = (await answer.json()) as { readonly message?: string; readonly id?: string }
    return { isTaken: answer.ok, message: told.message ?? '', id: told.id ?? '' }
  }
  const cancelAll = async (): Promise<void> => {
    await fetch(`${server.urls.rest}/v2/orders`, { method: 'DELETE', headers: HEADERS })
    const account = server.venue.accounts[0]!
    await until(() => account.open.size === 0, 'all is canceled', { server, stepMs: 50 })
  }
  const held = (symbol: string): number => server.venue.accounts[0]!.holdings.positionOf(symbol).qty

  for (const [kind, symbol, qty] of [
    ['equity', 'AAPL', '1'],
    ['crypto', 'BTC/USD', '1'],
  ] as const) {
    const terms: OrderTerms = ALPACA_TERMS[kind]!
    for (const type of Object.keys(TYPES) as (keyof typeof TYPES)[]) {
      for (const tif of TIFS) {
        const isSaid = terms.takes[type]?.includes(tif) === true
        it(`${isSaid ? 'takes' : 'refuses'} ${type} ${tif} of ${symbol}`, async () => {
          const wish = { symbol, qty, type: TYPES[type], time_in_force: tif, ...PRICES[type] }
          const { isTaken, message } = await post(wish)
          assert.equal(isTaken, isSaid, message)
          await cancelAll()
        })
      }
    }

    it(`${terms.shorts ? 'takes' : 'refuses'} a short sale of ${symbol}`, async () => {
      const more = String(held(symbol) + 1)
      const flat = await post({ symbol, side: 'sell', qty: held(symbol) > 0 ? more : qty })
      // Alpaca wants shares that are held sold first; nothing of a coin is ever sold that is not there.
      assert.equal(flat.isTaken, terms.shorts && held(symbol) === 0, flat.message)
      await cancelAll()
    })

    it(`${terms.fractions ? 'takes' : 'refuses'} a part of one of ${symbol}, gtc`, async () => {
      const { isTaken, message } = await post({ symbol, qty: '0.5' })
      assert.equal(isTaken, terms.fractions, message)
      await cancelAll()
    })

    it(`${terms.brackets === 'native' ? 'takes' : 'refuses'} a bracket in ${symbol}`, async () => {
      const price = server.venue.market.price(symbol)
      const { isTaken, message } = await post({
        symbol,
        qty,
        order_class: 'bracket',
        take_profit: { limit_price: String(Math.ceil(price * 1.5)) },
        stop_loss: { stop_price: String(Math.floor(price * 0.5)) },
      })
      assert.equal(isTaken, terms.brackets === 'native', message)
      await cancelAll()
    })
  }

  it('holds a coin for one sale: a second one beside it is refused, until the first has ended', async () => {
    const symbol = 'BTC/USD'
    const before = held(symbol)
    const account = server.venue.accounts[0]!
    const steps = { server, stepMs: 500 }
    assert.ok((await post({ symbol, qty: '1' })).isTaken)
    await until(() => held(symbol) > before, 'it is bought', steps)
    const qty = String(held(symbol))
    const sale = { symbol, side: 'sell', qty }
    const stop = { ...sale, type: 'stop_limit', stop_price: '100', limit_price: '99' }
    assert.ok((await post(stop)).isTaken)
    const beside = await post({ ...sale, type: 'limit', limit_price: '900000' })
    assert.deepEqual(
      [beside.isTaken, beside.message],
      [false, `insufficient balance for BTC (requested: ${qty}, available: 0)`],
    )
    await cancelAll()
    const limit = { ...sale, type: 'limit', limit_price: '900000' }
    const part = await post({ ...limit, qty: '0.4' })
    const works = () =>
      until(() => [...account.open].every((o) => o.status === 'new'), 'it works', steps)
    const patch = async (to: string): Promise<number> => {
      await works()
      const body = JSON.stringify({ qty: to })
      const url = `${server.urls.rest}/v2/orders/${part.id}`
      return (await fetch(url, { method: 'PATCH', headers: HEADERS, body })).status
    }
    assert.equal(await patch(String(held(symbol) + 0.1)), 403, 'more than there is')
    assert.equal(await patch(qty), 200, 'what it holds itself is free to it')
    await works()
    await cancelAll()
  })
})
