// The venue contract on the simulated venue, on virtual time.
import { venueId } from '../../src/core/brand.ts'
import { fault } from '../../src/core/fault.ts'
import type { MarketInput } from '../../src/core/input.ts'
import { equitySpec } from '../../src/core/instrument.ts'
import type { OrderType, TimeInForce } from '../../src/core/order.ts'
import { failed } from '../../src/core/result.ts'
import { MINUTE, ms } from '../../src/core/time.ts'
import { Universe } from '../../src/core/universe.ts'
import { VirtualWorld } from '../../src/io/virtual.ts'
import {
  CONTRACT_LIMITS,
  type ContractMarket,
  describeVenue,
  minutesOf,
  type Stand,
} from '../../src/testing/index.ts'
import { SimVenue } from '../../src/venues/sim/index.ts'

const SIM = venueId('sim')
const TYPES: readonly OrderType[] = ['market', 'limit', 'stop', 'stop-limit']
const TIFS: readonly TimeInForce[] = ['day', 'gtc', 'ioc', 'fok']

describeVenue({
  name: 'the simulated venue',
  symbols: ['AAA', 'BBB', 'CCC'],
  startAt: ms(Date.UTC(2026, 0, 7, 15)),
  orders: TYPES.flatMap((type) => TIFS.map((tif) => [type, tif] as const)),
  lacks: {
    'buying-power': 'it gives credit without end; risk asks for buying power before it sends',
  },
  make: (market) => Promise.resolve(standOf(market)),
})

function standOf(market: ContractMarket): Stand {
  const world = new VirtualWorld({ seed: 1, startAt: market.startAt })
  const universe = new Universe(market.symbols.map((symbol) => equitySpec(symbol, SIM)))
  const { cash, rows, total } = CONTRACT_LIMITS
  const venue = new SimVenue({
    io: world.node('engine'),
    universe,
    sim: { venue: SIM, cash, participation: 1 },
    limits: {
      subscribe: { batch: 1, everyMs: 0, total },
      history: { symbols: 2, rows, perMinute: 1_000 },
    },
  })
  const facts = inputsOf(market, universe)
  let shown = 0
  return {
    venue,
    universe,
    async pass(forMs) {
      const until = world.now + forMs
      for (let next = facts[shown]; next !== undefined && next.at <= until; next = facts[shown]) {
        await world.run(next.at - world.now)
        venue.show(next)
        shown++
      }
      await world.run(until - world.now)
    },
    loseAnswer(when) {
      const { broker } = venue
      const execute = broker.execute.bind(broker)
      const lost = fault('outcome-unknown', 'the answer was lost')
      broker.execute = async (batch) => {
        broker.execute = execute
        if (when === 'after') await execute(batch)
        return batch.commands.map(() => failed(lost))
      }
    },
    end: () => Promise.resolve(),
  }
}

/** The market as inputs, and its minutes when they are over. */
function inputsOf(market: ContractMarket, universe: Universe): readonly MarketInput[] {
  const idOf = (symbol: string) => universe.find(symbol)!.id
  const facts = market.facts.map((fact): MarketInput => {
    const symbol = idOf(fact.symbol)
    if (fact.type === 'quote') return { type: 'quote', at: fact.ts, quote: { ...fact, symbol } }
    return { type: 'trade', at: fact.ts, trade: { ...fact, symbol } }
  })
  const minutes = minutesOf(market).map((minute): MarketInput => {
    const bar = { ...minute, symbol: idOf(minute.symbol), timeframe: '1m' as const }
    return { type: 'bar', at: ms(minute.start + MINUTE), source: 'venue', bar }
  })
  return [...facts, ...minutes].toSorted((a, b) => a.at - b.at)
}
