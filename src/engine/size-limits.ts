/*
 * Size limits: is an order too large, or too small? By itself, by the position that it may lead to, by all that is at risk
 * then, and by what there is to pay for it. Open orders count as if filled, exits before what turns a position round; a sale
 * at the last price where that is above its own, a purchase of an inverse contract where it is below.
 */
import type { Instrument } from '../core/instrument.ts'
import type { Denial } from '../core/notice.ts'
import type { Order, OrderRequest } from '../core/order.ts'
import { type Commitments, isKnown, valuedAt } from './commitments.ts'
import { above, deny, missing, round } from './denials.ts'
import type { Portfolio } from './portfolio.ts'
import type { RiskLimits } from './risk-limits.ts'

/** What an order is held against. */
export interface Means {
  readonly limits: RiskLimits
  readonly portfolio: Portfolio
  readonly commitments: Commitments
}

/** @param replaces A live order that would become this one: it is no longer counted as it is. */
export function checkSize(
  instrument: Instrument,
  request: OrderRequest,
  { limits, portfolio, commitments }: Means,
  replaces: Order | undefined,
): Denial | undefined {
  const last = portfolio.price(request.symbol)
  if (!isKnown(last)) return missing(`no price of ${instrument.symbol} to value the order: ${last}`)
  const { equity } = portfolio
  if (!isKnown(equity)) return missing(`equity is not above zero: ${equity}`)
  const price = valuedAt(instrument, request, last)
  const notional = instrument.notional(request.qty, price)
  if (!(notional <= limits.maxOrderNotional)) {
    return above('max-order-notional', 'order notional', notional, limits.maxOrderNotional)
  }
  if (notional < instrument.spec.minNotional) {
    const detail = `order notional ${round(notional)} is below ${instrument.spec.minNotional}`
    return deny('below-minimum', detail)
  }
  const position = instrument.notional(commitments.worstQty(request, replaces), price)
  const cap = Math.min(limits.maxPositionNotional, equity * limits.maxPositionFraction)
  // A thousandth of slack: a size computed from the same fraction must not fail on the last digit.
  if (!(position <= cap * 1.001))
    return above('max-position-notional', 'position notional', position, cap)
  const { paid, margined } = commitments.value(replaces)
  const exposure = paid + margined + notional
  const maxExposure = equity * limits.maxExposureFraction
  if (!(exposure <= maxExposure)) return above('max-exposure', 'exposure', exposure, maxExposure)
  const rate = instrument.isMargined ? limits.marginRate : 1
  const margin = paid + margined * limits.marginRate + notional * rate
  const power = equity * limits.leverage
  if (!(margin <= power)) return above('insufficient-buying-power', 'margin', margin, power)
  return undefined
}
