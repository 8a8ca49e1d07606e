// skein run: a paper run on a tape, at a chosen speed, journaled, resumed where it was killed.
import { Command, InvalidArgumentError, Option } from 'commander'
import type { Tape } from '../core/tape.ts'
import type { Config } from '../runtime/config.ts'
import { Observer } from '../runtime/observer.ts'
import { paper, type PaperResult } from '../runtime/paper.ts'
import { prepare } from '../runtime/prepare.ts'
import { replay } from '../runtime/replay.ts'
import { RunFile } from '../runtime/run-file.ts'
import { openArchive } from '../store/index.ts'
import {
  type ConfigOptions,
  configOf,
  type DataOptions,
  tapeOf,
  withConfigOptions,
  withDataOptions,
} from './inputs.ts'
import {
  commandLine,
  giveReport,
  type OutputOptions,
  RunFailed,
  stopSignal,
  withOutputOptions,
} from './output.ts'
import { progress } from './progress.ts'

interface RunOptions extends OutputOptions {
  readonly speed: number | 'max'
  readonly journal?: string
  readonly archive?: string
  readonly run?: string
}

type Options = DataOptions & ConfigOptions & RunOptions & { readonly mode: 'paper' }

export function runCommand(): Command {
  const command = new Command('run')
    .description('Runs a strategy on a tape as if it were live: paced, journaled, bars stored.')
    .addOption(
      new Option('--mode <mode>', 'how fills come about').choices(['paper']).default('paper'),
    )
    .option('--speed <factor>', 'tape time per clock time: 1, 60, or max', speedOf, 1)
    .option('--journal <file>', 'where the run is written down, and goes on after a kill')
    .option('--archive <file>', 'where its bars go')
    .option('--run <name>', 'begins every order id: 1 to 8 letters or digits; made from the time')
    .addHelpText(
      'after',
      '\nExample:\n  skein run --mode paper --tape recorded/us-equity --speed 60\n\n' +
        'Ctrl-C stops in order and reports. A run that was killed goes on with the same command.',
    )
  return withOutputOptions(withConfigOptions(withDataOptions(command))).action(runPaper)
}

async function runPaper(options: Options): Promise<void> {
  const config = configOf(options)
  if (options.tape === undefined && config.mode === 'paper') {
    throw new InvalidArgumentError('a paper run needs --tape until a live venue is there')
  }
  const { tape, close } = await tapeOf(options, config)
  try {
    await paperRun(tape, config, options)
  } finally {
    await close()
  }
}

/** One paper run with its report, which is made from the journal: what is told is what was written down. */
export async function paperRun(tape: Tape, config: Config, options: RunOptions): Promise<void> {
  const journalPath = options.journal ?? config.store.journal
  const file = RunFile.forRun(journalPath)
  const stop = stopSignal()
  const bar = progress({ label: 'paper run', unit: 'rows' })
  const archive = await openArchive(options.archive ?? config.store.archive)
  try {
    const run = options.run ?? file.run ?? Math.floor(Date.now() / 1000).toString(36)
    const setup = await prepare(config, tape, run)
    file.begin(config, setup, tape)
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
    await reportRun(file, { mode: 'paper', elapsedMs, warnings: warningsOf(result) }, options)
  } finally {
    bar.end()
    stop.release()
    await archive.close()
    file.close()
  }
}

/** Does a journal again for its report. Throws RunFailed where anything comes out otherwise. */
export async function reportRun(
  file: RunFile,
  told: { mode: 'paper' | 'replay'; elapsedMs?: number; warnings?: readonly string[] },
  options: OutputOptions,
): Promise<void> {
  const { setup, config, header } = await file.setup()
  const bar = progress({ label: 'replay', unit: 'turns' })
  const series = header.kinds.map((kind) => ({ kind }) as Tape['series'][number])
  const tape = { name: header.tape, series }
  const observer = new Observer(setup, config, tape, (turns) => bar.update(turns))
  const began = performance.now()
  const result = await replay(setup, file.journal, observer.watch)
  bar.end()
  const { turns, rows, hash, intents } = result
  const elapsedMs = told.elapsedMs ?? Math.round(performance.now() - began)
  const { ending } = file
  const isUnfinished = ending === undefined ? ['The run is not over: this is how far it came.'] : []
  const warnings = [...isUnfinished, ...(told.warnings ?? [])]
  const ended = { mode: told.mode, command: commandLine(), elapsedMs, turns, rows, hash, intents }
  giveReport(observer, { ...ended, warnings }, options)
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

function warningsOf({ inbox, isComplete, bars }: PaperResult): string[] {
  const warnings: string[] = []
  if (!isComplete) warnings.push('The run was stopped before the end of its data.')
  if (inbox.dropped > 0)
    warnings.push(`${inbox.dropped} market inputs were dropped: the inbox was full.`)
  if (inbox.expired > 0)
    warnings.push(`${inbox.expired} market inputs were too old when their turn came.`)
  if (bars.failures > 0)
    warnings.push(`${bars.failures} writes to the archive failed and were repeated.`)
  return warnings
}

function speedOf(text: string): number | 'max' {
  if (text === 'max') return text
  const speed = Number(text)
  if (!(speed > 0 && speed <= 1e6)) throw new InvalidArgumentError('a number > 0, or max')
  return speed
}
