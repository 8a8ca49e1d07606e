/*
 * Matcher: an account's way to the exchange that matches, and what comes back from there. Orders are market or limit
 * orders here; each time one is sent, it is another order to the exchange.
 */
import { unreachable } from '../../core/assert.ts'
import { type Ms, orderId, type VenueId } from '../../core/brand.ts'
import type { Command } from '../../core/command.ts'
import type { Input } from '../../core/input.ts'
import type { Order } from '../../core/order.ts'
import { ms } from '../../core/time.ts'
import type { Universe } from '../../core/universe.ts'
import { SimExchange } from '../../venues/sim/index.ts'
import type { Told } from '../broadcast.ts'
import { leftOf, type VenueOrder } from './order.ts'

/** Size of prints and quotes where they limit nothing: more than any order has. */
const UNLIMITED = 5e6

export interface MatcherOptions {
  readonly venue: VenueId
  readonly universe: Universe
  readonly cash: number
  /** Fills take no more than the quotes show; otherwise they take all, as paper accounts do. */
  readonly isSizeShown: boolean
}

export interface MatcherFill {
  readonly qty: number
  readonly price: number
  readonly ts: number
}

/** What the exchange says of orders that are there. */
export interface MatcherEvents {
  accepted(order: VenueOrder, at: number): void
  filled(order: VenueOrder, fill: MatcherFill, at: number): void
  /** It is back: by our wish, or what an immediate one left. */
  returned(order: VenueOrder, at: number): void
  rejected(order: VenueOrder, at: number): void
  /** It is not given back: it has filled. */
  kept(order: VenueOrder, at: number): void
}

export class Matcher {
  readonly #options: MatcherOptions
  readonly #events: MatcherEvents
  readonly #exchange: SimExchange
  readonly #orders = new Map<string, VenueOrder>()
  #sent = 0

  constructor(options: MatcherOptions, events: MatcherEvents) {
    const { venue, universe, cash } = options
    this.#options = options
    this.#events = events
    const latency = { entryMs: 1, responseMs: 1 }
    this.#exchange = new SimExchange(universe, { venue, cash, participation: 1, latency })
  }

  /** When it has something to say; Infinity where it has nothing. */
  nextAt(): number {
    return this.#exchange.nextAt()
  }

  /** Says all that it has to say by `at`. */
  advance(at: Ms): void {
    for (const input of this.#exchange.take(at)) this.#hear(input, at)
  }

  /** A print or a quote of a symbol that the account may trade. */
  observe(told: Extract<Told, { type: 'trade' | 'quote' }>, at: Ms): void {
    const instrument = this.#options.universe.find(told.symbol)
    if (instrument === undefined) return
    const symbol = instrument.id
    const sizeOf = (size: number): number => (this.#options.isSizeShown ? size : UNLIMITED)
    if (told.type === 'trade') {
      const { price, size, ts } = told
      const trade = { symbol, ts: ms(ts), price, size: sizeOf(size) }
      this.#exchange.observe({ type: 'trade', at, trade })
    } else {
      const { bid, ask } = told
      const sizes = { bidSize: sizeOf(told.bidSize), askSize: sizeOf(told.askSize) }
      this.#exchange.observe({ type: 'quote', at, quote: { symbol, ts: at, bid, ask, ...sizes } })
    }
  }

  /** Sends what is left of an order. */
  send(order: VenueOrder, at: number): void {
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
    this.#orders.set(id, order)
    this.#execute({ type: 'submit', order: sent }, at)
  }

  /** Asks for an order back. */
  recall(order: VenueOrder, at: number): void {
    const id = orderId(order.matcherId ?? '')
    this.#execute({ type: 'cancel', id, symbol: order.instrument.id }, at)
  }

  /** It is not here any more. */
  forget(order: VenueOrder): void {
    if (order.matcherId === undefined) return
    this.#orders.delete(order.matcherId)
    delete order.matcherId
  }

  #execute(command: Command, at: number): void {
    const { venue } = this.#options
    this.#exchange.execute({ venue, kind: command.type, commands: [command] }, ms(at))
  }

  #hear(input: Input, at: number): void {
    if (!('id' in input)) return
    const order = this.#orders.get(input.id)
    if (order === undefined) return
    switch (input.type) {
      case 'order.accepted':
        this.#events.accepted(order, at)
        return
      case 'order.filled':
        this.#events.filled(order, input, at)
        return
      case 'order.canceled':
      case 'order.expired':
        this.#events.returned(order, at)
        return
      case 'order.rejected':
        this.#events.rejected(order, at)
        return
      case 'cancel.rejected':
        this.#events.kept(order, at)
        return
      case 'order.amended':
      case 'order.absent':
      case 'order.busted':
        return
      default:
        unreachable(input)
    }
  }
}
