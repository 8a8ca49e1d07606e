/*
 * Stream: one connection to Alpaca's market data, kept alive until it is closed.
 *
 *   connecting → connected → authenticated → subscribing → up → (lost) → waiting → connecting …
 *
 * 1. Symbols are subscribed in batches, each its own frame. The next frame leaves when the venue has acknowledged the
 *    one before *and* `everyMs` has passed since it was sent: with 31 symbols, frames of 10, 10, 10, 1 at 0, 1, 2, 3 s.
 *    There is no pause after the last one.
 * 2. An acknowledgement is the cumulative set. After the last batch it must hold all that is wanted; before that the
 *    stream is not up, whatever arrives on it.
 * 3. A batch that is refused does not stop the others. Then, the first time, the start fails and the connection is
 *    closed: half a universe is not run. On a reconnect it is closed and tried again after the back-off.
 * 4. A lost connection, a limit (405, 406, 429) or an error of the venue (500) leads to `waiting`: 1, 2, 4 … 60 s with
 *    jitter, reset only when the stream was up for a minute. Wrong keys and missing rights end it for good.
 * 5. It is lost, too, when nothing was heard for `silentMs`: a ping goes out every `pingMs`, so a healthy connection is
 *    never that quiet. A cut without a close is found so.
 */
import { type Fault, fault } from '../../core/fault.ts'
import { assert } from '../../core/assert.ts'
import { failed, ok, type Result } from '../../core/result.ts'
import { Backoff } from '../../io/backoff.ts'
import type { Connection, Io } from '../../io/io.ts'
import { inBatches } from '../../io/paced.ts'
import type { Codec } from './decode.ts'
import { faultOfStream } from './faults.ts'
import type { Keys } from './rest.ts'
import {
  CHANNELS,
  changeFrame,
  type Channel,
  type ControlMessage,
  missingOf,
  type Wanted,
  wantedOf,
} from './wire-stream.ts'

export interface StreamOptions {
  readonly io: Io
  /** `wss://stream.data.alpaca.markets/v2/iex`. */
  readonly url: string
  readonly keys: Keys
  readonly codec: Codec
  /** Symbols in a frame, >= 1. */
  readonly batch: number
  /** From one frame to the next. */
  readonly everyMs: number
  /** To open, to authenticate, and to acknowledge a batch. */
  readonly answerMs?: number
  readonly pingMs?: number
  readonly silentMs?: number
  /** Failures in a row after which the first start gives up. */
  readonly startsMax?: number
}

export interface StreamEvents {
  /** Every frame, as it came. Gives its control messages. */
  onFrame(frame: string | Uint8Array): readonly ControlMessage[]
  /** All that is wanted has been acknowledged. */
  onUp(): void
  /** Was up, and is no more. `isFinal` where it will not come back by itself. */
  onDown(why: string, isFinal: boolean): void
}

/** A subscribe frame stays below this; Alpaca's own client splits there. */
const FRAME_BYTES_MAX = 32 * 1024

type Phase = 'idle' | 'connecting' | 'subscribing' | 'up' | 'waiting' | 'closed'
type Ending = { readonly fault: Fault; readonly isFinal: boolean }

export class Stream {
  readonly #options: Required<StreamOptions>
  readonly #events: StreamEvents
  readonly #wanted = new Map<Channel, Set<string>>()
  readonly counts = { connects: 0, frames: 0, refusals: 0 }
  #phase: Phase = 'idle'
  #connection: Connection | undefined
  /** Which connection callbacks belong to: those of an earlier one are not heard. */
  #epoch = 0
  readonly #backoff: Backoff
  /** Aborted when the connection is over. */
  #ended = new AbortController()
  #hasBeenUp = false
  #lastHeard = 0
  #waiter: ((message: ControlMessage | Ending) => void) | undefined
  #starts: ((result: Result<void>) => void)[] = []
  #changes: Promise<unknown> = Promise.resolve()
  #timers = new Set<() => void>()

  constructor(options: StreamOptions, events: StreamEvents) {
    this.#options = { answerMs: 10_000, pingMs: 5_000, silentMs: 12_000, startsMax: 10, ...options }
    const { io, batch } = options
    assert(
      Number.isSafeInteger(batch) && batch >= 1,
      `a batch has at least one symbol, not ${batch}`,
    )
    this.#backoff = new Backoff(io)
    this.#events = events
  }

  get isUp(): boolean {
    return this.#phase === 'up'
  }

  get phase(): Phase {
    return this.#phase
  }

  wanted(): Wanted {
    return Object.fromEntries(
      [...this.#wanted].map(([channel, symbols]) => [channel, [...symbols]]),
    )
  }

  /**
   * Subscribes more, in batches, after whatever was asked for before. Resolves when the venue has acknowledged all
   * of it; the first call connects. A failure of the first start closes the stream.
   */
  subscribe(wanted: Wanted): Promise<Result<void>> {
    if (this.#phase === 'closed')
      return Promise.resolve(failed(fault('network', 'the stream is closed')))
    for (const channel of CHANNELS) {
      const symbols = this.#wanted.get(channel) ?? new Set()
      for (const symbol of wanted[channel] ?? []) symbols.add(symbol)
      this.#wanted.set(channel, symbols)
    }
    if (this.#phase !== 'up') {
      const started = new Promise<Result<void>>((resolve) => this.#starts.push(resolve))
      if (this.#phase === 'idle') this.#connect()
      return started
    }
    return this.#inOrder(() => this.#extend(wanted))
  }

  /** Drops symbols from all channels. */
  unsubscribe(symbols: readonly string[]): Promise<Result<void>> {
    const gone = wantedOf(this.wanted(), symbols)
    for (const set of this.#wanted.values()) for (const symbol of symbols) set.delete(symbol)
    if (this.#phase !== 'up' || Object.keys(gone).length === 0)
      return Promise.resolve(ok(undefined))
    return this.#inOrder(async () => {
      const answer = await this.#ask(changeFrame('unsubscribe', gone))
      return answer.type === 'error'
        ? failed(faultOfStream(answer.code, answer.message))
        : ok(undefined)
    })
  }

  /** Drops the connection and makes a new one, with everything that follows: for a stream that is alive but mute. */
  restart(why: string): void {
    if (this.#phase === 'up' || this.#phase === 'subscribing')
      this.#lose({ fault: fault('network', why), isFinal: false })
  }

  close(): void {
    this.#end({ fault: fault('network', 'closed'), isFinal: true }, 'quiet')
  }

  #inOrder(work: () => Promise<Result<void>>): Promise<Result<void>> {
    const done = this.#changes.then(work).catch((error: unknown) => this.#broken(error))
    this.#changes = done
    return done
  }

  #broken(error: unknown): Result<void> {
    const lost = error instanceof Lost ? error.fault : fault('network', String(error))
    return failed(lost)
  }

  #connect(): void {
    const { io, url, keys, codec, answerMs } = this.#options
    const epoch = ++this.#epoch
    this.#phase = 'connecting'
    this.counts.connects++
    this.#ended = new AbortController()
    this.#lastHeard = io.monotonic()
    this.#connection = io.websocket.connect({
      url,
      headers: { 'Content-Type': codec === 'json' ? 'application/json' : 'application/msgpack' },
      timeoutMs: answerMs,
      onOpen: () => {},
      onMessage: (data) => {
        if (epoch === this.#epoch) this.#hear(data)
      },
      onPong: () => {
        this.#lastHeard = io.monotonic()
      },
      onClose: (code, reason) => {
        if (epoch !== this.#epoch) return
        this.#lose({
          fault: fault('network', `closed with ${code} ${reason}`.trim()),
          isFinal: false,
        })
      },
    })
    this.#changes = this.#open(keys, epoch).catch((error: unknown) => {
      if (epoch === this.#epoch)
        this.#lose({ fault: fault('network', String(error)), isFinal: false })
    })
  }

  /** From the first byte to `up`. Throws where the connection is lost on the way: whoever lost it has dealt with it. */
  async #open(keys: Keys, epoch: number): Promise<void> {
    try {
      await this.#expect('connected')
      this.#send({ action: 'auth', key: keys.key, secret: keys.secret })
      await this.#expect('authenticated')
      this.#phase = 'subscribing'
      this.#watch(epoch)
      // Symbols that are wanted while the first are being subscribed join the same sequence.
      let acknowledged: Wanted = {}
      let refused: Fault | undefined
      for (let missing = this.wanted(); isSome(missing);) {
        const result = await this.#subscribeAll(missing, acknowledged)
        acknowledged = result.acknowledged
        refused ??= result.refused
        missing = refused === undefined ? added(this.wanted(), missing, acknowledged) : {}
      }
      const lacking = missingOf(this.wanted(), acknowledged)
      if (refused === undefined && lacking.length > 0) {
        refused = unacknowledged(lacking)
      }
      if (refused !== undefined)
        this.#lose({ fault: refused, isFinal: !this.#hasBeenUp || refused.retry === 'never' })
      else this.#rise()
    } catch (error) {
      if (!(error instanceof Lost)) throw error
    }
  }

  async #subscribeAll(
    wanted: Wanted,
    before: Wanted,
  ): Promise<{ readonly acknowledged: Wanted; readonly refused?: Fault }> {
    const { io, batch, everyMs } = this.#options
    const { signal } = this.#ended
    const symbols = [...new Set(CHANNELS.flatMap((channel) => wanted[channel] ?? []))]
    let acknowledged = before
    const pace = { size: batch, everyMs, onFailure: 'abort-after-all', signal } as const
    const sent = await inBatches(io, symbols, pace, async (part) => {
      const asked = wantedOf(wanted, part)
      const answer = await this.#ask(changeFrame('subscribe', asked))
      if (answer.type === 'error') {
        this.counts.refusals++
        return failed<void>(faultOfStream(answer.code, answer.message))
      }
      acknowledged = answer.channels
      const lacking = missingOf(asked, acknowledged)
      return lacking.length === 0 ? ok(undefined) : failed<void>(unacknowledged(lacking))
    })
    if (signal.aborted) throw new Lost(fault('network', 'lost while subscribing'))
    const refusal = sent.batches.find(({ result }) => !result.ok)?.result
    return { acknowledged, ...(refusal?.ok === false ? { refused: refusal.fault } : {}) }
  }

  async #extend(wanted: Wanted): Promise<Result<void>> {
    // The connection may have been lost meanwhile: then the next one subscribes all.
    if (this.#phase !== 'up') return new Promise((resolve) => this.#starts.push(resolve))
    const { refused } = await this.#subscribeAll(wanted, {})
    if (refused === undefined) return ok(undefined)
    for (const channel of CHANNELS) {
      for (const symbol of wanted[channel] ?? []) this.#wanted.get(channel)?.delete(symbol)
    }
    return failed(refused)
  }

  /** Sends a frame and gives the answer to it. Throws `Lost` where the connection ends first. */
  async #ask(
    frame: Readonly<Record<string, unknown>>,
  ): Promise<Exclude<ControlMessage, { readonly type: 'connected' | 'authenticated' }>> {
    this.#send(frame)
    this.counts.frames++
    for (;;) {
      const answer = await this.#next()
      if (answer.type === 'subscription') return answer
      if (answer.type !== 'error') continue
      // 406, 407 and 500 are about the connection, not about this batch.
      if (answer.code === 406 || answer.code === 407 || answer.code === 429 || answer.code >= 500)
        this.#fail(answer)
      return answer
    }
  }

  async #expect(type: 'connected' | 'authenticated'): Promise<void> {
    for (;;) {
      const answer = await this.#next()
      if (answer.type === type) return
      // 403: already authenticated, by the keys of the handshake.
      if (answer.type === 'error' && answer.code === 403 && type === 'authenticated') return
      if (answer.type === 'error') this.#fail(answer)
    }
  }

  #fail(answer: { readonly code: number; readonly message: string }): never {
    this.counts.refusals++
    const told = faultOfStream(answer.code, answer.message)
    this.#lose({ fault: told, isFinal: told.retry === 'never' })
    throw new Lost(told)
  }

  #next(): Promise<ControlMessage> {
    return new Promise((resolve, reject) => {
      const cancel = this.#after(this.#options.answerMs, () => {
        const late = fault('timeout', `no answer within ${this.#options.answerMs} ms`)
        this.#waiter = undefined
        this.#lose({ fault: late, isFinal: false })
        reject(new Lost(late))
      })
      this.#waiter = (message) => {
        cancel()
        this.#waiter = undefined
        if ('fault' in message) reject(new Lost(message.fault))
        else resolve(message)
      }
    })
  }

  #hear(frame: string | Uint8Array): void {
    this.#lastHeard = this.#options.io.monotonic()
    for (const message of this.#events.onFrame(frame)) {
      if (this.#waiter !== undefined) this.#waiter(message)
      else if (message.type === 'error') {
        const told = faultOfStream(message.code, message.message)
        this.#lose({ fault: told, isFinal: told.retry === 'never' })
        return
      }
    }
  }

  #rise(): void {
    this.#phase = 'up'
    this.#hasBeenUp = true
    this.#backoff.opened()
    const starts = this.#starts.splice(0)
    this.#events.onUp()
    for (const start of starts) start(ok(undefined))
  }

  #watch(epoch: number): void {
    const { io, pingMs, silentMs } = this.#options
    this.#after(pingMs, () => {
      if (epoch !== this.#epoch) return
      const silent = io.monotonic() - this.#lastHeard
      if (silent >= silentMs) {
        this.#lose({
          fault: fault('timeout', `silent for ${Math.round(silent)} ms`),
          isFinal: false,
        })
        return
      }
      this.#connection?.ping()
      this.#watch(epoch)
    })
  }

  /** The connection is over; what follows depends on why. */
  #lose(ending: Ending): void {
    if (this.#phase === 'closed' || this.#phase === 'waiting') return
    const { startsMax } = this.#options
    const isSpent = !this.#hasBeenUp && this.#backoff.failures + 1 >= startsMax
    if (ending.isFinal || isSpent) {
      this.#end(ending, 'tell')
      return
    }
    const wasUp = this.#phase === 'up'
    this.#drop(ending)
    this.#phase = 'waiting'
    this.#after(this.#backoff.next(), () => this.#connect())
    if (wasUp) this.#events.onDown(ending.fault.message, false)
  }

  #end(ending: Ending, how: 'tell' | 'quiet'): void {
    if (this.#phase === 'closed') return
    const isKnown = this.#hasBeenUp
    this.#drop(ending)
    this.#phase = 'closed'
    for (const start of this.#starts.splice(0)) start(failed(ending.fault))
    if (how === 'tell' && isKnown) this.#events.onDown(ending.fault.message, true)
  }

  #drop(ending: Ending): void {
    this.#epoch++
    this.#ended.abort()
    for (const cancel of this.#timers) cancel()
    this.#timers.clear()
    const connection = this.#connection
    this.#connection = undefined
    this.#waiter?.(ending)
    connection?.abort()
  }

  #send(frame: Readonly<Record<string, unknown>>): void {
    // JSON is taken by both codecs: the header only decides what the venue sends.
    const text = JSON.stringify(frame)
    if (text.length > FRAME_BYTES_MAX)
      throw new Error(`a frame of ${text.length} bytes is longer than 32 KiB`)
    this.#connection?.send(text)
  }

  #after(delayMs: number, fire: () => void): () => void {
    const stop = this.#options.io.after(delayMs, () => {
      this.#timers.delete(stop)
      fire()
    })
    this.#timers.add(stop)
    return () => {
      this.#timers.delete(stop)
      stop()
    }
  }
}

/** Ends the sequence of a connection that is over; never leaves this file. */
class Lost extends Error {
  readonly fault: Fault

  constructor(lost: Fault) {
    super(lost.message)
    this.fault = lost
  }
}

const isSome = (wanted: Wanted): boolean =>
  CHANNELS.some((channel) => (wanted[channel] ?? []).length > 0)

/** What has joined what is wanted since it was asked for. */
function added(wanted: Wanted, asked: Wanted, acknowledged: Wanted): Wanted {
  return Object.fromEntries(
    CHANNELS.map((channel) => {
      const known = new Set([...(asked[channel] ?? []), ...(acknowledged[channel] ?? [])])
      return [channel, (wanted[channel] ?? []).filter((symbol) => !known.has(symbol))]
    }),
  )
}

const unacknowledged = (lacking: readonly string[]): Fault =>
  fault('rate-limited', `alpaca did not acknowledge ${list(lacking)}`)

const list = (items: readonly string[]): string =>
  items.length > 5
    ? `${items.slice(0, 5).join(', ')} and ${items.length - 5} more`
    : items.join(', ')
