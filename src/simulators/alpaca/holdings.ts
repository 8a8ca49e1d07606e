// Holdings: positions, cash and buying power of one account of a simulated venue.
import { type Instrument, money } from '../../core/instrument.ts'
import { type Side, sign } from '../../core/order.ts'
import { applyFill, FLAT, openProfit, type Position } from '../../core/position.ts'
import type { Transfer } from '../transfer.ts'
import { leftOf, type VenueOrder } from './order.ts'

export interface Held {
  readonly instrument: Instrument
  readonly position: Position
  readonly price: number
}

export interface HoldingsFill {
  readonly side: Side
  readonly qty: number
  readonly price: number
}

export interface Balance {
  readonly cash: number
  readonly equity: number
  readonly longValue: number
  readonly shortValue: number
  readonly reserved: number
  readonly buyingPower: number
  /** For what may not be bought on margin: coins. */
  readonly plainBuyingPower: number
}

export interface HoldingsOptions {
  readonly cash: number
  readonly multiplier: number
  /** What a trade of coins costs, as a fraction, taken out of what is received: coins or money. */
  readonly coinFee: number
  readonly priceOf: (symbol: string) => number
}

/** What a market order reserves above the last price, as the venue does against a move before it fills. */
const MARKET_RESERVE = 0.02

export class Holdings {
  readonly transfers: Transfer[] = []
  readonly #positions = new Map<string, { instrument: Instrument; position: Position }>()
  readonly #multiplier: number
  readonly #coinFee: number
  readonly #priceOf: (symbol: string) => number
  #cash: number

  constructor({ cash, multiplier, coinFee, priceOf }: HoldingsOptions) {
    this.#cash = cash
    this.#multiplier = multiplier
    this.#coinFee = coinFee
    this.#priceOf = priceOf
  }

  positionOf(symbol: string): Position {
    return this.#positions.get(symbol)?.position ?? FLAT
  }

  /** All that are not flat, in order of their symbols. */
  held(): readonly Held[] {
    return [...this.#positions.values()]
      .filter(({ position }) => position.qty !== 0)
      .map(({ instrument, position }) => {
        const last = this.#priceOf(instrument.symbol)
        return { instrument, position, price: Number.isNaN(last) ? position.avgPrice : last }
      })
      .toSorted((a, b) => (a.instrument.symbol < b.instrument.symbol ? -1 : 1))
  }

  /** Books a fill and its fee, or with a quantity below zero takes one back. */
  settle(instrument: Instrument, fill: HoldingsFill): Position {
    const { side, qty, price } = fill
    const coinFee = this.#coinFee
    if (instrument.kind !== 'crypto' || coinFee === 0) return this.#book(instrument, fill)
    const isBuy = side === 'buy'
    const coins = isBuy ? (Math.sign(qty) * Math.ceil(Math.abs(qty) * coinFee * 1e9)) / 1e9 : 0
    const kept = instrument.qty(qty - coins)
    const position = this.#book(instrument, { side, qty: kept, price })
    // What the coins of the fee were bought for is spent all the same.
    this.charge(isBuy ? (qty - kept) * price : qty * price * coinFee)
    return position
  }

  #book(instrument: Instrument, fill: HoldingsFill): Position {
    const { side, qty, price } = fill
    const { symbol } = instrument
    const signedQty = sign(side) * qty
    const position = applyFill(this.positionOf(symbol), { signedQty, price, fee: 0 }, instrument)
    this.#positions.set(symbol, { instrument, position })
    this.#cash = money(this.#cash - signedQty * price)
    return position
  }

  /** Sets a position as from outside: a transfer, a correction of the books. */
  put(instrument: Instrument, qty: number, avgPrice: number): void {
    const position: Position = { ...FLAT, qty: instrument.qty(qty), avgPrice }
    this.#positions.set(instrument.symbol, { instrument, position })
  }

  /** Takes money, as for a fee. */
  charge(amount: number): void {
    this.#cash = money(this.#cash - amount)
  }

  /** Money that its owner brings, or takes where it is below zero. */
  transfer(transfer: Transfer): void {
    this.#cash = money(this.#cash + transfer.amount)
    this.transfers.push(transfer)
  }

  balance(open: Iterable<VenueOrder>): Balance {
    let [longValue, shortValue] = [0, 0]
    for (const { position, price } of this.held()) {
      const value = position.qty * price
      if (value > 0) longValue += value
      else shortValue += value
    }
    const equity = this.#cash + longValue + shortValue
    let reserved = 0
    for (const order of open) reserved += this.reserve(order, this.openingQty(order))
    const used = longValue - shortValue + reserved
    const buyingPower = Math.max(0, equity * this.#multiplier - used)
    const plainBuyingPower = Math.max(0, this.#cash - reserved)
    const cash = this.#cash
    return { cash, equity, longValue, shortValue, reserved, buyingPower, plainBuyingPower }
  }

  /** How much of an order would open or add to a position, rather than close one. */
  openingQty(order: Pick<VenueOrder, 'side' | 'instrument' | 'qty' | 'filled'>): number {
    const held = this.positionOf(order.instrument.symbol).qty * -sign(order.side)
    return Math.max(0, order.qty - order.filled - Math.max(0, held))
  }

  /** Money that an order of this size reserves. Legs reserve nothing: they close. */
  reserve(
    order: Pick<VenueOrder, 'instrument' | 'limit' | 'stop'> & Partial<Pick<VenueOrder, 'parent'>>,
    qty: number,
  ): number {
    if (order.parent !== undefined) return 0
    const last = this.#priceOf(order.instrument.symbol)
    const price =
      order.limit ?? order.stop ?? (Number.isNaN(last) ? 0 : last * (1 + MARKET_RESERVE))
    return qty * price
  }

  openProfitOf({ instrument, position, price }: Held): number {
    return openProfit(position, price, instrument)
  }
}

/** What open orders would take out of a position, and so is not available to others. */
export function heldForOrders(open: Iterable<VenueOrder>, symbol: string, closing: Side): number {
  let held = 0
  for (const order of open) {
    if (order.instrument.symbol !== symbol || order.side !== closing) continue
    // The two exits of a group share what they close: only the one at work counts.
    const isSecond =
      order.parent !== undefined && (order.parent.class === 'oco' || order.where === 'held')
    // What is being canceled makes room at once, so that a position can be closed with it.
    const isLeaving = order.status === 'pending_cancel'
    if (!isSecond && !isLeaving && !isWaitingStop(order)) held += leftOf(order)
  }
  return held
}

/** The stop of a group whose target is at work. */
const isWaitingStop = (order: VenueOrder): boolean =>
  order.parent?.class === 'bracket' && order.type !== 'limit'
