// Zone: a time zone's offset from UTC at any instant, asked of Intl once per year and then remembered.
import { assert } from './assert.ts'
import type { Ms } from './brand.ts'
import { DAY, ms } from './time.ts'

/** A stretch of time without a clock change: [from, until). */
interface Span {
  readonly from: number
  readonly until: number
  readonly offsetMs: number
}

const NOWHERE: Span = { from: Infinity, until: Infinity, offsetMs: 0 }

/** Most years that a zone remembers; past it the memory starts anew. */
const MAX_YEARS = 512

/**
 * Wall-clock arithmetic of an IANA zone. "Local" numbers are wall-clock times written as though they were
 * UTC: `Date.UTC(2026, 2, 9, 9, 30)` is half past nine of that morning in any zone. Repeated calls for times
 * between two clock changes cost two compares. Throws RangeError on a zone that Intl does not know.
 *
 * @example new Zone('America/New_York').utcOf(Date.UTC(2026, 2, 9, 9, 30)) // 2026-03-09T13:30:00Z
 */
export class Zone {
  readonly name: string
  readonly #format: Intl.DateTimeFormat
  readonly #years = new Map<number, readonly Span[]>()
  #span = NOWHERE

  constructor(name: string) {
    this.name = name
    this.#format = new Intl.DateTimeFormat('en-US', {
      timeZone: name,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    })
  }

  /** Wall clock minus UTC, in milliseconds: -18,000,000 for New York in winter. */
  offsetAt(at: number): number {
    if (at < this.#span.from || at >= this.#span.until) this.#span = this.#find(at)
    return this.#span.offsetMs
  }

  /**
   * The instant at which the wall clock shows `local`. Of a time that is shown twice it is the first; a time
   * that is skipped moves on by what the clock skipped.
   */
  utcOf(local: number): Ms {
    const before = this.offsetAt(local - DAY)
    const early = local - before
    if (this.offsetAt(early) === before) return ms(early)
    const after = this.offsetAt(local + DAY)
    const late = local - after
    return ms(this.offsetAt(late) === after ? late : early)
  }

  #find(at: number): Span {
    assert(Number.isFinite(at), `a time is finite, not ${at}`)
    const year = new Date(at).getUTCFullYear()
    let spans = this.#years.get(year)
    if (spans === undefined) {
      if (this.#years.size >= MAX_YEARS) this.#years.clear()
      spans = this.#spansOf(year)
      this.#years.set(year, spans)
    }
    const span = spans.find(({ until }) => at < until)
    assert(span !== undefined, `the spans of ${year} in ${this.name} hold ${at}`)
    return span
  }

  // Looks once a week and halves the week in which the offset changed, down to the millisecond.
  #spansOf(year: number): readonly Span[] {
    const end = Date.UTC(year + 1, 0, 1)
    const spans: Span[] = []
    let from = Date.UTC(year, 0, 1)
    let offsetMs = this.#ask(from)
    for (let low = from; low < end; low += 7 * DAY) {
      const high = Math.min(low + 7 * DAY, end - 1)
      const changed = this.#ask(high)
      if (changed === offsetMs) continue
      const until = this.#changeBetween(low, high, offsetMs)
      spans.push({ from, until, offsetMs })
      from = until
      offsetMs = changed
    }
    spans.push({ from, until: end, offsetMs })
    return spans
  }

  #changeBetween(low: number, high: number, offsetMs: number): number {
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2)
      if (this.#ask(middle) === offsetMs) low = middle
      else high = middle
    }
    return high
  }

  #ask(at: number): number {
    const shown = { year: 0, month: 0, day: 0, hour: 0, minute: 0, second: 0 }
    for (const { type, value } of this.#format.formatToParts(at)) {
      if (Object.hasOwn(shown, type)) shown[type as keyof typeof shown] = Number(value)
    }
    const { year, month, day, hour, minute, second } = shown
    const whole = Math.floor(at / 1000) * 1000
    return Date.UTC(year, month - 1, day, hour, minute, second) - whole
  }
}
