// skein lookahead: does a strategy decide with data that it could not have had?
import { Command } from 'commander'
import type { Command as Order } from '../core/command.ts'
import type { MarketInput } from '../core/input.ts'
import type { Tape } from '../core/tape.ts'
import { iso, ms } from '../core/time.ts'
import { Universe } from '../core/universe.ts'
import { drive } from '../runtime/tape/backtest.ts'
import type { Setup } from '../runtime/session/build.ts'
import { Feed } from '../runtime/tape/feed.ts'
import { findLookAhead, RowFeed, ROWS_MAX } from '../runtime/tape/look-ahead.ts'
import { prepare } from '../runtime/tape/prepare.ts'
import { tapeOf, type SourceOptions, withSourceOptions } from './inputs.ts'
import { RunFailed } from './output.ts'
import { progress } from './progress.ts'
import { type ConfigOptions, configOf, withConfigOptions } from './settings.ts'
import { integerOf } from './values.ts'

type Options = SourceOptions & ConfigOptions & { readonly every?: number }

/** Prefixes that are tried where nobody says how many: a few seconds' work. */
const PREFIXES = 200

export function lookaheadCommand(): Command {
  const command = new Command('lookahead')
    .description('Lookahead analysis: finds a strategy that decides with data from the future.')
    .option(
      '--every <rows>',
      `cuts the tape after each so many rows; about ${PREFIXES} cuts are tried if not given`,
      integerOf,
    )
    .addHelpText(
      'after',
      '\nExample:\n  skein lookahead --tape recorded/us-equity --symbols SPY --strategy sma-cross\n\n' +
        'A run over the first rows of a tape must decide what the run over all of them decided up to\n' +
        `then. At most the first ${ROWS_MAX} rows are taken: narrow with --symbols, --from and --to.\n` +
        'Not found is what a strategy knows from elsewhere in every run, such as a file of its own.\n' +
        'Exit codes: 0 nothing was found, 1 it sees the future.',
    )
  return withConfigOptions(withSourceOptions(command)).action(runLookahead)
}

async function runLookahead(options: Options): Promise<void> {
  const config = configOf(options)
  const opened = await tapeOf(options, config)
  const { tape } = opened
  try {
    const setup = await prepare(config, tape, 'look')
    const { rows, isCut } = await rowsOf(tape, setup.universe)
    if (isCut) process.stderr.write(`only the first ${ROWS_MAX} rows of the tape are tested\n`)
    const every = options.every ?? Math.max(1, Math.ceil(rows.length / PREFIXES))
    const bar = progress({ label: 'lookahead', total: rows.length, unit: 'rows' })
    let cuts = 0
    const found = await findLookAhead(rows, () => freshOf(setup), {
      every,
      progress: (length) => {
        cuts++
        bar.update(length)
      },
    }).finally(() => bar.end())
    const names = setup.uses.map(({ name }) => name).join(', ')
    if (found !== undefined) {
      throw new RunFailed(
        `${names} sees the future: with the first ${found.rows} rows, up to ` +
          `${iso(ms(found.at))}, it decided otherwise than in the full run.\n` +
          `  with these rows  ${found.decided}\n  in the full run  ${found.decidedInFull}`,
      )
    }
    await tellClean(rows, setup, { names, cuts })
  } finally {
    await opened.close()
  }
}

/** The runs are told apart by what they decide: a strategy that decides nothing was not tested. */
async function tellClean(
  rows: readonly MarketInput[],
  setup: Setup,
  { names, cuts }: { readonly names: string; readonly cuts: number },
): Promise<void> {
  let orders = 0
  const isOrder = ({ type }: Order): boolean => type === 'submit'
  await drive(new RowFeed(rows), {
    setup: freshOf(setup),
    watch: {
      turn: ({ batches }) => {
        for (const { commands } of batches) orders += commands.filter(isOrder).length
      },
    },
  })
  process.stdout.write(
    `${names}: no lookahead in ${rows.length} rows, cut at ${cuts} places; ${orders} orders compared\n`,
  )
  if (orders > 0) return
  process.stderr.write('it placed no order, so that nothing was tested: take more or other rows\n')
}

/** A setup of its own for every run. Strategies make their state anew for each session. */
const freshOf = (setup: Setup): Setup => ({
  ...setup,
  universe: new Universe(setup.universe.all.map(({ spec }) => spec)),
})

async function rowsOf(
  tape: Tape,
  universe: Universe,
): Promise<{ readonly rows: readonly MarketInput[]; readonly isCut: boolean }> {
  const feed = new Feed(tape, universe)
  const rows: MarketInput[] = []
  try {
    while (rows.length <= ROWS_MAX) {
      if (feed.isStarved) await feed.refill()
      if (feed.nextAt === Infinity) break
      rows.push(...feed.take())
    }
  } finally {
    await feed.close()
  }
  return { rows: rows.slice(0, ROWS_MAX), isCut: rows.length > ROWS_MAX }
}
