/*
 * Pack: which runs one query fetches together, so that its pages are full.
 *
 * A page's rows are shared by all symbols of a request, and only the last page of a query may be short. So runs of the
 * same timeframe are joined, definitions x windows that follow each other, to the query that wastes the least of its last
 * page by the calendar's estimate. The order of the queue decides where a query begins: the newest window of the finest
 * timeframe. A query that was begun by another worker is continued as it is, because its cursor is of all its runs.
 */
import { assert } from '../core/assert.ts'
import type { Hours } from '../core/calendar.ts'
import type { Adjustment, AssetClass, JobLane, JobRun, Span } from '../core/jobs.ts'
import type { Timeframe } from '../core/time.ts'
import type { Estimate } from './estimate.ts'

/** Pages of one query: longer ones would hold a lane up, shorter ones waste more. */
const PAGES_MAX = 60
/** Where workers share a queue that has less for each of them: shorter ones would have too many last pages. */
const SHARE_MIN = 16
/** Symbols × windows of one query. */
const RUNS_MAX = 400

export interface Pack extends Span {
  readonly lane: JobLane
  readonly timeframe: Timeframe
  readonly adjustment: Adjustment
  readonly assetClass: AssetClass
  /** Made from these, instead of requested. */
  readonly derivedFrom: Timeframe | undefined
  readonly runs: readonly JobRun[]
  readonly symbols: readonly string[]
  readonly cursor: string | undefined
  /** By the calendar. */
  readonly rows: number
}

export interface PageLimits {
  readonly hours?: Hours
  readonly symbols: number
  readonly rows: number
}

/**
 * The query that the first of the runs begins; `runs` are in the order of the queue. Where several workers share it, no query
 * takes more than its part, or one of them would work for all.
 */
export function packFirst(
  runs: readonly JobRun[],
  limits: PageLimits,
  estimate: Estimate,
  workers = 1,
): Pack | undefined {
  const [first] = runs
  if (first === undefined) return undefined
  if (first.pack !== undefined) {
    return packOf(
      runs.filter(({ pack }) => pack === first.pack),
      estimate,
    )
  }
  const alike = runs.filter(
    (run) =>
      run.pack === undefined &&
      run.lane === first.lane &&
      run.timeframe === first.timeframe &&
      run.adjustment === first.adjustment &&
      run.assetClass === first.assetClass &&
      run.provider === first.provider &&
      run.derivedFrom === first.derivedFrom,
  )
  const pagesMax = shareOf(alike, limits, estimate, workers)
  return packOf(best(first, alike, { ...limits, pagesMax }, estimate), estimate)
}

function shareOf(
  runs: readonly JobRun[],
  limits: PageLimits,
  estimate: Estimate,
  workers: number,
): number {
  if (workers === 1) return PAGES_MAX
  const rows = runs.reduce(
    (sum, run) => sum + run.symbols.length * estimate.rows(run, run.timeframe, run.assetClass),
    0,
  )
  const share = Math.ceil(rows / limits.rows / workers)
  return Math.min(PAGES_MAX, Math.max(SHARE_MIN, share))
}

/** All queries that the runs make, as one worker would fetch them: for estimates. */
export function packAll(runs: readonly JobRun[], limits: PageLimits, estimate: Estimate): Pack[] {
  const packs: Pack[] = []
  let left = runs
  for (;;) {
    const pack = packFirst(left, limits, estimate)
    if (pack === undefined) return packs
    packs.push(pack)
    const done = new Set(pack.runs)
    left = left.filter((run) => !done.has(run))
  }
}

/** Windows of one definition's symbols, which follow each other back in time from that of the first run. */
interface Column {
  readonly symbols: readonly string[]
  readonly runs: readonly JobRun[]
}

function best(
  first: JobRun,
  alike: readonly JobRun[],
  limits: PageLimits & { readonly pagesMax: number },
  estimate: Estimate,
): readonly JobRun[] {
  const columns = columnsFrom(first, alike)
  const perWindow = columns[0]!.runs.map((run) =>
    estimate.rows(run, first.timeframe, first.assetClass),
  )
  let chosen: readonly JobRun[] = [first]
  let leastWaste = Infinity
  let symbols = 0
  for (let width = 1; width <= columns.length; width++) {
    symbols += columns[width - 1]!.symbols.length
    if (width > 1 && symbols > limits.symbols) break
    const depth = Math.min(...columns.slice(0, width).map(({ runs }) => runs.length))
    let rows = 0
    for (let windows = 1; windows <= depth; windows++) {
      rows += symbols * perWindow[windows - 1]!
      const pages = Math.max(1, Math.ceil(rows / limits.rows))
      if ((pages > limits.pagesMax || width * windows > RUNS_MAX) && windows * width > 1) break
      const waste = 1 - rows / (pages * limits.rows)
      // Of two that waste the same, the larger one leaves less to others.
      if (waste > leastWaste) continue
      leastWaste = waste
      chosen = columns.slice(0, width).flatMap((column) => column.runs.slice(0, windows))
    }
  }
  return chosen
}

function columnsFrom(first: JobRun, alike: readonly JobRun[]): Column[] {
  const byMembers = Map.groupBy(
    alike,
    ({ definition, symbols }) => `${definition} ${symbols.join()}`,
  )
  const columns: Column[] = []
  const used = new Set<string>()
  const lists = [...byMembers.values()].toSorted(
    (a, b) => Number(b.includes(first)) - Number(a.includes(first)),
  )
  for (const list of lists) {
    const byEnd = new Map(list.map((run) => [run.to, run]))
    let run = byEnd.get(first.to)
    // Every column has the windows of the first, or a query would fetch what nobody asked for.
    const runs: JobRun[] = []
    while (run !== undefined && (runs.length > 0 || run.from === first.from)) {
      runs.push(run)
      run = byEnd.get(run.from)
    }
    const { symbols } = list[0]!
    if (runs.length === 0 || symbols.some((symbol) => used.has(symbol))) continue
    const leading = columns[0]?.runs
    const same = leading === undefined ? runs.length : commonDepth(runs, leading)
    columns.push({ symbols, runs: runs.slice(0, same) })
    for (const symbol of symbols) used.add(symbol)
  }
  return columns
}

/** So many windows of both are the same. */
function commonDepth(a: readonly JobRun[], b: readonly JobRun[]): number {
  const differs = a.findIndex((run, i) => run.from !== b[i]?.from)
  return differs < 0 ? a.length : differs
}

function packOf(runs: readonly JobRun[], estimate: Estimate): Pack {
  const [first] = runs
  assert(first !== undefined, 'a pack has a run')
  const from = runs.reduce((least, run) => (run.from < least ? run.from : least), first.from)
  const to = runs.reduce((most, run) => (run.to > most ? run.to : most), first.to)
  const symbols = [...new Set(runs.flatMap((run) => run.symbols))].toSorted()
  const rows = symbols.length * estimate.rows({ from, to }, first.timeframe, first.assetClass)
  const { lane, timeframe, adjustment, assetClass, derivedFrom, cursor } = first
  return {
    lane,
    timeframe,
    adjustment,
    assetClass,
    derivedFrom,
    runs,
    symbols,
    from,
    to,
    cursor,
    rows,
  }
}
