/*
 * Quoters: the two ways to come from the market to a ladder. Both shift bid and ask the same way by the inventory: who is
 * long quotes lower on both sides, so that buying becomes harder and selling easier.
 */
import type { Quote } from '../../core/market.ts'
import type { Shown } from './depth.ts'
import type { Ladder } from '../../strategy/index.ts'

export interface SkewParams {
  readonly skewPerPercent: number
  readonly maxSkewBps: number
}

export interface QuoterParams extends SkewParams {
  readonly quoter: 'edge' | 'volatility'
  readonly levels: number
  readonly stepBps: number
  readonly qty: number
  readonly makerFeeBps: number
  readonly takerFeeBps: number
  readonly bufferBps: number
  readonly minSpreadBps: number
  readonly maxSpreadBps: number
}

/** What a quoter sees. */
export interface View {
  readonly quote: Quote
  /** From -1, all size on the ask, to 1, all on the bid; that of the top where not told. */
  readonly pull?: number
  /** Movement of the mid in a minute, in basis points. */
  readonly volatilityBps: number
  /** Of the largest position, signed. */
  readonly inventoryPercent: number
  /** By how much further away than in a quiet market. */
  readonly width: number
  /** What is left of the size. */
  readonly scale: number
}

/** The price that the sizes at the top point to: nearer to the side that shows less. */
export const microprice = ({ bid, bidSize, ask, askSize }: Quote): number =>
  bidSize + askSize > 0 ? (bid * askSize + ask * bidSize) / (bidSize + askSize) : (bid + ask) / 2

/** From -1, all size on the ask, to 1, all on the bid. */
export const imbalance = ({ bidSize, askSize }: Shown): number =>
  bidSize + askSize > 0 ? (bidSize - askSize) / (bidSize + askSize) : 0

export const clamp = (x: number, least: number, most: number): number =>
  Math.min(Math.max(x, least), most)

const VOLATILITY_SHARE = 0.5
const IMBALANCE_SHARE = 0.2
const IMBALANCE_FREE = 0.1

/** Half the spread is the larger of what the market's movement asks for and what a round trip costs. */
function edgeBps(view: View, p: QuoterParams): number {
  const { pull: seen = imbalance(view.quote) } = view
  const pull = Math.max(0, Math.abs(seen) - IMBALANCE_FREE)
  const market = VOLATILITY_SHARE * view.volatilityBps + IMBALANCE_SHARE * pull
  return Math.max(market, p.makerFeeBps + p.takerFeeBps + p.bufferBps)
}

const LEVEL_SHARE = 0.4
const SPREAD_SHARE = 0.95

/** How far each level is from the centre, in basis points. */
function distances(view: View, p: QuoterParams): readonly number[] {
  const levels = Array.from({ length: p.levels }, (_, level) => level)
  if (p.quoter === 'edge') {
    const edge = edgeBps(view, p) * view.width
    return levels.map((level) => edge + level * p.stepBps)
  }
  const spread = clamp(SPREAD_SHARE * view.volatilityBps, p.minSpreadBps, p.maxSpreadBps)
  const away = levels.map((level) => LEVEL_SHARE * spread * view.width * (level + 1))
  return away.filter((bps) => 2 * bps >= p.minSpreadBps)
}

/** By how many basis points both quotes are shifted down. */
export const skewOf = (
  inventoryPercent: number,
  { skewPerPercent, maxSkewBps }: SkewParams,
): number => clamp(skewPerPercent * inventoryPercent, -maxSkewBps, maxSkewBps)

/** Each level holds a fifth less than the one before. */
const LESS = 0.2

export function ladderOf(view: View, p: QuoterParams): Ladder {
  const { quote, inventoryPercent, scale } = view
  const centre = microprice(quote)
  const skew = skewOf(inventoryPercent, p)
  const away = distances(view, p)
  const qty = (level: number): number => p.qty * scale * Math.max(0, 1 - LESS * level)
  // A maker never crosses: what the skew would push through the other side rests at its own.
  return {
    bids: away.map((bps, level) => ({
      price: Math.min(centre * (1 - (bps + skew) / 10_000), quote.bid),
      qty: qty(level),
    })),
    asks: away.map((bps, level) => ({
      price: Math.max(centre * (1 + (bps - skew) / 10_000), quote.ask),
      qty: qty(level),
    })),
  }
}
