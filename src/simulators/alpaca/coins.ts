// Coins: symbols with a slash are crypto pairs; a generated market knows shares only.
import type { InstrumentSpec } from '../../core/instrument.ts'
import type { Tape } from '../../core/tape.ts'

/** The tape with `BTC/USD` and the like as coins, which trade at all times. */
export const withCoins = (tape: Tape): Tape => ({
  ...tape,
  instruments: tape.instruments.map(coin),
})

/** As Alpaca has it: a coin where its name is a pair. */
export const coin = (spec: InstrumentSpec): InstrumentSpec =>
  spec.symbol.includes('/')
    ? { ...spec, kind: 'crypto', lotSize: 1e-9, tickSize: 1e-4, calendar: '24/7' }
    : spec
