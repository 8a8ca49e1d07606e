/*
 * Order events: where trade updates come from. Today that is a websocket without memory, so every connection is
 * followed by a report; Alpaca has announced server-sent events that resume by id, and they fit behind the same port.
 */
import { type Fault, fault } from '../../core/fault.ts'
import type { Io } from '../../io/io.ts'
import type { LivenessOptions } from '../../io/liveness.ts'
import { type Session, Socket, type SocketStats } from '../../io/socket.ts'
import { isObject, objectIn, textOf } from '../../io/json.ts'
import type { Keys } from './rest.ts'

export interface OrderEvents {
  /** The payload of one trade update. */
  onUpdate(data: unknown): void
  /** Listening. `hasGap` where updates may have been missed, which is always so for a source without memory. */
  onUp(hasGap: boolean): void
  /** Does not listen, and tries again. */
  onDown(why: string): void
  /** Does not listen, and does not try again before `clear`. */
  onSafeMode(why: Fault): void
}

export interface OrderEventSource {
  open(events: OrderEvents): void
  /** Leaves safe mode: a person says so. */
  clear(): void
  /** Resolves when the connection has ended. */
  close(): Promise<void>
}

/** For a venue that is only watched: it listens to nobody. */
export const NO_ORDER_EVENTS: OrderEventSource = {
  open: (events) => events.onUp(false),
  clear: () => {},
  close: () => Promise.resolve(),
}

export interface TradingStreamOptions {
  readonly io: Io
  /** `wss://paper-api.alpaca.markets/stream`. */
  readonly url: string
  readonly keys: Keys
  /** To open, and from there to listen. */
  readonly answerMs?: number
  readonly liveness?: LivenessOptions
}

/**
 * The trading websocket: connect, authenticate, listen. Frames are JSON, as text (live) or as bytes (paper).
 *
 *   {"action":"auth","key":"K","secret":"S"}
 *   {"stream":"authorization","data":{"status":"authorized","action":"authenticate"}}
 *   {"action":"listen","data":{"streams":["trade_updates"]}}
 *   {"stream":"listening","data":{"streams":["trade_updates"]}}
 *   {"stream":"trade_updates","data":{"event":"new","order":{…}}}
 *
 * The socket reconnects and finds cuts by its pings. That it is silent says nothing: nobody may be trading.
 */
export class TradingStream implements OrderEventSource {
  readonly #socket: Socket
  readonly #keys: Keys
  #events: OrderEvents | undefined
  #hasBeenUp = false
  #isRefused = false
  readonly counts = { malformed: 0 }

  constructor({ io, url, keys, answerMs = 10_000, liveness }: TradingStreamOptions) {
    this.#keys = keys
    this.#socket = new Socket(io, {
      name: 'alpaca orders',
      url,
      timeoutMs: answerMs,
      readyWithinMs: answerMs,
      ...(liveness === undefined ? {} : { liveness }),
      onOpen: (session) => {
        const { key, secret } = this.#keys
        session.send(JSON.stringify({ action: 'auth', key, secret }))
      },
      onMessage: (data, session) => this.#hear(data, session),
      onState: (state, why) => {
        if (state === 'disconnected') this.#events?.onDown(why)
      },
      onSafeMode: (why) =>
        this.#events?.onSafeMode(fault(this.#isRefused ? 'unauthorized' : 'network', why)),
    })
  }

  get stats(): SocketStats {
    return this.#socket.stats()
  }

  open(events: OrderEvents): void {
    this.#events = events
    this.#socket.start()
  }

  clear(): void {
    this.#isRefused = false
    this.#socket.clear()
  }

  close(): Promise<void> {
    this.#events = undefined
    return this.#socket.stop()
  }

  #hear(frame: string | Uint8Array, session: Session): void {
    const message = objectIn(frame)
    if (message === undefined) {
      this.counts.malformed++
      return
    }
    const data = isObject(message['data']) ? message['data'] : {}
    switch (message['stream']) {
      case 'authorization':
        this.#onAuthorization(textOf(data['status']) ?? 'nothing', session)
        return
      case 'listening': {
        const streams = data['streams']
        if (Array.isArray(streams) && streams.includes('trade_updates')) this.#rise(session)
        else session.fail('the trading stream does not listen to trade_updates')
        return
      }
      case 'trade_updates':
        this.#events?.onUpdate(data)
        return
      default:
        this.counts.malformed++
    }
  }

  #onAuthorization(status: string, session: Session): void {
    if (status === 'authorized') {
      session.advance('authenticated')
      session.send(JSON.stringify({ action: 'listen', data: { streams: ['trade_updates'] } }))
      return
    }
    this.#isRefused = true
    session.fail(`the trading stream says ${status}`, { retry: 'never' })
  }

  #rise(session: Session): void {
    // Said again, it changes nothing.
    if (this.#socket.state === 'subscribed') return
    session.advance('subscribed')
    const hasGap = this.#hasBeenUp
    this.#hasBeenUp = true
    this.#events?.onUp(hasGap)
  }
}
