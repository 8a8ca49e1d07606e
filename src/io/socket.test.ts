import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BreakerState } from './breaker.ts'
import type { Connection, Io, WebSocketOptions } from './io.ts'
import { Socket, type Session, type SocketOptions } from './socket.ts'
import type { ServedSocket, WebSocketHandler } from './virtual-host.ts'
import { VirtualWorld } from './virtual.ts'

const HOST = 'venue.test'
const OPTIONS = {
  name: 'test',
  url: 'wss://venue.test/stream',
  backoff: { firstMs: 1_000 },
} as const

interface Changes extends Partial<SocketOptions> {
  readonly seed?: number
  /** What the host does with a connection. */
  readonly handler?: WebSocketHandler
  readonly io?: (io: Io) => Io
}

/** A socket that logs in and subscribes to AAPL, and a host that ticks AAPL once a second as long as `ticks`. */
function socketOf({ seed = 1, handler, io: wrap = (io) => io, ...changes }: Changes = {}) {
  const world = new VirtualWorld({ seed })
  const node = world.node('engine')
  const venue = { open: 0, most: 0, total: 0, ticks: true }
  const states: string[] = []
  const whys: string[] = []
  const quiet: string[] = []
  const served: ServedSocket[] = []
  const sessions: Session[] = []
  world.serveWebSocket(
    HOST,
    handler ??
      ((socket) => {
        venue.open += 1
        venue.total += 1
        venue.most = Math.max(venue.most, venue.open)
        served.push(socket)
        return {
          onMessage: (data) => void socket.send(`ack ${String(data)}`),
          onClose: () => void (venue.open -= 1),
        }
      }),
  )
  const ticker = world.node('ticker')
  const tick = (): void => {
    if (venue.ticks) served.at(-1)?.send('AAPL')
    ticker.after(1_000, tick)
  }
  tick()
  const socket: Socket = new Socket(wrap(node), {
    ...OPTIONS,
    onOpen: (session) => {
      sessions.push(session)
      session.send('subscribe')
    },
    onMessage: (data, session) => {
      if (data === 'ack subscribe') {
        session.advance('authenticated')
        session.advance('subscribed')
      } else if (data === 'AAPL') socket.liveness.saw('AAPL')
    },
    onState: (state, why) => {
      states.push(state)
      whys.push(why)
    },
    onQuiet: (symbols) => void quiet.push(...symbols),
    ...changes,
  })
  socket.liveness.watch(['AAPL'])
  const link = world.link('engine', HOST)
  return { world, node, venue, states, whys, quiet, served, sessions, socket, link }
}

/** How long until the state is left, at most `limitMs`. */
async function timeUntil(
  world: VirtualWorld,
  isDone: () => boolean,
  limitMs: number,
): Promise<number> {
  const from = world.timeline.now
  await world.run(limitMs, isDone)
  return isDone() ? world.timeline.now - from : Infinity
}

test('goes through its states, and stays subscribed while data comes', async () => {
  const { world, states, socket } = socketOf()
  socket.start()
  await world.run(3_600_000)

  assert.deepEqual(states, ['connecting', 'open', 'authenticated', 'subscribed'])
  assert.equal(socket.stats().generation, 1)
  assert.equal(socket.stats().pings, 0)
})

test('runs onOpen on every reconnect, and closes the old connection before it opens the next', async () => {
  const { world, venue, sessions, served, socket } = socketOf()
  socket.start()
  for (let i = 0; i < 5; i++) {
    await world.until(() => socket.state === 'subscribed', 120_000)
    if (i % 2 === 0) served.at(-1)!.close(1_012, 'restart')
    else served.at(-1)!.abort()
    await world.until(() => socket.state !== 'subscribed', 100)
  }
  await world.until(() => socket.state === 'subscribed', 120_000)

  assert.deepEqual(
    sessions.map(({ generation, isCurrent, signal }) => [generation, isCurrent, signal.aborted]),
    [1, 2, 3, 4, 5, 6].map((generation) => [generation, generation === 6, generation !== 6]),
  )
  assert.deepEqual([venue.total, venue.open, venue.most], [6, 1, 1])
})

test('finds a cut without a close within 15 s, and heals', async () => {
  for (const seed of [1, 2, 3, 4, 5]) {
    // At night, so that the pings alone must find it.
    const { world, socket, link } = socketOf({ seed, liveness: { isExpected: () => false } })
    socket.start()
    await world.run(70_000 + seed * 137)
    link.halfOpen()
    const tookMs = await timeUntil(world, () => socket.state !== 'subscribed', 60_000)

    assert.ok(tookMs <= 15_000, `took ${tookMs} ms`)
    assert.equal(socket.stats().cuts, 1)
    await world.until(() => socket.state === 'subscribed', 5_000)
  }
})

test('without pings a cut is never found where no data is expected', async () => {
  const liveness = { isExpected: () => false }
  const blind = socketOf({ liveness: { ...liveness, pongWithinMs: Infinity } })
  const seeing = socketOf({ liveness })
  for (const { world, socket, link } of [blind, seeing]) {
    socket.start()
    await world.run(10_000)
    link.halfOpen()
    await world.run(3_600_000)
  }

  assert.equal(blind.socket.stats().generation, 1)
  assert.equal(seeing.socket.stats().generation, 2)
})

test('finds a stream that answers pings but sends no data within 10 s, and heals', async () => {
  const { world, venue, states, socket } = socketOf()
  socket.start()
  await world.run(70_500)
  venue.ticks = false
  const tookMs = await timeUntil(world, () => socket.state !== 'subscribed', 60_000)

  assert.ok(tookMs <= 10_000, `took ${tookMs} ms`)
  assert.ok(states.includes('stale'))
  assert.equal(socket.stats().mutes, 1)
  venue.ticks = true
  await world.until(() => socket.state === 'subscribed', 5_000)
})

test('without the age of data such a stream stays connected for ever', async () => {
  const { world, venue, socket } = socketOf({ liveness: { dataWithinMs: Infinity } })
  socket.start()
  await world.run(10_000)
  venue.ticks = false
  await world.run(3_600_000)

  assert.equal(socket.state, 'subscribed')
  assert.ok(socket.stats().pongs > 100)
})

test('silence while the market is closed is none, and does not count into the session', async () => {
  const closed = { from: Infinity, to: Infinity }
  const { world, node, venue, socket } = socketOf({
    liveness: { isExpected: (_, now) => now < closed.from || now >= closed.to },
  })
  socket.start()
  await world.run(10_000)
  closed.from = node.now()
  closed.to = node.now() + 3_600_000
  venue.ticks = false
  await world.run(3_600_000)
  assert.equal(socket.state, 'subscribed')

  const tookMs = await timeUntil(world, () => socket.state !== 'subscribed', 60_000)

  assert.ok(tookMs >= 7_000 && tookMs <= 10_000, `took ${tookMs} ms`)
})

test('tells the one symbol that is silent, once, while others keep the connection alive', async () => {
  const { world, quiet, socket } = socketOf({ liveness: { symbolWithinMs: 30_000 } })
  socket.liveness.watch(['MSFT'])
  socket.start()
  await world.run(29_000)
  assert.deepEqual(quiet, [])
  await world.run(120_000)

  assert.deepEqual(quiet, ['MSFT'])
  assert.equal(socket.state, 'subscribed')
  assert.ok(socket.liveness.ageOf('MSFT')! > 100_000)
  assert.ok(socket.liveness.ageOf('AAPL')! <= 1_000)
})

test('a process that stood still does not take its healthy stream for dead', async () => {
  const { world, socket } = socketOf()
  socket.start()
  await world.run(10_500)
  world.freeze('engine', 60_000)
  await world.run(120_000)

  assert.equal(socket.state, 'subscribed')
  assert.equal(socket.stats().generation, 1)
})

test('waits 1, 2, 4 … 60 s, and is in safe mode after ten failures, until a person clears it', async () => {
  const opens: number[] = []
  const saved: BreakerState[] = []
  const safe: string[] = []
  const { world, node, socket } = socketOf({
    handler: (connection) => {
      opens.push(world.timeline.now)
      connection.close(1_013, 'try later')
      return { onMessage: () => {} }
    },
    onSafeMode: (why) => void safe.push(why),
    onBreaker: (state) => void saved.push(state),
  })
  socket.start()
  await world.run(3_600_000)

  assert.equal(opens.length, 10)
  for (let i = 1; i < 10; i++) {
    const stepMs = Math.min(1_000 * 2 ** (i - 1), 60_000)
    const waitedMs = opens[i]! - opens[i - 1]!
    assert.ok(waitedMs >= stepMs / 2 && waitedMs <= stepMs + 10, `wait ${i} took ${waitedMs} ms`)
  }
  assert.equal(socket.state, 'safe')
  assert.equal(safe.length, 1)
  assert.deepEqual(node.usage(), { timers: 0, connections: 0 })

  const restarted = socketOf({ breaker: saved.at(-1)! })
  restarted.socket.start()
  await restarted.world.run(3_600_000)
  assert.deepEqual([restarted.socket.state, restarted.venue.total], ['safe', 0])
  restarted.socket.clear()
  await restarted.world.until(() => restarted.socket.state === 'subscribed', 100)
})

test('a connection that opens and breaks each time leads to safe mode too; one that was stable does not', async () => {
  const breakAfter = async (openMs: number): Promise<string> => {
    const { world, served, socket } = socketOf()
    socket.start()
    for (let i = 0; i < 15 && socket.state !== 'safe'; i++) {
      await world.run(120_000, () => socket.state === 'subscribed')
      if (socket.state !== 'subscribed') break
      await world.run(openMs)
      served.at(-1)!.abort()
      await world.run(10)
    }
    return `${socket.state} ${socket.stats().failuresInRow}`
  }

  assert.equal(await breakAfter(30_000), 'safe 10')
  assert.equal(await breakAfter(61_000), 'disconnected 0')
})

test('a refused key is final at once, a 429 waits as long as it says', async () => {
  const refusing = (status: number) => {
    const opens: number[] = []
    const made = socketOf({
      handler: () => {
        opens.push(made.world.timeline.now)
        return { status, headers: { 'retry-after': '90' } }
      },
    })
    return { ...made, opens }
  }
  const key = refusing(401)
  const busy = refusing(429)
  for (const { world, socket } of [key, busy]) {
    socket.start()
    await world.run(200_000)
  }

  assert.deepEqual([key.socket.state, key.opens.length], ['safe', 1])
  assert.equal(busy.opens.length, 3)
  assert.ok(busy.opens[1]! - busy.opens[0]! >= 90_000)
})

test('the adapter may end a connection, with a wait or for good', async () => {
  const { world, sessions, socket, states } = socketOf()
  socket.start()
  await world.run(5_000)
  sessions[0]!.fail('error 406', { waitMs: 90_000 })
  await world.run(89_000)
  assert.equal(sessions.length, 1)
  await world.run(3_000)
  assert.equal(sessions.length, 2)
  sessions[0]!.fail('of an old connection')
  assert.equal(socket.state, 'subscribed')

  sessions[1]!.fail('error 402: auth failed', { retry: 'never' })
  await world.run(3_600_000)

  assert.equal(states.at(-1), 'safe')
  assert.equal(sessions[1]!.send('late'), false)
})

test('a connection that is not subscribed in time is a failure', async () => {
  const { world, socket, whys } = socketOf({
    handler: () => ({ onMessage: () => {} }),
    readyWithinMs: 20_000,
  })
  socket.start()
  await world.run(25_000)

  assert.ok(whys.includes('not subscribed within 20000 ms'))
})

test('what an old connection still says is ignored', async () => {
  const old: WebSocketOptions[] = []
  // A port that breaks its promise: it keeps on calling back after the end.
  const leaky = (io: Io): Io => ({
    ...io,
    now: () => io.now(),
    monotonic: () => io.monotonic(),
    after: (delayMs, fire) => io.after(delayMs, fire),
    websocket: {
      connect(options): Connection {
        old.push(options)
        return io.websocket.connect(options)
      },
    },
  })
  const { world, sessions, served, socket } = socketOf({ io: leaky })
  socket.start()
  await world.run(1_000)
  served[0]!.abort()
  await world.run(5_000)
  const before = socket.stats()
  old[0]!.onOpen()
  old[0]!.onMessage('ack subscribe')
  old[0]!.onPong?.()
  old[0]!.onClose(1_000, 'late')

  const after = socket.stats()
  assert.equal(after.late - before.late, 4)
  assert.equal(after.messages, before.messages)
  assert.deepEqual([socket.state, sessions.length], ['subscribed', 2])
})

test('refuses to send when too much waits', async () => {
  const { world, sessions, socket, link } = socketOf({ waitingBytesMax: 1_000 })
  socket.start()
  await world.run(1_500)
  link.bytesPerMs = 0.001

  const sent = Array.from({ length: 20 }, () => sessions[0]!.send('x'.repeat(100)))

  assert.equal(sent.filter(Boolean).length, 9)
  assert.equal(socket.stats().refusedSends, 11)
})

test('stop closes with a frame, ends in time on a dead link, and may be started again', async () => {
  const { world, node, venue, socket, link, states } = socketOf()
  socket.start()
  await world.run(5_000)
  link.halfOpen()
  const before = world.timeline.now
  await world.settled(socket.stop())
  assert.equal(world.timeline.now - before, 10_000)
  assert.deepEqual(node.usage(), { timers: 0, connections: 0 })
  assert.equal(states.at(-1), 'disconnected')

  venue.open = 0
  socket.start()
  await world.run(1_000)
  assert.equal(socket.state, 'subscribed')
  const stopped = socket.stop()
  await world.run(100)
  await stopped
  assert.equal(venue.open, 0)
})

test('soak: four hours, a hundred reconnects, nothing grows', async () => {
  const { world, node, venue, served, socket, link } = socketOf({ seed: 9 })
  const faults = [
    () => served.at(-1)!.close(1_012),
    () => served.at(-1)!.abort(),
    () => link.halfOpen(),
    () => link.reset(),
    () => void (venue.ticks = false),
  ]
  const usages = new Set<string>()
  socket.start()
  for (let i = 0; i < 100; i++) {
    await world.until(() => socket.state === 'subscribed', 120_000)
    venue.ticks = true
    await world.run(130_000)
    const { timers, connections } = node.usage()
    usages.add(`${timers} ${connections} ${link.wires.size}`)
    faults[i % faults.length]!()
    await world.until(() => socket.state !== 'subscribed', 15_000)
    venue.ticks = true
  }
  await world.run(4 * 3_600_000 - world.timeline.now)

  assert.equal(socket.stats().opens, 101)
  assert.equal(venue.total, 101)
  // One check and one connection at every look; nothing waits in the world but what is due soon.
  assert.deepEqual([...usages], ['1 1 1'])
  assert.ok(world.timeline.waiting < 20, `${world.timeline.waiting} events wait`)
  await Promise.all([socket.stop(), world.run(1_000)])
  assert.deepEqual(node.usage(), { timers: 0, connections: 0 })
})
