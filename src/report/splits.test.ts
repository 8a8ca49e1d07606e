import assert from 'node:assert/strict'
import { test } from 'node:test'
import { symbolId, venueId } from '../core/brand.ts'
import { equitySpec } from '../core/instrument.ts'
import type { Bar } from '../core/market.ts'
import { MINUTE, ms, type Timeframe } from '../core/time.ts'
import { Universe } from '../core/universe.ts'
import { splitLike, Splits } from './splits.ts'

const SIM = venueId('sim')
/** Wednesday 2025-11-19, 20:59 UTC: the last minute of the session. */
const LAST_MINUTE = Date.UTC(2025, 10, 19, 20, 59)
const NEXT_OPEN = Date.UTC(2025, 10, 20, 14, 30)

const bar = (
  start: number,
  [open, close]: readonly [number, number],
  timeframe: Timeframe = '1m',
): Bar => ({
  symbol: symbolId(0),
  timeframe,
  start: ms(start),
  open,
  high: Math.max(open, close),
  low: Math.min(open, close),
  close,
  volume: 100,
  trades: 0,
})

function warningsOf(
  bars: readonly Bar[],
  { isTraded = true, kind = 'equity' }: { isTraded?: boolean; kind?: 'equity' | 'crypto' } = {},
): readonly string[] {
  const splits = new Splits(new Universe([{ ...equitySpec('UVXY', SIM), kind }]))
  if (isTraded) splits.traded(symbolId(0))
  for (const one of bars) splits.push(one)
  return splits.warnings()
}

const SPLIT = [bar(LAST_MINUTE, [10, 10]), bar(NEXT_OPEN, [45.126, 45])]

test('ratios of splits are told, also where the night moved the price besides', () => {
  const told = (ratio: number) => splitLike(ratio) ?? 'none'

  assert.deepEqual([0.5, 0.4955, 0.3332, 0.6672].map(told), ['2:1', '2:1', '3:1', '3:2'])
  assert.deepEqual([0.2557, 0.1436, 0.0996].map(told), ['4:1', '7:1', '10:1'])
  assert.deepEqual([1.9992, 4.5126, 5.0348, 10.0321].map(told), ['1:2', '1:5', '1:5', '1:10'])
})

test('large moves of single nights are told as none', () => {
  for (const ratio of [0.5257, 1.3751, 1.6656, 1.3958, 1.4286, 0.7925, 180.875]) {
    assert.equal(splitLike(ratio), undefined, String(ratio))
  }
})

test('a day that opens at a ratio of a split is told with symbol, day and ratio', () => {
  assert.deepEqual(warningsOf(SPLIT), [
    'UVXY opens on 2025-11-20 at 4.51 times its last close, which looks like a split of 1:5; prices are raw, so that results across it are not real.',
  ])
})

test('bars of days are looked at alike, and longer bars beside shorter ones are not', () => {
  const days = [
    bar(Date.UTC(2025, 10, 19, 5), [10, 10], '1d'),
    bar(Date.UTC(2025, 10, 20, 5), [50, 50], '1d'),
  ]

  assert.equal(warningsOf(days).length, 1)
  assert.equal(warningsOf([bar(LAST_MINUTE, [50, 50]), ...days]).length, 0)
})

test('nothing is told of a symbol that was not traded, of coins, within a day, and over a long gap', () => {
  assert.deepEqual(warningsOf(SPLIT, { isTraded: false }), [])
  assert.deepEqual(warningsOf(SPLIT, { kind: 'crypto' }), [])
  const within = [bar(LAST_MINUTE - MINUTE, [10, 10]), bar(LAST_MINUTE, [50, 50])]
  assert.deepEqual(warningsOf(within), [])
  const late = [bar(LAST_MINUTE, [10, 10]), bar(NEXT_OPEN + 8 * 24 * 60 * MINUTE, [50, 50])]
  assert.deepEqual(warningsOf(late), [])
})
