/*
 * What lies between a node and a host of the virtual world: latency, speed, faults, and the wires across it.
 *
 * A wire is one connection and has two lanes, up to the host and down to the node. A lane is a queue: each arrival
 * takes the oldest that was sent, so nothing overtakes on a lane, whatever latency, jitter or partition do.
 */
import { assert } from '../core/assert.ts'
import type { Random } from '../core/random.ts'
import type { Timeline } from './timeline.ts'

export type Direction = 'up' | 'down'

export class Link {
  /** One way. */
  latencyMs = 1
  /** Up to so much more, each time. */
  jitterMs = 0
  bytesPerMs = Infinity
  /** New connections are refused at once. */
  isRefusing = false
  /** What hosts send over websockets and tcp is lost; pings are still answered, connections stay open. */
  isMute = false
  /** Probability that a websocket message of the host comes twice. */
  duplicates = 0
  /** Probability that a websocket message of the host comes `reordersByMs` late, after younger ones. */
  reorders = 0
  reordersByMs = 50

  readonly node: string
  readonly host: string
  readonly timeline: Timeline
  readonly random: Random
  readonly wires = new Set<Wire>()
  /** How often the connections of this link were made half-open; what is older than that is dead. */
  halfOpenings = 0
  /** How often they were reset; what is older than that is gone, and both ends know. */
  resets = 0
  #isPartitioned = false
  readonly #armed: Partial<Record<Direction, number>> = {}

  constructor(ends: { node: string; host: string; timeline: Timeline; random: Random }) {
    this.node = ends.node
    this.host = ends.host
    this.timeline = ends.timeline
    this.random = ends.random
  }

  get isPartitioned(): boolean {
    return this.#isPartitioned
  }

  /** Nothing arrives until it heals; then all of it does, in order. */
  partition(): void {
    this.#isPartitioned = true
  }

  heal(): void {
    this.#isPartitioned = false
    for (const wire of this.wires) wire.release()
  }

  /** On the connections of now nothing arrives any more, and nobody is told. New ones work. */
  halfOpen(): void {
    this.halfOpenings += 1
    for (const wire of this.wires) wire.isHalfOpen = true
  }

  /** Ends the connections of now: both ends are told. */
  reset(): void {
    this.resets += 1
    for (const wire of this.wires) wire.reset()
  }

  /** The connection that carries the byte after the next `bytes` in that direction is reset, once. */
  resetAfter(bytes: number, direction: Direction): void {
    assert(bytes >= 0, `bytes are >= 0, not ${bytes}`)
    this.#armed[direction] = bytes
  }

  /** Whether these bytes hit an armed reset. */
  cuts(bytes: number, direction: Direction): boolean {
    const left = this.#armed[direction]
    if (left === undefined) return false
    this.#armed[direction] = left - bytes
    if (left >= bytes) return false
    delete this.#armed[direction]
    return true
  }

  delay(): number {
    return this.latencyMs + (this.jitterMs === 0 ? 0 : this.random() * this.jitterMs)
  }
}

/** One connection. Its ends say what happens to them when it is reset. */
export class Wire {
  readonly link: Link
  readonly up: Lane
  readonly down: Lane
  isHalfOpen: boolean
  /** Nothing is sent any more; what was sent before still arrives. */
  isCut = false
  #isOver = false
  onReset: (() => void) | undefined
  onHostReset: (() => void) | undefined

  constructor(link: Link, isHalfOpen = false) {
    this.link = link
    this.isHalfOpen = isHalfOpen
    this.up = new Lane(this, 'up')
    this.down = new Lane(this, 'down')
    link.wires.add(this)
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** Cut: what is on the way is lost, and each end hears of it one latency later. */
  reset(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.finish()
    if (this.isHalfOpen) return
    const { link } = this
    const tell = (owner: string, fire: () => void): void => {
      link.timeline.add(link.delay(), { owner, rank: 'arrival', fire })
    }
    tell(link.node, () => this.onReset?.())
    tell(link.host, () => this.onHostReset?.())
  }

  /** The node has left: nothing is sent or comes down any more, what is on its way up still arrives. */
  finish(): void {
    this.isCut = true
    this.down.drop()
    this.link.wires.delete(this)
  }

  release(): void {
    this.up.release()
    this.down.release()
  }
}

export class Lane {
  readonly #wire: Wire
  readonly #direction: Direction
  readonly #queue: (() => void)[] = []
  #held = 0
  #freeAt = 0
  #lastAt = 0
  #waitingBytes = 0

  constructor(wire: Wire, direction: Direction) {
    this.#wire = wire
    this.#direction = direction
  }

  /** Bytes that the sender could not hand to the network yet. */
  get waitingBytes(): number {
    return this.#waitingBytes
  }

  send(bytes: number, arrive: () => void): void {
    const { link, isHalfOpen, isOver, isCut } = this.#wire
    if (isOver || isCut) return
    if (isHalfOpen) {
      this.#waitingBytes += bytes
      return
    }
    const { timeline } = link
    if (link.cuts(bytes, this.#direction)) {
      // What was sent before still arrives, then the reset does.
      this.#wire.isCut = true
      this.#schedule(Math.max(this.#lastAt, timeline.now), () => this.#wire.reset())
      return
    }
    this.#queue.push(arrive)
    this.#freeAt = Math.max(timeline.now, this.#freeAt) + bytes / link.bytesPerMs
    if (this.#freeAt > timeline.now) {
      this.#waitingBytes += bytes
      this.#schedule(this.#freeAt, () => {
        this.#waitingBytes -= bytes
      })
    }
    this.#lastAt = Math.max(this.#lastAt, this.#freeAt + link.delay())
    this.#schedule(this.#lastAt, () => this.#arrive())
  }

  /** What is on the way does not arrive. */
  drop(): void {
    this.#queue.length = 0
  }

  /** After a partition: all that arrived at the gap goes on. */
  release(): void {
    const { link } = this.#wire
    for (; this.#held > 0; this.#held--) {
      this.#lastAt = Math.max(this.#lastAt, link.timeline.now + link.delay())
      this.#schedule(this.#lastAt, () => this.#arrive())
    }
  }

  #arrive(): void {
    const { link, isHalfOpen, isOver } = this.#wire
    if (isOver || isHalfOpen) return
    if (link.isPartitioned) this.#held += 1
    else this.#queue.shift()?.()
  }

  #schedule(at: number, fire: () => void): void {
    const { link } = this.#wire
    const owner = this.#direction === 'up' ? link.host : link.node
    link.timeline.add(at - link.timeline.now, { owner, rank: 'arrival', fire })
  }
}
