// The venue contract on the Alpaca adapter, on real sockets against the local venue.
import { setImmediate } from 'node:timers/promises'
import { venueId } from '../../src/core/brand.ts'
import { ms } from '../../src/core/time.ts'
import { Universe } from '../../src/core/universe.ts'
import { systemIo } from '../../src/io/system.ts'
import { AlpacaServer } from '../../src/simulators/alpaca/index.ts'
import {
  CONTRACT_LIMITS,
  type ContractMarket,
  describeVenue,
  type Stand,
} from '../../src/testing/index.ts'
import { ALPACA_LIMITS, AlpacaVenue } from '../../src/venues/alpaca/venue.ts'
import { KEY } from '../alpaca/local.ts'
import { tapeOf } from './market-tape.ts'

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
    tape: tapeOf(market, venueId('alpaca')),
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
