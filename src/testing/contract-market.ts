// Contract market: what the venue contract trades on. Three symbols, a quote and a print of each in every second.
import type { Ms } from '../core/brand.ts'
import { MINUTE, ms } from '../core/time.ts'

/** A fact of the market, by the symbol's name. */
export type ContractFact = { readonly symbol: string; readonly ts: Ms } & (
  | { readonly type: 'trade'; readonly price: number; readonly size: number }
  | {
      readonly type: 'quote'
      readonly bid: number
      readonly bidSize: number
      readonly ask: number
      readonly askSize: number
    }
)

export interface ContractMarket {
  /** Time when the venue starts, within a session of all symbols. */
  readonly startAt: Ms
  /** The first moves, the second stays, the third is there to be one too many. */
  readonly symbols: readonly [string, string, string]
  /** In order of time; of one second the quote comes before the print. */
  readonly facts: readonly ContractFact[]
}

/** Size of every print, and of every side of a quote. */
export const SHOWN = 500
const SECOND = 1_000
const SECONDS = 420

/** The first symbol prints these prices, one a second, and stays at the last; the second stays at half the first price. */
export function marketOf(
  startAt: Ms,
  symbols: ContractMarket['symbols'],
  prices: readonly number[],
): ContractMarket {
  const facts: ContractFact[] = []
  const first = prices[0] ?? 100
  for (let second = 1; second <= SECONDS; second++) {
    const moving = prices[second - 1] ?? prices.at(-1) ?? first
    for (const [i, symbol] of symbols.entries()) {
      const price = i === 0 ? moving : first / 2
      const ts = ms(startAt + second * SECOND)
      const [bid, ask] = [cents(price - 0.01), cents(price + 0.01)]
      facts.push({ type: 'quote', symbol, ts, bid, bidSize: SHOWN, ask, askSize: SHOWN })
      facts.push({ type: 'trade', symbol, ts, price, size: SHOWN })
    }
  }
  return { startAt, symbols, facts }
}

const cents = (price: number): number => Math.round(price * 100) / 100

export interface ContractMinute {
  readonly symbol: string
  readonly start: Ms
  readonly open: number
  readonly high: number
  readonly low: number
  readonly close: number
  readonly volume: number
  readonly trades: number
}

/** The minutes that the prints add up to, in order of time. */
export function minutesOf({ facts }: Pick<ContractMarket, 'facts'>): readonly ContractMinute[] {
  const minutes = new Map<string, ContractMinute>()
  for (const fact of facts) {
    if (fact.type !== 'trade') continue
    const { symbol, price, size } = fact
    const start = ms(Math.floor(fact.ts / MINUTE) * MINUTE)
    const key = `${symbol} ${start}`
    const known = minutes.get(key)
    minutes.set(key, {
      symbol,
      start,
      open: known?.open ?? price,
      high: Math.max(known?.high ?? price, price),
      low: Math.min(known?.low ?? price, price),
      close: price,
      volume: (known?.volume ?? 0) + size,
      trades: (known?.trades ?? 0) + 1,
    })
  }
  return [...minutes.values()].toSorted((a, b) => a.start - b.start)
}
