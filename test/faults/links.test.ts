// Faults of links: streams that are cut, mute, refused or full, and what was missed meanwhile. Rows F038 to F045.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { iso, MINUTE } from '../../src/core/time.ts'
import {
  barAt,
  codeOf,
  eventually,
  feedOf,
  NAMES,
  NIGHT,
  push,
  settled,
  told,
  venueOf,
} from '../alpaca/scripted.ts'
import { Desk } from './desk.ts'

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

test('F040 one symbol that is silent while others are not takes no new risk until its data come again', async () => {
  const venue = venueOf()
  const { feed, inputs, ids, universe } = feedOf(venue, { names: NAMES.slice(0, 2) })
  await settled(venue.world, feed.subscribe('quotes', ids))
  const [silent, other] = [ids[0]!, ids[1]!]
  const quote = (symbol: string): void =>
    push(venue, { T: 'q', S: symbol, bp: 4, bs: 1, ap: 5, as: 1, t: iso(venue.world.now) })
  const desk = new Desk(universe)
  const seconds = async (count: number, ...symbols: string[]): Promise<void> => {
    for (let i = 0; i < count; i++) {
      for (const symbol of symbols) quote(symbol)
      await venue.world.run(1_000)
      desk.take(inputs.splice(0))
    }
  }
  await seconds(5, 'S00', 'S01')
  const before = desk.buys(silent)
  // A quote of the other one, every second, must not hide that this one has stopped.
  await seconds(70, 'S01')
  const whileSilent = [desk.buys(silent), desk.buys(other)]
  await seconds(2, 'S00', 'S01')

  assert.equal(before, 'sent')
  assert.deepEqual(whileSilent, ['symbol-halted', 'sent'])
  assert.equal(desk.buys(silent), 'sent')
  assert.equal(venue.state.connections, 1)
})

test('F041 a venue that closes again and again is met ever later, then not at all', async () => {
  const script = { greet: () => ({ code: 500, msg: 'internal error' }) }
  const venue = venueOf({ ...script, startAt: NIGHT })
  const { feed, ids } = feedOf(venue, { names: NAMES.slice(0, 1) })
  const result = await settled(venue.world, feed.subscribe('bars', ids), 3_600_000)
  await venue.world.run(24 * 3_600_000)
  const { connectedAt } = venue
  const waits = connectedAt.slice(1).map((at, i) => at - connectedAt[i]!)

  assert.equal(codeOf(result), 'venue-unavailable')
  assert.equal(connectedAt.length, 10)
  // 1, 2, 4 … 60 s: half of each is certain, half is drawn.
  for (const [i, wait] of waits.entries()) {
    const step = Math.min(1_000 * 2 ** i, 60_000)
    assert.ok(wait >= step / 2 && wait <= step + 100, `wait ${i + 1} is ${wait} ms`)
  }
  assert.ok(new Set(waits.slice(6).map(Math.round)).size === 3, 'no two waits are alike')
})

test('F041 a connection that lives for five seconds is no success, one of a minute is', async () => {
  const venue = venueOf({ startAt: NIGHT })
  const { feed, ids, troubles } = feedOf(venue, { names: NAMES.slice(0, 1) })
  await settled(venue.world, feed.subscribe('bars', ids))
  const { connectedAt } = venue
  const live = async (forMs: number, times: number): Promise<void> => {
    for (let i = 0; i < times && troubles.length === 0; i++) {
      const { length } = venue.frames
      await venue.world.run(forMs)
      venue.sockets.at(-1)!.abort()
      await venue.world.run(61_000, () => venue.frames.length > length || troubles.length > 0)
    }
  }
  await live(61_000, 20)
  const stable = connectedAt.slice(1).map((at, i) => at - connectedAt[i]! - 61_000)
  const before = connectedAt.length
  await live(5_000, 20)

  assert.ok(stable.length >= 20 && Math.max(...stable) < 1_500, `waits of ${stable.join()} ms`)
  assert.match(troubles.join(), /safe mode/)
  assert.equal(connectedAt.length - before, 9)
})

test('F043 an upgrade that is answered with 429 is tried again when the venue said, not before', async () => {
  const venue = venueOf({
    startAt: NIGHT,
    upgrade: (n) => (n <= 3 ? { status: 429, headers: { 'retry-after': '30' } } : undefined),
  })
  const { feed, ids } = feedOf(venue, { names: NAMES.slice(0, 1) })
  const result = await settled(venue.world, feed.subscribe('bars', ids))
  const { connectedAt } = venue

  assert.equal(codeOf(result), 'ok')
  assert.equal(connectedAt.length, 4)
  for (let i = 1; i < 4; i++) {
    const wait = connectedAt[i]! - connectedAt[i - 1]!
    assert.ok(wait >= 30_000 && wait < 35_000, `wait ${i} is ${wait} ms`)
  }
})

test('F043 two streams that are refused together do not come back together', async () => {
  const venue = venueOf({
    startAt: NIGHT,
    upgrade: (n) => (n <= 2 ? { status: 429, headers: { 'retry-after': '30' } } : undefined),
  })
  const { feed, ids } = feedOf(venue, { names: ['AAPL'], crypto: ['BTC/USD'] })
  const result = await settled(venue.world, feed.subscribe('bars', ids))
  const [first, second, third, fourth] = venue.connectedAt

  assert.equal(codeOf(result), 'ok')
  assert.ok(second! - first! < 10 && third! - second! >= 30_000)
  assert.ok(fourth! - third! > 50, `${fourth! - third!} ms apart`)
})

test('F045 a stream is not up while one symbol is not acknowledged, and is subscribed anew until it is', async () => {
  const venue = venueOf({ startAt: NIGHT, forget: (n) => (n === 2 || n === 3 ? ['S07'] : []) })
  const { feed, inputs, ids } = feedOf(venue)
  await settled(venue.world, feed.subscribe('bars', ids))
  venue.sockets.at(-1)!.abort()
  await eventually(venue, () => venue.state.connections === 3)
  const meanwhile = told(inputs)
  await eventually(venue, () => venue.state.connections === 4)
  await venue.world.run(10_000)

  assert.deepEqual(meanwhile, ['venue.up', 'venue.down'])
  assert.deepEqual(told(inputs), ['venue.up', 'venue.down', 'venue.up'])
  assert.deepEqual(
    venue.frames.filter(({ connection }) => connection === 4).flatMap(({ symbols }) => symbols),
    NAMES,
  )
})
