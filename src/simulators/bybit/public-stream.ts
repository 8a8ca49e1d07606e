/*
 * PublicStream: Bybit's market data over WebSocket.
 *
 *   C→S {"req_id":"7","op":"subscribe","args":["orderbook.50.BTCUSDT","publicTrade.BTCUSDT"]}
 *   S→C {"success":true,"ret_msg":"","conn_id":"…","req_id":"7","op":"subscribe"}
 *   S→C {"topic":"orderbook.50.BTCUSDT","type":"snapshot","ts":…,"data":{"s":"BTCUSDT","b":[["99","1"]],"a":[…],"u":1,"seq":9},"cts":…}
 *   S→C {"topic":"orderbook.50.BTCUSDT","type":"delta", … "b":[["99","0"]] …}      a size of 0 deletes the level
 *   C→S {"req_id":"8","op":"ping"}
 *   S→C {"success":true,"ret_msg":"pong","conn_id":"…","req_id":"8","op":"ping"}
 *
 * Books count their messages in `u`, one by one; one that counts from 1 again is whole. Of depth 1 all are whole, and one
 * that did not change for three seconds comes again with the same `u`. https://bybit-exchange.github.io/docs/v5/ws/connect
 */
import type { Json } from '../../io/json.ts'
import type { Instrument } from '../../core/instrument.ts'
import { MINUTE } from '../../core/time.ts'
import type { Told } from '../broadcast.ts'
import { decimal } from '../decimal.ts'
import { merged } from '../history.ts'
import type { Minute } from '../prints.ts'
import type { Peer } from '../wire.ts'
import { coinsOf, DEPTHS } from './category.ts'
import { changes, type Level, type Levels, levelsOf } from './book.ts'
import { INTERVALS, type MarketData, startOf, takerOf } from './market-data.ts'
import { BybitSession, type SessionOptions } from './session.ts'
import type { BybitVenue } from './venue.ts'

/** Characters of all topics of a connection, and topics of one request where it is spot. */
const ARGS_LENGTH_MAX = 21_000
const SPOT_ARGS_MAX = 10
/** A book of depth 1 that is silent for so long is told again. */
const REPEAT_MS = 3_000

export class PublicStream {
  readonly #venue: BybitVenue
  readonly #market: MarketData
  readonly #sessions = new Set<PublicSession>()
  readonly #sequence = new Map<string, number>()
  #connections = 0

  constructor(venue: BybitVenue, market: MarketData) {
    this.#venue = venue
    this.#market = market
    venue.onTold((told) => {
      if (told.type === 'quote')
        this.#sequence.set(told.symbol, (this.#sequence.get(told.symbol) ?? 0) + 1)
      for (const session of this.#sessions) session.tell(told)
    })
    venue.onMove((at) => {
      for (const session of this.#sessions) session.move(at)
    })
    venue.onOneTime((fault) => {
      for (const session of Array.from(this.#sessions)) {
        if (fault.fault === 'restart') session.restart()
        else if (fault.fault === 'close' && fault.on === 'data')
          session.wire.close(fault.code, fault.reason)
        else if (fault.fault === 'cut-off' && fault.on === 'data') session.wire.cut()
      }
    })
  }

  serves(path: string): boolean {
    return path === `/v5/public/${this.#venue.category}`
  }

  connect(path: string, peer: Peer): PublicSession {
    const session = new PublicSession(
      {
        venue: this.#venue,
        stream: 'data',
        id: ++this.#connections,
        path,
        peer,
        onEnd: () => this.#sessions.delete(session),
      },
      this.#market,
      (symbol) => this.#sequence.get(symbol) ?? 0,
    )
    this.#sessions.add(session)
    return session
  }
}

/** What was last told of a book. */
interface Told1 {
  readonly depth: number
  readonly instrument: Instrument
  levels: Levels
  u: number
  at: number
}

interface Topic {
  readonly name: string
  readonly kind: string
  readonly detail: string
  readonly instrument: Instrument
  /** Of all options of a coin. */
  readonly isOfCoin: boolean
}

export class PublicSession extends BybitSession {
  readonly #market: MarketData
  readonly #sequenceOf: (symbol: string) => number
  readonly #topics = new Map<string, Topic>()
  readonly #books = new Map<string, Told1>()
  readonly #tickers = new Map<string, Json>()

  constructor(options: SessionOptions, market: MarketData, sequenceOf: (symbol: string) => number) {
    super(options)
    this.#market = market
    this.#sequenceOf = sequenceOf
  }

  protected act(message: Json): void {
    const { op, req_id = '' } = message
    const base = { conn_id: this.connectionId, req_id, op }
    if (op === 'ping') {
      const pong = { args: [String(this.venue.shownNow())], op: 'pong' }
      this.say(this.#isOption ? pong : { success: true, ret_msg: 'pong', ...base })
      return
    }
    const args = Array.isArray(message['args']) ? message['args'].map(String) : []
    if (op === 'unsubscribe') {
      for (const name of args) this.#drop(name)
      this.#answer({ base, args })
      return
    }
    const fault = this.venue.nemesis.onStream('error', 'data')
    const flaw = fault?.msg ?? (op === 'subscribe' ? this.#flawOf(args) : 'Invalid op')
    if (flaw !== undefined) {
      this.#answer({ base, args, flaw })
      return
    }
    if (this.venue.nemesis.onStream('no-ack', 'data') !== undefined) return
    this.#answer({ base, args })
    const partial = this.venue.nemesis.onStream('partial-ack', 'data')
    const taken = partial === undefined ? args : args.slice(0, -partial.without)
    for (const name of taken) this.#add(name)
  }

  get #isOption(): boolean {
    return this.venue.category === 'option'
  }

  /** An answer about options names topics, where others name the request. */
  #answer(about: {
    readonly base: Json
    readonly args: readonly string[]
    readonly flaw?: string
  }): void {
    const { base, args, flaw } = about
    const { conn_id } = base
    if (this.#isOption) {
      const [failTopics, successTopics] = flaw === undefined ? [[], args] : [args, []]
      const data = { failTopics, successTopics }
      this.say({ success: true, conn_id, data, type: 'COMMAND_RESP' })
      return
    }
    const words = this.venue.isSpot && base['op'] === 'subscribe' ? 'subscribe' : ''
    this.say({ success: flaw === undefined, ret_msg: flaw ?? words, ...base })
  }

  tell(told: Told): void {
    if (this.#topics.size === 0) return
    for (const topic of this.#topics.values()) {
      if (topic.instrument.symbol === told.symbol || topic.isOfCoin) this.#tellTopic(topic, told)
    }
  }

  /** Books of depth 1 that were silent are told again. */
  move(at: number): void {
    for (const [name, book] of this.#books) {
      if (book.depth === 1 && at - book.at >= REPEAT_MS) this.#pushBook(name, book, 'snapshot', at)
    }
  }

  /** The service began anew: whole books, counted from one. */
  restart(): void {
    for (const [name, book] of this.#books) {
      book.u = 1
      this.#pushBook(name, book, 'snapshot', this.venue.now())
    }
  }

  #flawOf(args: readonly string[]): string | undefined {
    if (args.length === 0) return 'args is empty'
    if (this.venue.isSpot && args.length > SPOT_ARGS_MAX) return `args size >${SPOT_ARGS_MAX}`
    const length = [...this.#topics.keys(), ...args].reduce((sum, name) => sum + name.length, 0)
    if (length > ARGS_LENGTH_MAX) return `args length >${ARGS_LENGTH_MAX}`
    const wrong = args.find((name) => this.#topicOf(name) === undefined)
    return wrong === undefined ? undefined : `error:handler not found,topic:${wrong}`
  }

  #topicOf(name: string): Topic | undefined {
    const parts = name.split('.')
    const [kind = '', detail = ''] = parts
    const named = parts.at(-1) ?? ''
    const isOfCoin = this.#isOption && kind === 'publicTrade'
    const instrument = isOfCoin
      ? this.venue.universe.all.find(({ symbol }) => coinsOf(symbol).base === named)
      : this.venue.universe.find(named)
    if (instrument === undefined) return undefined
    const depths = DEPTHS[this.venue.category]
    const isBook = kind === 'orderbook' && depths.includes(Number(detail)) && parts.length === 3
    const isKline =
      kind === 'kline' && !this.#isOption && INTERVALS[detail] !== undefined && parts.length === 3
    const isPlain = (kind === 'publicTrade' || kind === 'tickers') && parts.length === 2
    return isBook || isKline || isPlain ? { name, kind, detail, instrument, isOfCoin } : undefined
  }

  #add(name: string): void {
    const topic = this.#topicOf(name)
    if (topic === undefined) return
    this.#topics.set(name, topic)
    const at = this.venue.now()
    if (topic.kind === 'orderbook') this.#pushTop(topic, at)
    else if (topic.kind === 'tickers') this.#pushTicker(topic, at)
  }

  #drop(name: string): void {
    this.#topics.delete(name)
    this.#books.delete(name)
    this.#tickers.delete(name)
  }

  #tellTopic(topic: Topic, told: Told): void {
    switch (topic.kind) {
      case 'orderbook':
        if (told.type === 'quote') this.#pushTop(topic, told.ts)
        return
      case 'publicTrade':
        if (told.type !== 'trade') return
        if (!topic.isOfCoin || coinsOf(told.symbol).base === coinsOf(topic.instrument.symbol).base)
          this.#pushTrade(topic, told)
        return
      case 'tickers':
        if (told.type === 'trade' || told.type === 'quote') this.#pushTicker(topic, told.ts)
        return
      default:
        this.#tellKline(topic, told)
    }
  }

  /** The top has moved, or the topic is new. */
  #pushTop({ name, detail, instrument }: Topic, at: number): void {
    const quote = this.venue.market.shown(instrument.symbol)?.quote
    if (quote === undefined) return
    const depth = Number(detail)
    const levels = levelsOf(quote, instrument, depth)
    const book = this.#books.get(name)
    if (book === undefined) {
      const fresh = { depth, instrument, levels, u: this.#sequenceOf(instrument.symbol) + 1, at }
      this.#books.set(name, fresh)
      this.#pushBook(name, fresh, 'snapshot', at)
      return
    }
    const bids = changes(book.levels.bids, levels.bids)
    const asks = changes(book.levels.asks, levels.asks)
    const isSame = bids.length === 0 && asks.length === 0
    if (isSame && depth > 1) return
    book.levels = levels
    book.u++
    if (depth === 1) this.#pushBook(name, book, 'snapshot', at)
    else this.#pushLevels(name, book, { type: 'delta', at, bids, asks })
  }

  #pushBook(name: string, book: Told1, type: 'snapshot', at: number): void {
    this.#pushLevels(name, book, { type, at, ...book.levels })
  }

  #pushLevels(
    topic: string,
    book: Told1,
    told: {
      readonly type: 'snapshot' | 'delta'
      readonly at: number
      readonly bids: readonly Level[]
      readonly asks: readonly Level[]
    },
  ): void {
    const { type, at } = told
    book.at = at
    const { symbol } = book.instrument
    const [b, a] = [told.bids, told.asks].map((side) =>
      side.map(([price, size]) => [decimal(price), decimal(size)]),
    )
    const data = { s: symbol, b, a, u: book.u, seq: this.#sequenceOf(symbol) }
    this.push({ topic, type, ts: at, data, cts: at })
  }

  #pushTrade(topic: Topic, told: Extract<Told, { type: 'trade' }>): void {
    const { ts, price, size, id, symbol } = told
    const row = {
      T: ts,
      s: symbol,
      S: takerOf(id),
      v: decimal(size),
      p: decimal(price),
      L: 'ZeroPlusTick',
      i: String(id),
      BT: false,
      RPI: false,
      seq: id,
    }
    this.push({ topic: topic.name, type: 'snapshot', ts, data: [row] })
  }

  /** Derivatives tell what changed; spot tells all of it each time. */
  #pushTicker({ name, instrument }: Topic, at: number): void {
    const ticker = this.#market.ticker(instrument)
    const before = this.#tickers.get(name)
    this.#tickers.set(name, ticker)
    const cs = this.#sequenceOf(instrument.symbol)
    if (before === undefined || this.venue.isSpot || this.#isOption) {
      this.push({ topic: name, type: 'snapshot', data: ticker, cs, ts: at })
      return
    }
    const changed = Object.entries(ticker).filter(([key, value]) => before[key] !== value)
    if (changed.length === 0) return
    const data = { symbol: instrument.symbol, ...Object.fromEntries(changed) }
    this.push({ topic: name, type: 'delta', data, cs, ts: at })
  }

  #tellKline(topic: Topic, told: Told): void {
    const length = INTERVALS[topic.detail] ?? MINUTE
    const shown = this.venue.market.shown(topic.instrument.symbol)
    if (shown === undefined) return
    if (told.type === 'trade') {
      const start = startOf(told.ts, length)
      const bars = shown.minutes.slice(shown.minutes.findLastIndex(({ t }) => t < start) + 1)
      if (shown.forming !== undefined) bars.push(shown.forming)
      this.#pushKline(topic, merged(start, bars), { length, isClosed: false, at: told.ts })
    } else if (told.type === 'bar') {
      const end = told.bar.t + MINUTE
      if (end % MINUTE !== 0 || startOf(end, length) !== end) return
      const start = end - length
      const bars = shown.minutes.slice(shown.minutes.findLastIndex(({ t }) => t < start) + 1)
      this.#pushKline(topic, merged(start, bars), { length, isClosed: true, at: end })
    }
  }

  #pushKline(
    { name, detail }: Topic,
    bar: Minute,
    about: { readonly length: number; readonly isClosed: boolean; readonly at: number },
  ): void {
    const row = {
      start: bar.t,
      end: bar.t + about.length - 1,
      interval: detail,
      open: decimal(bar.o),
      close: decimal(bar.c),
      high: decimal(bar.h),
      low: decimal(bar.l),
      volume: decimal(bar.v),
      turnover: decimal(bar.v * bar.vw),
      confirm: about.isClosed,
      timestamp: about.at,
    }
    this.push({ topic: name, type: 'snapshot', ts: about.at, data: [row] })
  }
}
