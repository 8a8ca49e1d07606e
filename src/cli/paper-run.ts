// Paper run: what `run` and `demo` do with a tape: the run itself, its journal and archive, its report.
import type { Tape } from '../core/tape.ts'
import type { Config } from '../runtime/config.ts'
import { paper, type PaperResult } from '../runtime/paper.ts'
import { prepare } from '../runtime/prepare.ts'
import { RunFile } from '../runtime/run-file.ts'
import { openForWriting, storedAt } from './inputs.ts'
import { type Outputs, stopSignal } from './output.ts'
import { progress } from './progress.ts'
import { reportRun } from './run-report.ts'

export interface PaperRunOptions {
  readonly speed: number | 'max'
  readonly journal?: string
  readonly archive?: string
  readonly run?: string
}

/** One paper run with its report. Everything given is checked before a file is made or moved. */
export async function paperRun(
  tape: Tape,
  config: Config,
  options: PaperRunOptions,
  outputs: Outputs,
): Promise<void> {
  const path = options.journal ?? storedAt(config, config.store.journal)
  const unfinished = RunFile.unfinishedIn(path)
  const setup = await prepare(config, tape, options.run ?? unfinished?.run ?? nameOfNow())
  unfinished?.mustBe(config, setup, tape)
  const archive = await openForWriting(options.archive ?? storedAt(config, config.store.archive))
  const stop = stopSignal()
  const bar = progress({ label: 'paper run', unit: 'rows' })
  let file: RunFile | undefined
  try {
    file = RunFile.begin(path, config, setup, tape)
    const began = performance.now()
    const result = await paper({
      tape,
      setup,
      journal: file.journal,
      archive,
      speed: options.speed,
      inbox: config.inbox,
      snapshotEvery: config.store.snapshotEvery,
      signal: stop.signal,
      watch: { progress: (rows) => bar.update(rows) },
      onStart: ({ from, redone, at }) => {
        if (from === 'nothing') return
        const when = new Date(at).toISOString()
        process.stderr.write(`going on at ${when} from the ${from}, ${redone} turns done again\n`)
      },
    })
    file.end({ hash: result.hash, intents: result.intents, turns: result.turns })
    bar.end()
    const elapsedMs = Math.round(performance.now() - began)
    await reportRun(file, { mode: 'paper', elapsedMs, warnings: warningsOf(result) }, outputs)
  } finally {
    bar.end()
    stop.release()
    await archive.close()
    file?.close()
  }
}

/** Seconds since 1970 in letters and digits: runs of one machine have names that rise. */
const nameOfNow = (): string => Math.floor(Date.now() / 1_000).toString(36)

function warningsOf({ inbox, isComplete, bars }: PaperResult): string[] {
  const warnings: string[] = []
  const warn = (condition: boolean, text: string): void => {
    if (condition) warnings.push(text)
  }
  warn(!isComplete, 'The run was stopped before the end of its data.')
  warn(inbox.dropped > 0, `${inbox.dropped} market inputs were dropped: the inbox was full.`)
  warn(inbox.expired > 0, `${inbox.expired} market inputs were too old when their turn came.`)
  warn(bars.failures > 0, `${bars.failures} writes to the archive failed and were repeated.`)
  return warnings
}
