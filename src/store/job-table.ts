// JobTable: the statements of history jobs on SQLite, synchronous, beside the bars in the archive's thread.
import type { DatabaseSync, SQLInputValue, SQLOutputValue, StatementSync } from 'node:sqlite'
import { assert } from '../core/assert.ts'
import {
  ATTEMPTS_MAX,
  type Beat,
  type Claim,
  type Coverage,
  type Flaw,
  type JobDefinition,
  type JobRun,
  type JobStore,
  type KnownHole,
  type Monitor,
  type NewRun,
  type PageCommit,
  type Quarantined,
  type RequestAsk,
  type RequestRow,
  type Revised,
  type RunCounts,
  type RunResult,
  type RunStatus,
  type SeriesFilter,
  type Settlement,
  type Split,
  type SplitsTold,
} from '../core/jobs.ts'
import {
  askedOf,
  beatOf,
  coverageOf,
  definitionCells,
  definitionOf,
  holeOf,
  lastOf,
  isSame,
  quarantinedOf,
  requestOf,
  resultOf,
  revisedOf,
  type Row,
  runOf,
  splitOf,
} from './job-rows.ts'
import { lastRowSql, lastsSql, orderOf, PRUNES, runsSql, type SeriesTable, SQL } from './job-sql.ts'
import { MONITOR_SQL } from './monitor-sql.ts'
import { lengthMs } from '../core/time.ts'
import { lastChunkSql } from './bar-chunks.ts'
import { TABLES } from './bar-sheet.ts'
import { numberOf, textOf } from './database.ts'

/** The members of the port that are statements alone; what bars have to do with is the archive's. */
export type JobTableMethods = Omit<JobStore, 'commitPage' | 'merge' | 'bars' | 'starts' | 'counted'>
export type JobTableSync = {
  readonly [K in keyof JobTableMethods]: (
    ...args: Parameters<JobTableMethods[K]>
  ) => Awaited<ReturnType<JobTableMethods[K]>>
}

const LANES = ['repair', 'batch', 'single'] as const

export class JobTable implements JobTableSync {
  readonly #db: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()

  constructor(db: DatabaseSync) {
    this.#db = db
  }

  putDefinitions(definitions: readonly JobDefinition[], at: number) {
    return this.alone(() => {
      let created = 0
      let changed = 0
      for (const definition of definitions) {
        const known = this.#one(SQL.definition, definition.id)
        if (known !== undefined && isSame(definitionOf(known), definition)) continue
        this.#run(SQL.putDefinition, ...definitionCells(definition), at)
        if (known === undefined) created++
        else changed++
      }
      return { created, changed }
    })
  }

  definitions(): readonly JobDefinition[] {
    return this.#all(SQL.definitions).map(definitionOf)
  }

  enable({ ids, isEnabled, at }: Parameters<JobStore['enable']>[0]): number {
    return this.alone(() =>
      ids.reduce((sum, id) => sum + this.#run(SQL.enable, id, isEnabled ? 1 : 0, at), 0),
    )
  }

  archiveDefinitions(ids: readonly string[], at: number): number {
    return this.alone(() => {
      let archived = 0
      for (const id of ids) {
        const definition = this.#one(SQL.definition, id)
        if (definition === undefined) continue
        const runs = this.#all(SQL.rawRuns, id)
        const results = this.#all(SQL.rawResults, id)
        const kept = JSON.stringify({ runs, results })
        // A definition may come back and be archived again: its former history stays.
        this.#run(SQL.keepHistory, `${id}@${at}`, at, JSON.stringify(definition), kept)
        this.#run(SQL.dropResults, id)
        this.#run(SQL.dropRuns, id)
        archived += this.#run(SQL.dropDefinition, id)
      }
      return archived
    })
  }

  note(name: string, value: string): void {
    this.#run(SQL.note, name, value)
  }

  noted(name: string): string | undefined {
    const row = this.#one(SQL.noted, name)
    return row === undefined ? undefined : textOf(row['value'])
  }

  enqueue(runs: readonly NewRun[], at: number): number {
    return this.alone(() => {
      let added = 0
      for (const { id, definition, symbols, from, to, lane, triggeredBy } of runs) {
        const list = JSON.stringify(symbols)
        added += this.#run(SQL.enqueue, id, definition, list, from, to, lane, triggeredBy, at)
      }
      return added
    })
  }

  queued(at: number, limit: number, provider = ''): readonly JobRun[] {
    return LANES.flatMap((lane) => this.#all(SQL.queued, lane, at, limit, provider).map(runOf))
  }

  runs({ status = [], definition, limit }: Parameters<JobStore['runs']>[0]): readonly JobRun[] {
    const sql = runsSql(status.length, definition !== undefined)
    const about = definition === undefined ? [] : [definition]
    return this.#all(sql, limit, ...about, ...status).map(runOf)
  }

  counts(): RunCounts {
    const counts: Record<RunStatus, number> = {
      queued: 0,
      running: 0,
      success: 0,
      failed: 0,
      cancelled: 0,
      paused: 0,
    }
    for (const { status, n } of this.#all(SQL.counts)) {
      counts[textOf(status) as RunStatus] = numberOf(n)
    }
    return counts
  }

  results(run: string): readonly RunResult[] {
    return this.#all(SQL.results, run).map(resultOf)
  }

  monitor(monitor: Monitor, at: number): readonly Row[] {
    const sql = MONITOR_SQL[monitor]
    return this.#all(sql, ...(sql.includes('?1') ? [at] : []))
  }

  prune(before: number): number {
    return this.alone(() => PRUNES.reduce((sum, sql) => sum + this.#run(sql, before), 0))
  }

  claim(ids: readonly string[], { token, pack, worker, at, leaseUntil }: Claim): boolean {
    return this.alone(
      () => ids.every((id) => this.#run(SQL.claim, id, token, pack, worker, leaseUntil, at) === 1),
      (isWhole) => isWhole,
    )
  }

  renew(token: string, leaseUntil: number, at: number): boolean {
    return this.#run(SQL.renew, token, leaseUntil, at) > 0
  }

  /** Within a transaction: the query goes on after this page. False where the claim is another's. */
  checkpoint({ token, at, leaseUntil, cursor, request, series, flaws, timeframe }: PageCommit) {
    if (this.#run(SQL.checkpoint, token, cursor, leaseUntil, at) === 0) return false
    const rows = series.reduce((sum, { bars }) => sum + bars.length, 0)
    if (request !== undefined) this.#run(SQL.answeredWell, request, at, rows)
    for (const { symbol, start, rule, isRejected } of flaws) {
      this.#run(SQL.flaw, symbol, timeframe, start, rule, isRejected ? 1 : 0, at)
    }
    return true
  }

  settle(settlement: Settlement): boolean {
    return this.alone(() => {
      const { token, at, provider } = settlement
      const runs = this.#all(SQL.claimed, token)
      if (runs.length === 0) return false
      for (const { id, pages } of runs) {
        const run = textOf(id)
        const results = settlement.results.filter((result) => result.run === run)
        const rows = results.reduce((sum, result) => sum + result.rows, 0)
        this.#run(SQL.finish, run, rows, provider, numberOf(pages) / runs.length, at)
        for (const { symbol, status, rows: written, message = null } of results) {
          this.#run(SQL.result, run, symbol, status, written, message)
        }
      }
      this.#cover(settlement)
      return true
    })
  }

  #cover({ at, provider, timeframe, adjustment, covered, holes }: Settlement): void {
    for (const { symbol, from, to, rows } of covered) {
      let [first, last]: [number, number] = [from, to]
      for (const row of this.#all(SQL.covering, symbol, timeframe, adjustment, from, to)) {
        first = Math.min(first, numberOf(row['from_ts']))
        last = Math.max(last, numberOf(row['to_ts']))
        this.#run(SQL.dropCoverage, symbol, timeframe, adjustment, numberOf(row['from_ts']))
      }
      this.#run(SQL.cover, symbol, timeframe, adjustment, first, last, at, rows, provider)
      this.#run(SQL.dropHoles, symbol, timeframe, adjustment, from, to)
    }
    for (const hole of holes) this.#keepHole({ ...hole, timeframe, adjustment })
  }

  reopen(holes: readonly KnownHole[]): void {
    this.alone(() => {
      for (const hole of holes) this.#keepHole(hole)
    })
  }

  #keepHole({ symbol, timeframe, adjustment, from, to, bars, status, expiresAt }: KnownHole): void {
    this.#run(SQL.hole, symbol, timeframe, adjustment, from, to, bars, status, expiresAt)
  }

  giveBack({ token, at, notBefore, code, message, retry }: Parameters<JobStore['giveBack']>[0]) {
    return this.alone(() => {
      const [first] = this.#all(SQL.claimed, token)
      if (first === undefined) return false
      const isLast = retry === 'later' && numberOf(first['attempt']) >= ATTEMPTS_MAX
      const status = retry === 'never' || isLast ? 'failed' : 'queued'
      const counted = retry === 'later' && !isLast ? 1 : 0
      return this.#run(SQL.giveBack, token, status, counted, notBefore, code, message, at) > 0
    })
  }

  requeueStale(at: number, worker = ''): { readonly requeued: number; readonly failed: number } {
    return this.alone(() => {
      let requeued = 0
      let failed = 0
      for (const { id, attempt } of this.#all(SQL.stale, at, worker)) {
        const isOver = numberOf(attempt) >= ATTEMPTS_MAX
        const status = isOver ? 'failed' : 'queued'
        const message = `no sign of life of its worker, attempt ${numberOf(attempt)}`
        this.#run(SQL.requeue, textOf(id), status, 'STALE_RUNNING', message, at)
        if (isOver) failed++
        else requeued++
      }
      return { requeued, failed }
    })
  }

  shift({ ids, from, to, at }: Parameters<JobStore['shift']>[0]): number {
    return this.alone(() =>
      from.reduce(
        (sum, status) =>
          sum +
          (ids === undefined
            ? this.#run(SQL.shiftAll, to, at, status)
            : ids.reduce((part, id) => part + this.#run(SQL.shift, id, to, at, status), 0)),
        0,
      ),
    )
  }

  coverage(filter: SeriesFilter): readonly Coverage[] {
    const { sql, cells } = filtered('coverage_status', filter)
    return this.#all(sql, ...cells).map(coverageOf)
  }

  holes(filter: SeriesFilter): readonly KnownHole[] {
    const { sql, cells } = filtered('coverage_holes', filter)
    return this.#all(sql, ...cells).map(holeOf)
  }

  lasts({ symbols, timeframe, adjustment }: Parameters<JobStore['lasts']>[0]) {
    const row = `coalesce(${lastRowSql(TABLES[adjustment])}, -1)`
    const chunk = `coalesce(${lastChunkSql(adjustment)}, -1)`
    const last = `nullif(max(${row}, ${chunk}), -1)`
    const sql = lastsSql(last, 'in (select value from json_each(?2))')
    return this.#all(sql, lengthMs(timeframe), JSON.stringify(symbols)).map(lastOf)
  }

  takeRequest(ask: RequestAsk): { readonly waitMs: number } {
    return this.alone(() => this.grant(ask))
  }

  /** Within a transaction. */
  grant(ask: RequestAsk): { readonly waitMs: number } {
    const { id, provider, worker, at, timeframe, symbols, limit, windowMs } = ask
    const stop = this.#one(SQL.stopped, provider)
    const stoppedMs = stop === undefined ? 0 : numberOf(stop['until']) - at
    if (stoppedMs > 0) return { waitMs: stoppedMs }
    // The clock was set back: what left by it as it was counts as of now, or it would be waited for.
    this.#run(SQL.bringBack, provider, at, at + windowMs)
    const blocking = this.#one(SQL.blocking, provider, at - windowMs, limit - 1)
    if (blocking !== undefined) {
      return { waitMs: Math.max(1, numberOf(blocking['requested_at']) + windowMs - at) }
    }
    this.#run(SQL.ask, id, provider, worker, at, timeframe, symbols)
    return { waitMs: 0 }
  }

  book({ id, provider, worker, at, timeframe, symbols }: Parameters<JobStore['book']>[0]): void {
    this.#run(SQL.ask, id, provider, worker, at, timeframe, symbols)
  }

  answered({ id, status, at }: Parameters<JobStore['answered']>[0]): void {
    this.#run(SQL.answered, id, status, at)
  }

  stopRequests(provider: string, until: number): void {
    this.#run(SQL.stop, provider, until)
  }

  requests({ since, limit }: Parameters<JobStore['requests']>[0]): readonly RequestRow[] {
    return this.#all(SQL.requests, since, limit).map(requestOf)
  }

  putSplits({ provider, symbols, from, to, splits, at }: SplitsTold): void {
    this.alone(() => {
      for (const symbol of symbols) {
        this.#run(SQL.dropSplits, symbol, provider, from, to)
        this.#run(SQL.askedSplits, symbol, provider, from, to)
      }
      for (const { id, symbol, exAt, oldRate, newRate } of splits)
        this.#run(SQL.split, id, symbol, exAt, oldRate, newRate, provider, at)
    })
  }

  splits(symbols: readonly string[]): readonly Split[] {
    return symbols.toSorted().flatMap((symbol) => this.#all(SQL.splits, symbol).map(splitOf))
  }

  splitsAsked(provider: string) {
    return this.#all(SQL.splitsAsked, provider).map(askedOf)
  }

  beat({ name, at, status, message }: Beat): void {
    this.#run(SQL.beat, name, at, status, message)
  }

  beats(): readonly Beat[] {
    return this.#all(SQL.beats).map(beatOf)
  }

  quarantine(symbols: readonly Quarantined[]): void {
    this.alone(() => {
      for (const { symbol, provider, reason, since } of symbols) {
        this.#run(SQL.quarantine, symbol, provider, reason, since)
      }
    })
  }

  quarantined(provider: string): readonly Quarantined[] {
    return this.#all(SQL.quarantined, provider).map(quarantinedOf)
  }

  readmit({ symbols, provider }: Parameters<JobStore['readmit']>[0]): number {
    return this.alone(() =>
      symbols.reduce((sum, symbol) => sum + this.#run(SQL.readmit, symbol, provider), 0),
    )
  }

  flaws(): readonly (Omit<Flaw, 'start'> & { readonly bars: number })[] {
    return this.#all(SQL.flaws).map((row) => ({
      symbol: textOf(row['symbol']),
      rule: textOf(row['rule']),
      isRejected: row['is_rejected'] === 1,
      bars: numberOf(row['n']),
    }))
  }

  revised(filter: SeriesFilter): readonly Revised[] {
    const { sql, cells } = filtered('revision_counts', filter)
    return this.#all(sql, ...cells).map(revisedOf)
  }

  /** Within a transaction. */
  countRevised({ symbol, timeframe, adjustment, bars }: Revised): void {
    this.#run(SQL.countRevised, symbol, timeframe, adjustment, bars)
  }

  /** One transaction: kept where the work ends well and `isGood` of what it gives. */
  alone<T>(work: () => T, isGood: (value: T) => boolean = () => true): T {
    this.#db.exec('begin immediate')
    try {
      const value = work()
      this.#db.exec(isGood(value) ? 'commit' : 'rollback')
      return value
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec('rollback')
      throw error
    }
  }

  #run(sql: string, ...cells: readonly SQLInputValue[]): number {
    return Number(this.#prepared(sql).run(...cells).changes)
  }

  #one(
    sql: string,
    ...cells: readonly SQLInputValue[]
  ): Record<string, SQLOutputValue> | undefined {
    return this.#prepared(sql).get(...cells)
  }

  #all(sql: string, ...cells: readonly SQLInputValue[]): Record<string, SQLOutputValue>[] {
    return this.#prepared(sql).all(...cells)
  }

  #prepared(sql: string): StatementSync {
    const known = this.#statements.get(sql)
    if (known !== undefined) return known
    assert(this.#statements.size < 200, 'statements are texts of this program, not of its data')
    const statement = this.#db.prepare(sql)
    this.#statements.set(sql, statement)
    return statement
  }
}

/** All rows that a filter lets through; a list of symbols travels as JSON text, in one parameter. */
function filtered(
  table: SeriesTable,
  { symbols, timeframe, adjustment }: SeriesFilter,
): { readonly sql: string; readonly cells: readonly string[] } {
  const cells: string[] = []
  const wheres: string[] = []
  const add = (column: string, value: string): void => {
    cells.push(value)
    wheres.push(`${column} = ?${cells.length}`)
  }
  if (timeframe !== undefined) add('timeframe', timeframe)
  if (adjustment !== undefined) add('adjustment', adjustment)
  if (symbols !== undefined) {
    cells.push(JSON.stringify(symbols))
    wheres.push(`symbol in (select value from json_each(?${cells.length}))`)
  }
  const where = wheres.length === 0 ? '' : `where ${wheres.join(' and ')}`
  const sql = `select * from ${table} ${where} order by ${orderOf(table)}`
  return { sql, cells }
}
