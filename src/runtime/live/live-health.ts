// Live health: a run at a venue as it is now, as the value that others read.
import type { Ms, SymbolId } from '../../core/brand.ts'
import { calendarOf, type CalendarName } from '../../core/calendar.ts'
import { expectedStarts } from '../../core/expected.ts'
import { lengthMs, MINUTE, type Timeframe } from '../../core/time.ts'
import { aheadOf, DATA_AGE_MS_MAX, type Health, type StaleBars } from './health.ts'
import type { Agreement } from './agreement.ts'
import type { LiveParts } from './options.ts'
import type { PrunerStatistics } from './pruner.ts'

/** @param since When this process began to trade; undefined before. */
export function healthOf(
  parts: LiveParts,
  agreement: Agreement,
  {
    since,
    pruned,
    ...state
  }: Pick<Health, 'phase' | 'isFollowing' | 'takeovers'> & {
    readonly since: Ms | undefined
    readonly pruned: PrunerStatistics | undefined
  },
): Health {
  const { options, timing, engine, gateway, pump, recorder } = parts
  const { setup, venue, journal } = options
  const { killSwitch, safeMode, isPaused, hold, down, without } = engine.safety
  const { ours } = engine
  const { room } = journal
  const { copiesTo } = options
  const copies = pruned === undefined || copiesTo === undefined ? {} : { copiesTo }
  const nameOf = (symbol: SymbolId): string => setup.universe.at(symbol).symbol
  const at = pump.now()
  const { behindMs } = pump
  const aheadMs = aheadOf(venue.statistics?.clockOffsetMs, timing.gapMsMax)
  const ages = setup.universe.all
    .map(({ id, symbol }) => ({ symbol, ageMs: engine.priceAge(id, at) }))
    .filter(({ ageMs }) => ageMs < Infinity)
    .toSorted((a, b) => a.ageMs - b.ageMs)
  const [newest, oldest] = [ages[0], ages.at(-1)]
  const { underWay } = gateway
  const inbox = pump.inbox.statistics
  const isUp = (stream: string): boolean => !down.includes(`${venue.id} ${stream}`)
  return {
    ...state,
    at,
    ...(behindMs > timing.gapMsMax ? { behindMs } : {}),
    ...(aheadMs === undefined ? {} : { aheadMs }),
    run: setup.run,
    venue: venue.id,
    symbols: setup.universe.size,
    streams: { feed: isUp('feed'), orders: isUp('orders') },
    ...(without.length === 0 ? {} : { without: without.map(nameOf) }),
    ...(newest === undefined ? {} : { dataAgeMs: newest.ageMs }),
    ...(oldest === undefined ? {} : { oldest }),
    isDataDue: since !== undefined && at - since > DATA_AGE_MS_MAX && isMarketOpen(parts, at),
    bars: { series: recorder.lasts.length, stale: staleBarsOf(parts, { at, since }) },
    ...(options.shared === undefined ? {} : { shared: options.shared.statistics }),
    ...(options.forming === undefined ? {} : { forming: options.forming.statistics }),
    unknownOrders: engine.liveOrders
      .filter(({ id, phase }) => phase === 'sent' && !underWay.has(id))
      .map(({ id }) => id),
    halts: ours.halts.map(({ symbol, cause, why }) => ({
      symbol: nameOf(symbol),
      cause,
      why,
    })),
    haltedLanes: engine.lanes
      .filter(({ halted }) => halted !== undefined)
      .map(({ strategy, symbol, halted }) => `${strategy} on ${nameOf(symbol)}: ${halted}`),
    ...(killSwitch === undefined ? {} : { killSwitch }),
    ...(safeMode === undefined ? {} : { safeMode }),
    isPaused,
    ...(venue.deadMan === undefined ? {} : { deadMan: venue.deadMan }),
    ...(hold === undefined ? {} : { hold }),
    budgets: venue.statistics?.budgets ?? [],
    inbox: { waiting: inbox.waiting, use: inbox.utilisation, dropped: inbox.dropped },
    differences: agreement.statistics.open,
    ...(agreement.reportedAt === undefined ? {} : { lastReportAt: agreement.reportedAt }),
    ...(pump.snapshotAt === undefined ? {} : { lastSnapshotAt: pump.snapshotAt }),
    turns: engine.turns,
    ...(room === undefined ? {} : { journal: { ...room, ...pruned, ...copies } }),
    reportEveryMs: timing.reconcileEveryMs,
  }
}

/** So long after its end a bar of a stream may be missing. */
const BAR_LATE_MS = 5 * MINUTE

/** Series whose last bar is not the one that their market lets us expect; what began before this process did is not due. */
function staleBarsOf(
  { options, recorder }: LiveParts,
  { at, since }: { readonly at: Ms; readonly since: Ms | undefined },
): StaleBars[] {
  if (since === undefined) return []
  const { universe } = options.setup
  const dues = new Map<string, number | undefined>()
  const dueOf = (calendar: CalendarName, timeframe: Timeframe): number | undefined => {
    const key = `${calendar} ${timeframe}`
    if (!dues.has(key)) {
      const starts = expectedStarts(calendarOf(calendar), timeframe, { from: since, to: at })
      const isDue = (start: number): boolean => start + lengthMs(timeframe) + BAR_LATE_MS <= at
      dues.set(key, starts.findLast(isDue))
    }
    return dues.get(key)
  }
  return recorder.lasts
    .map(({ symbol, timeframe, start }) => ({ one: universe.at(symbol), timeframe, start }))
    .filter(({ one, timeframe, start }) => {
      const due = dueOf(one.spec.calendar, timeframe)
      return due !== undefined && start < due
    })
    .map(({ one, timeframe, start }) => ({ symbol: one.symbol, timeframe, last: start }))
}

/** True where some market has been open for so long that a price must have come. */
function isMarketOpen({ options }: LiveParts, at: Ms): boolean {
  const names = new Set<CalendarName>(options.setup.universe.all.map(({ spec }) => spec.calendar))
  return [...names].some((name) => {
    const session = calendarOf(name).sessionAt(at, 'regular')
    return session !== undefined && at - session.open > DATA_AGE_MS_MAX
  })
}
