/*
 * Look-ahead: does a strategy decide with data that it could not have had?
 *
 * A run over the first rows of a tape must decide exactly what the run over all of it decided up to then. So
 * the tape is run in full once, and then once for every prefix of its rows; the first prefix that decides
 * otherwise names the moment at which the future was seen. A prefix ends between two moments: what is received
 * within one millisecond is one turn, and a timer may decide for one symbol by what another did. The cost grows
 * with the square of the rows: a day of a few symbols is enough, because a strategy that peeks does so every day.
 */
import { isDeepStrictEqual } from 'node:util'
import { assert } from '../../core/assert.ts'
import type { Command, Turn } from '../../core/command.ts'
import { canonical } from '../../core/hash.ts'
import type { MarketInput } from '../../core/input.ts'
import { drive } from './backtest.ts'
import type { Setup } from '../session/build.ts'
import type { MarketFeed } from './feed.ts'

/** Most rows: a quadratic test of more than this takes hours. */
export const ROWS_MAX = 20_000

export interface LookAhead {
  /** The prefix that decided otherwise, in rows, and the time of its last row. */
  readonly rows: number
  readonly at: number
  readonly decided: string
  readonly decidedInFull: string
}

/** What a turn commanded, in the order in which it was wished for. */
interface Decision {
  readonly at: number
  readonly commands: readonly Command[]
}

/**
 * The first prefix of `rows` that decides otherwise than the full run; undefined where none does.
 *
 * @param rows In order of receipt, as a feed gives them.
 * @param setupOf Called for every run, with the rows of that run: nothing is shared between runs.
 * @param every Tests a prefix after each so many rows only.
 */
export async function findLookAhead(
  rows: readonly MarketInput[],
  setupOf: (rows: readonly MarketInput[]) => Setup,
  { every = 1, progress }: { every?: number; progress?: (rows: number) => void } = {},
): Promise<LookAhead | undefined> {
  assert(rows.length <= ROWS_MAX, `at most ${ROWS_MAX} rows are tested, not ${rows.length}`)
  const full = await decisionsOf(rows, setupOf)
  for (let length = cutAfter(rows, every); length < rows.length;) {
    progress?.(length)
    const prefix = rows.slice(0, length)
    const { at } = prefix.at(-1)!
    const difference = differenceOf(await decisionsOf(prefix, setupOf), full, at)
    if (difference !== undefined) return { rows: length, at, ...difference }
    length = cutAfter(rows, length + every)
  }
  return undefined
}

/** So many rows, and those that are received together with the last of them. */
function cutAfter(rows: readonly MarketInput[], length: number): number {
  let end = length
  while (end < rows.length && rows[end]!.at === rows[end - 1]!.at) end++
  return end
}

/** The first decision of a prefix that is not that of the full run. */
function differenceOf(
  prefix: readonly Decision[],
  full: readonly Decision[],
  end: number,
): { readonly decided: string; readonly decidedInFull: string } | undefined {
  const inTime = full.filter(({ at }) => at <= end)
  for (let i = 0; i < Math.max(prefix.length, inTime.length); i++) {
    const [mine, other] = [prefix[i], inTime[i]]
    if (!isDeepStrictEqual(mine, other))
      return { decided: canonical(mine ?? null), decidedInFull: canonical(other ?? null) }
  }
  return undefined
}

async function decisionsOf(
  rows: readonly MarketInput[],
  setupOf: (rows: readonly MarketInput[]) => Setup,
): Promise<Decision[]> {
  const decisions: Decision[] = []
  const turn = ({ at, inputs, batches }: Turn): void => {
    // The turn that stops the run comes earlier in a prefix by its nature: it is no decision of the strategy.
    if (batches.length === 0 || inputs.some(({ type }) => type === 'control')) return
    decisions.push({ at, commands: batches.flatMap(({ commands }) => commands) })
  }
  await drive(new RowFeed(rows), { setup: setupOf(rows), watch: { turn } })
  return decisions
}

/** Rows in memory as a feed. */
export class RowFeed implements MarketFeed {
  readonly isStarved = false
  readonly #rows: readonly MarketInput[]
  #next = 0

  constructor(rows: readonly MarketInput[]) {
    this.#rows = rows
  }

  get nextAt(): number {
    return this.#rows[this.#next]?.at ?? Infinity
  }

  get rows(): number {
    return this.#next
  }

  async refill(): Promise<void> {}

  async skipTo(at: number): Promise<void> {
    while (this.nextAt <= at) this.#next++
  }

  take(): readonly MarketInput[] {
    const from = this.#next
    const at = this.nextAt
    while (this.nextAt === at) this.#next++
    return this.#rows.slice(from, this.#next)
  }
}
