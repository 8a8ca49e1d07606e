/*
 * Recorder: closed bars → archive, in bulk and between turns. No turn waits for it.
 *
 * A write that fails is tried again with the next one; meanwhile bars wait. Where more wait than WAITING_MAX,
 * the next `work` or `flush` throws, which ends the run: no snapshot counts on bars that were let go of, so a
 * run that goes on makes them again.
 */
import { type BarColumns, barColumns } from '../../core/columns.ts'
import type { Bar } from '../../core/market.ts'
import type { Archive } from '../../core/store.ts'
import { MINUTE, type Timeframe } from '../../core/time.ts'
import type { Engine } from '../../engine/engine.ts'
import { StoreError } from '../../store/index.ts'

/** Bars that may wait for an archive that does not take them. */
export const WAITING_MAX = 200_000
/** Bars that are worth a write of their own. */
const BATCH = 2_000
/** Fewer are written after they have waited so long: who reads the archive beside a run is a minute or two behind. */
const WAIT_MS_MAX = MINUTE
/** Whoever can make bars faster than any archive takes them waits while more than this wait. */
const CALM_MAX = 20_000

export type Last = Pick<Bar, 'symbol' | 'timeframe' | 'start'>

export class Recorder {
  readonly #archive: Archive
  readonly #symbolOf: (id: number) => string
  /** Bars that wait, by symbol and timeframe. */
  #waiting = new Map<string, Bar[]>()
  #count = 0
  #written = 0
  #failures = 0
  #lastError: unknown
  /** Start of the last bar, by symbol and timeframe. */
  readonly #lasts = new Map<string, Last>()
  /** A bar came that had no room to wait. */
  #isOverfull = false
  #flushing: Promise<void> | undefined
  /** Since when bars have been seen to wait, or the last write began. */
  #since: number | undefined

  constructor(archive: Archive, engine: Engine) {
    this.#archive = archive
    this.#symbolOf = (id) => engine.universe.all[id]!.symbol
    engine.notices.on('bar.closed', ({ bar }) => this.#push(bar))
  }

  /** The last closed bar of each series that has had one. */
  get lasts(): readonly Last[] {
    return [...this.#lasts.values()]
  }

  get statistics(): {
    readonly waiting: number
    readonly written: number
    readonly failures: number
  } {
    return { waiting: this.#count, written: this.#written, failures: this.#failures }
  }

  /**
   * Writes where enough waits, or has waited long enough by the engine's time `at`, where that is told. A write that fails
   * is tried again later; throws where too much waits.
   */
  async work(at?: number): Promise<void> {
    this.#checkRoom()
    if (this.#count === 0 || this.#flushing !== undefined) return
    if (this.#count < BATCH && !this.#isLongAgo(at)) return
    this.#since = at
    await this.flush().catch(() => {})
  }

  /** Resolves when few bars wait, or a write has failed: for whoever makes bars as fast as it can. */
  async calm(): Promise<void> {
    if (this.#count > CALM_MAX) await this.flush().catch(() => {})
  }

  /** Writes all that waits. Throws the archive's error; what was not written waits on. */
  async flush(): Promise<void> {
    this.#checkRoom()
    while (this.#flushing !== undefined) await this.#flushing.catch(() => {})
    if (this.#count === 0) return
    this.#flushing = this.#write()
    try {
      await this.#flushing
    } finally {
      this.#flushing = undefined
    }
  }

  #push(bar: Bar): void {
    const { symbol, timeframe, start } = bar
    const series = `${timeframe} ${symbol}`
    if (start > (this.#lasts.get(series)?.start ?? -Infinity))
      this.#lasts.set(series, { symbol, timeframe, start })
    // Not thrown here: a handler of notices that throws is counted, and the run would go on.
    if (this.#count >= WAITING_MAX) {
      this.#isOverfull = true
      return
    }
    const bars = this.#waiting.get(series)
    if (bars === undefined) this.#waiting.set(series, [bar])
    else bars.push(bar)
    this.#count++
  }

  #isLongAgo(at: number | undefined): boolean {
    if (at === undefined) return false
    this.#since ??= at
    return at - this.#since >= WAIT_MS_MAX
  }

  #checkRoom(): void {
    if (!this.#isOverfull) return
    const cause = this.#lastError
    const why = cause instanceof Error ? cause.message : 'no write has ended'
    const what = `the archive has not taken ${WAITING_MAX} bars that wait (${why}); mend it, and give the command again`
    throw new StoreError('overloaded', what, { cause })
  }

  async #write(): Promise<void> {
    const waiting = this.#waiting
    this.#waiting = new Map()
    for (const [key, bars] of waiting) {
      const { symbol, timeframe } = bars[0]!
      try {
        await this.#archive.putBars(this.#symbolOf(symbol), timeframe, columnsOf(bars), CLOSED)
      } catch (error) {
        this.#failures++
        this.#lastError = error
        this.#keep(waiting)
        throw error
      }
      waiting.delete(key)
      this.#count -= bars.length
      this.#written += bars.length
    }
  }

  /** Puts what could not be written before what has come since. */
  #keep(unwritten: Map<string, Bar[]>): void {
    for (const [key, bars] of this.#waiting) {
      const before = unwritten.get(key)
      if (before === undefined) unwritten.set(key, bars)
      else before.push(...bars)
    }
    this.#waiting = unwritten
  }
}

/** History that the venue tells later is the better source. */
const CLOSED = { rank: 'closed' } as const

/** Bars of one series as columns. */
export function columnsOf(bars: readonly Bar[]): BarColumns {
  const columns = barColumns(bars.length)
  for (const [i, bar] of bars.entries()) {
    columns.start[i] = bar.start
    columns.open[i] = bar.open
    columns.high[i] = bar.high
    columns.low[i] = bar.low
    columns.close[i] = bar.close
    columns.volume[i] = bar.volume
    columns.trades[i] = bar.trades
    columns.filled[i] = bar.filled === true ? 1 : 0
  }
  return columns
}

/** The rows of columns as bars. */
export function* barsOf(
  columns: BarColumns,
  symbol: Bar['symbol'],
  timeframe: Timeframe,
): Generator<Bar> {
  for (let i = 0; i < columns.length; i++) {
    const bar: Bar = {
      symbol,
      timeframe,
      start: columns.start[i]! as Bar['start'],
      open: columns.open[i]!,
      high: columns.high[i]!,
      low: columns.low[i]!,
      close: columns.close[i]!,
      volume: columns.volume[i]!,
      trades: columns.trades[i]!,
    }
    yield columns.filled[i] === 1 ? { ...bar, filled: true } : bar
  }
}
