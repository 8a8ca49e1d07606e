/*
 * Stamps: Alpaca's RFC 3339 times with up to nine fractional digits, to milliseconds.
 *
 * The engine counts in milliseconds and keeps ties in order of arrival, so nanoseconds are cut off here and only
 * here: `.123999999` is millisecond 123. Rounding would move a trade of 15:59:59.9996 into the next minute's bar.
 */
import { type Ms } from '../../core/brand.ts'
import { ms } from '../../core/time.ts'

const STAMP =
  /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?(?:Z|([+-])(\d{2}):(\d{2}))$/

/**
 * `2026-01-05T15:04:05.123456789Z`, `2026-01-05T10:04:05-05:00` → milliseconds since the epoch; undefined where the
 * text is no such time. A leap second is none either: no venue sends one.
 */
export function parseStamp(text: unknown): Ms | undefined {
  const match = typeof text === 'string' ? STAMP.exec(text) : null
  if (match === null) return undefined
  const [, year, month, day, hour, minute, second, fraction = '', sign, zoneHour, zoneMinute] =
    match
  const midnight = dayMs(Number(year), Number(month), Number(day))
  if (midnight === undefined || Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) {
    return undefined
  }
  const seconds = Number(hour) * 3600 + Number(minute) * 60 + Number(second)
  const milliseconds = Number(fraction.slice(0, 3).padEnd(3, '0'))
  const zone = sign === undefined ? 0 : Number(zoneHour) * 60 + Number(zoneMinute)
  const offsetMs = (sign === '-' ? -zone : zone) * 60_000
  return ms(midnight + seconds * 1000 + milliseconds - offsetMs)
}

/** Midnight UTC of a day of the calendar; undefined where there is no such day. */
export function dayMs(year: number, month: number, day: number): number | undefined {
  const at = Date.UTC(year, month - 1, day)
  const date = new Date(at)
  const isDay = date.getUTCMonth() === month - 1 && date.getUTCDate() === day
  return isDay && year >= 1900 ? at : undefined
}

/** What Alpaca takes as `start`, `end`, `after`: `2026-01-05T15:04:05.123Z`. */
export const formatStamp = (at: number): string => new Date(at).toISOString()
