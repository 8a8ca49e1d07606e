// Gauges of the market maker: what it sees and what it makes of it, as numbers for people.
import type { Gauges } from '../../core/gauges.ts'
import type { Depth, Quote } from '../../core/market.ts'
import type { Order } from '../../core/order.ts'
import { breakerOf, guardOf, type GuardParams, qualityOf } from './guards.ts'
import { type Memory, percentile, profitOf, takersSince } from './memory.ts'
import { aheadOf, shownIn } from './depth.ts'
import { imbalance, skewOf, type SkewParams } from './quoters.ts'

const HOUR_MS = 3_600_000
const MODES = ['active', 'cooldown', 'frozen'] as const
const LEVELS = ['none', 'soft', 'hard'] as const
const STATES = ['closed', 'probing', 'open'] as const

export interface Seen {
  readonly memory: Memory
  readonly now: number
  readonly quote: Quote | undefined
  readonly book: Depth | undefined
  readonly orders: readonly Order[]
  readonly volatilityBps: number
  /** Value of the position as a fraction of equity, and as percent of the largest, signed. */
  readonly inventory: number
  readonly inventoryPercent: number
}

export function gaugesOf(
  seen: Seen,
  p: GuardParams & SkewParams & { readonly depth: number },
): Gauges {
  const { memory, now, quote, inventoryPercent } = seen
  const guard = guardOf(memory, seen, p).level
  const circuit = breakerOf(memory, now)
  const { edgeBps, makerShare } = qualityOf(memory, now)
  const isOut = memory.mode === 'frozen' || guard === 'hard' || circuit === 'open'
  return {
    spread_bps: spreadOf(seen),
    vola_1m_bps: seen.volatilityBps,
    ob_imbalance: quote === undefined ? NaN : imbalance(shownIn(quote, seen.book, p.depth)),
    queue_ahead: queueOf(seen),
    skew_bps: skewOf(inventoryPercent, p),
    inventory_ratio: inventoryPercent / 100,
    quote_width: memory.width,
    throttle: isOut || now < memory.quietUntil ? 0 : scaleOf(memory, guard === 'soft'),
    mode: MODES.indexOf(memory.mode),
    guard_level: LEVELS.indexOf(guard),
    circuit_state: STATES.indexOf(circuit),
    net_bps: edgeBps,
    maker_taker_ratio: makerShare,
    maker_pnl: profitOf(memory),
    taker_fills_1h: takersSince(memory, now - HOUR_MS),
    latency_p95_ms: percentile(memory.latencies, 0.95),
  }
}

/** What is left of the size: half where a guard is soft, and half in cooldown. */
export const scaleOf = ({ mode }: Memory, isSoft: boolean): number =>
  (isSoft ? 0.5 : 1) * (mode === 'cooldown' ? 0.5 : 1)

/** What is ahead of our best quotes, the longer of both queues; NaN without depth or without quotes. */
function queueOf({ orders, book }: Seen): number {
  const { bid, ask } = bestOf(orders)
  if (book?.isGood !== true) return NaN
  const ahead = Math.max(
    bid > -Infinity ? aheadOf(book, 'buy', bid) : -Infinity,
    ask < Infinity ? aheadOf(book, 'sell', ask) : -Infinity,
  )
  return ahead > -Infinity ? ahead : NaN
}

/** Between the best bid and the best ask of ours; NaN where one is not there. */
function spreadOf({ orders, memory }: Seen): number {
  const { bid, ask } = bestOf(orders)
  const apart = ((ask - bid) / memory.mid) * 10_000
  return Number.isFinite(apart) ? apart : NaN
}

/** Infinite where a side has none. */
function bestOf(orders: readonly Order[]): { readonly bid: number; readonly ask: number } {
  let [bid, ask] = [-Infinity, Infinity]
  for (const { phase, side, limit, quote } of orders) {
    if (phase !== 'open' || quote !== true || limit === undefined) continue
    if (side === 'buy') bid = Math.max(bid, limit)
    else ask = Math.min(ask, limit)
  }
  return { bid, ask }
}
