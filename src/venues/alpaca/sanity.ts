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
  refusals: number
  goodInRow: number
  isQuarantined: boolean
}

export class Sanity {
  /** The last good price by symbol, NaN before the first; columns, because each quote asks twice. */
  #last = new Float64Array(0)
  /** Of symbols with a refusal that is not forgotten. */
  readonly #records = new Map<number, Record>()

  isGood(symbol: number, price: number): boolean {
    // Comparisons with NaN are false: the first price has no last one to be far from.
    const last = symbol < this.#last.length ? this.#last[symbol]! : NaN
    return price > 0 && price < Infinity && !(price > last * JUMP_MAX) && !(price * JUMP_MAX < last)
  }

  /** A good price came. True where it ends the quarantine of its symbol. */
  passed(symbol: number, price: number): boolean {
    if (symbol >= this.#last.length) this.#grow(symbol)
    this.#last[symbol] = price
    return this.#records.size > 0 && this.#forgives(symbol)
  }

  /** A price of the symbol was refused. True where that begins its quarantine. */
  refused(symbol: number): boolean {
    // Nothing is known of it, so nothing can be traded on: a symbol without a price is denied as it is.
    if (!(this.#last[symbol]! > 0)) return false
    const record = this.#records.get(symbol) ?? { refusals: 0, goodInRow: 0, isQuarantined: false }
    this.#records.set(symbol, record)
    record.goodInRow = 0
    record.refusals++
    if (record.isQuarantined || record.refusals < REFUSALS_MAX) return false
    record.isQuarantined = true
    return true
  }

  /** Forgets all of it, and gives the symbols that were in quarantine: their next price is the new level. */
  clear(): readonly number[] {
    const quarantined = [...this.#records].flatMap(([symbol, { isQuarantined }]) =>
      isQuarantined ? [symbol] : [],
    )
    this.#records.clear()
    this.#last.fill(NaN)
    return quarantined
  }

  #forgives(symbol: number): boolean {
    const record = this.#records.get(symbol)
    if (record === undefined || ++record.goodInRow < GOOD_MIN) return false
    this.#records.delete(symbol)
    return record.isQuarantined
  }

  #grow(symbol: number): void {
    const last = new Float64Array(Math.max(symbol + 1, this.#last.length * 2, 64)).fill(NaN)
    last.set(this.#last)
    this.#last = last
  }
}
