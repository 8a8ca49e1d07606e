// skein data fetch: bars of the past from a venue into the archive, page by page.
import { Command, Option } from 'commander'
import { BadInput } from '../core/bad-input.ts'
import type { Ms } from '../core/brand.ts'
import type { Fault } from '../core/fault.ts'
import { iso, ms, type Timeframe, TIMEFRAMES } from '../core/time.ts'
import { adviceOf, alpacaTermsOf } from '../runtime/venues/alpaca.ts'
import type { Config } from '../runtime/config/config.ts'
import { fetchBars, type FetchReport } from '../runtime/history/fetch.ts'
import { type ArchiveOptions, openPlace, placeOf, withArchiveOptions } from './archive-place.ts'
import { RunFailed } from './output.ts'
import { progress } from './progress.ts'
import { alpacaConfigOf, membersOf } from './settings.ts'
import { listOf, timeOf } from './values.ts'

interface Options extends ArchiveOptions {
  readonly symbols?: readonly string[]
  readonly timeframe: Timeframe
  readonly from: Ms
  readonly to?: Ms
  readonly json?: true
}

export function fetchCommand(): Command {
  return withArchiveOptions(new Command('fetch'))
    .description("Fetches a venue's bars of the past into the archive, page by page.")
    .addOption(new Option('--venue <venue>', 'where from').choices(['alpaca']).default('alpaca'))
    .option('--symbols <list>', 'which, such as SPY,BTC/USD; the universe if not given', listOf)
    .addOption(
      new Option('--timeframe <timeframe>', 'timeframe of the bars')
        .choices(TIMEFRAMES.filter((name) => name !== '1s'))
        .default('1m'),
    )
    .requiredOption('--from <time>', 'first moment in UTC: 2026-03-23', timeOf)
    .option('--to <time>', 'end of the range in UTC, excluded; now if not given', timeOf)
    .option('--json', 'the result as JSON')
    .addHelpText(
      'after',
      '\nExample:\n  skein data fetch --symbols SPY,QQQ --from 2026-03-02 --to 2026-03-07\n\n' +
        'Without --config, the keys are the variables ALPACA_KEY and ALPACA_SECRET.\n' +
        'A fetch that was stopped leaves whole pages; the same command again repeats it.',
    )
    .action(fetchData)
}

async function fetchData(options: Options): Promise<void> {
  const { timeframe, from, to = ms(Date.now()) } = options
  const config = alpacaConfigOf(options)
  const terms = alpacaTermsOf(config)
  const symbols = options.symbols ? membersOf(config, options.symbols) : universeOf(config)
  if (from >= to) {
    const place = { file: 'command line', field: '--from' }
    throw new BadInput(place, 'is not before --to', iso(from), `a time before ${iso(to)}`)
  }
  const archive = await openPlace(placeOf(config, options))
  const bar = progress({ label: 'fetch', unit: 'bars' })
  try {
    const fetched = await fetchBars({
      terms,
      archive,
      symbols,
      timeframe,
      from,
      to,
      onPage: ({ rows, requests }) => bar.update(rows, `${requests} requests`),
      onLimited: (waitMs) => process.stderr.write(limitedText(waitMs)),
    })
    bar.end()
    if (!fetched.ok) throw new RunFailed(failureText(fetched.fault, archive.name))
    const report = { venue: 'alpaca', symbols, timeframe, ...fetched.value }
    const text =
      options.json === true
        ? JSON.stringify(report)
        : `${told(fetched.value, symbols.length)}, in ${archive.name}`
    process.stdout.write(`${text}\n`)
  } finally {
    bar.end()
    await archive.close()
  }
}

function universeOf({ universe }: Config): readonly string[] {
  if (universe !== 'all') return universe.map((one) => (typeof one === 'string' ? one : one.symbol))
  const place = { file: 'command line', field: '--symbols' }
  throw new BadInput(place, 'is missing', undefined, 'symbols such as SPY, or a universe of them')
}

function told({ rows, pages, requests, leastRequests, lookups, empty }: FetchReport, of: number) {
  const none = empty.length === 0 ? '' : `; none of ${empty.join(', ')}`
  return (
    `${rows} bars of ${of} symbols in ${pages} pages${none}; ${requests} requests, ` +
    `${leastRequests} at least, and ${lookups} to look the symbols up`
  )
}

function failureText(fault: Fault, path: string): string {
  const rows = Number(fault.context?.['rows'] ?? 0)
  const stored = rows === 0 ? 'nothing was stored' : `${rows} bars before it are stored in ${path}`
  return `${fault.message}; ${adviceOf(fault)}; ${stored}`
}

const limitedText = (waitMs: number | undefined): string =>
  `alpaca's limit of requests is met; waiting${waitMs === undefined ? '' : ` ${Math.ceil(waitMs / 1_000)} s`}\n`
