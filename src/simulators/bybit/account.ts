/*
 * Account: the orders, executions, positions and money of one account of the local Bybit.
 *
 * Matching, post-only, reduce-only, triggers and amends are SimExchange's; here is what Bybit makes of them: what a
 * request is refused for at once, and what is only told afterwards. An answer means that a request was taken for
 * processing. A post-only order that would take is taken, and then told as canceled.
 */
import { unreachable } from '../../core/assert.ts'
import { type OrderId, orderId, type Ms, type Px, type VenueId } from '../../core/brand.ts'
import type { Command } from '../../core/command.ts'
import type { Input, OrderFact } from '../../core/input.ts'
import type { Instrument } from '../../core/instrument.ts'
import { money } from '../../core/instrument.ts'
import { type Order, type Side, sign } from '../../core/order.ts'
import { applyFill, FLAT, openProfit, type Position, realisedProfit } from '../../core/position.ts'
import { ms } from '../../core/time.ts'
import type { Universe } from '../../core/universe.ts'
import { SimExchange } from '../../venues/sim/index.ts'
import type { Told } from '../broadcast.ts'
import type { Transfer } from '../transfer.ts'
import type { Ids } from '../ids.ts'
import { OrderList } from '../order-list.ts'
import type { Category } from './category.ts'
import { type BybitError, refused } from './codes.ts'
import type { DeadMan } from './dead-man.ts'
import {
  type AccountEvent,
  type BybitOrder,
  type Draft,
  type Execution,
  isOpen,
  leavesOf,
} from './order.ts'

/** Open orders of one symbol. */
const ACTIVE_MAX = 500
/** What an order or a position of derivatives takes of the money: a tenth of its value. */
const LEVERAGE = 10
const FEES = { type: 'fraction', maker: 0.0002, taker: 0.00055 } as const

export interface AccountOptions {
  readonly name: string
  readonly venue: VenueId
  readonly universe: Universe
  readonly ids: Ids
  readonly cash: number
  readonly category: Category
  readonly deadMan: DeadMan
  readonly priceOf: (symbol: string) => number
  /** The reason why an order that was taken is rejected afterwards: undefined but for faults. */
  readonly rejection: (order: BybitOrder) => string | undefined
  readonly onEvent: (account: Account, event: AccountEvent) => void
}

export interface Changes {
  readonly qty?: number
  readonly price?: number
  readonly trigger?: number
}

interface Terms {
  readonly qty: number
  readonly price: number | undefined
  readonly trigger: number | undefined
}

/** What an order is to be once the amends that were taken are done, and how many of them are not. */
interface Asked {
  readonly terms: Terms
  readonly underWay: number
}

export class Account {
  readonly name: string
  readonly deadMan: DeadMan
  /** Symbols whose positions have two sides, by somebody's hand. */
  readonly hedged = new Set<string>()
  readonly #options: AccountOptions
  readonly #exchange: SimExchange
  readonly #orders = new OrderList<BybitOrder, Execution>({
    clientIdOf: ({ linkId }) => linkId,
    isDone: (order) => !isOpen(order),
  })
  /** Open orders. */
  readonly #byMatcher = new Map<OrderId, BybitOrder>()
  readonly #asked = new Map<BybitOrder, Asked>()
  /** Open orders of each symbol, and the money that each open order binds. */
  readonly #active = new Map<Instrument, number>()
  readonly #margins = new Map<BybitOrder, number>()
  #marginOfOrders = 0
  readonly transfers: Transfer[] = []
  readonly #positions = new Map<string, Position>()
  /** Of spot: what is there of each symbol's coin, to the last digit. */
  readonly #coins = new Map<string, number>()
  #cash: number
  #sent = 0
  #seq = 0

  constructor(options: AccountOptions) {
    const { name, venue, universe, cash, deadMan } = options
    this.name = name
    this.deadMan = deadMan
    this.#options = options
    this.#cash = cash
    const latency = { entryMs: 1, responseMs: 1 }
    const terms = { participation: 1, latency, fees: FEES, queue: 'volume', batch: 1 } as const
    this.#exchange = new SimExchange(universe, { venue, cash, ...terms })
  }

  /** Money that its owner brings, or takes where it is below zero. */
  transfer(transfer: Transfer): void {
    this.#cash = money(this.#cash + transfer.amount)
    this.transfers.push(transfer)
  }

  get instruments(): readonly Instrument[] {
    return this.#options.universe.all
  }

  /** What it is counted in. */
  get coin(): string {
    const [first] = this.#options.universe.all
    return first?.spec.currency ?? 'USDT'
  }

  /** What one of its coin is worth in dollars. */
  get dollars(): number {
    const [first] = this.#options.universe.all
    return first?.isInverse === true ? this.#priceOf(first, 0) : 1
  }

  get isSpot(): boolean {
    return this.#options.category === 'spot'
  }

  get orders(): readonly BybitOrder[] {
    return this.#orders.all
  }

  get open(): ReadonlySet<BybitOrder> {
    return this.#orders.open
  }

  get executions(): readonly Execution[] {
    return this.#orders.executions
  }

  /** By the venue's id where it is given, else by the client's. */
  find(about: { readonly id?: string; readonly linkId?: string }): BybitOrder | undefined {
    return about.id === undefined
      ? this.#orders.findByClientId(about.linkId ?? '')
      : this.#orders.find(about.id)
  }

  /** Coins of a symbol: all of them, what they are worth, and what open sales lock. */
  coinsOf(instrument: Instrument) {
    const balance = this.#coins.get(instrument.symbol) ?? 0
    const sales = [...this.open].filter(
      (each) => each.instrument === instrument && each.side === 'sell',
    )
    const locked = sales.reduce((sum, each) => sum + leavesOf(each), 0)
    return { balance, locked, value: money(balance * this.#priceOf(instrument, 0)) }
  }

  positionOf(symbol: string): Position {
    return this.#positions.get(symbol) ?? FLAT
  }

  /** Cash, and what it is worth with what is held; `free` is not bound by positions and orders. */
  balance(): { readonly cash: number; readonly equity: number; readonly free: number } {
    const { universe } = this.#options
    let [paid, profit, bound] = [0, 0, 0]
    for (const [symbol, position] of this.#positions) {
      const instrument = universe.find(symbol)
      if (instrument === undefined || position.qty === 0) continue
      const price = this.#priceOf(instrument, position.avgPrice)
      if (this.isSpot) {
        paid += this.coinsOf(instrument).value
        continue
      }
      const value = instrument.notional(position.qty, price)
      if (instrument.isMargined) profit += openProfit(position, price, instrument)
      else paid += Math.sign(position.qty) * value
      if (instrument.isMargined) bound += value / LEVERAGE
      // What was sold and is not there may have to be bought back.
      else if (position.qty < 0) bound += 2 * value
    }
    bound += this.#marginOfOrders
    const equity = money(this.#cash + paid + profit)
    return { cash: this.#cash, equity, free: money(this.#cash + profit) - bound }
  }

  /** Takes an order for processing. Throws what it is refused for at once. */
  place(draft: Draft, at: Ms): BybitOrder {
    const refusal = this.#refusal(draft)
    if (refusal !== undefined) throw refusal
    const matcherId = orderId(`m${++this.#sent}`)
    const id = this.#options.ids.next()
    const order: BybitOrder = {
      ...draft,
      id,
      matcherId,
      createdAt: at,
      status: draft.trigger === undefined ? 'New' : 'Untriggered',
      filled: 0,
      value: 0,
      fee: 0,
      cancelType: 'UNKNOWN',
      rejectReason: 'EC_NoError',
      updatedAt: at,
    }
    this.#orders.add(order)
    this.#active.set(order.instrument, this.#activeIn(order.instrument) + 1)
    this.#bind(order)
    const rejection = this.#options.rejection(order)
    if (rejection !== undefined) {
      order.rejectReason = rejection
      this.#end(order, 'Rejected', at + 1)
      return order
    }
    this.#byMatcher.set(matcherId, order)
    this.#command({ type: 'submit', order: sentOf(order, at) }, at)
    return order
  }

  /**
   * Takes an amend for processing. Throws what it is refused for at once. An order is what the amends before it make of
   * it, done or not: an amend that takes back one that was taken a moment ago changes something.
   */
  amend(order: BybitOrder, changes: Changes, at: Ms): void {
    const { instrument } = order
    const before = this.#asked.get(order)
    const terms = before?.terms ?? { qty: order.qty, price: order.price, trigger: order.trigger }
    const { qty = terms.qty, price = terms.price, trigger = terms.trigger } = changes
    this.#mustBeOpen(order)
    const isSame = qty === terms.qty && price === terms.price && trigger === terms.trigger
    if (isSame) throw this.#refused('unchanged')
    const asked = { ...order, qty, ...(price && { price }), ...(trigger && { trigger }) }
    const isMoved = trigger !== terms.trigger
    const refusal = this.#termsRefusal(asked) ?? (isMoved ? this.#triggerRefusal(asked) : undefined)
    if (refusal !== undefined) throw refusal
    this.#command(
      {
        type: 'amend',
        id: order.matcherId,
        symbol: instrument.id,
        ...(qty === terms.qty ? {} : { qty: instrument.qty(qty) }),
        ...(price === undefined || price === terms.price ? {} : { limit: instrument.px(price) }),
        ...(trigger === undefined || trigger === terms.trigger
          ? {}
          : { stop: instrument.px(trigger) }),
      },
      at,
    )
    this.#asked.set(order, {
      terms: { qty, price, trigger },
      underWay: (before?.underWay ?? 0) + 1,
    })
  }

  /** Takes a cancel for processing. Throws where there is nothing to cancel. */
  cancel(order: BybitOrder, at: Ms, cancelType = 'CancelByUser'): void {
    this.#mustBeOpen(order)
    order.cancelType = cancelType
    this.#command({ type: 'cancel', id: order.matcherId, symbol: order.instrument.id }, at)
  }

  /** Takes cancels of all that is open. */
  cancelAll(at: Ms, cancelType: string): void {
    for (const order of Array.from(this.open)) this.cancel(order, at, cancelType)
  }

  /** Told each print of the market before anybody hears of it. */
  observe(told: Told): void {
    if (told.type !== 'trade' && told.type !== 'quote') return
    const instrument = this.#options.universe.find(told.symbol)
    if (instrument === undefined) return
    const at = ms(told.ts)
    // What arrives within the millisecond of a print comes after it.
    this.advance(ms(at - 1))
    const symbol = instrument.id
    if (told.type === 'trade') {
      const { price, size } = told
      this.#exchange.observe({ type: 'trade', at, trade: { symbol, ts: at, price, size } })
    } else {
      const { bid, bidSize, ask, askSize } = told
      const quote = { symbol, ts: at, bid, bidSize, ask, askSize }
      this.#exchange.observe({ type: 'quote', at, quote })
    }
  }

  /** Does all that is due by `at`. */
  advance(at: Ms): void {
    for (let next = this.#exchange.nextAt(); next <= at; next = this.#exchange.nextAt()) {
      for (const input of this.#exchange.take(ms(next))) this.#hear(input, next)
    }
  }

  #hear(input: Input, at: number): void {
    if (!('id' in input)) return
    const order = this.#byMatcher.get(input.id)
    if (order !== undefined) this.#follow(order, input, at)
  }

  #follow(order: BybitOrder, fact: OrderFact, at: number): void {
    switch (fact.type) {
      case 'order.accepted':
        this.#tell(order, at)
        return
      case 'order.filled':
        this.#fill(order, fact, at)
        return
      case 'order.canceled':
      case 'order.expired': {
        const isPart = this.isSpot && order.filled > 0
        if (order.cancelType === 'UNKNOWN' && order.tif !== 'GTC')
          order.rejectReason = 'EC_NoImmediateQtyToFill'
        this.#end(order, isPart ? 'PartiallyFilledCanceled' : 'Cancelled', at)
        return
      }
      case 'order.rejected':
        order.rejectReason =
          order.tif === 'PostOnly' ? 'EC_PostOnlyWillTakeLiquidity' : 'EC_NoEnoughQtyToFill'
        this.#end(order, order.tif === 'PostOnly' ? 'Cancelled' : 'Rejected', at)
        return
      case 'order.amended':
        if (fact.qty !== undefined) order.qty = fact.qty
        if (fact.limit !== undefined) order.price = fact.limit
        if (fact.stop !== undefined) order.trigger = fact.stop
        this.#amended(order)
        this.#bind(order)
        this.#tell(order, at)
        return
      // What came too late: the venue has answered, and tells no more of it.
      case 'cancel.rejected':
        this.#amended(order)
        return
      case 'order.absent':
      case 'order.busted':
        return
      default:
        unreachable(fact)
    }
  }

  /** One of its amends is over. A cancel that is refused finds no order to amend either. */
  #amended(order: BybitOrder): void {
    const asked = this.#asked.get(order)
    if (asked === undefined) return
    if (asked.underWay > 1) this.#asked.set(order, { ...asked, underWay: asked.underWay - 1 })
    else this.#asked.delete(order)
  }

  #fill(order: BybitOrder, fill: Extract<OrderFact, { type: 'order.filled' }>, at: number): void {
    const { instrument, side } = order
    const { symbol } = instrument
    const { qty, price, fee, ts } = fill
    const before = this.positionOf(symbol)
    const signed = { signedQty: sign(side) * qty, price, fee }
    const after = applyFill(before, signed, instrument)
    this.#positions.set(symbol, after)
    // A purchase in spot pays its fee in what was bought.
    const isInCoins = this.isSpot && side === 'buy'
    const charged = isInCoins ? Number((fee / price).toFixed(9)) : fee
    const coins = signed.signedQty - (isInCoins ? charged : 0)
    this.#coins.set(symbol, Number(((this.#coins.get(symbol) ?? 0) + coins).toFixed(9)))
    const moved = instrument.isMargined
      ? realisedProfit(after) - realisedProfit(before)
      : -signed.signedQty * price
    this.#cash = money(this.#cash + moved - (isInCoins ? 0 : fee))
    order.filled = instrument.qty(order.filled + qty)
    order.value = money(order.value + instrument.notional(qty, price))
    order.fee = Number((order.fee + charged).toFixed(9))
    order.updatedAt = at
    const isFull = order.filled >= order.qty
    order.status = isFull ? 'Filled' : 'PartiallyFilled'
    const reducible = Math.max(0, -sign(side) * before.qty)
    const execution: Execution = {
      id: this.#options.ids.next(),
      order,
      price,
      qty,
      fee: charged,
      ts,
      leaves: leavesOf(order),
      closed: instrument.qty(Math.min(reducible, qty)),
      isMaker: fee <= instrument.notional(qty, price) * FEES.maker * 1.01 + 1e-9,
      seq: ++this.#seq,
    }
    this.#orders.addExecution(execution)
    this.#options.onEvent(this, { type: 'execution', at, execution })
    if (isFull) this.#close(order)
    else this.#bind(order)
    this.#tell(order, at)
  }

  #end(order: BybitOrder, status: BybitOrder['status'], at: number): void {
    order.status = status
    this.#close(order)
    this.#tell(order, at)
  }

  #activeIn(instrument: Instrument): number {
    return this.#active.get(instrument) ?? 0
  }

  /** What the order binds is counted as it is now. */
  #bind(order: BybitOrder): void {
    const margin = this.#marginOf(order, leavesOf(order))
    this.#marginOfOrders = money(this.#marginOfOrders + margin - (this.#margins.get(order) ?? 0))
    this.#margins.set(order, margin)
  }

  #close(order: BybitOrder): void {
    if (!this.#orders.close(order)) return
    this.#byMatcher.delete(order.matcherId)
    this.#asked.delete(order)
    this.#active.set(order.instrument, this.#activeIn(order.instrument) - 1)
    this.#marginOfOrders = money(this.#marginOfOrders - (this.#margins.get(order) ?? 0))
    this.#margins.delete(order)
  }

  #tell(order: BybitOrder, at: number): void {
    order.updatedAt = at
    this.#options.onEvent(this, { type: 'order', at, order })
  }

  #command(command: Command, at: Ms): void {
    const { venue } = this.#options
    this.#exchange.execute({ venue, kind: command.type, commands: [command] }, at)
  }

  #mustBeOpen(order: BybitOrder): void {
    if (isOpen(order)) return
    throw this.#refused(order.status === 'Filled' ? 'filled' : 'canceled')
  }

  #refusal(draft: Draft): BybitError | undefined {
    const { instrument, linkId, side, qty, reduceOnly } = draft
    const { symbol } = instrument
    if (linkId !== '' && this.#orders.findByClientId(linkId) !== undefined)
      return this.#refused('duplicate')
    if ((draft.positionIdx !== 0) !== this.hedged.has(symbol)) return this.#refused('mode')
    const terms = this.#termsRefusal(draft) ?? this.#triggerRefusal(draft)
    if (terms !== undefined) return terms
    const held = this.positionOf(symbol).qty * -sign(side)
    if (reduceOnly && held <= 0 && draft.trigger === undefined) return this.#refused('reduce')
    if (this.isSpot && side === 'sell') {
      const { balance, locked } = this.coinsOf(instrument)
      if (qty > balance - locked) return this.#refused('balance')
    }
    if (this.#activeIn(instrument) >= ACTIVE_MAX) return this.#refused('cap')
    const opening = reduceOnly ? 0 : Math.max(0, qty - Math.max(0, held))
    const needed = this.#marginOf(draft, opening)
    return needed > this.balance().free ? this.#refused('balance') : undefined
  }

  #termsRefusal(draft: Pick<Draft, 'instrument' | 'qty' | 'price' | 'trigger' | 'reduceOnly'>) {
    const { instrument, qty, price, trigger, reduceOnly } = draft
    for (const each of [price, trigger])
      if (each !== undefined && !(each > 0 && instrument.isOnPriceGrid(each)))
        return this.#refused('price')
    if (!(qty > 0) || !instrument.isOnSizeGrid(qty)) return this.#refused('quantity')
    // Before the first print nobody knows what a market order is worth.
    const worth = instrument.notional(qty, price ?? trigger ?? this.#priceOf(instrument, Infinity))
    const isTooSmall = !reduceOnly && worth < instrument.spec.minNotional
    return isTooSmall ? this.#refused('notional') : undefined
  }

  /** A price that is on its side already would trigger at once: it is refused. */
  #triggerRefusal({ instrument, trigger, direction }: Draft): BybitError | undefined {
    const price = this.#options.priceOf(instrument.symbol)
    if (trigger === undefined || Number.isNaN(price)) return undefined
    if (direction === 1 && trigger <= price) return this.#refused('rising')
    return direction === 2 && trigger >= price ? this.#refused('falling') : undefined
  }

  /** Money that an order binds. */
  #marginOf(order: Pick<Draft, 'instrument' | 'price' | 'trigger' | 'side'>, qty: number): number {
    const { instrument, side, price, trigger } = order
    if (this.isSpot && side === 'sell') return 0
    const at = price ?? trigger ?? this.#options.priceOf(instrument.symbol)
    // Before the first print nobody knows what it takes.
    if (Number.isNaN(at)) return 0
    const worth = instrument.notional(qty, at)
    return instrument.isMargined ? worth / LEVERAGE : worth
  }

  #priceOf(instrument: Instrument, otherwise: number): number {
    const price = this.#options.priceOf(instrument.symbol)
    return Number.isNaN(price) ? otherwise : price
  }

  #refused(fact: Parameters<typeof refused>[0]): BybitError {
    return refused(fact, this.isSpot)
  }
}

/** The order as the matcher takes it. */
function sentOf(order: BybitOrder, at: Ms): Order {
  const { instrument, side, tif, price, trigger, matcherId } = order
  const limit: Px | undefined = price === undefined ? undefined : instrument.px(price)
  const isStop = trigger !== undefined
  const kind =
    order.type === 'Limit' ? (isStop ? 'stop-limit' : 'limit') : isStop ? 'stop' : 'market'
  return {
    id: matcherId,
    strategy: 'wire',
    symbol: instrument.id,
    side: side satisfies Side,
    type: kind,
    qty: instrument.qty(order.qty),
    ...(limit === undefined ? {} : { limit }),
    ...(isStop ? { stop: instrument.px(trigger) } : {}),
    // A market order takes what is shown, quote after quote, until it is filled.
    tif: tif === 'FOK' ? 'fok' : tif === 'IOC' && kind === 'limit' ? 'ioc' : 'gtc',
    ...(tif === 'PostOnly' ? { postOnly: true } : {}),
    ...(order.reduceOnly ? { reduceOnly: true } : {}),
    phase: 'sent',
    filled: instrument.qty(0),
    avgPrice: 0,
    createdAt: at,
    updatedAt: at,
  }
}
