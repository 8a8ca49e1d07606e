// Well formed: what a request must be, whatever is risked: finite, on the grid, and with the prices that its type needs.
import type { Instrument } from '../core/instrument.ts'
import type { Denial } from '../core/notice.ts'
import type { OrderRequest } from '../core/order.ts'
import { deny, missing } from './denials.ts'

export function checkRequest(instrument: Instrument, request: OrderRequest): Denial | undefined {
  const { qty, limit, stop, type, side } = request
  // A strategy need not have been checked by a compiler.
  if (side !== 'buy' && side !== 'sell')
    return deny('bad-request', `the side is ${String(side)}, neither buy nor sell`)
  if (!Number.isFinite(qty)) return missing(`the quantity is not finite: ${qty}`)
  if (!(qty > 0)) return deny('below-minimum', `the quantity is not above zero: ${qty}`)
  if (!(qty / instrument.lotSize <= Number.MAX_SAFE_INTEGER)) {
    return deny('bad-request', `quantity ${qty} has more lots than can be counted`)
  }
  if (!instrument.isOnSizeGrid(qty)) {
    return deny('off-grid', `quantity ${qty} is not a multiple of ${instrument.lotSize}`)
  }
  const needsLimit = type === 'limit' || type === 'stop-limit'
  const needsStop = type === 'stop' || type === 'stop-limit'
  if (needsLimit !== (limit !== undefined) || needsStop !== (stop !== undefined)) {
    return deny('bad-request', `a ${type} order has limit ${limit} and stop ${stop}`)
  }
  return checkPrice(instrument, limit) ?? checkPrice(instrument, stop)
}

function checkPrice(instrument: Instrument, price: number | undefined): Denial | undefined {
  if (price === undefined) return undefined
  if (!Number.isFinite(price)) return missing(`a price is not finite: ${price}`)
  if (!(price > 0)) return deny('bad-request', `a price is not above zero: ${price}`)
  if (!(price / instrument.tickSize <= Number.MAX_SAFE_INTEGER))
    return deny('bad-request', `price ${price} has more ticks than can be counted`)
  if (instrument.isOnPriceGrid(price)) return undefined
  return deny('off-grid', `price ${price} is not a multiple of ${instrument.tickSize}`)
}
