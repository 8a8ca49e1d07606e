// Report of a run: its journal done again, because what is told shall be what was written down.
import type { Tape } from '../core/tape.ts'
import { Observer } from '../runtime/observer.ts'
import { replay } from '../runtime/replay.ts'
import type { RunFile } from '../runtime/run-file.ts'
import { commandLine, giveReport, type Outputs, RunFailed } from './output.ts'
import { progress } from './progress.ts'

/** What is known of a run besides its journal. */
export interface Told {
  readonly mode: 'paper' | 'replay'
  readonly elapsedMs?: number
  readonly warnings?: readonly string[]
}

/** Does a journal again for its report. Throws RunFailed where anything comes out otherwise. */
export async function reportRun(file: RunFile, told: Told, outputs: Outputs): Promise<void> {
  const { setup, config, header } = await file.setup()
  const bar = progress({ label: 'replay', unit: 'turns' })
  const series = header.kinds.map((kind) => ({ kind }) as Tape['series'][number])
  const tape = { name: header.tape, series }
  const observer = new Observer(setup, config, tape, (turns) => bar.update(turns))
  const began = performance.now()
  const result = await replay(setup, file.journal, observer.watch).finally(() => bar.end())
  const { turns, rows, hash, intents } = result
  const elapsedMs = told.elapsedMs ?? Math.round(performance.now() - began)
  const { ending } = file
  const isUnfinished = ending === undefined ? ['The run is not over: this is how far it came.'] : []
  const warnings = [...isUnfinished, ...(told.warnings ?? [])]
  const ended = { mode: told.mode, command: commandLine(), elapsedMs, turns, rows, hash, intents }
  giveReport(observer, { ...ended, warnings }, outputs)
  if (result.differing > 0) {
    const list = result.differences.join('\n  ')
    throw new RunFailed(`${result.differing} of ${turns} turns came out otherwise:\n  ${list}`)
  }
  if (ending !== undefined && (ending.hash !== hash || ending.intents !== intents)) {
    throw new RunFailed(`the state ${hash} is not the recorded ${ending.hash}`)
  }
  const against = ending === undefined ? 'no recorded end' : `recorded ${ending.hash}: equal`
  process.stderr.write(`replayed ${turns} turns: state ${hash}, ${against}\n`)
}
