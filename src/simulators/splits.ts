// Splits: shares that became more, or fewer, on a day; and bars of before, as if they had been so all along.
import { calendarOf } from '../core/calendar.ts'
import { Hasher } from '../core/hash.ts'
import { DAY, ms } from '../core/time.ts'
import type { Minute } from './prints.ts'

export interface Split {
  readonly symbol: string
  /** Start of the first trading day at the new price. */
  readonly exAt: number
  readonly oldRate: number
  readonly newRate: number
}

const RATES: readonly (readonly [oldRate: number, newRate: number])[] = [
  [1, 2],
  [1, 4],
  [2, 3],
  [1, 10],
  [10, 1],
]

/** A split of one symbol of so many, on a session of the range; from the seed and the symbol alone. */
export function madeSplit(
  symbol: string,
  options: {
    readonly seed: number
    readonly from: number
    readonly to: number
    readonly splitOf: number
  },
): Split | undefined {
  const { seed, from, to, splitOf } = options
  const digest = new Hasher().add(String(seed)).add(`split ${symbol}`).digest()
  const [chance, day, rate] = [0, 4, 8].map((at) => Number.parseInt(digest.slice(at, at + 4), 16))
  if (chance! % splitOf !== 0) return undefined
  const calendar = calendarOf('us-equity')
  const sessions = calendar.sessions(ms(from + DAY), ms(to))
  const session = sessions[day! % sessions.length]
  if (session === undefined) return undefined
  const [oldRate, newRate] = RATES[rate! % RATES.length]!
  return { symbol, exAt: calendar.dayStart(session.open), oldRate, newRate }
}

/** A bar at the prices of before its splits, from one that is as if they had been all along. */
export function asTraded(bar: Minute, { exAt, oldRate, newRate }: Split): Minute {
  if (bar.t >= exAt) return bar
  const price = (adjusted: number): number => Math.round((adjusted * newRate * 100) / oldRate) / 100
  const v = Math.max(1, Math.round((bar.v * oldRate) / newRate))
  return { ...bar, o: price(bar.o), h: price(bar.h), l: price(bar.l), c: price(bar.c), v }
}

/** What `adjustment=split` tells: prices with four digits, whole shares. */
export function splitAdjusted(bar: Minute, splits: readonly Split[]): Minute {
  const later = splits.filter(({ exAt }) => bar.t < exAt)
  if (later.length === 0) return bar
  const olds = later.reduce((product, { oldRate }) => product * oldRate, 1)
  const news = later.reduce((product, { newRate }) => product * newRate, 1)
  const price = (traded: number): number => Math.round(((traded * olds) / news) * 10_000) / 10_000
  const { o, h, l, c, vw } = bar
  const v = Math.round((bar.v * news) / olds)
  return { ...bar, o: price(o), h: price(h), l: price(l), c: price(c), vw: price(vw), v }
}
