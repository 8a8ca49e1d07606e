// ATR: the average true range, how far a price moves within a bar, gaps included.
import { type Ema, wilder } from './ema.ts'
import { checkFinite } from './streaming.ts'

export class Atr {
  readonly #average: Ema
  #previousClose = NaN

  constructor(length: number) {
    this.#average = wilder(length)
  }

  push(high: number, low: number, close: number): number {
    checkFinite(close)
    if (!(high >= low)) refuse(high, low)
    const range = Number.isNaN(this.#previousClose)
      ? high - low
      : Math.max(high, this.#previousClose) - Math.min(low, this.#previousClose)
    this.#previousClose = close
    return this.#average.push(range)
  }

  get value(): number {
    return this.#average.value
  }

  get isReady(): boolean {
    return this.#average.isReady
  }
}

function refuse(high: number, low: number): never {
  throw new Error(`assertion failed: the high of a bar is not below its low: ${high} and ${low}`)
}

/**
 * Wilder's average of true ranges: the higher of high and previous close, less the lower of low and previous
 * close. The first bar has no previous close, so its range is high − low; the seed is the mean of the first
 * `length` ranges, ready after `length` bars (Wilder 1978, as trading-signals does; TA-Lib leaves the first
 * bar out and is ready one bar later).
 *
 * @example const range = atr(14); range.push(bar.high, bar.low, bar.close)
 */
export const atr = (length: number): Atr => new Atr(length)
