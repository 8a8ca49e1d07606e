/*
 * Guards: when the market maker quotes less, and when not at all.
 *
 *   soft       half the size, half as far again from the middle
 *   hard       no quotes for two seconds
 *   breaker    too many refusals in a minute: no quotes for half a minute, then one level until five were taken
 *   kill       the loss of the day, twice that as a drawdown: frozen
 *   mode       active ── warnings in a row ──▶ cooldown (half) ── good windows ──▶ active
 *              any critical value ──▶ frozen (none) ── 24 good windows in a row ──▶ active
 *
 * No quotes means that all are withdrawn: cancels always pass.
 */
import {
  CHANGES,
  type Memory,
  type Mode,
  percentile,
  profitOf,
  scoreOf,
  takersSince,
} from './memory.ts'

export interface GuardParams {
  readonly softMoveBps: number
  readonly hardMoveBps: number
  readonly softLatencyMs: number
  readonly hardLatencyMs: number
  readonly softInventory: number
  readonly hardInventory: number
  readonly softTakers: number
  readonly hardTakers: number
  readonly maxDailyLoss: number
  readonly minEdgeBps: number
  readonly maxRiskRatio: number
  readonly minMakerShare: number
}

export type Level = 'none' | 'soft' | 'hard'
export interface Guard {
  readonly level: Level
  /** In words, those of the level. */
  readonly why: readonly string[]
}

const SOFT_SCORE = -1.5
const HARD_SCORE = -2.5
const QUARTER_MS = 900_000

/** @param inventory Value of the position as a fraction of equity. */
export function guardOf(
  memory: Memory,
  { now, inventory }: { readonly now: number; readonly inventory: number },
  p: GuardParams,
): Guard {
  const move = memory.changes.length < CHANGES ? 0 : deviation(memory.changes)
  const latency = percentile(memory.latencies, 0.95)
  const score = scoreOf(memory.profits)
  const takers = takersSince(memory, now - QUARTER_MS)
  const found: readonly (readonly [name: string, isSoft: boolean, isHard: boolean])[] = [
    [`moves of ${round(move)} bps`, move >= p.softMoveBps, move >= p.hardMoveBps],
    [`latency ${latency} ms`, latency > p.softLatencyMs, latency > p.hardLatencyMs],
    [`profit score ${round(score)}`, score < SOFT_SCORE, score < HARD_SCORE],
    [
      `inventory ${round(inventory * 100)} %`,
      inventory > p.softInventory,
      inventory > p.hardInventory,
    ],
    [`${takers} taker fills`, takers >= p.softTakers, takers >= p.hardTakers],
  ]
  const hard = found.filter(([, , isHard]) => isHard).map(([name]) => name)
  if (hard.length > 0) return { level: 'hard', why: hard }
  const soft = found.filter(([, isSoft]) => isSoft).map(([name]) => name)
  return { level: soft.length > 0 ? 'soft' : 'none', why: soft }
}

const WINDOW_MS = 60_000
const OPEN_MS = 30_000
const PROBES = 5
const LEAST = 5

/** `open`: nothing is placed. `probing`: one level, until enough were taken. */
export function breakerOf(
  { refusals, acceptances }: Memory,
  now: number,
): 'closed' | 'open' | 'probing' {
  const newest = refusals.at(-1) ?? -Infinity
  if (now - newest > WINDOW_MS + OPEN_MS) return 'closed'
  const bad = refusals.filter((at) => at > newest - WINDOW_MS).length
  const good = acceptances.filter((at) => at > newest - WINDOW_MS && at <= newest).length
  if (bad < LEAST || bad < good) return 'closed'
  if (now - newest < OPEN_MS) return 'open'
  return acceptances.filter((at) => at > newest + OPEN_MS).length >= PROBES ? 'closed' : 'probing'
}

/** Why there is no more trading today; undefined where there is. */
export function killOf(memory: Memory, { maxDailyLoss }: GuardParams): string | undefined {
  const profit = profitOf(memory)
  const ofDay = profit - memory.dayProfit
  if (ofDay <= -maxDailyLoss) return `the loss of the day is ${round(-ofDay)}`
  const peak = Math.max(0, ...memory.profits)
  return peak - profit > 2 * maxDailyLoss ? `the drawdown is ${round(peak - profit)}` : undefined
}

const GOOD_TO_THAW = 24
const IN_A_ROW = 2
const FILLS_LEAST = 10
const SLOW_MS = 350

/** The mode after a window. @param riskRatio The position as a fraction of the largest. */
export function modeAfter(
  memory: Memory,
  { now, riskRatio }: { readonly now: number; readonly riskRatio: number },
  p: GuardParams,
): Pick<Memory, 'mode' | 'good' | 'warned'> & { readonly why: string } {
  const { count, edgeBps: edge, makerShare: makers } = qualityOf(memory, now)
  const hasFills = count >= FILLS_LEAST
  const kill = killOf(memory, p)
  const critical =
    kill ??
    (hasFills && edge < p.minEdgeBps ? `the edge is ${round(edge)} bps` : undefined) ??
    (riskRatio > p.maxRiskRatio ? `the position is ${round(riskRatio)} of the largest` : undefined)
  if (critical !== undefined) return { mode: 'frozen', good: 0, warned: 0, why: critical }
  const isSlow = percentile(memory.latencies, 0.95) > SLOW_MS
  const isWarning = isSlow || (hasFills && makers < p.minMakerShare)
  const good = isWarning ? 0 : memory.good + 1
  const warned = isWarning ? memory.warned + 1 : 0
  return {
    mode: nextMode(memory.mode, good, warned),
    good,
    warned,
    why: isSlow ? 'slow' : 'takers',
  }
}

function nextMode(mode: Mode, good: number, warned: number): Mode {
  if (mode === 'frozen') return good >= GOOD_TO_THAW ? 'active' : 'frozen'
  if (warned >= IN_A_ROW) return 'cooldown'
  return mode === 'cooldown' && good < IN_A_ROW ? 'cooldown' : 'active'
}

function deviation(samples: readonly number[]): number {
  const mean = samples.reduce((sum, x) => sum + x, 0) / samples.length
  return Math.sqrt(samples.reduce((sum, x) => sum + (x - mean) ** 2, 0) / samples.length)
}

/** What the fills of a quarter of an hour were worth: their mean edge after fees, and the part that made liquidity. */
export function qualityOf({ fills }: Memory, now: number) {
  const recent = fills.filter(({ at }) => at > now - QUARTER_MS)
  const count = recent.length
  return {
    count,
    edgeBps: recent.reduce((sum, { edgeBps }) => sum + edgeBps, 0) / count,
    makerShare: recent.filter(({ isTaker }) => !isTaker).length / count,
  }
}

const round = (x: number): number => Math.round(x * 100) / 100
