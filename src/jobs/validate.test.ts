import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { barColumns } from '../core/columns.ts'
import { expectedStarts } from '../core/expected.ts'
import { HOUR, ms } from '../core/time.ts'
import { looked } from './validate.ts'
import { calendarFor } from './estimate.ts'
import { holesIn, seamBefore } from './verify.ts'

const FROM = Date.UTC(2026, 0, 5)
const ASKED = { from: ms(FROM), to: ms(FROM + 10 * HOUR), timeframe: '1h' } as const

function hours(
  change: Partial<Record<'start' | 'open' | 'high' | 'low' | 'close' | 'volume', number>>,
) {
  const bars = barColumns(5)
  for (let i = 0; i < 5; i++) {
    bars.start[i] = FROM + i * HOUR
    for (const column of [bars.open, bars.high, bars.low, bars.close]) column[i] = 100
    bars.volume[i] = 10
  }
  for (const [name, value] of Object.entries(change)) bars[name as 'start'][2] = value
  return bars
}

describe('validate', () => {
  for (const [rule, change] of [
    ['year', { start: Date.UTC(2101, 0, 1) }],
    ['year', { start: -HOUR }],
    ['year', { start: NaN }],
    ['grid', { start: FROM + 2 * HOUR + 1 }],
    ['range', { start: FROM + 11 * HOUR }],
    ['duplicate', { start: FROM + HOUR }],
    ['price', { low: 0 }],
    ['price', { high: Infinity }],
    ['order', { high: 99 }],
    ['order', { close: 101 }],
    ['volume', { volume: -1 }],
    ['spike', { high: 1_000, close: 1_000 }],
  ] as const) {
    it(`rejects by the rule ${rule}: ${JSON.stringify(change)}`, () => {
      const { series, flaws } = looked([{ symbol: 'A', bars: hours(change) }], ASKED)

      assert.deepEqual(
        flaws.map((flaw) => [flaw.rule, flaw.isRejected]),
        [[rule, true]],
      )
      assert.equal(series[0]?.bars.length, 4)
    })
  }

  it('keeps and flags a jump, and a bar without volume', () => {
    const { series, flaws } = looked(
      [{ symbol: 'A', bars: hours({ high: 160, close: 160, volume: 0 }) }],
      ASKED,
    )

    assert.deepEqual(
      flaws.map((flaw) => [flaw.rule, flaw.isRejected]),
      [
        ['jump', false],
        ['no-volume', false],
        ['jump', false],
      ],
    )
    assert.equal(series[0]?.bars.length, 5)
  })
})

describe('a split', () => {
  const closes = (...list: readonly number[]) => {
    const bars = barColumns(list.length)
    for (const [i, close] of list.entries()) {
      bars.start[i] = FROM + i * HOUR
      for (const name of ['open', 'high', 'low', 'close'] as const) bars[name][i] = close
      bars.volume[i] = 1
    }
    const { series, flaws } = looked([{ symbol: 'A', bars }], ASKED)
    return { kept: [...series[0]!.bars.close], rules: flaws.map(({ rule }) => rule) }
  }

  it('is kept and flagged, also where its first bar is the last of a page', () => {
    assert.deepEqual(closes(1000, 100, 101), { kept: [1000, 100, 101], rules: ['jump'] })
    assert.deepEqual(closes(1000, 1001, 100), { kept: [1000, 1001, 100], rules: ['jump'] })
    assert.deepEqual(closes(1000, 100, 1001), { kept: [1000, 1001], rules: ['spike'] })
  })
})

describe('verify', () => {
  const open = Date.UTC(2026, 0, 5, 14)
  const span = { from: ms(Date.UTC(2026, 0, 5)), to: ms(Date.UTC(2026, 0, 8)) }
  const expected = expectedStarts(calendarFor('stock'), '1h', span)
  const look = (starts: readonly number[], seams: readonly string[] = [], isRepair = false) =>
    holesIn({
      symbol: 'A',
      timeframe: '1h',
      assetClass: 'stock',
      expected,
      starts: Float64Array.from(starts),
      seams: new Set(seams),
      isRepair,
      now: 0,
    }).map(({ from, bars, status }) => [from, bars, status])
  const day = (n: number): number[] =>
    Array.from({ length: 7 }, (_, i) => open + n * 24 * HOUR + i * HOUR)

  it('finds a session that is missing within, and takes what a repair did not find for not there', () => {
    const starts = [...day(0), ...day(2)]

    assert.deepEqual(look(starts), [[day(1)[0], 7, 'open']])
    assert.deepEqual(look(starts, [], true), [[day(1)[0], 7, 'no_data']])
  })

  it('takes a single missing bar at its word, but not where two pages meet', () => {
    const starts = [...day(0), ...day(1), ...day(2)].filter((start) => start !== day(1)[3])

    assert.deepEqual(look(starts), [])
    assert.deepEqual(look(starts, [seamBefore('A', day(1)[4])]), [[day(1)[3], 1, 'open']])
    assert.deepEqual(look(starts, [seamBefore('B', day(1)[4])]), [])
    const cut = [...day(0), ...day(1), ...day(2).slice(0, 5)]
    assert.deepEqual(look(cut, [seamBefore('A', undefined)]), [[day(2)[5], 2, 'open']])
  })
})
