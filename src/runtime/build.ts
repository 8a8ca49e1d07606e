// Build: an engine and its simulated venue from what was configured. Backtest, paper and replay start here.
import { BadInput } from '../core/bad-input.ts'
import { type Batching, BATCHING_DEFAULTS } from '../core/batching.ts'
import type { VenueId } from '../core/brand.ts'
import type { Tape } from '../core/tape.ts'
import { lengthMs, type Timeframe, TIMEFRAMES } from '../core/time.ts'
import type { Universe } from '../core/universe.ts'
import type { Limits } from '../core/venue.ts'
import { Engine, type EngineOptions } from '../engine/engine.ts'
import type { Use } from '../engine/lanes.ts'
import type { RiskLimits } from '../engine/risk-limits.ts'
import { SimExchange, type SimOptions } from '../venues/sim/index.ts'
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
 * The base timeframe for a tape: that of its bars, or for trades the finest that a strategy needs, '1m' at most.
 * Throws `BadInput` where the tape's bars are too coarse for a strategy, or a symbol has both bars and trades.
 */
export function baseOf(tape: Tape, uses: readonly Use[]): Timeframe {
  const kinds = new Map<string, string>()
  let finest: Timeframe | undefined
  for (const series of tape.series) {
    if (series.kind === 'quotes' || series.kind === 'depth') continue
    const kind = series.kind === 'bars' ? series.timeframe : 'trades'
    const other = kinds.get(series.symbol)
    if (other !== undefined && other !== kind) {
      const what = `has two kinds of data for ${series.symbol}`
      throw new BadInput({ file: tape.name }, what, `${other}, ${kind}`, 'one of them')
    }
    kinds.set(series.symbol, kind)
    if (series.kind === 'bars') finest = finer(finest, series.timeframe)
  }
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
    if (lengthMs(timeframe) >= lengthMs(finest)) continue
    const what = `is too coarse for ${use.name}, which needs ${timeframe} bars`
    const allowed = TIMEFRAMES.filter((t) => lengthMs(t) <= lengthMs(timeframe)).join(', ')
    throw new BadInput({ file: tape.name }, what, finest, `bars of ${allowed}, or trades`)
  }
  return finest
}

const finer = (a: Timeframe | undefined, b: Timeframe): Timeframe =>
  a === undefined || lengthMs(b) < lengthMs(a) ? b : a
