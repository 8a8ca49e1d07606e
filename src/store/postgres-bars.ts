// PostgresBars: bars in Postgres, within a transaction. A page of all its symbols is one statement.
import { assert } from '../core/assert.ts'
import type { BarColumns } from '../core/columns.ts'
import type { JobStore, PageCommit, Revised, StartsQuery } from '../core/jobs.ts'
import type { BarRank } from '../core/market.ts'
import { lengthMs } from '../core/time.ts'
import { IS_CLOSED, RANKS, TABLES } from './bar-sheet.ts'
import { startsOf } from './job-rows.ts'
import type { Postgres, Session } from './postgres.ts'
import { PostgresArray } from './postgres-arrays.ts'
import { copyInto, CopyRows, type NumberedSeries } from './postgres-copy.ts'
import { postgresPage } from './postgres-pages.ts'
import { StoreError } from './store-error.ts'

/** Columns of a page, and what they are in a table. */
const KINDS = {
  start: 'bigint',
  open: 'double',
  high: 'double',
  low: 'double',
  close: 'double',
  volume: 'double',
  trades: 'bigint',
  filled: 'smallint',
} as const
const NUMBERS = Object.keys(KINDS) as (keyof typeof KINDS)[]
const VALUES = 'open, high, low, close, volume, trades, filled'
const WITH = (table: string): string =>
  VALUES.split(', ')
    .map((column) => `${table}.${column}`)
    .join(', ')

const COMPARED = (table: string): string =>
  ['open', 'high', 'low', 'close', 'volume', 'trades']
    .map((column) => `${table}.${column}`)
    .join(', ')

/** What is there already with the same values is not written again: a page that is fetched twice costs no space. */
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

/** A list in JSON for each symbol: rows of their own cost the driver five times that. */
const readStarts = (table: string): string =>
  `select coalesce('[' || string_agg(b.start::text, ',' order by b.start) || ']', '[]') as starts
   from unnest(?1::text[]) with ordinality as asked (symbol, place)
   left join symbols s on s.symbol = asked.symbol
   left join ${table} b on b.symbol_id = s.id and b.timeframe = ?2 and b.start >= ?3 and b.start < ?4
     and b.source = ${RANKS.final}
   group by asked.place order by asked.place`

const count = (table: string): string =>
  `select (select count(*) from ${table} b where b.symbol_id = s.id and b.timeframe = ?2
     and b.start >= ?3 and b.start < ?4 and b.source = ${RANKS.final}) as n
   from unnest(?1::text[]) with ordinality as asked (symbol, place)
   left join symbols s on s.symbol = asked.symbol
   order by asked.place`

/**
 * Is there any bar where these series are? Asked first: most pages meet none, and comparing costs as much as writing. And
 * how many of the symbols still have the numbers that we know them by.
 */
const meetsAny = (table: string): string =>
  `select exists (
     select from unnest(?2::integer[], ?3::bigint[], ?4::bigint[]) as s (symbol_id, first, last),
       lateral (select 1 from ${table} b where b.symbol_id = s.symbol_id and b.timeframe = ?1
         and b.start between s.first and s.last limit 1) as there
   ) as found,
   (select count(*) from unnest(?2::integer[], ?5::text[]) as n (id, symbol)
     join symbols s on s.id = n.id and s.symbol = n.symbol) as known`

const meets = (table: string): string =>
  `select b.symbol_id,
     count(*) filter (where b.source > ?2) as outranked,
     count(*) filter (where b.source <= ?2 and b.${IS_CLOSED} and (${COMPARED('b')}) is distinct from (${COMPARED('page')}))
       as revised
   from unnest(?3::integer[], ?4::bigint[], ?5::double precision[], ?6::double precision[],
     ?7::double precision[], ?8::double precision[], ?9::double precision[], ?10::bigint[],
     ?11::smallint[]) as page (symbol_id, start, ${VALUES})
   join ${table} b on b.symbol_id = page.symbol_id and b.timeframe = ?1 and b.start = page.start
   group by b.symbol_id`

type Page = Pick<PageCommit, 'timeframe' | 'adjustment' | 'series'>

/** What became of the bars that were there. */
export interface Met {
  readonly revised: readonly Revised[]
  readonly outranked: number
}
const NOTHING_MET: Met = { revised: [], outranked: 0 }

export class PostgresBars {
  readonly #ids = new Map<string, number>()
  /** As many as pages were written at once. */
  readonly #copies: CopyRows[] = []

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

  /** Inserts or replaces bars, where nothing of a higher rank is there. */
  async write(session: Session, page: Page, rank: BarRank = 'final'): Promise<Met> {
    const { timeframe, adjustment, series } = page
    const full = series.filter(({ bars }) => bars.length > 0)
    if (full.length === 0) return NOTHING_MET
    const numbered = full.map(({ symbol, bars }) => {
      const id = this.#ids.get(symbol)
      assert(id !== undefined, () => `${symbol} has a number`)
      return { id, bars }
    })
    const table = TABLES[adjustment]
    const timeframeMs = lengthMs(timeframe)
    const symbols = full.map(({ symbol }) => symbol)
    const any = await session.one(meetsAny(table), timeframeMs, ...spansOf(numbered), symbols)
    if (any?.['known'] !== full.length) {
      this.#ids.clear()
      const text = `the symbols of the database have other numbers than a moment ago: it was restored, or is another one now`
      throw new StoreError('restored', `${text}; nothing was written, start again`)
    }
    // Another transaction may add some of them meanwhile: then there is something to meet after all.
    if (any?.['found'] !== true) {
      const rows = this.#copies.pop() ?? new CopyRows()
      const bytes = rows.write(numbered, { timeframeMs, source: RANKS[rank] })
      if (await session.copies(copyInto(table), bytes)) {
        // Of rows that were refused, the connection may still have some to send.
        this.#copies.push(rows)
        return NOTHING_MET
      }
    }
    const about = [timeframeMs, RANKS[rank]]
    const columns = arraysOf(numbered)
    const met = await session.all(meets(table), ...about, ...columns)
    await session.run(write(table), ...about, ...columns)
    if (met.length === 0) return NOTHING_MET
    const symbolOf = new Map(full.map(({ symbol }) => [this.#ids.get(symbol), symbol]))
    const revised = met.map((row) => {
      const symbol = symbolOf.get(Number(row['symbol_id']))!
      return { symbol, timeframe, adjustment, bars: Number(row['revised']) }
    })
    return {
      revised: revised.filter((one) => one.bars > 0),
      outranked: met.reduce((sum, row) => sum + Number(row['outranked']), 0),
    }
  }

  /** The starts of those that history told, for each symbol. */
  async starts(
    session: Session,
    { symbols, timeframe, adjustment, from, to }: StartsQuery,
  ): Promise<readonly Float64Array[]> {
    const sql = readStarts(TABLES[adjustment])
    const rows = await session.all(sql, symbols, lengthMs(timeframe), from, to)
    return rows.map(({ starts }) => startsOf(String(starts)))
  }

  /** How many they are. */
  async counted(
    session: Session,
    { symbols, timeframe, adjustment, from, to }: StartsQuery,
  ): Promise<readonly number[]> {
    const sql = count(TABLES[adjustment])
    const rows = await session.all(sql, symbols, lengthMs(timeframe), from, to)
    return rows.map(({ n }) => Number(n))
  }

  read(
    session: Session,
    { timeframe, ...stretch }: Parameters<JobStore['bars']>[0],
  ): Promise<BarColumns> {
    return postgresPage(session, { ...stretch, timeframeMs: lengthMs(timeframe) }, null)
  }
}

/** The number, the first and the last start of each. */
function spansOf(series: readonly NumberedSeries[]): readonly Buffer[] {
  const { length } = series
  const ids = new PostgresArray('integer', length)
  const firsts = new PostgresArray('bigint', length)
  const lasts = new PostgresArray('bigint', length)
  for (const { id, bars } of series) {
    ids.repeat(id, 1)
    firsts.repeat(bars.start[0]!, 1)
    lasts.repeat(bars.start[bars.length - 1]!, 1)
  }
  return [ids.buffer, firsts.buffer, lasts.buffer]
}

/** The numbers of the symbols and the columns, all series as one. */
function arraysOf(series: readonly NumberedSeries[]): readonly Buffer[] {
  const rows = series.reduce((sum, { bars }) => sum + bars.length, 0)
  const ids = new PostgresArray('integer', rows)
  for (const { id, bars } of series) ids.repeat(id, bars.length)
  const columns = NUMBERS.map((name) => {
    const column = new PostgresArray(KINDS[name], rows)
    for (const { bars } of series) column.add(bars[name])
    return column.buffer
  })
  return [ids.buffer, ...columns]
}
