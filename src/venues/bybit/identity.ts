/*
 * Identity: which of our orders a venue order is, for as long as we run and across restarts. Our id travels as
 * `orderLinkId` and comes back in every payload but some executions, which name the venue's id.
 */
import { type Ms, type OrderId, orderId } from '../../core/brand.ts'
import { isOfAnyRun, type Order } from '../../core/order.ts'
import { type Standing, standingOf } from '../../io/gap.ts'

/** One of our orders, as the venue has it as far as we heard. */
export interface Known {
  readonly id: OrderId
  venueId: string | undefined
  qty: number | undefined
  limit: number | undefined
  stop: number | undefined
  /** When the venue had it so. */
  changedAt: Ms | undefined
  /** Its acceptance was told. */
  isTold: boolean
  isDone: boolean
}

/** Orders that ended are forgotten beyond this many, the oldest first. */
const KNOWN_MAX = 20_000

/** Ids that the venue made by itself are UUIDs; ours never are. */
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
export const isOwnId = (id: OrderId): boolean => id !== '' && !UUID.test(id)

/** Whether a run made an order; else a person did, or another program. */
export const isOfSomeRun = ({ linkId }: { readonly linkId: string }): boolean =>
  !UUID.test(linkId) && isOfAnyRun(linkId)

export class Identity {
  readonly #byId = new Map<OrderId, Known>()
  readonly #byVenue = new Map<string, OrderId>()

  /** What the runtime knows after a restart. */
  adopt(orders: readonly Order[]): void {
    for (const order of orders) {
      const known = this.sent(order)
      if (order.venueId !== undefined) this.link(known, order.venueId)
    }
  }

  /** An order is about to leave. */
  sent({ id, qty, limit, stop }: Order): Known {
    const fresh = { changedAt: undefined, isTold: false, isDone: false }
    return this.#add({ id, venueId: undefined, qty, limit, stop, ...fresh })
  }

  find(id: OrderId): Known | undefined {
    return this.#byId.get(id)
  }

  get standing(): Standing {
    return standingOf(this.#byId.values())
  }

  /** Which of ours a venue's order that was seen is; undefined where it is none. */
  idOf({ venueId }: { readonly venueId: string }): OrderId | undefined {
    return this.#byVenue.get(venueId)
  }

  /** Our order behind a venue's; undefined where it is not ours. */
  of(
    { venueId, linkId }: { readonly venueId: string; readonly linkId: string },
    isOurs: (id: OrderId) => boolean,
  ): Known | undefined {
    const named = orderId(linkId)
    const id = this.#byVenue.get(venueId) ?? (isOurs(named) ? named : undefined)
    if (id === undefined) return undefined
    const terms = { qty: undefined, limit: undefined, stop: undefined, changedAt: undefined }
    const fresh = { id, venueId, ...terms, isTold: false, isDone: false }
    const known = this.#byId.get(id) ?? this.#add(fresh)
    this.link(known, venueId)
    return known
  }

  link(known: Known, venueId: string): void {
    known.venueId = venueId
    this.#byVenue.set(venueId, known.id)
  }

  /** Orders that are not finished as far as we know, without those that are named. */
  believedOpen(named: ReadonlySet<OrderId>): readonly Known[] {
    return [...this.#byId.values()].filter(({ id, isDone }) => !isDone && !named.has(id))
  }

  /** It never was, or nobody knows it any more. */
  forget(id: OrderId): void {
    const known = this.#byId.get(id)
    if (known?.venueId !== undefined) this.#byVenue.delete(known.venueId)
    this.#byId.delete(id)
  }

  #add(known: Known): Known {
    const before = this.#byId.get(known.id)
    if (before !== undefined) return before
    this.#byId.set(known.id, known)
    if (this.#byId.size > KNOWN_MAX) {
      for (const { id, isDone } of this.#byId.values()) {
        if (!isDone) continue
        this.forget(id)
        break
      }
    }
    return known
  }
}
