/*
 * Feed: Alpaca's market data as inputs. One stream for stocks and one for crypto, each with its own batches.
 *
 * What of it may enter the engine is gate.ts. Here is how it comes, and in which order:
 * 1. A bar of the stream is a closed minute (`b`). Daily bars (`d`) still form when they are sent and are never asked
 *    for; a bar that ends well after our clock is refused as well. A bar is given once and in order: what is not newer
 *    than the last one of its symbol is dropped and counted.
 * 2. After a reconnect, what was missed is fetched over REST and given before anything newer; what the stream brings
 *    meanwhile waits, up to `HELD_MAX` inputs; then `venue.up` is said. The venue may publish a minute over REST only
 *    after the stream has sent it, so the fetch is made once more after `RECHECK_MS`.
 * 3. Five frames in a minute that cannot be read end the connection: what else it says is no better.
 */
import { type Ms, type SymbolId, symbolId, type VenueId } from '../../core/brand.ts'
import { calendarOf } from '../../core/calendar.ts'
import { fault } from '../../core/fault.ts'
import type { Input, MarketInput } from '../../core/input.ts'
import type { Bar, Trade } from '../../core/market.ts'
import { BAR, inputOf, type RowSink, QUOTE, TRADE, WIDTH } from '../../core/market-rows.ts'
import { failed, ok, type Result } from '../../core/result.ts'
import { bucketStart, MINUTE, ms } from '../../core/time.ts'
import { MAX_SYMBOLS, type Universe } from '../../core/universe.ts'
import type { Feed } from '../../core/venue.ts'
import { FeedParts, type Part, type Told } from '../../io/feed-parts.ts'
import type { Io } from '../../io/io.ts'
import { type Codec, Decoder, type OtherMessage } from './decode.ts'
import { emptyCounts } from './feed-counts.ts'
import { Gate, type Revision } from './gate.ts'
import type { AlpacaHistory } from './history.ts'
import { type Rows, UPDATED } from './rows.ts'
import { Stream, type StreamOptions } from './stream.ts'
import { SymbolTable } from './symbol-table.ts'
import { type ControlMessage, parseControl, type Wanted } from './wire-stream.ts'

export interface FeedOptions {
  readonly io: Io
  readonly venue: VenueId
  readonly universe: Universe
  readonly codec: Codec
  readonly stocks: StreamOptions
  readonly crypto: StreamOptions
  /** Fetches what was missed; without it, gaps stay open and are counted. */
  readonly history?: AlpacaHistory
  /** A bar that was issued again, a correction or a cancel: for the archive. */
  readonly onRevision?: (revision: Revision) => void
  /**
   * Told each trade besides, which are asked for with the bars of a symbol then. They become inputs only where trades are
   * subscribed, too.
   */
  readonly onTrade?: (trade: Trade) => void
  /** What a person should know: safe mode and quarantine last until `clear`. */
  readonly onTrouble?: (why: string) => void
}

const HELD_MAX = 100_000
const RECHECK_MS = 10_000
/** So many frames that cannot be read, in so long, end a connection. */
const CORRUPT_MAX = 5
const CORRUPT_WITHIN_MS = 60_000
/** Characters of such a frame that are shown. */
const SHOWN_MAX = 80
const FILL_TRIES = 3
const FILL_PAUSE_MS = 1_000
/** What is so far behind the newest bar is asked for apart, when a gap is filled. */
const SELDOM_MS = 15 * MINUTE

type Kind = 'trades' | 'quotes' | 'bars'

export class AlpacaFeed implements Feed {
  readonly #options: FeedOptions
  readonly counts = emptyCounts()
  readonly #symbols = new SymbolTable()
  readonly #streams: Readonly<Record<'stocks' | 'crypto', Lane>>
  #sink: (input: Input) => void = () => {}
  #columns: RowSink | undefined
  readonly #parts = new FeedParts((told) => this.#tell(told))
  #hasBeenUp = false
  readonly #gate: Gate

  constructor(options: FeedOptions) {
    const { venue, universe, onRevision, onTrouble } = options
    this.#options = options
    this.#gate = new Gate({
      venue,
      universe,
      counts: this.counts,
      symbols: this.#symbols,
      now: () => this.#now(),
      sink: (input) => this.#sink(input),
      onRevision,
      onTrouble,
    })
    this.#streams = { stocks: this.#lane(options.stocks), crypto: this.#lane(options.crypto) }
  }

  /** Halts that a process before this one has heard of. */
  adopt(halted: readonly SymbolId[]): void {
    this.#gate.adopt(halted)
  }

  /** Where inputs go from now on, as in `Venue.open`. Nothing connects before the first `subscribe`. */
  open(sink: (input: Input) => void, columns?: RowSink): void {
    this.#sink = sink
    this.#columns = columns
  }

  async subscribe(kind: Kind, symbols: readonly SymbolId[]): Promise<Result<void>> {
    const { universe, onTrade } = this.#options
    for (const id of symbols) this.#symbols.add(universe.at(id).symbol, id)
    const parts = this.#apart(symbols).map(async ([lane, ids]) => {
      this.#parts.add(lane)
      for (const id of ids) lane.wanted.add(id)
      if (kind === 'bars') for (const id of ids) lane.bars.add(id)
      if (kind === 'trades') for (const id of ids) lane.trades.add(id)
      const names = ids.map((id) => universe.at(id).symbol)
      const wanted = wantedFor(kind, names, lane === this.#streams.stocks)
      const besides = kind === 'bars' && onTrade !== undefined ? { trades: names } : {}
      return lane.stream.subscribe({ ...wanted, ...besides })
    })
    const results = await Promise.all(parts)
    const failure = results.find((result) => !result.ok)
    if (failure === undefined) return ok(undefined)
    // Never half a universe: what did start is closed with what did not.
    if (!this.#hasBeenUp) await this.close()
    return failure
  }

  async unsubscribe(symbols: readonly SymbolId[]): Promise<Result<void>> {
    const { universe } = this.#options
    const parts = this.#apart(symbols).map(async ([lane, ids]) => {
      this.#parts.left(lane, ids)
      for (const id of ids) {
        lane.wanted.delete(id)
        lane.bars.delete(id)
        lane.trades.delete(id)
        lane.lastBar.delete(id)
      }
      return lane.stream.unsubscribe(ids.map((id) => universe.at(id).symbol))
    })
    const results = await Promise.all(parts)
    for (const id of symbols) this.#symbols.delete(universe.at(id).symbol)
    return results.find((result) => !result.ok) ?? ok(undefined)
  }

  /** Streams in safe mode try again, and symbols in quarantine start anew: a person says so. */
  clear(): void {
    this.#gate.clear()
    for (const { stream } of Object.values(this.#streams)) stream.clear()
  }

  /** Resolves when the connections have ended. */
  async close(): Promise<void> {
    const lanes = Object.values(this.#streams)
    for (const lane of lanes) {
      lane.stopRecheck()
      lane.held = undefined
    }
    await Promise.all(lanes.map(({ stream }) => stream.close()))
  }

  #apart(symbols: readonly SymbolId[]): [Lane, SymbolId[]][] {
    const { universe } = this.#options
    const stocks: SymbolId[] = []
    const crypto: SymbolId[] = []
    // By what the instrument is, never by the look of its name.
    for (const id of symbols) (universe.at(id).kind === 'crypto' ? crypto : stocks).push(id)
    const both: [Lane, SymbolId[]][] = [
      [this.#streams.stocks, stocks],
      [this.#streams.crypto, crypto],
    ]
    return both.filter(([, ids]) => ids.length > 0)
  }

  #lane(options: StreamOptions): Lane {
    const decoder = new Decoder(this.#options.codec, this.#symbols)
    const seen = new SeenSymbols()
    const takeSeen = (): readonly string[] =>
      seen.take().map((id) => this.#options.universe.at(id).symbol)
    const liveness = { isExpected: this.#isExpected, takeSeen, ...options.liveness }
    const lane: Lane = {
      seen,
      decoder,
      wanted: new Set(),
      get symbols() {
        return [...this.wanted]
      },
      bars: new Set(),
      trades: new Set(),
      lastBar: new Map(),
      // What comes before all is acknowledged waits for it.
      held: [],
      isReady: false,
      wasUp: false,
      upAt: 0,
      fills: 0,
      stopRecheck: () => {},
      corruptAt: [],
      stream: new Stream(
        { ...options, liveness },
        {
          onFrame: (frame) => this.#onFrame(lane, frame),
          onUp: () => this.#onUp(lane),
          onDown: (why) => this.#onDown(lane, why),
          onSafeMode: (why) => this.#onSafeMode(lane, why),
          onQuiet: (symbols) => this.#onQuiet(symbols),
        },
      ),
    }
    return lane
  }

  #onQuiet(symbols: readonly string[]): void {
    this.counts.quiet += symbols.length
    for (const symbol of symbols) {
      const id = this.#symbols.find(symbol)
      if (id !== undefined) this.#gate.onQuiet(id)
    }
  }

  /** Data come while the market of an instrument is open, and the venue has not halted it. */
  readonly #isExpected = (symbol: string, now: Ms): boolean => {
    const id = this.#symbols.find(symbol)
    if (id === undefined || this.#gate.isHalted(id)) return false
    return calendarOf(this.#options.universe.at(id).spec.calendar).sessionAt(now) !== undefined
  }

  #onUp(lane: Lane): void {
    const isFirst = !lane.wasUp
    lane.wasUp = true
    if (isFirst) {
      lane.upAt = this.#options.io.now()
      this.#ready(lane)
      return
    }
    this.counts.gaps++
    void this.#mend(lane, ++lane.fills)
  }

  #onDown(lane: Lane, why: string): void {
    lane.isReady = false
    lane.fills++
    lane.stopRecheck()
    // What came since the last good moment is real data; it waits for the gap before it.
    lane.held ??= []
    this.#parts.down(lane, why)
  }

  #onSafeMode(lane: Lane, why: string): void {
    const safe = `market data are in safe mode until a person clears it: ${why}`
    this.#onDown(lane, safe)
    this.#options.onTrouble?.(safe)
  }

  /** Fetches what was missed, gives it, then what waited, then says that the venue is up. */
  async #mend(lane: Lane, fill: number): Promise<void> {
    lane.held ??= []
    const filled = await this.#fill(lane, fill)
    if (filled === undefined) return
    this.#ready(lane, filled.ok ? undefined : `the gap was not filled: ${filled.fault.message}`)
    lane.stopRecheck = this.#options.io.after(RECHECK_MS, () => void this.#recheck(lane, fill))
  }

  async #recheck(lane: Lane, fill: number): Promise<void> {
    const filled = await this.#fill(lane, fill)
    if (filled?.ok !== false) return
    const { message } = filled.fault
    this.#options.onTrouble?.(`what was published late of a gap may be missing: ${message}`)
  }

  /** Fetches what was missed and gives it, in some tries; undefined where the connection was lost again meanwhile. */
  async #fill(lane: Lane, fill: number): Promise<Result<void> | undefined> {
    for (let tries = 1; ; tries++) {
      const missed = await this.#missed(lane)
      // The next connection mends it all.
      if (lane.fills !== fill) return undefined
      if (missed.ok) {
        for (const bar of missed.value) this.#giveMissed(lane, bar)
        return ok(undefined)
      }
      if (tries === FILL_TRIES) {
        this.counts.gapsUnfilled++
        return missed
      }
      await new Promise<void>((resolve) => this.#options.io.after(FILL_PAUSE_MS * tries, resolve))
      if (lane.fills !== fill) return undefined
    }
  }

  /** Closed bars after the last one of each symbol, in order of time. */
  async #missed(lane: Lane): Promise<Result<readonly Bar[]>> {
    const { history, universe, io } = this.#options
    const since = (id: SymbolId): number => {
      const last = lane.lastBar.get(id)
      return last === undefined ? bucketStart(lane.upAt, MINUTE) : last + MINUTE
    }
    const ids = [...lane.bars]
    const to = bucketStart(io.now(), MINUTE)
    const newest = ids.reduce((most, id) => Math.max(most, since(id)), 0)
    // Of what trades seldom there is little since its last bar; of the others there is much since then.
    const parts = Object.values(Object.groupBy(ids, (id) => `${since(id) < newest - SELDOM_MS}`))
    const bars: Bar[] = []
    for (const part of parts) {
      const from = part.reduce((least, id) => Math.min(least, since(id)), Infinity)
      if (from >= to) continue
      if (history === undefined)
        return failed(fault('unsupported', 'there is no history to fill it from'))
      const symbols = part.map((id) => universe.at(id).symbol)
      const query = { symbols, timeframe: '1m', from: ms(from), to } as const
      for await (const page of history.bars(query, 'read')) {
        if (!page.ok) return page
        bars.push(...page.value.bars)
      }
    }
    return ok(
      bars.filter((bar) => bar.start >= since(bar.symbol)).toSorted((a, b) => a.start - b.start),
    )
  }

  #giveMissed(lane: Lane, bar: Bar): void {
    if (bar.start <= (lane.lastBar.get(bar.symbol) ?? -1)) return
    lane.lastBar.set(bar.symbol, bar.start)
    this.counts.filled++
    this.#sink({ type: 'bar', at: this.#now(), bar, source: 'venue' })
  }

  #ready(lane: Lane, why?: string): void {
    const held = lane.held ?? []
    lane.held = undefined
    lane.isReady = true
    for (const input of held) this.#give(lane, input)
    this.#parts.up(lane, why)
  }

  #tell(told: Told): void {
    const { venue } = this.#options
    this.#hasBeenUp ||= told.type === 'venue.up'
    this.#sink({ ...told, at: this.#now(), venue, stream: 'feed' })
  }

  #onFrame(lane: Lane, frame: string | Uint8Array): readonly ControlMessage[] {
    const { counts } = this
    const { decoder } = lane
    const others = decoder.decode(frame)
    counts.frames++
    if (others === undefined) {
      counts.corrupt++
      this.#onCorrupt(lane, frame)
      return NOTHING
    }
    const { rows } = decoder
    counts.strangers += rows.strangers
    if (rows.malformed > 0) {
      counts.malformed += rows.malformed
      this.#onCorrupt(lane, frame)
    }
    const at = this.#now()
    for (let row = 0; row < rows.length; row++) this.#onRow(lane, rows, row, at)
    return others.length === 0 ? NOTHING : this.#onOthers(others, at)
  }

  /** A message is judged before an object is made of it, where one is made at all. */
  #onRow(lane: Lane, rows: Rows, row: number, at: Ms): void {
    const symbol = symbolId(rows.symbol[row]!)
    lane.seen.add(symbol)
    if (!this.#gate.isTimely(rows, row, at)) return
    const kind = rows.kind[row]!
    if (kind === QUOTE) {
      if (!this.#gate.mayQuoteEnter(rows, row, symbol)) return
    } else if (kind === TRADE && !this.#gate.mayTradeEnter(rows, row, symbol)) return
    if (kind === TRADE && !this.#isInput(lane, rows, row)) return
    if (this.#columns !== undefined && kind < BAR && lane.held === undefined) {
      this.#gate.onData(symbol)
      this.#columns(rows, row, at)
      return
    }
    const input = inputOf(rows, row, at)
    if (input.type === 'bar' && !this.#gate.mayBarEnter(input.bar, at, kind === UPDATED)) return
    this.#gate.onData(symbol)
    if (lane.held === undefined) this.#give(lane, input)
    else if (lane.held.length < HELD_MAX) lane.held.push(input)
    else this.counts.overflow++
  }

  /** Tells whoever listens to trades; false where nobody else wants this one. */
  #isInput(lane: Lane, rows: Rows, row: number): boolean {
    const { onTrade } = this.#options
    if (onTrade === undefined) return true
    const symbol = symbolId(rows.symbol[row]!)
    const v = row * WIDTH
    const [price, size] = [rows.values[v]!, rows.values[v + 1]!]
    onTrade({ symbol, ts: ms(rows.ts[row]!), price, size })
    if (lane.trades.has(symbol)) return true
    this.#gate.onData(symbol)
    return false
  }

  /** One frame is nothing; many of them are a connection that cannot be trusted. */
  #onCorrupt(lane: Lane, frame: string | Uint8Array): void {
    const now = this.#now()
    if (lane.corruptAt.length === 0) {
      const text = typeof frame === 'string' ? frame : Buffer.from(frame).toString('utf8')
      this.#options.onTrouble?.(`a frame that cannot be read: ${text.slice(0, SHOWN_MAX)}`)
    }
    lane.corruptAt = [...lane.corruptAt.filter((at) => at > now - CORRUPT_WITHIN_MS), now]
    if (lane.corruptAt.length < CORRUPT_MAX) return
    lane.corruptAt = []
    lane.stream.distrust(`${CORRUPT_MAX} frames within a minute cannot be read`)
  }

  #give(lane: Lane, input: MarketInput): void {
    if (input.type === 'bar') {
      const { symbol, start } = input.bar
      if (start <= (lane.lastBar.get(symbol) ?? -1)) {
        this.counts.stale++
        return
      }
      lane.lastBar.set(symbol, start)
      this.counts.bars++
      this.#gate.onBar(input.bar)
    }
    this.#sink(input)
  }

  #onOthers(others: readonly OtherMessage[], at: Ms): readonly ControlMessage[] {
    const controls: ControlMessage[] = []
    for (const message of others) {
      const control = parseControl(message)
      if (control !== undefined) controls.push(control)
      else this.#gate.onRare(message, at)
    }
    return controls
  }

  #now(): Ms {
    return this.#options.io.now()
  }
}

/** A stream, and what it has brought. */
interface Lane extends Part {
  readonly stream: Stream
  readonly wanted: Set<SymbolId>
  readonly decoder: Decoder
  readonly seen: SeenSymbols
  readonly bars: Set<SymbolId>
  /** Whose trades are inputs. */
  readonly trades: Set<SymbolId>
  /** Start of the last bar that was given. */
  readonly lastBar: Map<SymbolId, Ms>
  /** Inputs that wait for a gap before them; undefined where none is open. */
  held: MarketInput[] | undefined
  isReady: boolean
  wasUp: boolean
  upAt: number
  /** Counts the fills, so that one which was overtaken knows it. */
  fills: number
  stopRecheck: () => void
  /** When frames came that cannot be read. */
  corruptAt: readonly number[]
}

/** Symbols whose data came since they were taken last. A column, because each message is told. */
class SeenSymbols {
  readonly #isSeen = new Uint8Array(MAX_SYMBOLS)
  #symbols: SymbolId[] = []

  add(symbol: SymbolId): void {
    if (this.#isSeen[symbol] === 1) return
    this.#isSeen[symbol] = 1
    this.#symbols.push(symbol)
  }

  take(): readonly SymbolId[] {
    const symbols = this.#symbols
    this.#symbols = []
    for (const symbol of symbols) this.#isSeen[symbol] = 0
    return symbols
  }
}

const NOTHING: readonly ControlMessage[] = []

/** Bars bring the bars that are issued again; whatever is asked for of a stock brings its halts. */
const wantedFor = (kind: Kind, symbols: readonly string[], isStocks: boolean): Wanted => ({
  [kind]: symbols,
  ...(kind === 'bars' ? { updatedBars: symbols } : {}),
  ...(isStocks ? { statuses: symbols } : {}),
})
