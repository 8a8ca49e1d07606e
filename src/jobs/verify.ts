/*
 * Verify: what is stored of a span, held against the calendar. Bars are counted in the store, and read back where they are
 * not as many as were stored by this claim: what is called covered is what is there, and not what somebody remembers to
 * have sent.
 *
 * A hole of a session or more is asked for again, once; so is one that lies where two pages meet, however short. Single
 * missing bars are common where little is traded: the provider's answer was complete, so it is taken at its word.
 *
 * Nobody is taken at the word of another: what a stand-in lacks is a hole from its first bar to its last, however few they
 * are, which is asked for when the provider may be back, and then each hour.
 */
import type { AssetClass, Hole, Span } from '../core/jobs.ts'
import { bucketStart, DAY, HOUR, lengthMs, ms, type Timeframe } from '../core/time.ts'
import { calendarFor } from './estimate.ts'
import { PARKED_MS } from './router.ts'

/** A hole that the provider has nothing for is looked at again after so long. */
export const NO_DATA_MS = 7 * DAY
const HALF_DAY_MS = 3.5 * HOUR

export interface Look {
  readonly symbol: string
  readonly timeframe: Timeframe
  readonly assetClass: AssetClass
  /** By the calendar. */
  readonly expected: Float64Array
  /** Of the bars that are stored. */
  readonly starts: Float64Array
  /** Where pages of this query met. */
  readonly seams: ReadonlySet<string>
  /** It was asked for again: what is still missing is not there. */
  readonly isRepair: boolean
  readonly now: number
}

/** Holes that matter, in order. */
export function holesIn(look: Look): Hole[] {
  const { symbol, timeframe, assetClass, expected, starts, seams, isRepair, now } = look
  const stepMs = lengthMs(timeframe)
  const holes: Hole[] = []
  let first = -1
  let count = 0
  const end = (next: number | undefined): void => {
    if (count === 0) return
    const from = ms(expected[first]!)
    const to = ms(expected[first + count - 1]! + stepMs)
    const isSession = isSessionLong({ from, to }, count, timeframe, assetClass)
    if (isSession || seams.has(seamBefore(symbol, next))) {
      holes.push({
        symbol,
        from,
        to,
        bars: count,
        status: isRepair ? 'no_data' : 'open',
        expiresAt: isRepair ? now + NO_DATA_MS : now,
      })
    }
    count = 0
  }
  let i = 0
  for (const [place, start] of expected.entries()) {
    while (i < starts.length && starts[i]! < start) i++
    if (i < starts.length && starts[i] === start) end(start)
    else {
      if (count === 0) first = place
      count++
    }
  }
  end(undefined)
  return holes
}

/** What a stand-in lacks, by window. */
export function lacksIn(look: Look, windows: readonly Span[]): Hole[] {
  const { symbol, timeframe, expected, starts, isRepair, now } = look
  const there = new Set(starts)
  const holes = new Map<number, Hole>()
  for (const { from, to } of windows) {
    const lacking = expected.filter((start) => start >= from && start < to && !there.has(start))
    const [first] = lacking
    if (first === undefined) continue
    holes.set(first, {
      symbol,
      from: ms(first),
      to: ms(lacking.at(-1)! + lengthMs(timeframe)),
      bars: lacking.length,
      status: 'open',
      expiresAt: now + (isRepair ? HOUR : PARKED_MS),
    })
  }
  return [...holes.values()]
}

/** A place between two pages: before a bar of a symbol, or after its last. */
export const seamBefore = (symbol: string, start: number | undefined): string =>
  `${symbol} ${start ?? 'end'}`

/** As many bars as a regular session has, or all of a half day. */
function isSessionLong(
  { from, to }: Span,
  bars: number,
  timeframe: Timeframe,
  assetClass: AssetClass,
): boolean {
  if (bars >= sessionBars(timeframe, assetClass)) return true
  if (assetClass === 'crypto' || bars < barsOf(HALF_DAY_MS, timeframe)) return false
  const stepMs = lengthMs(timeframe)
  return calendarFor(assetClass)
    .sessions(from, to)
    .some(({ open, close }) => bucketStart(open, stepMs) >= from && close <= to)
}

/** Bars of a regular session. */
export const sessionBars = (timeframe: Timeframe, assetClass: AssetClass): number =>
  barsOf(assetClass === 'crypto' ? DAY : 6.5 * HOUR, timeframe)

const barsOf = (sessionMs: number, timeframe: Timeframe): number =>
  Math.max(1, Math.floor(sessionMs / lengthMs(timeframe)))
