// Market: seeded bars without a missing minute, so that a bare loop needs no rules for silence.
import { barColumns, type BarColumns, sliceBars } from '../src/core/columns.ts'
import { gaussian, integer, seeded } from '../src/core/random.ts'
import { MINUTE } from '../src/core/time.ts'

/** Rows of a page, as the generated market has them. */
export const PAGE_ROWS = 4_096
export const FROM = Date.UTC(2025, 0, 6)
const VOLUME = 1_000_000
/** A bar in so many opens with a gap of up to 2 %, over stops and targets. */
const GAP_CHANCE = 1 / 200

/**
 * One symbol's minutes from Monday 2025-01-06 on: a walk in whole cents of about 0.1 % a minute, pulled to 100
 * so that a million bars stay a market.
 */
export function minutesOf(seed: number, length: number): BarColumns {
  const random = seeded(seed)
  const bars = barColumns(length)
  let last = integer(random, 8_000, 12_000)
  for (let i = 0; i < length; i++) {
    const gap = random() < GAP_CHANCE ? integer(random, -200, 200) : integer(random, -1, 1)
    const open = Math.max(1_000, last + gap)
    const pull = (10_000 - open) / 20_000
    const close = Math.max(1_000, open + Math.round(pull + 10 * gaussian(random)))
    bars.start[i] = FROM + i * MINUTE
    bars.open[i] = open / 100
    bars.high[i] = (Math.max(open, close) + integer(random, 0, 6)) / 100
    bars.low[i] = (Math.min(open, close) - integer(random, 0, 6)) / 100
    bars.close[i] = close / 100
    bars.volume[i] = VOLUME
    bars.trades[i] = 100
    last = close
  }
  return bars
}

/** Views of the columns, a page each. */
export function pagesOf(bars: BarColumns): BarColumns[] {
  const pages: BarColumns[] = []
  for (let from = 0; from < bars.length; from += PAGE_ROWS) {
    pages.push(sliceBars(bars, from, Math.min(from + PAGE_ROWS, bars.length)))
  }
  return pages
}
