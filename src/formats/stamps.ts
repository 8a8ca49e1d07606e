/*
 * Stamps: the ways in which files write a time.
 *
 *   2026-03-23 13:30:00+00:00   with an offset or Z: an instant
 *   1774272600 1774272600000    9 or 10 digits: seconds since 1970; 11 to 13: milliseconds
 *   2026-03-23 09:30:00.000     without an offset: the wall clock of a zone that somebody must tell
 *   2026-03-23 20260323         a date: a trading day
 *
 * Between the parts of a date stands -, . or / or nothing, year first always; fractions below a millisecond
 * are cut off. A wall-clock time that the clock shows twice is its first showing, unless that is not after
 * the row before, then the second; a time that the clock skipped is refused.
 */
import type { Ms } from '../core/brand.ts'
import { DAY, END_OF_TIME, ms } from '../core/time.ts'
import { Zone } from '../core/zone.ts'

export interface Stamp {
  readonly kind: 'instant' | 'wall' | 'date'
  /** Milliseconds since 1970: UTC of an instant, the wall clock written as though it were UTC otherwise. */
  readonly at: number
}

export const STAMPS =
  'a time from 1970 to 2100 such as 2026-03-23T13:30:00Z, 2026-03-23 13:30:00 or milliseconds'

const PATTERN =
  /^(\d{4})([-./]?)(\d\d)\2(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)? ?(Z|[+-]\d\d:?\d\d)?)?$/

/** Reads a stamp; undefined where it is none, or outside of 1970 to 2100. */
export function parseStamp(text: string): Stamp | undefined {
  const stamp = /^\d{9,13}$/.test(text) ? epoch(text) : calendrical(text)
  return stamp !== undefined && stamp.at >= 0 && stamp.at < END_OF_TIME ? stamp : undefined
}

const epoch = (text: string): Stamp => ({
  kind: 'instant',
  at: Number(text) * (text.length <= 10 ? 1_000 : 1),
})

function calendrical(text: string): Stamp | undefined {
  const match = PATTERN.exec(text)
  if (match === null) return undefined
  const [, year, , month, day, hour, minute, second, fraction, offset] = match
  const midnight = Date.UTC(Number(year), Number(month) - 1, Number(day))
  const date = new Date(midnight)
  if (date.getUTCMonth() !== Number(month) - 1 || date.getUTCDate() !== Number(day))
    return undefined
  if (hour === undefined) return { kind: 'date', at: midnight }
  const [hours, minutes, seconds] = [Number(hour), Number(minute), Number(second ?? 0)]
  if (hours > 23 || minutes > 59 || seconds > 59) return undefined
  const millis = Number((fraction ?? '').slice(0, 3).padEnd(3, '0'))
  const wall = midnight + ((hours * 60 + minutes) * 60 + seconds) * 1_000 + millis
  if (offset === undefined) return { kind: 'wall', at: wall }
  const away = offsetMs(offset)
  return away === undefined ? undefined : { kind: 'instant', at: wall - away }
}

function offsetMs(text: string): number | undefined {
  if (text === 'Z') return 0
  const hours = Number(text.slice(1, 3))
  const minutes = Number(text.slice(-2))
  if (hours > 14 || minutes > 59) return undefined
  return (text.startsWith('-') ? -1 : 1) * (hours * 60 + minutes) * 60_000
}

/** Wall-clock times of one file, in order, as instants. */
export class WallClock {
  readonly zone: Zone
  #last = -Infinity

  constructor(zone: string) {
    this.zone = new Zone(zone)
  }

  /** The instant of a wall-clock time; undefined where the clock never showed it. */
  utcOf(wall: number): Ms | undefined {
    const first = this.zone.utcOf(wall)
    if (this.zone.offsetAt(first) !== wall - first) return undefined
    if (first <= this.#last) {
      const second = wall - this.zone.offsetAt(wall + DAY)
      if (second > this.#last && this.zone.offsetAt(second) === wall - second)
        return this.#keep(second)
    }
    return this.#keep(first)
  }

  #keep(at: number): Ms {
    this.#last = at
    return ms(at)
  }
}

/** True where Intl knows the zone. */
export function isZone(name: string): boolean {
  try {
    Intl.DateTimeFormat('en-US', { timeZone: name })
    return true
  } catch {
    return false
  }
}
