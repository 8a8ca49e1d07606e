// Terms: what orders a venue takes of one kind of instrument, as data. What is not stated is not taken.
import type { InstrumentKind } from './instrument.ts'
import type { OrderType, TimeInForce } from './order.ts'

export interface OrderTerms {
  /** The types that it takes, each with its times in force. */
  readonly takes: Readonly<Partial<Record<OrderType, readonly TimeInForce[]>>>
  readonly postOnly: boolean
  /** True where more may be sold than is held. */
  readonly shorts: boolean
  /** True where a quantity need not be a whole number. */
  readonly fractions: boolean
  /** Whether the venue keeps the legs of a bracket, or they are kept here; `none` where no protective stop may rest. */
  readonly brackets: 'native' | 'emulated' | 'none'
  /**
   * True where native legs protect what a partly filled entry has brought in. Elsewhere they wait until it has filled
   * completely, so a stop without a target is kept here instead: it is there from the first fill on, and grows.
   */
  readonly protectsParts: boolean
  /**
   * True where a native bracket has one time in force for its entry and its legs. The legs must rest, so all of it leaves
   * as gtc, and an entry that is for the day is canceled from here at the close.
   */
  readonly oneTif?: true
  /**
   * True where a reduce-only order may follow the cancels of a bracket's legs at once. A venue that holds the position
   * for its open legs refuses it until they have ended.
   */
  readonly exitsBesideLegs: boolean
  /**
   * True where the venue itself lets a reduce-only order take no more than the position: the legs of a bracket that is
   * kept here are such orders then.
   */
  readonly reduceOnly?: true
  /**
   * Exits of one position that may rest beside each other. Where it is one, the stop of a bracket that is kept here rests
   * and its target does not: it is sold, or bought back, at the market once its price has come.
   */
  readonly exits: 'two' | 'one'
  /**
   * Where a stop may rest as a stop-limit alone: how far beyond the stop its limit is, as a fraction of the stop. Further
   * than that it does not trade; then the position is closed at the market as soon as it is seen from here.
   */
  readonly stopCollar?: number
  /**
   * True where a market order trades within a collar of the last price and the rest of it waits there: then exits are
   * sent as ioc, so that what is left of one is tried again at the price of then.
   */
  readonly marketRests?: true
}

/** A kind that is not there is not traded at the venue. */
export type TermsByKind = Readonly<Partial<Record<InstrumentKind, OrderTerms>>>

const EVERY_TIF: readonly TimeInForce[] = ['day', 'gtc', 'ioc', 'fok']

/** All that an order can say. */
export const EVERY_ORDER: OrderTerms['takes'] = {
  market: EVERY_TIF,
  limit: EVERY_TIF,
  stop: EVERY_TIF,
  'stop-limit': EVERY_TIF,
}

/** A venue to which all kinds of instruments are alike. */
export const forEveryKind = (terms: OrderTerms): TermsByKind => ({
  equity: terms,
  crypto: terms,
  future: terms,
  perpetual: terms,
  option: terms,
})

/** The terms of each kind, changed. */
export const mapTerms = (
  terms: TermsByKind,
  change: (terms: OrderTerms, kind: InstrumentKind) => OrderTerms,
): TermsByKind =>
  Object.fromEntries(
    Object.entries(terms).map(([kind, each]) => [kind, change(each, kind as InstrumentKind)]),
  )
