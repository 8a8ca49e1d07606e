/*
 * Feed: Bybit's market data as inputs.
 *
 *   trades   publicTrade.SYM      each print once, by its id
 *   quotes   orderbook.1.SYM      the top of the book, whole each time; one that comes again with its number is no news
 *   bars     kline.1.SYM          only with `confirm`: without it the minute still forms
 *
 * A bar is given once and in order. After a reconnect, what was missed is fetched over REST and given before anything
 * newer; what the stream brings meanwhile waits. Numbers that cannot be are refused and counted.
 */
import type { Ms, SymbolId, VenueId } from '../../core/brand.ts'
import { fault } from '../../core/fault.ts'
import type { Input, MarketInput } from '../../core/input.ts'
import type { Bar } from '../../core/market.ts'
import { failed, type Result } from '../../core/result.ts'
import { MINUTE, ms } from '../../core/time.ts'
import type { Universe } from '../../core/universe.ts'
import type { Feed } from '../../core/venue.ts'
import { pause } from '../../io/clock.ts'
import type { Io } from '../../io/io.ts'
import { decimalOf, isObject, type Json, textOf } from '../../io/json.ts'
import { type BybitHistory, isBar } from './history.ts'
import { PublicStream, type PublicStreamOptions } from './public-stream.ts'
import { timeOf } from './wire.ts'

type Kind = Parameters<Feed['subscribe']>[0]

export interface FeedOptions {
  readonly io: Io
  readonly venue: VenueId
  readonly universe: Universe
  readonly history: BybitHistory
  readonly stream: Pick<PublicStreamOptions, 'url' | 'batch' | 'everyMs' | 'answerMs' | 'liveness'>
  /** Symbols that may be subscribed. */
  readonly total: number
  readonly onTrouble: (why: string) => void
}

const TOPICS: Readonly<Record<Kind, string>> = {
  trades: 'publicTrade',
  quotes: 'orderbook.1',
  bars: 'kline.1',
}
/** Silence of all symbols together that ends a connection: tops of books come every 3 s, bars form each minute. */
const WITHIN_MS: Readonly<Record<Kind, number>> = { trades: 60_000, quotes: 10_000, bars: 70_000 }
/** Inputs that wait while a gap is being filled. */
const HELD_MAX = 100_000
/** Ids of trades that are remembered, by symbol: a print may span two messages, and come twice. */
const IDS_MAX = 2_000
const FILL_TRIES = 3
const FILL_PAUSE_MS = 1_000

interface Watched {
  readonly id: SymbolId
  readonly kinds: Set<Kind>
  /** Start of the last bar, and number of the last book. */
  lastBar: Ms | undefined
  lastBook: number | undefined
  readonly ids: Set<string>
}

export class BybitFeed implements Feed {
  readonly #options: FeedOptions
  readonly #stream: PublicStream
  readonly #watched = new Map<string, Watched>()
  #sink: (input: Input) => void = () => {}
  #held: MarketInput[] | undefined
  #ups = 0
  readonly counts = { trades: 0, quotes: 0, bars: 0, filled: 0, gaps: 0, refused: 0, repeated: 0 }

  constructor(options: FeedOptions) {
    this.#options = options
    this.#stream = new PublicStream({
      ...options.stream,
      io: options.io,
      onMessage: (message) => this.#hear(message),
      onUp: (hasGap) => void this.#rise(hasGap),
      onDown: (why) => this.#fall(why),
      onSafeMode: (why) => {
        this.#fall(why)
        options.onTrouble(`market data are in safe mode until a person clears it: ${why}`)
      },
      onQuiet: (symbols) => options.onTrouble(`no data of ${symbols.join(', ')}`),
    })
  }

  /** Where inputs go from now on. Nothing connects before the first `subscribe`. */
  open(sink: (input: Input) => void): void {
    this.#sink = sink
  }

  async subscribe(kind: Kind, symbols: readonly SymbolId[]): Promise<Result<void>> {
    const { universe, total } = this.#options
    const names = symbols.map((id) => universe.at(id).symbol)
    const all = new Set([...this.#watched.keys(), ...names])
    if (all.size > total)
      return failed(fault('bad-request', `${all.size} symbols are more than the limit of ${total}`))
    for (const [i, name] of names.entries()) {
      const fresh = { id: symbols[i]!, lastBar: undefined, lastBook: undefined }
      const watched = this.#watched.get(name) ?? { ...fresh, kinds: new Set(), ids: new Set() }
      watched.kinds.add(kind)
      this.#watched.set(name, watched)
    }
    const answer = await this.#stream.subscribe(names.map((name) => `${TOPICS[kind]}.${name}`))
    if (answer.ok) this.#stream.liveness.watch(names, WITHIN_MS[kind])
    return answer
  }

  async unsubscribe(symbols: readonly SymbolId[]): Promise<Result<void>> {
    const names = symbols.map((id) => this.#options.universe.at(id).symbol)
    const topics = names.flatMap((name) =>
      [...(this.#watched.get(name)?.kinds ?? [])].map((kind) => `${TOPICS[kind]}.${name}`),
    )
    for (const name of names) this.#watched.delete(name)
    this.#stream.liveness.unwatch(names)
    return this.#stream.unsubscribe(topics)
  }

  clear(): void {
    this.#stream.clear()
  }

  async close(): Promise<void> {
    this.#ups++
    this.#sink = () => {}
    await this.#stream.close()
  }

  #hear(message: Json & { readonly topic: string }): void {
    const { topic, data } = message
    const symbol = topic.slice(topic.lastIndexOf('.') + 1)
    const watched = this.#watched.get(symbol)
    if (watched === undefined) return
    this.#stream.liveness.saw(symbol)
    if (topic.startsWith('orderbook.')) this.#onBook(watched, message)
    else if (Array.isArray(data)) {
      for (const row of data as unknown[]) {
        if (topic.startsWith('kline.')) this.#onKline(watched, row)
        else this.#onTrade(watched, row)
      }
    } else this.counts.refused++
  }

  /** `{"T":1672304486865,"s":"BTCUSDT","S":"Buy","v":"0.001","p":"16578.50","i":"20f43950-d8dd-5b31-9112-a178eb6023af"}` */
  #onTrade(watched: Watched, row: unknown): void {
    const json = isObject(row) ? row : {}
    const [ts, price, size] = [timeOf(json['T']), decimalOf(json['p']), decimalOf(json['v'])]
    const id = textOf(json['i'])
    if (ts === undefined || id === undefined || !(price! > 0) || !(size! > 0)) {
      this.counts.refused++
      return
    }
    if (watched.ids.has(id)) {
      this.counts.repeated++
      return
    }
    remember(watched.ids, id)
    this.counts.trades++
    const trade = { symbol: watched.id, ts, price: price!, size: size!, id }
    this.#say({ type: 'trade', at: this.#now(), trade })
  }

  /** `{"s":"BTCUSDT","b":[["16493.50","0.006"]],"a":[["16611.00","0.029"]],"u":18521288,"seq":7961638724}` */
  #onBook(watched: Watched, { data, ts: told }: Json): void {
    const json = isObject(data) ? data : {}
    const [ts, u] = [timeOf(told), decimalOf(json['u'])]
    const [bid, bidSize] = topOf(json['b'])
    const [ask, askSize] = topOf(json['a'])
    const isWhole = bid !== undefined && ask !== undefined && bidSize! > 0 && askSize! > 0
    if (ts === undefined || u === undefined || !isWhole || bid >= ask) {
      this.counts.refused++
      return
    }
    // A service that began anew counts from one; else a number that is no higher is no news.
    if (u !== 1 && watched.lastBook !== undefined && u <= watched.lastBook) {
      this.counts.repeated++
      return
    }
    watched.lastBook = u
    this.counts.quotes++
    const quote = { symbol: watched.id, ts, bid, bidSize: bidSize!, ask, askSize: askSize! }
    this.#say({ type: 'quote', at: this.#now(), quote })
  }

  /** `{"start":1672324800000,"interval":"1","open":"16649.5","close":"16677","high":"16677","low":"16608","volume":"2.081","confirm":false}` */
  #onKline(watched: Watched, row: unknown): void {
    const json = isObject(row) ? row : {}
    if (json['confirm'] !== true) return
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
    if (isBar(bar)) this.#sayBar(watched, bar)
    else this.counts.refused++
  }

  #sayBar(watched: Watched, bar: Bar): void {
    if (this.#held !== undefined) {
      this.#say({ type: 'bar', at: this.#now(), bar, source: 'venue' })
      return
    }
    if (bar.start <= (watched.lastBar ?? -Infinity)) {
      this.counts.repeated++
      return
    }
    watched.lastBar = bar.start
    this.counts.bars++
    this.#say({ type: 'bar', at: this.#now(), bar, source: 'venue' })
  }

  #say(input: MarketInput): void {
    if (this.#held === undefined) this.#sink(input)
    else if (this.#held.length < HELD_MAX) this.#held.push(input)
    else this.counts.refused++
  }

  #fall(why: string): void {
    this.#ups++
    this.#held ??= []
    this.#tell('venue.down', why)
  }

  /** Everything is told again: what was missed first, then what has waited. */
  async #rise(hasGap: boolean): Promise<void> {
    const up = ++this.#ups
    let trouble: string | undefined
    if (hasGap) {
      this.counts.gaps++
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
    this.#tell('venue.up', trouble)
  }

  /** The bars since the last one of each symbol. Gives why they are not all there. */
  async #fill(up: number): Promise<string | undefined> {
    for (const [name, watched] of this.#watched) {
      if (watched.lastBar === undefined || !watched.kinds.has('bars')) continue
      const from = ms(watched.lastBar + MINUTE)
      const query = { symbols: [name], timeframe: '1m' as const, from, to: this.#now() }
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
          break
        }
        if (tries === FILL_TRIES) return `the gap in the bars of ${name} was not filled: ${why}`
        await pause(this.#options.io, FILL_PAUSE_MS)
      }
    }
    return undefined
  }

  #sayFilled(watched: Watched, bar: Bar): void {
    if (bar.start <= (watched.lastBar ?? -Infinity)) return
    watched.lastBar = bar.start
    this.counts.filled++
    this.#sink({ type: 'bar', at: this.#now(), bar, source: 'venue' })
  }

  #tell(type: 'venue.up' | 'venue.down', why?: string): void {
    const { venue } = this.#options
    const reason = why === undefined ? {} : { why }
    this.#sink({ type, at: this.#now(), venue, stream: 'feed', ...reason })
  }

  #now(): Ms {
    return this.#options.io.now()
  }
}

/** Price and size of the best level. */
function topOf(side: unknown): readonly [price?: number | undefined, size?: number | undefined] {
  const [level] = Array.isArray(side) ? (side as unknown[]) : []
  if (!Array.isArray(level)) return []
  return [decimalOf(level[0]), decimalOf(level[1])]
}

function remember(ids: Set<string>, id: string): void {
  ids.add(id)
  if (ids.size <= IDS_MAX) return
  const oldest = ids.values().next().value
  if (oldest !== undefined) ids.delete(oldest)
}
