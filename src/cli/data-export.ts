// skein data export: one series of the archive as csv.
import { createWriteStream, mkdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { Command } from 'commander'
import { BadInput } from '../core/bad-input.ts'
import type { BarColumns } from '../core/columns.ts'
import type { Tape } from '../core/tape.ts'
import { exportCsv } from '../formats/index.ts'
import { adjustedTape } from '../runtime/tape/adjusted-tape.ts'
import { archiveTape } from '../runtime/tape/archive-tape.ts'
import { type ArchiveOptions, placeOf, reading, withArchiveOptions } from './archive-place.ts'
import { adjustmentOption, present, refuseEmptyRange, withSeriesOptions } from './inputs.ts'
import type { SeriesOptions } from './inputs.ts'
import { about, partOf, RunFailed, stopSignal } from './output.ts'
import { progress } from './progress.ts'
import { configOf } from './settings.ts'
import { pathOf } from './values.ts'

interface Options extends ArchiveOptions, SeriesOptions {
  readonly adjustment: 'raw' | 'split'
}

export function exportCommand(): Command {
  return withArchiveOptions(withSeriesOptions(new Command('export')))
    .description('Writes one series of the archive as csv, with times in UTC.')
    .argument('[file]', 'where to; without it, to standard output', pathOf)
    .addOption(adjustmentOption().default('raw'))
    .addHelpText('after', '\nExample:\n  skein data export spy.csv --symbols SPY --timeframe 1m')
    .action(exportData)
}

async function exportData(file: string | undefined, options: Options): Promise<void> {
  const { symbols = [], timeframe = '1m', from, to, adjustment } = options
  const [symbol, ...more] = symbols
  if (symbol === undefined || more.length > 0) {
    const place = { file: 'command line', field: '--symbols' }
    throw new BadInput(place, 'names one series', symbols, 'one symbol, such as --symbols SPY')
  }
  if (file !== undefined && statSync(file, { throwIfNoEntry: false })?.isDirectory() === true) {
    const place = { file: 'command line', field: 'file' }
    throw new BadInput(place, 'is a folder', file, 'a path of a file')
  }
  await reading(placeOf(configOf(options), options), async (archive) => {
    const range = { timeframe, symbols: [symbol], ...present({ from, to }) }
    const raw = await archiveTape(archive, archive.name, range)
    await refuseEmptyRange(raw, options)
    const { series } = adjustment === 'raw' ? raw : await adjustedTape(archive, raw)
    const text = Readable.from(exportCsv(counted(barsOf(series)), { symbol, timeframe }))
    if (file === undefined) await pipeline(text, process.stdout, { end: false })
    else await writeWhole(file, text)
  })
}

async function* barsOf(series: Tape['series']): AsyncIterable<BarColumns> {
  for (const one of series) if (one.kind === 'bars') yield* one.pages()
}

/** What was there stays until the new file is complete. */
async function writeWhole(file: string, text: Readable): Promise<void> {
  mkdirSync(dirname(resolve(file)), { recursive: true })
  const part = partOf(file)
  const stop = stopSignal()
  try {
    await pipeline(text, createWriteStream(part), { signal: stop.signal })
    if (part !== file) renameSync(part, file)
  } catch (error) {
    if (part !== file) rmSync(part, { force: true })
    if (stop.signal.aborted) throw new RunFailed(`stopped; ${file} is as it was`)
    throw about(error, file)
  } finally {
    stop.release()
  }
}

async function* counted(pages: AsyncIterable<BarColumns>): AsyncIterable<BarColumns> {
  const bar = progress({ label: 'export', unit: 'bars' })
  let done = 0
  try {
    for await (const page of pages) {
      bar.update((done += page.length))
      yield page
    }
  } finally {
    bar.end()
  }
}
