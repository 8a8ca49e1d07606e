/*
 * A world of virtual time: the Io port for any number of nodes, on one time line (timeline.ts), with an in-memory
 * network between them and faults on its links (link.ts). Same seed and same calls, same run: `digest` proves it.
 *
 * A host is a name, with a port where it is not the scheme's own. A node reaches it by the urls that it would use on
 * the system; no byte leaves the process, and none is encrypted. Connections cost one round trip to open; http ones
 * are kept and cost nothing the next time.
 */
import { assert } from '../core/assert.ts'
import type { Ms } from '../core/brand.ts'
import { Hasher } from '../core/hash.ts'
import { seeded } from '../core/random.ts'
import { ms } from '../core/time.ts'
import { Link } from './link.ts'
import { Timeline } from './timeline.ts'
import type { Host, HttpHandler, TcpHandler, WebSocketHandler, World } from './virtual-host.ts'
import { VirtualNode } from './virtual-node.ts'

export interface WorldOptions {
  readonly seed: number
  /** The wall clock when the world begins: 2026-03-09 14:00 UTC where not told. */
  readonly startAt?: Ms
  /** Awaited between events: for work that waits for the real world, a worker or a file. */
  readonly settle?: () => Promise<void>
}

export class VirtualWorld implements World {
  readonly timeline: Timeline
  readonly #seed: number
  readonly #startAt: number
  readonly #hosts = new Map<string, Host>()
  readonly #links = new Map<string, Link>()
  readonly #nodes = new Map<string, VirtualNode>()
  readonly #hasher = new Hasher()

  constructor({ seed, startAt = ms(Date.UTC(2026, 2, 9, 14)), settle }: WorldOptions) {
    this.#seed = seed
    this.#startAt = startAt
    this.timeline = new Timeline(settle)
  }

  /** The true time; nodes may see another one. */
  get now(): Ms {
    return ms(this.#startAt + Math.floor(this.timeline.now))
  }

  /** The node of a name, made at the first call. */
  node(name: string): VirtualNode {
    const known = this.#nodes.get(name)
    if (known !== undefined) return known
    const made = new VirtualNode(this, name, seeded(this.#seedOf(`node ${name}`)))
    this.#nodes.set(name, made)
    return made
  }

  /** What lies between a node and a host: latency and faults. Made at the first call. */
  link(node: string, host: string): Link {
    const name = `${node} ${withPort(host)}`
    const known = this.#links.get(name)
    if (known !== undefined) return known
    const random = seeded(this.#seedOf(`link ${name}`))
    const made = new Link({ node, host: withPort(host), timeline: this.timeline, random })
    this.#links.set(name, made)
    return made
  }

  /** `host` is a name, `data.venue.test`, or name and port, `venue.test:8080`; 443 where it names none. */
  serveHttp(host: string, handler: HttpHandler): void {
    this.#hostOf(host).http = handler
  }

  serveWebSocket(host: string, onConnection: WebSocketHandler): void {
    this.#hostOf(host).webSocket = onConnection
  }

  serveTcp(host: string, onConnection: TcpHandler): void {
    this.#hostOf(host).tcp = onConnection
  }

  /** The process of the host ends: its connections are reset, new ones are refused until it serves again. */
  unserve(host: string): void {
    this.#hosts.delete(withPort(host))
    for (const link of this.#links.values()) if (link.host === withPort(host)) link.reset()
  }

  /** What listens at `host:port`. */
  hostAt(name: string): Host | undefined {
    return this.#hosts.get(name)
  }

  /** The process of a node or host stands still for `forMs`; then its timers fire before what has arrived. */
  freeze(name: string, forMs: number): void {
    this.timeline.freeze(this.#nodes.has(name) ? name : withPort(name), forMs)
  }

  /** Lets `forMs` pass, or less where `isDone` says so after an event. */
  async run(forMs: number, isDone?: () => boolean): Promise<void> {
    await this.timeline.run(this.timeline.now + forMs, isDone)
  }

  /** Lets time pass until `isDone`; an error where that takes more than `limitMs`. */
  async until(isDone: () => boolean, limitMs: number): Promise<void> {
    await this.run(limitMs, isDone)
    assert(isDone(), `not done within ${limitMs} ms of virtual time`)
  }

  /** Lets time pass until the promise is settled, and gives its value. */
  async settled<T>(promise: Promise<T>, limitMs = 600_000): Promise<T> {
    let isSettled = false
    const mark = (): void => {
      isSettled = true
    }
    promise.then(mark, mark)
    await this.until(() => isSettled, limitMs)
    return promise
  }

  /** Adds a line to what the digest is made of. */
  note(line: string): void {
    this.#hasher.add(`${this.timeline.now} ${line}`)
  }

  /** A hash of all that has arrived anywhere, and when. */
  digest(): string {
    return this.#hasher.digest()
  }

  #hostOf(host: string): Host {
    const name = withPort(host)
    const known = this.#hosts.get(name) ?? { name }
    this.#hosts.set(name, known)
    return known
  }

  #seedOf(name: string): number {
    return this.#seed ^ Number.parseInt(new Hasher().add(name).digest().slice(0, 8), 16)
  }
}

const withPort = (host: string): string => (/:\d+$/.test(host) ? host : `${host}:443`)
