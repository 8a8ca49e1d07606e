// Width: how much further from the middle quotes stand than in a quiet, deep and fast market.
import { type Memory, percentile } from './memory.ts'
import { clamp } from './quoters.ts'

const LEAST = 0.6
const MOST = 2.5
const STEP = 0.2
const HOLD_MS = 200
/** Where each part begins to count, and where it counts in full. */
const VOLATILITY_BPS = [0.5, 5] as const
const LATENCY_MS = [150, 400] as const
const LOSS = 10
const LOSSES_LEAST = 10

const rise = (x: number, [from, to]: readonly [number, number]): number =>
  clamp((x - from) / (to - from), 0, 1)

/** The part that is thin: 1 where so little is shown, 0 where ten times that is. */
const thinness = (size: number, thin: number): number =>
  thin > 0 ? 1 - rise(size, [thin, 10 * thin]) : 0

/** Changes by a step at most, and stays as it is for a moment. */
export function widthAfter(
  memory: Memory,
  {
    now,
    volatilityBps,
    size,
    thin,
  }: {
    readonly now: number
    readonly volatilityBps: number
    /** Shown at the top, both sides in the mean. */
    readonly size: number
    readonly thin: number
  },
): Pick<Memory, 'width' | 'widthAt'> {
  const { width, widthAt, latencies, profits } = memory
  if (now - widthAt < HOLD_MS) return { width, widthAt }
  const gains = profits.slice(1).map((profit, i) => profit - profits[i]!)
  const mean = gains.reduce((sum, gain) => sum + gain, 0) / Math.max(1, gains.length)
  const loss = gains.length < LOSSES_LEAST ? 0 : clamp(-mean / LOSS, 0, 1)
  const wanted =
    1 +
    0.6 * 1.5 * rise(volatilityBps, VOLATILITY_BPS) +
    0.4 * thinness(size, thin) +
    0.3 * 0.8 * rise(percentile(latencies, 0.95), LATENCY_MS) +
    0.3 * 1.2 * loss
  const target = clamp(wanted, LEAST, MOST)
  return { width: clamp(target, width - STEP, width + STEP), widthAt: now }
}
