/*
 * Warm-up: bars of the past through the venue's history, as inputs that strategies see and cannot trade on.
 *
 * Always bars of the engine's base timeframe, because higher ones are built from them. Each symbol gets those of five times
 * the traded time that its lanes ask for, because minutes without a trade have no bar; the last one at least; or after a
 * restart those that were missed, of a day or that time. The bar that is still forming is not among them.
 */
import type { Ms, SymbolId } from '../../core/brand.ts'
import { calendarOf } from '../../core/calendar.ts'
import type { Fault } from '../../core/fault.ts'
import type { Instrument } from '../../core/instrument.ts'
import type { Bar } from '../../core/market.ts'
import { bucketStart, DAY, lengthMs, type Timeframe } from '../../core/time.ts'
import type { History, Limits } from '../../core/venue.ts'
import type { Engine } from '../../engine/engine.ts'
import type { Lane } from '../../engine/lanes.ts'
import { mapLimit } from '../../io/pool.ts'

/** Furthest back that bars are asked for. */
const REACH_DAYS_MAX = 2_000
/** Of the traded time that would do in a market that trades in every minute. */
const MARGIN = 5

export interface WarmUp {
  /** By start, and by symbol within one start. */
  readonly bars: readonly Bar[]
  readonly faults: readonly Fault[]
}

export async function warmUpBars(
  engine: Engine,
  history: History,
  limits: Limits,
  plan: { readonly base: Timeframe; readonly now: Ms },
): Promise<WarmUp> {
  const { base, now } = plan
  const to = bucketStart(now, lengthMs(base))
  const wanted = new Map<SymbolId, number>()
  for (const { symbol, instrument } of engine.lanes) {
    if (wanted.has(symbol)) continue
    const lanes = engine.lanes.filter((lane) => lane.symbol === symbol)
    const known = engine.knownUntil(symbol)
    const asked = reachOf(lanes, instrument, { now, base })
    const reach = wholeFrom(lanes, instrument, known > 0 ? Math.min(asked, now - DAY) : asked)
    const from = Math.max(known, reach)
    if (from < to) wanted.set(symbol, from)
  }
  const bars: Bar[] = []
  const faults: Fault[] = []
  await mapLimit(chunked([...wanted.keys()], limits.history.symbols), limits.concurrent, fetch)
  bars.sort((a, b) => a.start - b.start || a.symbol - b.symbol)
  return { bars, faults }

  async function fetch(chunk: readonly SymbolId[]): Promise<void> {
    const symbols = chunk.map((id) => engine.universe.at(id).symbol)
    const from = Math.min(...chunk.map((id) => wanted.get(id)!)) as Ms
    for await (const page of history.bars({ symbols, timeframe: base, from, to })) {
      if (page.ok)
        bars.push(...page.value.bars.filter((bar) => bar.start >= wanted.get(bar.symbol)!))
      else faults.push(page.fault)
    }
  }
}

function* chunked<T>(items: readonly T[], size: number): Generator<readonly T[]> {
  for (let i = 0; i < items.length; i += size) yield items.slice(i, i + size)
}

/** The moment or an earlier one, so that no bar of a higher timeframe begins before its first minute is asked for. */
function wholeFrom(lanes: readonly Lane[], instrument: Instrument, from: number): number {
  const calendar = calendarOf(instrument.spec.calendar)
  const starts = lanes
    .flatMap(({ timeframes }) => timeframes)
    .filter((timeframe) => timeframe !== '1m')
    .map((timeframe) =>
      timeframe === '1d' ? calendar.dayStart(from as Ms) : bucketStart(from, lengthMs(timeframe)),
    )
  return Math.min(from, ...starts)
}

/** From when the lanes of a symbol have all the bars that they ask for, though a market may be thin. */
function reachOf(
  lanes: readonly Lane[],
  instrument: Instrument,
  { now, base }: { readonly now: Ms; readonly base: Timeframe },
): number {
  const calendar = calendarOf(instrument.spec.calendar)
  let tradedMs = lengthMs(base)
  let days = 0
  for (const { needs, timeframes } of lanes) {
    const bars = (needs.warmup ?? 0) + 1
    for (const timeframe of timeframes) {
      if (timeframe === '1d') days = Math.max(days, bars)
      else tradedMs = Math.max(tradedMs, bars * lengthMs(timeframe))
    }
  }
  tradedMs *= MARGIN
  for (let back = 1; back <= REACH_DAYS_MAX; back *= 2) {
    const from = (now - back * DAY) as Ms
    const sessions = calendar.sessions(from, now)
    const spans = sessions.map(({ open, close }) => ({
      from: Math.max(open, from),
      to: Math.min(close, now),
    }))
    const traded = spans.reduce((sum, span) => sum + span.to - span.from, 0)
    if (traded < tradedMs || spans.length < days) continue
    const ofDays = days === 0 ? now : spans[spans.length - days]!.from
    return Math.min(ofDays, lastOf(spans, tradedMs))
  }
  return now - REACH_DAYS_MAX * DAY
}

/** When the last so many milliseconds of some spans begin, which have as many. */
function lastOf(
  spans: readonly { readonly from: number; readonly to: number }[],
  lengthMs: number,
) {
  let left = lengthMs
  for (const { from, to } of spans.toReversed()) {
    if (left <= to - from) return to - left
    left -= to - from
  }
  return spans[0]!.from
}
