// SqliteJobs: the port JobStore on an archive's file. Every call is one request to the archive's thread.
import { assert } from '../core/assert.ts'
import { type BarColumns, joinedBars } from '../core/columns.ts'
import type { JobStore, Merge, Merged, PageCommit, PageKept, StartsQuery } from '../core/jobs.ts'
import type { SeriesQuery } from '../core/store.ts'
import type { Timeframe } from '../core/time.ts'
import type { JobCall, Value } from './archive-worker.ts'
import type { PackedMerge, PackedPage } from './bar-table.ts'
import { checkBars } from './check-bars.ts'
import type { JobTableSync } from './job-table.ts'
import { startsOf } from './job-rows.ts'
import { PagePacker, type PackedPages } from './packed-pages.ts'

/** What it needs of the archive. */
export interface JobThread {
  call(call: JobCall): Promise<Value>
  commitPage(page: PackedPage): Promise<Value>
  merge(merge: PackedMerge): Promise<Value>
  bars(query: SeriesQuery): AsyncIterable<BarColumns>
  /** A list in JSON for each symbol. */
  starts(query: StartsQuery): Promise<readonly string[]>
  counted(query: StartsQuery): Promise<readonly number[]>
}

type Method = keyof JobTableSync
type Args<K extends Method> = Parameters<JobTableSync[K]>

export class SqliteJobs implements JobStore {
  readonly #thread: JobThread
  readonly #packer = new PagePacker()

  constructor(thread: JobThread) {
    this.#thread = thread
  }

  putDefinitions = (...args: Args<'putDefinitions'>) => this.#call('putDefinitions', args)
  definitions = () => this.#call('definitions', [])
  enable = (...args: Args<'enable'>) => this.#call('enable', args)
  archiveDefinitions = (...args: Args<'archiveDefinitions'>) =>
    this.#call('archiveDefinitions', args)
  note = (...args: Args<'note'>) => this.#call('note', args)
  noted = (...args: Args<'noted'>) => this.#call('noted', args)
  enqueue = (...args: Args<'enqueue'>) => this.#call('enqueue', args)
  queued = (...args: Args<'queued'>) => this.#call('queued', args)
  runs = (...args: Args<'runs'>) => this.#call('runs', args)
  counts = () => this.#call('counts', [])
  results = (...args: Args<'results'>) => this.#call('results', args)
  monitor = (...args: Args<'monitor'>) => this.#call('monitor', args)
  prune = (...args: Args<'prune'>) => this.#call('prune', args)
  claim = (...args: Args<'claim'>) => this.#call('claim', args)
  renew = (...args: Args<'renew'>) => this.#call('renew', args)
  settle = (...args: Args<'settle'>) => this.#call('settle', args)
  giveBack = (...args: Args<'giveBack'>) => this.#call('giveBack', args)
  requeueStale = (...args: Args<'requeueStale'>) => this.#call('requeueStale', args)
  shift = (...args: Args<'shift'>) => this.#call('shift', args)
  coverage = (...args: Args<'coverage'>) => this.#call('coverage', args)
  holes = (...args: Args<'holes'>) => this.#call('holes', args)
  reopen = (...args: Args<'reopen'>) => this.#call('reopen', args)
  takeRequest = (...args: Args<'takeRequest'>) => this.#call('takeRequest', args)
  book = (...args: Args<'book'>) => this.#call('book', args)
  answered = (...args: Args<'answered'>) => this.#call('answered', args)
  stopRequests = (...args: Args<'stopRequests'>) => this.#call('stopRequests', args)
  requests = (...args: Args<'requests'>) => this.#call('requests', args)
  putSplits = (...args: Args<'putSplits'>) => this.#call('putSplits', args)
  splits = (...args: Args<'splits'>) => this.#call('splits', args)
  splitsAsked = (...args: Args<'splitsAsked'>) => this.#call('splitsAsked', args)
  beat = (...args: Args<'beat'>) => this.#call('beat', args)
  beats = () => this.#call('beats', [])
  quarantine = (...args: Args<'quarantine'>) => this.#call('quarantine', args)
  quarantined = (...args: Args<'quarantined'>) => this.#call('quarantined', args)
  readmit = (...args: Args<'readmit'>) => this.#call('readmit', args)
  flaws = () => this.#call('flaws', [])
  lasts = (...args: Args<'lasts'>) => this.#call('lasts', args)
  revised = (...args: Args<'revised'>) => this.#call('revised', args)

  async commitPage({ series, ...page }: PageCommit): Promise<PageKept | undefined> {
    return this.#packed(page.timeframe, series, async (packed) => {
      const kept = await this.#thread.commitPage({ ...page, packed })
      return answerOf(kept) as PageKept | undefined
    })
  }

  async merge({ series, ...merge }: Merge): Promise<Merged> {
    return this.#packed(merge.timeframe, series, async (packed) => {
      return answerOf(await this.#thread.merge({ ...merge, packed })) as Merged
    })
  }

  /** Lends the work a buffer. One whose work has failed is not taken again: the thread may still have it. */
  async #packed<T>(
    timeframe: Timeframe,
    series: PageCommit['series'],
    work: (packed: PackedPages) => Promise<T>,
  ): Promise<T> {
    for (const { symbol, bars } of series) checkBars(symbol, timeframe, bars)
    const packed = this.#packer.pack(series)
    const value = await work(packed)
    this.#packer.giveBack(packed)
    return value
  }

  async starts(query: StartsQuery): Promise<readonly Float64Array[]> {
    return (await this.#thread.starts(query)).map(startsOf)
  }

  counted(query: StartsQuery): Promise<readonly number[]> {
    return this.#thread.counted(query)
  }

  async bars(query: Parameters<JobStore['bars']>[0]): Promise<BarColumns> {
    const pages: BarColumns[] = []
    for await (const page of this.#thread.bars(query)) pages.push(page)
    return joinedBars(pages)
  }

  async #call<K extends Method>(method: K, args: Args<K>): Promise<ReturnType<JobTableSync[K]>> {
    // The pair is one of the union by its very types, which the compiler cannot follow through K.
    const call = { method, args } as unknown as JobCall
    return answerOf(await this.#thread.call(call)) as ReturnType<JobTableSync[K]>
  }
}

/** What the thread gave is what its method gives. */
function answerOf(value: Value): unknown {
  assert(value !== undefined && 'job' in value, 'a call of a job method is answered')
  return value.job
}
