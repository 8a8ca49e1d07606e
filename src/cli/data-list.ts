// skein data list: what the archive holds.
import { Command } from 'commander'
import { iso } from '../core/time.ts'
import { type ArchiveOptions, placeOf, reading, withArchiveOptions } from './archive-place.ts'
import { configOf } from './settings.ts'
import { table } from './table.ts'

type Options = ArchiveOptions & { readonly json?: true }

export function listCommand(): Command {
  return withArchiveOptions(new Command('list'))
    .description('Shows what the archive holds. A run of bars is a stretch without a missing one.')
    .option('--json', 'as JSON, with times in milliseconds since 1970 UTC')
    .addHelpText('after', '\nExample:\n  skein data list --json')
    .action(listData)
}

async function listData(options: Options): Promise<void> {
  const { name, series } = await reading(placeOf(configOf(options), options), async (archive) => {
    const all = []
    for (const one of await archive.series()) {
      const { length } = await archive.coverage(one.symbol, one.timeframe)
      const revisions = (await archive.revisions?.(one)) ?? []
      const revised = new Set(revisions.map(({ start }) => start)).size
      all.push({ ...one, runs: length, ...(revised > 0 ? { revised } : {}) })
    }
    return { name: archive.name, series: all }
  })
  if (options.json === true) {
    process.stdout.write(`${JSON.stringify(series)}\n`)
    return
  }
  if (series.length === 0) {
    process.stdout.write(`${name} is empty: "skein data import <path>" fills it\n`)
    return
  }
  const isRevised = series.some(({ revised }) => revised !== undefined)
  const head = ['symbol', 'timeframe', 'bars', 'first (UTC)', 'last (UTC)', 'runs']
  const lines = series.map(({ symbol, timeframe, bars, first, last, runs, revised }) => {
    // Seconds would make the table wider than 80 columns, and say 00.
    const length = timeframe === '1s' ? 19 : 16
    const shown = (at: typeof first): string => iso(at).replace('T', ' ').slice(0, length)
    const cells = [symbol, timeframe, String(bars), shown(first), shown(last), String(runs)]
    return isRevised ? [...cells, String(revised ?? 0)] : cells
  })
  process.stdout.write(table(isRevised ? [...head, 'revised'] : head, lines))
}
