// BookSide: the levels of one side of an order book, as columns of numbers with the best level last.
import { assert } from './assert.ts'

/** Levels from the best on that are looked at one by one before the rest is halved. */
const NEAR = 6

export class BookSide {
  /** 1 for bids, -1 for asks: prices times it rise towards the best. */
  readonly #sign: 1 | -1
  readonly #depth: number
  #prices: Float64Array
  #sizes: Float64Array
  #count = 0

  constructor(sign: 1 | -1, depth: number) {
    assert(Number.isSafeInteger(depth) && depth > 0, `a side has at least one level, not ${depth}`)
    this.#sign = sign
    this.#depth = depth
    // One more than may stay, for the moment in which a level is put in.
    const capacity = Math.min(depth, 64) + 1
    this.#prices = new Float64Array(capacity)
    this.#sizes = new Float64Array(capacity)
  }

  /** Levels that it has. */
  get size(): number {
    return this.#count
  }

  /** Price of a level, the best is 0; NaN beyond the last. */
  priceAt(rank: number): number {
    return this.#prices[this.#count - 1 - rank] ?? NaN
  }

  sizeAt(rank: number): number {
    return this.#sizes[this.#count - 1 - rank] ?? 0
  }

  /** Size that rests at a price; 0 where no level is there. */
  sizeOf(price: number): number {
    const i = this.#find(price)
    return i < this.#count && this.#prices[i] === price ? this.#sizes[i]! : 0
  }

  /** Size of the best so many levels together. */
  sum(levels: number): number {
    let sum = 0
    for (let i = this.#count - 1; i >= 0 && i >= this.#count - levels; i--) sum += this.#sizes[i]!
    return sum
  }

  /** Price, size, price, size … of the best so many levels, the best first. */
  best(levels: number): number[] {
    const found: number[] = []
    for (let i = this.#count - 1; i >= 0 && i >= this.#count - levels; i--)
      found.push(this.#prices[i]!, this.#sizes[i]!)
    return found
  }

  clear(): void {
    this.#count = 0
  }

  /** Takes price, size, price, size …; gives true where the best level has changed. */
  write(levels: ArrayLike<number>): boolean {
    let isBest = false
    for (let i = 0; i + 1 < levels.length; i += 2) {
      if (this.#set(levels[i]!, levels[i + 1]!)) isBest = true
    }
    return isBest
  }

  #set(price: number, size: number): boolean {
    const i = this.#find(price)
    const isHere = i < this.#count && this.#prices[i] === price
    if (isHere) {
      if (size > 0) this.#sizes[i] = size
      else this.#remove(i)
    } else if (size > 0) this.#insert(i, price, size)
    else return false
    return i >= this.#count - 1
  }

  /** Place of the level with this price, or where it would be put in. */
  #find(price: number): number {
    const prices = this.#prices
    const sign = this.#sign
    const wanted = price * sign
    let high = this.#count
    for (let near = 0; near < NEAR; near++) {
      if (high === 0) return 0
      const here = prices[high - 1]! * sign
      if (here < wanted) return high
      high--
      if (here === wanted) return high
    }
    let low = 0
    while (low < high) {
      const middle = (low + high) >>> 1
      if (prices[middle]! * sign < wanted) low = middle + 1
      else high = middle
    }
    return low
  }

  #insert(i: number, price: number, size: number): void {
    const count = this.#count
    if (count === this.#prices.length) this.#grow()
    const prices = this.#prices
    const sizes = this.#sizes
    // Most levels come in near the best: few have to move, and a call that moves them costs more than that.
    for (let j = count; j > i; j--) {
      prices[j] = prices[j - 1]!
      sizes[j] = sizes[j - 1]!
    }
    prices[i] = price
    sizes[i] = size
    this.#count = count + 1
    if (this.#count > this.#depth) this.#remove(0)
  }

  #remove(i: number): void {
    const prices = this.#prices
    const sizes = this.#sizes
    const count = --this.#count
    for (let j = i; j < count; j++) {
      prices[j] = prices[j + 1]!
      sizes[j] = sizes[j + 1]!
    }
  }

  #grow(): void {
    const capacity = Math.min(this.#prices.length * 2, this.#depth + 1)
    const [prices, sizes] = [new Float64Array(capacity), new Float64Array(capacity)]
    prices.set(this.#prices)
    sizes.set(this.#sizes)
    this.#prices = prices
    this.#sizes = sizes
  }
}
