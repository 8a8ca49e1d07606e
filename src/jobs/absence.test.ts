import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DAY, HOUR } from '../core/time.ts'
import { Absence } from './absence.ts'

const NOW = 100 * DAY
const runs = [{ startedAt: NOW - 9 * DAY, updatedAt: NOW - HOUR }]

test('the day that a provider may be away begins with its silence, however old a run is', () => {
  const absence = new Absence()

  assert.equal(absence.covers(runs, NOW), true)
  assert.equal(absence.covers(runs, NOW + DAY - 1), true)
  assert.equal(absence.covers(runs, NOW + DAY), false)
})

test('a run that was begun while nobody was answered has its own day', () => {
  const absence = new Absence()
  absence.covers(runs, NOW)
  const late = [{ startedAt: NOW + HOUR, updatedAt: NOW + HOUR }]

  assert.equal(absence.covers(late, NOW + DAY), true)
  assert.equal(absence.covers(late, NOW + DAY + HOUR), false)
})

test('an answer ends the silence, and the next begins its own day', () => {
  const absence = new Absence()
  absence.covers(runs, NOW)
  absence.end(NOW + HOUR)
  const tried = [{ startedAt: NOW, updatedAt: NOW + HOUR }]

  assert.equal(absence.covers(runs, NOW + 2 * HOUR), false)
  assert.equal(absence.covers(tried, NOW + DAY + HOUR), true)
  assert.equal(absence.covers(tried, NOW + DAY + 2 * HOUR), false)
})
