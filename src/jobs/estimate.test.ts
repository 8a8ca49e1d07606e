import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DAY, ms } from '../core/time.ts'
import { Estimate } from './estimate.ts'

/** A Monday to the Saturday after it. */
const WEEK = { from: ms(Date.UTC(2026, 0, 5, 5)), to: ms(Date.UTC(2026, 0, 10, 5)) }

test('rows are those of the hours that the provider sends', () => {
  const [regular, extended] = [new Estimate(), new Estimate('extended')]
  const rows = (estimate: Estimate, timeframe: '15m' | '1h' | '4h' | '1d') =>
    estimate.rows(WEEK, timeframe, 'stock')

  assert.deepEqual(
    (['15m', '1h', '4h', '1d'] as const).map((name) => rows(regular, name)),
    [5 * 26, 5 * 7, 5 * 3, 5],
  )
  // From 4:00 to 20:00 in New York, which is 9:00 to 1:00 in UTC.
  assert.deepEqual(
    (['15m', '1h', '4h', '1d'] as const).map((name) => rows(extended, name)),
    [5 * 64, 5 * 16, 5 * 5, 5],
  )
  assert.equal(extended.rows({ ...WEEK, to: ms(WEEK.from + DAY) }, '1h', 'crypto'), 24)
})
