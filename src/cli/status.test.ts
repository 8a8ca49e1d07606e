import assert from 'node:assert/strict'
import { resolve } from 'node:path'
import { test } from 'node:test'
import { ms } from '../core/time.ts'
import { prunedText } from './status.ts'

const ROOM = { bytes: 1, freeBytes: 1 }
const AT = ms(Date.UTC(2026, 2, 23, 13, 30))

test('a journal that keeps all says so', () => {
  assert.equal(prunedText(ROOM), 'never: all of it is kept')
})

test('a journal that is pruned says when it was, of how many turns, and where copies are', () => {
  const copiesTo = resolve('data/past')

  assert.equal(prunedText({ ...ROOM, dropped: 0 }), 'not yet by this process')
  assert.equal(
    prunedText({ ...ROOM, dropped: 4_239, prunedAt: AT, copiesTo }),
    'last at 2026-03-23T13:30:00.000Z, 4,239 turns by this process, copies in data/past',
  )
})

test('a journal of which nothing can be dropped says why', () => {
  assert.equal(
    prunedText({ ...ROOM, dropped: 0, flaw: 'turn 7: decided otherwise' }),
    'not yet by this process; NOTHING IS DROPPED, it grows: turn 7: decided otherwise',
  )
})
