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
  const { costs, matches, width } = table(resting, wanted, matchOf)
  const diff = { cancels: [] as R[], amends: [] as Amend<R, W>[], places: [] as W[] }
  const waits: R[] = []
  let [i, j] = [0, 0]
  while (i < resting.length || j < wanted.length) {
    const here = costs[i * width + j]!
    const match = i < resting.length && j < wanted.length ? matches[i * width + j] : undefined
    const paired = costOf(match, resting[i], wanted[j])
    if (match !== undefined && here === paired + (costs[(i + 1) * width + j + 1] ?? Infinity)) {
      if (match === 'amend') diff.amends.push({ order: resting[i]!, level: wanted[j]! })
      if (match === 'wait') waits.push(resting[i]!)
      i++
      j++
    } else if (i < resting.length && here === 1 + costs[(i + 1) * width + j]!) {
      diff.cancels.push(resting[i++]!)
    } else diff.places.push(wanted[j++]!)
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

/** The least cost of what is left from each order and each level on. */
function table<R extends Resting, W extends Wanted>(
  resting: readonly R[],
  wanted: readonly W[],
  matchOf: (order: R, level: W) => Match,
) {
  const width = wanted.length + 1
  const costs = new Float64Array((resting.length + 1) * width)
  const matches = Array.from({ length: resting.length * width }, (): Match => 'none')
  for (let i = resting.length; i >= 0; i--) {
    for (let j = wanted.length; j >= 0; j--) {
      if (i === resting.length || j === wanted.length) {
        costs[i * width + j] = resting.length - i + wanted.length - j
        continue
      }
      const match = matchOf(resting[i]!, wanted[j]!)
      matches[i * width + j] = match
      const paired = costOf(match, resting[i], wanted[j]) + costs[(i + 1) * width + j + 1]!
      const canceled = 1 + costs[(i + 1) * width + j]!
      const placed = 1 + costs[i * width + j + 1]!
      costs[i * width + j] = Math.min(paired, canceled, placed)
    }
  }
  return { costs, matches, width }
}

function costOf(
  match: Match | undefined,
  order: Resting | undefined,
  level: Wanted | undefined,
): number {
  if (match === undefined || order === undefined || level === undefined) return Infinity
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
