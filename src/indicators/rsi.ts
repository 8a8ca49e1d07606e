// RSI: the relative strength index, the share of rises in all movement, from 0 to 100.
import { type Ema, wilder } from './ema.ts'
import { checkFinite, type Streaming } from './streaming.ts'

export class Rsi implements Streaming {
  readonly #gains: Ema
  readonly #losses: Ema
  #previous = NaN
  #value = NaN

  constructor(length: number) {
    this.#gains = wilder(length)
    this.#losses = wilder(length)
  }

  push(x: number): number {
    checkFinite(x)
    if (!Number.isNaN(this.#previous)) this.#learn(x - this.#previous)
    this.#previous = x
    return this.#value
  }

  #learn(change: number): void {
    const gain = this.#gains.push(Math.max(change, 0))
    const loss = this.#losses.push(Math.max(-change, 0))
    if (!this.isReady) return
    this.#value = gain + loss === 0 ? 50 : (100 * gain) / (gain + loss)
  }

  get value(): number {
    return this.#value
  }

  get isReady(): boolean {
    return this.#gains.isReady
  }
}

/**
 * 100 − 100 / (1 + gain / loss), with Wilder's averages of rises and falls (Wilder 1978). Ready after
 * `length` + 1 pushes. It is 100 where nothing fell; where nothing moved at all it is 50, because a halted
 * market is not overbought (some libraries say 100 there, others 0).
 *
 * @example const strength = rsi(14); strength.push(close)
 */
export const rsi = (length: number): Rsi => new Rsi(length)
