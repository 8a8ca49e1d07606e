// Generated: a seeded market as a local Alpaca takes it: trades from the start on, and bars of the days before.
import { type Ms } from '../../core/brand.ts'
import { DAY, ms } from '../../core/time.ts'
import { generateTape } from '../market.ts'
import { withCoins } from './coins.ts'
import type { AlpacaOptions } from './venue.ts'

export interface GeneratedOptions {
  readonly seed: number
  readonly symbols: readonly string[]
  /** Venue time of the start. */
  readonly startAt: Ms
  /** Trading days of history. */
  readonly days: number
  /** Trades around the clock; else in the sessions of US equities. */
  readonly isAlwaysOpen: boolean
}

/** Trading days after the start. */
const DAYS_AHEAD = 3_650

export type GeneratedMarket = Required<
  Pick<AlpacaOptions, 'tape' | 'history' | 'startAt' | 'halts' | 'isAlwaysOpen'>
>

/** @example AlpacaServer.start({ ...generatedMarket({ seed: 7, symbols, startAt, days: 5, isAlwaysOpen: true }), … }) */
export function generatedMarket(options: GeneratedOptions): GeneratedMarket {
  const { seed, symbols, startAt, days, isAlwaysOpen } = options
  // Weekends and holidays are at most half of the days.
  const start = ms(isAlwaysOpen ? dayOf(startAt) - days * DAY : startAt - 2 * days * DAY)
  const around = (at: Ms) => ({ open: ms(dayOf(at)), close: ms(dayOf(at) + DAY) })
  const sessions = 2 * days + DAYS_AHEAD
  const common = { seed, symbols, start, sessions, ...(isAlwaysOpen && { sessionFrom: around }) }
  return {
    tape: withCoins(generateTape({ ...common, kind: 'trades' })),
    history: withCoins(generateTape({ ...common, kind: 'bars' })),
    startAt,
    halts: true,
    isAlwaysOpen,
  }
}

const dayOf = (at: number): number => at - (at % DAY)
