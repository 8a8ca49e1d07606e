/*
 * Markouts: what a fill of a quote was worth against the middle of the market, at once and a second later.
 *
 * The first is the edge that was asked for, the second what was left of it when the market had answered: a maker who is
 * run over has a good edge and a bad second. It is told, and nothing depends on it.
 */
import { assert } from '../core/assert.ts'
import type { Ms, SymbolId } from '../core/brand.ts'
import type { Notice } from '../core/notice.ts'
import type { Fill, Order } from '../core/order.ts'

export const MARKOUT_MS = 1_000
/** Fills that wait for their second; the oldest are told with what is known where there are more. */
export const WAITING_MAX = 1_000

export type Markout = Extract<Notice, { readonly type: 'quote.marked' }>
type Waiting = Omit<Markout, 'type' | 'later'>

export class Markouts {
  readonly #middleOf: (symbol: SymbolId) => number
  readonly #publish: (notice: Markout) => void
  #waiting: Waiting[] = []

  /** @param middleOf The middle of the last quote of a symbol; NaN where there is none. */
  constructor(middleOf: (symbol: SymbolId) => number, publish: (notice: Markout) => void) {
    this.#middleOf = middleOf
    this.#publish = publish
  }

  /** When the next fill has had its second; Infinity where none waits. */
  get nextAt(): number {
    return this.#waiting.length === 0 ? Infinity : this.#waiting[0]!.at + MARKOUT_MS
  }

  onFill(at: Ms, order: Order, { qty, price, fee }: Omit<Fill, 'id' | 'ts'>): void {
    const middle = this.#middleOf(order.symbol)
    if (Number.isNaN(middle)) return
    const { symbol, strategy, side } = order
    this.#waiting.push({ at, symbol, strategy, side, qty, price, fee, middle })
    if (this.#waiting.length > WAITING_MAX) this.#tell(this.#waiting.shift()!)
  }

  /** Tells those that have had their second. The middle must still be that of `now`. */
  work(now: number): void {
    while (this.nextAt <= now) this.#tell(this.#waiting.shift()!)
  }

  /** Tells all that wait with what is known: nothing more will come. */
  end(): void {
    while (this.#waiting.length > 0) this.#tell(this.#waiting.shift()!)
  }

  capture(): readonly Waiting[] {
    return [...this.#waiting]
  }

  restore(waiting: readonly Waiting[]): void {
    assert(this.#waiting.length === 0, 'markouts are restored before the first fill')
    this.#waiting = [...waiting]
  }

  #tell(waiting: Waiting): void {
    this.#publish({ type: 'quote.marked', ...waiting, later: this.#middleOf(waiting.symbol) })
  }
}
