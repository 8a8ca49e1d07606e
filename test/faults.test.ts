// The fault table: each fault has a row, each row a test by its name, and a guard that is in the source once.
import assert from 'node:assert/strict'
import { dirname } from 'node:path'
import { test } from 'node:test'
import { flawsOf, readRows } from '../tools/faults.ts'

const ROOT = dirname(import.meta.dirname)

test('each row of the fault table has a test of its name and a guard that occurs once', () => {
  assert.deepEqual(flawsOf(ROOT, readRows(ROOT)), [])
})
