export { type ContractFact, type ContractMarket, minutesOf } from './contract-market.ts'
export { type Ability, CONTRACT_LIMITS, type Stand, type VenueContract } from './contract-terms.ts'
export { describeVenue } from './venue-contract.ts'
export { type BarStoreContract, describeBarStore, type MadeStore } from './bar-store-contract.ts'
export { describeJobStore, type JobDatabase, type JobStoreContract } from './job-store-contract.ts'
export {
  type Actor,
  type Guest,
  type Puppet,
  scenario,
  type ScenarioOptions,
  Stage,
} from './scenario.ts'
