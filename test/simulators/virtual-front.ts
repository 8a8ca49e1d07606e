// Virtual front: a simulated venue as a host of a virtual world, moved by its clock; what Loopback is on sockets.
import { pause } from '../../src/io/clock.ts'
import type { ServedAnswer, ServedRequest, WebSocketHandler } from '../../src/io/virtual-host.ts'
import type { VirtualNode } from '../../src/io/virtual-node.ts'
import type { VirtualWorld } from '../../src/io/virtual.ts'
import { type Front, type Session, targetOf } from '../../src/simulators/loopback.ts'

/** How far the venue's time lags the world's, at most, where not told. */
const PACE_MS = 25

/** A venue whose time moves only when it is told to. */
interface Moved {
  now(): number
  open(): Promise<void>
  advance(byMs: number): Promise<void>
}

export interface VirtualOptions {
  readonly host: string
  readonly venue: Moved
  readonly front: Front
  readonly node: VirtualNode
  readonly paceMs?: number
}

export class VirtualFront {
  /** Called with each request before it is answered. */
  onRequest: (request: { readonly method: string; readonly path: string }) => void = () => {}
  readonly #world: VirtualWorld
  readonly #options: VirtualOptions
  readonly #sessions = new Set<Session>()
  #isOpen = true

  protected constructor(world: VirtualWorld, options: VirtualOptions) {
    this.#world = world
    this.#options = options
    world.serveHttp(options.host, (request) => this.#answer(request))
    world.serveWebSocket(options.host, this.#upgrade())
  }

  /** Opens the venue, whose time then follows the world's. */
  protected async start(): Promise<this> {
    await this.#options.venue.open()
    this.#pace()
    return this
  }

  /** The connections of now break on their way, and nobody is told: it takes the venue a while to miss them. */
  breakSilently(node: string, missedAfterMs: number): void {
    this.#world.link(node, this.#options.host).halfOpen()
    const broken = [...this.#sessions]
    this.#options.node.after(missedAfterMs, () => {
      for (const session of broken) this.#end(session, 1006)
    })
  }

  /** The clock stands still from now on, so that a world can come to its end. */
  stop(): void {
    this.#isOpen = false
  }

  #pace(): void {
    this.#options.node.after(this.#options.paceMs ?? PACE_MS, () => void this.#follow())
  }

  async #follow(): Promise<void> {
    const { venue } = this.#options
    await venue.advance(this.#world.now - venue.now())
    if (this.#isOpen) this.#pace()
  }

  #end(session: Session, code: number): void {
    if (this.#sessions.delete(session)) session.closed(code)
  }

  async #answer({ method, path, headers, body, from }: ServedRequest): Promise<ServedAnswer> {
    this.onRequest({ method, path })
    const target = targetOf(path)
    if (target === undefined) return { status: 400 }
    const { front, node, host } = this.#options
    const answer = front.answer({ method, ...target, headers, body: Buffer.from(body).toString() })
    if (answer.delayMs > 0) await pause(node, answer.delayMs)
    if (answer.wire === 'silence') return new Promise(() => {})
    if (answer.wire !== 'whole')
      this.#world.link(from, host).resetAfter(answer.wire.resetAfter, 'down')
    return answer
  }

  #upgrade(): WebSocketHandler {
    const { front } = this.#options
    return (socket, { path, headers }) => {
      const status = front.refusalOf(path)
      if (status !== undefined) return { status }
      const session = front.connect(
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
        onPing: () => !session.isDead,
      }
    }
  }
}
