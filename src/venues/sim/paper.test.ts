// What a run with simulated fills may ask for.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { limitsOf, SIM, termsOf } from '../../testing/builders.ts'
import { paperLimits } from './paper.ts'

const sim = { venue: SIM, cash: 1_000 }

test('simulated fills take what the market takes, and keep brackets that the market keeps as ever', () => {
  const takes = { market: ['gtc'], 'stop-limit': ['gtc'] } as const
  const { crypto } = termsOf({ takes, shorts: false, exits: 'one', stopCollar: 0.05 })
  const theirs = {
    brackets: 'native',
    protectsParts: false,
    oneTif: true,
    postOnly: false,
  } as const
  const { equity } = termsOf(theirs)
  const { terms } = paperLimits(limitsOf(1, { terms: { crypto: crypto!, equity: equity! } }), sim)

  assert.deepEqual(terms.crypto, crypto)
  assert.deepEqual(terms.equity, {
    ...equity,
    protectsParts: true,
    exitsBesideLegs: true,
    reduceOnly: true,
  })
  assert.equal(terms.future, undefined)
})
