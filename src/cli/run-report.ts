// Report of a run: its journal done again, because what is told shall be what was written down.
import type { Tape } from '../core/tape.ts'
import { iso } from '../core/time.ts'
import { Observer } from '../runtime/replay/observer.ts'
import { replay, type ReplayResult, sessionAtBeginning } from '../runtime/replay/replay.ts'
import type { VenueMode } from '../runtime/live/consent.ts'
import type { Ending, RunFile } from '../runtime/replay/run-file.ts'
import { commandLine, giveReport, type Outputs, RunFailed } from './output.ts'
import { isSimulatedAt } from '../runtime/venues/venues.ts'
import { progress } from './progress.ts'

/** What is known of a run besides its journal. */
export interface Told {
  readonly mode: VenueMode | 'replay'
  readonly elapsedMs?: number
  readonly warnings?: readonly string[]
}

/** Does a journal again for its report. Throws RunFailed where anything comes out otherwise. */
export async function reportRun(file: RunFile, told: Told, outputs: Outputs): Promise<void> {
  const run = await file.setup()
  const { setup, config, header, venue } = run
  const bar = progress({ label: 'replay', unit: 'turns' })
  const series = header.kinds.map((kind) => ({ kind }) as Tape['series'][number])
  const tape = { name: header.tape, series }
  const session = await sessionAtBeginning(run, file.journal)
  const { beginning } = file.journal.past
  const equity =
    beginning !== undefined
      ? session.engine.equity
      : venue === undefined
        ? config.account.cash
        : file.equityAtStart()
  const progressed = (turns: number): void => bar.update(turns)
  const isSimulated = venue === undefined || isSimulatedAt(venue, config)
  const observer = new Observer({
    setup,
    config,
    tape,
    progress: progressed,
    equity,
    ...(isSimulated ? {} : { venue }),
  })
  const began = performance.now()
  const result = await replay(session, file.journal, observer.watch).finally(() => bar.end())
  const { rows, hash, intents } = result
  const turns = (beginning?.n ?? 0) + result.turns
  const elapsedMs = told.elapsedMs ?? Math.round(performance.now() - began)
  const { ending } = file
  const isEnded = ending !== undefined && (ending.isOver || ending.turns === turns)
  const isUnfinished = isEnded ? [] : ['The run is not over: this is how far it came.']
  const isPart =
    beginning === undefined
      ? []
      : [
          `The journal begins at ${iso(beginning.at)}: what was before was dropped (store.keepDays), and is not in these numbers.`,
        ]
  const why = run.hasItsCode ? '' : ', and a strategy file is not what it was when the run began'
  const doubts = doubtsOf(result, { ended: isEnded ? ending : undefined, why })
  const warnings = [...doubts, ...isUnfinished, ...isPart, ...(told.warnings ?? [])]
  const ended = { mode: told.mode, command: commandLine(), elapsedMs, turns, rows, hash, intents }
  const { from, to } = header
  giveReport(observer, { ...ended, from, to, warnings }, outputs)
  if (result.differing > 0) {
    const list = result.differences.join('\n  ')
    throw new RunFailed(
      `${result.differing} of ${result.turns} turns came out otherwise${why}:\n  ${list}`,
    )
  }
  if (isEnded && (ending.hash !== hash || ending.intents !== intents)) {
    throw new RunFailed(`the state ${hash} is not the recorded ${ending.hash}`)
  }
  const against = isEnded ? `recorded ${ending.hash}: equal` : 'no recorded end'
  process.stderr.write(`replayed ${result.turns} turns: state ${hash}, ${against}\n`)
}

/** That the numbers of a report are not those of the run, where they are of what was decided now. */
function doubtsOf(
  { differing, turns, hash, intents }: ReplayResult,
  { ended, why }: { readonly ended: Ending | undefined; readonly why: string },
): readonly string[] {
  const isOther = ended !== undefined && (ended.hash !== hash || ended.intents !== intents)
  if (differing === 0 && !isOther) return []
  const what = differing > 0 ? `${differing} of ${turns} turns` : 'The end'
  return [`${what} came out otherwise${why}: these numbers are not those of the run.`]
}
