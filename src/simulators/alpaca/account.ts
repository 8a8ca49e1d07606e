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
import { assert, unreachable } from '../../core/assert.ts'
import type { Ms } from '../../core/brand.ts'
import { ms } from '../../core/time.ts'
import type { Told } from '../broadcast.ts'
import type { Ids } from '../ids.ts'
import { OrderList } from '../order-list.ts'
import { Holdings } from './holdings.ts'
import type { Hours } from './hours.ts'
import { Matcher, type MatcherFill, type MatcherOptions } from './matcher.ts'
import {
  type AccountEvent,
  type AccountEventType,
  type Changes,
  type Draft,
  type Execution,
  handLegs,
  isFamilyOver,
  isOver,
  isShadow,
  leftOf,
  type OnReturn,
  partnerOf,
  replacementOf,
  type VenueOrder,
} from './order.ts'
import { availableOf, type Refusal, refusalOf } from './refusals.ts'
import { isTouched, trail } from './triggers.ts'

export interface AccountOptions extends MatcherOptions {
  readonly name: string
  readonly hours: Hours
  readonly ids: Ids
  readonly multiplier: number
  /** What a trade of coins costs, as a fraction, taken out of what is received: coins or money. 0 where not given. */
  readonly coinFee?: number
  readonly priceOf: (symbol: string) => number
  /** Milliseconds by which an execution is told late: 0 but for faults. */
  readonly lateness?: (order: VenueOrder) => number
  readonly onEvent: (account: Account, event: AccountEvent) => void
}

export type Placed =
  | { readonly ok: true; readonly order: VenueOrder }
  | { readonly ok: false; readonly refusal: Refusal }

interface Due {
  readonly at: number
  readonly run: (at: number) => void
}

export class Account {
  readonly name: string
  readonly holdings: Holdings
  readonly #options: AccountOptions
  readonly #matcher: Matcher
  readonly #orders = new OrderList<VenueOrder, Execution>({
    clientIdOf: ({ clientId }) => clientId,
    isDone: isFamilyOver,
  })
  readonly #due: Due[] = []
  #lateFills = 0
  #isForced = false
  #nextReview = Infinity

  constructor(options: AccountOptions) {
    const { name, cash, multiplier, priceOf, coinFee = 0 } = options
    this.name = name
    this.#options = options
    this.holdings = new Holdings({ cash, multiplier, coinFee, priceOf })
    this.#matcher = new Matcher(options, {
      accepted: (order, at) => this.#accepted(order, at),
      filled: (order, fill, at) => this.#filled(order, fill, at),
      returned: (order, at) => this.#returned(order, at),
      rejected: (order, at) => {
        order.where = 'desk'
        this.#end(order, 'rejected', at)
      },
      kept: (order, at) => this.#kept(order, at),
    })
  }

  get orders(): readonly VenueOrder[] {
    return this.#orders.all
  }

  get open(): ReadonlySet<VenueOrder> {
    return this.#orders.open
  }

  get executions(): readonly Execution[] {
    return this.#orders.executions
  }

  find(id: string): VenueOrder | undefined {
    return this.#orders.find(id)
  }

  findByClientId(id: string): VenueOrder | undefined {
    return this.#orders.findByClientId(id)
  }

  /** What of a position no open order would close already. */
  available(symbol: string): number {
    return availableOf(symbol, this.holdings, this.open)
  }

  /** Takes an order, with its legs, or says why not. It leaves for the matcher by itself. */
  place(draft: Draft, at: Ms): Placed {
    if (this.findByClientId(draft.clientId) !== undefined)
      return { ok: false, refusal: { type: 'duplicate-id' } }
    const refusal = refusalOf(draft, this.holdings, this.open)
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
    const by = this.#born(replacementOf(order, changes), at, order.parent)
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
    const busted = this.#orders.takeExecution(order)
    if (busted === undefined) return
    const { instrument } = order
    const { qty, price } = busted
    order.filled = instrument.qty(order.filled - qty)
    if (order.filled === 0) order.avgPrice = 0
    const position = this.holdings.settle(instrument, { side: order.side, qty: -qty, price })
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
    const at = ms(told.ts)
    // What arrives within the millisecond of a print comes after it.
    this.advance(ms(at - 1))
    this.#matcher.observe(told, at)
    if (told.type === 'trade') this.#touch(told.symbol, told.price, at)
  }

  /** Does all that is due by `at`. */
  advance(at: Ms): void {
    for (;;) {
      const next = Math.min(this.#matcher.nextAt(), this.#due[0]?.at ?? Infinity, this.#nextReview)
      if (next > at) return
      const now = ms(next)
      this.#matcher.advance(now)
      while ((this.#due[0]?.at ?? Infinity) <= now) this.#due.shift()?.run(now)
      if (this.#nextReview <= now) this.#reviewAll(now)
    }
  }

  #born(draft: Draft, at: Ms, parent?: VenueOrder): VenueOrder {
    const { hours, ids } = this.#options
    const { legs: _legs, ...rest } = draft
    const order: VenueOrder = {
      ...rest,
      n: this.#orders.made,
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
    this.#orders.add(order)
    this.#nextReview = Math.min(this.#nextReview, order.expiresAt, hours.nextChange(at))
    return order
  }

  #intentOf({ side, instrument }: Draft, parent: VenueOrder | undefined): string {
    const held = this.holdings.positionOf(instrument.symbol).qty
    const closes = parent !== undefined || (side === 'buy' ? held < 0 : held > 0)
    return `${side}_to_${closes ? 'close' : 'open'}`
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
    if (order.isTriggered) this.#matcher.send(order, at)
    else if (order.status !== 'new' && !isShadow(order))
      this.#later(at + 2, (then) => this.#opened(order, then))
  }

  #opened(order: VenueOrder, at: number): void {
    if (isOver(order) || order.status === 'new' || order.status === 'pending_cancel') return
    order.status = order.filled > 0 ? 'partially_filled' : 'new'
    if (order.type === 'trailing_stop') trail(order, this.#options.priceOf(order.instrument.symbol))
    this.#tell('new', order, at)
  }

  #reviewAll(at: number): void {
    // A copy, because reviews end orders.
    for (const order of Array.from(this.open)) this.#review(order, at)
    const expiries = [...this.open].map(({ expiresAt }) => expiresAt).filter((time) => time > at)
    this.#nextReview =
      this.open.size === 0 ? Infinity : Math.min(this.#options.hours.nextChange(at), ...expiries)
  }

  /** A trade moves trailing stops and touches stops. */
  #touch(symbol: string, price: number, at: Ms): void {
    for (const order of Array.from(this.open)) {
      if (order.isTriggered || order.instrument.symbol !== symbol || order.where !== 'desk')
        continue
      const isWaiting =
        order.status === 'new' || order.status === 'partially_filled' || isShadow(order)
      if (!isWaiting || !this.#options.hours.mayWork(order, at)) continue
      if (order.type === 'trailing_stop') trail(order, price)
      if (!isTouched(order, price)) continue
      const target = isShadow(order) ? partnerOf(order) : undefined
      order.isTriggered = true
      if (target !== undefined && target.where === 'matcher')
        this.#recall(target, { do: 'yield' }, at)
      else {
        if (target !== undefined && !isOver(target)) this.#end(target, 'canceled', at)
        this.#matcher.send(order, at)
      }
    }
  }

  #recall(order: VenueOrder, onReturn: OnReturn, at: number): void {
    order.onReturn = onReturn
    this.#matcher.recall(order, at)
  }

  #accepted(order: VenueOrder, at: number): void {
    const { status } = order
    if (status !== 'pending_new' && status !== 'accepted' && status !== 'held') return
    order.status = 'new'
    this.#tell('new', order, at)
  }

  /** The matcher has filled it: told now or, by a fault, late. */
  #filled(order: VenueOrder, fill: MatcherFill, at: number): void {
    const late = this.#options.lateness?.(order) ?? 0
    if (late <= 0) {
      this.#fill(order, fill, at)
      return
    }
    this.#lateFills++
    this.#later(at + late, (then) => {
      this.#lateFills--
      this.#fill(order, fill, then)
    })
  }

  #fill(order: VenueOrder, fill: MatcherFill, at: number): void {
    const { instrument, side } = order
    const { qty, price, ts } = fill
    const filled = instrument.qty(order.filled + qty)
    order.avgPrice += ((price - order.avgPrice) * qty) / filled
    order.filled = filled
    order.updatedAt = at
    const position = this.holdings.settle(instrument, { side, qty, price })
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
    this.#orders.addExecution(execution)
    this.#emit({ type, at, order, execution, positionQty: position.qty })
    this.#regroup(order, qty, isFull, at)
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
        if (stop !== undefined && !isOver(stop)) this.#matcher.send(stop, at)
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
    handLegs(order, by)
    this.#close(order, 'replaced')
    this.#tell('replaced', order, at)
    if (isHeld) {
      by.status = 'held'
      by.where = order.where === 'held' ? 'held' : 'desk'
      const { parent } = order
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
    this.#orders.close(order)
    if (order.where !== 'held') order.where = 'over'
  }

  /** The matcher has it no more. Its late fills still find it. */
  #forget(order: VenueOrder): void {
    delete order.onReturn
    if (this.#lateFills === 0) this.#matcher.forget(order)
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
