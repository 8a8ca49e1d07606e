// Forecast: what a plan would cost, in rows and requests, before anything is asked. Beside it the least that is possible.
import type { JobDefinition, JobRun, NewRun } from '../core/jobs.ts'
import { Estimate } from './estimate.ts'
import { packAll, type PageLimits } from './pack.ts'

/** Runs of one kind that are packed one by one: the time that takes grows with their square. */
const PACKED_MAX = 3_000

export interface Forecast {
  readonly runs: number
  /** By the calendar. */
  readonly rows: number
  readonly requests: number
  /** The windows are too many to pack them all: requests follow from those of the first, by the rows of all. */
  readonly isSampled: boolean
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
  // Windows that lack the same symbols have one list of them.
  const rowsOfList = new Map<readonly string[], { readonly timeframe: string; rows: number }>()
  let rows = 0
  for (const run of runs) {
    const { timeframe, assetClass, symbols } = run
    const each = estimate.rows(run, timeframe, assetClass)
    add(rowsOf, `${timeframe} ${assetClass}`, each * symbols.length)
    const list = rowsOfList.get(symbols)
    if (list === undefined) rowsOfList.set(symbols, { timeframe, rows: each })
    else list.rows += each
    rows += each * symbols.length
  }
  const rowsOfSymbol = new Map<string, number>()
  for (const [symbols, { timeframe, rows: each }] of rowsOfList)
    for (const symbol of symbols) add(rowsOfSymbol, `${timeframe} ${symbol}`, each)
  const pages = (counts: Map<string, number>): number =>
    [...counts.values()].reduce(
      (sum, count) => sum + Math.max(1, Math.ceil(count / limits.rows)),
      0,
    )
  const kinds = [...Map.groupBy(runs, kindOf).values()]
  const requests = kinds.reduce((sum, kind) => sum + requestsOf(kind, limits, estimate), 0)
  return {
    runs: runs.length,
    rows,
    requests,
    isSampled: kinds.some((kind) => kind.length > PACKED_MAX),
    leastRequests: pages(rowsOf),
    singleRequests: pages(rowsOfSymbol),
  }
}

/** Runs of other kinds share no query. */
const kindOf = ({ lane, timeframe, adjustment, assetClass, provider }: JobRun): string =>
  [lane, timeframe, adjustment, assetClass, provider].join(' ')

/** Of runs of one kind. */
function requestsOf(runs: readonly JobRun[], limits: PageLimits, estimate: Estimate): number {
  const packed = runs.slice(0, PACKED_MAX)
  const requests = packAll(packed, limits, estimate).reduce(
    (sum, pack) => sum + Math.max(1, Math.ceil(pack.rows / limits.rows)),
    0,
  )
  if (packed.length === runs.length) return requests
  const rowsIn = (some: readonly JobRun[]): number =>
    some.reduce(
      (sum, run) => sum + run.symbols.length * estimate.rows(run, run.timeframe, run.assetClass),
      0,
    )
  const share = rowsIn(packed) / rowsIn(runs)
  return Math.ceil(requests / (share > 0 ? share : packed.length / runs.length))
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
    startedAt: undefined,
    pack: undefined,
    cursor: undefined,
    errorCode: undefined,
    errorMessage: undefined,
    worker: undefined,
  }
}
