// Ports: Journal (hot, local, synchronous), Lease (who may trade) and Archive (cold, anywhere, asynchronous).
import type { Ms } from './brand.ts'
import type { BarColumns } from './columns.ts'
import type { Turn } from './command.ts'
import type { Adjustment } from './jobs.ts'
import type { BarRank } from './market.ts'
import type { Timeframe } from './time.ts'

/** In bytes. */
export interface Room {
  /** What a store takes of its disk. */
  readonly bytes: number
  /** What the disk has left. */
  readonly freeBytes: number
}

/** Hot: one transaction for each turn that commands something, durable before the turn's batches leave. */
export interface Journal {
  /** A turn with batches returns only when it and all turns before it would survive a power cut. */
  append(turn: Turn): void
  /** Makes all that was appended durable. */
  flush(): void
  snapshot(n: number, state: string): void
  latest(): { readonly n: number; readonly state: string } | undefined
  /** The turns after turn `n`, in order. */
  since(n: number): Iterable<Turn>
  /** It is never pruned: undefined where it takes no disk. */
  readonly room?: Room | undefined
}

/** The right to trade an account. It keeps itself until it is released, or another engine takes the account. */
export interface Lease {
  /** Rises with every holder of the account. */
  readonly token: number
  /** Asked last, before a request leaves: false where another has the account, or where it has run out. */
  holds(): boolean
  release(): void
}

export interface SeriesQuery {
  readonly symbol: string
  readonly timeframe: Timeframe
  /** First start, included; without it, from the first bar. */
  readonly from?: Ms
  /** Last start, excluded; without it, to the last bar. */
  readonly to?: Ms
  /** As they were traded where not told. */
  readonly adjustment?: Adjustment
}

export interface Series {
  readonly symbol: string
  readonly timeframe: Timeframe
  readonly bars: number
  readonly first: Ms
  readonly last: Ms
}

/** A bar that its venue told again with other values, after the first had been decided upon. */
export interface Revision {
  readonly symbol: string
  readonly timeframe: Timeframe
  readonly start: Ms
  readonly open: number
  readonly high: number
  readonly low: number
  readonly close: number
  readonly volume: number
  readonly trades: number
  /** When we heard of it, and from whom. */
  readonly seenAt: Ms
  readonly source: string
}

/** Revisions are kept beside the bars that were decided upon, never instead of them. The same one twice is kept once. */
export interface Revisions {
  putRevision(revision: Revision): Promise<void>
  /** In order of the bar, then of hearing; of the newest, where they are too many. */
  revisions(query: SeriesQuery): Promise<readonly Revision[]>
}

/** How bars are stored: raw and final where not told. */
export interface WriteTerms {
  readonly adjustment?: Adjustment
  readonly rank?: BarRank
}

/**
 * Cold: nothing in a turn waits for it. Bars are unique by symbol, timeframe, adjustment and start; a later write wins,
 * but against a higher rank. Bars that form are kept for others: no reader here tells them.
 */
export interface Archive {
  putBars(
    symbol: string,
    timeframe: Timeframe,
    bars: BarColumns,
    terms?: WriteTerms,
  ): Promise<{ readonly written: number }>
  /** Pages in order of `start`, each at most `pageSize` bars. */
  bars(query: SeriesQuery & { readonly pageSize?: number }): AsyncIterable<BarColumns>
  /** The last `limit` bars before `before` (or of all), oldest first. */
  latest(query: {
    readonly symbol: string
    readonly timeframe: Timeframe
    readonly limit: number
    readonly before?: Ms
  }): Promise<BarColumns>
  /** What there is: one row for each symbol and timeframe. */
  series(): Promise<readonly Series[]>
  /** The unbroken runs of bars of a series: [from, to) without a missing bar between. */
  coverage(
    symbol: string,
    timeframe: Timeframe,
  ): Promise<readonly { readonly from: Ms; readonly to: Ms; readonly bars: number }[]>
  close(): Promise<void>
}
