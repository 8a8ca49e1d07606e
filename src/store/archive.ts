/*
 * Archive: bars in a SQLite file, worked by a thread of its own.
 *
 * Columns change threads as one buffer that is moved, never row by row. Writes come one transaction after the
 * other: what `putBars` is given is there as a whole or not at all, and a transaction of many calls (`begin`)
 * makes other writers wait. Reads see what was committed when their page was read.
 */
import { Worker } from 'node:worker_threads'
import { assert } from '../core/assert.ts'
import type { Ms } from '../core/brand.ts'
import type { BarColumns } from '../core/columns.ts'
import type { JobStore, StartsQuery } from '../core/jobs.ts'
import type {
  BarStore,
  Revision,
  Revisions,
  Series,
  SeriesQuery,
  WriteBars,
  WriteTerms,
} from '../core/store.ts'
import { lengthMs, ms, type Timeframe, timeframeOf } from '../core/time.ts'
import type { Reply, Request, Value, WorkerStart } from './archive-worker.ts'
import type { RevisionRow, Stretches, TableOptions } from './bar-table.ts'
import { PAGE_ROWS, pagesFrom } from './bar-pages.ts'
import { checkBars } from './check-bars.ts'
import { SqliteJobs } from './job-store.ts'
import { packBars, type PackedBars, unpackBars } from './packed-bars.ts'
import { StoreError } from './store-error.ts'

/** Bars of one message: big enough that messages cost nothing, small enough to keep memory flat. */
const MESSAGE_BARS = 10_000
/** Requests that are with the worker at once. */
const IN_FLIGHT_MAX = 8
/** Requests that wait to be sent; past it a request fails as `overloaded`. */
const WAITING_MAX = 1_024
const END_OF_TIME = Number.MAX_SAFE_INTEGER

/** Bars that become visible together. */
export interface Writing {
  readonly write: WriteBars
  commit(): Promise<void>
  /** Leaves the archive as it was. */
  rollback(): Promise<void>
}

interface Waiting {
  readonly request: Request
  readonly moved: readonly ArrayBuffer[]
  readonly resolve: (value: Value) => void
  readonly reject: (error: Error) => void
}

/**
 * Opens or creates an archive. Rejects with a StoreError: locked, not a database, newer than this Skein.
 *
 * @example
 * const archive = await openArchive('data/archive.db')
 * for await (const page of archive.bars({ symbol: 'SPY', timeframe: '1m' })) console.log(page.length)
 * await archive.close()
 */
export async function openArchive(
  path: string,
  options: TableOptions = {},
): Promise<SqliteArchive> {
  assert(path !== '' && path !== ':memory:', 'an archive is a file')
  const archive = new SqliteArchive(path, options)
  try {
    await archive.ready()
    return archive
  } catch (error) {
    await archive.close()
    throw error
  }
}

export class SqliteArchive implements BarStore, Revisions {
  readonly path: string
  /** The jobs that keep its bars complete. */
  readonly jobs: JobStore
  readonly #worker: Worker
  readonly #sent = new Map<number, Waiting>()
  readonly #waiting: Waiting[] = []
  #lastId = 0
  #gone: StoreError | undefined
  #closing: Promise<void> | undefined
  /** Resolves when the write before has ended. */
  #writes: Promise<unknown> = Promise.resolve()
  /** Ends each transaction that is open or waits to be. */
  readonly #ends = new Set<() => void>()

  constructor(path: string, options: TableOptions) {
    this.path = path
    this.jobs = new SqliteJobs({
      call: (call) => this.#alone({ type: 'job', call }),
      commitPage: (page) => this.#alone({ type: 'commit-page', page }),
      merge: (merge) => this.#alone({ type: 'merge', merge }),
      bars: (query) => this.bars(query),
      starts: async (query) => {
        const value = await this.#ask({ type: 'starts', stretches: stretchesOf(query) })
        assert(value !== undefined && 'starts' in value, 'starts are lists')
        return value.starts
      },
      counted: async (query) => {
        const value = await this.#ask({ type: 'counted', stretches: stretchesOf(query) })
        assert(value !== undefined && 'counts' in value, 'counts are a list')
        return value.counts
      },
    })
    const workerData: WorkerStart = { path, options }
    this.#worker = new Worker(new URL('./archive-worker.ts', import.meta.url), { workerData })
    this.#worker.on('message', (reply: Reply) => this.#answered(reply))
    this.#worker.on('error', (error) =>
      this.#fail(`the archive's thread crashed: ${String(error)}`),
    )
    this.#worker.on('exit', () => this.#fail("the archive's thread has ended"))
    // An archive that nobody closed does not keep a finished program alive.
    this.#worker.unref()
  }

  get name(): string {
    return this.path
  }

  /** Opens the file; the first request to the worker. */
  async ready(): Promise<void> {
    await this.#ask({ type: 'open' })
  }

  async putBars(
    symbol: string,
    timeframe: Timeframe,
    bars: BarColumns,
    terms: WriteTerms = {},
  ): Promise<{ readonly written: number }> {
    if (bars.length === 0) return { written: 0 }
    await this.writing((write) => write(symbol, timeframe, bars, terms))
    return { written: bars.length }
  }

  async writing<T>(work: (write: WriteBars) => Promise<T>): Promise<T> {
    const writing = await this.begin()
    try {
      const value = await work((...bars) => writing.write(...bars))
      await writing.commit()
      return value
    } catch (error) {
      await writing.rollback()
      throw error
    }
  }

  /** Starts a transaction of many writes, when those before it have ended. Commit it or roll it back. */
  async begin(): Promise<Writing> {
    const end = await this.#turn()
    try {
      await this.#ask({ type: 'begin' })
    } catch (error) {
      end()
      throw error
    }
    let open = true
    const finish = async (type: 'commit' | 'rollback') => {
      if (type === 'rollback' && !open) return
      assert(open, 'a transaction ends once')
      open = false
      try {
        await this.#ask({ type })
      } finally {
        end()
      }
    }
    return {
      write: async (symbol, timeframe, bars, terms = {}) => {
        assert(open, 'bars are written within the transaction')
        checkBars(symbol, timeframe, bars)
        await this.#write(symbol, timeframe, bars, terms)
      },
      commit: () => finish('commit'),
      rollback: () => finish('rollback'),
    }
  }

  bars(query: SeriesQuery & { readonly pageSize?: number }): AsyncIterable<BarColumns> {
    const { symbol, timeframe, from = 0, to = END_OF_TIME, pageSize = PAGE_ROWS } = query
    const { adjustment = 'raw' } = query
    const series = { symbol, timeframeMs: lengthMs(timeframe), adjustment, to }
    return pagesFrom(from, pageSize, async (start) => {
      const stretch = { ...series, from: start }
      return unpackBars(packedOf(await this.#ask({ type: 'page', stretch, limit: pageSize })))
    })
  }

  async latest(query: {
    readonly symbol: string
    readonly timeframe: Timeframe
    readonly limit: number
    readonly before?: Ms
  }): Promise<BarColumns> {
    const { symbol, timeframe, limit, before = END_OF_TIME } = query
    assert(Number.isSafeInteger(limit) && limit >= 0, `a limit counts bars, not ${limit}`)
    const stretch = { symbol, timeframeMs: lengthMs(timeframe), from: 0, to: before }
    return unpackBars(packedOf(await this.#ask({ type: 'latest', stretch, limit })))
  }

  async series(): Promise<readonly Series[]> {
    const rows = await this.#ask({ type: 'series' })
    assert(Array.isArray(rows), 'series are a list')
    return rows.map(
      (row: {
        symbol: string
        timeframeMs: number
        bars: number
        first: number
        last: number
      }) => ({
        symbol: row.symbol,
        timeframe: timeframeOf(row.timeframeMs),
        bars: row.bars,
        first: ms(row.first),
        last: ms(row.last),
      }),
    )
  }

  async symbolsOf(timeframe: Timeframe): Promise<readonly string[]> {
    const value = await this.#ask({ type: 'symbols', timeframeMs: lengthMs(timeframe) })
    assert(value !== undefined && 'symbols' in value, 'symbols are a list')
    return value.symbols
  }

  async putRevision({ timeframe, ...values }: Revision): Promise<void> {
    const writing = await this.begin()
    const revision = { ...values, timeframeMs: lengthMs(timeframe) }
    try {
      await this.#ask({ type: 'revise', revision })
      await writing.commit()
    } catch (error) {
      await writing.rollback()
      throw error
    }
  }

  async revisions(query: SeriesQuery): Promise<readonly Revision[]> {
    const { symbol, timeframe, from = 0, to = END_OF_TIME } = query
    const stretch = { symbol, timeframeMs: lengthMs(timeframe), from, to }
    const rows = await this.#ask({ type: 'revisions', stretch })
    assert(Array.isArray(rows), 'revisions are a list')
    return rows.map(({ timeframeMs: _length, start, seenAt, ...row }: RevisionRow) => ({
      ...row,
      timeframe,
      start: ms(start),
      seenAt: ms(seenAt),
    }))
  }

  async coverage(
    symbol: string,
    timeframe: Timeframe,
  ): Promise<readonly { readonly from: Ms; readonly to: Ms; readonly bars: number }[]> {
    const runs = await this.#ask({ type: 'coverage', symbol, timeframeMs: lengthMs(timeframe) })
    assert(Array.isArray(runs), 'runs are a list')
    return runs.map((run: { from: number; to: number; bars: number }) => ({
      from: ms(run.from),
      to: ms(run.to),
      bars: run.bars,
    }))
  }

  /** Answers what was asked, rolls an open transaction back, and ends the thread. May be called again. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    try {
      if (this.#gone === undefined) await this.#ask({ type: 'close' })
    } catch {
      // A file that did not open has nothing to close.
    }
    this.#fail('the archive is closed')
    await this.#worker.terminate()
  }

  /** Waits until the writes before have ended; gives how to let the next one in. */
  async #turn(): Promise<() => void> {
    if (this.#ends.size >= WAITING_MAX) throw overloaded(this.path)
    const { promise, resolve } = Promise.withResolvers<void>()
    const end = () => {
      this.#ends.delete(end)
      resolve()
    }
    this.#ends.add(end)
    const before = this.#writes
    this.#writes = before.then(() => promise)
    await before
    return end
  }

  async #alone(request: Request): Promise<Value> {
    const end = await this.#turn()
    try {
      return await this.#ask(request)
    } finally {
      end()
    }
  }

  async #write(
    symbol: string,
    timeframe: Timeframe,
    bars: BarColumns,
    { adjustment = 'raw', rank = 'final' }: WriteTerms,
  ): Promise<void> {
    const timeframeMs = lengthMs(timeframe)
    // Two messages under way: one is packed while the other is written.
    let before: Promise<Value> = Promise.resolve(undefined)
    for (let from = 0; from < bars.length; from += MESSAGE_BARS) {
      const packed = packBars(bars, from, Math.min(from + MESSAGE_BARS, bars.length))
      const series = { symbol, timeframeMs, adjustment, rank }
      const request: Request = { type: 'write', ...series, bars: packed }
      const written = this.#ask(request, [packed.buffer])
      written.catch(() => {})
      await before
      before = written
    }
    await before
  }

  #ask(request: Request, moved: readonly ArrayBuffer[] = []): Promise<Value> {
    const { promise, resolve, reject } = Promise.withResolvers<Value>()
    const waiting = { request, moved, resolve, reject }
    if (this.#gone !== undefined) reject(this.#gone)
    else if (this.#sent.size < IN_FLIGHT_MAX) this.#send(waiting)
    else if (this.#waiting.length < WAITING_MAX) this.#waiting.push(waiting)
    else reject(overloaded(this.path))
    return promise
  }

  #send(waiting: Waiting): void {
    if (this.#sent.size === 0) this.#worker.ref()
    const id = ++this.#lastId
    this.#sent.set(id, waiting)
    this.#worker.postMessage({ id, request: waiting.request }, [...waiting.moved])
  }

  #answered(reply: Reply): void {
    const asked = this.#sent.get(reply.id)
    if (asked === undefined) return
    this.#sent.delete(reply.id)
    if (reply.ok) asked.resolve(reply.value)
    else asked.reject(new StoreError(reply.code, reply.message))
    const next = this.#waiting.shift()
    if (next !== undefined) this.#send(next)
    else if (this.#sent.size === 0) this.#worker.unref()
  }

  #fail(why: string): void {
    this.#gone ??= new StoreError('closed', `${this.path}: ${why}; open it again`)
    for (const { reject } of [...this.#sent.values(), ...this.#waiting]) reject(this.#gone)
    this.#sent.clear()
    this.#waiting.length = 0
    for (const end of this.#ends) end()
  }
}

const stretchesOf = ({ timeframe, ...query }: StartsQuery): Stretches => ({
  ...query,
  timeframeMs: lengthMs(timeframe),
})

const overloaded = (path: string): StoreError =>
  new StoreError('overloaded', `${path} has ${WAITING_MAX} requests waiting; ask for less at once`)

function packedOf(value: Value): PackedBars {
  assert(value !== undefined && 'buffer' in value, 'a page is packed bars')
  return value
}
