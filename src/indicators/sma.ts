// SMA: the simple moving average, the mean of the last values.
import { checkFinite, checkLength, type Streaming } from './streaming.ts'

/**
 * One array is both halves of the window: up to the last push it holds values, behind it the totals from
 * there to the end of the round before. Nothing is subtracted, so nothing drifts; see Window.
 */
export class Sma implements Streaming {
  readonly length: number
  readonly #ring: Float64Array
  #next = 0
  #head = 0
  #value = NaN
  #isReady = false

  constructor(length: number) {
    checkLength(length)
    this.length = length
    this.#ring = new Float64Array(length)
  }

  push(x: number): number {
    checkFinite(x)
    const ring = this.#ring
    const next = this.#next + 1
    ring[next - 1] = x
    if (next === this.length) return this.#wrap()
    const head = this.#head + x
    this.#head = head
    this.#next = next
    if (!this.#isReady) return NaN
    return (this.#value = (head + ring[next]!) / this.length)
  }

  /** Turns the values of a full round into the totals that the next round begins with. */
  #wrap(): number {
    const ring = this.#ring
    let sum = 0
    for (let i = this.length - 1; i >= 0; i--) {
      sum += ring[i]!
      ring[i] = sum
    }
    this.#next = 0
    this.#head = 0
    this.#isReady = true
    return (this.#value = sum / this.length)
  }

  get value(): number {
    return this.#value
  }

  get isReady(): boolean {
    return this.#isReady
  }
}

/**
 * The mean of the last `length` values: (x₁ + … + xₙ) / n. Ready after `length` pushes.
 *
 * @example const average = sma(20); average.push(close)
 */
export const sma = (length: number): Sma => new Sma(length)
