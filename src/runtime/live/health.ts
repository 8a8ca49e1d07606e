/*
 * Health: how a run at a venue is, as one value of plain JSON, and what of it is not as it should be.
 *
 * It only looks: nothing that the run does depends on it. A second process reads it from the status file.
 */
import type { Ms } from '../../core/brand.ts'
import type { HaltCause } from '../../core/input.ts'
import { iso, type Timeframe } from '../../core/time.ts'
import { named } from '../../core/named.ts'
import type { Room } from '../../core/store.ts'
import type { PrunerStatistics } from './pruner.ts'
import type { BudgetUse } from '../../core/venue.ts'
import type { FormingStatistics } from './forming-bars.ts'
import type { SharedStatistics } from './shared-bars.ts'

/** `failed`: an error stopped it, and nothing leaves any more. */
export type HealthPhase = 'starting' | 'running' | 'stopping' | 'stopped' | 'failed'

export interface Health {
  readonly phase: HealthPhase
  /** True where another engine trades the account, and this run is ready to. */
  readonly isFollowing: boolean
  /** Times that this process took the account over. */
  readonly takeovers: number
  /** Time of the run, which is the venue's. */
  readonly at: Ms
  /** Where the clock was set back by much: how long it takes to come to `at`, which stands still until then. */
  readonly behindMs?: number
  /** Where it is off by much: how far the clock of this machine is ahead of the venue's, below zero where behind. */
  readonly aheadMs?: number
  readonly run: string
  readonly venue: string
  readonly symbols: number
  /** False where the venue has said that a stream is down. */
  readonly streams: { readonly feed: boolean; readonly orders: boolean }
  /** Symbols that have no feed, where those of others are up. */
  readonly without?: readonly string[]
  /** Ages of the newest price of any symbol, and of the oldest of a symbol that has had one. */
  readonly dataAgeMs?: number
  readonly oldest?: { readonly symbol: string; readonly ageMs: number }
  /** True where a market is open, and it has traded for so long that a price must have come. */
  readonly isDataDue: boolean
  /** Series of bars that this process keeps, and those whose bar is missing that should be there by now. */
  readonly bars: { readonly series: number; readonly stale: readonly StaleBars[] }
  /** How its bars come into the database that it shares with others; undefined where it has none. */
  readonly shared?: SharedStatistics
  /** What was written of minutes that form; undefined where they are not. */
  readonly forming?: FormingStatistics
  /** Orders that have left and of which the venue has not said what became of them. */
  readonly unknownOrders: readonly string[]
  readonly halts: readonly {
    readonly symbol: string
    readonly cause: HaltCause
    readonly why: string
  }[]
  /** Strategies that threw, and are halted on a symbol. */
  readonly haltedLanes: readonly string[]
  readonly killSwitch?: string
  readonly safeMode?: string
  readonly isPaused: boolean
  /** What the venue does by itself when we are gone. */
  readonly deadMan?: string
  /** Why nothing new is risked before the venue's report. */
  readonly hold?: string
  readonly budgets: readonly BudgetUse[]
  readonly inbox: { readonly waiting: number; readonly use: number; readonly dropped: number }
  /** Differences to the venue that are not explained yet. */
  readonly differences: number
  readonly lastReportAt?: Ms
  /** Made by this process. */
  readonly lastSnapshotAt?: Ms
  readonly turns: number
  /** What the journal takes of its disk, and what is left; and, where it is pruned, what came of that. */
  readonly journal?: Room & Partial<PrunerStatistics> & { readonly copiesTo?: string }
  /** Of the run: how long a report may be ago. */
  readonly reportEveryMs: number
}

export interface StaleBars {
  readonly symbol: string
  readonly timeframe: Timeframe
  /** Start of its last bar. */
  readonly last: Ms
}

/** Two bars of a minute, and the time in which a silent feed is found. */
export const DATA_AGE_MS_MAX = 210_000
/** Reports that may be missed in a row. */
const REPORTS_MISSED = 3
const INBOX_USE_MAX = 0.8
const MB = 1_000_000
/** With less room on the disk of its journal a run is not well; without any it stops. */
export const FREE_LEAST_BYTES = 100 * MB
const STALE_PART_MAX = 0.5
/** A database that restarts is back before. */
const SHARED_AWAY_MS_MAX = 60_000

/** What is not as it should be, in words; none in a healthy run. */
export function ailmentsOf(health: Health): readonly string[] {
  const { phase, at, behindMs, aheadMs, streams, inbox, lastReportAt, reportEveryMs } = health
  const found: string[] = []
  const note = (isIll: boolean, text: () => string): void => {
    if (isIll) found.push(text())
  }
  note(phase !== 'running', () => `it is ${phase}`)
  note(behindMs !== undefined, () => behindText(behindMs!))
  note(aheadMs !== undefined, () => aheadText(aheadMs!, health.venue))
  for (const stream of ['feed', 'orders'] as const)
    note(!streams[stream], () => `the ${stream} stream is down`)
  const { without = [] } = health
  note(without.length > 0, () => `the feed is down for ${named(without)}`)
  const { dataAgeMs } = health
  note(
    phase === 'running' && health.isDataDue && !((dataAgeMs ?? Infinity) <= DATA_AGE_MS_MAX),
    () =>
      dataAgeMs === undefined
        ? 'no price has come'
        : `the newest price is ${seconds(dataAgeMs)} old`,
  )
  const { series, stale } = health.bars
  // One symbol may be quiet; most of them together are not.
  note(phase === 'running' && stale.length > series * STALE_PART_MAX, () => {
    const { symbol, timeframe, last } = stale[0]!
    const first = `the last ${timeframe} bar of ${symbol} began ${iso(last).slice(11, 16)}`
    return `${stale.length} of ${series} series of bars are stale: ${first}`
  })
  const away = health.shared?.away
  note(
    away !== undefined && away.ms > SHARED_AWAY_MS_MAX,
    () => `the database has taken no bars for ${seconds(away!.ms)}: ${away!.why}`,
  )
  note(health.killSwitch !== undefined, () => `the kill switch is on: ${health.killSwitch}`)
  note(health.safeMode !== undefined, () => `safe mode: ${health.safeMode}`)
  note(health.isPaused, () => 'trading is paused')
  note(health.hold !== undefined && !health.isFollowing, () => `trading is held: ${health.hold}`)
  for (const id of health.unknownOrders) found.push(`what became of order ${id} is not known`)
  for (const { symbol, cause, why } of health.halts) {
    // That a symbol is quiet, or that its venue halts it, is the market's state and not the run's.
    const isMarkets = cause === 'trading-halt' || cause === 'not-tradable' || cause === 'silent'
    note(!isMarkets, () => `${symbol} is halted: ${why}`)
  }
  for (const lane of health.haltedLanes) found.push(`a strategy threw: ${lane}`)
  const { journal } = health
  note(journal !== undefined && journal.freeBytes < FREE_LEAST_BYTES, () => {
    const [held, free] = [journal!.bytes, journal!.freeBytes].map((bytes) => Math.floor(bytes / MB))
    return `the disk of the journal, which has ${held} MB, has ${free} MB left`
  })
  note(inbox.use >= INBOX_USE_MAX, () => `the inbox is ${Math.round(inbox.use * 100)} % full`)
  for (const { name, used, limit, waiting } of health.budgets)
    note(waiting > 0 && used >= limit, () => `${waiting} requests wait for the ${name} budget`)
  note(health.differences > 0, () => `${health.differences} differences to the venue are open`)
  const age = lastReportAt === undefined ? undefined : at - lastReportAt
  note(
    phase === 'running' && age !== undefined && age > REPORTS_MISSED * reportEveryMs,
    () => `the last report of the venue is ${seconds(age!)} old`,
  )
  return found
}

export const behindText = (behindMs: number): string =>
  `the clock is ${seconds(behindMs)} behind the last turn: no bar closes and no timer fires until then; ` +
  'mend the clock, or where it is right now, wait or begin a new journal'

/** What is old or of the future by our clock is dropped, and bars close by it. */
export function aheadText(aheadMs: number, venue: string): string {
  const side = aheadMs > 0 ? 'ahead of' : 'behind'
  const off = `the clock of this machine is ${seconds(Math.abs(aheadMs))} ${side} that of ${venue}`
  return `${off}: market data are dropped or late, and sessions begin at wrong times; mend the clock`
}

/** How far our clock is ahead of the venue's, where that is too much. */
export function aheadOf(offsetMs: number | undefined, offMsMax: number): number | undefined {
  return offsetMs === undefined || Math.abs(offsetMs) <= offMsMax ? undefined : -offsetMs
}

const seconds = (lengthMs: number): string => `${Math.round(lengthMs / 1_000)} s`
