/*
 * Closed days: bars of a symbol on days on which its calendar has no session. What nobody told of is taken for a US
 * share, so a coin has its weekends cut off: orders are denied there, no data fill, and its days are those of New York.
 */
import { type Calendar, calendarOf } from '../core/calendar.ts'
import type { SymbolId } from '../core/brand.ts'
import type { Bar } from '../core/market.ts'
import { named } from '../core/named.ts'
import type { Universe } from '../core/universe.ts'

interface Seen {
  readonly symbol: string
  readonly calendar: Calendar
  nextDayAt: number
  closed: number
}

export class ClosedDays {
  readonly #universe: Universe
  readonly #seen: (Seen | undefined)[] = []

  constructor(universe: Universe) {
    this.#universe = universe
  }

  /** Closed bars of a symbol, in order of time. */
  push({ symbol, start }: Pick<Bar, 'symbol' | 'start'>): void {
    const seen = (this.#seen[symbol] ??= this.#open(symbol))
    if (start < seen.nextDayAt) return
    const { calendar } = seen
    const day = calendar.dayStart(start)
    const next = calendar.nextDayStart(day)
    seen.nextDayAt = next
    if (calendar.sessions(day, next).length === 0) seen.closed++
  }

  warnings(): readonly string[] {
    const found = this.#seen.filter((seen) => seen !== undefined && seen.closed > 0) as Seen[]
    const [first] = found.toSorted((a, b) => b.closed - a.closed)
    if (first === undefined) return []
    const who = named(found.map(({ symbol }) => symbol))
    const { closed, calendar } = first
    const days = `${closed} day${closed === 1 ? '' : 's'}`
    return [
      `Bars of ${who} lie on days without a session of their calendar, ${calendar.name}, on up to ${days}: nothing trades there. What is no US share says so: instrument.kind, or its calendar.`,
    ]
  }

  #open(symbol: SymbolId): Seen {
    const { spec } = this.#universe.at(symbol)
    return { symbol: spec.symbol, calendar: calendarOf(spec.calendar), nextDayAt: 0, closed: 0 }
  }
}
