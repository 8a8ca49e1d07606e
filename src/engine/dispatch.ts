/*
 * Dispatch: from an order to the command that leaves for it, and what the order is known to be from then on. What never
 * left ends here, without a command.
 */
import type { Ms, OrderId, Px, Qty } from '../core/brand.ts'
import { isLive, type Order, type OrderRequest } from '../core/order.ts'
import type { LegChange } from './bracket.ts'
import type { Lane } from './lanes.ts'
import type { Notices } from './notices.ts'
import type { Orders } from './orders.ts'
import type { Outbox } from './outbox.ts'
import { mayBecome, REPLACE_DEFAULTS } from './replacing.ts'

/** A cancel that was answered, refused or lost has been heard of by then. */
export const CANCEL_AGAIN_MS = 5_000

export interface DispatchParts {
  readonly orders: Orders
  readonly outbox: Outbox
  readonly notices: Notices
}

export class Dispatch {
  readonly #clock: { readonly now: Ms }
  readonly #parts: DispatchParts
  readonly #onUnsent: (order: Order) => void

  /** @param onUnsent Told each order that was canceled before it left. */
  constructor(clock: { readonly now: Ms }, parts: DispatchParts, onUnsent: (order: Order) => void) {
    this.#clock = clock
    this.#parts = parts
    this.#onUnsent = onUnsent
  }

  /** An entry leaves together with its legs where the venue keeps them. */
  send(order: Order, legs: readonly Order[] = []): void {
    this.#note(order)
    for (const leg of legs) this.#note(leg)
    this.#parts.outbox.submit(
      legs.length === 0 ? { type: 'submit', order } : { type: 'submit', order, legs },
    )
  }

  #note(order: Order): void {
    this.#parts.orders.add(order)
    this.#parts.notices.publish({ type: 'order.placed', order })
  }

  /** The same order under the same id: wherever the first one is, the venue takes it once. */
  sendAgain(order: Order): void {
    const legs = this.#nativeLegsOf(order)
    const isAgain = true
    this.#parts.outbox.submit({
      type: 'submit',
      order,
      isAgain,
      ...(legs.length === 0 ? {} : { legs }),
    })
  }

  cancel({ id, symbol }: Order): void {
    const { orders, outbox, notices } = this.#parts
    const { now } = this.#clock
    // What the caller holds may be of before it canceled another order of the same bracket.
    const order = orders.get(id)!
    if (!isLive(order) || order.cancelSentAt !== undefined) return
    if (outbox.cancel({ type: 'cancel', id, symbol }) === 'wanted') {
      orders.update({ ...order, cancelSentAt: now, updatedAt: now })
      return
    }
    // The order and, on a venue with native brackets, its legs were never sent.
    for (const unsent of [order, ...this.#nativeLegsOf(order)]) {
      const ended: Order = { ...unsent, phase: 'done', reason: 'canceled', updatedAt: now }
      orders.update(ended)
      notices.publish({ type: 'order.changed', order: ended, isEnd: true })
      this.#onUnsent(ended)
    }
  }

  /**
   * Asks again where a cancel has had its time and the order lives on. Nothing was heard of it: its own time stays. Where
   * nobody knows whether it is there, reports find out, which they cannot while something of it is always under way.
   */
  cancelAgain({ id, symbol }: Order): void {
    const { orders, outbox } = this.#parts
    const { now } = this.#clock
    const order = orders.get(id)!
    if (order.phase !== 'open' || order.cancelSentAt === undefined) return
    if (now - order.cancelSentAt < CANCEL_AGAIN_MS) return
    outbox.cancel({ type: 'cancel', id, symbol })
    orders.update({ ...order, cancelSentAt: now })
  }

  /** What has not left is changed before it does. */
  changeLeg(order: Order, change: LegChange): void {
    const { id, symbol } = order
    const { orders, outbox } = this.#parts
    if (outbox.amend({ type: 'amend', id, symbol, ...change }) === 'wanted') return
    const changed = { ...order, ...change }
    orders.update(changed)
    outbox.submit({ type: 'submit', order: changed })
  }

  /** The order of the lane whose cancel leaves with this turn, where it may become what is asked for instead. */
  replace(lane: Lane, request: OrderRequest): OrderId | undefined {
    const { orders, outbox } = this.#parts
    const { now } = this.#clock
    if (request.limit === undefined) return undefined
    const canceled = outbox.canceledOf(lane.symbol)
    if (canceled.length === 0) return undefined
    const rules = { ...REPLACE_DEFAULTS, now }
    for (const id of canceled) {
      const order = orders.get(id)
      if (order === undefined || order.strategy !== lane.strategy) continue
      const { cancelSentAt: _folded, ...open } = order
      // When it was last changed is when it was asked to go: its age is that of its birth.
      if (!mayBecome({ ...open, updatedAt: order.createdAt }, request, rules)) continue
      const change = { qty: lane.instrument.qty(order.filled + request.qty), limit: request.limit }
      outbox.replace({ type: 'amend', id, symbol: lane.symbol, ...change })
      orders.update({ ...open, amending: { ...change, at: now }, updatedAt: now })
      return id
    }
    return undefined
  }

  /** Until the answer the order counts as the larger of what it is and what it is to be. */
  amendQuote(order: Order, change: { readonly qty: Qty; readonly limit: Px }): void {
    const { orders, outbox } = this.#parts
    const { now } = this.#clock
    const { id, symbol } = order
    const { qty, limit } = change
    const amending = { qty, limit, at: now }
    orders.update({ ...order, amending, updatedAt: now })
    outbox.amend({ type: 'amend', id, symbol, qty, limit, quote: true })
  }

  #nativeLegsOf(entry: Order): Order[] {
    if (entry.role !== 'entry') return []
    const siblings = this.#parts.orders.liveOf(entry.symbol)
    return siblings.filter((order) => order.group === entry.id && order.id !== entry.id)
  }
}
