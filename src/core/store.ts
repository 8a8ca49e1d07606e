// Ports: Journal (hot, local, synchronous), Lease (who may trade) and Archive (cold, anywhere, asynchronous).
import type { Ms, SymbolId } from './brand.ts'
import type { BarColumns } from './columns.ts'
import type { Turn } from './command.ts'
import type { Adjustment, JobStore } from './jobs.ts'
import type { Bar, BarRank } from './market.ts'
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
  /** Does what a later order would wait for: for moments in which nothing else waits. Makes nothing durable. */
  catchUp?(): void
  /** @param bars What lanes have seen since the last one, where the journal is to be pruned. */
  snapshot(n: number, state: string, bars?: readonly SeenBar[]): void
  latest(): { readonly n: number; readonly state: string } | undefined
  /** The turns after turn `n`, in order. Throws where some of them were dropped. */
  since(n: number): Iterable<Turn>
  /** Undefined where it takes no disk. */
  readonly room?: Room | undefined
  /** Absent where it cannot be pruned. */
  readonly past?: Past
}

/** A bar that lanes have seen, and which one of its series it was, from 1. */
export interface SeenBar {
  readonly i: number
  readonly bar: Bar
}

/** A turn, and its time. */
export interface Moment {
  readonly n: number
  readonly at: Ms
}

/** A snapshot that stays when newer ones come. Proven: what it restores to went on as it was recorded. */
export interface KeptSnapshot extends Moment {
  readonly isProven: boolean
}

/** What a journal does to end where it began: turns are dropped up to a proven snapshot, which is its beginning then. */
export interface Past {
  /** The turn that it begins after: all before may be gone, and its snapshot is there. Undefined where nothing was dropped. */
  readonly beginning: Moment | undefined
  /** Oldest first. */
  readonly kept: readonly KeptSnapshot[]
  keep(snapshots: readonly KeptSnapshot[]): void
  stateAt(n: number): string | undefined
  /** Durable when it returns: from now on nothing before is asked for. */
  begin(snapshot: KeptSnapshot): void
  /** Drops some turns of before the beginning, the oldest first, in one short transaction. Gives how many. */
  drop(): number
  /** Keeps bars that lanes have seen; the same one again replaces itself. */
  noteBars(bars: readonly SeenBar[]): void
  /** The first `count` bars of a series, in pieces; fewer where it has not all. */
  bars(
    series: { readonly symbol: SymbolId; readonly timeframe: Timeframe },
    count: number,
  ): Iterable<readonly Bar[]>
}

/** The right to trade an account. It keeps itself until it is released, or another engine takes the account. */
export interface Held {
  /** Rises with every holder of the account. */
  readonly token: number
  /** Asked last, before a request leaves: false where another has the account, or where it has run out. */
  holds(): boolean
}

/** Among the engines of a machine. */
export interface Lease extends Held {
  release(): void
}

/** Among those of several. */
export interface SharedLease extends Held {
  /** A database that is away is not waited for: the lease runs out there. */
  release(): Promise<void>
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

/** Writes bars of one series, as `putBars` does. */
export type WriteBars = (
  symbol: string,
  timeframe: Timeframe,
  bars: BarColumns,
  terms?: WriteTerms,
) => Promise<void>

/** An archive as commands have it: in a file, or in a database that many machines share, which has no revisions. */
export interface BarStore extends Archive, Partial<Pick<Revisions, 'revisions'>> {
  /** For messages: its path, or its address without a password. */
  readonly name: string
  /** The jobs that keep its bars complete. */
  readonly jobs: JobStore
  /** Time of the database, the same for all machines; a file has none. */
  readonly now?: () => Ms
  /**
   * Keeps all that `work` writes, or nothing of it where it rejects. A store that was away in between has it done again
   * from the beginning.
   */
  writing<T>(work: (write: WriteBars) => Promise<T>): Promise<T>
  /** Symbols with bars of a timeframe, in order: what `series` tells, without counting all of them. */
  symbolsOf(timeframe: Timeframe): Promise<readonly string[]>
}
