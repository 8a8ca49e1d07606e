/*
 * Ladder: the difference between the quotes that rest on one side and those that are wanted, with the fewest commands.
 *
 * Both lists are sorted from the best price on, and laid beside each other like two texts: each resting order is kept,
 * moved, made to wait, or canceled; each wanted level is met by one of them, or placed. Of all ways to do that the one
 * with the fewest commands is taken, and of those the one in which orders move least. A kept order keeps its place in
 * the queue, which is why one that is near enough is left alone.
 */
import { unreachable } from '../core/assert.ts'

export interface Resting {
  readonly price: number
  readonly qty: number
}

export interface Wanted {
  readonly price: number
  readonly qty: number
}

/** What a resting order may do for a level. `wait`: it is not right, but must not be touched yet. */
export type Match = 'keep' | 'amend' | 'wait' | 'none'

export interface LadderDiff<R extends Resting, W extends Wanted> {
  readonly cancels: readonly R[]
  readonly amends: readonly { readonly order: R; readonly level: W }[]
  readonly places: readonly W[]
  readonly waits: readonly R[]
}

/** Commands that a match costs. Waiting costs less than any command and more than being right. */
const COST: Readonly<Record<Exclude<Match, 'none'>, number>> = { keep: 0, wait: 0.25, amend: 1 }
/** What a basis point of distance costs: it decides only between ways with as many commands. */
const DISTANCE = 1e-6

/** @param matchOf Asked for pairs of a resting order and a level. Both lists are sorted, the best price first. */
export function ladderDiff<R extends Resting, W extends Wanted>(
  resting: readonly R[],
  wanted: readonly W[],
  matchOf: (order: R, level: W) => Match,
): LadderDiff<R, W> {
  if (isKept(resting, wanted, matchOf)) return NOTHING
  const costs = table(resting, wanted, matchOf)
  const width = wanted.length + 1
  const diff = { cancels: [] as R[], amends: [] as Amend<R, W>[], places: [] as W[] }
  const waits: R[] = []
  // Where the least cost of what is left from an order and a level on stands: the last of both came first.
  let at = costs.length - 1
  let [i, j] = [0, 0]
  while (i < resting.length || j < wanted.length) {
    const here = costs[at]!
    const order = resting[i]
    const level = wanted[j]
    const match = order && level ? matchOf(order, level) : 'none'
    if (order && level && here === costOf(match, order, level) + costs[at - width - 1]!) {
      if (match === 'amend') diff.amends.push({ order, level })
      if (match === 'wait') waits.push(order)
      at -= width + 1
      i++
      j++
    } else if (order && here === 1 + costs[at - width]!) {
      diff.cancels.push(order)
      at -= width
      i++
    } else {
      diff.places.push(level!)
      at--
      j++
    }
  }
  return { ...diff, waits }
}

interface Amend<R, W> {
  readonly order: R
  readonly level: W
}

const NOTHING = { cancels: [], amends: [], places: [], waits: [] }

/** The common case, and it costs nothing: each level is met by the order that is in its place. */
function isKept<R extends Resting, W extends Wanted>(
  resting: readonly R[],
  wanted: readonly W[],
  matchOf: (order: R, level: W) => Match,
): boolean {
  if (resting.length !== wanted.length) return false
  for (let i = 0; i < resting.length; i++)
    if (matchOf(resting[i]!, wanted[i]!) !== 'keep') return false
  return true
}

/**
 * The least cost of what is left from each order and each level on. It is made from the end, a row for each order, so
 * that the costs that one depends on are there: one place back is the next level, a row back the next order.
 */
function table<R extends Resting, W extends Wanted>(
  resting: readonly R[],
  wanted: readonly W[],
  matchOf: (order: R, level: W) => Match,
): readonly number[] {
  const width = wanted.length + 1
  const costs: number[] = []
  for (let i = resting.length; i >= 0; i--) {
    for (let j = wanted.length; j >= 0; j--) {
      if (i === resting.length || j === wanted.length) {
        costs.push(resting.length - i + wanted.length - j)
        continue
      }
      const at = costs.length
      const order = resting[i]!
      const level = wanted[j]!
      const paired = costOf(matchOf(order, level), order, level) + costs[at - width - 1]!
      costs.push(Math.min(paired, 1 + costs[at - width]!, 1 + costs[at - 1]!))
    }
  }
  return costs
}

function costOf(match: Match, order: Resting, level: Wanted): number {
  switch (match) {
    case 'none':
      return Infinity
    case 'keep':
    case 'wait':
    case 'amend': {
      const apart = (Math.abs(order.price - level.price) / order.price) * 10_000
      return COST[match] + Math.min(apart, 1_000) * DISTANCE
    }
    default:
      return unreachable(match)
  }
}
