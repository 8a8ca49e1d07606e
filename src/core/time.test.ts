import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import {
  bucketStart,
  iso,
  isTimeframe,
  lengthMs,
  ms,
  parseDuration,
  plus,
  TIMEFRAMES,
} from './time.ts'

test('takes whole milliseconds as a time and nothing else', () => {
  assert.equal(ms(Date.UTC(2026, 2, 23, 13, 30)), 1_774_272_600_000)
  for (const at of [0.5, NaN, Infinity, 2 ** 53]) {
    assert.throws(() => ms(at), /a time is an integer of milliseconds/)
  }
})

test('lists timeframes from the finest to the coarsest, each a multiple of the one before', () => {
  const lengths = TIMEFRAMES.map(lengthMs)

  assert.deepEqual(lengths, [1_000, 60_000, 300_000, 900_000, 3_600_000, 14_400_000, 86_400_000])
})

test('knows its timeframes and no other text', () => {
  assert.ok(isTimeframe('15m'))
  for (const text of ['2m', '', 'toString', '1M']) assert.equal(isTimeframe(text), false)
})

test('puts every time in the one bucket that holds it, before 1970 too', () => {
  const times = fc.integer({ min: -4e12, max: 4e12 })
  fc.assert(
    fc.property(times, fc.constantFrom(...TIMEFRAMES), (ts, timeframe) => {
      const length = lengthMs(timeframe)
      const start = bucketStart(ts, length)

      assert.ok(start <= ts && ts < start + length)
      assert.ok(start % length === 0)
      assert.equal(bucketStart(start, length), start)
    }),
  )
})

test('reads durations', () => {
  const texts = ['250ms', '30s', '5m', '4h', '1d', '0s']

  assert.deepEqual(texts.map(parseDuration), [250, 30_000, 300_000, 14_400_000, 86_400_000, 0])
})

test('does not guess what a malformed duration means', () => {
  for (const text of ['', '5', 'm', '1.5h', '-1s', '5 m', '5M', '1w', '5m ', '1h30m']) {
    assert.equal(parseDuration(text), undefined, text)
  }
})

test('moves a time and shows it to people', () => {
  assert.equal(iso(plus(ms(0), 90_500)), '1970-01-01T00:01:30.500Z')
  assert.equal(iso(plus(ms(0), -1)), '1969-12-31T23:59:59.999Z')
})
