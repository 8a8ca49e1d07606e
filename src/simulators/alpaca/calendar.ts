// Calendar: Alpaca's clock and its calendar of sessions, GET /v2/clock and GET /v2/calendar.
import { calendarOf } from '../../core/calendar.ts'
import { DAY, ms } from '../../core/time.ts'
import { unprocessable } from './error.ts'
import { dateOf } from './query.ts'
import { newYorkDate, newYorkStamp, newYorkTime } from './text.ts'
import type { AlpacaVenue } from './venue.ts'

export function clockJson(venue: AlpacaVenue) {
  const now = ms(venue.shownNow())
  const calendar = calendarOf(venue.options.isAlwaysOpen === true ? '24/7' : 'us-equity')
  const session = calendar.sessionAt(now)
  const next = calendar.nextSession(now)
  return {
    timestamp: newYorkStamp(now),
    is_open: session !== undefined,
    next_open: newYorkStamp(next.open),
    next_close: newYorkStamp((session ?? next).close),
  }
}

/** @param now Milliseconds: the range is a month around it where the request names none. */
export function calendarJson(query: URLSearchParams, now: number) {
  const calendar = calendarOf('us-equity')
  const from = dateOf(query, 'start') ?? now - 30 * DAY
  const to = dateOf(query, 'end') ?? now + 30 * DAY
  if (to - from > 20 * 365 * DAY) throw unprocessable('the range is at most 20 years')
  const sessions = calendar.sessions(ms(from), ms(to + 2 * DAY))
  const first = stampDate(from)
  const last = stampDate(to)
  const days = sessions.map(({ open, close }) => {
    const after = calendar.nextSession(close)
    const extended = calendar.sessionAt(open, 'extended') ?? { open, close }
    return {
      date: newYorkDate(open),
      open: newYorkTime(open),
      close: newYorkTime(close),
      session_open: newYorkTime(extended.open).replace(':', ''),
      session_close: newYorkTime(extended.close).replace(':', ''),
      settlement_date: newYorkDate(after.open),
    }
  })
  return days.filter(({ date }) => date >= first && date <= last)
}

const stampDate = (at: number): string => new Date(at).toISOString().slice(0, 10)
