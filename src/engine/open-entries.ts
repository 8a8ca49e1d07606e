/*
 * OpenEntries: what the live orders that may add to a position come to, symbol by symbol.
 *
 * Risk asks for every new order, and a turn may have hundreds: so a symbol is counted again only where one of its
 * orders has changed, and all of them where a price or a position has. The sums do not depend on what was asked before.
 */
import type { SymbolId } from '../core/brand.ts'
import { SumTree } from '../core/sum-tree.ts'
import type { Orders } from './orders.ts'
import type { Portfolio } from './portfolio.ts'

/** What the open entries of one symbol are worth, NaN where a price is not known; undefined where there are none. */
export type CountEntries = (symbol: SymbolId) => number | undefined

export class OpenEntries {
  readonly #orders: Orders
  readonly #portfolio: Portfolio
  readonly #count: CountEntries
  #revision = -1
  readonly #paid = new SumTree()
  readonly #margined = new SumTree()
  /** Ones for the symbols that are not held and would be. */
  readonly #flat = new SumTree()

  constructor(orders: Orders, portfolio: Portfolio, count: CountEntries) {
    this.#orders = orders
    this.#portfolio = portfolio
    this.#count = count
  }

  /** Symbols that would newly be held, and whether this one is among them. */
  flat(own: SymbolId): { readonly flat: number; readonly hasOwn: boolean } {
    this.#refresh()
    return { flat: this.#flat.sum, hasOwn: this.#flat.get(own) === 1 }
  }

  /** In money: what those are worth that are paid in full, and those of which a margin is. */
  value(): { readonly paid: number; readonly margined: number } {
    this.#refresh()
    return { paid: this.#paid.sum, margined: this.#margined.sum }
  }

  #refresh(): void {
    const { changed, noLegSymbols } = this.#orders
    const { revision } = this.#portfolio
    changed.sweep(this.#recount)
    if (revision === this.#revision) return
    this.#revision = revision
    for (let i = 0; i < noLegSymbols.length; i++) this.#recount(noLegSymbols[i]!)
  }

  readonly #recount = (symbol: SymbolId): void => {
    const value = this.#count(symbol)
    const { isMargined } = this.#orders.instrumentOf({ symbol })
    this.#flat.set(symbol, value !== undefined && this.#portfolio.qty(symbol) === 0 ? 1 : 0)
    if (isMargined) this.#margined.set(symbol, value ?? 0)
    else this.#paid.set(symbol, value ?? 0)
  }
}
