import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pause } from './clock.ts'
import type { Connection, WebSocketOptions } from './io.ts'
import type { ServedSocket } from './virtual-host.ts'
import { VirtualWorld } from './virtual.ts'

const HOST = 'venue.test'
const URL_OF = 'https://venue.test/v2'

const worldOf = (seed = 1): VirtualWorld => new VirtualWorld({ seed })

const get = (world: VirtualWorld, timeoutMs = 1_000, url = URL_OF) =>
  world.node('engine').http.request({ method: 'GET', url, timeoutMs })

/** A websocket of the engine that writes down all that happens to it. */
function open(world: VirtualWorld, changes: Partial<WebSocketOptions> = {}) {
  const lines: string[] = []
  const connection: Connection = world.node('engine').websocket.connect({
    url: 'wss://venue.test/stream',
    timeoutMs: 5_000,
    onOpen: () => void lines.push(`${world.timeline.now} open`),
    onMessage: (data) => void lines.push(`${world.timeline.now} ${String(data)}`),
    onPong: () => void lines.push(`${world.timeline.now} pong`),
    onClose: (code, reason, refusal) =>
      void lines.push(`${world.timeline.now} close ${code} ${refusal?.status ?? reason}`),
    ...changes,
  })
  return { connection, lines }
}

/** A venue that repeats what it is told; gives its sockets. */
function echo(world: VirtualWorld): ServedSocket[] {
  const sockets: ServedSocket[] = []
  world.serveWebSocket(HOST, (socket) => {
    sockets.push(socket)
    return { onMessage: (data) => void socket.send(data) }
  })
  return sockets
}

test('time passes only by run, and timers fire in order of time and of making', async () => {
  const world = worldOf()
  const fired: string[] = []
  const io = world.node('engine')
  io.after(2_000, () => fired.push('late'))
  io.after(1_000, () => fired.push('first'))
  io.after(1_000, () => fired.push('second'))
  const cancel = io.after(500, () => fired.push('canceled'))
  cancel()

  await world.run(1_000)

  assert.deepEqual(fired, ['first', 'second'])
  assert.equal(io.monotonic(), 1_000)
  assert.equal(io.usage().timers, 1)
})

test('time waits for what is awaited, however many steps that takes', async () => {
  const world = worldOf()
  const io = world.node('engine')
  const seen: number[] = []
  const work = async (): Promise<void> => {
    for (let i = 0; i < 3; i++) {
      await pause(io, 10)
      // Steps that no timer of the world knows of: promises, and turns of the event loop.
      for (let step = 0; step < 50; step++) await Promise.resolve()
      await new Promise((resolve) => setImmediate(resolve))
      seen.push(io.monotonic())
    }
  }
  const done = work()

  await world.run(1_000)
  await done

  assert.deepEqual(seen, [10, 20, 30])
})

test('time that stands still is an error, not a hang', async () => {
  const world = worldOf()
  const io = world.node('engine')
  const again = (): void => void io.after(0, again)
  again()

  await assert.rejects(world.run(1), /time stands still at 0 ms/)
})

test('a callback that throws ends the run with its error', async () => {
  const world = worldOf()
  world.node('engine').after(5, () => {
    throw new Error('a mistake')
  })

  await assert.rejects(world.run(10), /a mistake/)
})

test('a handler that throws ends the run with its error', async () => {
  const world = worldOf()
  world.serveHttp(HOST, () => {
    throw new Error('a mistake of the handler')
  })
  void get(world)

  await assert.rejects(world.run(100), /a mistake of the handler/)
})

test('a request costs a round trip to connect once, then one per request', async () => {
  const world = worldOf()
  world.link('engine', HOST).latencyMs = 10
  world.serveHttp(HOST, ({ path, headers }) => ({
    status: 200,
    headers: { 'X-Path': path },
    body: headers['accept'] ?? '',
  }))

  const first = await world.settled(get(world, 1_000, `${URL_OF}?a=1`))
  const at = world.timeline.now
  await world.settled(get(world))

  assert.ok(first.ok)
  assert.equal(first.value.headers['x-path'], '/v2?a=1')
  assert.equal(at, 40)
  assert.equal(world.timeline.now, 60)
})

test('what is certain about the bytes of a request is told', async () => {
  const sentOf = async (prepare: (world: VirtualWorld) => void, warm = false): Promise<unknown> => {
    const world = worldOf()
    world.serveHttp(HOST, () => ({ status: 200 }))
    if (warm) await world.settled(get(world))
    prepare(world)
    const result = await world.settled(get(world))
    assert.ok(!result.ok)
    return [result.fault.code, result.fault.context?.['sent']]
  }
  const link = (world: VirtualWorld) => world.link('engine', HOST)

  const refused = await sentOf((world) => void (link(world).isRefusing = true))
  const gone = await sentOf((world) => world.unserve(HOST), true)
  const cut = await sentOf((world) => link(world).partition())
  const cutLater = await sentOf((world) => link(world).partition(), true)
  const halfOpen = await sentOf((world) => link(world).halfOpen(), true)
  const silent = await sentOf((world) => world.serveHttp(HOST, () => new Promise(() => {})))
  const reset = await sentOf((world) => link(world).resetAfter(5, 'up'), true)

  assert.deepEqual(refused, ['network', 'no'])
  assert.deepEqual(gone, ['network', 'no'])
  assert.deepEqual(cut, ['timeout', 'no'])
  assert.deepEqual(cutLater, ['timeout', 'maybe'])
  assert.deepEqual(halfOpen, ['timeout', 'maybe'])
  assert.deepEqual(silent, ['timeout', 'maybe'])
  assert.deepEqual(reset, ['network', 'maybe'])
})

test('a reset after k bytes decides whether the host has seen the request', async () => {
  const seenAt = async (bytes: number, direction: 'up' | 'down'): Promise<[number, boolean]> => {
    const world = worldOf()
    let seen = 0
    world.serveHttp(HOST, () => {
      seen += 1
      return { status: 200, body: 'x'.repeat(500) }
    })
    await world.settled(get(world))
    seen = 0
    world.link('engine', HOST).resetAfter(bytes, direction)
    const result = await world.settled(get(world))
    return [seen, result.ok]
  }

  assert.deepEqual(await seenAt(0, 'up'), [0, false])
  assert.deepEqual(await seenAt(10, 'up'), [0, false])
  assert.deepEqual(await seenAt(100, 'up'), [1, true])
  assert.deepEqual(await seenAt(100, 'down'), [1, false])
  assert.deepEqual(await seenAt(1_000, 'down'), [1, true])
})

test('an answer past its limit is a fault', async () => {
  const world = worldOf()
  world.serveHttp(HOST, () => ({ status: 200, body: 'x'.repeat(11) }))
  const request = { method: 'GET', url: URL_OF, timeoutMs: 100, answerBytesMax: 10 } as const

  const result = await world.settled(world.node('engine').http.request(request))

  assert.equal(!result.ok && result.fault.code, 'corrupt-data')
})

test('a websocket opens, echoes, answers pings and closes with its code', async () => {
  const world = worldOf()
  echo(world)
  const { connection, lines } = open(world)
  assert.equal(connection.send('too early'), false)
  await world.run(5)

  connection.send('a')
  connection.ping()
  await world.run(5)
  connection.close(4_000, 'enough')
  await world.run(5)

  assert.deepEqual(lines, ['2 open', '7 a', '7 pong', '12 close 4000 enough'])
  assert.equal(connection.send('too late'), false)
  assert.deepEqual(world.node('engine').usage(), { timers: 0, connections: 0 })
})

test('a websocket gives text frames as bytes where it is asked to', async () => {
  const world = worldOf()
  world.serveWebSocket('text.test', (socket) => {
    socket.send('né')
    return { onMessage: () => {} }
  })
  const heard: unknown[] = []
  world.node('engine').websocket.connect({
    url: 'wss://text.test/',
    timeoutMs: 1_000,
    textAs: 'bytes',
    onOpen: () => {},
    onMessage: (data) => void heard.push(data),
    onClose: () => {},
  })
  await world.run(100)

  assert.deepEqual(heard, [Buffer.from('né')])
})

test('a host hears once how a websocket ended', async () => {
  const world = worldOf()
  const ends: string[] = []
  const sockets: ServedSocket[] = []
  world.serveWebSocket(HOST, (socket) => {
    sockets.push(socket)
    return { onMessage: () => {}, onClose: (code) => void ends.push(`${sockets.length} ${code}`) }
  })

  const closed = open(world)
  await world.run(5)
  closed.connection.close(1_001)
  await world.run(5)
  const aborted = open(world)
  await world.run(5)
  aborted.connection.abort()
  await world.run(5)
  open(world)
  await world.run(5)
  sockets[2]!.close(1_012)
  await world.run(5)
  open(world)
  await world.run(5)
  world.node('engine').close()
  await world.run(5)

  assert.deepEqual(ends, ['1 1001', '2 1006', '3 1012', '4 1006'])
})

test('an upgrade that is answered with a status is a refusal', async () => {
  const world = worldOf()
  world.serveWebSocket(HOST, () => ({ status: 429, headers: { 'Retry-After': '7' } }))
  let retryAfter = ''
  const { lines } = open(world, {
    onClose: (code, _, refusal) => {
      retryAfter = `${code} ${refusal?.headers['retry-after']}`
    },
  })

  await world.run(10)

  assert.equal(retryAfter, '1006 7')
  assert.deepEqual(lines, [])
})

test('a connection that is not open in time ends', async () => {
  const world = worldOf()
  echo(world)
  world.link('engine', HOST).partition()

  const { lines } = open(world, { timeoutMs: 300 })
  await world.run(1_000)

  assert.deepEqual(lines, ['300 close 1006 not open within 300 ms'])
})

test('on a half-open connection nothing arrives and nobody is told; the next one works', async () => {
  const world = worldOf()
  const sockets = echo(world)
  const { connection, lines } = open(world)
  await world.run(10)
  world.link('engine', HOST).halfOpen()

  assert.equal(connection.send('lost'), true)
  connection.ping()
  sockets[0]!.send('lost too')
  await world.run(100_000)
  assert.deepEqual(lines, ['2 open'])
  assert.ok(connection.waitingBytes > 0)
  connection.abort()
  const next = open(world)
  await world.run(10)

  assert.deepEqual(lines, ['2 open', '100010 close 1006 ended by us'])
  assert.deepEqual(next.lines, ['100012 open'])
})

test('a mute host answers pings and sends nothing', async () => {
  const world = worldOf()
  const sockets = echo(world)
  const { connection, lines } = open(world)
  await world.run(10)
  world.link('engine', HOST).isMute = true

  sockets[0]!.send('unheard')
  connection.ping()
  await world.run(10)

  assert.deepEqual(lines, ['2 open', '12 pong'])
})

test('a partition holds what is sent, and gives it in order when it heals', async () => {
  const world = worldOf()
  const sockets = echo(world)
  const link = world.link('engine', HOST)
  link.jitterMs = 20
  const { lines } = open(world)
  await world.run(100)
  const sent = Array.from({ length: 20 }, (_, i) => String(i))
  for (const text of sent.slice(0, 10)) sockets[0]!.send(text)
  link.partition()
  for (const text of sent.slice(10)) sockets[0]!.send(text)

  await world.run(1_000)
  const during = lines.length
  link.heal()
  for (const text of ['20', '21']) sockets[0]!.send(text)
  await world.run(1_000)

  const heard = lines.slice(1).map((line) => line.split(' ')[1])
  assert.equal(during, 1)
  assert.deepEqual(heard, [...sent, '20', '21'])
})

test('jitter never reorders, reordering and duplicates do', async () => {
  const heardWith = async (duplicates: number, reorders: number): Promise<number[]> => {
    const world = worldOf(7)
    const sockets = echo(world)
    const link = world.link('engine', HOST)
    Object.assign(link, { jitterMs: 30, duplicates, reorders })
    const { lines } = open(world)
    await world.run(100)
    for (let i = 0; i < 100; i++) sockets[0]!.send(String(i))
    await world.run(1_000)
    return lines.slice(1).map((line) => Number(line.split(' ')[1]))
  }
  const inOrder = Array.from({ length: 100 }, (_, i) => i)

  const plain = await heardWith(0, 0)
  const twice = await heardWith(0.3, 0)
  const mixed = await heardWith(0, 0.3)

  assert.deepEqual(plain, inOrder)
  assert.ok(twice.length > 110)
  assert.deepEqual([...new Set(twice)], inOrder)
  assert.notDeepEqual(mixed, inOrder)
  assert.deepEqual(
    mixed.toSorted((a, b) => a - b),
    inOrder,
  )
})

test('a slow link makes bytes wait', async () => {
  const world = worldOf()
  echo(world)
  const { connection, lines } = open(world)
  await world.run(10)
  world.link('engine', HOST).bytesPerMs = 1

  connection.send('x'.repeat(94))
  const waiting = connection.waitingBytes
  await world.run(500)

  assert.equal(waiting, 100)
  assert.equal(connection.waitingBytes, 0)
  assert.match(lines[1]!, /^212 x+$/)
})

test('tcp keeps order, closes, and is reset', async () => {
  const world = worldOf()
  world.serveTcp('tws.test:7497', (socket) => ({ onData: (data) => void socket.send(data) }))
  const lines: string[] = []
  const openOne = () =>
    world.node('engine').tcp.connect({
      host: 'tws.test',
      port: 7497,
      timeoutMs: 100,
      onOpen: () => void lines.push('open'),
      onData: (data) => void lines.push(Buffer.from(data).toString()),
      onClose: (reason) => void lines.push(reason),
    })
  const first = openOne()
  await world.run(10)
  const bytes = Buffer.from('one')
  first.send(bytes)
  bytes.write('xxx')
  first.send(Buffer.from('two'))
  await world.run(10)
  first.close()
  await world.run(10)
  openOne()
  await world.run(10)
  world.link('engine', 'tws.test:7497').reset()
  await world.run(10)

  assert.deepEqual(lines, ['open', 'one', 'two', 'closed', 'open', 'the connection was reset'])
  assert.deepEqual(world.node('engine').usage(), { timers: 0, connections: 0 })
})

test("a node's clock may jump and drift; its timers do not notice", async () => {
  const world = worldOf()
  const io = world.node('engine')
  const start = io.now()
  io.jump(-3_600_000)
  io.drift(100)
  let firedAt = 0
  io.after(1_000_000, () => {
    firedAt = world.timeline.now
  })

  await world.run(1_000_000)

  assert.equal(firedAt, 1_000_000)
  assert.equal(io.now() - start, 1_000_000 - 3_600_000 + 100)
  assert.equal(world.node('other').now(), world.now)
})

test('a frozen process finds its timers due before what has arrived', async () => {
  const world = worldOf()
  const sockets = echo(world)
  const { lines } = open(world)
  await world.run(10)
  world.freeze('engine', 1_000)
  sockets[0]!.send('arrived at 11')
  world.node('engine').after(500, () => void lines.push(`${world.timeline.now} timer of 510`))

  await world.run(2_000)

  assert.deepEqual(lines.slice(1), ['1010 timer of 510', '1010 arrived at 11'])
})

test('same seed, same run; another seed, another run', async () => {
  const run = async (seed: number): Promise<string> => {
    const world = worldOf(seed)
    const sockets = echo(world)
    Object.assign(world.link('engine', HOST), { jitterMs: 50, duplicates: 0.2, reorders: 0.2 })
    const { connection } = open(world)
    await world.run(200)
    const io = world.node('engine')
    const talk = async (): Promise<void> => {
      for (let i = 0; i < 50; i++) {
        await pause(io, io.random() * 20)
        connection.send(`${i}`)
      }
    }
    const done = talk()
    await world.run(5_000)
    await done
    sockets[0]!.abort()
    await world.run(100)
    return world.digest()
  }

  assert.equal(await run(1), await run(1))
  assert.notEqual(await run(1), await run(2))
})
