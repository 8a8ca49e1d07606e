// Rows are written as they are, however they fall into statements of many rows.
import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { type BarColumns, barColumns } from '../core/columns.ts'
import { BarInserts } from './bar-inserts.ts'
import { ARCHIVE_SCHEMA, migrate } from './migrations.ts'

/** Bars whose `filled` changes where a run ends; each cell tells where it is, and which `version` it is. */
function barsOf(runs: readonly number[], version = 0): BarColumns {
  const bars = barColumns(runs.reduce((sum, length) => sum + length, 0))
  let i = 0
  for (const [run, length] of runs.entries()) {
    for (const end = i + length; i < end; i++) {
      bars.start[i] = i * 60_000
      bars.open[i] = i + version + 0.1
      bars.high[i] = i + version + 0.2
      bars.low[i] = i + version + 0.3
      bars.close[i] = i + version
      bars.volume[i] = i + version + 0.5
      bars.trades[i] = i + version
      bars.filled[i] = run % 2
    }
  }
  return bars
}

const cellsOf = (id: number, bars: BarColumns, source: number): number[][] =>
  Array.from({ length: bars.length }, (_, i) => {
    const { start, open, high, low, close, volume, trades, filled } = bars
    const values = [start, open, high, low, close, volume, trades, filled].map(
      (column) => column[i]!,
    )
    return [id, 60_000, ...values, source]
  })

function open(): { readonly inserts: BarInserts; readonly rows: () => unknown[] } {
  const db = new DatabaseSync(':memory:')
  migrate(db, ':memory:', ARCHIVE_SCHEMA)
  const all = db.prepare('select * from bars order by symbol_id, timeframe, start')
  return { inserts: new BarInserts('bars', db), rows: () => all.all().map(Object.values) }
}

test('writes every row once, whatever runs of filled ones there are', () => {
  const runs = fc.array(fc.integer({ min: 1, max: 150 }), { maxLength: 5 })
  fc.assert(
    fc.property(runs, runs, (first, second) => {
      const { inserts, rows } = open()
      inserts.write(1, 60_000, barsOf(first), 1)
      inserts.write(2, 60_000, barsOf(second), 2)

      assert.deepEqual(rows(), [...cellsOf(1, barsOf(first), 1), ...cellsOf(2, barsOf(second), 2)])
    }),
    { numRuns: 50 },
  )
})

test('gives way to what is as certain, and keeps what is more certain, in each row of a statement', () => {
  const { inserts, rows } = open()
  inserts.write(1, 60_000, barsOf([100]), 1)
  inserts.write(1, 60_000, barsOf([30], 500), 2)

  inserts.write(1, 60_000, barsOf([1, 69], 900), 1)

  const [kept, given, left] = [barsOf([30], 500), barsOf([1, 69], 900), barsOf([100])]
  assert.deepEqual(rows(), [
    ...cellsOf(1, kept, 2),
    ...cellsOf(1, given, 1).slice(30),
    ...cellsOf(1, left, 1).slice(70),
  ])
})
