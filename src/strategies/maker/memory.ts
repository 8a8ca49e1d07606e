// Memory of the market maker: all that it remembers, as plain data, and how each fact changes it.
import type { Fill, Order } from '../../core/order.ts'

export type Mode = 'active' | 'cooldown' | 'frozen'

/** Quotes cannot be shown again after a restart, so what follows from them is saved with the rest. */
export interface Memory {
  /** 0 before the first. */
  readonly mid: number
  readonly midAt: number
  /** Of the changes of the mid in a second, in squared basis points; exponentially weighted. */
  readonly variance: number
  /** The last changes of the mid, in basis points. */
  readonly changes: readonly number[]
  /** The last times from an order to its acceptance, in milliseconds. */
  readonly latencies: readonly number[]
  readonly fills: readonly Seen[]
  /** When orders ended badly, and when others were accepted. */
  readonly refusals: readonly number[]
  readonly acceptances: readonly number[]
  /** Money in and out, fees included: with the position at the mid it is the profit. */
  readonly cash: number
  /** Of contracts as many as they are of, by their multiplier. */
  readonly qty: number
  /** The profit at the end of each window. */
  readonly profits: readonly number[]
  readonly dayProfit: number
  readonly day: number
  /** How far apart quotes are, as a multiple of what they would be in a quiet market. */
  readonly width: number
  readonly widthAt: number
  readonly nudgedAt: number
  /** When the ladder was declared last, and for which mid; 0 where it is to be declared anew. */
  readonly declaredAt: number
  readonly declaredMid: number
  /** Ids of our open quotes. */
  readonly known: readonly string[]
  /** No quotes before these; of one side, or of both. */
  readonly quietUntil: number
  readonly bidsAfter: number
  readonly asksAfter: number
  readonly mode: Mode
  /** Windows in a row that were good, or that warned. */
  readonly good: number
  readonly warned: number
}

/** A fill of ours, and what it was worth against the mid of its moment. */
interface Seen {
  readonly at: number
  readonly isTaker: boolean
  readonly edgeBps: number
}

export const BLANK: Memory = {
  mid: 0,
  midAt: 0,
  variance: 0,
  changes: [],
  latencies: [],
  fills: [],
  refusals: [],
  acceptances: [],
  cash: 0,
  qty: 0,
  profits: [],
  dayProfit: 0,
  day: 0,
  width: 1,
  widthAt: 0,
  nudgedAt: 0,
  declaredAt: 0,
  declaredMid: 0,
  known: [],
  quietUntil: 0,
  bidsAfter: 0,
  asksAfter: 0,
  mode: 'active',
  good: 0,
  warned: 0,
}

export const CHANGES = 20
const SAMPLES = 100
const FILLS_MAX = 500
const HOUR_MS = 3_600_000
const HALF_LIFE_MS = 60_000

/** So many of the newest. */
const last = <T>(list: readonly T[], one: T, most: number): readonly T[] =>
  [...list, one].slice(-most)

export function withMid(memory: Memory, mid: number, now: number): Memory {
  const before = memory.mid
  if (mid === before) return memory
  if (!(before > 0)) return { ...memory, mid, midAt: now }
  const change = Math.log(mid / before) * 10_000
  const elapsedMs = Math.max(1, now - memory.midAt)
  const weight = 0.5 ** (elapsedMs / HALF_LIFE_MS)
  const perSecond = (change * change) / (elapsedMs / 1_000)
  const variance =
    memory.variance === 0 ? perSecond : weight * memory.variance + (1 - weight) * perSecond
  return { ...memory, mid, midAt: now, variance, changes: last(memory.changes, change, CHANGES) }
}

export function withFill(
  memory: Memory,
  order: Order,
  { qty, price, fee }: Pick<Fill, 'price' | 'fee'> & { readonly qty: number },
  now: number,
): Memory {
  const sign = order.side === 'buy' ? 1 : -1
  const { mid } = memory
  const edge = mid > 0 ? ((sign * (mid - price)) / mid) * 10_000 : 0
  const edgeBps = edge - (fee / (qty * price)) * 10_000
  const seen = { at: now, isTaker: order.postOnly !== true, edgeBps }
  const fills = last(memory.fills, seen, FILLS_MAX).filter(({ at }) => at > now - HOUR_MS)
  const cash = memory.cash - sign * qty * price - fee
  return { ...memory, fills, cash, qty: memory.qty + sign * qty }
}

export const withLatency = (memory: Memory, ms: number, now: number): Memory => ({
  ...memory,
  latencies: last(memory.latencies, ms, SAMPLES),
  acceptances: last(memory.acceptances, now, SAMPLES),
})

export const withRefusal = (memory: Memory, now: number): Memory => ({
  ...memory,
  refusals: last(memory.refusals, now, SAMPLES),
})

/** Profit since the beginning, at the mid. */
export const profitOf = (memory: Memory): number =>
  memory.qty === 0 ? memory.cash : memory.cash + memory.qty * memory.mid

export const takersSince = ({ fills }: Memory, since: number): number =>
  fills.filter(({ at, isTaker }) => isTaker && at > since).length

/** The value that so large a share of the samples does not exceed; 0 where there are too few. */
export function percentile(samples: readonly number[], share: number, least = 5): number {
  if (samples.length < least) return 0
  const sorted = samples.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!
}

/** How many deviations the last of the samples is from the mean of all; 0 where there are too few. */
export function scoreOf(samples: readonly number[], least = 10): number {
  if (samples.length < least) return 0
  const mean = samples.reduce((sum, x) => sum + x, 0) / samples.length
  const variance = samples.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (samples.length - 1)
  return variance > 0 ? (samples.at(-1)! - mean) / Math.sqrt(variance) : 0
}
