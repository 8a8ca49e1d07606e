// Contract terms: what whoever runs the venue contract says of a venue, and how the suite gets one.
import type { Ms } from '../core/brand.ts'
import type { OrderType, TimeInForce } from '../core/order.ts'
import type { Universe } from '../core/universe.ts'
import type { Venue } from '../core/venue.ts'
import type { ContractMarket } from './contract-market.ts'

/** A venue under test, not yet open, and the time of its market. */
export interface Stand {
  readonly venue: Venue
  /** The one that the venue was made with. The suite adds what `open` tells and it does not hold. */
  readonly universe: Universe
  /** Lets so many milliseconds of the market pass; what the venue says meanwhile has been heard when it resolves. */
  pass(forMs: number): Promise<void>
  /** The answer to the next submit is lost, before the venue took it or after. */
  loseAnswer?(when: 'before' | 'after'): void
  /** Ends what the stand has started. The venue is closed by then. */
  end(): Promise<void>
}

/** What a venue may lack. */
export type Ability =
  | 'trades'
  | 'quotes'
  /** Quotes come again where nothing has changed. */
  | 'repeated-quotes'
  | 'bars'
  | 'history'
  | 'partial-fills'
  /** Bars say how many trades they hold. */
  | 'trade-counts'
  | 'amend'
  | 'brackets'
  | 'post-only'
  | 'reduce-only'
  | 'buying-power'
  | 'lost-answers'

export interface VenueContract {
  readonly name: string
  /** Instruments with ticks of a cent and lots of one that cost about 100; `limits.subscribe.total` is 2 in the tests. */
  readonly symbols: ContractMarket['symbols']
  readonly startAt: Ms
  /** The order types and times in force that the venue says it has. Others must be refused. */
  readonly orders: readonly (readonly [OrderType, TimeInForce])[]
  /** The reason why, for what it cannot do. */
  readonly lacks?: Readonly<Partial<Record<Ability, string>>>
  /**
   * A venue on this market with 100,000 of cash, that fills no more than is shown, with pages of 3 bars and two
   * subscribed symbols at most.
   */
  make(market: ContractMarket): Promise<Stand>
}

/** Rows of a page of history in the contract's tests, and symbols that may be subscribed. */
export const CONTRACT_LIMITS = { rows: 3, total: 2, cash: 100_000 } as const
