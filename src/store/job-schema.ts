/*
 * The tables of history jobs, in SQL that SQLite and Postgres both take. Ids are texts that say what they are, times are
 * milliseconds, truth values are 0 and 1, lists are JSON.
 */
export const REVISION_COUNTS = `
  create table revision_counts (
    symbol text not null,
    timeframe text not null,
    adjustment text not null,
    bars bigint not null,
    primary key (symbol, timeframe, adjustment)
  );`

export const SPLIT_TABLES = `
  create table corporate_actions (
    id text primary key,
    symbol text not null,
    kind text not null,
    ex_ts bigint not null,
    old_rate double precision not null,
    new_rate double precision not null,
    provider text not null,
    seen_at bigint not null
  );
  create index corporate_actions_symbol on corporate_actions (symbol, ex_ts);
  create table corporate_actions_asked (
    symbol text not null,
    provider text not null,
    from_ts bigint not null,
    to_ts bigint not null,
    primary key (symbol, provider)
  );`

export const JOB_TABLES = `
  create table job_definitions (
    id text primary key,
    symbol text not null,
    timeframe text not null,
    job_type text not null,
    adjustment text not null,
    asset_class text not null,
    provider text not null,
    symbols_array text not null,
    batch_number integer not null,
    total_batches integer not null,
    batch_version integer not null default 1,
    range_from bigint not null,
    range_to bigint,
    derived_from text,
    priority integer not null default 100,
    enabled integer not null default 1,
    created_at bigint not null,
    updated_at bigint not null,
    unique (symbol, timeframe, job_type, batch_version)
  );
  create index job_definitions_enabled on job_definitions (enabled, priority);
  create table job_runs (
    id text primary key,
    job_def_id text not null references job_definitions (id) on delete cascade,
    symbols_array text not null,
    slice_from bigint not null,
    slice_to bigint not null,
    lane text not null,
    status text not null,
    attempt integer not null default 1,
    not_before bigint not null default 0,
    pack text,
    token text,
    worker text,
    lease_until bigint not null default 0,
    page_cursor text,
    pages integer not null default 0,
    rows_written bigint not null default 0,
    actual_cost double precision not null default 0,
    provider text,
    triggered_by text not null,
    error_code text,
    error_message text,
    created_at bigint not null,
    started_at bigint,
    finished_at bigint,
    updated_at bigint not null
  );
  create index job_runs_waiting on job_runs (status, lane, slice_to);
  create index job_runs_definition on job_runs (job_def_id, status);
  create index job_runs_token on job_runs (token);
  create table job_run_symbols (
    run_id text not null references job_runs (id) on delete cascade,
    symbol text not null,
    status text not null,
    rows_written bigint not null,
    message text,
    primary key (run_id, symbol)
  );
  create table coverage_status (
    symbol text not null,
    timeframe text not null,
    adjustment text not null,
    from_ts bigint not null,
    to_ts bigint not null,
    last_success_at bigint not null,
    last_rows_written bigint not null,
    last_provider text not null,
    primary key (symbol, timeframe, adjustment, from_ts)
  );
  create table coverage_holes (
    symbol text not null,
    timeframe text not null,
    adjustment text not null,
    from_ts bigint not null,
    to_ts bigint not null,
    bars integer not null,
    status text not null,
    expires_at bigint not null,
    primary key (symbol, timeframe, adjustment, from_ts)
  );
  create table request_ledger (
    id text primary key,
    provider text not null,
    worker text not null,
    requested_at bigint not null,
    timeframe text not null,
    symbols integer not null,
    status integer,
    answered_at bigint,
    rows_returned bigint not null default 0
  );
  create index request_ledger_time on request_ledger (provider, requested_at);
  create table request_stops (provider text primary key, until bigint not null);
  create table orchestrator_heartbeat (
    name text primary key,
    last_seen bigint not null,
    status text not null,
    message text not null
  );
  create table quarantined_symbols (
    symbol text not null,
    provider text not null,
    reason text not null,
    since bigint not null,
    primary key (symbol, provider)
  );
  create table bar_flaws (
    symbol text not null,
    timeframe text not null,
    start bigint not null,
    rule text not null,
    is_rejected integer not null,
    seen_at bigint not null,
    primary key (symbol, timeframe, start, rule)
  );
  create table job_notes (name text primary key, value text not null);
  create table job_history (
    id text primary key,
    archived_at bigint not null,
    definition text not null,
    runs text not null
  );`
