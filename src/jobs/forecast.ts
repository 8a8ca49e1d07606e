// Forecast: what a plan would cost, in rows and requests, before anything is asked. Beside it the least that is possible.
import type { JobDefinition, JobRun, NewRun } from '../core/jobs.ts'
import { Estimate } from './estimate.ts'
import { packAll, type PageLimits } from './pack.ts'

export interface Forecast {
  readonly runs: number
  /** By the calendar. */
  readonly rows: number
  readonly requests: number
  /** Full pages that would hold the rows; a request has one timeframe and one kind of asset. */
  readonly leastRequests: number
  /** What requests of one symbol each would take. */
  readonly singleRequests: number
}

export function forecast(
  definitions: readonly JobDefinition[],
  slices: readonly NewRun[],
  limits: PageLimits,
): Forecast {
  const estimate = new Estimate(limits.hours)
  const byId = new Map(definitions.map((definition) => [definition.id, definition]))
  const runs = slices
    .map((slice) => runOf(slice, byId.get(slice.definition)!))
    .filter(({ derivedFrom }) => derivedFrom === undefined)
  const rowsOf = new Map<string, number>()
  const rowsOfSymbol = new Map<string, number>()
  let rows = 0
  for (const run of runs) {
    const { timeframe, assetClass, symbols } = run
    const each = estimate.rows(run, timeframe, assetClass)
    add(rowsOf, `${timeframe} ${assetClass}`, each * symbols.length)
    for (const symbol of symbols) add(rowsOfSymbol, `${timeframe} ${symbol}`, each)
    rows += each * symbols.length
  }
  const pages = (counts: Map<string, number>): number =>
    [...counts.values()].reduce(
      (sum, count) => sum + Math.max(1, Math.ceil(count / limits.rows)),
      0,
    )
  const requests = packAll(runs, limits, estimate).reduce(
    (sum, pack) => sum + Math.max(1, Math.ceil(pack.rows / limits.rows)),
    0,
  )
  return {
    runs: runs.length,
    rows,
    requests,
    leastRequests: pages(rowsOf),
    singleRequests: pages(rowsOfSymbol),
  }
}

function add(counts: Map<string, number>, key: string, by: number): void {
  counts.set(key, (counts.get(key) ?? 0) + by)
}

export function runOf(slice: NewRun, definition: JobDefinition): JobRun {
  const { timeframe, adjustment, assetClass, provider, derivedFrom, priority } = definition
  return {
    ...slice,
    timeframe,
    adjustment,
    assetClass,
    provider,
    derivedFrom,
    priority,
    status: 'queued',
    attempt: 1,
    notBefore: 0,
    rows: 0,
    pages: 0,
    leaseUntil: 0,
    updatedAt: 0,
    pack: undefined,
    cursor: undefined,
    errorCode: undefined,
    errorMessage: undefined,
    worker: undefined,
  }
}
