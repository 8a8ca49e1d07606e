// The local venue that speaks Bybit V5.
export { generatedMarket } from './generated.ts'
export { BybitServer, type ServerOptions, type Urls } from './server.ts'
export type { BybitOptions, Key, VenueLimits } from './venue.ts'
export { CATEGORIES, type Category, settleCoinOf } from './category.ts'
