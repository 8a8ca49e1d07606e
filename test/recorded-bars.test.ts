/*
 * Bars that the engine builds from recorded trades are the recorded bars: SPY, 2013-10-07 and 10-08, against
 * the minute bars of the same source.
 *
 * They differ in volume by the auctions only. An auction of the listing exchange (Arca, P) is on the tape once
 * with every share of it, print by print, and once more as a sum that is no trade. The recorded bars count of
 * it the first print, of the closing in the last minute of the session; the engine counts all that is printed.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, it } from 'node:test'
import { unzipSync } from 'fflate'
import type { Ms } from '../src/core/brand.ts'
import { calendarOf } from '../src/core/calendar.ts'
import type { Bar } from '../src/core/market.ts'
import { MINUTE, ms } from '../src/core/time.ts'
import { openTape } from '../src/formats/index.ts'
import { backtest } from '../src/runtime/tape/backtest.ts'
import { defineConfig } from '../src/runtime/config/config.ts'
import { prepare } from '../src/runtime/tape/prepare.ts'
import { barsOf } from '../src/runtime/session/recorder.ts'
import { recorded, SKIPPED } from './cli/skein.ts'

const TICKS = recorded('us_equity_ticks_2013-10')
const BARS = recorded('us_equity_1m_lean')
const DAYS = ['20131007', '20131008']
const RANGE = { from: ms(Date.UTC(2013, 9, 7)), to: ms(Date.UTC(2013, 9, 9)) }

// Sale conditions of a print: a hex mask (README of the set).
const OPENING = 0x40
const CLOSING = 0x80
/** The sum of an auction, told by the exchange as its official price: shares that were printed before. */
const OFFICIAL_OPEN = 0x4000000
const OFFICIAL_CLOSE = 0x1000000
const AUCTION = OPENING | CLOSING | OFFICIAL_OPEN | OFFICIAL_CLOSE
const LISTED_AT = 'P'

interface Print {
  readonly at: Ms
  readonly size: number
  readonly exchange: string
  readonly conditions: number
}

/** Volume by start of the minute. */
type Volumes = Map<number, number>

const skip = TICKS === undefined || BARS === undefined ? SKIPPED : false

describe('bars of recorded trades', { skip }, () => {
  const built = new Map<number, Bar>()
  const known = new Map<number, Bar>()
  let differing: number[] = []

  before(async () => {
    for (const bar of await builtBars()) built.set(bar.start, bar)
    for (const bar of await recordedBars()) known.set(bar.start, bar)
    const isEqual = (start: number) => built.get(start)?.volume === known.get(start)?.volume
    differing = [...known.keys()].filter((start) => !isEqual(start))
  })

  it('are in the same minutes as the recorded ones', () => {
    assert.equal(known.size, 2 * 828)
    assert.deepEqual([...built.keys()], [...known.keys()])
  })

  it('have the recorded volume in more than 99 of 100 minutes', (t) => {
    const equal = known.size - differing.length

    t.diagnostic(`${equal} of ${known.size} minutes are equal in volume`)
    assert.ok(equal >= known.size * 0.99)
  })

  it('differ in volume in five minutes, by these many shares', () => {
    const found = differing.map((start) => ({
      minute: new Date(start).toISOString().slice(5, 16),
      more: built.get(start)!.volume - known.get(start)!.volume,
    }))

    assert.deepEqual(found, [
      { minute: '10-07T13:30', more: 489_954 },
      // 3,500 shares of the closing auction are recorded a minute before they were printed.
      { minute: '10-07T19:59', more: -3_500 },
      { minute: '10-07T20:00', more: 3_855_691 },
      { minute: '10-08T13:30', more: 553_928 },
      { minute: '10-08T20:00', more: 2_766_528 },
    ])
  })

  it('have the recorded volume in every minute, with auctions counted as the source counts them', () => {
    const counted = volumesAsRecorded(DAYS.flatMap(printsOf))

    assert.deepEqual(
      [...counted],
      [...known.values()].map(({ start, volume }) => [start, volume]),
    )
  })

  it('hold auction prints in each minute that differs, or just after it, and elsewhere none', () => {
    const prints = DAYS.flatMap(printsOf).filter(({ conditions }) => (conditions & AUCTION) !== 0)
    const minutes = new Set(prints.map(({ at }) => minuteOf(at)))
    const closings = new Set(firstClosings(prints).map(({ at }) => minuteOf(at) - MINUTE))

    assert.deepEqual(minutes.union(closings), new Set(differing))
  })

  it('have the recorded prices in 93 of 100 minutes and more', (t) => {
    for (const field of ['open', 'high', 'low', 'close'] as const) {
      const equal = [...known].filter(([start, bar]) => built.get(start)![field] === bar[field])
      const share = (100 * equal.length) / known.size
      t.diagnostic(`${field} ${share.toFixed(2)} %`)
      assert.ok(share >= 93, `${field} ${share}`)
    }
  })

  it('hold the recorded close between their low and high', () => {
    const outside = [...known].filter(([start, { close }]) => {
      const { low, high } = built.get(start)!
      return close < low || close > high
    })

    assert.deepEqual(outside, [])
  })
})

/** What the source counts: of auctions only the first print of the listing exchange. */
function volumesAsRecorded(prints: readonly Print[]): Volumes {
  const volumes: Volumes = new Map()
  const add = (minute: number, size: number): void => {
    volumes.set(minute, (volumes.get(minute) ?? 0) + size)
  }
  const isOpening = ({ exchange, conditions }: Print) =>
    exchange === LISTED_AT && (conditions & OPENING) !== 0
  const opened = new Set<number>()
  for (const print of prints) {
    const isFirst = isOpening(print) && !opened.has(dayOf(print.at))
    if (isFirst) opened.add(dayOf(print.at))
    const isCounted = isFirst || (print.conditions & AUCTION) === 0
    add(minuteOf(print.at), isCounted ? print.size : 0)
  }
  for (const { at, size } of firstClosings(prints)) add(minuteOf(at) - MINUTE, size)
  return volumes
}

/** The first print of each closing auction of the listing exchange. */
function firstClosings(prints: readonly Print[]): Print[] {
  const first = new Map<number, Print>()
  for (const print of prints) {
    if (print.exchange !== LISTED_AT || (print.conditions & CLOSING) === 0) continue
    if (!first.has(dayOf(print.at))) first.set(dayOf(print.at), print)
  }
  return [...first.values()]
}

const minuteOf = (at: number): number => Math.floor(at / MINUTE) * MINUTE
const calendar = calendarOf('us-equity')
const dayOf = (at: Ms): number => calendar.dayStart(at)

/** The rows of a day with the columns that the engine has no use for: `34200785,1674300,251288,P,4000000,0`. */
function printsOf(day: string): Print[] {
  const zip = readFileSync(join(TICKS!, `spy/${day}_trade.zip`))
  const [entry] = Object.values(unzipSync(zip))
  // Midnight in New York, four hours behind UTC in October.
  const midnight = Date.UTC(2013, 9, Number(day.slice(6)), 4)
  return new TextDecoder()
    .decode(entry)
    .trimEnd()
    .split('\n')
    .map((line) => {
      const [time, , size, exchange = '', conditions = ''] = line.split(',')
      const at = ms(midnight + Number(time))
      return { at, size: Number(size), exchange, conditions: Number.parseInt(conditions, 16) }
    })
}

/** All bars that a run over the trades publishes, without those that fill a silence. */
async function builtBars(): Promise<Bar[]> {
  const tape = await openTape(TICKS!, { symbols: ['SPY'], kind: 'trades', ...RANGE })
  const bars: Bar[] = []
  await backtest({
    tape,
    setup: await prepare(defineConfig({}), tape, 'bars'),
    watch: {
      notices: {
        types: ['bar.closed'],
        handle: (notice) => {
          if (notice.type === 'bar.closed' && notice.bar.filled !== true) bars.push(notice.bar)
        },
      },
    },
  })
  return bars
}

async function recordedBars(): Promise<Bar[]> {
  const folder = join(BARS!, 'equity/usa/minute/spy')
  const tape = await openTape(folder, { kind: 'bars', ...RANGE })
  const { universe } = await prepare(defineConfig({}), tape, 'bars')
  const bars: Bar[] = []
  for (const series of tape.series) {
    if (series.kind !== 'bars') continue
    for await (const page of series.pages()) {
      bars.push(...barsOf(page, universe.find('SPY')!.id, '1m'))
    }
  }
  return bars
}
