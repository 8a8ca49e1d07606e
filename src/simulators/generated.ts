// Generated: a seeded market as a local venue takes it: trades from the start on, and bars of the days before.
import { type Ms } from '../core/brand.ts'
import type { InstrumentSpec } from '../core/instrument.ts'
import type { Tape } from '../core/tape.ts'
import { DAY, MINUTE, ms } from '../core/time.ts'
import { generateTape } from './market.ts'
import type { StageOptions } from './stage.ts'

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

/** Of history, over all symbols: a venue of one process remembers so many, in about a gigabyte. */
export const HISTORY_MINUTES_MAX = 4_000_000

/** Minutes of history, over all symbols; today's part is not counted. */
export const historyMinutes = ({
  symbols,
  days,
  isAlwaysOpen,
}: Pick<GeneratedOptions, 'symbols' | 'days' | 'isAlwaysOpen'>): number =>
  symbols.length * days * (isAlwaysOpen ? DAY / MINUTE : 390)

/** Trading days after the start. */
const DAYS_AHEAD = 3_650

export type GeneratedMarket = Required<
  Pick<StageOptions, 'tape' | 'history' | 'halts' | 'isAlwaysOpen'>
> & { readonly startAt: Ms }

/** @param specOf What the venue makes of an instrument, which is a share where it is made. */
export function generatedOn(
  specOf: (spec: InstrumentSpec) => InstrumentSpec,
  options: GeneratedOptions,
): GeneratedMarket {
  const { seed, symbols, startAt, days, isAlwaysOpen } = options
  // Weekends and holidays are at most half of the days.
  const start = ms(isAlwaysOpen ? dayOf(startAt) - days * DAY : startAt - 2 * days * DAY)
  const around = (at: Ms) => ({ open: ms(dayOf(at)), close: ms(dayOf(at) + DAY) })
  const sessions = 2 * days + DAYS_AHEAD
  const common = { seed, symbols, start, sessions, ...(isAlwaysOpen && { sessionFrom: around }) }
  const made = (kind: 'bars' | 'trades'): Tape => {
    const tape = generateTape({ ...common, kind, tradesFrom: ms(startAt - (startAt % MINUTE)) })
    return { ...tape, instruments: tape.instruments.map(specOf) }
  }
  return { tape: made('trades'), history: made('bars'), startAt, halts: false, isAlwaysOpen }
}

const dayOf = (at: number): number => at - (at % DAY)
