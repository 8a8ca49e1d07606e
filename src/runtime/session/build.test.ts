import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BadInput } from '../../core/bad-input.ts'
import { venueId } from '../../core/brand.ts'
import { equitySpec } from '../../core/instrument.ts'
import type { TapeSeries } from '../../core/tape.ts'
import type { Timeframe } from '../../core/time.ts'
import { Universe } from '../../core/universe.ts'
import { smaCross } from '../../strategies/index.ts'
import { baseOf } from './build.ts'

const NONE = { async *[Symbol.asyncIterator]() {} }
const SYMBOLS = ['AAA', 'BBB']

/** The base for sma-cross on these bars of `needs`, on the symbols of `on`; the refusal where it is refused. */
function base(
  has: readonly (readonly [symbol: string, kind: Timeframe | 'trades'])[],
  { needs, on = SYMBOLS, known = SYMBOLS }: { needs: Timeframe; on?: string[]; known?: string[] },
): string {
  const universe = new Universe(known.map((symbol) => equitySpec(symbol, venueId('sim'))))
  const series = has.map(([symbol, kind]): TapeSeries =>
    kind === 'trades'
      ? { kind: 'trades', symbol, pages: () => NONE }
      : { kind: 'bars', symbol, timeframe: kind, pages: () => NONE },
  )
  const tape = { name: 'tape', instruments: [], series }
  const params = smaCross.params.parse({ timeframe: needs })
  const ids = on.map((symbol) => universe.find(symbol)!.id)
  try {
    return baseOf(tape, universe, [{ name: 'sma-cross', strategy: smaCross, params, on: ids }])
  } catch (error) {
    assert.ok(error instanceof BadInput, String(error))
    return error.message
  }
}

test('the base is the timeframe of the bars', () => {
  const bars = [
    ['AAA', '1m'],
    ['BBB', '1m'],
  ] as const

  assert.equal(base(bars, { needs: '1m' }), '1m')
  assert.equal(base(bars, { needs: '15m' }), '1m')
})

test('bars of a symbol that are neither the base nor what a strategy needs are refused', () => {
  const bars = [
    ['AAA', '1m'],
    ['BBB', '5m'],
  ] as const
  const refusal = (needs: string) =>
    `tape: has bars of BBB that are not ${needs}, which sma-cross needs, and none are made of them beside 1m bars of other symbols: "5m"; allowed: bars of 1m or ${needs} for BBB, or runs for symbols of one timeframe (--symbols)`

  assert.equal(base(bars, { needs: '15m' }), refusal('15m'))
  assert.equal(base(bars, { needs: '1m' }), refusal('1m').replace('1m or 1m', '1m'))
  assert.equal(base(bars, { needs: '5m' }), '1m')
  assert.equal(base(bars, { needs: '15m', on: ['AAA'] }), '1m')
})

test('symbols outside of the universe do not count', () => {
  const bars = [
    ['AAA', '1m'],
    ['AAA', '1d'],
    ['BBB', '5m'],
  ] as const

  assert.equal(base(bars, { needs: '15m', on: ['BBB'], known: ['BBB'] }), '5m')
})

test('trades beside bars are built into bars of their timeframe', () => {
  const tape = [
    ['AAA', 'trades'],
    ['BBB', '5m'],
  ] as const

  assert.equal(base(tape, { needs: '15m' }), '5m')
})
