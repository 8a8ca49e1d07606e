// BarSheet: the statements of one table of bars. Each adjustment has a table of its own, so that none mixes with another.
import type { DatabaseSync, SQLOutputValue, StatementSync } from 'node:sqlite'
import type { BarColumns } from '../core/columns.ts'
import type { Adjustment } from '../core/jobs.ts'
import type { BarRank } from '../core/market.ts'

export const TABLES: Readonly<Record<Adjustment, string>> = {
  raw: 'bars',
  split: 'bars_split',
  dividend: 'bars_dividend',
  all: 'bars_all',
}

export const RANKS: Readonly<Record<BarRank, number>> = { forming: 0, closed: 1, final: 2 }

/** What every reader of ours asks for: a bar that forms is for people, who look at the view `intraday_bars`. */
export const IS_CLOSED = `source > ${RANKS.forming}`

const COLUMNS = 'start, open, high, low, close, volume, trades, filled'
const SERIES = 'symbol_id = ?1 and timeframe = ?2'

// Rows of one insert statement. Measured (Node 24, 10,000 rows per transaction): 1 row 720 k rows/s, 10 rows
// 1,000 k, 25 to 50 rows 1,090 k, 100 rows 980 k to 1,150 k.
const ROWS = 32
// Cells are what a row costs most, so those that all rows of a statement share are bound once: as many as the keys.
const ROW_CELLS = 7
const SHARED_CELLS = 4

const insert = (table: string, rows: number): string =>
  `insert into ${table} (symbol_id, timeframe, source, filled, start, open, high, low, close, volume, trades)
   values ${Array.from({ length: rows }, () => '(?1, ?2, ?3, ?4, ?, ?, ?, ?, ?, ?, ?)').join(', ')}
   on conflict (symbol_id, timeframe, start) do update set
     open = excluded.open, high = excluded.high, low = excluded.low, close = excluded.close,
     volume = excluded.volume, trades = excluded.trades, filled = excluded.filled,
     source = excluded.source
   where excluded.source >= ${table}.source`

const VALUES = ['open', 'high', 'low', 'close', 'volume', 'trades'] as const

/** Bars that were there: closed with other values, and giving way; or of a higher rank, and staying. */
export interface Met {
  readonly revised: number
  readonly outranked: number
}
const NOTHING_MET: Met = { revised: 0, outranked: 0 }

/** Takes one row that a statement found: SQLite calls it for each. */
export type Taker = (...row: SQLOutputValue[]) => void

export class BarSheet {
  readonly #insertOne: StatementSync
  readonly #insertMany: StatementSync
  readonly page: StatementSync
  readonly latest: StatementSync
  readonly starts: StatementSync
  readonly startsWithin: StatementSync
  readonly countWithin: StatementSync
  readonly #known: StatementSync

  /** The reader has a function `take`. */
  constructor(table: string, writer: DatabaseSync, reader: DatabaseSync) {
    this.#insertOne = writer.prepare(insert(table, 1))
    this.#insertMany = writer.prepare(insert(table, ROWS))
    // SQLite calls `take` with each row, which fills the columns: measured 2.6 M rows/s, against 1.6 M for
    // all() with arrays, 1.2 M for iterate() with arrays and 0.6 M for all() with objects.
    const taking = (columns: string, tail: string) =>
      reader.prepare(
        `select sum(take(${columns})) from (select ${columns} from ${table} where ${SERIES} and ${IS_CLOSED} ${tail})`,
      )
    this.page = taking(COLUMNS, 'and start >= ?3 and start < ?4 order by start limit ?5')
    this.latest = taking(COLUMNS, 'and start < ?3 order by start desc limit ?4')
    // The limit keeps SQLite from leaving out the order of a subquery.
    this.starts = taking('start', 'order by start limit -1')
    const told = `from ${table} where ${SERIES} and source = ${RANKS.final} and start >= ?3 and start < ?4`
    // Measured for each row: a list made by SQLite and parsed here 0.27 us, `take` 0.36, counting 0.05.
    this.startsWithin = reader.prepare(
      `select json_group_array(start) as starts from (select start ${told} order by start limit -1)`,
    )
    this.countWithin = reader.prepare(`select count(*) as n ${told}`)
    this.#known = writer.prepare(
      `select ${COLUMNS}, source from ${table} where ${SERIES} and start between ?3 and ?4`,
    )
  }

  /** What writing these bars will do to those that are there, within a transaction and before it. */
  meets(id: number, timeframeMs: number, bars: BarColumns, rank: BarRank): Met {
    if (bars.length === 0) return NOTHING_MET
    const [first, last] = [bars.start[0]!, bars.start[bars.length - 1]!]
    const met = { revised: 0, outranked: 0 }
    let i = 0
    for (const known of this.#known.iterate(id, timeframeMs, first, last)) {
      while (bars.start[i]! < Number(known['start'])) i++
      if (bars.start[i] !== Number(known['start'])) continue
      if (Number(known['source']) > RANKS[rank]) met.outranked++
      else if (known['source'] === RANKS.forming) continue
      else if (VALUES.some((name) => bars[name][i] !== known[name])) met.revised++
    }
    return met
  }

  /** Inserts or replaces bars of a symbol, within a transaction. */
  write(id: number, timeframeMs: number, bars: BarColumns, rank: BarRank): void {
    const { start, open, high, low, close, volume, trades, filled, length } = bars
    const fill = (cells: number[], rows: number, from: number) => {
      cells[SHARED_CELLS - 1] = filled[from]!
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
    const shared = [id, timeframeMs, RANKS[rank], 0]
    const many = [...shared, ...Array.from({ length: ROWS * ROW_CELLS }, () => 0)]
    const one = many.slice(0, SHARED_CELLS + ROW_CELLS)
    for (let i = 0; i < length;) {
      const isMany = i + ROWS <= length && isUniform(filled, i, i + ROWS)
      if (isMany) {
        fill(many, ROWS, i)
        this.#insertMany.run(...many)
      } else {
        fill(one, 1, i)
        this.#insertOne.run(...one)
      }
      i += isMany ? ROWS : 1
    }
  }
}

function isUniform(values: Uint8Array, from: number, to: number): boolean {
  const first = values[from]
  for (let i = from + 1; i < to; i++) if (values[i] !== first) return false
  return true
}
