// The venue contract on the Alpaca adapter, on real sockets against the local venue.
import { setImmediate } from 'node:timers/promises'
import { venueId } from '../../src/core/brand.ts'
import { equitySpec } from '../../src/core/instrument.ts'
import type { Tape, TapeSeries } from '../../src/core/tape.ts'
import { ms } from '../../src/core/time.ts'
import { Universe } from '../../src/core/universe.ts'
import { systemIo } from '../../src/io/system.ts'
import { AlpacaServer } from '../../src/simulators/alpaca/index.ts'
import {
  CONTRACT_LIMITS,
  type ContractFact,
  type ContractMarket,
  describeVenue,
  type Stand,
} from '../../src/testing/index.ts'
import { ALPACA_LIMITS, AlpacaVenue } from '../../src/venues/alpaca/venue.ts'
import { KEY } from '../alpaca/local.ts'

for (const codec of ['json', 'msgpack'] as const) {
  describeVenue({
    name: `Alpaca over ${codec}`,
    symbols: ['AAPL', 'MSFT', 'SPY'],
    startAt: ms(Date.UTC(2026, 0, 7, 15)),
    orders: [
      ['market', 'day'],
      ['market', 'gtc'],
      ['market', 'ioc'],
      ['market', 'fok'],
      ['limit', 'day'],
      ['limit', 'gtc'],
      ['limit', 'ioc'],
      ['limit', 'fok'],
      ['stop', 'day'],
      ['stop', 'gtc'],
      ['stop-limit', 'day'],
      ['stop-limit', 'gtc'],
    ],
    lacks: {
      'post-only': 'alpaca has no such orders',
      'reduce-only': 'alpaca has no such orders; the engine sizes them by the position',
    },
    make: (market) => standOf(market, codec),
  })
}

async function standOf(market: ContractMarket, codec: 'json' | 'msgpack'): Promise<Stand> {
  const { cash, rows, total } = CONTRACT_LIMITS
  const server = await AlpacaServer.start({
    port: 0,
    speed: 0,
    startAt: market.startAt,
    keys: [KEY],
    tape: tapeOf(market),
    cash,
    isSizeShown: true,
    limits: { symbols: total, tradingPerMinute: 10_000 },
  })
  const io = systemIo({ seed: 1 })
  const universe = new Universe()
  let now = market.startAt
  const venue = new AlpacaVenue({
    io: { ...io, now: () => now },
    keys: KEY,
    symbols: market.symbols,
    universe,
    codec,
    hosts: {
      trading: server.urls.rest,
      data: server.urls.rest,
      stream: server.urls.dataStream,
      orders: server.urls.tradingStream,
    },
    limits: {
      subscribe: { batch: 1, everyMs: 1, total },
      history: { ...ALPACA_LIMITS.history, rows },
    },
    tradesPerMinute: 10_000,
  })
  return {
    venue,
    universe,
    async pass(forMs) {
      now = ms(now + forMs)
      await server.advance(forMs)
      // What was sent is heard within some turns of the event loop, both ends being in this process.
      for (let turns = 0; turns < 8; turns++) await setImmediate()
    },
    loseAnswer(when) {
      const rule = { on: 'rest', method: 'POST', path: '/v2/orders', times: 1 } as const
      server.nemesis.inject({ ...rule, fault: 'reset', when, bytes: 0 })
    },
    async end() {
      await io.close()
      await server.stop()
    },
  }
}

function tapeOf({ symbols, facts }: ContractMarket): Tape {
  const of = <T extends ContractFact['type']>(symbol: string, type: T) =>
    facts.filter(
      (fact): fact is Extract<ContractFact, { type: T }> =>
        fact.symbol === symbol && fact.type === type,
    )
  const column = <T>(rows: readonly T[], value: (row: T) => number): Float64Array =>
    Float64Array.from(rows, value)
  const pageOf = <T>(page: T) =>
    async function* (): AsyncGenerator<T> {
      yield page
    }
  const series = symbols.flatMap((symbol): TapeSeries[] => {
    const quotes = of(symbol, 'quote')
    const trades = of(symbol, 'trade')
    const quotePage = {
      length: quotes.length,
      ts: column(quotes, ({ ts }) => ts),
      bid: column(quotes, ({ bid }) => bid),
      bidSize: column(quotes, ({ bidSize }) => bidSize),
      ask: column(quotes, ({ ask }) => ask),
      askSize: column(quotes, ({ askSize }) => askSize),
    }
    const tradePage = {
      length: trades.length,
      ts: column(trades, ({ ts }) => ts),
      price: column(trades, ({ price }) => price),
      size: column(trades, ({ size }) => size),
    }
    return [
      { kind: 'quotes', symbol, pages: pageOf(quotePage) },
      { kind: 'trades', symbol, pages: pageOf(tradePage) },
    ]
  })
  const alpaca = venueId('alpaca')
  return {
    name: 'the market of the contract',
    instruments: symbols.map((symbol) => equitySpec(symbol, alpaca)),
    series,
  }
}
