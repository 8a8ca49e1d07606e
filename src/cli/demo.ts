// skein demo: the main job in under a minute, on a market made from a seed. `npm start` runs it.
import { Command } from 'commander'
import { BadInput } from '../core/bad-input.ts'
import { ms } from '../core/time.ts'
import type { ConfigInput } from '../runtime/config.ts'
import { DEMO_SYMBOLS, generateTape } from '../simulators/market.ts'
import { type OpenTape, refuseFileOptions, tapeOf, withTapeOptions } from './inputs.ts'
import type { TapeOptions } from './inputs.ts'
import { type OutputOptions, outputsOf, withOutputOptions } from './output.ts'
import { paperRun } from './paper-run.ts'
import { type ConfigOptions, configOf, withConfigOptions } from './settings.ts'
import { integerOf, seedOf } from './values.ts'

/** Monday before the first session of the demo's market. */
const START = ms(Date.UTC(2026, 0, 5))

/**
 * The demo's own settings, where no --config is given. 31 symbols trade more than the usual 20 times a day;
 * the costs are those of a small account at a US broker. Its files are not those of real runs.
 */
const SETTINGS: ConfigInput = {
  risk: { maxTradesPerDay: 1_000 },
  sim: {
    fees: { type: 'per-share', perShare: 0.005, min: 1 },
    slippage: { type: 'ticks', ticks: 1 },
  },
  store: { journal: './data/demo-journal.db', archive: './data/demo-archive.db' },
}

type Options = TapeOptions &
  ConfigOptions &
  OutputOptions & { readonly seed: number; readonly sessions: number }

export function demoCommand(): Command {
  const command = new Command('demo')
    .description('A paper run of sma-cross on 31 symbols of a generated market, at full speed.')
    .option('--seed <n>', 'another market', seedOf, 7)
    .option('--sessions <n>', 'trading days of the market', integerOf, 3)
    .addHelpText(
      'after',
      '\nExample:\n  skein demo --seed 8 --html reports/demo.html\n\n' +
        'Without --config it allows 1000 trades a day, takes fees (0.005 per share, at least 1 per order)\n' +
        'and slippage (1 tick), and writes data/demo-journal.db and data/demo-archive.db.',
    )
  return withOutputOptions(withConfigOptions(withTapeOptions(command))).action(runDemo)
}

async function runDemo(options: Options): Promise<void> {
  const config = configOf(options, SETTINGS)
  const outputs = outputsOf({ html: 'reports/demo.html', ...options }, 'paper', config)
  const opened = options.tape === undefined ? generated(options) : await tapeOf(options, config)
  const { tape } = opened
  try {
    await paperRun(tape, config, { speed: 'max' }, outputs)
  } finally {
    await opened.close()
  }
}

const MAX_SESSIONS = 250

function generated(options: Options): OpenTape {
  refuseFileOptions(options)
  for (const name of ['symbols', 'timeframe', 'from', 'to'] as const) {
    if (options[name] === undefined) continue
    const place = { file: 'command line', field: `--${name}` }
    throw new BadInput(place, 'is about recorded data', options[name], 'together with --tape')
  }
  const { seed, sessions } = options
  if (sessions > MAX_SESSIONS) {
    const place = { file: 'command line', field: '--sessions' }
    throw new BadInput(place, 'is too large', sessions, `1 to ${MAX_SESSIONS}`)
  }
  const tape = generateTape({ seed, symbols: DEMO_SYMBOLS, start: START, sessions, kind: 'bars' })
  return { tape, close: async () => {} }
}
