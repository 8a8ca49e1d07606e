// Faults of data: frames and prices that cannot be, wrong times, halts, floods. Rows F054 to F058.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encode } from '@msgpack/msgpack'
import { symbolId } from '../../src/core/brand.ts'
import type { Input } from '../../src/core/input.ts'
import { seeded } from '../../src/core/random.ts'
import { iso, MINUTE, ms } from '../../src/core/time.ts'
import { Inbox } from '../../src/engine/inbox.ts'
import { bar, filled, quote, trade } from '../../src/testing/builders.ts'
import { AssetWatch } from '../../src/venues/alpaca/assets.ts'
import {
  barAt,
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

const tradeAt = (price: unknown, t: string, changes: object = {}) => ({
  T: 't',
  S: 'S00',
  i: 1,
  x: 'V',
  p: price,
  s: 1,
  c: [],
  z: 'C',
  t,
  ...changes,
})

/** Frames that no venue should send, each of another kind. */
function corpus(random: () => number): readonly (string | Uint8Array)[] {
  const good = JSON.stringify([tradeAt(5, '2026-03-10T02:00:00Z')])
  const mutated = Array.from({ length: 200 }, () => {
    const bytes = Buffer.from(good)
    bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256)
    return bytes.subarray(0, 1 + Math.floor(random() * bytes.length))
  })
  return [
    '',
    '[',
    '{"T":"t"',
    'null',
    '[[[]]]',
    '[null]',
    '[1,"a"]',
    'NaN',
    '<html>503</html>',
    Buffer.from([0xff, 0xfe, 0x00]),
    // UTF-8 that ends within a character.
    Buffer.from('[{"T":"t","S":"\u00fc').subarray(0, 16),
    '['.repeat(100_000),
    `[{"T":"t","S":"S00","a":${'['.repeat(50_000)}`,
    '[{"T":"t","S":7,"p":"5","s":[],"t":{}}]',
    '[{"T":"t","S":"S00","p":1e999,"s":1,"t":"2026-03-10T02:00:00Z"}]',
    '[{"T":"q","S":"S00","bp":null,"bs":1,"ap":5,"as":1,"t":"2026-03-10T02:00:00Z"}]',
    '[{"T":"b","S":"S00","o":"x","h":1,"l":1,"c":1,"v":1,"t":"yesterday"}]',
    '[{"__proto__":{"T":"t"},"constructor":1}]',
    encode([{ T: 't', S: 'S00' }]),
    'x'.repeat(2_000_000),
    ...mutated,
  ]
}

test('F054 frames that cannot be read give nothing, crash nothing, and too many end the connection', async () => {
  const venue = venueOf({ startAt: NIGHT })
  const { feed, inputs, ids, troubles } = feedOf(venue, { names: NAMES.slice(0, 1) })
  await settled(venue.world, feed.subscribe('trades', ids))
  const frames = corpus(seeded(54))
  for (const frame of frames) {
    venue.sockets.at(-1)!.send(frame)
    // Slowly: a connection that says it once in a while is kept.
    await venue.world.run(20_000)
  }
  const { corrupt, malformed } = feed.counts
  const slow = { connections: venue.state.connections, inputs: new Set(told(inputs)) }
  // A message of a kind that is not known, and fields that are not, are no fault.
  for (let i = 0; i < 20; i++)
    push(venue, { T: 'zz', S: 'S00' }, tradeAt(5, iso(venue.world.now), { extra: [{}] }))
  await venue.world.run(1_000)
  for (let i = 0; i < 5; i++) venue.sockets.at(-1)!.send('[{"T":')
  await eventually(venue, () => told(inputs).at(-1) === 'venue.down', 10_000)
  await eventually(venue, () => told(inputs).at(-1) === 'venue.up', 60_000)
  push(venue, tradeAt(5, iso(venue.world.now)))
  await venue.world.run(100)

  assert.ok(corrupt + malformed > 150, `${corrupt} and ${malformed} of ${frames.length}`)
  assert.equal(slow.connections, 1)
  assert.equal(venue.state.connections, 2)
  assert.equal(told(inputs).at(-1), 'trade 5')
  assert.match(troubles[0] ?? '', /^a frame that cannot be read: /)
  assert.ok(troubles.every((trouble) => trouble.length < 200))
})

test('F055 a price that cannot be is refused, and three of them put the symbol into quarantine', async () => {
  const venue = venueOf()
  const { feed, inputs, ids, universe, troubles } = feedOf(venue, { names: NAMES.slice(0, 2) })
  for (const kind of ['trades', 'bars'] as const)
    await settled(venue.world, feed.subscribe(kind, ids))
  const desk = new Desk(universe)
  const tell = async (...messages: object[]): Promise<readonly string[]> => {
    await venue.world.run(1_000)
    push(venue, ...messages)
    await venue.world.run(100)
    const came = inputs.splice(0)
    desk.take(came)
    return told(came)
  }
  const price = (value: unknown, symbol = 'S00'): object =>
    tradeAt(value, iso(venue.world.now), { S: symbol })
  const start = Math.floor(venue.world.now / MINUTE) * MINUTE
  await tell(price(10), price(10, 'S01'))
  const spike = await tell(price(100))
  const after = desk.buys(ids[0]!)
  const wrong = [0, -1, 1e308, 'null', null, 1].map((value) => price(value))
  const refused = await tell(...wrong, barAt('S00', start - MINUTE, 'b', { h: 120 }))
  const quarantined = [desk.buys(ids[0]!), desk.buys(ids[1]!)]
  const good = await tell(price(11))
  const long = await tell(...Array.from({ length: 20 }, () => price(11)))

  assert.deepEqual([spike, after], [[], 'sent'])
  assert.deepEqual(refused, ['S00 bad-prices on'])
  assert.deepEqual(quarantined, ['symbol-halted', 'sent'])
  // What is held must be valued: a good price is one in quarantine too.
  assert.deepEqual(good, ['trade 11'])
  assert.ok(long.includes('S00 bad-prices off'))
  assert.equal(desk.buys(ids[0]!), 'sent')
  assert.match(troubles.join(), /S00 is in quarantine: .* the last time the price of a trade, -?\d/)
})

test('F056 a trade of the future opens no bar, and one of hours ago is no news', async () => {
  const venue = venueOf()
  const { feed, inputs, ids, universe } = feedOf(venue, { names: NAMES.slice(0, 1) })
  await settled(venue.world, feed.subscribe('trades', ids))
  const desk = new Desk(universe)
  const { now } = venue.world
  const minute = iso(now).slice(11, 16)
  push(
    venue,
    tradeAt(10, iso(now - 3 * 3_600_000)),
    tradeAt(10, iso(now)),
    tradeAt(12, iso(now + 10 * MINUTE)),
    { T: 'q', S: 'S00', bp: 4, bs: 1, ap: 5, as: 1, t: iso(now + 24 * 3_600_000) },
    tradeAt(11, iso(now)),
  )
  await venue.world.run(100)
  desk.take(inputs)
  desk.engine.turn(ms(now + 2 * MINUTE), [])

  assert.deepEqual(told(inputs), ['venue.up', 'trade 10', 'trade 11'])
  assert.deepEqual(desk.bars, [`S00 ${minute} 11`])
  assert.deepEqual([feed.counts.future, feed.counts.old], [2, 1])
})

test('F057 a symbol that is halted, inactive or renamed takes no new risk until that is over', async () => {
  const venue = venueOf()
  const { feed, history, inputs, ids, universe, io } = feedOf(venue, { names: NAMES.slice(0, 2) })
  await settled(venue.world, feed.subscribe('trades', ids))
  const assets: Record<string, object | undefined> = {}
  venue.state.other = (path) => {
    const symbol = path.split('/').at(-1) ?? ''
    const asset = { symbol, class: 'us_equity', status: 'active', tradable: true }
    return { ...asset, ...assets[symbol] }
  }
  const watch = new AssetWatch({
    io,
    history,
    venue: universe.all[0]!.venue,
    universe,
    symbols: NAMES.slice(0, 2),
    sink: (input) => inputs.push(input),
  })
  watch.start()
  const desk = new Desk(universe)
  /** What an order for each symbol comes to, after so long and a trade of each. */
  const buys = async (afterMs: number): Promise<readonly string[]> => {
    for (let passed = 0; passed <= afterMs; passed += 5_000) {
      for (const S of ['S00', 'S01']) push(venue, tradeAt(10, iso(venue.world.now), { S }))
      await venue.world.run(Math.min(5_000, afterMs || 100))
    }
    desk.take(inputs.splice(0))
    return ids.map((id) => desk.buys(id))
  }
  const status = (sc: string): void =>
    push(venue, { T: 's', S: 'S00', sc, sm: '', rc: '', rm: '', z: 'C', t: iso(venue.world.now) })
  const before = await buys(0)
  status('H')
  const halted = await buys(0)
  status('T')
  const resumed = await buys(0)
  assets['S00'] = { status: 'inactive', tradable: false }
  assets['S01'] = { symbol: 'NEW' }
  const overNight = await buys(3_600_000)
  delete assets['S00']
  const back = await buys(3_600_000)
  watch.close()

  assert.deepEqual(before, ['sent', 'sent'])
  assert.deepEqual(halted, ['symbol-halted', 'sent'])
  assert.deepEqual(resumed, ['sent', 'sent'])
  assert.deepEqual(overNight, ['symbol-halted', 'symbol-halted'])
  assert.deepEqual(back, ['sent', 'symbol-halted'])
  assert.deepEqual(
    desk.engine.ours.halts.map(({ why }) => why),
    ['its name is NEW now'],
  )
})

test('F058 a burst of ten times loses no trade, no bar and no fill, keeps the last quotes, and is worked off', () => {
  const inbox = new Inbox()
  const random = seeded(58)
  const symbols = Array.from({ length: 31 }, (_none, i) => symbolId(i))
  const [pushed, taken] = [[] as string[], [] as string[]]
  const quotes = new Map<number, number>()
  const seen = new Map<number, number>()
  const keep = (list: string[], input: Input): void => {
    if (input.type !== 'quote')
      list.push(`${input.type} ${JSON.stringify(input).length} ${input.at}`)
    else (list === pushed ? quotes : seen).set(input.quote.symbol, input.quote.bid)
  }
  const say = (input: Input): void => {
    keep(pushed, input)
    inbox.push(input)
  }
  /** A venue that tells so much of each symbol in a second, and an engine that takes 2,500 inputs in it. */
  const second = (at: number, trades: number, perSecond: number): void => {
    for (const symbol of symbols) {
      for (let i = 0; i < trades; i++)
        say({ type: 'trade', at: ms(at), trade: trade({ symbol, price: 1 + random() }) })
      for (let i = 0; i < perSecond; i++)
        say({ type: 'quote', at: ms(at), quote: quote({ symbol, bid: random() }) })
      if (at % MINUTE === 0) say({ type: 'bar', at: ms(at), bar: bar({ symbol }), source: 'venue' })
    }
    say(filled('s-r-1', { at: ms(at) }))
    for (let left = 2_500; left > 0 && inbox.nextAt !== Infinity;) {
      const inputs = inbox.takeTurn(at, left)
      left -= inputs.length
      for (const input of inputs) keep(taken, input)
    }
  }
  for (let at = 0; at < MINUTE; at += 1_000) second(at, 10, 100)
  const { waiting, dropped, conflated, peak } = inbox.statistics
  let calm = 0
  for (; calm < 60 && inbox.statistics.waiting > 0; calm++) second(MINUTE + calm * 1_000, 1, 10)

  assert.equal(dropped, 0)
  assert.ok(conflated > 0 && peak === 1 && waiting > 1_000, `${conflated} of ${waiting} waiting`)
  assert.deepEqual(taken, pushed)
  assert.deepEqual(seen, quotes)
  assert.ok(calm <= 5, `${calm} s`)
})
