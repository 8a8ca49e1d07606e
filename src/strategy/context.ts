// Context: what a strategy sees of the world, and what it may ask for.
import type { Ms, OrderId, SymbolId } from '../core/brand.ts'
import type { Instrument } from '../core/instrument.ts'
import type { Quote } from '../core/market.ts'
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

export interface Trail {
  /** Profit at which the stop begins to follow, as a fraction of the entry price: 0.01 is 1 %. */
  readonly activate: number
  /** Distance from the best price, as a fraction of it: 0.005 is 0.5 %. */
  readonly distance: number
}

export interface Context<S = unknown> {
  /** Engine time: when the input that is being handled was received. */
  readonly now: Ms
  readonly symbol: SymbolId
  readonly instrument: Instrument
  /** The last price seen, from trades, bars or the middle of the quote; undefined before the first. */
  readonly price: number | undefined
  readonly quote: Quote | undefined
  readonly position: Holding
  /** This lane's orders that may still trade, oldest first. */
  readonly orders: readonly Order[]
  /** Cash and holdings of the whole account at the last prices, in money. */
  readonly equity: number
  /** The session of the instrument's calendar that `now` is in; undefined outside one. */
  readonly session: { readonly open: Ms; readonly close: Ms } | undefined
  /** True until the lane has seen its warm-up bars: orders are refused until then. */
  readonly isWarmingUp: boolean
  /** Replaced, never mutated: it is frozen when assigned. */
  state: S
  /** Both snap to the grid and give undefined where risk said no (an `order.denied` notice says why). */
  buy(intent: OrderIntent): OrderId | undefined
  sell(intent: OrderIntent): OrderId | undefined
  /** An entry with its stop and target: one cancels the other, both sized by what was filled. */
  bracket(intent: BracketIntent): OrderId | undefined
  cancel(id: OrderId): void
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
