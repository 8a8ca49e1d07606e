/*
 * Matcher: when, at what price, and as maker or taker a working order trades. These are the rules that decide
 * what a backtest is worth; argue with them here. Where data leave a question open, the answer that costs us
 * more is taken, unless the line says otherwise.
 *
 * WHAT AN ORDER MEETS
 *   Three kinds of data fill orders. A symbol is known by the finest it shows: a bar in which it has shown a print or
 *   a quote fills nothing, because it repeats them. A bar without either fills, and triggers stops: prints and quotes
 *   have ended, or pause, and until they come again the symbol is known by its bars. Of bars, the shortest
 *   timeframe seen fills. (Where two prints or quotes have come since a bar ended, they go on, and it fills nothing.)
 *   bar      [start, end), known at its end. An order meets a bar that starts at or after the order was *sent*,
 *            and ends after it arrived. So what is sent at the close of bar N is taken to be there at the open
 *            of bar N+1, although it arrives one latency later: that price was not known when it was sent. An
 *            order that is sent within a bar waits for the next one. A cancel counts from its arrival: the
 *            bar that it arrives in fills nothing.
 *   print    a trade stamped after the order arrived; the same millisecond is not after.
 *   quote    stamped after the order arrived. Where a symbol is known by quotes, only they are taken from, and
 *            prints only fill what rests. Where it is known by prints, only they trigger stops.
 *   But for that open, a price from before the order arrived fills nothing. Data outside the regular session of the
 *   instrument's calendar, from its expiry on, of no volume, or carried over (`filled`) meet nobody. A bar that
 *   overlaps a session is inside.
 *
 * HOW MUCH
 *   All orders of a symbol together take at most `participation` x volume of one bar or print, or of the size
 *   that one quote shows on the side they take, rounded down to lots. First come, by what the matcher says: at the
 *   open of a bar before within it; stops before limits; the better price before the worse; the earlier before
 *   the later. What is left of an order waits for the next data.
 *   ioc takes what its first chance gives and is canceled; fok takes all of it or nothing. The first chance is the
 *   open of the first bar it meets, the first print, or the first quote where there are any.
 *
 * HOW LONG
 *   day expires at the close of the session that the order arrives in, or else of the next; gtc stays. Orders
 *   wait while their market is shut, ioc and fok too. Where a close or an expiry falls inside a bar, the order
 *   still meets that bar and expires with its end.
 *
 * WHEN IT IS KNOWN
 *   An acceptance, a cancel or a rejection is heard one response latency after the command arrived; a fill on a
 *   print or a quote one after its stamp; a fill on a bar with the bar, since it happened before. No fact about an
 *   order is heard before an earlier one. A cancel or an amend of what is no longer live is refused.
 *
 * AT WHAT PRICE (for a buyer; a seller's is the mirror image)
 *   taker    bar: its open, or its trigger, worsened by the slippage, no worse than the high. print: its price.
 *            quote: the ask. Slippage is for bars: a print or a quote is a price that was really had.
 *   maker    its limit. Where the market jumped over it: the open of the bar, or the print before; that is, the
 *            first price at or below the limit that the data show on their way.
 *            The first print or quote of a session jumped over nothing: it counts from itself.
 *   So a fill is never outside [low, high] of its bar, [bid, ask] of the quote it takes, or the span from one
 *   print (or far side of a quote) to the next; and never above the limit.
 *
 *   market       trades at the first data it meets.
 *   limit        at its first chance it takes, if the open or print is below the limit (at it, by the queue model
 *                'touch'), or the ask not above it; no worse than the limit. Then it rests, and makes when the
 *                low or print is below the limit, or the queue model says so:
 *                  touch     when the price is reached. Optimistic: nobody was ahead of it.
 *                  through   only when the price went beyond. Everybody at that price was ahead of it.
 *                  volume    also at the limit, for what prints after the size that was shown there when it
 *                            came; a quote that shows less ahead counts. Where it is not known: as through.
 *                            Quotes and bars: as through.
 *   post-only    is rejected on arrival if the ask is at or below its limit, or, without quotes, the last price
 *                below it; canceled where the first bar opens below it. Otherwise it only makes.
 *   stop         triggers at a price at or above it: the high of a bar, a print, or, without prints, the ask. On a
 *                bar it trades at the open if that is beyond the stop already (a gap), otherwise at the stop. A
 *                quote that triggers is taken from at once; a print triggers for the next data.
 *   stop-limit   triggers alike, then is a limit order. Triggered within a bar, it trades in that bar only if the
 *                close, which came later for certain, reaches its limit; then at the limit, as taker.
 *
 * REDUCE-ONLY trades up to the venue's position of the symbol, never beyond; when there is nothing to reduce,
 *   it is rejected on arrival and canceled afterwards.
 *
 * BRACKETS (native: the legs come with their entry)
 *   Legs are held until the entry fills, then work for what it has filled less what they have: every fill of one
 *   leg shrinks the other, and the last cancels it. The first fill of a leg cancels what is left of the entry.
 *   An entry that ends unfilled cancels its legs. On prints and quotes, legs work from the next millisecond. On the
 *   bar that filled the entry, its legs follow after all other orders:
 *     entry at the open       both may fill; the stop before the target, if the bar reaches both.
 *     entry within the bar    the stop fills if the bar reaches it, even if it did so before the entry; the
 *                             target takes none of what came in then, but what was there before.
 *   Their gap is measured from the entry's price, not from the open. On later bars, the stop comes before the
 *   target too, unless the open is beyond the target already.
 *
 * NOT MODELLED: our own effect on the market, auctions, borrowing, funding, margin calls, the settlement of what
 *   expires.
 */
import type { Ms, SymbolId } from '../../core/brand.ts'
import type { Instrument } from '../../core/instrument.ts'
import { sign } from '../../core/order.ts'
import { type QueueModel, slippageOf, type SlippageModel } from './models.ts'
import { isImmediate, type Working } from './working.ts'

/** Prices as one side meets them, those of sellers negated, so that lower is better for both. */
export interface View {
  /** What a taker gets: the open, the print, the far side. */
  readonly first: number
  /** Where the price came from: the open, or the print or far side before; `first` where it is not known. */
  readonly before: number
  readonly best: number
  readonly worst: number
  readonly last: number
}

/** One bar, print or quote, as orders meet it. */
export interface Item {
  readonly source: 'bar' | 'trade' | 'quote'
  readonly symbol: SymbolId
  readonly start: Ms
  readonly end: Ms
  /** When we learned of it. */
  readonly at: Ms
  readonly buyer: View
  readonly seller: View
  readonly marks: Marks
}

/** What may be done with an item. */
export interface Marks {
  /** Size at exactly this price, for the queue; 0 where not known. */
  readonly size: number
  readonly isTakeable: boolean
  readonly isTrigger: boolean
}

export interface Deal {
  readonly price: number
  readonly isMaker: boolean
  /** 0 at the open of a bar, or at the one price of other data; 1 a stop within a bar; 2 a limit within a bar. */
  readonly phase: 0 | 1 | 2
  /** No more than this, by the queue. */
  readonly qtyMax: number
}

export interface Rules {
  readonly queue: QueueModel
  readonly slippage: SlippageModel
}

/** Views of a bar, or of any price path of which the ends and the range are known. */
export function viewsOf(path: {
  readonly open: number
  readonly high: number
  readonly low: number
  readonly close: number
}): { readonly buyer: View; readonly seller: View } {
  const { open, high, low, close } = path
  return {
    buyer: { first: open, before: open, best: low, worst: high, last: close },
    seller: { first: -open, before: -open, best: -high, worst: -low, last: -close },
  }
}

/** The view of a single price, mirrored already. `before` is NaN where there is none to jump from. */
export function viewOf(price: number, before: number): View {
  const from = Number.isNaN(before) ? price : before
  return { first: price, before: from, best: price, worst: price, last: price }
}

/** True where an order may meet the data at all. */
export function meets(order: Working, item: Item): boolean {
  return item.source === 'bar'
    ? item.start >= order.sentAt && item.end > order.arrivedAt
    : item.start > order.arrivedAt
}

/**
 * What an order that meets the data does: a deal, 'cancel' where it must not, undefined where nothing happens.
 * Notes on the order what the data did to it: triggered, rested, moved up in the queue.
 */
export function match(
  order: Working,
  item: Item,
  instrument: Instrument,
  rules: Rules,
): Deal | 'cancel' | undefined {
  const side = sign(order.side)
  const view = side === 1 ? item.buyer : item.seller
  if (order.isTriggered) return trade(order, view, item, instrument, rules)
  const stop = side * (order.stop ?? 0)
  if (!item.marks.isTrigger || view.worst < stop) return undefined
  order.isTriggered = true
  if (item.source === 'trade') return undefined
  if (item.source === 'quote' || view.first >= stop)
    return trade(order, view, item, instrument, rules)
  if (order.limit === undefined) {
    return taken(Math.min(slipped(stop, item, instrument, rules), view.worst), 1, side)
  }
  order.hasRested = true
  const limit = side * order.limit
  if (!reaches(view.last, limit, rules.queue === 'touch')) return undefined
  return taken(Math.min(limit, view.worst), 2, side)
}

/** Trades an order that has no stop, or has passed it. */
function trade(order: Working, view: View, item: Item, instrument: Instrument, rules: Rules) {
  const side = sign(order.side)
  if (order.limit === undefined) {
    if (!item.marks.isTakeable) return undefined
    return taken(Math.min(slipped(view.first, item, instrument, rules), view.worst), 0, side)
  }
  const limit = side * order.limit
  if (!order.hasRested) {
    // A fresh order waits for data that it could take from: until then it is not known to rest.
    if (!item.marks.isTakeable) return undefined
    order.hasRested = true
    const takes = reaches(view.first, limit, item.source === 'quote' || rules.queue === 'touch')
    if (takes && order.isPostOnly && item.source === 'bar') return 'cancel'
    if (takes && !order.isPostOnly) {
      const price = slipped(view.first, item, instrument, rules)
      return taken(Math.min(price, limit, view.worst), 0, side)
    }
  }
  return isImmediate(order) ? undefined : made(order, view, item, rules, limit)
}

/** Fills an order that rests at its limit. */
function made(
  order: Working,
  view: View,
  item: Item,
  rules: Rules,
  limit: number,
): Deal | undefined {
  if (!reaches(view.best, limit, rules.queue === 'touch')) {
    const isQueued = rules.queue === 'volume' && item.source === 'trade' && view.best === limit
    if (!isQueued) return undefined
    order.ahead -= item.marks.size
    if (order.ahead >= 0) return undefined
    const qtyMax = -order.ahead
    order.ahead = 0
    return { price: order.limit ?? 0, isMaker: true, phase: 0, qtyMax }
  }
  order.ahead = 0
  // The limit, or the first price beyond it: never better than where the price came from.
  const price = Math.max(view.best, Math.min(view.before, limit))
  const isAtOnce = item.source !== 'bar' || view.before < limit
  return {
    price: price * sign(order.side),
    isMaker: true,
    phase: isAtOnce ? 0 : 2,
    qtyMax: Infinity,
  }
}

const taken = (price: number, phase: Deal['phase'], side: 1 | -1): Deal => ({
  // Adding 0 turns -0 into 0.
  price: price * side + 0,
  isMaker: false,
  phase,
  qtyMax: Infinity,
})

const reaches = (price: number, limit: number, isEnough: boolean): boolean =>
  isEnough ? price <= limit : price < limit

/** A mirrored price of a bar, worse by the slippage and on the grid; other prices as they are. */
function slipped(price: number, item: Item, instrument: Instrument, rules: Rules): number {
  if (item.source !== 'bar') return price
  const slippage = slippageOf(rules.slippage, price, instrument.tickSize)
  // Rounding a mirrored price up makes it worse for both sides.
  return slippage === 0 ? price : instrument.px(price + slippage, 'up')
}

/** Orders that trade on the same data, first come first: see HOW MUCH. */
export function byPriority(a: Found, b: Found): number {
  return a.phase - b.phase || a.eagerness - b.eagerness || a.order.priority - b.order.priority
}

/** An order with what it does. */
export interface Found {
  readonly order: Working
  readonly deal: Deal | 'cancel'
  readonly phase: number
  readonly eagerness: number
}

/** Eagerness: how far the limit is from what a taker pays, the lower the more eager; a market order first. */
export function found(order: Working, deal: Deal | 'cancel', item: Item): Found {
  const view = order.side === 'buy' ? item.buyer : item.seller
  const phase = deal === 'cancel' ? 0 : deal.phase
  const eagerness = order.limit === undefined ? -NEAR : view.first - sign(order.side) * order.limit
  return { order, deal, phase, eagerness }
}

/** Larger than any price; finite, because the difference of infinities is not a number. */
const NEAR = Number.MAX_VALUE / 4
