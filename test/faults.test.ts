// The fault table: each fault has a row, each row a test by its name, and a guard that is in the source once.
import assert from 'node:assert/strict'
import { dirname } from 'node:path'
import { test } from 'node:test'
import { flawsOf, readRows } from '../tools/faults.ts'

const ROOT = dirname(import.meta.dirname)

/** Rows of the catalogue that must be there, from one number to another. */
const RANGES = [
  [1, 75],
  [83, 83],
  [201, 212],
  [310, 318],
  [330, 339],
  [340, 345],
  [350, 355],
  [390, 395],
] as const

test('no fault of the catalogue is left out', () => {
  const ids = new Set(readRows(ROOT).map(({ id }) => id))
  const wanted = RANGES.flatMap(([from, to]) =>
    Array.from({ length: to - from + 1 }, (_none, i) => `F${String(from + i).padStart(3, '0')}`),
  )

  assert.deepEqual(
    wanted.filter((id) => !ids.has(id)),
    [],
  )
})

test('each row of the fault table has a test of its name and a guard that occurs once', () => {
  assert.deepEqual(flawsOf(ROOT, readRows(ROOT)), [])
})
