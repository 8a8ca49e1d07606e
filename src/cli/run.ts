// skein run: a paper run on a tape or at a venue, journaled, resumed where it was killed.
import { Command, Option } from 'commander'
import { BadInput } from '../core/bad-input.ts'
import type { VenueMode } from '../runtime/live/consent.ts'
import { EXIT_POLICIES, type ExitPolicy } from '../runtime/config/exit-policy.ts'
import { VENUE_NAMES } from '../runtime/venues/venues.ts'
import { databaseOf } from './archive-place.ts'
import { tapePartOf, tapeOf, type TapeOptions, withTapeOptions } from './inputs.ts'
import { liveRun } from './live-run.ts'
import { type OutputOptions, outputsOf, withOutputOptions } from './output.ts'
import { paperRun, type PaperRunOptions } from './paper-run.ts'
import { type ConfigOptions, configOf, venueConfigOf, withConfigOptions } from './settings.ts'
import { pathOf, portOf, runNameOf, speedOf } from './values.ts'

const FILLS = ['venue', 'simulated'] as const

type Options = TapeOptions &
  ConfigOptions &
  OutputOptions &
  Omit<PaperRunOptions, 'part'> & {
    readonly mode: VenueMode
    readonly account?: string
    readonly venue: string
    readonly onStop?: ExitPolicy
    readonly metrics?: number
    readonly database?: string
  }

export function runCommand(): Command {
  const command = new Command('run')
    .description(
      'Runs a strategy on a tape as if it were live, or at a venue: journaled, bars stored.',
    )
    .addOption(
      new Option('--mode <mode>', 'what orders move: nothing, no money, or real money')
        .choices(['dry-run', 'paper', 'live'])
        .default('paper'),
    )
    .addOption(
      new Option('--venue <name>', 'where orders go: simulated fills on a tape, or an account')
        .choices(['sim', ...VENUE_NAMES])
        .default('sim'),
    )
    .addOption(new Option('--fills <by>', 'who fills the orders of a venue run').choices(FILLS))
    .addOption(
      new Option(
        '--on-stop <policy>',
        'what becomes of orders and positions at a venue, instead of what the strategies say',
      ).choices(EXIT_POLICIES),
    )
    .option(
      '--standby',
      'follow as long as another run trades the account, and take over when it ends',
    )
    .option('--account <number>', 'the account whose real money a live run may move')
    .option('--speed <factor>', 'tape time per clock time: 1, 60, or max', speedOf, 1)
    .option(
      '--journal <file>',
      'where the run is written down, and goes on after a kill; data/journal.db if not given',
      pathOf,
    )
    .option('--archive <file>', 'where its bars go; data/archive.db if not given', pathOf)
    .option(
      '--database <url>',
      'where the bars of a venue run go besides: a Postgres that others read, as for skein jobs',
      databaseOf,
    )
    .option(
      '--run <name>',
      'begins every order id: 1 to 8 letters or digits; made from the time if not given',
      runNameOf,
    )
    .option(
      '--metrics <port>',
      'numbers of a venue run for Prometheus, on this port of 127.0.0.1; 0 takes any free one',
      portOf,
    )
    .addHelpText(
      'after',
      '\nExample:\n  skein run --mode paper --tape recorded/us-equity --speed 60\n' +
        '  skein run --mode paper --venue alpaca --config alpaca.yaml\n\n' +
        'Ctrl-C stops in order and reports. A run that was killed goes on with the same command.',
    )
  return withOutputOptions(withConfigOptions(withTapeOptions(command))).action(runPaper)
}

async function runPaper(options: Options): Promise<void> {
  if (options.venue !== 'sim') {
    const config = venueConfigOf(options.venue, options)
    const outputs = outputsOf(options, options.mode, config)
    const reload = { file: options.config, read: () => venueConfigOf(options.venue, options) }
    await liveRun({ name: options.venue, config, options, outputs, reload })
    return
  }
  if (options.mode !== 'paper') {
    const place = { file: 'command line', field: '--mode' }
    throw new BadInput(place, 'needs a venue', options.mode, `paper, or --venue ${VENUE_NAMES[0]}`)
  }
  if (options.database !== undefined) {
    const allowed = `--venue ${VENUE_NAMES.join(' or ')}: bars of a tape stay in the archive`
    throw new BadInput(
      { file: 'command line', field: '--database' },
      'needs a venue',
      undefined,
      allowed,
    )
  }
  const config = configOf(options)
  const outputs = outputsOf(options, 'paper', config)
  if (options.tape === undefined) {
    const place = { file: 'command line', field: '--tape' }
    throw new BadInput(place, 'is missing', undefined, 'recorded data, such as --tape recorded/')
  }
  const opened = await tapeOf(options, config)
  try {
    await paperRun(opened.tape, config, { ...options, ...tapePartOf(options) }, outputs)
  } finally {
    await opened.close()
  }
}
