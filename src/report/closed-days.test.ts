import assert from 'node:assert/strict'
import { test } from 'node:test'
import { symbolId, venueId } from '../core/brand.ts'
import { equitySpec } from '../core/instrument.ts'
import { HOUR, ms } from '../core/time.ts'
import { Universe } from '../core/universe.ts'
import { ClosedDays } from './closed-days.ts'

const share = equitySpec('BTC', venueId('sim'))

/** Hourly bars from Thursday, 2026-01-01, a holiday, to Monday. */
function warningsOf(universe: Universe, hours = 4 * 24): readonly string[] {
  const days = new ClosedDays(universe)
  const start = Date.UTC(2026, 0, 1, 5)
  for (let i = 0; i < hours; i++) days.push({ symbol: symbolId(0), start: ms(start + i * HOUR) })
  return days.warnings()
}

test('tells of a coin that is taken for a share by its weekends', () => {
  const [warning = ''] = warningsOf(new Universe([share]))

  assert.match(warning, /^Bars of BTC lie on days without a session .* us-equity, on up to 3 days/)
})

test('tells nothing of a market that never closes, nor of a night', () => {
  assert.deepEqual(warningsOf(new Universe([{ ...share, calendar: '24/7' }])), [])
  const friday = new ClosedDays(new Universe([share]))
  const open = Date.UTC(2026, 0, 2, 9)
  for (let i = 0; i < 16; i++) friday.push({ symbol: symbolId(0), start: ms(open + i * HOUR) })
  assert.deepEqual(friday.warnings(), [])
})
