/*
 * Kept: what of bought coins is ours. Alpaca takes the fee of a purchase out of the coins, and no message says how much it
 * was: who has bought 0.12 may have 0.119784, and a sale of 0.12 is refused then. What is surely there is counted: what
 * was bought without the highest fee, in whole lots. A fee that was smaller leaves dust, which nobody counts.
 *
 *   bought 0.13 at 50,000, lots of 0.0001     0.1296 are ours, and the 0.0004 that are missing cost 20: they are its fee
 *
 * It follows from what an order of the venue has filled so far and from nothing else, so the stream, reports and a
 * restart count the same. What is missing comes no more: a purchase that has filled ends as canceled.
 *
 * https://docs.alpaca.markets/docs/crypto-fees (read 2026-11): 0.15 % of what rested and 0.25 % of what took, on the
 * credited side; less from 100,000 USD a month on.
 */
import type { Instrument } from '../../core/instrument.ts'
import type { Side } from '../../core/order.ts'

/** The highest. */
export const COIN_FEE = 0.0025
/** The venue rounds fees to nine places, maybe up. */
const ROUNDING = 1e-9

/** An execution of an order, and what the order has filled with it. */
export interface Executed {
  readonly side: Side
  readonly qty: number
  readonly price: number
  readonly cumulative?: number
}

/** True where what was bought is not all ours. */
export const losesCoins = ({ kind }: Instrument, side: Side): boolean =>
  kind === 'crypto' && side === 'buy'

/** What is ours of what an order of the venue has filled. */
export function keptOf(instrument: Instrument, side: Side, filled: number): number {
  if (!losesCoins(instrument, side)) return filled
  return instrument.qty(Math.max(0, filled * (1 - COIN_FEE) - ROUNDING), 'down')
}

/** What an execution is for the position, 0 where it has not completed a lot; the fee is in money. */
export function netOf(
  instrument: Instrument,
  { side, qty, price, cumulative = qty }: Executed,
): { readonly qty: number; readonly fee: number } {
  if (instrument.kind !== 'crypto') return { qty, fee: 0 }
  if (side === 'sell') return { qty, fee: instrument.notional(qty, price) * COIN_FEE }
  const kept =
    keptOf(instrument, side, cumulative) - keptOf(instrument, side, Math.max(0, cumulative - qty))
  const net = instrument.qty(kept)
  return { qty: net, fee: instrument.notional(qty - net, price) }
}
