// A sum of doubles that does not drift: Neumaier's compensated summation, kept as two doubles.

/** Plain data, so that a snapshot holds it as it is. The sum is `high + low`. */
export interface Sum {
  readonly high: number
  readonly low: number
}

export const ZERO: Sum = { high: 0, low: 0 }

export const sumOf = (x: number): Sum => ({ high: x, low: 0 })

/** `sum + x`; what the rounded addition loses is carried in `low` (Neumaier 1974). */
export function add(sum: Sum, x: number): Sum {
  const high = sum.high + x
  const lost = Math.abs(sum.high) >= Math.abs(x) ? sum.high - high + x : x - high + sum.high
  return { high, low: sum.low + lost }
}

export const valueOf = (sum: Sum): number => sum.high + sum.low
