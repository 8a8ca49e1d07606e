/*
 * Conduct: does an order suit the market, and our other orders? It is priced by a fresh price and near it, is no second
 * one of the same, meets none of our own, and begins no bracket against another of its lane.
 */
import type { OrderId } from '../core/brand.ts'
import type { Denial } from '../core/notice.ts'
import { isLeg, isLive, type Order, type OrderRequest } from '../core/order.ts'
import { above, deny } from './denials.ts'
import type { RiskLimits } from './risk-limits.ts'

/** What an order would come among. */
export interface Scene {
  /** Of its symbol: the last price, and how old that is. */
  readonly last: number
  readonly ageMs: number
  /** The best price of the other side, where it is known. */
  readonly farSide: number | undefined
  /** The live orders of its lane, and all of its symbol. */
  readonly live: readonly Order[]
  readonly held: readonly { readonly order: Order }[]
  /** The entry of a bracket of its lane that goes the other way than the one that it begins. */
  readonly opposes: OrderId | undefined
}

export function checkConduct(
  request: OrderRequest,
  { last, farSide, ageMs, live, held, opposes }: Scene,
  { staleAfterMs, priceBand }: RiskLimits,
): Denial | undefined {
  if (!(ageMs <= staleAfterMs)) {
    return above('stale-price', 'age of the last price in ms', ageMs, staleAfterMs)
  }
  const far = checkBand(request.limit, last, priceBand) ?? checkBand(request.stop, last, priceBand)
  if (far !== undefined) return far
  // Quotes have no twins: what rests was held against what is wanted, and one may take the price that another leaves.
  const twin = request.quote === true ? undefined : live.find((order) => isTwin(order, request))
  if (twin !== undefined) return deny('duplicate', `the same order is live as ${twin.id}`)
  if (opposes !== undefined)
    return deny('opposite-bracket', `its lane has one the other way: ${opposes} and its exits`)
  for (let i = 0; i < held.length; i++) {
    const own = held[i]!.order
    if (!isCrossed(own, request, { last, farSide })) continue
    return deny('self-cross', `it would trade with our own ${own.id}, ${own.side} at ${own.limit}`)
  }
  return undefined
}

function checkBand(price: number | undefined, last: number, priceBand: number): Denial | undefined {
  if (price === undefined) return undefined
  const distance = Math.abs(price - last) / last
  if (distance <= priceBand) return undefined
  return above('price-band', `distance of ${price} from ${last}`, distance, priceBand)
}

const isTwin = (order: Order, request: OrderRequest): boolean =>
  isLive(order) &&
  !isLeg(order) &&
  order.symbol === request.symbol &&
  order.side === request.side &&
  order.limit === request.limit &&
  order.stop === request.stop

/**
 * True where the order would meet a resting one of ours, of any lane: a trade of ours with ourselves. At the market it
 * goes as far as the best price of the other side, which may be our own.
 */
function isCrossed(
  resting: Order,
  { side, limit, stop }: OrderRequest,
  { last, farSide = last }: { readonly last: number; readonly farSide: number | undefined },
): boolean {
  if (resting.side === side || resting.limit === undefined || resting.stop !== undefined)
    return false
  // What waits for its trigger meets nobody now.
  if (stop !== undefined) return false
  return side === 'buy'
    ? (limit ?? Math.max(last, farSide)) >= resting.limit
    : (limit ?? Math.min(last, farSide)) <= resting.limit
}
