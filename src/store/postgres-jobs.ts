/*
 * PostgresJobs: the port JobStore on Postgres, for workers on many machines. Each call is one transaction, and what a
 * worker may not do any more (its token is old) is refused in the transaction that would have done it.
 *
 * The claim is ours and no queue's: it takes all runs of a pack or none, where a pack is what fills pages, and it must be
 * one transaction with cursor, coverage and the ledger that is the budget.
 */
import { assert } from '../core/assert.ts'
import type { BarColumns } from '../core/columns.ts'
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
  type Merge,
  type Merged,
  type Monitor,
  type NewRun,
  type PageCommit,
  type PageKept,
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
  type StartsQuery,
} from '../core/jobs.ts'
import { checkBars } from './check-bars.ts'
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
import { lengthMs } from '../core/time.ts'
import { TABLES } from './bar-sheet.ts'
import { lastRowSql, lastsSql, PRUNES, runsSql, SQL } from './job-sql.ts'
import { MONITOR_SQL } from './monitor-sql.ts'
import { type Cell, Postgres, type PostgresOptions, type Session } from './postgres.ts'
import { PostgresBars } from './postgres-bars.ts'
import { openPostgres } from './postgres-schema.ts'
import { BULK, filteredSql, GRANT, LIMIT_MAX, LOCK_BUDGET, LOCK_COVERAGE } from './postgres-sql.ts'

/** Connects, and brings the database to today's schema. Throws StoreError. */
export const openPostgresJobs = async (options: PostgresOptions): Promise<PostgresJobs> =>
  new PostgresJobs(await openPostgres(options))

const LANES = ['repair', 'batch', 'single'] as const

export class PostgresJobs implements JobStore {
  readonly #postgres: Postgres
  readonly #bars = new PostgresBars()

  constructor(postgres: Postgres) {
    this.#postgres = postgres
  }

  /** Time of the server, the same for all workers. */
  now = () => this.#postgres.now()

  close(): Promise<void> {
    return this.#postgres.close()
  }

  putDefinitions(definitions: readonly JobDefinition[], at: number) {
    return this.#postgres.transaction(async ({ all, run }) => {
      const known = new Map((await all(SQL.definitions)).map((row) => [row['id'], row]))
      let created = 0
      let changed = 0
      for (const definition of definitions) {
        const row = known.get(definition.id)
        if (row !== undefined && isSame(definitionOf(row), definition)) continue
        await run(SQL.putDefinition, ...definitionCells(definition), at)
        if (row === undefined) created++
        else changed++
      }
      return { created, changed }
    })
  }

  async definitions(): Promise<readonly JobDefinition[]> {
    return (await this.#all(SQL.definitions)).map(definitionOf)
  }

  enable({ ids, isEnabled, at }: Parameters<JobStore['enable']>[0]): Promise<number> {
    return this.#postgres.transaction(async ({ run }) => {
      let switched = 0
      for (const id of ids) switched += await run(SQL.enable, id, isEnabled ? 1 : 0, at)
      return switched
    })
  }

  archiveDefinitions(ids: readonly string[], at: number): Promise<number> {
    return this.#postgres.transaction(async ({ all, one, run }) => {
      let archived = 0
      for (const id of ids) {
        const definition = await one(SQL.definition, id)
        if (definition === undefined) continue
        const runs = await all(SQL.rawRuns, id)
        const results = await all(SQL.rawResults, id)
        const kept = JSON.stringify({ runs, results })
        // A definition may come back and be archived again: its former history stays.
        await run(SQL.keepHistory, `${id}@${at}`, at, JSON.stringify(definition), kept)
        await run(SQL.dropResults, id)
        await run(SQL.dropRuns, id)
        archived += await run(SQL.dropDefinition, id)
      }
      return archived
    })
  }

  async note(name: string, value: string): Promise<void> {
    await this.#run(SQL.note, name, value)
  }

  async noted(name: string): Promise<string | undefined> {
    const [row] = await this.#all(SQL.noted, name)
    return row === undefined ? undefined : String(row['value'])
  }

  async enqueue(runs: readonly NewRun[], at: number): Promise<number> {
    if (runs.length === 0) return 0
    const rows = runs.map((run) => ({ ...run, symbols: JSON.stringify(run.symbols) }))
    return this.#run(BULK.enqueue, JSON.stringify(rows), at)
  }

  queued(at: number, limit: number, provider = ''): Promise<readonly JobRun[]> {
    return this.#postgres.transaction(async ({ all }) => {
      const runs: JobRun[] = []
      for (const lane of LANES)
        runs.push(...(await all(SQL.queued, lane, at, limit, provider)).map(runOf))
      return runs
    })
  }

  async runs({
    status = [],
    definition,
    limit,
  }: Parameters<JobStore['runs']>[0]): Promise<readonly JobRun[]> {
    const sql = runsSql(status.length, definition !== undefined)
    const about = definition === undefined ? [] : [definition]
    return (await this.#all(sql, limit, ...about, ...status)).map(runOf)
  }

  async counts(): Promise<RunCounts> {
    const counts = { queued: 0, running: 0, success: 0, failed: 0, cancelled: 0, paused: 0 }
    for (const { status, n } of await this.#all(SQL.counts)) {
      counts[String(status) as RunStatus] = Number(n)
    }
    return counts
  }

  async results(run: string): Promise<readonly RunResult[]> {
    return (await this.#all(SQL.results, run)).map(resultOf)
  }

  monitor(monitor: Monitor, at: number): Promise<readonly Row[]> {
    const sql = MONITOR_SQL[monitor]
    return this.#all(sql, ...(sql.includes('?1') ? [at] : []))
  }

  prune(before: number): Promise<number> {
    return this.#postgres.transaction(async ({ run }) => {
      let pruned = 0
      for (const sql of PRUNES) pruned += await run(sql, before)
      return pruned
    })
  }

  claim(ids: readonly string[], { token, pack, worker, at, leaseUntil }: Claim): Promise<boolean> {
    const sorted = ids.toSorted()
    return this.#postgres.transaction(
      async ({ one, all, run }) => {
        if ((await one(BULK.lockFirst, sorted[0] ?? '', token)) === undefined) return false
        if ((await all(BULK.lockAll, sorted, token)).length < ids.length) return false
        await run(BULK.claim, sorted, token, pack, worker, leaseUntil, at)
        return true
      },
      (isWhole) => isWhole,
    )
  }

  async renew(token: string, leaseUntil: number, at: number): Promise<boolean> {
    return (await this.#run(SQL.renew, token, leaseUntil, at)) > 0
  }

  async commitPage(page: PageCommit): Promise<PageKept | undefined> {
    const { token, at, leaseUntil, cursor, request, series, flaws, timeframe, next } = page
    for (const { symbol, bars } of series) checkBars(symbol, timeframe, bars)
    const symbols = series.map(({ symbol }) => symbol)
    await this.#bars.intern(this.#postgres, symbols)
    const rows = series.reduce((sum, { bars }) => sum + bars.length, 0)
    const kept = await this.#postgres.transaction(
      async (session) => {
        const { isRepeated, one, run } = session
        if (isRepeated && (await one(BULK.isCheckpointed, token, cursor)) !== undefined) return 0
        const held = await one(
          BULK.checkpoint,
          token,
          cursor,
          leaseUntil,
          at,
          request ?? null,
          rows,
        )
        if (held?.['runs'] === 0) return undefined
        if (flaws.length > 0) await run(BULK.flaws, JSON.stringify(flaws), timeframe, at)
        const { revised } = await this.#bars.write(session, page)
        return countRevised(session, revised)
      },
      (revised) => revised !== undefined,
    )
    if (kept === undefined) return undefined
    // Whoever stores a page does not hold the budget of all.
    const isGranted = next !== undefined && (await this.takeRequest(next)).waitMs === 0
    return { revised: kept, isGranted }
  }

  async merge(merge: Merge): Promise<Merged> {
    const { series, timeframe, rank } = merge
    for (const { symbol, bars } of series) checkBars(symbol, timeframe, bars)
    const symbols = series.map(({ symbol }) => symbol)
    await this.#bars.intern(this.#postgres, symbols)
    const bars = series.reduce((sum, one) => sum + one.bars.length, 0)
    return this.#postgres.transaction(async (session) => {
      const { revised, outranked } = await this.#bars.write(session, merge, rank)
      return { bars, outranked, revised: await countRevised(session, revised) }
    })
  }

  async revised(filter: SeriesFilter): Promise<readonly Revised[]> {
    return (await this.#filtered('revision_counts', filter)).map(revisedOf)
  }

  starts(query: StartsQuery): Promise<readonly Float64Array[]> {
    return this.#postgres.statement((session) => this.#bars.starts(session, query))
  }

  counted(query: StartsQuery): Promise<readonly number[]> {
    return this.#postgres.statement((session) => this.#bars.counted(session, query))
  }

  bars(query: Parameters<JobStore['bars']>[0]): Promise<BarColumns> {
    return this.#postgres.statement((session) => this.#bars.read(session, query))
  }

  settle(settlement: Settlement): Promise<boolean> {
    const { token, at, provider, results } = settlement
    const rowsOf = new Map<string, number>()
    for (const { run, rows } of results) rowsOf.set(run, (rowsOf.get(run) ?? 0) + rows)
    return this.#postgres.transaction(async (session) => {
      const { isRepeated, all, one, run } = session
      const runs = (await all(SQL.claimed, token)).map(({ id }) => String(id))
      if (runs.length === 0) {
        if (!isRepeated || rowsOf.size === 0) return false
        const done = await one(BULK.isFinished, [...rowsOf.keys()])
        return Number(done?.['n']) === rowsOf.size
      }
      const finished = runs.map((id) => ({ id, rows: rowsOf.get(id) ?? 0 }))
      await run(BULK.finish, JSON.stringify(finished), provider, runs.length, at)
      const claimed = new Set(runs)
      const told = results.filter((result) => claimed.has(result.run))
      await run(BULK.results, JSON.stringify(told))
      await cover(session, settlement)
      return true
    })
  }

  giveBack({ token, at, notBefore, code, message, retry }: Parameters<JobStore['giveBack']>[0]) {
    return this.#postgres.transaction(async ({ one, run }) => {
      const first = await one(SQL.claimed, token)
      if (first === undefined) return false
      const isLast = retry === 'later' && Number(first['attempt']) >= ATTEMPTS_MAX
      const status = retry === 'never' || isLast ? 'failed' : 'queued'
      const counted = retry === 'later' && !isLast ? 1 : 0
      return (await run(SQL.giveBack, token, status, counted, notBefore, code, message, at)) > 0
    })
  }

  async requeueStale(at: number, worker?: string) {
    // They hold what they claimed, and a row that is locked is passed over as one that is worked on.
    await this.#postgres.endStalled()
    const rows = await this.#all(BULK.requeueStale, at, ATTEMPTS_MAX, worker ?? null)
    const failed = rows.filter(({ status }) => status === 'failed').length
    return { requeued: rows.length - failed, failed }
  }

  shift({ ids, from, to, at }: Parameters<JobStore['shift']>[0]): Promise<number> {
    return this.#run(BULK.shift, to, at, from, ids ?? null)
  }

  async coverage(filter: SeriesFilter): Promise<readonly Coverage[]> {
    return (await this.#filtered('coverage_status', filter)).map(coverageOf)
  }

  async holes(filter: SeriesFilter): Promise<readonly KnownHole[]> {
    return (await this.#filtered('coverage_holes', filter)).map(holeOf)
  }

  async reopen(holes: readonly KnownHole[]): Promise<void> {
    if (holes.length === 0) return
    await this.#postgres.transaction(async ({ all, run }) => {
      await all(LOCK_COVERAGE)
      await run(BULK.holes, JSON.stringify(holes))
    })
  }

  async lasts({ symbols, timeframe, adjustment }: Parameters<JobStore['lasts']>[0]) {
    const sql = lastsSql(lastRowSql(TABLES[adjustment]), '= any(?2::text[])')
    return (await this.#all(sql, lengthMs(timeframe), symbols)).map(lastOf)
  }

  async takeRequest(ask: RequestAsk): Promise<{ readonly waitMs: number }> {
    const { id, provider, worker, at, timeframe, symbols, limit, windowMs } = ask
    const before = Math.min(limit, LIMIT_MAX) - 1
    const [row] = await this.#postgres.message([
      [LOCK_BUDGET, provider],
      [GRANT, provider, at, windowMs, before, id, worker, timeframe, symbols],
    ])
    return { waitMs: Number(row!['wait']) }
  }

  async book(request: Parameters<JobStore['book']>[0]): Promise<void> {
    const { id, provider, worker, at, timeframe, symbols } = request
    await this.#postgres.transaction(async ({ isRepeated, one, run }) => {
      if (isRepeated && (await one(BULK.isAsked, id)) !== undefined) return
      await run(SQL.ask, id, provider, worker, at, timeframe, symbols)
    })
  }

  async answered({ id, status, at }: Parameters<JobStore['answered']>[0]): Promise<void> {
    await this.#run(SQL.answered, id, status, at)
  }

  async stopRequests(provider: string, until: number): Promise<void> {
    await this.#run(SQL.stop, provider, until)
  }

  async requests({
    since,
    limit,
  }: Parameters<JobStore['requests']>[0]): Promise<readonly RequestRow[]> {
    return (await this.#all(SQL.requests, since, limit)).map(requestOf)
  }

  async putSplits({ provider, symbols, from, to, splits, at }: SplitsTold): Promise<void> {
    await this.#postgres.transaction(async ({ run }) => {
      for (const symbol of symbols.toSorted()) {
        await run(SQL.dropSplits, symbol, provider, from, to)
        await run(SQL.askedSplits, symbol, provider, from, to)
      }
      for (const { id, symbol, exAt, oldRate, newRate } of splits)
        await run(SQL.split, id, symbol, exAt, oldRate, newRate, provider, at)
    })
  }

  async splits(symbols: readonly string[]): Promise<readonly Split[]> {
    const found: Split[] = []
    for (const symbol of symbols.toSorted())
      found.push(...(await this.#all(SQL.splits, symbol)).map(splitOf))
    return found
  }

  async splitsAsked(provider: string) {
    return (await this.#all(SQL.splitsAsked, provider)).map(askedOf)
  }

  async beat({ name, at, status, message }: Beat): Promise<void> {
    await this.#run(SQL.beat, name, at, status, message)
  }

  async beats(): Promise<readonly Beat[]> {
    return (await this.#all(SQL.beats)).map(beatOf)
  }

  async quarantine(symbols: readonly Quarantined[]): Promise<void> {
    await this.#run(BULK.quarantine, JSON.stringify(symbols))
  }

  async quarantined(provider: string): Promise<readonly Quarantined[]> {
    return (await this.#all(SQL.quarantined, provider)).map(quarantinedOf)
  }

  readmit({ symbols, provider }: Parameters<JobStore['readmit']>[0]): Promise<number> {
    return this.#postgres.transaction(async ({ run }) => {
      let readmitted = 0
      for (const symbol of symbols.toSorted())
        readmitted += await run(SQL.readmit, symbol, provider)
      return readmitted
    })
  }

  async flaws(): Promise<readonly (Omit<Flaw, 'start'> & { readonly bars: number })[]> {
    return (await this.#all(SQL.flaws)).map((row) => ({
      symbol: String(row['symbol']),
      rule: String(row['rule']),
      isRejected: row['is_rejected'] === 1,
      bars: Number(row['n']),
    }))
  }

  #filtered(
    table: Parameters<typeof filteredSql>[0],
    { symbols, timeframe, adjustment }: SeriesFilter,
  ): Promise<readonly Row[]> {
    return this.#all(filteredSql(table), timeframe ?? null, adjustment ?? null, symbols ?? null)
  }

  #all(sql: string, ...cells: readonly Cell[]): Promise<readonly Row[]> {
    return this.#postgres.statement(({ all }) => all(sql, ...cells))
  }

  #run(sql: string, ...cells: readonly Cell[]): Promise<number> {
    return this.#postgres.statement(({ run }) => run(sql, ...cells))
  }
}

/** Of series that were written together. Gives how many they are. */
export async function countRevised({ run }: Session, revised: readonly Revised[]): Promise<number> {
  let sum = 0
  // In one order, so that two pages do not wait for each other.
  const inOrder = revised.toSorted((a, b) => (a.symbol < b.symbol ? -1 : 1))
  for (const { symbol, timeframe, adjustment, bars } of inOrder) {
    await run(SQL.countRevised, symbol, timeframe, adjustment, bars)
    sum += bars
  }
  return sum
}

async function cover(session: Session, settlement: Settlement): Promise<void> {
  const { at, provider, timeframe, adjustment, covered, holes } = settlement
  const { all, run } = session
  const bySymbol = new Map(covered.map((span) => [span.symbol, { ...span }]))
  assert(bySymbol.size === covered.length, 'a symbol is covered once by a settlement')
  const series = [timeframe, adjustment] as const
  await all(LOCK_COVERAGE)
  const spans = JSON.stringify(covered)
  for (const row of await all(BULK.dropCoverage, spans, ...series)) {
    const span = bySymbol.get(String(row['symbol']))!
    bySymbol.set(span.symbol, {
      ...span,
      from: Math.min(span.from, Number(row['from_ts'])) as typeof span.from,
      to: Math.max(span.to, Number(row['to_ts'])) as typeof span.to,
    })
  }
  await run(BULK.cover, JSON.stringify([...bySymbol.values()]), ...series, at, provider)
  await run(BULK.dropHoles, spans, ...series)
  const found = holes.map((hole) => ({ ...hole, timeframe, adjustment }))
  if (found.length > 0) await run(BULK.holes, JSON.stringify(found))
}
