// What a run with simulated fills may ask for, and what of it is the market's.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VirtualWorld } from '../../io/virtual.ts'
import { limitsOf, SIM, termsOf, universeOf } from '../../testing/builders.ts'
import { paperLimits, PaperVenue } from './paper.ts'
import { SimVenue } from './venue.ts'

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

test('streams that a person lets try again are those of the market', () => {
  let cleared = 0
  const [io, universe] = [new VirtualWorld({ seed: 1 }).node('run'), universeOf('A')]
  const market = Object.assign(new SimVenue({ io, universe, sim }), { clear: () => cleared++ })

  new PaperVenue({ io, universe, market, sim }).clear()

  assert.equal(cleared, 1)
})
