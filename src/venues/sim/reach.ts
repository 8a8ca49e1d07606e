/*
 * Reach: between which prices a bar leaves all orders of its symbol as they are.
 *
 * Nearly every bar does: each order rests out of its reach. Two numbers per symbol tell so without a look at the
 * orders, of which hundreds of symbols hold more than a cache does. They are measured when a bar first asks after
 * something was changed.
 */
import type { SymbolId } from '../../core/brand.ts'
import type { Bar } from '../../core/market.ts'
import { isImmediate, type Working } from './working.ts'

export class Reach {
  /** A bar whose low is at or below this reaches an order; NaN where it must be measured. */
  #lower = new Float64Array(64).fill(NaN)
  /** A bar whose high is at or above this reaches an order. */
  #upper = new Float64Array(64)

  isMeasured(symbol: SymbolId): boolean {
    return !Number.isNaN(this.#lower[symbol] ?? NaN)
  }

  /** The orders of a symbol are others now, or wait for something else. */
  forget(symbol: SymbolId): void {
    if (symbol < this.#lower.length) this.#lower[symbol] = NaN
  }

  isReached({ symbol, low, high }: Bar): boolean {
    return low <= this.#lower[symbol]! || high >= this.#upper[symbol]!
  }

  /** Finds the two prices. Fresh orders and those without a limit are reached by every bar. */
  measure(symbol: SymbolId, orders: readonly Working[]): void {
    let lower = -Infinity
    let upper = Infinity
    for (const order of orders) {
      const { isTriggered, limit, stop } = order
      if (isTriggered && (limit === undefined || !order.hasRested || isImmediate(order))) {
        lower = Infinity
        break
      }
      // A resting limit is reached from above by a buyer's market, an untouched stop from below.
      const isBelow = isTriggered === (order.side === 'buy')
      const price = isTriggered ? limit! : stop!
      if (isBelow) lower = Math.max(lower, price)
      else upper = Math.min(upper, price)
    }
    if (symbol >= this.#lower.length) this.#grow(symbol + 1)
    this.#lower[symbol] = lower
    this.#upper[symbol] = upper
  }

  #grow(symbols: number): void {
    const length = Math.max(symbols, 2 * this.#lower.length)
    const lower = new Float64Array(length).fill(NaN)
    lower.set(this.#lower)
    this.#lower = lower
    const upper = new Float64Array(length)
    upper.set(this.#upper)
    this.#upper = upper
  }
}
