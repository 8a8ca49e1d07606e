// Every indicator against an independent implementation, trading-signals, on generated and on real bars.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { ATR, EMA, RSI, SMA, VWAP } from 'trading-signals'
import { gaussian, integer, seeded } from '../core/random.ts'
import { atr, ema, rsi, sma, vwap } from './index.ts'

interface Bar {
  readonly high: number
  readonly low: number
  readonly close: number
  readonly volume: number
}

/** A random walk on cents, with gaps between bars and minutes without volume. */
function generate(seed: number, count: number): readonly Bar[] {
  const random = seeded(seed)
  const cents = (x: number) => Math.max(1, Math.round(x * 100)) / 100
  let last = 400
  return Array.from({ length: count }, () => {
    const open = last * (1 + 0.0005 * gaussian(random))
    const close = cents(open * (1 + 0.001 * gaussian(random)))
    last = close
    return {
      high: cents(Math.max(open, close) * (1 + 0.0005 * random())) + 0.01,
      low: cents(Math.min(open, close) * (1 - 0.0005 * random())),
      close,
      volume: random() < 0.05 ? 0 : integer(random, 1, 1_000_000),
    }
  })
}

const folder = new URL('../../../shared/data/us_equity_1m_2026-03/', import.meta.url)

/** Header: Datetime,Close,High,Low,Open,Volume. */
function read(symbol: string): readonly Bar[] {
  const text = gunzipSync(readFileSync(new URL(`${symbol}_1m.csv.gz`, folder))).toString()
  return text
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => {
      const [close, high, low, , volume] = line.split(',').slice(1).map(Number)
      return { close: close!, high: high!, low: low!, volume: volume! }
    })
}

const skip = existsSync(folder) ? false : 'needs ../shared/data/us_equity_1m_2026-03'
const LENGTHS = [1, 2, 5, 14, 50, 200]

const tapes = [
  { name: 'generated bars', bars: () => generate(20_260_323, 5_000), skip: false },
  ...['SPY', 'NVDA', 'BILI', 'UVXY'].map((symbol) => ({
    name: `real bars of ${symbol}`,
    bars: () => read(symbol),
    skip,
  })),
]

/** Equal to 1e-9 of its size, or both not there yet. */
function agree(ours: number, theirs: number | null, what: string): void {
  if (theirs === null) return assert.ok(Number.isNaN(ours), `${what}: ${ours} where none is due`)
  assert.ok(Math.abs(ours - theirs) <= 1e-9 * Math.abs(theirs), `${what}: ${ours}, not ${theirs}`)
}

for (const { name, bars, skip } of tapes) {
  test(`sma agrees with the oracle on ${name}`, { skip }, () => {
    for (const length of LENGTHS) {
      const [ours, theirs] = [sma(length), new SMA(length)]
      for (const [i, { close }] of bars().entries()) {
        agree(ours.push(close), theirs.add(close), `sma ${length} of bar ${i}`)
      }
    }
  })

  // The oracle starts from one value. Given our seed, the mean of the first values, as that one, it must agree.
  test(`ema agrees with the oracle from its seed on, on ${name}`, { skip }, () => {
    const closes = bars().map(({ close }) => close)
    for (const length of LENGTHS) {
      const [ours, theirs] = [ema(length), new EMA(length)]
      const first = closes.slice(0, length)
      const seed = first.reduce((sum, x) => sum + x, 0) / length
      for (const x of first) ours.push(x)

      agree(ours.value, theirs.update(seed, false), `seed of ema ${length}`)
      for (const [i, x] of closes.slice(length).entries()) {
        agree(ours.push(x), theirs.update(x, false), `ema ${length} of bar ${length + i}`)
      }
    }
  })

  test(`atr agrees with the oracle on ${name}`, { skip }, () => {
    for (const length of LENGTHS) {
      const [ours, theirs] = [atr(length), new ATR(length)]
      for (const [i, bar] of bars().entries()) {
        const value = ours.push(bar.high, bar.low, bar.close)
        agree(value, theirs.add(bar), `atr ${length} of bar ${i}`)
      }
    }
  })

  // The oracle says 100 while nothing has moved, we say 50: a market without movement has its own test.
  test(`rsi agrees with the oracle on ${name}`, { skip }, () => {
    for (const length of LENGTHS.filter((n) => n > 1)) {
      const [ours, theirs] = [rsi(length), new RSI(length)]
      let isStill = true
      let last: number | undefined
      for (const [i, { close }] of bars().entries()) {
        isStill &&= last === undefined || last === close
        last = close
        const [value, expected] = [ours.push(close), theirs.add(close)]
        if (!isStill) agree(value, expected, `rsi ${length} of bar ${i}`)
      }
    }
  })

  test(`vwap agrees with the oracle on ${name}`, { skip }, () => {
    const [ours, theirs] = [vwap(), new VWAP()]
    for (const [i, bar] of bars().entries()) {
      const before = ours.value
      const value = ours.push((bar.high + bar.low + bar.close) / 3, bar.volume)
      const expected = theirs.add(bar)
      if (bar.volume === 0) assert.ok(Object.is(value, before))
      else agree(value, expected, `vwap of bar ${i}`)
    }
  })
}
