// Estimate: how many rows a window has, from the calendar, before anything is asked.
import { calendarOf, type Calendar, type Hours } from '../core/calendar.ts'
import { expectedStarts } from '../core/expected.ts'
import type { AssetClass, Span } from '../core/jobs.ts'
import type { Timeframe } from '../core/time.ts'

export const calendarFor = (assetClass: AssetClass): Calendar =>
  calendarOf(assetClass === 'crypto' ? '24/7' : 'us-equity')

/** Windows whose length is remembered; a universe of jobs has a few hundred. */
const KNOWN_MAX = 10_000

/** Counts the bars that one symbol has in a window; the same window is counted once. */
export class Estimate {
  readonly #hours: Hours
  readonly #known = new Map<string, number>()

  /** @param hours Those that the provider sends bars of. */
  constructor(hours: Hours = 'regular') {
    this.#hours = hours
  }

  rows({ from, to }: Span, timeframe: Timeframe, assetClass: AssetClass): number {
    const key = `${assetClass} ${timeframe} ${from} ${to}`
    const known = this.#known.get(key)
    if (known !== undefined) return known
    if (this.#known.size >= KNOWN_MAX) this.#known.clear()
    const rows = expectedStarts(
      calendarFor(assetClass),
      timeframe,
      { from, to },
      this.#hours,
    ).length
    this.#known.set(key, rows)
    return rows
  }
}
