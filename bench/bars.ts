/*
 * Bars from trades: the engine's bar builder on 4 M trades beside a loop over the same columns that builds the same
 * bars. Trades come in order of time, about 60 per bar; a few symbols trade much more than the others (Zipf 0.9).
 * Prices are on a grid of 1/64, so that the sums which compare the two sides are exact in any order.
 */
import { venueId } from '../src/core/brand.ts'
import { equitySpec } from '../src/core/instrument.ts'
import type { Bar } from '../src/core/market.ts'
import { integer, seeded } from '../src/core/random.ts'
import { MINUTE } from '../src/core/time.ts'
import { Universe } from '../src/core/universe.ts'
import { Bars } from '../src/engine/bars.ts'
import { type Bench, perSecond } from './bench.ts'
import { FROM } from './market.ts'

const TRADES_PER_BAR = 60

interface Trades {
  readonly length: number
  readonly symbol: Uint16Array
  readonly ts: Float64Array
  readonly price: Float64Array
  readonly size: Float64Array
}

export function barsBench(name: string, symbols: number): Bench {
  const side = (build: (symbols: number, trades: Trades) => string): Bench['run']['skein'] => {
    return (size) => {
      const trades = tradesOf(symbols, size === 'full' ? 4_000_000 : 200_000)
      return perSecond(trades.length, (time) => time(() => build(symbols, trades)))
    }
  }
  return {
    name,
    unit: 'trades/s',
    goal: { atLeast: 20_000_000, ratioAtLeast: 0.25 },
    run: { skein: side(skeinBars), reference: side(bareBars) },
  }
}

function tradesOf(symbols: number, length: number): Trades {
  const random = seeded(symbols)
  const weights = Array.from({ length: symbols }, (_, i) => (i + 1) ** -0.9)
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  // A table of many slots is quicker to draw from than a search.
  const slots = new Uint16Array(1 << 16)
  let end = 0
  for (let i = 0, filled = 0; i < symbols; i++) {
    end += (weights[i]! / total) * slots.length
    for (; filled < end; filled++) slots[filled] = i
  }
  const prices = Int32Array.from(weights, () => integer(random, 20 * 64, 200 * 64))
  const everyMs = MINUTE / (TRADES_PER_BAR * symbols)
  const trades = {
    length,
    symbol: new Uint16Array(length),
    ts: new Float64Array(length),
    price: new Float64Array(length),
    size: new Float64Array(length),
  }
  for (let i = 0; i < length; i++) {
    const symbol = slots[Math.floor(random() * slots.length)]!
    const price = Math.max(64, prices[symbol]! + integer(random, -2, 2))
    prices[symbol] = price
    trades.symbol[i] = symbol
    trades.ts[i] = FROM + Math.floor(i * everyMs)
    trades.price[i] = price / 64
    trades.size[i] = integer(random, 1, 500)
  }
  return trades
}

/** Adds bars up, whatever their order. */
class Tally {
  bars = 0
  #sum = 0

  add(bar: Omit<Bar, 'timeframe' | 'filled'>): void {
    const { symbol, start, open, high, low, close, volume, trades } = bar
    const prices = open + 3 * high + 5 * low + 7 * close
    this.#sum += prices + 11 * volume + 13 * trades + 17 * (start / MINUTE - FROM / MINUTE) + symbol
    this.bars++
  }

  get text(): string {
    return `${this.bars} bars, sum ${this.#sum}`
  }
}

function skeinBars(symbols: number, trades: Trades): string {
  const tally = new Tally()
  const specs = Array.from({ length: symbols }, (_, i) => equitySpec(`S${i}`, venueId('sim')))
  const bars = new Bars(
    new Universe(specs.map((spec) => ({ ...spec, calendar: '24/7' }))),
    { base: '1m', higher: [], latenessMs: 0, maxFill: 0 },
    { closed: (bar) => tally.add(bar), gap: () => {}, late: () => {} },
  )
  const { length, symbol, ts, price, size } = trades
  for (let i = 0; i < length; i++) {
    const at = ts[i]!
    if (bars.nextAt <= at) bars.closeDue(at)
    bars.push(symbol[i]!, at, price[i]!, size[i]!)
  }
  bars.closeAll()
  return tally.text
}

function bareBars(symbols: number, trades: Trades): string {
  const tally = new Tally()
  // Eight doubles per symbol: start, end, open, high, low, close, volume, trades. Before its first bar, end is 0.
  const rows = new Float64Array(symbols * 8)
  const close = (row: number): void => {
    tally.add({
      symbol: (row / 8) as Bar['symbol'],
      start: rows[row] as Bar['start'],
      open: rows[row + 2]!,
      high: rows[row + 3]!,
      low: rows[row + 4]!,
      close: rows[row + 5]!,
      volume: rows[row + 6]!,
      trades: rows[row + 7]!,
    })
  }
  const { length, symbol, ts, price, size } = trades
  for (let i = 0; i < length; i++) {
    const row = symbol[i]! * 8
    const at = ts[i]!
    const px = price[i]!
    if (at >= rows[row + 1]!) {
      if (rows[row + 1]! > 0) close(row)
      const start = Math.floor(at / MINUTE) * MINUTE
      rows[row] = start
      rows[row + 1] = start + MINUTE
      rows[row + 2] = px
      rows[row + 3] = px
      rows[row + 4] = px
      rows[row + 6] = 0
      rows[row + 7] = 0
    }
    if (px > rows[row + 3]!) rows[row + 3] = px
    if (px < rows[row + 4]!) rows[row + 4] = px
    rows[row + 5] = px
    rows[row + 6]! += size[i]!
    rows[row + 7]!++
  }
  for (let row = 0; row < rows.length; row += 8) if (rows[row + 1]! > 0) close(row)
  return tally.text
}
