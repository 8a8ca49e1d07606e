import assert from 'node:assert/strict'
import { test } from 'node:test'
import { symbolId } from './brand.ts'
import { SymbolMarks } from './symbol-marks.ts'

function swept(marks: SymbolMarks, meanwhile: (symbol: number) => void = () => {}): number[] {
  const symbols: number[] = []
  marks.sweep((symbol) => {
    symbols.push(symbol)
    meanwhile(symbol)
  })
  return symbols
}

test('gives each symbol once, in the order of the marks, and none a second time', () => {
  const marks = new SymbolMarks()
  for (const symbol of [7, 0, 7, 3, 0]) marks.add(symbolId(symbol))

  assert.deepEqual(swept(marks), [7, 0, 3])
  assert.deepEqual(swept(marks), [])

  marks.add(symbolId(3))
  assert.deepEqual(swept(marks), [3])
})

test('gives those that are marked during the sweep, where they were not yet', () => {
  const marks = new SymbolMarks()
  marks.add(symbolId(1))

  assert.deepEqual(
    swept(marks, () => {
      marks.add(symbolId(1))
      marks.add(symbolId(2))
    }),
    [1, 2],
  )
  assert.deepEqual(swept(marks), [])
})
