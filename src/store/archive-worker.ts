// The archive's worker thread: one request after the other, so that SQLite never blocks a turn.
import { parentPort, workerData } from 'node:worker_threads'
import { assert, unreachable } from '../core/assert.ts'
import type { Adjustment } from '../core/jobs.ts'
import type { BarRank } from '../core/market.ts'
import {
  BarTable,
  type PackedMerge,
  type PackedPage,
  type RevisionRow,
  type Run,
  type SeriesRow,
  type Stretch,
  type Stretches,
  type TableOptions,
} from './bar-table.ts'
import type { JobTable, JobTableSync } from './job-table.ts'
import { type PackedBars, unpackBars } from './packed-bars.ts'
import { guarded, StoreError, type StoreErrorCode } from './store-error.ts'

export type Request =
  | { readonly type: 'open' | 'series' | 'rollback' | 'begin' | 'commit' | 'close' }
  | {
      readonly type: 'write'
      readonly symbol: string
      readonly timeframeMs: number
      readonly adjustment: Adjustment
      readonly rank: BarRank
      readonly bars: PackedBars
    }
  | { readonly type: 'job'; readonly call: JobCall }
  | { readonly type: 'commit-page'; readonly page: PackedPage }
  | { readonly type: 'merge'; readonly merge: PackedMerge }
  | { readonly type: 'page' | 'latest'; readonly stretch: Stretch; readonly limit: number }
  | { readonly type: 'starts' | 'counted'; readonly stretches: Stretches }
  | { readonly type: 'symbols'; readonly timeframeMs: number }
  | { readonly type: 'revise'; readonly revision: RevisionRow }
  | { readonly type: 'revisions'; readonly stretch: Stretch }
  | { readonly type: 'coverage'; readonly symbol: string; readonly timeframeMs: number }

/** A call of one method of the job table. */
export type JobCall = {
  readonly [K in keyof JobTableSync]: {
    readonly method: K
    readonly args: Parameters<JobTableSync[K]>
  }
}[keyof JobTableSync]
/** What it gave: the port's word for it is known to whoever called. */
export interface JobAnswer {
  readonly job: unknown
}

/** What a worker is started with, and what it answers to each request. */
export interface WorkerStart {
  readonly path: string
  readonly options: TableOptions
}
export type Value =
  | PackedBars
  | readonly SeriesRow[]
  | readonly RevisionRow[]
  | readonly Run[]
  | JobAnswer
  | { readonly starts: readonly string[] }
  | { readonly counts: readonly number[] }
  | { readonly symbols: readonly string[] }
  | undefined
export type Reply =
  | { readonly id: number; readonly ok: true; readonly value: Value }
  | {
      readonly id: number
      readonly ok: false
      readonly code: StoreErrorCode
      readonly message: string
    }

/** Answers requests on the port. The table is opened by the first of them, so that its error is an answer. */
class Server {
  readonly #start: WorkerStart
  #table: BarTable | undefined
  /** The first error of the open transaction: bars that were under way behind it are not written. */
  #failure: unknown

  constructor(start: WorkerStart) {
    this.#start = start
  }

  answer(request: Request): Value {
    this.#table ??= new BarTable(this.#start.path, this.#start.options)
    const table = this.#table
    switch (request.type) {
      case 'open':
        return undefined
      case 'begin':
        this.#failure = undefined
        table.begin()
        return undefined
      case 'write':
        return this.#write(table, () => {
          table.write(request, unpackBars(request.bars), request.rank)
        })
      case 'job':
        return { job: called(table.jobs, request.call) }
      case 'commit-page':
        return { job: table.commitPage(request.page) }
      case 'merge':
        return { job: table.merge(request.merge) }
      case 'commit':
        return this.#write(table, () => table.commit())
      case 'rollback':
        table.rollback()
        return undefined
      case 'page':
        return table.page(request.stretch, request.limit)
      case 'starts':
        return { starts: table.starts(request.stretches) }
      case 'counted':
        return { counts: table.counted(request.stretches) }
      case 'symbols':
        return { symbols: table.symbolsOf(request.timeframeMs) }
      case 'latest':
        return table.latest(request.stretch, request.limit)
      case 'revise':
        return this.#write(table, () => table.revise(request.revision))
      case 'revisions':
        return table.revisions(request.stretch)
      case 'series':
        return table.series()
      case 'coverage':
        return table.coverage(request.symbol, request.timeframeMs)
      case 'close':
        table.close()
        return undefined
      default:
        return unreachable(request)
    }
  }

  #write(table: BarTable, work: () => void): undefined {
    if (this.#failure !== undefined) throw this.#failure
    try {
      work()
    } catch (error) {
      this.#failure = error
      table.rollback()
      throw error
    }
  }
}

const called = (jobs: JobTable, { method, args }: JobCall): unknown =>
  Reflect.apply(jobs[method], jobs, args)

if (parentPort !== null) {
  const port = parentPort
  const start: WorkerStart = workerData
  const server = new Server(start)
  port.on('message', ({ id, request }: { readonly id: number; readonly request: Request }) => {
    try {
      const value = guarded(start.path, () => server.answer(request))
      const moved = value !== undefined && 'buffer' in value ? [value.buffer] : []
      port.postMessage({ id, ok: true, value } satisfies Reply, moved)
    } catch (error) {
      assert(error instanceof Error, 'what is thrown is an error')
      const code = error instanceof StoreError ? error.code : 'unexpected'
      port.postMessage({ id, ok: false, code, message: error.message } satisfies Reply)
    }
  })
}
