// Faults of links: streams that are cut, mute, refused or full, and what was missed meanwhile. Rows F038 to F045.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { iso, MINUTE } from '../../src/core/time.ts'
import {
  barAt,
  codeOf,
  feedOf,
  NAMES,
  NIGHT,
  push,
  settled,
  told,
  venueOf,
} from '../alpaca/scripted.ts'

test('F038 a link cut without a close is found within 15 s, at night too, and the gap is filled', async () => {
  const venue = venueOf({ startAt: NIGHT })
  const { feed, inputs, ids } = feedOf(venue, { names: NAMES.slice(0, 1) })
  await settled(venue.world, feed.subscribe('bars', ids))
  await venue.world.run(MINUTE)
  venue.rest.set('S00', [barAt('S00', NIGHT)])
  const cutAt = venue.world.timeline.now
  venue.world.link('engine', 'stream.test').halfOpen()
  await venue.world.run(600_000, () => told(inputs).includes('venue.down'))
  const tookMs = venue.world.timeline.now - cutAt
  await venue.world.run(10_000)

  assert.ok(tookMs <= 15_000, `${tookMs} ms`)
  assert.deepEqual(told(inputs), ['venue.up', 'venue.down', 'bar S00 02:00', 'venue.up'])
})

test('F039 a stream that answers pings but sends no data is found within 10 s, and the gap is filled', async () => {
  const venue = venueOf()
  const { feed, inputs, ids } = feedOf(venue, { names: NAMES.slice(0, 1) })
  for (const kind of ['quotes', 'bars'] as const)
    await settled(venue.world, feed.subscribe(kind, ids))
  const quote = (): void =>
    push(venue, { T: 'q', S: 'S00', bp: 4, bs: 1, ap: 5, as: 1, t: iso(venue.world.now) })
  const start = Math.floor(venue.world.now / MINUTE) * MINUTE
  for (let second = 0; second < 115; second++) {
    quote()
    await venue.world.run(1_000)
  }
  assert.deepEqual(new Set(told(inputs)), new Set(['venue.up', 'quote']))
  const mutedAt = venue.world.timeline.now
  venue.rest.set('S00', [barAt('S00', start), barAt('S00', start + MINUTE)])
  await venue.world.run(60_000, () => told(inputs).includes('venue.down'))
  const tookMs = venue.world.timeline.now - mutedAt
  await venue.world.run(6_000)
  quote()
  await venue.world.run(100)

  assert.ok(tookMs <= 10_000, `${tookMs} ms`)
  assert.deepEqual(
    told(inputs).filter((line) => line !== 'quote'),
    ['venue.up', 'venue.down', 'bar S00 14:00', 'bar S00 14:01', 'venue.up'],
  )
})

test('F042 a venue with too many connections is left alone for 90 s each time, then comes up', async () => {
  const venue = venueOf({
    greet: (n) => (n <= 4 ? { code: 406, msg: 'connection limit exceeded' } : undefined),
  })
  const { feed, ids } = feedOf(venue)
  const result = await settled(venue.world, feed.subscribe('bars', ids))

  assert.equal(codeOf(result), 'ok')
  assert.equal(venue.state.connections, 5)
  // Four times 90 s: the venue takes the old connection for open until it has missed it.
  assert.ok(venue.frames[0]!.at >= 360_000, `${venue.frames[0]!.at}`)
})

test('F044 bars that were missed while the link was down are given before newer ones, none lost', async () => {
  const venue = venueOf()
  const { feed, inputs, ids } = feedOf(venue, { names: NAMES.slice(0, 3) })
  await settled(venue.world, feed.subscribe('bars', ids))
  const start = Math.floor(venue.world.now / MINUTE) * MINUTE
  await venue.world.run(MINUTE + 500)
  push(venue, barAt('S00', start))
  await venue.world.run(100)
  for (const minute of [1, 2, 3]) {
    venue.rest.set('S00', [...(venue.rest.get('S00') ?? []), barAt('S00', start + minute * MINUTE)])
  }
  venue.sockets.at(-1)!.abort()
  await venue.world.run(100)
  assert.deepEqual(told(inputs), ['venue.up', 'bar S00 14:00', 'venue.down'])

  // The venue comes back after three minutes; a newer bar arrives while the gap is being fetched.
  venue.world.link('engine', 'stream.test').partition()
  await venue.world.run(3 * MINUTE)
  venue.state.delayMs = 2_000
  venue.world.link('engine', 'stream.test').heal()
  await venue.world.until(() => venue.requests.length > 0, 120_000)
  push(venue, {
    T: 't',
    S: 'S01',
    i: 1,
    x: 'V',
    p: 77,
    s: 1,
    c: [],
    z: 'C',
    t: iso(venue.world.now),
  })
  await venue.world.until(() => told(inputs).includes('trade 77'), 10_000)
  await venue.world.run(20_000)

  assert.deepEqual(told(inputs).slice(3), [
    'bar S00 14:01',
    'bar S00 14:02',
    'bar S00 14:03',
    'trade 77',
    'venue.up',
  ])
  assert.equal(feed.counts.filled, 3)
  assert.equal(feed.counts.gaps, 1)
})
