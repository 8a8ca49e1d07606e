// Whatever is written in whatever order, rows and chunks together are what a list of bars by start would be.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, test } from 'node:test'
import * as fc from 'fast-check'
import { type BarColumns, barColumns } from '../core/columns.ts'
import type { BarRank } from '../core/market.ts'
import { rowsOf } from '../testing/made-bars.ts'
import { BarTable } from './bar-table.ts'
import { CHUNK_BARS, CHUNK_BARS_MIN } from './chunk-text.ts'
import { unpackBars } from './packed-bars.ts'

const folder = mkdtempSync(join(tmpdir(), 'skein-sheet-'))
after(() => rmSync(folder, { recursive: true }))
let files = 0
const freshPath = (): string => join(folder, `${++files}.db`)

const MINUTE = 60_000
const SERIES = { symbol: 'SPY', timeframeMs: MINUTE } as const
const RANKS = ['forming', 'closed', 'final'] as const
const STATUSES = ['provisional', 'live', 'verified'] as const
/** Bars of a writing lie within so many minutes. */
const MINUTES = 400

interface Write {
  readonly rank: BarRank
  readonly from: number
  /** Minutes from one bar to the next, over and over. */
  readonly steps: readonly number[]
  readonly bars: number
  readonly version: number
  /** Bars whose prices are thirds of a dollar, and bars that were filled: both are for rows. */
  readonly odd: readonly number[]
  readonly filled: readonly number[]
}

const some = fc.oneof(fc.constant([]), fc.constant([]), fc.array(fc.nat(119), { maxLength: 3 }))
const write: fc.Arbitrary<Write> = fc.record({
  rank: fc.constantFrom(...RANKS, 'final' as const),
  from: fc.nat(MINUTES),
  steps: fc.oneof(
    fc.constant([1]),
    fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 4 }),
    // Room for a chunk between two stretches.
    fc
      .tuple(fc.integer({ min: 5, max: 60 }), fc.integer({ min: 40, max: 150 }))
      .map(([run, gap]) => [...Array.from({ length: run }, () => 1), gap]),
  ),
  bars: fc.oneof(fc.nat(6), fc.integer({ min: CHUNK_BARS_MIN - 2, max: 120 })),
  version: fc.nat(2),
  odd: some,
  filled: some,
})

function barsOf({ from, steps, bars: count, version, odd, filled }: Write): BarColumns {
  const bars = barColumns(count)
  let minute = from
  for (let i = 0; i < count; i++) {
    const cents = minute * 100 + version
    const unit = odd.includes(i) ? 300 : 100
    bars.start[i] = minute * MINUTE
    bars.open[i] = (cents + 100) / unit
    bars.high[i] = (cents + 200) / unit
    bars.low[i] = (cents + 50) / unit
    bars.close[i] = (cents + 125) / unit
    bars.volume[i] = minute * 10 + version
    bars.trades[i] = minute + version
    bars.filled[i] = filled.includes(i) ? 1 : 0
    minute += steps[i % steps.length]!
  }
  return bars
}

type Cells = readonly number[]
/** Whether it was filled is no value that is revised. */
const valuesOf = (cells: Cells): string => cells.slice(0, 7).join(' ')

/** What there is to be, by start. */
class Model {
  readonly #bars = new Map<number, { readonly cells: Cells; readonly rank: number }>()

  write(bars: BarColumns, rank: number): { readonly revised: number; readonly outranked: number } {
    const met = { revised: 0, outranked: 0 }
    for (const cells of rowsOf(bars)) {
      const known = this.#bars.get(cells[0]!)
      if (known !== undefined && known.rank > rank) {
        met.outranked++
        continue
      }
      if (known !== undefined && known.rank > 0 && valuesOf(known.cells) !== valuesOf(cells))
        met.revised++
      this.#bars.set(cells[0]!, { cells, rank })
    }
    return met
  }

  all(): { readonly cells: Cells; readonly rank: number }[] {
    return [...this.#bars.values()].toSorted((a, b) => a.cells[0]! - b.cells[0]!)
  }

  within(from: number, to: number, rank = 1): Cells[] {
    return this.all()
      .filter(({ cells, rank: its }) => its >= rank && cells[0]! >= from && cells[0]! < to)
      .map(({ cells }) => cells)
  }
}

const spans = fc.array(
  fc.tuple(fc.nat(MINUTES * 2), fc.nat(MINUTES), fc.integer({ min: 1, max: 90 })),
  {
    minLength: 4,
    maxLength: 4,
  },
)

/** Spans that end where these bars do: at their last one, and right behind it. */
function edgesOf({ start, length }: BarColumns): readonly (readonly [number, number, number])[] {
  if (length === 0) return []
  const [first, last] = [start[0]! / MINUTE, start[length - 1]! / MINUTE]
  return [
    [first, last - first, 500],
    [first, last - first + 1, 500],
    [first + 1, last - first, 500],
    [last, 1, 500],
  ]
}

function compare(
  table: BarTable,
  model: Model,
  looks: readonly (readonly [number, number, number])[],
): void {
  for (const [first, minutes, limit] of looks) {
    const [from, to] = [first * MINUTE, (first + minutes) * MINUTE]
    const stretch = { ...SERIES, from, to }
    const all = model.within(from, to)
    assert.deepEqual(rowsOf(unpackBars(table.page(stretch, limit))), all.slice(0, limit))
    const before = model.within(0, to)
    assert.deepEqual(
      rowsOf(unpackBars(table.latest({ ...SERIES, to }, limit))),
      before.slice(-limit),
    )
    const told = model.within(from, to, 2)
    const stretches = { symbols: ['SPY', 'none'], timeframeMs: MINUTE, from, to }
    assert.deepEqual(table.counted(stretches), [told.length, 0])
    assert.deepEqual(table.starts(stretches), [JSON.stringify(told.map(([start]) => start)), '[]'])
  }
  const all = model.within(0, Infinity)
  const [first, last] = [all[0]?.[0], all.at(-1)?.[0]]
  const series = all.length === 0 ? [] : [{ ...SERIES, bars: all.length, first, last }]
  assert.deepEqual(table.series(), series)
  assert.deepEqual(table.symbolsOf(MINUTE), all.length === 0 ? [] : ['SPY'])
  const runs = table.coverage('SPY', MINUTE)
  assert.equal(
    runs.reduce((sum, { bars }) => sum + bars, 0),
    all.length,
  )
  const gaps = all.filter(([start], i) => i > 0 && start! - all[i - 1]![0]! > MINUTE)
  assert.equal(runs.length, all.length === 0 ? 0 : gaps.length + 1)
  const lasts = table.jobs.lasts({ symbols: ['SPY'], timeframe: '1m', adjustment: 'raw' })
  assert.deepEqual(lasts, all.length === 0 ? [] : [{ symbol: 'SPY', start: last }])
}

/** What the file says to other programs, and that no row of it is within a chunk. */
function compareFile(path: string, model: Model): void {
  const db = new DatabaseSync(path, { readOnly: true })
  try {
    const view = db.prepare(
      `select ts, open, high, low, close, volume, trades, data_status from intraday_bars
       where symbol = 'SPY' and timeframe = '1m' and adjustment = 'raw' order by ts`,
    )
    const shown = view.all().map((row) => Object.values(row))
    assert.deepEqual(
      shown,
      model.all().map(({ cells, rank }) => [...cells.slice(0, 7), STATUSES[rank]]),
    )
    const within = db.prepare(
      `select start from bars b join bar_chunks c on b.symbol_id = c.symbol_id and b.timeframe = c.timeframe
         and c.adjustment = 'raw' and b.start between c.first and c.last`,
    )
    assert.deepEqual(within.all(), [])
  } finally {
    db.close()
  }
}

test('bars are what was written, by rank and by time, whether they are rows or chunks', () => {
  let chunks = 0
  const writes = fc.array(write, { minLength: 1, maxLength: 8 })
  fc.assert(
    fc.property(writes, spans, (all, looks) => {
      const path = freshPath()
      const table = new BarTable(path)
      const model = new Model()
      try {
        for (const one of all) {
          const bars = barsOf(one)
          table.begin()
          const met = table.write(SERIES, bars, one.rank)
          table.commit()
          assert.deepEqual(
            { revised: met.revised, outranked: met.outranked },
            model.write(bars, RANKS.indexOf(one.rank)),
          )
          compare(table, model, [...looks, ...edgesOf(bars)])
        }
      } finally {
        table.close()
      }
      compareFile(path, model)
      chunks += countIn(path, 'bar_chunks')
    }),
    { numRuns: 150 },
  )
  assert.ok(chunks > 50, `${chunks} chunks were made`)
})

function countIn(path: string, table: string): number {
  const db = new DatabaseSync(path, { readOnly: true })
  try {
    return Number(Object.values(db.prepare(`select count(*) from ${table}`).get() ?? {})[0])
  } finally {
    db.close()
  }
}

const minutesFrom = (from: number, bars: number, change: Partial<Write> = {}): BarColumns =>
  barsOf({ rank: 'final', from, steps: [1], bars, version: 0, odd: [], filled: [], ...change })

/** Rows and chunks of a file after some writes. */
function countsAfter(
  path: string,
  ...writes: readonly (readonly [BarRank, BarColumns])[]
): readonly [rows: number, chunks: number] {
  const table = new BarTable(path)
  for (const [rank, bars] of writes) {
    table.begin()
    table.write(SERIES, bars, rank)
    table.commit()
  }
  table.close()
  return [countIn(path, 'bars'), countIn(path, 'bar_chunks')]
}

test('history takes the place of what was heard, and of itself', () => {
  const path = freshPath()
  const heard = countsAfter(path, ['closed', minutesFrom(0, 390)], ['forming', minutesFrom(390, 1)])
  const told = countsAfter(path, ['final', minutesFrom(0, 391, { version: 1 })])
  const more = countsAfter(path, ['final', minutesFrom(100, CHUNK_BARS * 2)])
  const corrected = countsAfter(path, ['final', minutesFrom(200, 1, { version: 2 })])

  assert.deepEqual(
    [heard, told, more, corrected],
    [
      [391, 0],
      [0, 1],
      [0, 3],
      [0, 3],
    ],
  )
})

test('a bar that is told again as filled is one, though its values are the same', () => {
  const path = freshPath()
  const told = countsAfter(path, ['final', minutesFrom(0, 40)])

  assert.deepEqual(told, [0, 1])
  assert.deepEqual(countsAfter(path, ['final', minutesFrom(0, 1, { filled: [0] })]), [1, 1])
})

test('what is heard of minutes that history has told changes no chunk', () => {
  const path = freshPath()
  const told = countsAfter(
    path,
    ['final', minutesFrom(0, 3_000)],
    ['final', minutesFrom(4_000, 300)],
  )
  const heard = countsAfter(
    path,
    ['closed', minutesFrom(100, 1)],
    ['forming', minutesFrom(200, 1)],
    ['closed', minutesFrom(2_999, 2, { steps: [1_200] })],
  )

  assert.deepEqual(
    [told, heard],
    [
      [0, 4],
      [0, 4],
    ],
  )
})

test('a bar in a hole, and one that is for rows, leave the others in chunks', () => {
  const hole = freshPath()
  // Every second minute up to the hundredth.
  const first = countsAfter(hole, ['final', minutesFrom(0, 100, { steps: [2] })])
  const heard = countsAfter(hole, ['closed', minutesFrom(101, 1)])
  const again = countsAfter(hole, ['final', minutesFrom(0, 100, { steps: [2] })])
  const odd = freshPath()

  assert.deepEqual(
    [first, heard, again],
    [
      [0, 1],
      [1, 2],
      [1, 2],
    ],
  )
  const ends = [minutesFrom(1, 1), minutesFrom(197, 1)]
  // Between the first two bars, and the last two: those at the ends are alone.
  assert.deepEqual(countsAfter(hole, ...ends.map((bars) => ['closed', bars] as const)), [5, 2])
  assert.deepEqual(countsAfter(odd, ['final', minutesFrom(0, 2_000, { odd: [900, 910] })]), [11, 3])
})

test('history around a chunk and a row that it says nothing of leaves both where they are', () => {
  const path = freshPath()
  const chunk = minutesFrom(100, 40)
  const row = minutesFrom(300, 1)
  // Minutes 0 to 59, 200 to 259 and 400 to 459.
  const around = minutesFrom(0, 180, { steps: [...Array.from({ length: 59 }, () => 1), 141] })
  const counts = countsAfter(path, ['final', chunk], ['closed', row], ['final', around])

  const table = new BarTable(path)
  const page = rowsOf(unpackBars(table.page({ ...SERIES, from: 0, to: Infinity }, 500)))
  table.close()
  const all = [chunk, row, around].flatMap(rowsOf).toSorted(([a], [b]) => a! - b!)
  assert.deepEqual(page, all)
  assert.deepEqual(counts, [1, 4])
})

test('chunks are of about the same size', () => {
  const path = freshPath()
  countsAfter(path, ['final', minutesFrom(0, CHUNK_BARS + 1)])
  const db = new DatabaseSync(path, { readOnly: true })
  const sizes = db.prepare('select bars from bar_chunks order by first').all()
  db.close()

  assert.deepEqual(
    sizes.map(({ bars }) => bars),
    [513, 512],
  )
})
