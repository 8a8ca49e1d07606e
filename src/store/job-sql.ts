/*
 * The statements of history jobs. SQLite and Postgres take the same text: parameters are ?1, ?2 … (Postgres: $1, $2 …),
 * lists of ids are joined by the caller with `inList`.
 */
import { MINUTE } from '../core/time.ts'
import { IS_CLOSED } from './bar-sheet.ts'

const RUN_COLUMNS = `r.id, r.job_def_id, r.symbols_array, r.slice_from, r.slice_to, r.lane, r.status,
  r.attempt, r.not_before, r.pack, r.page_cursor, r.pages, r.rows_written, r.triggered_by, r.worker,
  r.lease_until, r.error_code, r.error_message, r.started_at, r.updated_at,
  d.timeframe, d.adjustment, d.asset_class, d.provider, d.derived_from, d.priority`
const RUNS = `from job_runs r join job_definitions d on d.id = r.job_def_id`

/** What was written so long after now was written by a clock that was ahead, and is not waited for. */
const AHEAD_MS = MINUTE

/** Runs that one prune takes, each with a row for each of its symbols. */
const PRUNED_MAX = 1_000

/** `?4, ?5, ?6` for three values that follow three others. */
export const inList = (count: number, before = 0): string =>
  Array.from({ length: count }, (_, i) => `?${before + i + 1}`).join(', ')

export const SQL = {
  putDefinition: `insert into job_definitions (id, symbol, timeframe, job_type, adjustment, asset_class,
      provider, symbols_array, batch_number, total_batches, batch_version, range_from, range_to,
      derived_from, priority, enabled, created_at, updated_at)
    values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?17)
    on conflict (id) do update set symbols_array = excluded.symbols_array, provider = excluded.provider,
      batch_number = excluded.batch_number, total_batches = excluded.total_batches,
      range_from = excluded.range_from, range_to = excluded.range_to,
      derived_from = excluded.derived_from, priority = excluded.priority, updated_at = excluded.updated_at`,
  definition: `select * from job_definitions where id = ?1`,
  definitions: `select * from job_definitions order by priority desc, id`,
  enable: `update job_definitions set enabled = ?2, updated_at = ?3 where id = ?1 and enabled <> ?2`,
  dropDefinition: `delete from job_definitions where id = ?1`,
  dropRuns: `delete from job_runs where job_def_id = ?1`,
  dropResults: `delete from job_run_symbols
    where run_id in (select id from job_runs where job_def_id = ?1)`,
  rawRuns: `select * from job_runs where job_def_id = ?1 order by id`,
  rawResults: `select * from job_run_symbols
    where run_id in (select id from job_runs where job_def_id = ?1) order by run_id, symbol`,
  keepHistory: `insert into job_history (id, archived_at, definition, runs) values (?1, ?2, ?3, ?4)
    on conflict (id) do update set archived_at = excluded.archived_at,
      definition = excluded.definition, runs = excluded.runs`,
  note: `insert into job_notes (name, value) values (?1, ?2)
    on conflict (name) do update set value = excluded.value`,
  noted: `select value from job_notes where name = ?1`,
  enqueue: `insert into job_runs (id, job_def_id, symbols_array, slice_from, slice_to, lane, status,
      triggered_by, created_at, updated_at)
    values (?1, ?2, ?3, ?4, ?5, ?6, 'queued', ?7, ?8, ?8) on conflict (id) do nothing`,
  queued: `select ${RUN_COLUMNS} ${RUNS}
    where r.status = 'queued' and r.lane = ?1 and d.enabled = 1
      and (r.not_before <= ?2 or r.updated_at > ?2 + ${AHEAD_MS})
      and (?4 = '' or d.provider = ?4)
    order by case when r.pack is null then 1 else 0 end,
      case d.timeframe when '1m' then 0 when '5m' then 1 when '15m' then 2 when '1h' then 3
        when '4h' then 4 else 5 end,
      r.slice_to desc, d.priority desc, r.id
    limit ?3`,
  claim: `update job_runs set status = 'running', token = ?2, pack = ?3, worker = ?4, lease_until = ?5,
      started_at = coalesce(started_at, ?6), updated_at = ?6
    where id = ?1 and status = 'queued'`,
  renew: `update job_runs set lease_until = ?2, updated_at = ?3 where token = ?1 and status = 'running'`,
  claimed: `select id, attempt, pages from job_runs where token = ?1 and status = 'running' order by id`,
  checkpoint: `update job_runs set page_cursor = ?2, pages = pages + 1, attempt = 1, lease_until = ?3,
      updated_at = ?4
    where token = ?1 and status = 'running'`,
  finish: `update job_runs set status = 'success', rows_written = ?2, provider = ?3, actual_cost = ?4,
      token = null, finished_at = ?5, updated_at = ?5, error_code = null, error_message = null
    where id = ?1`,
  result: `insert into job_run_symbols (run_id, symbol, status, rows_written, message)
    values (?1, ?2, ?3, ?4, ?5)
    on conflict (run_id, symbol) do update set status = excluded.status,
      rows_written = excluded.rows_written, message = excluded.message`,
  giveBack: `update job_runs set status = ?2, attempt = attempt + ?3, not_before = ?4, error_code = ?5,
      error_message = ?6, token = null, updated_at = ?7
    where token = ?1 and status = 'running'`,
  stale: `select id, attempt from job_runs
    where status = 'running' and (lease_until <= ?1 or worker = ?2) order by id`,
  requeue: `update job_runs set status = ?2, attempt = attempt + 1, error_code = ?3, error_message = ?4,
      token = null, updated_at = ?5
    where id = ?1`,
  shift: `update job_runs set status = ?2, attempt = 1, not_before = 0, token = null, updated_at = ?3
    where id = ?1 and status = ?4`,
  shiftAll: `update job_runs set status = ?1, attempt = 1, not_before = 0, token = null, updated_at = ?2
    where status = ?3`,
  results: `select * from job_run_symbols where run_id = ?1 order by symbol`,
  pruneRequests: `delete from request_ledger where requested_at < ?1`,
  pruneFlaws: `delete from bar_flaws where seen_at < ?1`,
  /** What came of their symbols goes with them. A window ends before its run is done: so an index finds them, by its lanes. */
  pruneRuns: `delete from job_runs where id in (select id from job_runs
    where status = 'success' and lane in ('batch', 'repair', 'single') and slice_to < ?1 and finished_at < ?1
    limit ${PRUNED_MAX})`,
  counts: `select status, count(*) as n from job_runs group by status`,
  covering: `select * from coverage_status where symbol = ?1 and timeframe = ?2 and adjustment = ?3
    and from_ts <= ?5 and to_ts >= ?4 order by from_ts`,
  dropCoverage: `delete from coverage_status where symbol = ?1 and timeframe = ?2 and adjustment = ?3
    and from_ts = ?4`,
  cover: `insert into coverage_status (symbol, timeframe, adjustment, from_ts, to_ts, last_success_at,
      last_rows_written, last_provider)
    values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)`,
  dropHoles: `delete from coverage_holes where symbol = ?1 and timeframe = ?2 and adjustment = ?3
    and from_ts >= ?4 and from_ts < ?5`,
  hole: `insert into coverage_holes (symbol, timeframe, adjustment, from_ts, to_ts, bars, status,
      expires_at)
    values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
    on conflict (symbol, timeframe, adjustment, from_ts) do update set to_ts = excluded.to_ts,
      bars = excluded.bars, status = excluded.status, expires_at = excluded.expires_at`,
  stop: `insert into request_stops (provider, until) values (?1, ?2)
    on conflict (provider) do update set until = excluded.until
      where excluded.until > request_stops.until`,
  stopped: `select until from request_stops where provider = ?1`,
  /** The request that must leave the window before another fits: none where there is room. */
  blocking: `select requested_at from request_ledger where provider = ?1 and requested_at > ?2
    order by requested_at desc limit 1 offset ?3`,
  bringBack: `update request_ledger set requested_at = ?2
    where provider = ?1 and requested_at > ?3`,
  ask: `insert into request_ledger (id, provider, worker, requested_at, timeframe, symbols)
    values (?1, ?2, ?3, ?4, ?5, ?6)`,
  answered: `update request_ledger set status = ?2, answered_at = ?3 where id = ?1`,
  answeredWell: `update request_ledger set status = 200, answered_at = ?2, rows_returned = ?3
    where id = ?1`,
  requests: `select * from request_ledger where requested_at >= ?1
    order by requested_at desc, id desc limit ?2`,
  beat: `insert into orchestrator_heartbeat (name, last_seen, status, message) values (?1, ?2, ?3, ?4)
    on conflict (name) do update set last_seen = excluded.last_seen, status = excluded.status,
      message = excluded.message`,
  beats: `select * from orchestrator_heartbeat order by name`,
  quarantine: `insert into quarantined_symbols (symbol, provider, reason, since)
    values (?1, ?2, ?3, ?4) on conflict (symbol, provider) do nothing`,
  quarantined: `select * from quarantined_symbols where provider = ?1 order by symbol`,
  readmit: `delete from quarantined_symbols where symbol = ?1 and provider = ?2`,
  flaw: `insert into bar_flaws (symbol, timeframe, start, rule, is_rejected, seen_at)
    values (?1, ?2, ?3, ?4, ?5, ?6) on conflict (symbol, timeframe, start, rule) do nothing`,
  countRevised: `insert into revision_counts (symbol, timeframe, adjustment, bars)
    values (?1, ?2, ?3, ?4)
    on conflict (symbol, timeframe, adjustment) do update set
      bars = revision_counts.bars + excluded.bars`,
  dropSplits: `delete from corporate_actions
    where symbol = ?1 and provider = ?2 and ex_ts >= ?3 and ex_ts < ?4`,
  split: `insert into corporate_actions (id, symbol, kind, ex_ts, old_rate, new_rate, provider, seen_at)
    values (?1, ?2, 'split', ?3, ?4, ?5, ?6, ?7)
    on conflict (id) do update set symbol = excluded.symbol, ex_ts = excluded.ex_ts,
      old_rate = excluded.old_rate, new_rate = excluded.new_rate, seen_at = excluded.seen_at`,
  askedSplits: `insert into corporate_actions_asked (symbol, provider, from_ts, to_ts)
    values (?1, ?2, ?3, ?4)
    on conflict (symbol, provider) do update set
      from_ts = case when excluded.from_ts < corporate_actions_asked.from_ts then excluded.from_ts
        else corporate_actions_asked.from_ts end,
      to_ts = case when excluded.to_ts > corporate_actions_asked.to_ts then excluded.to_ts
        else corporate_actions_asked.to_ts end`,
  splits: `select * from corporate_actions where kind = 'split' and symbol = ?1 order by ex_ts`,
  splitsAsked: `select * from corporate_actions_asked where provider = ?1 order by symbol`,
  flaws: `select symbol, rule, is_rejected, count(*) as n from bar_flaws
    group by symbol, rule, is_rejected order by symbol, rule`,
} as const

/** What a prune forgets of before a time. */
export const PRUNES: readonly string[] = [SQL.pruneRuns, SQL.pruneRequests, SQL.pruneFlaws]

/** The last bar of each symbol; `within` says which symbols, `start` what of each, null where there is none. */
export const lastsSql = (start: string, within: string): string =>
  `select symbol, start from (select s.symbol, ${start} as start from symbols s where s.symbol ${within}) as lasts
   where start is not null order by symbol`

/** The last start of symbol `s` in a table of bars. A bar that forms is no last one. */
export const lastRowSql = (table: string): string =>
  `(select b.start from ${table} b where b.symbol_id = s.id and b.timeframe = ?1 and b.${IS_CLOSED}
     order by b.start desc limit 1)`

/** Tables whose rows are about a series of bars. */
export type SeriesTable = 'coverage_status' | 'coverage_holes' | 'revision_counts'

export const orderOf = (table: SeriesTable): string =>
  `symbol, timeframe, adjustment${table === 'revision_counts' ? '' : ', from_ts'}`

/** Runs by what is asked for; the statuses follow the fixed parameters. */
export const runsSql = (statuses: number, isOfDefinition: boolean): string =>
  `select ${RUN_COLUMNS} ${RUNS}
   where ${statuses === 0 ? '1 = 1' : `r.status in (${inList(statuses, isOfDefinition ? 2 : 1)})`}
     ${isOfDefinition ? 'and r.job_def_id = ?2' : ''}
   order by r.updated_at desc, r.id desc limit ?1`
