// Working: an order as the venue keeps it, and what the venue checks before it does.
import type { Ms, OrderId, Px, Qty, SymbolId } from '../../core/brand.ts'
import { type Fault, fault } from '../../core/fault.ts'
import type { Instrument } from '../../core/instrument.ts'
import type { Order, OrderType, Side, TimeInForce } from '../../core/order.ts'

/** A time that never comes, and a size that never trades: finite, so that JSON keeps it. */
export const NEVER = Number.MAX_SAFE_INTEGER

/** Plain data, changed in place by the exchange that owns it. */
export interface Working {
  readonly id: OrderId
  readonly venueId: string
  readonly symbol: SymbolId
  readonly side: Side
  readonly type: OrderType
  readonly tif: TimeInForce
  readonly isPostOnly: boolean
  readonly isReduceOnly: boolean
  /** The bracket it belongs to, as entry or as leg. */
  group?: OrderId
  qty: Qty
  limit?: Px
  stop?: Px
  filled: Qty
  /** Money traded so far, without sign. */
  value: number
  /** Rank in time among the orders of the venue. */
  priority: number
  /** When the command that set its price left us, and when it arrived. */
  sentAt: Ms
  arrivedAt: Ms
  /** NEVER where it is good till canceled. */
  readonly expiresAt: number
  /** A leg whose entry has not filled. */
  isHeld: boolean
  /** A stop was touched, or there is none. */
  isTriggered: boolean
  /** Has had its first chance to take; from then on it makes. */
  hasRested: boolean
  /** Size that trades at its price before it does. */
  ahead: number
  /** When the latest fact about it is told: later ones are told no sooner. */
  toldAt: number
}

export const left = (order: Working): number => order.qty - order.filled
/** Takes what its first chance gives, and rests never. */
export const isImmediate = (order: Working): boolean => order.tif === 'ioc' || order.tif === 'fok'

/** Why the venue refuses an order; undefined where it does not. `price` is the last known; NaN where none is. */
export function refusal(order: Order, instrument: Instrument, price: number): Fault | undefined {
  const { limit, stop, qty, type } = order
  const needsLimit = type === 'limit' || type === 'stop-limit'
  const needsStop = type === 'stop' || type === 'stop-limit'
  if (!(qty > 0) || !instrument.isOnSizeGrid(qty)) return bad(order.id, `has quantity ${qty}`)
  if (needsLimit !== (limit !== undefined)) return bad(order.id, `is ${type} with limit ${limit}`)
  if (needsStop !== (stop !== undefined)) return bad(order.id, `is ${type} with stop ${stop}`)
  const offGrid = offGridPrice(order, instrument)
  if (offGrid !== undefined) return bad(order.id, `has price ${offGrid} off the grid`)
  if (order.postOnly === true && (type !== 'limit' || order.tif === 'ioc' || order.tif === 'fok'))
    return bad(order.id, `is post-only, which a ${order.tif} ${type} order cannot be`)
  const { minNotional } = instrument.spec
  const value = instrument.notional(qty, limit ?? stop ?? price)
  // What closes is taken at any size, or a small remainder could never be closed. Comparing with NaN is false.
  if (order.reduceOnly !== true && value < minNotional)
    return bad(order.id, `is worth ${value}, less than ${minNotional}`)
  return undefined
}

/** A price that is not on the instrument's grid, where there is one. */
export function offGridPrice(
  prices: { readonly limit?: number; readonly stop?: number },
  instrument: Instrument,
): number | undefined {
  const { limit, stop } = prices
  if (limit !== undefined && !instrument.isOnPriceGrid(limit)) return limit
  if (stop !== undefined && !instrument.isOnPriceGrid(stop)) return stop
  return undefined
}

export const bad = (id: OrderId, why: string): Fault => fault('bad-request', `order ${id} ${why}`)
