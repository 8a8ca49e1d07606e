// What a simulated venue is told about costs and delays: models as data, and the pure functions that read them.
import { assert, unreachable } from '../../core/assert.ts'
import type { VenueId } from '../../core/brand.ts'
import { seeded } from '../../core/random.ts'
import { EVERY_ORDER, forEveryKind } from '../../core/terms.ts'
import { MAX_SYMBOLS } from '../../core/universe.ts'
import type { Limits } from '../../core/venue.ts'

/**
 * How long a command is on its way, and how long an answer is; whole milliseconds, at least 1 each. Zero is
 * refused: an answer within the millisecond of its question would make the result depend on how inputs are
 * grouped into turns. `jitterMs` adds up to so many more to the way in, drawn from the seed; commands never
 * overtake each other.
 */
export interface Latency {
  readonly entryMs: number
  readonly responseMs: number
  readonly jitterMs?: number
}

export type FeeModel =
  | { readonly type: 'none' }
  /** So much per share and at least `min` per order, but no more than `maxFraction` of the order's value. */
  | {
      readonly type: 'per-share'
      readonly perShare: number
      readonly min: number
      readonly maxFraction: number
    }
  /** Fractions of the value: 0.001 is 0.1 %; a negative `maker` is a rebate. */
  | { readonly type: 'fraction'; readonly maker: number; readonly taker: number }
  | { readonly type: 'per-contract'; readonly perContract: number }

/** How much worse than the bar says an order that takes liquidity trades. Prints and quotes need no such guess. */
export type SlippageModel =
  | { readonly type: 'none' }
  /** Tick sizes of the instrument. */
  | { readonly type: 'ticks'; readonly ticks: number }
  /** A fraction of the price: 0.0005 is 5 basis points. */
  | { readonly type: 'fraction'; readonly fraction: number }
  /** Half of an assumed spread, in units of the price. */
  | { readonly type: 'half-spread'; readonly spread: number }

/**
 * When a resting limit order trades. `touch`: when the price reaches it, as if first in the queue.
 * `through`: only when the price goes beyond it, as if last. `volume`: when the size shown ahead of it at its
 * price has printed; `through` where that size is not known, as on bars.
 */
export type QueueModel = 'touch' | 'through' | 'volume'

export interface SimOptions {
  readonly venue: VenueId
  readonly cash: number
  /** 'USD' where not given. */
  readonly currency?: string
  /** 50 ms each way where not given. */
  readonly latency?: Latency
  /** No fees where not given. */
  readonly fees?: FeeModel
  /** None where not given. */
  readonly slippage?: SlippageModel
  /** 'through' where not given. */
  readonly queue?: QueueModel
  /**
   * Largest share of a bar's volume, a print's size or a quote's shown size that all our orders in the symbol
   * take together; in (0, 1], 0.1 where not given.
   */
  readonly participation?: number
  /** 'native' where not given. */
  readonly brackets?: 'native' | 'emulated'
  /** Most commands in one batch: 20 where not given. */
  readonly batch?: number
  /** Of the latency's jitter: 1 where not given. */
  readonly seed?: number
}

/** Options with the gaps filled. */
export type SimTerms = Required<Omit<SimOptions, 'latency'>> & {
  readonly latency: Required<Latency>
}

/** Fills the gaps with the defaults that `SimOptions` names, and refuses what cannot be simulated. */
export function termsOf(options: SimOptions): SimTerms {
  const terms = {
    currency: 'USD',
    fees: { type: 'none' as const },
    slippage: { type: 'none' as const },
    queue: 'through' as const,
    participation: 0.1,
    brackets: 'native' as const,
    batch: 20,
    seed: 1,
    ...options,
    latency: { entryMs: 50, responseMs: 50, jitterMs: 0, ...options.latency },
  }
  const { entryMs, responseMs, jitterMs } = terms.latency
  assert(
    Number.isSafeInteger(entryMs) && entryMs >= 1,
    `entryMs is an integer >= 1, not ${entryMs}`,
  )
  assert(
    Number.isSafeInteger(responseMs) && responseMs >= 1,
    `responseMs is an integer >= 1, not ${responseMs}`,
  )
  assert(
    Number.isSafeInteger(jitterMs) && jitterMs >= 0,
    `jitterMs is an integer >= 0, not ${jitterMs}`,
  )
  assert(
    terms.participation > 0 && terms.participation <= 1,
    `participation is in (0, 1], not ${terms.participation}`,
  )
  assert(Number.isSafeInteger(terms.batch) && terms.batch >= 1, `batch is >= 1, not ${terms.batch}`)
  assert(Number.isFinite(terms.cash), `cash is finite, not ${terms.cash}`)
  return terms
}

/** What the venue can bear: its batches and brackets as told, and no other bound that would be felt. */
export function limitsOf(terms: SimTerms): Limits {
  return {
    subscribe: { batch: MAX_SYMBOLS, everyMs: 0, total: MAX_SYMBOLS },
    orders: { batch: terms.batch, perSecond: 1_000_000 },
    history: { symbols: 1, rows: 1, perMinute: 1 },
    concurrent: 1,
    amend: true,
    terms: forEveryKind({
      takes: EVERY_ORDER,
      postOnly: true,
      shorts: true,
      fractions: true,
      brackets: terms.brackets,
      protectsParts: true,
      exitsBesideLegs: true,
      reduceOnly: true,
      exits: 'two',
    }),
    visibilityMs: 10_000,
  }
}

/** Milliseconds that the n-th message takes to arrive. Depends on the seed and n only, so nothing is kept. */
export function entryDelay(terms: SimTerms, n: number): number {
  const { entryMs, jitterMs } = terms.latency
  if (jitterMs === 0) return entryMs
  return entryMs + Math.floor(seeded(Math.imul(terms.seed, 0x9e3779b1) ^ n)() * (jitterMs + 1))
}

/** Quantity and value, in money. */
export interface Traded {
  readonly qty: number
  readonly value: number
}

/**
 * Fee of a fill, in money, not rounded. Minimum and maximum are those of the order: a fill pays what the order
 * with it costs more than the order before it did.
 */
export function feeOf(
  model: FeeModel,
  fill: Traded & { readonly isMaker: boolean; readonly before: Traded },
): number {
  switch (model.type) {
    case 'none':
      return 0
    case 'per-share': {
      const { before } = fill
      const whole = { qty: before.qty + fill.qty, value: before.value + fill.value }
      return perShare(model, whole) - perShare(model, before)
    }
    case 'fraction':
      return fill.value * (fill.isMaker ? model.maker : model.taker)
    case 'per-contract':
      return fill.qty * model.perContract
    default:
      return unreachable(model)
  }
}

function perShare(model: Extract<FeeModel, { type: 'per-share' }>, { qty, value }: Traded): number {
  return Math.min(Math.max(qty * model.perShare, model.min), value * model.maxFraction)
}

/** By how much a price gets worse, >= 0, in units of the price. */
export function slippageOf(model: SlippageModel, price: number, tickSize: number): number {
  switch (model.type) {
    case 'none':
      return 0
    case 'ticks':
      return model.ticks * tickSize
    case 'fraction':
      return Math.abs(price) * model.fraction
    case 'half-spread':
      return model.spread / 2
    default:
      return unreachable(model)
  }
}
