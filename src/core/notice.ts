// Notice: every fact that a turn derives. Anyone may watch, no one may answer; gone if nobody listens.
import type { FillId, Ms, SymbolId } from './brand.ts'
import type { ExternalOrder, HaltCause, LimitChange } from './input.ts'
import type { Bar, Trade } from './market.ts'
import type { DoneReason, Fill, Order, OrderRequest, Side } from './order.ts'
import type { Timeframe } from './time.ts'

/** Why risk refused an order: a closed list. Each denial carries the value that was met and its limit. */
export const DENY_CODES = [
  'kill-switch',
  'stopping',
  'paused',
  'safe-mode',
  'venue-down',
  'symbol-halted',
  'drawdown',
  'daily-loss',
  'max-trades-per-day',
  'max-positions',
  'max-order-notional',
  'max-position-notional',
  'max-exposure',
  'max-open-orders',
  'order-rate',
  'insufficient-buying-power',
  'price-band',
  'stale-price',
  'market-closed',
  'duplicate',
  'self-cross',
  'opposite-bracket',
  'off-grid',
  'below-minimum',
  'not-taken',
  'bad-request',
  'missing-data',
] as const
export type DenyCode = (typeof DENY_CODES)[number]

export interface Denial {
  readonly code: DenyCode
  /** In words, with the numbers: "order notional 12000 is above the limit of 10000". */
  readonly detail: string
}

export type DrawdownLevel = 'normal' | 'warning' | 'halt' | 'emergency'

export type Notice =
  | { readonly type: 'bar.closed'; readonly bar: Bar }
  /** Minutes without a trade that were too many to fill. */
  | {
      readonly type: 'bar.gap'
      readonly symbol: SymbolId
      readonly timeframe: Timeframe
      readonly from: Ms
      readonly to: Ms
    }
  /** A trade of a bar that was already published; no bar holds it. */
  | { readonly type: 'trade.late'; readonly trade: Trade }
  | { readonly type: 'order.placed'; readonly order: Order }
  /** `isEnd` where the change ended it; what comes after that, such as a late fill, is a change of what has ended. */
  | { readonly type: 'order.changed'; readonly order: Order; readonly isEnd: boolean }
  /** A fill of an order that had ended: it was canceled, rejected or given up, and has traded all the same. */
  | {
      readonly type: 'fill.late'
      readonly order: Order
      readonly fill: FillId
      readonly was: DoneReason
    }
  | {
      readonly type: 'order.denied'
      readonly strategy: string
      readonly request: OrderRequest
      readonly denial: Denial
    }
  | {
      readonly type: 'fill'
      readonly at: Ms
      readonly order: Order
      readonly fill: Fill
      /** The fill that this one takes back: the reverse of it, told as a fill of the other side. */
      readonly busts?: FillId
      /** Profit that this fill realised for its lane, before fees. */
      readonly profit: number
      /** The lane's position after it. */
      readonly position: number
    }
  /** A second after a quote has filled: the middle of the market then, and at the fill. */
  | {
      readonly type: 'quote.marked'
      /** Of the fill. */
      readonly at: Ms
      readonly symbol: SymbolId
      readonly strategy: string
      readonly side: Side
      readonly qty: number
      readonly price: number
      readonly fee: number
      readonly middle: number
      readonly later: number
    }
  | {
      readonly type: 'position.changed'
      readonly symbol: SymbolId
      readonly qty: number
      readonly avgPrice: number
    }
  | {
      readonly type: 'signal'
      readonly at: Ms
      readonly strategy: string
      readonly symbol: SymbolId
      readonly name: string
      readonly data: Readonly<Record<string, unknown>>
    }
  | {
      readonly type: 'strategy.halted'
      readonly strategy: string
      readonly symbol: SymbolId
      readonly error: string
    }
  /** An order of the account that is not ours is new or has changed. */
  | { readonly type: 'external'; readonly order: ExternalOrder }
  | { readonly type: 'safe-mode' | 'kill-switch'; readonly on: boolean; readonly why: string }
  | {
      readonly type: 'symbol.halted'
      readonly symbol: SymbolId
      readonly cause: HaltCause
      readonly on: boolean
      readonly why: string
    }
  /** The venue's position was taken over, or was not, because ours had moved since. */
  | {
      readonly type: 'position.adopted'
      readonly symbol: SymbolId
      readonly strategy?: string
      readonly isDone: boolean
      /** Ours before it. */
      readonly before: number
      readonly qty: number
      readonly avgPrice: number
    }
  /** Money came (> 0) or left without a trade: it is in equity, and no profit or loss. */
  | { readonly type: 'transferred'; readonly at: Ms; readonly amount: number }
  | { readonly type: 'limits.changed'; readonly at: Ms; readonly changes: readonly LimitChange[] }
  | { readonly type: 'drawdown'; readonly level: DrawdownLevel; readonly drawdown: number }
