// Portfolio: the account, the net position in each symbol, the last prices, and what they add up to.
import { type Account, applyCash, cashOf, openAccount, worth } from '../core/account.ts'
import { assert } from '../core/assert.ts'
import type { SymbolId } from '../core/brand.ts'
import type { Instrument } from '../core/instrument.ts'
import { applyFill, FLAT, type Position, realisedBy } from '../core/position.ts'
import type { Universe } from '../core/universe.ts'

export interface PortfolioState {
  readonly account: Account
  readonly positions: readonly (readonly [number, Position])[]
  readonly prices: readonly (readonly [number, number, number])[]
  readonly dust?: readonly (readonly [number, number])[]
}

export class Portfolio {
  readonly #universe: Universe
  #account: Account
  #revision = 0
  /** Equity since the last price, fill or setting of cash; NaN where it must be summed again. */
  #equity = NaN
  #positions: (Position | undefined)[] = []
  /** Symbols with a position that is not flat, in the order in which they were opened. */
  readonly #held: Instrument[] = []
  /** What the venue has of a symbol beyond its position, as reports have agreed. */
  readonly #dust = new Map<SymbolId, number>()
  #prices = new Float64Array(0)
  #pricedAt = new Float64Array(0)
  /** The quantities of `#positions`, as a column: what all holdings are worth is summed for every order. */
  #qtys = new Float64Array(0)

  constructor(universe: Universe, currency: string) {
    this.#universe = universe
    this.#account = openAccount(currency, 0)
    this.grow()
  }

  /** Makes room for the symbols that have joined the universe. */
  grow(): void {
    const { size } = this.#universe
    if (this.#prices.length >= size) return
    const prices = new Float64Array(size).fill(NaN)
    prices.set(this.#prices)
    this.#prices = prices
    const pricedAt = new Float64Array(size).fill(-Infinity)
    pricedAt.set(this.#pricedAt)
    this.#pricedAt = pricedAt
    const qtys = new Float64Array(size)
    qtys.set(this.#qtys)
    this.#qtys = qtys
  }

  /** Takes the venue's word for cash; equity then follows from our positions. */
  setCash(cash: number): void {
    this.#account = { ...openAccount(this.#account.currency, cash), base: cash }
    this.#equity = NaN
    this.#account = { ...this.#account, base: this.equity }
  }

  /** Takes the venue's word for a position. What it did to cash, the account's own word has told. */
  adopt(
    symbol: SymbolId,
    { qty, avgPrice }: { readonly qty: number; readonly avgPrice: number },
  ): void {
    const instrument = this.#universe.at(symbol)
    const before = this.position(symbol)
    const held = instrument.qty(qty)
    this.#positions[symbol] = { ...before, qty: held, avgPrice: held === 0 ? 0 : avgPrice }
    this.#qtys[symbol] = held
    this.#revision++
    if (before.qty === 0 && held !== 0) this.#held.push(instrument)
    if (before.qty !== 0 && held === 0) this.#held.splice(this.#held.indexOf(instrument), 1)
    // All that is there is in the position now.
    this.#dust.delete(symbol)
    this.#equity = NaN
    this.#account = { ...this.#account, base: this.equity }
  }

  setDust(symbol: SymbolId, qty: number): void {
    if (qty > 0) this.#dust.set(symbol, qty)
    else this.#dust.delete(symbol)
  }

  get dust(): ReadonlyMap<SymbolId, number> {
    return this.#dust
  }

  /** Notes a price: the last trade, the close of a bar or the middle of a quote. One of before the last one is none. */
  mark(symbol: SymbolId, price: number, at: number): void {
    if (at < this.#pricedAt[symbol]!) return
    this.#prices[symbol] = price
    this.#pricedAt[symbol] = at
    this.#equity = NaN
    this.#revision++
  }

  /** Another number after every price and every change of a position. */
  get revision(): number {
    return this.#revision
  }

  /** Books a fill to the net position and the account. Gives the profit that it realised, before its fee. */
  fill(
    symbol: SymbolId,
    fill: { readonly signedQty: number; readonly price: number; readonly fee: number },
  ): number {
    const instrument = this.#universe.at(symbol)
    const before = this.position(symbol)
    const after = applyFill(before, fill, instrument)
    this.#positions[symbol] = after
    this.#qtys[symbol] = after.qty
    this.#revision++
    this.#equity = NaN
    const realised = realisedBy(before, after)
    this.#account = applyCash(this.#account, fill, realised, instrument)
    if (before.qty === 0 && after.qty !== 0) this.#held.push(instrument)
    if (before.qty !== 0 && after.qty === 0) this.#held.splice(this.#held.indexOf(instrument), 1)
    return realised
  }

  position(symbol: SymbolId): Position {
    return this.#positions[symbol] ?? FLAT
  }

  /** Net quantity; > 0 long, < 0 short. */
  qty(symbol: SymbolId): number {
    return this.#qtys[symbol]!
  }

  /** The last price; NaN before the first. */
  price(symbol: SymbolId): number {
    return this.#prices[symbol]!
  }

  /** How long ago the last price came, in milliseconds; Infinity before the first. */
  priceAge(symbol: SymbolId, now: number): number {
    return now - this.#pricedAt[symbol]!
  }

  get cash(): number {
    return cashOf(this.#account)
  }

  /** Equity when the account was last set: the base of profit and loss. */
  get base(): number {
    return this.#account.base
  }

  get held(): readonly Instrument[] {
    return this.#held
  }

  /** Cash and all holdings at the last prices. */
  get equity(): number {
    // Asked for several times between two prices, and once for each order and minute over all holdings.
    if (!Number.isNaN(this.#equity)) return this.#equity
    let equity = cashOf(this.#account)
    for (const instrument of this.#held) {
      const { id, multiplier } = instrument
      const price = this.#prices[id]!
      // As `worth` has it; a share's needs no look at its position.
      equity += instrument.isMargined
        ? worth(this.#positions[id]!, price, instrument)
        : this.#qtys[id]! * price * multiplier
    }
    this.#equity = equity
    return equity
  }

  /** Value of all holdings at the last prices, longs and shorts added, in money. */
  get exposure(): number {
    let exposure = 0
    for (const instrument of this.#held) {
      exposure += instrument.notional(this.#qtys[instrument.id]!, this.#prices[instrument.id]!)
    }
    return exposure
  }

  capture(): PortfolioState {
    const prices: [number, number, number][] = []
    for (const [symbol, price] of this.#prices.entries()) {
      if (!Number.isNaN(price)) prices.push([symbol, price, this.#pricedAt[symbol]!])
    }
    // Held symbols first and in their order, because equity is summed in that order.
    const heldIds = new Set<number>(this.#held.map(({ id }) => id))
    const order = [...heldIds, ...[...this.#positions.keys()].filter((id) => !heldIds.has(id))]
    const positions = order.flatMap((id) => {
      const position = this.#positions[id]
      return position === undefined ? [] : [[id, position] as const]
    })
    const dust = this.#dust.size === 0 ? {} : { dust: [...this.#dust] }
    return { account: this.#account, positions, prices, ...dust }
  }

  restore(state: PortfolioState): void {
    this.#account = state.account
    this.#equity = NaN
    this.#positions = []
    this.#held.length = 0
    this.#dust.clear()
    for (const [id, qty] of state.dust ?? []) this.#dust.set(this.#universe.all[id]!.id, qty)
    this.#qtys.fill(0)
    for (const [id, position] of state.positions) {
      const instrument = this.#universe.all[id]
      assert(instrument !== undefined, `symbol id ${id} of the snapshot is in the universe`)
      this.#positions[id] = position
      this.#qtys[id] = position.qty
      if (position.qty !== 0) this.#held.push(instrument)
    }
    for (const [symbol, price, at] of state.prices) {
      this.#prices[symbol] = price
      this.#pricedAt[symbol] = at
    }
  }
}
