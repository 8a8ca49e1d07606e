// BybitOrder: an order as the local Bybit keeps and tells it, with its whole life on one record.
import type { OrderId } from '../../core/brand.ts'
import type { Instrument } from '../../core/instrument.ts'
import type { Side } from '../../core/order.ts'

export type OrderStatus =
  | 'New'
  | 'PartiallyFilled'
  | 'Untriggered'
  | 'Rejected'
  | 'PartiallyFilledCanceled'
  | 'Filled'
  | 'Cancelled'
  | 'Deactivated'

const OPEN: readonly OrderStatus[] = ['New', 'PartiallyFilled', 'Untriggered']
export const isOpen = (order: Pick<BybitOrder, 'status'>): boolean => OPEN.includes(order.status)
export const leavesOf = (order: BybitOrder): number =>
  isOpen(order) ? order.instrument.qty(order.qty - order.filled) : 0

/** What a client asks for, checked. */
export interface Draft {
  /** Empty where the client gave none. */
  readonly linkId: string
  readonly instrument: Instrument
  readonly side: Side
  readonly type: 'Market' | 'Limit'
  readonly tif: 'GTC' | 'IOC' | 'FOK' | 'PostOnly'
  readonly qty: number
  readonly price?: number
  readonly trigger?: number
  /** 1 rises to the trigger, 2 falls to it. */
  readonly direction: 0 | 1 | 2
  readonly reduceOnly: boolean
  readonly positionIdx: number
}

/** Changed in place by the account that owns it. Times are the venue's, in milliseconds. */
export interface BybitOrder extends Omit<Draft, 'qty' | 'price' | 'trigger'> {
  readonly id: string
  /** At the matcher. */
  readonly matcherId: OrderId
  readonly createdAt: number
  qty: number
  price?: number
  trigger?: number
  status: OrderStatus
  filled: number
  /** Money traded, and paid in fees. */
  value: number
  fee: number
  cancelType: string
  rejectReason: string
  updatedAt: number
}

export interface Execution {
  readonly id: string
  readonly order: BybitOrder
  readonly price: number
  readonly qty: number
  readonly fee: number
  readonly ts: number
  readonly leaves: number
  /** What of it closed a position. */
  readonly closed: number
  readonly isMaker: boolean
  readonly seq: number
}

export type AccountEvent =
  | { readonly type: 'order'; readonly at: number; readonly order: BybitOrder }
  | { readonly type: 'execution'; readonly at: number; readonly execution: Execution }
