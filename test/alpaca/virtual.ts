// Virtual: the local Alpaca as a host of a virtual world, moved by its clock; what server.ts is on sockets.
import { pause } from '../../src/io/clock.ts'
import type { ServedAnswer, ServedRequest, WebSocketHandler } from '../../src/io/virtual-host.ts'
import type { VirtualNode } from '../../src/io/virtual-node.ts'
import type { VirtualWorld } from '../../src/io/virtual.ts'
import { DataStream } from '../../src/simulators/alpaca/data-stream.ts'
import { Rest } from '../../src/simulators/alpaca/rest.ts'
import { TradingStream } from '../../src/simulators/alpaca/trading-stream.ts'
import { type AlpacaOptions, AlpacaVenue } from '../../src/simulators/alpaca/venue.ts'

export const HOST = 'alpaca.test'
/** Where an adapter finds it. */
export const HOSTS = {
  trading: `https://${HOST}`,
  data: `https://${HOST}`,
  stream: `wss://${HOST}`,
  orders: `wss://${HOST}/stream`,
}
/** How far the venue's time lags the world's, at most, where not told. */
const PACE_MS = 25

interface Session {
  closed(code: number): void
}

export class VirtualAlpaca {
  readonly venue: AlpacaVenue
  /** Called with each request before it is answered. */
  onRequest: (request: { readonly method: string; readonly path: string }) => void = () => {}
  readonly #world: VirtualWorld
  readonly #node: VirtualNode
  readonly #rest: Rest
  readonly #paceMs: number
  readonly #sessions = new Set<Session>()
  #isOpen = true

  private constructor(
    world: VirtualWorld,
    options: Omit<AlpacaOptions, 'timers' | 'speed'>,
    paceMs: number,
  ) {
    this.#world = world
    this.#paceMs = paceMs
    this.#node = world.node('venue')
    this.venue = new AlpacaVenue({ ...options, speed: 0, timers: this.#node })
    this.#rest = new Rest(this.venue)
    const streams = { data: new DataStream(this.venue), trading: new TradingStream(this.venue) }
    world.serveHttp(HOST, (request) => this.#answer(request))
    world.serveWebSocket(HOST, this.#upgrade(streams))
  }

  static async serve(
    world: VirtualWorld,
    options: Omit<AlpacaOptions, 'timers' | 'speed'>,
    paceMs = PACE_MS,
  ): Promise<VirtualAlpaca> {
    const served = new VirtualAlpaca(world, options, paceMs)
    await served.venue.open()
    served.#pace()
    return served
  }

  /** The connections of now break on their way, and nobody is told: it takes the venue a while to miss them. */
  breakSilently(node: string, missedAfterMs: number): void {
    this.#world.link(node, HOST).halfOpen()
    const broken = [...this.#sessions]
    this.#node.after(missedAfterMs, () => {
      for (const session of broken) this.#end(session, 1006)
    })
  }

  /** The clock stands still from now on, so that a world can come to its end. */
  stop(): void {
    this.#isOpen = false
  }

  #pace(): void {
    this.#node.after(this.#paceMs, () => void this.#follow())
  }

  async #follow(): Promise<void> {
    await this.venue.advance(this.#world.now - this.venue.now())
    if (this.#isOpen) this.#pace()
  }

  #end(session: Session, code: number): void {
    if (this.#sessions.delete(session)) session.closed(code)
  }

  async #answer({ method, path, headers, body, from }: ServedRequest): Promise<ServedAnswer> {
    this.onRequest({ method, path })
    const { pathname, searchParams: query } = new URL(path, 'http://venue')
    const request = { method, path: decodeURIComponent(pathname), query, headers }
    const answer = this.#rest.answer({ ...request, body: Buffer.from(body).toString() })
    if (answer.delayMs > 0) await pause(this.#node, answer.delayMs)
    if (answer.wire === 'silence') return new Promise(() => {})
    if (answer.wire !== 'whole') {
      this.#world.link(from, HOST).resetAfter(answer.wire.resetAfter, 'down')
    }
    return answer
  }

  #upgrade(streams: { readonly data: DataStream; readonly trading: TradingStream }) {
    const upgrade: WebSocketHandler = (socket, { path, headers }) => {
      const name = TradingStream.serves(path) ? 'trading' : 'data'
      const refusal = this.venue.nemesis.onStream('refuse', name)
      if (refusal !== undefined) return { status: refusal.status }
      const session = streams[name].connect(
        { path, headers },
        {
          waitingBytes: 0,
          send: (data) => void socket.send(data),
          close: (code, reason) => socket.close(code, reason),
          cut: () => socket.abort(),
        },
      )
      this.#sessions.add(session)
      return {
        onMessage: (data) => session.receive(data),
        onClose: (code) => this.#end(session, code),
        onPing: () => !session.wire.isDead,
      }
    }
    return upgrade
  }
}
