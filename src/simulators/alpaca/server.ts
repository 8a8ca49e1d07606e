// Server: the sockets of the local Alpaca. One port on 127.0.0.1 serves REST, market data and order events by path.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import type { Audit } from '../audit.ts'
import type { Nemesis } from '../nemesis.ts'
import { DataStream } from './data-stream.ts'
import { Rest } from './rest.ts'
import { TradingStream } from './trading-stream.ts'
import { type AlpacaOptions, AlpacaVenue, type Timers } from './venue.ts'
import type { Peer } from './wire.ts'

/** Largest body of a request, and largest message of a client. */
const BODY_MAX = 2 ** 20

export interface ServerOptions extends Omit<AlpacaOptions, 'timers'> {
  /** 0 takes any free one. */
  readonly port: number
  /** The system's where not given. */
  readonly timers?: Timers
}

/** What to point a client at. */
export interface Urls {
  /** Trading REST and market-data REST alike. */
  readonly rest: string
  readonly tradingStream: string
  /** Followed by the feed, such as `/v2/iex`. */
  readonly dataStream: string
}

const systemTimers: Timers = {
  monotonic: () => performance.now(),
  after(delayMs, fire) {
    // The open port keeps the process alive, not what waits.
    const timer = setTimeout(fire, delayMs).unref()
    return () => clearTimeout(timer)
  },
}

/** @example const server = await AlpacaServer.start({ port: 0, speed: 1, tape, startAt, keys: [{ key: 'k', secret: 's' }] }) */
export class AlpacaServer {
  readonly venue: AlpacaVenue
  readonly urls: Urls
  readonly #http: Server
  readonly #sockets: WebSocketServer
  readonly #connections: Set<Socket>

  private constructor(
    venue: AlpacaVenue,
    http: Server,
    sockets: WebSocketServer,
    connections: Set<Socket>,
  ) {
    this.venue = venue
    this.#http = http
    this.#sockets = sockets
    this.#connections = connections
    const { port } = http.address() as AddressInfo
    const host = `127.0.0.1:${port}`
    this.urls = {
      rest: `http://${host}`,
      tradingStream: `ws://${host}/stream`,
      dataStream: `ws://${host}`,
    }
  }

  get audit(): Audit {
    return this.venue.audit
  }

  get nemesis(): Nemesis {
    return this.venue.nemesis
  }

  /** Reads the history, binds the port, and starts the venue's clock. */
  static async start(options: ServerOptions): Promise<AlpacaServer> {
    const venue = new AlpacaVenue({ ...options, timers: options.timers ?? systemTimers })
    const rest = new Rest(venue)
    const streams = [new DataStream(venue), new TradingStream(venue)] as const
    // Pings are answered by us, so that a connection can be dead.
    const sockets = new WebSocketServer({
      noServer: true,
      autoPong: false,
      maxPayload: BODY_MAX,
      perMessageDeflate: false,
    })
    const http = createServer((request, response) => {
      readBody(request).then(
        (body) => answer(rest, venue, request, response, body),
        () => request.destroy(),
      )
    })
    const connections = new Set<Socket>()
    http.on('connection', (socket) => {
      connections.add(socket)
      socket.setNoDelay(true)
      socket.on('close', () => connections.delete(socket))
    })
    http.on('upgrade', (request, socket, head) =>
      upgrade({ venue, streams, sockets }, request, socket, head),
    )
    await venue.open()
    try {
      await listen(http, options.port)
    } catch (error) {
      await venue.close()
      throw error
    }
    return new AlpacaServer(venue, http, sockets, connections)
  }

  /** Moves the venue's time on, where it has no speed. */
  advance(byMs: number): Promise<void> {
    return this.venue.advance(byMs)
  }

  /** Ends the clock, then every connection, then the port. */
  async stop(): Promise<void> {
    await this.venue.close()
    for (const socket of this.#sockets.clients) socket.terminate()
    this.#sockets.close()
    const closed = new Promise<void>((resolve) => this.#http.close(() => resolve()))
    for (const socket of this.#connections) socket.destroy()
    await closed
  }
}

function listen(http: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    http.once('error', reject)
    http.listen(port, '127.0.0.1', () => {
      http.off('error', reject)
      resolve()
    })
  })
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
  rest: Rest,
  venue: AlpacaVenue,
  request: IncomingMessage,
  response: ServerResponse,
  body: string,
): void {
  const target = targetOf(request)
  if (target === undefined) {
    response.writeHead(400).end()
    return
  }
  const { method = 'GET', headers } = request
  const answer = rest.answer({ method, path: target.path, query: target.query, headers, body })
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
  else venue.timers.after(answer.delayMs, send)
}

/** Path, decoded, and query; undefined where they are none. */
function targetOf({ url = '/' }: IncomingMessage) {
  try {
    const { pathname, searchParams } = new URL(url, 'http://venue')
    return { path: decodeURIComponent(pathname), query: searchParams }
  } catch {
    return undefined
  }
}

interface Hub {
  readonly venue: AlpacaVenue
  readonly streams: readonly [DataStream, TradingStream]
  readonly sockets: WebSocketServer
}

function upgrade(hub: Hub, request: IncomingMessage, socket: Duplex, head: Buffer): void {
  const { venue, streams, sockets } = hub
  const path = targetOf(request)?.path ?? ''
  const isTrading = TradingStream.serves(path)
  if (!isTrading && !DataStream.serves(path)) return refuse(socket, 404)
  const refusal = venue.nemesis.onStream('refuse', isTrading ? 'trading' : 'data')
  if (refusal !== undefined) return refuse(socket, refusal.status)
  sockets.handleUpgrade(request, socket, head, (client) => {
    const session = streams[isTrading ? 1 : 0].connect(
      { path, headers: request.headers },
      peerOf(client),
    )
    client.on('message', (data: Buffer, isBinary: boolean) =>
      session.receive(isBinary ? new Uint8Array(data) : data.toString()),
    )
    client.on('ping', (data) => {
      if (!session.wire.isDead) client.pong(data)
    })
    client.on('close', (code) => session.closed(code))
    client.on('error', () => client.terminate())
  })
}

function refuse(socket: Duplex, status: number): void {
  socket.on('error', () => socket.destroy())
  socket.end(`HTTP/1.1 ${status} Refused\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}

const peerOf = (client: WebSocket): Peer => ({
  get waitingBytes() {
    return client.bufferedAmount
  },
  send: (data) => client.send(data),
  close: (code, reason) => client.close(code, reason),
  cut: () => client.terminate(),
})
