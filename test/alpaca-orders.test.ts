// Orders at the local Alpaca: what becomes of each kind, told by its events.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { TradeColumns } from '../src/core/columns.ts'
import { equitySpec } from '../src/core/instrument.ts'
import { venueId } from '../src/core/brand.ts'
import type { Tape } from '../src/core/tape.ts'
import type { AlpacaServer, ServerOptions } from '../src/simulators/alpaca/index.ts'
import { HEADERS, KEY, START, startVenue } from './alpaca/local.ts'

const SECOND = 1_000
const HOUR = 3_600_000

/** A tape of one symbol: a trade of 500 at each price, a second apart. */
function tapeOf(...prices: readonly number[]): Tape {
  const page: TradeColumns = {
    length: prices.length,
    ts: Float64Array.from(prices, (_price, i) => START + i * SECOND),
    price: Float64Array.from(prices),
    size: new Float64Array(prices.length).fill(500),
  }
  return {
    name: 'by hand',
    instruments: [equitySpec('AAPL', venueId('alpaca'))],
    series: [
      {
        kind: 'trades',
        symbol: 'AAPL',
        pages: async function* () {
          yield page
        },
      },
    ],
  }
}

const flat = (n: number, price: number): number[] => Array.from({ length: n }, () => price)

interface Answer {
  readonly status: number
  readonly json: Readonly<Record<string, unknown>>
}

/** A venue on these prices, with an order desk. */
async function withDesk(
  prices: readonly number[],
  work: (desk: {
    readonly server: AlpacaServer
    readonly send: (method: string, path: string, body?: object) => Promise<Answer>
    readonly place: (order: object) => Promise<Answer>
    readonly events: () => string[]
  }) => Promise<void>,
  options: Partial<ServerOptions> = {},
): Promise<void> {
  const server = await startVenue({ tape: tapeOf(...prices), startAt: START - SECOND, ...options })
  const send = async (method: string, path: string, body?: object): Promise<Answer> => {
    const init = body === undefined ? {} : { body: JSON.stringify(body) }
    const response = await fetch(`${server.urls.rest}${path}`, {
      method,
      headers: HEADERS,
      ...init,
    })
    const text = await response.text()
    return {
      status: response.status,
      json: (text === '' ? {} : JSON.parse(text)) as Answer['json'],
    }
  }
  const common = { symbol: 'AAPL', qty: '10', side: 'buy', type: 'market', time_in_force: 'day' }
  try {
    await work({
      server,
      send,
      place: (order) => send('POST', '/v2/orders', { ...common, ...order }),
      events: () =>
        server.audit.orders.map(
          ({ event, qty, filled, id }) =>
            `${event} ${server.venue.accounts[0]?.find(id)?.type} ${filled}/${qty}`,
        ),
    })
  } finally {
    await server.stop()
  }
}

describe('orders at the local Alpaca', () => {
  it('hold the legs of a bracket until it has filled, and end the stop with the target', () =>
    withDesk([100, 100, 100, 103, 106, 106], async ({ server, place, events }) => {
      const exits = { take_profit: { limit_price: '105' }, stop_loss: { stop_price: '95' } }
      await server.advance(SECOND)
      await place({ order_class: 'bracket', ...exits })
      await server.advance(6 * SECOND)

      assert.deepEqual(events(), [
        'pending_new market 0/10',
        'held limit 0/10',
        'held stop 0/10',
        'new market 0/10',
        'fill market 10/10',
        'new limit 0/10',
        'fill limit 10/10',
        'canceled stop 0/10',
      ])
      assert.deepEqual(server.venue.accounts[0]?.holdings.held(), [])
    }))

  it('call the target back before the stop of a bracket leaves', () =>
    withDesk([100, 100, 100, 97, 94, 94, 94], async ({ server, place, events }) => {
      const exits = { take_profit: { limit_price: '105' }, stop_loss: { stop_price: '95' } }
      await server.advance(SECOND)
      await place({ order_class: 'bracket', ...exits })
      await server.advance(8 * SECOND)

      assert.deepEqual(events().slice(5), [
        'new limit 0/10',
        'canceled limit 0/10',
        'new stop 0/10',
        'fill stop 10/10',
      ])
    }))

  it('close a position by one of two with an OCO', () =>
    withDesk([100, 100, 100, 100, 94, 94, 94], async ({ server, place, events }) => {
      await server.advance(SECOND)
      await place({})
      await server.advance(2 * SECOND)
      const oco = { side: 'sell', type: 'limit', limit_price: undefined }
      await place({
        ...oco,
        order_class: 'oco',
        limit_price: '105',
        stop_loss: { stop_price: '95' },
      })
      await server.advance(5 * SECOND)

      assert.deepEqual(events().slice(3), [
        'pending_new limit 0/10',
        'held stop 0/10',
        'new limit 0/10',
        'canceled limit 0/10',
        'new stop 0/10',
        'fill stop 10/10',
      ])
    }))

  it('cancel the family of what is canceled', () =>
    withDesk(flat(5, 100), async ({ server, place, send, events }) => {
      const exits = { take_profit: { limit_price: '95' }, stop_loss: { stop_price: '80' } }
      const { json } = await place({
        type: 'limit',
        limit_price: '90',
        order_class: 'bracket',
        ...exits,
      })
      await server.advance(SECOND)
      const { status } = await send('DELETE', `/v2/orders/${String(json['id'])}`)
      await server.advance(SECOND)

      assert.equal(status, 204)
      assert.deepEqual(
        events()
          .filter((event) => event.startsWith('canceled'))
          .toSorted(),
        ['canceled limit 0/10', 'canceled limit 0/10', 'canceled stop 0/10'],
      )
    }))

  it('trail the best price, and leave when it turns', () =>
    withDesk([100, 100, 104, 108, 107, 105.5, 105, 105], async ({ server, place, send }) => {
      await server.advance(SECOND)
      await place({})
      await server.advance(SECOND)
      const trail = { side: 'sell', type: 'trailing_stop', trail_price: '2' }
      const { json } = await place(trail)
      await server.advance(7 * SECOND)
      const after = await send('GET', `/v2/orders/${String(json['id'])}`)

      assert.equal(after.json['hwm'], '108')
      assert.equal(after.json['stop_price'], '106')
      assert.equal(after.json['status'], 'filled')
    }))

  it('fill in parts where the size shown is the limit', () =>
    withDesk(
      flat(6, 100),
      async ({ server, place, events }) => {
        await place({ qty: '1000' })
        await server.advance(6 * SECOND)

        assert.ok(events().some((event) => event.startsWith('partial_fill')))
        assert.equal(events().at(-1), 'fill market 1000/1000')
      },
      { isSizeShown: true },
    ))

  it('expire at the close when they are for the day', () =>
    withDesk(flat(3, 100), async ({ server, place, events }) => {
      await place({ type: 'limit', limit_price: '50' })
      await server.advance(7 * HOUR)

      assert.equal(events().at(-1), 'expired limit 0/10')
    }))

  it('wait for the open when they come before it', () =>
    withDesk(
      flat(3, 100),
      async ({ server, place, events }) => {
        await place({ time_in_force: 'opg' })
        const early = [...events()]
        await server.advance(HOUR)

        assert.deepEqual(early, ['accepted market 0/10'])
        assert.deepEqual(events().slice(1), ['new market 0/10', 'fill market 10/10'])
      },
      { tape: opening(), startAt: START - HOUR },
    ))

  it('are replaced by a new order, and the old fills stay with the old', () =>
    withDesk(
      flat(8, 100),
      async ({ server, place, send }) => {
        const { json } = await place({ type: 'limit', limit_price: '100.01', qty: '5000' })
        await server.advance(2 * SECOND)
        const id = String(json['id'])
        const part = await send('GET', `/v2/orders/${id}`)
        const { json: by } = await send('PATCH', `/v2/orders/${id}`, { limit_price: '90' })
        await server.advance(SECOND)
        const after = await send('GET', `/v2/orders/${id}`)

        assert.equal(part.json['status'], 'partially_filled')
        assert.equal(after.json['status'], 'replaced')
        assert.equal(Number(by['qty']), 5_000 - Number(part.json['filled_qty']))
      },
      { isSizeShown: true, cash: 1_000_000 },
    ))

  it('are not replaced where they fill first', () =>
    withDesk([100, 100, 98.5, 98.5], async ({ server, place, send, events }) => {
      const { json } = await place({ type: 'limit', limit_price: '99' })
      await server.advance(3 * SECOND - 1)
      const { json: by } = await send('PATCH', `/v2/orders/${String(json['id'])}`, {
        limit_price: '98',
      })
      await server.advance(SECOND)
      const after = await send('GET', `/v2/orders/${String(by['id'])}`)

      assert.equal(after.json['status'], 'rejected')
      assert.deepEqual(events().slice(-2), [
        'rejected limit 0/10',
        'order_replace_rejected limit 10/10',
      ])
    }))
})

/** Trades around the open of the day: 9:00 to 9:31 in New York is what counts here. */
function opening(): Tape {
  const tape = tapeOf(...flat(3, 100))
  const open = START - HOUR / 2
  const series = tape.series.map((one) => ({
    ...one,
    pages: async function* () {
      const ts = Float64Array.of(open - HOUR / 4, open + SECOND, open + 2 * SECOND)
      yield {
        length: 3,
        ts,
        price: Float64Array.of(100, 100, 100),
        size: Float64Array.of(500, 500, 500),
      }
    },
  }))
  return { ...tape, series: series as unknown as Tape['series'] }
}

describe('the local Alpaca refuses', () => {
  const cases: readonly (readonly [
    what: string,
    order: object,
    status: number,
    code: number,
    words: RegExp,
  ])[] = [
    ['an unknown symbol', { symbol: 'NOPE' }, 422, 42210000, /asset "NOPE" not found/],
    ['more than the account can pay', { qty: '5000' }, 403, 40310000, /insufficient buying power/],
    ['fractions of a penny', { type: 'limit', limit_price: '100.001' }, 422, 42210000, /sub-penny/],
    ['a limit order without a limit', { type: 'limit' }, 422, 42210000, /require limit price/],
    ['both qty and notional', { notional: '5' }, 422, 42210000, /only one of qty or notional/],
    [
      'a stop above the entry of a bracket',
      {
        order_class: 'bracket',
        take_profit: { limit_price: '200' },
        stop_loss: { stop_price: '150' },
      },
      422,
      42210000,
      /base_price/,
    ],
    [
      'extended hours for a market order',
      { extended_hours: true },
      422,
      42210000,
      /extended hours/,
    ],
    [
      'a fraction that is good till canceled',
      { qty: '0.5', time_in_force: 'gtc' },
      422,
      42210000,
      /fractional/,
    ],
    ['a fractional short sale', { side: 'sell', qty: '0.5' }, 422, 42210000, /sold short/],
    ['a quantity without end', { qty: '1e300' }, 422, 42210000, /qty must be/],
    ['a side that is none', { side: 'hold' }, 422, 42210000, /invalid side/],
  ]
  for (const [what, order, status, code, words] of cases) {
    it(what, () =>
      withDesk(flat(3, 100), async ({ server, place }) => {
        await server.advance(2 * SECOND)
        const answer = await place(order)

        assert.equal(answer.status, status)
        assert.equal(answer.json['code'], code)
        assert.match(String(answer.json['message']), words)
      }),
    )
  }

  it('a client order id that was used, also by an order that has ended', () =>
    withDesk(flat(9, 100), async ({ server, place }) => {
      await place({ client_order_id: 'once' })
      await server.advance(5 * SECOND)
      const answer = await place({ client_order_id: 'once' })

      assert.deepEqual([answer.status, answer.json['code']], [422, 40010001])
    }))

  it('a sale of what other orders would sell', () =>
    withDesk(flat(9, 100), async ({ server, place }) => {
      await place({})
      await server.advance(3 * SECOND)
      await place({ side: 'sell', type: 'limit', limit_price: '150', qty: '8' })
      const answer = await place({ side: 'sell', qty: '5' })

      assert.equal(answer.status, 403)
      assert.equal(answer.json['available'], '2')
      assert.equal(answer.json['held_for_orders'], '8')
    }))

  it('an order that would trade with another of the account', () =>
    withDesk(flat(9, 100), async ({ place }) => {
      const first = await place({ type: 'limit', limit_price: '100' })
      const second = await place({ side: 'sell', type: 'limit', limit_price: '99' })

      assert.equal(second.status, 403)
      assert.equal(second.json['existing_order_id'], first.json['id'])
    }))

  it('a stranger, an unknown order and an unknown path', () =>
    withDesk(flat(3, 100), async ({ server, send }) => {
      const stranger = await fetch(`${server.urls.rest}/v2/account`)
      const nobody = await send('GET', '/v2/orders/00000000-0000-4000-8000-000000000000')
      const nowhere = await send('GET', '/v2/nothing')
      const noId = await send('GET', '/v2/orders/abc')

      assert.equal(stranger.status, 401)
      assert.deepEqual([nobody.status, nobody.json['code']], [404, 40410000])
      assert.equal(nowhere.status, 404)
      assert.equal(noId.status, 422)
    }))

  it('the request after the last of the minute, and says when to come again', () =>
    withDesk(
      flat(3, 100),
      async ({ server }) => {
        const get = () => fetch(`${server.urls.rest}/v2/account`, { headers: HEADERS })
        const first = await get()
        await get()
        const third = await get()

        assert.equal(first.headers.get('x-ratelimit-remaining'), '1')
        assert.equal(third.status, 429)
        assert.equal(third.headers.get('x-ratelimit-limit'), '2')
        assert.match(await third.text(), /42910000/)
      },
      { limits: { tradingPerMinute: 2 } },
    ))
})

it('the local Alpaca stays up, whatever it is asked', () =>
  withDesk(flat(9, 100), async ({ server, place, send }) => {
    const paths = [
      '/v2/positions/%',
      '/v2/assets/%E0%A4',
      '/v2/stocks/%/bars',
      '/v2/orders?limit=x',
    ]
    const more = ['/v2/stocks/__proto__/snapshot', '/v2/stocks/bars?symbols=AAPL&timeframe=1m']
    const orders = [
      { qty: '1e-30' },
      { qty: undefined, notional: '1e30' },
      { side: 'sell', type: 'trailing_stop', trail_price: '1e17' },
      { side: 'sell', type: 'trailing_stop', trail_percent: '500' },
      { type: 'constructor' },
    ]
    await server.advance(2 * SECOND)
    const statuses: number[] = []
    for (const path of [...paths, ...more]) statuses.push((await send('GET', path)).status)
    for (const order of orders) statuses.push((await place(order)).status)
    await server.advance(2 * SECOND)

    assert.deepEqual(statuses, [400, 400, 400, 422, 404, 400, 422, 422, 422, 422, 422])
    assert.equal((await send('GET', '/v2/clock')).status, 200)
  }))

it('the accounts of the local Alpaca know nothing of each other', async () => {
  const other = { key: 'other', secret: 'other' }
  await withDesk(
    flat(9, 100),
    async ({ server, place }) => {
      await place({})
      await server.advance(5 * SECOND)
      const headers = { 'APCA-API-KEY-ID': other.key, 'APCA-API-SECRET-KEY': other.secret }
      const held = await fetch(`${server.urls.rest}/v2/positions`, { headers })

      assert.deepEqual(await held.json(), [])
      assert.equal(server.venue.accounts[0]?.holdings.positionOf('AAPL').qty, 10)
    },
    { keys: [KEY, other] },
  )
})
