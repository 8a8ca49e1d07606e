/*
 * Forming bars: the open minute of each symbol → the store that others read, every few seconds, of rank `forming`. No reader
 * of ours is told them (store/bar-sheet.ts); people see them in the view `intraday_bars`, as provisional.
 *
 *   told       by a venue that tells its bars while they form
 *   built      from trades otherwise, of minutes alone that began while the feed was up: of others a part is missing
 *   over       when the engine closes the minute: what comes of it after that is late
 *   written    every `everyMs`, what has changed. Where a write is still under way, or the store is away, a round is left
 *              out, and nothing waits: the next one has newer values. A write that comes late finds the closed bar there,
 *              which outranks it.
 *
 * The engine knows nothing of this: it is told by the adapters beside the engine's inputs, and looks at turns.
 */
import type { Ms, SymbolId } from '../../core/brand.ts'
import type { Turn } from '../../core/command.ts'
import type { Merge } from '../../core/jobs.ts'
import type { Bar, Trade } from '../../core/market.ts'
import { bucketStart, MINUTE, ms } from '../../core/time.ts'
import type { Universe } from '../../core/universe.ts'
import type { Io } from '../../io/io.ts'
import { columnsOf } from '../session/recorder.ts'

/** Symbols of one write: the others come with the next round. */
const SYMBOLS_MAX = 2_000

export interface FormingOptions {
  readonly io: Pick<Io, 'now' | 'after'>
  readonly universe: Universe
  readonly everyMs: number
  /** Undefined while it takes nothing. */
  readonly store: () => { merge(merge: Merge): Promise<unknown> } | undefined
  /** What a person should know. */
  readonly tell: (text: string) => void
}

export interface FormingStatistics {
  readonly written: number
  /** Rounds that were left out: a write was under way, or the store away. */
  readonly skipped: number
  readonly failures: number
}

type Open = { -readonly [K in keyof Bar]: Bar[K] }

export class FormingBars {
  readonly #options: FormingOptions
  /** One at most for each symbol of the universe. */
  readonly #open = new Map<SymbolId, Open>()
  readonly #changed = new Set<SymbolId>()
  /** Start of the last closed minute of each symbol. */
  readonly #closed = new Map<SymbolId, Ms>()
  /** Minutes that began before are not whole here; Infinity while the feed is down. */
  #wholeFrom = Infinity
  /** The same, of symbols whose part of the feed was down while it was up. */
  readonly #partsFrom = new Map<SymbolId, number>()
  #cancelRound: (() => void) | undefined
  #writing: Promise<void> | undefined
  #isFailing = false
  #written = 0
  #skipped = 0
  #failures = 0

  constructor(options: FormingOptions) {
    this.#options = options
  }

  /** Writes from now on. */
  start(): void {
    const { io, everyMs } = this.#options
    this.#cancelRound = io.after(everyMs, () => {
      this.start()
      this.#round()
    })
  }

  /** Resolves when nothing is being written any more. */
  async close(): Promise<void> {
    this.#cancelRound?.()
    await this.#writing
  }

  /** A minute as its venue tells it while it forms. */
  readonly bar = (bar: Bar): void => {
    if (!this.#isOver(bar.symbol, bar.start)) this.#keep({ ...bar })
  }

  /** A print, of a venue that tells no bars while they form. */
  readonly trade = ({ symbol, ts, price, size }: Trade): void => {
    const start = bucketStart(ts, MINUTE)
    const wholeFrom = this.#partsFrom.get(symbol) ?? this.#wholeFrom
    if (start < wholeFrom || this.#isOver(symbol, start)) return
    const open = this.#open.get(symbol)
    if (open !== undefined && open.start > start) return
    if (open?.start !== start) {
      const prices = { open: price, high: price, low: price, close: price }
      this.#keep({ symbol, timeframe: '1m', start, ...prices, volume: size, trades: 1 })
      return
    }
    open.high = Math.max(open.high, price)
    open.low = Math.min(open.low, price)
    open.close = price
    open.volume += size
    open.trades++
    this.#changed.add(symbol)
  }

  /** What the engine has heard and closed. */
  onTurn({ inputs, notices }: Turn): void {
    for (const input of inputs) {
      if (input.type !== 'venue.up' && input.type !== 'venue.down') continue
      if (input.stream !== 'feed') continue
      const isUp = input.type === 'venue.up'
      const from = isUp ? ms(bucketStart(input.at, MINUTE) + MINUTE) : Infinity
      this.#wholeSince(from, input.symbols)
    }
    for (const notice of notices)
      if (notice.type === 'bar.closed' && notice.bar.timeframe === '1m') this.#over(notice.bar)
  }

  get statistics(): FormingStatistics {
    return { written: this.#written, skipped: this.#skipped, failures: this.#failures }
  }

  #keep(open: Open): void {
    this.#open.set(open.symbol, open)
    this.#changed.add(open.symbol)
  }

  #isOver(symbol: SymbolId, start: Ms): boolean {
    return start <= (this.#closed.get(symbol) ?? -1)
  }

  #over({ symbol, start }: Bar): void {
    if (this.#isOver(symbol, start)) return
    this.#closed.set(symbol, start)
    if (this.#open.get(symbol)?.start !== start) return
    this.#open.delete(symbol)
    this.#changed.delete(symbol)
  }

  /** Of all symbols, or of some: those that a part of the feed carries. */
  #wholeSince(from: number, some: readonly SymbolId[] | undefined): void {
    if (some === undefined) {
      this.#wholeFrom = from
      this.#partsFrom.clear()
    }
    for (const symbol of some ?? []) this.#partsFrom.set(symbol, from)
    if (from < Infinity) return
    for (const symbol of some ?? [...this.#open.keys()]) {
      this.#open.delete(symbol)
      this.#changed.delete(symbol)
    }
  }

  #round(): void {
    if (this.#changed.size === 0) return
    const store = this.#options.store()
    if (store === undefined || this.#writing !== undefined) {
      this.#skipped++
      return
    }
    const symbols = [...this.#changed].slice(0, SYMBOLS_MAX)
    for (const symbol of symbols) this.#changed.delete(symbol)
    const { universe } = this.#options
    const series = symbols.map((symbol) => ({
      symbol: universe.at(symbol).symbol,
      bars: columnsOf([this.#open.get(symbol)!]),
    }))
    const merge = { timeframe: '1m', adjustment: 'raw', rank: 'forming', series } as const
    this.#writing = store
      .merge(merge)
      .then(
        () => this.#wrote(symbols.length),
        (error: unknown) => this.#failed(error),
      )
      .finally(() => {
        this.#writing = undefined
      })
  }

  #wrote(bars: number): void {
    this.#written += bars
    this.#isFailing = false
  }

  #failed(error: unknown): void {
    this.#failures++
    if (this.#isFailing) return
    this.#isFailing = true
    const why = error instanceof Error ? error.message : String(error)
    this.#options.tell(`bars that form are not written: ${why}`)
  }
}
