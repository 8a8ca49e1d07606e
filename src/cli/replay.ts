// skein replay: a journal done again, and its hashes compared.
import { Command } from 'commander'
import { RunFile } from '../runtime/replay/run-file.ts'
import { type OutputOptions, outputsOf, withOutputOptions } from './output.ts'
import { reportRun } from './run-report.ts'
import { pathOf } from './values.ts'

export function replayCommand(): Command {
  const command = new Command('replay')
    .description('Does the journal of a run again and compares every decision and the final state.')
    .argument('<journal>', 'the journal of a paper run', pathOf)
    .addHelpText('after', '\nExample:\n  skein replay data/journal.db')
  return withOutputOptions(command).action(runReplay)
}

async function runReplay(path: string, options: OutputOptions): Promise<void> {
  const outputs = outputsOf(options, 'replay')
  const file = RunFile.open(path)
  try {
    await reportRun(file, { mode: 'replay' }, outputs)
  } finally {
    file.close()
  }
}
