// Bracket: one entry with its legs, as it is kept, and what may be asked of whoever places its orders.
import type { Ms, OrderId, Px, Qty, SymbolId } from '../core/brand.ts'
import type { Instrument } from '../core/instrument.ts'
import { isLive, type LegRole, opposite, type Order, type Side } from '../core/order.ts'
import type { Trail } from '../strategy/context.ts'

export interface Group {
  readonly entry: OrderId
  readonly strategy: string
  readonly symbol: SymbolId
  readonly side: Side
  /**
   * The venue keeps its legs; not any more when they have ended with an entry that had brought in a part, or when another
   * order has sold what they are for.
   */
  isNative: boolean
  readonly targetPx?: Px
  readonly trail?: Trail
  /** When the entry is to be canceled, which leaves as gtc because its legs do. */
  endsAt?: Ms
  /** Where it is kept here, one exit may rest: the stop does, and the target is taken here. */
  readonly isSingle?: true
  /** The stop is a stop-limit, its limit this fraction beyond it. */
  readonly collar?: number
  /** The target is being taken: the stop makes room for it. */
  isTaking?: boolean
  /** When that last began. */
  tookAt?: Ms
  /** Where the stop is, as last told. */
  stopPx: Px
  /** Where it was asked to be, until that is told. */
  askedPx?: Px
  stop?: OrderId
  target?: OrderId
  /** Quantity that each leg was last asked to have; 0 once it was canceled because nothing was left. */
  asked: { stop: number; target: number }
  /** When the stop was last asked to change. */
  askedAt: Ms
  /** Since when the stop was asked for a size that it was not told to have. */
  lacksAt?: Ms
  /** The same as `askedAt`, of the target; where not given, as the stop. */
  targetAskedAt?: Ms
  /** Legs of before a late fill, which others have replaced. */
  past: OrderId[]
  /** What orders of no bracket have taken out of what the entry has brought in. */
  outside?: number
  /** Best price since the first fill of the entry; 0 before it. */
  best: number
  filledAt: Ms
}

export type Leg = Order & { readonly role: LegRole }

export interface LegChange {
  readonly qty?: Qty
  readonly stop?: Px
  readonly limit?: Px
}

/** What brackets may ask of the desk. */
export interface BracketDesk {
  readonly now: Ms
  /** True while what is held is not certain. */
  readonly isBlind: boolean
  order(id: OrderId): Order | undefined
  instrument(symbol: SymbolId): Instrument
  /** Places a protective leg; undefined where even that was refused. */
  placeLeg(group: Group, role: LegRole, qty: Qty): OrderId | undefined
  cancelOrder(order: Order): void
  /** Where a cancel was sent and has had its time. */
  cancelAgain(order: Order): void
  amendOrder(order: Order, change: LegChange): void
  /** Closes whatever the lane holds, because its bracket no longer protects it. */
  closeOut(group: Group, why: string): void
  isClosing(group: Group): boolean
}

type Book = Pick<BracketDesk, 'order' | 'instrument'>

/** What the entry has brought in and nothing has taken out. */
export function leftOf(desk: Book, group: Group): number {
  const { entry, stop, target, past, symbol, outside = 0 } = group
  let out = outside + filledOf(desk, stop) + filledOf(desk, target)
  for (const id of past) out += filledOf(desk, id)
  // Snapped, because a coin's 0.3 − 0.1 − 0.2 is not 0 in doubles.
  return desk.instrument(symbol).qty(filledOf(desk, entry) - out)
}

const filledOf = (desk: Book, id: OrderId | undefined): number =>
  id === undefined ? 0 : (desk.order(id)?.filled ?? 0)

/** The order while it is live. */
export function liveOf(desk: Book, id: OrderId | undefined): Order | undefined {
  const order = id === undefined ? undefined : desk.order(id)
  return order !== undefined && isLive(order) ? order : undefined
}

/** When a leg was last asked to change. */
export const askedAtOf = ({ askedAt, targetAskedAt }: Group, role: LegRole): Ms =>
  role === 'target' ? (targetAskedAt ?? askedAt) : askedAt

export function noteAsked(group: Group, role: LegRole, now: Ms): void {
  if (role === 'target') group.targetAskedAt = now
  else group.askedAt = now
}

/** Asks a leg for all that it lacks. */
export function askFor(desk: BracketDesk, group: Group, leg: Leg): void {
  const change = changeOf(desk, group, leg)
  if (change === undefined) return
  const { role } = leg
  if (change.qty !== undefined) {
    if (role === 'stop' && group.asked.stop === leg.qty) group.lacksAt = desk.now
    group.asked[role] = change.qty
  }
  noteAsked(group, role, desk.now)
  desk.amendOrder(leg, change)
  // What had not left yet is so at once.
  if (role === 'stop') noteStop(group, desk.order(leg.id)!)
}

/** What a live leg lacks of what its bracket wants of it; undefined where it is as it should be, or is to go. */
export function changeOf(desk: Book, group: Group, leg: Leg): LegChange | undefined {
  const qty = qtyChangeOf(desk, group, leg)
  const stop = group.askedPx ?? group.stopPx
  if (leg.cancelSentAt !== undefined) return undefined
  if (leg.role === 'target' || leg.stop === stop) return qty === undefined ? undefined : { qty }
  const limit = stopLimitOf({ ...group, stopPx: stop }, desk.instrument(group.symbol))
  return {
    ...(qty === undefined ? {} : { qty }),
    stop,
    ...(limit === undefined ? {} : { limit }),
  }
}

/** The size that a leg should have and has not, or was last asked to leave. */
export function qtyChangeOf(desk: Book, group: Group, leg: Leg): Qty | undefined {
  if (group.isNative || leg.cancelSentAt !== undefined) return undefined
  const left = leftOf(desk, group)
  if (left <= 0) return undefined
  const wanted = desk.instrument(group.symbol).qty(leg.filled + left)
  return wanted === leg.qty && wanted === group.asked[leg.role] ? undefined : wanted
}

/** Takes where the stop is now. */
export function noteStop(group: Group, { stop }: Order): void {
  if (stop === undefined) return
  group.stopPx = stop
  if (stop === group.askedPx) delete group.askedPx
}

export const copyOf = (group: Group): Group => ({
  ...group,
  asked: { ...group.asked },
  past: [...group.past],
})

/** The worst price at which a stop may trade that rests as a stop-limit; undefined where it is a plain stop. */
export function stopLimitOf(
  { side, stopPx, collar }: Group,
  instrument: Instrument,
): Px | undefined {
  if (collar === undefined) return undefined
  const isLong = side === 'buy'
  return instrument.px(stopPx * (isLong ? 1 - collar : 1 + collar), isLong ? 'down' : 'up')
}

/** The side of both legs. */
export const legSide = (group: Group): Side => opposite(group.side)
