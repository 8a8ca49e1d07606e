import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addReturn, NO_RETURNS, type Returns, sharpe, sortino } from './returns.ts'

const of = (...values: readonly number[]): Returns => values.reduce(addReturn, NO_RETURNS)

test('annualises the mean over the sample standard deviation', () => {
  const returns = of(0.01, -0.005, 0.02, 0)

  // Mean 0.00625, squared distances 0.00036875 over 3 days: deviation 0.0110867.
  const expected = (0.00625 / Math.sqrt(0.00036875 / 3)) * Math.sqrt(252)
  assert.ok(Math.abs(sharpe(returns, 252)! - expected) < 1e-12)
})

test('counts only losses into the downside, over all days', () => {
  const returns = of(0.01, -0.005, 0.02, 0)

  const expected = (0.00625 / Math.sqrt(0.005 ** 2 / 4)) * Math.sqrt(365)
  assert.ok(Math.abs(sortino(returns, 365)! - expected) < 1e-12)
})

test('has no ratio where there is nothing to divide by', () => {
  assert.equal(sharpe(of(), 252), null)
  assert.equal(sharpe(of(0.01), 252), null)
  assert.equal(sharpe(of(0.1, 0.1, 0.1), 252), null)
  assert.equal(sortino(of(0.01, 0.02), 252), null)
})
