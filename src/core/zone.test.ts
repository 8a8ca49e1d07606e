// Tests of Zone against the written rules of the zones.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HOUR, iso, MINUTE } from './time.ts'
import { Zone } from './zone.ts'

const changes = (name: string, year: number): string[] => {
  const zone = new Zone(name)
  const found: string[] = []
  for (let at = Date.UTC(year, 0, 1); at < Date.UTC(year + 1, 0, 1); at += HOUR / 2) {
    if (zone.offsetAt(at) !== zone.offsetAt(at - 1)) found.push(iso(at))
  }
  return found
}

test('New York changes its clocks at two in the morning, on the Sundays of the law of its year', () => {
  assert.deepEqual(changes('America/New_York', 2026), [
    '2026-03-08T07:00:00.000Z',
    '2026-11-01T06:00:00.000Z',
  ])
  assert.deepEqual(changes('America/New_York', 2013), [
    '2013-03-10T07:00:00.000Z',
    '2013-11-03T06:00:00.000Z',
  ])
  // Until 2006: the first Sunday of April to the last of October.
  assert.deepEqual(changes('America/New_York', 2006), [
    '2006-04-02T07:00:00.000Z',
    '2006-10-29T06:00:00.000Z',
  ])
})

test('Stockholm changes with Europe, UTC and Tokyo never', () => {
  assert.deepEqual(changes('Europe/Stockholm', 2023), [
    '2023-03-26T01:00:00.000Z',
    '2023-10-29T01:00:00.000Z',
  ])
  assert.deepEqual(changes('UTC', 2023), [])
  assert.deepEqual(changes('Asia/Tokyo', 2023), [])
})

test('finds both changes of a year in which they are a month apart', () => {
  // Morocco sets its clocks back for Ramadan: 2024-03-10 and 2024-04-14.
  assert.equal(changes('Africa/Casablanca', 2024).length, 2)
})

test('a wall-clock time that is shown twice is its first instant', () => {
  assert.equal(
    iso(new Zone('America/New_York').utcOf(Date.UTC(2026, 10, 1, 1, 30))),
    '2026-11-01T05:30:00.000Z',
  )
  assert.equal(
    iso(new Zone('Europe/Stockholm').utcOf(Date.UTC(2023, 9, 29, 2, 30))),
    '2023-10-29T00:30:00.000Z',
  )
})

test('a wall-clock time that is skipped moves on by the hour that the clock skipped', () => {
  assert.equal(
    iso(new Zone('America/New_York').utcOf(Date.UTC(2026, 2, 8, 2, 30))),
    '2026-03-08T07:30:00.000Z',
  )
})

test('wall clock and instant are each other turned around, in every hour of two years', () => {
  for (const name of ['America/New_York', 'America/Chicago', 'Europe/London', 'Asia/Kolkata']) {
    const zone = new Zone(name)
    for (let at = Date.UTC(2025, 0, 1); at < Date.UTC(2027, 0, 1); at += HOUR) {
      const local = at + zone.offsetAt(at)
      const back = zone.utcOf(local)
      // The second showing of a repeated hour is told as the first.
      assert.ok(back === at || back === at - HOUR, `${name} ${iso(at)} came back as ${iso(back)}`)
      assert.equal(back + zone.offsetAt(back), local)
    }
  }
})

test('agrees with Intl across the years, asked in no order', () => {
  const zone = new Zone('America/Chicago')
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: 'America/Chicago',
    timeZoneName: 'longOffset',
  })
  for (let i = 0; i < 400; i++) {
    const at = Date.UTC(1970, 0, 1) + ((i * 7919) % 400) * 51 * 24 * HOUR + i * 37 * MINUTE
    const [, hours] = /GMT-0(\d):00/.exec(format.format(at)) ?? []
    assert.equal(zone.offsetAt(at), -Number(hours) * HOUR, iso(at))
  }
})

test('refuses a zone that nobody keeps', () => {
  assert.throws(() => new Zone('America/Gotham'), RangeError)
})
