/*
 * Port: JobStore, the durable side of history jobs, and BarSource, where their bars come from.
 *
 *   definition   what is to be kept complete: up to 50 symbols, a timeframe, a range
 *   run          one definition over one window of a fixed grid, at most once for the same symbols and window
 *   claim        the runs that one worker fetches with one query, page by page, under one lease and one token
 *
 *   queued ──claim──▶ running ──settle──▶ success
 *     ▲                  │
 *     └──requeue, stale──┴──▶ failed (a fault that stays, or ATTEMPTS_MAX without a page between them)
 *
 * `cancelled` and `paused` are said by a person. Every write of a claim carries its token and changes nothing where the
 * runs have gone to another worker meanwhile: a process that was stopped past its lease cannot write.
 * Every method is one transaction. Times are the caller's, in milliseconds: a store has no clock.
 */
import type { Ms } from './brand.ts'
import type { Hours } from './calendar.ts'
import type { BarColumns } from './columns.ts'
import type { Result } from './result.ts'
import type { BarRank } from './market.ts'
import type { Timeframe } from './time.ts'

/** Tries in a row that bring no page. */
export const ATTEMPTS_MAX = 5

export type Adjustment = 'raw' | 'split' | 'dividend' | 'all'
export const ADJUSTMENTS: readonly Adjustment[] = ['raw', 'split', 'dividend', 'all']

export type AssetClass = 'stock' | 'crypto'
export type JobType = 'fetch_historical' | 'fetch_intraday'
/** 1: a definition for each symbol; 2: for many. */
export type BatchVersion = 1 | 2
export type RunStatus = 'queued' | 'running' | 'success' | 'failed' | 'cancelled' | 'paused'
/** Queues that are served in turn, so that thousands of one cannot starve another. */
export type JobLane = 'batch' | 'single' | 'repair'

/** [from, to) */
export interface Span {
  readonly from: Ms
  readonly to: Ms
}

export interface JobDefinition {
  /** `<label>/<timeframe>/v<batch version>`: unique, and readable. */
  readonly id: string
  /** `BATCH_STOCK_1`; of a single definition its symbol. */
  readonly label: string
  readonly jobType: JobType
  readonly timeframe: Timeframe
  readonly adjustment: Adjustment
  readonly assetClass: AssetClass
  readonly provider: string
  readonly symbols: readonly string[]
  readonly batchNumber: number
  readonly totalBatches: number
  readonly batchVersion: BatchVersion
  readonly from: Ms
  /** Undefined: kept complete up to now. */
  readonly to: Ms | undefined
  /** The finer timeframe that its bars are made from, where they are not requested. */
  readonly derivedFrom: Timeframe | undefined
  readonly priority: number
  readonly isEnabled: boolean
}

export interface NewRun extends Span {
  readonly id: string
  readonly definition: string
  readonly lane: JobLane
  readonly symbols: readonly string[]
  readonly triggeredBy: 'cron' | 'user' | 'system'
}

export interface JobRun extends NewRun {
  readonly timeframe: Timeframe
  readonly adjustment: Adjustment
  readonly assetClass: AssetClass
  readonly provider: string
  readonly derivedFrom: Timeframe | undefined
  readonly priority: number
  readonly status: RunStatus
  /** Tries since the last page, from 1. */
  readonly attempt: number
  /** Not tried before. */
  readonly notBefore: number
  /** Runs that began together stay together, because `cursor` is of all of them. */
  readonly pack: string | undefined
  readonly cursor: string | undefined
  readonly rows: number
  readonly pages: number
  readonly errorCode: string | undefined
  readonly errorMessage: string | undefined
  readonly worker: string | undefined
  readonly leaseUntil: number
  /** When it was first claimed. */
  readonly startedAt: number | undefined
  readonly updatedAt: number
}

export interface Claim {
  readonly token: string
  readonly pack: string
  readonly worker: string
  readonly at: number
  readonly leaseUntil: number
}

/** A page that was read: its bars, and where the query goes on, become durable together. */
export interface PageCommit {
  readonly token: string
  readonly at: number
  readonly leaseUntil: number
  readonly timeframe: Timeframe
  readonly adjustment: Adjustment
  readonly series: readonly { readonly symbol: string; readonly bars: BarColumns }[]
  readonly cursor: string
  /** Of the request in the ledger. */
  readonly request: string | undefined
  readonly flaws: readonly Flaw[]
  /**
   * The request for the page after this one, where there is one: granted with the page, or right after it, where its limit
   * lets it leave now. One that was asked for by itself may wait until a store has taken the page of another worker.
   */
  readonly next?: RequestAsk | undefined
}

/** A page that was stored. */
export interface PageKept {
  /** Closed bars that were there with other values, and gave way. */
  readonly revised: number
  /** Whether the next request was; if not, it was not written down either. */
  readonly isGranted: boolean
}

/** Bars that were heard beside the jobs: they give way to history, and to what is as certain and later. */
export interface Merge {
  readonly timeframe: Timeframe
  readonly adjustment: Adjustment
  readonly rank: BarRank
  readonly series: readonly { readonly symbol: string; readonly bars: BarColumns }[]
}

export interface Merged extends Pick<PageKept, 'revised'> {
  readonly bars: number
  /** Bars that are there with a higher rank, and stay. */
  readonly outranked: number
}

/** How often closed bars of a series gave way to others with other values. */
export interface Revised {
  readonly symbol: string
  readonly timeframe: Timeframe
  readonly adjustment: Adjustment
  readonly bars: number
}

/** A bar that was rejected, or kept and flagged. */
export interface Flaw {
  readonly symbol: string
  readonly start: number
  readonly rule: string
  readonly isRejected: boolean
}

/** Bars that the calendar expects and the store does not have. */
export interface Hole extends Span {
  readonly symbol: string
  readonly bars: number
  /** `open` is to be asked for again; `no_data` was, and the provider has none. */
  readonly status: 'open' | 'no_data'
  /** Not asked for again before. */
  readonly expiresAt: number
}

/** What a claim came to, for all of its runs. */
export interface Settlement {
  readonly token: string
  readonly at: number
  readonly provider: string
  readonly timeframe: Timeframe
  readonly adjustment: Adjustment
  readonly results: readonly {
    readonly run: string
    readonly symbol: string
    readonly rows: number
    readonly status: 'success' | 'no_data' | 'quarantined'
    readonly message?: string
  }[]
  /** Verified: asked for to the end, and looked at. */
  readonly covered: readonly (Span & { readonly symbol: string; readonly rows: number })[]
  /** Instead of those that were known within the same spans. */
  readonly holes: readonly Hole[]
}

export interface Coverage extends Span {
  readonly symbol: string
  readonly timeframe: Timeframe
  readonly adjustment: Adjustment
  readonly lastSuccessAt: number
  readonly lastRows: number
  readonly lastProvider: string
}

export type KnownHole = Hole & { readonly timeframe: Timeframe; readonly adjustment: Adjustment }

/** One series of bars, or all of a timeframe. */
export interface SeriesFilter {
  readonly symbols?: readonly string[]
  readonly timeframe?: Timeframe
  readonly adjustment?: Adjustment
}

export interface Request {
  readonly id: string
  readonly provider: string
  readonly worker: string
  readonly at: number
  readonly timeframe: Timeframe
  readonly symbols: number
}

export interface RequestAsk extends Request {
  /** At most so many in any `windowMs`, of all workers together. */
  readonly limit: number
  readonly windowMs: number
}

export interface RequestRow extends Request {
  /** Undefined where no answer was written down: the process ended, or the network did. */
  readonly status: number | undefined
  readonly rows: number
}

export interface Beat {
  readonly name: string
  readonly at: number
  readonly status: 'healthy' | 'warning' | 'error'
  readonly message: string
}

export interface Quarantined {
  readonly symbol: string
  readonly provider: string
  readonly reason: string
  readonly since: number
}

/** `oldRate` shares became `newRate` of them. */
export interface Split {
  /** The provider's. */
  readonly id: string
  readonly symbol: string
  /** Start of the first trading day at the new price. */
  readonly exAt: Ms
  readonly oldRate: number
  readonly newRate: number
}

/** What a provider was asked for of some symbols, and has told: all of it. */
export interface SplitsTold extends Span {
  readonly provider: string
  readonly symbols: readonly string[]
  readonly splits: readonly Split[]
  readonly at: number
}

/** What people ask again and again; the SQL is in docs/commands/jobs.md, and is what runs. */
export const MONITORS = ['versions', 'requests', 'rows', 'runs'] as const
export type Monitor = (typeof MONITORS)[number]

export interface RunResult {
  readonly symbol: string
  readonly status: 'success' | 'no_data' | 'quarantined'
  readonly rows: number
  readonly message: string | undefined
}

export type RunCounts = Readonly<Record<RunStatus, number>>

export interface StartsQuery extends Span {
  readonly symbols: readonly string[]
  readonly timeframe: Timeframe
  readonly adjustment: Adjustment
}

export interface JobStore {
  /** Adds definitions, and changes those whose id is there; `isEnabled` of those stays as it is. */
  putDefinitions(
    definitions: readonly JobDefinition[],
    at: number,
  ): Promise<{ readonly created: number; readonly changed: number }>
  /** In order of priority, the most urgent first, then of id. */
  definitions(): Promise<readonly JobDefinition[]>
  /** Switches definitions; gives how many changed. */
  enable(change: {
    readonly ids: readonly string[]
    readonly isEnabled: boolean
    readonly at: number
  }): Promise<number>
  /** Takes definitions and their runs out of work, into the history: nothing is lost. */
  archiveDefinitions(ids: readonly string[], at: number): Promise<number>
  /** Small values by name, for what a command must remember. */
  note(name: string, value: string): Promise<void>
  noted(name: string): Promise<string | undefined>

  /** Adds those whose id is not there; gives how many. */
  enqueue(runs: readonly NewRun[], at: number): Promise<number>
  /**
   * Queued runs of enabled definitions that may be tried at `at`, newest windows first; at most `limit` of each lane. Those
   * of all providers, or of one.
   */
  queued(at: number, limit: number, provider?: string): Promise<readonly JobRun[]>
  /** The latest first. */
  runs(query: {
    readonly status?: readonly RunStatus[]
    readonly definition?: string
    readonly limit: number
  }): Promise<readonly JobRun[]>
  counts(): Promise<RunCounts>
  /** Of a run that was settled, by symbol. */
  results(run: string): Promise<readonly RunResult[]>
  /** The rows of one of the monitoring queries, at a time. */
  monitor(monitor: Monitor, at: number): Promise<readonly Readonly<Record<string, unknown>>[]>
  /**
   * Forgets requests and flaws from before a time, and runs that were done before it, a thousand of these at once: what they
   * have covered stays. Gives how many.
   */
  prune(before: number): Promise<number>
  /** All of the runs or none of them: false where one is not queued any more. */
  claim(ids: readonly string[], claim: Claim): Promise<boolean>
  /** False where the claim is another's. */
  renew(token: string, leaseUntil: number, at: number): Promise<boolean>
  /** Undefined where the claim is another's. */
  commitPage(page: PageCommit): Promise<PageKept | undefined>
  /**
   * Stores bars that were heard, where nothing more certain is there. They cover nothing: only a settlement does. What forms
   * is told by no reader here.
   */
  merge(merge: Merge): Promise<Merged>
  revised(filter: SeriesFilter): Promise<readonly Revised[]>
  settle(settlement: Settlement): Promise<boolean>
  /** Gives the runs of a claim back after a fault; with the last attempt they have failed. */
  giveBack(back: {
    readonly token: string
    readonly at: number
    readonly notBefore: number
    readonly code: string
    readonly message: string
    /** `later` counts as an attempt; `stopped` does not, because nothing is wrong with the runs; `never` is the end. */
    readonly retry: 'later' | 'stopped' | 'never'
  }): Promise<boolean>
  /**
   * Runs whose lease is over: queued again with one more attempt, or failed as STALE_RUNNING. With a worker, which has
   * just begun, also those of its former life.
   */
  requeueStale(
    at: number,
    worker?: string,
  ): Promise<{ readonly requeued: number; readonly failed: number }>
  /** Moves runs from some statuses to another: by id, or all. Gives how many. */
  shift(change: {
    readonly ids?: readonly string[]
    readonly from: readonly RunStatus[]
    readonly to: 'queued' | 'cancelled' | 'paused'
    readonly at: number
  }): Promise<number>

  coverage(filter: SeriesFilter): Promise<readonly Coverage[]>
  holes(filter: SeriesFilter): Promise<readonly KnownHole[]>
  /** Bars to be asked for again when their time has come, beside the holes that are known. */
  reopen(holes: readonly KnownHole[]): Promise<void>
  /** Closed bars of a series in order of start. */
  bars(
    query: Span & {
      readonly symbol: string
      readonly timeframe: Timeframe
      readonly adjustment: Adjustment
    },
  ): Promise<BarColumns>

  /** The start of the last bar of each symbol that has one and whose minutes are over. */
  lasts(query: {
    readonly symbols: readonly string[]
    readonly timeframe: Timeframe
    readonly adjustment: Adjustment
  }): Promise<readonly { readonly symbol: string; readonly start: Ms }[]>

  /**
   * For each symbol the starts of its bars in a span, in order, and of those alone that history told: what a run heard
   * proves nothing about the provider.
   */
  starts(query: StartsQuery): Promise<readonly Float64Array[]>
  /** How many they are: a fifth of the work where that is all that must be known. */
  counted(query: StartsQuery): Promise<readonly number[]>

  /** Writes the request down and grants it, or says how long to wait. The ledger is the budget: it outlives a kill. */
  takeRequest(ask: RequestAsk): Promise<{ readonly waitMs: number }>
  /** Writes a request down that asks nobody, as those of a run at a venue: it counts for all others. */
  book(request: Request): Promise<void>
  answered(answer: {
    readonly id: string
    readonly status: number
    readonly at: number
  }): Promise<void>
  /** No request of anybody to the provider before `until`. */
  stopRequests(provider: string, until: number): Promise<void>
  requests(query: {
    readonly since: number
    readonly limit: number
  }): Promise<readonly RequestRow[]>

  /** Instead of those that were known of the symbols within the range. */
  putSplits(told: SplitsTold): Promise<void>
  /** In order of symbol, then of time. */
  splits(symbols: readonly string[]): Promise<readonly Split[]>
  /** The range that was asked for, of each symbol. */
  splitsAsked(provider: string): Promise<readonly (Span & { readonly symbol: string })[]>

  beat(beat: Beat): Promise<void>
  beats(): Promise<readonly Beat[]>
  quarantine(symbols: readonly Quarantined[]): Promise<void>
  quarantined(provider: string): Promise<readonly Quarantined[]>
  /** Takes symbols out of quarantine; gives how many were in it. */
  readmit(change: {
    readonly symbols: readonly string[]
    readonly provider: string
  }): Promise<number>
  /** How often each rule has rejected or flagged a bar. */
  flaws(): Promise<
    readonly {
      readonly symbol: string
      readonly rule: string
      readonly isRejected: boolean
      readonly bars: number
    }[]
  >
}

/** One page of a source. */
export interface BarPage {
  /**
   * Bars in order of start, as the provider told them: not looked at yet. Their columns are good until the next page is
   * asked for: who keeps them longer copies them.
   */
  readonly series: readonly { readonly symbol: string; readonly bars: BarColumns }[]
  /** Resumes after this page; undefined at the end. */
  readonly cursor: string | undefined
  /** Where it is not the source's own: who stood in for it. */
  readonly provider?: string
}

export interface SourceQuery extends Span {
  readonly symbols: readonly string[]
  readonly timeframe: Timeframe
  readonly adjustment: Adjustment
  readonly cursor: string | undefined
  readonly signal?: AbortSignal
}

/** Where bars of the past come from. */
export interface BarSource {
  readonly provider: string
  readonly limits: {
    /** Symbols of one request. */
    readonly symbols: number
    /** Rows of one page, of all its symbols together. */
    readonly rows: number
    /** Of which it sends bars: regular ones where not told. */
    readonly hours?: Hours
    /** Requests in any minute; Infinity where there is no limit. */
    readonly perMinute: number
  }
  /** Pages by symbol, then by time, to the first fault or the end. A refused symbol is `context.symbol` of its fault. */
  pages(query: SourceQuery): AsyncIterable<Result<BarPage>>
  /** All splits within a range, of at most `limits.symbols`; a source may know of none. */
  readonly splits?: (
    query: Span & { readonly symbols: readonly string[] },
  ) => Promise<Result<readonly Split[]>>
}
