// What commands are given: configuration, tapes and archives, as options that several of them share.
import { type Command, Option } from 'commander'
import { BadInput } from '../core/bad-input.ts'
import type { Ms } from '../core/brand.ts'
import type { Tape } from '../core/tape.ts'
import { iso, type Timeframe, TIMEFRAMES } from '../core/time.ts'
import { openTape, type RecordedTape } from '../formats/index.ts'
import { adjustedTape } from '../runtime/tape/adjusted-tape.ts'
import { archiveTape } from '../runtime/tape/archive-tape.ts'
import type { TapePart } from '../runtime/replay/run-file.ts'
import { type Config, sharedTerms, usualCalendar } from '../runtime/config/config.ts'
import { openExisting, type PlaceOptions, placeOf, withPlaceOptions } from './archive-place.ts'
import { membersOf } from './settings.ts'
import { listOf, pathOf, timeOf } from './values.ts'

/** Which series, and which part of them. */
export interface SeriesOptions {
  readonly symbols?: readonly string[]
  readonly timeframe?: Timeframe
  readonly from?: Ms
  readonly to?: Ms
}

/** What files do not say about themselves. */
export interface FileOptions {
  readonly kind?: 'bars' | 'trades' | 'quotes'
  readonly zone?: string
  readonly stamp?: 'start' | 'end'
  readonly columns?: readonly string[]
}

export interface TapeOptions extends SeriesOptions, FileOptions {
  readonly tape?: string
}

export function withSeriesOptions(command: Command): Command {
  return command
    .option('--symbols <list>', 'only these, such as SPY,BAC', listOf)
    .addOption(new Option('--timeframe <timeframe>', 'timeframe of bars').choices(TIMEFRAMES))
    .option('--from <time>', 'first moment in UTC: 2026-03-23 or 2026-03-23T13:30:00Z', timeOf)
    .option('--to <time>', 'end of the range in UTC, excluded', timeOf)
}

export function withFileOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--kind <kind>', 'only data of this kind').choices(['bars', 'trades', 'quotes']),
    )
    .option('--zone <zone>', 'time zone of stamps without one, such as America/New_York')
    .addOption(
      new Option('--stamp <what>', 'what the stamp of a bar is; its start if not given').choices([
        'start',
        'end',
      ]),
    )
    .option('--columns <list>', 'names of the columns of csv files without a header', listOf)
}

export function withTapeOptions(command: Command): Command {
  const path = 'recorded data: a file or a folder of csv, csv.gz, Lean zips'
  return withFileOptions(withSeriesOptions(command.option('--tape <path>', path, pathOf)))
}

/** Recorded files, or an archive. */
export interface SourceOptions extends TapeOptions, PlaceOptions {
  /** Of an archive; as they are stored, raw, where not given. */
  readonly adjustment?: 'raw' | 'split'
}

export const adjustmentOption = (): Option =>
  new Option('--adjustment <mode>', 'as traded, or as if later splits had been all along').choices([
    'raw',
    'split',
  ])

export function withSourceOptions(command: Command): Command {
  const sources = withPlaceOptions(withTapeOptions(command))
  for (const option of sources.options) {
    if (option.name() === 'archive' || option.name() === 'database') option.conflicts('tape')
  }
  return sources
}

export interface OpenTape {
  readonly tape: Tape
  close(): Promise<void>
}

/** The tape of a command: recorded files, or without `--tape` the bars of the archive. */
export async function tapeOf(options: SourceOptions, config: Config): Promise<OpenTape> {
  if (options.tape !== undefined) {
    const tape = await recordedTape(options.tape, options, config)
    return { tape, close: async () => {} }
  }
  refuseFileOptions(options)
  const archive = await openExisting(placeOf(config, options))
  try {
    const { timeframe = '1m', ...rest } = options
    const range = present({
      symbols: rest.symbols && membersOf(config, rest.symbols),
      from: rest.from,
      to: rest.to,
    })
    const raw = await archiveTape(archive, archive.name, { timeframe, ...range })
    const tape = options.adjustment === 'split' ? await adjustedTape(archive, raw) : raw
    if (tape.series.length === 0) {
      const allowed = '--tape with recorded data, or "skein data import" first'
      throw new BadInput({ file: archive.name }, `has no ${timeframe} bars`, undefined, allowed)
    }
    await refuseEmptyRange(tape, options)
    return { tape, close: () => archive.close() }
  } catch (error) {
    await archive.close()
    throw error
  }
}

/** Files as a tape, with what the command line and the configuration say about them. */
export async function recordedTape(
  path: string | readonly string[],
  options: SeriesOptions & FileOptions,
  config: Config,
): Promise<RecordedTape> {
  const symbols = options.symbols && membersOf(config, options.symbols)
  const { timeframe, from, to, kind, zone, stamp, columns } = options
  const terms = sharedTerms(config)
  const { calendar = usualCalendar(terms.kind) } = terms
  const tape = await openTape(path, {
    ...present({ symbols, timeframe, from, to, kind, zone, stamp, columns }),
    instrument: { ...present(terms), kind: terms.kind, calendar },
  })
  await refuseEmptyRange(tape, options)
  return tape
}

/** Which part of a tape is read, and how: the options that say so, as words, and the range among them. */
export function tapePartOf(options: TapeOptions): TapePart {
  const { symbols, timeframe, from, to, kind, zone, stamp, columns } = options
  const given = present({ symbols, timeframe, from, to, kind, zone, stamp, columns })
  const words = Object.entries(given).map(([name, value]) => `--${name} ${String(value)}`)
  return { part: words.join(' '), ...present({ from, to }) }
}

/** An option that would be ignored in silence is an error. */
export function refuseFileOptions(options: FileOptions): void {
  for (const name of ['kind', 'zone', 'stamp', 'columns'] as const) {
    if (options[name] === undefined) continue
    const place = { file: 'command line', field: `--${name}` }
    throw new BadInput(place, 'is about files', options[name], 'together with --tape only')
  }
}

/** A range that holds nothing is a mistake in the range: no run shall end well over no data. */
export async function refuseEmptyRange(tape: Tape, { from, to }: SeriesOptions): Promise<void> {
  if (from === undefined && to === undefined) return
  if (from !== undefined && to !== undefined && from >= to) {
    const place = { file: 'command line', field: '--from' }
    throw new BadInput(place, 'is not before --to', iso(from), `a time before ${iso(to)}`)
  }
  for (const series of tape.series) {
    for await (const page of series.pages()) if (page.length > 0) return
  }
  const range = [
    ...(from === undefined ? [] : [`from ${iso(from)}`]),
    ...(to === undefined ? [] : [`to ${iso(to)}`]),
  ].join(' ')
  throw new BadInput({ file: tape.name }, 'has no data in the range', range, 'a range of its data')
}

/** The members that are there: an option that was not given is not an option. */
export function present<T extends object>(value: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(value).filter(([, member]) => member !== undefined)
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> }
}
