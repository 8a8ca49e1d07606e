// BybitVenue: market, accounts, quotas and faults of the local Bybit on one time line. Sockets are server.ts's.
import { unreachable } from '../../core/assert.ts'
import { venueId } from '../../core/brand.ts'
import type { Instrument } from '../../core/instrument.ts'
import { ms } from '../../core/time.ts'
import { Universe } from '../../core/universe.ts'
import type { Audit } from '../audit.ts'
import type { Broadcast, Told } from '../broadcast.ts'
import { Ids, idOf } from '../ids.ts'
import type { Nemesis, OneTime } from '../nemesis.ts'
import { Stage, type StageOptions, type Timers } from '../stage.ts'
import { Account } from './account.ts'
import { type Category, PRODUCTS, specIn } from './category.ts'
import { badParameter } from './codes.ts'
import { DeadMan, type Product } from './dead-man.ts'
import { type AccountEvent, isOpen } from './order.ts'
import { type Allowance, Quota } from './quota.ts'

export interface Key {
  readonly key: string
  readonly secret: string
}

export interface BybitOptions extends Omit<StageOptions, 'isAlwaysOpen' | 'halts'> {
  /** One account each. */
  readonly keys: readonly Key[]
  /** What the symbols of the tape are: perpetuals in USDT where not told. */
  readonly category?: Category
  /** False where the account may not have a dead man's switch, which is for institutions: true where not told. */
  readonly hasDeadMan?: boolean
  /** 100,000 where not given. */
  readonly cash?: number
  readonly seed?: number
  readonly limits?: Partial<VenueLimits>
}

/** Of an account and second, but for what is said otherwise. */
export interface VenueLimits {
  /** Orders that are placed, amended or canceled, each and in batches each. */
  readonly orders: number
  readonly cancelAll: number
  readonly reads: number
  /** Orders of one batch. */
  readonly batch: number
  readonly spotBatch: number
  /** Requests of everybody in five seconds. */
  readonly requests: number
}

const LIMITS: VenueLimits = {
  orders: 10,
  cancelAll: 10,
  reads: 50,
  batch: 20,
  spotBatch: 10,
  requests: 600,
}

const REQUESTS_MS = 5_000
/** So far ahead of the venue's clock no stamp may be. */
const EARLY_MS = 1_000

export class BybitVenue {
  readonly options: BybitOptions
  readonly category: Category
  readonly limits: VenueLimits
  /** At the venue's pace. */
  readonly timers: Timers
  readonly market: Broadcast
  readonly audit: Audit
  readonly nemesis: Nemesis
  readonly universe: Universe
  readonly ids: Ids
  readonly accounts: readonly Account[]
  readonly #stage: Stage
  readonly #quota = new Quota()
  readonly #toldListeners = new Set<(told: Told) => void>()
  readonly #moveListeners = new Set<(at: number) => void>()
  readonly #accountListeners = new Set<(account: Account, event: AccountEvent) => void>()
  readonly #oneTimeListeners = new Set<(fault: OneTime) => void>()
  #requestTimes: number[] = []

  constructor(options: BybitOptions) {
    const { keys, category = 'linear', seed = 1 } = options
    this.options = options
    this.category = category
    this.limits = { ...LIMITS, ...options.limits }
    this.#stage = new Stage(
      { ...options, isAlwaysOpen: true },
      {
        tell: (told) => this.#tell(told),
        move: (at) => {
          for (const account of this.accounts) {
            account.advance(at)
            if (account.deadMan.isDue(at)) account.cancelAll(at, 'CancelByDCP')
          }
          for (const listener of this.#moveListeners) listener(at)
        },
        strike: (fault) => this.#strike(fault),
      },
    )
    const { timers, market, audit, nemesis } = this.#stage
    this.timers = timers
    this.market = market
    this.audit = audit
    this.nemesis = nemesis
    this.universe = new Universe(market.specs.map((spec) => specIn(category, BYBIT, spec)))
    this.ids = new Ids(seed)
    this.accounts = keys.map(({ key }) => this.#account(key))
  }

  get isSpot(): boolean {
    return this.category === 'spot'
  }

  /** What the venue calls the category where it does not mean it. */
  get product(): Product {
    return PRODUCTS[this.category]
  }

  /** Venue time, in whole milliseconds. */
  now(): number {
    return this.#stage.now()
  }

  /** What the venue says that the time is: wrong by the skew of a fault. */
  shownNow(): number {
    return this.#stage.shownNow()
  }

  /** Whether it is not older than its window, and not ahead of our clock: where we are faster than the machine, by as much. */
  takesStamp(at: number, windowMs: number): boolean {
    const now = this.shownNow()
    return now - windowMs <= at && at < now + EARLY_MS * Math.max(1, this.options.speed)
  }

  open(): Promise<void> {
    return this.#stage.open()
  }

  close(): Promise<void> {
    return this.#stage.close()
  }

  /** Moves the venue's time on by hand. */
  advance(byMs: number): Promise<void> {
    return this.#stage.advance(byMs)
  }

  keyOf(key: string): Key | undefined {
    return this.options.keys.find((pair) => pair.key === key)
  }

  accountOf(key: string): Account | undefined {
    return this.accounts.find(({ name }) => name === key)
  }

  /** The number of an account, as its owner sees it. */
  userIdOf({ name }: Account): number {
    return Number.parseInt(idOf(name).slice(0, 7), 16)
  }

  /** Throws where the venue has nothing of a category. */
  mustServe(category: unknown): void {
    if (category !== this.category)
      throw badParameter(`params error: Category is invalid: ${String(category)}`)
  }

  /** Throws where the symbol is unknown. */
  instrumentOf(symbol: unknown): Instrument {
    const found = typeof symbol === 'string' ? this.universe.find(symbol) : undefined
    if (found === undefined) throw badParameter('params error: symbol invalid')
    return found
  }

  /** How much of what an account asks for may pass now. */
  allow(account: Account, endpoint: string, count: number): Allowance {
    const { orders, cancelAll, reads } = this.limits
    // A batch of options costs one: it is let through whole, or not at all.
    if (this.category === 'option' && endpoint.endsWith('-batch')) {
      const one = this.#quota.take(
        `${account.name} ${endpoint}`,
        { count: 1, limit: orders },
        this.#clockNow(),
      )
      return { ...one, granted: one.granted * count }
    }
    const isOrder = /^(?:create|amend|cancel)(?:-batch)?$/.test(endpoint)
    const all = this.category === 'option' ? 1 : cancelAll
    const plain = isOrder ? orders : endpoint === 'cancel-all' ? all : reads
    const limit = isOrder && this.isSpot && !endpoint.startsWith('amend') ? 2 * plain : plain
    return this.#quota.take(`${account.name} ${endpoint}`, { count, limit }, this.#clockNow())
  }

  /** Counts a request; false where there were too many from everybody. */
  mayAsk(): boolean {
    const now = this.#clockNow()
    this.#requestTimes = this.#requestTimes.filter((at) => at > now - REQUESTS_MS)
    if (this.#requestTimes.length >= this.limits.requests) return false
    this.#requestTimes.push(now)
    return true
  }

  onTold(listener: (told: Told) => void): void {
    this.#toldListeners.add(listener)
  }

  /** After each step of the market. */
  onMove(listener: (at: number) => void): void {
    this.#moveListeners.add(listener)
  }

  onAccount(listener: (account: Account, event: AccountEvent) => void): void {
    this.#accountListeners.add(listener)
  }

  onOneTime(listener: (fault: OneTime) => void): void {
    this.#oneTimeListeners.add(listener)
  }

  /** An order that lookups do not find yet. */
  isHidden(orderId: string): boolean {
    return this.#stage.isHidden(orderId)
  }

  hide(orderId: string): void {
    this.#stage.hide(orderId)
  }

  #clockNow(): number {
    return this.#stage.clockNow()
  }

  #tell(told: Told): void {
    for (const account of this.accounts) account.observe(told)
    for (const listener of this.#toldListeners) listener(told)
  }

  #strike(fault: OneTime): void {
    const [account] = this.accounts
    switch (fault.fault) {
      case 'print': {
        const { symbol, price, size } = fault
        this.market.print(symbol, price, size, (told) => this.#tell(told))
        return
      }
      case 'foreign': {
        const { symbol, side, qty } = fault
        const terms = { linkId: '', type: 'Market', tif: 'IOC', direction: 0 } as const
        const instrument = this.instrumentOf(symbol)
        const draft = { ...terms, instrument, side, qty, reduceOnly: false, positionIdx: 0 }
        account?.place(draft, ms(this.market.now))
        return
      }
      case 'revoke': {
        const order = account?.orders.findLast(
          (each) => isOpen(each) && each.instrument.symbol === fault.symbol,
        )
        if (order !== undefined) account?.cancel(order, ms(this.market.now), 'CancelByAdmin')
        return
      }
      case 'revoke-all':
        account?.cancelAll(ms(this.market.now), 'CancelByDCP')
        return
      case 'hedge':
        account?.hedged.add(fault.symbol)
        for (const listener of this.#oneTimeListeners) listener(fault)
        return
      case 'transfer':
        account?.transfer({ id: this.ids.next(), ts: this.market.now, amount: fault.amount })
        return
      case 'close':
      case 'cut-off':
      case 'restart':
        for (const listener of this.#oneTimeListeners) listener(fault)
        return
      case 'correct':
      case 'position':
      case 'execution':
      case 'bust':
      case 'charge':
      case 'replay':
        throw new Error(`the local Bybit has no fault ${fault.fault}`)
      default:
        unreachable(fault)
    }
  }

  #account(name: string): Account {
    const { universe, ids, category } = this
    return new Account({
      name,
      venue: BYBIT,
      universe,
      ids,
      category,
      deadMan: new DeadMan(this.product, this.options.hasDeadMan ?? true),
      cash: this.options.cash ?? 100_000,
      priceOf: (symbol) => this.market.price(symbol),
      rejection: () => this.nemesis.rejection(),
      onEvent: (account, event) => this.#heard(account, event),
    })
  }

  #heard(account: Account, event: AccountEvent): void {
    const { id, linkId, instrument, status, qty, filled } =
      event.type === 'order' ? event.order : event.execution.order
    this.audit.order({
      account: account.name,
      event: event.type,
      id,
      clientId: linkId,
      symbol: instrument.symbol,
      status,
      qty,
      filled,
    })
    for (const listener of this.#accountListeners) listener(account, event)
  }
}

const BYBIT = venueId('bybit')
