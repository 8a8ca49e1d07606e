// Reconcile terms: what is compared, when, and what a comparison gives.
import type { Ms, OrderId, SymbolId, VenueId } from '../core/brand.ts'
import type { ExternalOrder, HaltCause, Input, Transfer } from '../core/input.ts'
import type { Order } from '../core/order.ts'
import type { Universe } from '../core/universe.ts'

/** An order of ours, with the ids of the fills that were counted. */
export interface KnownOrder {
  readonly order: Order
  readonly fills: ReadonlySet<string>
}

/** What the engine believes. */
export interface Ours {
  readonly orders: readonly KnownOrder[]
  readonly externals: readonly ExternalOrder[]
  /** Those that are not flat. */
  readonly positions: readonly { readonly symbol: SymbolId; readonly qty: number }[]
  /** What the venue has beyond them, as it was agreed: parts of lots that fees in coins have left. */
  readonly dust: ReadonlyMap<SymbolId, number>
  readonly cash: number
  readonly halts: readonly {
    readonly symbol: SymbolId
    readonly cause: HaltCause
    readonly why: string
  }[]
}

export interface Asked {
  readonly venue: VenueId
  readonly universe: Universe
  /** When the report was asked for, and when it came, by the engine's clock. */
  readonly askedAt: Ms
  readonly at: Ms
  /** What we held when it was asked for, and what was halted. */
  readonly before: Pick<Ours, 'positions' | 'cash' | 'halts'>
  /** After so long an order that was taken is in every report. */
  readonly visibilityMs: number
  /** An order that is older is not sent again; 0 where none is. */
  readonly resendAgeMsMax: number
  /** Orders that a request is under way for, or waits to be: nothing is concluded about them. */
  readonly underWay: ReadonlySet<OrderId>
  /** What the venue tells of money that moved without a trade, where it was asked; `news` where some of it is told first. */
  readonly transfers?: readonly Transfer[] | 'untold' | 'news'
}

/** What one report leaves for the next. Plain and small; it may be lost, then two more reports are needed. */
export interface Memory {
  /** Live orders without a trace, and when a report first had none. */
  readonly absent: ReadonlyMap<OrderId, Ms>
  /** Filled quantities that no fill explains, by order. */
  readonly unexplained: ReadonlyMap<OrderId, number>
  /** Positions that differed, by symbol. */
  readonly differing: ReadonlyMap<SymbolId, Differing>
  /** What the venue has beyond our positions and is no difference, where that is not the dust that we know of. */
  readonly dust: ReadonlyMap<SymbolId, Dust>
  /** In how many reports since one agreed the cash differed by more than had moved meanwhile, and was not taken. */
  readonly cashReports: number
}

/** A position that is not the venue's. */
export interface Differing {
  /** What the venue has beyond ours. */
  readonly by: number
  /** How much of it may be what moved while the report was made. */
  readonly moved: number
  /** In how many reports that could tell. */
  readonly reports: number
  /** True where orders of the symbol had changed since the last report was asked for, or were not explained by it. */
  readonly isMoving: boolean
}

/** What is beyond a position and so small that fees have left it. */
export interface Dust {
  /** The least that a report found. */
  readonly least: number
  readonly reports: number
  /** True where orders of the symbol had changed since one of them was asked for. */
  readonly hasMoved: boolean
}

/** Cash that venues round away. */
export const CASH_SLACK = 0.005

export const NO_MEMORY: Memory = {
  absent: new Map(),
  unexplained: new Map(),
  differing: new Map(),
  dust: new Map(),
  cashReports: 0,
}

/** What a report may find. */
export const DIFFERENCES = [
  'missed-fill',
  'missed-end',
  'not-found',
  'external-order',
  'revived-order',
  'too-much-filled',
  'position',
] as const
export type DifferenceKind = (typeof DIFFERENCES)[number]

/** What a person should hear of. */
export interface Difference {
  readonly kind: DifferenceKind
  readonly symbol: SymbolId
  readonly text: string
}

export interface Reconciled {
  /** For one turn, in this order. */
  readonly inputs: readonly Input[]
  readonly differences: readonly Difference[]
  readonly memory: Memory
  /** Orders and symbols about which another report is needed. */
  readonly open: number
  /** The venue's cash is another one, and is taken when it is sure. */
  readonly cashWaits: boolean
}
