/*
 * The Io of the machine: undici for http, ws for websockets, node:net for tcp, the timers of Node. Each request is
 * one attempt and each connection one connection; retries, pacing and reconnects are written once, above.
 *
 * `sent` is known, not guessed: undici says when it is about to write a request. Before that moment no byte has
 * left (refused, no such host, no free connection in time), after it anything may have happened.
 */
import { connect, isIP, type Socket } from 'node:net'
import { connect as connectSecurely } from 'node:tls'
import { Agent, type Dispatcher } from 'undici'
import { WebSocket } from 'ws'
import { fault } from '../core/fault.ts'
import { seeded } from '../core/random.ts'
import { failed, ok, type Result } from '../core/result.ts'
import { BodyBuffer } from './body-buffer.ts'
import { systemTime } from './clock.ts'
import { FrameStream } from './frames.ts'
import {
  ANSWER_BYTES_MAX,
  MESSAGE_BYTES_MAX,
  type Connection,
  type HttpRequest,
  type HttpResponse,
  type Io,
  type Refusal,
  type TcpConnection,
  type TcpOptions,
  type WebSocketOptions,
} from './io.ts'

export interface SystemIo extends Io {
  /** What is open now: for metrics, and for tests that look for leaks. */
  usage(): Usage
  /** Clears timers, ends requests and connections. Nothing calls back afterwards. */
  close(): Promise<void>
}

export interface Usage {
  readonly timers: number
  readonly requests: number
  readonly connections: number
}

export interface SystemOptions {
  /** Seed of `random`; from the clock where not told. */
  readonly seed?: number
  /** Most connections to one host, 16 where not told. */
  readonly connections?: number
  /** How long a connection without a request is kept open: the next order finds it warm. */
  readonly keepAliveMs?: number
}

export function systemIo(options: SystemOptions = {}): SystemIo {
  const { seed = systemTime.now() ^ process.pid, connections = 16, keepAliveMs = 60_000 } = options
  const timers = new Set<() => void>()
  const ends = new Set<() => void>()
  const requests = new Set<() => void>()
  const agent = new Agent({
    connections,
    pipelining: 1,
    keepAliveTimeout: keepAliveMs,
    keepAliveMaxTimeout: keepAliveMs,
    allowH2: false,
    // Said, and so kept where a variable of the environment would switch it off for the process.
    connect: { rejectUnauthorized: true },
    // Our own deadline is the only one.
    headersTimeout: 0,
    bodyTimeout: 0,
  })
  let isClosed = false

  const after: Io['after'] = (delayMs, fire) => {
    if (isClosed) return () => {}
    const stop = systemTime.after(delayMs, () => {
      timers.delete(stop)
      fire()
    })
    timers.add(stop)
    return () => {
      timers.delete(stop)
      stop()
    }
  }
  const owned: Owned = { after, ends, isClosed: () => isClosed }

  return {
    now: systemTime.now,
    monotonic: systemTime.monotonic,
    after,
    random: seeded(seed),
    http: {
      request: (request) =>
        isClosed ? Promise.resolve(notSent('io is closed')) : send(agent, request, after, requests),
    },
    websocket: { connect: (options) => openWebSocket(options, owned) },
    tcp: { connect: (options) => openTcp(options, owned) },
    usage: () => ({ timers: timers.size, requests: requests.size, connections: ends.size }),
    async close() {
      isClosed = true
      for (const end of [...requests, ...ends, ...timers]) end()
      timers.clear()
      ends.clear()
      await agent.destroy()
    },
  }
}

interface Owned {
  readonly after: Io['after']
  readonly ends: Set<() => void>
  isClosed(): boolean
}

const notSent = (why: string): Result<never> => failed(fault('network', why, { sent: 'no' }))

/** One attempt. The promise is settled by whatever comes first: the answer, an error, the deadline, the signal. */
function send(
  agent: Dispatcher,
  request: HttpRequest,
  after: Io['after'],
  requests: Set<() => void>,
): Promise<Result<HttpResponse>> {
  const { method, timeoutMs, signal, answerBytesMax = ANSWER_BYTES_MAX } = request
  const { into = new BodyBuffer() } = request
  if (signal?.aborted === true) return Promise.resolve(notSent('canceled before it was sent'))
  return new Promise((resolve) => {
    let controller: Dispatcher.DispatchController | undefined
    let isSettled = false
    let head: Refusal | undefined
    let size = 0

    const settle = (result: Result<HttpResponse>): void => {
      if (isSettled) return
      isSettled = true
      stopTimer()
      signal?.removeEventListener('abort', onAbort)
      requests.delete(onEnd)
      resolve(result)
    }
    const give = (code: 'network' | 'timeout' | 'corrupt-data', why: string): void => {
      if (isSettled) return
      settle(failed(fault(code, why, { sent: controller === undefined ? 'no' : 'maybe' })))
      controller?.abort(new Error(why))
    }
    const onAbort = (): void => give('network', 'canceled by its signal')
    const onEnd = (): void => give('network', 'io was closed')
    const stopTimer = after(timeoutMs, () => give('timeout', `no answer within ${timeoutMs} ms`))
    signal?.addEventListener('abort', onAbort)
    requests.add(onEnd)

    const url = new URL(request.url)
    agent.dispatch(
      {
        origin: url.origin,
        path: `${url.pathname}${url.search}`,
        method,
        headers: { ...request.headers },
        body: request.body ?? null,
      },
      {
        onRequestStart(started) {
          // A second start would be a second attempt, and a late one nobody waits for: no byte leaves.
          if (isSettled || controller !== undefined) {
            started.abort(new Error('one attempt only'))
            give('network', 'the connection ended before the request was answered')
            return
          }
          controller = started
          into.clear()
        },
        onResponseStart(_, status, headers) {
          // 100 and 103 come before the answer.
          if (status >= 200) head = { status, headers: lowerCase(headers) }
        },
        onResponseData(_, chunk) {
          size += chunk.length
          if (size <= answerBytesMax) into.add(chunk)
          else give('corrupt-data', `the answer is longer than ${answerBytesMax} bytes`)
          // The parser may have more of this memory to read, until its turn ends.
          if (request.into !== undefined) setImmediate(() => release(chunk))
        },
        onResponseEnd() {
          if (head !== undefined) settle(ok({ ...head, body: into.body }))
        },
        onResponseError(_, error) {
          give('network', messageOf(error))
        },
      },
    )
  })
}

/**
 * Gives back the memory that a socket has read to, before a collection finds it: with answers of a megabyte there was a
 * collection of the whole heap for every ten. Where what was read is more than half of its memory, that is no slab that
 * Node shares among small buffers (https://nodejs.org/docs/latest-v24.x/api/buffer.html#static-method-bufferallocunsafesize).
 */
function release({ buffer, byteLength }: Uint8Array): void {
  if (!(buffer instanceof ArrayBuffer) || buffer.detached) return
  if (byteLength > buffer.byteLength / 2) buffer.transfer(0)
}

function lowerCase(
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
): Record<string, string> {
  const entries = Object.entries(headers).flatMap(([name, value]) =>
    value === undefined
      ? []
      : [[name.toLowerCase(), typeof value === 'string' ? value : value.join(', ')] as const],
  )
  return Object.fromEntries(entries)
}

/** Node gathers the failures of several addresses in one error that has no message of its own. */
const messageOf = (error: Error): string =>
  error.message === '' && 'code' in error ? String(error.code) : error.message

function openWebSocket(options: WebSocketOptions, owned: Owned): Connection {
  const { url, headers, timeoutMs, messageBytesMax = MESSAGE_BYTES_MAX } = options
  let frames: FrameStream | undefined
  const socket = new WebSocket(url, {
    headers: { ...headers },
    maxPayload: messageBytesMax,
    perMessageDeflate: false,
    skipUTF8Validation: true,
    followRedirects: false,
    rejectUnauthorized: true,
    // It takes any duplex, and so does http; only its types ask for a socket.
    createConnection: (() => {
      frames = new FrameStream(connectTo(url))
      return frames
    }) as unknown as typeof connect,
  })
  const hear = (bytes: Uint8Array, isBinary: boolean): void =>
    options.onMessage(isBinary || options.textAs === 'bytes' ? bytes : textOf(bytes))
  let refusal: Refusal | undefined
  let why = ''
  const end = (): void => socket.terminate()
  let stopTimer = owned.after(timeoutMs, () => {
    why = `not open within ${timeoutMs} ms`
    end()
  })
  owned.ends.add(end)

  socket.on('open', () => {
    stopTimer()
    frames?.tap(messageBytesMax, hear)
    options.onOpen()
  })
  socket.on('message', (data, isBinary) => hear(bytesOf(data), isBinary))
  socket.on('pong', () => options.onPong?.())
  socket.on('error', (error) => {
    // The first reason is the cause; what ws says afterwards is about its own ending.
    if (why === '') why = messageOf(error)
  })
  socket.on('unexpected-response', (_, response) => {
    refusal = { status: response.statusCode ?? 0, headers: lowerCase(response.headers) }
    socket.terminate()
  })
  socket.on('close', (code, reason) => {
    stopTimer()
    owned.ends.delete(end)
    if (owned.isClosed()) return
    if (refusal !== undefined) why = `the upgrade was answered with ${refusal.status}`
    options.onClose(code, reason.length > 0 ? reason.toString('utf8') : why, refusal)
  })
  const isOpen = (): boolean => socket.readyState === WebSocket.OPEN
  if (owned.isClosed()) socket.terminate()

  return {
    send(data) {
      if (!isOpen()) return false
      socket.send(data)
      return true
    },
    ping() {
      if (isOpen()) socket.ping()
    },
    get waitingBytes() {
      return socket.bufferedAmount
    },
    close(code = 1000, reason = '') {
      if (socket.readyState >= WebSocket.CLOSING) return
      stopTimer()
      stopTimer = owned.after(timeoutMs, end)
      socket.close(code, reason)
    },
    abort: end,
  }
}

/** As ws itself connects, and small frames do not wait for the next. */
function connectTo(url: string): Socket {
  const { protocol, hostname, port } = new URL(url)
  const host = hostname.replaceAll(/^\[|\]$/g, '')
  const servername = isIP(host) === 0 ? host : ''
  const socket =
    protocol === 'wss:'
      ? connectSecurely({ host, port: Number(port || 443), servername, rejectUnauthorized: true })
      : connect({ host, port: Number(port || 80) })
  return socket.setNoDelay()
}

function bytesOf(data: Buffer | ArrayBuffer | Buffer[]): Buffer {
  if (Buffer.isBuffer(data)) return data
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data)
}

const textOf = ({ buffer, byteOffset, length }: Uint8Array): string =>
  Buffer.from(buffer, byteOffset, length).toString('utf8')

function openTcp(options: TcpOptions, owned: Owned): TcpConnection {
  const { host, port, timeoutMs } = options
  const socket: Socket = connect({ host, port, noDelay: true })
  let why = 'closed'
  const end = (): void => {
    socket.destroy()
  }
  const expire = (what: string): (() => void) =>
    owned.after(timeoutMs, () => {
      why = `${what} within ${timeoutMs} ms`
      end()
    })
  let stopTimer = expire('not open')
  owned.ends.add(end)

  socket.on('connect', () => {
    stopTimer()
    options.onOpen()
  })
  socket.on('data', (data) => options.onData(data))
  socket.on('error', (error) => {
    why = messageOf(error)
  })
  socket.on('close', () => {
    stopTimer()
    owned.ends.delete(end)
    if (!owned.isClosed()) options.onClose(why)
  })
  if (owned.isClosed()) end()

  return {
    send(data) {
      if (socket.readyState !== 'open') return false
      socket.write(data)
      return true
    },
    get waitingBytes() {
      return socket.writableLength
    },
    close() {
      if (socket.destroyed) return
      stopTimer()
      stopTimer = expire('not closed')
      socket.end()
    },
  }
}
