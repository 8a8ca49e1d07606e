/*
 * Orders: what Bybit's private stream means for our orders.
 *
 *   order      New, PartiallyFilled, Untriggered, Triggered    order.accepted, and order.amended where it has changed
 *              Cancelled, PartiallyFilledCanceled, Deactivated order.canceled; order.rejected where it was refused after it was taken
 *              Rejected                                        order.rejected
 *              Filled                                          order.amended where it has changed; executions tell the rest
 *              anything else                                   counted; the order counts as open
 *   execution  Trade                                           order.filled, once for each execution; order.amended before it,
 *                                                              where its order has grown and nothing has told that yet
 *              Funding                                         counted: no position moves
 *              anything else                                   the position may have moved without an order of ours: the runtime must
 *                                                              ask. A liquidation moves it; the settlement of a session in USDC does not
 *   position   of two sides                                    the symbol is halted: we trade one-way only
 *
 * An execution names the quantity of itself, and its id is the same on the stream and in the report.
 */
import { fillId, type Ms, type OrderId } from '../../core/brand.ts'
import { fault } from '../../core/fault.ts'
import type { Input, OrderFact } from '../../core/input.ts'
import { type Instrument, money } from '../../core/instrument.ts'
import type { Universe } from '../../core/universe.ts'
import type { Identity, Known } from './identity.ts'
import type { Kept } from './kept.ts'
import {
  isKnownStatus,
  stateOf,
  type WireExecution,
  type WireOrder,
  type WirePosition,
} from './wire.ts'

export interface OrdersOptions {
  readonly identity: Identity
  readonly kept: Kept
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

export class Orders {
  readonly #options: OrdersOptions
  readonly #seen = new Set<string>()
  readonly #hedged = new Set<string>()
  readonly counts = { updates: 0, duplicates: 0, foreign: 0, unknown: 0, funding: 0, malformed: 0 }

  constructor(options: OrdersOptions) {
    this.#options = options
  }

  /** An order as it is now, in whatever order and however often it comes. */
  apply(order: WireOrder): void {
    const { identity, isOurs, universe, now } = this.#options
    this.counts.updates++
    const instrument = universe.find(order.symbol)
    // What is not in our universe moves no position of ours; the report counts it in the account.
    if (instrument === undefined) return
    const known = identity.of(order, isOurs)
    if (known === undefined) {
      this.counts.foreign++
      this.#sayExternal(order, instrument)
      return
    }
    const at = now()
    const about = { id: known.id, ts: order.updatedAt ?? at, at }
    const state = stateOf(order)
    if (!isKnownStatus(order.status)) {
      this.counts.unknown++
      this.#options.onTrouble(`${known.id}: nobody knows the status ${order.status}`)
    }
    if (state !== 'rejected' && state !== 'canceled') this.#accept(known, order.venueId, about)
    if (state === 'open' || state === 'filled') this.#sayChanges(known, order, instrument, about)
    if (state !== 'open') known.isDone = true
    if (state === 'canceled') this.#say({ type: 'order.canceled', ...about })
    if (state === 'rejected') {
      const words = `bybit rejected ${known.id} in ${order.symbol}: ${order.rejectReason}`
      this.#say({ type: 'order.rejected', fault: fault('bad-request', words), ...about })
    }
  }

  /** Of an order that was changed unheard, the change: before executions are counted that may be more than we know of. */
  applyChange(order: WireOrder): void {
    const { identity, isOurs, universe, now } = this.#options
    const instrument = universe.find(order.symbol)
    const known = identity.of(order, isOurs)
    if (instrument === undefined || known === undefined || known.isDone) return
    if (stateOf(order) === 'rejected') return
    const at = now()
    const about = { id: known.id, ts: order.updatedAt ?? at, at }
    this.#accept(known, order.venueId, about)
    this.#sayChanges(known, order, instrument, about)
  }

  applyExecution(execution: WireExecution): void {
    const { identity, isOurs, universe, now } = this.#options
    const { id, venueId, symbol, type, price, ts } = execution
    if (type === 'Funding') {
      this.counts.funding++
      return
    }
    if (type !== 'Trade') {
      const what = `an execution of type ${type} in ${symbol}`
      this.#options.onTrouble(`${what}, which may have moved its position`)
      return
    }
    const known = identity.of(execution, isOurs)
    const instrument = universe.find(symbol)
    if (known === undefined || instrument === undefined) return
    if (this.#seen.has(id)) {
      this.counts.duplicates++
      return
    }
    this.#remember(id)
    const at = now()
    const about = { id: known.id, ts, at }
    this.#accept(known, venueId, about)
    this.#sayGrowth(known, execution, instrument, about)
    const { kept } = this.#options
    const net = kept.net(execution, instrument)
    if (net.qty > 0)
      this.#say({
        type: 'order.filled',
        id: known.id,
        fill: fillId(id),
        qty: instrument.qty(net.qty),
        price,
        fee: money(net.fee),
        ts,
        at,
      })
    // Of a purchase in spot the fee is missing, and what is missing comes no more.
    if (execution.isLast && kept.toldOf(venueId) !== undefined)
      this.#say({ type: 'order.canceled', id: known.id, ts, at })
  }

  /** We hold one position of a symbol: somebody who gives it two sides has changed what our orders mean. */
  applyPosition({ symbol, index }: WirePosition): void {
    const instrument = this.#options.universe.find(symbol)
    const isHedged = index !== 0
    if (instrument === undefined || isHedged === this.#hedged.has(symbol)) return
    if (isHedged) this.#hedged.add(symbol)
    else this.#hedged.delete(symbol)
    const why = isHedged ? `the position in ${symbol} has two sides` : 'it has one side again'
    const control = { do: 'halt-symbol', symbol: instrument.id, cause: 'not-tradable' } as const
    this.#options.sink({
      type: 'control',
      at: this.#options.now(),
      by: 'bybit',
      control: { ...control, on: isHedged, why },
    })
  }

  #accept(
    known: Known,
    venueId: string,
    about: { readonly id: OrderId; readonly ts: Ms; readonly at: Ms },
  ): void {
    if (known.isTold) return
    known.isTold = true
    this.#say({ type: 'order.accepted', venueId, ...about })
  }

  /** An amend of ours was taken, or somebody else changed it. */
  #sayChanges(
    known: Known,
    order: WireOrder,
    instrument: Instrument,
    about: { readonly id: OrderId; readonly ts: Ms; readonly at: Ms },
  ): void {
    const { qty, limit, stop, updatedAt = known.changedAt ?? about.ts } = order
    // Topics have no common order, and what a gap held back is older than what has filled it.
    if (updatedAt < (known.changedAt ?? 0)) return
    const isNew = known.qty === undefined
    const isSame = known.qty === qty && known.limit === limit && known.stop === stop
    Object.assign(known, { qty, limit, stop, changedAt: updatedAt })
    if (isNew || isSame) return
    this.#say({
      type: 'order.amended',
      ...about,
      qty: instrument.qty(qty),
      ...(limit === undefined ? {} : { limit: instrument.px(limit) }),
      ...(stop === undefined ? {} : { stop: instrument.px(stop) }),
    })
  }

  /** What an order has filled is all of it, until it is known to be for more. */
  #sayGrowth(
    known: Known,
    { orderQty = 0, ts }: WireExecution,
    instrument: Instrument,
    about: { readonly id: OrderId; readonly ts: Ms; readonly at: Ms },
  ): void {
    const { qty = Infinity, changedAt = 0 } = known
    if (orderQty <= qty || ts <= changedAt) return
    Object.assign(known, { qty: orderQty, changedAt: ts })
    this.#say({ type: 'order.amended', ...about, qty: instrument.qty(orderQty) })
  }

  #sayExternal(order: WireOrder, instrument: Instrument): void {
    const { venueId, side, qty, filled, avgPrice = 0, limit } = order
    this.#options.sink({
      type: 'external',
      at: this.#options.now(),
      order: {
        venueId,
        symbol: instrument.id,
        side,
        qty: instrument.qty(qty),
        filled: instrument.qty(filled),
        avgPrice,
        ...(limit === undefined ? {} : { limit: instrument.px(limit) }),
        open: stateOf(order) === 'open',
      },
    })
  }

  #say(fact: OrderFact): void {
    this.#options.sink(fact)
  }

  #remember(id: string): void {
    this.#seen.add(id)
    if (this.#seen.size <= SEEN_MAX) return
    const oldest = this.#seen.values().next().value
    if (oldest !== undefined) this.#seen.delete(oldest)
  }
}
