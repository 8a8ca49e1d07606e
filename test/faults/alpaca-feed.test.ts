// Faults of Alpaca's feed: what is asked for after a cut, and what of it does not come. Rows F518 and F522.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MINUTE } from '../../src/core/time.ts'
import { barAt, feedOf, NAMES, NIGHT, push, settled, told, venueOf } from '../alpaca/scripted.ts'

test('F518 a symbol that never trades does not have a gap of the others filled from the start', async () => {
  const venue = venueOf({ startAt: NIGHT })
  const { feed, ids, inputs } = feedOf(venue, { names: NAMES.slice(0, 2) })
  await settled(venue.world, feed.subscribe('bars', ids))
  const start = Math.floor(venue.world.now / MINUTE) * MINUTE
  for (let i = 0; i < 60; i++) {
    await venue.world.run(MINUTE)
    push(venue, barAt('S01', start + i * MINUTE))
  }
  await venue.world.run(MINUTE)
  venue.rest.set('S00', [barAt('S00', start + 5 * MINUTE)])
  venue.sockets.at(-1)!.abort()
  await venue.world.run(5_000)

  const asked = venue.requests
    .map((path) => new URL(`http://data.test${path}`).searchParams)
    .map((query) => `${query.get('symbols')} ${query.get('start')!.slice(11, 16)}`)
  assert.deepEqual(asked, ['S00 02:00', 'S01 03:00'])
  assert.deepEqual(told(inputs).slice(-3), ['venue.down', 'bar S00 02:05', 'venue.up'])
})

for (const [what, failures] of [
  ['fails once is made again', 1],
  ['does not come about is told', 60],
] as const) {
  test(`F522 a second look at a gap that ${what}`, async () => {
    const venue = venueOf({ startAt: NIGHT })
    const { feed, ids, inputs, troubles } = feedOf(venue, { names: NAMES.slice(0, 1) })
    await settled(venue.world, feed.subscribe('bars', ids))
    const start = Math.floor(venue.world.now / MINUTE) * MINUTE
    await venue.world.run(61_000)
    venue.sockets.at(-1)!.abort()
    await venue.world.run(5_000)
    assert.deepEqual(told(inputs).slice(-1), ['venue.up'])
    const before = venue.requests.length
    venue.state.restStatus = 400
    venue.rest.set('S00', [barAt('S00', start)])
    await venue.world.run(20_000, () => venue.requests.length === before + failures)
    venue.state.restStatus = 200
    await venue.world.run(20_000)

    const isMade = failures === 1
    assert.deepEqual(told(inputs).slice(-1), [isMade ? 'bar S00 02:00' : 'venue.up'])
    assert.equal(troubles.length, isMade ? 0 : 1)
    assert.equal(feed.counts.gapsUnfilled, isMade ? 0 : 1)
  })
}
