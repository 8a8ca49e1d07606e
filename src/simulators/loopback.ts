// Loopback: the sockets of a simulated venue. One port on 127.0.0.1 serves its requests and its streams by path.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import type { Answer, Request } from './answer.ts'
import type { Timers } from './stage.ts'
import type { Handshake, Peer } from './wire.ts'

/** One connection of a client, as the venue sees it. */
export interface Session {
  receive(data: string | Uint8Array): void
  closed(code: number): void
  /** Nothing goes out: pings are not answered either. */
  readonly isDead: boolean
}

/** A venue, as whatever carries its bytes sees it. */
export interface Front {
  readonly timers: Timers
  answer(request: Request): Answer
  /** The status that refuses a connection to this path, where one does. Asked once for each. */
  refusalOf(path: string): number | undefined
  connect(handshake: Handshake, peer: Peer): Session
}

/** Largest body of a request, and largest message of a client. */
const BODY_MAX = 2 ** 20

/** The machine's clock. The open port keeps the process alive, not what waits. */
export const systemTimers: Timers = {
  monotonic: () => performance.now(),
  after(delayMs, fire) {
    const timer = setTimeout(fire, delayMs).unref()
    return () => clearTimeout(timer)
  },
}

export class Loopback {
  /** `127.0.0.1:4010`. */
  readonly host: string
  readonly #http: Server
  readonly #sockets: WebSocketServer
  readonly #connections: Set<Socket>

  private constructor(http: Server, sockets: WebSocketServer, connections: Set<Socket>) {
    this.#http = http
    this.#sockets = sockets
    this.#connections = connections
    this.host = `127.0.0.1:${(http.address() as AddressInfo).port}`
  }

  /** Binds the port; 0 takes any free one. */
  static async listen(front: Front, port: number): Promise<Loopback> {
    // Pings are answered by us, so that a connection can be dead.
    const sockets = new WebSocketServer({
      noServer: true,
      autoPong: false,
      maxPayload: BODY_MAX,
      perMessageDeflate: false,
    })
    const http = createServer((request, response) => {
      readBody(request).then(
        (body) => answer(front, request, response, body),
        () => request.destroy(),
      )
    })
    const connections = new Set<Socket>()
    http.on('connection', (socket) => {
      connections.add(socket)
      socket.setNoDelay(true)
      socket.on('close', () => connections.delete(socket))
    })
    http.on('upgrade', (request, socket, head) => upgrade(front, sockets, request, socket, head))
    await new Promise<void>((resolve, reject) => {
      http.once('error', reject)
      http.listen(port, '127.0.0.1', () => {
        http.off('error', reject)
        resolve()
      })
    })
    return new Loopback(http, sockets, connections)
  }

  /** Ends every connection, then the port. */
  async stop(): Promise<void> {
    for (const socket of this.#sockets.clients) socket.terminate()
    this.#sockets.close()
    const closed = new Promise<void>((resolve) => this.#http.close(() => resolve()))
    for (const socket of this.#connections) socket.destroy()
    await closed
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > BODY_MAX) throw new Error(`a body holds at most ${BODY_MAX} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

function answer(
  front: Front,
  request: IncomingMessage,
  response: ServerResponse,
  body: string,
): void {
  const target = targetOf(request.url)
  if (target === undefined) {
    response.writeHead(400).end()
    return
  }
  const { method = 'GET', headers } = request
  const answer = front.answer({ method, ...target, headers, body })
  const send = (): void => {
    if (answer.wire === 'silence' || response.destroyed) return
    const bytes = Buffer.from(answer.body)
    const isEmpty = answer.status === 204
    const length = isEmpty ? {} : { 'content-length': String(bytes.length) }
    response.writeHead(answer.status, { ...answer.headers, ...length })
    if (answer.wire === 'whole') {
      response.end(isEmpty ? undefined : bytes)
      return
    }
    // Not a byte where none is wanted: the head only leaves with the body.
    const { resetAfter } = answer.wire
    const { socket } = response
    if (resetAfter === 0) socket?.resetAndDestroy()
    else response.write(bytes.subarray(0, resetAfter), () => socket?.resetAndDestroy())
  }
  if (answer.delayMs === 0) send()
  else front.timers.after(answer.delayMs, send)
}

/** Path, decoded, and query; undefined where they are none. */
export function targetOf(url = '/'): Pick<Request, 'path' | 'query' | 'search'> | undefined {
  try {
    const { pathname, searchParams } = new URL(url, 'http://venue')
    const mark = url.indexOf('?')
    const search = mark < 0 ? '' : url.slice(mark + 1)
    return { path: decodeURIComponent(pathname), query: searchParams, search }
  } catch {
    return undefined
  }
}

function upgrade(
  front: Front,
  sockets: WebSocketServer,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): void {
  const path = targetOf(request.url)?.path ?? ''
  const refusal = front.refusalOf(path)
  if (refusal !== undefined) {
    refuse(socket, refusal)
    return
  }
  sockets.handleUpgrade(request, socket, head, (client) => {
    const session = front.connect({ path, headers: request.headers }, peerOf(client, socket))
    client.on('message', (data: Buffer, isBinary: boolean) =>
      session.receive(isBinary ? new Uint8Array(data) : data.toString()),
    )
    client.on('ping', (data) => {
      if (!session.isDead) client.pong(data)
    })
    client.on('close', (code) => session.closed(code))
    client.on('error', () => client.terminate())
  })
}

function refuse(socket: Duplex, status: number): void {
  socket.on('error', () => socket.destroy())
  socket.end(`HTTP/1.1 ${status} Refused\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}

/** What a venue says in one go leaves in one write: one for each frame is most of the work of a busy venue. */
function peerOf(client: WebSocket, socket: Duplex): Peer {
  let isCorked = false
  const flush = (): void => {
    if (!isCorked) return
    isCorked = false
    socket.uncork()
  }
  return {
    get waitingBytes() {
      return client.bufferedAmount
    },
    send(data) {
      if (!isCorked) {
        isCorked = true
        socket.cork()
        process.nextTick(flush)
      }
      client.send(data)
    },
    close: (code, reason) => client.close(code, reason),
    cut() {
      flush()
      client.terminate()
    },
  }
}
