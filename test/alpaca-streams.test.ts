// Streams of the local Alpaca: the conversation, its error codes, and what goes wrong when a script says so.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { AlpacaServer, ServerOptions } from '../src/simulators/alpaca/index.ts'
import { parseFaults, type RuleText } from '../src/simulators/fault-script.ts'
import { Listener } from './alpaca/listener.ts'
import { HEADERS, KEY, startVenue, until } from './alpaca/local.ts'

async function withVenue(
  work: (server: AlpacaServer) => Promise<void>,
  options: Partial<ServerOptions> = {},
): Promise<void> {
  const server = await startVenue(options)
  try {
    await work(server)
  } finally {
    await server.stop()
  }
}

const dataOf = (server: AlpacaServer, headers?: Readonly<Record<string, string>>): Listener =>
  new Listener(`${server.urls.dataStream}/v2/iex`, headers)

async function tradingOf(server: AlpacaServer): Promise<Listener> {
  const listener = new Listener(server.urls.tradingStream)
  await until(() => server.audit.frames.some(({ direction }) => direction === 'open'), 'it is open')
  await until(() => {
    try {
      listener.send({ action: 'authenticate', data: { key_id: KEY.key, secret_key: KEY.secret } })
      return true
    } catch {
      return false
    }
  }, 'it can send')
  await listener.hears('"authorized"')
  listener.send({ action: 'listen', data: { streams: ['trade_updates'] } })
  await listener.hears('listening')
  return listener
}

const ask = (server: AlpacaServer, path: string, init: RequestInit = {}) =>
  fetch(`${server.urls.rest}${path}`, { ...init, headers: HEADERS })

const buy = (id: string) => ({
  method: 'POST',
  body: JSON.stringify({
    symbol: 'SPY',
    qty: '1',
    side: 'buy',
    type: 'market',
    time_in_force: 'day',
    client_order_id: id,
  }),
})

describe('the data stream of the local Alpaca', () => {
  it('acknowledges the whole set, adds to it and takes away', () =>
    withVenue(async (server) => {
      const client = await dataOf(server).login()
      client.send({ action: 'subscribe', trades: ['AAPL'], bars: ['*'] })
      client.send({ action: 'subscribe', trades: ['SPY', 'AAPL'] })
      client.send({ action: 'unsubscribe', trades: ['AAPL'], bars: ['*'] })
      await until(() => client.of('subscription').length === 3, 'three answers')
      const lists = client
        .of('subscription')
        .map(({ trades, bars, corrections }) => [trades, bars, corrections])

      assert.deepEqual(lists, [
        [['AAPL'], ['*'], ['AAPL']],
        [['AAPL', 'SPY'], ['*'], ['AAPL', 'SPY']],
        [['SPY'], [], ['SPY']],
      ])
      client.close()
    }))

  it('tells the same trades as REST, to the nanosecond', () =>
    withVenue(async (server) => {
      const client = await dataOf(server).login()
      client.send({ action: 'subscribe', trades: ['AAPL'] })
      await client.hears('subscription')
      await server.advance(30_000)
      const path = '/v2/stocks/trades?symbols=AAPL&start=2026-01-07T15:00:00Z'
      const { trades } = (await (await ask(server, path)).json()) as {
        trades: { AAPL: { t: string; i: number; p: number }[] }
      }
      await until(() => client.of('t').length === trades.AAPL.length, 'all are heard')

      assert.ok(trades.AAPL.length > 3)
      assert.deepEqual(
        client.of('t').map(({ t, i, p }) => ({ t, i, p })),
        trades.AAPL.map(({ t, i, p }) => ({ t, i, p })),
      )
      client.close()
    }))

  it('takes the keys of the handshake', () =>
    withVenue(async (server) => {
      const client = dataOf(server, HEADERS)
      await client.hears('authenticated')
      client.close()
    }))

  const refusals: readonly (readonly [what: string, message: unknown, code: number])[] = [
    ['bad syntax', '{', 400],
    ['an unknown action', { action: 'sing' }, 400],
    ['a second authentication', { action: 'auth', ...KEY }, 403],
    [
      'more symbols than the plan has',
      { action: 'subscribe', trades: Array.from({ length: 31 }, (_x, i) => `S${i}`) },
      405,
    ],
    ['a star, where symbols are counted', { action: 'subscribe', quotes: ['*'] }, 405],
    ['a channel of another feed', { action: 'subscribe', orderbooks: ['AAPL'] }, 410],
    ['a symbol that is none', { action: 'subscribe', trades: ['a b'] }, 400],
  ]
  for (const [what, message, code] of refusals) {
    it(`answers ${code} to ${what}, and changes nothing`, () =>
      withVenue(
        async (server) => {
          const client = await dataOf(server).login()
          client.send(message)
          await client.hears(`"code":${code}`)
          client.send({ action: 'subscribe', bars: ['SPY'] })
          await client.hears('subscription')

          assert.deepEqual(client.of('subscription')[0]?.['trades'], [])
          client.close()
        },
        { plan: 'free' },
      ))
  }

  it('answers 401 before and 402 to wrong keys', () =>
    withVenue(async (server) => {
      const client = dataOf(server)
      await client.hears('connected')
      client.send({ action: 'subscribe', trades: ['AAPL'] })
      await client.hears('"code":401')
      client.send({ action: 'auth', key: 'x', secret: 'y' })
      await client.hears('"code":402')
      await client.isClosed()
    }))

  it('answers 406 to a second connection of the account', () =>
    withVenue(async (server) => {
      const first = await dataOf(server).login()
      const second = dataOf(server)
      await second.hears('connected')
      second.send({ action: 'auth', ...KEY })
      await second.hears('"code":406')
      await second.isClosed()
      first.close()
      await until(
        () => server.audit.frames.filter(({ direction }) => direction === 'close').length === 2,
        'both ended',
      )
      const third = await dataOf(server).login()
      third.close()
    }))

  it('answers 404 to those who do not say who they are', () =>
    withVenue(
      async (server) => {
        const client = dataOf(server)
        await client.hears('"code":404')
        await client.isClosed()
      },
      { limits: { authMs: 1 } },
    ))

  it('tells a correction, and the bar that it changes', () =>
    withVenue(async (server) => {
      const client = await dataOf(server).login()
      client.send({ action: 'subscribe', trades: ['AAPL'], updatedBars: ['AAPL'], bars: ['AAPL'] })
      await client.hears('subscription')
      await server.advance(60_000)
      server.nemesis.inject({ on: 'market', fault: 'correct', symbol: 'AAPL', by: 1 })
      await server.advance(1)
      await client.hears('"T":"c"')
      const [{ op, cp, oi, ci } = {}] = client.of('c')

      assert.equal(Number(cp), Number((Number(op) + 1).toFixed(4)))
      assert.equal(oi, ci)
      client.close()
    }))
})

describe('faults of the local Alpaca', () => {
  const rest: readonly (readonly [
    what: string,
    rule: RuleText,
    booked: number,
    status: number | 'none',
  ])[] = [
    ['500 before booking', { on: 'rest', fault: 'status', status: 500 }, 0, 500],
    ['500 after booking', { on: 'rest', fault: 'status', status: 500, when: 'after' }, 1, 500],
    ['429 with Retry-After', { on: 'rest', fault: 'status', status: 429, retryAfter: 3 }, 0, 429],
    ['a reset before booking', { on: 'rest', fault: 'reset' }, 0, 'none'],
    [
      'a reset after booking, within the answer',
      { on: 'rest', fault: 'reset', when: 'after', bytes: 20 },
      1,
      'none',
    ],
    ['HTML instead of JSON', { on: 'rest', fault: 'html', when: 'after' }, 1, 200],
    ['an answer cut short', { on: 'rest', fault: 'short', bytes: 10 }, 1, 200],
    ['a slow answer', { on: 'rest', fault: 'slow', by: '1ms' }, 1, 200],
  ]
  for (const [what, rule, booked, status] of rest) {
    it(`of requests: ${what}`, () =>
      withVenue(async (server) => {
        server.nemesis.inject({ ...rule, method: 'POST', path: '/v2/orders', times: 1 } as RuleText)
        const answer = await ask(server, '/v2/orders', buy('one'))
          .then(
            async (response) => ({ response, body: await response.text() }),
            () => undefined,
          )
          .catch(() => undefined)

        assert.equal(answer?.response.status ?? 'none', status)
        assert.equal(server.venue.accounts[0]?.orders.length, booked)
        assert.equal(Object.values(server.audit.counts())[0], 1)
        assert.equal((await ask(server, '/v2/orders', buy('two'))).status, 200)
      }))
  }

  it('of requests: an answer that never comes', () =>
    withVenue(async (server) => {
      server.nemesis.inject({ on: 'rest', fault: 'silence', when: 'after', times: 1 })
      const stop = new AbortController()
      const answer = ask(server, '/v2/orders', { ...buy('one'), signal: stop.signal })
      await until(() => server.audit.requests.length === 1, 'it is there')
      stop.abort()

      await assert.rejects(answer)
      assert.equal(server.venue.accounts[0]?.orders.length, 1)
      assert.equal(server.audit.requests[0]?.status, 0)
    }))

  it('of the data stream: a close, a refusal, then all is well', () =>
    withVenue(async (server) => {
      const client = await dataOf(server).login()
      server.nemesis.inject({ on: 'data', fault: 'close', code: 1011, at: '2s' })
      server.nemesis.inject({ on: 'data', fault: 'refuse', status: 503, times: 1 })
      await server.advance(2_000)
      await client.isClosed()
      const refused = dataOf(server)
      await until(() => refused.status !== undefined, 'it is refused')
      const last = await dataOf(server).login()

      assert.equal(client.closeCode, 1011)
      assert.equal(refused.status, 503)
      last.close()
    }))

  it('of the data stream: mute, but it answers pings; half-open, and it does not', () =>
    withVenue(async (server) => {
      const client = await dataOf(server).login()
      client.send({ action: 'subscribe', quotes: ['SPY'] })
      await client.hears('subscription')
      const speak = server.nemesis.inject({ on: 'data', fault: 'mute' })
      await server.advance(30_000)
      client.ping()
      await until(() => client.pongs === 1, 'a pong comes')
      const heard = client.of('q').length
      speak()
      const revive = server.nemesis.inject({ on: 'data', fault: 'half-open' })
      client.ping()
      await server.advance(30_000)
      const status = (await ask(server, '/v2/clock')).status
      revive()
      client.ping()
      await until(() => client.pongs === 2, 'the next pong comes')

      assert.equal(heard, 0)
      assert.equal(status, 200)
      assert.deepEqual(client.of('q'), [])
      client.close()
    }))

  it('of the data stream: a part of the symbols is not acknowledged', () =>
    withVenue(async (server) => {
      server.nemesis.inject({ on: 'data', fault: 'partial-ack', without: 1, times: 1 })
      const client = await dataOf(server).login()
      client.send({ action: 'subscribe', bars: ['AAPL', 'SPY'] })
      client.send({ action: 'subscribe', bars: ['AAPL', 'SPY'] })
      await until(() => client.of('subscription').length === 2, 'two answers')

      assert.deepEqual(
        client.of('subscription').map(({ bars }) => bars),
        [['AAPL'], ['AAPL', 'SPY']],
      )
      client.close()
    }))

  it('of the data stream: frames malformed, cut, doubled and dropped', () =>
    withVenue(async (server) => {
      const client = await dataOf(server).login()
      client.send({ action: 'subscribe', bars: ['AAPL'] })
      await client.hears('subscription')
      server.nemesis.inject({ on: 'data', fault: 'malformed', holding: 'b×', times: 1 })
      server.nemesis.inject({ on: 'data', fault: 'cut-frame', holding: 'b×', skip: 0, times: 1 })
      server.nemesis.inject({ on: 'data', fault: 'drop', holding: 'b×', times: 1 })
      server.nemesis.inject({ on: 'data', fault: 'duplicate', holding: 'b×', times: 1 })
      for (let i = 0; i < 5; i++) await server.advance(60_000)
      await until(() => client.of('b').length === 3, 'what is left of five bars is heard')

      assert.equal(client.broken.length, 2)
      assert.equal(new Set(client.of('b').map(({ t }) => t)).size, 2)
      client.close()
    }))

  it('of orders: a fill that comes twice, and late, after the cancel', () =>
    withVenue(async (server) => {
      const client = await tradingOf(server)
      server.nemesis.inject({ on: 'orders', fault: 'late-fill', by: '10s', times: 1 })
      server.nemesis.inject({ on: 'trading', fault: 'duplicate', holding: '"event":"fill"' })
      const { id } = (await (await ask(server, '/v2/orders', buy('late'))).json()) as { id: string }
      await server.advance(5_000)
      const status = (await ask(server, `/v2/orders/${id}`, { method: 'DELETE' })).status
      await server.advance(20_000)
      await until(
        () => client.heard.filter((m) => JSON.stringify(m).includes('"event":"fill"')).length === 2,
        'both are heard',
      )
      const events = client.heard
        .map(({ data }) => (data as { event?: string }).event)
        .filter(Boolean)

      assert.equal(status, 204)
      assert.deepEqual(events, ['pending_new', 'new', 'pending_cancel', 'canceled', 'fill', 'fill'])
      assert.ok(client.frames.every(({ isBinary }) => isBinary))
      client.close()
    }))

  it('of orders: one that lookups do not find for a while, a foreign one, a position that is wrong', () =>
    withVenue(async (server) => {
      server.nemesis.inject({ on: 'orders', fault: 'hide', by: '3s', times: 1 })
      await ask(server, '/v2/orders', buy('hidden'))
      const early = await ask(server, '/v2/orders:by_client_order_id?client_order_id=hidden')
      await server.advance(3_000)
      const later = await ask(server, '/v2/orders:by_client_order_id?client_order_id=hidden')
      server.nemesis.inject({ on: 'orders', fault: 'foreign', symbol: 'MSFT', side: 'buy', qty: 5 })
      server.nemesis.inject({ on: 'orders', fault: 'position', symbol: 'AAPL', qty: 7 })
      await server.advance(30_000)
      const held = (await (await ask(server, '/v2/positions')).json()) as {
        symbol: string
        qty: string
      }[]

      assert.deepEqual([early.status, later.status], [404, 200])
      assert.deepEqual(
        held.map(({ symbol, qty }) => `${symbol} ${qty}`),
        ['AAPL 7', 'MSFT 5', 'SPY 1'],
      )
    }))

  it('of the clock: a skew of half a minute', () =>
    withVenue(async (server) => {
      server.nemesis.inject({ on: 'clock', fault: 'skew', by: -30_000 })
      const { timestamp } = (await (await ask(server, '/v2/clock')).json()) as { timestamp: string }

      assert.equal(Date.parse(timestamp), server.venue.now() - 30_000)
    }))

  it('follow from a script and its seed', async () => {
    const script = parseFaults(
      'seed: 4\nfaults:\n  - { on: rest, fault: status, status: 503, chance: 0.5, for: 5m }\n',
      'faults.yaml',
    )
    const run = async (): Promise<number[]> => {
      const statuses: number[] = []
      await withVenue(
        async (server) => {
          for (let i = 0; i < 12; i++) statuses.push((await ask(server, '/v2/clock')).status)
        },
        { faults: script },
      )
      return statuses
    }
    const [first, second] = [await run(), await run()]

    assert.deepEqual(first, second)
    assert.deepEqual(new Set(first), new Set([200, 503]))
  })

  it('are refused where the script is wrong, with the place', () => {
    const parse = (text: string) => () => parseFaults(text, 'faults.yaml')

    assert.throws(
      parse('faults: [{ on: rest, fault: status, status: 99 }]'),
      /faults\.yaml: faults\.0\.status is not a fault/,
    )
    assert.throws(parse('faults: [{ on: rest, fault: melt }]'), /faults\.0\.fault/)
    assert.throws(parse('faults: [{ on: data, fault: mute, for: long }]'), /250ms, 30s, 5m/)
    assert.throws(parse('faults: ['), /faults\.yaml:\d: is not YAML/)
  })
})
