// The venue contract on the simulated venue, and on simulated fills of another venue's feed, on virtual time.
import { describeVenue } from '../../src/testing/index.ts'
import { PaperVenue } from '../../src/venues/sim/index.ts'
import { standOf, TERMS } from './virtual-stand.ts'

describeVenue({
  ...TERMS,
  name: 'the simulated venue',
  make: (market) => Promise.resolve(standOf(market)),
})

describeVenue({
  ...TERMS,
  name: "paper on another venue's feed",
  make: (market) =>
    Promise.resolve(
      standOf(
        market,
        (shown, { io, universe, sim }) => new PaperVenue({ io, universe, market: shown, sim }),
      ),
    ),
})
