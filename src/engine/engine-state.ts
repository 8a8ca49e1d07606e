// Engine state: all that an engine is, as plain JSON, but for what strategies derive from bars; and back into a fresh one.
import { assert } from '../core/assert.ts'
import type { SymbolId } from '../core/brand.ts'
import type { ExternalOrder } from '../core/input.ts'
import type { Depth, Quote } from '../core/market.ts'
import type { Bars, BarState } from './bars.ts'
import type { BracketState } from './brackets.ts'
import type { Desk } from './desk.ts'
import type { Lane, LaneState } from './lanes.ts'
import type { Markouts } from './markouts.ts'
import type { OrdersState } from './orders.ts'
import type { OutboxState } from './outbox.ts'
import type { PortfolioState } from './portfolio.ts'
import type { LaneRestState } from './resting.ts'
import type { RiskState } from './risk.ts'

/** What is counted from turn to turn. */
interface Progress {
  readonly n: number
  readonly now: number
  readonly minute: number
  /** When the first timer was due that a hold keeps back; only where one is. */
  readonly timersFrom?: number
}

export interface EngineState extends Progress {
  readonly orders: OrdersState
  readonly externals: readonly ExternalOrder[]
  readonly outbox: OutboxState
  readonly portfolio: PortfolioState
  readonly risk: RiskState
  readonly brackets: BracketState
  readonly restings: readonly LaneRestState[]
  readonly markouts: ReturnType<Markouts['capture']>
  readonly quotes: readonly Quote[]
  /** Only where a strategy asks for depth. */
  readonly depths?: readonly Depth[]
  readonly bars: BarState
  readonly lanes: readonly LaneState[]
}

export function captured(
  desk: Desk,
  bars: Bars,
  { hasDepth, ...progress }: Progress & { readonly hasDepth: boolean },
): EngineState {
  const { orders, externals, outbox, portfolio, risk } = desk.parts
  return {
    ...progress,
    orders: orders.capture(),
    externals: externals.capture(),
    outbox: outbox.capture(desk.now),
    portfolio: portfolio.capture(),
    risk: risk.capture(),
    brackets: desk.brackets.capture(),
    restings: desk.restings.capture(),
    markouts: desk.markouts.capture(),
    quotes: desk.quotes,
    ...(hasDepth ? { depths: desk.depths } : {}),
    bars: bars.capture(),
    lanes: desk.lanes.map((lane) => lane.capture()),
  }
}

/** Into fresh ones, whose time is that of the state already. */
export function restore(desk: Desk, bars: Bars, state: EngineState): void {
  const { orders, externals, outbox, portfolio, risk } = desk.parts
  orders.restore(state.orders)
  externals.restore(state.externals)
  outbox.restore(state.outbox)
  portfolio.restore(state.portfolio)
  risk.restore(state.risk)
  desk.brackets.restore(state.brackets)
  for (const quote of state.quotes) desk.setQuote(quote)
  for (const depth of state.depths ?? []) desk.setDepth(depth)
  bars.restore(state.bars)
  const { length } = desk.lanes
  assert(state.lanes.length === length, `the snapshot has ${length} lanes`)
  for (const saved of state.lanes) laneOf(desk, saved).restore(saved)
  for (const saved of state.restings) desk.restings.restore(laneOf(desk, saved), saved)
  desk.markouts.restore(state.markouts)
  desk.closings.resume()
}

function laneOf(
  desk: Desk,
  { strategy, symbol }: { readonly strategy: string; readonly symbol: number },
): Lane {
  const lane = desk.laneOf(strategy, symbol as SymbolId)
  assert(lane !== undefined, `lane ${strategy} of symbol ${symbol} is configured`)
  return lane
}
