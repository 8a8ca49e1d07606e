// What was told is taken instead of what is stored where they are as many.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { barColumns } from '../core/columns.ts'
import { Told } from './told.ts'

function series(symbol: string, ...starts: readonly number[]) {
  const bars = barColumns(starts.length)
  bars.start.set(starts)
  return { symbol, bars }
}

test('has the starts of all pages, where the store has as many', () => {
  const told = new Told()
  told.add([series('A', 1, 2), series('B', 1)])
  told.add([series('B', 2, 5)])

  assert.deepEqual(told.starts('A', 2), Float64Array.of(1, 2))
  assert.deepEqual(told.starts('B', 3), Float64Array.of(1, 2, 5))
  assert.deepEqual(told.starts('C', 0), new Float64Array())
})

test('has none where the store has more or less: bars of another claim, or none of what was told', () => {
  const told = new Told()
  told.add([series('A', 1, 2)])

  const found = [told.starts('A', 3), told.starts('A', 1), told.starts('C', 1)]
  assert.deepEqual(found, [undefined, undefined, undefined])
})

test('has none where a page went back in time: as many may be others', () => {
  const told = new Told()
  told.add([series('A', 1, 2)])
  told.add([series('A', 2, 3)])

  assert.equal(told.starts('A', 4), undefined)
})

test('keeps what was told when the columns are filled with the next page', () => {
  const told = new Told()
  const page = series('A', 1, 2)
  told.add([page])
  page.bars.start.fill(9)

  assert.deepEqual(told.starts('A', 2), Float64Array.of(1, 2))
})

test('forgets the query before', () => {
  const told = new Told()
  told.add([series('A', 1)])
  told.clear()

  assert.deepEqual(told.starts('A', 0), new Float64Array())
})
