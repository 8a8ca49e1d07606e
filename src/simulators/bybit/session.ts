// Session: one WebSocket connection of the local Bybit: JSON in, JSON out, and the pings that clients send as messages.
import { isObject, type Json } from '../../io/json.ts'
import type { StreamName } from '../fault-script.ts'
import type { Peer } from '../wire.ts'
import { Wire } from '../wire.ts'
import type { BybitVenue } from './venue.ts'

export interface SessionOptions {
  readonly venue: BybitVenue
  readonly stream: StreamName
  readonly id: number
  readonly path: string
  readonly peer: Peer
  readonly onEnd: (session: BybitSession) => void
}

export abstract class BybitSession {
  readonly wire: Wire
  readonly connectionId: string
  protected readonly venue: BybitVenue
  readonly #stream: StreamName
  readonly #onEnd: (session: BybitSession) => void

  constructor({ venue, stream, id, path, peer, onEnd }: SessionOptions) {
    this.venue = venue
    this.wire = new Wire(venue, { id, stream, peer, path })
    this.connectionId = `local-${stream}-${id}`
    this.#stream = stream
    this.#onEnd = onEnd
  }

  get isDead(): boolean {
    return this.wire.isDead
  }

  receive(data: string | Uint8Array): void {
    if (!this.wire.receive(data)) return
    let message: unknown
    try {
      message = JSON.parse(typeof data === 'string' ? data : Buffer.from(data).toString())
    } catch {
      message = undefined
    }
    this.act(isObject(message) ? message : {})
  }

  closed(code: number): void {
    this.wire.closed(code)
    this.#onEnd(this)
  }

  protected abstract act(message: Json): void

  /** An answer to the client. */
  protected say(message: Json): void {
    const text = JSON.stringify(message)
    this.wire.send(text, text)
  }

  /** What happened, as long as the stream is not mute. */
  protected push(message: Json): void {
    if (this.venue.nemesis.onStream('mute', this.#stream) === undefined) this.say(message)
  }
}
