// Tests of the holiday rules against days that the exchanges announced.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dayOf, type Holiday, holidayOf, isWeekend, weekdayOf } from './holidays.ts'
import { DAY } from './time.ts'

const yearOf = (year: number): Record<string, Holiday> => {
  const found: Record<string, Holiday> = {}
  for (let day = dayOf(year, 1, 1); day < dayOf(year + 1, 1, 1); day++) {
    const holiday = holidayOf(day)
    if (holiday !== undefined) found[new Date(day * DAY).toISOString().slice(5, 10)] = holiday
  }
  return found
}

test('knows the year 2026, whose Independence Day is kept on the Friday', () => {
  assert.deepEqual(yearOf(2026), {
    '01-01': 'new-year',
    '01-19': 'king',
    '02-16': 'washington',
    '04-03': 'good-friday',
    '05-25': 'memorial',
    '06-19': 'juneteenth',
    '07-03': 'independence',
    '09-07': 'labor',
    '11-26': 'thanksgiving',
    '11-27': 'half-day',
    '12-24': 'half-day',
    '12-25': 'christmas',
  })
})

test('keeps no New Year on a Friday, and a Monday for a Sunday', () => {
  assert.equal(holidayOf(dayOf(2021, 12, 31)), undefined)
  assert.equal(holidayOf(dayOf(2022, 1, 3)), undefined)
  assert.equal(holidayOf(dayOf(2023, 1, 2)), 'new-year')
})

test('keeps Juneteenth from 2022 on', () => {
  assert.equal(holidayOf(dayOf(2021, 6, 18)), undefined)
  assert.equal(holidayOf(dayOf(2022, 6, 20)), 'juneteenth')
})

test('closes early on the third of July from Monday to Thursday, but not in 2002', () => {
  assert.equal(holidayOf(dayOf(2024, 7, 3)), 'half-day')
  assert.equal(holidayOf(dayOf(2013, 7, 3)), 'half-day')
  assert.equal(holidayOf(dayOf(2022, 7, 1)), undefined)
  assert.equal(holidayOf(dayOf(2002, 7, 3)), undefined)
  assert.equal(holidayOf(dayOf(2002, 7, 5)), 'half-day')
})

test('knows the closures that no rule knows', () => {
  for (const date of ['2001-09-11', '2001-09-14', '2012-10-30', '2025-01-09']) {
    assert.equal(holidayOf(Date.parse(date) / DAY), 'closure')
  }
})

test('a holiday of the rules is never on a weekend', () => {
  for (let day = dayOf(1998, 1, 1); day < dayOf(2100, 1, 1); day++) {
    if (holidayOf(day) !== undefined) assert.ok(!isWeekend(day))
  }
})

test('counts weekdays on both sides of 1970', () => {
  assert.equal(weekdayOf(dayOf(1970, 1, 1)), 4)
  assert.equal(weekdayOf(dayOf(1969, 12, 28)), 0)
  assert.equal(weekdayOf(dayOf(2026, 3, 8)), 0)
})
