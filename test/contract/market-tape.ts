// Market tape: the market of the contract as a tape, for a local venue.
import type { VenueId } from '../../src/core/brand.ts'
import { equitySpec } from '../../src/core/instrument.ts'
import type { Tape, TapeSeries } from '../../src/core/tape.ts'
import type { ContractFact, ContractMarket } from '../../src/testing/index.ts'

export function tapeOf({ symbols, facts }: ContractMarket, venue: VenueId): Tape {
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
  return {
    name: 'the market of the contract',
    instruments: symbols.map((symbol) => equitySpec(symbol, venue)),
    series,
  }
}
