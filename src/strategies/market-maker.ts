// market-maker: two-sided post-only quotes around the microprice, moved by inventory, widened and withdrawn by guards.
import { assert } from '../core/assert.ts'
import type { Quote } from '../core/market.ts'
import { type Context, defineStrategy, type Ladder, type QuoteLevel, z } from '../strategy/index.ts'
import type { Side } from '../core/order.ts'
import { aheadOf, QUEUE_LEVELS, shownIn } from './maker/depth.ts'
import { gaugesOf, scaleOf } from './maker/gauges.ts'
import { breakerOf, guardOf, killOf, modeAfter } from './maker/guards.ts'
import {
  BLANK,
  type Memory,
  profitOf,
  takersSince,
  withFill,
  withLatency,
  withMid,
  withRefusal,
} from './maker/memory.ts'
import { imbalance, ladderOf, microprice } from './maker/quoters.ts'
import { widthAfter } from './maker/width.ts'

const bps = z.number().min(0).max(1_000)
const share = z.number().gt(0).max(1)

const params = z
  .object({
    quoter: z.enum(['edge', 'volatility']).default('edge').describe('how far quotes stand apart'),
    levels: z.int().min(1).max(20).default(3).describe('of each side'),
    stepBps: bps.default(0.5).describe('between levels of the edge quoter'),
    notional: z.number().gt(0).default(10).describe('money of the first level'),
    maxPosition: z.number().gt(0).default(5_000).describe('money of the largest position'),
    makerFeeBps: z.number().min(-100).max(100).default(1),
    takerFeeBps: z.number().min(0).max(100).default(1),
    bufferBps: bps.default(2).describe('on top of the fees of a round trip'),
    skewPerPercent: bps.default(0.1).describe('basis points for each percent of the position'),
    maxSkewBps: bps.default(30),
    minSpreadBps: bps.default(2).describe('of the volatility quoter'),
    maxSpreadBps: bps.default(25),
    thinSize: z
      .number()
      .min(0)
      .default(0)
      .describe('at the top; less is a thin market, 0 never is'),
    depth: z
      .int()
      .min(0)
      .max(50)
      .default(0)
      .describe('levels of the book that imbalance, thinness and queue are of; 0 is the top alone'),
    requoteBps: bps.default(0.5),
    refreshMs: z.int().min(0).max(60_000).default(800).describe('unless the mid moved by 1 bp'),
    nudgeBps: bps.default(0.5).describe('towards the best price, where others are ahead'),
    adverse: z.boolean().default(true).describe('holds a side back that would be run over'),
    spikeBps: bps.default(10).describe('a jump after which nothing is quoted for half a second'),
    takersPerHour: z.int().min(0).max(10_000).default(50),
    softMoveBps: bps.default(15),
    hardMoveBps: bps.default(25),
    softLatencyMs: z.number().gt(0).default(300),
    hardLatencyMs: z.number().gt(0).default(450),
    softInventory: share.default(0.06).describe('of equity'),
    hardInventory: share.default(0.1),
    softTakers: z.int().min(1).default(12).describe('taker fills of 15 minutes'),
    hardTakers: z.int().min(1).default(20),
    maxDailyLoss: z.number().gt(0).default(300).describe('money'),
    minEdgeBps: z.number().default(2.5).describe('less is critical'),
    maxRiskRatio: share.default(0.4).describe('of the largest position; more is critical'),
    minMakerShare: z.number().min(0).max(1).default(0.83).describe('less is a warning'),
  })
  .refine((p) => p.minSpreadBps <= p.maxSpreadBps, {
    path: ['minSpreadBps'],
    message: 'the smallest spread is not above the largest',
  })

type Params = z.output<typeof params>
type MakerContext = Context<Memory>

const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000
const SPIKE_MS = 500
const HARD_MS = 2_000
const ADVERSE_MS = 300
const NUDGE_MS = 150
/** A share of the top's size above which the side is about to give way. */
const CROWDED = 0.3
/** A part of the best levels above which a queue is long. */
const QUEUED = 0.3
const DRIFT_BPS = 3
/** Movement in a minute from the variance of a second. */
const perMinute = (variance: number): number => Math.sqrt(variance * 60)

export const marketMaker = defineStrategy({
  name: 'market-maker',
  params,
  needs: ({ depth }) => ({
    quotes: true,
    every: { window: '1m' },
    ...(depth > 0 && { depth: Math.max(depth, QUEUE_LEVELS) }),
  }),
  state: () => BLANK,
  symbol(ctx, p) {
    assert(
      !ctx.instrument.isInverse,
      `${ctx.instrument.symbol} is inverse: its quotes are not counted here`,
    )
    return {
      onQuote(quote) {
        const mid = (quote.bid + quote.ask) / 2
        if (!(quote.bid > 0 && quote.ask > quote.bid)) return
        const before = ctx.state.mid
        const moved = before > 0 ? Math.abs(Math.log(mid / before)) * 10_000 : 0
        const memory = withMid(ctx.state, mid, ctx.now)
        const isSpike = moved > p.spikeBps
        ctx.state = isSpike ? { ...memory, quietUntil: ctx.now + SPIKE_MS } : memory
        if (isSpike) ctx.signal('spike', { bps: Math.round(moved * 100) / 100 })
      },
      onFill({ order, fill }) {
        // What a contract is worth counts as so many of what it is of: its profit is money then.
        const traded = { ...fill, qty: fill.qty * ctx.instrument.multiplier }
        ctx.state = { ...withFill(ctx.state, order, traded, ctx.now), declaredAt: 0 }
      },
      onDone(order) {
        const isRefused = order.reason === 'rejected' || order.reason === 'expired'
        if (isRefused) ctx.state = withRefusal(ctx.state, ctx.now)
      },
      onTimer() {
        onWindow(ctx, p)
      },
      onTurn() {
        const { quote, now } = ctx
        if (quote === undefined || !(quote.bid > 0 && quote.ask > quote.bid)) return
        noteAcceptances(ctx)
        const mid = (quote.bid + quote.ask) / 2
        const { declaredAt, declaredMid } = ctx.state
        const isStill = Math.abs(Math.log(mid / declaredMid)) * 10_000 < 1
        // Nothing is declared while it is withdrawn: then it is looked at in every turn.
        if (declaredAt > 0 && isStill && now - declaredAt < p.refreshMs) return
        const isAllowed = mayQuote(ctx, p)
        ctx.state = { ...ctx.state, declaredAt: isAllowed ? now : 0, declaredMid: mid }
        ctx.rest(isAllowed ? ladderNow(ctx, p, quote) : NOTHING, {
          levelsPerSide: p.levels,
          requoteBps: p.requoteBps,
        })
      },
      gauges() {
        const { state: memory, now, quote, book, orders } = ctx
        const [inventory, inventoryPercent] = [inventoryOf(ctx), percentOf(ctx, p)]
        const volatilityBps = perMinute(memory.variance)
        return gaugesOf(
          { memory, now, quote, book, orders, volatilityBps, inventory, inventoryPercent },
          p,
        )
      },
    }
  },
})

const NOTHING: Ladder = { bids: [], asks: [] }

/** How long the venue took, of orders that it has just taken. */
function noteAcceptances(ctx: MakerContext): void {
  const open = ctx.orders.filter(({ phase }) => phase === 'open')
  const { known } = ctx.state
  if (open.length === known.length && open.every(({ id }, i) => id === known[i])) return
  for (const { id, updatedAt, createdAt } of open) {
    if (known.includes(id)) continue
    ctx.state = withLatency(ctx.state, updatedAt - createdAt, ctx.now)
  }
  ctx.state = { ...ctx.state, known: open.map(({ id }) => id) }
}

/** False where all quotes are to be withdrawn. */
function mayQuote(ctx: MakerContext, p: Params): boolean {
  const { state, now } = ctx
  if (state.mode === 'frozen' || now < state.quietUntil) return false
  // What it was told to look at is not there.
  if (p.depth > 0 && ctx.book?.isGood !== true) return false
  const kill = killOf(state, p)
  if (kill !== undefined) {
    freeze(ctx, kill)
    return false
  }
  if (breakerOf(state, now) === 'open') return false
  if (takersSince(state, now - HOUR_MS) > p.takersPerHour) return false
  const guard = guardOf(state, { now, inventory: inventoryOf(ctx) }, p)
  if (guard.level !== 'hard') return true
  ctx.state = { ...state, quietUntil: now + HARD_MS }
  ctx.signal('guard', { level: 'hard', why: guard.why.join(', ') })
  return false
}

function ladderNow(ctx: MakerContext, p: Params, quote: Quote): Ladder {
  const { now } = ctx
  const volatilityBps = perMinute(ctx.state.variance)
  const shown = shownIn(quote, ctx.book, p.depth)
  const size = (shown.bidSize + shown.askSize) / 2 / Math.max(1, p.depth)
  const isProbing = breakerOf(ctx.state, now) === 'probing'
  ctx.state = {
    ...ctx.state,
    ...widthAfter(ctx.state, { now, volatilityBps, size, thin: p.thinSize }),
  }
  const pull = imbalance(shown)
  if (p.adverse) holdBack(ctx, pull)
  const { state } = ctx
  const isSoft = guardOf(state, { now, inventory: inventoryOf(ctx) }, p).level === 'soft'
  const drift = (Math.abs(microprice(quote) - (quote.bid + quote.ask) / 2) / quote.bid) * 10_000
  const width = state.width * (isSoft ? 1.5 : 1) * (p.adverse && drift > DRIFT_BPS ? 1.3 : 1)
  const scale = scaleOf(state, isSoft)
  const inventoryPercent = percentOf(ctx, p)
  const view = { quote, pull, volatilityBps, inventoryPercent, width, scale }
  const qty = p.notional / quote.bid / ctx.instrument.spec.multiplier
  const ladder = nudged(ctx, ladderOf(view, { ...p, levels: isProbing ? 1 : p.levels, qty }), p)
  return {
    bids: inventoryPercent >= 100 || now < state.bidsAfter ? [] : ladder.bids,
    asks: inventoryPercent <= -100 || now < state.asksAfter ? [] : ladder.asks,
  }
}

/** Who is long while buyers crowd waits a moment with selling, and the other way round: the price is coming. */
function holdBack(ctx: MakerContext, pull: number): void {
  const { position, state, now } = ctx
  if (position.isLong && pull > CROWDED) ctx.state = { ...state, asksAfter: now + ADVERSE_MS }
  if (position.isShort && pull < -CROWDED) ctx.state = { ...state, bidsAfter: now + ADVERSE_MS }
}

/**
 * The first level moves a little towards the best price where it is behind it. Without depth all that stands there is
 * ahead of us; with it, only where that is a third of the best three levels.
 */
function nudged(ctx: MakerContext, { bids, asks }: Ladder, { nudgeBps }: Params): Ladder {
  const { quote, book, state, now } = ctx
  if (quote === undefined || nudgeBps === 0 || now - state.nudgedAt < NUDGE_MS)
    return { bids, asks }
  const step = nudgeBps / 10_000
  const fair = microprice(quote)
  const isBehind = (side: Side, price: number): boolean =>
    book === undefined || aheadOf(book, side, price) > QUEUED
  const first = (
    levels: readonly QuoteLevel[],
    side: Side,
    move: (price: number) => number,
  ): readonly QuoteLevel[] =>
    levels.map((level, i) =>
      i === 0 && isBehind(side, level.price) ? { ...level, price: move(level.price) } : level,
    )
  ctx.state = { ...state, nudgedAt: now }
  const up = (price: number) => Math.max(price, Math.min(price * (1 + step), quote.bid, fair))
  const down = (price: number) => Math.min(price, Math.max(price * (1 - step), quote.ask, fair))
  return { bids: first(bids, 'buy', up), asks: first(asks, 'sell', down) }
}

function onWindow(ctx: MakerContext, p: Params): void {
  const { state, now } = ctx
  if (!(state.mid > 0)) return
  const profit = profitOf(state)
  const day = Math.floor(now / DAY_MS)
  const isNewDay = day !== state.day
  const memory = {
    ...state,
    profits: [...state.profits, profit].slice(-60),
    day,
    dayProfit: isNewDay ? profit : state.dayProfit,
  }
  const riskRatio = Math.abs(percentOf(ctx, p)) / 100
  const { why, ...next } = modeAfter(memory, { now, riskRatio }, p)
  ctx.state = { ...memory, ...next }
  if (next.mode !== state.mode) ctx.signal('mode', { before: state.mode, after: next.mode, why })
}

function freeze(ctx: MakerContext, why: string): void {
  ctx.signal('mode', { before: ctx.state.mode, after: 'frozen', why })
  ctx.state = { ...ctx.state, mode: 'frozen', good: 0, warned: 0 }
}

/** The position as percent of the largest, signed. */
function percentOf(ctx: MakerContext, { maxPosition }: Params): number {
  const { position, instrument, state } = ctx
  return (position.qty * state.mid * instrument.spec.multiplier * 100) / maxPosition
}

/** Value of the position as a fraction of equity; infinite where there is no equity. */
function inventoryOf({ position, instrument, state, equity }: MakerContext): number {
  if (position.isFlat) return 0
  const value = Math.abs(position.qty) * state.mid * instrument.spec.multiplier
  return equity > 0 ? value / equity : Infinity
}
