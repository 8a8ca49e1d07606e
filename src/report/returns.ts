// Returns: the daily returns of a run, and the two ratios drawn from them.

/** Running moments of daily returns (Welford 1962): a run of any length needs seven numbers. */
export interface Returns {
  readonly days: number
  readonly mean: number
  /** Sum of squared distances from the mean. */
  readonly spread: number
  /** Sum of squared losses. */
  readonly downside: number
  readonly best: number
  readonly worst: number
  readonly daysUp: number
}

export const NO_RETURNS: Returns = {
  days: 0,
  mean: 0,
  spread: 0,
  downside: 0,
  best: -Infinity,
  worst: Infinity,
  daysUp: 0,
}

/** The moments with one more day. `value` is a fraction: 0.01 is one percent. */
export function addReturn(returns: Returns, value: number): Returns {
  const days = returns.days + 1
  const distance = value - returns.mean
  const mean = returns.mean + distance / days
  return {
    days,
    mean,
    spread: returns.spread + distance * (value - mean),
    downside: returns.downside + Math.min(value, 0) ** 2,
    best: Math.max(returns.best, value),
    worst: Math.min(returns.worst, value),
    daysUp: returns.daysUp + (value > 0 ? 1 : 0),
  }
}

/**
 * Below this a deviation is the rounding of equal returns, not risk: dividing by it would give a ratio in
 * the billions.
 */
const DEVIATION_MIN = 1e-12

/**
 * Sharpe ratio: mean daily return over its sample standard deviation (n − 1), times √daysPerYear, with a
 * risk-free rate of 0 (Sharpe 1994). null with fewer than two days or without deviation.
 */
export function sharpe(returns: Returns, daysPerYear: number): number | null {
  if (returns.days < 2) return null
  const deviation = Math.sqrt(returns.spread / (returns.days - 1))
  return deviation < DEVIATION_MIN ? null : (returns.mean / deviation) * Math.sqrt(daysPerYear)
}

/**
 * Sortino ratio: mean daily return over the downside deviation (root of the mean squared loss, over all
 * days), times √daysPerYear, with a target of 0 (Sortino & Price 1994). null with fewer than two days or
 * without a losing one.
 */
export function sortino(returns: Returns, daysPerYear: number): number | null {
  if (returns.days < 2) return null
  const deviation = Math.sqrt(returns.downside / returns.days)
  return deviation < DEVIATION_MIN ? null : (returns.mean / deviation) * Math.sqrt(daysPerYear)
}
