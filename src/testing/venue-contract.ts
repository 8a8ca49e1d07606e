/*
 * Venue contract: what every implementation of the venue port promises, as tests of node:test. Each test makes a fresh
 * venue on a market of its own, lets its time pass, and looks at what the venue says and reports.
 *
 *   import { describeVenue } from 'skein/testing'
 *
 *   describeVenue({
 *     name: 'my venue',
 *     symbols: ['AAA', 'BBB', 'CCC'],
 *     startAt: ms(Date.UTC(2026, 0, 7, 15)),
 *     orders: [['market', 'day'], ['limit', 'gtc']],
 *     make: async (market) => standOf(market),
 *     lacks: { 'lost-answers': 'there is no wire to lose them on' },
 *   })
 *
 * What a venue cannot do is not left out silently: its tests are skipped with the reason that `lacks` gives.
 */
import { describe } from 'node:test'
import { describeFeed } from './contract-feed.ts'
import { describeOrders } from './contract-orders.ts'
import { describeReport } from './contract-report.ts'
import type { VenueContract } from './contract-terms.ts'

/** Declares the tests of the contract. */
export function describeVenue(contract: VenueContract): void {
  describe(`${contract.name} keeps the venue contract`, () => {
    describeFeed(contract)
    describeOrders(contract)
    describeReport(contract)
  })
}
