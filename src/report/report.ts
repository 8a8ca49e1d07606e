/*
 * Report: the result of a run as plain JSON, `skein-report/1`. Programs may rely on it: within one schema number
 * fields are added, never renamed, removed or given another meaning.
 *
 *   money       numbers in `manifest.currency`; prices and quantities in the units of their instrument
 *   *Fraction   a share: 0.01 is one percent
 *   *At         milliseconds since the Unix epoch, UTC; *Ms is a duration in milliseconds
 *   null        there is no such value; NaN, Infinity and undefined never occur
 */
import { placesOf } from './format.ts'
import type { Drawdown, EquityPoints, Exposure } from './equity.ts'
import type { Daily, Incidents, NamedResults, OrderCounts, Summary } from './statistics.ts'
import type { QuoteResults } from './quotes.ts'
import type { Results } from './tally.ts'
import type { RoundTrip } from './trips.ts'
import { iso } from '../core/time.ts'

export const REPORT_SCHEMA = 'skein-report/1'

/** What plain JSON can hold. */
export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json }

/** How a run came about: all that one needs to repeat it. The caller knows it. */
export interface Manifest {
  readonly mode: 'backtest' | 'replay' | 'paper' | 'dry-run' | 'live'
  /** The command line, as a person would type it. */
  readonly command: string
  readonly currency: string
  readonly strategies: readonly {
    readonly name: string
    readonly symbols: readonly string[]
    readonly params: Json
  }[]
  readonly universe: readonly string[]
  /** Where market data came from, and the range that was asked for. */
  readonly data: {
    readonly source: string
    readonly kind: 'bars' | 'trades' | 'quotes' | 'depth' | 'mixed'
    readonly timeframe: string | null
    readonly fromAt: number | null
    readonly toAt: number | null
  }
  readonly versions: { readonly skein: string; readonly node: string }
  /** Equal hashes mean equal runs; null where a mode has none. */
  readonly hashes: { readonly state: string | null; readonly intents: string | null }
  readonly seeds: Readonly<Record<string, number>>
  /** Fees, slippage and latency as configured; null where fills are a venue's. */
  readonly costs: Json
  /** Limits of risk as configured. */
  readonly risk: Json
  /** How long it took on the clock, and how much it handled. */
  readonly work: { readonly elapsedMs: number; readonly turns: number; readonly inputs: number }
}

export interface Report {
  readonly schema: typeof REPORT_SCHEMA
  readonly manifest: Manifest
  readonly summary: {
    /** First and last sample. */
    readonly fromAt: number | null
    readonly toAt: number | null
    readonly equityStart: number
    readonly equityEnd: number
    /** equityEnd − equityStart: total.net + openProfit, and what a venue's account took or gave besides. */
    readonly change: number
    readonly changeFraction: number | null
    readonly openProfit: number
    readonly openTrips: number
    readonly drawdown: Drawdown | null
    /** When equity was used up: at or below zero; null where it never was. */
    readonly ruinedAt: number | null
    readonly longestUnderwaterMs: number
    readonly exposure: Exposure
    readonly daily: Daily
  }
  readonly total: Results
  readonly symbols: readonly NamedResults[]
  readonly strategies: readonly NamedResults[]
  readonly orders: OrderCounts
  /** Orders that risk denied, by code. */
  readonly denied: Readonly<Record<string, number>>
  readonly incidents: Incidents
  /** What resting quotes earned; null where none has filled, or no market was shown to hold them against. */
  readonly quotes: QuoteResults | null
  /** What a reader must know before trusting the numbers, in words. */
  readonly warnings: readonly string[]
  readonly curve: EquityPoints
  readonly trips: {
    readonly list: readonly RoundTrip[]
    /** Trips that every number counts and the list lacks. */
    readonly unlisted: number
  }
}

/** Joins what the caller knows with what was measured. `warnings` come before those found here. */
export function makeReport(run: {
  readonly manifest: Manifest
  readonly summary: Summary
  readonly warnings?: readonly string[]
}): Report {
  const { summary } = run
  return plain({
    schema: REPORT_SCHEMA,
    manifest: run.manifest,
    summary: {
      fromAt: summary.from,
      toAt: summary.to,
      equityStart: summary.equityStart,
      equityEnd: summary.equityEnd,
      change: summary.change,
      changeFraction: summary.changeFraction,
      openProfit: summary.openProfit,
      openTrips: summary.openTrips,
      drawdown: summary.drawdown,
      ruinedAt: summary.ruinedAt,
      longestUnderwaterMs: summary.longestUnderwaterMs,
      exposure: summary.exposure,
      daily: summary.daily,
    },
    total: summary.total,
    symbols: summary.symbols,
    strategies: summary.strategies,
    orders: summary.orders,
    denied: summary.denied,
    incidents: summary.incidents,
    quotes: summary.quotes,
    warnings: [...(run.warnings ?? []), ...warningsOf(summary, run.manifest)],
    curve: summary.curve,
    trips: { list: summary.trips, unlisted: summary.tripsUnlisted },
  })
}

/** Fewer days than this give ratios that are mostly luck. */
export const DAYS_FOR_RATIOS = 20
/** Fewer trips than this give a win rate that is mostly luck. */
export const TRIPS_FOR_RATES = 30

/** What the numbers themselves give reason to doubt. */
function warningsOf(
  { daily, total, ...summary }: Summary,
  { currency, costs }: Manifest,
): string[] {
  const warnings: string[] = []
  const warn = (condition: boolean, text: string) => {
    if (condition) warnings.push(text)
  }
  const { incidents, orders } = summary
  const noun = (count: number, word: string) => `${count} ${word}${count === 1 ? '' : 's'}`
  warn(summary.samples === 0, 'No market data reached the engine: nothing was tested.')
  warn(
    summary.samples > 0 && total.fills === 0,
    orders.denied > 0
      ? `No order filled; risk denied ${orders.denied}: see the codes.`
      : orders.placed > 0
        ? `No order filled of ${orders.placed} placed.`
        : 'No strategy asked for an order.',
  )
  if (summary.ruinedAt !== null) {
    // At a venue, what its owner has brought meanwhile is not in this equity, and the account may go on.
    const why = costs === null ? '' : ': no account goes on from there, so what follows is not real'
    warnings.push(`Equity was used up at ${iso(summary.ruinedAt)}${why}.`)
  }
  warn(
    total.fills > 0 && daily.days < DAYS_FOR_RATIOS,
    daily.days < 2
      ? 'Less than two days: too few for a Sharpe or Sortino ratio.'
      : `${daily.days} days are few: read Sharpe and Sortino as noise below ${DAYS_FOR_RATIOS}.`,
  )
  warn(
    total.trips > 0 && total.trips < TRIPS_FOR_RATES,
    `${noun(total.trips, 'round trip')}: win rate and profit factor are noise below ${TRIPS_FOR_RATES}.`,
  )
  warn(
    summary.openTrips > 0,
    `${noun(summary.openTrips, 'position')} still open at the end: marked at the last price, without exit fees.`,
  )
  warn(
    summary.tripsUnlisted > 0,
    `The list of round trips is cut: ${summary.tripsUnlisted} later ones are counted, not listed.`,
  )
  const besides = summary.change - total.net - summary.openProfit
  const places = placesOf(currency, summary.equityStart)
  warn(
    Math.abs(besides) >= 10 ** -places,
    `The account changed by ${besides.toFixed(places)} besides its fills, as its venue says.`,
  )
  warn(orders.rejected > 0, `The venue rejected ${noun(orders.rejected, 'order')}.`)
  warn(incidents.gaps > 0, `${noun(incidents.gaps, 'gap')} in the data, too long to fill.`)
  warn(incidents.lateTrades > 0, `${noun(incidents.lateTrades, 'trade')} came after their bar.`)
  warn(
    incidents.safeMode > 0,
    `Safe mode began ${noun(incidents.safeMode, 'time')}, first because: ${incidents.safeModeWhy}.`,
  )
  warn(
    incidents.killSwitch > 0,
    `The kill switch was pulled ${noun(incidents.killSwitch, 'time')}.`,
  )
  for (const halted of incidents.halted) warnings.push(`Halted: ${halted}`)
  const unnamed = incidents.halts - incidents.halted.length
  warn(unnamed > 0, `${noun(unnamed, 'more lane')} halted.`)
  return warnings
}

/** The same data as JSON holds it: undefined members go, numbers that are not finite become null. */
function plain<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T
}
