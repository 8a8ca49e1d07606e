/*
 * Alpaca behind the venue port: market data, history and orders of one account, live or paper.
 *
 * `open` asks for the account and the assets first, so wrong keys, a blocked account, paper where live was meant or the
 * other way round, and of a new run unknown symbols are found before anything connects. The trading stream listens before
 * `open` resolves: an order that is sent earlier could lose its first events. Market data connect with the first
 * `subscribe`.
 */
import type { Ms, OrderId, SymbolId, VenueId } from '../../core/brand.ts'
import { type Fault, fault } from '../../core/fault.ts'
import type { Input } from '../../core/input.ts'
import type { RowSink } from '../../core/market-rows.ts'
import { equitySpec, type InstrumentSpec } from '../../core/instrument.ts'
import type { Trade } from '../../core/market.ts'
import { isOfRun, type Order } from '../../core/order.ts'
import { failed, ok, type Result } from '../../core/result.ts'
import type { Universe } from '../../core/universe.ts'
import type { Limits, Venue, VenueAccount, VenueStatistics } from '../../core/venue.ts'
import { Gap, isMissed, type Standing } from '../../io/gap.ts'
import type { Io } from '../../io/io.ts'
import { Budget } from '../../io/rate.ts'
import { accountOf } from './account.ts'
import { AssetWatch, whyBarred } from './assets.ts'
import { ALPACA, AlpacaBroker, isOwnId } from './broker.ts'
import { ClockOffset } from './clock-offset.ts'
import type { Codec } from './decode.ts'
import { AlpacaFeed } from './feed.ts'
import type { Revision } from './gate.ts'
import { AlpacaHistory } from './history.ts'
import { Identity } from './identity.ts'
import { type OrderEventSource, TradingStream } from './order-events.ts'
import { Orders } from './orders.ts'
import { type Keys, Rest } from './rest.ts'
import type { StreamOptions } from './stream.ts'
import { ALPACA_TERMS } from './terms.ts'
import { isObject } from '../../io/json.ts'
import {
  type Extras,
  flawOf,
  ORDER_FIELDS,
  parseTradeUpdate,
  stateOf,
  type WireAsset,
  type WireOrder,
} from './wire.ts'

export interface AlpacaOptions {
  readonly io: Io
  readonly keys: Keys
  /** Symbols that are traded or watched, by Alpaca's names: `AAPL`, `BTC/USD`. */
  readonly symbols: readonly string[]
  /** Symbol ids of the run. The runtime adds what `open` gives before it subscribes. */
  readonly universe: Universe
  readonly id?: VenueId
  /** The paper account, where not told otherwise. */
  readonly isLive?: boolean
  readonly hosts?: Partial<Hosts>
  readonly feed?: 'iex' | 'sip'
  readonly codec?: Codec
  readonly adjustment?: 'raw' | 'split' | 'dividend' | 'all'
  readonly limits?: Partial<Limits>
  /** How long streams wait for answers and data, where not as usual. */
  readonly patience?: Pick<StreamOptions, 'answerMs' | 'liveness'>
  /** Requests a minute to the trading host, 200 where not told. */
  readonly tradesPerMinute?: number
  /** Instead of the trading websocket. */
  readonly orderEvents?: OrderEventSource
  readonly extrasOf?: (order: Order) => Extras
  readonly onRevision?: (revision: Revision) => void
  /** Told each trade besides, of all symbols whose bars are subscribed. */
  readonly onTrade?: (trade: Trade) => void
  /** What no input can say: the runtime should reconcile. */
  readonly onTrouble?: (why: string) => void
}

/** Base addresses, without a slash at the end. */
export interface Hosts {
  readonly trading: string
  readonly data: string
  /** Of the market-data streams: `/v2/iex` and `/v1beta3/crypto/us` follow. */
  readonly stream: string
  /** The whole address of the trading stream. */
  readonly orders: string
}

/** Of the free plan; https://docs.alpaca.markets/docs/about-market-data-api (read 2026-11). */
export const ALPACA_LIMITS: Limits = {
  subscribe: { batch: 10, everyMs: 1_000, total: 30 },
  // There is no batch request: a batch is what is sent without waiting for each other.
  orders: { batch: 20, perSecond: 10 },
  history: { symbols: 50, rows: 10_000, perMinute: 200 },
  concurrent: 4,
  amend: true,
  terms: ALPACA_TERMS,
  // The documents do not say. A lookup by id finds an order at once as a rule; lists of other brokers lag by a minute.
  visibilityMs: 120_000,
}

export const hostsOf = (isLive: boolean): Hosts => ({
  trading: isLive ? 'https://api.alpaca.markets' : 'https://paper-api.alpaca.markets',
  data: 'https://data.alpaca.markets',
  stream: 'wss://stream.data.alpaca.markets',
  orders: isLive ? 'wss://api.alpaca.markets/stream' : 'wss://paper-api.alpaca.markets/stream',
})

const CLOSED = fault('network', 'it was closed while it was opened')

const MINUTE_MS = 60_000

export class AlpacaVenue implements Venue {
  readonly id: VenueId
  readonly limits: Limits
  readonly feed: AlpacaFeed
  readonly history: AlpacaHistory
  readonly broker: AlpacaBroker
  readonly orders: Orders
  readonly budgets: { readonly trading: Budget; readonly data: Budget }
  readonly #options: AlpacaOptions
  readonly #identity = new Identity()
  readonly #clock: ClockOffset
  readonly #trading: Rest
  readonly #source: OrderEventSource
  readonly #assets: AssetWatch
  #sink: (input: Input) => void = () => {}
  #account: VenueAccount | undefined
  readonly #gap: Gap<unknown>
  /** What was known of our orders when the gap was asked about first. */
  #standing: Standing | undefined
  #run: string | undefined
  #isNew = true
  #isClosed = false
  #onListening: (trouble: Fault | undefined) => void = () => {}

  constructor(options: AlpacaOptions) {
    this.#options = options
    const {
      io,
      keys,
      universe,
      id = ALPACA,
      isLive = false,
      feed = 'iex',
      codec = 'json',
    } = options
    const { adjustment, onRevision, onTrade, extrasOf } = options
    const hosts = { ...hostsOf(isLive), ...options.hosts }
    this.id = id
    this.limits = { ...ALPACA_LIMITS, ...options.limits }
    const { subscribe, history, concurrent } = this.limits
    this.budgets = {
      trading: new Budget(io, {
        name: 'alpaca trading',
        limit: options.tradesPerMinute ?? 200,
        windowMs: MINUTE_MS,
      }),
      data: new Budget(io, { name: 'alpaca data', limit: history.perMinute, windowMs: MINUTE_MS }),
    }
    const trading = new Rest({ io, keys, baseUrl: hosts.trading, budget: this.budgets.trading })
    const data = new Rest({ io, keys, baseUrl: hosts.data, budget: this.budgets.data })
    this.#trading = trading
    const now = (): Ms => io.now()
    const sink = (input: Input): void => this.#sink(input)
    const isOurs = (order: OrderId): boolean =>
      this.#run === undefined ? isOwnId(order) : isOfRun(order, this.#run)
    const { symbols, rows } = history
    this.history = new AlpacaHistory({
      io,
      data,
      trading,
      universe,
      feed,
      symbols,
      rows,
      ...(adjustment === undefined ? {} : { adjustment }),
    })
    this.#clock = new ClockOffset(io, this.history)
    const { patience = {} } = options
    const { batch, everyMs } = subscribe
    const stream = { io, keys, codec, batch, everyMs, ...patience }
    this.feed = new AlpacaFeed({
      io,
      venue: id,
      universe,
      codec,
      stocks: { ...stream, url: `${hosts.stream}/v2/${feed}` },
      crypto: { ...stream, url: `${hosts.stream}/v1beta3/crypto/us` },
      history: this.history,
      ...(onRevision === undefined ? {} : { onRevision }),
      ...(onTrade === undefined ? {} : { onTrade }),
      onTrouble: (why) => options.onTrouble?.(why),
    })
    const identity = this.#identity
    this.broker = new AlpacaBroker({
      rest: trading,
      universe,
      identity,
      isOurs,
      io,
      now,
      sink,
      concurrent,
      onReport: () => void this.#clock.look(),
      ...(extrasOf === undefined ? {} : { extrasOf }),
    })
    this.orders = new Orders({
      identity,
      universe,
      isOurs,
      now,
      sink,
      onTrouble: (why) => options.onTrouble?.(why),
    })
    const { symbols: names } = options
    this.#assets = new AssetWatch({
      io,
      history: this.history,
      venue: id,
      universe,
      symbols: names,
      sink,
    })
    this.#gap = new Gap({
      io,
      of: 'trade updates',
      hear: (data) => this.#apply(data),
      missed: (since) => this.#missed(since),
      tell: (type, why) => {
        if (type === 'venue.up') this.#standing = undefined
        this.#tell(type, why)
      },
      onTrouble: (why) => options.onTrouble?.(why),
    })
    this.#source =
      options.orderEvents ?? new TradingStream({ io, keys, url: hosts.orders, ...patience })
  }

  get account(): VenueAccount | undefined {
    return this.#account
  }

  get statistics(): VenueStatistics {
    const [trading, data] = [this.budgets.trading.stats(), this.budgets.data.stats()]
    return {
      requests: trading.granted + data.granted,
      saved: trading.saved + data.saved,
      limited: trading.limited + data.limited,
      gaps: this.feed.counts.gaps,
      gapBars: this.feed.counts.filled,
      ...(this.#clock.ms === undefined ? {} : { clockOffsetMs: this.#clock.ms }),
      budgets: [
        { name: 'trading', used: trading.used, limit: trading.limit, waiting: trading.waiting },
        { name: 'data', used: data.used, limit: data.limit, waiting: data.waiting },
      ],
    }
  }

  /** Orders of ours that may still be open, halts, the run and orders of others, before anything is sent. */
  adopt(
    orders: readonly Order[],
    halted: readonly SymbolId[] = [],
    run?: string,
    others: readonly string[] = [],
    heardAt?: Ms,
  ): void {
    this.#run = run
    this.#isNew = heardAt === undefined
    this.#identity.adopt(orders)
    this.broker.adopt(others)
    this.feed.adopt(halted)
  }

  /** Asks for coins alone, which are pairs such as BTC/USD: shares are all alike. */
  async instruments(): Promise<Result<readonly InstrumentSpec[]>> {
    const options = refusedOptions(this.#options.symbols)
    if (options !== undefined) return failed(options)
    const { symbols } = this.#options
    const coins = new Map<string, WireAsset>()
    for await (const [symbol, asset] of this.history.assetsOf(
      symbols.filter((one) => one.includes('/')),
    )) {
      if (!asset.ok) return asset
      coins.set(symbol, asset.value)
    }
    return ok(symbols.map((symbol) => specOf(symbol, coins.get(symbol), this.id)))
  }

  async open(
    sink: (input: Input) => void,
    columns?: RowSink,
  ): Promise<Result<readonly InstrumentSpec[]>> {
    const options = refusedOptions(this.#options.symbols)
    if (options !== undefined) return failed(options)
    this.#sink = sink
    this.feed.open(sink, columns)
    const account = await accountOf(this.#trading)
    if (!account.ok) return account
    const { value: parsed } = account
    const { isLive = false } = this.#options
    if (parsed.isPaper === isLive) {
      const [is, meant] = isLive ? ['paper', 'live'] : ['live', 'paper']
      return failed(fault('unauthorized', `this is a ${is} account, and a ${meant} one was meant`))
    }
    if (parsed.isBlocked)
      return failed(fault('unauthorized', `the account is ${parsed.status} and blocked`))
    const name = `alpaca account ${parsed.id} at ${this.#trading.baseUrl}`
    this.#account = { name, number: parsed.number }
    const specs: InstrumentSpec[] = []
    const barred: [string, Result<WireAsset>][] = []
    for await (const [symbol, asset] of this.history.assetsOf(this.#options.symbols)) {
      if (!this.#isNew && whyBarred(symbol, asset) !== undefined) {
        barred.push([symbol, asset])
        continue
      }
      if (!asset.ok) return asset
      if (!asset.value.isTradable)
        return failed(fault('bad-request', `${symbol} cannot be traded at alpaca`))
      specs.push(specOf(symbol, asset.value, this.id))
    }
    const trouble = this.#isClosed ? CLOSED : await this.#listen()
    if (trouble !== undefined) return failed(trouble)
    for (const [symbol, asset] of barred) {
      this.#assets.judge(symbol, asset)
      this.#options.onTrouble?.(`${symbol} takes no new risk: ${whyBarred(symbol, asset)}`)
    }
    this.#assets.start()
    return ok(specs)
  }

  /** Streams that are in safe mode try again: a person says so. Prices that were held back are believed. */
  clear(): void {
    this.feed.clear()
    this.#source.clear()
  }

  async close(): Promise<void> {
    this.#gap.close()
    this.#isClosed = true
    this.#onListening(CLOSED)
    this.#assets.close()
    this.broker.close()
    this.budgets.trading.close()
    this.budgets.data.close()
    await Promise.all([this.feed.close(), this.#source.close()])
  }

  /** Resolves when trade updates are listened to, or will never be. */
  #listen(): Promise<Fault | undefined> {
    return new Promise((resolve) => {
      this.#onListening = resolve
      this.#source.open({
        onUpdate: (data) => this.#gap.hear(data),
        onUp: (hasGap) => {
          resolve(undefined)
          this.#gap.up(hasGap)
        },
        onDown: (why) => this.#gap.down(why),
        onSafeMode: (why) => {
          const safe = `trade updates are in safe mode until a person clears it: ${why.message}`
          this.#gap.down(safe)
          this.#options.onTrouble?.(safe)
          resolve(why)
        },
      })
    })
  }

  #apply(data: unknown): void {
    const update = parseTradeUpdate(data)
    if (update !== undefined) this.orders.apply(update)
    else {
      this.orders.counts.malformed++
      const order = isObject(data) ? data['order'] : data
      const flaw = flawOf(order, ORDER_FIELDS)
      this.#options.onTrouble?.(`a trade update that cannot be read: order${flaw}`)
    }
  }

  /** Fills first, then how orders ended. */
  async #missed(since: Ms): Promise<Result<readonly (() => void)[]>> {
    // Asking notes what has ended, and may have to be done again: what had ended before was heard.
    this.#standing ??= this.#identity.standing
    const standing = this.#standing
    const raw = await this.broker.raw()
    if (!raw.ok) return raw
    const byVenue = new Map(raw.value.orders.map((order) => [order.venueId, order]))
    const missed = raw.value.orders.filter((order) => {
      const { updatedAt, status } = order
      const about = {
        id: this.#identity.idOf(order),
        isOpen: stateOf(status) === 'open',
        updatedAt,
      }
      return isMissed(about, standing, since)
    })
    const isWanted = new Set(missed.map(({ venueId }) => venueId))
    const facts: (() => void)[] = []
    for (const fill of raw.value.fills) {
      const order = byVenue.get(fill.order)
      if (order === undefined || (fill.ts < since && !isWanted.has(fill.order))) continue
      facts.push(() => this.orders.applyFill(fill, order))
    }
    for (const order of missed)
      facts.push(() => this.orders.apply({ event: eventOf(order), order }))
    return ok(facts)
  }

  #tell(type: 'venue.up' | 'venue.down', why?: string): void {
    this.#sink({
      type,
      at: this.#options.io.now(),
      venue: this.id,
      stream: 'orders',
      ...(why === undefined ? {} : { why }),
    })
  }
}

/** The event that would have told an order's present state. Fills are told by themselves. */
function eventOf(order: WireOrder): string {
  const state = stateOf(order.status)
  return state === 'open' || state === 'filled' ? 'new' : state
}

/** `AAPL260116C00250000`: an option has its name from what it is over, its day, call or put, and its strike. */
const OPTION = /^[A-Z]{1,6}\d{6}[CP]\d{8}$/

/** Options have streams, hours and a multiplier of their own, and here they would be taken for shares. */
function refusedOptions(symbols: readonly string[]): Fault | undefined {
  const options = symbols.filter((symbol) => OPTION.test(symbol))
  if (options.length === 0) return undefined
  return fault('unsupported', `${options.join(', ')}: options are not traded at alpaca here`)
}

/** Stocks in cents and whole shares; crypto by the increments that Alpaca tells. */
function specOf(symbol: string, asset: WireAsset | undefined, venue: VenueId): InstrumentSpec {
  const equity = equitySpec(symbol, venue)
  if (asset?.kind !== 'crypto') return equity
  return {
    ...equity,
    kind: 'crypto',
    calendar: '24/7',
    tickSize: asset.tickSize ?? 0.01,
    lotSize: asset.lotSize ?? 0.0001,
    minNotional: 10,
  }
}
