// Triggers: which trade touches a stop, and how a trailing stop follows the trades.
import type { VenueOrder } from './order.ts'

/** Does a trade at `price` set the order off? */
export const isTouched = ({ side, stop }: VenueOrder, price: number): boolean =>
  stop !== undefined && (side === 'buy' ? price >= stop : price <= stop)

/** Moves the stop of a trailing order behind the best price so far; NaN moves nothing. */
export function trail(order: VenueOrder, price: number): void {
  if (Number.isNaN(price)) return
  const { side, trailPrice, trailPercent, highWater, instrument } = order
  const isBetter =
    highWater === undefined || (side === 'sell' ? price > highWater : price < highWater)
  if (!isBetter) return
  order.highWater = price
  const distance = trailPrice ?? (price * (trailPercent ?? 0)) / 100
  order.stop = Number(instrument.px(side === 'sell' ? price - distance : price + distance))
}
