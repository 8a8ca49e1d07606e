/*
 * Orders: what Alpaca's trade updates mean for our orders.
 *
 *   event                                          input
 *   accepted, new, held, restated …                order.accepted (with a new venue id after a replace)
 *   fill, partial_fill                             order.filled with the quantity of this execution
 *   canceled, done_for_day (of a day order)        order.canceled
 *   expired                                        order.expired
 *   rejected                                       order.rejected
 *   replaced                                       order.amended with what works now
 *   order_cancel_rejected, order_replace_rejected  cancel.rejected
 *   pending_new, pending_cancel, stopped …         nothing: the order is as it was, or cannot be changed yet
 *   trade_bust                                     order.busted; without the execution that it takes back, as a correction
 *   trade_correct                                  counted and told: the runtime must reconcile
 *   anything else                                  counted; the order counts as open
 *
 * A fill is identified by its execution id, here for as long as we run and in the engine for ever. What is counted is
 * the quantity of the execution; where an event lacks it, the difference of the cumulative quantities. Stream and
 * activities may name one execution differently: a cumulative quantity that the other one has told is the same execution.
 */
import { fillId, type Ms, type OrderId } from '../../core/brand.ts'
import { fault } from '../../core/fault.ts'
import type { Input, OrderFact } from '../../core/input.ts'
import { type Instrument, money } from '../../core/instrument.ts'
import type { Universe } from '../../core/universe.ts'
import type { Side } from '../../core/order.ts'
import type { Identity, Known } from './identity.ts'
import { keptOf, losesCoins, netOf } from './kept.ts'
import { isKnownStatus, stateOf, type TradeUpdate, type WireFill, type WireOrder } from './wire.ts'

export interface OrdersOptions {
  readonly identity: Identity
  readonly universe: Universe
  /** Tells our ids from those of others who use the account. */
  readonly isOurs: (id: OrderId) => boolean
  readonly now: () => Ms
  readonly sink: (input: Input) => void
  /** Something that no input can say: the runtime should ask for a report. */
  readonly onTrouble: (why: string) => void
}

/** Executions that are remembered. The engine remembers all of them; this only spares it the duplicates. */
const SEEN_MAX = 50_000

const OPENING = new Set([
  'accepted',
  'new',
  'held',
  'restated',
  'accepted_for_bidding',
  'calculated',
])
const QUIET = new Set(['pending_new', 'pending_cancel', 'pending_replace', 'stopped', 'suspended'])

export class Orders {
  readonly #options: OrdersOptions
  readonly #seen = new Set<string>()
  readonly counts = { updates: 0, duplicates: 0, foreign: 0, unknown: 0, busts: 0, malformed: 0 }

  constructor(options: OrdersOptions) {
    this.#options = options
  }

  /** An event of the trading stream, in whatever order and however often it comes. */
  apply(update: TradeUpdate): void {
    const { identity, isOurs, now } = this.#options
    const { order, event } = update
    this.counts.updates++
    const known = identity.of(order, isOurs)
    if (known === undefined) {
      this.counts.foreign++
      this.#sayExternal(order)
      return
    }
    const ts = update.at ?? order.updatedAt ?? now()
    if (event === 'fill' || event === 'partial_fill') this.#onFill(known, update, ts)
    else if (event === 'replaced') this.#onReplaced(known, order, ts)
    else this.#onState(known, update, ts)
  }

  /** A fill of the account's activities: the same facts by another way. */
  applyFill(fill: WireFill, order: WireOrder): void {
    const known = this.#options.identity.of(order, this.#options.isOurs)
    if (known === undefined) return
    const { execution, qty, price, ts, cumulative } = fill
    // An activity may write a coin without the slash; by its order it is known.
    const { venueId, symbol } = order
    this.#follow(known, order, ts)
    this.#book(known, {
      source: 'report',
      side: fill.side,
      execution,
      venueId,
      qty,
      price,
      ts,
      symbol,
      ...(cumulative === undefined ? {} : { cumulative }),
    })
  }

  #onFill(known: Known, update: TradeUpdate, ts: Ms): void {
    const { order, execution, price = order.avgPrice } = update
    this.#follow(known, order, ts)
    const before = known.venueId === order.venueId ? known.filled : 0
    const qty = update.qty ?? order.filled - before
    if (price === undefined || !(qty > 0)) {
      this.counts.malformed++
      this.#options.onTrouble(`a fill of ${known.id} without a price or a quantity`)
      return
    }
    const id = execution ?? `${order.venueId}@${order.filled}`
    this.#book(known, {
      source: 'stream',
      side: order.side,
      execution: id,
      venueId: order.venueId,
      qty,
      price,
      ts,
      symbol: order.symbol,
      cumulative: order.filled,
    })
    this.#endShort(known, order, ts)
  }

  #book(
    known: Known,
    fill: {
      readonly source: 'stream' | 'report'
      readonly side: Side
      readonly execution: string
      readonly venueId: string
      readonly cumulative?: number
      readonly qty: number
      readonly price: number
      readonly ts: Ms
      readonly symbol: string
    },
  ): void {
    const { source, execution, venueId, cumulative, qty, price, ts, symbol } = fill
    const reached = `${venueId}@${cumulative}`
    const other = source === 'stream' ? 'report' : 'stream'
    const isKnown = this.#seen.has(execution) || this.#seen.has(`${other} ${reached}`)
    if (isKnown) {
      this.counts.duplicates++
      return
    }
    this.#remember(execution)
    if (cumulative !== undefined) this.#remember(`${source} ${reached}`)
    const instrument = this.#options.universe.find(symbol)
    if (instrument === undefined) {
      this.#options.onTrouble(`a fill of ${known.id} in ${symbol}, which is not in the universe`)
      return
    }
    // A fill of an order that was replaced meanwhile counts to what came before.
    if (known.venueId === venueId)
      known.filled = Math.max(known.filled, cumulative ?? known.filled + qty)
    else known.filledBefore += qty
    const net = netOf(instrument, fill)
    if (net.qty <= 0) return
    this.#say({
      type: 'order.filled',
      id: known.id,
      fill: fillId(execution),
      qty: instrument.qty(net.qty),
      price,
      fee: money(net.fee),
      ts,
      at: this.#options.now(),
    })
  }

  /** A purchase of coins that has filled has not brought in all of them, and no more will come. */
  #endShort(known: Known, { venueId, symbol, side, status }: WireOrder, ts: Ms): void {
    const instrument = this.#options.universe.find(symbol)
    if (instrument === undefined || !losesCoins(instrument, side)) return
    if (stateOf(status) !== 'filled' || known.venueId !== venueId) return
    this.#say({ type: 'order.canceled', id: known.id, ts, at: this.#options.now() })
  }

  #onState(known: Known, update: TradeUpdate, ts: Ms): void {
    const { event, order } = update
    const at = this.#options.now()
    const { id } = known
    // Events of an order that was replaced say nothing about the one that took its place.
    const isPresent = known.venueId === order.venueId || order.replaces === known.venueId
    switch (event) {
      case 'canceled':
        if (isPresent) this.#say({ type: 'order.canceled', id, ts, at })
        return
      case 'done_for_day':
      case 'expired':
        if (isPresent && (event === 'expired' || stateOf(order.status) !== 'open'))
          this.#say({ type: 'order.expired', id, ts, at })
        return
      case 'rejected':
        if (known.venueId !== order.venueId && order.replaces === known.venueId)
          this.#amendRefused(known, order, ts)
        else if (isPresent) {
          this.#say({
            type: 'order.rejected',
            id,
            fault: fault('bad-request', `alpaca rejected ${id} in ${order.symbol}`),
            ts,
            at,
          })
        }
        return
      case 'order_replace_rejected':
        this.#amendRefused(known, order, ts)
        return
      case 'order_cancel_rejected':
        this.#say({
          type: 'cancel.rejected',
          id,
          fault: fault('bad-request', `alpaca did not cancel ${id}`),
          ts,
          at,
        })
        return
      case 'trade_bust':
      case 'trade_correct':
        this.#onBust(known, update, ts)
        return
      default:
    }
    if (QUIET.has(event)) return
    if (!OPENING.has(event) || !isKnownStatus(order.status)) {
      this.counts.unknown++
      this.#options.onTrouble(
        `${id}: nobody knows the event ${event} with the status ${order.status}`,
      )
    }
    if (this.#follow(known, order, ts)) return
    if (known.venueId === order.venueId && stateOf(order.status) === 'open') {
      this.#say({ type: 'order.accepted', id, venueId: order.venueId, ts, at })
    } else this.#endShort(known, order, ts)
  }

  /** An execution is taken back; where it was corrected, another one takes its place. */
  #onBust(
    known: Known,
    { event, order, execution, previous, qty, price }: TradeUpdate,
    ts: Ms,
  ): void {
    this.counts.busts++
    const { id } = known
    const instrument = this.#options.universe.find(order.symbol)
    const isWhole = execution !== undefined && previous !== undefined && qty !== undefined
    if (event === 'trade_correct' || !isWhole || price === undefined || instrument === undefined) {
      // What it was before is not said: the next report has what is, and a person must hear of it.
      this.#options.onTrouble(`${event} of ${id} in ${order.symbol}`)
      return
    }
    known.filled = Math.max(0, known.filled - qty)
    const { side, filled } = order
    const net = netOf(instrument, { side, qty, price, cumulative: filled + qty })
    if (net.qty <= 0) return
    this.#say({
      type: 'order.busted',
      id,
      bust: fillId(execution),
      fill: fillId(previous),
      qty: instrument.qty(net.qty),
      price,
      ts,
      at: this.#options.now(),
    })
  }

  #sayExternal({
    venueId,
    symbol: name,
    side,
    qty,
    filled,
    avgPrice,
    limit,
    status,
  }: WireOrder): void {
    const instrument = this.#options.universe.find(name)
    // What is not in our universe moves no position of ours; the report counts it in the account.
    if (instrument === undefined) return
    const order = {
      venueId,
      symbol: instrument.id,
      side,
      qty: instrument.qty(qty ?? filled, 'down'),
      filled: instrument.qty(keptOf(instrument, side, filled), 'down'),
      avgPrice: avgPrice ?? 0,
      ...(limit === undefined ? {} : { limit: instrument.px(limit) }),
      open: stateOf(status) === 'open',
    }
    this.#options.sink({ type: 'external', at: this.#options.now(), order })
  }

  #amendRefused(known: Known, order: WireOrder, ts: Ms): void {
    delete known.amending
    this.#say({
      type: 'cancel.rejected',
      id: known.id,
      fault: fault('bad-request', `alpaca did not replace ${known.id} in ${order.symbol}`),
      ts,
      at: this.#options.now(),
    })
  }

  /** True where the event is the first that is heard of an order which took the place of ours: it is told at once. */
  #follow(known: Known, order: WireOrder, ts: Ms): boolean {
    const isNext = known.venueId !== order.venueId && order.replaces === known.venueId
    if (isNext) this.#onReplaced(known, order, ts)
    return isNext
  }

  /**
   * The order that works now is another one. Alpaca tells it twice, and not always the same way: `replaced` carries
   * the *old* order, with its old price and `replaced_by`; what follows carries the new one, with `replaces`.
   */
  #onReplaced(known: Known, order: WireOrder, ts: Ms): void {
    const { amending } = known
    const isOld = order.replacedBy !== undefined
    const next = order.replacedBy ?? order.venueId
    // Told again, or of a link further back in the chain.
    if (next === known.venueId && amending === undefined) return
    if (isOld && order.venueId !== known.venueId) return
    this.#options.identity.replaced(known, next)
    const at = this.#options.now()
    const instrument = this.#options.universe.find(order.symbol)
    if (instrument === undefined) return
    this.#say({ type: 'order.accepted', id: known.id, venueId: next, ts, at })
    // The old order says what was; the new one and our own wish say what is.
    const values = isOld
      ? (amending ?? {})
      : { qty: order.qty, limit: order.limit, stop: order.stop }
    delete known.amending
    if (isOld && amending === undefined)
      this.#options.onTrouble(`${known.id} was replaced by somebody else`)
    this.#say(amended(known, values, { instrument, ts, at }))
  }

  #say(fact: OrderFact): void {
    this.#options.sink(fact)
  }

  #remember(key: string): void {
    this.#seen.add(key)
    if (this.#seen.size <= SEEN_MAX) return
    const oldest = this.#seen.values().next().value
    if (oldest !== undefined) this.#seen.delete(oldest)
  }
}

/** Quantities are totals of our order: what the venue's new order asks for comes on top of what was filled before. */
function amended(
  known: Known,
  values: {
    readonly qty?: number | undefined
    readonly limit?: number | undefined
    readonly stop?: number | undefined
  },
  about: { readonly instrument: Instrument; readonly ts: Ms; readonly at: Ms },
): OrderFact {
  const { instrument, ts, at } = about
  const { qty, limit, stop } = values
  if (qty !== undefined) known.total = qty + known.filledBefore
  return {
    type: 'order.amended',
    id: known.id,
    ...(qty === undefined ? {} : { qty: instrument.qty(known.total) }),
    ...(limit === undefined ? {} : { limit: instrument.px(limit) }),
    ...(stop === undefined ? {} : { stop: instrument.px(stop) }),
    ts,
    at,
  }
}
