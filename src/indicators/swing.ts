// Swing: highs and lows that stand out among their neighbours, told only when they are certain.
import { assert } from '../core/assert.ts'
import { Window } from './window.ts'

/** What one push confirmed: a bar may be a swing high, a swing low, or both. */
export interface SwingPoint {
  readonly high?: number
  readonly low?: number
  /** Bars between the swing and the push that confirmed it: always `right`. */
  readonly barsAgo: number
}

/**
 * A bar is a swing high when its high is above the highs of the `left` bars before it and not below those of
 * the `right` bars after it. So of equal highs the first one counts, and only once. Lows mirror that.
 * Nothing is known earlier than `right` bars later, and nothing that was told is ever taken back.
 */
export class Swing {
  readonly right: number
  readonly #highs: Peaks
  readonly #lows: Peaks
  #lastHigh = NaN
  #lastLow = NaN

  constructor(left: number, right: number) {
    this.right = right
    this.#highs = new Peaks(left, right)
    this.#lows = new Peaks(left, right)
  }

  /** The next bar's high and low. Gives what it confirmed; undefined where that is nothing. */
  push(high: number, low: number): SwingPoint | undefined {
    assert(high >= low, () => `the high of a bar is not below its low: ${high} and ${low}`)
    const isHigh = this.#highs.push(high)
    const isLow = this.#lows.push(-low)
    if (!isHigh && !isLow) return undefined
    if (isHigh) this.#lastHigh = this.#highs.candidate
    if (isLow) this.#lastLow = -this.#lows.candidate
    return {
      ...(isHigh ? { high: this.#lastHigh } : {}),
      ...(isLow ? { low: this.#lastLow } : {}),
      barsAgo: this.right,
    }
  }

  /** The last swing high that was confirmed; NaN before the first. */
  get lastHigh(): number {
    return this.#lastHigh
  }

  get lastLow(): number {
    return this.#lastLow
  }

  /** True once a bar has had all of its neighbours. */
  get isReady(): boolean {
    return this.#highs.isReady
  }
}

/** One side of a swing: is the value of `right` pushes ago a peak? */
class Peaks {
  readonly #before: Window
  readonly #after: Window
  candidate = NaN
  isReady = false

  constructor(left: number, right: number) {
    this.#before = new Window(left)
    this.#after = new Window(right)
  }

  push(x: number): boolean {
    if (!this.#after.isFull) {
      this.#after.push(x)
      return false
    }
    // The candidate leaves the window of bars after it, is judged, and joins the bars before the next one.
    this.candidate = this.#after.at(this.#after.length - 1)
    this.#after.push(x)
    this.isReady = this.#before.isFull
    const isPeak =
      this.isReady && this.candidate > this.#before.max && this.candidate >= this.#after.max
    this.#before.push(this.candidate)
    return isPeak
  }
}

/**
 * Swing highs and lows with `left` and `right` neighbours, each at least 1.
 *
 * @example const swings = swing(3, 2); const point = swings.push(bar.high, bar.low)
 */
export const swing = (left: number, right: number): Swing => new Swing(left, right)
