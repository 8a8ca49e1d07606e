/*
 * PostgresArchive: the bars that workers on many machines keep, read as those of a file are: for a backtest, a list, an
 * export. Bars and jobs are the same tables; what a run at a venue merges is there too.
 */
import { assert } from '../core/assert.ts'
import type { Ms } from '../core/brand.ts'
import type { BarColumns } from '../core/columns.ts'
import type { Revised } from '../core/jobs.ts'
import type { BarStore, Series, SeriesQuery, WriteBars, WriteTerms } from '../core/store.ts'
import { DAY, HOUR, lengthMs, MINUTE, ms, type Timeframe, timeframeOf } from '../core/time.ts'
import { PAGE_ROWS, pagesFrom } from './bar-pages.ts'
import { IS_CLOSED } from './bar-sheet.ts'
import { checkBars } from './check-bars.ts'
import type { Row } from './job-rows.ts'
import { Postgres, type PostgresOptions } from './postgres.ts'
import { PostgresBars } from './postgres-bars.ts'
import { countRevised, PostgresJobs } from './postgres-jobs.ts'
import { postgresPage, type PostgresStretch } from './postgres-pages.ts'
import { openPostgres } from './postgres-schema.ts'

const END_OF_TIME = Number.MAX_SAFE_INTEGER

/**
 * A file is read and checked within the transaction that writes its bars: the largest takes a minute or more, in which the
 * server hears nothing (measured: 3 M rows of csv, 13 s of the processor).
 */
const READING_MS = 10 * MINUTE
const READS = `set local idle_in_transaction_session_timeout = ${READING_MS}`

/** In the order of bytes, as a file has it: the database's own order may be a language's. */
const BY_SYMBOL = 'symbol collate "C"'

const SERIES = `select symbol, timeframe, bars, first, last from symbols, lateral (
    select timeframe, count(*) as bars, min(start) as first, max(start) as last
    from bars where symbol_id = id and ${IS_CLOSED} group by timeframe) as found
  order by ${BY_SYMBOL}, timeframe`

/** One look into the key for each symbol, however many bars it has. */
const SYMBOLS = `select symbol from symbols where exists (
    select from bars where symbol_id = id and timeframe = ?1 and ${IS_CLOSED})
  order by ${BY_SYMBOL}`

const RUNS = `select min(start) as first, max(start) as last, count(*) as bars from (
    select start, count(*) filter (where is_first) over (order by start) as run from (
      select start, start - lag(start) over (order by start) > ?3 as is_first from bars
      where symbol_id = (select id from symbols where symbol = ?1) and timeframe = ?2 and ${IS_CLOSED}
    ) as steps) as runs
  group by run order by run`

/** Connects, and brings the database to today's schema. Throws StoreError. */
export const openPostgresArchive = async (options: PostgresOptions): Promise<PostgresArchive> =>
  new PostgresArchive(await openPostgres(options))

export class PostgresArchive implements BarStore {
  readonly jobs: PostgresJobs
  readonly #postgres: Postgres
  readonly #bars = new PostgresBars()

  constructor(postgres: Postgres) {
    this.#postgres = postgres
    this.jobs = new PostgresJobs(postgres)
  }

  readonly now = () => this.#postgres.now()

  get name(): string {
    return this.#postgres.name
  }

  async putBars(
    symbol: string,
    timeframe: Timeframe,
    bars: BarColumns,
    terms: WriteTerms = {},
  ): Promise<{ readonly written: number }> {
    if (bars.length === 0) return { written: 0 }
    await this.writing((write) => write(symbol, timeframe, bars, terms))
    return { written: bars.length }
  }

  /** One transaction. The numbers that new symbols get stay, whatever becomes of it. */
  writing<T>(work: (write: WriteBars) => Promise<T>): Promise<T> {
    return this.#postgres.transaction(async (session) => {
      await session.all(READS)
      const revised: Revised[] = []
      const value = await work(async (symbol, timeframe, bars, terms = {}) => {
        const { adjustment = 'raw', rank = 'final' } = terms
        checkBars(symbol, timeframe, bars)
        await this.#bars.intern(this.#postgres, [symbol])
        const page = { timeframe, adjustment, series: [{ symbol, bars }] }
        const met = await this.#bars.write(session, page, rank)
        revised.push(...met.revised)
      })
      // Last, so that no page waits for these counts as long as an import takes.
      await countRevised(session, revised)
      return value
    })
  }

  bars(query: SeriesQuery & { readonly pageSize?: number }): AsyncIterable<BarColumns> {
    const { from = 0, to = END_OF_TIME, pageSize = PAGE_ROWS } = query
    const stretch = { ...stretchOf(query), to }
    return pagesFrom(from, pageSize, (start) => this.#page({ ...stretch, from: start }, pageSize))
  }

  latest(query: {
    readonly symbol: string
    readonly timeframe: Timeframe
    readonly limit: number
    readonly before?: Ms
  }): Promise<BarColumns> {
    const { limit, before = END_OF_TIME } = query
    assert(Number.isSafeInteger(limit) && limit >= 0, `a limit counts bars, not ${limit}`)
    return this.#page({ ...stretchOf(query), from: 0, to: before }, limit, 'last')
  }

  async series(): Promise<readonly Series[]> {
    return (await this.#all(SERIES)).map((row) => ({
      symbol: String(row['symbol']),
      timeframe: timeframeOf(Number(row['timeframe'])),
      bars: Number(row['bars']),
      first: ms(Number(row['first'])),
      last: ms(Number(row['last'])),
    }))
  }

  async symbolsOf(timeframe: Timeframe): Promise<readonly string[]> {
    return (await this.#all(SYMBOLS, lengthMs(timeframe))).map(({ symbol }) => String(symbol))
  }

  /** Days follow each other through a clock change: 25 hours are no hole. */
  async coverage(
    symbol: string,
    timeframe: Timeframe,
  ): Promise<readonly { readonly from: Ms; readonly to: Ms; readonly bars: number }[]> {
    const timeframeMs = lengthMs(timeframe)
    const stepMsMax = timeframeMs === DAY ? DAY + HOUR : timeframeMs
    return (await this.#all(RUNS, symbol, timeframeMs, stepMsMax)).map((row) => ({
      from: ms(Number(row['first'])),
      to: ms(Number(row['last']) + timeframeMs),
      bars: Number(row['bars']),
    }))
  }

  close(): Promise<void> {
    return this.#postgres.close()
  }

  #page(stretch: PostgresStretch, limit: number, end?: 'last'): Promise<BarColumns> {
    return this.#postgres.statement((session) => postgresPage(session, stretch, limit, end))
  }

  #all(sql: string, ...cells: readonly (string | number)[]): Promise<readonly Row[]> {
    return this.#postgres.statement(({ all }) => all(sql, ...cells))
  }
}

const stretchOf = ({ symbol, timeframe, adjustment = 'raw' }: SeriesQuery) => ({
  symbol,
  timeframeMs: lengthMs(timeframe),
  adjustment,
})
