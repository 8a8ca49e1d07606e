/*
 * Round trips: from flat to flat in one lane (a strategy on a symbol).
 *
 *   flat ── fill ──▶ open ── adds, reduces ──▶ open ── fill to zero ──▶ flat, one trip told
 *                     └── fill through zero ──▶ one trip told, the rest opens the next
 *
 * The fee of a fill that flips belongs to both trips in proportion to quantity; its profit belongs to the trip
 * that ends. A position that a run inherited has no entry here: its profit counts in the tallies, and it
 * makes no trip.
 */
import type { SymbolId } from '../core/brand.ts'
import { type Instrument, money } from '../core/instrument.ts'
import type { Notice } from '../core/notice.ts'
import { isLeg, sign } from '../core/order.ts'
import { add, type Sum, valueOf, ZERO } from '../core/sum.ts'

export type FillNotice = Extract<Notice, { readonly type: 'fill' }>

/**
 * One finished round trip. Prices are averages over its fills; times are ms since the epoch, those of the venue. What a
 * bar filled is heard when the bar has ended.
 */
export interface RoundTrip {
  readonly strategy: string
  readonly symbol: string
  readonly side: 'long' | 'short'
  /** All that was entered, in shares, contracts or coins. */
  readonly qty: number
  readonly entryAt: number
  readonly exitAt: number
  readonly entryHeardAt: number
  readonly exitHeardAt: number
  readonly entryPrice: number
  readonly exitPrice: number
  /** Profit before fees, in money. */
  readonly gross: number
  readonly fees: number
  /** gross − fees. */
  readonly net: number
  /** net over the value entered: 0.01 is one percent. */
  readonly netFraction: number
  readonly heldMs: number
  readonly fills: number
  /** The bracket leg that ended it; `exit` for any other order. */
  readonly exit: 'stop' | 'target' | 'exit'
}

/** A lane's position and the trip that is under way. */
interface Lane {
  qty: number
  trip: OpenTrip | undefined
}

interface OpenTrip {
  readonly side: 'long' | 'short'
  readonly isInverse: boolean
  readonly entryAt: number
  readonly entryHeardAt: number
  entered: number
  exited: number
  /** Σ price × qty of entries and of exits; of an inverse contract Σ qty ÷ price. */
  paid: Sum
  received: Sum
  gross: Sum
  fees: Sum
  fills: number
}

/** Follows every lane; gives a trip when one ends. */
export class RoundTrips {
  readonly #lanes = new Map<string, Map<SymbolId, Lane>>()

  /** Books a fill. Returns the round trip that it ended, if it did. */
  onFill(notice: FillNotice, instrument: Instrument): RoundTrip | undefined {
    const { order, fill, position } = notice
    const signedQty = sign(order.side) * fill.qty
    const lane = this.#laneOf(order.strategy, order.symbol, position - signedQty, instrument)
    const before = lane.qty
    lane.qty = position
    if (before === 0) {
      lane.trip = enter(openTrip(notice, instrument), notice, Math.abs(position), fill.fee)
      return undefined
    }
    const trip = lane.trip
    if (before > 0 === signedQty > 0) {
      if (trip !== undefined) enter(trip, notice, fill.qty, fill.fee)
      return undefined
    }
    const flips = position !== 0 && position > 0 !== before > 0
    const closed = flips ? Math.abs(before) : fill.qty
    const fee = flips ? (fill.fee * closed) / fill.qty : fill.fee
    if (trip !== undefined) leave(trip, notice, closed, fee)
    if (position !== 0 && !flips) return undefined
    lane.trip = flips
      ? enter(openTrip(notice, instrument), notice, Math.abs(position), fill.fee - fee)
      : undefined
    return trip === undefined ? undefined : finish(trip, notice, instrument)
  }

  /** Trips that have not ended. */
  openCount(): number {
    let count = 0
    for (const lanes of this.#lanes.values()) {
      for (const lane of lanes.values()) if (lane.trip !== undefined) count++
    }
    return count
  }

  /** A fill tells what its lane held before: from a snapshot, or adopted between two fills. */
  #laneOf(strategy: string, symbol: SymbolId, before: number, instrument: Instrument): Lane {
    let lanes = this.#lanes.get(strategy)
    if (lanes === undefined) {
      lanes = new Map()
      this.#lanes.set(strategy, lanes)
    }
    let lane = lanes.get(symbol)
    if (lane === undefined) {
      lane = { qty: instrument.qty(before), trip: undefined }
      lanes.set(symbol, lane)
    }
    const held = instrument.qty(before)
    if (lane.qty !== held) {
      lane.qty = held
      lane.trip = undefined
    }
    return lane
  }
}

const openTrip = (notice: FillNotice, { isInverse }: Instrument): OpenTrip => ({
  side: notice.position > 0 ? 'long' : 'short',
  isInverse,
  entryAt: notice.fill.ts,
  entryHeardAt: notice.at,
  entered: 0,
  exited: 0,
  paid: ZERO,
  received: ZERO,
  gross: ZERO,
  fees: ZERO,
  fills: 0,
})

function enter(trip: OpenTrip, { fill }: FillNotice, qty: number, fee: number): OpenTrip {
  trip.entered += qty
  trip.paid = add(trip.paid, worthOf(trip, fill.price, qty))
  trip.fees = add(trip.fees, fee)
  trip.fills++
  return trip
}

function leave(trip: OpenTrip, { fill, profit }: FillNotice, qty: number, fee: number): void {
  trip.exited += qty
  trip.received = add(trip.received, worthOf(trip, fill.price, qty))
  trip.gross = add(trip.gross, profit)
  trip.fees = add(trip.fees, fee)
  trip.fills++
}

/** Of a quantity at a price, for one contract of money 1. */
const worthOf = ({ isInverse }: OpenTrip, price: number, qty: number): number =>
  isInverse ? qty / price : price * qty

const averageOf = ({ isInverse }: OpenTrip, worth: number, qty: number): number =>
  isInverse ? qty / worth : worth / qty

function finish(
  trip: OpenTrip,
  { at, order, fill }: FillNotice,
  instrument: Instrument,
): RoundTrip {
  const gross = valueOf(trip.gross)
  const fees = valueOf(trip.fees)
  const paid = valueOf(trip.paid)
  const value = Math.abs(paid) * instrument.multiplier
  return {
    strategy: order.strategy,
    symbol: instrument.symbol,
    side: trip.side,
    qty: instrument.qty(trip.entered),
    entryAt: trip.entryAt,
    exitAt: fill.ts,
    entryHeardAt: trip.entryHeardAt,
    exitHeardAt: at,
    entryPrice: money(averageOf(trip, paid, trip.entered)),
    exitPrice: money(averageOf(trip, valueOf(trip.received), trip.exited)),
    gross: money(gross),
    fees: money(fees),
    net: money(gross - fees),
    netFraction: value === 0 ? 0 : money((gross - fees) / value),
    // Fills may be heard in another order than they happened in.
    heldMs: Math.max(0, fill.ts - trip.entryAt),
    fills: trip.fills,
    exit: isLeg(order) ? order.role : 'exit',
  }
}
