/*
 * Rebuild: what strategies derive from bars is in no snapshot. Each lane is shown the bars that it had seen, as they were:
 * the journal's own, where it keeps them because its turns may be dropped, or else the archive's, which may have been
 * corrected since. Where neither are exactly those that a snapshot has marked, nothing is certain, and that is told.
 */
import type { Ms } from '../../core/brand.ts'
import { barEnd } from '../../core/calendar.ts'
import type { Bar } from '../../core/market.ts'
import type { Archive, Past } from '../../core/store.ts'
import type { Timeframe } from '../../core/time.ts'
import type { Engine, Shown } from '../../engine/engine.ts'
import type { Lane } from '../../engine/lanes.ts'
import { type BarMark, type BarMarks, byEnd, MarkCheck } from './bar-marks.ts'
import { barsOf } from './recorder.ts'

/** Bars between two breaths. */
const SLICE_BARS = 500

/** Where bars of the past are. What the journal lacks of those that the archive has is noted in it. */
export interface Shelves {
  readonly archive?: Pick<Archive, 'bars'> | undefined
  /** Of a journal that keeps bars. */
  readonly past?: Pick<Past, 'bars' | 'noteBars'> | undefined
  readonly breathe: () => Promise<void>
}

/** Shows every lane the bars that it had seen. False where that is not certain to give what it had derived. */
export async function rebuildLanes(
  engine: Engine,
  marks: BarMarks,
  shelves: Shelves,
): Promise<boolean> {
  for (const lane of engine.lanes) {
    if (lane.halted !== undefined) return false
    if (lane.hooks.onBar === undefined) continue
    const bars: Bar[] = []
    for (const timeframe of lane.timeframes) {
      const seen = await seenBars(lane, timeframe, marks, shelves)
      if (seen === undefined) return false
      for (const bar of seen) bars.push(bar)
    }
    const { calendar } = lane.instrument.spec
    bars.sort(byEnd(calendar))
    const shown = shownOf(lane, bars)
    if (shown === undefined) return false
    for (let i = 0; i < shown.length; i += SLICE_BARS) {
      engine.rebuild(lane, shown.slice(i, i + SLICE_BARS))
      await shelves.breathe()
    }
    // It did not throw then: it derives something from more than bars.
    if (lane.halted !== undefined) return false
  }
  return true
}

/** All bars but those that came while the lane was halted. Undefined where these are not those that it has seen. */
function shownOf(lane: Lane, bars: readonly Bar[]): readonly Shown[] | undefined {
  const { halts, instrument } = lane
  const { calendar } = instrument.spec
  const shown: Shown[] = []
  let next = 0
  for (const [i, bar] of bars.entries()) {
    const n = i + 1
    while ((halts[next]?.until ?? n) < n) next++
    const halt = halts[next]
    if (halt !== undefined && n > halt.after) continue
    shown.push({ at: barEnd(calendar, bar), bar, halted: halts.some(({ after }) => after === n) })
  }
  const isAll = lane.timeframes.every(
    (timeframe) =>
      shown.filter(({ bar }) => bar.timeframe === timeframe).length === lane.seen(timeframe),
  )
  return isAll ? shown : undefined
}

/** Undefined where neither the journal nor the archive has all bars that the lane had seen, as they were. */
async function seenBars(
  lane: Lane,
  timeframe: Timeframe,
  marks: BarMarks,
  { archive, past, breathe }: Shelves,
): Promise<readonly Bar[] | undefined> {
  const mark = marks.of(lane.symbol, timeframe)
  const count = lane.seen(timeframe)
  if (mark === undefined) return count === 0 ? [] : undefined
  // Only one that was halted for a while has not seen all of them.
  if (count !== mark.count && lane.halts.length === 0) return undefined
  // Nobody knows after which of the other bars it was shown them.
  if (mark.isOutOfTurn === true && lane.timeframes.length > 1) return undefined
  if (past !== undefined) {
    const bars: Bar[] = []
    const check = new MarkCheck(mark)
    for (const page of past.bars(mark, mark.count)) {
      for (const bar of page) bars.push(bar)
      check.add(page)
      await breathe()
    }
    if (check.holds) return bars
  }
  const bars = archive === undefined ? undefined : await archivedBars(archive, lane, mark)
  if (bars === undefined || past === undefined) return bars
  for (let i = 0; i < bars.length; i += SLICE_BARS) {
    past.noteBars(bars.slice(i, i + SLICE_BARS).map((bar, at) => ({ i: i + at + 1, bar })))
    await breathe()
  }
  return bars
}

/** Undefined where the archive has not all bars of a mark, as they were, and no other between them. */
async function archivedBars(
  archive: Pick<Archive, 'bars'>,
  lane: Lane,
  mark: BarMark,
): Promise<readonly Bar[] | undefined> {
  const { timeframe, count, first, last } = mark
  const { symbol } = lane.instrument
  const bars: Bar[] = []
  const check = new MarkCheck(mark)
  for await (const page of archive.bars({ symbol, timeframe, from: first, to: (last + 1) as Ms })) {
    const found = [...barsOf(page, lane.symbol, timeframe)]
    for (const bar of found) bars.push(bar)
    if (bars.length > count) return undefined
    check.add(found)
  }
  return check.holds ? bars : undefined
}
