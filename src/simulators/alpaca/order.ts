// VenueOrder: an order as a simulated venue keeps and tells it, with its whole life on one record.
import type { Instrument } from '../../core/instrument.ts'
import type { Side } from '../../core/order.ts'

export type VenueOrderType = 'market' | 'limit' | 'stop' | 'stop_limit' | 'trailing_stop'
export type VenueTif = 'day' | 'gtc' | 'ioc' | 'fok' | 'opg' | 'cls'
export type OrderClass = 'simple' | 'bracket' | 'oco' | 'oto'

export type OrderStatus =
  | 'pending_new'
  | 'accepted'
  | 'new'
  | 'held'
  | 'partially_filled'
  | 'filled'
  | 'pending_cancel'
  | 'canceled'
  | 'pending_replace'
  | 'replaced'
  | 'rejected'
  | 'expired'

const ENDED: readonly OrderStatus[] = ['filled', 'canceled', 'replaced', 'rejected', 'expired']

export const isOver = (order: VenueOrder): boolean => ENDED.includes(order.status)
export const leftOf = (order: VenueOrder): number => Math.max(0, order.qty - order.filled)

/** What a client asks for, checked. */
export interface Draft {
  readonly clientId: string
  readonly instrument: Instrument
  readonly side: Side
  readonly type: VenueOrderType
  readonly tif: VenueTif
  readonly qty: number
  /** Money instead of a quantity; `qty` is then what it bought at the price of the moment. */
  readonly notional?: number
  readonly limit?: number
  readonly stop?: number
  readonly trailPrice?: number
  readonly trailPercent?: number
  readonly extendedHours: boolean
  readonly class: OrderClass
  /** Of a bracket: the target, then the stop. Of an OTO: its one child. Of an OCO: the stop. */
  readonly legs: readonly Leg[]
}

export type Leg = Pick<Draft, 'type'> & { readonly limit?: number; readonly stop?: number }

export interface Changes {
  readonly qty?: number
  readonly tif?: VenueTif
  readonly limit?: number
  readonly stop?: number
  readonly trail?: number
  readonly clientId: string
}

/** Where an order is: with its parent, at the desk (for a session, a trigger), at the matcher, or nowhere any more. */
export type Whereabouts = 'held' | 'desk' | 'matcher' | 'over'

/** Changed in place by the account that owns it. Times are the venue's, in milliseconds. */
export interface VenueOrder {
  readonly n: number
  readonly id: string
  readonly clientId: string
  readonly instrument: Instrument
  readonly side: Side
  readonly type: VenueOrderType
  readonly tif: VenueTif
  readonly class: OrderClass
  readonly extendedHours: boolean
  readonly intent: string
  readonly notional?: number
  readonly trailPrice?: number
  readonly trailPercent?: number
  parent?: VenueOrder
  readonly legs: VenueOrder[]
  readonly createdAt: number
  readonly expiresAt: number
  qty: number
  limit?: number
  stop?: number
  highWater?: number
  status: OrderStatus
  where: Whereabouts
  isTriggered: boolean
  filled: number
  avgPrice: number
  updatedAt: number
  filledAt?: number
  canceledAt?: number
  expiredAt?: number
  failedAt?: number
  replacedAt?: number
  cancelRequestedAt?: number
  replaces?: string
  replacedBy?: string
  /** Id at the matcher, while it is there. */
  matcherId?: string
  /** What to do when the matcher has given it back. */
  onReturn?: OnReturn
}

export type OnReturn =
  | { readonly do: 'cancel' | 'expire' | 'wait' | 'yield' }
  | { readonly do: 'replace'; readonly by: VenueOrder }

/** One execution. */
export interface Execution {
  readonly id: string
  readonly order: VenueOrder
  readonly price: number
  readonly qty: number
  readonly ts: number
  /** What the order had filled, and what was left of it, with this one. */
  readonly filled: number
  readonly left: number
  readonly status: OrderStatus
}

export type AccountEventType =
  | 'pending_new'
  | 'accepted'
  | 'new'
  | 'held'
  | 'fill'
  | 'partial_fill'
  | 'pending_cancel'
  | 'canceled'
  | 'expired'
  | 'rejected'
  | 'pending_replace'
  | 'replaced'
  | 'order_cancel_rejected'
  | 'order_replace_rejected'
  | 'trade_bust'

export interface AccountEvent {
  readonly type: AccountEventType
  readonly at: number
  readonly order: VenueOrder
  readonly execution?: Execution
  /** The execution that is taken back. */
  readonly busted?: string
  /** The position after the execution. */
  readonly positionQty?: number
}

/** The other exit of a bracket or an OCO. */
export function partnerOf(order: VenueOrder): VenueOrder | undefined {
  const { parent } = order
  if (order.class === 'oco') return parent ?? order.legs[0]
  if (order.class !== 'bracket' || parent === undefined) return undefined
  return parent.legs.find((leg) => leg !== order)
}

/** It has ended, and so has all of its family. */
export function isFamilyOver(order: VenueOrder): boolean {
  const top = order.parent ?? order
  return isOver(order) && isOver(top) && top.legs.every(isOver)
}

/** A stop whose target is at work: it is watched at the desk and shown as held. */
export const isShadow = (order: VenueOrder): boolean =>
  order.parent !== undefined &&
  !order.isTriggered &&
  (order.class === 'oco' || order.class === 'bracket')

/** The order that takes the place of another: as it, but for the changes, and for what is left. */
export function replacementOf(order: VenueOrder, changes: Changes): Draft {
  const { qty, tif, limit, stop, trail, clientId } = changes
  const trails = order.trailPrice === undefined ? { trailPercent: trail } : { trailPrice: trail }
  return {
    ...order,
    clientId,
    qty: qty ?? order.instrument.qty(leftOf(order)),
    tif: tif ?? order.tif,
    ...((limit ?? order.limit) === undefined ? {} : { limit: limit ?? order.limit! }),
    ...((stop ?? order.stop) === undefined ? {} : { stop: stop ?? order.stop! }),
    ...(trail === undefined ? {} : trails),
    legs: [],
  } as Draft
}

/** The new order takes the old one's place in its family: with its parent, and with its legs. */
export function handLegs(order: VenueOrder, by: VenueOrder): void {
  const { parent } = order
  if (parent !== undefined) parent.legs[parent.legs.indexOf(order)] = by
  for (const leg of order.legs) {
    leg.parent = by
    leg.qty = by.qty
    by.legs.push(leg)
  }
  order.legs.length = 0
}
