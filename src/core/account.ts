// Account: cash, and what holdings add to it.
import type { Instrument } from './instrument.ts'
import { openProfit, type Position } from './position.ts'
import { add, type Sum, sumOf, valueOf } from './sum.ts'

export interface Account {
  readonly currency: string
  readonly cash: Sum
  /** Equity when the account was last set by its venue: the base of profit and loss. */
  readonly base: number
}

export const openAccount = (currency: string, cash: number): Account => ({
  currency,
  cash: sumOf(cash),
  base: cash,
})

export const cashOf = (account: Account): number => valueOf(account.cash)

/**
 * Cash moved by a fill. A share, coin or option is paid for in full; a future or perpetual moves its
 * realised profit only. The fee is always paid.
 */
export function applyCash(
  account: Account,
  fill: { readonly signedQty: number; readonly price: number; readonly fee: number },
  realisedNow: number,
  instrument: Instrument,
): Account {
  const moved = instrument.isMargined
    ? realisedNow
    : -fill.signedQty * fill.price * instrument.multiplier
  return { ...account, cash: add(add(account.cash, moved), -fill.fee) }
}

/** What a position adds to equity at `price`: its market value, or its open profit where it is margined. */
export const worth = (position: Position, price: number, instrument: Instrument): number =>
  position.qty === 0
    ? 0
    : instrument.isMargined
      ? openProfit(position, price, instrument)
      : position.qty * price * instrument.multiplier
