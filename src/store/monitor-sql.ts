// The monitoring queries: SQL that SQLite and Postgres both take. ?1 is now, in milliseconds, where it is there.
import type { Monitor } from '../core/jobs.ts'

export const MONITOR_SQL: Readonly<Record<Monitor, string>> = {
  /** Definitions and symbols by batch_version. */
  versions: `
select batch_version, enabled, count(*) as definitions, sum(members) as symbols
from (
  select d.batch_version, d.enabled, d.id,
    1 + length(d.symbols_array) - length(replace(d.symbols_array, ',', '')) as members
  from job_definitions d
) as counted
group by batch_version, enabled
order by batch_version, enabled`,
  /** Requests that left, and the rows they brought, by hour of the last day. */
  requests: `
select provider, requested_at / 3600000 * 3600000 as hour, count(*) as requests,
  sum(rows_returned) as rows_returned,
  sum(case when status = 429 then 1 else 0 end) as limited,
  sum(case when status is null then 1 else 0 end) as unanswered
from request_ledger
where requested_at > cast(?1 as bigint) - 86400000
group by provider, requested_at / 3600000 * 3600000
order by hour desc, provider`,
  /** Rows by symbol, timeframe and provider of the last hour. */
  rows: `
select s.symbol, d.timeframe, r.provider, sum(s.rows_written) as rows_written
from job_run_symbols s
join job_runs r on r.id = s.run_id
join job_definitions d on d.id = r.job_def_id
where r.finished_at > cast(?1 as bigint) - 3600000
group by s.symbol, d.timeframe, r.provider
order by s.symbol, d.timeframe, r.provider`,
  /** The runs that changed in the last half hour. */
  runs: `
select r.id, r.status, r.attempt, r.pages, r.rows_written, r.actual_cost, r.error_code, r.updated_at
from job_runs r
where r.updated_at > cast(?1 as bigint) - 1800000
order by r.updated_at desc, r.id
limit 50`,
}
