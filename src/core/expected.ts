/*
 * Expected: the bars that a calendar lets us expect. One for each bucket that a session reaches into, of regular hours where not told; buckets
 * are aligned to UTC, and a day's bar starts where its trading day does.
 */
import type { Calendar, Hours } from './calendar.ts'
import type { Span } from './jobs.ts'
import { bucketStart, DAY, lengthMs, plus, type Timeframe } from './time.ts'

/** Starts of the bars in [from, to), in order. */
export function expectedStarts(
  calendar: Calendar,
  timeframe: Timeframe,
  { from, to }: Span,
  hours: Hours = 'regular',
): Float64Array {
  const stepMs = lengthMs(timeframe)
  const starts: number[] = []
  let last = -Infinity
  // A bucket may start before the session that it belongs to.
  for (const { open, close } of calendar.sessions(plus(from, -DAY), plus(to, DAY), hours)) {
    const isDay = stepMs === DAY
    const first = isDay ? calendar.dayStart(open) : bucketStart(open, stepMs)
    for (let at: number = first; at < close; at += stepMs) {
      if (at > last && at >= from && at < to) starts.push(at)
      last = Math.max(last, at)
      if (isDay) break
    }
  }
  return Float64Array.from(starts)
}
