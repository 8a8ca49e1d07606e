// Cross: when a fast average goes through a slow one.
import { checkFinite, type Streaming } from './streaming.ts'

/** 1 up, -1 down, 0 not now. */
export type Crossing = -1 | 0 | 1

/**
 * Averages closer than this part of their size are equal. On a price grid, averages that differ at all differ
 * by far more; less is the rounding of their sums, which in a market that stands still is a new sign with
 * every bar, and would be a crossing each time.
 */
const NOISE = 1e-12

/** True side of fast against slow: 1 above, -1 below, 0 equal, NaN where one of them is not ready. */
export function sideOf(fast: number, slow: number): number {
  const gap = fast - slow
  return Math.abs(gap) <= NOISE * Math.abs(slow) ? 0 : Math.sign(gap)
}

/** What a side after another tells; 0 where one of them is NaN. */
export const between = (before: number, now: number): Crossing =>
  before <= 0 && now > 0 ? 1 : before >= 0 && now < 0 ? -1 : 0

export class Cross {
  readonly fast: Streaming
  readonly slow: Streaming
  #side = NaN
  #value: Crossing = 0

  constructor(fast: Streaming, slow: Streaming) {
    this.fast = fast
    this.slow = slow
  }

  push(x: number): Crossing {
    checkFinite(x)
    const before = this.#side
    this.#side = sideOf(this.fast.push(x), this.slow.push(x))
    this.#value = between(before, this.#side)
    return this.#value
  }

  /** What the last push gave. */
  get value(): Crossing {
    return this.#value
  }

  /** True once both are ready: from the next push on, a crossing can be told. */
  get isReady(): boolean {
    return this.fast.isReady && this.slow.isReady
  }
}

/**
 * Pushes each value into both, which must be its own: one that is shared would be pushed twice. Up is
 * fastBefore ≤ slowBefore and fast > slow, down mirrors it; 0 until both were ready for two pushes.
 *
 * @example const pair = cross(sma(10), sma(30)); if (pair.push(close) > 0) ctx.buy({ qty })
 */
export const cross = (fast: Streaming, slow: Streaming): Cross => new Cross(fast, slow)

/** The same rule for averages that are pushed elsewhere; 0 where one of the four is NaN. */
export const crossed = (averages: {
  readonly fastBefore: number
  readonly slowBefore: number
  readonly fast: number
  readonly slow: number
}): Crossing =>
  between(sideOf(averages.fastBefore, averages.slowBefore), sideOf(averages.fast, averages.slow))
