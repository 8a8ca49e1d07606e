// Quote bars: which of them stay on a tape beside bars of trades.
import { named } from '../core/named.ts'
import type { TapeSeries } from '../core/tape.ts'
import { lengthMs, type Timeframe } from '../core/time.ts'

/** What is to be known of a file; `timeframe` is of bars, and of the bars that quotes were made of. */
interface Held {
  readonly kind: TapeSeries['kind']
  readonly symbol: string
  readonly timeframe: Timeframe | undefined
}

/**
 * Quotes that were made of bars are no finer than bars, but stand beside them as if they were: what fills on quotes
 * would meet one price of a minute, and none of its high and low. So they are apart from all others
 * where their symbol has bars of their length or shorter.
 */
export function withoutRepeats<T extends Held>(
  all: readonly T[],
): { readonly repeating: readonly T[]; readonly pieces: readonly T[] } {
  const shortestMs = new Map<string, number>()
  for (const { kind, symbol, timeframe } of all) {
    if (kind !== 'bars' || timeframe === undefined) continue
    const length = lengthMs(timeframe)
    shortestMs.set(symbol, Math.min(length, shortestMs.get(symbol) ?? Infinity))
  }
  const repeats = ({ kind, symbol, timeframe }: T): boolean =>
    kind === 'quotes' &&
    timeframe !== undefined &&
    lengthMs(timeframe) >= (shortestMs.get(symbol) ?? Infinity)
  return { repeating: all.filter(repeats), pieces: all.filter((piece) => !repeats(piece)) }
}

/** Symbols that a note names. */
const NAMED_MAX = 10

/** What a run says of those that were left out. */
export function noteOf(repeating: readonly Held[]): string {
  const symbols = [...new Set(repeating.map(({ symbol }) => symbol))].toSorted()
  const files = `${repeating.length} ${repeating.length === 1 ? 'file' : 'files'} of quote bars`
  return `${files} of ${named(symbols, NAMED_MAX)} left out, because there are bars of trades; --kind quotes reads them alone.`
}
