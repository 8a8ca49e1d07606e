// Builders: small makers of test data. What a test does not say has a default that is easy to calculate with.
import {
  type FillId,
  type Ms,
  type OrderId,
  symbolId,
  type VenueId,
  venueId,
} from '../core/brand.ts'
import type { OrderFact } from '../core/input.ts'
import { equitySpec, type InstrumentSpec } from '../core/instrument.ts'
import type { Bar, Quote, Trade } from '../core/market.ts'
import type { Order, OrderRequest } from '../core/order.ts'
import { EVERY_ORDER, forEveryKind, type OrderTerms, type TermsByKind } from '../core/terms.ts'
import { ms } from '../core/time.ts'
import { Universe } from '../core/universe.ts'
import type { Limits } from '../core/venue.ts'

export const SIM: VenueId = venueId('sim')

/** A Monday, 10:00 in New York: the stock exchange, the futures and the coins all trade. */
export const MONDAY_10: Ms = ms(Date.UTC(2026, 2, 9, 14))

/** The time of an ISO stamp, in UTC where it names no zone: `utc('2026-03-09 14:30')`. */
export const utc = (stamp: string): Ms => ms(Date.parse(`${stamp.replace(' ', 'T')}Z`))

/** The first symbols of a universe, for tests that need no more. */
export const [A, B, C] = [symbolId(0), symbolId(1), symbolId(2)] as const

/** A share with ticks of a cent and lots of one. */
export const share = (symbol: string, changes: Partial<InstrumentSpec> = {}): InstrumentSpec => ({
  ...equitySpec(symbol, SIM),
  ...changes,
})

/** A future with ticks of 0.25 and 50 money per point. */
export const future = (symbol: string, changes: Partial<InstrumentSpec> = {}): InstrumentSpec =>
  share(symbol, { kind: 'future', tickSize: 0.25, multiplier: 50, calendar: 'cme', ...changes })

/** A coin with lots of 0.0001 that trades day and night. */
export const coin = (symbol: string, changes: Partial<InstrumentSpec> = {}): InstrumentSpec =>
  share(symbol, { kind: 'crypto', lotSize: 0.0001, calendar: '24/7', ...changes })

/** A universe of shares, by name, and of other instruments, by their spec. */
export const universeOf = (...symbols: readonly (string | InstrumentSpec)[]): Universe =>
  new Universe(symbols.map((symbol) => (typeof symbol === 'string' ? share(symbol) : symbol)))

/** Terms of a venue that takes every order of every kind, and keeps no brackets. */
export const termsOf = (changes: Partial<OrderTerms> = {}): TermsByKind =>
  forEveryKind({
    takes: EVERY_ORDER,
    postOnly: true,
    shorts: true,
    fractions: true,
    brackets: 'emulated',
    protectsParts: true,
    exitsBesideLegs: false,
    exits: 'two',
    ...changes,
  })

/** Limits of a venue that bears much; a batch holds 20 orders. */
export const limitsOf = (batch = 20, changes: Partial<Limits> = {}): Limits => ({
  subscribe: { batch: 1_000, everyMs: 0, total: 10_000 },
  orders: { batch, perSecond: 1_000 },
  history: { symbols: 100, rows: 10_000, perMinute: 1_000 },
  concurrent: 10,
  amend: true,
  terms: termsOf(),
  visibilityMs: 60_000,
  ...changes,
})

export const trade = (changes: Partial<Trade> = {}): Trade => ({
  symbol: A,
  ts: MONDAY_10,
  price: 100,
  size: 1,
  ...changes,
})

export const quote = (changes: Partial<Quote> = {}): Quote => ({
  symbol: A,
  ts: MONDAY_10,
  bid: 99.99,
  bidSize: 100,
  ask: 100.01,
  askSize: 100,
  ...changes,
})

export const bar = (changes: Partial<Bar> = {}): Bar => ({
  symbol: A,
  timeframe: '1m',
  start: MONDAY_10,
  open: 100,
  high: 101,
  low: 99,
  close: 100.5,
  volume: 1_000,
  trades: 10,
  ...changes,
})

/** What grid numbers take: plain numbers, which the test promises to be on the grid. */
type Plain<T> = {
  readonly [Key in keyof T]: T[Key] extends number | undefined
    ? number
    : T[Key] extends OrderId | FillId | undefined
      ? string
      : T[Key]
}

/** A request to buy 10 at the market. */
export const request = (changes: Partial<Plain<OrderRequest>> = {}): OrderRequest =>
  ({ symbol: A, side: 'buy', type: 'market', qty: 10, tif: 'day', ...changes }) as OrderRequest

/** An order to buy 10 at the market that was sent and of which nothing is filled. */
export const order = (changes: Partial<Plain<Order>> = {}): Order =>
  ({
    ...request(),
    id: 's-r-1',
    strategy: 's',
    phase: 'sent',
    filled: 0,
    avgPrice: 0,
    createdAt: MONDAY_10,
    updatedAt: MONDAY_10,
    ...changes,
  }) as Order

/** A fill of 10 at 100 without a fee. */
export const filled = (
  id: string,
  changes: Partial<Plain<Extract<OrderFact, { type: 'order.filled' }>>> = {},
): Extract<OrderFact, { type: 'order.filled' }> =>
  ({
    type: 'order.filled',
    at: MONDAY_10,
    id,
    fill: `${id}/1`,
    qty: 10,
    price: 100,
    fee: 0,
    ts: MONDAY_10,
    ...changes,
  }) as Extract<OrderFact, { type: 'order.filled' }>
