/*
 * PrivateStream: the account's events. Connect, authenticate, listen; nothing is told of what was before, so every
 * connection but the first is followed by a report.
 *
 *   {"op":"auth","args":["KEY",1767625455000,"hex"]}
 *   {"success":true,"ret_msg":"","op":"auth","conn_id":"…"}      or   {"success":false,"ret_msg":"Params Error","op":"auth", … }
 *   {"op":"subscribe","args":["order","execution","position"]}
 *   {"success":true,"ret_msg":"","op":"subscribe","conn_id":"…"}
 *   {"id":"…","topic":"order","creationTime":1672364262474,"data":[{…}]}
 *
 * A refusal does not say whether it was for the key or for the stamp. The first one may have been for a clock that has
 * moved, which is asked anew; the second in a row is for the key.
 *
 * That it is silent says nothing: nobody may be trading. The socket finds cuts by its pings.
 */
import type { Ms } from '../../core/brand.ts'
import { type Fault, fault } from '../../core/fault.ts'
import type { Io } from '../../io/io.ts'
import { type Json, objectIn, textOf } from '../../io/json.ts'
import type { LivenessOptions } from '../../io/liveness.ts'
import { type Session, Socket } from '../../io/socket.ts'
import { authentication } from './authentication.ts'
import { Pings } from './pings.ts'
import type { Keys } from './rest.ts'

export interface AccountEvents {
  onRow(topic: 'order' | 'execution' | 'position', row: unknown): void
  /** Listening. `hasGap` where events may have been missed. */
  onUp(hasGap: boolean): void
  /** The key or the stamp was refused for the first time: the next connection is signed by the clock as it is then. */
  onRefusal(): void
  /** Does not listen, and tries again. */
  onDown(why: string): void
  /** Does not listen, and does not try again before `clear`. */
  onSafeMode(why: Fault): void
}

export interface PrivateStreamOptions {
  readonly io: Io
  readonly url: string
  readonly keys: Keys
  /** The venue's time. */
  readonly now: () => Ms
  readonly events: AccountEvents
  /** Topics beside those whose rows are told: whoever subscribes them is watched. */
  readonly watched?: readonly string[]
  readonly recvWindowMs?: number
  /** To open, and from there to listen. */
  readonly answerMs?: number
  readonly liveness?: LivenessOptions
}

const TOPICS = ['order', 'execution', 'position'] as const

export class PrivateStream {
  readonly #socket: Socket
  readonly #pings: Pings
  readonly #options: PrivateStreamOptions
  #hasBeenUp = false
  /** In a row. */
  #refusals = 0
  readonly counts = { malformed: 0 }

  constructor(options: PrivateStreamOptions) {
    this.#options = options
    const { io, url, events, answerMs = 10_000, liveness } = options
    this.#pings = new Pings(io)
    this.#socket = new Socket(io, {
      name: 'bybit orders',
      url,
      timeoutMs: answerMs,
      readyWithinMs: answerMs,
      ...(liveness === undefined ? {} : { liveness }),
      onOpen: (session) => this.#authenticate(session),
      onMessage: (data, session) => this.#hear(data, session),
      onState: (state, why) => {
        if (state === 'disconnected') events.onDown(why)
      },
      onSafeMode: (why) =>
        events.onSafeMode(fault(this.#refusals > 1 ? 'unauthorized' : 'network', why)),
    })
  }

  open(): void {
    this.#socket.start()
  }

  clear(): void {
    this.#refusals = 0
    this.#socket.clear()
  }

  /** Resolves when the connection has ended. */
  close(): Promise<void> {
    this.#pings.stop()
    return this.#socket.stop()
  }

  #authenticate(session: Session): void {
    const { keys, now, recvWindowMs } = this.#options
    session.send(authentication(keys, now(), recvWindowMs))
    this.#pings.start(session)
  }

  #hear(frame: string | Uint8Array, session: Session): void {
    const message = objectIn(frame)
    if (message === undefined) {
      this.counts.malformed++
      return
    }
    const topic = TOPICS.find((name) => name === message['topic'])
    const { data, op } = message
    if (topic !== undefined && Array.isArray(data)) {
      for (const row of data as unknown[]) this.#options.events.onRow(topic, row)
    } else if (op === 'auth') this.#onAuthorization(message, session)
    else if (op === 'subscribe') this.#onSubscription(message, session)
    else if (op !== 'ping' && op !== 'pong') this.counts.malformed++
  }

  #onAuthorization(message: Json, session: Session): void {
    if (message['success'] === true) {
      session.advance('authenticated')
      this.#refusals = 0
      const { watched = [] } = this.#options
      session.send(JSON.stringify({ op: 'subscribe', args: [...TOPICS, ...watched] }))
      return
    }
    const words = `the private stream says ${textOf(message['ret_msg']) ?? 'nothing'}`
    if (++this.#refusals > 1) session.fail(words, { retry: 'never' })
    else {
      this.#options.events.onRefusal()
      session.fail(words)
    }
  }

  #onSubscription(message: Json, session: Session): void {
    if (message['success'] !== true) {
      session.fail(`the private stream does not listen: ${String(message['ret_msg'])}`)
      return
    }
    // Said again, it changes nothing.
    if (this.#socket.state === 'subscribed') return
    session.advance('subscribed')
    const hasGap = this.#hasBeenUp
    this.#hasBeenUp = true
    this.#options.events.onUp(hasGap)
  }
}
