// BarTable: the archive's statements, synchronous. It lives in the archive's worker thread.
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { assert } from '../core/assert.ts'
import { barColumns, type BarColumns } from '../core/columns.ts'
import type { Adjustment, Merge, Merged, PageCommit, PageKept } from '../core/jobs.ts'
import type { BarRank } from '../core/market.ts'
import { DAY, HOUR, lengthMs, timeframeOf } from '../core/time.ts'
import { PAGE_ROWS } from './bar-pages.ts'
import { BarReads } from './bar-reads.ts'
import { BarSheet, IS_CLOSED, type Met } from './bar-sheet.ts'
import { Checkpoints } from './checkpoints.ts'
import { numberOf, openDatabase, textOf } from './database.ts'
import { JobTable } from './job-table.ts'
import { ARCHIVE_SCHEMA } from './migrations.ts'
import { emptyPacked, type PackedBars, packBars, unpackBars } from './packed-bars.ts'
import { type PackedPages, unpackSeries } from './packed-pages.ts'

export interface TableOptions {
  readonly busyMs?: number
  /** Size limit of the file; writes past it fail as on a full disk. */
  readonly maxBytes?: number
  /** Pages of a checkpoint: 8,192 of 4 KB where not told. */
  readonly checkpointPages?: number
}

export interface SeriesKey {
  readonly symbol: string
  readonly timeframeMs: number
  /** Raw where not told. */
  readonly adjustment?: Adjustment
}

/** A page as it travels between the threads: its series are packed. */
export type PackedPage = Omit<PageCommit, 'series'> & { readonly packed: PackedPages }

/** The same of bars that were heard. */
export type PackedMerge = Omit<Merge, 'series'> & Pick<PackedPage, 'packed'>

/** A stretch of a series; `from` is included, `to` is not. */
export interface Stretch extends SeriesKey {
  readonly from: number
  readonly to: number
}

/** The same stretch of many series. */
export type Stretches = Omit<Stretch, 'symbol'> & { readonly symbols: readonly string[] }

export interface SeriesRow {
  readonly symbol: string
  readonly timeframeMs: number
  readonly bars: number
  readonly first: number
  readonly last: number
}

/** A revision as it travels between the threads. */
export interface RevisionRow {
  readonly symbol: string
  readonly timeframeMs: number
  readonly start: number
  readonly open: number
  readonly high: number
  readonly low: number
  readonly close: number
  readonly volume: number
  readonly trades: number
  readonly seenAt: number
  readonly source: string
}

/** Revisions of one answer. */
const REVISIONS_MAX = 10_000

export interface Run {
  readonly from: number
  readonly to: number
  readonly bars: number
}

/** Bars of an adjustment, as they are written and as they are read. */
interface Adjusted {
  readonly sheet: BarSheet
  readonly reads: BarReads
}

const SERIES = 'symbol_id = ?1 and timeframe = ?2'

/**
 * Two connections: what is being written is not read before it is committed, and a long write does not
 * stop reads (https://www.sqlite.org/wal.html#concurrency).
 */
export class BarTable {
  readonly #writer: DatabaseSync
  readonly #reader: DatabaseSync
  readonly #checkpoints: Checkpoints
  readonly #ids = new Map<string, number>()
  readonly #adjustments = new Map<Adjustment, Adjusted>()
  readonly #addSymbol: StatementSync
  readonly #findSymbol: StatementSync
  readonly #readSymbol: StatementSync
  readonly #series: StatementSync
  readonly #symbols: StatementSync
  readonly #insertRevision: StatementSync
  readonly #revisions: StatementSync
  /** Beside the bars: the jobs that fetch them. */
  readonly jobs: JobTable

  constructor(path: string, options: TableOptions = {}) {
    const busy = options.busyMs === undefined ? {} : { busyMs: options.busyMs }
    this.#writer = openDatabase(path, { schema: ARCHIVE_SCHEMA, ...busy })
    // A lost power may take the last imports with it; they can be imported again.
    this.#writer.exec('pragma synchronous = normal')
    this.#checkpoints = new Checkpoints(path, this.#writer, options.checkpointPages)
    if (options.maxBytes !== undefined) {
      const pageBytes = numberOf(this.#writer.prepare('pragma page_size').get()?.page_size)
      this.#writer.exec(`pragma max_page_count = ${Math.floor(options.maxBytes / pageBytes)}`)
    }
    this.#reader = openDatabase(path, { schema: ARCHIVE_SCHEMA, ...busy })
    this.#addSymbol = this.#writer.prepare('insert or ignore into symbols (symbol) values (?)')
    this.#findSymbol = this.#writer.prepare('select id from symbols where symbol = ?')
    this.#readSymbol = this.#reader.prepare('select id from symbols where symbol = ?')
    this.jobs = new JobTable(this.#writer)
    this.#series = this.#reader.prepare(
      `select symbol, timeframe, sum(bars) as bars, min(first) as first, max(last) as last from (
         select symbol_id, timeframe, count(*) as bars, min(start) as first, max(start) as last
         from bars where ${IS_CLOSED} group by symbol_id, timeframe
         union all
         select symbol_id, timeframe, sum(bars), min(first), max(last)
         from bar_chunks where adjustment = 'raw' group by symbol_id, timeframe)
       join symbols on symbols.id = symbol_id
       group by symbol_id, timeframe order by symbol, timeframe`,
    )
    this.#symbols = this.#reader.prepare(
      `select symbol from symbols where exists (
         select 1 from bars where symbol_id = id and timeframe = ?1 and ${IS_CLOSED})
       or exists (
         select 1 from bar_chunks where symbol_id = id and timeframe = ?1 and adjustment = 'raw')
       order by symbol`,
    )
    this.#insertRevision = this.#writer.prepare(
      `insert or ignore into revisions values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    )
    this.#revisions = this.#reader.prepare(
      `select * from (select * from revisions where ${SERIES} and start >= ?3 and start < ?4
         order by seen_at desc limit ${REVISIONS_MAX})
       order by start, seen_at`,
    )
  }

  begin(): void {
    this.#writer.exec('begin immediate')
  }

  commit(): void {
    this.#writer.exec('commit')
    this.#checkpoints.look()
  }

  /** Forgets what was written since `begin`; without one it does nothing. */
  rollback(): void {
    this.#ids.clear()
    if (this.#writer.isTransaction) this.#writer.exec('rollback')
  }

  /** Inserts or replaces bars, within a transaction. */
  write(
    { symbol, timeframeMs, adjustment = 'raw' }: SeriesKey,
    bars: BarColumns,
    rank: BarRank,
  ): Met {
    assert(this.#writer.isTransaction, 'bars are written within a transaction')
    const id = this.#intern(symbol)
    const met = this.#of(adjustment).sheet.write(id, timeframeMs, bars, rank)
    if (met.revised > 0) {
      const timeframe = timeframeOf(timeframeMs)
      this.jobs.countRevised({ symbol, timeframe, adjustment, bars: met.revised })
    }
    return met
  }

  /** A page of a job: its bars and its checkpoint in one transaction. Undefined where the claim is another's. */
  commitPage(page: PackedPage): PageKept | undefined {
    const { timeframe, adjustment } = page
    const timeframeMs = lengthMs(timeframe)
    const series = unpackSeries(page.packed)
    return this.#alone(() => {
      if (!this.jobs.checkpoint({ ...page, series })) return undefined
      const key = { timeframeMs, adjustment }
      let revised = 0
      for (const { symbol, bars } of series)
        revised += this.write({ ...key, symbol }, bars, 'final').revised
      const isGranted = page.next !== undefined && this.jobs.grant(page.next).waitMs === 0
      return { revised, isGranted }
    })
  }

  /** Bars that were heard. */
  merge({ timeframe, adjustment, rank, packed }: PackedMerge): Merged {
    const key = { timeframeMs: lengthMs(timeframe), adjustment }
    const series = unpackSeries(packed)
    return this.#alone(() => {
      const merged = { bars: 0, revised: 0, outranked: 0 }
      for (const { symbol, bars } of series) {
        const { revised, outranked } = this.write({ ...key, symbol }, bars, rank)
        merged.bars += bars.length
        merged.revised += revised
        merged.outranked += outranked
      }
      return merged
    })
  }

  /** The first `limit` bars of a stretch. */
  page({ symbol, timeframeMs, from, to, adjustment = 'raw' }: Stretch, limit: number): PackedBars {
    const id = this.#idOf(symbol)
    if (id === undefined) return emptyPacked(0)
    const packed = emptyPacked(limit)
    const into = unpackBars(packed)
    const { reads } = this.#of(adjustment)
    const count = this.#reading(() => reads.first(into, { id, timeframeMs }, { from, to }))
    return trimmed(packed, 0, count)
  }

  /** The starts of each symbol's bars in a stretch that history told, as lists in JSON: who asked has more time. */
  starts({ symbols, timeframeMs, from, to, adjustment = 'raw' }: Stretches): string[] {
    const { reads } = this.#of(adjustment)
    return this.#reading(() =>
      symbols.map((symbol) => {
        const id = this.#idOf(symbol)
        return id === undefined ? '[]' : reads.starts({ id, timeframeMs }, { from, to })
      }),
    )
  }

  /** How many they are. */
  counted({ symbols, timeframeMs, from, to, adjustment = 'raw' }: Stretches): number[] {
    const { reads } = this.#of(adjustment)
    return this.#reading(() =>
      symbols.map((symbol) => {
        const id = this.#idOf(symbol)
        return id === undefined ? 0 : reads.counted({ id, timeframeMs }, { from, to })
      }),
    )
  }

  /** The last `limit` bars before `before`, oldest first. */
  latest(
    { symbol, timeframeMs, to, adjustment = 'raw' }: Omit<Stretch, 'from'>,
    limit: number,
  ): PackedBars {
    const id = this.#idOf(symbol)
    if (id === undefined) return emptyPacked(0)
    const packed = emptyPacked(limit)
    const into = unpackBars(packed)
    const { reads } = this.#of(adjustment)
    const from = this.#reading(() => reads.last(into, { id, timeframeMs }, to))
    return trimmed(packed, from, limit)
  }

  series(): SeriesRow[] {
    return this.#series.all().map((row) => ({
      symbol: textOf(row.symbol),
      timeframeMs: numberOf(row.timeframe),
      bars: numberOf(row.bars),
      first: numberOf(row.first),
      last: numberOf(row.last),
    }))
  }

  /** One look into the key for each symbol, however many bars it has. */
  symbolsOf(timeframeMs: number): string[] {
    return this.#symbols.all(timeframeMs).map(({ symbol }) => textOf(symbol))
  }

  /** Keeps a revision, within a transaction; one with the same values is there already. */
  revise(revision: RevisionRow): void {
    const { symbol, timeframeMs, start, open, high, low, close, volume } = revision
    const { trades, seenAt, source } = revision
    const id = this.#intern(symbol)
    const values = [open, high, low, close, volume, trades]
    this.#insertRevision.run(id, timeframeMs, start, ...values, seenAt, source)
  }

  revisions({ symbol, timeframeMs, from, to }: Stretch): RevisionRow[] {
    const id = this.#idOf(symbol)
    if (id === undefined) return []
    return this.#revisions.all(id, timeframeMs, from, to).map((row) => ({
      symbol,
      timeframeMs,
      start: numberOf(row.start),
      open: numberOf(row.open),
      high: numberOf(row.high),
      low: numberOf(row.low),
      close: numberOf(row.close),
      volume: numberOf(row.volume),
      trades: numberOf(row.trades),
      seenAt: numberOf(row.seen_at),
      source: textOf(row.source),
    }))
  }

  /** The unbroken runs of a series. Days follow each other through a clock change: 25 hours are no hole. */
  coverage(symbol: string, timeframeMs: number): Run[] {
    const id = this.#idOf(symbol)
    if (id === undefined) return []
    const stepMsMax = timeframeMs === DAY ? DAY + HOUR : timeframeMs
    const runs: Run[] = []
    const page = barColumns(PAGE_ROWS)
    const { reads } = this.#of('raw')
    let from = 0
    let last = -Infinity
    let bars = 0
    this.#reading(() => {
      for (let count = PAGE_ROWS; count === PAGE_ROWS;) {
        const span = { from: Math.max(0, last + 1), to: Number.MAX_SAFE_INTEGER }
        count = reads.first(page, { id, timeframeMs }, span)
        for (const start of page.start.subarray(0, count)) {
          if (start - last > stepMsMax) {
            if (bars > 0) runs.push({ from, to: last + timeframeMs, bars })
            from = start
            bars = 0
          }
          last = start
          bars++
        }
      }
    })
    if (bars > 0) runs.push({ from, to: last + timeframeMs, bars })
    return runs
  }

  close(): void {
    this.rollback()
    this.#checkpoints.close()
    this.#reader.close()
    this.#writer.close()
  }

  /** One transaction of bars. */
  #alone<T>(work: () => T): T {
    try {
      const value = this.jobs.alone(work)
      this.#checkpoints.look()
      return value
    } catch (error) {
      // The numbers that symbols got in it went with it.
      this.#ids.clear()
      throw error
    }
  }

  /** Several statements that see the same bars. */
  #reading<T>(work: () => T): T {
    this.#reader.exec('begin')
    try {
      return work()
    } finally {
      // After an error of the disk, SQLite has ended it by itself.
      if (this.#reader.isTransaction) this.#reader.exec('commit')
    }
  }

  #of(adjustment: Adjustment): Adjusted {
    const known = this.#adjustments.get(adjustment)
    if (known !== undefined) return known
    const sheet = new BarSheet(adjustment, this.#writer)
    const made = { sheet, reads: new BarReads(adjustment, this.#reader) }
    this.#adjustments.set(adjustment, made)
    return made
  }

  #intern(symbol: string): number {
    const known = this.#ids.get(symbol)
    if (known !== undefined) return known
    this.#addSymbol.run(symbol)
    const id = numberOf(this.#findSymbol.get(symbol)?.id)
    this.#ids.set(symbol, id)
    return id
  }

  #idOf(symbol: string): number | undefined {
    const row = this.#readSymbol.get(symbol)
    return row === undefined ? undefined : numberOf(row.id)
  }
}

/** A full buffer travels as it is; of another one only what is used. */
function trimmed(packed: PackedBars, from: number, to: number): PackedBars {
  return to - from === packed.capacity ? packed : packBars(unpackBars(packed), from, to)
}
