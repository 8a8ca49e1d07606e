/*
 * Order events: where trade updates come from. Today that is a websocket without memory, so every connection is
 * followed by a report; Alpaca has announced server-sent events that resume by id, and they fit behind the same port.
 */
import { type Fault, fault } from '../../core/fault.ts'
import { Backoff } from '../../io/backoff.ts'
import type { Connection, Io } from '../../io/io.ts'
import { isObject, textOf } from './wire.ts'
import type { Keys } from './rest.ts'

export interface OrderEvents {
  /** The payload of one trade update. */
  onUpdate(data: unknown): void
  /** Listening. `hasGap` where updates may have been missed, which is always so for a source without memory. */
  onUp(hasGap: boolean): void
  /** Was listening, and is no more. `isFinal` where it will not come back by itself. */
  onDown(why: string, isFinal: boolean): void
}

export interface OrderEventSource {
  open(events: OrderEvents): void
  close(): void
}

export interface TradingStreamOptions {
  readonly io: Io
  /** `wss://paper-api.alpaca.markets/stream`. */
  readonly url: string
  readonly keys: Keys
  readonly answerMs?: number
  readonly pingMs?: number
  readonly silentMs?: number
}

/**
 * The trading websocket: connect, authenticate, listen. Frames are JSON, as text (live) or as bytes (paper).
 *
 *   {"action":"auth","key":"K","secret":"S"}
 *   {"stream":"authorization","data":{"status":"authorized","action":"authenticate"}}
 *   {"action":"listen","data":{"streams":["trade_updates"]}}
 *   {"stream":"listening","data":{"streams":["trade_updates"]}}
 *   {"stream":"trade_updates","data":{"event":"new","order":{…}}}
 */
export class TradingStream implements OrderEventSource {
  readonly #options: Required<TradingStreamOptions>
  readonly #backoff: Backoff
  #events: OrderEvents | undefined
  #connection: Connection | undefined
  #epoch = 0
  #phase: 'connecting' | 'authenticating' | 'listening' | 'up' | 'waiting' | 'closed' = 'closed'
  #hasBeenUp = false
  #lastHeard = 0
  #timers = new Set<() => void>()
  readonly counts = { connects: 0, malformed: 0 }

  constructor(options: TradingStreamOptions) {
    this.#options = { answerMs: 10_000, pingMs: 5_000, silentMs: 12_000, ...options }
    this.#backoff = new Backoff(options.io)
  }

  open(events: OrderEvents): void {
    this.#events = events
    this.#connect()
  }

  close(): void {
    this.#drop()
    this.#phase = 'closed'
  }

  #connect(): void {
    const { io, url, answerMs, keys } = this.#options
    const epoch = ++this.#epoch
    this.#phase = 'connecting'
    this.#lastHeard = io.monotonic()
    this.counts.connects++
    this.#after(answerMs * 2, () => {
      if (this.#phase !== 'up')
        this.#lose(fault('timeout', 'the trading stream did not listen in time'))
    })
    this.#connection = io.websocket.connect({
      url,
      timeoutMs: answerMs,
      onOpen: () => {
        if (epoch !== this.#epoch) return
        this.#phase = 'authenticating'
        this.#send({ action: 'auth', key: keys.key, secret: keys.secret })
        this.#watch()
      },
      onMessage: (data) => {
        if (epoch === this.#epoch) this.#hear(data)
      },
      onPong: () => {
        this.#lastHeard = io.monotonic()
      },
      onClose: (code, reason) => {
        if (epoch === this.#epoch)
          this.#lose(fault('network', `closed with ${code} ${reason}`.trim()))
      },
    })
  }

  #hear(frame: string | Uint8Array): void {
    this.#lastHeard = this.#options.io.monotonic()
    const message = parse(frame)
    if (message === undefined) {
      this.counts.malformed++
      return
    }
    const data = isObject(message['data']) ? message['data'] : {}
    switch (message['stream']) {
      case 'authorization':
        if (data['status'] === 'authorized') {
          this.#phase = 'listening'
          this.#send({ action: 'listen', data: { streams: ['trade_updates'] } })
        } else
          this.#lose(
            fault('unauthorized', `the trading stream says ${textOf(data['status']) ?? 'nothing'}`),
          )
        return
      case 'listening': {
        const streams = data['streams']
        if (Array.isArray(streams) && streams.includes('trade_updates')) this.#rise()
        else this.#lose(fault('network', 'the trading stream does not listen to trade_updates'))
        return
      }
      case 'trade_updates':
        this.#events?.onUpdate(data)
        return
      default:
        this.counts.malformed++
    }
  }

  #rise(): void {
    if (this.#phase === 'up') return
    this.#phase = 'up'
    this.#backoff.opened()
    const hasGap = this.#hasBeenUp
    this.#hasBeenUp = true
    this.#events?.onUp(hasGap)
  }

  #watch(): void {
    const { io, pingMs, silentMs } = this.#options
    this.#after(pingMs, () => {
      const silent = io.monotonic() - this.#lastHeard
      if (silent >= silentMs) {
        this.#lose(fault('timeout', `silent for ${Math.round(silent)} ms`))
        return
      }
      this.#connection?.ping()
      this.#watch()
    })
  }

  #lose(why: Fault): void {
    if (this.#phase === 'waiting' || this.#phase === 'closed') return
    const isFinal = why.retry === 'never'
    this.#drop()
    this.#phase = isFinal ? 'closed' : 'waiting'
    if (!isFinal) this.#after(this.#backoff.next(), () => this.#connect())
    this.#events?.onDown(why.message, isFinal)
  }

  #drop(): void {
    this.#epoch++
    for (const cancel of this.#timers) cancel()
    this.#timers.clear()
    const connection = this.#connection
    this.#connection = undefined
    connection?.abort()
  }

  #send(message: unknown): void {
    this.#connection?.send(JSON.stringify(message))
  }

  #after(delayMs: number, fire: () => void): void {
    const stop = this.#options.io.after(delayMs, () => {
      this.#timers.delete(stop)
      fire()
    })
    this.#timers.add(stop)
  }
}

function parse(frame: string | Uint8Array): Readonly<Record<string, unknown>> | undefined {
  try {
    const text = typeof frame === 'string' ? frame : Buffer.from(frame).toString('utf8')
    const message: unknown = JSON.parse(text)
    return isObject(message) ? message : undefined
  } catch {
    return undefined
  }
}
