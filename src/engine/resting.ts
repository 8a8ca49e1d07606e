/*
 * Resting: what lanes have declared to rest (`ctx.rest`), and the orders that make it so.
 *
 *   declare   the ladder that is wanted from now on; the last one of a turn counts
 *   work      at the end of the turn: the difference to what rests, within the caps
 *   wait      what the caps or the time in book did not allow is looked at again when they do, and with every fact
 *   end       a fill ends the wish: what it was made for has changed, so nothing is placed until it is declared anew
 *
 * An order is canceled at once, whatever the caps: where no level is wanted in its place, where it is more aggressive
 * than wanted by more than `urgentBps`, or where an amend of it was not answered. Caps and the time in book hold only
 * the moving of orders; they never keep one in the market that is no longer wanted.
 *
 * Where risk or the venue refuses a quote, nothing is placed for the lane for a while; cancels go on. Where nothing new
 * may be risked at all (stopped, paused, held, safe mode, kill switch, a stream that is down, a halted symbol) there is
 * nobody behind a quote: all are withdrawn, again and again until they are gone, and none is placed until it is declared
 * after that.
 */
import type { Ms, OrderId, Px, Qty } from '../core/brand.ts'
import type { Fault } from '../core/fault.ts'
import type { Instrument } from '../core/instrument.ts'
import type { Denial } from '../core/notice.ts'
import { type Order, type OrderRequest, remaining, type Side } from '../core/order.ts'
import type { Ladder, RestPolicy } from '../strategy/context.ts'
import { CANCEL_AGAIN_MS } from './dispatch.ts'
import { ladderDiff, type Match } from './ladder.ts'
import type { Lane } from './lanes.ts'
import { type Moment, Quota } from './quota.ts'
import { apartBps, isNear } from './replacing.ts'

/** After a quote that risk or the venue refused. */
export const REFUSED_WAIT_MS = 1_500
/** After one that may pass in a moment: it came too late, or the venue is busy. */
export const BUSY_WAIT_MS = 200
/** An amend that has no answer by then is given up with its order. */
export const AMEND_WAIT_MS = 5_000

export const REST_DEFAULTS: RestPolicy = {
  requoteBps: 0.5,
  requoteSize: 0.2,
  amends: true,
  amendBps: 1,
  amendSize: 0.2,
  minRestMs: 500,
  urgentBps: 3,
  levelsPerSide: 3,
  ordersMax: 30,
  placesPerSecond: 5,
  amendsPerSecond: 10,
  cancelsPerSecond: 4,
  cancelsPerMinute: 90,
}

/** What resting may ask of the desk. */
export interface RestingDesk {
  readonly now: Ms
  /** Live quotes of the lane, oldest first. */
  quotesOf(lane: Lane): readonly Order[]
  /** True where nothing new may be risked in its symbol. */
  refusesQuotes(lane: Lane): boolean
  canAmend(instrument: Instrument): boolean
  placeQuote(lane: Lane, request: OrderRequest): OrderId | Denial
  /** False where risk refuses what the order would become. */
  amendQuote(lane: Lane, order: Order, change: { readonly qty: Qty; readonly limit: Px }): boolean
  cancelOrder(order: Order): void
  /** Where a cancel was sent and has had its time. */
  cancelAgain(order: Order): void
  deny(lane: Lane, request: OrderRequest, denial: Denial): void
}

interface Level {
  readonly price: Px
  readonly qty: Qty
}

interface Wish {
  readonly bids: readonly Level[]
  readonly asks: readonly Level[]
  readonly policy: RestPolicy
}

export interface LaneRestState {
  readonly strategy: string
  readonly symbol: number
  readonly wish?: Wish
  /** When to look again; null where only a declaration helps. */
  readonly dueAt: number | null
  readonly retryAt: number
  readonly placed: readonly Moment[]
  readonly amended: readonly Moment[]
  readonly canceled: readonly Moment[]
}

/** A resting order as the ladder sees it. */
interface Quote {
  readonly order: Order
  readonly price: number
  readonly qty: number
}

const SIDES = ['buy', 'sell'] as const

class LaneRest {
  wish: Wish | undefined
  dueAt = Infinity
  /** Nothing is placed before it. */
  retryAt = 0
  readonly placed = new Quota(1_000)
  readonly amended = new Quota(1_000)
  readonly canceled = new Quota(1_000)
  readonly canceledInMinute = new Quota(60_000)
}

export class Restings {
  readonly #desk: RestingDesk
  readonly #lanes = new Map<Lane, LaneRest>()
  #nextAt = Infinity

  constructor(desk: RestingDesk) {
    this.#desk = desk
  }

  /** When a wish is to be looked at again; Infinity where none waits. */
  get nextAt(): number {
    return this.#nextAt
  }

  declare(lane: Lane, { bids, asks }: Ladder, policy: Partial<RestPolicy>): void {
    const rest = this.#of(lane)
    const whole = { ...REST_DEFAULTS, ...policy }
    rest.wish = {
      bids: this.#levels(lane, 'buy', bids, whole),
      asks: this.#levels(lane, 'sell', asks, whole),
      policy: whole,
    }
    this.#dueAt(rest, 0)
  }

  /** Takes all quotes of a lane back; nothing of it is placed until it declares anew. */
  withdraw(lane: Lane): void {
    if (this.#lanes.has(lane)) this.declare(lane, { bids: [], asks: [] }, {})
  }

  /** Nothing of a lane is placed until it declares anew; what rests stays. */
  forget(lane: Lane): void {
    const rest = this.#lanes.get(lane)
    if (rest !== undefined) rest.wish = undefined
  }

  /** What may be risked has changed: quotes are looked at again. */
  lookAtAll(): void {
    for (const rest of this.#lanes.values()) this.#dueAt(rest, 0)
  }

  /** What became of a quote: a fill ends the wish, a refusal makes the lane wait, all else lets it go on. */
  onOrder(
    lane: Lane,
    order: Order,
    fact: { readonly isFill: boolean; readonly fault?: Fault | undefined },
  ): void {
    const rest = this.#of(lane)
    const { now } = this.#desk
    if (fact.isFill) {
      rest.wish = undefined
      return
    }
    if (fact.fault !== undefined) {
      rest.retryAt = now + (fact.fault.retry === 'later' ? BUSY_WAIT_MS : REFUSED_WAIT_MS)
    } else if (order.reason === 'canceled' && order.cancelSentAt === undefined) {
      // The venue took it out by itself: it would have traded at once.
      rest.retryAt = now + REFUSED_WAIT_MS
    }
    if (rest.wish !== undefined) this.#dueAt(rest, 0)
  }

  /** Makes what is due so. */
  work(): void {
    const { now } = this.#desk
    if (this.#nextAt > now) return
    this.#nextAt = Infinity
    for (const [lane, rest] of this.#lanes) {
      if (rest.dueAt <= now) {
        rest.dueAt = Infinity
        this.#settle(lane, rest)
      }
      this.#nextAt = Math.min(this.#nextAt, rest.dueAt)
    }
  }

  capture(): readonly LaneRestState[] {
    const { now } = this.#desk
    return [...this.#lanes].map(([{ strategy, symbol }, rest]) => ({
      strategy,
      symbol,
      ...(rest.wish === undefined ? {} : { wish: rest.wish }),
      dueAt: rest.dueAt === Infinity ? null : rest.dueAt,
      retryAt: rest.retryAt,
      placed: rest.placed.capture(now),
      amended: rest.amended.capture(now),
      canceled: rest.canceledInMinute.capture(now),
    }))
  }

  restore(lane: Lane, saved: LaneRestState): void {
    const rest = this.#of(lane)
    rest.wish = saved.wish && { ...saved.wish, policy: policyOf(saved.wish.policy) }
    rest.retryAt = saved.retryAt
    rest.placed.restore(saved.placed)
    rest.amended.restore(saved.amended)
    rest.canceled.restore(saved.canceled)
    rest.canceledInMinute.restore(saved.canceled)
    if (saved.dueAt !== null) this.#dueAt(rest, saved.dueAt)
  }

  #of(lane: Lane): LaneRest {
    let rest = this.#lanes.get(lane)
    if (rest === undefined) {
      rest = new LaneRest()
      this.#lanes.set(lane, rest)
    }
    return rest
  }

  #dueAt(rest: LaneRest, at: number): void {
    rest.dueAt = at
    this.#nextAt = Math.min(this.#nextAt, at)
  }

  /** On the grid, the best price first, of one price one level, as many as may rest. */
  #levels(
    lane: Lane,
    side: Side,
    wanted: Ladder['bids'],
    { levelsPerSide }: RestPolicy,
  ): readonly Level[] {
    const { instrument } = lane
    const levels: { readonly price: Px; qty: Qty }[] = []
    for (const { price, qty } of wanted) {
      if (!(price > 0 && instrument.mayBePrice(price) && qty >= 0 && instrument.mayBeQty(qty))) {
        const denial = { code: 'missing-data', detail: `a level is ${qty} at ${price}` } as const
        this.#desk.deny(
          lane,
          requestOf(instrument, side, { price: NaN as Px, qty: NaN as Qty }),
          denial,
        )
        continue
      }
      const level = {
        price: instrument.px(price, side === 'buy' ? 'down' : 'up'),
        qty: instrument.qty(qty, 'down'),
      }
      const same = levels.find((other) => other.price === level.price)
      if (same !== undefined) same.qty = instrument.qty(same.qty + level.qty)
      else if (level.qty > 0 && level.price > 0) levels.push(level)
    }
    sortBest(levels, side)
    return levels.length <= levelsPerSide ? levels : levels.slice(0, levelsPerSide)
  }

  #settle(lane: Lane, rest: LaneRest): void {
    if (lane.closing !== undefined) rest.wish = undefined
    if (this.#desk.refusesQuotes(lane)) {
      rest.wish = undefined
      for (const order of this.#desk.quotesOf(lane)) {
        this.#desk.cancelOrder(order)
        this.#desk.cancelAgain(order)
        this.#lookAgain(rest, this.#desk.now + CANCEL_AGAIN_MS)
      }
    }
    const { wish } = rest
    if (wish === undefined) return
    for (const side of SIDES) this.#settleSide(lane, rest, { side, wish })
  }

  #settleSide(
    lane: Lane,
    rest: LaneRest,
    { side, wish }: { readonly side: Side; readonly wish: Wish },
  ): void {
    const desk = this.#desk
    const { policy } = wish
    const quotes = desk.quotesOf(lane)
    const wanted = side === 'buy' ? wish.bids : wish.asks
    const resting = restingOf(quotes, side)
    if (resting.length === 0 && wanted.length === 0) return
    const judge = new Judge(side, {
      policy: desk.canAmend(lane.instrument) ? policy : { ...policy, amends: false },
      now: desk.now,
    })
    const { cancels, amends, places, waits } = ladderDiff(resting, wanted, (quote, level) =>
      judge.matchOf(quote, level),
    )
    for (let i = 0; i < waits.length; i++) this.#lookAgain(rest, judge.freeAt(waits[i]!.order))
    const best = wanted[0]
    // What stands in nobody's place goes first and at once; of the others, as many as may be moved.
    const isAtOnce = (quote: Quote, i: number): boolean =>
      i < cancels.length - places.length || judge.isUrgent(quote, best)
    let moves = this.#movesLeft(rest, policy)
    let placeable = 0
    for (let i = 0; i < cancels.length; i++) {
      const quote = cancels[i]!
      const mustGo = isAtOnce(quote, i)
      if (!mustGo && moves <= 0) {
        this.#lookAgain(rest, this.#movesAt(rest, policy))
        continue
      }
      if (!mustGo) moves--
      if (i >= cancels.length - places.length) placeable++
      this.#cancel(rest, quote.order)
    }
    for (let i = 0; i < amends.length; i++) this.#amend(lane, rest, amends[i]!, policy)
    // Levels that no order had to make room for, and those for which one did.
    const free = Math.max(0, places.length - cancels.length) + placeable
    const count = quotes.length
    for (let i = 0; i < Math.min(places.length, free, policy.ordersMax - count); i++) {
      if (!this.#place(lane, rest, { side, level: places[i]!, policy })) break
    }
  }

  #movesLeft({ placed, canceled, canceledInMinute }: LaneRest, policy: RestPolicy): number {
    const { now } = this.#desk
    return Math.min(
      policy.placesPerSecond - placed.used(now),
      policy.cancelsPerSecond - canceled.used(now),
      policy.cancelsPerMinute - canceledInMinute.used(now),
    )
  }

  /** When there is a move left again. */
  #movesAt({ placed, canceled, canceledInMinute }: LaneRest, policy: RestPolicy): number {
    const { now } = this.#desk
    return Math.max(
      placed.freeAt(now, policy.placesPerSecond),
      canceled.freeAt(now, policy.cancelsPerSecond),
      canceledInMinute.freeAt(now, policy.cancelsPerMinute),
    )
  }

  #cancel(rest: LaneRest, order: Order): void {
    const { now } = this.#desk
    rest.canceled.take(now, 1)
    rest.canceledInMinute.take(now, 1)
    this.#desk.cancelOrder(order)
  }

  #amend(
    lane: Lane,
    rest: LaneRest,
    { order: { order }, level }: { readonly order: Quote; readonly level: Level },
    policy: RestPolicy,
  ): void {
    const { now } = this.#desk
    const freeAt = Math.max(rest.amended.freeAt(now, policy.amendsPerSecond), rest.retryAt)
    if (freeAt > now) {
      this.#lookAgain(rest, freeAt)
      return
    }
    // The size of an order is that of all of it, filled or not.
    const qty = lane.instrument.qty(order.filled + level.qty)
    if (this.#desk.amendQuote(lane, order, { qty, limit: level.price })) {
      rest.amended.take(now, 1)
      this.#lookAgain(rest, now + AMEND_WAIT_MS)
    } else this.#cancel(rest, order)
  }

  /** False where nothing more may be placed now. */
  #place(
    lane: Lane,
    rest: LaneRest,
    {
      side,
      level,
      policy,
    }: { readonly side: Side; readonly level: Level; readonly policy: RestPolicy },
  ): boolean {
    const { now } = this.#desk
    const freeAt = Math.max(rest.placed.freeAt(now, policy.placesPerSecond), rest.retryAt)
    if (freeAt > now) {
      this.#lookAgain(rest, freeAt)
      return false
    }
    const given = this.#desk.placeQuote(lane, requestOf(lane.instrument, side, level))
    if (typeof given === 'string') {
      rest.placed.take(now, 1)
      return true
    }
    // What would trade with our own order passes as soon as that one is gone.
    rest.retryAt = now + (given.code === 'self-cross' ? BUSY_WAIT_MS : REFUSED_WAIT_MS)
    this.#lookAgain(rest, rest.retryAt)
    return false
  }

  #lookAgain(rest: LaneRest, at: number): void {
    if (at < rest.dueAt) rest.dueAt = Math.max(at, this.#desk.now + 1)
  }
}

/** As it was declared: JSON has no Infinity, which switches a cap off, and writes null. */
const policyOf = (saved: RestPolicy): RestPolicy =>
  Object.fromEntries(
    Object.entries(saved).map(([name, value]) => [name, value ?? Infinity]),
  ) as unknown as RestPolicy

/** What may become of a resting order for a level, by one policy at one moment. */
class Judge {
  readonly #side: Side
  readonly #policy: RestPolicy
  readonly #now: Ms

  constructor(side: Side, { policy, now }: { readonly policy: RestPolicy; readonly now: Ms }) {
    this.#side = side
    this.#policy = policy
    this.#now = now
  }

  matchOf(quote: Quote, level: Level): Match {
    const { requoteBps, requoteSize, amends } = this.#policy
    const { order, price, qty } = quote
    const isClose = apartBps(price, level.price) <= requoteBps
    if (isClose && Math.abs(qty - level.qty) <= requoteSize * level.qty) return 'keep'
    if (this.isUrgent(quote, level)) return 'none'
    if (this.freeAt(order) > this.#now) return 'wait'
    // A quote is like any other quote of its side, and it is open and old enough by now.
    return amends && isNear(quote, level, this.#policy) ? 'amend' : 'none'
  }

  /** More aggressive than wanted by so much that it would be picked off; or its amend was not answered. */
  isUrgent({ order, price }: Quote, level: Level | undefined): boolean {
    if (order.amending !== undefined && this.#now - order.amending.at >= AMEND_WAIT_MS) return true
    if (level === undefined) return true
    const isAhead = this.#side === 'buy' ? price > level.price : price < level.price
    return isAhead && apartBps(price, level.price) > this.#policy.urgentBps
  }

  /** When the order may be moved: Infinity where a fact of the venue comes first. */
  freeAt(order: Order): number {
    if (order.amending !== undefined) return order.amending.at + AMEND_WAIT_MS
    if (order.phase !== 'open') return Infinity
    return order.updatedAt + this.#policy.minRestMs
  }
}

/** The orders of one side that are not being canceled, the best price first. */
function restingOf(quotes: readonly Order[], side: Side): readonly Quote[] {
  const resting: Quote[] = []
  for (let i = 0; i < quotes.length; i++) {
    const order = quotes[i]!
    if (order.side !== side || order.cancelSentAt !== undefined) continue
    const { amending } = order
    const price = amending?.limit ?? order.limit!
    const qty = amending === undefined ? remaining(order) : amending.qty - order.filled
    resting.push({ order, price, qty })
  }
  sortBest(resting, side)
  return resting
}

/** The best price first. Most are in order already, and a sort would take room for a copy of them all the same. */
function sortBest(levels: { readonly price: number }[], side: Side): void {
  const apart = (a: { readonly price: number }, b: { readonly price: number }): number =>
    side === 'buy' ? b.price - a.price : a.price - b.price
  for (let i = 1; i < levels.length; i++) {
    if (apart(levels[i - 1]!, levels[i]!) <= 0) continue
    levels.sort(apart)
    return
  }
}

function requestOf({ id, spec }: Instrument, side: Side, { price, qty }: Level): OrderRequest {
  return {
    symbol: id,
    side,
    type: 'limit',
    qty,
    limit: price,
    tif: spec.calendar === '24/7' ? 'gtc' : 'day',
    postOnly: true,
    quote: true,
  }
}
