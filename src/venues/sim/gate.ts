// Gate: what happens to a command when it arrives at the simulated venue.
import { unreachable } from '../../core/assert.ts'
import type { Ms, OrderId } from '../../core/brand.ts'
import { calendarOf, closeAfter } from '../../core/calendar.ts'
import type { Command } from '../../core/command.ts'
import { type Fault, fault } from '../../core/fault.ts'
import { opposite, type Order } from '../../core/order.ts'
import { ms } from '../../core/time.ts'
import type { Book, Desk, Moment } from './book.ts'
import { Known, type KnownState } from './known.ts'
import { bad, NEVER, offGridPrice, refusal, type Working } from './working.ts'

type Submit = Extract<Command, { type: 'submit' }>
type Amend = Extract<Command, { type: 'amend' }>

export class Gate {
  readonly #desk: Desk
  readonly #book: Book
  readonly #brackets: 'native' | 'emulated'
  readonly #known = new Known()

  constructor(desk: Desk, book: Book) {
    this.#desk = desk
    this.#book = book
    this.#brackets = desk.terms.brackets
  }

  /** True for an id under which an order came, whatever became of it. */
  has(id: OrderId): boolean {
    return this.#known.has(id)
  }

  arrive(command: Command, sentAt: Ms, when: Moment): void {
    switch (command.type) {
      case 'submit':
        this.#submit(command, sentAt, when)
        return
      case 'cancel': {
        const order = this.#book.get(command.id)
        if (order === undefined) this.#book.refuse(command.id, gone(command.id), when)
        else this.#book.end(order, 'order.canceled', when)
        return
      }
      case 'amend':
        this.#amend(command, sentAt, when)
        return
      default:
        unreachable(command)
    }
  }

  #submit({ order, legs = [] }: Submit, sentAt: Ms, when: Moment): void {
    const fault = this.#fault(order, when.ts) ?? this.#legsFault(order, legs, when.ts)
    // Legs that were refused before have been told their end.
    const unheard = fault === undefined ? [] : legs.filter((leg) => !this.#known.has(leg.id))
    this.#known.add(order.id)
    for (const leg of legs) this.#known.add(leg.id)
    if (fault === undefined) {
      const group = legs.length === 0 ? undefined : order.id
      const entry = this.#born(order, group, sentAt, when.ts)
      const held = legs.map((leg) => this.#born(leg, group, sentAt, when.ts))
      this.#book.open(entry, held, when)
      return
    }
    this.#book.reject(order.id, fault, when)
    for (const { id } of unheard) {
      this.#desk.answers.add({ type: 'order.canceled', at: ms(when.at), id, ts: when.ts })
    }
  }

  /** Why an order is refused as it arrives. */
  #fault(order: Order, at: Ms): Fault | undefined {
    const { universe, seen, ledger } = this.#desk
    const fault = this.#commonFault(order, at)
    if (fault !== undefined) return fault
    const { symbol, side, limit } = order
    if (order.reduceOnly === true && ledger.reducible(order) === 0)
      return bad(order.id, `would not reduce the position of ${universe.at(symbol).symbol}`)
    if (order.postOnly === true && limit !== undefined && seen.wouldTake(symbol, side, limit))
      return bad(order.id, `is post-only and would take at ${limit}`)
    return undefined
  }

  #legsFault(entry: Order, legs: readonly Order[], at: Ms): Fault | undefined {
    if (legs.length === 0) return undefined
    if (this.#brackets === 'emulated')
      return fault('unsupported', `order ${entry.id} brings legs, and this venue has no brackets`)
    if (legs.some(({ id }, i) => id === entry.id || legs.findIndex((leg) => leg.id === id) !== i))
      return bad(entry.id, 'and its legs have one id each')
    for (const leg of legs) {
      if (leg.symbol !== entry.symbol || leg.side !== opposite(entry.side) || leg.type === 'market')
        return bad(leg.id, `is no way out of ${entry.id}`)
      const fault = this.#commonFault(leg, at)
      if (fault !== undefined) return fault
    }
    return undefined
  }

  #commonFault(order: Order, at: Ms): Fault | undefined {
    const { universe, seen } = this.#desk
    if (this.#known.has(order.id)) return bad(order.id, 'was sent before')
    if (universe.all[order.symbol] === undefined)
      return bad(order.id, `is for symbol ${order.symbol}, which is unknown`)
    const instrument = universe.at(order.symbol)
    const { expiry } = instrument.spec
    if (expiry !== undefined && at >= expiry)
      return bad(order.id, `is for ${instrument.symbol}, which has expired`)
    return refusal(order, instrument, seen.price(order.symbol))
  }

  #born(order: Order, group: OrderId | undefined, sentAt: Ms, at: Ms): Working {
    const { id, symbol, side, type, tif, qty, limit, stop } = order
    const instrument = this.#desk.universe.at(symbol)
    const born: Working = {
      id,
      venueId: this.#book.nextVenueId(),
      symbol,
      side,
      type,
      tif,
      isPostOnly: order.postOnly === true,
      isReduceOnly: order.reduceOnly === true,
      qty,
      filled: instrument.qty(0),
      value: 0,
      priority: 0,
      sentAt,
      arrivedAt: at,
      expiresAt: this.#expiryOf(order, at),
      isHeld: group !== undefined && group !== id,
      isTriggered: stop === undefined,
      hasRested: false,
      ahead: NEVER,
      toldAt: 0,
    }
    // Spreads within the literal cost more than all the rest of an arrival.
    if (group !== undefined) born.group = group
    if (limit !== undefined) born.limit = limit
    if (stop !== undefined) born.stop = stop
    return born
  }

  /**
   * A day order lives to the close of the session that it arrives in, or else of the next one; every order to
   * the expiry of its instrument. Where that falls inside a bar, it is said at the end of the bar, which the
   * order still meets.
   */
  #expiryOf(order: Order, at: Ms): number {
    const instrument = this.#desk.universe.at(order.symbol)
    const { expiry = NEVER, calendar } = instrument.spec
    const close = order.tif === 'day' ? closeAfter(calendarOf(calendar), at) : NEVER
    const end = Math.min(close, expiry)
    return end === NEVER ? NEVER : this.#desk.seen.barEnd(instrument, ms(end))
  }

  #amend(command: Amend, sentAt: Ms, when: Moment): void {
    const order = this.#book.get(command.id)
    const fault = order === undefined ? gone(command.id) : this.#amendFault(order, command)
    if (order === undefined || fault !== undefined) {
      this.#book.refuse(command.id, fault ?? gone(command.id), when)
      return
    }
    const { qty, limit, stop } = command
    const changes = {
      ...(qty === undefined ? {} : { qty }),
      ...(limit === undefined ? {} : { limit }),
      ...(stop === undefined ? {} : { stop }),
    }
    this.#book.amend(order, changes, sentAt, when)
  }

  #amendFault(order: Working, command: Amend): Fault | undefined {
    const { qty, limit, stop } = command
    const { universe, seen } = this.#desk
    const instrument = universe.at(order.symbol)
    const { id, symbol, side } = order
    if (limit !== undefined && order.limit === undefined) return bad(id, 'has no limit to amend')
    if (stop !== undefined && (order.stop === undefined || order.isTriggered))
      return bad(id, 'has no stop to amend')
    const offGrid = offGridPrice(command, instrument)
    if (offGrid !== undefined) return bad(id, `has price ${offGrid} off the grid`)
    if (qty !== undefined && order.group !== undefined && order.group !== id)
      return bad(id, 'is a leg, which is sized by its entry')
    if (qty !== undefined && (!(qty > order.filled) || !instrument.isOnSizeGrid(qty)))
      return bad(id, `has filled ${order.filled} and cannot have quantity ${qty}`)
    if (order.isPostOnly && limit !== undefined && seen.wouldTake(symbol, side, limit))
      return bad(id, `is post-only and would take at ${limit}`)
    return undefined
  }

  capture(): KnownState {
    return this.#known.capture()
  }

  restore(known: KnownState): void {
    this.#known.restore(known)
  }
}

const gone = (id: OrderId): Fault => fault('not-found', `order ${id} is not live`)
