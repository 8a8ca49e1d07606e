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

/** As `Orders.nextId` makes them: strategy and run, then a number in base 36 that a double holds exactly. */
const PREFIX = /^.+-[A-Za-z0-9]{1,8}$/
const DIGITS_MAX = 10

export interface KnownState {
  /** The highest number of each prefix. */
  readonly highest: readonly (readonly [string, number])[]
  readonly uncounted: readonly OrderId[]
}

export class Known {
  readonly #highest = new Map<string, number>()
  readonly #uncounted = new Set<string>()
  /** Of the last id that had a number. */
  #prefix = ''

  add(id: OrderId): void {
    const n = this.#numberOf(id)
    if (n === undefined) {
      assert(
        this.#uncounted.size < UNCOUNTED_MAX || this.#uncounted.has(id),
        () => `at most ${UNCOUNTED_MAX} order ids have no counter, such as ${id}`,
      )
      this.#uncounted.add(id)
      return
    }
    if (n > (this.#highest.get(this.#prefix) ?? 0)) this.#highest.set(this.#prefix, n)
  }

  /** True for an id that came, and for one whose number others of its prefix have passed. */
  has(id: OrderId): boolean {
    const n = this.#numberOf(id)
    if (n === undefined) return this.#uncounted.has(id)
    return n <= (this.#highest.get(this.#prefix) ?? 0)
  }

  capture(): KnownState {
    return { highest: [...this.#highest], uncounted: Array.from(this.#uncounted, orderId) }
  }

  restore({ highest, uncounted }: KnownState): void {
    for (const [prefix, n] of highest) this.#highest.set(prefix, n)
    for (const id of uncounted) this.#uncounted.add(id)
  }

  /** The counter at the end of an id, whose prefix is remembered in `#prefix`; undefined where it has none. */
  #numberOf(id: OrderId): number | undefined {
    const at = id.lastIndexOf('-')
    const n = numberIn(id, at + 1)
    if (n === undefined) return undefined
    // Nearly all ids are of one run, and only a new prefix is worth a look at its form.
    if (at > 0 && this.#prefix.length === at && id.startsWith(this.#prefix)) return n
    const prefix = id.slice(0, at)
    if (!PREFIX.test(prefix)) return undefined
    this.#prefix = prefix
    return n
  }
}

/** Digits of base 36 up to the end, without a leading zero. */
function numberIn(id: string, from: number): number | undefined {
  if (from === id.length || id.length - from > DIGITS_MAX) return undefined
  let n = 0
  for (let i = from; i < id.length; i++) {
    const code = id.charCodeAt(i)
    const digit = code >= 48 && code <= 57 ? code - 48 : code >= 97 && code <= 122 ? code - 87 : -1
    if (digit < 0 || (i === from && digit === 0)) return undefined
    n = n * 36 + digit
  }
  return n
}
