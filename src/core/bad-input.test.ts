import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BadInput } from './bad-input.ts'

test('says where, what, which value and what is allowed', () => {
  const place = { file: 'SPY.csv', line: 7, field: 'Close' }
  const error = new BadInput(place, 'is not a number', 'abc', 'a finite price > 0')

  assert.equal(
    error.message,
    'SPY.csv:7: Close is not a number: "abc"; allowed: a finite price > 0',
  )
  assert.equal(error.place, place)
  assert.equal(error.name, 'BadInput')
  assert.ok(error instanceof Error)
})

test('leaves out what it does not know', () => {
  const error = new BadInput({ file: 'skein.yaml' }, 'is empty', undefined, 'at least one venue')

  assert.equal(error.message, 'skein.yaml: is empty; allowed: at least one venue')
})

test('shows numbers as they are, and shortens what is long', () => {
  const message = (value: unknown) => new BadInput({ file: 'f' }, 'is odd', value, 'x').message

  assert.equal(message(NaN), 'f: is odd: NaN; allowed: x')
  assert.equal(message(null), 'f: is odd: null; allowed: x')
  assert.equal(message('y'.repeat(200)), `f: is odd: "${'y'.repeat(76)}...; allowed: x`)
})
