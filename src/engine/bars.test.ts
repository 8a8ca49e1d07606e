import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { type SymbolId, symbolId } from '../core/brand.ts'
import { calendarOf } from '../core/calendar.ts'
import type { Bar, Trade } from '../core/market.ts'
import { bucketStart, DAY, lengthMs, MINUTE, SECOND, type Timeframe } from '../core/time.ts'
import type { Universe } from '../core/universe.ts'
import { A, B, bar, C, coin, future, MONDAY_10, universeOf, utc } from '../testing/builders.ts'
import { type BarOptions, Bars } from './bars.ts'

interface Gap {
  readonly symbol: SymbolId
  readonly from: number
  readonly to: number
}

const OPTIONS: BarOptions = { base: '1m', higher: [], latenessMs: 0, maxFill: 2 }

/** Bars that write down all they tell. */
class Recorded {
  readonly closed: Bar[] = []
  readonly gaps: Gap[] = []
  readonly late: Trade[] = []
  readonly bars: Bars

  constructor(options: Partial<BarOptions> = {}, universe: Universe = universeOf('AAPL')) {
    this.bars = new Bars(
      universe,
      { ...OPTIONS, ...options },
      {
        closed: (closed) => this.closed.push(closed),
        gap: (symbol, _timeframe, from, to) => this.gaps.push({ symbol, from, to }),
        late: (trade) => this.late.push(trade),
      },
    )
  }

  /** A trade so many seconds after ten. */
  push(seconds: number, price: number, size = 1, symbol: SymbolId = A): void {
    this.bars.push(symbol, MONDAY_10 + seconds * SECOND, price, size)
  }

  /** The clock, so many seconds after ten. */
  clock(seconds: number): void {
    this.bars.closeDue(MONDAY_10 + seconds * SECOND)
  }

  /** Minute after ten, open, high, low, close, volume of each closed bar; `f` where it was filled. */
  rows(timeframe: Timeframe = '1m', symbol: SymbolId = A): (number | string)[][] {
    return this.closed
      .filter((one) => one.timeframe === timeframe && one.symbol === symbol)
      .map((one) => [
        (one.start - MONDAY_10) / MINUTE,
        one.open,
        one.high,
        one.low,
        one.close,
        one.volume,
        ...(one.filled === true ? ['f'] : []),
      ])
  }
}

test('builds a bar of the trades of a minute', () => {
  const { bars, closed, ...it } = make()
  it.push(5, 100, 1)
  it.push(20, 103, 2)
  it.push(40, 98, 3)
  it.push(59.999, 101, 4)
  it.clock(60)

  assert.deepEqual(closed, [
    bar({ open: 100, high: 103, low: 98, close: 101, volume: 10, trades: 4 }),
  ])
  assert.equal(bars.nextAt, Infinity)
})

/** A recorder whose methods can be taken apart. */
function make(options: Partial<BarOptions> = {}, universe?: Universe) {
  const it = new Recorded(options, universe)
  const { bars, closed, gaps, late } = it
  return {
    bars,
    closed,
    gaps,
    late,
    push: it.push.bind(it),
    clock: it.clock.bind(it),
    rows: it.rows.bind(it),
  }
}

test('closes the bar of a quiet market by the clock, and not before its end', () => {
  const it = make()
  it.push(5, 100)

  it.clock(59.999)
  assert.deepEqual(it.rows(), [])
  assert.equal(it.bars.nextAt, MONDAY_10 + MINUTE)
  it.clock(60)
  assert.deepEqual(it.rows(), [[0, 100, 100, 100, 100, 1]])
})

test('closes a bar when a trade of a later one arrives', () => {
  const it = make()
  it.push(5, 100)
  it.push(61, 102)
  assert.deepEqual(it.rows(), [[0, 100, 100, 100, 100, 1]])
})

test('tells no flat candle at the roll of a minute', () => {
  const it = make()
  for (let minute = 0; minute < 5; minute++) {
    it.push(minute * 60 + 1, 100 + minute)
    it.push(minute * 60 + 59, 100.5 + minute)
  }

  assert.deepEqual(
    it.rows(),
    [0, 1, 2, 3].map((i) => [i, 100 + i, 100.5 + i, 100 + i, 100.5 + i, 2]),
  )
  assert.equal(it.bars.statistics.filled, 0)
})

test('puts a trade at the border into the later bar', () => {
  const it = make()
  it.push(59.999, 100)
  it.push(60, 200)
  it.clock(120)
  assert.deepEqual(it.rows(), [
    [0, 100, 100, 100, 100, 1],
    [1, 200, 200, 200, 200, 1],
  ])
})

test('fills two missing minutes at the close before them, and before the next bar', () => {
  const it = make()
  it.push(1, 100)
  it.push(2, 105)
  it.push(3 * 60 + 1, 90)
  it.clock(240)
  assert.deepEqual(it.rows(), [
    [0, 100, 105, 100, 105, 2],
    [1, 105, 105, 105, 105, 0, 'f'],
    [2, 105, 105, 105, 105, 0, 'f'],
    [3, 90, 90, 90, 90, 1],
  ])
  assert.deepEqual(it.bars.statistics, { late: 0, filled: 2, gaps: 0 })
})

test('fills when the bar before was closed by the clock', () => {
  const it = make()
  it.push(1, 100)
  it.clock(60)
  it.push(121, 90)
  assert.deepEqual(it.rows(), [
    [0, 100, 100, 100, 100, 1],
    [1, 100, 100, 100, 100, 0, 'f'],
  ])
})

test('tells of three missing minutes and fills none of them', () => {
  const it = make()
  it.push(1, 100)
  it.push(4 * 60 + 1, 90)
  it.clock(300)
  assert.deepEqual(
    it.rows().map(([minute]) => minute),
    [0, 4],
  )
  assert.deepEqual(it.gaps, [{ symbol: A, from: MONDAY_10 + MINUTE, to: MONDAY_10 + 4 * MINUTE }])
  assert.equal(it.bars.statistics.gaps, 1)
})

test('fills nothing before the first trade', () => {
  const it = make()
  it.push(3 * 60, 100)
  assert.deepEqual([it.closed, it.gaps], [[], []])
})

const quiet: readonly (readonly [string, string, string, string])[] = [
  ['a night', 'AAPL', '2026-03-09 23:59', '2026-03-10 08:00'],
  ['a night that begins at the regular close', 'AAPL', '2026-03-09 19:59', '2026-03-10 13:30'],
  ['a weekend', 'AAPL', '2026-03-06 20:59', '2026-03-09 13:30'],
  ['the pause of the futures', 'ES', '2026-03-09 20:59', '2026-03-09 22:00'],
  ['a weekend of the futures', 'ES', '2026-03-06 21:59', '2026-03-08 22:00'],
]
for (const [name, symbol, last, next] of quiet) {
  test(`finds no gap in ${name}`, () => {
    const it = make({}, universeOf('AAPL', future('ES')))
    const id = symbol === 'ES' ? B : A
    it.bars.push(id, utc(last), 100, 1)
    it.bars.push(id, utc(next), 101, 1)
    it.bars.closeAll()
    assert.deepEqual([it.gaps, it.closed.length], [[], 2])
  })
}

test('fills over midnight where the market never closes', () => {
  const it = make({}, universeOf(coin('BTC')))
  it.bars.push(A, utc('2026-03-09 23:59'), 100, 1)
  it.bars.push(A, utc('2026-03-10 00:02'), 101, 1)
  assert.deepEqual(
    it.closed.map(({ start, filled }) => [start - utc('2026-03-10 00:00'), filled]),
    [
      [-MINUTE, undefined],
      [0, true],
      [MINUTE, true],
    ],
  )
})

test('tells of a gap over several midnights where the market never closes', () => {
  const it = make({}, universeOf(coin('BTC')))
  it.bars.push(A, utc('2026-03-09 23:59'), 100, 1)
  it.bars.push(A, utc('2026-03-12 00:02'), 101, 1)
  assert.equal(it.gaps.length, 1)
})

test('keeps a trade of a closed bar out of all bars, and tells of it', () => {
  const it = make()
  it.push(5, 100)
  it.clock(60)
  it.push(59, 500, 7)
  it.push(61, 101)
  it.clock(120)
  assert.deepEqual(
    it.rows().map(([, , high]) => high),
    [100, 101],
  )
  assert.deepEqual(it.late, [{ symbol: A, ts: MONDAY_10 + 59_000, price: 500, size: 7 }])
  assert.equal(it.bars.statistics.late, 1)
})

test('takes a trade from before the open bar for late', () => {
  const it = make()
  it.push(61, 101)
  it.push(59, 500)
  it.clock(120)
  assert.deepEqual(it.rows(), [[1, 101, 101, 101, 101, 1]])
  assert.equal(it.late.length, 1)
})

test('waits for stragglers as long as it is told', () => {
  const it = make({ latenessMs: 2_000 })
  it.push(5, 100)
  assert.equal(it.bars.nextAt, MONDAY_10 + 62_000)
  it.clock(61.999)
  it.push(59, 90)
  it.clock(62)
  it.push(58, 500)
  assert.deepEqual(it.rows(), [[0, 100, 100, 90, 90, 2]])
  assert.equal(it.late.length, 1)
})

test('refuses a trade without a time, which would jam its symbol', () => {
  assert.throws(() => make().bars.push(A, NaN, 100, 1), /the time of a trade of symbol 0 is finite/)
})

test('closes many symbols in their order, one timeframe after the other', () => {
  const it = make({ higher: ['5m'] }, universeOf('A', 'B', 'C'))
  it.push(1, 100, 1, A)
  it.clock(60)
  for (const symbol of [C, B]) it.push(4 * 60 + 1, 100, 1, symbol)
  it.closed.length = 0

  it.clock(300)

  assert.deepEqual(
    it.closed.map(({ symbol, timeframe }) => [timeframe, symbol]),
    [
      ['1m', B],
      ['1m', C],
      ['5m', A],
      ['5m', B],
      ['5m', C],
    ],
  )
})

test('closes all open bars for an ordered stop, and never the same again', () => {
  const it = make({ higher: ['5m'] })
  it.push(5, 100)
  it.bars.closeAll()
  it.push(6, 101)
  it.push(61, 102)
  it.bars.closeAll()

  assert.deepEqual(it.rows(), [
    [0, 100, 100, 100, 100, 1],
    [1, 102, 102, 102, 102, 1],
  ])
  assert.deepEqual(it.rows('5m'), [[0, 100, 100, 100, 100, 1]])
  assert.equal(it.bars.nextAt, Infinity)
})

test('wakes for the bar that ends first, in whatever order they were opened', () => {
  const it = make({}, universeOf('A', 'B'))
  it.push(1, 100, 1, A)
  it.push(61, 100, 1, B)
  it.clock(60)
  assert.deepEqual([it.rows('1m', A).length, it.bars.nextAt], [1, MONDAY_10 + 2 * MINUTE])
})

test('makes room for symbols that join', () => {
  const universe = universeOf('AAPL')
  const it = make({ higher: ['5m'] }, universe)
  it.push(1, 100)
  universe.add(future('ES'))
  it.bars.grow()
  it.push(2, 50, 1, B)
  it.bars.closeAll()
  assert.deepEqual(
    [it.rows('5m', A), it.rows('5m', B)].map((rows) => rows[0]?.[1]),
    [100, 50],
  )
})

// Bars from outside.

const minute = (i: number, close = 100): Bar =>
  bar({ start: (MONDAY_10 + i * MINUTE) as Bar['start'], close, open: close, volume: 10 })

test('fills the missing minute of a venue with bars', () => {
  const it = make()
  it.bars.bar(minute(0, 100.5))
  it.bars.bar(minute(2, 100.25))
  assert.deepEqual(
    it.closed.map(({ start, close, filled }) => [(start - MONDAY_10) / MINUTE, close, filled]),
    [
      [0, 100.5, undefined],
      [1, 100.5, true],
      [2, 100.25, undefined],
    ],
  )
})

test('takes a bar of a venue once', () => {
  const it = make()
  for (const i of [0, 1, 1, 0]) it.bars.bar(minute(i))
  assert.equal(it.closed.length, 2)
  assert.equal(it.bars.statistics.late, 2)
})

test('tells of a gap between bars of a venue', () => {
  const it = make()
  it.bars.bar(minute(0))
  it.bars.bar(minute(4))
  assert.equal(it.closed.length, 2)
  assert.equal(it.gaps.length, 1)
})

test('fills no half bar where a source is off the grid', () => {
  const it = make()
  it.bars.bar(minute(0))
  it.bars.bar(minute(1.5))
  assert.equal(it.closed.length, 2)
})

test('lets the bar of a venue take the place of the open bar of trades', () => {
  const it = make()
  it.push(5, 99)
  it.bars.bar(minute(0, 100))
  it.push(30, 98)
  it.push(61, 101)
  it.clock(120)
  assert.deepEqual(
    it.rows().map(([i, open]) => [i, open]),
    [
      [0, 100],
      [1, 101],
    ],
  )
})

test('closes the open bar of trades before a later bar of the venue', () => {
  const it = make()
  it.push(5, 99)
  it.bars.bar(minute(1, 100))
  it.clock(120)
  assert.deepEqual(
    it.rows().map(([i, open]) => [i, open]),
    [
      [0, 99],
      [1, 100],
    ],
  )
})

test('takes a bar of the venue from before the open bar for late', () => {
  const it = make()
  it.push(65, 99)
  it.bars.bar(minute(0, 100))
  it.clock(120)
  assert.deepEqual(
    it.rows().map(([i]) => i),
    [1],
  )
  assert.equal(it.bars.statistics.late, 1)
})

// Higher timeframes.

test('closes a higher bar with its last base bar', () => {
  const it = make({ higher: ['5m'] })
  it.clock(0)
  for (let i = 0; i < 5; i++) it.bars.bar(minute(i, 100 + i))
  assert.deepEqual(it.rows('5m'), [[0, 100, 101, 99, 104, 50]])
  assert.equal(it.closed.at(-1)!.timeframe, '5m')
})

test('closes a higher bar whose last minutes are silent by the clock', () => {
  const it = make({ higher: ['5m'] })
  it.bars.bar(minute(0, 100))
  it.clock(299.999)
  assert.deepEqual(it.rows('5m'), [])
  it.clock(300)
  assert.deepEqual(it.rows('5m'), [[0, 100, 101, 99, 100, 10]])
})

test('publishes a higher bar once, though its last minutes are filled after it closed', () => {
  const it = make({ higher: ['5m'] })
  it.push(3 * 60 - 1, 100)
  it.clock(180)
  it.clock(300)
  it.push(5 * 60 + 30, 105)
  it.bars.closeAll()

  assert.deepEqual(
    it.rows().map(([i]) => i),
    [2, 3, 4, 5],
  )
  assert.deepEqual(it.rows('5m'), [
    [0, 100, 100, 100, 100, 1],
    [5, 105, 105, 105, 105, 1],
  ])
  assert.equal(it.bars.statistics.late, 0)
})

test('keeps a straggler out of a higher bar that is published, and counts it', () => {
  const it = make({ higher: ['5m'] })
  it.push(1, 100)
  it.clock(60)
  it.clock(300)
  it.push(299, 500)
  it.clock(301)

  assert.deepEqual(it.rows('5m'), [[0, 100, 100, 100, 100, 1]])
  assert.deepEqual(
    it.rows().map(([i]) => i),
    [0, 4],
  )
  assert.equal(it.bars.statistics.late, 1)
})

const days: readonly (readonly [string, Universe, readonly string[], string, string])[] = [
  [
    'the stock exchange from midnight in New York',
    universeOf('AAPL'),
    ['2026-03-09 08:00', '2026-03-09 23:59'],
    '2026-03-09 04:00',
    '2026-03-10 04:00',
  ],
  [
    'the futures from the evening before',
    universeOf(future('ES')),
    ['2026-03-08 22:00', '2026-03-09 03:00', '2026-03-09 20:59'],
    '2026-03-08 22:00',
    '2026-03-09 22:00',
  ],
  [
    'the coins from midnight in UTC',
    universeOf(coin('BTC')),
    ['2026-03-09 00:00', '2026-03-09 23:59'],
    '2026-03-09 00:00',
    '2026-03-10 00:00',
  ],
]
for (const [name, universe, stamps, start, end] of days) {
  test(`builds daily bars of ${name}`, () => {
    const it = make({ higher: ['1d'] }, universe)
    for (const stamp of stamps) it.bars.push(A, utc(stamp), 100, 1)
    it.bars.closeDue(utc(end) - 1)
    assert.equal(it.closed.filter(({ timeframe }) => timeframe === '1d').length, 0)

    it.bars.closeDue(utc(end))

    const daily = it.closed.filter(({ timeframe }) => timeframe === '1d')
    assert.deepEqual(
      daily.map((one) => [one.start, one.volume]),
      [[utc(start), stamps.length]],
    )
  })
}

test('builds daily bars from trades alone', () => {
  const it = make({ base: '1d' })
  it.bars.push(A, utc('2026-03-09 14:00'), 100, 1)
  it.bars.push(A, utc('2026-03-10 14:00'), 101, 1)
  it.bars.closeDue(utc('2026-03-11 04:00'))
  assert.deepEqual(
    it.closed.map(({ start }) => start),
    [utc('2026-03-09 04:00'), utc('2026-03-10 04:00')],
  )
  assert.deepEqual(it.gaps, [])
})

test('refuses a higher timeframe that is not above the base', () => {
  assert.throws(() => make({ base: '5m', higher: ['1m'] }), /a higher timeframe is above 5m/)
})

// Properties: random markets of three calendars, with silences of seconds to days.

const HIGHER: readonly Timeframe[] = ['5m', '15m', '1h', '4h', '1d']
const MARKETS = () => universeOf('AAPL', future('ES'), coin('BTC'))

interface Step {
  readonly passed: number
  readonly symbol: number
  readonly price: number
  readonly size: number
  readonly behind: number
  readonly isQuiet: boolean
}

const passed = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 40 * SECOND }) },
  { weight: 3, arbitrary: fc.integer({ min: 0, max: 6 * MINUTE }) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 2 * DAY }) },
  { weight: 2, arbitrary: fc.constantFrom(0, MINUTE, 5 * MINUTE) },
)
const stepsOf = (behindMax: number) =>
  fc.array(
    fc.record<Step>({
      passed,
      symbol: fc.nat(2),
      price: fc.integer({ min: 90, max: 110 }),
      size: fc.integer({ min: 1, max: 9 }),
      behind: fc.nat(behindMax),
      isQuiet: fc.boolean(),
    }),
    { minLength: 1, maxLength: 150 },
  )

/** Moves on as the engine does: what is due before a moment closes at its own time. */
function advance(bars: Bars, at: number): void {
  for (let due = bars.nextAt; due < at; due = bars.nextAt) bars.closeDue(due)
}

function play(it: { readonly bars: Bars }, at: number, step: Step): number {
  const now = at + step.passed
  advance(it.bars, now)
  if (step.isQuiet) it.bars.closeDue(now)
  else it.bars.push(step.symbol, now - step.behind, step.price, step.size)
  return now
}

function aggregate(bars: readonly Bar[], timeframe: Timeframe, universe: Universe): Bar[] {
  const buckets = new Map<string, Bar>()
  for (const { symbol, ...one } of bars) {
    const calendar = calendarOf(universe.at(symbol).spec.calendar)
    const start =
      timeframe === '1d'
        ? calendar.dayStart(one.start)
        : bucketStart(one.start, lengthMs(timeframe))
    const so = buckets.get(`${symbol} ${start}`)
    const { open, high, low, close, volume, trades } = one
    buckets.set(
      `${symbol} ${start}`,
      so === undefined
        ? { symbol, timeframe, start, open, high, low, close, volume, trades }
        : {
            ...so,
            high: Math.max(so.high, high),
            low: Math.min(so.low, low),
            close,
            volume: so.volume + volume,
            trades: so.trades + trades,
          },
    )
  }
  return [...buckets.values()]
}

const byStart = (a: Bar, b: Bar): number => a.symbol - b.symbol || a.start - b.start

test('builds higher bars that equal the base bars of their time, all volume kept', () => {
  fc.assert(
    fc.property(stepsOf(0), (steps) => {
      const universe = MARKETS()
      const it = make({ higher: HIGHER }, universe)
      let at: number = MONDAY_10
      let volume = 0
      for (const step of steps) {
        at = play(it, at, step)
        if (!step.isQuiet) volume += step.size
      }
      it.bars.closeAll()

      const base = it.closed.filter(({ timeframe }) => timeframe === '1m')
      assert.equal(it.bars.statistics.late, 0)
      for (const timeframe of ['1m', ...HIGHER] as const) {
        const bars = it.closed.filter((one) => one.timeframe === timeframe)
        assert.equal(
          bars.reduce((sum, one) => sum + one.volume, 0),
          volume,
        )
        if (timeframe === '1m') continue
        assert.deepEqual(
          bars.toSorted(byStart),
          aggregate(base, timeframe, universe).toSorted(byStart),
        )
      }
    }),
    { numRuns: 300 },
  )
})

test('publishes each bar once and in order, whatever comes late', () => {
  fc.assert(
    fc.property(stepsOf(3 * MINUTE), fc.constantFrom(0, 5 * SECOND, 2 * MINUTE), (steps, wait) => {
      const it = make({ higher: HIGHER, latenessMs: wait }, MARKETS())
      let at: number = MONDAY_10
      let volume = 0
      for (const step of steps) {
        at = play(it, at, step)
        if (!step.isQuiet) volume += step.size
      }
      it.bars.closeAll()

      const last = new Map<string, number>()
      for (const { symbol, timeframe, start } of it.closed) {
        const before = last.get(`${symbol} ${timeframe}`) ?? -Infinity
        assert.ok(start > before, `${timeframe} ${start} after ${before}`)
        last.set(`${symbol} ${timeframe}`, start)
      }
      const base = it.closed.filter(({ timeframe }) => timeframe === '1m')
      const sum = [...base.map((one) => one.volume), ...it.late.map(({ size }) => size)]
      assert.equal(
        sum.reduce((a, b) => a + b, 0),
        volume,
      )
    }),
    { numRuns: 300 },
  )
})

test('goes on after a restart at any moment as if there had been none', () => {
  fc.assert(
    fc.property(stepsOf(90 * SECOND), fc.nat(149), fc.nat(3_000), (steps, cut, latenessMs) => {
      const options = { higher: HIGHER, latenessMs }
      const running = make(options, MARKETS())
      let restarted = running
      let at: number = MONDAY_10
      for (const [i, step] of steps.entries()) {
        if (i === cut % steps.length) {
          restarted = make(options, MARKETS())
          restarted.bars.restore(JSON.parse(JSON.stringify(running.bars.capture())))
          running.closed.length = 0
        }
        const now = play(running, at, step)
        if (restarted !== running) {
          play(restarted, at, step)
          assert.equal(restarted.bars.nextAt, running.bars.nextAt)
        }
        at = now
      }
      running.bars.closeAll()
      restarted.bars.closeAll()
      assert.deepEqual(restarted.closed, running.closed)
      assert.deepEqual(restarted.bars.capture(), running.bars.capture())
    }),
    { numRuns: 200 },
  )
})

test('wakes after a restart when it would have woken without', () => {
  const running = make({ latenessMs: 2_000 })
  running.push(5, 100)
  running.push(60.5, 101)
  const restarted = make({ latenessMs: 2_000 })
  restarted.bars.restore(running.bars.capture())
  assert.equal(running.bars.nextAt, MONDAY_10 + 62_000)
  assert.equal(restarted.bars.nextAt, running.bars.nextAt)
})

test('refuses a snapshot of other timeframes', () => {
  const state = make({ higher: ['5m'] }).bars.capture()
  assert.throws(() => make({ higher: ['15m'] }).bars.restore(state), /the snapshot has 15m bars/)
})

test('knows its symbols by their index', () => {
  const it = make({}, universeOf('A', 'B'))
  it.push(1, 100, 1, symbolId(1))
  it.clock(60)
  assert.equal(it.closed[0]!.symbol, 1)
})
