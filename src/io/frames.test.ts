import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { test, type TestContext } from 'node:test'
import * as fc from 'fast-check'
import { WebSocket } from 'ws'
import { FrameStream, type Tap } from './frames.ts'
import { systemIo } from './system.ts'

const MESSAGE_BYTES_MAX = 100_000
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

/** What a client was told, and how many bytes it sent after its request. */
interface Told {
  readonly heard: readonly string[]
  readonly sent: number
}

/** A host that answers each upgrade, and then says these pieces, the first of them in one packet with its answer. */
async function hostOf(t: TestContext, pieces: readonly Buffer[]) {
  const sent: Promise<number>[] = []
  const server = createServer((socket) => void sent.push(say(socket, pieces)))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  t.after(() => server.close())
  const close = (): Promise<void> => new Promise((resolve) => server.close(() => resolve()))
  return { url: `ws://127.0.0.1:${port}`, sent, close }
}

/** Gives how many bytes came after the request. */
async function say(socket: Socket, pieces: readonly Buffer[]): Promise<number> {
  let sent = 0
  let request = ''
  socket.on('error', () => {})
  socket.on('data', (bytes) => {
    if (request.includes('\r\n\r\n')) {
      sent += bytes.length
      return
    }
    request += bytes.toString('latin1')
    const key = /sec-websocket-key: (.*)\r\n/i.exec(request)?.[1]
    if (request.includes('\r\n\r\n') && key !== undefined) void answer(socket, key, pieces)
  })
  await once(socket, 'close')
  return sent
}

async function answer(socket: Socket, key: string, [first, ...pieces]: readonly Buffer[]) {
  const accept = createHash('sha1').update(`${key}${GUID}`).digest('base64')
  const head = `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n`
  socket.setNoDelay()
  socket.write(
    Buffer.concat([
      Buffer.from(`${head}Sec-WebSocket-Accept: ${accept}\r\n\r\n`),
      ...(first === undefined ? [] : [first]),
    ]),
  )
  for (const piece of pieces) {
    // Each comes by itself, as a rule.
    await new Promise(setImmediate)
    if (!socket.write(piece)) await Promise.race([once(socket, 'drain'), once(socket, 'close')])
  }
  socket.end()
}

/** A tapped stream, and the socket at the other end. */
async function tapped(t: TestContext, tap: Tap) {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  const { port } = server.address() as AddressInfo
  const socket = connect({ host: '127.0.0.1', port })
  const [host]: Socket[] = await once(server, 'connection')
  assert.ok(host !== undefined)
  host.on('error', () => {})
  const frames = new FrameStream(socket)
  frames.tap(MESSAGE_BYTES_MAX, tap)
  return { frames, socket, host }
}

const textOf = (data: unknown): string =>
  typeof data === 'string'
    ? `text ${data.length} ${data.slice(0, 20)}`
    : data instanceof Uint8Array
      ? `bytes ${data.length} ${Buffer.from(data).toString('latin1', 0, 20)}`
      : 'other'

/** What our client is told. */
function ours(url: string): Promise<readonly string[]> {
  const io = systemIo({ seed: 1 })
  const heard: string[] = []
  return new Promise((resolve) => {
    io.websocket.connect({
      url,
      timeoutMs: 5_000,
      messageBytesMax: MESSAGE_BYTES_MAX,
      onOpen: () => heard.push('open'),
      onMessage: (data) => heard.push(textOf(data)),
      onPong: () => heard.push('pong'),
      onClose: (code, reason) => {
        heard.push(`${code} ${reason}`)
        void io.close().then(() => resolve(heard))
      },
    })
  })
}

/** What ws is told on a connection of its own. */
function alone(url: string): Promise<readonly string[]> {
  const options = { perMessageDeflate: false, skipUTF8Validation: true }
  const socket = new WebSocket(url, { ...options, maxPayload: MESSAGE_BYTES_MAX })
  const heard: string[] = []
  let why = ''
  socket.on('open', () => heard.push('open'))
  socket.on('message', (data: Buffer, isBinary) =>
    heard.push(textOf(isBinary ? data : data.toString('utf8'))),
  )
  socket.on('pong', () => heard.push('pong'))
  socket.on('error', (error) => (why = error.message))
  return new Promise((resolve) => {
    socket.on('close', (code, reason) => {
      heard.push(`${code} ${reason.length > 0 ? reason.toString('utf8') : why}`)
      resolve(heard)
    })
  })
}

/** A frame as a server sends it; `bits` are those above its kind, FIN where not told. */
function frame(kind: number, payload: Buffer, bits = 0x80): Buffer {
  const { length } = payload
  const head = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10)
  head[0] = bits | kind
  head[1] = length < 126 ? length : length < 65_536 ? 126 : 127
  if (head.length === 4) head.writeUInt16BE(length, 2)
  if (head.length === 10) head.writeBigUInt64BE(BigInt(length), 2)
  return Buffer.concat([head, payload])
}

const [CONTINUED, TEXT, BINARY, CLOSE, PING, PONG] = [0, 1, 2, 8, 9, 10]

const payload = fc
  .record({
    size: fc.oneof(
      { weight: 8, arbitrary: fc.integer({ min: 0, max: 300 }) },
      { weight: 2, arbitrary: fc.integer({ min: 65_000, max: MESSAGE_BYTES_MAX }) },
    ),
    // What looks like the beginning of a frame, where one takes it for that.
    bytes: fc.uint8Array({ minLength: 1, maxLength: 4 }),
    isFrame: fc.boolean(),
  })
  .map(({ size, bytes, isFrame }) =>
    Buffer.alloc(size, isFrame ? Buffer.of(0x81, ...bytes) : bytes),
  )
const small = fc.integer({ min: 0, max: 125 }).map((size) => Buffer.alloc(size, 112))
const message = fc
  .tuple(fc.constantFrom(TEXT, BINARY), payload)
  .map(([kind, it]) => frame(kind, it))
const ping = fc.tuple(fc.constantFrom(PING, PONG), small).map(([kind, it]) => frame(kind, it))
const parts = fc
  .tuple(fc.constantFrom(TEXT, BINARY), small, ping, small)
  .map(([kind, one, between, two]) =>
    Buffer.concat([frame(kind, one, 0), between, frame(CONTINUED, two)]),
  )
const last = fc.constantFrom(
  frame(CLOSE, Buffer.from([0x0f, 0xa0, 0x6f, 0x6b])),
  frame(CLOSE, Buffer.alloc(0)),
  frame(TEXT, Buffer.alloc(MESSAGE_BYTES_MAX + 1, 120)),
  // Packed though nobody agreed to it, a bit that has no meaning, masked, a kind that is none, a long ping, one in parts.
  frame(TEXT, Buffer.from('packed'), 0xc0),
  frame(BINARY, Buffer.from('bit'), 0x90),
  Buffer.from([0x81, 0x84, 1, 2, 3, 4, 5, 6, 7, 8]),
  Buffer.from([0x81, 0xfe, 0, 200, 1, 2, 3, 4, 5, 6]),
  frame(3, Buffer.from('none')),
  frame(PING, Buffer.alloc(126, 112)),
  frame(PING, Buffer.from('part'), 0),
  frame(CONTINUED, Buffer.from('of nothing')),
)
const talk = fc.record({
  frames: fc.array(
    fc.oneof(
      { weight: 12, arbitrary: message },
      { weight: 4, arbitrary: ping },
      { weight: 1, arbitrary: parts },
    ),
    { maxLength: 30 },
  ),
  end: fc.option(fc.tuple(last, fc.array(message, { maxLength: 3 }))),
  cuts: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 }),
})

test('a client is told what ws tells it alone, whatever comes and however it is cut', async (t) => {
  await fc.assert(
    fc.asyncProperty(talk, async ({ frames, end, cuts }) => {
      const bytes = Buffer.concat([...frames, ...(end === null ? [] : [end[0], ...end[1]])])
      const places = cuts.map((cut) => Math.floor(cut * bytes.length)).toSorted((a, b) => a - b)
      const pieces = [0, ...places].map((from, i) => bytes.subarray(from, places[i]))
      const host = await hostOf(t, pieces)
      const told = async (client: (url: string) => Promise<readonly string[]>): Promise<Told> => {
        const heard = await client(host.url)
        return { heard, sent: await host.sent.at(-1)! }
      }

      assert.deepEqual(await told(ours), await told(alone))
      await host.close()
    }),
    { numRuns: 150 },
  )
})

test('what comes one byte at a time is told as well', async (t) => {
  const bytes = Buffer.concat([
    frame(TEXT, Buffer.from('short')),
    frame(PING, Buffer.from('p')),
    frame(BINARY, Buffer.alloc(200, 98)),
  ])
  const host = await hostOf(
    t,
    [...bytes].map((byte) => Buffer.of(byte)),
  )

  const heard = await ours(host.url)

  assert.deepEqual(heard, ['open', 'text 5 short', `bytes 200 ${'b'.repeat(20)}`, '1006 '])
})

test('no message overtakes what its client has not taken yet', async (t) => {
  const { frames, host, socket } = await tapped(t, () => assert.fail('the ping before it waits'))

  host.write(Buffer.concat([frame(PING, Buffer.from('1')), frame(TEXT, Buffer.from('2'))]))
  await once(frames, 'readable')
  host.end(frame(BINARY, Buffer.from('3')))
  await once(socket, 'end')
  const chunks: Buffer[] = []
  for await (const chunk of frames) chunks.push(chunk)

  assert.equal(Buffer.concat(chunks).toString('latin1'), '\x89\x011\x81\x012\x82\x013')
})

test('a host is not read while its client does not read, and ends with its socket', async (t) => {
  const { frames, host, socket } = await tapped(t, () => {})

  host.write(Buffer.concat([frame(TEXT, Buffer.from('1'), 0), Buffer.alloc(2 ** 20)]))
  await once(socket, 'pause')
  socket.destroy()
  await once(frames, 'close')

  assert.ok(frames.readableLength < 2 ** 19)
})

test('why there is no connection is told', async (t) => {
  const { url, close } = await hostOf(t, [])
  await close()

  const [told] = await ours(url)

  assert.match(told ?? '', /^1006 connect ECONNREFUSED/)
})

test('nothing is told after the connection was let go, though it had come', async (t) => {
  const host = await hostOf(t, [
    Buffer.concat(['one', 'two'].map((text) => frame(TEXT, Buffer.from(text)))),
  ])
  const io = systemIo({ seed: 1 })
  t.after(() => io.close())
  const heard: unknown[] = []
  const closed = Promise.withResolvers<number>()

  const connection = io.websocket.connect({
    url: host.url,
    timeoutMs: 5_000,
    onOpen: () => {},
    onMessage: (data) => {
      heard.push(data)
      connection.abort()
    },
    onClose: closed.resolve,
  })

  assert.equal(await closed.promise, 1006)
  assert.deepEqual(heard, ['one'])
  assert.deepEqual(io.usage(), { timers: 0, requests: 0, connections: 0 })
})
