// Limit changes: what two configurations differ in of what may change while a run goes on: the limits of risk and
// batching; and whether a change allows more than before.
import { type Batching, batchingChanges, isOfBatching } from '../../core/batching.ts'
import type { LimitChange, LimitValue } from '../../core/input.ts'
import { hashOf } from '../../core/hash.ts'
import type { RiskLimits } from '../../engine/risk-limits.ts'

type Named = Exclude<keyof RiskLimits, 'drawdown'>
type Rung = keyof RiskLimits['drawdown']

/** Which way a limit goes when it allows more. */
const LOOSER: Readonly<Record<Named | `drawdown.${Rung}`, 'up' | 'down' | 'hours'>> = {
  maxOrderNotional: 'up',
  maxPositionNotional: 'up',
  maxPositionFraction: 'up',
  maxRiskFraction: 'up',
  maxExposureFraction: 'up',
  leverage: 'up',
  marginRate: 'down',
  maxPositions: 'up',
  maxOpenOrders: 'up',
  maxTradesPerDay: 'up',
  maxDailyLoss: 'up',
  maxDailyLossFraction: 'up',
  ordersPerMinute: 'up',
  priceBand: 'up',
  staleAfterMs: 'up',
  tradingHours: 'hours',
  // A shorter memory knows a lower peak.
  'drawdown.days': 'down',
  'drawdown.warning': 'up',
  'drawdown.halt': 'up',
  'drawdown.emergency': 'up',
  'drawdown.recoverWarning': 'up',
  'drawdown.recoverHalt': 'up',
  'drawdown.recoverEmergency': 'up',
  'drawdown.warningScale': 'up',
}

const HOURS: readonly LimitValue[] = ['regular', 'extended', 'always']

/** What may change while a run goes on. */
export interface InForce {
  readonly risk: RiskLimits
  readonly batching: Batching
}

/** In the order of the names above, then those of batching. */
export function limitChanges(before: InForce, after: InForce): readonly LimitChange[] {
  const [old, young] = [valuesOf(before.risk), valuesOf(after.risk)]
  const ofRisk = Object.keys(LOOSER).flatMap((limit) => {
    const change = { limit, before: old.get(limit)!, after: young.get(limit)! }
    return change.before === change.after ? [] : [change]
  })
  return [...ofRisk, ...batchingChanges(before.batching, after.batching)]
}

/** Its place in the configuration. */
export const settingOf = (change: LimitChange): string =>
  isOfBatching(change) ? change.limit : `risk.${change.limit}`

/** Of batching the one setting by which orders do not leave: a quote that comes too late. */
const DEADLINE = 'batching.tickDeadlineMs'

/** True where the change allows what was denied before. */
export function isLooser(change: LimitChange): boolean {
  const { limit, before, after } = change
  if (isOfBatching(change)) return limit === DEADLINE && numberOf(after) > numberOf(before)
  const way = LOOSER[limit as keyof typeof LOOSER]
  if (way === 'hours') return HOURS.indexOf(after) > HOURS.indexOf(before)
  const rises = numberOf(after) > numberOf(before)
  return way === 'up' ? rises : !rises
}

/** Names these changes and no others: whoever repeats it has read them. */
export const tokenOf = (changes: readonly LimitChange[]): string => hashOf(changes).slice(0, 8)

function valuesOf({ drawdown, ...limits }: RiskLimits): ReadonlyMap<string, LimitValue> {
  const entries = [
    ...Object.entries(limits),
    ...Object.entries(drawdown).map(([name, value]) => [`drawdown.${name}`, value] as const),
  ]
  return new Map(entries.map(([name, value]) => [name, value === Infinity ? 'off' : value]))
}

const numberOf = (value: LimitValue): number => (value === 'off' ? Infinity : Number(value))
