// AlpacaVenue: market, accounts and faults of the local Alpaca on one time line. Sockets are server.ts's.
import { unreachable } from '../../core/assert.ts'
import { venueId } from '../../core/brand.ts'
import { type InstrumentSpec } from '../../core/instrument.ts'
import { ms } from '../../core/time.ts'
import { Universe } from '../../core/universe.ts'
import { Account } from './account.ts'
import type { Audit } from '../audit.ts'
import type { Broadcast, Told } from '../broadcast.ts'
import type { RuleOf } from '../fault-script.ts'
import { Hours } from './hours.ts'
import { Ids } from '../ids.ts'
import type { Nemesis, OneTime } from '../nemesis.ts'
import type { Past } from '../past.ts'
import type { Split } from '../splits.ts'
import { Stage, type StageOptions, type Timers } from '../stage.ts'
import { type AccountEvent, isOver, type VenueOrder } from './order.ts'
import { RateLimit } from './rate-limit.ts'

export interface Key {
  readonly key: string
  readonly secret: string
}

export type Plan = 'free' | 'plus'

export interface AlpacaOptions extends StageOptions {
  /** Years before tape and history, for requests about bars. */
  readonly past?: Past
  /** Of its symbols; those of the past come with it. */
  readonly splits?: readonly Split[]
  /** One account each. */
  readonly keys: readonly Key[]
  /** Accounts have the numbers of real money. */
  readonly isLive?: boolean
  /** 'plus' where not given. */
  readonly plan?: Plan
  /** 100,000 where not given. */
  readonly cash?: number
  /** Buying power per equity: 2 where not given. */
  readonly multiplier?: 1 | 2 | 4
  /** Fills take no more than the quotes show: false where not given, as paper accounts do. */
  readonly isSizeShown?: boolean
  readonly notTradable?: readonly string[]
  readonly seed?: number
  readonly limits?: Partial<VenueLimits>
}

export interface VenueLimits {
  readonly tradingPerMinute: number
  readonly dataPerMinute: number
  /** Symbols over trades and quotes of one connection. */
  readonly symbols: number
  /** Market-data connections per account and endpoint. */
  readonly connections: number
  readonly authMs: number
}

const PLAN_LIMITS: Readonly<Record<Plan, VenueLimits>> = {
  free: { tradingPerMinute: 200, dataPerMinute: 200, symbols: 30, connections: 1, authMs: 10_000 },
  plus: {
    tradingPerMinute: 200,
    dataPerMinute: 10_000,
    symbols: Infinity,
    connections: 1,
    authMs: 10_000,
  },
}

/** Of each trade of a coin, out of what is received; https://docs.alpaca.markets/docs/crypto-fees (read 2026-11). */
const COIN_FEE = 0.0025

export class AlpacaVenue {
  readonly options: AlpacaOptions
  /** At the venue's pace. */
  readonly timers: Timers
  readonly plan: Plan
  readonly limits: VenueLimits
  readonly market: Broadcast
  readonly universe: Universe
  readonly hours: Hours
  readonly ids: Ids
  readonly audit: Audit
  readonly nemesis: Nemesis
  readonly accounts: readonly Account[]
  readonly tradingRate: RateLimit
  readonly dataRate: RateLimit
  readonly multiplier: number
  readonly #toldListeners = new Set<(told: Told) => void>()
  readonly #orderListeners = new Set<(account: Account, event: AccountEvent) => void>()
  readonly #oneTimeListeners = new Set<(fault: OneTime) => void>()
  readonly #stage: Stage

  constructor(options: AlpacaOptions) {
    const { keys, plan = 'plus', seed = 1 } = options
    this.options = options
    this.#stage = new Stage(options, {
      tell: (told) => this.#tell(told),
      move: (at) => {
        for (const account of this.accounts) account.advance(at)
      },
      strike: (fault) => this.#strike(fault),
    })
    const { timers, market, audit, nemesis } = this.#stage
    this.timers = timers
    this.market = market
    this.audit = audit
    this.nemesis = nemesis
    this.plan = plan
    this.limits = { ...PLAN_LIMITS[plan], ...options.limits }
    this.multiplier = options.multiplier ?? 2
    this.universe = new Universe(this.market.specs.map(withFineGrid))
    this.hours = new Hours(options.isAlwaysOpen === true)
    this.ids = new Ids(seed)
    this.tradingRate = new RateLimit(this.limits.tradingPerMinute)
    this.dataRate = new RateLimit(this.limits.dataPerMinute)
    this.accounts = keys.map(({ key }) => this.#account(key))
  }

  /** All splits that are known at this time. */
  get splits(): readonly Split[] {
    const { past, splits = [] } = this.options
    const made = past?.options.symbols.flatMap((symbol) => past.splitOf(symbol) ?? []) ?? []
    return [...splits, ...made].filter(({ exAt }) => exAt <= this.shownNow())
  }

  splitsOf(symbol: string): readonly Split[] {
    const { past, splits = [] } = this.options
    const made = past?.splitOf(symbol)
    const all = [...splits.filter((one) => one.symbol === symbol), ...(made ? [made] : [])]
    return all.filter(({ exAt }) => exAt <= this.shownNow())
  }

  /** Venue time, in whole milliseconds. */
  now(): number {
    return this.#stage.now()
  }

  /** What the venue says that the time is: wrong by the skew of a fault. */
  shownNow(): number {
    return this.#stage.shownNow()
  }

  /** What request limits count by: it goes on where the market stands still between two steps by hand. */
  clockNow(): number {
    return this.#stage.clockNow()
  }

  accountOf(key: string | undefined, secret: string | undefined): Account | undefined {
    const i = this.options.keys.findIndex((pair) => pair.key === key && pair.secret === secret)
    return i < 0 ? undefined : this.accounts[i]
  }

  isTradable(symbol: string): boolean {
    return this.options.notTradable?.includes(symbol) !== true
  }

  onTold(listener: (told: Told) => void): void {
    this.#toldListeners.add(listener)
  }

  onOrder(listener: (account: Account, event: AccountEvent) => void): void {
    this.#orderListeners.add(listener)
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

  /** Reads the history, and follows the clock where there is a speed. */
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

  #tell(told: Told): void {
    for (const account of this.accounts) account.observe(told)
    for (const listener of this.#toldListeners) listener(told)
  }

  #strike(fault: OneTime): void {
    switch (fault.fault) {
      case 'correct': {
        const price = Number((this.market.price(fault.symbol) + fault.by).toFixed(4))
        this.market.correct(fault.symbol, price, (told) => this.#tell(told))
        return
      }
      case 'position': {
        const instrument = this.universe.find(fault.symbol)
        const price = this.market.price(fault.symbol)
        if (instrument !== undefined)
          for (const account of this.accounts) account.holdings.put(instrument, fault.qty, price)
        return
      }
      case 'foreign': {
        const instrument = this.universe.find(fault.symbol)
        if (instrument === undefined) return
        const { side, qty } = fault
        const terms = { type: 'market', tif: 'gtc', class: 'simple', legs: [] } as const
        const draft = {
          ...terms,
          clientId: this.ids.next(),
          instrument,
          side,
          qty,
          extendedHours: false,
        }
        this.accounts[0]?.place(draft, ms(this.market.now))
        return
      }
      case 'print': {
        const { symbol, price, size } = fault
        this.market.print(symbol, price, size, (told) => this.#tell(told))
        return
      }
      case 'execution':
      case 'bust':
      case 'revoke': {
        const [account] = this.accounts
        const order = account?.orders.findLast((each) => isMeant(fault, each))
        if (account === undefined || order === undefined) return
        const at = ms(this.market.now)
        const { price = this.market.price(fault.symbol) } = fault.fault === 'execution' ? fault : {}
        if (fault.fault === 'execution') account.execute(order, { qty: fault.qty, price }, at)
        else if (fault.fault === 'bust') account.bust(order, at)
        else account.revoke(order, at)
        return
      }
      case 'charge':
        this.accounts[0]?.holdings.charge(fault.amount)
        return
      case 'transfer': {
        const { amount, kind = amount < 0 ? 'CSW' : 'CSD' } = fault
        const transfer = { id: this.ids.next(), ts: this.market.now, amount, kind }
        this.accounts[0]?.holdings.transfer(transfer)
        return
      }
      case 'close':
      case 'cut-off':
      case 'replay':
        for (const listener of this.#oneTimeListeners) listener(fault)
        return
      case 'revoke-all':
      case 'hedge':
      case 'restart':
        throw new Error(`the local Alpaca has no fault ${fault.fault}`)
      default:
        unreachable(fault)
    }
  }

  #account(name: string): Account {
    const { universe, hours, ids, multiplier } = this
    const { cash = 100_000, isSizeShown = false } = this.options
    return new Account({
      name,
      venue: venueId('alpaca'),
      universe,
      hours,
      ids,
      cash,
      multiplier,
      isSizeShown,
      coinFee: COIN_FEE,
      priceOf: (symbol) => this.market.price(symbol),
      lateness: () => this.nemesis.lateness(),
      onEvent: (account, event) => this.#heard(account, event),
    })
  }

  #heard(account: Account, event: AccountEvent): void {
    const { order, type } = event
    const { id, clientId, status, qty, filled, instrument } = order
    const { symbol } = instrument
    this.audit.order({
      account: account.name,
      event: type,
      id,
      clientId,
      symbol,
      status,
      qty,
      filled,
    })
    for (const listener of this.#orderListeners) listener(account, event)
  }
}

/** Is this an order that a fault of orders is about? */
function isMeant(fault: RuleOf<'execution' | 'bust' | 'revoke'>, order: VenueOrder): boolean {
  if (order.instrument.symbol !== fault.symbol) return false
  if (fault.type !== undefined && order.type !== fault.type) return false
  if (fault.side !== undefined && order.side !== fault.side) return false
  if (fault.fault === 'revoke') return !isOver(order)
  return fault.fault === 'execution' || order.filled > 0
}

/** Alpaca's grid: nine decimals of a share or a coin; prices are checked by the rule of the penny instead. */
function withFineGrid(spec: InstrumentSpec): InstrumentSpec {
  const isCrypto = spec.kind === 'crypto'
  const venue = venueId('alpaca')
  return { ...spec, venue, tickSize: isCrypto ? 1e-9 : 1e-4, lotSize: 1e-9, calendar: '24/7' }
}
