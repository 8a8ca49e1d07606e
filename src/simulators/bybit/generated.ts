// Generated: a seeded market as a local Bybit takes it: it trades around the clock, in hundredths of a coin.
import { type GeneratedMarket, generatedOn, type GeneratedOptions } from '../generated.ts'

/** @example BybitServer.start({ ...generatedMarket({ seed: 7, symbols: ['BTCUSDT'], startAt, days: 1 }), … }) */
export const generatedMarket = (options: Omit<GeneratedOptions, 'isAlwaysOpen'>): GeneratedMarket =>
  generatedOn((spec) => ({ ...spec, lotSize: 0.01 }), { ...options, isAlwaysOpen: true })
