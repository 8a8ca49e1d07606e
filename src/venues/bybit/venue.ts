/*
 * Bybit V5 behind the venue port: one category of its products (category.ts), one way, of one unified account.
 *
 * `open` asks for the time, the key and the instruments first, so a wrong clock, wrong keys, keys that may only read, a
 * position of two sides and of a new run unknown symbols are found before anything connects. The private stream listens
 * before `open` resolves: an order that is sent earlier could lose its first events. Market data connect with the first
 * `subscribe`.
 */
import type { Ms, OrderId, SymbolId, VenueId } from '../../core/brand.ts'
import { venueId } from '../../core/brand.ts'
import { type Fault, fault } from '../../core/fault.ts'
import type { Input } from '../../core/input.ts'
import type { InstrumentSpec } from '../../core/instrument.ts'
import type { Bar, Trade } from '../../core/market.ts'
import { isOfRun, type Order } from '../../core/order.ts'
import { failed, ok, type Result } from '../../core/result.ts'
import { forEveryKind, type OrderTerms } from '../../core/terms.ts'
import type { Universe } from '../../core/universe.ts'
import type { Limits, Venue, VenueAccount, VenueStatistics } from '../../core/venue.ts'
import { Gap, isMissed } from '../../io/gap.ts'
import type { Io } from '../../io/io.ts'
import type { LivenessOptions } from '../../io/liveness.ts'
import type { TimedRequest } from '../../io/timed.ts'
import { decimalOf, isObject } from '../../io/json.ts'
import { BybitBroker } from './broker.ts'
import { type Category, type CategoryName, categoryOf } from './category.ts'
import { armDeadMan } from './dead-man.ts'
import { contractsOf, isGone } from './contracts.ts'
import { BybitFeed, LOOK_MS } from './feed.ts'
import { BybitHistory } from './history.ts'
import { Identity, isOwnId } from './identity.ts'
import { Kept } from './kept.ts'
import { OrderEntry } from './order-entry.ts'
import { Orders } from './orders.ts'
import { PrivateStream } from './private-stream.ts'
import { type Keys, Rest } from './rest.ts'
import { TradeStream } from './trade-stream.ts'
import {
  parseExecution,
  parseOrder,
  parsePosition,
  stateOf,
  type WireExecution,
  type WirePosition,
} from './wire.ts'

export interface BybitOptions {
  readonly io: Io
  readonly keys: Keys
  /** Symbols that are traded or watched, by Bybit's names: `BTCUSDT`. */
  readonly symbols: readonly string[]
  /** Symbol ids of the run. The runtime adds what `open` gives before it subscribes. */
  readonly universe: Universe
  readonly id?: VenueId
  /** Perpetuals in USDT, where not told otherwise. */
  readonly category?: CategoryName
  /** What is gained, lost and paid with; the usual coin of the category where not told. */
  readonly coin?: string
  /** The test network, where not told otherwise. */
  readonly environment?: Environment
  readonly hosts?: Partial<Hosts>
  readonly limits?: Partial<Limits>
  /** Orders of each kind in a second, by the level of the account: 10 where not told. */
  readonly ordersPerSecond?: number
  /** How orders leave: `rest`, or the trade socket, with REST where that is down. REST where not told. */
  readonly orderEntry?: 'rest' | 'socket'
  /** The venue cancels all orders when it has not heard of us for so long, in seconds: 3 to 300. Never where not told. */
  readonly deadManS?: number | undefined
  /** Told each request over the trade socket; those over http are timed below. */
  readonly onTimed?: ((request: TimedRequest) => void) | undefined
  /** What it has said of the symbols already, before it was opened: then `open` does not ask again. */
  readonly told?: readonly InstrumentSpec[]
  /** Told minutes while they form, and each trade: beside the inputs. */
  readonly onForming?: (bar: Bar) => void
  readonly onTrade?: (trade: Trade) => void
  /** Orders of others are not listened to: for a venue that is only watched. */
  readonly isWatchedOnly?: boolean
  /** How long streams wait for answers and data, and how old a stamp may be, where not as usual. */
  readonly patience?: {
    readonly answerMs?: number
    readonly recvWindowMs?: number
    readonly liveness?: LivenessOptions
  }
  /** What no input can say: the runtime should reconcile. */
  readonly onTrouble?: (why: string) => void
}

/** Money is real on `mainnet` only. */
export type Environment = 'mainnet' | 'testnet' | 'demo'

/** Base addresses, without a slash at the end. */
export interface Hosts {
  readonly rest: string
  /** The whole addresses of the streams. */
  readonly market: string
  readonly account: string
  /** Order entry; undefined where it is not offered. */
  readonly trade?: string
}

const ORDERS_PER_SECOND = 10

/** Of an account without a level, and but for options and spot; https://bybit-exchange.github.io/docs/v5/rate-limit (read 2026-11). */
export const bybitLimits = (
  ordersPerSecond = ORDERS_PER_SECOND,
  name: CategoryName = 'linear',
): Limits => ({
  subscribe: { batch: 10, everyMs: 100, total: 500 },
  orders: ordersOf(categoryOf(name), ordersPerSecond),
  history: { symbols: 1, rows: 1_000, perMinute: 600 },
  concurrent: 4,
  amend: true,
  terms: forEveryKind(termsOf(categoryOf(name))),
  // Lists "may have a delay" in volatile markets. What is looked up by id is there within seconds.
  visibilityMs: 30_000,
})

const EVERY_TIF = ['day', 'gtc', 'ioc', 'fok'] as const
const RESTING = ['day', 'gtc'] as const

/** A run trades one category, whatever its instruments are called. */
const termsOf = ({ hasStops, hasPositions }: Category): OrderTerms => ({
  takes: {
    market: ['day', 'gtc', 'ioc'],
    limit: EVERY_TIF,
    ...(hasStops ? { stop: RESTING, 'stop-limit': RESTING } : {}),
  },
  postOnly: true,
  shorts: hasPositions,
  fractions: true,
  // Take-profit and stop-loss of an order follow the position, not the order: they are no legs.
  brackets: hasStops ? 'emulated' : 'none',
  protectsParts: false,
  // An open sale locks the coins of spot.
  exitsBesideLegs: hasPositions,
  ...(hasPositions ? { reduceOnly: true } : {}),
  exits: 'two',
})

/** A batch of options costs one, so orders have no quota of their own. */
const ordersOf = ({ batch, costOf }: Category, perSecond: number): Limits['orders'] => ({
  batch,
  perSecond: costOf(batch) > 1 ? perSecond : perSecond * batch,
  ...(costOf(batch) > 1 ? { quota: perSecond } : {}),
  inFlight: 10,
})

const HOSTS: Readonly<Record<Environment, Hosts>> = {
  mainnet: {
    rest: 'https://api.bybit.com',
    market: 'wss://stream.bybit.com/v5/public',
    account: 'wss://stream.bybit.com/v5/private',
    trade: 'wss://stream.bybit.com/v5/trade',
  },
  testnet: {
    rest: 'https://api-testnet.bybit.com',
    market: 'wss://stream-testnet.bybit.com/v5/public',
    account: 'wss://stream-testnet.bybit.com/v5/private',
    trade: 'wss://stream-testnet.bybit.com/v5/trade',
  },
  demo: {
    rest: 'https://api-demo.bybit.com',
    market: 'wss://stream.bybit.com/v5/public',
    account: 'wss://stream-demo.bybit.com/v5/private',
  },
}

/** With the public stream of a category. */
export const hostsOf = (environment: Environment, name: CategoryName = 'linear'): Hosts => {
  const hosts = HOSTS[environment]
  return { ...hosts, market: `${hosts.market}/${name}` }
}

const CLOSED = fault('network', 'it was closed while it was opened')
const otherGrid = (symbol: string): Fault =>
  fault('unsupported', `${symbol} is traded again, on another grid: a new journal takes it`)

/** Topics of one request. */
const SPOT_TOPICS_MAX = 10

type Held = readonly [topic: 'order' | 'execution' | 'position', row: unknown]

export class BybitVenue implements Venue {
  readonly id: VenueId
  readonly limits: Limits
  readonly feed: BybitFeed
  /** Undefined where the category has no klines. */
  readonly history: BybitHistory | undefined
  readonly broker: BybitBroker
  readonly orders: Orders
  readonly rest: Rest
  readonly #options: BybitOptions
  readonly #identity = new Identity()
  readonly #category: Category
  readonly #stream: PrivateStream
  readonly #trade: TradeStream | undefined
  #sink: (input: Input) => void = () => {}
  #account: VenueAccount | undefined
  #isArmed = false
  readonly #gap: Gap<Held>
  #isNew = true
  #run: string | undefined
  #isClosed = false
  /** Symbols that are traded again, on another grid than that of the run. */
  readonly #changed = new Set<string>()
  #cancelLook: () => void = () => {}
  #onListening: (trouble: Fault | undefined) => void = () => {}

  constructor(options: BybitOptions) {
    this.#options = options
    const { io, keys, universe, id = BYBIT, environment = 'testnet' } = options
    const { ordersPerSecond = ORDERS_PER_SECOND, patience = {} } = options
    const name = options.category ?? 'linear'
    const category = categoryOf(name, options.coin)
    this.#category = category
    const hosts = { ...hostsOf(environment, name), ...options.hosts }
    this.id = id
    this.limits = { ...bybitLimits(ordersPerSecond, name), ...options.limits }
    const { subscribe, history, orders, concurrent } = this.limits
    const onTrouble = (why: string): void => options.onTrouble?.(why)
    const now = (): Ms => io.now()
    const sink = (input: Input): void => this.#sink(input)
    const isOurs = (order: OrderId): boolean =>
      this.#run === undefined ? isOwnId(order) : isOfRun(order, this.#run)
    const rest = new Rest({
      io,
      keys,
      baseUrl: hosts.rest,
      ordersPerSecond,
      onTrouble,
      recvWindowMs: patience.recvWindowMs,
    })
    this.rest = rest
    const klines = new BybitHistory({ rest, universe, category, rows: history.rows })
    this.history = category.hasKlines ? klines : undefined
    const { batch, everyMs, total } = subscribe
    const topics = name === 'spot' ? Math.min(batch, SPOT_TOPICS_MAX) : batch
    const stream = { url: hosts.market, batch: topics, everyMs, ...patience }
    this.feed = new BybitFeed({
      io,
      venue: id,
      universe,
      category,
      history: klines,
      stream,
      total,
      venueNow: () => rest.clock.now(),
      onTrouble,
      onForming: options.onForming,
      onTrade: options.onTrade,
    })
    this.#trade =
      options.orderEntry === 'socket' && hosts.trade !== undefined
        ? new TradeStream({
            io,
            url: hosts.trade,
            keys,
            now: () => rest.clock.now(),
            onTrouble,
            onTimed: options.onTimed,
            ...patience,
          })
        : undefined
    const identity = this.#identity
    const kept = new Kept()
    this.broker = new BybitBroker({
      rest,
      entry: new OrderEntry({ rest, trade: this.#trade }),
      universe,
      identity,
      kept,
      isOurs,
      io,
      now,
      batch: orders.batch,
      concurrent,
      category,
      onTrouble,
    })
    this.orders = new Orders({ identity, kept, universe, isOurs, now, sink, onTrouble })
    this.#gap = new Gap({
      io,
      of: "the account's events",
      hear: (each) => this.#apply(each),
      missed: (since) => this.#missed(since),
      tell: (type, why) => this.#tell(type, why),
      onTrouble,
    })
    this.#stream = new PrivateStream({
      io,
      url: hosts.account,
      keys,
      now: () => rest.clock.now(),
      ...(options.deadManS === undefined ? {} : { watched: [category.deadManTopic] }),
      events: {
        onRow: (topic, row) => this.#gap.hear([topic, row]),
        onUp: (hasGap) => this.#onUp(hasGap),
        onRefusal: () => void rest.sync(),
        onDown: (why) => this.#gap.down(why),
        onSafeMode: (why) => this.#onSafeMode(why),
      },
      ...patience,
    })
  }

  get account(): VenueAccount | undefined {
    return this.#account
  }

  get statistics(): VenueStatistics {
    const all = Object.entries(this.rest.budgets).map(([name, budget]) => ({
      name,
      ...budget.stats(),
    }))
    const sum = (count: (one: (typeof all)[number]) => number): number =>
      all.reduce((total, one) => total + count(one), 0)
    return {
      requests: sum(({ granted }) => granted),
      saved: sum(({ saved }) => saved),
      limited: sum(({ limited }) => limited),
      gaps: this.feed.counts.gaps,
      gapBars: this.feed.counts.filled,
      clockOffsetMs: this.rest.clock.offsetMs,
      budgets: all
        .filter(({ granted }) => granted > 0)
        .map(({ name, used, limit, waiting }) => ({ name, used, limit, waiting })),
    }
  }

  get deadMan(): string | undefined {
    const { deadManS } = this.#options
    if (deadManS === undefined) return undefined
    const state = this.#isArmed ? 'cancels all orders' : 'is not set yet to cancel all orders'
    return `bybit ${state} ${deadManS} s after it has heard the last of us`
  }

  /** Sets the dead man's switch: without it nothing is sent. */
  async begin(): Promise<Fault | undefined> {
    const { deadManS } = this.#options
    const fault =
      deadManS === undefined ? undefined : await armDeadMan(this.rest, this.#category, deadManS)
    this.#isArmed = deadManS !== undefined && fault === undefined
    return fault
  }

  /** Orders of ours that may still be open, and the run, before anything is sent. */
  adopt(
    orders: readonly Order[],
    _halted: readonly SymbolId[] = [],
    run?: string,
    _others: readonly string[] = [],
    heardAt?: Ms,
  ): void {
    this.#run = run
    this.#isNew = heardAt === undefined
    this.#identity.adopt(orders)
  }

  async open(sink: (input: Input) => void): Promise<Result<readonly InstrumentSpec[]>> {
    this.#sink = sink
    this.feed.open(sink)
    const synced = await this.rest.sync()
    if (!synced.ok) return synced
    const account = await this.#accountOf()
    if (!account.ok) return account
    this.#account = account.value
    const { told } = this.#options
    const specs = told === undefined ? await this.instruments() : ok(told)
    if (!specs.ok) return specs
    const positions = await this.#positions()
    if (!positions.ok) return positions
    const hedged = positions.value.find(({ index }) => index !== 0)
    if (hedged !== undefined)
      return failed(
        fault('unsupported', `the position in ${hedged.symbol} has two sides; set one-way mode`),
      )
    if (this.#options.isWatchedOnly === true) return specs
    const counted = await this.#recount()
    if (counted !== undefined) return failed(counted)
    if (this.#isClosed) return failed(CLOSED)
    const [trouble] = await Promise.all([this.#listen(), this.#trade?.open()])
    this.#lookLater()
    return trouble === undefined ? specs : failed(trouble)
  }

  /** Symbols that were not traded at the start come back: no stream tells it. */
  #lookLater(): void {
    if (this.#isClosed || this.#missing.length === 0) return
    this.#cancelLook = this.#options.io.after(LOOK_MS, () => void this.#look())
  }

  async #look(): Promise<void> {
    const { universe, onTrouble } = this.#options
    const of = { symbols: this.#missing, venue: this.id }
    const listed = await contractsOf(this.rest, this.#category, of)
    if (listed.ok)
      for (const [symbol, contract] of listed.value) {
        const spec = universe.find(symbol)?.spec
        if (this.#isClosed || !contract.ok || spec === undefined) continue
        const { lotSize, tickSize } = contract.value
        const isSame = spec.lotSize === lotSize && spec.tickSize === tickSize
        const added = isSame ? await this.feed.include(symbol) : failed(otherGrid(symbol))
        if (added.ok) continue
        if (!isSame) this.#changed.add(symbol)
        onTrouble?.(`${symbol} still takes no new risk: ${added.fault.message}`)
      }
    this.#lookLater()
  }

  get #missing(): readonly string[] {
    return this.feed.excluded.filter((symbol) => !this.#changed.has(symbol))
  }

  /** Streams that are in safe mode try again: a person says so. Prices that were held back are believed. */
  clear(): void {
    this.feed.clear()
    this.#stream.clear()
    this.#trade?.clear()
  }

  async close(): Promise<void> {
    this.#cancelLook()
    this.#gap.close()
    this.#isClosed = true
    this.#onListening(CLOSED)
    this.broker.close()
    this.rest.close()
    await this.#trade?.close()
    await Promise.all([this.feed.close(), this.#stream.close()])
    this.#sink = () => {}
  }

  async #accountOf(): Promise<Result<VenueAccount>> {
    const answer = await this.rest.get('/v5/user/query-api')
    if (!answer.ok) return answer
    const { userID, readOnly } = answer.value.result
    const number = decimalOf(userID)
    if (number === undefined)
      return failed(fault('corrupt-data', 'GET /v5/user/query-api: no userID'))
    if (readOnly === 1 && this.#options.isWatchedOnly !== true)
      return failed(fault('unauthorized', 'the key may only read'))
    return ok({ name: `bybit account ${number} at ${this.rest.baseUrl}`, number: String(number) })
  }

  /** A run that goes on does so without those that are not traded any more: they are halted. */
  async instruments(): Promise<Result<readonly InstrumentSpec[]>> {
    const of = { symbols: this.#options.symbols, venue: this.id }
    const listed = await contractsOf(this.rest, this.#category, of)
    if (!listed.ok) return listed
    const specs: InstrumentSpec[] = []
    for (const [symbol, contract] of listed.value) {
      if (contract.ok) specs.push(contract.value)
      else if (this.#isNew || !isGone(contract.fault)) return contract
      else this.feed.exclude(symbol, contract.fault.message)
    }
    return ok(specs)
  }

  #positions(): Promise<Result<readonly WirePosition[]>> {
    return this.#category.hasPositions ? this.broker.positions() : Promise.resolve(ok([]))
  }

  /** Of fees in coins: how many lots an execution makes complete depends on those before it, so they are counted first. */
  async #recount(): Promise<Fault | undefined> {
    const hasBegun = this.#identity.standing.open.size > 0
    if (this.#category.hasPositions || !hasBegun) return undefined
    const report = await this.broker.report()
    return report.ok ? undefined : report.fault
  }

  /** Resolves when the account is listened to, or will never be. */
  #listen(): Promise<Fault | undefined> {
    return new Promise((resolve) => {
      this.#onListening = resolve
      this.#stream.open()
    })
  }

  #onUp(hasGap: boolean): void {
    this.#onListening(undefined)
    this.#gap.up(hasGap)
  }

  #onSafeMode(why: Fault): void {
    const safe = `the private stream is in safe mode until a person clears it: ${why.message}`
    this.#gap.down(safe)
    this.#options.onTrouble?.(safe)
    this.#onListening(why)
  }

  #apply([topic, row]: Held): void {
    const read = (): boolean => {
      if (topic === 'order') return said(parseOrder(row), (order) => this.orders.apply(order))
      if (topic === 'execution')
        return said(parseExecution(row), (execution) => this.orders.applyExecution(execution))
      return said(parsePosition(row), (position) => this.orders.applyPosition(position))
    }
    const { name } = this.#category
    if (isObject(row) && typeof row['category'] === 'string' && row['category'] !== name) return
    if (read()) return
    this.orders.counts.malformed++
    const shown = (JSON.stringify(row) ?? 'nothing').slice(0, 200)
    this.#options.onTrouble?.(`an event of the account that cannot be read: ${topic} ${shown}`)
  }

  /** Whether positions have one side, how orders were changed, fills, then how orders are. */
  async #missed(since: Ms): Promise<Result<readonly (() => void)[]>> {
    const { standing } = this.#identity
    const raw = await this.broker.raw()
    if (!raw.ok) return raw
    const positions = await this.#positions()
    if (!positions.ok) return positions
    const isWanted = (execution: WireExecution): boolean => {
      const id = this.#identity.idOf(execution)
      return execution.ts >= since || (id !== undefined && standing.open.has(id))
    }
    const executions = raw.value.executions.filter((execution) => isWanted(execution))
    const orders = raw.value.orders.filter((order) => {
      const { updatedAt } = order
      const about = { id: this.#identity.idOf(order), isOpen: stateOf(order) === 'open', updatedAt }
      return isMissed(about, standing, since)
    })
    return ok([
      ...positions.value.map((position) => () => this.orders.applyPosition(position)),
      ...orders.map((order) => () => this.orders.applyChange(order)),
      ...executions
        .toSorted((a, b) => a.ts - b.ts)
        .map((execution) => () => this.orders.applyExecution(execution)),
      ...orders.map((order) => () => this.orders.apply(order)),
    ])
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

/** Hands on what could be read; false where nothing could. */
function said<T>(value: T | undefined, hear: (value: T) => void): boolean {
  if (value === undefined) return false
  hear(value)
  return true
}

export const BYBIT = venueId('bybit')
