/*
 * Known: every order id that ever came to the venue, because none is executed twice.
 *
 * Ids of our engine end in a counter that only rises (`sma-k3x-1f`), so the highest number of each run tells of
 * all before it: one at or below it was sent, or was passed over and will not come. A run of any length is so
 * remembered in a few words. Other ids are kept one by one.
 */
import { assert } from '../../core/assert.ts'
import { type OrderId, orderId } from '../../core/brand.ts'

/** Ids without a counter that are remembered; one more ends the run, since forgetting could execute one twice. */
export const UNCOUNTED_MAX = 1_000_000

/** As `Orders.nextId` makes them: strategy, run, and a number in base 36 that a double holds exactly. */
const COUNTED = /^(.+-[A-Za-z0-9]{1,8})-([1-9a-z][0-9a-z]{0,9})$/

export interface KnownState {
  /** The highest number of each prefix. */
  readonly highest: readonly (readonly [string, number])[]
  readonly uncounted: readonly OrderId[]
}

export class Known {
  readonly #highest = new Map<string, number>()
  readonly #uncounted = new Set<string>()

  add(id: OrderId): void {
    const counted = countedOf(id)
    if (counted === undefined) {
      assert(
        this.#uncounted.size < UNCOUNTED_MAX || this.#uncounted.has(id),
        () => `at most ${UNCOUNTED_MAX} order ids have no counter, such as ${id}`,
      )
      this.#uncounted.add(id)
      return
    }
    const [prefix, n] = counted
    this.#highest.set(prefix, Math.max(this.#highest.get(prefix) ?? 0, n))
  }

  /** True for an id that came, and for one whose number others of its prefix have passed. */
  has(id: OrderId): boolean {
    const counted = countedOf(id)
    if (counted === undefined) return this.#uncounted.has(id)
    const [prefix, n] = counted
    return n <= (this.#highest.get(prefix) ?? 0)
  }

  capture(): KnownState {
    return { highest: [...this.#highest], uncounted: Array.from(this.#uncounted, orderId) }
  }

  restore({ highest, uncounted }: KnownState): void {
    for (const [prefix, n] of highest) this.#highest.set(prefix, n)
    for (const id of uncounted) this.#uncounted.add(id)
  }
}

function countedOf(id: OrderId): readonly [prefix: string, n: number] | undefined {
  const [, prefix, digits] = COUNTED.exec(id) ?? []
  return prefix === undefined ? undefined : [prefix, parseInt(digits!, 36)]
}
