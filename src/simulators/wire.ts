// Wire: one WebSocket connection of the venue, with the audit log and the faults between the streams and the socket.
import { unreachable } from '../core/assert.ts'
import type { Audit } from './audit.ts'
import type { StreamName } from './fault-script.ts'
import type { Nemesis } from './nemesis.ts'
import type { Timers } from './stage.ts'

/** The socket, as the streams see it. */
export interface Peer {
  /** Bytes that wait to be sent. */
  readonly waitingBytes: number
  send(data: string | Uint8Array): void
  close(code: number, reason: string): void
  /** Ends the connection without a close frame. */
  cut(): void
}

export interface Handshake {
  readonly path: string
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
}

/** What a connection needs of its venue. */
export interface Carrier {
  readonly nemesis: Nemesis
  readonly audit: Audit
  readonly timers: Timers
}

/** More than this waiting, and the client is too slow. */
const WAITING_MAX = 16 * 2 ** 20

export class Wire {
  readonly id: number
  readonly #venue: Carrier
  readonly #stream: StreamName
  readonly #peer: Peer
  #isOpen = true

  constructor(venue: Carrier, given: { id: number; stream: StreamName; peer: Peer; path: string }) {
    this.id = given.id
    this.#venue = venue
    this.#stream = given.stream
    this.#peer = given.peer
    this.#note('open', 0, given.path)
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  get isSlow(): boolean {
    return this.#peer.waitingBytes > WAITING_MAX
  }

  /** Nothing goes in or out, and nobody is told: also asked before a ping is answered. */
  get isDead(): boolean {
    return this.#venue.nemesis.onStream('half-open', this.#stream) !== undefined
  }

  /** Notes what came; false where a fault keeps it from being read. */
  receive(data: string | Uint8Array): boolean {
    if (!this.#isOpen || this.isDead) return false
    const text = typeof data === 'string' ? data : Buffer.from(data).toString('latin1')
    this.#note(
      'in',
      data.length,
      typeof data === 'string' ? hideSecret(text) : `${data.length} bytes`,
    )
    return true
  }

  /** `text` says what is in it, for the audit log and the rules of faults. */
  send(data: string | Uint8Array, text: string): void {
    if (!this.#isOpen || this.isDead) return
    const fault = this.#venue.nemesis.onFrame(this.#stream, text)
    switch (fault?.fault) {
      case undefined:
        this.#sendNow(data, text)
        return
      case 'drop':
        return
      case 'malformed':
        this.#sendNow(fault.text, fault.text)
        return
      case 'cut-frame':
        this.#sendNow(data.slice(0, data.length >> 1), text)
        return
      case 'duplicate':
        for (let i = 0; i <= fault.copies; i++) this.#sendNow(data, text)
        return
      case 'delay':
        this.#venue.timers.after(fault.by, () => this.#sendNow(data, text))
        return
      default:
        unreachable(fault)
    }
  }

  close(code: number, reason: string): void {
    if (!this.#isOpen) return
    this.closed(code)
    this.#peer.close(code, reason)
  }

  cut(): void {
    if (!this.#isOpen) return
    this.closed(1006)
    this.#peer.cut()
  }

  /** The other side, or a fault, has ended it. */
  closed(code: number): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#note('close', 0, String(code))
  }

  #sendNow(data: string | Uint8Array, text: string): void {
    if (!this.#isOpen) return
    this.#note('out', data.length, text)
    this.#peer.send(data)
  }

  #note(direction: 'in' | 'out' | 'open' | 'close', bytes: number, text: string): void {
    this.#venue.audit.frame({ stream: this.#stream, connection: this.id, direction, bytes, text })
  }
}

/** Secrets stay out of the audit log. */
const hideSecret = (text: string): string =>
  text.replace(/("secret(?:_key)?"\s*:\s*)"[^"]*"/g, '$1"…"')
