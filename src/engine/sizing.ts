// Sizing: how much to buy. Zero is an answer; nothing is ever forced up to one share.
import type { Instrument } from '../core/instrument.ts'

export interface SizeInputs {
  /** Cash and holdings of the account, in money. */
  readonly equity: number
  readonly price: number
  /** Share of equity that the position may be worth, 0 to 1 or more with leverage. */
  readonly fraction: number
  /** Distance to the protective stop, in price; with it, the loss at the stop is bounded too. */
  readonly stopDistance?: number
  /** Share of equity that may be lost at the stop. */
  readonly riskFraction: number
  /** What the drawdown ladder leaves of a size: 1, 0.5 or 0. */
  readonly scale: number
  /** Caps in money. Applied after scaling. */
  readonly maxOrderNotional: number
  readonly maxPositionNotional: number
}

/**
 * Quantity in lots, rounded down: the smaller of fraction × equity ÷ the value of one and, with a stop,
 * riskFraction × equity ÷ the loss of one at the stop, scaled, then capped by notional.
 *
 * Any input that is not finite, and any price, equity or stop distance that is not above zero, gives 0; but
 * `riskFraction` and the caps may be Infinity, which switches them off.
 */
export function sizeOf(instrument: Instrument, inputs: SizeInputs): number {
  const { equity, price, fraction, stopDistance, riskFraction, scale } = inputs
  const perUnit = instrument.notional(1, price)
  if (![equity, perUnit, fraction, scale].every(isAboveZero)) return 0
  let qty = (equity * fraction) / perUnit
  if (stopDistance !== undefined) {
    if (!isAboveZero(stopDistance)) return 0
    const loss = lossAtStop(instrument, price, stopDistance)
    if (!isAboveZero(loss)) return 0
    qty = Math.min(qty, (equity * riskFraction) / loss)
  }
  const cap = Math.min(inputs.maxOrderNotional, inputs.maxPositionNotional) / perUnit
  const capped = Math.min(qty * scale, cap)
  // More lots than a double can count come from a price that is none.
  if (!(capped > 0 && capped / instrument.lotSize <= Number.MAX_SAFE_INTEGER)) return 0
  const sized = instrument.qty(capped, 'down')
  return instrument.notional(sized, price) < instrument.spec.minNotional ? 0 : sized
}

/** Of one lot of 1. An inverse contract loses more on the way down than on the way up: the larger loss counts for both sides. */
const lossAtStop = (instrument: Instrument, price: number, distance: number): number =>
  instrument.isInverse
    ? distance < price
      ? instrument.profit(-1, { from: price, to: price - distance })
      : NaN
    : distance * instrument.multiplier

const isAboveZero = (x: number): boolean => x > 0 && x < Infinity
