/*
 * Externals: orders of the account that are not ours, a person's or another program's. They belong to no lane. What
 * they may still fill counts in risk as if it were ours, and what they fill moves the net position and the account.
 *
 * What an order had filled when it was first heard of is in the position that the venue reports, and is not booked.
 */
import type { SymbolId } from '../core/brand.ts'
import type { ExternalOrder } from '../core/input.ts'
import type { Instrument } from '../core/instrument.ts'
import { sign } from '../core/order.ts'

/** Orders that are remembered; those that have ended go first, the oldest of them. */
export const EXTERNALS_MAX = 1_000

/** What an external order has filled since it was last heard of. */
export interface ExternalFill {
  readonly signedQty: number
  readonly price: number
}

const NONE: readonly ExternalOrder[] = []

export class Externals {
  readonly #orders = new Map<string, ExternalOrder>()

  /** Takes what is known of an order now. Gives what it has filled since. */
  take(order: ExternalOrder, instrument: Instrument): ExternalFill | undefined {
    const { venueId } = order
    const before = this.#orders.get(venueId)
    // News that is older than what is known, or says nothing new.
    if (before !== undefined && (!before.open || order.filled < before.filled)) {
      if (order.filled <= before.filled) return undefined
    }
    this.#orders.set(venueId, order)
    this.#forget()
    if (before === undefined || order.filled === before.filled) return undefined
    const qty = order.filled - before.filled
    const known = before.filled === 0 ? 0 : instrument.notional(before.filled, before.avgPrice)
    const value = instrument.notional(order.filled, order.avgPrice) - known
    return { signedQty: sign(order.side) * qty, price: instrument.priceOf(qty, value) }
  }

  get known(): readonly ExternalOrder[] {
    return [...this.#orders.values()]
  }

  /** Those that may still fill. Risk asks for every order, and mostly there are none. */
  open(): readonly ExternalOrder[] {
    return this.#orders.size === 0 ? NONE : this.known.filter(({ open }) => open)
  }

  /** What the open ones of one side of a symbol may still fill. */
  remaining(symbol: SymbolId, side: ExternalOrder['side']): number {
    let left = 0
    for (const order of this.open()) {
      if (order.symbol === symbol && order.side === side) left += leftOf(order)
    }
    return left
  }

  capture(): readonly ExternalOrder[] {
    return this.known
  }

  restore(orders: readonly ExternalOrder[]): void {
    for (const order of orders) this.#orders.set(order.venueId, order)
  }

  #forget(): void {
    if (this.#orders.size <= EXTERNALS_MAX) return
    for (const [venueId, { open }] of this.#orders) {
      if (open) continue
      this.#orders.delete(venueId)
      return
    }
  }
}

/** What an external order may still fill. */
export const leftOf = ({ qty, filled }: ExternalOrder): number => Math.max(0, qty - filled)
