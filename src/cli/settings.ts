// Settings: the configuration of a command, from its file and from what the command line says otherwise.
import { relative, resolve } from 'node:path'
import type { Command } from 'commander'
import { BadInput, type Place } from '../core/bad-input.ts'
import {
  type Config,
  type ConfigInput,
  defineConfig,
  loadConfig,
  restoreConfig,
} from '../runtime/config/config.ts'
import { isPath } from '../runtime/config/conflicts.ts'
import { keyPath, type Path, Source } from '../runtime/config/source.ts'
import { isVenueName } from '../runtime/venues/venues.ts'
import { symbolsOf } from '../runtime/config/watchlists.ts'
import { amountOf, paramsOf, pathOf } from './values.ts'

export interface ConfigOptions {
  readonly config?: string
  readonly strategy?: string
  readonly params?: unknown
  readonly cash?: number
}

/** Options that say what runs. */
export function withConfigOptions(command: Command): Command {
  return withConfigFile(command)
    .option('--strategy <name>', 'a built-in strategy, or a file: ./my.ts; on all symbols', pathOf)
    .option('--params <json>', 'its parameters, such as \'{"fraction":0.05}\'', paramsOf)
    .option('--cash <amount>', 'cash at the start; 100000 if nothing says otherwise', amountOf)
}

export function withConfigFile(command: Command): Command {
  const text = 'configuration in YAML; without it every setting has its default'
  return command.option('--config <file>', text, pathOf)
}

/** @param defaults What holds where there is no file. */
export function configOf(options: ConfigOptions, defaults: ConfigInput = {}): Config {
  const { config: file, strategy, params, cash } = options
  const config = file === undefined ? defineConfig(defaults) : loadConfig(file, process.env)
  const isStrategyTold = strategy !== undefined || params !== undefined
  if (!isStrategyTold && cash === undefined) return config
  const { source, ...settings } = config
  const told = {
    ...settings,
    ...(isStrategyTold ? { strategies: [strategyOf(options, config)] } : {}),
    ...(cash === undefined ? {} : { account: { ...settings.account, cash } }),
  }
  // Only what was told can be wrong: the rest has been checked.
  const checked = restoreConfig(told, 'command line', source.folder)
  return { ...checked, source: isStrategyTold ? new ToldSource(source) : source }
}

function strategyOf({ strategy, params = {} }: ConfigOptions, config: Config): unknown {
  if (strategy !== undefined) return { use: nearConfig(strategy, config), params }
  const [only, ...others] = config.strategies
  if (others.length === 0) return { ...only, params }
  const place = { file: 'command line', field: '--params' }
  const names = config.strategies.map(({ use }) => use)
  throw new BadInput(place, 'does not say for which strategy', names, 'together with --strategy')
}

/** A file is named from the working directory, and found from the folder of the configuration. */
function nearConfig(strategy: string, { source }: Config): string {
  if (!isPath(strategy)) return strategy
  const path = relative(source.folder, resolve(strategy)).replaceAll('\\', '/')
  return path.startsWith('.') ? path : `./${path}`
}

/** A configuration whose strategy the command line told: its errors name the options, others the file. */
class ToldSource extends Source {
  readonly #file: Source

  constructor(source: Source) {
    super(source.file, source.folder)
    this.#file = source
  }

  override place(path: Path): Place {
    const [first, , member, ...rest] = path
    if (first !== 'strategies') return this.#file.place(path)
    const field = member === 'params' ? `--params ${keyPath(rest)}`.trim() : '--strategy'
    return { file: 'command line', field }
  }

  override variableOf(path: Path): string | undefined {
    return path[0] === 'strategies' ? undefined : this.#file.variableOf(path)
  }
}

type VenueOptions = ConfigOptions & { readonly fills?: 'venue' | 'simulated' }

/**
 * The configuration of a command that asks a venue: without a file, the keys are variables of the environment, such as
 * ALPACA_KEY and ALPACA_SECRET.
 */
export function venueConfigOf(venue: string, options: VenueOptions): Config {
  const [key, secret] = ['KEY', 'SECRET'].map(
    (name) => process.env[`${venue.toUpperCase()}_${name}`],
  )
  const isThere = key !== undefined && secret !== undefined && isVenueName(venue)
  const config = configOf(options, isThere ? { venues: { [venue]: { key, secret } } } : {})
  const { fills } = options
  const settings = isVenueName(venue) ? config.venues?.[venue] : undefined
  if (fills === undefined || settings === undefined) return config
  return { ...config, venues: { ...config.venues, [venue]: { ...settings, fills } } }
}

/** Symbols of an option, with the members of watch lists in the place of their names. */
export const membersOf = (config: Config, symbols: readonly string[]): readonly string[] =>
  symbolsOf(symbols, config.watchlists, { file: 'command line', field: '--symbols' })

export const alpacaConfigOf = (options: VenueOptions): Config => venueConfigOf('alpaca', options)
