/*
 * Commitments: what positions and the live orders that may add to one come to, ours and those of the account's others.
 *
 * Risk asks for every new order, and a turn may have hundreds: so the orders of a symbol are counted again only where
 * one of them has changed, and all of them where a price or a position has. The sums depend on what there is alone, and
 * not on what was asked before. Where a price is not known they are NaN, and a check with them denies.
 */
import type { SymbolId } from '../core/brand.ts'
import type { Instrument } from '../core/instrument.ts'
import { isLeg, type Order, type OrderRequest, remaining, sign } from '../core/order.ts'
import { SumTree } from '../core/sum-tree.ts'
import { SymbolMarks } from '../core/symbol-marks.ts'
import { type Externals, leftOf } from './externals.ts'
import type { Orders } from './orders.ts'
import type { Portfolio } from './portfolio.ts'

/** What risk counts. */
export interface Book {
  readonly portfolio: Portfolio
  readonly orders: Orders
  /** Of other users of the account: as much at risk as our own. */
  readonly externals: Externals
  /** Who trades a symbol, and what each of them holds. */
  readonly lanesOf: (symbol: SymbolId) => readonly Holder[]
}

export interface Holder {
  readonly strategy: string
  readonly position: { readonly qty: number }
}

/** In money: what is paid in full, and that of which a margin is. */
export interface Committed {
  readonly paid: number
  readonly margined: number
}

export class Commitments {
  readonly #portfolio: Portfolio
  readonly #orders: Orders
  readonly #externals: Externals
  readonly #lanesOf: Book['lanesOf']
  #revision = -1
  // Of the open entries, by symbol.
  readonly #paid = new SumTree()
  readonly #margined = new SumTree()
  /** Ones for the symbols that are not held and would be. */
  readonly #flat = new SumTree()
  /** Orders that may open a position, by symbol: counted when they are asked for, which most limits never do. */
  readonly #openers = new SumTree()
  readonly #uncounted = new SymbolMarks()

  constructor({ portfolio, orders, externals, lanesOf }: Book) {
    this.#portfolio = portfolio
    this.#orders = orders
    this.#externals = externals
    this.#lanesOf = lanesOf
  }

  /** Symbols that would newly be held, by us or by others of the account, and whether this one is among them. */
  flat(own: SymbolId): { readonly flat: number; readonly hasOwn: boolean } {
    this.#refresh()
    const others = new Set<SymbolId>()
    for (const order of this.#externals.open()) {
      const { symbol } = order
      const isNew = this.#portfolio.qty(symbol) === 0 && this.#flat.get(symbol) === 0
      if (isNew && leftOf(order) > 0) others.add(symbol)
    }
    return {
      flat: this.#flat.sum + others.size,
      hasOwn: this.#flat.get(own) === 1 || others.has(own),
    }
  }

  /**
   * Live orders that may open a position of their lane, or turn one round: all but legs, and but exits that what is held
   * covers. One that adds to a position is among them, because that may be gone before it fills.
   *
   * @param replaces One that is not counted.
   */
  openers(replaces?: Order): number {
    this.#refresh()
    this.#uncounted.sweep(this.#recountOpeners)
    const { sum } = this.#openers
    if (replaces === undefined) return sum
    const { symbol } = replaces
    return sum - this.#openers.get(symbol) + this.#openersOf(symbol, replaces)
  }

  /**
   * The largest position, in quantity, that the symbol could come to if all its open entries filled: where they turn it round,
   * after its exits.
   */
  worstQty(request: OrderRequest, replaces?: Order): number {
    const { symbol, side } = request
    const direction = sign(side)
    let entries = request.qty + this.#externals.remaining(symbol, side)
    let exits = 0
    const orders = this.#orders.heldOf(symbol)
    for (let i = 0; i < orders.length; i++) {
      const { order } = orders[i]!
      if (order === replaces || order.side !== side) continue
      if (this.#isExit(order)) exits += remaining(order)
      else entries += remaining(order)
    }
    const held = direction * this.#portfolio.qty(symbol)
    const turned = held < 0 ? Math.min(0, held + exits) : held
    return direction * (turned + entries)
  }

  /** What positions and open entries together are worth, without an order that is to become another. */
  value(replaces?: Order): Committed {
    this.#refresh()
    let paid = this.#paid.sum
    let margined = this.#margined.sum
    const { held } = this.#portfolio
    for (let i = 0; i < held.length; i++) {
      const instrument = held[i]!
      const { id, isMargined } = instrument
      const value = worth(instrument, this.#portfolio.qty(id), this.#portfolio.price(id))
      if (isMargined) margined += value
      else paid += value
    }
    if (replaces !== undefined && !this.#isExit(replaces)) {
      const instrument = this.#orders.instrumentOf(replaces)
      const value = worth(instrument, remaining(replaces), this.#priceOf(instrument, replaces))
      if (instrument.isMargined) margined -= value
      else paid -= value
    }
    for (const order of this.#externals.open()) {
      const instrument = this.#orders.instrumentOf(order)
      const value = worth(instrument, leftOf(order), this.#priceOf(instrument, order))
      if (instrument.isMargined) margined += value
      else paid += value
    }
    return { paid, margined }
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
    const instrument = this.#orders.instrumentOf({ symbol })
    let value = 0
    let hasEntry = false
    const orders = this.#orders.heldOf(symbol)
    for (let i = 0; i < orders.length; i++) {
      const { order } = orders[i]!
      if (this.#isExit(order)) continue
      value += worth(instrument, remaining(order), this.#priceOf(instrument, order))
      hasEntry = true
    }
    this.#uncounted.add(symbol)
    this.#flat.set(symbol, hasEntry && this.#portfolio.qty(symbol) === 0 ? 1 : 0)
    if (instrument.isMargined) this.#margined.set(symbol, value)
    else this.#paid.set(symbol, value)
  }

  readonly #recountOpeners = (symbol: SymbolId): void => {
    this.#openers.set(symbol, this.#openersOf(symbol))
  }

  #openersOf(symbol: SymbolId, replaces?: Order): number {
    const orders = this.#orders.heldOf(symbol)
    const { lotSize } = this.#orders.instrumentOf({ symbol })
    let count = 0
    for (const { strategy, position } of this.#lanesOf(symbol)) {
      // Half a lot of slack, because differences of coins are not on the grid.
      let free = Math.abs(position.qty) + lotSize / 2
      for (let i = 0; i < orders.length; i++) {
        const { order } = orders[i]!
        if (order.strategy !== strategy || order === replaces || isLeg(order)) continue
        if (position.qty * sign(order.side) < 0) {
          free -= remaining(order)
          // The entry of a bracket is no exit: its legs would bring back what it has reduced.
          if (order.role === undefined && free >= 0) continue
        }
        count++
      }
    }
    return count
  }

  #priceOf(instrument: Instrument, order: Priced & Pick<OrderRequest, 'symbol'>): number {
    return valuedAt(instrument, order, this.#portfolio.price(order.symbol))
  }

  /** A leg of a bracket, or a reduce-only order that its symbol's position can take. */
  #isExit(order: Order): boolean {
    if (isLeg(order)) return true
    if (order.reduceOnly !== true) return false
    const qty = this.#portfolio.qty(order.symbol)
    return Math.sign(qty) === -sign(order.side) && remaining(order) <= Math.abs(qty)
  }
}

const worth = (instrument: Instrument, qty: number, price: number): number =>
  isKnown(price) ? instrument.notional(qty, price) : NaN

/** A price or an amount that checks can be made with. */
export const isKnown = (x: number): boolean => x > 0 && x < Infinity

type Priced = Pick<OrderRequest, 'side' | 'limit' | 'stop'>

/**
 * The price that an order is valued at, if it fills: a sale may get more than it asks for. An inverse contract is worth
 * more at a lower price, and a purchase of it may pay less.
 */
export function valuedAt({ isInverse }: Instrument, request: Priced, last: number): number {
  const { side } = request
  const asked = request.limit ?? request.stop ?? last
  if (isInverse) return side === 'buy' ? Math.min(asked, last) : asked
  return side === 'sell' ? Math.max(asked, last) : asked
}
