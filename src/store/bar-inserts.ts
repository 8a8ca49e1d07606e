/*
 * Bar inserts: the statements that write bars of one symbol, many rows with each. Measured (Node 24, pages of 10,000 bars,
 * processor time of a row with its part of the commit): one row at a time 1.02 us, 32 rows 0.73, 64 or more 0.66.
 *
 * What costs are cells and what SQLite does between them and its record: so what all rows share is bound once or is part of
 * the statement, and columns are in the order of the table, or SQLite copies each row once more.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { BarColumns } from '../core/columns.ts'

/** Rows of a statement, the most first: what is left over by one is written by the next. */
const SIZES = [64, 8, 1] as const
/** The symbol and the timeframe. */
const SHARED_CELLS = 2
const ROW_CELLS = 7

const insert = (
  table: string,
  rows: number,
  { filled, source }: { readonly filled: number; readonly source: number },
): string =>
  `insert into ${table} (symbol_id, timeframe, start, open, high, low, close, volume, trades, filled, source)
   values ${Array.from({ length: rows }, () => `(?1, ?2, ?, ?, ?, ?, ?, ?, ?, ${filled}, ${source})`).join(', ')}
   on conflict (symbol_id, timeframe, start) do update set
     open = excluded.open, high = excluded.high, low = excluded.low, close = excluded.close,
     volume = excluded.volume, trades = excluded.trades, filled = excluded.filled,
     source = excluded.source
   where excluded.source >= ${table}.source`

export class BarInserts {
  readonly #table: string
  readonly #writer: DatabaseSync
  /** By size, source and whether the rows are filled: 18 of them. */
  readonly #statements = new Map<number, StatementSync>()
  readonly #cells = SIZES.map((rows) =>
    Array.from({ length: SHARED_CELLS + rows * ROW_CELLS }, () => NaN),
  )

  constructor(table: string, writer: DatabaseSync) {
    this.#table = table
    this.#writer = writer
  }

  /** Inserts or replaces bars of a symbol, within a transaction. */
  write(id: number, timeframeMs: number, bars: BarColumns, source: number): void {
    const { length, filled } = bars
    for (let i = 0; i < length;) {
      const from = i
      const place = SIZES.findIndex(
        (rows) => from + rows <= length && isUniform(filled, from, rows),
      )
      const rows = SIZES[place]!
      const cells = this.#cells[place]!
      cells[0] = id
      cells[1] = timeframeMs
      fill(cells, bars, from, rows)
      this.#statement(rows, filled[from]!, source).run(...cells)
      i += rows
    }
  }

  #statement(rows: number, filled: number, source: number): StatementSync {
    const key = (rows * 2 + filled) * 4 + source
    const known = this.#statements.get(key)
    if (known !== undefined) return known
    const made = this.#writer.prepare(insert(this.#table, rows, { filled, source }))
    this.#statements.set(key, made)
    return made
  }
}

function fill(cells: number[], bars: BarColumns, from: number, rows: number): void {
  const { start, open, high, low, close, volume, trades } = bars
  let k = SHARED_CELLS
  for (let i = from; i < from + rows; i++) {
    cells[k] = start[i]!
    cells[k + 1] = open[i]!
    cells[k + 2] = high[i]!
    cells[k + 3] = low[i]!
    cells[k + 4] = close[i]!
    cells[k + 5] = volume[i]!
    cells[k + 6] = trades[i]!
    k += ROW_CELLS
  }
}

function isUniform(values: Uint8Array, from: number, count: number): boolean {
  const first = values[from]
  for (let i = from + 1; i < from + count; i++) if (values[i] !== first) return false
  return true
}
