// defineStrategy: the whole user-facing API is this function, the Context and the Hooks.
import { z } from 'zod'
import type { Gauges } from '../core/gauges.ts'
import type { Bar, Quote, Trade } from '../core/market.ts'
import type { Fill, Order } from '../core/order.ts'
import type { Timeframe } from '../core/time.ts'
import type { Context } from './context.ts'

export { z }

/** What the runtime must supply: subscriptions, warm-up bars, timers. */
export interface Needs {
  readonly bars?: Timeframe | readonly Timeframe[]
  readonly quotes?: true
  readonly trades?: true
  /** Levels of the book, of each side, that `ctx.book` shows; with it come quotes. At most 50. */
  readonly depth?: number
  /** Closed bars of each timeframe that the hooks must have seen before they may trade. */
  readonly warmup?: number
  /** Timers by name: `{ cycle: '5m' }` fires `onTimer('cycle')` on every full five minutes of UTC. */
  readonly every?: Readonly<Record<string, string>>
}

/** All optional. Called synchronously within a turn; an exception, or a promise, halts this lane and no other. */
export interface Hooks {
  /** A closed bar of one of the timeframes in `needs.bars`; also during warm-up, when orders are refused. */
  onBar?(bar: Bar): void
  onQuote?(quote: Quote): void
  onTrade?(trade: Trade): void
  /** Once per turn in which anything changed for this symbol: the place to quote from. */
  onTurn?(): void
  onTimer?(name: string): void
  onFill?(event: { readonly order: Order; readonly fill: Fill }): void
  onDone?(order: Order): void
  /** Numbers for people, asked for between turns, of the context as it is then. What it asks for or assigns is not done. */
  gauges?(): Gauges
}

const HOOKS: Readonly<Record<keyof Hooks, true>> = {
  onBar: true,
  onQuote: true,
  onTrade: true,
  onTurn: true,
  onTimer: true,
  onFill: true,
  onDone: true,
  gauges: true,
}

export const HOOK_NAMES: readonly string[] = Object.keys(HOOKS)

export interface Strategy<P extends z.ZodObject = z.ZodObject, S = unknown> {
  /** Lower-case letters, digits and hyphens, at most 20 characters: it begins every order id. */
  readonly name: string
  /** The schema of the parameters: configuration errors name the path, help and forms are drawn from it. */
  readonly params: P
  needs(params: z.output<P>): Needs
  /** Facts that only this strategy knows and cannot derive again. Plain JSON, saved with every snapshot. */
  readonly state?: () => S
  /** Called once per symbol. Indicators live in the closure; warm-up rebuilds them, nothing saves them. */
  symbol(ctx: Context<S>, params: z.output<P>): Hooks
}

/** Gives the strategy back with its types inferred. */
export const defineStrategy = <P extends z.ZodObject, S = undefined>(
  strategy: Strategy<P, S>,
): Strategy<P, S> => strategy
