// Instrument: a contract with its grid, and the only makers of grid numbers.
import { assert } from './assert.ts'
import type { Money, Ms, Px, Qty, SymbolId, VenueId } from './brand.ts'
import type { CalendarName } from './calendar.ts'

export type InstrumentKind = 'equity' | 'crypto' | 'future' | 'perpetual' | 'option'
export type Rounding = 'nearest' | 'down' | 'up'

/** The right that an option gives, and over what. */
export interface OptionTerms {
  readonly underlying: string
  readonly right: 'call' | 'put'
  readonly strike: number
  readonly expiry: Ms
}

/** All that defines an instrument, as plain JSON: what configuration, journal and archive hold. */
export interface InstrumentSpec {
  readonly symbol: string
  readonly venue: VenueId
  readonly kind: InstrumentKind
  readonly currency: string
  /** Smallest price step, > 0, such as 0.01 or 0.25. */
  readonly tickSize: number
  /** Smallest quantity step, > 0, such as 1 share or 0.0001 coin. */
  readonly lotSize: number
  /** Money per point and contract: 1 for shares and coins, 50 for ES, 100 for equity options. */
  readonly multiplier: number
  /** Smallest order value in money that the venue takes; 0 where it has none. */
  readonly minNotional: number
  readonly calendar: CalendarName
  /** Last trading moment of a future or an option. */
  readonly expiry?: Ms
  readonly option?: OptionTerms
  /**
   * An inverse contract is priced in one money and paid in another, its `currency`: BTCUSD is a number of US dollars per
   * bitcoin, a contract is worth `multiplier` dollars, and its profit is in bitcoins.
   */
  readonly inverse?: boolean
}

/**
 * A price or size grid. A step such as 0.05 is kept as the ratio 1 / 20, so that `n` steps are one
 * correctly rounded division: the result is the double nearest to the decimal, whatever n is.
 */
class Grid {
  readonly #up: number
  readonly #down: number

  constructor(step: number) {
    assert(Number.isFinite(step) && step > 0, `a grid step is finite and > 0, not ${step}`)
    let down = 1
    while (Math.round(step * down) !== step * down && down < 1e12) down *= 10
    const up = Math.round(step * down)
    assert(Math.abs(up / down - step) <= step * 1e-12, `a grid step is a decimal, not ${step}`)
    const shared = greatestCommonDivisor(up, down)
    this.#up = up / shared
    this.#down = down / shared
  }

  snap(x: number, rounding: Rounding): number {
    const steps = (x * this.#down) / this.#up
    // A value that is on the grid up to representation error must not fall to the next step.
    const nearest = Math.round(steps)
    const onGrid = Math.abs(steps - nearest) <= Math.abs(steps) * 4e-16 + 1e-9
    const n =
      onGrid || rounding === 'nearest'
        ? nearest
        : rounding === 'down'
          ? Math.floor(steps)
          : Math.ceil(steps)
    assert(
      n <= Number.MAX_SAFE_INTEGER && n >= -Number.MAX_SAFE_INTEGER,
      () => `a grid number is finite and below 2^53 steps, not ${x}`,
    )
    // Adding 0 turns -0 into 0, so that equal numbers have equal text.
    return (n * this.#up) / this.#down + 0
  }

  holds(x: number): boolean {
    return Number.isFinite(x) && this.snap(x, 'nearest') === x
  }
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b)
}

/** So many steps can be counted, and twice as many too. */
const STEPS_MAX = 2 ** 52

/** A tradable contract. `id` is dense and valid within one run; the spec is what lasts. */
export class Instrument {
  readonly id: SymbolId
  readonly spec: InstrumentSpec
  readonly symbol: string
  readonly venue: VenueId
  readonly kind: InstrumentKind
  readonly tickSize: number
  readonly lotSize: number
  readonly multiplier: number
  /** Futures and perpetuals are margined: a trade moves no cash but its realised profit and its fee. */
  readonly isMargined: boolean
  /** Its value in money falls as its price rises: a contract is worth multiplier ÷ price. */
  readonly isInverse: boolean
  readonly #prices: Grid
  readonly #sizes: Grid

  constructor(id: SymbolId, spec: InstrumentSpec) {
    assert(spec.symbol.length > 0, 'an instrument has a symbol')
    assert(
      Number.isFinite(spec.multiplier) && spec.multiplier > 0,
      `the multiplier of ${spec.symbol} is finite and > 0, not ${spec.multiplier}`,
    )
    this.id = id
    this.spec = spec
    this.symbol = spec.symbol
    this.venue = spec.venue
    this.kind = spec.kind
    this.tickSize = spec.tickSize
    this.lotSize = spec.lotSize
    this.multiplier = spec.multiplier
    this.isMargined = spec.kind === 'future' || spec.kind === 'perpetual'
    this.isInverse = spec.inverse === true
    assert(this.isMargined || !this.isInverse, `${spec.symbol} is inverse, so it is margined`)
    this.#prices = new Grid(spec.tickSize)
    this.#sizes = new Grid(spec.lotSize)
  }

  /** Snaps to the price grid. Throws on NaN, infinity and anything past 2^53 steps. */
  px(x: number, rounding: Rounding = 'nearest'): Px {
    return this.#prices.snap(x, rounding) as Px
  }

  /** Snaps to the size grid, to the nearest lot by default. Throws as `px` does. */
  qty(x: number, rounding: Rounding = 'nearest'): Qty {
    return this.#sizes.snap(x, rounding) as Qty
  }

  /** False for NaN, infinity, and what has so many ticks that `px` may throw. */
  mayBePrice(x: number): boolean {
    return Math.abs(x) / this.tickSize < STEPS_MAX
  }

  /** The same of lots and `qty`. */
  mayBeQty(x: number): boolean {
    return Math.abs(x) / this.lotSize < STEPS_MAX
  }

  isOnPriceGrid(x: number): boolean {
    return this.#prices.holds(x)
  }

  isOnSizeGrid(x: number): boolean {
    return this.#sizes.holds(x)
  }

  /** Value of a quantity at a price, in money: |qty| × price × multiplier; of an inverse contract |qty| × multiplier ÷ price. */
  notional(qty: number, price: number): number {
    return this.isInverse
      ? (Math.abs(qty) * this.multiplier) / price
      : Math.abs(qty) * price * this.multiplier
  }

  /** The price at which a quantity has a value: the average of what it was made of. */
  priceOf(qty: number, value: number): number {
    const contracts = Math.abs(qty) * this.multiplier
    return this.isInverse ? contracts / value : value / contracts
  }

  /**
   * What a quantity that is held, > 0 long, gains in money while its price goes `from` … `to`: (to − from) × qty ×
   * multiplier; of an inverse contract (1 ÷ from − 1 ÷ to) × qty × multiplier.
   *
   * Source of the second: Bybit, P&L calculations (Inverse Contracts), help center (read 2026-11).
   */
  profit(qty: number, { from, to }: { readonly from: number; readonly to: number }): number {
    return (this.isInverse ? 1 / from - 1 / to : to - from) * qty * this.multiplier
  }
}

/** A spec with what most instruments share filled in: whole cents, whole lots, US equity hours. */
export function equitySpec(symbol: string, venue: VenueId): InstrumentSpec {
  return {
    symbol,
    venue,
    kind: 'equity',
    currency: 'USD',
    tickSize: 0.01,
    lotSize: 1,
    multiplier: 1,
    minNotional: 0,
    calendar: 'us-equity',
  }
}

/** Money is kept to 1e-8 of its unit: fine enough for coins, exact to 90 million units. */
export function money(x: number): Money {
  assert(Number.isFinite(x), () => `money is finite, not ${x}`)
  return (Math.round(x * 1e8) / 1e8 + 0) as Money
}
