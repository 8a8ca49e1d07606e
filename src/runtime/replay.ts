// Replay: a journal done again on a fresh engine and venue, turn by turn; every difference is told.
import type { Journal } from '../core/store.ts'
import { Sampler, type Watch, watchNotices } from './backtest.ts'
import { buildSession, type Setup } from './build.ts'
import { differenceOf } from './recover.ts'

/** Differences that are listed; the rest is counted. */
const DIFFERENCES_MAX = 20

export interface ReplayResult {
  readonly turns: number
  /** Market inputs. */
  readonly rows: number
  readonly hash: string
  readonly intents: string
  readonly equity: number
  readonly differences: readonly string[]
  readonly differing: number
}

/** Turns between two looks at the event loop. */
const SLICE_TURNS = 4_096

export async function replay(
  setup: Setup,
  journal: Journal,
  watch?: Watch,
  signal?: AbortSignal,
): Promise<ReplayResult> {
  const session = buildSession(setup)
  watchNotices(session, watch)
  const sampler = new Sampler(session, watch?.sample)
  const differences: string[] = []
  let differing = 0
  let turns = 0
  let rows = 0
  for (const recorded of journal.since(0)) {
    const difference = differenceOf(session, recorded)
    if (difference !== undefined) {
      differing++
      if (differences.length < DIFFERENCES_MAX)
        differences.push(`turn ${recorded.n}: ${difference}`)
    }
    rows += recorded.inputs.length
    // Eventful turns are those that an observer would hear of: they have facts or batches.
    sampler.sample(recorded.at, recorded.batches.length > 0 || recorded.inputs.length === 0)
    if (++turns % SLICE_TURNS !== 0) continue
    watch?.progress?.(turns, recorded.at)
    await new Promise(setImmediate)
    if (signal?.aborted === true) break
  }
  const { engine } = session
  return {
    turns,
    rows,
    hash: engine.hash(),
    intents: engine.intents,
    equity: engine.equity,
    differences,
    differing,
  }
}
