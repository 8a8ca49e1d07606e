// EMA: the exponential moving average, which weighs the newest value most.
import { checkFinite, checkLength, type Streaming } from './streaming.ts'

/** Starts as the mean of the first `length` values, then moves a fixed share of the way to each new one. */
export class Ema implements Streaming {
  readonly length: number
  readonly #share: number
  #count = 0
  #sum = 0
  #value = NaN

  constructor(length: number, share: number = 2 / (length + 1)) {
    checkLength(length)
    this.length = length
    this.#share = share
  }

  push(x: number): number {
    checkFinite(x)
    if (this.#count === this.length) {
      this.#value += this.#share * (x - this.#value)
    } else {
      this.#count += 1
      this.#sum += x
      if (this.#count === this.length) this.#value = this.#sum / this.length
    }
    return this.#value
  }

  get value(): number {
    return this.#value
  }

  get isReady(): boolean {
    return this.#count === this.length
  }
}

/**
 * value += 2 / (length + 1) × (x − value), seeded with the mean of the first `length` values, as TA-Lib and
 * most charts do; some start from the first value alone. Ready after `length` pushes.
 *
 * @example const average = ema(21); average.push(close)
 */
export const ema = (length: number): Ema => new Ema(length)

/**
 * Wilder's average: value += (x − value) / length, seeded with the mean of the first `length` values. ATR
 * and RSI are made of it (J. Welles Wilder, New Concepts in Technical Trading Systems, 1978).
 */
export const wilder = (length: number): Ema => new Ema(length, 1 / length)
