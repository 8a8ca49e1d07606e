/*
 * Holidays of the US markets by rule, and the days that no rule knows.
 *
 * Rules: New York Stock Exchange, Rule 7.2 "Holidays" and the yearly pages "Holidays & Trading Hours"
 * (nyse.com/markets/hours-calendars). A holiday on a Saturday is kept on the Friday before and one on a Sunday
 * on the Monday after; New Year's Day on a Saturday is not kept, because the Friday ends an accounting year.
 * Good from 1998, the first year of Martin Luther King Jr. Day at the exchange. A year that is to come may
 * still get a day of mourning.
 */
import { DAY } from './time.ts'

export type Holiday =
  | 'new-year'
  | 'king'
  | 'washington'
  | 'good-friday'
  | 'memorial'
  | 'juneteenth'
  | 'independence'
  | 'labor'
  | 'thanksgiving'
  | 'christmas'
  /** Closed by mourning, attack or storm. */
  | 'closure'
  /** A trading day that ends at 13:00 New York. */
  | 'half-day'

/** Days since 1970-01-01 of a civil date, in no zone. */
export const dayOf = (year: number, month: number, date: number): number =>
  Date.UTC(year, month - 1, date) / DAY

/** 0 is Sunday, 6 is Saturday. */
export const weekdayOf = (day: number): number => (((day + 4) % 7) + 7) % 7

export const isWeekend = (day: number): boolean => weekdayOf(day) % 6 === 0

/** What the New York Stock Exchange keeps on this day; undefined on full trading days and plain weekends. */
export function holidayOf(day: number): Holiday | undefined {
  const year = new Date(day * DAY).getUTCFullYear()
  let holidays = years.get(year)
  if (holidays === undefined) {
    if (years.size >= MAX_YEARS) years.clear()
    holidays = holidaysOf(year)
    years.set(year, holidays)
  }
  return holidays.get(day)
}

/** Most years that are remembered; past it the memory starts anew. */
const MAX_YEARS = 512
const years = new Map<number, ReadonlyMap<number, Holiday>>()

const CLOSURES: readonly string[] = [
  '2001-09-11', // Attacks of September 11.
  '2001-09-12',
  '2001-09-13',
  '2001-09-14',
  '2004-06-11', // Mourning of President Reagan.
  '2007-01-02', // Mourning of President Ford.
  '2012-10-29', // Hurricane Sandy.
  '2012-10-30',
  '2018-12-05', // Mourning of President George H. W. Bush.
  '2025-01-09', // Mourning of President Carter.
]

const HALF_DAYS: readonly string[] = [
  '1999-12-31', // The eve of 2000.
  '2002-07-05', // The Friday after Independence Day, in place of the Wednesday before it.
  '2003-12-26', // The Friday after Christmas.
]

const [MONDAY, THURSDAY] = [1, 4]

function holidaysOf(year: number): ReadonlyMap<number, Holiday> {
  const holidays = new Map<number, Holiday>()
  const newYear = dayOf(year, 1, 1)
  const thanksgiving = nth(4, THURSDAY, year, 11)
  if (weekdayOf(newYear) !== 6) holidays.set(observed(newYear), 'new-year')
  holidays.set(nth(3, MONDAY, year, 1), 'king')
  holidays.set(nth(3, MONDAY, year, 2), 'washington')
  holidays.set(easterOf(year) - 2, 'good-friday')
  // The last Monday of May: a week before the first of June.
  holidays.set(nth(1, MONDAY, year, 6) - 7, 'memorial')
  if (year >= 2022) holidays.set(observed(dayOf(year, 6, 19)), 'juneteenth')
  holidays.set(observed(dayOf(year, 7, 4)), 'independence')
  holidays.set(nth(1, MONDAY, year, 9), 'labor')
  holidays.set(thanksgiving, 'thanksgiving')
  holidays.set(observed(dayOf(year, 12, 25)), 'christmas')

  holidays.set(thanksgiving + 1, 'half-day')
  for (const eve of [dayOf(year, 7, 3), dayOf(year, 12, 24)]) {
    const weekday = weekdayOf(eve)
    if (weekday >= MONDAY && weekday <= THURSDAY) holidays.set(eve, 'half-day')
  }
  if (year === 2002) holidays.delete(dayOf(2002, 7, 3))
  for (const day of inYear(HALF_DAYS, year)) holidays.set(day, 'half-day')
  for (const day of inYear(CLOSURES, year)) holidays.set(day, 'closure')
  return holidays
}

const inYear = (dates: readonly string[], year: number): readonly number[] =>
  dates.filter((date) => date.startsWith(String(year))).map((date) => Date.parse(date) / DAY)

function observed(day: number): number {
  const weekday = weekdayOf(day)
  return weekday === 6 ? day - 1 : weekday === 0 ? day + 1 : day
}

/** The n-th such weekday of a month. */
function nth(n: number, weekday: number, year: number, month: number): number {
  const first = dayOf(year, month, 1)
  return first + ((weekday - weekdayOf(first) + 7) % 7) + 7 * (n - 1)
}

/** Easter Sunday in the Gregorian calendar: Meeus, Astronomical Algorithms, chapter 8. */
function easterOf(year: number): number {
  const a = year % 19
  const b = Math.floor(year / 100)
  const c = year % 100
  const d = (19 * a + b - Math.floor(b / 4) - Math.floor((8 * b + 13) / 25) + 15) % 30
  const e = (32 + 2 * (b % 4) + 2 * Math.floor(c / 4) - d - (c % 4)) % 7
  const f = Math.floor((a + 11 * d + 22 * e) / 451)
  const n = d + e - 7 * f + 114
  return dayOf(year, Math.floor(n / 31), (n % 31) + 1)
}
