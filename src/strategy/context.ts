// Context: what a strategy sees of the world, and what it may ask for.
import type { Ms, OrderId, SymbolId } from '../core/brand.ts'
import type { Instrument } from '../core/instrument.ts'
import type { Depth, Quote } from '../core/market.ts'
import type { Order, Side, TimeInForce } from '../core/order.ts'

/** The lane's own holding: what its orders bought and sold. */
export interface Holding {
  readonly qty: number
  /** 0 when flat. */
  readonly avgPrice: number
  readonly isFlat: boolean
  readonly isLong: boolean
  readonly isShort: boolean
}

export interface OrderIntent {
  /** > 0, in shares, contracts or coins; snapped down to a lot. */
  readonly qty: number
  /** Snapped to the price grid. With `stop` too, it is a stop-limit order; with neither, a market order. */
  readonly limit?: number
  readonly stop?: number
  /** Where not given: 'day', or 'gtc' in a market that never closes. */
  readonly tif?: TimeInForce
  readonly postOnly?: true
  readonly reduceOnly?: true
  /**
   * A name for what the order is meant for, such as `cross ${bar.start}`: of this lane, only one order ever leaves under
   * it, also after a restart or where the same bar comes twice.
   */
  readonly once?: string
}

/**
 * An entry and its exits. The entry lives as an order does of which no `tif` is said; what is left of it is canceled by the
 * first fill of an exit. The exits rest, over nights too, until they fill or are canceled. `close` cancels them, and
 * what another order of the lane sells of what the bracket holds, they are for no more. The brackets of a lane go one way:
 * one of the other side is denied (`opposite-bracket`) until what the first one holds, or may come to hold, is gone.
 */
export interface BracketIntent {
  readonly side: Side
  readonly qty: number
  /** Limit price of the entry; without it, the entry is a market order. */
  readonly entry?: number
  /** Trigger price of the protective stop, on the losing side of the entry. */
  readonly stop: number
  /** Limit price of the profit target; without it, the bracket has a stop only. */
  readonly target?: number
  /** The stop follows the best price since the entry, and only ever tightens. */
  readonly trail?: Trail
  /** As of an order. */
  readonly once?: string
}

export interface QuoteLevel {
  /** > 0; snapped to the price grid away from the other side. */
  readonly price: number
  /** In shares, contracts or coins; snapped down to a lot, and left out where that is 0. */
  readonly qty: number
}

/** What is to rest. The order within a side does not matter. */
export interface Ladder {
  readonly bids: readonly QuoteLevel[]
  readonly asks: readonly QuoteLevel[]
}

/** How declared quotes are kept. Caps are of one lane, and hold only the moving of quotes: what is not wanted goes at once. */
export interface RestPolicy {
  /** An order so near to the wanted price, in basis points, is left alone: it keeps its place in the queue. */
  readonly requoteBps: number
  /** And so near in size, as a fraction of the wanted one. */
  readonly requoteSize: number
  /** Moved by an amend where the venue and the next two allow it. */
  readonly amends: boolean
  /** How far an amend may move a price, in basis points, and a size, as a fraction of it. */
  readonly amendBps: number
  readonly amendSize: number
  /** An order that was changed less than so many milliseconds ago is not moved. */
  readonly minRestMs: number
  /** An order more aggressive than wanted by more basis points than that is canceled at once. */
  readonly urgentBps: number
  readonly levelsPerSide: number
  /** Live quotes, those that are being canceled among them. */
  readonly ordersMax: number
  readonly placesPerSecond: number
  readonly amendsPerSecond: number
  readonly cancelsPerSecond: number
  readonly cancelsPerMinute: number
}

export interface Trail {
  /** Profit at which the stop begins to follow, as a fraction of the entry price: 0.01 is 1 %. */
  readonly activate: number
  /** Distance from the best price, as a fraction of it, above 0 and below 1: 0.005 is 0.5 %. */
  readonly distance: number
}

/** Another symbol of the run, as it is when it is looked at. */
export interface Peer {
  readonly instrument: Instrument
  /** As of the context, of that symbol. */
  readonly price: number | undefined
  readonly quote: Quote | undefined
  /** What the same strategy holds there; flat where it is not on that symbol. */
  readonly position: Holding
}

export interface Context<S = unknown> {
  /** Engine time: when the input that is being handled was received. While a bar of the past is shown, its end. */
  readonly now: Ms
  readonly symbol: SymbolId
  readonly instrument: Instrument
  /** The last price seen, from trades, bars or the middle of the quote; undefined before the first. */
  readonly price: number | undefined
  readonly quote: Quote | undefined
  /**
   * The best levels of the book, as many as `needs.depth`, as of this turn; undefined before the first, where the data have
   * none, and where depth is not asked for. One that is not good shows no level.
   */
  readonly book: Depth | undefined
  readonly position: Holding
  /**
   * Another symbol of the run by its name, to look at; one object for the life of the lane. Within a turn `onTurn` comes when all
   * symbols have their prices. What is remembered of a peer belongs into `state`: bars of this symbol do not give it back.
   * Throws where the run has no such symbol.
   *
   * @example const spy = ctx.peer('SPY')
   */
  peer(symbol: string): Peer
  /**
   * This lane's orders that may still trade, oldest first. One that only reduces is canceled when a leg has taken what it was
   * for.
   */
  readonly orders: readonly Order[]
  /** Cash and holdings of the whole account at the last prices, in money. */
  readonly equity: number
  /** The session of the instrument's calendar that `now` is in; undefined outside one. */
  readonly session: { readonly open: Ms; readonly close: Ms } | undefined
  /** True until the lane has seen its warm-up bars: orders are refused until then. */
  readonly isWarmingUp: boolean
  /** Plain JSON, replaced, never mutated: it is frozen when assigned. What a snapshot cannot hold (NaN, a Map) halts the lane. */
  state: S
  /**
   * Both snap to the grid and give undefined where risk said no (an `order.denied` notice says why). An intent with a key
   * that is none is denied, too: a misspelt limit is no order at the market.
   */
  buy(intent: OrderIntent): OrderId | undefined
  sell(intent: OrderIntent): OrderId | undefined
  /**
   * An entry with its stop and target: one cancels the other, both sized by what was filled. Kept by the venue or by the
   * engine, as the venue takes them; denied (`not-taken`) where neither can. What another order of the lane sells of it,
   * they are for no more.
   */
  bracket(intent: BracketIntent): OrderId | undefined
  cancel(id: OrderId): void
  /**
   * Declares the quotes that are to rest from now on, post-only: what rests is kept, moved, canceled or placed with the
   * fewest commands, at the end of the turn. Empty sides withdraw. A fill ends the declaration: declare anew.
   */
  rest(ladder: Ladder, policy?: Partial<RestPolicy>): void
  /** Cancels the lane's orders, brackets with them, and sells or buys back its position at the market. */
  close(): void
  /**
   * Quantity worth this fraction of equity at the last price, rounded down to a lot, within the risk limits
   * and the drawdown ladder. 0 is an answer: nothing is ever forced up to one share. With `stop`, also no
   * more than loses `maxRiskFraction` of equity if the stop is hit.
   */
  size(fraction: number, stop?: number): number
  /** A notice for people and reports; it changes nothing. */
  signal(name: string, data?: Readonly<Record<string, unknown>>): void
}
