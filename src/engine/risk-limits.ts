// Risk limits: what may be risked at most, and how one of them is changed by its name.
import { assert } from '../core/assert.ts'
import type { LimitValue } from '../core/input.ts'
import { DRAWDOWN_DEFAULTS, type DrawdownLimits } from './drawdown.ts'

/** Limits in money of the account, fractions of equity, counts. `Infinity` switches a limit off. */
export interface RiskLimits {
  readonly maxOrderNotional: number
  readonly maxPositionNotional: number
  /** Value of one position as a fraction of equity. */
  readonly maxPositionFraction: number
  /** Share of equity that may be lost at a protective stop; used by sizing. */
  readonly maxRiskFraction: number
  /** Value of all positions and open entries as a fraction of equity. */
  readonly maxExposureFraction: number
  /** Buying power as a multiple of equity: 1 is a cash account. */
  readonly leverage: number
  /** What a future or perpetual ties up, as a fraction of its notional. */
  readonly marginRate: number
  readonly maxPositions: number
  readonly maxOpenOrders: number
  /**
   * Positions that lanes open in a trading day, from flat or through zero. Each live order that may open one counts as if it
   * had, also one that adds: what it adds to may be gone before it fills.
   */
  readonly maxTradesPerDay: number
  /** Realised loss of the trading day, fees included, in money. */
  readonly maxDailyLoss: number
  readonly maxDailyLossFraction: number
  /**
   * Exits count, and are not held to it. Orders of before a change count as far as the limit of then had to remember them:
   * none after `off`.
   */
  readonly ordersPerMinute: number
  /** How far a limit or stop price may be from the last price, as a fraction of it. */
  readonly priceBand: number
  /** A last price older than this cannot be traded on, in milliseconds. */
  readonly staleAfterMs: number
  readonly tradingHours: 'regular' | 'extended' | 'always'
  readonly drawdown: DrawdownLimits
}

export const RISK_DEFAULTS: RiskLimits = {
  maxOrderNotional: Infinity,
  maxPositionNotional: Infinity,
  maxPositionFraction: 0.1,
  maxRiskFraction: 0.01,
  maxExposureFraction: 1,
  leverage: 1,
  marginRate: 0.1,
  maxPositions: 10,
  maxOpenOrders: 500,
  maxTradesPerDay: 20,
  maxDailyLoss: Infinity,
  maxDailyLossFraction: 0.05,
  ordersPerMinute: 200,
  priceBand: 0.1,
  staleAfterMs: 300_000,
  tradingHours: 'regular',
  drawdown: DRAWDOWN_DEFAULTS,
}

/** The same limits: each a number >= 0, or it throws. */
export function checked(limits: RiskLimits): RiskLimits {
  for (const [name, limit] of Object.entries(limits)) {
    if (typeof limit === 'string' || typeof limit === 'object') continue
    assert(limit >= 0, `the risk limit ${name} is >= 0, not ${limit}`)
  }
  return limits
}

const DRAWDOWN = 'drawdown.'

/** The limits with one of them changed, by its name. */
export function withLimit(limits: RiskLimits, name: string, value: LimitValue): RiskLimits {
  const given = value === 'off' ? Infinity : value
  const isLadder = name.startsWith(DRAWDOWN)
  const key = isLadder ? name.slice(DRAWDOWN.length) : name
  const among: object = isLadder ? limits.drawdown : limits
  assert(Object.hasOwn(among, key) && key !== 'drawdown', `risk has a limit ${name}`)
  assert(
    typeof Reflect.get(among, key) === typeof given,
    `the risk limit ${name} is not ${String(value)}`,
  )
  return isLadder
    ? { ...limits, drawdown: { ...limits.drawdown, [key]: given } }
    : { ...limits, [key]: given }
}
