/*
 * Shared bars: closed bars of a run → the database that workers keep complete, where others read them. The archive of the
 * run has the same bars, and a run depends on nothing here: no turn waits, and no failure ends it.
 *
 *   taken      with each bar that closes, also in turns that are done again at a start: a bar that comes twice is one
 *   written    within a second, at most BATCH of them at a time, so that a long queue holds up no turn either
 *   away       what waits is tried again after 1, 2, 4 … 60 s; that is told once, and that it is over
 *   overfull   where more wait than `waitingMax`, the oldest are let go
 *   again      what was let go, or waited when the process before was killed, is in the archive: before anything else is
 *              written, each series gets from there what comes after the last bar that the database has of it
 *   refused    what the database has not taken TRIES_MAX times for another reason than being away is let go for good
 *
 * What is let go is counted and told. Bars that were heard cover nothing, so a backfill asks for all of them anyway.
 */
import type { Ms } from '../../core/brand.ts'
import type { BarColumns } from '../../core/columns.ts'
import type { JobStore, Merge } from '../../core/jobs.ts'
import type { Bar } from '../../core/market.ts'
import { DAY, ms, type Timeframe } from '../../core/time.ts'
import type { Engine } from '../../engine/engine.ts'
import { Backoff } from '../../io/backoff.ts'
import type { Io } from '../../io/io.ts'
import { StoreError } from '../../store/index.ts'
import { columnsOf } from '../session/recorder.ts'

/** Bars that may wait for a database that is away: a day of minutes of 500 shares. */
export const SHARED_WAITING_MAX = 200_000
/** Packing and sending so many takes a few milliseconds. */
const BATCH = 2_000
const EVERY_MS = 1_000
const TRIES_MAX = 5
/** What is older is not given again: an archive may hold years that no run has heard. */
const AGAIN_MS_MAX = 7 * DAY

/** The part of a store of jobs that takes bars. */
export type SharedStore = Pick<JobStore, 'merge' | 'lasts'> & { close(): Promise<void> }

export interface SharedBarsOptions {
  readonly io: Pick<Io, 'now' | 'monotonic' | 'after' | 'random'>
  /** Connects; called again where it could not. */
  readonly open: () => Promise<SharedStore>
  /** What a person should know. */
  readonly tell: (text: string) => void
  /** The bars of a series from a time on, from the archive of the run: in pages. */
  readonly past?: (query: {
    readonly symbol: string
    readonly timeframe: Timeframe
    readonly from: Ms
    readonly pageSize: number
  }) => AsyncIterable<BarColumns>
  readonly waitingMax?: number
}

export interface SharedStatistics {
  readonly waiting: number
  readonly written: number
  /** Of those that were written: the database has them already from a better source. */
  readonly outranked: number
  readonly failures: number
  /** Bars that were let go: those that were too many come from the archive, those that were refused do not. */
  readonly dropped: number
  /** For how long the database has taken nothing, and why; undefined while it takes bars. */
  readonly away: { readonly ms: number; readonly why: string } | undefined
}

export class SharedBars {
  readonly #options: SharedBarsOptions
  readonly #waitingMax: number
  readonly #backoff: Backoff
  #engine: Engine | undefined
  #store: SharedStore | undefined
  /** In order of their coming; those before `#first` are gone. */
  #waiting: Bar[] = []
  #first = 0
  /** What is being written, and its tries. */
  #batch: readonly Bar[] = []
  #tries = 0
  #away: { readonly since: number; readonly why: string } | undefined
  #working: Promise<void> | undefined
  #cancelWork: (() => void) | undefined
  #isClosed = false
  #isOverfull = false
  /** The database has all that the archive has, but for what waits. */
  #isCaughtUp = false
  #written = 0
  #outranked = 0
  #failures = 0
  #dropped = 0

  constructor(options: SharedBarsOptions) {
    const { io, waitingMax = SHARED_WAITING_MAX } = options
    this.#options = options
    this.#waitingMax = waitingMax
    this.#backoff = new Backoff(io)
  }

  /** Takes what this engine closes. One that is built anew tells its bars again, so those of the one before go. */
  watch(engine: Engine): void {
    this.#engine = engine
    this.#waiting = []
    this.#first = 0
    engine.notices.on('bar.closed', ({ bar }) => {
      if (this.#engine === engine) this.#push(bar)
    })
  }

  /** Where others write beside the closed bars; undefined while it takes nothing. */
  get store(): SharedStore | undefined {
    return this.#away === undefined && !this.#isClosed ? this.#store : undefined
  }

  get statistics(): SharedStatistics {
    const away = this.#away
    return {
      waiting: this.#count,
      written: this.#written,
      outranked: this.#outranked,
      failures: this.#failures,
      dropped: this.#dropped,
      away: away && { ms: this.#options.io.monotonic() - away.since, why: away.why },
    }
  }

  /** Connects before there is a bar, so that what is wrong with the database is told at once. */
  connect(): void {
    void this.#work()
  }

  /** Writes all that waits, or tries to once: for the end of a run. */
  async flush(): Promise<void> {
    await this.#working
    if (this.#count > 0) await this.#work()
  }

  /** Takes nothing more. What still waits is told. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#cancelWork?.()
    await this.#working
    const left = this.#count
    if (left > 0)
      this.#options.tell(`the database was not given ${left} bars: the next start gives them to it`)
    await this.#store?.close()
  }

  get #count(): number {
    return this.#batch.length + this.#waiting.length - this.#first
  }

  #push(bar: Bar): void {
    if (this.#isClosed) return
    this.#waiting.push(bar)
    if (this.#waiting.length - this.#first > this.#waitingMax) {
      this.#first++
      this.#tidy()
      this.#letGo()
    }
    if (this.#working === undefined) this.#workIn(EVERY_MS)
  }

  /** The earliest wish holds: a database that is away is not asked more often because bars come. */
  #workIn(delayMs: number): void {
    this.#cancelWork ??= this.#options.io.after(delayMs, () => {
      this.#cancelWork = undefined
      void this.#work()
    })
  }

  #work(): Promise<void> {
    this.#cancelWork?.()
    this.#cancelWork = undefined
    this.#working ??= this.#write().finally(() => {
      this.#working = undefined
      if (this.#count > 0 && !this.#isClosed)
        this.#workIn(this.#away === undefined ? EVERY_MS : this.#backoff.next())
    })
    return this.#working
  }

  /** Until nothing waits or something fails; never throws. */
  async #write(): Promise<void> {
    try {
      this.#store ??= await this.#options.open()
      for (;;) {
        await this.#catchUp(this.#store)
        if (this.#batch.length === 0) this.#batch = this.#taken()
        if (this.#batch.length === 0 || this.#isClosed) return
        let outranked = 0
        for (const merge of this.#mergesOf(this.#batch))
          outranked += (await this.#store.merge(merge)).outranked
        this.#outranked += outranked
        this.#done()
      }
    } catch (error) {
      this.#failed(error)
    }
  }

  async #catchUp(store: SharedStore): Promise<void> {
    const { past, tell } = this.#options
    const engine = this.#engine
    // It connects before there is an engine, whose first bar comes later.
    if (this.#isCaughtUp || engine === undefined) return
    // Before it is done: what is let go of meanwhile asks for it once more.
    this.#isCaughtUp = true
    try {
      const timeframes = new Set([
        '1m' as const,
        ...engine.lanes.flatMap((lane) => lane.timeframes),
      ])
      for (const timeframe of timeframes) if (past) await this.#giveAgain(store, timeframe, past)
    } catch (error) {
      if (isAway(error)) {
        this.#isCaughtUp = false
        throw error
      }
      tell(`what the database may lack was not given to it again: ${whyOf(error)}`)
    }
  }

  async #giveAgain(
    store: SharedStore,
    timeframe: Timeframe,
    past: NonNullable<SharedBarsOptions['past']>,
  ): Promise<void> {
    const series = { timeframe, adjustment: 'raw' } as const
    const symbols = this.#engine!.universe.all.map(({ symbol }) => symbol)
    const earliest = this.#options.io.now() - AGAIN_MS_MAX
    for (const { symbol, start } of await store.lasts({ ...series, symbols })) {
      const from = ms(Math.max(start + 1, earliest))
      for await (const bars of past({ symbol, timeframe, from, pageSize: BATCH })) {
        if (this.#isClosed) return
        await store.merge({ ...series, rank: 'closed', series: [{ symbol, bars }] })
        this.#written += bars.length
      }
    }
  }

  #taken(): readonly Bar[] {
    const batch = this.#waiting.slice(this.#first, this.#first + BATCH)
    this.#first += batch.length
    this.#tidy()
    return batch
  }

  /** Lets go of the front of the queue where that is most of it: each time costs as much as what is left. */
  #tidy(): void {
    if (this.#first * 2 < this.#waiting.length) return
    this.#waiting = this.#waiting.slice(this.#first)
    this.#first = 0
  }

  #done(): void {
    this.#written += this.#batch.length
    this.#batch = []
    this.#tries = 0
    if (this.#count === 0) this.#isOverfull = false
    const away = this.#away
    if (away === undefined) return
    this.#away = undefined
    this.#backoff.reset()
    const seconds = Math.round((this.#options.io.monotonic() - away.since) / 1_000)
    this.#options.tell(`the database takes bars again, after ${seconds} s`)
  }

  #failed(error: unknown): void {
    const { io, tell } = this.#options
    const why = whyOf(error)
    this.#failures++
    if (this.#away === undefined) {
      this.#away = { since: io.monotonic(), why }
      tell(`the database takes no bars, which wait for it: ${why}`)
    }
    const isGone = this.#store === undefined || isAway(error)
    if (isGone || ++this.#tries < TRIES_MAX) return
    const { length } = this.#batch
    this.#batch = []
    this.#tries = 0
    this.#dropped += length
    const what = `the database has refused ${length} bars ${TRIES_MAX} times (${why})`
    tell(`${what}, which stay in the archive of the run`)
  }

  #letGo(): void {
    this.#dropped++
    this.#isCaughtUp = false
    if (this.#isOverfull) return
    this.#isOverfull = true
    const why = this.#away?.why ?? 'it is too slow'
    const what = `more than ${this.#waitingMax} bars wait for the database (${why})`
    this.#options.tell(`${what}, so the oldest come from the archive when it is back`)
  }

  /** One for each timeframe. Series are in order as they came. */
  *#mergesOf(batch: readonly Bar[]): Generator<Merge> {
    const { universe } = this.#engine!
    for (const [timeframe, bars] of Map.groupBy(batch, (bar) => bar.timeframe)) {
      const series = [...Map.groupBy(bars, ({ symbol }) => symbol)].map(([symbol, own]) => ({
        symbol: universe.at(symbol).symbol,
        bars: columnsOf(own),
      }))
      yield { timeframe, adjustment: 'raw', rank: 'closed', series }
    }
  }
}

const whyOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

const isAway = (error: unknown): boolean =>
  error instanceof StoreError && error.code === 'cannot-open'
