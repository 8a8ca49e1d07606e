/*
 * Crosses: several pairs of simple moving averages of one stream, and which of them cross.
 *
 * The same numbers as `cross(sma(fast), sma(slow))` for each pair, kept as rows of one table. A strategy that runs
 * on hundreds of symbols finds none of its state in the cache when its next bar comes: 18 objects for three pairs
 * cost it 50 lines of memory per bar, and the table a dozen.
 */
import { assert } from '../core/assert.ts'
import { between, type Crossing, sideOf } from './cross.ts'
import { checkFinite, checkLength } from './streaming.ts'

// A pair is a row of two cache lines: its fast average, its slow one, then what their last push gave.
const SLOW = 6
const SIDE = 12
const CROSSING = 13
const PAIR = 16

// An average, as sma.ts keeps it: where its ring begins, goes on and ends, then its sum since the last wrap.
const BEGIN = 0
const NEXT = 1
const END = 2
const HEAD = 3
const VALUE = 4

export class Crosses {
  readonly count: number
  /** Rows of pairs, and behind them the rings of their averages. */
  readonly #table: Float64Array

  constructor(pairs: readonly (readonly [fast: number, slow: number])[]) {
    for (const length of pairs.flat()) checkLength(length)
    this.count = pairs.length
    const rings = pairs.length * PAIR
    const size = pairs.reduce((sum, [fast, slow]) => sum + fast + slow, rings)
    this.#table = new Float64Array(size)
    let begin = rings
    for (const [i, [fast, slow]] of pairs.entries()) {
      this.#begin(i * PAIR, begin, fast)
      this.#begin(i * PAIR + SLOW, begin + fast, slow)
      this.#table[i * PAIR + SIDE] = NaN
      begin += fast + slow
    }
  }

  /** Takes the next value into every average; true where at least one pair crosses with it. */
  push(x: number): boolean {
    checkFinite(x)
    const table = this.#table
    const end = this.count * PAIR
    let isCrossed = false
    for (let row = 0; row < end; row += PAIR) {
      const side = sideOf(pushed(table, row, x), pushed(table, row + SLOW, x))
      const crossing = between(table[row + SIDE]!, side)
      table[row + SIDE] = side
      table[row + CROSSING] = crossing
      if (crossing !== 0) isCrossed = true
    }
    return isCrossed
  }

  /** What the last push gave for a pair. */
  value(i: number): Crossing {
    const crossing = this.#table[this.#row(i) + CROSSING]!
    return crossing > 0 ? 1 : crossing < 0 ? -1 : 0
  }

  /** The slow average of a pair; NaN until it is ready. */
  slow(i: number): number {
    return this.#table[this.#row(i) + SLOW + VALUE]!
  }

  #row(i: number): number {
    assert(i >= 0 && i < this.count, () => `one of ${this.count} pairs is asked for, not ${i}`)
    return i * PAIR
  }

  #begin(row: number, begin: number, length: number): void {
    const table = this.#table
    table[row + BEGIN] = begin
    table[row + NEXT] = begin
    table[row + END] = begin + length
    table[row + VALUE] = NaN
  }
}

/** An average after its next value; NaN until it is ready. */
function pushed(table: Float64Array, row: number, x: number): number {
  const at = table[row + NEXT]!
  const next = at + 1
  const begin = table[row + BEGIN]!
  const end = table[row + END]!
  table[at] = x
  if (next === end) return wrapped(table, row)
  const head = table[row + HEAD]! + x
  table[row + HEAD] = head
  table[row + NEXT] = next
  // Not ready before the first wrap.
  const before = table[row + VALUE]!
  if (before !== before) return NaN
  const value = (head + table[next]!) / (end - begin)
  table[row + VALUE] = value
  return value
}

/** Turns the values of a full round into the totals that the next round begins with. */
function wrapped(table: Float64Array, row: number): number {
  const begin = table[row + BEGIN]!
  const end = table[row + END]!
  let sum = 0
  for (let i = end - 1; i >= begin; i--) {
    sum += table[i]!
    table[i] = sum
  }
  const value = sum / (end - begin)
  table[row + NEXT] = begin
  table[row + HEAD] = 0
  table[row + VALUE] = value
  return value
}

/**
 * Pairs of a fast and a slow length, in order; lengths are 1 to a million values.
 *
 * @example const pairs = crosses([[5, 15], [20, 50]]); if (pairs.push(close) && pairs.value(1) > 0) ctx.buy({ qty })
 */
export const crosses = (pairs: readonly (readonly [fast: number, slow: number])[]): Crosses =>
  new Crosses(pairs)
