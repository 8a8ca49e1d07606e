import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DAY, HOUR, MINUTE } from '../core/time.ts'
import { alertOf, dueOf, type Fresh, leastOf, stateOf } from './freshness.ts'
import { closedEnd } from './slices.ts'

/** A Monday. */
const MONDAY = Date.UTC(2026, 0, 5)
const at = (hour: number, minute = 0): number => MONDAY + hour * HOUR + minute * MINUTE
const stock = { assetClass: 'stock', end: undefined } as const

test('a bar is due when its limit after its end is over, in the hours of its market', () => {
  const due = (timeframe: '15m' | '1h' | '4h' | '1d', now: number) =>
    dueOf({ ...stock, timeframe, now }).due

  // Fifteen minutes after the end of the bar that began at 15:00.
  assert.equal(due('15m', at(15, 29)), at(14, 45))
  assert.equal(due('15m', at(15, 30)), at(15))
  assert.equal(due('1h', at(17, 59)), at(14))
  assert.equal(due('1h', at(18)), at(15))
  assert.equal(due('4h', at(24)), at(12))
  // On Monday morning it is still the last bar of Friday.
  assert.equal(due('15m', at(12)), MONDAY - 3 * DAY + 20 * HOUR + 45 * MINUTE)
  assert.equal(due('1d', at(12)), MONDAY - 3 * DAY + 5 * HOUR)
  assert.equal(
    dueOf({ assetClass: 'crypto', timeframe: '1h', now: at(3), end: undefined }).due,
    at(0),
  )
})

test('a range that has ended is judged by its end', () => {
  const end = MONDAY - 10 * DAY
  const { due } = dueOf({ ...stock, timeframe: '1h', now: at(12), end })

  // The last hour of the half day before Christmas, however long ago.
  assert.equal(due, Date.UTC(2025, 11, 24, 17))
  assert.equal(stateOf(due, due), 'fresh')
})

test('a symbol may be quiet for a session where the provider was asked, and no longer', () => {
  const question = dueOf({ ...stock, timeframe: '1h', now: at(23) })

  const asked = leastOf(question, at(22))
  const notAsked = leastOf(question, at(15))

  assert.equal(notAsked, at(20))
  assert.equal(asked, at(14))
  assert.equal(stateOf(at(16), notAsked), 'stale')
  assert.equal(stateOf(at(16), asked), 'fresh')
  assert.equal(stateOf(asked - HOUR, asked), 'stale')
})

test('what is asked for this moment is updating, and nothing at all is no data', () => {
  assert.equal(stateOf(at(1), at(2), true), 'updating')
  assert.equal(stateOf(undefined, at(2), true), 'updating')
  assert.equal(stateOf(undefined, at(2)), 'no_data')
})

test('an alert names the latest series, and counts the rest', () => {
  const one = (symbol: string, lateMs: number, state: Fresh['state'] = 'stale'): Fresh => ({
    symbol,
    lateMs,
    state,
    timeframe: '15m',
    adjustment: 'raw',
    last: at(14),
    due: at(15),
    limitMs: 0,
  })
  const stale = ['A', 'B', 'C', 'D'].map((symbol, i) => one(symbol, i * MINUTE))

  assert.equal(alertOf([one('E', 0, 'fresh'), one('F', 0, 'updating')]), undefined)
  assert.equal(
    alertOf([...stale, one('E', 0, 'fresh')]),
    '4 of 5 series are stale: the last bar of D 15m began 2026-01-05T14:00Z, ' +
      'the last bar of C 15m began 2026-01-05T14:00Z, the last bar of B 15m began 2026-01-05T14:00Z and 1 more',
  )
})

test('what may be asked for follows the clock in steps, and stands still while the market is closed', () => {
  assert.equal(closedEnd('15m', 'stock', at(15, 29)), at(15))
  assert.equal(closedEnd('15m', 'stock', at(15, 30)), at(15, 15))
  assert.equal(closedEnd('1m', 'stock', at(15, 29)), at(15, 10))
  assert.equal(closedEnd('1h', 'stock', at(15, 29)), at(15))
  // Extended hours end at 20:00 in New York: on Friday, 01:00 in UTC on Saturday.
  const closed = MONDAY - 2 * DAY + HOUR
  assert.equal(closedEnd('15m', 'stock', at(3)), closed)
  assert.equal(closedEnd('4h', 'stock', at(3)), closed + 3 * HOUR)
  assert.equal(closedEnd('15m', 'crypto', at(3, 15)), at(3))
})
