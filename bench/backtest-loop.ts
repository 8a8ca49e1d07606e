/*
 * Backtest loop: sma-cross as somebody would write it for one purpose: typed arrays, no events, no objects. It makes
 * the trades that the engine makes on the simulated venue, by these rules of sma-cross.ts and matcher.ts:
 *
 *   signal   pairs 5/15, 10/30 and 20/50 cross, each in another direction than the last time; all are counted, and
 *            the slowest trades where |close - SMA(50)| is above 1.5 ATR(14). Nothing is told in the first 50 bars.
 *   entry    while flat: a market order, filled at the open of the next bar, with its stop and its target.
 *   exit     on the bar of the entry: the stop, at its price or the entry's where that is worse; else the target.
 *            Later: whichever the open is beyond, at the open; else the stop; else the target, when it is passed.
 *   close    a signal against the position cancels stop and target and sells at the open of the next bar, on which the
 *            next entry may be signalled.
 *   order    in each minute all symbols are filled before the first of them decides.
 *
 * Sums of closes are kept in whole cents, where they are exact.
 */
import type { BarColumns } from '../src/core/columns.ts'
import type { Outcome, TERMS } from './backtest.ts'

const WARMUP = 51
const ATR_LENGTH = 14
/** More than the longest average, and a power of two. */
const RING = 64
const FAST = [5, 10, 20] as const
const SLOW = [15, 30, 50] as const

// Of a symbol; from HELD on there is a position.
const FLAT = 0
const ENTERING = 1
const HELD = 2
const CLOSING = 3

export function bareBacktest(
  market: readonly BarColumns[],
  fraction: number,
  terms: typeof TERMS,
): Outcome {
  const symbols = market.length
  const bars = market[0]!.length
  const { maker, taker, stop: stopShare, target: targetShare } = terms
  const status = new Uint8Array(symbols)
  const qtys = new Float64Array(symbols)
  const stops = new Float64Array(symbols)
  const targets = new Float64Array(symbols)
  const closeAt = new Int32Array(symbols)
  const closes = new Float64Array(symbols)
  const ranges = new Float64Array(symbols)
  const cents = new Int32Array(symbols * RING)
  const fastSums = new Float64Array(symbols * 3)
  const slowSums = new Float64Array(symbols * 3)
  const sides = new Int8Array(symbols * 3)
  const lasts = new Int8Array(symbols * 3)
  let cash: number = terms.cash
  let trips = 0
  let signals = 0
  let peak = 0
  let drawdown = 0

  const pay = (qty: number, price: number, rate: number): void => {
    cash -= qty * price
    cash -= Math.round(Math.abs(qty) * price * rate * 1e8) / 1e8
  }
  const leave = (s: number, price: number, rate: number): void => {
    pay(-qtys[s]!, price, rate)
    qtys[s] = 0
    status[s] = FLAT
    trips++
  }
  const fill = (s: number, i: number): void => {
    const { open, high, low } = market[s]!
    const price = open[i]!
    if (status[s] === CLOSING) {
      if (i === closeAt[s]) leave(s, price, taker)
      return
    }
    const isEntry = status[s] === ENTERING
    if (isEntry) {
      pay(qtys[s]!, price, taker)
      status[s] = HELD
    }
    // As a short sees it, prices are negative.
    const way = qtys[s]! > 0 ? 1 : -1
    const stop = stops[s]!
    const target = targets[s]!
    const reachesStop = way > 0 ? low[i]! <= stop : high[i]! >= stop
    const reachesTarget = way > 0 ? high[i]! > target : low[i]! < target
    if (way * price <= way * stop) leave(s, price, taker)
    else if (isEntry && reachesStop) leave(s, stop, taker)
    else if (way * price > way * target) leave(s, price, isEntry ? taker : maker)
    else if (reachesStop) leave(s, stop, taker)
    else if (reachesTarget) leave(s, target, maker)
  }
  const trade = (s: number, i: number, way: number, close: number): void => {
    if (status[s] === HELD) {
      if (qtys[s]! > 0 === way > 0) return
      status[s] = CLOSING
      closeAt[s] = i + 1
      return
    }
    if (status[s] !== FLAT) return
    let equity = cash
    for (let k = 0; k < symbols; k++) if (status[k]! > ENTERING) equity += qtys[k]! * closes[k]!
    qtys[s] = way * Math.floor((equity * fraction) / close + 1e-9)
    stops[s] = Math.round((close - way * (stopShare * close)) * 100) / 100
    targets[s] = Math.round((close + way * (targetShare * close)) * 100) / 100
    status[s] = ENTERING
  }

  for (let i = 0; i < bars; i++) {
    for (let s = 0; s < symbols; s++) if (status[s] !== FLAT) fill(s, i)
    let worth = 0
    for (let s = 0; s < symbols; s++) {
      const columns = market[s]!
      const close = columns.close[i]!
      const high = columns.high[i]!
      const low = columns.low[i]!
      const before = closes[s]!
      const range = i === 0 ? high - low : Math.max(high, before) - Math.min(low, before)
      if (i < ATR_LENGTH) ranges[s]! += range / ATR_LENGTH
      else ranges[s]! += (range - ranges[s]!) / ATR_LENGTH
      closes[s] = close
      if (status[s] !== FLAT) worth += qtys[s]! * close
      const ring = s * RING
      const cent = Math.round(close * 100)
      for (let p = 0; p < 3; p++) {
        const fast = FAST[p]!
        const slow = SLOW[p]!
        const k = s * 3 + p
        // Before a length is full, the ring holds zeros there.
        fastSums[k]! += cent - cents[ring + ((i - fast) & (RING - 1))]!
        slowSums[k]! += cent - cents[ring + ((i - slow) & (RING - 1))]!
        if (i < slow - 1) continue
        const gap = fastSums[k]! * slow - slowSums[k]! * fast
        const was = sides[k]!
        const side = gap > 0 ? 1 : gap < 0 ? -1 : 0
        sides[k] = side
        if (i < slow) continue
        const way = was <= 0 && side > 0 ? 1 : was >= 0 && side < 0 ? -1 : 0
        if (way === 0 || way === lasts[k]) continue
        lasts[k] = way
        if (i < WARMUP - 1) continue
        signals++
        if (p < 2) continue
        const distance = Math.abs(close - slowSums[k]! / 100 / slow)
        if (distance / ranges[s]! > 1.5) trade(s, i, way, close)
      }
      cents[ring + (i & (RING - 1))] = cent
    }
    const equity = cash + worth
    if (equity > peak) peak = equity
    else if (peak - equity > drawdown) drawdown = peak - equity
  }
  // An entry that was sent with the last bar has not filled.
  let equity = cash
  for (let s = 0; s < symbols; s++) {
    if (status[s]! > ENTERING) equity += qtys[s]! * closes[s]!
  }
  return { trips, signals, equity, drawdown }
}
