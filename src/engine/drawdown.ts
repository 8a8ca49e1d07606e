/*
 * Drawdown ladder: how far equity is below its peak of the last days, as a level with hysteresis.
 *
 *   normal → warning (sizes × warningScale) → halt (nothing new) → emergency (everything is closed)
 *
 * Going up the ladder is immediate and may skip levels; coming down goes one level at a time, and only once
 * the drawdown is below the recovery threshold of the level that is left. Money that comes or leaves without a trade moves
 * the peaks in proportion, so a withdrawal is no drawdown, and a deposit hides none. So does cash that moves while a
 * position is not the venue's, and that position when it is adopted: each is half of a trade that nobody heard of. A
 * drawdown that cannot be computed (equity not finite, or a peak that is not above zero) counts as halt: a check without
 * data denies.
 */
import { assert } from '../core/assert.ts'
import type { DrawdownLevel } from '../core/notice.ts'
import { DAY } from '../core/time.ts'

export interface DrawdownLimits {
  /** Days of the rolling peak, today included; days of the calendar, traded or not. */
  readonly days: number
  /** Fractions of the peak at which a level is entered: 0.03 is 3 %. */
  readonly warning: number
  readonly halt: number
  readonly emergency: number
  /** Fractions below which the level is left. */
  readonly recoverWarning: number
  readonly recoverHalt: number
  readonly recoverEmergency: number
  /** What is left of a size at the warning level, 0 to 1. */
  readonly warningScale: number
}

export const DRAWDOWN_DEFAULTS: DrawdownLimits = {
  days: 20,
  warning: 0.03,
  halt: 0.05,
  emergency: 0.1,
  recoverWarning: 0.02,
  recoverHalt: 0.04,
  recoverEmergency: 0.08,
  warningScale: 0.5,
}

const LEVELS: readonly DrawdownLevel[] = ['normal', 'warning', 'halt', 'emergency']

const HALT = 2

export interface DrawdownState {
  readonly level: number
  /** Null where it could not be computed. */
  readonly drawdown: number | null
  readonly peaks: readonly { readonly day: number; readonly peak: number }[]
}

export class Drawdown {
  readonly #limits: DrawdownLimits
  #level = 0
  #peaks: { day: number; peak: number }[] = []
  /** Highest peak of the days before the last one. */
  #past = -Infinity
  #drawdown = 0
  /** Where each level is left again. */
  readonly #recover: readonly number[]

  constructor(limits: DrawdownLimits) {
    for (const [name, limit] of Object.entries(limits)) {
      assert(limit >= 0, `the drawdown limit ${name} is >= 0, not ${limit}`)
    }
    assert(limits.days >= 1, `the peak is of one day at least, not ${limits.days}`)
    this.#limits = limits
    const { recoverWarning, recoverHalt, recoverEmergency } = limits
    this.#recover = [-Infinity, recoverWarning, recoverHalt, recoverEmergency]
  }

  /**
   * Takes a new equity and gives the level.
   *
   * @param day Start of the trading day: a new value begins a new day of the rolling peak.
   */
  update(day: number, equity: number): DrawdownLevel {
    const peak = Number.isFinite(equity) ? this.#peakWith(day, equity) : NaN
    if (peak > 0) {
      this.#drawdown = (peak - equity) / peak
      this.#step()
    } else {
      this.#drawdown = NaN
      this.#level = Math.max(this.#level, HALT)
    }
    return this.level
  }

  /** Money came or left: equity is `factor` times what it was, and so are its peaks. */
  rescale(factor: number): void {
    // Where all of it left, or there was none, there is no proportion.
    if (!(factor > 0 && factor < Infinity)) return
    this.#peaks = this.#peaks.map(({ day, peak }) => ({ day, peak: peak * factor }))
    this.#past = pastOf(this.#peaks)
  }

  get level(): DrawdownLevel {
    return LEVELS[this.#level]!
  }

  /** Fraction below the peak at the last update; NaN where it could not be computed. */
  get drawdown(): number {
    return this.#drawdown
  }

  /** What is left of a size: 1, the warning scale, or 0. */
  get scale(): number {
    return this.#level === 0 ? 1 : this.#level === 1 ? this.#limits.warningScale : 0
  }

  capture(): DrawdownState {
    const drawdown = Number.isNaN(this.#drawdown) ? null : this.#drawdown
    return { level: this.#level, drawdown, peaks: this.#peaks.map((peak) => ({ ...peak })) }
  }

  restore(state: DrawdownState): void {
    this.#level = state.level
    this.#drawdown = state.drawdown ?? NaN
    this.#peaks = state.peaks.map((peak) => ({ ...peak }))
    this.#past = pastOf(this.#peaks)
  }

  /** The peak of the last days, after today's equity was added and days that are too old have left. */
  #peakWith(day: number, equity: number): number {
    const today = this.#peaks.at(-1)
    if (today === undefined || today.day !== day) return this.#beginDay(day, equity)
    if (equity > today.peak) today.peak = equity
    return Math.max(this.#past, today.peak)
  }

  #beginDay(day: number, equity: number): number {
    this.#peaks.push({ day, peak: equity })
    // Half a day of slack, because a day of a clock change has 23 or 25 hours.
    const since = day - (this.#limits.days - 0.5) * DAY
    this.#peaks = this.#peaks.filter((peak) => peak.day > since)
    this.#past = pastOf(this.#peaks)
    return Math.max(this.#past, equity)
  }

  #step(): void {
    const { warning, halt, emergency } = this.#limits
    const drawdown = this.#drawdown
    const entered = drawdown >= emergency ? 3 : drawdown >= halt ? 2 : drawdown >= warning ? 1 : 0
    if (entered > this.#level) {
      this.#level = entered
      return
    }
    if (this.#level > 0 && drawdown < this.#recover[this.#level]!) this.#level--
  }
}

const pastOf = (peaks: readonly { readonly peak: number }[]): number =>
  Math.max(-Infinity, ...peaks.slice(0, -1).map(({ peak }) => peak))
