// VWAP: the volume-weighted average price since the last reset.
import { assert } from '../core/assert.ts'
import { checkFinite } from './streaming.ts'

export class Vwap {
  #volume = 0
  #value = NaN

  push(price: number, volume: number): number {
    checkFinite(price)
    assert(
      volume >= 0 && volume < Infinity,
      () => `a volume is finite and not below zero, not ${volume}`,
    )
    if (volume === 0) return this.#value
    this.#volume += volume
    // Moves by its share, so that equal prices stay equal and large totals are never divided.
    const base = this.isReady ? this.#value : price
    this.#value = base + (price - base) * (volume / this.#volume)
    return this.#value
  }

  /** Forgets everything, for a new session. */
  reset(): void {
    this.#volume = 0
    this.#value = NaN
  }

  get value(): number {
    return this.#value
  }

  /** True once something was traded: prices without volume do not count. */
  get isReady(): boolean {
    return !Number.isNaN(this.#value)
  }
}

/**
 * Σ price × volume / Σ volume since the last `reset()`. The price is the caller's choice: of a trade, or
 * (high + low + close) / 3 of a bar. It never resets by itself, because only the caller knows the session.
 *
 * @example const average = vwap(); average.push((bar.high + bar.low + bar.close) / 3, bar.volume)
 */
export const vwap = (): Vwap => new Vwap()
