// The simulated venue.
export type { Books } from './broker.ts'
export { type ExchangeState, SimExchange } from './exchange.ts'
export type { FeeModel, Latency, QueueModel, SimOptions, SlippageModel } from './models.ts'
export { SimVenue, type SimVenueOptions } from './venue.ts'
export { paperLimits, PaperVenue, type PaperVenueOptions } from './paper.ts'
