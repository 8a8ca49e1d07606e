// Floor: where market data meet the orders that rest in their symbol. The rules are in matcher.ts.
import type { Ms, OrderId } from '../../core/brand.ts'
import { calendarOf } from '../../core/calendar.ts'
import type { Instrument } from '../../core/instrument.ts'
import type { Bar, Quote, Trade } from '../../core/market.ts'
import { sign } from '../../core/order.ts'
import { ms } from '../../core/time.ts'
import type { Book, Desk, Moment } from './book.ts'
import { byPriority, type Deal, found, type Found, type Item, match, meets } from './matcher.ts'
import { type Marks, viewOf, viewsOf } from './matcher.ts'
import { endOf } from './seen.ts'
import { isImmediate, left, type Working } from './working.ts'

type Sizes = Pick<Room, 'buy' | 'sell'>

/** What orders may still take from an item. The two sides share it, but for a quote. */
interface Room {
  buy: number
  sell: number
  /** What entries have brought in within the bar, by bracket: their targets take none of it. */
  readonly within: Map<OrderId, number>
}

/** A leg that began to work within a bar, and the deal of its entry. */
interface Born {
  readonly leg: Working
  readonly entry: Deal
}

const OF_BAR: Marks = { size: 0, isTakeable: true, isTrigger: true }

export class Floor {
  readonly #desk: Desk
  readonly #book: Book

  constructor(desk: Desk, book: Book) {
    this.#desk = desk
    this.#book = book
  }

  /** Like the others, gives true where an order may have changed. */
  bar(bar: Bar, at: Ms): boolean {
    const { seen, universe } = this.#desk
    const instrument = universe.at(bar.symbol)
    const end = ms(Math.min(at, endOf(bar, instrument)))
    if (!seen.bar(bar, end)) return false
    if (bar.filled === true || !this.#book.isReached(bar)) return false
    if (!(bar.volume > 0) || !overlaps(instrument, bar.start, end)) return false
    const { symbol, start, volume } = bar
    const { buyer, seller } = viewsOf(bar)
    const sizes = { buy: volume, sell: volume }
    const item = { source: 'bar', symbol, start, end, at, buyer, seller, marks: OF_BAR } as const
    return this.#meet(item, sizes)
  }

  trade(trade: Trade, at: Ms): boolean {
    const { seen, universe } = this.#desk
    const { symbol, ts, price, size } = trade
    const instrument = this.#book.at(symbol).length === 0 ? undefined : universe.at(symbol)
    const session = instrument && calendarOf(instrument.spec.calendar).sessionAt(ts)
    if (instrument === undefined || session === undefined || !(size > 0)) {
      seen.trade(trade)
      return false
    }
    const before = seen.lastPrint(symbol, session.open)
    seen.trade(trade)
    const [buyer, seller] = [viewOf(price, before), viewOf(-price, -before)]
    const sizes = { buy: size, sell: size }
    const marks = { size, isTakeable: !seen.hasQuotes(symbol), isTrigger: true }
    const item = { source: 'trade', symbol, start: ts, end: ts, at, buyer, seller, marks } as const
    return this.#meet(item, sizes)
  }

  quote(quote: Quote, at: Ms): boolean {
    const { seen, universe, terms } = this.#desk
    const { symbol, ts } = quote
    const orders = this.#book.at(symbol)
    const instrument = orders.length === 0 ? undefined : universe.at(symbol)
    const session = instrument && calendarOf(instrument.spec.calendar).sessionAt(ts)
    if (instrument === undefined || session === undefined) {
      seen.quote(quote)
      return false
    }
    const ask = seen.lastFarSide(symbol, 'buy', session.open)
    const bid = seen.lastFarSide(symbol, 'sell', session.open)
    seen.quote(quote)
    if (terms.queue === 'volume') this.#moveUp(orders)
    const [buyer, seller] = [viewOf(quote.ask, ask), viewOf(-quote.bid, -bid)]
    const sizes = { buy: quote.askSize, sell: quote.bidSize }
    const marks = { size: 0, isTakeable: true, isTrigger: !seen.hasTrades(symbol) }
    const item = { source: 'quote', symbol, start: ts, end: ts, at, buyer, seller, marks } as const
    return this.#meet(item, sizes)
  }

  #room(instrument: Instrument, sizes: Sizes): Room {
    const { participation } = this.#desk.terms
    const share = (size: number) => (size > 0 ? instrument.qty(size * participation, 'down') : 0)
    return { buy: share(sizes.buy), sell: share(sizes.sell), within: new Map() }
  }

  /** No more can be ahead of an order than a quote shows at its price. */
  #moveUp(orders: readonly Working[]): void {
    for (const order of orders) {
      if (order.limit === undefined || !order.isTriggered) continue
      const shown = this.#desk.seen.shown(order.symbol, order.side, order.limit)
      order.ahead = Math.min(order.ahead, shown)
    }
  }

  #meet(item: Item, sizes: Sizes): boolean {
    this.#book.met(item.symbol)
    const instrument = this.#desk.universe.at(item.symbol)
    const all: Found[] = []
    for (const order of this.#book.at(item.symbol)) {
      if (!meets(order, item)) continue
      const wasTriggered = order.isTriggered
      const deal = match(order, item, instrument, this.#desk.terms)
      if (deal !== undefined) all.push(found(order, deal, item))
      else if (wasTriggered && item.marks.isTakeable && isImmediate(order))
        all.push(found(order, 'cancel', item))
    }
    if (all.length === 0) return false
    if (all.length > 1) all.sort(byPriority)
    const room = this.#room(instrument, sizes)
    const born: Born[] = []
    for (const { order, deal } of all) {
      if (this.#book.get(order.id) !== order) continue
      if (deal === 'cancel') this.#book.end(order, 'order.canceled', this.#moment(item, item.end))
      else for (const leg of this.#trade(order, deal, item, room)) born.push({ leg, entry: deal })
    }
    if (item.source === 'bar' && born.length > 0) this.#follow(born, item, room)
    return true
  }

  /** Lets the legs of entries that this bar filled meet it too: stops first, targets of entries at the open after. */
  #follow(born: readonly Born[], item: Item, room: Room): void {
    for (const each of born) if (each.leg.stop !== undefined) this.#meetAfter(each, item, room)
    for (const each of born) {
      if (each.leg.stop === undefined && each.entry.phase === 0) this.#meetAfter(each, item, room)
    }
  }

  /** A leg meets what is left of the bar that filled its entry. */
  #meetAfter({ leg, entry }: Born, item: Item, room: Room): void {
    if (this.#book.get(leg.id) !== leg) return
    const { terms, universe } = this.#desk
    const after = itemAfter(entry.price, leg, item)
    const deal = match(leg, after, universe.at(item.symbol), terms)
    if (deal === 'cancel') this.#book.end(leg, 'order.canceled', this.#moment(item, item.end))
    else if (deal !== undefined) this.#trade(leg, { ...deal, phase: 2 }, item, room)
  }

  /** Fills an order as far as there is room, and gives the legs that begin to work by it. */
  #trade(order: Working, deal: Deal, item: Item, room: Room): readonly Working[] {
    const { universe, ledger } = this.#desk
    const instrument = universe.at(item.symbol)
    const most = order.isReduceOnly ? ledger.reducible(order) : Infinity
    const open = left(order)
    const mayTake = isTarget(order) ? open - (room.within.get(order.group) ?? 0) : open
    const fits = Math.min(mayTake, room[order.side], deal.qtyMax, most)
    const qty = instrument.qty(order.tif === 'fok' && fits < open ? 0 : fits, 'down')
    const isAtOpen = item.source === 'bar' && deal.phase === 0
    const when = this.#moment(item, isAtOpen ? Math.max(item.start, order.arrivedAt) : item.end)
    let born: readonly Working[] = []
    if (qty > 0) {
      born = this.#book.fill(order, { qty, price: deal.price, isMaker: deal.isMaker }, when)
      if (item.source !== 'quote' || order.side === 'buy') room.buy = instrument.qty(room.buy - qty)
      if (item.source !== 'quote' || order.side === 'sell')
        room.sell = instrument.qty(room.sell - qty)
      if (item.source === 'bar' && deal.phase !== 0 && order.group === order.id)
        room.within.set(order.id, qty)
    }
    const isOver = isImmediate(order) && this.#book.get(order.id) === order
    if (isOver) this.#book.end(order, 'order.canceled', when)
    return born
  }

  /** What a bar filled is known with the bar; what a print or a quote filled, one latency later. */
  #moment(item: Item, ts: number): Moment {
    const { responseMs } = this.#desk.terms.latency
    const at = item.source === 'bar' ? item.at : Math.max(ts + responseMs, item.at)
    return { ts: ms(ts), at }
  }
}

const isTarget = (order: Working): order is Working & { readonly group: OrderId } =>
  order.group !== undefined && order.group !== order.id && order.stop === undefined

/** A bar as a leg sees it after its entry traded at a price within it. */
function itemAfter(price: number, { side }: Working, item: Item): Item {
  const { source, symbol, start, end, at, marks } = item
  const { best, worst, last } = side === 'buy' ? item.buyer : item.seller
  const from = price * sign(side)
  const view = { first: from, before: from, best, worst, last }
  return { source, symbol, start, end, at, buyer: view, seller: view, marks }
}

function overlaps(instrument: Instrument, start: Ms, end: Ms): boolean {
  const calendar = calendarOf(instrument.spec.calendar)
  return calendar.sessionAt(start) !== undefined || calendar.nextSession(start).open < end
}
