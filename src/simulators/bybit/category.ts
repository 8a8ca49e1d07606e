// Category: what the symbols of a local Bybit are, and what is different for it.
import { unreachable } from '../../core/assert.ts'
import type { VenueId } from '../../core/brand.ts'
import type { InstrumentSpec } from '../../core/instrument.ts'
import type { Product } from './dead-man.ts'

export const CATEGORIES = ['linear', 'inverse', 'option', 'spot'] as const
export type Category = (typeof CATEGORIES)[number]

const QUOTES = ['USDT', 'USDC', 'USD', 'EUR', 'BTC'] as const

/** `BTCUSDT` → BTC and USDT; `BTC-27MAR26-70000-C-USDT` too, and USDC where an option names none. */
export function coinsOf(symbol: string): { readonly base: string; readonly quote: string } {
  const [base = '', ...parts] = symbol.split('-')
  if (parts.length > 1) return { base, quote: parts[3] ?? 'USDC' }
  const quote = QUOTES.find((coin) => symbol.endsWith(coin) && symbol.length > coin.length)
  return quote === undefined
    ? { base: symbol, quote: 'USDT' }
    : { base: symbol.slice(0, -quote.length), quote }
}

/** What it is gained, lost and paid with. */
export const settleCoinOf = (symbol: string, category: Category): string => {
  const { base, quote } = coinsOf(symbol)
  return category === 'inverse' ? base : quote
}

export const PRODUCTS: Readonly<Record<Category, Product>> = {
  linear: 'DERIVATIVES',
  inverse: 'DERIVATIVES',
  option: 'OPTIONS',
  spot: 'SPOT',
}

/** Levels of the topics of books. */
export const DEPTHS: Readonly<Record<Category, readonly number[]>> = {
  linear: [1, 50, 200, 1_000],
  inverse: [1, 50, 200, 1_000],
  option: [25, 100],
  spot: [1, 50, 200, 1_000],
}

/** Of the smallest order. */
const MIN_NOTIONAL = 5

/** Whatever the tape says that they are, its symbols are of the category here, on the grid that the tape tells. */
export function specIn(category: Category, venue: VenueId, spec: InstrumentSpec): InstrumentSpec {
  const currency = settleCoinOf(spec.symbol, category)
  const terms = { venue, currency, multiplier: 1, calendar: '24/7' } as const
  switch (category) {
    case 'linear':
      return { ...spec, ...terms, kind: 'perpetual', minNotional: MIN_NOTIONAL }
    case 'spot':
      return { ...spec, ...terms, kind: 'crypto', minNotional: MIN_NOTIONAL }
    // A contract is a dollar.
    case 'inverse':
      return { ...spec, ...terms, kind: 'perpetual', lotSize: 1, minNotional: 0, inverse: true }
    case 'option':
      return { ...spec, ...terms, kind: 'option', minNotional: 0 }
    default:
      return unreachable(category)
  }
}

const MONTHS = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC']

/** When an option is delivered: `BTC-27MAR26-70000-C` at eight in the morning of that day, UTC. */
export function deliveryOf(symbol: string): number {
  const [, day = '', month = '', year = ''] = /-(\d{1,2})([A-Z]{3})(\d{2})-/.exec(symbol) ?? []
  return Date.UTC(2_000 + Number(year), MONTHS.indexOf(month), Number(day), 8)
}
