/*
 * Sanity: prices that cannot be, by symbol. A price is refused where it is no finite number above zero, or more than
 * four times the last good one, or less than a fourth of it.
 *
 *   sound --3 refusals, fewer than 20 good prices after each--> quarantined --20 good prices in a row--> sound
 *
 * A refused price reaches nobody, in quarantine or not; a good one always does, because what is held must be valued. In
 * quarantine the symbol takes no new risk. A level that has really changed so far, by a split of ten for one or a
 * collapse over night, stays refused until a person has looked at it and clears the feed: a guess would be about money.
 */

const JUMP_MAX = 4
const REFUSALS_MAX = 3
const GOOD_MIN = 20

interface Record {
  last: number
  refusals: number
  goodInRow: number
  isQuarantined: boolean
}

export class Sanity {
  /** By symbol; a list, because each quote asks twice. */
  readonly #records: (Record | undefined)[] = []

  isGood(symbol: number, price: number): boolean {
    if (!(price > 0 && price < Infinity)) return false
    const last = this.#records[symbol]?.last
    return last === undefined || (price <= last * JUMP_MAX && price * JUMP_MAX >= last)
  }

  /** A good price came. True where it ends the quarantine of its symbol. */
  passed(symbol: number, price: number): boolean {
    const record = this.#records[symbol]
    if (record === undefined) {
      this.#records[symbol] = { last: price, refusals: 0, goodInRow: 0, isQuarantined: false }
      return false
    }
    record.last = price
    if (record.refusals === 0 || ++record.goodInRow < GOOD_MIN) return false
    const wasQuarantined = record.isQuarantined
    record.refusals = 0
    record.isQuarantined = false
    return wasQuarantined
  }

  /** A price of the symbol was refused. True where that begins its quarantine. */
  refused(symbol: number): boolean {
    const record = this.#records[symbol]
    // Nothing is known of it, so nothing can be traded on: a symbol without a price is denied as it is.
    if (record === undefined) return false
    record.goodInRow = 0
    record.refusals++
    if (record.isQuarantined || record.refusals < REFUSALS_MAX) return false
    record.isQuarantined = true
    return true
  }

  /** Forgets all of it, and gives the symbols that were in quarantine: their next price is the new level. */
  clear(): readonly number[] {
    const quarantined = this.#records.flatMap((record, symbol) =>
      record?.isQuarantined === true ? [symbol] : [],
    )
    this.#records.length = 0
    return quarantined
  }
}
