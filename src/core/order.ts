/*
 * Order: four phases, one way only, and a reason.
 *
 *   new → sent → open → done        reason of done: filled, canceled, rejected, expired, denied
 *
 * `new` lives inside a turn: risk decides, and the order leaves as `sent` or ends as `done·denied`.
 * "Partially filled" is `open` with 0 < filled < qty, "pending cancel" is `cancelSentAt`, "pending amend" is
 * `amending`: facts are stored, adjectives derived. Only inputs from the venue move an order on; the table is complete:
 *
 *   phase ↓    accepted  part fill       last fill     canceled       expired       rejected       cancel.rejected   amended
 *   new        assert    assert          assert        assert         assert        assert         assert            assert
 *   sent       open      open            done·filled   done·canceled  done·expired  done·rejected  ignore            open
 *   open       same      open            done·filled   done·canceled  done·expired  done·rejected  clear cancel      same
 *                                                                                                  and amend         no amend
 *   done       ignore    count the fill  done·filled   ignore         ignore        ignore         ignore            ignore
 *
 *   `absent` marks an order that is `sent` as to be sent again, once; `busted` takes a fill back in every phase but new.
 *
 * Row `done` is the reality clause: a fill that arrives after a cancel is still money, so it is booked. An
 * acceptance may arrive after its fill. An overfill is booked too; the engine then trips safe mode. An order that is
 * amended to what it has filled is done·filled.
 */
import { assert, unreachable } from './assert.ts'
import type { FillId, Money, Ms, OrderId, Px, Qty, SymbolId } from './brand.ts'
import type { Input } from './input.ts'
import type { Instrument } from './instrument.ts'
import { blend } from './position.ts'

export type Side = 'buy' | 'sell'
export type OrderType = 'market' | 'limit' | 'stop' | 'stop-limit'
export type TimeInForce = 'day' | 'gtc' | 'ioc' | 'fok'
export type OrderPhase = 'new' | 'sent' | 'open' | 'done'
export type DoneReason = 'filled' | 'canceled' | 'rejected' | 'expired' | 'denied'
/** What an order is for within a bracket: its way in, or one of its two ways out. */
export type BracketRole = 'entry' | LegRole
/** The two ways out. */
export type LegRole = 'stop' | 'target'

export interface OrderRequest {
  readonly symbol: SymbolId
  readonly side: Side
  readonly type: OrderType
  readonly qty: Qty
  /** Required by limit and stop-limit orders. */
  readonly limit?: Px
  /** Required by stop and stop-limit orders. */
  readonly stop?: Px
  readonly tif: TimeInForce
  readonly postOnly?: true
  readonly reduceOnly?: true
  /** Kept by what its lane declared to rest (`ctx.rest`): moved or withdrawn without being asked for by name. */
  readonly quote?: true
}

/** What an order was asked to become, until the venue has answered. */
export interface Amending {
  readonly qty: Qty
  readonly limit: Px
  readonly at: Ms
}

export interface Order extends OrderRequest {
  readonly id: OrderId
  /** Name of the strategy whose lane owns the order. */
  readonly strategy: string
  /** The bracket that the order belongs to: the id of its entry. */
  readonly group?: OrderId
  readonly role?: BracketRole
  readonly phase: OrderPhase
  readonly reason?: DoneReason
  /** The venue's words where it rejected. */
  readonly why?: string
  readonly venueId?: string
  readonly filled: Qty
  /** Volume-weighted price of the fills so far; 0 before the first. */
  readonly avgPrice: number
  readonly cancelSentAt?: Ms
  /** Undefined, and not taken out, once it was answered: to copy an order without a member costs ten times as much. */
  readonly amending?: Amending | undefined
  /** When it left for the second and last time, because nobody knew of the first. */
  readonly resentAt?: Ms
  readonly createdAt: Ms
  readonly updatedAt: Ms
}

/** An execution of an order, as the venue reports it. */
export interface Fill {
  readonly id: FillId
  readonly qty: Qty
  readonly price: number
  /** > 0 is paid, < 0 is a rebate. */
  readonly fee: Money
  readonly ts: Ms
}

/** +1 for buy, -1 for sell. */
export const sign = (side: Side): 1 | -1 => (side === 'buy' ? 1 : -1)
export const opposite = (side: Side): Side => (side === 'buy' ? 'sell' : 'buy')

/** True where it may add to a position: it is no leg of a bracket, and nothing that only reduces. */
export const isRisk = (order: Order): boolean => order.reduceOnly !== true && !isLeg(order)

/** True from the moment an order may trade until the venue has said that it no longer can. */
export const isLive = (order: Order): boolean => order.phase === 'sent' || order.phase === 'open'

/** True for an order that protects what the entry of its bracket has filled. */
export const isLeg = (order: Order): order is Order & { readonly role: LegRole } =>
  order.role === 'stop' || order.role === 'target'

/** What may still fill, in quantity; 0 where nothing can. Of an amend under way, the larger of both sizes. */
export const remaining = (order: Order): number =>
  isLive(order) ? Math.max(0, Math.max(order.qty, order.amending?.qty ?? 0) - order.filled) : 0

export type OrderInput = Extract<Input, { readonly id: OrderId }>

/**
 * The transition table above: the order after an input. Gives the same object where the input changes
 * nothing. The caller has already dropped inputs for other orders and fills seen before.
 */
export function apply(order: Order, input: OrderInput, instrument: Instrument): Order {
  assert(order.phase !== 'new', () => `order ${order.id} hears ${input.type} after it was sent`)
  const updatedAt = input.at
  switch (input.type) {
    case 'order.accepted':
      if (order.phase === 'done') return order
      if (order.phase === 'open' && order.venueId === input.venueId) return order
      return { ...order, phase: 'open', venueId: input.venueId, updatedAt }
    case 'order.filled':
      return withFill(order, input, instrument)
    case 'order.canceled':
      return done(order, 'canceled', updatedAt)
    case 'order.expired':
      return done(order, 'expired', updatedAt)
    case 'order.rejected': {
      const rejected = done(order, 'rejected', updatedAt)
      return rejected === order ? order : { ...rejected, why: input.fault.message }
    }
    case 'cancel.rejected': {
      if (order.phase !== 'open') return order
      if (order.cancelSentAt === undefined && order.amending === undefined) return order
      const { cancelSentAt: _cancel, amending: _amend, ...rest } = order
      return { ...rest, updatedAt }
    }
    case 'order.absent':
      if (order.phase !== 'sent' || order.resentAt !== undefined) return order
      return { ...order, resentAt: updatedAt, updatedAt }
    case 'order.busted':
      return withoutFill(order, input, instrument)
    case 'order.amended':
      return order.phase === 'done' ? order : amended(order, input)
    default:
      return unreachable(input)
  }
}

function withFill(
  order: Order,
  fill: Extract<OrderInput, { readonly type: 'order.filled' }>,
  instrument: Instrument,
): Order {
  const filled = instrument.qty(order.filled + fill.qty)
  assert(
    filled > order.filled && Number.isFinite(fill.price),
    () => `a fill of ${order.id} has a quantity > 0 and a finite price: ${JSON.stringify(fill)}`,
  )
  const avgPrice = blend(order.avgPrice, fill.price, fill.qty / filled)
  const booked = { ...order, filled, avgPrice, updatedAt: fill.at }
  if (filled >= order.qty) return { ...booked, phase: 'done', reason: 'filled' }
  return order.phase === 'done' ? booked : { ...booked, phase: 'open' }
}

function amended(
  order: Order,
  { at, qty, limit, stop }: Extract<OrderInput, { readonly type: 'order.amended' }>,
): Order {
  const after: { -readonly [K in keyof Order]: Order[K] } = {
    ...order,
    phase: 'open',
    updatedAt: at,
  }
  // No member is added that it has not: a copy with the members of its original is several times as quick.
  if (order.amending !== undefined) after.amending = undefined
  if (qty !== undefined) after.qty = qty
  if (limit !== undefined) after.limit = limit
  if (stop !== undefined) after.stop = stop
  // It was made as small as what it has filled: no more will come.
  if (after.filled > 0 && after.filled >= after.qty) {
    after.phase = 'done'
    after.reason = 'filled'
  }
  return after
}

/** What is taken back beyond what was filled changes nothing: the caller must find out. */
function withoutFill(
  order: Order,
  { qty, price, at }: Extract<OrderInput, { readonly type: 'order.busted' }>,
  instrument: Instrument,
): Order {
  const filled = instrument.qty(order.filled - qty)
  if (!(qty > 0) || filled < 0 || !Number.isFinite(price)) return order
  const avgPrice = filled === 0 ? 0 : blend(order.avgPrice, price, -(qty / filled))
  return { ...order, filled, avgPrice, updatedAt: at }
}

function done(order: Order, reason: DoneReason, updatedAt: Ms): Order {
  return order.phase === 'done' ? order : { ...order, phase: 'done', reason, updatedAt }
}

/** True for the orders of a run, by their ids: strategy, run and a number. */
export const isOfRun = (id: OrderId, run: string): boolean => id.split('-').at(-2) === run

/** True for an id as runs make them, whichever run. */
export const isOfAnyRun = (id: string): boolean => /^.+-[a-z0-9]{1,8}-[0-9a-z]+$/i.test(id)
