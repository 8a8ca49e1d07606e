// Placing: from what a strategy wishes to an order on its instrument's grid. Nothing is decided or sent here.
import type { Ms, OrderId, Px, Qty } from '../core/brand.ts'
import type { Instrument, Rounding } from '../core/instrument.ts'
import type { Denial } from '../core/notice.ts'
import type { LegRole, Order, OrderRequest, OrderType, Side, TimeInForce } from '../core/order.ts'
import { FLAT } from '../core/position.ts'
import type { BracketIntent, OrderIntent, Trail } from '../strategy/context.ts'
import { type Group, legSide, stopLimitOf } from './bracket.ts'

type Draft = { -readonly [K in keyof OrderRequest]: OrderRequest[K] }

/** The request that a wish comes to. A number that cannot be snapped is NaN in it: risk denies that. */
export function requestOf(instrument: Instrument, side: Side, intent: OrderIntent): OrderRequest {
  const { limit, stop } = intent
  // A limit is never made worse by the snap: a buy rounds down, a sale rounds up.
  const rounding = side === 'buy' ? 'down' : 'up'
  const request: Draft = {
    symbol: instrument.id,
    side,
    type: typeOf(intent),
    qty: qtyOf(instrument, intent.qty),
    // A day ends at midnight where the market never closes: an order of its last minute would expire unseen.
    tif: intent.tif ?? (instrument.spec.calendar === '24/7' ? 'gtc' : 'day'),
  }
  if (limit !== undefined) request.limit = pxOf(instrument, limit, rounding)
  if (stop !== undefined) request.stop = pxOf(instrument, stop)
  // Node runs a strategy without looking at its types: false is no wish.
  if (intent.postOnly) request.postOnly = true
  if (intent.reduceOnly) request.reduceOnly = true
  return request
}

const ORDER_KEYS: Readonly<Record<keyof OrderIntent, true>> = {
  qty: true,
  limit: true,
  stop: true,
  tif: true,
  postOnly: true,
  reduceOnly: true,
  once: true,
}

const BRACKET_KEYS: Readonly<Record<keyof BracketIntent, true>> = {
  side: true,
  qty: true,
  entry: true,
  stop: true,
  target: true,
  trail: true,
  once: true,
}

export const misspeltOrder = (intent: OrderIntent): Denial | undefined =>
  misspelt('an order', intent, ORDER_KEYS)

export const misspeltBracket = (intent: BracketIntent): Denial | undefined =>
  misspelt('a bracket', intent, BRACKET_KEYS)

/** A key that nobody reads must not pass in silence: a limit under another name would be an order at the market. */
function misspelt(
  what: string,
  intent: object,
  known: Readonly<Record<string, true>>,
): Denial | undefined {
  for (const key of Object.keys(intent)) {
    if (Object.hasOwn(known, key)) continue
    const detail = `${what} has no ${key}: it takes ${Object.keys(known).join(', ')}`
    return { code: 'bad-request', detail }
  }
  return undefined
}

function typeOf({ limit, stop }: OrderIntent): OrderType {
  if (stop === undefined) return limit === undefined ? 'market' : 'limit'
  return limit === undefined ? 'stop' : 'stop-limit'
}

export interface LegPrices {
  readonly stopPx: Px
  readonly targetPx?: Px
}

/** Prices of a bracket's legs on the grid, around a known price of its entry; or why they make no sense. */
export function legPricesOf(
  instrument: Instrument,
  intent: BracketIntent,
  around: number,
): { readonly prices: LegPrices } | { readonly denial: Denial } {
  const { side, target } = intent
  const stopPx = pxOf(instrument, intent.stop)
  const targetPx = target === undefined ? undefined : pxOf(instrument, target)
  if (![around, stopPx, targetPx ?? 1].every(Number.isFinite)) {
    const detail = `a price of the bracket is not known: ${around}, ${stopPx}, ${targetPx}`
    return { denial: { code: 'missing-data', detail } }
  }
  const detail = faultOf(side, around, stopPx, targetPx)
  if (detail !== undefined) return { denial: { code: 'bad-request', detail } }
  const unfollowable = trailDenial(intent.trail)
  if (unfollowable !== undefined) return { denial: unfollowable }
  return { prices: targetPx === undefined ? { stopPx } : { stopPx, targetPx } }
}

/** A leg that could not be placed once the entry has filled must be found now. */
function faultOf(
  side: Side,
  around: number,
  stop: number,
  target: number | undefined,
): string | undefined {
  if (!(stop > 0 && (target ?? 1) > 0)) {
    return `the stop ${stop} and the target ${target ?? 'that is not there'} are above zero`
  }
  const isBeyond = (a: number, b: number): boolean => (side === 'buy' ? a < b : a > b)
  if (!isBeyond(stop, around)) {
    return `the stop ${stop} of a ${side} is not on the losing side of ${around}`
  }
  if (target !== undefined && !isBeyond(around, target)) {
    return `the target ${target} of a ${side} is not on the winning side of ${around}`
  }
  return undefined
}

/** A stop that trails by nothing would trade at once, and one that trails by all of the price has none. */
function trailDenial(trail: Trail | undefined): Denial | undefined {
  if (trail === undefined) return undefined
  const { activate, distance } = trail
  if (![activate, distance].every(Number.isFinite)) {
    const detail = `the trail of the bracket is not known: from ${activate}, by ${distance}`
    return { code: 'missing-data', detail }
  }
  if (distance > 0 && distance < 1) return undefined
  return { code: 'bad-request', detail: `a stop trails by a part of the price, not by ${distance}` }
}

/** Under whose name an order leaves, and when. */
export interface Stamp {
  readonly id: OrderId
  readonly strategy: string
  readonly at: Ms
}

/** The order that leaves for a request. */
export function orderOf(
  request: OrderRequest,
  { id, strategy, at }: Stamp,
  bracket?: { readonly group: OrderId; readonly role: 'entry' | LegRole },
): Order {
  const filled = FLAT.qty
  if (bracket === undefined) {
    return {
      ...request,
      id,
      strategy,
      phase: 'sent',
      filled,
      avgPrice: 0,
      createdAt: at,
      updatedAt: at,
    }
  }
  // Only the first spread of a literal is quick: a second one in it took 1 µs.
  const { group, role } = bracket
  return {
    ...request,
    id,
    strategy,
    group,
    role,
    phase: 'sent',
    filled,
    avgPrice: 0,
    createdAt: at,
    updatedAt: at,
  }
}

/** The request for a leg of a bracket. */
export function legOf(
  group: Group,
  leg: {
    readonly role: LegRole
    readonly qty: Qty
    readonly isReduceOnly: boolean
    readonly marketTif: TimeInForce | undefined
  },
  instrument: Instrument,
): OrderRequest {
  const { symbol, stopPx, targetPx, isNative, isSingle } = group
  const plain = { symbol, side: legSide(group), qty: leg.qty, tif: 'gtc' } as const
  const base = leg.isReduceOnly ? ({ ...plain, reduceOnly: true } as const) : plain
  if (leg.role === 'target') {
    // Where one exit rests alone, the price of the target has come when it is placed.
    return isSingle === true && !isNative
      ? { ...base, type: 'market', tif: leg.marketTif ?? base.tif }
      : { ...base, type: 'limit', limit: targetPx! }
  }
  const limit = stopLimitOf(group, instrument)
  return limit === undefined
    ? { ...base, type: 'stop', stop: stopPx }
    : { ...base, type: 'stop-limit', stop: stopPx, limit }
}

/** Where they are on the grid; NaN for what no grid has. */
const qtyOf = (instrument: Instrument, qty: number): Qty =>
  instrument.mayBeQty(qty) ? instrument.qty(qty, 'down') : (NaN as Qty)
const pxOf = (instrument: Instrument, price: number, rounding?: Rounding): Px =>
  instrument.mayBePrice(price) ? instrument.px(price, rounding) : (NaN as Px)
