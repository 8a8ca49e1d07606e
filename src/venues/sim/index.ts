// The simulated venue.
export { type ExchangeState, SimExchange } from './exchange.ts'
export type { FeeModel, Latency, QueueModel, SimOptions, SlippageModel } from './models.ts'
export { SimVenue, type SimVenueOptions } from './venue.ts'
