/*
 * Warm-up: bars of the past through the venue's history, as inputs that strategies see and cannot trade on.
 *
 * Always bars of the engine's base timeframe, because higher ones are built from them. Each symbol gets as many as its
 * lanes ask for, or after a restart those that were missed. The bar that is still forming is not among them.
 */
import type { Ms, SymbolId } from '../core/brand.ts'
import { calendarOf } from '../core/calendar.ts'
import type { Fault } from '../core/fault.ts'
import type { Instrument } from '../core/instrument.ts'
import type { Bar } from '../core/market.ts'
import { bucketStart, DAY, lengthMs, type Timeframe } from '../core/time.ts'
import type { History, Limits } from '../core/venue.ts'
import type { Engine } from '../engine/engine.ts'
import type { Lane } from '../engine/lanes.ts'

/** Furthest back that bars are asked for. */
const REACH_DAYS_MAX = 2_000

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
    const reach = wholeFrom(lanes, instrument, reachOf(lanes, instrument, now))
    const from = Math.max(engine.knownUntil(symbol), reach)
    if (from < to) wanted.set(symbol, from)
  }
  const bars: Bar[] = []
  const faults: Fault[] = []
  const ids = [...wanted.keys()]
  for (let i = 0; i < ids.length; i += limits.history.symbols) {
    const chunk = ids.slice(i, i + limits.history.symbols)
    const symbols = chunk.map((id) => engine.universe.at(id).symbol)
    const from = Math.min(...chunk.map((id) => wanted.get(id)!)) as Ms
    for await (const page of history.bars({ symbols, timeframe: base, from, to })) {
      if (page.ok)
        bars.push(...page.value.bars.filter((bar) => bar.start >= wanted.get(bar.symbol)!))
      else faults.push(page.fault)
    }
  }
  bars.sort((a, b) => a.start - b.start || a.symbol - b.symbol)
  return { bars, faults }
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

/** From when the lanes of a symbol have all the bars that they ask for. */
function reachOf(lanes: readonly Lane[], instrument: Instrument, now: Ms): number {
  const calendar = calendarOf(instrument.spec.calendar)
  let tradedMs = 0
  let days = 0
  for (const { needs, timeframes } of lanes) {
    const bars = (needs.warmup ?? 0) + 1
    for (const timeframe of timeframes) {
      if (timeframe === '1d') days = Math.max(days, bars)
      else tradedMs = Math.max(tradedMs, bars * lengthMs(timeframe))
    }
  }
  for (let back = 1; back <= REACH_DAYS_MAX; back *= 2) {
    const from = (now - back * DAY) as Ms
    const sessions = calendar.sessions(from, now)
    let traded = 0
    for (const { open, close } of sessions) {
      traded += Math.max(0, Math.min(close, now) - Math.max(open, from))
    }
    if (traded >= tradedMs && sessions.length >= days) return from
  }
  return now - REACH_DAYS_MAX * DAY
}
