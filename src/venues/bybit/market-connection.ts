/*
 * Market connection: Bybit's market data as inputs, of as many symbols as one connection takes.
 *
 *   trades   publicTrade.SYM      each print once, by its id; of options by coin
 *   quotes   orderbook.50.SYM     the top of a book that is kept from snapshot and deltas, told where it changes
 *   bars     kline.1.SYM          only with `confirm`: without it the minute still forms
 *
 * A bar is given once and in order. After a reconnect, what was missed is fetched over REST and given before anything
 * newer; what the stream brings meanwhile waits. Numbers that cannot be are refused and counted.
 *
 * Books count their messages one by one (in recordings of the venue, too; its documents promise the order alone). One that
 * has a gap or is crossed shows nothing: its symbol takes no new risk, the topic is asked for anew, and the snapshot that
 * comes with it lifts that. A service that counts from 1 again has begun anew, and its first message is a snapshot.
 */
import type { Ms, SymbolId } from '../../core/brand.ts'
import type { Input, MarketCause, MarketInput } from '../../core/input.ts'
import type { Bar, Quote, Trade } from '../../core/market.ts'
import { OrderBook } from '../../core/order-book.ts'
import type { Result } from '../../core/result.ts'
import { bucketStart, MINUTE, ms } from '../../core/time.ts'
import type { Universe } from '../../core/universe.ts'
import type { Feed } from '../../core/venue.ts'
import { pause } from '../../io/clock.ts'
import type { Io } from '../../io/io.ts'
import { decimalOf, isObject, type Json, textOf } from '../../io/json.ts'
import type { Category } from './category.ts'
import { type BybitHistory, isBar } from './history.ts'
import { CHARACTERS_MAX, PublicStream, type PublicStreamOptions } from './public-stream.ts'
import { timeOf } from './wire.ts'

export type Kind = Parameters<Feed['subscribe']>[0]

export interface MarketOptions {
  readonly io: Io
  readonly universe: Universe
  readonly category: Category
  readonly history: BybitHistory
  readonly stream: Pick<PublicStreamOptions, 'url' | 'batch' | 'everyMs' | 'answerMs' | 'liveness'>
  /** The time at the venue, which says which minutes are over. */
  readonly venueNow: () => Ms
  readonly onTrouble: (why: string) => void
  /** Told the bars that are not closed yet, which are no inputs. */
  readonly onForming?: ((bar: Bar) => void) | undefined
  /** Told each trade besides. */
  readonly onTrade?: ((trade: Trade) => void) | undefined
}

export interface ConnectionOptions extends MarketOptions {
  readonly counts: MarketCounts
  readonly sink: (input: Input) => void
  /** Told when everything that was missed has been given, or why some is not. */
  readonly onUp: (trouble: string | undefined) => void
  readonly onDown: (why: string) => void
}

/** What was heard, and what became of it. */
export const emptyCounts = () => ({
  trades: 0,
  quotes: 0,
  bars: 0,
  filled: 0,
  gaps: 0,
  brokenBooks: 0,
  refused: 0,
  repeated: 0,
})
export type MarketCounts = ReturnType<typeof emptyCounts>

const KINDS: readonly Kind[] = ['trades', 'quotes', 'bars']
/** Silence of all symbols together that ends a connection: books of what trades move each second, bars form each minute. */
const WITHIN_MS: Readonly<Record<Kind, number>> = { trades: 60_000, quotes: 30_000, bars: 70_000 }
/** Inputs that wait while a gap is being filled. */
const HELD_MAX = 100_000
/** Ids of trades that are remembered, by symbol: a print may span two messages, and come twice. */
const IDS_MAX = 2_000
const FILL_TRIES = 3
const FILL_PAUSE_MS = 1_000

interface Watched {
  readonly id: SymbolId
  readonly kinds: Set<Kind>
  /** Those that the venue has refused since. */
  readonly lost: Set<Kind>
  readonly book: OrderBook
  /** The top that was told last. */
  quote: Quote | undefined
  /** Its book is not good, and a snapshot was asked for. */
  isRenewing: boolean
  /** The minute in which its bars were asked for: the first that may be missed. */
  barsFrom: Ms | undefined
  /** Start of the last bar. */
  lastBar: Ms | undefined
  readonly ids: Set<string>
}

export class MarketConnection {
  readonly #options: ConnectionOptions
  readonly #stream: PublicStream
  readonly #watched = new Map<string, Watched>()
  /** Of the names of all topics that they may be asked for. */
  #length = 0
  #held: MarketInput[] | undefined
  #ups = 0
  #isClosed = false

  constructor(options: ConnectionOptions) {
    this.#options = options
    this.#stream = new PublicStream({
      ...options.stream,
      io: options.io,
      onMessage: (message) => this.#hear(message),
      onUp: (hasGap) => void this.#rise(hasGap),
      onDown: (why) => this.#fall(why),
      onRefused: (topics, why) => {
        options.onTrouble(why)
        for (const topic of topics) this.#lose(topic, why)
      },
      onSafeMode: (why) => {
        this.#fall(why)
        options.onTrouble(`market data are in safe mode until a person clears it: ${why}`)
      },
      onQuiet: (symbols) => options.onTrouble(`no data of ${symbols.join(', ')}`),
    })
  }

  /** Whether there is room for all that a symbol may be asked for. */
  hasRoomFor(name: string): boolean {
    return this.#length + this.#lengthOf(name) <= CHARACTERS_MAX
  }

  #lengthOf(name: string): number {
    return KINDS.reduce((sum, kind) => sum + this.#topicOf(kind, name).length, 0)
  }

  /** From now on this connection is the symbol's. */
  watch(name: string, id: SymbolId): void {
    this.#length += this.#lengthOf(name)
    this.#watched.set(name, watchedOf(id, this.#options.category.depth))
  }

  get symbols(): readonly SymbolId[] {
    return [...this.#watched.values()].map(({ id }) => id)
  }

  async subscribe(kind: Kind, names: readonly string[]): Promise<Result<void>> {
    for (const name of names) {
      const watched = this.#watched.get(name)!
      watched.kinds.add(kind)
      watched.lost.delete(kind)
      if (kind === 'bars') watched.barsFrom ??= bucketStart(this.#options.venueNow(), MINUTE)
    }
    const topics = new Set(names.map((name) => this.#topicOf(kind, name)))
    const answer = await this.#stream.subscribe([...topics])
    if (answer.ok) this.#stream.liveness.watch(names, WITHIN_MS[kind])
    return answer
  }

  async unsubscribe(names: readonly string[]): Promise<Result<void>> {
    const topics = names.flatMap((name) =>
      [...(this.#watched.get(name)?.kinds ?? [])].map((kind) => this.#topicOf(kind, name)),
    )
    for (const name of names) if (this.#watched.delete(name)) this.#length -= this.#lengthOf(name)
    this.#stream.liveness.unwatch(names)
    // Trades of several options come by one topic.
    return this.#stream.unsubscribe(topics.filter((topic) => this.#watchedBy(topic).length === 0))
  }

  #topicOf(kind: Kind, name: string): string {
    const { category } = this.#options
    if (kind === 'trades') return `publicTrade.${category.tradesOf(name)}`
    return kind === 'quotes' ? `orderbook.${category.depth}.${name}` : `kline.1.${name}`
  }

  #watchedBy(topic: string): readonly Watched[] {
    return [...this.#watched].flatMap(([name, watched]) =>
      [...watched.kinds].some((kind) => this.#topicOf(kind, name) === topic) ? [watched] : [],
    )
  }

  /** The venue has no such topic any more: nothing new is risked on its symbols, and nothing of it is waited for. */
  #lose(topic: string, why: string): void {
    for (const [name, watched] of this.#watched) {
      const kind = [...watched.kinds].find((each) => this.#topicOf(each, name) === topic)
      if (kind === undefined) continue
      watched.lost.add(kind)
      if (watched.lost.size === watched.kinds.size) this.#stream.liveness.unwatch([name])
      this.#halt(watched, true, why, 'not-tradable')
    }
  }

  clear(): void {
    this.#stream.clear()
  }

  async close(): Promise<void> {
    this.#ups++
    this.#isClosed = true
    await this.#stream.close()
  }

  #hear(message: Json & { readonly topic: string }): void {
    const { topic, data } = message
    if (topic.startsWith('publicTrade.')) {
      this.#hearTrades(data)
      return
    }
    const symbol = symbolIn(topic)
    const watched = this.#watched.get(symbol)
    if (watched === undefined) return
    this.#stream.liveness.saw(symbol)
    if (topic.startsWith('orderbook.')) this.#onBook(symbol, watched, message)
    else if (Array.isArray(data)) {
      for (const row of data as unknown[]) this.#onKline(watched, row)
    } else this.#counts.refused++
  }

  /** Each print names its symbol: a topic of options tells those of a coin. */
  #hearTrades(data: unknown): void {
    if (!Array.isArray(data)) {
      this.#counts.refused++
      return
    }
    for (const row of data as unknown[]) {
      const symbol = isObject(row) ? textOf(row['s']) : undefined
      const watched = symbol === undefined ? undefined : this.#watched.get(symbol)
      if (symbol === undefined) this.#counts.refused++
      else if (watched?.kinds.has('trades') === true) {
        this.#stream.liveness.saw(symbol)
        this.#onTrade(watched, row)
      }
    }
  }

  /** `{"T":1672304486865,"s":"BTCUSDT","S":"Buy","v":"0.001","p":"16578.50","i":"20f43950-d8dd-5b31-9112-a178eb6023af"}` */
  #onTrade(watched: Watched, row: unknown): void {
    const json = isObject(row) ? row : {}
    const [ts, price, size] = [timeOf(json['T']), decimalOf(json['p']), decimalOf(json['v'])]
    const id = textOf(json['i'])
    if (ts === undefined || id === undefined || !(price! > 0) || !(size! > 0)) {
      this.#counts.refused++
      return
    }
    if (watched.ids.has(id)) {
      this.#counts.repeated++
      return
    }
    remember(watched.ids, id)
    this.#counts.trades++
    const trade = { symbol: watched.id, ts, price: price!, size: size!, id }
    this.#options.onTrade?.(trade)
    this.#say({ type: 'trade', at: this.#now(), trade })
  }

  book(name: string): OrderBook | undefined {
    const watched = this.#watched.get(name)
    return watched?.kinds.has('quotes') === true ? watched.book : undefined
  }

  /** `{"s":"BTCUSDT","b":[["16493.50","0.006"]],"a":[["16611.00","0"]],"u":18521288,"seq":7961638724}` */
  #onBook(name: string, watched: Watched, { topic, type, data, ts: told }: Json): void {
    const json = isObject(data) ? data : {}
    const [ts, u] = [timeOf(told), decimalOf(json['u'])]
    const [bids, asks] = [levelsOf(json['b']), levelsOf(json['a'])]
    if (ts === undefined || u === undefined || bids === undefined || asks === undefined) {
      this.#counts.refused++
      return
    }
    const { book } = watched
    const isSnapshot = type === 'snapshot'
    const frame = { first: u, last: u, bids, asks, ts }
    const isMoved = book.apply({ ...frame, type: isSnapshot ? 'snapshot' : 'delta' })
    if (book.isGood && watched.isRenewing) this.#renewed(watched)
    if (book.wantsSnapshot) void this.#renew(name, watched, String(topic))
    const { quote } = book
    if (!isMoved || quote === undefined || isSameTop(quote, watched.quote)) return
    watched.quote = quote
    this.#counts.quotes++
    this.#say({ type: 'quote', at: this.#now(), quote })
  }

  /** A book that does not add up: nothing new is risked on it before a snapshot has come. */
  async #renew(name: string, watched: Watched, topic: string): Promise<void> {
    if (watched.isRenewing) return
    watched.isRenewing = true
    this.#counts.brokenBooks++
    this.#halt(watched, true, `the book of ${name} has a fault: ${watched.book.fault ?? 'none'}`)
    // Where the connection is lost meanwhile, the next one asks for it.
    await this.#stream.renew(topic)
  }

  #renewed(watched: Watched): void {
    watched.isRenewing = false
    this.#halt(watched, false, 'the book is whole again')
  }

  #halt({ id }: Watched, on: boolean, why: string, cause: MarketCause = 'bad-prices'): void {
    const control = { do: 'halt-symbol', symbol: id, cause, on, why } as const
    this.#sink({ type: 'control', at: this.#now(), by: 'bybit', control })
  }

  /** `{"start":1672324800000,"interval":"1","open":"16649.5","close":"16677","high":"16677","low":"16608","volume":"2.081","confirm":false}` */
  #onKline(watched: Watched, row: unknown): void {
    const json = isObject(row) ? row : {}
    const isClosed = json['confirm'] === true
    const { onForming } = this.#options
    if (!isClosed && onForming === undefined) return
    const [open, high, low, close, volume] = ['open', 'high', 'low', 'close', 'volume'].map(
      (name) => decimalOf(json[name]),
    )
    const start = timeOf(json['start'])
    const bar = {
      symbol: watched.id,
      timeframe: '1m' as const,
      start: start ?? ms(1),
      open: open ?? NaN,
      high: high ?? NaN,
      low: low ?? NaN,
      close: close ?? NaN,
      volume: volume ?? NaN,
      trades: 0,
    }
    if (!isBar(bar)) this.#counts.refused++
    else if (isClosed) this.#sayBar(watched, bar)
    else onForming?.(bar)
  }

  #sayBar(watched: Watched, bar: Bar): void {
    if (this.#held !== undefined) {
      this.#say({ type: 'bar', at: this.#now(), bar, source: 'venue' })
      return
    }
    if (bar.start <= (watched.lastBar ?? -Infinity)) {
      this.#counts.repeated++
      return
    }
    watched.lastBar = bar.start
    this.#counts.bars++
    this.#say({ type: 'bar', at: this.#now(), bar, source: 'venue' })
  }

  #say(input: MarketInput): void {
    if (this.#held === undefined) this.#sink(input)
    else if (this.#held.length < HELD_MAX) this.#held.push(input)
    else this.#counts.refused++
  }

  #fall(why: string): void {
    this.#ups++
    for (const { book } of this.#watched.values()) book.reset()
    this.#held ??= []
    if (!this.#isClosed) this.#options.onDown(why)
  }

  /** Everything is told again: what was missed first, then what has waited. */
  async #rise(hasGap: boolean): Promise<void> {
    const up = ++this.#ups
    let trouble: string | undefined
    if (hasGap) {
      this.#counts.gaps++
      this.#held ??= []
      trouble = await this.#fill(up)
      if (this.#ups !== up) return
    }
    const held = this.#held ?? []
    this.#held = undefined
    for (const input of held) {
      if (input.type !== 'bar') this.#sink(input)
      else {
        const watched = this.#watched.get(this.#options.universe.at(input.bar.symbol).symbol)
        if (watched !== undefined) this.#sayBar(watched, input.bar)
      }
    }
    if (!this.#isClosed) this.#options.onUp(trouble)
  }

  /** The bars since the last one of each symbol, or since they were asked for. Gives the first reason why some are not there. */
  async #fill(up: number): Promise<string | undefined> {
    let trouble: string | undefined
    for (const [name, watched] of this.#watched) {
      const { lastBar, barsFrom } = watched
      const from = lastBar === undefined ? barsFrom : ms(lastBar + MINUTE)
      if (from === undefined || watched.lost.has('bars')) continue
      const why = await this.#fillOf(name, watched, { up, from })
      if (this.#ups !== up) return undefined
      // One symbol whose bars cannot be had takes nothing from the others.
      if (why !== undefined) trouble ??= `the gap in the bars of ${name} was not filled: ${why}`
    }
    return trouble
  }

  async #fillOf(
    name: string,
    watched: Watched,
    { up, from }: { readonly up: number; readonly from: Ms },
  ): Promise<string | undefined> {
    const query = { symbols: [name], timeframe: '1m' as const, from, to: this.#options.venueNow() }
    for (let tries = 1; ; tries++) {
      const bars: Bar[] = []
      let why: string | undefined
      for await (const page of this.#options.history.bars(query)) {
        if (page.ok) bars.push(...page.value.bars)
        else why = page.fault.message
      }
      if (this.#ups !== up) return undefined
      if (why === undefined) {
        for (const bar of bars) this.#sayFilled(watched, bar)
        return undefined
      }
      if (tries === FILL_TRIES) return why
      await pause(this.#options.io, FILL_PAUSE_MS)
    }
  }

  #sayFilled(watched: Watched, bar: Bar): void {
    if (bar.start <= (watched.lastBar ?? -Infinity)) return
    watched.lastBar = bar.start
    this.#counts.filled++
    this.#sink({ type: 'bar', at: this.#now(), bar, source: 'venue' })
  }

  #sink(input: Input): void {
    if (!this.#isClosed) this.#options.sink(input)
  }

  get #counts(): MarketCounts {
    return this.#options.counts
  }

  #now(): Ms {
    return this.#options.io.now()
  }
}

const watchedOf = (id: SymbolId, depth: number): Watched => ({
  id,
  kinds: new Set(),
  lost: new Set(),
  // Within a message a level may come before another one goes.
  book: new OrderBook({ symbol: id, depth: 2 * depth }),
  quote: undefined,
  isRenewing: false,
  barsFrom: undefined,
  lastBar: undefined,
  ids: new Set(),
})

const symbolIn = (topic: string): string => topic.slice(topic.lastIndexOf('.') + 1)

/** Price, size, price, size …; undefined where one of them is no number. */
function levelsOf(side: unknown): readonly number[] | undefined {
  if (!Array.isArray(side)) return undefined
  const levels: number[] = []
  for (const level of side as unknown[]) {
    const [price, size] = Array.isArray(level) ? level.map((one) => decimalOf(one)) : []
    if (!(price! > 0) || !(size! >= 0)) return undefined
    levels.push(price!, size!)
  }
  return levels
}

const isSameTop = (one: Quote, other: Quote | undefined): boolean =>
  one.bid === other?.bid &&
  one.ask === other.ask &&
  one.bidSize === other.bidSize &&
  one.askSize === other.askSize

function remember(ids: Set<string>, id: string): void {
  ids.add(id)
  if (ids.size <= IDS_MAX) return
  const oldest = ids.values().next().value
  if (oldest !== undefined) ids.delete(oldest)
}
