/*
 * Replay: a journal done again on a fresh engine, turn by turn; every difference is told. A simulated venue is done
 * again too; what a real one said is in the journal, and only the decisions are compared.
 */
import type { Ms } from '../../core/brand.ts'
import type { Journal } from '../../core/store.ts'
import { Sampler, type Watch, watchNotices } from '../tape/backtest.ts'
import { BarMarks } from '../session/bar-marks.ts'
import { buildSession } from '../session/build.ts'
import { liveSession } from '../live/session.ts'
import { differenceOf, type Restorable, restoreBeginning } from '../session/recover.ts'
import type { RunFile } from './run-file.ts'
import { limitsOf } from '../venues/venues.ts'

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

/** A fresh session for the run of a file: with its simulated venue, or an engine alone where the venue was real. */
async function sessionOf({
  setup,
  config,
  header,
  venue,
}: Awaited<ReturnType<RunFile['setup']>>): Promise<Restorable> {
  if (venue === undefined) return buildSession(setup)
  return liveSession(setup, await limitsOf(venue, config), header.kinds)
}

/**
 * A session that has done nothing, or is at the beginning of a journal that was pruned. Throws StoreError where it cannot be
 * brought there with certainty.
 */
export async function sessionAtBeginning(
  run: Awaited<ReturnType<RunFile['setup']>>,
  journal: Journal,
): Promise<Restorable> {
  const session = await sessionOf(run)
  const beginning = journal.past?.beginning
  if (beginning === undefined) return session
  const marks = new BarMarks(session.engine)
  const breathe = (): Promise<void> => new Promise(setImmediate)
  await restoreBeginning(beginning, { session, marks }, { journal, breathe })
  return session
}

/** @param session Of the journal's setup: fresh, or where the journal begins. */
export async function replay(
  session: Pick<Restorable, 'engine' | 'redo'>,
  journal: Journal,
  watch?: Watch,
  signal?: AbortSignal,
): Promise<ReplayResult> {
  watchNotices(session, watch)
  const sampler = new Sampler(session, watch?.sample)
  const differences: string[] = []
  let differing = 0
  let turns = 0
  let rows = 0
  let hasAccount = session.engine.turns > 0
  let last: Ms | undefined
  for (const recorded of journal.since(session.engine.turns)) {
    const done = session.redo(recorded)
    const difference = differenceOf(done, recorded)
    if (difference !== undefined) {
      differing++
      if (differences.length < DIFFERENCES_MAX)
        differences.push(`turn ${recorded.n}: ${difference}`)
    }
    rows += recorded.inputs.length
    turns++
    // Before the venue has said what the account holds, there is no equity to sample.
    hasAccount ||= recorded.inputs.some(({ type }) => type === 'account')
    if (!hasAccount) continue
    last = recorded.at
    // As the run itself would have been sampled, so that its report says the same as that of a backtest.
    sampler.sample(recorded.at, done.turn.notices.length > 0)
    if (turns % SLICE_TURNS !== 0) continue
    watch?.progress?.(turns, recorded.at)
    await new Promise(setImmediate)
    if (signal?.aborted === true) break
  }
  // What a run ends with: the fills of its last seconds commanded nothing.
  if (last !== undefined) sampler.sample(last, true)
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
