import assert from 'node:assert/strict'
import { createServer, type Server, type ServerResponse } from 'node:http'
import {
  createServer as createTcpServer,
  type AddressInfo,
  type Server as TcpServer,
} from 'node:net'
import { test, type TestContext } from 'node:test'
import { WebSocketServer } from 'ws'
import { BodyBuffer } from './body-buffer.ts'
import { pause } from './clock.ts'
import { systemIo, type SystemIo } from './system.ts'

/** Longest wait for something that takes milliseconds where the machine has nothing else to do. */
const LIMIT_MS = 60_000

function ioOf(t: TestContext): SystemIo {
  const io = systemIo({ seed: 1 })
  t.after(() => io.close())
  return io
}

async function listen(t: TestContext, server: Server | TcpServer): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    if ('closeAllConnections' in server) server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

/** A promise and what resolves it; rejects where nothing does in time. */
function signal<T>(): { readonly promise: Promise<T>; readonly resolve: (value: T) => void } {
  const { promise, resolve, reject } = Promise.withResolvers<T>()
  const timer = setTimeout(() => reject(new Error('nothing came in time')), LIMIT_MS)
  return { promise: promise.finally(() => clearTimeout(timer)), resolve }
}

const ask = (io: SystemIo, port: number, timeoutMs = LIMIT_MS, path = '/') =>
  io.http.request({ method: 'POST', url: `http://127.0.0.1:${port}${path}`, timeoutMs, body: '{}' })

/** Whoever asks next has a connection: its bytes leave with the call, and not when the machine comes to connect. */
async function warm(io: SystemIo, port: number): Promise<void> {
  await ask(io, port, LIMIT_MS, '/warm')
  // Undici gives a connection free one turn of the event loop after the answer.
  await pause(io, 1)
}

test('asks over one connection that is kept', async (t) => {
  const io = ioOf(t)
  const ports = new Set<number | undefined>()
  const server = createServer((request, response) => {
    ports.add(request.socket.remotePort)
    response.setHeader('X-Two', ['a', 'b'])
    response.end(`${request.method} ${request.url}`)
  })
  const port = await listen(t, server)

  const first = await ask(io, port, LIMIT_MS, '/v2?a=1')
  // Undici gives a connection free one turn of the event loop after the answer.
  await pause(io, 1)
  const second = await ask(io, port)

  assert.ok(first.ok && second.ok)
  assert.equal(Buffer.from(first.value.body).toString(), 'POST /v2?a=1')
  assert.equal(first.value.headers['x-two'], 'a, b')
  assert.equal(ports.size, 1)
  assert.deepEqual(io.usage(), { timers: 0, requests: 0, connections: 0 })
})

test('puts one answer after the other into the same buffer', async (t) => {
  const io = ioOf(t)
  const server = createServer((request, response) => response.end(request.url))
  const port = await listen(t, server)
  const into = new BodyBuffer()
  const read = async (path: string) => {
    const url = `http://127.0.0.1:${port}${path}`
    const answer = await io.http.request({ method: 'GET', url, timeoutMs: LIMIT_MS, into })
    assert.ok(answer.ok)
    return { buffer: answer.value.body.buffer, text: Buffer.from(answer.value.body).toString() }
  }

  const long = await read(`/${'x'.repeat(10_000)}`)
  const short = await read('/y')

  assert.deepEqual([long.text.length, short.text], [10_001, '/y'])
  assert.equal(short.buffer, long.buffer)
})

test('gives the memory back that a socket has read to, where the answer is put elsewhere', async (t) => {
  const io = ioOf(t)
  const long = Buffer.alloc(4_000_000, 'x')
  const server = createServer((request, response) => {
    // Without a length it comes in pieces with something between them.
    if (request.url === '/whole') response.setHeader('content-length', long.length)
    for (let at = 0; at < long.length; at += 100_000)
      response.write(long.subarray(at, at + 100_000))
    response.end()
  })
  const port = await listen(t, server)
  const into = new BodyBuffer()
  const read = async (path: string): Promise<number> => {
    const url = `http://127.0.0.1:${port}${path}`
    const answer = await io.http.request({ method: 'GET', url, timeoutMs: LIMIT_MS, into })
    assert.ok(answer.ok && long.equals(answer.value.body))
    await pause(io, 1)
    return process.memoryUsage().arrayBuffers
  }

  const first = await read('/whole')
  for (let n = 0; n < 10; n++) await read('/pieces')
  for (let n = 0; n < 10; n++) await read('/whole')
  const last = await read('/whole')

  assert.ok(last - first < 2 * long.length, `${last - first} bytes more after 21 answers`)
})

test('what comes of an answer too late is not put into the buffer of the next', async (t) => {
  const io = ioOf(t)
  const late = signal<ServerResponse>()
  const port = await listen(
    t,
    createServer((request, response) => {
      if (request.url === '/late') {
        response.write('some')
        late.resolve(response)
      } else response.end('now')
    }),
  )
  const into = new BodyBuffer()
  const controller = new AbortController()
  const get = (path: string, rest: { readonly signal?: AbortSignal } = {}) =>
    io.http.request({
      method: 'GET',
      url: `http://127.0.0.1:${port}${path}`,
      timeoutMs: LIMIT_MS,
      into,
      ...rest,
    })

  const giving = get('/late', { signal: controller.signal })
  const response = await late.promise
  controller.abort()
  const given = await giving
  response.end('more')
  const answer = await get('/now')

  assert.ok(!given.ok && answer.ok)
  assert.equal(Buffer.from(answer.value.body).toString(), 'now')
})

test('says that no byte left where the connection is refused', async (t) => {
  const io = ioOf(t)
  const server = createTcpServer()
  const port = await listen(t, server)
  await new Promise((resolve) => server.close(resolve))

  const result = await ask(io, port)

  assert.ok(!result.ok)
  assert.equal(result.fault.code, 'network')
  assert.equal(result.fault.context?.['sent'], 'no')
  assert.match(result.fault.message, /ECONNREFUSED/)
})

test('says that bytes may have left where the answer does not come', async (t) => {
  const io = ioOf(t)
  let attempts = 0
  const server = createServer((request, response) => {
    if (request.url === '/warm') response.end()
    else attempts += 1
    if (request.url === '/reset') request.socket.resetAndDestroy()
  })
  const port = await listen(t, server)
  await warm(io, port)

  const silent = await ask(io, port, 100)
  const reset = await ask(io, port, LIMIT_MS, '/reset')

  assert.ok(!silent.ok && !reset.ok)
  assert.deepEqual([silent.fault.code, silent.fault.context?.['sent']], ['timeout', 'maybe'])
  assert.deepEqual([reset.fault.code, reset.fault.context?.['sent']], ['network', 'maybe'])
  assert.equal(attempts, 2)
})

test('a request that found no free connection in time was not sent', async (t) => {
  const io = systemIo({ seed: 1, connections: 1 })
  t.after(() => io.close())
  const asked: unknown[] = []
  const port = await listen(
    t,
    createServer((request, response) => {
      if (request.url !== '/warm') asked.push(request.url)
      if (request.url !== '/first') response.end()
    }),
  )
  await warm(io, port)

  const first = ask(io, port, 200, '/first')
  const second = await ask(io, port, 50, '/given-up')
  await first

  assert.ok(!second.ok)
  assert.deepEqual([second.fault.code, second.fault.context?.['sent']], ['timeout', 'no'])
  // The one that was given up is not sent afterwards, when the connection is free.
  await ask(io, port, LIMIT_MS, '/next')
  assert.deepEqual(asked, ['/first', '/next'])
})

test('follows no redirect, and ends an answer past its limit', async (t) => {
  const io = ioOf(t)
  let asked = 0
  const server = createServer((request, response) => {
    asked += 1
    if (request.url === '/there') response.writeHead(307, { location: '/here' }).end()
    else response.end('x'.repeat(1_000))
  })
  const port = await listen(t, server)

  const redirect = await ask(io, port, LIMIT_MS, '/there')
  const url = `http://127.0.0.1:${port}/`
  const long = await io.http.request({
    method: 'GET',
    url,
    timeoutMs: LIMIT_MS,
    answerBytesMax: 999,
  })

  assert.equal(redirect.ok && redirect.value.status, 307)
  assert.equal(!long.ok && long.fault.code, 'corrupt-data')
  assert.equal(asked, 2)
})

test('a signal ends a request, close ends all of them', async (t) => {
  const io = ioOf(t)
  const port = await listen(
    t,
    createServer(() => {}),
  )
  const controller = new AbortController()
  const url = `http://127.0.0.1:${port}/`
  const request = { method: 'GET', url, timeoutMs: LIMIT_MS } as const

  const canceled = io.http.request({ ...request, signal: controller.signal })
  controller.abort()
  const closed = io.http.request(request)
  io.after(LIMIT_MS, () => assert.fail('a timer outlived its io'))
  await io.close()
  const late = await io.http.request(request)

  assert.equal((await canceled).ok, false)
  assert.equal((await closed).ok, false)
  assert.equal(!late.ok && late.fault.context?.['sent'], 'no')
  assert.deepEqual(io.usage(), { timers: 0, requests: 0, connections: 0 })
})

test('a websocket talks, answers pings, and closes with its code', async (t) => {
  const io = ioOf(t)
  const server = createServer()
  const sockets = new WebSocketServer({ server, perMessageDeflate: true })
  sockets.on('connection', (socket, request) => {
    assert.equal(request.headers['sec-websocket-extensions'], undefined)
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
  })
  const port = await listen(t, server)
  const end = signal<string>()
  const heard: unknown[] = []
  const connection = io.websocket.connect({
    url: `ws://127.0.0.1:${port}`,
    timeoutMs: LIMIT_MS,
    onOpen: () => {
      connection.send('text')
      connection.send(Uint8Array.of(1, 2))
      connection.ping()
    },
    onMessage: (data) => void heard.push(data),
    onPong: () => connection.close(4_000, 'enough'),
    onClose: (code, reason) => end.resolve(`${code} ${reason}`),
  })

  assert.equal(connection.send('too early'), false)
  assert.equal(await end.promise, '4000 enough')
  assert.equal(heard[0], 'text')
  assert.deepEqual([...(heard[1] as Uint8Array)], [1, 2])
  assert.deepEqual(io.usage(), { timers: 0, requests: 0, connections: 0 })
})

test('a websocket gives text frames as bytes where it is asked to', async (t) => {
  const io = ioOf(t)
  const server = createServer()
  const sockets = new WebSocketServer({ server })
  sockets.on('connection', (socket) => socket.send('né'))
  const port = await listen(t, server)
  const end = signal<unknown>()
  const connection = io.websocket.connect({
    url: `ws://127.0.0.1:${port}`,
    timeoutMs: LIMIT_MS,
    textAs: 'bytes',
    onOpen: () => {},
    onMessage: (data) => end.resolve(data),
    onClose: () => {},
  })

  assert.deepEqual([...((await end.promise) as Uint8Array)], [0x6e, 0xc3, 0xa9])
  connection.close()
})

test('a websocket tells a refused upgrade, a message past its limit, and a host that says nothing', async (t) => {
  const io = ioOf(t)
  const server = createServer()
  const sockets = new WebSocketServer({ noServer: true })
  server.on('upgrade', (request, socket, head) => {
    if (request.url === '/refused') {
      socket.end('HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n')
    } else if (request.url === '/long') {
      sockets.handleUpgrade(request, socket, head, (open) => open.send('x'.repeat(101)))
    }
  })
  const port = await listen(t, server)
  const endOf = (path: string, timeoutMs: number): Promise<string> => {
    const end = signal<string>()
    io.websocket.connect({
      url: `ws://127.0.0.1:${port}${path}`,
      timeoutMs,
      messageBytesMax: 100,
      onOpen: () => {},
      onMessage: () => assert.fail('too long'),
      onClose: (code, reason, refusal) =>
        end.resolve(`${code} ${refusal?.headers['retry-after'] ?? reason}`),
    })
    return end.promise
  }

  assert.equal(await endOf('/refused', LIMIT_MS), '1006 7')
  assert.match(await endOf('/long', LIMIT_MS), /^100[69] Max payload size exceeded/)
  assert.match(await endOf('/silent', 50), /^1006 not open within 50 ms/)
  assert.deepEqual(io.usage(), { timers: 0, requests: 0, connections: 0 })
})

test('a websocket whose host does not answer the close frame ends in time', async (t) => {
  const io = ioOf(t)
  const server = createServer()
  const sockets = new WebSocketServer({ server })
  sockets.on('connection', (socket) => socket.pause())
  const port = await listen(t, server)
  const end = signal<number>()
  const connection = io.websocket.connect({
    url: `ws://127.0.0.1:${port}`,
    timeoutMs: 100,
    onOpen: () => connection.close(),
    onMessage: () => {},
    onClose: (code) => end.resolve(code),
  })

  assert.equal(await end.promise, 1006)
})

test('tcp talks and closes, and tells a refusal', async (t) => {
  const io = ioOf(t)
  const server = createTcpServer((socket) => {
    socket.on('error', () => {})
    socket.pipe(socket)
  })
  const port = await listen(t, server)
  const end = signal<string>()
  const connection = io.tcp.connect({
    host: '127.0.0.1',
    port,
    timeoutMs: LIMIT_MS,
    onOpen: () => void connection.send(Buffer.from('hello')),
    onData: (data) => {
      assert.equal(Buffer.from(data).toString(), 'hello')
      connection.close()
    },
    onClose: (reason) => end.resolve(reason),
  })
  assert.equal(await end.promise, 'closed')
  await new Promise((resolve) => server.close(resolve))

  const refused = signal<string>()
  const none = { onOpen: () => {}, onData: () => {}, timeoutMs: LIMIT_MS }
  io.tcp.connect({ host: '127.0.0.1', port, ...none, onClose: refused.resolve })

  assert.match(await refused.promise, /ECONNREFUSED/)
  assert.equal(connection.send(Buffer.from('late')), false)
})

test('a wait takes its time, and none of it once its signal aborts', async (t) => {
  const io = ioOf(t)
  const before = io.monotonic()
  await pause(io, 20)
  const after = io.monotonic()
  const controller = new AbortController()
  const canceled = pause(io, 60_000, controller.signal)
  controller.abort()
  await canceled

  assert.ok(after - before >= 20)
  assert.deepEqual(io.usage().timers, 0)
})
