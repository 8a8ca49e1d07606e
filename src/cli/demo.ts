// skein demo: the whole of Skein in a minute, at a local venue that needs no keys. `npm start` runs it.
import { Command } from 'commander'
import { BadInput } from '../core/bad-input.ts'
import type { ConfigInput } from '../runtime/config/config.ts'
import { demoAtVenue } from './demo-venue.ts'
import { tapePartOf, tapeOf, withTapeOptions } from './inputs.ts'
import type { TapeOptions } from './inputs.ts'
import { type OutputOptions, outputsOf, withOutputOptions } from './output.ts'
import { paperRun } from './paper-run.ts'
import { type ConfigOptions, configOf, withConfigOptions } from './settings.ts'
import { seedOf } from './values.ts'

/**
 * The demo's own settings on a tape, where no --config is given. 31 symbols trade more than the usual 20 times a day;
 * the costs are those of a small account at a US broker. Its files are not those of real runs.
 */
const TAPE_SETTINGS: ConfigInput = {
  risk: { maxTradesPerDay: 1_000 },
  sim: {
    fees: { type: 'per-share', perShare: 0.005, min: 1 },
    slippage: { type: 'ticks', ticks: 1 },
  },
  store: { journal: './data/demo-journal.db', archive: './data/demo-archive.db' },
}

type Options = TapeOptions &
  ConfigOptions &
  OutputOptions & { readonly seed: number; readonly forever?: true }

export function demoCommand(): Command {
  const command = new Command('demo')
    .description(
      'Trades 31 symbols at a local Alpaca, breaks the connection, and proves what is left.',
    )
    .option('--seed <n>', 'another market', seedOf, 7)
    .option('--forever', 'until Ctrl-C, instead of a minute')
    .addHelpText(
      'after',
      '\nExample:\n  skein demo --seed 8 --html reports/demo.html\n  skein demo --tape recorded/us-equity\n\n' +
        'The market is generated, a minute of it takes two seconds, and no keys and no network are needed.\n' +
        'With --tape it is a paper run of recorded data at full speed, with simulated fills and costs.\n' +
        'It writes data/demo-journal.db and data/demo-archive.db, each time anew.',
    )
  return withOutputOptions(withConfigOptions(withTapeOptions(command))).action(runDemo)
}

async function runDemo(options: Options): Promise<void> {
  const html = { html: 'reports/demo.html', ...options }
  if (options.tape === undefined) {
    refuseTapeOptions(options)
    await demoAtVenue({ ...options, isForever: options.forever === true }, html)
    return
  }
  const config = configOf(options, TAPE_SETTINGS)
  const outputs = outputsOf(html, 'paper', config)
  const opened = await tapeOf(options, config)
  try {
    await paperRun(opened.tape, config, { speed: 'max', ...tapePartOf(options) }, outputs)
  } finally {
    await opened.close()
  }
}

/** An option that would be ignored in silence is an error. */
function refuseTapeOptions(options: Options): void {
  const given = [
    ...(['kind', 'zone', 'stamp', 'columns', 'symbols'] as const),
    ...(['timeframe', 'from', 'to', 'config'] as const),
  ]
  for (const name of given) {
    if (options[name] === undefined) continue
    const place = { file: 'command line', field: `--${name}` }
    throw new BadInput(place, 'is about recorded data', options[name], 'together with --tape')
  }
}
