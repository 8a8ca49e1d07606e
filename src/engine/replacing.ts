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

/** Where an order is or should be, and what is left of it. */
interface Stand {
  readonly price: number
  readonly qty: number
}

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
  const wanted = { price: request.limit, qty: request.qty }
  return isAlike(order, request) && isNear({ price: limit, qty: remaining(order) }, wanted, rules)
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

/** True where price and size move no further than an amend may move them. */
export function isNear(
  { price, qty }: Stand,
  wanted: Stand,
  { amendBps, amendSize }: Pick<ReplaceRules, 'amendBps' | 'amendSize'>,
): boolean {
  if (!(qty > 0)) return false
  return (
    apartBps(price, wanted.price) <= amendBps + HAIR &&
    Math.abs(wanted.qty - qty) / qty <= amendSize + HAIR
  )
}
