/*
 * OpenEntries: what the live orders that may add to a position come to, symbol by symbol.
 *
 * Risk asks for every new order, and a turn may have hundreds: so a symbol is counted again only where one of its
 * orders has changed, and all of them where a price or a position has. The sums are made anew each time, in the order
 * of the symbols, so that they do not depend on what was asked before.
 */
import type { SymbolId } from '../core/brand.ts'
import type { Orders } from './orders.ts'
import type { Portfolio } from './portfolio.ts'

/** What the open entries of one symbol are worth, NaN where a price is not known; undefined where there are none. */
export type CountEntries = (symbol: SymbolId) => number | undefined

export class OpenEntries {
  readonly #orders: Orders
  readonly #portfolio: Portfolio
  readonly #count: CountEntries
  #revision = -1
  readonly #values: number[] = []
  readonly #isMargined: boolean[] = []
  readonly #hasEntry: boolean[] = []

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

  /** In money: what those are worth that are paid in full, and those of which a margin is. */
  value(): { readonly paid: number; readonly margined: number } {
    this.#refresh()
    let paid = 0
    let margined = 0
    for (const symbol of this.#orders.noLegSymbols) {
      if (this.#isMargined[symbol] === true) margined += this.#values[symbol]!
      else paid += this.#values[symbol]!
    }
    return { paid, margined }
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
    this.#isMargined[symbol] = this.#orders.instrumentOf({ symbol }).isMargined
  }
}
