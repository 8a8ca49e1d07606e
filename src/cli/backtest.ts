// skein backtest: a strategy over recorded data, with simulated fills and a report.
import { Command } from 'commander'
import { backtest } from '../runtime/tape/backtest.ts'
import { Observer } from '../runtime/replay/observer.ts'
import { prepare } from '../runtime/tape/prepare.ts'
import { adjustmentOption, tapeOf, type SourceOptions, withSourceOptions } from './inputs.ts'
import {
  commandLine,
  giveReport,
  type OutputOptions,
  outputsOf,
  stopSignal,
  withOutputOptions,
} from './output.ts'
import { progress } from './progress.ts'
import { type ConfigOptions, configOf, withConfigOptions } from './settings.ts'
import { runNameOf } from './values.ts'

type Options = SourceOptions & ConfigOptions & OutputOptions & { readonly run: string }

export function backtestCommand(): Command {
  const command = new Command('backtest')
    .description('Runs a strategy over recorded data: from files (--tape), or from the archive.')
    .option('--run <name>', 'begins every order id: 1 to 8 letters or digits', runNameOf, 'test')
    .addOption(adjustmentOption().conflicts('tape'))
    .addHelpText(
      'after',
      '\nExample:\n  skein backtest --tape recorded/us-equity --strategy sma-cross --html reports/first.html',
    )
  return withOutputOptions(withConfigOptions(withSourceOptions(command))).action(runBacktest)
}

async function runBacktest(options: Options): Promise<void> {
  const config = configOf(options)
  const outputs = outputsOf(options, 'backtest', config)
  const opened = await tapeOf(options, config)
  const { tape } = opened
  const stop = stopSignal()
  const bar = progress({ label: 'backtest', unit: 'rows' })
  try {
    const setup = await prepare(config, tape, options.run)
    const observer = new Observer({
      setup,
      config,
      tape,
      progress: (rows) => bar.update(rows),
    })
    const began = performance.now()
    // The tape is cut already, by the start of its bars: the last one may end after the range.
    const { from, to } = options
    const result = await backtest({
      tape,
      setup,
      watch: observer.watch,
      signal: stop.signal,
    })
    bar.end()
    const { turns, rows, hash, intents, isComplete } = result
    const warnings = isComplete ? [] : ['The run was stopped before the end of its data.']
    const elapsedMs = Math.round(performance.now() - began)
    const ended = { mode: 'backtest', command: commandLine(), elapsedMs, turns, rows } as const
    giveReport(observer, { ...ended, hash, intents, from, to, warnings }, outputs)
  } finally {
    bar.end()
    stop.release()
    await opened.close()
  }
}
