/*
 * Configuration: a YAML file and the environment become one checked value. Nothing is required; an empty file
 * is paper trading with sma-cross on all symbols.
 *
 * Everything wrong is a `BadInput`. All problems of a file are told at once: the first line of the message is
 * the error of the first line of the file, whole in itself; each line after it is one more. First the text has
 * to be right (YAML, variables, keys once), then every value (schema), then the values together.
 */
import { readFileSync, type Stats, statSync } from 'node:fs'
import type { z } from 'zod'
import { BadInput } from '../../core/bad-input.ts'
import { type VenueId, venueId } from '../../core/brand.ts'
import type { CalendarName } from '../../core/calendar.ts'
import { hashOf } from '../../core/hash.ts'
import { DAY } from '../../core/time.ts'
import { equitySpec, type InstrumentKind, type InstrumentSpec } from '../../core/instrument.ts'
import type { Batching } from '../../core/batching.ts'
import type { RiskLimits } from '../../engine/risk-limits.ts'
import type { SimOptions } from '../../venues/sim/index.ts'
import { conflictsOf } from './conflicts.ts'
import { configSchema, type Settings } from './schema.ts'
import { type Env, MAX_BYTES, readText } from './text.ts'
import { badInput, problemsOf } from './problems.ts'
import { Source } from './source.ts'
import { withMembers } from './watchlists.ts'

/** Checked, with every default filled in. `source` says where it came from; it is no setting. */
export type Config = Readonly<Settings> & { readonly source: Source }
/** Venues that a configuration may speak of; each has a local one. */
export type VenueName = keyof NonNullable<Config['venues']>

/** A configuration as it is written: every key may be left out. */
export type ConfigInput = z.input<typeof configSchema>

/** Reads and checks a YAML file. Throws BadInput also where the file is missing, no file, or no UTF-8. */
export function loadConfig(path: string, env: Env): Config {
  return parseConfig(readUtf8(path), path, env)
}

/**
 * Checks a configuration given as text.
 *
 * @param file Named by errors; paths in the configuration are relative to its folder.
 * @param env Where `${NAME}` is looked up.
 */
export function parseConfig(text: string, file: string, env: Env): Config {
  const { data, source } = readText(text, file, env)
  return check(data, source)
}

export const defaultConfig = (): Config => defineConfig({})

/**
 * A configuration written in TypeScript, checked like a file. Paths are relative to where the process runs.
 *
 * @example defineConfig({ universe: ['SPY'], risk: { maxDailyLoss: 500 } })
 */
export const defineConfig = (input: ConfigInput): Config =>
  check(input, new Source('configuration', process.cwd()))

/** A configuration that was checked before and kept as JSON, for instance in a journal. */
export const restoreConfig = (kept: unknown, file: string, folder: string): Config =>
  check(kept, new Source(file, folder))

function check(told: unknown, source: Source): Config {
  const data = withMembers(told)
  const parsed = configSchema.safeParse(data)
  if (!parsed.success) throw badInput(problemsOf(parsed.error, configSchema, data), source)
  const conflicts = conflictsOf(parsed.data)
  if (conflicts.length > 0) throw badInput(conflicts, source)
  return { ...parsed.data, source }
}

function readUtf8(path: string): string {
  const place = { file: path }
  let bytes: Uint8Array
  try {
    const found: Stats | undefined = statSync(path, { throwIfNoEntry: false })
    if (found === undefined) throw new BadInput(place, 'is missing', undefined, 'a YAML file')
    if (found.isDirectory()) throw new BadInput(place, 'is a folder', undefined, 'a YAML file')
    if (!found.isFile()) throw new BadInput(place, 'is no file', undefined, 'a YAML file')
    if (found.size > MAX_BYTES) {
      throw new BadInput(place, 'is too large', found.size, `at most ${MAX_BYTES} bytes`)
    }
    bytes = readFileSync(path)
  } catch (error) {
    if (error instanceof BadInput || !(error instanceof Error)) throw error
    throw new BadInput(place, `cannot be read (${error.message})`, undefined, 'a readable file')
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new BadInput({ ...place, line: badLine(bytes) }, 'is not UTF-8', undefined, 'UTF-8 text')
  }
}

/** The line of the first bytes that are no UTF-8: those before them decode. */
function badLine(bytes: Uint8Array): number {
  const text = new TextDecoder('utf-8').decode(bytes)
  return text.slice(0, text.indexOf('\uFFFD')).split('\n').length
}

const numberOf = (limit: number | 'off'): number => (limit === 'off' ? Infinity : limit)

/** How many starts are a crash loop. */
export interface Restarts {
  /** Starts in `withinMs` that are none yet. */
  readonly max: number
  readonly withinMs: number
}

export const toRestarts = ({ restarts }: Config): Restarts => ({
  ...restarts,
  max: numberOf(restarts.max),
})

/** How much of its journal a run at a venue keeps; undefined for all of it. */
export const toKeepMs = ({ store: { keepDays } }: Config): number | undefined =>
  keepDays === 'off' ? undefined : keepDays * DAY

/** How commands share calls, until it is switched. */
export const toBatching = ({ batching }: Config): Batching => batching

/** The limits of the engine: `off` is Infinity there. */
export function toRiskLimits({ risk }: Config): RiskLimits {
  const { drawdown } = risk
  return {
    maxOrderNotional: numberOf(risk.maxOrderNotional),
    maxPositionNotional: numberOf(risk.maxPositionNotional),
    maxPositionFraction: numberOf(risk.maxPositionFraction),
    maxRiskFraction: numberOf(risk.maxRiskFraction),
    maxExposureFraction: numberOf(risk.maxExposureFraction),
    leverage: risk.leverage,
    marginRate: risk.marginRate,
    maxPositions: numberOf(risk.maxPositions),
    maxOpenOrders: risk.maxOpenOrders,
    maxTradesPerDay: numberOf(risk.maxTradesPerDay),
    maxDailyLoss: numberOf(risk.maxDailyLoss),
    maxDailyLossFraction: numberOf(risk.maxDailyLossFraction),
    ordersPerMinute: numberOf(risk.ordersPerMinute),
    priceBand: numberOf(risk.priceBand),
    staleAfterMs: numberOf(risk.staleAfterMs),
    tradingHours: risk.tradingHours,
    drawdown: {
      ...drawdown,
      warning: numberOf(drawdown.warning),
      halt: numberOf(drawdown.halt),
      emergency: numberOf(drawdown.emergency),
    },
  }
}

/** What the simulated venue is told; it is the venue `sim`. */
export const toSimOptions = ({ sim, account }: Config): SimOptions => ({
  venue: venueId('sim'),
  cash: account.cash,
  currency: account.currency,
  ...sim,
})

const CALENDARS: Readonly<Record<InstrumentKind, CalendarName>> = {
  equity: 'us-equity',
  crypto: '24/7',
  perpetual: '24/7',
  option: '24/7',
  future: 'cme',
}

const SHARE = { kind: 'equity', tickSize: 0.01, lotSize: 1, multiplier: 1, minNotional: 0 } as const

/** That of a kind of instruments, where no other is stated. */
export const usualCalendar = (kind: InstrumentKind): CalendarName => CALENDARS[kind]

/** What instruments have in common that nobody else tells of. */
export const sharedTerms = ({ instrument }: Config) => ({ ...SHARE, ...instrument })

/**
 * The instrument of a symbol: what its entry in the universe says, else what all have in common, else what its venue
 * told of it.
 */
export function toInstrumentSpec(
  config: Config,
  symbol: string,
  venue: VenueId,
  told?: InstrumentSpec,
): InstrumentSpec {
  const { universe, instrument, account } = config
  const own =
    universe === 'all'
      ? undefined
      : universe.find((one) => typeof one !== 'string' && one.symbol === symbol)
  const stated = { ...instrument, ...(typeof own === 'object' ? own : {}) }
  const { kind = told?.kind ?? SHARE.kind } = stated
  const usual = told !== undefined && told.kind === kind ? told.calendar : CALENDARS[kind]
  return {
    ...(told ?? equitySpec(symbol, venue)),
    ...stated,
    kind,
    symbol,
    calendar: stated.calendar ?? usual,
    currency: stated.currency ?? told?.currency ?? account.currency,
  }
}

/**
 * Equal for configurations that decide equally: a journal keeps it, to know its own again. Where things are
 * stored, reported and watched does not count, nor how a run ends or which way its orders take; of a strategy's file only the path does, not what is in it.
 */
export const configHash = (config: Config): string => hashOf(decisiveOf(config))

function decisiveOf(config: Config) {
  const { source: _source, store: _store, report: _report, ...rest } = config
  const { restarts: _restarts, ops: _ops, history: _history, ...more } = rest
  // Names of lists stand for their members, which are where they are used.
  const { watchlists: _watchlists, strategies, venues, ...decisive } = more
  const deciding = strategies.map(({ onStop: _onStop, ...strategy }) => strategy)
  return {
    ...decisive,
    instrument: sharedTerms(config),
    ...(venues && { venues: decisiveOfVenues(venues) }),
    strategies: deciding,
  }
}

function decisiveOfVenues({ bybit, ...others }: NonNullable<Config['venues']>) {
  if (bybit === undefined) return others
  const { orderEntry: _orderEntry, deadManS: _deadManS, ...decisive } = bybit
  return { ...others, bybit: decisive }
}

/** The same without what a run at a venue may change while it runs. */
export function fixedHash(config: Config): string {
  const { risk: _risk, batching: _batching, ...fixed } = decisiveOf(config)
  return hashOf(fixed)
}
