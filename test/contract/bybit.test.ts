// The venue contract on the Bybit adapter, against the local venue in virtual time.
import { ms } from '../../src/core/time.ts'
import { Universe } from '../../src/core/universe.ts'
import { VirtualWorld } from '../../src/io/virtual.ts'
import {
  CONTRACT_LIMITS,
  type ContractMarket,
  describeVenue,
  type Stand,
  type VenueContract,
} from '../../src/testing/index.ts'
import { BYBIT, bybitLimits, BybitVenue } from '../../src/venues/bybit/venue.ts'
import type { RuleText } from '../../src/simulators/fault-script.ts'
import { KEY } from '../bybit/local.ts'
import { HOSTS, VirtualBybit } from '../bybit/virtual.ts'
import { tapeOf } from './market-tape.ts'

const TERMS: Omit<VenueContract, 'name' | 'make'> = {
  symbols: ['AAAUSDT', 'BBBUSDT', 'CCCUSDT'],
  startAt: ms(Date.UTC(2026, 0, 7, 15)),
  orders: [
    ['market', 'day'],
    ['market', 'gtc'],
    ['market', 'ioc'],
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
    'trade-counts': 'its klines do not say how many trades they hold',
    'repeated-quotes': 'its books tell what changes',
  },
}

for (const orderEntry of ['rest', 'socket'] as const)
  describeVenue({
    ...TERMS,
    name: `Bybit, orders over ${orderEntry}`,
    make: (market) => standOf(market, orderEntry),
  })

async function standOf(market: ContractMarket, orderEntry: 'rest' | 'socket'): Promise<Stand> {
  const { cash, rows, total } = CONTRACT_LIMITS
  const world = new VirtualWorld({ seed: 1, startAt: market.startAt })
  const { startAt } = market
  const tape = tapeOf(market, BYBIT)
  const served = VirtualBybit.serve(world, { startAt, tape, keys: [KEY], cash })
  const local = await world.settled(served)
  const universe = new Universe()
  const usual = bybitLimits()
  const venue = new BybitVenue({
    io: world.node('engine'),
    keys: KEY,
    symbols: market.symbols,
    universe,
    hosts: HOSTS,
    orderEntry,
    limits: {
      subscribe: { ...usual.subscribe, total },
      history: { ...usual.history, rows },
    },
  })
  // Both need time to pass; that of the market has not begun then, or is over.
  const [open, close] = [venue.open.bind(venue), venue.close.bind(venue)]
  let closing: Promise<void> | undefined
  venue.open = (sink) => world.settled(open(sink))
  venue.close = () => (closing ??= world.settled(close()))
  return {
    venue,
    universe,
    async pass(forMs) {
      await world.run(forMs)
    },
    loseAnswer(when) {
      if (orderEntry === 'socket') {
        const lost =
          when === 'before' ? { fault: 'no-ack' } : { fault: 'drop', holding: '"order.create"' }
        local.venue.nemesis.inject({ on: 'entry', times: 1, ...lost } as RuleText)
        return
      }
      const rule = { on: 'rest', method: 'POST', path: '/v5/order/create', times: 1 } as const
      local.venue.nemesis.inject({ ...rule, fault: 'reset', when, bytes: 0 })
    },
    async end() {
      local.stop()
      await local.venue.close()
    },
  }
}
