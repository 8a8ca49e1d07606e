// skein demo: the main job in under a minute, on a market made from a seed. `npm start` runs it.
import { Command, InvalidArgumentError } from 'commander'
import { ms } from '../core/time.ts'
import { configOf, type ConfigOptions, type DataOptions, tapeOf } from './inputs.ts'
import { withConfigOptions, withDataOptions } from './inputs.ts'
import { type OutputOptions, withOutputOptions } from './output.ts'
import { paperRun } from './run.ts'
import { DEMO_SYMBOLS, generateTape } from '../simulators/market.ts'

/** Monday before the first session of the demo's market. */
const START = ms(Date.UTC(2026, 0, 5))

type Options = DataOptions &
  ConfigOptions &
  OutputOptions & { readonly seed: number; readonly sessions: number }

export function demoCommand(): Command {
  const command = new Command('demo')
    .description('A paper run of sma-cross on 31 symbols of a generated market, at full speed.')
    .option('--seed <n>', 'another market', integerOf, 7)
    .option('--sessions <n>', 'trading days of the market', integerOf, 3)
    .addHelpText('after', '\nExample:\n  skein demo --seed 8 --html reports/demo.html')
  return withOutputOptions(withConfigOptions(withDataOptions(command))).action(runDemo)
}

async function runDemo(options: Options): Promise<void> {
  const config = configOf(options)
  const { seed, sessions } = options
  const opened =
    options.tape === undefined
      ? {
          tape: generateTape({ seed, symbols: DEMO_SYMBOLS, start: START, sessions, kind: 'bars' }),
          close: async () => {},
        }
      : await tapeOf(options, config)
  const { tape } = opened
  process.stderr.write(
    `paper run: ${tape.series.length} symbols of ${tape.name}, ` +
      `${config.strategies.map(({ use }) => use).join(', ')}, simulated fills\n`,
  )
  try {
    await paperRun(tape, config, {
      ...options,
      html: options.html ?? 'reports/demo.html',
      speed: 'max',
    })
  } finally {
    await opened.close()
  }
}

function integerOf(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError('an integer >= 1')
  return value
}
