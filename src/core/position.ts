// Position: what fills add up to in one instrument. Average price, realised and open profit.
import { assert } from './assert.ts'
import type { Qty } from './brand.ts'
import type { Instrument } from './instrument.ts'
import { add, type Sum, valueOf, ZERO } from './sum.ts'

export interface Position {
  /** > 0 long, < 0 short, 0 flat. */
  readonly qty: Qty
  /** Average price of what is held; 0 when flat. */
  readonly avgPrice: number
  /** Profit of what was closed, before fees, in money. */
  readonly realised: Sum
  readonly fees: Sum
}

export const FLAT: Position = { qty: 0 as Qty, avgPrice: 0, realised: ZERO, fees: ZERO }

/**
 * Books a fill. Adding blends the average price; reducing keeps it and realises
 * (price − average) × closed × multiplier, or what an inverse contract makes of it; a fill that flips through zero does both, and what is left over
 * is held at the fill's price.
 *
 * @param signedQty > 0 bought, < 0 sold.
 */
export function applyFill(
  position: Position,
  fill: { readonly signedQty: number; readonly price: number; readonly fee: number },
  instrument: Instrument,
): Position {
  const before = position.qty
  const qty = instrument.qty(before + fill.signedQty)
  assert(
    qty !== before && Number.isFinite(fill.price) && Number.isFinite(fill.fee),
    () => `a fill moves its position, at a finite price and fee: ${JSON.stringify(fill)}`,
  )
  const fees = add(position.fees, fill.fee)
  const adds = before === 0 || before > 0 === fill.signedQty > 0
  if (adds) {
    const share = fill.signedQty / qty
    const avgPrice = (instrument.isInverse && before !== 0 ? blendInverse : blend)(
      position.avgPrice,
      fill.price,
      share,
    )
    return { qty, avgPrice, realised: position.realised, fees }
  }
  const closed = Math.sign(before) * Math.min(Math.abs(before), Math.abs(fill.signedQty))
  const profit = instrument.profit(closed, { from: position.avgPrice, to: fill.price })
  const realised = add(position.realised, profit)
  const flips = qty !== 0 && qty > 0 !== before > 0
  const avgPrice = qty === 0 ? 0 : flips ? fill.price : position.avgPrice
  return { qty, avgPrice, realised, fees }
}

/**
 * The average price after `share` of a holding was bought at `price`. Not cost / quantity, because that
 * need not give the price back: 0.1 × 3 / 3 is not 0.1. Here equal prices blend to themselves.
 */
export const blend = (average: number, price: number, share: number): number =>
  average + (price - average) * share

/**
 * The same of inverse contracts, whose values in money are averaged, so that the average price is the harmonic mean:
 * quantity ÷ Σ (part ÷ its price). Equal prices blend to themselves here too.
 */
export const blendInverse = (average: number, price: number, share: number): number =>
  average + ((price - average) * share * average) / (price + (average - price) * share)

/** Profit of what is held if it were closed at `price`, before fees, in money. */
export const openProfit = (position: Position, price: number, instrument: Instrument): number =>
  position.qty === 0 ? 0 : instrument.profit(position.qty, { from: position.avgPrice, to: price })

export const realisedProfit = (position: Position): number => valueOf(position.realised)

/**
 * Profit that the fill between two states of a position realised, before fees. The halves of the sums are
 * compared: the difference of the totals would carry the rounding of both.
 */
export const realisedBy = (before: Position, after: Position): number =>
  after.realised.high - before.realised.high + (after.realised.low - before.realised.low)
