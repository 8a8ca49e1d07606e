/*
 * Shared bars: closed bars of a run → the database that workers keep complete, where others read them. The archive of the
 * run has the same bars, and a run depends on nothing here: no turn waits, and no failure ends it.
 *
 *   taken      with each bar that closes, also in turns that are done again at a start: a bar that comes twice is one
 *   written    within a second, at most BATCH of them at a time, so that a long queue holds up no turn either
 *   away       what waits is tried again after 1, 2, 4 … 60 s; that is told once, and that it is over
 *   refused    what the database has not taken TRIES_MAX times for another reason is let go
 *   overfull   where more wait than `waitingMax`, the oldest are let go
 *
 * What is let go is counted and told. It is not lost: bars that were heard cover nothing, so history brings them.
 */
import type { Bar } from '../core/market.ts'
import type { Merge, Merged } from '../core/jobs.ts'
import type { Engine } from '../engine/engine.ts'
import { Backoff } from '../io/backoff.ts'
import type { Io } from '../io/io.ts'
import { StoreError } from '../store/index.ts'
import { columnsOf } from './recorder.ts'

/** Bars that may wait for a database that is away: a day of minutes of 500 shares. */
export const SHARED_WAITING_MAX = 200_000
/** Packing and sending so many takes a few milliseconds. */
const BATCH = 2_000
const EVERY_MS = 1_000
const TRIES_MAX = 5

/** The part of a store of jobs that takes bars. */
export interface SharedStore {
  merge(merge: Merge): Promise<Merged>
  close(): Promise<void>
}

export interface SharedBarsOptions {
  readonly io: Pick<Io, 'now' | 'monotonic' | 'after' | 'random'>
  /** Connects; called again where it could not. */
  readonly open: () => Promise<SharedStore>
  /** What a person should know. */
  readonly tell: (text: string) => void
  readonly waitingMax?: number
}

export interface SharedStatistics {
  readonly waiting: number
  readonly written: number
  /** Of those that were written: the database has them already from a better source. */
  readonly outranked: number
  readonly failures: number
  /** Bars that were let go. */
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
    if (left > 0) this.#options.tell(`the database was not given ${left} bars: ${KEPT}`)
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
    const why = error instanceof Error ? error.message : String(error)
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
    tell(`the database has refused ${length} bars ${TRIES_MAX} times (${why}): ${KEPT}`)
  }

  #letGo(): void {
    this.#dropped++
    if (this.#isOverfull) return
    this.#isOverfull = true
    const why = this.#away?.why ?? 'it is too slow'
    const what = `more than ${this.#waitingMax} bars wait for the database (${why})`
    this.#options.tell(`${what}, so the oldest are not given to it: ${KEPT}`)
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

const KEPT = 'the archive of the run has them, and history brings them'

const isAway = (error: unknown): boolean =>
  error instanceof StoreError && error.code === 'cannot-open'
