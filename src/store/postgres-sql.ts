// The statements of history jobs that Postgres takes for many rows at once: lists travel as JSON, in one parameter.
import { orderOf, type SeriesTable, SQL } from './job-sql.ts'

/** Requests of a provider are granted one after the other, by all workers. */
export const LOCK_BUDGET = `select pg_advisory_xact_lock(hashtextextended('skein requests ' || ?1, 0))`
/** Requests of a window that are as good as no limit. */
export const LIMIT_MAX = 1_000_000_000
/**
 * Takes a request of the budget, whose lock is held: gives 0, or how long to wait for it. One that is there already was
 * granted before. Provider, time, window, requests that may be in it before this one; what else the ledger has of it.
 */
export const GRANT = `
  with known as (select id from request_ledger where id = ?5),
    stopped as (select until - ?2 as ms from request_stops where provider = ?1 and until > ?2),
    blocking as (select requested_at + ?3 - ?2 as ms from request_ledger
      where provider = ?1 and requested_at > ?2 - ?3 order by requested_at desc limit 1 offset ?4),
    asked as (insert into request_ledger (id, provider, worker, requested_at, timeframe, symbols)
      select ?5, ?1, ?6, ?2, ?7, ?8
      where not exists (select from known) and not exists (select from stopped)
        and not exists (select from blocking))
  select case when exists (select from known) then 0
    else coalesce((select ms from stopped), (select greatest(1, ms) from blocking), 0) end as wait`
/** Coverage is joined by one worker after the other: two that add neighbours at once would not see each other's. */
export const LOCK_COVERAGE = `select pg_advisory_xact_lock(hashtextextended('skein coverage', 0))`

export const BULK = {
  enqueue: `insert into job_runs (id, job_def_id, symbols_array, slice_from, slice_to, lane, status,
      triggered_by, created_at, updated_at)
    select id, definition, symbols, "from", "to", lane, 'queued', "triggeredBy", ?2, ?2
    from json_to_recordset(?1::json) as run (id text, definition text, symbols text, "from" bigint,
      "to" bigint, lane text, "triggeredBy" text)
    order by id
    on conflict (id) do nothing`,
  /** Whoever is first at the first run goes on; others do not wait for it. */
  lockFirst: `select id from job_runs where id = ?1 and (status = 'queued' or token = ?2)
    for update skip locked`,
  lockAll: `select id from job_runs where id = any(?1) and (status = 'queued' or token = ?2)
    order by id for update`,
  claim: `update job_runs set status = 'running', token = ?2, pack = ?3, worker = ?4, lease_until = ?5,
      started_at = coalesce(started_at, ?6), updated_at = ?6
    where id = any(?1)`,
  /** Gives how many runs the claim still has; the request of the page is told as answered. */
  checkpoint: `with kept as (${SQL.checkpoint} returning id),
    told as (update request_ledger set status = 200, answered_at = ?4, rows_returned = ?6
      where id = ?5 and exists (select from kept))
    select count(*)::integer as runs from kept`,
  isCheckpointed: `select id from job_runs where token = ?1 and status = 'running' and page_cursor = ?2 limit 1`,
  flaws: `insert into bar_flaws (symbol, timeframe, start, rule, is_rejected, seen_at)
    select symbol, ?2, start, rule, case when "isRejected" then 1 else 0 end, ?3
    from json_to_recordset(?1::json) as flaw (symbol text, start bigint, rule text, "isRejected" boolean)
    order by symbol, start, rule
    on conflict (symbol, timeframe, start, rule) do nothing`,
  finish: `update job_runs r set status = 'success', rows_written = run.rows, provider = ?2,
      actual_cost = r.pages::double precision / ?3::integer, token = null, finished_at = ?4, updated_at = ?4,
      error_code = null, error_message = null
    from json_to_recordset(?1::json) as run (id text, rows bigint)
    where r.id = run.id`,
  results: `insert into job_run_symbols (run_id, symbol, status, rows_written, message)
    select run, symbol, status, rows, message
    from json_to_recordset(?1::json) as result (run text, symbol text, status text, rows bigint, message text)
    on conflict (run_id, symbol) do update set status = excluded.status,
      rows_written = excluded.rows_written, message = excluded.message`,
  isFinished: `select count(*) as n from job_runs where id = any(?1) and status = 'success'`,
  dropCoverage: `delete from coverage_status c
    using json_to_recordset(?1::json) as span (symbol text, "from" bigint, "to" bigint)
    where c.symbol = span.symbol and c.timeframe = ?2 and c.adjustment = ?3
      and c.from_ts <= span."to" and c.to_ts >= span."from"
    returning c.symbol, c.from_ts, c.to_ts`,
  cover: `insert into coverage_status (symbol, timeframe, adjustment, from_ts, to_ts, last_success_at,
      last_rows_written, last_provider)
    select symbol, ?2, ?3, "from", "to", ?4, rows, ?5
    from json_to_recordset(?1::json) as span (symbol text, "from" bigint, "to" bigint, rows bigint)`,
  dropHoles: `delete from coverage_holes h
    using json_to_recordset(?1::json) as span (symbol text, "from" bigint, "to" bigint)
    where h.symbol = span.symbol and h.timeframe = ?2 and h.adjustment = ?3
      and h.from_ts >= span."from" and h.from_ts < span."to"`,
  holes: `insert into coverage_holes (symbol, timeframe, adjustment, from_ts, to_ts, bars, status,
      expires_at)
    select symbol, timeframe, adjustment, "from", "to", bars, status, "expiresAt"
    from json_to_recordset(?1::json) as hole (symbol text, timeframe text, adjustment text,
      "from" bigint, "to" bigint, bars integer, status text, "expiresAt" bigint)
    on conflict (symbol, timeframe, adjustment, from_ts) do update set to_ts = excluded.to_ts,
      bars = excluded.bars, status = excluded.status, expires_at = excluded.expires_at`,
  /** A run whose page is being stored this moment is locked by its worker, and not stale. */
  requeueStale: `update job_runs set attempt = attempt + 1, error_code = 'STALE_RUNNING',
      status = case when attempt >= ?2::integer then 'failed' else 'queued' end,
      error_message = 'no sign of life of its worker, attempt ' || attempt, token = null, updated_at = ?1
    where id in (select id from job_runs
      where status = 'running' and (lease_until <= ?1 or worker = ?3::text)
      order by id for update skip locked)
    returning status`,
  shift: `update job_runs set status = ?1, attempt = 1, not_before = 0, token = null, updated_at = ?2
    where status = any(?3) and (?4::text[] is null or id = any(?4::text[]))`,
  isAsked: `select id from request_ledger where id = ?1`,
  quarantine: `insert into quarantined_symbols (symbol, provider, reason, since)
    select symbol, provider, reason, since
    from json_to_recordset(?1::json) as one (symbol text, provider text, reason text, since bigint)
    order by symbol
    on conflict (symbol, provider) do nothing`,
} as const

/** Rows that a filter lets through: null lets all. */
export const filteredSql = (table: SeriesTable): string =>
  `select * from ${table}
   where (?1::text is null or timeframe = ?1) and (?2::text is null or adjustment = ?2)
     and (?3::text[] is null or symbol = any(?3))
   order by ${orderOf(table)}`
