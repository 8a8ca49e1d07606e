// Live plan: what a run at a venue will be, worked out and checked before anything is opened.
import { BadInput } from '../core/bad-input.ts'
import type { InstrumentSpec } from '../core/instrument.ts'
import { Universe } from '../core/universe.ts'
import {
  type Config,
  toInstrumentSpec,
  toBatching,
  toRiskLimits,
  toSimOptions,
} from '../runtime/config/config.ts'
import type { VenueMode } from '../runtime/live/consent.ts'
import type { ExitPolicy } from '../runtime/config/exit-policy.ts'
import type { FeedKind } from '../runtime/live/options.ts'
import { owned } from '../runtime/live/strays.ts'
import { RunFile } from '../runtime/replay/run-file.ts'
import { BUILT_IN, loadUses } from '../runtime/config/uses.ts'
import { hasBarsAt, isSimulatedAt, venueIdOf } from '../runtime/venues/venues.ts'
import { storedAt } from './paths.ts'

export interface LiveRunOptions {
  readonly journal?: string
  readonly archive?: string
  /** Where its closed bars go besides the archive. */
  readonly database?: string
  readonly run?: string
  readonly symbols?: readonly string[]
  /** For all strategies, instead of their own. */
  readonly onStop?: ExitPolicy
  readonly mode: VenueMode
  /** Where its numbers are served; as configured where not told, and nowhere where neither does. */
  readonly metrics?: number
  /** Follows as long as another run trades the account. */
  readonly standby?: true
  /** The number of the account that a live run may use. */
  readonly account?: string
}

export type LivePlan = Awaited<ReturnType<typeof planOf>>

/**
 * Throws BadInput where something is wrong, or the journal holds another run that is not over.
 *
 * @param told What the venue says of its instruments, for a new run.
 */
export async function planOf(
  name: string,
  config: Config,
  options: LiveRunOptions,
  told: readonly InstrumentSpec[] = [],
) {
  const path = options.journal ?? storedAt(config, config.store.journal)
  const unfinished = RunFile.unfinishedIn(path)
  if (options.symbols !== undefined) unfinished?.mustTrade(options.symbols)
  const universe = new Universe(unfinished?.instruments ?? specsOf(name, config, options, told))
  const builtIn = [...BUILT_IN.values()]
  const uses = (await loadUses(config, universe)).map((use) =>
    builtIn.includes(use.strategy) ? use : owned(use),
  )
  const { latenessMs, maxFill } = config.bars
  const setup = {
    universe,
    uses,
    risk: unfinished?.risk ?? toRiskLimits(config),
    batching: unfinished?.batching ?? toBatching(config),
    sim: toSimOptions(config),
    run: options.run ?? unfinished?.run ?? nameOfNow(),
    currency: config.account.currency,
    base: '1m' as const,
    bars: { latenessMs, maxFill },
  }
  const kinds = kindsOf(uses, hasBarsAt(name, config))
  const source = { name, series: kinds.map((kind) => ({ kind })) }
  unfinished?.mustBe(config, setup, source)
  const names = uses.map((use) => use.name).join(', ')
  const fills = isSimulatedAt(name, config) ? ', simulated fills' : ''
  const what = `${names} on ${universe.size} symbols, ${kinds.join(', ')}${fills}`
  return {
    name,
    config,
    isNew: unfinished === undefined,
    setup,
    kinds,
    exits: new Map(uses.map(({ name }, i) => [name, config.strategies[i]!.onStop])),
    source,
    /** Of the journal and of the archive. */
    path,
    archivePath: options.archive ?? storedAt(config, config.store.archive),
    formingMs: config.store.formingMs,
    database: options.database ?? config.store.database?.reveal(),
    consent: { mode: options.mode, account: options.account },
    isStandby: options.standby === true,
    metricsPort: options.metrics ?? config.ops.metrics,
    title: `${options.mode} run ${setup.run} at ${name}: ${what}`,
  }
}

function specsOf(
  name: string,
  config: Config,
  { symbols }: LiveRunOptions,
  told: readonly InstrumentSpec[],
) {
  const { universe } = config
  const listed =
    universe === 'all' ? [] : universe.map((one) => (typeof one === 'string' ? one : one.symbol))
  const wanted = symbols ?? listed
  if (wanted.length === 0) {
    const allowed = 'a list: universe in the configuration, or --symbols SPY,BAC'
    throw new BadInput(
      { file: 'command line', field: '--symbols' },
      'is missing',
      undefined,
      allowed,
    )
  }
  const venue = venueIdOf(name)
  return wanted.map((symbol) => {
    const theirs = told.find((spec) => spec.symbol === symbol)
    return toInstrumentSpec(config, symbol, venue, theirs)
  })
}

/** Bars always, because risk prices with them, or what they are made of; trades and quotes where a strategy looks at them. */
function kindsOf(
  uses: Awaited<ReturnType<typeof loadUses>>,
  hasBars: boolean,
): readonly FeedKind[] {
  const needs = uses.map(({ strategy, params }) => strategy.needs(params))
  return [
    ...(hasBars ? (['bars'] as const) : []),
    ...(!hasBars || needs.some(({ trades }) => trades === true) ? (['trades'] as const) : []),
    ...(needs.some(({ quotes, depth }) => quotes === true || depth !== undefined)
      ? (['quotes'] as const)
      : []),
  ]
}

/** Seconds since 1970 in letters and digits: runs of one machine have names that rise. */
const nameOfNow = (): string => Math.floor(Date.now() / 1_000).toString(36)
