/*
 * Equity: a run's equity, sampled after every turn, as a bounded curve, drawdown, exposure and daily returns.
 *
 * Days are those of a calendar, from the first sample to the last: each with a session counts once, with a return of 0
 * where no sample tells another equity, so that it does not matter how often is looked. A sample tells what the time
 * before it has brought: one at the first moment of a day, such as that of a daily bar's end, belongs to the day before.
 * What changes on a day without a session belongs to the next that has one.
 */
import { assert } from '../core/assert.ts'
import type { Ms } from '../core/brand.ts'
import { type Calendar, calendarOf } from '../core/calendar.ts'
import { money } from '../core/instrument.ts'
import { addReturn, NO_RETURNS, type Returns } from './returns.ts'

/** The deepest fall from a peak, as a fraction of that peak. Times are ms since the epoch. */
export interface Drawdown {
  /** Money from peak to trough, ≥ 0. */
  readonly amount: number
  /** The same over the peak: 0.1 is ten percent. */
  readonly fraction: number
  readonly peakAt: number
  readonly troughAt: number
  /** When equity was back at the peak; null where it never was. */
  readonly recoveredAt: number | null
  /** From the peak to the recovery, or to the end of the run. */
  readonly durationMs: number
}

/** How much was held, weighted by time; hours in which the market is closed count too. */
export interface Exposure {
  /** Mean of the sampled exposure, in money. */
  readonly mean: number
  /** Mean exposure over mean equity. */
  readonly meanFraction: number
  readonly max: number
  /** Share of the time in which anything was held. */
  readonly timeInMarket: number
}

/** Points of the equity curve in order of time, as columns. */
export interface EquityPoints {
  readonly at: readonly number[]
  readonly equity: readonly number[]
}

/** Less equity than money's finest unit is none: a fraction of it would be noise, or infinite. */
export const EQUITY_MIN = 1e-8

/** Most points kept; past it every other one goes and the spacing doubles. */
export const POINTS_MAX = 4_000

export class EquityCurve {
  readonly start: number
  readonly #calendar: Calendar
  readonly #pointsAt = new Float64Array(POINTS_MAX)
  readonly #points = new Float64Array(POINTS_MAX)
  #pointCount = 0
  /** Samples per kept point, a power of two. */
  #stride = 1
  #sinceKept = 0

  /** False where the last sample was no number. */
  #isKnown = true
  #samples = 0
  #firstAt = 0
  #at = 0
  #equity: number
  #exposure = 0
  #exposureMax = 0
  #exposureTime = 0
  #equityTime = 0
  #inMarketMs = 0

  #peak: number
  #peakAt = 0
  /** Lowest equity since the peak. */
  #low: number
  #deepest = { peak: 0, low: 0, peakAt: 0, troughAt: 0, recoveredAt: -1 }
  #deepestFraction = 0
  #longestUnderwaterMs = 0

  #day = 0 as Ms
  #nextDay = 0 as Ms
  #dayOpen: number
  #returns = NO_RETURNS
  /** Days that are over and had a session. */
  #days = 0
  #ruinedAt: number | null = null

  /** @param calendar whose days have returns; those of UTC where not told. */
  constructor(start: number, calendar: Calendar = calendarOf('24/7')) {
    assert(Number.isFinite(start), `starting equity is finite, not ${start}`)
    this.start = start
    this.#calendar = calendar
    this.#equity = start
    this.#peak = start
    this.#low = start
    this.#dayOpen = start
  }

  /**
   * One sample; `at` never goes back. `exposure` is the gross value of what is held, in money, ≥ 0.
   * This is called after every turn, so the common path only adds and compares. An equity that is not a number is none:
   * while what was taken over has no price yet, what was known last goes on.
   */
  sample(at: Ms, equity: number, exposure: number): void {
    this.#isKnown = Number.isFinite(equity)
    if (!this.#isKnown) return
    if (this.#samples === 0) this.#begin(at)
    this.#samples++
    const elapsed = at - this.#at
    this.#exposureTime += this.#exposure * elapsed
    this.#equityTime += this.#equity * elapsed
    if (this.#exposure > 0) this.#inMarketMs += elapsed
    if (at > this.#nextDay) this.#closeDays(at)
    this.#at = at
    this.#equity = equity
    this.#exposure = exposure
    if (exposure > this.#exposureMax) this.#exposureMax = exposure
    if (equity >= this.#peak) this.#rise(at, equity)
    else if (equity < this.#low) this.#fall(at, equity)
    if (++this.#sinceKept >= this.#stride) this.#keep(at, equity)
  }

  get samples(): number {
    return this.#samples
  }

  get firstAt(): number {
    return this.#firstAt
  }

  get lastAt(): number {
    return this.#at
  }

  /** Equity of the last sample. Throws where that was not a number: no report may hide it. */
  get end(): number {
    assert(this.#isKnown, 'the equity that was sampled last is finite')
    return this.#equity
  }

  /** When nothing was left of an equity above zero; null where that never was. */
  get ruinedAt(): number | null {
    return this.#ruinedAt
  }

  /** Days with a session from the first sample to the last, the one that still lasts included. */
  get days(): number {
    return this.#samples > 0 && this.#isTradingDay() ? this.#days + 1 : this.#days
  }

  /** null where equity never was below a peak. */
  drawdown(): Drawdown | null {
    if (this.#deepestFraction === 0) return null
    const { peak, low, peakAt, troughAt, recoveredAt } = this.#deepest
    return {
      amount: money(peak - low),
      fraction: money(this.#deepestFraction),
      peakAt,
      troughAt,
      recoveredAt: recoveredAt < 0 ? null : recoveredAt,
      durationMs: (recoveredAt < 0 ? this.#at : recoveredAt) - peakAt,
    }
  }

  /** The longest time between two peaks, the one that still lasts included. */
  longestUnderwaterMs(): number {
    const lasting = this.#low < this.#peak ? this.#at - this.#peakAt : 0
    return Math.max(this.#longestUnderwaterMs, lasting)
  }

  exposure(): Exposure {
    const elapsed = this.#at - this.#firstAt
    if (elapsed <= 0)
      return { mean: 0, meanFraction: 0, max: money(this.#exposureMax), timeInMarket: 0 }
    const meanEquity = this.#equityTime / elapsed
    return {
      mean: money(this.#exposureTime / elapsed),
      meanFraction: meanEquity < EQUITY_MIN ? 0 : money(this.#exposureTime / this.#equityTime),
      max: money(this.#exposureMax),
      timeInMarket: money(this.#inMarketMs / elapsed),
    }
  }

  /** Daily returns, the day that still lasts included; none at all where equity was used up. */
  returns(): Returns {
    const isNone = this.#samples === 0 || this.start < EQUITY_MIN || this.#ruinedAt !== null
    if (isNone) return NO_RETURNS
    if (!this.#isTradingDay()) return this.#returns
    return addReturn(this.#returns, this.#equity / this.#dayOpen - 1)
  }

  /**
   * The curve: evenly thinned samples, and always the first, the last, and peak and trough of the deepest
   * drawdown, so that the picture shows the drawdown that the numbers tell.
   */
  points(): EquityPoints {
    const values = new Map<number, number>()
    for (let i = 0; i < this.#pointCount; i++) values.set(this.#pointsAt[i]!, this.#points[i]!)
    if (this.#samples > 0) values.set(this.#at, this.#equity)
    if (this.#deepestFraction > 0) {
      values.set(this.#deepest.peakAt, this.#deepest.peak)
      values.set(this.#deepest.troughAt, this.#deepest.low)
    }
    const at = [...values.keys()].toSorted((a, b) => a - b)
    return { at, equity: at.map((time) => money(values.get(time)!)) }
  }

  /** The starting equity stands one millisecond before the first sample, which may already be lower. */
  #begin(at: Ms): void {
    this.#firstAt = at
    this.#at = at
    this.#peakAt = at - 1
    this.#day = this.#calendar.dayStart((at - 1) as Ms)
    this.#nextDay = this.#calendar.nextDayStart(this.#day)
    this.#keep(at - 1, this.start)
  }

  #rise(at: Ms, equity: number): void {
    if (this.#low < this.#peak) {
      this.#longestUnderwaterMs = Math.max(this.#longestUnderwaterMs, at - this.#peakAt)
      const isDeepest = this.#deepestFraction > 0 && this.#deepest.peakAt === this.#peakAt
      if (isDeepest && this.#deepest.recoveredAt < 0) this.#deepest.recoveredAt = at
    }
    this.#peak = equity
    this.#peakAt = at
    this.#low = equity
  }

  #fall(at: Ms, equity: number): void {
    this.#low = equity
    if (this.#peak < EQUITY_MIN) return
    if (equity < EQUITY_MIN) this.#ruinedAt ??= at
    const fraction = (this.#peak - equity) / this.#peak
    if (fraction <= this.#deepestFraction) return
    this.#deepestFraction = fraction
    const peakAt = this.#peakAt
    this.#deepest = { peak: this.#peak, low: equity, peakAt, troughAt: at, recoveredAt: -1 }
  }

  /** Closes all days that are over before `at`. */
  #closeDays(at: Ms): void {
    while (at > this.#nextDay) {
      if (this.#isTradingDay()) this.#closeDay()
      this.#day = this.#nextDay
      this.#nextDay = this.#calendar.nextDayStart(this.#day)
      assert(this.#nextDay > this.#day, `the day after ${this.#day} begins later`)
    }
  }

  #closeDay(): void {
    this.#days++
    if (this.#dayOpen >= EQUITY_MIN)
      this.#returns = addReturn(this.#returns, this.#equity / this.#dayOpen - 1)
    this.#dayOpen = this.#equity
  }

  #isTradingDay(): boolean {
    return this.#calendar.sessions(this.#day, this.#nextDay).length > 0
  }

  #keep(at: number, equity: number): void {
    this.#sinceKept = 0
    if (this.#pointCount === POINTS_MAX) this.#thin()
    this.#pointsAt[this.#pointCount] = at
    this.#points[this.#pointCount++] = equity
  }

  #thin(): void {
    for (let i = 0; i < POINTS_MAX; i += 2) {
      this.#pointsAt[i / 2] = this.#pointsAt[i]!
      this.#points[i / 2] = this.#points[i]!
    }
    this.#pointCount = POINTS_MAX / 2
    this.#stride *= 2
  }
}
