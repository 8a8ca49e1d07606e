// Tests of the feed against an in-memory venue on virtual time.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Ms, symbolId, venueId } from '../../core/brand.ts'
import type { Input } from '../../core/input.ts'
import { equitySpec } from '../../core/instrument.ts'
import type { Result } from '../../core/result.ts'
import { iso, MINUTE, ms } from '../../core/time.ts'
import { Universe } from '../../core/universe.ts'
import { pause } from '../../io/clock.ts'
import type { LivenessOptions } from '../../io/liveness.ts'
import { Budget } from '../../io/rate.ts'
import type { ServedSocket } from '../../io/virtual-host.ts'
import { VirtualWorld } from '../../io/virtual.ts'
import { AlpacaFeed } from './feed.ts'
import { AlpacaHistory } from './history.ts'
import { Rest } from './rest.ts'

const KEYS = { key: 'PKTESTKEY', secret: 'very-secret-secret' }
const ALPACA = venueId('alpaca')
const NAMES = Array.from({ length: 31 }, (_, i) => `S${String(i).padStart(2, '0')}`)

interface Script {
  /** What is answered to the n-th subscribe frame instead of an acknowledgement. */
  readonly refuse?: (frame: number, connection: number) => { code: number; msg: string } | undefined
  /** Symbols that are never acknowledged. */
  readonly forget?: readonly string[]
  /** Answered to the connection itself. */
  readonly greet?: (connection: number) => { code: number; msg: string } | undefined
  readonly mute?: boolean
  readonly startAt?: Ms
}

/** 22:00 in New York: nobody expects data. */
const NIGHT = ms(Date.UTC(2026, 2, 10, 2))

/** A venue that keeps the rules of the market-data stream, and writes down when it heard what. */
function venueOf(script: Script = {}) {
  const world = new VirtualWorld({
    seed: 1,
    ...(script.startAt === undefined ? {} : { startAt: script.startAt }),
  })
  const frames: {
    readonly at: number
    readonly symbols: readonly string[]
    readonly connection: number
  }[] = []
  const sockets: ServedSocket[] = []
  const requests: string[] = []
  const rest = new Map<
    string,
    { t: string; o: number; h: number; l: number; c: number; v: number; n: number }[]
  >()
  const state = { restStatus: 200, connections: 0, delayMs: 0 }
  world.serveWebSocket('stream.test', (socket) => {
    const connection = ++state.connections
    const sets: Record<string, Set<string>> = {}
    let count = 0
    const say = (message: unknown): void => void socket.send(JSON.stringify([message]))
    sockets.push(socket)
    const greeting = script.greet?.(connection)
    if (script.mute !== true)
      say(greeting === undefined ? { T: 'success', msg: 'connected' } : { T: 'error', ...greeting })
    return {
      onMessage(data) {
        const message = JSON.parse(String(data))
        if (message.action === 'auth') {
          say(
            message.secret === KEYS.secret
              ? { T: 'success', msg: 'authenticated' }
              : { T: 'error', code: 402, msg: 'auth failed' },
          )
          return
        }
        frames.push({
          at: world.timeline.now,
          symbols: message.bars ?? message.trades ?? [],
          connection,
        })
        const refusal = script.refuse?.(++count, connection)
        if (refusal !== undefined) {
          say({ T: 'error', ...refusal })
          return
        }
        for (const [channel, list] of Object.entries(message)) {
          if (!Array.isArray(list)) continue
          sets[channel] ??= new Set()
          for (const symbol of list) {
            if (message.action === 'unsubscribe') sets[channel].delete(symbol)
            else if (script.forget?.includes(symbol) !== true) sets[channel].add(symbol)
          }
        }
        say({
          T: 'subscription',
          ...Object.fromEntries(Object.entries(sets).map(([channel, set]) => [channel, [...set]])),
        })
      },
    }
  })
  world.serveHttp('data.test', async ({ path }) => {
    requests.push(path)
    if (state.delayMs > 0) await pause(world.node('venue'), state.delayMs)
    const url = new URL(`http://data.test${path}`)
    const from = Date.parse(url.searchParams.get('start')!)
    const to = Date.parse(url.searchParams.get('end')!)
    const bars = Object.fromEntries(
      url.searchParams
        .get('symbols')!
        .split(',')
        .map((symbol) => [
          symbol,
          (rest.get(symbol) ?? []).filter(({ t }) => Date.parse(t) >= from && Date.parse(t) <= to),
        ])
        .filter(([, list]) => list!.length > 0),
    )
    return { status: state.restStatus, body: JSON.stringify({ bars, next_page_token: null }) }
  })
  return { world, frames, sockets, requests, rest, state }
}

function feedOf(
  venue: ReturnType<typeof venueOf>,
  about: {
    readonly names?: readonly string[]
    readonly crypto?: readonly string[]
    readonly batch?: number
    readonly secret?: string
    readonly hasHistory?: boolean
    readonly liveness?: LivenessOptions
  } = {},
) {
  const { names = NAMES, crypto = [], batch = 10, secret = KEYS.secret, hasHistory = true } = about
  const io = venue.world.node('engine')
  const universe = new Universe([
    ...names.map((name) => equitySpec(name, ALPACA)),
    ...crypto.map((name) => ({
      ...equitySpec(name, ALPACA),
      kind: 'crypto' as const,
      calendar: '24/7' as const,
    })),
  ])
  const keys = { ...KEYS, secret }
  const budget = new Budget(io, { name: 'data', limit: 200, windowMs: 60_000 })
  const data = new Rest({ io, keys, baseUrl: 'https://data.test', budget })
  const history = new AlpacaHistory({
    io,
    data,
    trading: data,
    universe,
    feed: 'iex',
    symbols: 50,
    rows: 10_000,
  })
  const { liveness = {} } = about
  const stream = { io, keys, codec: 'json' as const, batch, everyMs: 1_000, liveness }
  const troubles: string[] = []
  const revisions: unknown[] = []
  const feed = new AlpacaFeed({
    io,
    venue: ALPACA,
    universe,
    codec: 'json',
    stocks: { ...stream, url: 'wss://stream.test/v2/iex' },
    crypto: { ...stream, url: 'wss://stream.test/v1beta3/crypto/us' },
    ...(hasHistory ? { history } : {}),
    onRevision: (revision) => revisions.push(revision),
    onTrouble: (why) => troubles.push(why),
  })
  const inputs: Input[] = []
  feed.open((input) => inputs.push(input))
  const ids = universe.all.map(({ id }) => id)
  return { feed, inputs, universe, ids, io, revisions, troubles }
}

async function settled<T>(world: VirtualWorld, promise: Promise<T>, limitMs = 600_000): Promise<T> {
  let isDone = false
  const done = promise.finally(() => {
    isDone = true
  })
  await world.until(() => isDone, limitMs)
  return done
}

const codeOf = (result: Result<unknown>): string => (result.ok ? 'ok' : result.fault.code)

/** What came, in short: `bar S00 14:01`, `venue.up`. */
const told = (inputs: readonly Input[]): string[] =>
  inputs.map((input) =>
    input.type === 'bar'
      ? `bar ${NAMES[input.bar.symbol]} ${iso(input.bar.start).slice(11, 16)}`
      : input.type === 'trade'
        ? `trade ${input.trade.price}`
        : input.type,
  )

const barAt = (symbol: string, start: number, T = 'b', changes: object = {}) => ({
  T,
  S: symbol,
  o: 10,
  h: 12,
  l: 9,
  c: 11,
  v: 100,
  n: 5,
  t: iso(start),
  ...changes,
})
const push = (venue: ReturnType<typeof venueOf>, ...messages: unknown[]): void =>
  void venue.sockets.at(-1)!.send(JSON.stringify(messages))

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
  const venue = venueOf({ forget: ['S07'] })
  const { feed, inputs, ids } = feedOf(venue)
  const result = await settled(venue.world, feed.subscribe('bars', ids))
  assert.match(result.ok ? '' : result.fault.message, /bars of S07/)
  assert.deepEqual(told(inputs), [])
})

test('waits 90 s each time while the venue has too many connections, then comes up', async () => {
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

test('subscribes all of it again after a lost connection, and gives the missed bars before newer ones', async () => {
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

test('teeth: without history the same gap stays open, and is told', async () => {
  const venue = venueOf({ startAt: NIGHT })
  const { feed, inputs, ids } = feedOf(venue, { names: NAMES.slice(0, 1), hasHistory: false })
  await settled(venue.world, feed.subscribe('bars', ids))
  const start = Math.floor(venue.world.now / MINUTE) * MINUTE
  venue.rest.set('S00', [barAt('S00', start)])
  venue.world.link('engine', 'stream.test').partition()
  venue.sockets.at(-1)!.abort()
  await venue.world.run(2 * MINUTE)
  venue.world.link('engine', 'stream.test').heal()
  await venue.world.run(3 * MINUTE)
  assert.deepEqual(told(inputs), ['venue.up', 'venue.down', 'venue.up'])
  assert.equal(feed.counts.gapsUnfilled, 1)
  const last = inputs.at(-1)
  assert.match(last?.type === 'venue.up' ? (last.why ?? '') : '', /not filled/)
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

test('keeps forming bars, revisions, corrections and halts out of the engine, and counts them', async () => {
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
    { T: 's', S: 'S00', sc: 'H', sm: 'Trading Halt', rc: 'T12', rm: '', z: 'C', t: iso(start) },
  )
  await venue.world.run(100)
  assert.deepEqual(told(inputs), ['venue.up'])
  const { forming, revisions: revised, corrections, cancels, halts } = feed.counts
  assert.deepEqual(
    { forming, revised, corrections, cancels, halts },
    { forming: 1, revised: 1, corrections: 1, cancels: 1, halts: 1 },
  )
  assert.equal(revisions.length, 3)
  assert.ok(feed.halted.has(symbolId(0)))
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

/** A link that is cut without a close, at night, so that the pings alone must find it; and a bar that is missed. */
async function cutOff(
  liveness: LivenessOptions,
): Promise<{ readonly tookMs: number; lines: string[] }> {
  const venue = venueOf({ startAt: NIGHT })
  const { feed, inputs, ids } = feedOf(venue, { names: NAMES.slice(0, 1), liveness })
  await settled(venue.world, feed.subscribe('bars', ids))
  await venue.world.run(MINUTE)
  venue.rest.set('S00', [barAt('S00', NIGHT)])
  const cutAt = venue.world.timeline.now
  venue.world.link('engine', 'stream.test').halfOpen()
  await venue.world.run(600_000, () => told(inputs).includes('venue.down'))
  const tookMs = venue.world.timeline.now - cutAt
  await venue.world.run(10_000)
  return { tookMs, lines: told(inputs) }
}

test('finds a connection that was cut without a close within 15 s, and fills the gap', async () => {
  const { tookMs, lines } = await cutOff({})
  assert.ok(tookMs <= 15_000, `${tookMs} ms`)
  assert.deepEqual(lines, ['venue.up', 'venue.down', 'bar S00 02:00', 'venue.up'])
})

test('teeth: without a limit for pongs such a cut is never found', async () => {
  const { tookMs, lines } = await cutOff({ pongWithinMs: Infinity })
  assert.ok(tookMs >= 600_000, `${tookMs} ms`)
  assert.deepEqual(lines, ['venue.up'])
})

/** Quotes of S00 every second until told otherwise, bars over REST, then only pongs. Gives how long that stays unseen. */
async function muted(
  liveness: LivenessOptions,
): Promise<{ readonly tookMs: number; lines: string[] }> {
  const venue = venueOf()
  const { feed, inputs, ids } = feedOf(venue, { names: NAMES.slice(0, 1), liveness })
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
  return { tookMs, lines: told(inputs).filter((line) => line !== 'quote') }
}

test('finds a stream that answers pings but sends no data within 10 s, and fills the gap', async () => {
  const { tookMs, lines } = await muted({})
  assert.ok(tookMs <= 10_000, `${tookMs} ms`)
  assert.deepEqual(lines, ['venue.up', 'venue.down', 'bar S00 14:00', 'bar S00 14:01', 'venue.up'])
})

test('teeth: where no data is ever expected such a stream stays up for ever', async () => {
  const { tookMs, lines } = await muted({ isExpected: () => false })
  assert.ok(tookMs >= 60_000, `${tookMs} ms`)
  assert.deepEqual(lines, ['venue.up'])
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
  assert.deepEqual(told(inputs), ['venue.up'])
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
