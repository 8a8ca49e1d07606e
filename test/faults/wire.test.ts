// Faults of requests on real sockets: answers without end, broken TLS, connections that end under a write. Rows F063 to F065.
import assert from 'node:assert/strict'
import { createServer, type Server } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import {
  type AddressInfo,
  createServer as createTcpServer,
  type Server as TcpServer,
} from 'node:net'
import { test, type TestContext } from 'node:test'
import { gzipSync } from 'node:zlib'
import { pause } from '../../src/io/clock.ts'
import { HttpClient } from '../../src/io/http.ts'
import { systemIo, type SystemIo } from '../../src/io/system.ts'
import { EXPIRED, KEY, UNKNOWN } from './certificates.ts'

async function listen(t: TestContext, server: Server | TcpServer): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    if ('closeAllConnections' in server) server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

function ioOf(t: TestContext): SystemIo {
  const io = systemIo({ seed: 1 })
  t.after(() => io.close())
  return io
}

/** What the server would send, and long before which the client must have gone. */
const FLOOD_BYTES = 64 * 2 ** 20

test('F063 an answer that is slow, endless, packed or HTML is given up within its limits', async (t) => {
  const io = ioOf(t)
  let sentBytes = 0
  const port = await listen(
    t,
    createServer((request, response) => {
      // A blank now and then: each of them could be the beginning of an answer.
      if (request.url === '/slow') {
        const timer = setInterval(() => response.write(' '), 20)
        response.on('close', () => clearInterval(timer))
      }
      const flood = (gone?: Error | null): void => {
        if (gone !== undefined && gone !== null) return
        if (sentBytes >= FLOOD_BYTES) response.end()
        else {
          sentBytes += 2 ** 20
          response.write(Buffer.alloc(2 ** 20, ' '), flood)
        }
      }
      if (request.url === '/endless') flood()
      const zeros = gzipSync(Buffer.alloc(50 * 2 ** 20))
      if (request.url === '/packed') {
        response.setHeader('content-encoding', 'gzip')
        response.end(zeros)
      }
      if (request.url === '/html') response.end('<html>try again later</html>')
    }),
  )
  const client = new HttpClient(io, {
    baseUrl: `http://127.0.0.1:${port}`,
    timeoutMs: 1_000,
    answerBytesMax: 2 ** 20,
    attemptsMax: 1,
  })
  const codes: Record<string, string> = {}
  const took: Record<string, number> = {}
  for (const path of ['/slow', '/endless', '/packed', '/html']) {
    const began = performance.now()
    const answer = await client.read({ path, timeoutMs: path === '/slow' ? 300 : 60_000 })
    took[path] = performance.now() - began
    codes[path] = answer.ok ? 'ok' : answer.fault.code
  }
  const written = await client.write({ method: 'POST', path: '/html', body: {} })

  assert.deepEqual(codes, {
    '/slow': 'timeout',
    '/endless': 'corrupt-data',
    '/packed': 'corrupt-data',
    '/html': 'corrupt-data',
  })
  assert.ok(took['/slow']! < 30_000, `${took['/slow']} ms`)
  assert.ok(sentBytes < FLOOD_BYTES, `${sentBytes} bytes came`)
  // Whoever made that page may have taken the order.
  assert.equal(written.ok ? 'ok' : written.fault.code, 'outcome-unknown')
  assert.deepEqual(io.usage(), { timers: 0, requests: 0, connections: 0 })
})

test('F064 no name, nobody there and a certificate that cannot be trusted are told apart, and never trusted', async (t) => {
  const io = ioOf(t)
  let asked = 0
  const secure = (cert: string) =>
    createSecureServer({ key: KEY, cert }, (_request, response) => {
      asked++
      response.end('{}')
    })
  const [unknown, expired] = [await listen(t, secure(UNKNOWN)), await listen(t, secure(EXPIRED))]
  const closed = createTcpServer()
  const refused = await listen(t, closed)
  await new Promise((resolve) => closed.close(resolve))
  // Somebody has switched the checks off for the whole process; Node itself would obey.
  process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0'
  t.after(() => delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'])
  const told: string[] = []
  for (const [url, words] of [
    [`https://127.0.0.1:${unknown}/v2/orders`, /self-signed certificate/],
    [`https://127.0.0.1:${expired}/v2/orders`, /certificate/],
    [`https://127.0.0.1:${refused}/v2/orders`, /ECONNREFUSED/],
    // Longer than a name may be: no resolver is asked.
    [`https://${'x'.repeat(64)}.invalid/v2/orders`, /ENOTFOUND|EAI_/],
  ] as const) {
    const answer = await io.http.request({ method: 'POST', url, timeoutMs: 5_000, body: '{}' })
    assert.ok(!answer.ok, `${url} was answered`)
    assert.match(answer.fault.message, words)
    told.push(
      `${answer.fault.code} ${answer.fault.retry} ${String(answer.fault.context?.['sent'])}`,
    )
  }
  const stream = Promise.withResolvers<string>()
  io.websocket.connect({
    url: `wss://127.0.0.1:${unknown}/stream`,
    timeoutMs: 5_000,
    onOpen: () => stream.resolve('open'),
    onMessage: () => {},
    onClose: (_code, reason) => stream.resolve(reason),
  })

  assert.deepEqual(new Set(told), new Set(['network later no']))
  assert.match(await stream.promise, /self-signed certificate/)
  assert.equal(asked, 0)
})

test('F065 a kept connection that ends under a POST leaves its outcome unknown, and sends it once', async (t) => {
  const io = ioOf(t)
  const seen: string[] = []
  const port = await listen(
    t,
    createTcpServer((socket) => {
      socket.on('error', () => {})
      socket.on('data', (data) => {
        const id = /"id":"(\w+)"/.exec(data.toString())?.[1]
        if (id === undefined) return
        seen.push(id)
        // Every third request ends the connection that was kept for it, without an answer.
        if (seen.length % 3 === 0) socket.destroy()
        else socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}')
      })
    }),
  )
  const client = new HttpClient(io, { baseUrl: `http://127.0.0.1:${port}`, timeoutMs: 5_000 })
  const outcomes: string[] = []
  for (let i = 0; i < 12; i++) {
    const answer = await client.write({ method: 'POST', path: '/v2/orders', body: { id: `o${i}` } })
    outcomes.push(answer.ok ? 'accepted' : answer.fault.code)
    await pause(io, 1)
  }

  assert.deepEqual(
    outcomes,
    Array.from({ length: 12 }, (_none, i) => (i % 3 === 2 ? 'outcome-unknown' : 'accepted')),
  )
  assert.deepEqual(
    seen,
    Array.from({ length: 12 }, (_none, i) => `o${i}`),
  )
})
