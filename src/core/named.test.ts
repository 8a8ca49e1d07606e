import assert from 'node:assert/strict'
import { test } from 'node:test'
import { named } from './named.ts'

test('names so many of a list, and counts the others', () => {
  assert.deepEqual(
    [named([]), named(['A', 'B'], 2), named(['A', 'B', 'C', 'D'], 2)],
    ['', 'A, B', 'A, B and 2 more'],
  )
})
