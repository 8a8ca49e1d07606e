// Replacing: when a resting order may be moved by one amend instead of a cancel and a new order.
import type { Ms } from '../core/brand.ts'
import type { Order, OrderRequest } from '../core/order.ts'
import { remaining } from '../core/order.ts'

export interface ReplaceRules {
  /** Since the venue last changed it, in milliseconds. */
  readonly minRestMs: number
  /** How far the price may move, in hundredths of a percent of it. */
  readonly amendBps: number
  /** By how much what is left may change, as a fraction of it. */
  readonly amendSize: number
}

export const REPLACE_DEFAULTS: ReplaceRules = { minRestMs: 500, amendBps: 1, amendSize: 0.2 }

/** How far two prices are apart, in basis points of the first. */
export const apartBps = (price: number, other: number): number =>
  (Math.abs(price - other) / price) * 10_000

/** True where the open order may become what is asked for: of one kind, near in price and size, and not too young. */
export function mayBecome(
  order: Order,
  request: OrderRequest,
  { now, ...rules }: ReplaceRules & { readonly now: Ms },
): boolean {
  const { limit } = order
  if (order.phase !== 'open' || order.type !== 'limit' || request.type !== 'limit') return false
  if (limit === undefined || request.limit === undefined || order.group !== undefined) return false
  if (order.amending !== undefined || now - order.updatedAt < rules.minRestMs) return false
  return isAlike(order, request) && isNear(limit, remaining(order), request, rules)
}

const isAlike = (order: Order, request: OrderRequest): boolean =>
  order.symbol === request.symbol &&
  order.side === request.side &&
  order.tif === request.tif &&
  order.postOnly === request.postOnly &&
  order.reduceOnly === request.reduceOnly &&
  order.quote === request.quote

/** A hair of slack: 0.2 of a size such as 0.3 is not exact. */
const HAIR = 1e-9

function isNear(
  limit: number,
  left: number,
  { limit: wanted, qty }: OrderRequest,
  { amendBps, amendSize }: ReplaceRules,
): boolean {
  if (!(left > 0) || wanted === undefined) return false
  return (
    apartBps(limit, wanted) <= amendBps + HAIR && Math.abs(qty - left) / left <= amendSize + HAIR
  )
}
