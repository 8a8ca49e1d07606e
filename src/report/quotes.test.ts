import assert from 'node:assert/strict'
import { test } from 'node:test'
import { A, MONDAY_10, share, universeOf } from '../testing/builders.ts'
import { type MarkedNotice, QuoteTally } from './quotes.ts'

const instrument = universeOf('AAPL').at(A)
const marked = (changes: Partial<MarkedNotice>): MarkedNotice => ({
  type: 'quote.marked',
  at: MONDAY_10,
  symbol: A,
  strategy: 'mm',
  side: 'buy',
  qty: 100,
  price: 99.98,
  fee: -0.5,
  middle: 100,
  later: 99.99,
  ...changes,
})

test('tells nothing where no quote has filled', () => {
  assert.equal(new QuoteTally().results(), null)
})

test('splits what a quote earned into its edge, what was lost a second later, and fees', () => {
  const tally = new QuoteTally()
  tally.add(marked({}), instrument)
  const { edge, adverse, fees, left, edgeBps } = tally.results()!
  assert.deepEqual([edge, adverse, fees, left], [2, 1, -0.5, 1.5])
  assert.equal(Math.round(edgeBps * 100) / 100, 2)
})

test('a sale earns above the middle, and loses where it rises', () => {
  const tally = new QuoteTally()
  tally.add(marked({ side: 'sell', price: 100.03, later: 100.05, fee: 0 }), instrument)
  const { edge, adverse } = tally.results()!
  assert.deepEqual([edge, adverse], [3, 5])
})

test('counts what a quote of an inverse contract earned in its coin', () => {
  const inverse = universeOf(share('BTCUSD', { kind: 'perpetual', inverse: true })).at(A)
  const tally = new QuoteTally()
  const prices = { price: 8_000, middle: 10_000, later: 16_000, fee: 0 }
  tally.add(marked({ ...prices, qty: 10_000 }), inverse)
  const { edge, adverse } = tally.results()!
  // 10,000 × (1/8,000 − 1/10,000), and 10,000 × (1/16,000 − 1/10,000).
  assert.deepEqual([edge, adverse], [0.25, -0.375])
})

test('counts no second that nobody has seen', () => {
  const tally = new QuoteTally()
  tally.add(marked({ later: NaN }), instrument)
  assert.equal(tally.results()!.adverse, 0)
})
