// Virtual stand: the simulated venue for the contract, on virtual time; its market can be the feed of another.
import { venueId } from '../../src/core/brand.ts'
import { fault } from '../../src/core/fault.ts'
import type { MarketInput } from '../../src/core/input.ts'
import { equitySpec } from '../../src/core/instrument.ts'
import type { OrderType, TimeInForce } from '../../src/core/order.ts'
import { failed } from '../../src/core/result.ts'
import { MINUTE, ms } from '../../src/core/time.ts'
import { Universe } from '../../src/core/universe.ts'
import type { Broker, Venue } from '../../src/core/venue.ts'
import { VirtualWorld } from '../../src/io/virtual.ts'
import {
  CONTRACT_LIMITS,
  type ContractMarket,
  minutesOf,
  type Stand,
  type VenueContract,
} from '../../src/testing/index.ts'
import { SimVenue, type SimVenueOptions } from '../../src/venues/sim/index.ts'

const SIM = venueId('sim')
const TYPES: readonly OrderType[] = ['market', 'limit', 'stop', 'stop-limit']
const TIFS: readonly TimeInForce[] = ['day', 'gtc', 'ioc', 'fok']

/** What the simulated venue says of itself, whoever brings its market. */
export const TERMS: Omit<VenueContract, 'name' | 'make'> = {
  symbols: ['AAA', 'BBB', 'CCC'],
  startAt: ms(Date.UTC(2026, 0, 7, 15)),
  orders: TYPES.flatMap((type) => TIFS.map((tif) => [type, tif] as const)),
  lacks: {
    'buying-power': 'it gives credit without end; risk asks for buying power before it sends',
  },
}

type Simulated = Venue & { readonly broker: Broker }

/** A stand on the market; `around` makes the venue under test out of the one that the market is shown to. */
export function standOf(
  market: ContractMarket,
  around: (shown: SimVenue, options: SimVenueOptions) => Simulated = (shown) => shown,
): Stand {
  const world = new VirtualWorld({ seed: 1, startAt: market.startAt })
  const universe = new Universe(market.symbols.map((symbol) => equitySpec(symbol, SIM)))
  const { cash, rows, total } = CONTRACT_LIMITS
  const options: SimVenueOptions = {
    io: world.node('engine'),
    universe,
    sim: { venue: SIM, cash, participation: 1 },
    limits: {
      subscribe: { batch: 1, everyMs: 0, total },
      history: { symbols: 2, rows, perMinute: 1_000 },
    },
  }
  const shown = new SimVenue(options)
  const venue = around(shown, options)
  const facts = inputsOf(market, universe)
  let told = 0
  return {
    venue,
    universe,
    async pass(forMs) {
      const until = world.now + forMs
      for (let next = facts[told]; next !== undefined && next.at <= until; next = facts[told]) {
        await world.run(next.at - world.now)
        shown.show(next)
        told++
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
