// Broadcast: the market of a simulated venue on its time line: prints, closed minutes, halts and corrections.
import { calendarOf } from '../core/calendar.ts'
import type { InstrumentSpec } from '../core/instrument.ts'
import type { Tape } from '../core/tape.ts'
import { MINUTE, ms } from '../core/time.ts'
import { type KeptTrade, merged, Shown } from './history.ts'
import { type Minute, type Print, Prints, type PrintedQuote, type PrintedTrade } from './prints.ts'

export type Told =
  | (PrintedTrade & { readonly id: number })
  | PrintedQuote
  | { readonly type: 'bar' | 'daily' | 'updated'; readonly symbol: string; readonly bar: Minute }
  | { readonly type: 'halted' | 'resumed'; readonly symbol: string; readonly ts: number }
  | {
      readonly type: 'corrected'
      readonly symbol: string
      readonly ts: number
      readonly from: KeptTrade
      readonly to: KeptTrade
    }

export interface BroadcastOptions {
  /** What is told from `startAt` on. Earlier prints are history, unless there is a tape of its own for that. */
  readonly tape: Tape
  /** Bars or trades before `startAt`, for requests about the past. */
  readonly history?: Tape
  readonly startAt: number
  /** A minute without a trade within a session is told as a halt: true of generated markets, not of thin ones. */
  readonly halts: boolean
  /** All markets are open at all times. */
  readonly isAlwaysOpen: boolean
}

/** Of the history, so much is told in trades too; earlier minutes are bars only. */
const SPELLED_MS = 60 * MINUTE

/**
 * Moves only when it is told to. Symbols without quotes of their own get one around each trade: a tick away on both
 * sides, with sizes that follow from the number of the trade.
 */
export class Broadcast {
  readonly #options: BroadcastOptions
  readonly #prints: Prints
  readonly #quoted: ReadonlySet<string>
  readonly #specs: ReadonlyMap<string, InstrumentSpec>
  readonly #shown = new Map<string, Shown>()
  readonly #today = new Map<string, Minute[]>()
  readonly #halted = new Set<string>()
  #boundary = 0
  #now: number
  #isLive = false

  constructor(options: BroadcastOptions) {
    const { tape, history, startAt } = options
    this.#options = options
    this.#prints = new Prints(tape, history === undefined ? {} : { before: startAt })
    const specs = [...tape.instruments, ...(history?.instruments ?? [])]
    this.#specs = new Map(specs.map((spec) => [spec.symbol, spec]))
    this.#quoted = new Set(
      tape.series.filter(({ kind }) => kind === 'quotes').map(({ symbol }) => symbol),
    )
    for (const symbol of this.#specs.keys())
      this.#shown.set(symbol, new Shown(symbol, this.#specs.size))
    this.#now = startAt
  }

  get now(): number {
    return this.#now
  }

  get specs(): readonly InstrumentSpec[] {
    return [...this.#specs.values()]
  }

  shown(symbol: string): Shown | undefined {
    return this.#shown.get(symbol)
  }

  /** The last price: of a trade, or the middle of the quote; NaN before the first. */
  price(symbol: string): number {
    const shown = this.#shown.get(symbol)
    if (shown?.last !== undefined) return shown.last.price
    const bar = shown?.minutes.at(-1)
    if (bar !== undefined) return bar.c
    const quote = shown?.quote
    return quote === undefined ? NaN : (quote.bid + quote.ask) / 2
  }

  /** Reads what was before the start. */
  async open(): Promise<void> {
    const { history, startAt } = this.#options
    const remember = (print: Print): void => this.#remember(print)
    if (history !== undefined) {
      const past = new Prints(history, { spellFrom: startAt - SPELLED_MS })
      await past.advance(startAt - 1, remember)
    }
    await this.#prints.advance(startAt - 1, history === undefined ? remember : () => {})
    this.#boundary = startAt - (startAt % MINUTE) + MINUTE
    for (const shown of this.#shown.values()) {
      if (shown.forming !== undefined && shown.forming.t < this.#boundary - MINUTE) {
        shown.close(this.#boundary - MINUTE)
      }
      const day = this.#dayStart(shown.symbol, startAt)
      const today = shown.minutes.slice(shown.minutes.findLastIndex(({ t }) => t < day) + 1)
      this.#today.set(shown.symbol, today)
    }
    this.#isLive = true
  }

  /** Tells all that happens up to `until`, in order of time; `now` moves with it. */
  async advance(until: number, tell: (told: Told) => void): Promise<void> {
    const print = (print: Print): void => this.#tell(print, tell)
    while (this.#boundary <= until) {
      await this.#prints.advance(this.#boundary - 1, print)
      this.#now = this.#boundary
      for (const shown of this.#shown.values()) this.#closeMinute(shown, tell)
      this.#boundary += MINUTE
    }
    await this.#prints.advance(until, print)
    this.#now = Math.max(this.#now, until)
  }

  /** Corrects the latest trade of a symbol to another price, and the bar that holds it. */
  correct(symbol: string, price: number, tell: (told: Told) => void): void {
    const shown = this.#shown.get(symbol)
    const from = shown?.trades.at(-1)
    if (shown === undefined || from === undefined) return
    const to = { ...from, price }
    shown.trades[shown.trades.length - 1] = to
    tell({ type: 'corrected', symbol, ts: this.#now, from, to })
    const bar = shown.minutes.at(-1)
    if (bar === undefined || from.ts >= bar.t + MINUTE) return
    const revised = { ...bar, h: Math.max(bar.h, price), l: Math.min(bar.l, price), c: price }
    shown.revise(revised)
    tell({ type: 'updated', symbol, bar: revised })
  }

  /** A trade now, beside those of the tape. */
  print(symbol: string, price: number, size: number, tell: (told: Told) => void): void {
    this.#tell({ type: 'trade', symbol, ts: this.#now, price, size }, tell)
  }

  #remember(print: Print): void {
    const shown = this.#shown.get(print.symbol)
    if (shown === undefined) return
    if (shown.forming !== undefined) shown.close(print.ts - (print.ts % MINUTE))
    shown.observe(print)
    if (print.type === 'trade' && !this.#quoted.has(print.symbol)) {
      shown.observe(this.#quoteAround(print, shown.last?.id ?? 0))
    }
  }

  #tell(print: Print, tell: (told: Told) => void): void {
    const shown = this.#shown.get(print.symbol)
    if (shown === undefined || !this.#isLive) return
    this.#now = Math.max(this.#now, print.ts)
    const id = shown.observe(print)
    if (print.type === 'minute') return
    if (print.type === 'quote') {
      tell(print)
      return
    }
    if (this.#halted.delete(print.symbol)) {
      tell({ type: 'resumed', symbol: print.symbol, ts: print.ts })
    }
    tell({ ...print, id })
    if (this.#quoted.has(print.symbol)) return
    const quote = this.#quoteAround(print, id)
    shown.observe(quote)
    tell(quote)
  }

  #quoteAround({ symbol, ts, price }: PrintedTrade, id: number): PrintedQuote {
    const scale = price >= 1 ? 100 : 10_000
    const bid = Math.max(1, Math.ceil(price * scale - 1e-9) - 1) / scale
    const ask = (Math.floor(price * scale + 1e-9) + 1) / scale
    const [bidSize, askSize] = [100 * (1 + ((id * 7) % 9)), 100 * (1 + ((id * 5) % 9))]
    return { type: 'quote', symbol, ts, bid, bidSize, ask, askSize }
  }

  #closeMinute(shown: Shown, tell: (told: Told) => void): void {
    const { symbol } = shown
    const boundary = this.#boundary
    const bar = shown.close(boundary)
    if (bar === undefined) {
      this.#noteHalt(symbol, boundary, tell)
      return
    }
    const day = this.#dayStart(symbol, bar.t)
    const bars = this.#today.get(symbol)?.filter(({ t }) => t >= day) ?? []
    bars.push(bar)
    this.#today.set(symbol, bars)
    tell({ type: 'bar', symbol, bar })
    tell({ type: 'daily', symbol, bar: merged(day, bars) })
  }

  #noteHalt(symbol: string, boundary: number, tell: (told: Told) => void): void {
    if (!this.#options.halts || this.#halted.has(symbol)) return
    if ((this.#today.get(symbol)?.length ?? 0) === 0) return
    if (!this.isOpen(symbol, boundary - MINUTE) || !this.isOpen(symbol, boundary)) return
    this.#halted.add(symbol)
    tell({ type: 'halted', symbol, ts: boundary })
  }

  /** True within the regular hours of the symbol's market. */
  isOpen(symbol: string, at: number): boolean {
    if (this.#options.isAlwaysOpen) return true
    const spec = this.#specs.get(symbol)
    return (
      spec !== undefined && calendarOf(spec.calendar).sessionAt(ms(Math.floor(at))) !== undefined
    )
  }

  #dayStart(symbol: string, at: number): number {
    const name = this.#specs.get(symbol)?.calendar ?? '24/7'
    return calendarOf(name).dayStart(ms(Math.floor(at)))
  }
}
