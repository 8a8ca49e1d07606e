// Timeframe: Alpaca's names of bar lengths, and the bucket that a minute falls in.
import { calendarOf } from '../../core/calendar.ts'
import { DAY, HOUR, MINUTE, ms } from '../../core/time.ts'
import { merged } from '../history.ts'
import type { Minute } from '../prints.ts'
import { badData } from './error.ts'

export interface AlpacaTimeframe {
  readonly count: number
  readonly unit: 'minute' | 'hour' | 'day' | 'week' | 'month'
}

const UNITS: Readonly<Record<string, readonly [AlpacaTimeframe['unit'], most: number]>> = {
  Min: ['minute', 59],
  T: ['minute', 59],
  Hour: ['hour', 23],
  H: ['hour', 23],
  Day: ['day', 1],
  D: ['day', 1],
  Week: ['week', 1],
  W: ['week', 1],
  Month: ['month', 12],
  M: ['month', 12],
}

export function parseTimeframe(text: string): AlpacaTimeframe {
  const match = /^(\d+)([A-Za-z]+)$/.exec(text)
  const name = match?.[2] ?? ''
  // Words are taken in any case, and letters too; but `m` could be both and is neither.
  const unit = UNITS[name] ?? UNITS[capital(name)]
  const count = Number(match?.[1])
  if (unit === undefined || name === 'm' || count < 1 || count > unit[1])
    throw badData(`invalid timeframe: ${text}`)
  return { count, unit: unit[0] }
}

const capital = (name: string): string =>
  name.slice(0, 1).toUpperCase() + name.slice(1).toLowerCase()

/** Start of the bucket of a time. Days begin at midnight in New York, those of coins at that of UTC. */
export function bucketOf(at: number, { count, unit }: AlpacaTimeframe, isCrypto: boolean): number {
  if (unit === 'minute') return at - (at % (count * MINUTE))
  if (unit === 'hour') return at - (at % (count * HOUR))
  const calendar = calendarOf(isCrypto ? '24/7' : 'us-equity')
  const day = calendar.dayStart(ms(at))
  if (unit === 'day') return day
  // Noon of the day is the same date everywhere between New York and UTC.
  const noon = new Date(day + DAY / 2)
  if (unit === 'week')
    return calendar.dayStart(ms(day + DAY / 2 - ((noon.getUTCDay() + 6) % 7) * DAY))
  const month = noon.getUTCMonth() - (noon.getUTCMonth() % count)
  return calendar.dayStart(ms(Date.UTC(noon.getUTCFullYear(), month, 1, 12)))
}

/** Minutes as bars of a timeframe. The last may not be over. */
export function rolled(
  minutes: readonly Minute[],
  timeframe: AlpacaTimeframe,
  isCrypto: boolean,
): Minute[] {
  if (timeframe.unit === 'minute' && timeframe.count === 1) return [...minutes]
  const bars: Minute[] = []
  let bucket: Minute[] = []
  let start = NaN
  for (const minute of minutes) {
    const at = bucketOf(minute.t, timeframe, isCrypto)
    if (at !== start && bucket.length > 0) bars.push(merged(start, bucket))
    if (at !== start) bucket = []
    start = at
    bucket.push(minute)
  }
  if (bucket.length > 0) bars.push(merged(start, bucket))
  return bars
}
