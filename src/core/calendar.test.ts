// Tests of the calendars on days that are known by heart: no data needed.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Ms } from './brand.ts'
import { calendarOf, type Session } from './calendar.ts'
import { HOUR, iso, MINUTE, ms } from './time.ts'

const at = (text: string): Ms => ms(Date.parse(text))
const show = (session: Session | undefined): string | undefined =>
  session && `${iso(session.open).slice(0, 16)} ${iso(session.close).slice(11, 16)}`

const equity = calendarOf('us-equity')
const cme = calendarOf('cme')
const always = calendarOf('24/7')

test('a session holds its opening and not its close', () => {
  const session = equity.sessionAt(at('2008-03-10T13:30:00Z'))

  assert.equal(show(session), '2008-03-10T13:30 20:00')
  assert.equal(equity.sessionAt(at('2008-03-10T13:29:59.999Z')), undefined)
  assert.deepEqual(equity.sessionAt(at('2008-03-10T19:59:59.999Z')), session)
  assert.equal(equity.sessionAt(at('2008-03-10T20:00:00Z')), undefined)
})

test('opens an hour earlier in UTC once the clocks of New York have changed', () => {
  const opens = (from: string, to: string) => equity.sessions(at(from), at(to)).map(show)

  assert.deepEqual(opens('2026-03-06T00:00Z', '2026-03-10T00:00Z'), [
    '2026-03-06T14:30 21:00',
    '2026-03-09T13:30 20:00',
  ])
  assert.deepEqual(opens('2026-10-30T00:00Z', '2026-11-03T00:00Z'), [
    '2026-10-30T13:30 20:00',
    '2026-11-02T14:30 21:00',
  ])
  assert.deepEqual(opens('2013-03-08T00:00Z', '2013-03-12T00:00Z'), [
    '2013-03-08T14:30 21:00',
    '2013-03-11T13:30 20:00',
  ])
  assert.deepEqual(opens('2013-11-01T00:00Z', '2013-11-05T00:00Z'), [
    '2013-11-01T13:30 20:00',
    '2013-11-04T14:30 21:00',
  ])
})

test('the days of the clock changes have 23 and 25 hours', () => {
  const length = (text: string) => equity.nextDayStart(at(text)) - equity.dayStart(at(text))

  assert.equal(length('2026-03-08T12:00Z'), 23 * HOUR)
  assert.equal(length('2026-11-01T12:00Z'), 25 * HOUR)
  assert.equal(length('2026-03-09T12:00Z'), 24 * HOUR)
})

test('closes for Thanksgiving and early on the Friday after it', () => {
  const thanksgiving = at('2026-11-26T15:00:00Z')

  assert.equal(equity.sessionAt(thanksgiving), undefined)
  assert.equal(equity.sessionAt(thanksgiving, 'extended'), undefined)
  assert.equal(show(equity.nextSession(thanksgiving)), '2026-11-27T14:30 18:00')
  assert.equal(show(equity.nextSession(thanksgiving, 'extended')), '2026-11-27T09:00 22:00')
})

test('extended hours are 04:00 to 20:00 New York', () => {
  const early = at('2026-03-23T08:00:00Z')

  assert.equal(equity.sessionAt(early), undefined)
  assert.equal(show(equity.sessionAt(early, 'extended')), '2026-03-23T08:00 00:00')
  assert.equal(equity.sessionAt(ms(early - 1), 'extended'), undefined)
})

test('the next session opens strictly later, over a weekend and over four closed days', () => {
  assert.equal(show(equity.nextSession(at('2026-03-20T13:29:59.999Z'))), '2026-03-20T13:30 20:00')
  assert.equal(show(equity.nextSession(at('2026-03-20T13:30:00Z'))), '2026-03-23T13:30 20:00')
  assert.equal(show(equity.nextSession(at('2001-09-11T13:00:00Z'))), '2001-09-17T13:30 20:00')
})

test('lists the sessions that a window touches, and none for an empty one', () => {
  const from = at('2026-03-23T19:59:59.999Z')

  assert.equal(equity.sessions(from, at('2026-03-24T13:30:00.001Z')).length, 2)
  assert.equal(equity.sessions(ms(from + 1), at('2026-03-24T13:30:00Z')).length, 0)
  assert.equal(equity.sessions(from, from).length, 0)
  assert.equal(equity.sessions(at('2026-01-01T00:00Z'), at('2027-01-01T00:00Z')).length, 251)
})

test('the day of an equity begins at midnight in New York', () => {
  assert.equal(iso(equity.dayStart(at('2026-03-23T03:59:59Z'))), '2026-03-22T04:00:00.000Z')
  assert.equal(iso(equity.dayStart(at('2026-03-23T04:00:00Z'))), '2026-03-23T04:00:00.000Z')
  assert.equal(iso(equity.nextDayStart(at('2026-03-23T04:00:00Z'))), '2026-03-24T04:00:00.000Z')
})

test('the day of a future begins at 17:00 Chicago of the evening before, Monday on Sunday', () => {
  const monday = at('2026-03-23T12:00:00Z')

  assert.equal(iso(cme.dayStart(monday)), '2026-03-22T22:00:00.000Z')
  assert.equal(cme.dayStart(at('2026-03-22T22:00:00Z')), cme.dayStart(monday))
  assert.equal(iso(cme.nextDayStart(monday)), '2026-03-23T22:00:00.000Z')
  assert.equal(show(cme.sessionAt(monday)), '2026-03-22T22:00 21:00')
  assert.equal(cme.sessionAt(at('2026-03-23T21:30:00Z')), undefined)
  assert.equal(cme.sessionAt(at('2026-03-22T21:59:59.999Z')), undefined)
})

test('a future stops at noon on Thanksgiving, reopens, and stops at 12:15 on Friday', () => {
  const week = cme.sessions(at('2026-11-25T12:00Z'), at('2026-11-30T12:00Z'))

  assert.deepEqual(week.map(show), [
    '2026-11-24T23:00 22:00',
    '2026-11-25T23:00 18:00',
    '2026-11-26T23:00 18:15',
    '2026-11-29T23:00 22:00',
  ])
})

test('a future is closed on Christmas and trades into a Good Friday with an employment report', () => {
  assert.equal(cme.sessionAt(at('2025-12-25T15:00:00Z')), undefined)
  assert.equal(show(cme.nextSession(at('2025-12-24T19:00:00Z'))), '2025-12-25T23:00 22:00')
  assert.equal(show(cme.sessionAt(at('2026-04-03T12:00:00Z'))), '2026-04-02T22:00 13:15')
  assert.equal(cme.sessionAt(at('2025-04-18T12:00:00Z')), undefined)
})

test('a future closed at 16:15 until September 2015', () => {
  assert.equal(show(cme.sessionAt(at('2015-09-18T12:00:00Z'))), '2015-09-17T22:00 21:15')
  assert.equal(show(cme.sessionAt(at('2015-09-21T12:00:00Z'))), '2015-09-20T22:00 21:00')
})

test('a market that never closes has one session a day, in UTC', () => {
  const noon = at('2026-12-25T12:00:00Z')

  assert.equal(show(always.sessionAt(noon)), '2026-12-25T00:00 00:00')
  assert.equal(iso(always.dayStart(noon)), '2026-12-25T00:00:00.000Z')
  assert.equal(iso(always.nextDayStart(noon)), '2026-12-26T00:00:00.000Z')
  assert.equal(show(always.nextSession(noon)), '2026-12-26T00:00 00:00')
})

test('days tile all time, and a session lies within one day, in every calendar', () => {
  for (const calendar of [equity, cme, always]) {
    for (
      let ts = at('2025-12-20T00:00Z');
      ts < at('2027-01-05T00:00Z');
      ts = ms(ts + 17 * MINUTE)
    ) {
      const [start, next] = [calendar.dayStart(ts), calendar.nextDayStart(ts)]
      assert.ok(start <= ts && ts < next)
      assert.equal(calendar.dayStart(next), next)
      assert.equal(calendar.dayStart(ms(next - 1)), start)
      const session = calendar.sessionAt(ts, 'extended')
      if (session !== undefined) assert.ok(start <= session.open && session.close <= next)
    }
  }
})

test('answers do not depend on what was asked before', () => {
  const asked = at('2026-03-23T15:00:00Z')
  const first = equity.sessionAt(asked)

  equity.sessionAt(at('1999-12-31T15:00:00Z'))
  equity.sessions(at('2010-01-01T00:00Z'), at('2011-01-01T00:00Z'))

  assert.deepEqual(equity.sessionAt(asked), first)
})

test('is shared by name', () => {
  assert.equal(calendarOf('cme'), cme)
  assert.equal(cme.zone, 'America/Chicago')
})

test('crashes on a time that is none', () => {
  assert.throws(() => equity.sessionAt(Number.NaN as Ms), /assertion failed/)
})
