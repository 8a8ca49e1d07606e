// What the hosts of a virtual world serve, and what a connection needs to know of its world.
import type { Ms } from '../core/brand.ts'
import type { Link } from './link.ts'
import type { Timeline } from './timeline.ts'

export interface ServedRequest {
  readonly method: string
  /** With the query. */
  readonly path: string
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
  /** The node that asks. */
  readonly from: string
}

export interface ServedAnswer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
}

/** A promise that never resolves is a host that never answers. */
export type HttpHandler = (request: ServedRequest) => ServedAnswer | Promise<ServedAnswer>

/** The host's end of a websocket. */
export interface ServedSocket {
  /** False where the connection is over. */
  send(data: string | Uint8Array): boolean
  close(code?: number, reason?: string): void
  /** Ends without a frame: the node sees 1006. */
  abort(): void
}

export interface SocketHandlers {
  onMessage(data: string | Uint8Array): void
  /** Called once, however it ended; never where the connection is half-open. */
  onClose?(code: number, reason: string): void
  /** False where this ping is not to be answered. */
  onPing?(): boolean
}

/** What the host does with an upgrade: take it, or answer with a status. */
export type WebSocketHandler = (
  socket: ServedSocket,
  request: Omit<ServedRequest, 'body' | 'method'>,
) =>
  | SocketHandlers
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>> }

export interface ServedTcp {
  send(data: Uint8Array): boolean
  close(): void
}

export type TcpHandler = (
  socket: ServedTcp,
  from: string,
) => { onData(data: Uint8Array): void; onClose?(): void }

/** One host of the world: what listens there. */
export interface Host {
  readonly name: string
  http?: HttpHandler
  webSocket?: WebSocketHandler
  tcp?: TcpHandler
}

/** What connections and nodes need of their world. */
export interface World {
  readonly now: Ms
  readonly timeline: Timeline
  link(node: string, host: string): Link
  hostAt(name: string): Host | undefined
  note(line: string): void
}

/** What connections need of the node they belong to. */
export interface Place {
  readonly name: string
  readonly world: World
  readonly isClosed: boolean
  /** How to end each open connection and request. */
  readonly ends: Set<() => void>
  after(delayMs: number, fire: () => void): () => void
}
