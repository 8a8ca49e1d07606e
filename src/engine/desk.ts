// Desk: where wishes become orders and facts become positions. Lanes ask here, risk decides, the outbox sends.
import { assert } from '../core/assert.ts'
import type { Ms, OrderId, Px, Qty, SymbolId, VenueId } from '../core/brand.ts'
import type { Instrument } from '../core/instrument.ts'
import type { Quote } from '../core/market.ts'
import type { Denial } from '../core/notice.ts'
import {
  isLive,
  type Order,
  type OrderInput,
  type OrderRequest,
  type OrderType,
  type Side,
  sign,
} from '../core/order.ts'
import { applyFill, realisedProfit } from '../core/position.ts'
import type { Universe } from '../core/universe.ts'
import type { Limits } from '../core/venue.ts'
import type { BracketIntent, OrderIntent } from '../strategy/context.ts'
import { type BracketDesk, Brackets, checkPrices, type Group, legSide } from './brackets.ts'
import type { Lane, LaneDesk } from './lanes.ts'
import type { Notices } from './notices.ts'
import { type Applied, Orders } from './orders.ts'
import { Outbox } from './outbox.ts'
import { Portfolio } from './portfolio.ts'
import { Risk } from './risk.ts'
import { sizeOf } from './sizing.ts'

/** Tries to close a lane before the engine gives up, goes into safe mode and calls for a person. */
export const CLOSE_ATTEMPTS = 5
/** Wait before the second try, doubled for each further one. */
export const CLOSE_RETRY_MS = 30_000
export const CLOSE_RETRY_MS_MAX = 600_000

export interface DeskParts {
  readonly universe: Universe
  readonly limits: ReadonlyMap<VenueId, Limits>
  readonly portfolio: Portfolio
  readonly orders: Orders
  readonly risk: Risk
  readonly outbox: Outbox
  readonly notices: Notices
}

/** Runs a hook of a lane; what it throws halts that lane alone. */
export type RunHook = (lane: Lane, hook: () => void) => void

export class Desk implements LaneDesk, BracketDesk {
  now = 0 as Ms
  readonly parts: DeskParts
  readonly brackets: Brackets
  readonly #runHook: RunHook
  readonly #lanes = new Map<string, (Lane | undefined)[]>()
  readonly #quotes: (Quote | undefined)[] = []
  #closing: Lane[] = []

  constructor(parts: DeskParts, runHook: RunHook) {
    this.parts = parts
    this.brackets = new Brackets(this)
    this.#runHook = runHook
  }

  addLane(lane: Lane): void {
    const lanes = this.#lanes.get(lane.strategy) ?? []
    lanes[lane.symbol] = lane
    this.#lanes.set(lane.strategy, lanes)
  }

  laneOf(strategy: string, symbol: SymbolId): Lane | undefined {
    return this.#lanes.get(strategy)?.[symbol]
  }

  // ── What a lane sees ──────────────────────────────────────────────────────────────────────────────

  get equity(): number {
    return this.parts.portfolio.equity
  }

  price(symbol: SymbolId): number {
    return this.parts.portfolio.price(symbol)
  }

  quote(symbol: SymbolId): Quote | undefined {
    return this.#quotes[symbol]
  }

  setQuote(quote: Quote): void {
    this.#quotes[quote.symbol] = quote
  }

  ordersOf(lane: Lane): readonly Order[] {
    const live = this.parts.orders.liveOf(lane.symbol)
    return live.filter((order) => order.strategy === lane.strategy)
  }

  size(lane: Lane, fraction: number, stop: number | undefined): number {
    const { portfolio, risk } = this.parts
    const { equity } = portfolio
    const price = portfolio.price(lane.symbol)
    const { limits } = risk
    const inputs = {
      equity,
      price,
      fraction,
      riskFraction: limits.maxRiskFraction,
      scale: risk.drawdown.scale,
      maxOrderNotional: limits.maxOrderNotional,
      maxPositionNotional: Math.min(
        limits.maxPositionNotional,
        equity * limits.maxPositionFraction,
      ),
    }
    if (stop === undefined) return sizeOf(lane.instrument, inputs)
    return sizeOf(lane.instrument, { ...inputs, stopDistance: Math.abs(price - stop) })
  }

  signal(lane: Lane, name: string, data: Readonly<Record<string, unknown>>): void {
    const { strategy, symbol } = lane
    this.parts.notices.publish({ type: 'signal', at: this.now, strategy, symbol, name, data })
  }

  // ── What a lane asks for ──────────────────────────────────────────────────────────────────────────

  buyOrSell(lane: Lane, side: Side, intent: OrderIntent): OrderId | undefined {
    const request = this.#request(lane.instrument, side, intent)
    return this.#place(lane, request)?.id
  }

  bracket(lane: Lane, intent: BracketIntent): OrderId | undefined {
    const { instrument } = lane
    const { side } = intent
    const entryIntent = {
      qty: intent.qty,
      ...(intent.entry === undefined ? {} : { limit: intent.entry }),
    }
    const request = this.#request(instrument, side, entryIntent)
    const { prices, fault } = this.#bracketPrices(instrument, intent, request)
    if (fault !== undefined) {
      this.#deny(lane, request, fault)
      return undefined
    }
    const isNative = this.#limitsOf(instrument).brackets === 'native'
    const id = this.parts.orders.nextId(lane.strategy)
    const group: Group = {
      entry: id,
      strategy: lane.strategy,
      symbol: lane.symbol,
      side,
      isNative,
      ...prices,
      ...(intent.trail === undefined ? {} : { trail: intent.trail }),
      best: 0,
      filledAt: 0 as Ms,
    }
    return this.#place(lane, request, { id, group })?.id
  }

  cancel(lane: Lane, id: OrderId): void {
    const order = this.parts.orders.get(id)
    if (order === undefined || order.strategy !== lane.strategy || order.symbol !== lane.symbol)
      return
    this.cancelOrder(order)
  }

  close(lane: Lane): void {
    if (lane.closing !== undefined) return
    for (const order of this.ordersOf(lane)) this.cancelOrder(order)
    if (lane.position.isFlat && this.ordersOf(lane).length === 0) return
    lane.closing = { attempts: 0, retryAt: 0 }
    this.#closing.push(lane)
  }

  /** Goes on with the closes that are under way. Called once at the end of a turn. */
  workOff(): void {
    if (this.#closing.length === 0) return
    for (const lane of this.#closing) this.#workOffClose(lane)
    this.#closing = this.#closing.filter((lane) => lane.closing !== undefined)
  }

  // ── What brackets ask for ─────────────────────────────────────────────────────────────────────────

  order(id: OrderId): Order | undefined {
    return this.parts.orders.get(id)
  }

  instrument(symbol: SymbolId): Instrument {
    return this.parts.universe.at(symbol)
  }

  placeLeg(group: Group, role: 'stop' | 'target', qty: Qty): OrderId | undefined {
    const lane = this.laneOf(group.strategy, group.symbol)!
    const leg = this.#leg(group, role, qty)
    const denial = this.#check(lane, leg, true)
    if (denial !== undefined) {
      this.#deny(lane, leg, denial)
      return undefined
    }
    this.#send(leg)
    return leg.id
  }

  cancelOrder(order: Order): void {
    const { orders, outbox, notices } = this.parts
    if (!isLive(order) || order.cancelSentAt !== undefined) return
    const { id, symbol } = order
    if (outbox.cancel({ type: 'cancel', id, symbol }) === 'wanted') {
      orders.update({ ...order, cancelSentAt: this.now, updatedAt: this.now })
      return
    }
    // The order and, on a venue with native brackets, its legs were never sent.
    for (const unsent of [order, ...this.#nativeLegs(order)]) {
      const ended: Order = { ...unsent, phase: 'done', reason: 'canceled', updatedAt: this.now }
      orders.update(ended)
      notices.publish({ type: 'order.changed', order: ended })
      this.brackets.onOrder(ended)
    }
  }

  amendOrder(order: Order, change: { readonly qty?: Qty; readonly stop?: Px }): void {
    const { id, symbol } = order
    const { orders, outbox } = this.parts
    if (outbox.amend({ type: 'amend', id, symbol, ...change }) === 'wanted') return
    const changed = { ...order, ...change }
    orders.update(changed)
    outbox.submit({ type: 'submit', order: changed })
  }

  closeOut(group: Group, why: string): void {
    const lane = this.laneOf(group.strategy, group.symbol)!
    this.signal(lane, 'bracket.broken', { entry: group.entry, why })
    this.close(lane)
  }

  isClosing(group: Group): boolean {
    return this.laneOf(group.strategy, group.symbol)?.closing !== undefined
  }

  // ── Facts ─────────────────────────────────────────────────────────────────────────────────────────

  /** Takes what a venue said about an order: order, position, risk, bracket, lane, in this order. */
  onOrderFact(input: OrderInput): void {
    const { orders, notices } = this.parts
    const applied = orders.apply(input)
    if (applied === undefined) {
      // A fill that we cannot place is money that we cannot explain.
      if (input.type === 'order.filled')
        this.#trip(`fill ${input.fill} is of the unknown order ${input.id}`)
      return
    }
    const { before, after } = applied
    if (after === before) return
    const lane = this.laneOf(after.strategy, after.symbol)
    assert(lane !== undefined, `order ${after.id} belongs to a lane`)
    notices.publish({ type: 'order.changed', order: after })
    if (input.type === 'order.filled') this.#book(lane, applied, input)
    this.brackets.onOrder(after)
    if (after.phase !== 'done' || before.phase === 'done') return
    if (lane.hooks.onDone !== undefined) this.#runHook(lane, () => lane.hooks.onDone!(after))
  }

  /** Remembers, after a restore, which lanes were closing. */
  resumeClosing(lanes: readonly Lane[]): void {
    this.#closing = lanes.filter((lane) => lane.closing !== undefined)
  }

  #book(lane: Lane, applied: Applied, input: Extract<OrderInput, { type: 'order.filled' }>): void {
    const { portfolio, risk, notices } = this.parts
    const order = applied.after
    const { qty, price, fee, ts } = input
    const fill = { signedQty: sign(order.side) * qty, price, fee }
    const wasFlat = portfolio.position(order.symbol).qty === 0
    const before = lane.position.current
    const after = applyFill(before, fill, lane.instrument)
    lane.position.current = after
    const profit = realisedProfit(after) - realisedProfit(before)
    portfolio.fill(order.symbol, fill)
    risk.onFill(this.now, profit, fee, wasFlat)
    if (applied.isOverfill) this.#trip(`order ${order.id} filled ${order.filled} of ${order.qty}`)
    const record = { id: input.fill, qty, price, fee, ts }
    const position = after.qty
    notices.publish({ type: 'fill', at: this.now, order, fill: record, profit, position })
    const net = portfolio.position(order.symbol)
    const { symbol } = order
    notices.publish({ type: 'position.changed', symbol, qty: net.qty, avgPrice: net.avgPrice })
    if (lane.hooks.onFill === undefined) return
    this.#runHook(lane, () => lane.hooks.onFill!({ order, fill: record }))
  }

  // ── From a wish to an order ───────────────────────────────────────────────────────────────────────

  #request(instrument: Instrument, side: Side, intent: OrderIntent): OrderRequest {
    const { limit, stop } = intent
    const type: OrderType =
      stop === undefined
        ? limit === undefined
          ? 'market'
          : 'limit'
        : limit === undefined
          ? 'stop'
          : 'stop-limit'
    // A limit is never made worse by the snap: a buy rounds down, a sale rounds up.
    const rounding = side === 'buy' ? 'down' : 'up'
    return {
      symbol: instrument.id,
      side,
      type,
      qty: snapped(intent.qty, (x) => instrument.qty(x, 'down')),
      tif: intent.tif ?? 'day',
      ...(limit === undefined ? {} : { limit: snapped(limit, (x) => instrument.px(x, rounding)) }),
      ...(stop === undefined ? {} : { stop: snapped(stop, (x) => instrument.px(x)) }),
      ...(intent.postOnly === undefined ? {} : { postOnly: true }),
      ...(intent.reduceOnly === undefined ? {} : { reduceOnly: true }),
    }
  }

  #bracketPrices(
    instrument: Instrument,
    intent: BracketIntent,
    request: OrderRequest,
  ): { prices: { stopPx: Px; targetPx?: Px }; fault: Denial | undefined } {
    const stopPx = snapped(intent.stop, (x) => instrument.px(x))
    const targetPx =
      intent.target === undefined ? undefined : snapped(intent.target, (x) => instrument.px(x))
    const prices = targetPx === undefined ? { stopPx } : { stopPx, targetPx }
    const around = request.limit ?? this.price(instrument.id)
    if (![around, stopPx, targetPx ?? 0].every(Number.isFinite)) {
      const detail = `a price of the bracket is not known: ${around}, ${stopPx}, ${targetPx}`
      return { prices, fault: { code: 'missing-data', detail } }
    }
    const detail = checkPrices(intent.side, around, stopPx, targetPx)
    return { prices, fault: detail === undefined ? undefined : { code: 'bad-request', detail } }
  }

  #place(
    lane: Lane,
    request: OrderRequest,
    bracket?: { readonly id: OrderId; readonly group: Group },
  ): Order | undefined {
    const denial =
      lane.closing === undefined
        ? this.#check(lane, request, false)
        : ({ code: 'duplicate', detail: 'the lane is closing' } as const)
    if (denial !== undefined) {
      this.#deny(lane, request, denial)
      return undefined
    }
    const id = bracket?.id ?? this.parts.orders.nextId(lane.strategy)
    const order: Order = {
      ...request,
      id,
      strategy: lane.strategy,
      ...(bracket === undefined ? {} : { group: id, role: 'entry' }),
      phase: 'sent',
      filled: lane.instrument.qty(0),
      avgPrice: 0,
      createdAt: this.now,
      updatedAt: this.now,
    }
    this.#send(order, bracket === undefined ? [] : this.#legsFor(bracket.group, order.qty))
    if (bracket !== undefined) this.brackets.add(bracket.group)
    return order
  }

  /** The legs that leave together with an entry; none on a venue that knows no brackets. */
  #legsFor(group: Group, qty: Qty): Order[] {
    if (!group.isNative) return []
    const stop = this.#leg(group, 'stop', qty)
    group.stop = stop.id
    if (group.targetPx === undefined) return [stop]
    const target = this.#leg(group, 'target', qty)
    group.target = target.id
    return [stop, target]
  }

  #leg(group: Group, role: 'stop' | 'target', qty: Qty): Order {
    const { strategy, symbol } = group
    return {
      symbol,
      side: legSide(group),
      qty,
      tif: 'gtc',
      ...(role === 'stop'
        ? { type: 'stop', stop: group.stopPx }
        : { type: 'limit', limit: group.targetPx! }),
      id: this.parts.orders.nextId(strategy),
      strategy,
      group: group.entry,
      role,
      phase: 'sent',
      filled: this.instrument(symbol).qty(0),
      avgPrice: 0,
      createdAt: this.now,
      updatedAt: this.now,
    }
  }

  #send(order: Order, legs: readonly Order[] = []): void {
    const { orders, outbox, notices } = this.parts
    for (const sent of [order, ...legs]) {
      orders.add(sent)
      notices.publish({ type: 'order.placed', order: sent })
    }
    outbox.submit(legs.length === 0 ? { type: 'submit', order } : { type: 'submit', order, legs })
  }

  #check(lane: Lane, request: OrderRequest, isProtective: boolean): Denial | undefined {
    const held = lane.position.qty
    const live = this.ordersOf(lane)
    const asker = { held, live, isProtective }
    return this.parts.risk.check(this.now, lane.instrument, request, asker)
  }

  #deny(lane: Lane, request: OrderRequest, denial: Denial): void {
    const { strategy } = lane
    this.parts.notices.publish({ type: 'order.denied', strategy, request, denial })
  }

  /** One step of a close: wait for the cancels, then send what the lane still holds to the market. */
  #workOffClose(lane: Lane): void {
    const { closing } = lane
    if (closing === undefined || this.ordersOf(lane).length > 0) return
    if (lane.position.isFlat) {
      lane.closing = undefined
      return
    }
    if (this.now < closing.retryAt) return
    const side: Side = lane.position.isLong ? 'sell' : 'buy'
    const qty = Math.abs(lane.position.qty)
    const isAlone = this.parts.portfolio.position(lane.symbol).qty === lane.position.qty
    // Where other lanes hold the same symbol, the venue's net position says nothing about this lane.
    const intent = isAlone ? { qty, reduceOnly: true as const } : { qty }
    closing.retryAt =
      this.now + Math.min(CLOSE_RETRY_MS * 2 ** closing.attempts, CLOSE_RETRY_MS_MAX)
    const request = this.#request(lane.instrument, side, intent)
    const denial = this.#check(lane, request, false)
    if (denial !== undefined) {
      this.#deny(lane, request, denial)
      return
    }
    closing.attempts++
    if (closing.attempts > CLOSE_ATTEMPTS) {
      this.#trip(`${lane.strategy} could not close ${qty} ${lane.instrument.symbol}`)
      return
    }
    const { symbol, strategy } = lane
    const id = this.parts.orders.nextId(strategy)
    const filled = lane.instrument.qty(0)
    const times = { createdAt: this.now, updatedAt: this.now }
    this.#send({ ...request, symbol, id, strategy, phase: 'sent', filled, avgPrice: 0, ...times })
  }

  #nativeLegs(entry: Order): Order[] {
    if (entry.role !== 'entry') return []
    const siblings = this.parts.orders.liveOf(entry.symbol)
    return siblings.filter((order) => order.group === entry.id && order.id !== entry.id)
  }

  #trip(why: string): void {
    const { risk, notices } = this.parts
    if (risk.isSafeMode) return
    risk.setSafeMode(why)
    notices.publish({ type: 'safe-mode', on: true, why })
  }

  #limitsOf(instrument: Instrument): Limits {
    const limits = this.parts.limits.get(instrument.venue)
    assert(limits !== undefined, `the limits of venue ${instrument.venue} are known`)
    return limits
  }
}

/** Snaps a number that may be NaN or out of range: risk denies what cannot be snapped. */
function snapped<T extends number>(x: number, snap: (x: number) => T): T {
  return (Number.isFinite(x) && Math.abs(x) < 1e15 ? snap(x) : NaN) as T
}
