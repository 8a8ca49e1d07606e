// skein run: a paper run on a tape, at a chosen speed, journaled, resumed where it was killed.
import { Command, Option } from 'commander'
import { BadInput } from '../core/bad-input.ts'
import { tapeOf, type TapeOptions, withTapeOptions } from './inputs.ts'
import { type OutputOptions, outputsOf, withOutputOptions } from './output.ts'
import { paperRun, type PaperRunOptions } from './paper-run.ts'
import { type ConfigOptions, configOf, withConfigOptions } from './settings.ts'
import { pathOf, runNameOf, speedOf } from './values.ts'

type Options = TapeOptions &
  ConfigOptions &
  OutputOptions &
  PaperRunOptions & { readonly mode: 'paper' }

export function runCommand(): Command {
  const command = new Command('run')
    .description('Runs a strategy on a tape as if it were live: paced, journaled, bars stored.')
    .addOption(
      new Option('--mode <mode>', 'how fills come about').choices(['paper']).default('paper'),
    )
    .option('--speed <factor>', 'tape time per clock time: 1, 60, or max', speedOf, 1)
    .option(
      '--journal <file>',
      'where the run is written down, and goes on after a kill; data/journal.db if not given',
      pathOf,
    )
    .option('--archive <file>', 'where its bars go; data/archive.db if not given', pathOf)
    .option(
      '--run <name>',
      'begins every order id: 1 to 8 letters or digits; made from the time if not given',
      runNameOf,
    )
    .addHelpText(
      'after',
      '\nExample:\n  skein run --mode paper --tape recorded/us-equity --speed 60\n\n' +
        'Ctrl-C stops in order and reports. A run that was killed goes on with the same command.',
    )
  return withOutputOptions(withConfigOptions(withTapeOptions(command))).action(runPaper)
}

async function runPaper(options: Options): Promise<void> {
  const config = configOf(options)
  const outputs = outputsOf(options, 'paper', config)
  if (options.tape === undefined) {
    const place = { file: 'command line', field: '--tape' }
    throw new BadInput(place, 'is missing', undefined, 'recorded data, such as --tape recorded/')
  }
  const opened = await tapeOf(options, config)
  try {
    await paperRun(opened.tape, config, options, outputs)
  } finally {
    await opened.close()
  }
}
