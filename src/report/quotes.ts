// Quotes: what resting quotes earned against the middle of the market, and what the market took back a second later.
import { type Instrument, money } from '../core/instrument.ts'
import type { Notice } from '../core/notice.ts'
import { add, valueOf, ZERO } from '../core/sum.ts'
import type { FillNotice } from './trips.ts'

export type MarkedNotice = Extract<Notice, { readonly type: 'quote.marked' }>

/** Money, and basis points of what was traded. */
export interface QuoteResults {
  readonly fills: number
  readonly traded: number
  /** Better than the middle of the market at the fill. */
  readonly edge: number
  readonly edgeBps: number
  /** By how much the middle had moved against the fills a second later; below 0 it moved for them. */
  readonly adverse: number
  readonly adverseBps: number
  readonly fees: number
  readonly feesBps: number
  /** edge − adverse − fees. */
  readonly left: number
  readonly leftBps: number
  /** Value of the largest position of a lane after a fill. */
  readonly largestPosition: number
}

export class QuoteTally {
  #fills = 0
  #traded = ZERO
  #edge = ZERO
  #adverse = ZERO
  #fees = ZERO
  #largest = 0

  /** A second after the fill of a quote. */
  add({ side, qty, price, fee, middle, later }: MarkedNotice, instrument: Instrument): void {
    const sign = side === 'buy' ? 1 : -1
    const worth = (from: number, to: number): number => instrument.profit(sign * qty, { from, to })
    this.#fills++
    this.#traded = add(this.#traded, instrument.notional(qty, price))
    this.#edge = add(this.#edge, worth(price, middle))
    if (Number.isFinite(later)) this.#adverse = add(this.#adverse, worth(later, middle))
    this.#fees = add(this.#fees, fee)
  }

  /** The fill itself. */
  onFill({ fill, position }: FillNotice, instrument: Instrument): void {
    const value = instrument.notional(Math.abs(position), fill.price)
    this.#largest = Math.max(this.#largest, value)
  }

  /** Null where no quote has filled, or no market was shown to hold them against. */
  results(): QuoteResults | null {
    if (this.#fills === 0) return null
    const traded = valueOf(this.#traded)
    const [edge, adverse, fees] = [this.#edge, this.#adverse, this.#fees].map(valueOf) as [
      number,
      number,
      number,
    ]
    const left = edge - adverse - fees
    const bps = (amount: number): number => money((amount / traded) * 10_000)
    return {
      fills: this.#fills,
      traded: money(traded),
      edge: money(edge),
      edgeBps: bps(edge),
      adverse: money(adverse),
      adverseBps: bps(adverse),
      fees: money(fees),
      feesBps: bps(fees),
      left: money(left),
      leftBps: bps(left),
      largestPosition: money(this.#largest),
    }
  }
}
