/*
 * Validate: bars as a provider told them, before they are stored. One that cannot be is rejected, one that is odd is kept
 * and flagged; both are counted by symbol and rule.
 *
 *   rejected  year        before 1970 or after 2099: seconds taken for milliseconds, or worse
 *             grid        does not start on the timeframe's grid
 *             range       nobody asked for this time
 *             duplicate   starts where the one before did, or earlier
 *             price       a price that is not finite or not above 0
 *             order       high below low, or open or close outside of them
 *             volume      negative, or not finite
 *             spike       ten times as much, or a tenth, of the closes before and after it
 *   flagged   jump        half as much again, or two thirds, of the close before: a split, for example, and of the last bar
 *                         of a page nobody knows yet what comes after it
 *             no-volume   prices without a trade
 */
import { barColumns, type BarColumns } from '../core/columns.ts'
import type { Flaw, Span } from '../core/jobs.ts'
import { END_OF_TIME, gridMs, type Timeframe } from '../core/time.ts'

export const RULES = {
  rejected: ['year', 'grid', 'range', 'duplicate', 'price', 'order', 'volume', 'spike'],
  flagged: ['jump', 'no-volume'],
} as const

type Rejection = (typeof RULES.rejected)[number]
interface Series {
  readonly symbol: string
  readonly bars: BarColumns
}
type Asked = Span & { readonly timeframe: Timeframe }

const SPIKE = 10
const JUMP = 1.5

export function looked(
  series: readonly Series[],
  asked: Asked,
): { readonly series: Series[]; readonly flaws: Flaw[] } {
  const flaws: Flaw[] = []
  const kept = series
    .map(({ symbol, bars }) => ({ symbol, bars: sound(symbol, bars, asked, flaws) }))
    .filter(({ bars }) => bars.length > 0)
  return { series: kept, flaws }
}

/** The bars that may be stored: the same columns where that is all of them. */
function sound(symbol: string, bars: BarColumns, asked: Asked, flaws: Flaw[]): BarColumns {
  const rejected: number[] = []
  let lastStart = -Infinity
  let lastClose = NaN
  for (let i = 0; i < bars.length; i++) {
    const start = bars.start[i]!
    const rule = ruleAgainst(bars, i, asked, lastStart, lastClose)
    if (rule !== undefined) {
      rejected.push(i)
      flaws.push({ symbol, start: whole(start), rule, isRejected: true })
      continue
    }
    const close = bars.close[i]!
    const ratio = close / lastClose
    if (ratio > JUMP || ratio < 1 / JUMP) {
      flaws.push({ symbol, start, rule: 'jump', isRejected: false })
    }
    if (bars.volume[i] === 0) flaws.push({ symbol, start, rule: 'no-volume', isRejected: false })
    lastStart = start
    lastClose = close
  }
  return rejected.length === 0 ? bars : leftOf(bars, rejected)
}

function ruleAgainst(
  bars: BarColumns,
  i: number,
  { from, to, timeframe }: Asked,
  lastStart: number,
  lastClose: number,
): Rejection | undefined {
  const start = bars.start[i]!
  const open = bars.open[i]!
  const high = bars.high[i]!
  const low = bars.low[i]!
  const close = bars.close[i]!
  const volume = bars.volume[i]!
  if (!(start >= 0 && start < END_OF_TIME)) return 'year'
  if (start % gridMs(timeframe) !== 0) return 'grid'
  if (start < from || start >= to) return 'range'
  if (start <= lastStart) return 'duplicate'
  if (!(low > 0 && high < Infinity && open > 0 && close > 0)) return 'price'
  if (!(low <= open && low <= close && high >= open && high >= close)) return 'order'
  if (!(volume >= 0 && volume < Infinity)) return 'volume'
  const next = bars.close[i + 1]
  if (next !== undefined && isFar(close, lastClose) && isFar(close, next)) return 'spike'
  return undefined
}

const isFar = (price: number, reference: number): boolean =>
  price >= reference * SPIKE || price <= reference / SPIKE

/** A time that is none is told as the first of all times. */
const whole = (start: number): number => (Number.isSafeInteger(start) ? start : 0)

function leftOf(bars: BarColumns, rejected: readonly number[]): BarColumns {
  const out = new Set(rejected)
  const left = barColumns(bars.length - out.size)
  let k = 0
  for (let i = 0; i < bars.length; i++) {
    if (out.has(i)) continue
    for (const name of ['start', 'open', 'high', 'low', 'close', 'volume', 'trades'] as const) {
      left[name][k] = bars[name][i]!
    }
    left.filled[k] = bars.filled[i]!
    k++
  }
  return left
}
