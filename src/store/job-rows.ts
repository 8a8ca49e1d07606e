// Rows of the job tables, to the words of the port and back. The same for every database that has these tables.
import { assert } from '../core/assert.ts'
import type { Ms } from '../core/brand.ts'
import type {
  Beat,
  Coverage,
  JobDefinition,
  JobRun,
  KnownHole,
  Quarantined,
  RequestRow,
  Revised,
  RunResult,
  Span,
  Split,
} from '../core/jobs.ts'
import { canonical } from '../core/hash.ts'
import { isTimeframe, ms, type Timeframe } from '../core/time.ts'

/** Cells by the names of their columns: numbers, texts and nulls. */
export type Row = Readonly<Record<string, unknown>>

export function definitionCells(definition: JobDefinition): (string | number | null)[] {
  const { id, label, timeframe, jobType, adjustment, assetClass, provider, symbols } = definition
  const { batchNumber, totalBatches, batchVersion, from, to, derivedFrom } = definition
  const { priority, isEnabled } = definition
  const about = [id, label, timeframe, jobType, adjustment, assetClass, provider]
  const batch = [JSON.stringify(symbols), batchNumber, totalBatches, batchVersion]
  return [...about, ...batch, from, to ?? null, derivedFrom ?? null, priority, isEnabled ? 1 : 0]
}

/** Equal but for the switch, which a person sets. */
export const isSame = (a: JobDefinition, b: JobDefinition): boolean =>
  canonical({ ...a, isEnabled: true }) === canonical({ ...b, isEnabled: true })

export const definitionOf = (row: Row): JobDefinition => ({
  id: text(row, 'id'),
  label: text(row, 'symbol'),
  jobType: text(row, 'job_type') as JobDefinition['jobType'],
  timeframe: timeframeIn(row, 'timeframe'),
  adjustment: text(row, 'adjustment') as JobDefinition['adjustment'],
  assetClass: text(row, 'asset_class') as JobDefinition['assetClass'],
  provider: text(row, 'provider'),
  symbols: list(row, 'symbols_array'),
  batchNumber: number(row, 'batch_number'),
  totalBatches: number(row, 'total_batches'),
  batchVersion: number(row, 'batch_version') === 1 ? 1 : 2,
  from: ms(number(row, 'range_from')),
  to: row['range_to'] === null ? undefined : ms(number(row, 'range_to')),
  derivedFrom: row['derived_from'] === null ? undefined : timeframeIn(row, 'derived_from'),
  priority: number(row, 'priority'),
  isEnabled: number(row, 'enabled') === 1,
})

export const runOf = (row: Row): JobRun => ({
  id: text(row, 'id'),
  definition: text(row, 'job_def_id'),
  symbols: list(row, 'symbols_array'),
  from: ms(number(row, 'slice_from')),
  to: ms(number(row, 'slice_to')),
  lane: text(row, 'lane') as JobRun['lane'],
  status: text(row, 'status') as JobRun['status'],
  attempt: number(row, 'attempt'),
  notBefore: number(row, 'not_before'),
  pack: optional(row, 'pack'),
  cursor: optional(row, 'page_cursor'),
  pages: number(row, 'pages'),
  rows: number(row, 'rows_written'),
  triggeredBy: text(row, 'triggered_by') as JobRun['triggeredBy'],
  worker: optional(row, 'worker'),
  leaseUntil: number(row, 'lease_until'),
  errorCode: optional(row, 'error_code'),
  errorMessage: optional(row, 'error_message'),
  startedAt: row['started_at'] === null ? undefined : number(row, 'started_at'),
  updatedAt: number(row, 'updated_at'),
  timeframe: timeframeIn(row, 'timeframe'),
  adjustment: text(row, 'adjustment') as JobRun['adjustment'],
  assetClass: text(row, 'asset_class') as JobRun['assetClass'],
  provider: text(row, 'provider'),
  derivedFrom: row['derived_from'] === null ? undefined : timeframeIn(row, 'derived_from'),
  priority: number(row, 'priority'),
})

export const resultOf = (row: Row): RunResult => ({
  symbol: text(row, 'symbol'),
  status: text(row, 'status') as RunResult['status'],
  rows: number(row, 'rows_written'),
  message: optional(row, 'message'),
})

const seriesOf = (row: Row) => ({
  symbol: text(row, 'symbol'),
  timeframe: timeframeIn(row, 'timeframe'),
  adjustment: text(row, 'adjustment') as Coverage['adjustment'],
})

/** A span of one series. */
const placeOf = (row: Row) => ({
  ...seriesOf(row),
  from: ms(number(row, 'from_ts')),
  to: ms(number(row, 'to_ts')),
})

export const coverageOf = (row: Row): Coverage => ({
  ...placeOf(row),
  lastSuccessAt: number(row, 'last_success_at'),
  lastRows: number(row, 'last_rows_written'),
  lastProvider: text(row, 'last_provider'),
})

export const holeOf = (row: Row): KnownHole => ({
  ...placeOf(row),
  bars: number(row, 'bars'),
  status: text(row, 'status') as KnownHole['status'],
  expiresAt: number(row, 'expires_at'),
})

export const revisedOf = (row: Row): Revised => ({
  ...seriesOf(row),
  bars: number(row, 'bars'),
})

export const lastOf = (row: Row): { readonly symbol: string; readonly start: Ms } => ({
  symbol: text(row, 'symbol'),
  start: ms(number(row, 'start')),
})

export const splitOf = (row: Row): Split => ({
  id: text(row, 'id'),
  symbol: text(row, 'symbol'),
  exAt: ms(number(row, 'ex_ts')),
  oldRate: number(row, 'old_rate'),
  newRate: number(row, 'new_rate'),
})

export const askedOf = (row: Row): Span & { readonly symbol: string } => ({
  symbol: text(row, 'symbol'),
  from: ms(number(row, 'from_ts')),
  to: ms(number(row, 'to_ts')),
})

export const requestOf = (row: Row): RequestRow => ({
  id: text(row, 'id'),
  provider: text(row, 'provider'),
  worker: text(row, 'worker'),
  at: number(row, 'requested_at'),
  timeframe: timeframeIn(row, 'timeframe'),
  symbols: number(row, 'symbols'),
  status: row['status'] === null ? undefined : number(row, 'status'),
  rows: number(row, 'rows_returned'),
})

export const beatOf = (row: Row): Beat => ({
  name: text(row, 'name'),
  at: number(row, 'last_seen'),
  status: text(row, 'status') as Beat['status'],
  message: text(row, 'message'),
})

export const quarantinedOf = (row: Row): Quarantined => ({
  symbol: text(row, 'symbol'),
  provider: text(row, 'provider'),
  reason: text(row, 'reason'),
  since: number(row, 'since'),
})

/** A list of times in JSON, which databases make faster than rows. */
export function startsOf(told: string): Float64Array {
  const list: unknown = JSON.parse(told)
  assert(Array.isArray(list), 'starts are a list')
  return new Float64Array(list)
}

function text(row: Row, column: string): string {
  const value = row[column]
  assert(typeof value === 'string', () => `${column} holds text, not ${String(value)}`)
  return value
}

/** Postgres tells bigint as text, unless its driver is told otherwise. */
function number(row: Row, column: string): number {
  const value = Number(row[column])
  assert(row[column] !== null && !Number.isNaN(value), () => `${column} holds a number`)
  return value
}

const optional = (row: Row, column: string): string | undefined =>
  row[column] === null ? undefined : text(row, column)

function timeframeIn(row: Row, column: string): Timeframe {
  const name = text(row, column)
  assert(isTimeframe(name), () => `${name} is a timeframe`)
  return name
}

function list(row: Row, column: string): readonly string[] {
  const value: unknown = JSON.parse(text(row, column))
  assert(Array.isArray(value), () => `${column} holds a list`)
  return value.map(String)
}
