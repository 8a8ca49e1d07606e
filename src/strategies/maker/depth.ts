// Depth: what the market maker reads from the levels beneath the top, or from the top alone where it is given no more.
import type { Depth, Quote } from '../../core/market.ts'
import type { Side } from '../../core/order.ts'

/** What both sides show. */
export interface Shown {
  readonly bidSize: number
  readonly askSize: number
}

const sumOf = (side: readonly number[], levels: number): number => {
  let sum = 0
  for (let i = 1; i < side.length && i < 2 * levels; i += 2) sum += side[i]!
  return sum
}

/** Sizes of the best so many levels together; of the top where no book is given. */
export const shownIn = (quote: Quote, book: Depth | undefined, levels: number): Shown =>
  book === undefined
    ? quote
    : { bidSize: sumOf(book.bids, levels), askSize: sumOf(book.asks, levels) }

/** Levels that a queue is compared with. */
export const QUEUE_LEVELS = 3

/**
 * What is ahead of an order at a price, as a part of what the best three levels hold: all at better prices, and all at its
 * own, since others came first. 1 where there is more ahead than that.
 */
export function aheadOf({ bids, asks }: Depth, side: Side, price: number): number {
  const levels = side === 'buy' ? bids : asks
  let ahead = 0
  for (let i = 0; i < levels.length; i += 2) {
    const isBehind = side === 'buy' ? levels[i]! < price : levels[i]! > price
    if (!isBehind) ahead += levels[i + 1]!
  }
  const all = sumOf(levels, QUEUE_LEVELS)
  return all > 0 ? Math.min(1, ahead / all) : 0
}
