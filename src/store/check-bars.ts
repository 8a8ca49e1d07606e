// The rule of what a stored bar may be, checked for all columns before the first row is written.
import { assert } from '../core/assert.ts'
import { BadInput } from '../core/bad-input.ts'
import type { BarColumns } from '../core/columns.ts'
import { END_OF_TIME, gridMs, type Timeframe } from '../core/time.ts'

/**
 * Throws BadInput for the first bar that is not one: times on the timeframe's grid between 1970 and 2100 and
 * strictly increasing; prices finite, > 0, low <= open, close <= high; volume finite and >= 0; trades an
 * integer >= 0; filled 0 or 1. A '1d' bar starts where its market's day does, so its grid is whole minutes.
 */
export function checkBars(symbol: string, timeframe: Timeframe, bars: BarColumns): void {
  assert(symbol !== '', 'bars have a symbol')
  const grid = gridMs(timeframe)
  let last = -Infinity
  for (let i = 0; i < bars.length; i++) {
    const start = at(bars.start, i)
    const open = at(bars.open, i)
    const high = at(bars.high, i)
    const low = at(bars.low, i)
    const close = at(bars.close, i)
    const fault = !(start >= 0 && start < END_OF_TIME && start % grid === 0)
      ? (['start', start, `milliseconds from 1970 to 2100 on the grid of ${timeframe}`] as const)
      : !(start > last)
        ? (['start', start, 'starts in increasing order'] as const)
        : !(low > 0 && low < Infinity)
          ? (['low', low, 'a finite price > 0'] as const)
          : !(high >= low && high < Infinity)
            ? (['high', high, `a finite price >= the low ${low}`] as const)
            : !(open >= low && open <= high)
              ? (['open', open, `a price from the low ${low} to the high ${high}`] as const)
              : !(close >= low && close <= high)
                ? (['close', close, `a price from the low ${low} to the high ${high}`] as const)
                : countFault(bars, i)
    if (fault !== undefined) {
      const [field, value, allowed] = fault
      throw new BadInput(
        { file: `bars of ${symbol} ${timeframe}`, line: i + 1, field },
        'is refused',
        value,
        allowed,
      )
    }
    last = start
  }
}

function countFault(bars: BarColumns, i: number): readonly [string, number, string] | undefined {
  const volume = at(bars.volume, i)
  if (!(volume >= 0 && volume < Infinity)) return ['volume', volume, 'a finite number >= 0']
  const trades = at(bars.trades, i)
  if (!(Number.isSafeInteger(trades) && trades >= 0)) return ['trades', trades, 'an integer >= 0']
  const filled = at(bars.filled, i)
  return filled > 1 ? ['filled', filled, '0 or 1'] : undefined
}

const at = (column: Float64Array | Uint8Array, i: number): number => column[i] ?? NaN
