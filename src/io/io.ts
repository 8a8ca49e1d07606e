/*
 * Port: Io = clock, timers, randomness, http, websocket and tcp. Adapters and simulators reach the world through it
 * and nothing else, so the same adapter runs on the system (system.ts) and inside a simulation (virtual.ts:
 * virtual time, in-memory network). Nothing here retries, paces or reconnects: that is written once, above.
 */
import type { Ms } from '../core/brand.ts'
import type { Random } from '../core/random.ts'
import type { Result } from '../core/result.ts'

export interface Io {
  /** Milliseconds since the epoch. May jump; use it for stamps, not for measuring. */
  now(): Ms
  /** Milliseconds from an arbitrary origin; never goes back. */
  monotonic(): number
  /** Calls back once, after at least `delayMs`. Gives how to cancel it. */
  after(delayMs: number, fire: () => void): () => void
  readonly random: Random
  readonly http: Http
  readonly websocket: WebSockets
  readonly tcp: Tcp
}

export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
  /** From the first byte sent to the last byte received. */
  readonly timeoutMs: number
  readonly signal?: AbortSignal
}

export interface HttpResponse {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

export interface Http {
  /**
   * Exactly one attempt. Any status is a success here. A failure is `network` or `timeout`; its
   * `context.sent` is 'no' where it is certain that no byte of the request left, else 'maybe'.
   */
  request(request: HttpRequest): Promise<Result<HttpResponse>>
}

export interface WebSocketOptions {
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  readonly timeoutMs: number
  onOpen(): void
  /** Text frames as text, binary frames as bytes. */
  onMessage(data: string | Uint8Array): void
  onPong?(): void
  /** Called once, whatever ended it; 1006 where no close frame came. No other callback follows. */
  onClose(code: number, reason: string): void
}

export interface Connection {
  /** False where the connection is not open; nothing was sent then. */
  send(data: string | Uint8Array): boolean
  ping(): void
  /** Bytes that wait to be sent. */
  readonly waitingBytes: number
  /** Sends a close frame and ends within `timeoutMs` of the options whatever the other side does. */
  close(code?: number, reason?: string): void
  /** Ends at once, without a frame. */
  abort(): void
}

export interface WebSockets {
  connect(options: WebSocketOptions): Connection
}

export interface TcpOptions {
  readonly host: string
  readonly port: number
  readonly timeoutMs: number
  onOpen(): void
  onData(data: Uint8Array): void
  onClose(reason: string): void
}

export interface TcpConnection {
  send(data: Uint8Array): boolean
  readonly waitingBytes: number
  close(): void
}

export interface Tcp {
  connect(options: TcpOptions): TcpConnection
}
