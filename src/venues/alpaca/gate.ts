/*
 * Gate: what of the market data enters the engine, and which symbols take no new risk because of them.
 *
 * 1. Prices that cannot be, sizes below zero and bars without order are refused and counted (sanity.ts), and so is what
 *    is stamped ahead of our clock, where it would open a bar of the future, or an hour ago.
 * 2. A bar that the venue issues again (`u`), a correction (`c`) or a cancel (`x`) changes what was decided upon. The
 *    engine has no input for that and past decisions stay what they were, so they are counted and told to `onRevision`.
 * 3. A symbol takes no new risk while its prices are in quarantine, while it alone is silent, and while the venue has
 *    halted it. Each is told as a `halt-symbol` of its own cause, and lifted the same way. A resumption that was missed
 *    is seen in the market: in a bar that began after the halt.
 */
import { type Ms, type SymbolId, symbolId, type VenueId } from '../../core/brand.ts'
import type { HaltCause, Input } from '../../core/input.ts'
import type { Bar } from '../../core/market.ts'
import { QUOTE, TRADE, WIDTH } from '../../core/market-rows.ts'
import { MINUTE } from '../../core/time.ts'
import type { Universe } from '../../core/universe.ts'
import type { OtherMessage } from './decode.ts'
import type { FeedCounts } from './feed-counts.ts'
import type { Rows } from './rows.ts'
import { Sanity } from './sanity.ts'
import type { SymbolTable } from './symbol-table.ts'
import { isBar } from './wire-history.ts'
import { parseStatus } from './wire-stream.ts'

export interface GateOptions {
  readonly venue: VenueId
  readonly universe: Universe
  readonly counts: FeedCounts
  readonly symbols: Pick<SymbolTable, 'find'>
  readonly now: () => Ms
  readonly sink: (input: Input) => void
  /** A bar that was issued again, a correction or a cancel: for the archive. */
  readonly onRevision?: ((revision: Revision) => void) | undefined
  /** What a person should know: quarantine lasts until `clear`. */
  readonly onTrouble?: ((why: string) => void) | undefined
}

export type Revision =
  | { readonly type: 'bar'; readonly at: Ms; readonly bar: Bar }
  | { readonly type: 'correction' | 'cancel'; readonly at: Ms; readonly message: OtherMessage }

/** What is stamped further ahead of our clock is not closed, not true, or our clock is off. */
const AHEAD_MS = 30_000
/** What is older than this is no news, whatever it says. */
const OLD_MS = 3_600_000

export class Gate {
  readonly #options: GateOptions
  readonly #counts: FeedCounts
  /** Symbols that the venue has halted, and since when; and those that are silent while others are not. */
  readonly #halted = new Map<SymbolId, Ms>()
  readonly #silent = new Set<SymbolId>()
  readonly #sanity = new Sanity()

  constructor(options: GateOptions) {
    this.#options = options
    this.#counts = options.counts
  }

  /** Halts that a process before this one has heard of. */
  adopt(halted: readonly SymbolId[]): void {
    for (const id of halted) this.#halted.set(id, this.#options.now())
  }

  isHalted(id: SymbolId): boolean {
    return this.#halted.has(id)
  }

  /** Symbols in quarantine start anew: a person says so. */
  clear(): void {
    for (const symbol of this.#sanity.clear())
      this.#halt(symbolId(symbol), 'bad-prices', 'cleared by a person', 'off')
  }

  /** Its data stopped while those of others came. */
  onQuiet(id: SymbolId): void {
    this.#silent.add(id)
    this.#halt(id, 'silent', 'its data stopped while those of others came', 'on')
  }

  /** Data of a symbol came that was silent, or was not. */
  onData(symbol: SymbolId): void {
    if (this.#silent.size > 0 && this.#silent.delete(symbol))
      this.#halt(symbol, 'silent', 'its data came again', 'off')
  }

  /** A bar of the symbol has entered: one that began after a halt tells that its resumption was missed. */
  onBar({ symbol, start }: Bar): void {
    if (start <= (this.#halted.get(symbol) ?? Infinity)) return
    this.#halted.delete(symbol)
    this.#halt(symbol, 'trading-halt', 'it trades again', 'off')
  }

  /** Neither ahead of our clock nor from an hour ago. */
  isTimely(rows: Rows, row: number, at: Ms): boolean {
    const ts = rows.ts[row]!
    if (ts > at + AHEAD_MS && (rows.kind[row] === TRADE || rows.kind[row] === QUOTE)) {
      this.#counts.future++
      return false
    }
    if (ts < at - OLD_MS) {
      this.#counts.old++
      return false
    }
    return true
  }

  /** Whether a trade may enter the engine; counted either way. */
  mayTradeEnter({ values }: Rows, row: number, symbol: SymbolId): boolean {
    const v = row * WIDTH
    if (!this.#isGood(symbol, 'the price of a trade', values[v]!) || !(values[v + 1]! >= 0)) {
      this.#counts.refused++
      return false
    }
    this.#counts.trades++
    return true
  }

  /**
   * Whether a quote may enter. A side without an order has price 0: half a quote is none. One far from the last price
   * is a stub that nobody means to be met: no price, but no fault either.
   */
  mayQuoteEnter({ values }: Rows, row: number, symbol: SymbolId): boolean {
    const v = row * WIDTH
    const isGood =
      this.#sanity.isGood(symbol, values[v]!) &&
      this.#sanity.isGood(symbol, values[v + 2]!) &&
      values[v + 1]! >= 0 &&
      values[v + 3]! >= 0
    if (isGood) this.#counts.quotes++
    else this.#counts.refused++
    return isGood
  }

  /** Whether a bar may enter the engine; one that was issued again may not. */
  mayBarEnter(bar: Bar, at: Ms, isUpdate: boolean): boolean {
    const counts = this.#counts
    const { symbol, start, open, high, low, close } = bar
    const isWhole = isBar(bar) && start % MINUTE === 0
    if (!isWhole) this.#refuse(symbol, `a bar of ${open}, ${high}, ${low}, ${close}`)
    else if (start + MINUTE > at + AHEAD_MS) {
      counts.forming++
      return false
    }
    const isGood =
      isWhole &&
      this.#isGood(symbol, 'the high of a bar', high) &&
      this.#isGood(symbol, 'the low of a bar', low) &&
      this.#isGood(symbol, 'the close of a bar', close)
    if (!isGood) {
      counts.refused++
      return false
    }
    if (!isUpdate) return true
    // What was decided upon it stays decided.
    counts.revisions++
    this.#options.onRevision?.({ type: 'bar', at, bar })
    return false
  }

  /** A halt of the venue, a correction, a cancel: what is no row. */
  onRare(message: OtherMessage, at: Ms): void {
    const counts = this.#counts
    switch (message['T']) {
      case 's': {
        const status = parseStatus(message)
        const id = status === undefined ? undefined : this.#options.symbols.find(status.symbol)
        if (status === undefined || id === undefined) return
        if (status.isHalted === true) {
          counts.halts++
          this.#halted.set(id, at)
          this.#halt(id, 'trading-halt', `the venue halted it: ${status.words}`, 'on')
        } else if (status.isHalted === false && this.#halted.delete(id))
          this.#halt(id, 'trading-halt', `the venue resumed it: ${status.words}`, 'off')
        return
      }
      case 'c':
        counts.corrections++
        this.#options.onRevision?.({ type: 'correction', at, message })
        return
      case 'x':
        counts.cancels++
        this.#options.onRevision?.({ type: 'cancel', at, message })
        return
      // Daily bars still form, and the rest was not asked for.
      default:
    }
  }

  /** Whether the price can be; what cannot is refused with its symbol and its field. */
  #isGood(symbol: SymbolId, field: string, price: number): boolean {
    if (!this.#sanity.isGood(symbol, price)) {
      this.#refuse(symbol, `${field}, ${price}`)
      return false
    }
    if (this.#sanity.passed(symbol, price))
      this.#halt(symbol, 'bad-prices', 'its prices are good again', 'off')
    return true
  }

  #refuse(symbol: SymbolId, what: string): void {
    if (!this.#sanity.refused(symbol)) return
    const why = `its prices were refused again and again, the last time ${what}`
    this.#halt(symbol, 'bad-prices', why, 'on')
    this.#options.onTrouble?.(
      `${this.#options.universe.at(symbol).symbol} is in quarantine: ${why}`,
    )
  }

  #halt(symbol: SymbolId, cause: HaltCause, why: string, to: 'on' | 'off'): void {
    const { venue, now, sink } = this.#options
    const control = { do: 'halt-symbol', symbol, cause, on: to === 'on', why } as const
    sink({ type: 'control', at: now(), control, by: venue })
  }
}
