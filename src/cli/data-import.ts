// skein data import: recorded files into the archive, all of them or none.
import { Command } from 'commander'
import type { Skipped } from '../formats/index.ts'
import { importTape, type ImportReport } from '../store/index.ts'
import { type ArchiveOptions, openPlace, placeOf, withArchiveOptions } from './archive-place.ts'
import { type FileOptions, recordedTape, type SeriesOptions } from './inputs.ts'
import { withFileOptions, withSeriesOptions } from './inputs.ts'
import { progress } from './progress.ts'
import { configOf } from './settings.ts'
import { pathOf } from './values.ts'

type Options = ArchiveOptions & SeriesOptions & FileOptions & { readonly json?: true }

export function importCommand(): Command {
  const command = withArchiveOptions(withFileOptions(withSeriesOptions(new Command('import'))))
  return command
    .description('Reads files or folders and stores their bars: all of them, or none.')
    .argument('<path...>', 'csv, csv.gz or Lean zip files, or folders of them', morePaths)
    .option('--json', 'the result as JSON')
    .addHelpText(
      'after',
      '\nExample:\n  skein data import recorded/SPY_1m.csv.gz --zone America/New_York',
    )
    .action(importData)
}

/** An address may hold a password, and no message about a path would leave that out. */
const morePaths = (path: string, before: readonly string[] = []): readonly string[] => [
  ...before,
  pathOf(path),
]

async function importData(paths: readonly string[], options: Options): Promise<void> {
  const config = configOf(options)
  // One tape of all paths is one transaction: a bad row in the last file leaves nothing of the first.
  const tape = await recordedTape(paths, options, config)
  const bar = progress({ label: 'import', unit: 'bars' })
  const archive = await openPlace(placeOf(config, options))
  try {
    const report = await importTape(tape, archive, ({ bars, symbol }) => bar.update(bars, symbol))
    bar.end()
    const inFiles = tape.skipped()
    const text =
      options.json === true
        ? JSON.stringify({ paths, ...report, inFiles })
        : `${tape.name}: ${told(report, inFiles)}, in ${archive.name}`
    process.stdout.write(`${text}\n`)
  } finally {
    bar.end()
    await archive.close()
  }
}

function told({ bars, series, skipped }: ImportReport, { repeated }: Skipped): string {
  const notes = [
    skipped > 0 ? `${skipped} series of trades or quotes are not stored` : '',
    repeated > 0 ? `${repeated} identical rows counted once` : '',
  ].filter((note) => note !== '')
  const tail = notes.length === 0 ? '' : ` (${notes.join('; ')})`
  return `${bars} bars in ${series} series${tail}`
}
