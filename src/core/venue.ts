// Port: Venue = limits, and up to three roles. Everything that it ever says goes into the sink.
import type { FillId, Money, Ms, OrderId, Px, Qty, SymbolId, VenueId } from './brand.ts'
import type { Batch, Command } from './command.ts'
import type { Fault } from './fault.ts'
import type { Input, Transfer } from './input.ts'
import type { InstrumentSpec } from './instrument.ts'
import type { Bar } from './market.ts'
import type { RowSink } from './market-rows.ts'
import type { OrderBook } from './order-book.ts'
import type { Order, Side } from './order.ts'
import type { Result } from './result.ts'
import type { TermsByKind } from './terms.ts'
import type { Timeframe } from './time.ts'

export interface Venue {
  readonly id: VenueId
  readonly limits: Limits
  /** What it says of its instruments. It need not be open for that, and is not then. */
  instruments?(): Promise<Result<readonly InstrumentSpec[]>>
  /**
   * @param columns Takes trades and quotes from a venue that has them in columns; where not told, they come as inputs.
   */
  open(sink: (input: Input) => void, columns?: RowSink): Promise<Result<readonly InstrumentSpec[]>>
  /** Told once, when the account is ours and before anything is sent. A venue that cannot do what it is set to do gives why. */
  begin?(): Promise<Fault | undefined>
  close(): Promise<void>
  /** Known once it is open. Undefined where nobody else could trade it. */
  readonly account?: VenueAccount | undefined
  /**
   * Told before `open`: orders of ours that may still be open at the venue, and symbols that it had halted when we last
   * heard. It lifts those when they trade again. Orders of another run are others', whoever made them; of those that
   * were open it is told the venue's ids, because what ended while nobody heard it is in no list of open ones.
   *
   * @param heardAt When the run was last heard of; undefined where it is new. One that goes on holds other symbols, too:
   *   it is not refused for one that may not be traded any more, which is halted.
   */
  adopt?(
    orders: readonly Order[],
    halted: readonly SymbolId[],
    run: string,
    others?: readonly string[],
    heardAt?: Ms,
  ): void
  /** A person has cleared safe mode: streams that were given up are tried again, prices that were held back are believed. */
  clear?(): void
  readonly feed?: Feed
  readonly history?: History | undefined
  readonly broker?: Broker
  /** What the venue does by itself when we are gone, in words; undefined where it does nothing. */
  readonly deadMan?: string | undefined
  /** What the adapter has done so far: for people and metrics. */
  readonly statistics?: VenueStatistics | undefined
}

export interface VenueStatistics {
  readonly requests: number
  /** Requests that were not needed, because one did the work of several. */
  readonly saved: number
  /** Requests that the venue refused because of their rate. */
  readonly limited: number
  /** Times that the feed was lost and came back, and the bars that were fetched for them. */
  readonly gaps: number
  readonly gapBars: number
  readonly budgets: readonly BudgetUse[]
  /** How far the clock of the venue is ahead of ours, where it is asked. */
  readonly clockOffsetMs?: number
}

/** How much of what may be asked of a venue in a window is used. */
export interface BudgetUse {
  readonly name: string
  readonly used: number
  readonly limit: number
  /** Requests that wait for their turn. */
  readonly waiting: number
}

export interface VenueAccount {
  /** One of a kind: what it is, and where. */
  readonly name: string
  /** As the venue shows it to its owner. */
  readonly number: string
}

/** What the venue can bear, as data: the runtime obeys it, no adapter re-implements it. */
export interface Limits {
  readonly subscribe: { readonly batch: number; readonly everyMs: number; readonly total: number }
  readonly orders: {
    readonly batch: number
    readonly perSecond: number
    /**
     * Orders of one kind that batches may hold in a second, where the venue refuses the rest of a batch that is over it.
     * None where not given: the adapter lets what is too much wait.
     */
    readonly quota?: number
    /** Batches that may be under way at once; 1 where not given. */
    readonly inFlight?: number
  }
  readonly history: { readonly symbols: number; readonly rows: number; readonly perMinute: number }
  readonly concurrent: number
  readonly amend: boolean
  /** What orders it takes, by kind of instrument: the rest is denied here instead of refused there. */
  readonly terms: TermsByKind
  /** After so long an order that was taken is in every report: before that, that none is found proves nothing. */
  readonly visibilityMs: number
}

export interface Feed {
  subscribe(kind: 'trades' | 'quotes' | 'bars', symbols: readonly SymbolId[]): Promise<Result<void>>
  unsubscribe(symbols: readonly SymbolId[]): Promise<Result<void>>
  /** The depth that it keeps of a symbol that is subscribed as quotes, good or not; a venue without depth has none of it. */
  book?(symbol: SymbolId): OrderBook | undefined
}

export interface BarQuery {
  readonly symbols: readonly string[]
  readonly timeframe: Timeframe
  /** First start, included. */
  readonly from: Ms
  /** Last start, excluded. */
  readonly to: Ms
}

export interface History {
  /** Pages in a stable order. `cursor` resumes after the page that it came with, so a job can stop anywhere. */
  bars(
    query: BarQuery & { readonly cursor?: string },
  ): AsyncIterable<Result<{ readonly bars: readonly Bar[]; readonly cursor?: string }>>
}

export interface Broker {
  /**
   * One answer per command, in order. `outcome-unknown` means: do not send again, ask `report`.
   *
   * @param refusal Says why a command may not leave any more. Asked last, of each command that waits for its turn or for
   *   a budget, so that a batch can be stopped half way.
   */
  execute(
    batch: Batch,
    refusal?: (command: Command) => Fault | undefined,
  ): Promise<readonly Result<{ readonly venueId: string }>[]>
  /** The venue's own account of the world, for start-up and for the periodic check. */
  report(): Promise<Result<VenueReport>>
  /** What moved cash without a trade, since when reports tell; a venue that does not say has none of it. */
  transfers?(): Promise<Result<readonly Transfer[]>>
  /** Cancels what runs have at rest at the account, whichever run; what others have stays. Gives how many. */
  cancelAll?(): Promise<Result<number>>
  /** From when on reports tell finished orders and fills, and transfers are told, where the venue does not tell them all. */
  reportFrom?(since: Ms): void
}

export interface VenueReport {
  readonly at: Ms
  readonly orders: readonly {
    readonly id?: OrderId
    /** Some run made it, this one or another on the account. */
    readonly isOfRun?: true
    readonly venueId: string
    readonly symbol: SymbolId
    readonly side: Side
    readonly qty: Qty
    readonly filled: Qty
    readonly limit?: Px
    readonly stop?: Px
    readonly open: boolean
    /** How an order that is not open and not filled ended, where the venue says so. */
    readonly ended?: 'canceled' | 'expired' | 'rejected'
  }[]
  readonly fills: readonly {
    readonly id: FillId
    readonly order: string
    readonly qty: Qty
    readonly price: number
    /** As the stream would have told it; 0 where not told. */
    readonly fee?: Money
    readonly ts: Ms
  }[]
  readonly positions: readonly {
    readonly symbol: SymbolId
    readonly qty: Qty
    readonly avgPrice: number
    /**
     * The venue may hold so much more than we count: parts of lots that fees in coins leave. Less than an order could
     * sell, and what the fills of this report may have left.
     */
    readonly dust?: number
  }[]
  readonly account: { readonly equity: Money; readonly cash: Money; readonly buyingPower: Money }
}
