/*
 * Port: Io = clock, timers, randomness, http, websocket and tcp. Adapters and simulators reach the world through it
 * and nothing else, so the same adapter runs on the system (system.ts) and inside a simulation (virtual.ts:
 * virtual time, in-memory network). Nothing here retries, paces or reconnects: that is written once, above.
 */
import type { Ms } from '../core/brand.ts'
import type { Random } from '../core/random.ts'
import type { Result } from '../core/result.ts'
import type { BodyBuffer } from './body-buffer.ts'

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
  /** From the call to the last byte received; waiting for a connection is part of it. */
  readonly timeoutMs: number
  /** Most bytes that an answer may have: 32 MiB where not told. */
  readonly answerBytesMax?: number
  /** Where the body may be put: who reads many long answers, one after the other, needs no new memory for each. */
  readonly into?: BodyBuffer
  readonly signal?: AbortSignal
}

/** Most bytes of an answer over http, where the request does not say. */
export const ANSWER_BYTES_MAX = 32 * 2 ** 20
/** Most bytes of a websocket message, where the options do not say. */
export const MESSAGE_BYTES_MAX = 16 * 2 ** 20

export interface HttpResponse {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  /** Where the request has said `into`, it is good until the next request that says the same. */
  readonly body: Uint8Array
}

export interface Http {
  /**
   * Exactly one attempt, redirects are answers. Any status is a success here. A failure is `network`,
   * `timeout`, or `corrupt-data` for an answer past its limit; its `context.sent` is 'no' where it is
   * certain that no byte of the request left, else 'maybe'. A signal that aborts gives `network`.
   */
  request(request: HttpRequest): Promise<Result<HttpResponse>>
}

export interface WebSocketOptions {
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  /** Until the connection is open, and again until it is closed. */
  readonly timeoutMs: number
  /** Most bytes of one message, 16 MiB where not told. A longer one ends the connection with 1009. */
  readonly messageBytesMax?: number
  /** How text frames come: as text where not told; as bytes of UTF-8 they are not copied. */
  readonly textAs?: 'text' | 'bytes'
  /** True for a frame that changes something at the other side, as an order does. None does where not told. */
  readonly changes?: (data: string | Uint8Array) => boolean
  onOpen(): void
  /** Text frames as `textAs` says, binary frames as bytes. */
  onMessage(data: string | Uint8Array): void
  onPong?(): void
  /**
   * Called once, never from inside a call of ours, whatever ended it; 1006 where no close frame came. No
   * other callback follows. `refusal` is what the venue answered instead of opening, a 429 for example.
   */
  onClose(code: number, reason: string, refusal?: Refusal): void
}

export interface Refusal {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
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
  /** Until the connection is open, and again until it is closed. */
  readonly timeoutMs: number
  onOpen(): void
  onData(data: Uint8Array): void
  /** Called once, never from inside a call of ours. No other callback follows. */
  onClose(reason: string): void
}

export interface TcpConnection {
  /** False where the connection is not open; nothing was sent then. */
  send(data: Uint8Array): boolean
  readonly waitingBytes: number
  /** Sends what waits, and ends within `timeoutMs` of the options whatever the other side does. */
  close(): void
}

export interface Tcp {
  connect(options: TcpOptions): TcpConnection
}
