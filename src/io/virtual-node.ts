// One node of a virtual world: an Io whose clock may be wrong, whose timers and connections end with it.
import type { Ms } from '../core/brand.ts'
import type { Random } from '../core/random.ts'
import type { Io } from './io.ts'
import { VirtualHttp } from './virtual-http.ts'
import { openTcp, openWebSocket } from './virtual-sockets.ts'
import type { Place, World } from './virtual-host.ts'

export class VirtualNode implements Io, Place {
  readonly name: string
  readonly world: World
  readonly random: Random
  readonly http: VirtualHttp
  readonly websocket: Io['websocket']
  readonly tcp: Io['tcp']
  readonly #timers = new Set<() => void>()
  readonly ends = new Set<() => void>()
  #offsetMs = 0
  #driftPpm = 0
  #driftsFrom = 0
  #isClosed = false

  constructor(world: World, name: string, random: Random) {
    this.world = world
    this.name = name
    this.random = random
    this.http = new VirtualHttp(this)
    this.websocket = { connect: (options) => openWebSocket(this, options) }
    this.tcp = { connect: (options) => openTcp(this, options) }
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  now(): Ms {
    return (this.world.now + Math.round(this.#offsetMs + this.#drifted())) as Ms
  }

  monotonic(): number {
    return this.world.timeline.now
  }

  after(delayMs: number, fire: () => void): () => void {
    if (this.#isClosed) return () => {}
    const takeBack = this.world.timeline.add(Math.max(delayMs, 0), {
      owner: this.name,
      rank: 'timer',
      fire: () => {
        this.#timers.delete(cancel)
        fire()
      },
    })
    const cancel = (): void => {
      this.#timers.delete(cancel)
      takeBack()
    }
    this.#timers.add(cancel)
    return cancel
  }

  /** Moves the node's wall clock, back where negative. Timers do not notice. */
  jump(byMs: number): void {
    this.#offsetMs += byMs
  }

  /** From now on the wall clock gains so many millionths. */
  drift(ppm: number): void {
    this.#offsetMs += this.#drifted()
    this.#driftsFrom = this.world.timeline.now
    this.#driftPpm = ppm
  }

  usage(): { readonly timers: number; readonly connections: number } {
    return { timers: this.#timers.size, connections: this.ends.size }
  }

  /** Ends the process of the node: timers are gone, hosts see their connections reset, nothing calls back. */
  close(): void {
    this.#isClosed = true
    for (const end of [...this.ends, ...this.#timers]) end()
    this.#timers.clear()
    this.ends.clear()
  }

  #drifted(): number {
    return ((this.world.timeline.now - this.#driftsFrom) * this.#driftPpm) / 1e6
  }
}
