// PostgresBars: bars in Postgres, within a transaction. A page of all its symbols is one statement.
import { assert } from '../core/assert.ts'
import { barColumns, type BarColumns } from '../core/columns.ts'
import type { JobStore, PageCommit } from '../core/jobs.ts'
import { lengthMs } from '../core/time.ts'
import { RANKS, TABLES } from './bar-sheet.ts'
import type { Postgres, Session } from './postgres.ts'

const NUMBERS = ['start', 'open', 'high', 'low', 'close', 'volume', 'trades', 'filled'] as const
const VALUES = 'open, high, low, close, volume, trades, filled'
const WITH = (table: string): string =>
  VALUES.split(', ')
    .map((column) => `${table}.${column}`)
    .join(', ')

/**
 * What is there already with the same values is not written again: a page that is fetched twice costs no space. Arrays as
 * text: the driver's own way of making them took half of the time of a page.
 */
const write = (table: string): string =>
  `insert into ${table} (symbol_id, timeframe, source, start, ${VALUES})
   select page.symbol_id, ?1, ?2, page.start, ${WITH('page')}
   from unnest(?3::integer[], ?4::bigint[], ?5::double precision[], ?6::double precision[],
     ?7::double precision[], ?8::double precision[], ?9::double precision[], ?10::bigint[],
     ?11::smallint[]) as page (symbol_id, start, ${VALUES})
   on conflict (symbol_id, timeframe, start) do update set
     open = excluded.open, high = excluded.high, low = excluded.low, close = excluded.close,
     volume = excluded.volume, trades = excluded.trades, filled = excluded.filled,
     source = excluded.source
   where excluded.source >= ${table}.source and (${table}.source, ${WITH(table)})
     is distinct from (excluded.source, ${WITH('excluded')})`

const read = (table: string): string =>
  `select ${NUMBERS.join(', ')} from ${table}
   where symbol_id = (select id from symbols where symbol = ?1) and timeframe = ?2
     and start >= ?3 and start < ?4
   order by start`

type Page = Pick<PageCommit, 'timeframe' | 'adjustment' | 'series'>

export class PostgresBars {
  readonly #ids = new Map<string, number>()

  /** Gives symbols their numbers, in a transaction of its own: what is remembered here is there. */
  async intern(postgres: Postgres, symbols: readonly string[]): Promise<void> {
    const unknown = symbols.filter((symbol) => !this.#ids.has(symbol)).toSorted()
    if (unknown.length === 0) return
    const rows = await postgres.transaction(async (session) => {
      const add = `insert into symbols (symbol) select unnest(?1::text[]) on conflict do nothing`
      await session.run(add, unknown)
      return session.all(`select id, symbol from symbols where symbol = any(?1)`, unknown)
    })
    for (const { id, symbol } of rows) this.#ids.set(String(symbol), Number(id))
  }

  /** Inserts or replaces the bars of a page, as history tells them. */
  async write(session: Session, { timeframe, adjustment, series }: Page): Promise<void> {
    const full = series.filter(({ bars }) => bars.length > 0)
    if (full.length === 0) return
    const ids = full.flatMap(({ symbol, bars }) => {
      const id = this.#ids.get(symbol)
      assert(id !== undefined, () => `${symbol} has a number`)
      return Array.from({ length: bars.length }, () => id)
    })
    const columns = NUMBERS.map(
      (column) => `{${full.map(({ bars }) => bars[column].join(',')).join(',')}}`,
    )
    const table = TABLES[adjustment]
    const about = [lengthMs(timeframe), RANKS.final, `{${ids.join(',')}}`]
    await session.run(write(table), ...about, ...columns)
  }

  async read(
    session: Session,
    { symbol, timeframe, adjustment, from, to }: Parameters<JobStore['bars']>[0],
  ): Promise<BarColumns> {
    const sql = read(TABLES[adjustment])
    const rows = await session.lists(sql, symbol, lengthMs(timeframe), from, to)
    const bars = barColumns(rows.length)
    for (const [i, row] of rows.entries()) {
      for (const [place, column] of NUMBERS.entries()) bars[column][i] = Number(row[place])
    }
    return bars
  }
}
