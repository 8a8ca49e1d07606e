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
  readonly isNative: boolean
  readonly targetPx?: Px
  readonly trail?: Trail
  /** When the entry is to be canceled, which leaves as gtc because its legs do. */
  endsAt?: Ms
  /** One exit may rest: the stop does, and the target is taken here. */
  readonly isSingle?: true
  /** The stop is a stop-limit, its limit this fraction beyond it. */
  readonly collar?: number
  /** The target is being taken: the stop makes room for it. */
  isTaking?: boolean
  /** When that last began. */
  tookAt?: Ms
  /** Where the stop is wanted now. */
  stopPx: Px
  stop?: OrderId
  target?: OrderId
  /** Quantity that each leg was last asked to have; 0 once it was canceled because nothing was left. */
  asked: { stop: number; target: number }
  /** When a leg was last asked to change. */
  askedAt: Ms
  /** Legs of before a late fill, which others have replaced. */
  past: OrderId[]
  /** Best price since the first fill of the entry; 0 before it. */
  best: number
  filledAt: Ms
}

export interface LegChange {
  readonly qty?: Qty
  readonly stop?: Px
  readonly limit?: Px
}

/** What brackets may ask of the desk. */
export interface BracketDesk {
  readonly now: Ms
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

/** What the entry has brought in and no leg has taken out. */
export function leftOf(desk: Book, { entry, stop, target, past, symbol }: Group): number {
  let out = filledOf(desk, stop) + filledOf(desk, target)
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
