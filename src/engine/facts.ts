/*
 * Facts: what a venue said becomes what is held. An order first moves by the transition table; then its fill is booked
 * to its lane, the portfolio and risk; then whoever kept it hears of it. What nobody can explain stops all new risk.
 */
import { assert } from '../core/assert.ts'
import type { SymbolId } from '../core/brand.ts'
import type { Fault } from '../core/fault.ts'
import type { Control, ExternalOrder } from '../core/input.ts'
import { money } from '../core/instrument.ts'
import {
  type Fill,
  isLeg,
  opposite,
  type Order,
  type OrderInput,
  remaining,
  sign,
} from '../core/order.ts'
import { applyFill, realisedProfit } from '../core/position.ts'
import type { Desk, DeskParts } from './desk.ts'
import type { Lane } from './lanes.ts'
import type { Applied } from './orders.ts'

type FillInput = Extract<OrderInput, { type: 'order.filled' }>

/** Runs a hook of a lane; what it throws halts that lane alone. */
export type RunHook = (lane: Lane, hook: () => unknown) => void

export class Facts {
  readonly #desk: Desk
  readonly #parts: DeskParts
  readonly #runHook: RunHook

  constructor(desk: Desk, runHook: RunHook) {
    this.#desk = desk
    this.#parts = desk.parts
    this.#runHook = runHook
  }

  /** Takes what a venue said about an order: order, position, risk, bracket, close, lane, in this order. */
  onOrder(told: OrderInput): void {
    const { orders, notices } = this.#parts
    const applied = orders.apply(told)
    if (applied === undefined) {
      // A fill that we cannot place is money that we cannot explain.
      if (told.type === 'order.filled')
        this.#trip(`fill ${told.fill} is of the unknown order ${told.id}`)
      return
    }
    const { before, after, input } = applied
    if (after === before) {
      if (input.type === 'cancel.rejected') this.#desk.brackets.onAmendRefused(after)
      if (input.type === 'order.busted' && applied.isStrange)
        this.#trip(`bust ${input.bust} takes ${input.qty} of ${after.filled} from ${after.id}`)
      return
    }
    const lane = this.#desk.laneOf(after.strategy, after.symbol)
    assert(lane !== undefined, `order ${after.id} belongs to a lane`)
    const isEnd = after.phase === 'done' && before.phase !== 'done'
    notices.publish({ type: 'order.changed', order: after, isEnd })
    // A lane that closes hears last of a fill: it may end the close, and then the lane may enter anew.
    const isClosing = lane.closing !== undefined
    if (input.type === 'order.filled') {
      if (after.quote === true) this.#desk.markouts.onFill(this.#desk.now, after, input)
      this.#book(lane, applied, input)
      if (!isClosing) this.#tellFill(lane, after, input)
    }
    if (input.type === 'order.busted') this.#unbook(lane, after, input)
    if (input.type === 'order.absent') this.#desk.sendAgain(after)
    if (input.type === 'order.amended') this.#desk.brackets.onAmended(after)
    this.#desk.brackets.onOrder(after)
    if (after.quote === true) this.#tellResting(lane, after, input)
    if (input.type === 'cancel.rejected' && before.amending !== undefined)
      this.#onAmendRefused(after, input.fault)
    if (isClosing) {
      this.#desk.closings.settle(lane)
      if (input.type === 'order.filled') this.#tellFill(lane, after, input)
    }
    if (!isEnd) return
    if (lane.hooks.onDone !== undefined) this.#runHook(lane, () => lane.hooks.onDone!(after))
  }

  #book(lane: Lane, applied: Applied, input: FillInput): void {
    const { portfolio, risk, notices } = this.#parts
    const order = applied.after
    const { qty, price, fee } = input
    const fill = { signedQty: sign(order.side) * qty, price, fee }
    const before = lane.position.current
    const after = applyFill(before, fill, lane.instrument)
    lane.position.current = after
    const profit = realisedProfit(after) - realisedProfit(before)
    portfolio.fill(order.symbol, fill)
    risk.onFill(this.#desk.now, profit, fee, isOpening(before.qty, after.qty))
    if (applied.isOverfill) this.#trip(`order ${order.id} filled ${order.filled} of ${order.qty}`)
    const was = applied.before.reason
    if (was !== undefined) notices.publish({ type: 'fill.late', order, fill: input.fill, was })
    const told = { order, fill: recordOf(input), profit, position: after.qty }
    notices.publish({ type: 'fill', at: this.#desk.now, ...told })
    this.#tellPosition(order.symbol)
    this.#endUncovered(lane, applied.before, before.qty, after.qty)
    if (before.qty !== 0 && Math.sign(after.qty) !== Math.sign(before.qty))
      this.#endOpeners(lane, after.qty === 0 ? undefined : order)
    // A close sees to the legs itself.
    if (order.role === undefined && lane.closing === undefined)
      this.#desk.brackets.onOutside(lane, before.qty, after.qty)
  }

  /**
   * An order that was let pass because it only reduces is canceled where another has taken what it was for, or the venue has
   * taken it back: it would open a position now, which no limit was asked about. The order that has filled counts as the
   * first; what was more than is held was held against the limits. Quotes are withdrawn by themselves where nothing may be
   * risked.
   *
   * @param filled As it was before; undefined where no order has filled.
   */
  #endUncovered(lane: Lane, filled: Order | undefined, before: number, after: number): void {
    const lost =
      Math.sign(after) === Math.sign(before) ? Math.abs(before) - Math.abs(after) : Infinity
    if (before === 0 || lost <= 0) return
    const slack = lane.instrument.lotSize / 2
    let had = Math.abs(before) + slack
    let has = after * before > 0 ? Math.abs(after) + slack : 0
    if (filled !== undefined && !isLeg(filled)) had -= remaining(filled)
    for (const order of this.#desk.ordersOf(lane)) {
      const isExit = order.role === undefined && sign(order.side) * before < 0
      if (!isExit || order.quote === true) continue
      const left = remaining(order)
      has -= left
      if (order.id === filled?.id) continue
      had -= left
      if (had >= 0 && has < 0) this.#desk.cancel(lane, order.id)
    }
  }

  /**
   * What still rests of a lane that is flat again, or turned round, may open a position: where the day has no more of them,
   * it is canceled. The rest of the order that has turned it adds to what it has opened, and was let pass with it.
   */
  #endOpeners(lane: Lane, turner: Order | undefined): void {
    if (!this.#parts.risk.isOverTrades(turner)) return
    for (const order of this.#desk.ordersOf(lane))
      if (!isLeg(order) && order.id !== turner?.id) this.#desk.cancel(lane, order.id)
  }

  #tellFill(lane: Lane, order: Order, input: FillInput): void {
    if (lane.hooks.onFill === undefined) return
    this.#runHook(lane, () => lane.hooks.onFill!({ order, fill: recordOf(input) }))
  }

  /** The reverse of a fill, at its price: quantities are as if it had never been, money too. */
  #unbook(lane: Lane, order: Order, input: Extract<OrderInput, { type: 'order.busted' }>): void {
    const { portfolio, risk, notices } = this.#parts
    const { bust, fill: busts, qty, price, ts } = input
    const side = opposite(order.side)
    const reverse = { signedQty: sign(side) * qty, price, fee: 0 }
    const before = lane.position.current
    const after = applyFill(before, reverse, lane.instrument)
    lane.position.current = after
    const profit = realisedProfit(after) - realisedProfit(before)
    portfolio.fill(order.symbol, reverse)
    risk.onFill(this.#desk.now, profit, 0, false)
    const fill = { id: bust, qty, price, fee: money(0), ts }
    const told = { order: { ...order, side }, fill, busts, profit, position: after.qty }
    notices.publish({ type: 'fill', at: this.#desk.now, ...told })
    this.#tellPosition(order.symbol)
    this.#endUncovered(lane, undefined, before.qty, after.qty)
  }

  #tellResting(lane: Lane, order: Order, input: OrderInput): void {
    const isFill = input.type === 'order.filled' || input.type === 'order.busted'
    const isRefusal = input.type === 'order.rejected' || input.type === 'cancel.rejected'
    this.#desk.restings.onOrder(lane, order, { isFill, fault: isRefusal ? input.fault : undefined })
  }

  /** It was to stand elsewhere and cannot: it goes. A quote whose amend only came too late stays where it is. */
  #onAmendRefused(order: Order, { retry }: Fault): void {
    if (order.quote !== true || retry !== 'later') this.#desk.cancelOrder(order)
  }

  /** Takes what is known of an order that is not ours. */
  onExternal(order: ExternalOrder): void {
    const { externals, portfolio, notices, universe } = this.#parts
    const fill = externals.take(order, universe.at(order.symbol))
    notices.publish({ type: 'external', order })
    if (fill === undefined) return
    const signedQty = this.#othersPart(order.symbol, fill.signedQty)
    if (signedQty !== fill.signedQty) this.#doubt(order)
    if (signedQty === 0) return
    portfolio.fill(order.symbol, { ...fill, signedQty, fee: 0 })
    this.#tellPosition(order.symbol)
  }

  /**
   * How much of what somebody else traded is of the position that no strategy holds. The rest is not booked: it stays a
   * difference to the venue's position, as if nobody had heard of it.
   */
  #othersPart(symbol: SymbolId, signedQty: number): number {
    const { portfolio, risk, universe } = this.#parts
    // What is in doubt already is as the venue says, and not as the sum of what is heard.
    if (risk.state.halts.some((halt) => halt.symbol === symbol && halt.isLess === true)) return 0
    const held = this.#desk.lanesOf(symbol).reduce((sum, { position }) => sum + position.qty, 0)
    if (held * signedQty >= 0) return signedQty
    const others = universe.at(symbol).qty((portfolio.qty(symbol) - held) * Math.sign(held))
    return Math.sign(signedQty) * Math.min(Math.abs(signedQty), Math.max(0, others))
  }

  /** Strategies believe to hold what somebody else has sold: an exit of theirs would turn the position round. */
  #doubt({ venueId, symbol }: ExternalOrder): void {
    const { risk, notices, universe } = this.#parts
    const { symbol: name } = universe.at(symbol)
    const why = `order ${venueId}, which is not ours, traded what strategies hold of ${name}`
    const halt = { symbol, cause: 'position', why } as const
    risk.state.setHalt({ ...halt, isLess: true }, true)
    notices.publish({ type: 'symbol.halted', ...halt, on: true })
  }

  /** Takes the venue's position over, where ours is still the one that it was compared with. */
  adopt({ do: _do, ...adopted }: Extract<Control, { do: 'adopt' }>): void {
    const { portfolio, risk, notices } = this.#parts
    const { symbol, strategy, qty, avgPrice } = adopted
    const { qty: before } = portfolio.position(symbol)
    const isDone = before === adopted.before
    notices.publish({ type: 'position.adopted', ...adopted, before, isDone })
    if (!isDone) return
    if (strategy !== undefined) {
      const lane = this.#desk.laneOf(strategy, symbol)
      assert(lane !== undefined, `lane ${strategy} of symbol ${symbol} is configured`)
      lane.adopt(qty - before, avgPrice)
    }
    const { equity } = portfolio
    portfolio.adopt(symbol, { qty, avgPrice })
    // As it is no profit, it is no loss.
    risk.drawdown.rescale(portfolio.equity / equity)
    this.#tellPosition(symbol)
    const halt = { symbol, cause: 'position', why: 'the position was adopted' } as const
    risk.state.setHalt(halt, false)
    notices.publish({ type: 'symbol.halted', ...halt, on: false })
  }

  #tellPosition(symbol: SymbolId): void {
    const { portfolio, notices } = this.#parts
    const { qty, avgPrice } = portfolio.position(symbol)
    notices.publish({ type: 'position.changed', symbol, qty, avgPrice })
  }

  /** What cannot be explained stops all new risk, until a person says otherwise. */
  #trip(why: string): void {
    if (!this.#parts.risk.state.isSafeMode) this.#desk.callForHelp(why)
  }
}

/** From flat, or through zero: what is held then is another trade. */
const isOpening = (before: number, after: number): boolean =>
  after !== 0 && Math.sign(before) !== Math.sign(after)

const recordOf = ({ fill: id, qty, price, fee, ts }: FillInput): Fill => ({
  id,
  qty,
  price,
  fee,
  ts,
})
