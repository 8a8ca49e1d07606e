// Ledger: the venue's own books: cash, positions, and the last orders and fills.
import { type Account, applyCash, cashOf, openAccount, worth } from '../../core/account.ts'
import {
  type FillId,
  type Money,
  type Ms,
  type OrderId,
  type Qty,
  type SymbolId,
  symbolId,
} from '../../core/brand.ts'
import { type Instrument, money } from '../../core/instrument.ts'
import { type Side, sign } from '../../core/order.ts'
import { applyFill, FLAT, type Position, realisedProfit } from '../../core/position.ts'
import type { Universe } from '../../core/universe.ts'
import type { VenueReport } from '../../core/venue.ts'
import { type Filed, KeptFills, KeptOrders, type ReportedFill } from './kept.ts'
import type { Working } from './working.ts'

type ReportedOrder = Filed & { readonly open: boolean }

export interface LedgerState {
  readonly account: Account
  readonly positions: readonly (readonly [SymbolId, Position])[]
  readonly fills: readonly ReportedFill[]
  readonly done: readonly Filed[]
}

export class Ledger {
  readonly #universe: Universe
  #account: Account
  #positions: Position[] = []
  readonly #fills = new KeptFills()
  readonly #done = new KeptOrders()

  constructor(universe: Universe, currency: string, cash: number) {
    this.#universe = universe
    this.#account = openAccount(currency, cash)
  }

  get cash(): Money {
    return money(cashOf(this.#account))
  }

  positionOf(symbol: SymbolId): Position {
    return this.#positions[symbol] ?? FLAT
  }

  /** How much of the position an order of this side could close. */
  reducible(order: { readonly side: Side; readonly symbol: SymbolId }): number {
    return Math.max(0, -sign(order.side) * this.positionOf(order.symbol).qty)
  }

  /** Moves cash and position by a fill. */
  book(
    order: Working,
    fill: {
      readonly id: FillId
      readonly qty: Qty
      readonly price: number
      readonly fee: Money
      readonly ts: Ms
    },
    instrument: Instrument,
  ): void {
    const { id, qty, price, fee, ts } = fill
    const signed = { signedQty: sign(order.side) * qty, price, fee }
    const before = this.positionOf(order.symbol)
    const after = applyFill(before, signed, instrument)
    while (this.#positions.length <= order.symbol) this.#positions.push(FLAT)
    this.#positions[order.symbol] = after
    const realised = realisedProfit(after) - realisedProfit(before)
    this.#account = applyCash(this.#account, signed, realised, instrument)
    this.#fills.add({ id, order: order.venueId, qty, price, ts })
  }

  /** Remembers an order that has ended, for reports. */
  file(order: Working): void {
    this.#done.add(order)
  }

  /** The venue's id of an order that has ended, where it is remembered. */
  venueIdOf(id: OrderId): string | undefined {
    return this.#done.venueIdOf(id)
  }

  /** The books at `at`; positions are worth what `priceOf` says, and their average price where it is NaN. */
  report(at: Ms, live: Iterable<Working>, priceOf: (symbol: SymbolId) => number): VenueReport {
    const positions = this.#held().map(([symbol, { qty, avgPrice }]) => ({ symbol, qty, avgPrice }))
    const worths = this.#held().map(([symbol, position]) => {
      const price = priceOf(symbol)
      const known = Number.isNaN(price) ? position.avgPrice : price
      return worth(position, known, this.#universe.at(symbol))
    })
    const equity = worths.reduce((sum, each) => sum + each, this.cash)
    return {
      at,
      orders: [...this.#reportedDone(), ...Array.from(live, (order) => reported(order, 'open'))],
      fills: this.#fills.all,
      positions,
      account: { equity: money(equity), cash: this.cash, buyingPower: this.cash },
    }
  }

  capture(): LedgerState {
    const positions = this.#positions.flatMap((position, i) =>
      position === FLAT ? [] : [[symbolId(i), position] as const],
    )
    return structuredClone({
      account: this.#account,
      positions,
      fills: this.#fills.all,
      done: this.#reportedDone(),
    })
  }

  restore(state: LedgerState): void {
    const { account, positions, fills, done } = structuredClone(state)
    this.#account = account
    this.#positions = []
    for (const [symbol, position] of positions) {
      while (this.#positions.length <= symbol) this.#positions.push(FLAT)
      this.#positions[symbol] = position
    }
    this.#fills.restore(fills)
    this.#done.restore(done)
  }

  #reportedDone(): ReportedOrder[] {
    return this.#done.all.map((order) => reported(order, 'done'))
  }

  #held(): (readonly [SymbolId, Position])[] {
    return this.#positions.flatMap((position, i) =>
      position.qty === 0 ? [] : [[symbolId(i), position] as const],
    )
  }
}

function reported(order: Filed, phase: 'open' | 'done'): ReportedOrder {
  const { id, venueId, symbol, side, qty, filled, limit } = order
  const base = { id, venueId, symbol, side, qty, filled, open: phase === 'open' }
  return limit === undefined ? base : { ...base, limit }
}
