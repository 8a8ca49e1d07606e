// Thirty-one symbols on the wire of the local Alpaca, in virtual time: which subscribe frames leave, and when.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ms } from '../src/core/time.ts'
import { Universe } from '../src/core/universe.ts'
import { VirtualWorld } from '../src/io/virtual.ts'
import { generateTape } from '../src/simulators/market.ts'
import { AlpacaVenue } from '../src/venues/alpaca/venue.ts'
import { KEY, START } from './alpaca/local.ts'
import { HOSTS, VirtualAlpaca } from './alpaca/virtual.ts'

const SYMBOLS = Array.from({ length: 31 }, (_none, i) => `S${String(i).padStart(2, '0')}`)

/** Subscribes all of them, and gives the frames that the venue received. */
async function subscribed(batch: number) {
  const world = new VirtualWorld({ seed: 1, startAt: ms(START) })
  const market = { seed: 3, symbols: SYMBOLS, start: ms(START - 86_400_000), sessions: 2 }
  const tape = generateTape({ ...market, kind: 'bars' })
  const served = VirtualAlpaca.serve(world, { tape, startAt: START, keys: [KEY] })
  const alpaca = await world.settled(served)
  const universe = new Universe()
  const venue = new AlpacaVenue({
    io: world.node('engine'),
    keys: KEY,
    symbols: SYMBOLS,
    universe,
    hosts: HOSTS,
    limits: { subscribe: { batch, everyMs: 1_000, total: 31 } },
  })
  const opened = await world.settled(venue.open(() => {}))
  assert.ok(opened.ok, JSON.stringify(opened))
  for (const spec of opened.value) universe.add(spec)
  const ids = universe.all.map(({ id }) => id)
  const result = await world.settled(venue.feed.subscribe('bars', ids))
  assert.ok(result.ok, JSON.stringify(result))
  const readyAt = world.timeline.now
  const frames = alpaca.venue.audit.frames
    .filter(({ direction, text }) => direction === 'in' && text.includes('"subscribe"'))
    .map(({ clockAt, text }) => ({ clockAt, bars: (JSON.parse(text) as { bars: string[] }).bars }))
  const first = frames[0]!.clockAt
  await world.settled(venue.close())
  alpaca.stop()
  return {
    sizes: frames.map(({ bars }) => bars.length),
    times: frames.map(({ clockAt }) => Math.round((clockAt - first) / 100) / 10),
    symbols: frames.flatMap(({ bars }) => bars),
    idleMs: readyAt - frames.at(-1)!.clockAt,
  }
}

test('31 symbols leave in frames of 10, 10, 10, 1 at 0, 1, 2, 3 s, all of them, in order, once', async () => {
  const { sizes, times, symbols, idleMs } = await subscribed(10)

  assert.deepEqual(sizes, [10, 10, 10, 1])
  assert.deepEqual(times, [0, 1, 2, 3])
  assert.deepEqual(symbols, SYMBOLS)
  assert.ok(idleMs < 500, `ready ${idleMs} ms after the last frame`)
})

test('a batch of one symbol is 31 frames in 30 s, a batch larger than the universe is one', async () => {
  const [single, whole] = [await subscribed(1), await subscribed(1_000)]

  assert.deepEqual([single.sizes.length, single.times.at(-1), single.symbols], [31, 30, SYMBOLS])
  assert.deepEqual([whole.sizes, whole.symbols], [[31], SYMBOLS])
})

test('a batch of none, or of fewer than none, is refused before anything connects', async () => {
  for (const batch of [0, -1, 1.5]) {
    await assert.rejects(subscribed(batch), /a batch has at least one symbol/)
  }
})

test('a quiet market is no lost stream where trades are heard beside bars alone', async () => {
  const world = new VirtualWorld({ seed: 1, startAt: ms(START) })
  const market = { seed: 3, symbols: ['S00'], start: ms(START - 86_400_000), sessions: 2 }
  // Bars without trades: nothing comes but once a minute.
  const tape = generateTape({ ...market, kind: 'bars' })
  const served = VirtualAlpaca.serve(world, { tape, startAt: START, keys: [KEY] }, 1_000)
  const alpaca = await world.settled(served)
  const universe = new Universe()
  const io = world.node('engine')
  const about = { io, keys: KEY, symbols: ['S00'], universe, hosts: HOSTS }
  const venue = new AlpacaVenue({ ...about, onTrade: () => {} })
  const opened = await world.settled(venue.open(() => {}))
  assert.ok(opened.ok, JSON.stringify(opened))
  for (const spec of opened.value) universe.add(spec)
  const ids = universe.all.map(({ id }) => id)
  assert.ok((await world.settled(venue.feed.subscribe('bars', ids))).ok)

  await world.run(5 * 60_000)

  const { bars, gaps } = venue.feed.counts
  assert.ok(bars >= 4, `${bars} bars`)
  assert.equal(gaps, 0)
  await world.settled(venue.close())
  alpaca.stop()
})
