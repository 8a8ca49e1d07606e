// Generated: a seeded market as a local Alpaca takes it; symbols with a slash are coins.
import { type GeneratedMarket, generatedOn, type GeneratedOptions } from '../generated.ts'
import { coin } from './coins.ts'

/** @example AlpacaServer.start({ ...generatedMarket({ seed: 7, symbols, startAt, days: 5, isAlwaysOpen: true }), … }) */
export const generatedMarket = (options: GeneratedOptions): GeneratedMarket => ({
  ...generatedOn(coin, options),
  halts: true,
})
