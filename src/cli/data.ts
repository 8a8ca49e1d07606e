// skein data: recorded files into the archive, what is there, and back into files.
import { createWriteStream } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { Command } from 'commander'
import { BadInput } from '../core/bad-input.ts'
import { iso } from '../core/time.ts'
import { exportCsv, openTape } from '../formats/index.ts'
import { importTape } from '../store/index.ts'
import {
  configOf,
  type ConfigOptions,
  type DataOptions,
  tapeOptions,
  withArchive,
  withDataOptions,
} from './inputs.ts'
import { progress } from './progress.ts'
import { table } from './table.ts'

type Options = DataOptions &
  Pick<ConfigOptions, 'config'> & { readonly archive?: string; readonly json?: true }

export function dataCommand(): Command {
  const data = new Command('data')
    .description('Recorded market data: into the archive, what is there, and out again.')
    .addHelpText('after', '\nExample:\n  skein data import recorded/us-equity\n  skein data list')
  const common = (command: Command): Command =>
    command
      .option('--config <file>', 'configuration in YAML')
      .option('--archive <file>', 'the archive; that of the configuration where not given')
  data.addCommand(
    common(withDataOptions(new Command('import')))
      .description('Reads files or folders and stores their bars: all of them, or none.')
      .argument('<path...>', 'csv, csv.gz or Lean zip files, or folders of them')
      .option('--json', 'the result as JSON')
      .addHelpText(
        'after',
        '\nExample:\n  skein data import recorded/SPY_1m.csv.gz --zone America/New_York',
      )
      .action(importData),
  )
  data.addCommand(
    common(new Command('list'))
      .description('Shows what the archive holds, with its unbroken runs of bars.')
      .option('--json', 'as JSON')
      .addHelpText('after', '\nExample:\n  skein data list --json')
      .action(listData),
  )
  data.addCommand(
    common(withDataOptions(new Command('export')))
      .description('Writes bars of the archive as csv.')
      .argument('[file]', 'where to; without it, to standard output')
      .addHelpText('after', '\nExample:\n  skein data export spy.csv --symbols SPY --timeframe 1m')
      .action(exportData),
  )
  return data
}

async function importData(paths: readonly string[], options: Options): Promise<void> {
  const config = configOf(options)
  const bar = progress({ label: 'import', unit: 'bars' })
  await withArchive(options.archive ?? config.store.archive, async (archive) => {
    for (const path of paths) {
      const tape = await openTape(path, tapeOptions(options, config))
      const report = await importTape(tape, archive, ({ bars, symbol }) => bar.update(bars, symbol))
      bar.end()
      const skipped = tape.skipped()
      if (options.json === true) {
        process.stdout.write(`${JSON.stringify({ path, ...report, inFiles: skipped })}\n`)
        continue
      }
      const notes = [
        report.skipped > 0 ? `${report.skipped} series of trades or quotes are not stored` : '',
        skipped.repeated > 0 ? `${skipped.repeated} identical rows counted once` : '',
      ].filter((note) => note !== '')
      const tail = notes.length === 0 ? '' : ` (${notes.join('; ')})`
      process.stdout.write(`${path}: ${report.bars} bars in ${report.series} series${tail}\n`)
    }
  }).finally(() => bar.end())
}

async function listData(options: Options): Promise<void> {
  const config = configOf(options)
  const path = options.archive ?? config.store.archive
  await withArchive(path, async (archive) => {
    const series = await archive.series()
    const rows = []
    for (const one of series) {
      const runs = await archive.coverage(one.symbol, one.timeframe)
      rows.push({ ...one, runs: runs.length })
    }
    if (options.json === true) {
      process.stdout.write(`${JSON.stringify(rows)}\n`)
      return
    }
    if (rows.length === 0) {
      process.stdout.write(`${path} is empty: "skein data import <path>" fills it\n`)
      return
    }
    const lines = rows.map(({ symbol, timeframe, bars, first, last, runs }) => [
      symbol,
      timeframe,
      String(bars),
      iso(first),
      iso(last),
      String(runs),
    ])
    process.stdout.write(
      table(['symbol', 'timeframe', 'bars', 'first', 'last', 'unbroken runs'], lines),
    )
  })
}

async function exportData(file: string | undefined, options: Options): Promise<void> {
  const config = configOf(options)
  const path = options.archive ?? config.store.archive
  const timeframe = options.timeframe ?? '1m'
  const [symbol, ...more] = options.symbols ?? []
  if (symbol === undefined || more.length > 0) {
    throw new BadInput(
      { file: 'command line', field: '--symbols' },
      'names one series',
      options.symbols,
      'one symbol, such as --symbols SPY',
    )
  }
  await withArchive(path, async (archive) => {
    const known = await archive.series()
    if (!known.some((one) => one.symbol === symbol && one.timeframe === timeframe)) {
      const allowed = 'a series of "skein data list"'
      throw new BadInput({ file: path }, `has no ${timeframe} bars of`, symbol, allowed)
    }
    const { from, to } = options
    const range = { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) }
    const text = exportCsv(archive.bars({ symbol, timeframe, ...range }), { symbol, timeframe })
    if (file === undefined) await pipeline(Readable.from(text), process.stdout, { end: false })
    else await pipeline(Readable.from(text), createWriteStream(file))
  })
}
