/*
 * Identity: which of our orders a venue order is, for as long as we run and across restarts.
 *
 * Alpaca's replace makes a *new* order: a new id, a new client order id, a new quantity that counts from zero, and
 * `replaces` as the only link. Ours stays one order. So a replace carries a client order id of its own, made from ours:
 *
 *   sma-7k-1        the order as it was sent
 *   sma-7k-1~2      its first replacement, ~3 the next
 *
 * What stands before `~` is our id: it is found in any payload, even after a restart with an empty memory, and the
 * venue's refusal of a client id that it has seen makes a repeated replace as harmless as a repeated submit. Our own
 * ids never contain `~`. Bracket legs get ids from the venue; they are known from the answer to their entry (a limit
 * is the target, a stop the stop), or from what the runtime knows after a restart (`adopt`).
 */
import { type OrderId, orderId } from '../../core/brand.ts'
import type { Order } from '../../core/order.ts'
import { type Standing, standingOf } from '../../io/gap.ts'
import type { WireOrder } from './wire.ts'

/** One of our orders, as the venue has it now. */
export interface Known {
  readonly id: OrderId
  /** The venue's id of the order that works now. */
  venueId: string
  revision: number
  /** Filled by venue orders that were replaced: what the present one counts on top of. */
  filledBefore: number
  /** Filled by the present one, as far as we heard. */
  filled: number
  total: number
  isDone?: true
  /** What a replace that is on its way asked for. */
  amending?: {
    readonly venueId: string
    readonly qty?: number
    readonly limit?: number
    readonly stop?: number
  }
}

const DONE = new Set(['filled', 'canceled', 'expired', 'rejected'])
/** Orders that ended are forgotten beyond this many, the oldest first. */
const KNOWN_MAX = 20_000

export class Identity {
  readonly #byId = new Map<OrderId, Known>()
  readonly #byVenue = new Map<string, OrderId>()
  readonly #legs = new Map<OrderId, readonly Order[]>()

  /** What the runtime knows after a restart: orders with the venue's ids, legs with their brackets. */
  adopt(orders: readonly Order[]): void {
    for (const order of orders) {
      if (order.venueId !== undefined)
        this.link(order.id, order.venueId, { total: order.qty, filled: order.filled })
      if (order.group !== undefined && order.role !== 'entry') {
        const legs = this.#legs.get(order.group) ?? []
        if (!legs.some(({ id }) => id === order.id)) this.#legs.set(order.group, [...legs, order])
      }
    }
  }

  /** Legs that leave with an entry; they get the venue's ids when it answers. */
  expectLegs(entry: OrderId, legs: readonly Order[]): void {
    if (legs.length > 0) this.#legs.set(entry, legs)
  }

  link(
    id: OrderId,
    venueId: string,
    about: { readonly total?: number; readonly filled?: number } = {},
  ): Known {
    this.#byVenue.set(venueId, id)
    const known = this.#byId.get(id)
    if (known !== undefined) {
      if (about.total !== undefined && known.total === 0) known.total = about.total
      return known
    }
    const fresh: Known = {
      id,
      venueId,
      revision: 1,
      filledBefore: 0,
      filled: about.filled ?? 0,
      total: about.total ?? 0,
    }
    this.#byId.set(id, fresh)
    this.#forget()
    return fresh
  }

  find(id: OrderId): Known | undefined {
    return this.#byId.get(id)
  }

  /** Venue ids of orders that are not finished as far as we know. */
  get believedOpen(): readonly string[] {
    return [...this.#byId.values()].filter(({ isDone }) => !isDone).map(({ venueId }) => venueId)
  }

  get standing(): Standing {
    return standingOf(this.#byId.values())
  }

  /** Which of ours a venue's order that was seen is; undefined where it is none. */
  idOf({ venueId }: WireOrder): OrderId | undefined {
    return this.#byVenue.get(venueId)
  }

  /** Our order behind a venue's; undefined where it is not ours. `isOurs` tells our ids from those of others. */
  of(order: WireOrder, isOurs: (id: OrderId) => boolean): Known | undefined {
    const direct = this.#byVenue.get(order.venueId) ?? this.#byVenue.get(order.replaces ?? '')
    const { base, revision } = splitClientId(order.clientId)
    const id = direct ?? (isOurs(base) ? base : undefined)
    if (id === undefined) return undefined
    const known = this.link(id, order.venueId, { total: order.qty ?? 0 })
    if (DONE.has(order.status) && order.venueId === known.venueId) known.isDone = true
    if (base === id) known.revision = Math.max(known.revision, revision)
    this.#linkLegs(id, order)
    return known
  }

  /** The present venue order gives way to another, which counts its fills from zero. */
  replaced(known: Known, venueId: string): void {
    if (known.venueId === venueId) return
    this.#byVenue.set(venueId, known.id)
    known.venueId = venueId
    known.filledBefore += known.filled
    known.filled = 0
  }

  /** What a report says about an order of ours: which venue order works now, and what those before it filled. */
  settle(known: Known, order: WireOrder, before: number): void {
    this.#byVenue.set(order.venueId, known.id)
    known.venueId = order.venueId
    known.filledBefore = before
    known.filled = order.filled
    known.total = (order.qty ?? order.filled) + before
    if (DONE.has(order.status)) known.isDone = true
  }

  #linkLegs(entry: OrderId, order: WireOrder): void {
    const legs = this.#legs.get(entry)
    if (legs === undefined) return
    for (const wire of order.legs) {
      const role = wire.type === 'limit' ? 'target' : 'stop'
      const leg = legs.find((one) => one.role === role)
      // One that has an order of its own was placed by itself: the venue's leg has ended before.
      if (leg !== undefined && !this.#byId.has(leg.id))
        this.link(leg.id, wire.venueId, { total: wire.qty ?? leg.qty })
    }
  }

  #forget(): void {
    if (this.#byId.size <= KNOWN_MAX) return
    const oldest = this.#byId.values().next().value
    if (oldest === undefined) return
    this.#byId.delete(oldest.id)
    this.#byVenue.delete(oldest.venueId)
    this.#legs.delete(oldest.id)
  }
}

/** `sma-7k-1~2` → our id and the number of the venue order that carries it. */
export function splitClientId(text: string): { readonly base: OrderId; readonly revision: number } {
  const match = /^(.+)~(\d{1,6})$/.exec(text)
  if (match === null) return { base: orderId(text), revision: 1 }
  return { base: orderId(match[1]!), revision: Number(match[2]) }
}

export const clientIdOf = (id: OrderId, revision: number): string =>
  revision === 1 ? id : `${id}~${revision}`
