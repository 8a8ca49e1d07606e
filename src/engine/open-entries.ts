/*
 * OpenEntries: what the live orders that may add to a position come to, symbol by symbol.
 *
 * Risk asks for every new order, and a turn may have hundreds: so a symbol is counted again only where one of its
 * orders has changed, and all of them where a price or a position has. The sums are made anew each time, in the order
 * of the symbols, so that they do not depend on what was asked before.
 */
import type { SymbolId } from '../core/brand.ts'
import type { Instrument } from '../core/instrument.ts'
import type { Orders } from './orders.ts'
import type { Portfolio } from './portfolio.ts'

/** What the open entries of one symbol are worth, NaN where a price is not known; undefined where there are none. */
export type CountEntries = (symbol: SymbolId) => number | undefined

export class OpenEntries {
  readonly #orders: Orders
  readonly #portfolio: Portfolio
  readonly #count: CountEntries
  #revision = -1
  #values: number[] = []
  #hasEntry: boolean[] = []

  constructor(orders: Orders, portfolio: Portfolio, count: CountEntries) {
    this.#orders = orders
    this.#portfolio = portfolio
    this.#count = count
  }

  /** Symbols that would newly be held, and whether this one is among them. */
  flat(own: SymbolId): { readonly flat: number; readonly hasOwn: boolean } {
    this.#refresh()
    let flat = 0
    let hasOwn = false
    for (const symbol of this.#orders.noLegSymbols) {
      if (this.#hasEntry[symbol] !== true || this.#portfolio.qty(symbol) !== 0) continue
      flat++
      if (symbol === own) hasOwn = true
    }
    return { flat, hasOwn }
  }

  /** In money: their value, and the margin that it ties up. */
  value(marginOf: (instrument: Instrument) => number): {
    readonly notional: number
    readonly margin: number
  } {
    this.#refresh()
    let notional = 0
    let margin = 0
    for (const symbol of this.#orders.noLegSymbols) {
      const value = this.#values[symbol]!
      notional += value
      margin += value * marginOf(this.#orders.instrumentOf({ symbol }))
    }
    return { notional, margin }
  }

  #refresh(): void {
    const { changed } = this.#orders
    const { revision } = this.#portfolio
    if (revision !== this.#revision) {
      this.#revision = revision
      for (const symbol of this.#orders.noLegSymbols) this.#recount(symbol)
    } else for (const symbol of changed) this.#recount(symbol)
    changed.clear()
  }

  #recount(symbol: SymbolId): void {
    const value = this.#count(symbol)
    this.#hasEntry[symbol] = value !== undefined
    this.#values[symbol] = value ?? 0
  }
}
