// What commands are given: configuration, tapes and ranges, as options that several of them share.
import { type Command, InvalidArgumentError, Option } from 'commander'
import { BadInput } from '../core/bad-input.ts'
import type { Ms } from '../core/brand.ts'
import type { Tape } from '../core/tape.ts'
import { type Timeframe, TIMEFRAMES } from '../core/time.ts'
import { openTape, type TapeOptions } from '../formats/index.ts'
import { archiveTape } from '../runtime/archive-tape.ts'
import { type Config, defineConfig, loadConfig, parseConfig } from '../runtime/config.ts'
import { openArchive, type SqliteArchive } from '../store/index.ts'

export interface DataOptions {
  readonly tape?: string
  readonly symbols?: readonly string[]
  readonly kind?: 'bars' | 'trades' | 'quotes'
  readonly timeframe?: Timeframe
  readonly zone?: string
  readonly stamp?: 'start' | 'end'
  readonly columns?: readonly string[]
  readonly from?: Ms
  readonly to?: Ms
}

export interface ConfigOptions {
  readonly config?: string
  readonly strategy?: string
  readonly params?: unknown
  readonly cash?: number
}

/** Options that say which recorded data are meant. */
export function withDataOptions(command: Command): Command {
  return command
    .option('--tape <path>', 'file or folder of recorded data: csv, csv.gz, Lean zips')
    .option('--symbols <list>', 'only these, such as SPY,BAC', listOf)
    .addOption(
      new Option('--kind <kind>', 'only data of this kind').choices(['bars', 'trades', 'quotes']),
    )
    .addOption(new Option('--timeframe <timeframe>', 'timeframe of bars').choices(TIMEFRAMES))
    .option('--zone <zone>', 'time zone of stamps without one, such as America/New_York')
    .addOption(
      new Option('--stamp <what>', 'what the stamp of a bar means').choices(['start', 'end']),
    )
    .option('--columns <list>', 'names of the columns of csv files without a header', listOf)
    .option('--from <time>', 'first moment, such as 2026-03-23 or 2026-03-23T13:30:00Z', timeOf)
    .option('--to <time>', 'end of the range, excluded', timeOf)
}

/** Options that say what runs. */
export function withConfigOptions(command: Command): Command {
  return command
    .option('--config <file>', 'configuration in YAML; without it every setting has its default')
    .option('--strategy <name>', 'a built-in strategy or the path of a file, on all symbols')
    .option('--params <json>', 'its parameters, such as \'{"fraction":0.05}\'', jsonOf)
    .option('--cash <amount>', 'cash at the start', amountOf)
}

/** The configuration of a command: the file, and what the command line says otherwise. */
export function configOf(options: ConfigOptions): Config {
  const file = options.config
  const config = file === undefined ? defineConfig({}) : loadConfig(file, process.env)
  const { strategy, params, cash } = options
  if (strategy === undefined && params === undefined && cash === undefined) return config
  const { source: _source, ...settings } = config
  const use = strategy ?? settings.strategies[0]?.use ?? 'sma-cross'
  const text = JSON.stringify({
    ...settings,
    ...(strategy === undefined && params === undefined
      ? {}
      : { strategies: [{ use, params: params ?? {} }] }),
    ...(cash === undefined ? {} : { account: { ...settings.account, cash } }),
  })
  return parseConfig(text, file ?? 'command line', process.env)
}

/** The tape of a command: recorded files, or without `--tape` the bars of the archive. */
export async function tapeOf(options: DataOptions, config: Config): Promise<OpenTape> {
  if (options.tape !== undefined) {
    const tape = await openTape(options.tape, tapeOptions(options, config))
    return { tape, close: async () => {} }
  }
  const path = config.store.archive
  const archive = await openArchive(path)
  try {
    const { symbols, from, to } = options
    const tape = await archiveTape(archive, path, {
      timeframe: options.timeframe ?? '1m',
      ...(symbols === undefined ? {} : { symbols }),
      ...(from === undefined ? {} : { from }),
      ...(to === undefined ? {} : { to }),
    })
    if (tape.series.length === 0) {
      const allowed = '--tape with recorded data, or "skein data import" first'
      throw new BadInput({ file: path }, 'has no bars', undefined, allowed)
    }
    return { tape, close: () => archive.close() }
  } catch (error) {
    await archive.close()
    throw error
  }
}

export interface OpenTape {
  readonly tape: Tape
  close(): Promise<void>
}

export function tapeOptions(options: DataOptions, config: Config): TapeOptions {
  const { tape: _tape, ...given } = options
  const { kind, calendar, ...instrument } = config.instrument
  const named = { symbols: given.symbols, kind: given.kind, timeframe: given.timeframe }
  const told = { zone: given.zone, stamp: given.stamp, columns: given.columns }
  const range = { from: given.from, to: given.to }
  const calendarName =
    calendar ?? (kind === 'equity' ? 'us-equity' : kind === 'future' ? 'cme' : '24/7')
  return {
    ...present({ ...named, ...told, ...range }),
    instrument: { ...present(instrument), kind, calendar: calendarName },
  }
}

/** The members that are there: an option that was not given is not an option. */
function present<T extends object>(value: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(value).filter(([, member]) => member !== undefined)
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> }
}

/** Opens the archive for a while. */
export async function withArchive<T>(
  path: string,
  work: (archive: SqliteArchive) => Promise<T>,
): Promise<T> {
  const archive = await openArchive(path)
  try {
    return await work(archive)
  } finally {
    await archive.close()
  }
}

function listOf(text: string): readonly string[] {
  const list = text.split(',').map((item) => item.trim())
  if (list.some((item) => item === '')) throw new InvalidArgumentError('a list such as SPY,BAC')
  return list
}

export function timeOf(text: string): Ms {
  const isDate = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?Z)?$/.test(text)
  const at = isDate ? Date.parse(text) : NaN
  if (Number.isNaN(at))
    throw new InvalidArgumentError('UTC such as 2026-03-23 or 2026-03-23T13:30:00Z')
  return at as Ms
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new InvalidArgumentError('JSON such as {"fraction":0.05}')
  }
}

export function amountOf(text: string): number {
  const amount = Number(text)
  if (text.trim() === '' || !Number.isFinite(amount) || amount <= 0) {
    throw new InvalidArgumentError('a number > 0')
  }
  return amount
}
