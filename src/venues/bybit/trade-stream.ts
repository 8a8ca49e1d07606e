/*
 * TradeStream: orders over WebSocket, each request answered by its id.
 *
 *   {"reqId":"k3-1","header":{"X-BAPI-TIMESTAMP":"1767625445001","X-BAPI-RECV-WINDOW":"5000"},"op":"order.create","args":[{…}]}
 *   {"reqId":"k3-1","retCode":0,"retMsg":"OK","op":"order.create","data":{"orderId":"…","orderLinkId":"…"},"retExtInfo":{},
 *    "header":{"X-Bapi-Limit":"10","X-Bapi-Limit-Status":"9","X-Bapi-Limit-Reset-Timestamp":"1767625445002"},"connId":"…"}
 *
 *   up        authenticated: requests leave
 *   retired   an answer did not come in time, or the node says that it restarts: nothing new leaves on this connection, and
 *             it ends when what is under way has its answers
 *   down      whatever was under way has an unknown outcome: it may have been taken, so it is never sent again from here
 *
 * A request that finds the stream not up was not sent, and says so. The connection is built anew by Socket, as all others.
 *
 * https://bybit-exchange.github.io/docs/v5/websocket/trade/guideline (read 2026-11)
 */
import type { Ms } from '../../core/brand.ts'
import { type Fault, fault } from '../../core/fault.ts'
import { failed, ok, type Result } from '../../core/result.ts'
import type { Io } from '../../io/io.ts'
import { decimalOf, isObject, type Json, objectIn, textOf } from '../../io/json.ts'
import type { LivenessOptions } from '../../io/liveness.ts'
import { type Session, Socket } from '../../io/socket.ts'
import type { TimedRequest } from '../../io/timed.ts'
import { authentication } from './authentication.ts'
import { faultOf } from './faults.ts'
import { Pings } from './pings.ts'
import type { Keys } from './rest.ts'

export interface TradeStreamOptions {
  readonly io: Io
  readonly url: string
  readonly keys: Keys
  /** The venue's time. */
  readonly now: () => Ms
  readonly recvWindowMs?: number
  /** To open, and from there to be up. */
  readonly answerMs?: number
  readonly liveness?: LivenessOptions
  readonly onTrouble: (why: string) => void
  /** Each request, when it is answered or given up, as if its operation were a path. */
  readonly onTimed?: ((request: TimedRequest) => void) | undefined
}

/** A request that waits for its answer. */
interface Pending {
  readonly op: string
  readonly settle: (answer: Result<Json>) => void
}

const RESTARTING = 10019
const REPEATED = 20001
/** What of our frames changes nothing; all others are orders. */
const HARMLESS = /^\{"op":"(?:auth|ping)"/

export class TradeStream {
  readonly #socket: Socket
  readonly #pings: Pings
  readonly #options: TradeStreamOptions
  readonly #pending = new Map<string, Pending>()
  /** Ids differ from those of another process, and of another connection. */
  readonly #prefix: string
  #asked = 0
  #retired: string | undefined
  #isClosing = false
  #onSettled: () => void = () => {}
  #onIdle: () => void = () => {}
  /** Requests that left, answers that nobody waited for any more, and frames that could not be read. */
  readonly counts = { asked: 0, late: 0, malformed: 0 }

  constructor(options: TradeStreamOptions) {
    this.#options = options
    const { io, url, answerMs = 10_000, liveness, onTrouble } = options
    this.#prefix = `${io.now().toString(36)}${Math.floor(io.random() * 36 ** 4).toString(36)}`
    this.#pings = new Pings(io)
    this.#socket = new Socket(io, {
      name: 'bybit order entry',
      url,
      timeoutMs: answerMs,
      readyWithinMs: answerMs,
      changes: (frame) => typeof frame !== 'string' || !HARMLESS.test(frame),
      ...(liveness === undefined ? {} : { liveness }),
      onOpen: (session) => this.#authenticate(session),
      onMessage: (data, session) => this.#hear(data, session),
      onState: (state, why) => {
        if (state === 'disconnected' || state === 'safe') this.#fall(why)
      },
      onSafeMode: (why) =>
        onTrouble(`orders leave over REST until a person clears the trade socket: ${why}`),
    })
  }

  /** Requests may leave. */
  get isUp(): boolean {
    const { state, session } = this.#socket
    return (
      state === 'subscribed' &&
      session !== undefined &&
      this.#retired === undefined &&
      !this.#isClosing
    )
  }

  /** Resolves when it is up, or its first try has failed; others follow. */
  open(): Promise<void> {
    return new Promise((resolve) => {
      this.#onSettled = resolve
      this.#socket.start()
    })
  }

  clear(): void {
    this.#socket.clear()
  }

  /** Takes no more requests, waits for the answers to those under way, and ends the connection. */
  async close(): Promise<void> {
    this.#isClosing = true
    if (this.#pending.size > 0)
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve
      })
    this.#pings.stop()
    await this.#socket.stop()
  }

  /**
   * Sends once. `network` with `sent: 'no'` where nothing left; `outcome-unknown` where no answer came.
   *
   * @param arg One order, or `{ category, request }` of several.
   */
  ask(op: string, arg: Json, timeoutMs: number): Promise<Result<Json>> {
    const { io, url, now, recvWindowMs = 5_000, onTimed } = this.#options
    const { session } = this.#socket
    const reqId = `${this.#prefix}-${++this.#asked}`
    const header = { 'X-BAPI-TIMESTAMP': String(now()), 'X-BAPI-RECV-WINDOW': String(recvWindowMs) }
    const frame = JSON.stringify({ reqId, header, op, args: [arg] })
    if (!this.isUp || session?.send(frame) !== true) return Promise.resolve(failed(unsent(op)))
    this.counts.asked++
    const began = io.monotonic()
    return new Promise((resolve) => {
      const cancel = io.after(timeoutMs, () => {
        this.#settle(reqId, failed(lost(op, `no answer within ${timeoutMs} ms`)))
        this.#retire(`${op} got no answer within ${timeoutMs} ms`)
      })
      const settle = (answer: Result<Json>): void => {
        cancel()
        const api = `${url}/${op.replace('order.', '')}`
        const durationMs = io.monotonic() - began
        onTimed?.({ method: 'WS', url: api, status: undefined, durationMs })
        resolve(answer)
      }
      this.#pending.set(reqId, { op, settle })
    })
  }

  #authenticate(session: Session): void {
    const { keys, now, recvWindowMs } = this.#options
    this.#retired = undefined
    session.send(authentication(keys, now(), recvWindowMs))
    this.#pings.start(session)
  }

  #hear(frame: string | Uint8Array, session: Session): void {
    const message = objectIn(frame)
    const op = textOf(message?.['op'])
    if (message === undefined || op === undefined) this.counts.malformed++
    else if (op === 'auth') this.#onAuthorization(message, session)
    else if (op !== 'ping' && op !== 'pong') this.#onAnswer(message, op)
  }

  #onAnswer(message: Json, op: string): void {
    const reqId = textOf(message['reqId']) ?? ''
    const pending = this.#pending.get(reqId)
    if (pending === undefined) {
      this.counts.late++
      return
    }
    if (message['retCode'] === RESTARTING) this.#retire('the node of the venue restarts')
    // Answers are told apart by their ids; one that is about something else proves nothing of this.
    this.#settle(
      reqId,
      op === pending.op ? ok(message) : failed(lost(pending.op, `answered ${op}`)),
    )
  }

  #onAuthorization(message: Json, session: Session): void {
    const { retCode } = message
    if (retCode === 0 || retCode === REPEATED) {
      session.advance('authenticated')
      session.advance('subscribed')
      this.#onSettled()
      return
    }
    const words = `the trade socket says ${String(retCode)}, ${textOf(message['retMsg']) ?? ''}`
    // Nothing but a refusal of the key lasts: a stamp is made anew with the next connection, a node comes back.
    const isKey =
      faultOf({ code: decimalOf(retCode) ?? NaN, message: '' }, 'auth', false).code ===
      'unauthorized'
    session.fail(words, isKey ? { retry: 'never' } : {})
  }

  #settle(reqId: string, answer: Result<Json>): void {
    const pending = this.#pending.get(reqId)
    if (pending === undefined) return
    this.#pending.delete(reqId)
    pending.settle(answer)
    if (this.#pending.size > 0) return
    this.#onIdle()
    if (this.#retired !== undefined) this.#socket.session?.fail(this.#retired)
  }

  /** Nothing new leaves on this connection. */
  #retire(why: string): void {
    if (this.#retired !== undefined) return
    this.#retired = why
    if (this.#pending.size === 0) this.#socket.session?.fail(why)
  }

  #fall(why: string): void {
    for (const [reqId, { op }] of this.#pending)
      this.#settle(reqId, failed(lost(op, `the connection ended: ${why}`)))
    this.#onSettled()
  }
}

const unsent = (op: string): Fault =>
  fault('network', `${op}: the trade socket is not up`, { sent: 'no' })

const lost = (op: string, why: string): Fault =>
  fault('outcome-unknown', `${op}: ${why}`, { sent: 'maybe' })

/** The names of an answer's header, in lower case as those of http are. */
export const headersIn = ({ header }: Json): Json =>
  isObject(header)
    ? Object.fromEntries(Object.entries(header).map(([name, value]) => [name.toLowerCase(), value]))
    : {}
