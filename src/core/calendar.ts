/*
 * Calendar: when a market trades, and which trading day a time belongs to.
 *
 *   us-equity  New York. Regular 09:30-16:00, to 13:00 on half days; extended 04:00-20:00, to 17:00 on half
 *              days. Days: holidays.ts. Good from 1998; delayed openings are not known (2002-09-11 was one).
 *   cme        Chicago, equity-index futures. 17:00 of the evening before to 16:00, and 16:15 before
 *              2015-09-21 (CME Globex notice; earlier, the day from 2012-11-19 on ended at 16:15). Regular and
 *              extended are the same. Good from 2012-11-19; the pause 15:15-15:30 that ended in June 2021 is
 *              not modelled. Holidays, as CME's yearly "Holiday Calendar" has them:
 *                closed        New Year's Day, Christmas, and Good Friday, unless it is the first Friday of
 *                              its month: the employment report is out, and trading ends at 08:15
 *                ends 12:00    other holidays of the stock exchange; 10:30 before 2014-05-26
 *                ends 12:15    half days of the stock exchange
 *                ends 08:30    days of mourning, 2018-12-05 and 2025-01-09; 08:15 in the storm of 2012
 *              What trades after a holiday's halt, from 17:00, belongs to the next day here; the clearing
 *              house books holiday and next day as one.
 *   24/7       UTC days, each one session.
 */
import { assert, unreachable } from './assert.ts'
import type { Ms } from './brand.ts'
import { dayOf, type Holiday, holidayOf, isWeekend } from './holidays.ts'
import { DAY, HOUR, lengthMs, MINUTE, plus, type Timeframe } from './time.ts'
import { Zone } from './zone.ts'

export type CalendarName = 'us-equity' | 'cme' | '24/7'
export type Hours = 'regular' | 'extended'

/** [open, close): the close is the first millisecond that is outside. */
export interface Session {
  readonly open: Ms
  readonly close: Ms
}

export interface Calendar {
  readonly name: CalendarName
  /** IANA name of the zone whose wall clock the market keeps. */
  readonly zone: string
  /** The session that holds `at`; regular hours where not told. Calls for times of one day cost a compare. */
  sessionAt(at: Ms, hours?: Hours): Session | undefined
  /** The first session that opens after `at`. */
  nextSession(at: Ms, hours?: Hours): Session
  /** Those that overlap [from, to), in order. */
  sessions(from: Ms, to: Ms, hours?: Hours): Session[]
  /**
   * Start of the trading day that `ts` belongs to, which is the start of its '1d' bar: midnight in New York
   * or UTC, 17:00 Chicago of the evening before. Closed days have one too, so the days tile all time.
   */
  dayStart(ts: Ms): Ms
  nextDayStart(ts: Ms): Ms
}

/** Gives the one calendar of a name, which all callers share. */
export const calendarOf = (name: CalendarName): Calendar => CALENDARS[name]

/** The close of the session at `at`, or else of the next one: when a day order of then ends. */
export const closeAfter = (calendar: Calendar, at: Ms): Ms =>
  (calendar.sessionAt(at) ?? calendar.nextSession(at)).close

/** When a bar ends: one of a day with its trading day. */
export const barEnd = (
  name: CalendarName,
  { timeframe, start }: { readonly timeframe: Timeframe; readonly start: Ms },
): Ms =>
  timeframe === '1d' ? calendarOf(name).nextDayStart(start) : plus(start, lengthMs(timeframe))

/** Opening and close of a day in milliseconds from its local midnight; before it where negative. */
type Opening = readonly [open: number, close: number]

interface Rule {
  readonly zone: string
  /** When the trading day begins, in milliseconds from its local midnight. */
  readonly begins: number
  /** Undefined where the market stays closed. Days count from 1970-01-01. */
  opening(day: number, hours: Hours): Opening | undefined
}

interface Day {
  readonly number: number
  readonly start: Ms
  readonly next: Ms
  readonly regular: Session | undefined
  readonly extended: Session | undefined
}

/** Longest stretch of days without a session: 2001-09-11 and its weekend took six. */
const MAX_CLOSED_DAYS = 14

class RuledCalendar implements Calendar {
  readonly name: CalendarName
  readonly #rule: Rule
  readonly #zone: Zone
  #latest: Day | undefined

  constructor(name: CalendarName, rule: Rule) {
    this.name = name
    this.#rule = rule
    this.#zone = new Zone(rule.zone)
  }

  get zone(): string {
    return this.#zone.name
  }

  sessionAt(at: Ms, hours: Hours = 'regular'): Session | undefined {
    const session = this.#dayAt(at)[hours]
    return session !== undefined && session.open <= at && at < session.close ? session : undefined
  }

  nextSession(at: Ms, hours: Hours = 'regular'): Session {
    const today = this.#dayAt(at)
    let day = today
    while (day.number - today.number <= MAX_CLOSED_DAYS) {
      const session = day[hours]
      if (session !== undefined && session.open > at) return session
      day = this.#day(day.number + 1)
    }
    throw new Error(`assertion failed: ${this.name} opens within ${MAX_CLOSED_DAYS} days of ${at}`)
  }

  sessions(from: Ms, to: Ms, hours: Hours = 'regular'): Session[] {
    const sessions: Session[] = []
    if (to <= from) return sessions
    for (let day = this.#dayAt(from); day.start < to; day = this.#day(day.number + 1)) {
      const session = day[hours]
      if (session !== undefined && session.close > from && session.open < to) sessions.push(session)
    }
    return sessions
  }

  dayStart(ts: Ms): Ms {
    return this.#dayAt(ts).start
  }

  nextDayStart(ts: Ms): Ms {
    return this.#dayAt(ts).next
  }

  #dayAt(at: Ms): Day {
    const latest = this.#latest
    if (latest !== undefined && latest.start <= at && at < latest.next) return latest
    const local = at + this.#zone.offsetAt(at)
    const day = this.#day(Math.floor((local - this.#rule.begins) / DAY))
    assert(day.start <= at && at < day.next, `the trading day of ${at} holds it`)
    this.#latest = day
    return day
  }

  #day(number: number): Day {
    return {
      number,
      start: this.#utcOf(number, this.#rule.begins),
      next: this.#utcOf(number + 1, this.#rule.begins),
      regular: this.#session(number, 'regular'),
      extended: this.#session(number, 'extended'),
    }
  }

  #session(day: number, hours: Hours): Session | undefined {
    const opening = this.#rule.opening(day, hours)
    if (opening === undefined) return undefined
    return { open: this.#utcOf(day, opening[0]), close: this.#utcOf(day, opening[1]) }
  }

  #utcOf(day: number, sinceMidnightMs: number): Ms {
    return this.#zone.utcOf(day * DAY + sinceMidnightMs)
  }
}

const hm = (hour: number, minute = 0): number => hour * HOUR + minute * MINUTE

const US_EQUITY: Rule = {
  zone: 'America/New_York',
  begins: 0,
  opening(day, hours) {
    const holiday = holidayOf(day)
    const isHalf = holiday === 'half-day'
    if (isWeekend(day) || (holiday !== undefined && !isHalf)) return undefined
    if (hours === 'extended') return [hm(4), isHalf ? hm(17) : hm(20)]
    return [hm(9, 30), isHalf ? hm(13) : hm(16)]
  },
}

const CME: Rule = {
  zone: 'America/Chicago',
  begins: -hm(7),
  opening(day) {
    if (isWeekend(day)) return undefined
    const close = cmeClose(day, holidayOf(day))
    return close === undefined ? undefined : [-hm(7), close]
  },
}

const STORM_OVER = dayOf(2012, 10, 31)
const NOON_HALTS = dayOf(2014, 5, 26)
const FOUR_O_CLOCK = dayOf(2015, 9, 21)

function cmeClose(day: number, holiday: Holiday | undefined): number | undefined {
  switch (holiday) {
    case undefined:
      return day < FOUR_O_CLOCK ? hm(16, 15) : hm(16)
    case 'new-year':
    case 'christmas':
      return undefined
    case 'good-friday':
      return new Date(day * DAY).getUTCDate() <= 7 ? hm(8, 15) : undefined
    case 'closure':
      return day < STORM_OVER ? hm(8, 15) : hm(8, 30)
    case 'half-day':
      return hm(12, 15)
    case 'king':
    case 'washington':
    case 'memorial':
    case 'juneteenth':
    case 'independence':
    case 'labor':
    case 'thanksgiving':
      return day < NOON_HALTS ? hm(10, 30) : hm(12)
    default:
      return unreachable(holiday)
  }
}

const ALWAYS: Rule = { zone: 'UTC', begins: 0, opening: () => [0, DAY] }

const CALENDARS: Readonly<Record<CalendarName, Calendar>> = {
  'us-equity': new RuledCalendar('us-equity', US_EQUITY),
  cme: new RuledCalendar('cme', CME),
  '24/7': new RuledCalendar('24/7', ALWAYS),
}
