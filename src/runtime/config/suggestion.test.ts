import assert from 'node:assert/strict'
import { test } from 'node:test'
import { suggestion } from './suggestion.ts'

const KNOWN = ['risk', 'sim', 'maxPositions', 'maxOpenOrders']

test('suggests what is one slip away: a letter more, less, other, or swapped', () => {
  for (const given of ['riskk', 'rsk', 'rosk', 'rsik', 'RISK']) {
    assert.equal(suggestion(given, KNOWN), ' (did you mean risk?)')
  }
})

test('long names may have more slips than short ones', () => {
  assert.equal(suggestion('max_positons', KNOWN), ' (did you mean maxPositions?)')
})

test('suggests nothing where nothing is near', () => {
  for (const given of ['', 'venues', 'x', 'leverage']) assert.equal(suggestion(given, KNOWN), '')
})
