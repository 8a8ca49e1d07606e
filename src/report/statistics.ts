// Statistics: what a run did, gathered while it goes on, in bounded memory.
import { unreachable } from '../core/assert.ts'
import type { Ms, SymbolId } from '../core/brand.ts'
import { type Calendar, type CalendarName, calendarOf } from '../core/calendar.ts'
import { money } from '../core/instrument.ts'
import type { DenyCode, Notice } from '../core/notice.ts'
import type { Order } from '../core/order.ts'
import type { Universe } from '../core/universe.ts'
import {
  type Drawdown,
  EQUITY_MIN,
  EquityCurve,
  type EquityPoints,
  type Exposure,
} from './equity.ts'
import { type QuoteResults, QuoteTally } from './quotes.ts'
import { sharpe, sortino } from './returns.ts'
import { type Results, Tally } from './tally.ts'
import { type FillNotice, type RoundTrip, RoundTrips } from './trips.ts'

/** Most round trips kept for the list; later ones are counted in every number, but not listed. */
export const TRIPS_MAX = 100_000
type HaltNotice = Extract<Notice, { readonly type: 'strategy.halted' }>

/** Most lanes named as halted. */
const HALTS_MAX = 100

export interface StatisticsOptions {
  readonly universe: Universe
  /** Equity at the start, in money. */
  readonly equity: number
  /** What is traded of it, whose calendars say which days count; all of it where not told. */
  readonly traded?: readonly SymbolId[]
  /** Most round trips kept, `TRIPS_MAX` by default. */
  readonly tripsMax?: number
}

/**
 * Ratios of daily returns, of all trading days from the first sample to the last; both may be partial. Where anything
 * that is traded never closes, these are the days of UTC, 365 a year; else those of the stock exchange or, where only
 * futures are traded, of theirs, 252 a year.
 */
export interface Daily {
  /** All days, also of an equity that was used up: then there are no returns, and no ratios. */
  readonly days: number
  readonly daysUp: number
  /** Best and worst daily return as fractions; null without returns. */
  readonly best: number | null
  readonly worst: number | null
  /** Annualised with √daysPerYear, risk-free rate 0; null with fewer than two days or no deviation. */
  readonly sharpe: number | null
  /** As Sharpe, over downside deviation; null also where no day lost. */
  readonly sortino: number | null
  readonly daysPerYear: number
}

export interface NamedResults extends Results {
  readonly name: string
}

/** How many orders met which end; what comes after it, such as a late fill, makes no other. */
export interface OrderCounts {
  readonly placed: number
  readonly filled: number
  readonly canceled: number
  readonly rejected: number
  readonly expired: number
  readonly denied: number
}

/** What went otherwise than planned, counted. */
export interface Incidents {
  readonly gaps: number
  readonly lateTrades: number
  readonly safeMode: number
  /** Why it began for the first time; null where it never did. */
  readonly safeModeWhy: string | null
  readonly killSwitch: number
  readonly halts: number
  /** "sma-cross on AAPL: error", the first hundred. */
  readonly halted: readonly string[]
}

/** Everything that `Statistics` knows, as plain JSON without NaN, Infinity or undefined. */
export interface Summary {
  /** First and last sample, ms since the epoch; null before the first. */
  readonly from: number | null
  readonly to: number | null
  readonly samples: number
  readonly equityStart: number
  readonly equityEnd: number
  /** equityEnd − equityStart; total.net + openProfit where no venue moves cash besides. */
  readonly change: number
  /** change / equityStart; null where the run began without equity. */
  readonly changeFraction: number | null
  /** Profit of what is still held, at the last marks, before exit fees. */
  readonly openProfit: number
  readonly openTrips: number
  readonly drawdown: Drawdown | null
  /** When equity was used up: at or below zero; null where it never was. */
  readonly ruinedAt: number | null
  readonly longestUnderwaterMs: number
  readonly exposure: Exposure
  readonly daily: Daily
  readonly total: Results
  readonly symbols: readonly NamedResults[]
  readonly strategies: readonly NamedResults[]
  readonly trips: readonly RoundTrip[]
  /** Trips that are counted, but not in the list. */
  readonly tripsUnlisted: number
  readonly curve: EquityPoints
  readonly orders: OrderCounts
  readonly denied: Readonly<Partial<Record<DenyCode, number>>>
  readonly incidents: Incidents
  /** Null where no quote has filled, or no market was shown to hold them against. */
  readonly quotes: QuoteResults | null
}

/**
 * Feed it the notices and, after each turn, one sample.
 *
 * @example
 * const statistics = new Statistics({ universe, equity: 100_000 })
 * engine.watch((notice) => statistics.onNotice(notice))
 * statistics.sample(at, equity, exposure)
 * statistics.summary().total.net
 */
export class Statistics {
  readonly #universe: Universe
  readonly #calendar: Calendar
  readonly #tripsMax: number
  readonly #curve: EquityCurve
  readonly #roundTrips = new RoundTrips()
  readonly #total = new Tally()
  readonly #symbols = new Map<string, Tally>()
  readonly #strategies = new Map<string, Tally>()
  readonly #trips: RoundTrip[] = []
  #tripsUnlisted = 0
  readonly #orders = { placed: 0, filled: 0, canceled: 0, rejected: 0, expired: 0, denied: 0 }
  readonly #denied = new Map<DenyCode, number>()
  readonly #incidents = { gaps: 0, lateTrades: 0, safeMode: 0, killSwitch: 0, halts: 0 }
  #safeModeWhy: string | null = null
  readonly #halted: string[] = []
  readonly #quotes = new QuoteTally()

  constructor(options: StatisticsOptions) {
    this.#universe = options.universe
    this.#calendar = calendarOfAll(options)
    this.#tripsMax = options.tripsMax ?? TRIPS_MAX
    this.#curve = new EquityCurve(options.equity, this.#calendar)
  }

  /** After every turn: equity, and the gross value of what is held, in money. `at` never goes back. */
  sample(at: Ms, equity: number, exposure: number): void {
    this.#curve.sample(at, equity, exposure)
  }

  onFill(notice: FillNotice): void {
    const { order, fill, profit } = notice
    const instrument = this.#universe.at(order.symbol)
    const tallies = [
      this.#total,
      tallyOf(this.#symbols, instrument.symbol),
      tallyOf(this.#strategies, order.strategy),
    ]
    const notional = instrument.notional(fill.qty, fill.price)
    for (const tally of tallies) tally.addFill({ profit, fee: fill.fee, notional })
    if (order.quote === true) this.#quotes.onFill(notice, instrument)
    const trip = this.#roundTrips.onFill(notice, instrument)
    if (trip === undefined) return
    for (const tally of tallies) tally.addTrip(trip)
    if (this.#trips.length < this.#tripsMax) this.#trips.push(trip)
    else this.#tripsUnlisted++
  }

  /** Any notice; those that no report tells of are ignored. */
  onNotice(notice: Notice): void {
    switch (notice.type) {
      case 'fill':
        return this.onFill(notice)
      case 'quote.marked':
        return this.#quotes.add(notice, this.#universe.at(notice.symbol))
      case 'order.placed':
        this.#orders.placed++
        return
      case 'order.changed':
        if (notice.isEnd) this.#onEnd(notice.order)
        return
      case 'order.denied':
        this.#orders.denied++
        this.#denied.set(notice.denial.code, (this.#denied.get(notice.denial.code) ?? 0) + 1)
        return
      case 'bar.gap':
        this.#incidents.gaps++
        return
      case 'trade.late':
        this.#incidents.lateTrades++
        return
      case 'safe-mode':
        if (notice.on) this.#onSafeMode(notice.why)
        return
      case 'kill-switch':
        if (notice.on) this.#incidents.killSwitch++
        return
      case 'strategy.halted':
        return this.#onHalted(notice)
      case 'bar.closed':
      case 'position.changed':
      case 'signal':
      case 'drawdown':
      case 'limits.changed':
      case 'transferred':
      case 'position.adopted':
      case 'symbol.halted':
      case 'fill.late':
      case 'external':
        return
      default:
        unreachable(notice)
    }
  }

  summary(): Summary {
    const curve = this.#curve
    const total = this.#total.results()
    const change = money(curve.end - curve.start)
    const hasSamples = curve.samples > 0
    return {
      from: hasSamples ? curve.firstAt : null,
      to: hasSamples ? curve.lastAt : null,
      samples: curve.samples,
      equityStart: money(curve.start),
      equityEnd: money(curve.end),
      change,
      changeFraction: curve.start >= EQUITY_MIN ? money(change / curve.start) : null,
      openProfit: money(change - total.net),
      openTrips: this.#roundTrips.openCount(),
      drawdown: curve.drawdown(),
      ruinedAt: curve.ruinedAt,
      longestUnderwaterMs: curve.longestUnderwaterMs(),
      exposure: curve.exposure(),
      daily: this.#daily(),
      total,
      symbols: named(this.#symbols),
      strategies: named(this.#strategies),
      trips: this.#trips,
      tripsUnlisted: this.#tripsUnlisted,
      curve: curve.points(),
      orders: { ...this.#orders },
      denied: Object.fromEntries(this.#denied),
      incidents: { ...this.#incidents, safeModeWhy: this.#safeModeWhy, halted: [...this.#halted] },
      quotes: this.#quotes.results(),
    }
  }

  #onSafeMode(why: string): void {
    this.#incidents.safeMode++
    this.#safeModeWhy ??= why
  }

  #onEnd(order: Order): void {
    if (order.reason === 'filled') this.#orders.filled++
    if (order.reason === 'canceled') this.#orders.canceled++
    if (order.reason === 'rejected') this.#orders.rejected++
    if (order.reason === 'expired') this.#orders.expired++
  }

  #onHalted({ strategy, symbol, error }: HaltNotice): void {
    this.#incidents.halts++
    if (this.#halted.length === HALTS_MAX) return
    this.#halted.push(`${strategy} on ${this.#universe.at(symbol).symbol}: ${error}`)
  }

  #daily(): Daily {
    const returns = this.#curve.returns()
    const daysPerYear = this.#calendar.name === '24/7' ? 365 : 252
    const round = (ratio: number | null) => (ratio === null ? null : money(ratio))
    return {
      days: this.#curve.days,
      daysUp: returns.daysUp,
      best: returns.days === 0 ? null : money(returns.best),
      worst: returns.days === 0 ? null : money(returns.worst),
      sharpe: round(sharpe(returns, daysPerYear)),
      sortino: round(sortino(returns, daysPerYear)),
      daysPerYear,
    }
  }
}

/** The first that any instrument keeps: the order of the instruments says nothing. */
const CALENDARS: readonly CalendarName[] = ['24/7', 'us-equity', 'cme']

function calendarOfAll({ universe, traded }: StatisticsOptions): Calendar {
  const instruments = traded?.map((id) => universe.at(id)) ?? universe.all
  const kept = new Set(instruments.map(({ spec }) => spec.calendar))
  return calendarOf(CALENDARS.find((name) => kept.has(name)) ?? '24/7')
}

function tallyOf(tallies: Map<string, Tally>, name: string): Tally {
  let tally = tallies.get(name)
  if (tally === undefined) {
    tally = new Tally()
    tallies.set(name, tally)
  }
  return tally
}

const named = (tallies: ReadonlyMap<string, Tally>): NamedResults[] =>
  [...tallies]
    .map(([name, tally]) => ({ name, ...tally.results() }))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
