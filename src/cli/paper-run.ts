// Paper run: what `run` and `demo` do with a tape: the run itself, its journal and archive, its report.
import type { Ms } from '../core/brand.ts'
import type { Tape } from '../core/tape.ts'
import { iso } from '../core/time.ts'
import type { Config } from '../runtime/config/config.ts'
import { paper, type PaperResult } from '../runtime/tape/paper.ts'
import { prepare } from '../runtime/tape/prepare.ts'
import { RunFile, type TapePart } from '../runtime/replay/run-file.ts'
import { openForWriting } from './archive-place.ts'
import { present } from './inputs.ts'
import { storedAt } from './paths.ts'
import { type Outputs, stopSignal } from './output.ts'
import { progress } from './progress.ts'
import { reportRun } from './run-report.ts'

/** A run that was killed goes on with the same part of its tape. */
export interface PaperRunOptions extends TapePart {
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
  const { part, from, to } = options
  const named = { ...tape, ...present({ part, from, to }) }
  unfinished?.mustBe(config, setup, named)
  const archive = await openForWriting(options.archive ?? storedAt(config, config.store.archive))
  const stop = stopSignal()
  const bar = progress({ label: 'paper run', unit: 'turns' })
  let turns = 0
  let file: RunFile | undefined
  try {
    file = RunFile.begin(path, config, setup, named)
    process.stderr.write(`${headline(tape, config, setup.run, options.speed)}\n`)
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
      // Each turn, because at real time there is one a minute: a run must be seen to live.
      watch: { sample: (at, equity) => bar.update(++turns, () => shownState(at, equity)) },
      onStart: ({ from, redone, at }) => {
        if (from === 'nothing') return
        const gone = `from the ${from}, ${redone} turns done again`
        process.stderr.write(`going on at ${iso(at)} ${gone}\n`)
      },
    })
    const { hash, intents, turns: all } = result
    file.end({ hash, intents, turns: all, isOver: true })
    bar.end()
    const elapsedMs = Math.round(performance.now() - began)
    const warnings = [...(tape.notes ?? []), ...warningsOf(result)]
    await reportRun(file, { mode: 'paper', elapsedMs, warnings }, outputs)
  } finally {
    bar.end()
    stop.release()
    await archive.close()
    file?.close()
  }
}

function headline(tape: Tape, config: Config, run: string, speed: number | 'max'): string {
  const symbols = new Set(tape.series.map(({ symbol }) => symbol)).size
  const names = config.strategies.map(({ use }) => use).join(', ')
  const what = `${names} on ${symbols} symbol${symbols === 1 ? '' : 's'} of ${tape.name}`
  return `paper run ${run}: ${what}, speed ${speed}, simulated fills; Ctrl-C stops in order`
}

const shownState = (at: Ms, equity: number): string =>
  `at ${iso(at).slice(0, 19)}Z, equity ${equity.toFixed(2)}`

/** Seconds since 1970 in letters and digits: runs of one machine have names that rise. */
const nameOfNow = (): string => Math.floor(Date.now() / 1_000).toString(36)

function warningsOf({ inbox, isComplete, bars }: PaperResult): string[] {
  const warnings: string[] = []
  const warn = (condition: boolean, text: string): void => {
    if (condition) warnings.push(text)
  }
  warn(!isComplete, 'The run was stopped before the end of its data.')
  warn(inbox.dropped > 0, `${inbox.dropped} market inputs were dropped: the inbox was full.`)
  warn(inbox.expired > 0, `${inbox.expired} trades and quotes were too old when their turn came.`)
  warn(inbox.pastBars > 0, `${inbox.pastBars} bars came too late to be traded on.`)
  warn(bars.failures > 0, `${bars.failures} writes to the archive failed and were repeated.`)
  return warnings
}
