// Window: the last values of a stream, with their sum, mean, minimum and maximum.
import { assert } from '../core/assert.ts'
import { checkFinite, checkLength } from './streaming.ts'

/**
 * A ring of the last `length` values.
 *
 * Sum, minimum and maximum never forget a value, they only add: the ring is a head, filled since it last
 * wrapped, and a tail, what is left from the round before. Each wrap turns the values into running totals
 * from the end, so that the tail is one lookup and the window is head + tail. Nothing is subtracted, so
 * nothing drifts, and a wrap costs `length` once in `length` pushes (van Herk 1992, for the minimum).
 */
export class Window {
  readonly length: number
  readonly #values: Float64Array
  // Totals of the tail: entry i covers the values from i to the end of the ring.
  readonly #sums: Float64Array
  readonly #mins: Float64Array
  readonly #maxs: Float64Array
  #next = 0
  #size = 0
  #sum = 0
  #min = Infinity
  #max = -Infinity

  constructor(length: number) {
    checkLength(length)
    this.length = length
    this.#values = new Float64Array(length)
    this.#sums = new Float64Array(length + 1)
    this.#mins = new Float64Array(length + 1).fill(Infinity)
    this.#maxs = new Float64Array(length + 1).fill(-Infinity)
  }

  /** Takes the newest value; the oldest leaves where the window is full. Throws on NaN and infinity. */
  push(x: number): void {
    checkFinite(x)
    this.#values[this.#next] = x
    this.#next += 1
    if (this.#size < this.length) this.#size += 1
    this.#sum += x
    if (x < this.#min) this.#min = x
    if (x > this.#max) this.#max = x
    if (this.#next === this.length) this.#wrap()
  }

  #wrap(): void {
    this.#next = 0
    this.#sum = 0
    this.#min = Infinity
    this.#max = -Infinity
    for (let i = this.length - 1; i >= 0; i--) {
      const x = this.#values[i]!
      const min = this.#mins[i + 1]!
      const max = this.#maxs[i + 1]!
      this.#sums[i] = this.#sums[i + 1]! + x
      this.#mins[i] = x < min ? x : min
      this.#maxs[i] = x > max ? x : max
    }
  }

  /** The value pushed `back` pushes ago: 0 is the newest. Throws past the values that the window holds. */
  at(back: number): number {
    assert(
      Number.isInteger(back) && back >= 0 && back < this.#size,
      () => `a window of ${this.#size} values is asked for one of them, not ${back} back`,
    )
    const i = this.#next - 1 - back
    return this.#values[i < 0 ? i + this.length : i]!
  }

  /** Values held: at most `length`. */
  get size(): number {
    return this.#size
  }

  get isFull(): boolean {
    return this.#size === this.length
  }

  /** 0 while empty. */
  get sum(): number {
    return this.#sum + this.#sums[this.#next]!
  }

  /** Of the values held so far; NaN while empty, as are `min` and `max`. */
  get mean(): number {
    return this.sum / this.#size
  }

  get min(): number {
    return this.#size === 0 ? NaN : Math.min(this.#min, this.#mins[this.#next]!)
  }

  get max(): number {
    return this.#size === 0 ? NaN : Math.max(this.#max, this.#maxs[this.#next]!)
  }
}

/** The last `length` values of a stream. @example const range = window(20); range.push(high); range.max */
export const window = (length: number): Window => new Window(length)
