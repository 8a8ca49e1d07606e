// sma-cross: several pairs of moving averages on one symbol, a market regime, and bracket exits.
import type { Bar } from '../core/market.ts'
import type { Side } from '../core/order.ts'
import { TIMEFRAMES } from '../core/time.ts'
import { atr, crosses, sma } from '../indicators/index.ts'
import { type Context, defineStrategy, z } from '../strategy/index.ts'

const length = z.int().min(1).max(1_000)
const fraction = z.number().gt(0).lt(1)

const params = z
  .object({
    pairs: z
      .array(z.tuple([length, length]))
      .min(1)
      .max(10)
      .default([
        [5, 15],
        [10, 30],
        [20, 50],
      ])
      .describe('lengths in bars of a fast and a slow average; each pair signals on its own'),
    timeframe: z.enum(TIMEFRAMES).default('1m').describe('of the bars that the averages are of'),
    fraction: z.number().gt(0).max(1).default(0.02).describe('share of equity per position'),
    shorts: z.boolean().default(true).describe('a down-cross while flat sells short'),
    minConfidence: z
      .number()
      .min(0)
      .max(1)
      .default(0.5)
      .describe('signals below it are not traded'),
    exits: z.enum(['atr', 'percent']).default('atr').describe('how far stop and target are'),
    stopAtr: z.number().gt(0).max(100).default(1.5).describe('stop distance in ATR(14)'),
    targetAtr: z.number().gt(0).max(100).default(3).describe('target distance in ATR(14)'),
    stop: fraction.default(0.01).describe('stop distance where ATR is not used or not known'),
    target: fraction.default(0.02).describe('target distance where ATR is not used or not known'),
    trailing: z.boolean().default(false).describe('the stop follows the best price'),
    trailActivate: fraction.default(0.01).describe('profit at which the stop begins to follow'),
    trailDistance: fraction.default(0.005).describe('how far behind the best price it follows'),
  })
  .refine((p) => p.pairs.every(([fast, slow]) => fast < slow), {
    path: ['pairs'],
    message: 'in each pair the fast length is below the slow one',
  })
  .refine((p) => !p.trailing || p.trailDistance < p.stop, {
    path: ['trailDistance'],
    message: 'the trailing distance is below the stop distance',
  })

type Params = z.output<typeof params>
export type Regime = 'trending' | 'ranging' | 'unknown'

const REGIME_LENGTH = 50
const ATR_LENGTH = 14

/**
 * How strongly the market trends: |close − SMA(50)| in ATRs, capped at 2; above 1.5 it trends, below 0.5 it
 * ranges, between the two it is not known. 0 where ATR is not known or zero.
 */
export function regimeOf(
  close: number,
  average: number,
  range: number,
): { readonly regime: Regime; readonly strength: number } {
  if (Number.isNaN(average)) return { regime: 'unknown', strength: 0 }
  const distance = range > 0 ? Math.min(Math.abs(close - average) / range, 2) : 0
  if (distance > 1.5) return { regime: 'trending', strength: Math.min(distance / 2, 1) }
  if (distance < 0.5) return { regime: 'ranging', strength: 0 }
  return { regime: 'unknown', strength: distance / 2 }
}

/** Confidence by regime for the slowest pair, the middle ones and the fastest. */
const CONFIDENCE: Readonly<Record<Regime, readonly [number, number, number]>> = {
  trending: [0.9, 0.7, 0.5],
  ranging: [0.3, 0.2, 0.2],
  unknown: [0.7, 0.6, 0.5],
}

/** What a signal of pair `i` of `count` is worth, 0 to 1; the pairs are ordered from fast to slow. */
export function confidenceOf(regime: Regime, i: number, count: number): number {
  const [slowest, middle, fastest] = CONFIDENCE[regime]
  return i === count - 1 ? slowest : i === 0 ? fastest : middle
}

export const smaCross = defineStrategy({
  name: 'sma-cross',
  params,
  needs: (p) => ({
    bars: p.timeframe,
    warmup: Math.max(REGIME_LENGTH, ...p.pairs.map(([, slow]) => slow)) + 1,
  }),
  symbol(ctx, p) {
    const bySpeed = p.pairs.toSorted(([, a], [, b]) => a - b)
    const pairs = crosses(bySpeed)
    // The average of the regime is that of a pair, where one has its length.
    const shared = bySpeed.findIndex(([, slow]) => slow === REGIME_LENGTH)
    const average = shared < 0 ? sma(REGIME_LENGTH) : undefined
    const range = atr(ATR_LENGTH)
    // The last signal of each pair, so that a pair which touches and turns does not signal twice.
    const last = bySpeed.map(() => 0)
    return {
      onBar(bar) {
        // A filled bar is no price action: the averages stand still with it.
        if (bar.filled === true) return
        const { close } = bar
        average?.push(close)
        range.push(bar.high, bar.low, close)
        if (!pairs.push(close)) return
        const mean = average === undefined ? pairs.slow(shared) : average.value
        for (let i = 0; i < pairs.count; i++) {
          const direction = pairs.value(i)
          if (direction === 0 || direction === last[i]) continue
          last[i] = direction
          const { regime, strength } = regimeOf(close, mean, range.value)
          const confidence = confidenceOf(regime, i, pairs.count)
          const [fast, slow] = bySpeed[i]!
          const side: Side = direction > 0 ? 'buy' : 'sell'
          // Not a number until it is ready, and zero where nothing moved: then it is not told.
          const atr = range.value
          ctx.signal(
            'cross',
            atr > 0
              ? { side, fast, slow, close, atr, confidence, regime, strength }
              : { side, fast, slow, close, confidence, regime, strength },
          )
          if (confidence >= p.minConfidence) trade(ctx, p, side, bar, range.value)
        }
      },
    }
  },
})

/** A signal against the position closes it; while flat it opens a bracket; otherwise it changes nothing. */
function trade(ctx: Context<undefined>, p: Params, side: Side, bar: Bar, range: number): void {
  const { position } = ctx
  const isAgainst = side === 'buy' ? position.isShort : position.isLong
  if (isAgainst) {
    ctx.close()
    return
  }
  if (!position.isFlat || ctx.orders.length > 0) return
  if (side === 'sell' && !p.shorts) return
  const { close } = bar
  const usesAtr = p.exits === 'atr' && range > 0
  const away = side === 'buy' ? 1 : -1
  const stop = close - away * (usesAtr ? p.stopAtr * range : p.stop * close)
  const target = close + away * (usesAtr ? p.targetAtr * range : p.target * close)
  const trail = { activate: p.trailActivate, distance: p.trailDistance }
  ctx.bracket({
    side,
    qty: ctx.size(p.fraction, stop),
    stop,
    target,
    ...(p.trailing ? { trail } : {}),
  })
}
