// Tests of the feed against an in-memory venue on virtual time.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Input } from '../../core/input.ts'
import { iso, MINUTE } from '../../core/time.ts'
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
} from '../../../test/alpaca/scripted.ts'

test('subscribes 31 symbols in frames of 10, 10, 10, 1 at 0, 1, 2, 3 s, and none after the last', async () => {
  const venue = venueOf()
  const { feed, inputs, ids } = feedOf(venue)

  const result = await settled(venue.world, feed.subscribe('bars', ids))

  assert.equal(codeOf(result), 'ok')
  const first = venue.frames[0]!.at
  assert.deepEqual(
    venue.frames.map(({ at, symbols }) => [Math.round((at - first) / 100) / 10, symbols.length]),
    [
      [0, 10],
      [1, 10],
      [2, 10],
      [3, 1],
    ],
  )
  assert.deepEqual(
    venue.frames.flatMap(({ symbols }) => symbols),
    NAMES,
  )
  // Up at once after the last acknowledgement, without a pause.
  assert.ok(venue.world.timeline.now - venue.frames[3]!.at < 500)
  assert.deepEqual(told(inputs), ['venue.up'])
  await venue.world.run(30_000)
  assert.equal(venue.frames.length, 4)
})

for (const [batch, sizes] of [
  [1, [1, 1, 1]],
  [3, [3]],
  [100, [3]],
  [2, [2, 1]],
] as const) {
  test(`subscribes 3 symbols in batches of ${batch} as ${sizes.join(', ')}`, async () => {
    const venue = venueOf()
    const { feed, ids } = feedOf(venue, { names: NAMES.slice(0, 3), batch })
    await settled(venue.world, feed.subscribe('bars', ids))
    assert.deepEqual(
      venue.frames.map(({ symbols }) => symbols.length),
      sizes,
    )
  })
}

test('refuses a batch of 0 and of -1 symbols', () => {
  for (const batch of [0, -1, 1.5])
    assert.throws(() => feedOf(venueOf(), { batch }), /at least one symbol/)
})

test('finishes the other batches when one is refused, then fails the start and closes', async () => {
  const venue = venueOf({
    refuse: (frame) => (frame === 2 ? { code: 405, msg: 'symbol limit exceeded' } : undefined),
  })
  const { feed, inputs, ids } = feedOf(venue)

  const result = await settled(venue.world, feed.subscribe('bars', ids))

  assert.equal(codeOf(result), 'rate-limited')
  assert.deepEqual(
    venue.frames.map(({ symbols }) => symbols.length),
    [10, 10, 10, 1],
  )
  await venue.world.run(300_000)
  assert.equal(venue.state.connections, 1)
  assert.deepEqual(told(inputs), [])
})

test('does not say up when the venue forgets a symbol', async () => {
  const venue = venueOf({ forget: () => ['S07'] })
  const { feed, inputs, ids } = feedOf(venue)
  const result = await settled(venue.world, feed.subscribe('bars', ids))
  assert.match(result.ok ? '' : result.fault.message, /bars of S07/)
  assert.deepEqual(told(inputs), [])
})

test('stops for good on wrong keys, and no message shows them', async () => {
  const venue = venueOf()
  const { feed, ids } = feedOf(venue, { secret: 'a-wrong-secret' })
  const result = await settled(venue.world, feed.subscribe('bars', ids))
  assert.equal(codeOf(result), 'unauthorized')
  assert.doesNotMatch(JSON.stringify(result), /wrong-secret|PKTESTKEY/)
  await venue.world.run(300_000)
  assert.equal(venue.state.connections, 1)
})

test('gives up a start that is never answered after ten tries', async () => {
  const venue = venueOf({ mute: true })
  const { feed, ids } = feedOf(venue)
  const result = await settled(venue.world, feed.subscribe('bars', ids), 3_600_000)
  assert.equal(codeOf(result), 'timeout')
  assert.equal(venue.state.connections, 10)
})

test('never gives a bar twice, nor one that is older than the last', async () => {
  const venue = venueOf({ startAt: NIGHT })
  const { feed, inputs, ids } = feedOf(venue, { names: NAMES.slice(0, 1) })
  await settled(venue.world, feed.subscribe('bars', ids))
  const start = Math.floor(venue.world.now / MINUTE) * MINUTE
  await venue.world.run(3 * MINUTE)
  push(venue, barAt('S00', start + MINUTE), barAt('S00', start + MINUTE), barAt('S00', start))
  await venue.world.run(100)
  assert.deepEqual(told(inputs), ['venue.up', 'bar S00 02:01'])
  assert.equal(feed.counts.stale, 2)
})

test('keeps forming bars, revisions and corrections out of the engine, and counts them', async () => {
  const venue = venueOf()
  const { feed, inputs, ids, revisions } = feedOf(venue, { names: NAMES.slice(0, 1) })
  await settled(venue.world, feed.subscribe('bars', ids))
  const start = Math.floor(venue.world.now / MINUTE) * MINUTE
  await venue.world.run(MINUTE)
  push(
    venue,
    barAt('S00', start + 5 * MINUTE),
    barAt('S00', start, 'd'),
    barAt('S00', start, 'u'),
    { T: 'c', S: 'S00', x: 'V', oi: 1, op: 1, os: 1, ci: 2, cp: 2, cs: 2, t: iso(start), z: 'C' },
    { T: 'x', S: 'S00', i: 1, x: 'V', p: 1, s: 1, a: 'C', z: 'C', t: iso(start) },
  )
  await venue.world.run(100)
  assert.deepEqual(told(inputs), ['venue.up'])
  const { forming, revisions: revised, corrections, cancels } = feed.counts
  assert.deepEqual(
    { forming, revised, corrections, cancels },
    { forming: 1, revised: 1, corrections: 1, cancels: 1 },
  )
  assert.equal(revisions.length, 3)
})

/** What was said of halts: `on the venue halted it: H Trading Halt`. */
const halts = (inputs: readonly Input[]): string[] =>
  inputs.flatMap((input) => {
    if (input.type !== 'control' || input.control.do !== 'halt-symbol') return []
    const { on, why } = input.control
    return [`${on ? 'on' : 'off'} ${why}`]
  })

const status = (sc: string, sm: string, t: string) => ({ T: 's', S: 'S00', sc, sm, z: 'C', t })

test('halts a symbol by each code of a halt, and lifts it by each of a resumption, told once', async () => {
  const venue = venueOf()
  const { feed, inputs, ids } = feedOf(venue, { names: NAMES.slice(0, 1) })
  await settled(venue.world, feed.subscribe('bars', ids))
  const t = iso(venue.world.now)
  for (const [halt, resume] of [
    ['H', 'T'],
    ['P', 'T'],
    ['2', '3'],
    ['F', '3'],
  ] as const) {
    push(venue, status(halt, 'Halt', t))
    // Quotes resume before trading does; the others are about something else.
    for (const other of ['Q', 'E', '5', '6', '7', '8', '9', 'A', 'C', 'D'])
      push(venue, status(other, 'Other', t))
    push(venue, status(resume, 'Resume', t), status(resume, 'Resume', t))
  }
  await venue.world.run(100)

  assert.deepEqual(halts(inputs), [
    'on the venue halted it: H Halt',
    'off the venue resumed it: T Resume',
    'on the venue halted it: P Halt',
    'off the venue resumed it: T Resume',
    'on the venue halted it: 2 Halt',
    'off the venue resumed it: 3 Resume',
    'on the venue halted it: F Halt',
    'off the venue resumed it: 3 Resume',
  ])
})

test('lifts a halt whose resumption was missed by a bar that began after it, not before', async () => {
  const venue = venueOf()
  const { feed, inputs, ids } = feedOf(venue, { names: NAMES.slice(0, 1) })
  feed.adopt(ids)
  await settled(venue.world, feed.subscribe('bars', ids))
  const start = Math.floor(venue.world.now / MINUTE) * MINUTE
  await venue.world.run(MINUTE)
  push(venue, barAt('S00', start))
  await venue.world.run(MINUTE)
  assert.deepEqual(halts(inputs), [])
  push(venue, barAt('S00', start + MINUTE))
  await venue.world.run(100)

  assert.deepEqual(halts(inputs), ['off it trades again'])
})

test('refuses prices and bars that cannot be, and survives frames that cannot be read', async () => {
  const venue = venueOf()
  const { feed, inputs, ids } = feedOf(venue, { names: NAMES.slice(0, 1) })
  await settled(venue.world, feed.subscribe('trades', ids))
  const t = iso(venue.world.now)
  push(
    venue,
    { T: 't', S: 'S00', i: 1, p: 0, s: 1, t },
    { T: 't', S: 'S00', i: 1, p: -5, s: 1, t },
    { T: 't', S: 'S00', i: 1, p: 'null', s: 1, t },
    { T: 'q', S: 'S00', bp: 0, bs: 0, ap: 5, as: 1, t },
    barAt('S00', venue.world.now - MINUTE, 'b', { h: 1 }),
  )
  venue.sockets[0]!.send('[{"T":"t","S":"S00"')
  venue.sockets[0]!.send(Buffer.from([0xff, 0x00]))
  push(venue, { T: 't', S: 'S00', i: 2, p: 5, s: 1, t })
  await venue.world.run(100)
  assert.deepEqual(told(inputs), ['venue.up', 'trade 5'])
  assert.deepEqual([feed.counts.refused, feed.counts.malformed, feed.counts.corrupt], [4, 1, 2])
})

test('gives a stream of bars alone 90 s, and one that stays silent more each time, without safe mode', async () => {
  const venue = venueOf()
  const { feed, inputs, ids, troubles } = feedOf(venue, { names: NAMES.slice(0, 1) })
  await settled(venue.world, feed.subscribe('bars', ids))
  await venue.world.run(89_000)
  assert.deepEqual(told(inputs), ['venue.up'])
  await venue.world.run(2_500)
  assert.deepEqual(told(inputs).slice(0, 2), ['venue.up', 'venue.down'])
  await venue.world.run(3_600_000)
  // 90, 180, 360, 720, 1440 s.
  assert.ok(venue.state.connections <= 6, `${venue.state.connections} connections`)
  assert.deepEqual(troubles, [])
})

test('expects no data of a symbol that the venue has halted', async () => {
  const venue = venueOf()
  const { feed, inputs, ids } = feedOf(venue, { names: NAMES.slice(0, 1) })
  await settled(venue.world, feed.subscribe('quotes', ids))
  push(venue, { T: 's', S: 'S00', sc: 'H', sm: 'Halt', rc: 'T12', t: iso(venue.world.now), z: 'C' })
  await venue.world.run(600_000)
  assert.deepEqual(told(inputs), ['venue.up', 'S00 trading-halt on'])
})

test('is in safe mode after ten failures in a row, says so, and connects again only when cleared', async () => {
  const script = { mute: false }
  const venue = venueOf(script)
  const { feed, inputs, ids, troubles } = feedOf(venue, { names: NAMES.slice(0, 1) })
  await settled(venue.world, feed.subscribe('quotes', ids))
  script.mute = true
  venue.sockets.at(-1)!.abort()
  await venue.world.run(3_600_000)

  assert.equal(venue.state.connections, 10)
  assert.deepEqual(told(inputs), ['venue.up', 'venue.down', 'venue.down'])
  assert.match(troubles.join(), /^market data are in safe mode until a person clears it: no answer/)
  assert.equal(codeOf(await feed.subscribe('bars', ids)), 'network')
  script.mute = false
  feed.clear()
  await venue.world.run(5_000)
  assert.equal(venue.state.connections, 11)
  assert.equal(told(inputs).at(-1), 'venue.up')
})

test('keeps a stream that is quiet at night', async () => {
  const venue = venueOf({ startAt: NIGHT })
  const { feed, inputs, ids } = feedOf(venue, { names: NAMES.slice(0, 1) })
  await settled(venue.world, feed.subscribe('bars', ids))
  await venue.world.run(600_000)
  assert.deepEqual(told(inputs), ['venue.up'])
})

test('gives crypto a stream of its own, by what an instrument is and not by its name', async () => {
  const venue = venueOf()
  const { feed, inputs, ids } = feedOf(venue, {
    names: ['ETH/FAKE', 'AAPL'],
    crypto: ['BTC/USD', 'DOGE'],
  })
  await settled(venue.world, feed.subscribe('bars', ids))
  assert.equal(venue.state.connections, 2)
  assert.deepEqual(venue.frames.map(({ symbols }) => symbols.join()).toSorted(), [
    'BTC/USD,DOGE',
    'ETH/FAKE,AAPL',
  ])
  assert.deepEqual(told(inputs), ['venue.up'])
})

test('a stream that is cut is down for the symbols that it carries, and all are down where both are', async () => {
  const venue = venueOf({ startAt: NIGHT })
  const { feed, inputs, ids } = feedOf(venue, { names: ['AAPL'], crypto: ['BTC/USD', 'DOGE'] })
  await settled(venue.world, feed.subscribe('bars', ids))
  const said = (): (readonly [string, number | undefined])[] =>
    inputs
      .splice(0)
      .flatMap((input) =>
        input.type === 'venue.up' || input.type === 'venue.down'
          ? [[input.type, input.symbols?.length] as const]
          : [],
      )
  assert.deepEqual(said(), [['venue.up', undefined]])

  const crypto = venue.frames.find(({ symbols }) => symbols.includes('DOGE'))!.connection
  venue.sockets[crypto - 1]!.abort()
  await venue.world.run(60_000)
  assert.deepEqual(said(), [
    ['venue.down', 2],
    ['venue.up', 2],
  ])
  for (const socket of venue.sockets) socket.abort()
  await venue.world.run(60_000)
  const [first, ...rest] = said()
  assert.equal(first?.[0], 'venue.down')
  assert.ok(rest.some(([type, count]) => type === 'venue.down' && count === undefined))
  assert.equal(rest.at(-1)?.[0], 'venue.up')
})

test('subscribes more symbols while it runs, and drops those that are not wanted', async () => {
  const venue = venueOf()
  const { feed, ids } = feedOf(venue)
  await settled(venue.world, feed.subscribe('bars', ids.slice(0, 3)))
  const result = await settled(venue.world, feed.subscribe('bars', ids.slice(3, 5)))
  assert.equal(codeOf(result), 'ok')
  assert.equal(codeOf(await settled(venue.world, feed.unsubscribe(ids.slice(0, 1)))), 'ok')
  venue.sockets.at(-1)!.abort()
  const before = venue.frames.length
  await venue.world.run(30_000)
  assert.deepEqual(
    venue.frames.slice(before).flatMap(({ symbols }) => symbols),
    ['S01', 'S02', 'S03', 'S04'],
  )
})

test('comes back by itself after many cuts, without a leak of timers or sockets', async () => {
  const venue = venueOf({ startAt: NIGHT })
  const { feed, ids, inputs } = feedOf(venue, { names: NAMES.slice(0, 3) })
  await settled(venue.world, feed.subscribe('bars', ids))
  for (let i = 0; i < 20; i++) {
    // Long enough to be stable; shorter ones lead to safe mode.
    await venue.world.run(61_000)
    venue.sockets.at(-1)!.abort()
    const ups = (): number => told(inputs).filter((line) => line === 'venue.up').length
    await venue.world.until(() => ups() === i + 2, 200_000)
  }
  assert.equal(venue.world.node('engine').ends.size, 1)
  await settled(venue.world, feed.close())
  assert.equal(venue.world.node('engine').ends.size, 0)
})
