export type { Account } from './core/account.ts'
export { BadInput, type Place } from './core/bad-input.ts'
export type { Brand, FillId, Money, Ms, OrderId, Px, Qty, SymbolId, VenueId } from './core/brand.ts'
export type { CalendarName, Session } from './core/calendar.ts'
export type { Batch, Command, Turn } from './core/command.ts'
export type { Gauges } from './core/gauges.ts'
export type { Input, MarketInput } from './core/input.ts'
export type { Instrument, InstrumentKind, InstrumentSpec } from './core/instrument.ts'
export type { Bar, Depth, Quote, Trade } from './core/market.ts'
export type { Notice } from './core/notice.ts'
export type { Fill, Order, Side, TimeInForce } from './core/order.ts'
export type { Position } from './core/position.ts'
export type { Timeframe } from './core/time.ts'
export {
  type Config,
  configHash,
  type ConfigInput,
  defaultConfig,
  defineConfig,
  loadConfig,
  parseConfig,
} from './runtime/config/config.ts'
export { loadUses } from './runtime/config/uses.ts'
export {
  type BracketIntent,
  type Context,
  defineStrategy,
  type Holding,
  type Hooks,
  type Ladder,
  type Needs,
  type OrderIntent,
  type QuoteLevel,
  type RestPolicy,
  type Strategy,
  type Trail,
  z,
} from './strategy/index.ts'
