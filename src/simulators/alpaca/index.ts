// The local venue that speaks Alpaca.
export { withCoins } from './coins.ts'
export { AlpacaServer, type ServerOptions, type Urls } from './server.ts'
export type { AlpacaOptions, Key, Plan } from './venue.ts'
export { generatedMarket } from './generated.ts'
