/*
 * Account: the orders, fills, positions and money of one account of a simulated venue. Matching is SimExchange's; what
 * is here is what brokers add to it:
 *
 *   held      a leg waits for its parent
 *   desk      waits at the broker: for its session, or for a trade to touch its stop
 *   matcher   works as market or limit order at the exchange
 *   over      filled, canceled, expired, replaced or rejected
 *
 * A stop reaches the matcher when a trade touches it. Of the two exits of a bracket or an OCO only the target is at
 * the matcher; when the stop is touched, the target is called back first, and the stop leaves for what is left. So
 * both can never fill for more than the position. Legs work when their parent is completely filled; canceling one
 * order of a family cancels it all. A replacement is a new order: the old one is called back, its fills stay with it,
 * and the new one leaves for the quantity that it states (or for what was left).
 */
import { assert, unreachable } from '../core/assert.ts'
import { type Ms, orderId, type VenueId } from '../core/brand.ts'
import type { Command } from '../core/command.ts'
import type { Input } from '../core/input.ts'
import type { Instrument } from '../core/instrument.ts'
import type { Order, Side } from '../core/order.ts'
import type { Position } from '../core/position.ts'
import { ms } from '../core/time.ts'
import type { Universe } from '../core/universe.ts'
import { SimExchange } from '../venues/sim/index.ts'
import type { Told } from './broadcast.ts'
import { Holdings, heldForOrders } from './holdings.ts'
import type { Hours } from './hours.ts'
import type { Ids } from './ids.ts'
import * as lives from './venue-order.ts'
import type { AccountEvent, AccountEventType, Changes, Draft, Execution } from './venue-order.ts'
import { isOver, leftOf, type VenueOrder } from './venue-order.ts'

/** Finished orders and executions that are kept; the older half is forgotten. */
export const KEPT_MAX = 50_000

export interface AccountOptions {
  readonly name: string
  readonly venue: VenueId
  readonly universe: Universe
  readonly hours: Hours
  readonly ids: Ids
  readonly cash: number
  readonly multiplier: number
  /** Fills take no more than the quotes show; otherwise they take all, as paper accounts do. */
  readonly isSizeShown: boolean
  /** What a trade of coins costs, as a fraction, taken out of what is received: coins or money. 0 where not given. */
  readonly coinFee?: number
  readonly priceOf: (symbol: string) => number
  /** Milliseconds by which an execution is told late: 0 but for faults. */
  readonly lateness?: (order: VenueOrder) => number
  readonly onEvent: (account: Account, event: AccountEvent) => void
}

export type Refusal =
  | { readonly type: 'duplicate-id' }
  | { readonly type: 'buying-power'; readonly needed: number; readonly available: number }
  | {
      readonly type: 'quantity'
      readonly requested: number
      readonly available: number
      readonly existing: number
      readonly held: number
      readonly related: readonly string[]
    }
  | { readonly type: 'fractional-short' }
  | { readonly type: 'wash'; readonly existing: string }

export type Placed =
  | { readonly ok: true; readonly order: VenueOrder }
  | { readonly ok: false; readonly refusal: Refusal }

interface Due {
  readonly at: number
  readonly run: (at: number) => void
}

/** Size of prints and quotes where they limit nothing: more than any order has. */
const UNLIMITED = 5e6

export class Account {
  readonly name: string
  readonly holdings: Holdings
  readonly #options: AccountOptions
  readonly #exchange: SimExchange
  readonly #orders: VenueOrder[] = []
  readonly #byId = new Map<string, VenueOrder>()
  readonly #byClientId = new Map<string, VenueOrder>()
  readonly #open = new Set<VenueOrder>()
  readonly #atMatcher = new Map<string, VenueOrder>()
  readonly #executions: Execution[] = []
  readonly #due: Due[] = []
  #lateFills = 0
  #isForced = false
  #sent = 0
  #nextReview = Infinity

  constructor(options: AccountOptions) {
    const { name, venue, universe, cash, multiplier, priceOf } = options
    this.name = name
    this.#options = options
    this.holdings = new Holdings(cash, multiplier, priceOf)
    const latency = { entryMs: 1, responseMs: 1 }
    this.#exchange = new SimExchange(universe, { venue, cash, participation: 1, latency })
  }

  get orders(): readonly VenueOrder[] {
    return this.#orders
  }

  get open(): ReadonlySet<VenueOrder> {
    return this.#open
  }

  get executions(): readonly Execution[] {
    return this.#executions
  }

  find(id: string): VenueOrder | undefined {
    return this.#byId.get(id)
  }

  findByClientId(id: string): VenueOrder | undefined {
    return this.#byClientId.get(id)
  }

  /** What of a position no open order would close already. */
  available(symbol: string): number {
    const { qty } = this.holdings.positionOf(symbol)
    const closing = qty > 0 ? 'sell' : 'buy'
    return Math.max(0, Math.abs(qty) - heldForOrders(this.#open, symbol, closing))
  }

  /** Takes an order, with its legs, or says why not. It leaves for the matcher by itself. */
  place(draft: Draft, at: Ms): Placed {
    const refusal = this.#refusal(draft)
    if (refusal !== undefined) return { ok: false, refusal }
    const order = this.#born(draft, at)
    for (const leg of draft.legs) {
      const side = draft.class === 'oco' ? draft.side : draft.side === 'buy' ? 'sell' : 'buy'
      const { limit: _limit, stop: _stop, notional: _money, ...rest } = draft
      const clientId = this.#options.ids.next()
      const born = this.#born({ ...rest, ...leg, clientId, side, legs: [] }, at, order)
      order.legs.push(born)
    }
    order.status = this.#options.hours.isOpen(order.instrument, at) ? 'pending_new' : 'accepted'
    this.#tell(order.status, order, at)
    for (const leg of order.legs) {
      // The stop of an OCO is watched from the start.
      if (order.class === 'oco') leg.where = 'desk'
      this.#tell('held', leg, at)
    }
    this.#review(order, at)
    return { ok: true, order }
  }

  /** Begins to cancel an order and its family. */
  cancel(order: VenueOrder, at: Ms): void {
    const top = order.parent ?? order
    for (const each of [top, ...top.legs]) if (!isOver(each)) this.#cancelOne(each, at)
  }

  /** Begins to replace an order; gives the new one. */
  replace(order: VenueOrder, changes: Changes, at: Ms): VenueOrder {
    const { qty, tif, limit, stop, trail, clientId } = changes
    const trails = order.trailPrice === undefined ? { trailPercent: trail } : { trailPrice: trail }
    const draft: Draft = {
      ...order,
      clientId,
      qty: qty ?? order.instrument.qty(leftOf(order)),
      tif: tif ?? order.tif,
      ...((limit ?? order.limit) === undefined ? {} : { limit: limit ?? order.limit! }),
      ...((stop ?? order.stop) === undefined ? {} : { stop: stop ?? order.stop! }),
      ...(trail === undefined ? {} : trails),
      legs: [],
    } as Draft
    const by = this.#born(draft, at, order.parent)
    by.status = 'accepted'
    by.where = 'held'
    by.replaces = order.id
    const status = order.status
    order.status = 'pending_replace'
    this.#tell('pending_replace', order, at)
    if (order.where === 'matcher') this.#recall(order, { do: 'replace', by }, at)
    else {
      const isHeld = status === 'held'
      this.#later(at + 1, (then) => this.#replaced(order, by, then, isHeld))
    }
    return by
  }

  /** What the matcher did not do: an execution of an order in whatever state, also beyond its quantity. */
  execute(order: VenueOrder, fill: { qty: number; price: number }, at: Ms): void {
    this.#isForced = true
    this.#fill(order, { ...fill, ts: at }, at)
    this.#isForced = false
  }

  /** Takes back the last execution of an order: it never was. */
  bust(order: VenueOrder, at: Ms): void {
    const i = this.#executions.findLastIndex((each) => each.order === order)
    const [busted] = i < 0 ? [] : this.#executions.splice(i, 1)
    if (busted === undefined) return
    const { instrument } = order
    const { qty, price } = busted
    order.filled = instrument.qty(order.filled - qty)
    if (order.filled === 0) order.avgPrice = 0
    const position = this.#settle(instrument, { side: order.side, qty: -qty, price })
    order.updatedAt = at
    const execution = { ...busted, id: this.#options.ids.next(), filled: order.filled }
    const { qty: positionQty } = position
    this.#emit({ type: 'trade_bust', at, order, execution, busted: busted.id, positionQty })
  }

  /** Cancels an order of its own accord. */
  revoke(order: VenueOrder, at: Ms): void {
    this.#end(order, 'canceled', at)
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
      const { price, size, ts } = told
      const shown = this.#options.isSizeShown ? size : UNLIMITED
      this.#exchange.observe({
        type: 'trade',
        at,
        trade: { symbol, ts: ms(ts), price, size: shown },
      })
      this.#touch(told.symbol, price, at)
    } else {
      const { bid, ask } = told
      const bidSize = this.#options.isSizeShown ? told.bidSize : UNLIMITED
      const askSize = this.#options.isSizeShown ? told.askSize : UNLIMITED
      const quote = { symbol, ts: at, bid, bidSize, ask, askSize }
      this.#exchange.observe({ type: 'quote', at, quote })
    }
  }

  /** Does all that is due by `at`. */
  advance(at: Ms): void {
    for (;;) {
      const next = Math.min(this.#exchange.nextAt(), this.#due[0]?.at ?? Infinity, this.#nextReview)
      if (next > at) return
      const now = ms(next)
      for (const input of this.#exchange.take(now)) this.#hear(input, now)
      while ((this.#due[0]?.at ?? Infinity) <= now) this.#due.shift()?.run(now)
      if (this.#nextReview <= now) this.#reviewAll(now)
    }
  }

  #born(draft: Draft, at: Ms, parent?: VenueOrder): VenueOrder {
    const { hours, ids } = this.#options
    const { legs: _legs, ...rest } = draft
    const order: VenueOrder = {
      ...rest,
      n: this.#orders.length,
      id: ids.next(),
      intent: this.#intentOf(draft, parent),
      ...(parent === undefined ? {} : { parent }),
      legs: [],
      createdAt: at,
      expiresAt: hours.expiry(draft, at),
      status: parent === undefined ? 'pending_new' : 'held',
      where: parent === undefined ? 'desk' : 'held',
      isTriggered: draft.type === 'market' || draft.type === 'limit',
      filled: 0,
      avgPrice: 0,
      updatedAt: at,
    }
    this.#orders.push(order)
    this.#byId.set(order.id, order)
    this.#byClientId.set(order.clientId, order)
    this.#open.add(order)
    this.#nextReview = Math.min(this.#nextReview, order.expiresAt, hours.nextChange(at))
    return order
  }

  #intentOf({ side, instrument }: Draft, parent: VenueOrder | undefined): string {
    const held = this.holdings.positionOf(instrument.symbol).qty
    const closes = parent !== undefined || (side === 'buy' ? held < 0 : held > 0)
    return `${side}_to_${closes ? 'close' : 'open'}`
  }

  #refusal(draft: Draft): Refusal | undefined {
    const { instrument, side, qty, clientId } = draft
    const { symbol } = instrument
    if (this.#byClientId.has(clientId)) return { type: 'duplicate-id' }
    const position = this.holdings.positionOf(symbol).qty
    const opposing = [...this.#open].find(
      (order) => order.instrument === instrument && crosses(order, draft),
    )
    if (opposing !== undefined && draft.class === 'simple')
      return { type: 'wash', existing: opposing.id }
    const isClosing = side === 'buy' ? position < 0 : position > 0
    if (isClosing || (side === 'sell' && instrument.kind === 'crypto')) {
      const existing = Math.abs(position)
      const available = isClosing ? this.available(symbol) : 0
      if (
        qty > available &&
        (available < existing || instrument.kind === 'crypto' || qty <= existing)
      ) {
        const related = [...this.#open].filter(
          (o) => o.instrument === instrument && o.side === side,
        )
        const held = existing - available
        const ids = related.map(({ id }) => id)
        return { type: 'quantity', requested: qty, available, existing, held, related: ids }
      }
    }
    if (side === 'sell' && position <= 0 && !Number.isInteger(qty))
      return { type: 'fractional-short' }
    const opening = this.holdings.openingQty({ ...draft, filled: 0 })
    const needed = this.holdings.reserve(draft, opening)
    const { buyingPower, plainBuyingPower } = this.holdings.balance(this.#open)
    const available = instrument.kind === 'crypto' ? plainBuyingPower : buyingPower
    return needed > available ? { type: 'buying-power', needed, available } : undefined
  }

  /** Lets an order go as far as it may now. */
  #review(order: VenueOrder, at: number): void {
    const { hours } = this.#options
    if (isOver(order) || order.where === 'held') return
    if (at >= order.expiresAt) {
      if (order.where === 'matcher') this.#recall(order, { do: 'expire' }, at)
      else this.#end(order, 'expired', at)
      return
    }
    const mayWork = hours.mayWork(order, at)
    if (order.where === 'matcher') {
      if (!mayWork && order.onReturn === undefined) this.#recall(order, { do: 'wait' }, at)
      return
    }
    if (!mayWork || order.status === 'pending_replace' || order.onReturn !== undefined) return
    if (order.isTriggered) this.#send(order, at)
    else if (order.status !== 'new' && !isShadow(order))
      this.#later(at + 2, (then) => this.#opened(order, then))
  }

  #opened(order: VenueOrder, at: number): void {
    if (isOver(order) || order.status === 'new' || order.status === 'pending_cancel') return
    order.status = order.filled > 0 ? 'partially_filled' : 'new'
    if (order.type === 'trailing_stop')
      this.#trail(order, this.#options.priceOf(order.instrument.symbol))
    this.#tell('new', order, at)
  }

  #reviewAll(at: number): void {
    // A copy, because reviews end orders.
    for (const order of Array.from(this.#open)) this.#review(order, at)
    const expiries = [...this.#open].map(({ expiresAt }) => expiresAt).filter((time) => time > at)
    this.#nextReview =
      this.#open.size === 0 ? Infinity : Math.min(this.#options.hours.nextChange(at), ...expiries)
  }

  /** A trade moves trailing stops and touches stops. */
  #touch(symbol: string, price: number, at: Ms): void {
    for (const order of Array.from(this.#open)) {
      if (order.isTriggered || order.instrument.symbol !== symbol || order.where !== 'desk')
        continue
      const isWaiting =
        order.status === 'new' || order.status === 'partially_filled' || isShadow(order)
      if (!isWaiting || !this.#options.hours.mayWork(order, at)) continue
      if (order.type === 'trailing_stop') this.#trail(order, price)
      const { side, stop } = order
      if (stop === undefined || (side === 'buy' ? price < stop : price > stop)) continue
      const target = isShadow(order) ? partnerOf(order) : undefined
      order.isTriggered = true
      if (target !== undefined && target.where === 'matcher')
        this.#recall(target, { do: 'yield' }, at)
      else {
        if (target !== undefined && !isOver(target)) this.#end(target, 'canceled', at)
        this.#send(order, at)
      }
    }
  }

  #trail(order: VenueOrder, price: number): void {
    if (Number.isNaN(price)) return
    const { side, trailPrice, trailPercent, highWater, instrument } = order
    const isBetter =
      highWater === undefined || (side === 'sell' ? price > highWater : price < highWater)
    if (!isBetter) return
    order.highWater = price
    const distance = trailPrice ?? (price * (trailPercent ?? 0)) / 100
    order.stop = Number(instrument.px(side === 'sell' ? price - distance : price + distance))
  }

  #send(order: VenueOrder, at: number): void {
    const { instrument, side, tif } = order
    const qty = instrument.qty(leftOf(order))
    if (!(qty > 0)) return
    const isLimit = order.limit !== undefined
    const id = orderId(`m${++this.#sent}`)
    const isShort = tif === 'ioc' || tif === 'opg' || tif === 'cls'
    const sent: Order = {
      id,
      strategy: 'wire',
      symbol: instrument.id,
      side,
      type: isLimit ? 'limit' : 'market',
      qty,
      ...(isLimit ? { limit: instrument.px(order.limit!) } : {}),
      tif: tif === 'fok' ? 'fok' : isShort ? 'ioc' : 'gtc',
      phase: 'sent',
      filled: instrument.qty(0),
      avgPrice: 0,
      createdAt: ms(at),
      updatedAt: ms(at),
    }
    order.where = 'matcher'
    order.matcherId = id
    this.#atMatcher.set(id, order)
    this.#command({ type: 'submit', order: sent }, at)
  }

  #recall(order: VenueOrder, onReturn: lives.OnReturn, at: number): void {
    order.onReturn = onReturn
    const id = orderId(order.matcherId ?? '')
    this.#command({ type: 'cancel', id, symbol: order.instrument.id }, at)
  }

  #command(command: Command, at: number): void {
    const { venue } = this.#options
    this.#exchange.execute({ venue, kind: command.type, commands: [command] }, ms(at))
  }

  #hear(input: Input, at: number): void {
    if (!('id' in input)) return
    const order = this.#atMatcher.get(input.id)
    if (order === undefined) return
    switch (input.type) {
      case 'order.accepted':
        if (
          order.status === 'pending_new' ||
          order.status === 'accepted' ||
          order.status === 'held'
        ) {
          order.status = 'new'
          this.#tell('new', order, at)
        }
        return
      case 'order.filled': {
        const { qty, price, ts } = input
        const late = this.#options.lateness?.(order) ?? 0
        if (late <= 0) this.#fill(order, { qty, price, ts }, at)
        else {
          this.#lateFills++
          this.#later(at + late, (then) => {
            this.#lateFills--
            this.#fill(order, { qty, price, ts }, then)
          })
        }
        return
      }
      case 'order.canceled':
      case 'order.expired':
        this.#returned(order, at)
        return
      case 'order.rejected':
        order.where = 'desk'
        this.#end(order, 'rejected', at)
        return
      case 'cancel.rejected':
        this.#kept(order, at)
        return
      case 'order.amended':
      case 'order.absent':
      case 'order.busted':
        return
      default:
        unreachable(input)
    }
  }

  #fill(order: VenueOrder, fill: { qty: number; price: number; ts: number }, at: number): void {
    const { instrument, side } = order
    const { qty, price, ts } = fill
    const filled = instrument.qty(order.filled + qty)
    order.avgPrice += ((price - order.avgPrice) * qty) / filled
    order.filled = filled
    order.updatedAt = at
    const position = this.#settle(instrument, { side, qty, price })
    const isFull = order.filled >= order.qty
    const type = isFull ? 'fill' : 'partial_fill'
    if (isFull) {
      order.filledAt = ts
      this.#close(order, 'filled')
    } else if (
      order.status !== 'pending_cancel' &&
      order.status !== 'pending_replace' &&
      !isOver(order)
    ) {
      order.status = 'partially_filled'
    }
    const id = this.#options.ids.next()
    const { status } = order
    const execution = { id, order, price, qty, ts, filled, left: leftOf(order), status }
    keep(this.#executions, execution)
    this.#emit({ type, at, order, execution, positionQty: position.qty })
    this.#regroup(order, qty, isFull, at)
  }

  /** Books a fill, or with a quantity below zero takes one back. */
  #settle(instrument: Instrument, fill: { side: Side; qty: number; price: number }): Position {
    const { coinFee = 0 } = this.#options
    const { side, qty, price } = fill
    if (instrument.kind !== 'crypto' || coinFee === 0) return this.holdings.book(instrument, fill)
    const isBuy = side === 'buy'
    const coins = isBuy ? (Math.sign(qty) * Math.ceil(Math.abs(qty) * coinFee * 1e9)) / 1e9 : 0
    const kept = instrument.qty(qty - coins)
    const position = this.holdings.book(instrument, { side, qty: kept, price })
    // What the coins of the fee were bought for is spent all the same.
    this.holdings.charge(isBuy ? (qty - kept) * price : qty * price * coinFee)
    return position
  }

  /** What the fill of one order means for its family. */
  #regroup(order: VenueOrder, qty: number, isFull: boolean, at: number): void {
    const partner = partnerOf(order)
    if (partner !== undefined && !isOver(partner)) {
      if (isFull) this.#end(partner, 'canceled', at)
      else partner.qty = order.instrument.qty(Math.max(partner.filled, partner.qty - qty))
      return
    }
    if (!isFull || order.class === 'oco' || order.parent !== undefined) return
    for (const leg of order.legs) {
      if (isOver(leg)) continue
      leg.where = 'desk'
      leg.qty = order.qty
      this.#review(leg, at)
    }
  }

  /** The matcher has given an order back: by our wish, or what an immediate one left. */
  #returned(order: VenueOrder, at: number): void {
    const wish = order.onReturn
    order.where = 'desk'
    this.#forget(order)
    if (wish === undefined) {
      this.#end(order, 'canceled', at)
      return
    }
    switch (wish.do) {
      case 'replace':
        this.#replaced(order, wish.by, at, false)
        return
      case 'wait':
        this.#review(order, at)
        return
      case 'expire':
        this.#end(order, 'expired', at)
        return
      case 'yield': {
        const stop = partnerOf(order)
        this.#end(order, 'canceled', at)
        if (stop !== undefined && !isOver(stop)) this.#send(stop, at)
        return
      }
      case 'cancel':
        this.#end(order, 'canceled', at)
        return
      default:
        unreachable(wish)
    }
  }

  /** The matcher refuses to give an order back: it has filled. */
  #kept(order: VenueOrder, at: number): void {
    const wish = order.onReturn
    delete order.onReturn
    if (this.#lateFills > 0 && wish?.do === 'cancel') {
      order.where = 'desk'
      this.#end(order, 'canceled', at)
      return
    }
    if (wish?.do === 'replace') {
      this.#end(wish.by, 'rejected', at)
      this.#tell('order_replace_rejected', order, at)
    } else if (wish?.do === 'cancel') this.#tell('order_cancel_rejected', order, at)
  }

  #replaced(order: VenueOrder, by: VenueOrder, at: number, isHeld: boolean): void {
    if (isOver(order)) {
      this.#end(by, 'rejected', at)
      this.#tell('order_replace_rejected', order, at)
      return
    }
    order.replacedBy = by.id
    order.replacedAt = at
    const { parent } = order
    if (parent !== undefined) parent.legs[parent.legs.indexOf(order)] = by
    for (const leg of order.legs) {
      leg.parent = by
      leg.qty = by.qty
      by.legs.push(leg)
    }
    order.legs.length = 0
    this.#close(order, 'replaced')
    this.#tell('replaced', order, at)
    if (isHeld) {
      by.status = 'held'
      by.where = order.where === 'held' ? 'held' : 'desk'
      if (parent !== undefined && parent.status !== 'filled' && parent.class !== 'oco')
        by.where = 'held'
      return
    }
    by.where = 'desk'
    this.#review(by, at)
  }

  #cancelOne(order: VenueOrder, at: Ms): void {
    if (order.status === 'pending_cancel') return
    order.cancelRequestedAt = at
    order.status = 'pending_cancel'
    this.#tell('pending_cancel', order, at)
    if (order.where === 'matcher') {
      if (order.onReturn?.do === 'replace') this.#end(order.onReturn.by, 'canceled', at)
      this.#recall(order, { do: 'cancel' }, at)
    } else {
      this.#later(at + 1, (then) => {
        if (!isOver(order)) this.#end(order, 'canceled', then)
      })
    }
  }

  #end(order: VenueOrder, status: 'canceled' | 'expired' | 'rejected', at: number): void {
    if (isOver(order)) return
    if (order.where === 'matcher') {
      if (order.onReturn === undefined) this.#recall(order, { do: 'cancel' }, at)
      else if (order.onReturn.do !== 'replace') order.onReturn = { do: 'cancel' }
      return
    }
    if (status === 'canceled') order.canceledAt = at
    else if (status === 'expired') order.expiredAt = at
    else order.failedAt = at
    this.#forget(order)
    this.#close(order, status)
    this.#tell(status, order, at)
    const isEntry = order.parent === undefined && order.class !== 'oco'
    if (isEntry) for (const leg of order.legs) this.#end(leg, 'canceled', at)
  }

  #close(order: VenueOrder, status: VenueOrder['status']): void {
    order.status = status
    this.#open.delete(order)
    if (order.where !== 'held') order.where = 'over'
  }

  /** The matcher has it no more. Its late fills still find it. */
  #forget(order: VenueOrder): void {
    delete order.onReturn
    if (order.matcherId === undefined || this.#lateFills > 0) return
    this.#atMatcher.delete(order.matcherId)
    delete order.matcherId
  }

  #later(at: number, run: Due['run']): void {
    let i = this.#due.length
    while (i > 0 && this.#due[i - 1]!.at > at) i--
    this.#due.splice(i, 0, { at, run })
  }

  #tell(type: AccountEventType, order: VenueOrder, at: number): void {
    order.updatedAt = at
    this.#emit({ type: type, at, order })
  }

  #emit(event: AccountEvent): void {
    assert(
      this.#isForced || event.order.filled <= event.order.qty + 1e-9,
      `order ${event.order.id} is not overfilled`,
    )
    this.#options.onEvent(this, event)
  }
}

/** The other exit of a bracket or an OCO. */
function partnerOf(order: VenueOrder): VenueOrder | undefined {
  const { parent } = order
  if (order.class === 'oco') return parent ?? order.legs[0]
  if (order.class !== 'bracket' || parent === undefined) return undefined
  return parent.legs.find((leg) => leg !== order)
}

/** A stop whose target is at work: it is watched at the desk and shown as held. */
const isShadow = (order: VenueOrder): boolean =>
  order.parent !== undefined &&
  !order.isTriggered &&
  (order.class === 'oco' || order.class === 'bracket')

/** Would the draft trade against an open order of the same account? */
function crosses(open: VenueOrder, draft: Draft): boolean {
  if (open.side === draft.side || open.parent !== undefined || !open.isTriggered) return false
  if (open.status === 'pending_cancel') return false
  if (draft.type === 'stop' || draft.type === 'trailing_stop' || draft.type === 'stop_limit')
    return false
  const [bid, ask] = draft.side === 'buy' ? [draft.limit, open.limit] : [open.limit, draft.limit]
  return bid === undefined || ask === undefined || bid >= ask
}

function keep<T>(list: T[], item: T): void {
  list.push(item)
  if (list.length >= 2 * KEPT_MAX) list.splice(0, list.length - KEPT_MAX)
}
