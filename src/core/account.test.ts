import assert from 'node:assert/strict'
import { test } from 'node:test'
import { applyCash, cashOf, openAccount, worth } from './account.ts'
import { symbolId, venueId } from './brand.ts'
import { equitySpec, Instrument, type InstrumentSpec } from './instrument.ts'
import { applyFill, FLAT, openProfit, realisedBy, realisedProfit } from './position.ts'
import { integer, seeded } from './random.ts'
import { valueOf } from './sum.ts'

const share = equitySpec('AAPL', venueId('sim'))
const future: InstrumentSpec = {
  ...share,
  symbol: 'ES',
  kind: 'future',
  tickSize: 0.25,
  multiplier: 50,
  calendar: 'cme',
}
const coin: InstrumentSpec = {
  ...share,
  symbol: 'BTC',
  kind: 'crypto',
  lotSize: 1e-8,
  calendar: '24/7',
}
const inverse: InstrumentSpec = {
  ...share,
  symbol: 'BTCUSD',
  kind: 'perpetual',
  currency: 'BTC',
  tickSize: 0.5,
  calendar: '24/7',
  inverse: true,
}
const fineCoin: InstrumentSpec = { ...coin, symbol: 'ETH', lotSize: 0.0001 }

test('pays for a share in full, with the fee', () => {
  const instrument = new Instrument(symbolId(0), share)
  const fill = { signedQty: 10, price: 99.5, fee: 1.25 }

  const account = applyCash(openAccount('USD', 10_000), fill, 0, instrument)

  assert.equal(cashOf(account), 10_000 - 995 - 1.25)
  assert.equal(account.base, 10_000)
  assert.equal(worth(applyFill(FLAT, fill, instrument), 100, instrument), 1_000)
})

test('takes in the proceeds of a short sale and owes the shares', () => {
  const instrument = new Instrument(symbolId(0), share)
  const fill = { signedQty: -10, price: 99.5, fee: 0 }

  const account = applyCash(openAccount('USD', 10_000), fill, 0, instrument)

  assert.equal(cashOf(account), 10_995)
  assert.equal(worth(applyFill(FLAT, fill, instrument), 100, instrument), -1_000)
})

test('moves only realised profit and the fee for a future', () => {
  const instrument = new Instrument(symbolId(0), future)
  const bought = applyFill(FLAT, { signedQty: 2, price: 5_000, fee: 4.5 }, instrument)
  const fill = { signedQty: -1, price: 5_000.25, fee: 2.25 }

  const sold = applyFill(bought, fill, instrument)
  const account = applyCash(openAccount('USD', 1_000), fill, realisedBy(bought, sold), instrument)

  assert.equal(cashOf(account), 1_000 + 12.5 - 2.25)
  assert.equal(worth(sold, 5_001, instrument), 50)
})

test('pays for an option by its multiplier', () => {
  const instrument = new Instrument(symbolId(0), { ...share, kind: 'option', multiplier: 100 })
  const fill = { signedQty: 2, price: 1.5, fee: 0 }

  const account = applyCash(openAccount('USD', 1_000), fill, 0, instrument)

  assert.equal(cashOf(account), 700)
  assert.equal(worth(applyFill(FLAT, fill, instrument), 1.75, instrument), 350)
})

test('moves only realised profit and the fee for an inverse contract, in its coin', () => {
  const instrument = new Instrument(symbolId(0), inverse)
  const bought = applyFill(FLAT, { signedQty: 10_000, price: 8_000, fee: 0.000_5 }, instrument)
  const fill = { signedQty: -5_000, price: 10_000, fee: 0.000_25 }

  const sold = applyFill(bought, fill, instrument)
  const account = applyCash(openAccount('BTC', 1), fill, realisedBy(bought, sold), instrument)

  assert.ok(Math.abs(cashOf(account) - (1 + 0.125 - 0.000_25)) < 1e-12)
  assert.ok(Math.abs(worth(sold, 16_000, instrument) - 0.3125) < 1e-12)
  assert.equal(instrument.notional(-5_000, 10_000), 0.5)
  assert.throws(() => new Instrument(symbolId(0), { ...inverse, kind: 'crypto' }), /is margined/)
})

test('adds a rebate to cash', () => {
  const instrument = new Instrument(symbolId(0), share)
  const fill = { signedQty: 1, price: 10, fee: -0.02 }

  assert.equal(cashOf(applyCash(openAccount('USD', 100), fill, 0, instrument)), 90.02)
})

/**
 * The other bookkeeping: whole ticks and whole lots, in units of 1e-12 of money and 1e-30 of those, as bigints. Cash and
 * equity need no average. Realised profit needs one: its cost. An inverse contract earns as one whose price is −1 ÷ price.
 */
class Ledger {
  readonly #worthOf: (ticks: bigint) => bigint
  readonly #isMargined: boolean
  /** Money spent on fills less money received, without fees. */
  #paid = 0n
  #fees = 0n
  #lots = 0n
  #cost = 0n
  #realised = 0n

  /** @param worthOf A lot at a price, in 1e-42 of money. */
  constructor(worthOf: (ticks: bigint) => bigint, isMargined: boolean) {
    this.#worthOf = worthOf
    this.#isMargined = isMargined
  }

  book(fill: { ticks: bigint; lots: bigint; fee: bigint }): void {
    const price = this.#worthOf(fill.ticks)
    this.#paid += price * fill.lots
    this.#fees += fill.fee
    const isOpposite = this.#lots * fill.lots < 0n
    const closes = !isOpposite ? 0n : size(fill.lots) > size(this.#lots) ? -this.#lots : fill.lots
    if (closes !== 0n) {
      const released = (this.#cost * -closes) / this.#lots
      this.#realised += price * -closes - released
      this.#cost -= released
    }
    this.#cost += price * (fill.lots - closes)
    this.#lots += fill.lots
  }

  get lots(): bigint {
    return this.#lots
  }

  get cash(): number {
    const spent = this.#isMargined ? -this.#realised : this.#paid
    return toMoney(-spent / FINE - this.#fees)
  }

  get realised(): number {
    return toMoney(this.#realised / FINE)
  }

  get fees(): number {
    return toMoney(this.#fees)
  }

  equity(ticks: bigint): number {
    return toMoney((this.#worthOf(ticks) * this.#lots - this.#paid) / FINE - this.#fees)
  }
}

const FINE = 10n ** 30n
const size = (x: bigint): bigint => (x < 0n ? -x : x)
const toMoney = (units: bigint): number => Number(units) / 1e12

/** A thousandth of a cent. */
const CLOSE = 1e-5
/** A hundredth of what money of coins is kept to. */
const CLOSE_COINS = 1e-10

const sequences = [
  // One tick of one lot in units of 1e-12: 0.01 × 1, 0.25 × 1 × 50, 0.01 × 1e-8, 0.01 × 0.0001.
  { spec: share, unit: 10_000_000_000n, lotsMax: 5_000, start: 50_000, perUnit: 100, perLot: 1 },
  { spec: future, unit: 12_500_000_000_000n, lotsMax: 40, start: 20_000, perUnit: 4, perLot: 1 },
  { spec: coin, unit: 100n, lotsMax: 300_000_000, start: 6_500_000, perUnit: 100, perLot: 1e8 },
  { spec: fineCoin, unit: 1_000_000n, lotsMax: 80_000, start: 350_000, perUnit: 100, perLot: 1e4 },
  // One dollar at one tick of half a dollar: 2 coins.
  {
    spec: inverse,
    unit: 2_000_000_000_000n,
    lotsMax: 2_000_000,
    start: 120_000,
    perUnit: 2,
    perLot: 1,
  },
]

for (const { spec, unit, lotsMax, start, perUnit, perLot } of sequences) {
  test(`agrees with a bigint ledger over 100,000 fills of ${spec.symbol} by lots of ${spec.lotSize}`, () => {
    const instrument = new Instrument(symbolId(0), spec)
    const random = seeded(20_260_323)
    const worthOf = (ticks: bigint): bigint =>
      instrument.isInverse ? (-unit * FINE) / ticks : ticks * unit * FINE
    const ledger = new Ledger(worthOf, instrument.isMargined)
    let account = openAccount('USD', 0)
    let position = FLAT
    let ticks = start
    let flips = 0
    let errorMax = 0
    const compare = (ours: number, exact: number) => {
      errorMax = Math.max(errorMax, Math.abs(ours - exact))
    }

    let fills = 0
    while (fills < 100_000) {
      ticks = Math.max(1, ticks + integer(random, -50, 50))
      // Every eighth fill or so makes the position flat, and the mean pulls back to zero: many flips.
      const pull = Math.trunc(-Number(ledger.lots) / 4)
      const wanted = integer(random, -lotsMax, lotsMax) + pull
      const lots = random() < 0.125 ? -Number(ledger.lots) : wanted
      if (lots === 0) continue
      fills++
      // Fees of -0.5 to 3 money, in steps of 1e-8.
      const feeSteps = integer(random, -50_000_000, 300_000_000)
      const fill = {
        signedQty: instrument.qty(lots / perLot),
        price: instrument.px(ticks / perUnit),
        fee: feeSteps / 1e8,
      }

      const before = position
      position = applyFill(before, fill, instrument)
      account = applyCash(account, fill, realisedBy(before, position), instrument)
      ledger.book({ ticks: BigInt(ticks), lots: BigInt(lots), fee: BigInt(feeSteps) * 10_000n })
      if (before.qty * position.qty < 0) flips += 1

      const mark = instrument.px((ticks + 7) / perUnit)
      assert.equal(position.qty, Number(ledger.lots) / perLot)
      const exact = ledger.equity(BigInt(ticks + 7))
      const open = openProfit(position, mark, instrument)
      compare(cashOf(account), ledger.cash)
      compare(cashOf(account) + worth(position, mark, instrument), exact)
      compare(realisedProfit(position) + open - valueOf(position.fees), exact)
      compare(realisedProfit(position), ledger.realised)
      compare(valueOf(position.fees), ledger.fees)
    }

    assert.ok(flips > 10_000, `${flips} flips through zero`)
    assert.ok(
      errorMax < (instrument.isInverse ? CLOSE_COINS : CLOSE),
      `the largest difference is ${errorMax}`,
    )
  })
}
