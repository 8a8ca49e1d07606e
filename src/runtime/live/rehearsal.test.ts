import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RISK_DEFAULTS } from '../../engine/risk-limits.ts'
import { coin, future, limitsOf, MONDAY_10, share, universeOf } from '../../testing/builders.ts'
import { REHEARSED_TURNS, rehearse } from './rehearsal.ts'

const CASES = {
  'a share': share('A'),
  'a coin in small lots, of which a few are worth too little': coin('B', {
    lotSize: 0.0001,
    minNotional: 5,
  }),
  'a future in large steps': future('C', { tickSize: 0.25, multiplier: 50 }),
  'an inverse perpetual': future('D', { kind: 'perpetual', inverse: true, multiplier: 1 }),
} as const

for (const [name, spec] of Object.entries(CASES)) {
  test(`an order is made in each turn with ${name}, and nothing of the run is touched`, async () => {
    const universe = universeOf(spec)
    const setup = {
      universe,
      uses: [],
      risk: { ...RISK_DEFAULTS, maxTradesPerDay: 1 },
      run: 'r',
      currency: spec.currency,
      base: '1m',
      bars: { latenessMs: 0, maxFill: 2 },
    } as const
    let breaths = 0
    const breathe = async (): Promise<void> => void breaths++

    const orders = await rehearse({
      setup,
      limits: limitsOf(),
      kinds: ['bars'],
      now: MONDAY_10,
      breathe,
    })

    assert.equal(orders, REHEARSED_TURNS)
    assert.ok(breaths > 10)
    assert.deepEqual(
      universe.all.map((instrument) => instrument.spec),
      [spec],
    )
  })
}

test('a venue that takes no order of the instrument hears of none', async () => {
  const setup = {
    universe: universeOf('A'),
    uses: [],
    risk: RISK_DEFAULTS,
    run: 'r',
    currency: 'USD',
    base: '1m',
    bars: { latenessMs: 0, maxFill: 2 },
  } as const
  const limits = limitsOf(20, { terms: {} })

  const options = { setup, limits, kinds: [], now: MONDAY_10, breathe: () => Promise.resolve() }

  assert.equal(await rehearse(options), 0)
})
