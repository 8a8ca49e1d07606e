// Build: an engine and its simulated venue from what was configured. Backtest, paper and replay start here.
import { BadInput } from '../../core/bad-input.ts'
import { type Batching, BATCHING_DEFAULTS } from '../../core/batching.ts'
import type { VenueId } from '../../core/brand.ts'
import type { Tape } from '../../core/tape.ts'
import { lengthMs, type Timeframe, TIMEFRAMES } from '../../core/time.ts'
import type { Universe } from '../../core/universe.ts'
import type { Limits } from '../../core/venue.ts'
import { Engine, type EngineOptions } from '../../engine/engine.ts'
import type { Use } from '../../engine/lanes.ts'
import type { RiskLimits } from '../../engine/risk-limits.ts'
import { SimExchange, type SimOptions } from '../../venues/sim/index.ts'
import { type BeforeSend, Session } from './session.ts'

/** All that decides what a run does, besides its data. Two runs with equal setups and tapes end equal. */
export interface Setup {
  readonly universe: Universe
  readonly uses: readonly Use[]
  readonly risk: RiskLimits
  /** BATCHING_DEFAULTS where not given. */
  readonly batching?: Batching
  readonly sim: SimOptions
  /** Names the run in every order id: 1 to 8 letters or digits. */
  readonly run: string
  readonly currency: string
  /** The timeframe of the tape's bars, or the one that its trades are built into. */
  readonly base: Timeframe
  readonly bars: Pick<EngineOptions, 'latenessMs' | 'maxFill' | 'barsFrom'>
}

export function buildSession(setup: Setup, beforeSend?: BeforeSend): Session {
  const exchange = new SimExchange(setup.universe, setup.sim)
  return new Session(buildEngine(setup, exchange.limits), exchange, beforeSend)
}

/** A fresh engine, all of whose instruments are at a venue with these limits. */
export function buildEngine(setup: Omit<Setup, 'sim'>, venueLimits: Limits): Engine {
  const { universe, uses, risk, batching = BATCHING_DEFAULTS, run, currency, base, bars } = setup
  const limits = new Map<VenueId, Limits>()
  for (const { venue } of universe.all) limits.set(venue, venueLimits)
  const calendar = universe.all[0]?.spec.calendar ?? '24/7'
  const options = { universe, uses, limits, risk, batching, run, currency, calendar, base, ...bars }
  return new Engine(options)
}

/**
 * The base timeframe for the symbols of the universe: that of the tape's bars, the finest where they have several, or
 * for trades the finest that a strategy needs, '1m' at most. Throws `BadInput` where bars are too coarse for a strategy
 * or none that it needs would be made of them, or where a symbol has both bars and trades.
 */
export function baseOf(tape: Tape, universe: Universe, uses: readonly Use[]): Timeframe {
  const kinds = kindsOf(tape, universe)
  let finest: Timeframe | undefined
  for (const kind of kinds.values()) if (kind !== 'trades') finest = finer(finest, kind)
  const wanted = uses.flatMap((use) => {
    const { bars } = use.strategy.needs(use.params)
    return (bars === undefined ? [] : typeof bars === 'string' ? [bars] : bars).map(
      (timeframe) => ({
        use,
        timeframe,
      }),
    )
  })
  if (finest === undefined) {
    return wanted.reduce<Timeframe>((least, { timeframe }) => finer(least, timeframe), '1m')
  }
  for (const { use, timeframe } of wanted) {
    if (lengthMs(timeframe) < lengthMs(finest)) {
      const what = `is too coarse for ${use.name}, which needs ${timeframe} bars`
      const allowed = TIMEFRAMES.filter((t) => lengthMs(t) <= lengthMs(timeframe)).join(', ')
      throw new BadInput({ file: tape.name }, what, finest, `bars of ${allowed}, or trades`)
    }
    for (const id of use.on) {
      const { symbol } = universe.at(id)
      const kind = kinds.get(symbol)
      if (kind === undefined || kind === 'trades' || kind === finest || kind === timeframe) continue
      // Bars of the base become longer ones; all others are passed on as they are.
      const what = `has bars of ${symbol} that are not ${timeframe}, which ${use.name} needs, and none are made of them beside ${finest} bars of other symbols`
      const good = [...new Set([finest, timeframe])].join(' or ')
      const allowed = `bars of ${good} for ${symbol}, or runs for symbols of one timeframe (--symbols)`
      throw new BadInput({ file: tape.name }, what, kind, allowed)
    }
  }
  return finest
}

/** What each symbol of the universe has, besides quotes and depth: trades, or bars of one timeframe. */
function kindsOf(tape: Tape, universe: Universe): ReadonlyMap<string, Timeframe | 'trades'> {
  const kinds = new Map<string, Timeframe | 'trades'>()
  for (const series of tape.series) {
    if (series.kind === 'quotes' || series.kind === 'depth') continue
    if (universe.find(series.symbol) === undefined) continue
    const kind = series.kind === 'bars' ? series.timeframe : 'trades'
    const other = kinds.get(series.symbol)
    if (other !== undefined && other !== kind) {
      const what = `has two kinds of data for ${series.symbol}`
      throw new BadInput({ file: tape.name }, what, `${other}, ${kind}`, 'one of them')
    }
    kinds.set(series.symbol, kind)
  }
  return kinds
}

const finer = (a: Timeframe | undefined, b: Timeframe): Timeframe =>
  a === undefined || lengthMs(b) < lengthMs(a) ? b : a
