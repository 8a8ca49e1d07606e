// Input: every fact that may enter the engine. Ordered, journaled, replayable; plain JSON.
import { unreachable } from './assert.ts'
import type { FillId, Money, Ms, OrderId, Px, Qty, SymbolId, VenueId } from './brand.ts'
import type { Fault } from './fault.ts'
import type { InstrumentSpec } from './instrument.ts'
import type { Bar, Depth, Quote, Trade } from './market.ts'

interface At {
  /** When we received it: the engine's time line. */
  readonly at: Ms
}

export type MarketInput =
  | (At & { readonly type: 'trade'; readonly trade: Trade })
  | (At & { readonly type: 'quote'; readonly quote: Quote })
  /** The book as it is when the turn is made, of symbols whose strategies ask for it, where it has changed. */
  | (At & { readonly type: 'depth'; readonly depth: Depth })
  | (At & { readonly type: 'bar'; readonly bar: Bar; readonly source: 'venue' | 'warmup' })

/** What is of one width, and so may lie in columns. */
export type RowInput = Exclude<MarketInput, { readonly type: 'depth' }>

export type OrderFact =
  | (At & {
      readonly type: 'order.accepted'
      readonly id: OrderId
      readonly venueId: string
      readonly ts: Ms
    })
  | (At & {
      readonly type: 'order.filled'
      readonly id: OrderId
      readonly fill: FillId
      readonly qty: Qty
      readonly price: number
      readonly fee: Money
      readonly ts: Ms
    })
  | (At & { readonly type: 'order.canceled'; readonly id: OrderId; readonly ts: Ms })
  | (At & { readonly type: 'order.expired'; readonly id: OrderId; readonly ts: Ms })
  | (At & {
      readonly type: 'order.rejected'
      readonly id: OrderId
      readonly fault: Fault
      readonly ts: Ms
    })
  | (At & {
      readonly type: 'cancel.rejected'
      readonly id: OrderId
      readonly fault: Fault
      readonly ts: Ms
    })
  /** The venue has no trace of an order whose answer was lost, and has had the time to show one. */
  | (At & { readonly type: 'order.absent'; readonly id: OrderId; readonly ts: Ms })
  /** The venue takes back a fill: it never was. `bust` names the taking back, `fill` what is taken back. */
  | (At & {
      readonly type: 'order.busted'
      readonly id: OrderId
      readonly bust: FillId
      readonly fill: FillId
      readonly qty: Qty
      readonly price: number
      readonly ts: Ms
    })
  /** The venue changed the order: our amend was taken, or a bracket leg was sized by what was filled. */
  | (At & {
      readonly type: 'order.amended'
      readonly id: OrderId
      readonly qty?: Qty
      readonly limit?: Px
      readonly stop?: Px
      readonly ts: Ms
    })

/** Money that came to the account or left it without a trade: deposits, withdrawals. */
export interface Transfer {
  readonly id: string
  /** > 0 came, < 0 left. */
  readonly amount: Money
}

/** As the venue has it now; it is told again with each change. */
export interface ExternalOrder {
  readonly venueId: string
  readonly symbol: SymbolId
  readonly side: 'buy' | 'sell'
  readonly qty: Qty
  readonly filled: Qty
  readonly avgPrice: number
  readonly limit?: Px
  readonly open: boolean
}

export type Input =
  | MarketInput
  | OrderFact
  | (At & {
      readonly type: 'account'
      readonly venue: VenueId
      readonly equity: Money
      readonly cash: Money
      readonly buyingPower: Money
      /** Those that the venue tells of late; each counts once. */
      readonly transfers?: readonly Transfer[]
    })
  | (At & {
      readonly type: 'venue.up' | 'venue.down'
      readonly venue: VenueId
      readonly stream: 'feed' | 'orders'
      readonly why?: string
      /** Where a part of the stream was cut, as one of several connections: those that it carries. All where not told. */
      readonly symbols?: readonly SymbolId[]
    })
  /** An order of the account that is not ours: a person's, or another program's. */
  | (At & { readonly type: 'external'; readonly order: ExternalOrder })
  | (At & { readonly type: 'instrument.added'; readonly spec: InstrumentSpec })
  | (At & { readonly type: 'control'; readonly control: Control; readonly by: string })

export type Control =
  | { readonly do: 'pause' | 'resume' | 'stop'; readonly why?: string }
  /** Of one strategy, or of all. `cancel-risk` leaves what protects or closes a position. */
  | {
      readonly do: 'cancel-all' | 'cancel-risk' | 'flatten'
      readonly strategy?: string
      readonly why?: string
    }
  | { readonly do: 'safe-mode'; readonly on: boolean; readonly why: string }
  | { readonly do: 'kill-switch'; readonly on: boolean; readonly why: string }
  /** No new risk while the process goes down, or comes up. Unlike `stop` it closes no bar and can be taken back. */
  | { readonly do: 'drain'; readonly on: boolean }
  /**
   * No new risk until the venue's report was heard, because the process did not see what happened. Where nothing of what
   * is held is certain either, as at a start, it is blind: exits, closes, quotes and timers wait too.
   */
  | {
      readonly do: 'hold'
      readonly on: boolean
      readonly why: string
      readonly isBlind?: true
      /** After a blind one: timers, which may want entries, wait for its end all the same. */
      readonly areTimersLate?: true
    }
  /** No new risk in one symbol. Each cause is lifted by itself. */
  | {
      readonly do: 'halt-symbol'
      readonly symbol: SymbolId
      readonly cause: HaltCause
      readonly on: boolean
      readonly why: string
      /** Of a position: the venue has less than we believe, so an exit could turn it round. */
      readonly isLess?: true
    }
  /**
   * The venue's position in a symbol becomes ours, at its average price, and what halted the symbol is lifted; nothing
   * happens where our position is no longer the one that was compared. What is added belongs to the lane of a
   * strategy, or to none.
   */
  | {
      readonly do: 'adopt'
      readonly symbol: SymbolId
      readonly strategy?: string
      /** Ours, as it was compared with the venue's. */
      readonly before: number
      readonly qty: number
      readonly avgPrice: number
    }
  /** So much of a coin is at the venue and in no position: parts of lots that fees have left. All of it, not what is new. */
  | { readonly do: 'dust'; readonly symbol: SymbolId; readonly qty: number }
  /** Other limits of risk, or another batching, from this turn on. */
  | { readonly do: 'retune'; readonly changes: readonly LimitChange[] }
  /** Halts a lane, as what its strategy throws does: for what came of a hook when its turn was over. */
  | {
      readonly do: 'halt'
      readonly strategy: string
      readonly symbol: SymbolId
      readonly why: string
    }
  /** Lets a halted lane trade again; without a symbol, every lane of the strategy. */
  | { readonly do: 'release'; readonly strategy: string; readonly symbol?: SymbolId }

/**
 * One limit of risk, by its name below `risk` in the configuration: `drawdown.halt`. Or one setting of batching, by its
 * whole name: `batching.enabled`.
 */
export interface LimitChange {
  readonly limit: string
  readonly before: LimitValue
  readonly after: LimitValue
}

/** `off` is no limit: JSON has no infinity. Of a switch, it is off or on. Other words are those of `tradingHours`. */
export type LimitValue = number | 'off' | 'on' | 'regular' | 'extended' | 'always'

/** An order whose fate is open, a position that differs from the venue's, a person's word, or the market's state. */
export type HaltCause = 'unknown-order' | 'position' | 'operator' | MarketCause

/** A venue tells these: it halted the symbol, or its data are silent or bad. After a start it tells them anew, but for a trading halt. */
export const MARKET_CAUSES = ['trading-halt', 'not-tradable', 'silent', 'bad-prices'] as const
export type MarketCause = (typeof MARKET_CAUSES)[number]

/**
 * Order of inputs within one millisecond: operator, venue status, order facts, account, market. Timers come
 * after all of them, so that a bar which closes now has seen every trade stamped before its end.
 */
export function rank(input: Input): number {
  switch (input.type) {
    case 'control':
      return 0
    case 'venue.up':
    case 'venue.down':
    case 'instrument.added':
      return 1
    case 'order.accepted':
    case 'order.filled':
    case 'order.canceled':
    case 'order.expired':
    case 'order.rejected':
    case 'cancel.rejected':
    case 'order.absent':
    case 'order.busted':
    case 'order.amended':
    case 'external':
      return 2
    case 'account':
      return 3
    case 'trade':
    case 'quote':
    case 'depth':
    case 'bar':
      return 4
    default:
      return unreachable(input)
  }
}

export const isMarket = (input: Input): input is MarketInput =>
  input.type === 'trade' || input.type === 'quote' || input.type === 'depth' || input.type === 'bar'
