/*
 * PublicStream: topics of Bybit's market data on one connection. What is wanted is asked for again on every connection,
 * some topics at a time; it is up when all of it was acknowledged.
 *
 *   {"op":"subscribe","req_id":"3","args":["kline.1.BTCUSDT","orderbook.1.BTCUSDT"]}
 *   {"success":true,"ret_msg":"","conn_id":"…","req_id":"3","op":"subscribe"}
 *   {"success":true,"conn_id":"…","data":{"failTopics":[],"successTopics":["orderbook.25.BTC-…"]},"type":"COMMAND_RESP"}   of options
 *   {"topic":"publicTrade.BTCUSDT","type":"snapshot","ts":1672304486868,"data":[{…}]}
 */
import { assert } from '../../core/assert.ts'
import { fault } from '../../core/fault.ts'
import { failed, ok, type Result } from '../../core/result.ts'
import { pause } from '../../io/clock.ts'
import type { Io } from '../../io/io.ts'
import { isObject, type Json, objectIn, textOf } from '../../io/json.ts'
import type { Liveness, LivenessOptions } from '../../io/liveness.ts'
import { chunk } from '../../io/paced.ts'
import { type Session, Socket } from '../../io/socket.ts'
import { Pings } from './pings.ts'

export interface PublicStreamOptions {
  readonly io: Io
  readonly url: string
  /** Topics of one request, and the pause between two. */
  readonly batch: number
  readonly everyMs: number
  readonly onMessage: (message: Json & { readonly topic: string }) => void
  /** All that is wanted is told from now on; `hasGap` where something may have been missed. */
  readonly onUp: (hasGap: boolean) => void
  readonly onDown: (why: string) => void
  /** The venue does not have these topics, or no more. */
  readonly onRefused: (topics: readonly string[], why: string) => void
  readonly onSafeMode: (why: string) => void
  /** These symbols alone are silent though their data are expected. */
  readonly onQuiet: (symbols: readonly string[]) => void
  readonly answerMs?: number
  readonly liveness?: LivenessOptions
}

/** Of all topics of a connection; https://bybit-exchange.github.io/docs/v5/ws/connect (read 2026-11). */
export const CHARACTERS_MAX = 21_000
/** Before a renewal that was refused is asked for once more. */
const RENEW_PAUSE_MS = 2_000

interface Waiting {
  readonly topics: readonly string[]
  readonly settle: (result: Result<void>) => void
}

export class PublicStream {
  readonly #options: PublicStreamOptions
  readonly #socket: Socket
  readonly #pings: Pings
  readonly #wanted = new Set<string>()
  readonly #waiting = new Map<string, Waiting>()
  #requests = 0
  #hasBeenUp = false
  readonly counts = { malformed: 0 }

  constructor(options: PublicStreamOptions) {
    this.#options = options
    const { io, url, answerMs = 10_000, liveness } = options
    this.#pings = new Pings(io)
    this.#socket = new Socket(io, {
      name: 'bybit market data',
      url,
      timeoutMs: answerMs,
      readyWithinMs: Infinity,
      ...(liveness === undefined ? {} : { liveness }),
      onOpen: (session) => void this.#opened(session),
      onMessage: (data, session) => this.#hear(data, session),
      onState: (state, why) => {
        if (state !== 'disconnected') return
        this.#abandon(why)
        options.onDown(why)
      },
      onSafeMode: (why) => {
        this.#giveUp(why)
        options.onSafeMode(why)
      },
      onQuiet: options.onQuiet,
    })
  }

  get liveness(): Liveness {
    return this.#socket.liveness
  }

  get isUp(): boolean {
    return this.#socket.state === 'subscribed'
  }

  /** Resolves when the venue has acknowledged them. What it refuses is wanted no more. */
  async subscribe(topics: readonly string[]): Promise<Result<void>> {
    const fresh = topics.filter((topic) => !this.#wanted.has(topic))
    if (fresh.length === 0) return ok(undefined)
    const length = [...this.#wanted, ...fresh].reduce((sum, topic) => sum + topic.length, 0)
    assert(length <= CHARACTERS_MAX, `${length} characters of topics are more than bybit takes`)
    for (const topic of fresh) this.#wanted.add(topic)
    const { session } = this.#socket
    // One that opens asks for all that is wanted; whoever waits is told with it.
    const answer =
      session !== undefined && this.isUp
        ? await this.#ask(session, 'subscribe', fresh)
        : await this.#withNext(fresh)
    if (!answer.ok && answer.fault.code === 'bad-request')
      for (const topic of fresh) this.#wanted.delete(topic)
    return answer
  }

  async unsubscribe(topics: readonly string[]): Promise<Result<void>> {
    const known = topics.filter((topic) => this.#wanted.delete(topic))
    const { session } = this.#socket
    if (known.length === 0 || session === undefined || !this.isUp) return ok(undefined)
    return this.#ask(session, 'unsubscribe', known)
  }

  /**
   * Leaves a topic and asks for it anew, so that it begins with a snapshot. It stays wanted, whatever is answered: where it
   * is refused twice, or not answered, the next connection asks for it, and says where it is gone.
   */
  async renew(topic: string): Promise<void> {
    const { session } = this.#socket
    if (session === undefined || !this.isUp) return
    await this.#ask(session, 'unsubscribe', [topic])
    let answer = await this.#ask(session, 'subscribe', [topic])
    if (!answer.ok && answer.fault.code === 'bad-request') {
      // A venue that is busy refuses too.
      await pause(this.#options.io, RENEW_PAUSE_MS, session.signal)
      if (this.#wanted.has(topic)) answer = await this.#ask(session, 'subscribe', [topic])
    }
    // On a connection that gives no answer, nothing else of it is better.
    if (!answer.ok && this.#wanted.has(topic)) session.fail(answer.fault.message)
  }

  clear(): void {
    this.#socket.clear()
  }

  close(): Promise<void> {
    this.#pings.stop()
    this.#giveUp('closed')
    return this.#socket.stop()
  }

  #withNext(topics: readonly string[]): Promise<Result<void>> {
    if (this.#socket.state === 'safe')
      return Promise.resolve(failed(fault('network', 'the stream is in safe mode')))
    return new Promise((resolve) => {
      this.#waiting.set(`next ${++this.#requests}`, { topics, settle: resolve })
      this.#socket.start()
    })
  }

  async #opened(session: Session): Promise<void> {
    this.#pings.start(session)
    const asked = new Set<string>()
    // What is wanted meanwhile is asked for too.
    for (;;) {
      const left = [...this.#wanted].filter((topic) => !asked.has(topic))
      if (left.length === 0) break
      const part = left.slice(0, this.#options.batch)
      if (asked.size > 0) await pause(this.#options.io, this.#options.everyMs, session.signal)
      const answer = await this.#again(session, part)
      if (!session.isCurrent) return
      if (!answer.ok) {
        session.fail(answer.fault.message)
        return
      }
      for (const topic of part) asked.add(topic)
    }
    session.advance('subscribed')
    const hasGap = this.#hasBeenUp
    this.#hasBeenUp = true
    this.#settleNext([...asked], ok(undefined))
    this.#options.onUp(hasGap)
  }

  /** A part that is refused is asked for topic by topic: one that is no more must not take the others with it. */
  async #again(session: Session, part: readonly string[]): Promise<Result<void>> {
    const answer = await this.#ask(session, 'subscribe', part)
    if (answer.ok || answer.fault.code !== 'bad-request') return answer
    if (part.length > 1) {
      for (const topic of part) {
        const alone = await this.#again(session, [topic])
        if (!alone.ok) return alone
      }
      return ok(undefined)
    }
    for (const topic of part) this.#wanted.delete(topic)
    this.#settleNext(part, answer)
    this.#options.onRefused(part, answer.fault.message)
    return ok(undefined)
  }

  #settleNext(topics: readonly string[], result: Result<void>): void {
    for (const [key, { topics: theirs, settle }] of this.#waiting) {
      if (!key.startsWith('next ') || !theirs.some((topic) => topics.includes(topic))) continue
      this.#waiting.delete(key)
      settle(result)
    }
  }

  /** Asks in parts; the first that is refused ends it. */
  async #ask(
    session: Session,
    op: 'subscribe' | 'unsubscribe',
    topics: readonly string[],
  ): Promise<Result<void>> {
    const { io, batch, everyMs, answerMs = 10_000 } = this.#options
    let isFirst = true
    for (const part of chunk(topics, batch)) {
      if (!isFirst) await pause(io, everyMs, session.signal)
      isFirst = false
      if (!session.isCurrent) return failed(fault('network', 'the stream was lost'))
      const key = String(++this.#requests)
      const answer = await new Promise<Result<void>>((resolve) => {
        const late = fault('timeout', `${op} was not answered within ${answerMs} ms`)
        const stop = io.after(answerMs, () => settle(failed(late)))
        const settle = (result: Result<void>): void => {
          stop()
          this.#waiting.delete(key)
          resolve(result)
        }
        this.#waiting.set(key, { topics: part, settle })
        session.send(JSON.stringify({ op, req_id: key, args: part }))
      })
      if (!answer.ok) return answer
    }
    return ok(undefined)
  }

  #hear(frame: string | Uint8Array, session: Session): void {
    const message = objectIn(frame)
    const topic = message === undefined ? undefined : textOf(message['topic'])
    if (message !== undefined && topic !== undefined) {
      if (this.#wanted.has(topic)) this.#options.onMessage({ ...message, topic })
      return
    }
    if (message === undefined || !session.isCurrent) {
      this.counts.malformed++
      return
    }
    const { data } = message
    const isOfOptions = message['type'] === 'COMMAND_RESP' && isObject(data)
    const waiting = isOfOptions
      ? this.#waitingFor(data)
      : this.#waiting.get(textOf(message['req_id']) ?? '')
    if (waiting === undefined) return
    const refused = isOfOptions ? topicsIn(data['failTopics']) : []
    const words = textOf(message['ret_msg']) ?? refused.join(', ')
    waiting.settle(
      message['success'] === true && refused.length === 0
        ? ok(undefined)
        : failed(fault('bad-request', `bybit refuses ${waiting.topics.join(', ')}: ${words}`)),
    )
  }

  /** An answer about options names topics where others name the request. */
  #waitingFor(data: Json): Waiting | undefined {
    const named = new Set([...topicsIn(data['successTopics']), ...topicsIn(data['failTopics'])])
    return [...this.#waiting.entries()].find(
      ([key, { topics }]) => !key.startsWith('next ') && topics.every((topic) => named.has(topic)),
    )?.[1]
  }

  /** Whoever waits for an answer of this connection gets none; whoever waits for the next one goes on waiting. */
  #abandon(why: string): void {
    for (const [key, { settle }] of Array.from(this.#waiting)) {
      if (key.startsWith('next ')) continue
      this.#waiting.delete(key)
      settle(failed(fault('network', `the stream was lost: ${why}`)))
    }
  }

  /** There is no next one before a person says so: a start that waits for it ends. */
  #giveUp(why: string): void {
    this.#abandon(why)
    for (const { settle } of this.#waiting.values()) settle(failed(fault('network', why)))
    this.#waiting.clear()
  }
}

const topicsIn = (list: unknown): readonly string[] =>
  Array.isArray(list) ? list.filter((one): one is string => typeof one === 'string') : []
