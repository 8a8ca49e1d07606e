/*
 * Stream: Alpaca's market data on a socket that reconnects (io/socket.ts). What happens on each of its connections:
 *
 *   open → connected → authenticated → subscribing → up
 *
 * 1. Symbols are subscribed in batches, each its own frame. The next frame leaves when the venue has acknowledged the
 *    one before *and* `everyMs` has passed since it was sent: with 31 symbols, frames of 10, 10, 10, 1 at 0, 1, 2, 3 s.
 *    There is no pause after the last one.
 * 2. An acknowledgement is the cumulative set. After the last batch it must hold all that is wanted; before that the
 *    stream is not up, whatever arrives on it.
 * 3. A batch that is refused does not stop the others. Then, the first time, the start fails: half a universe is not
 *    run. On a reconnect the connection is closed and tried again after the back-off.
 * 4. A limit (405, 406, 429) or an error of the venue (500) ends the connection. After a 406, too many connections, the
 *    venue is left alone for 90 s: it takes the old one for open until it has missed it. Wrong keys, missing rights and
 *    a failed start lead to safe mode at once, ten failures in a row as well; only `clear` leads out.
 * 5. A stream that answers pings is still lost when no data come while the market is open: within 8 s where trades or
 *    quotes are subscribed, 90 s where only bars are, because those come once a minute.
 */
import { assert } from '../../core/assert.ts'
import { type Fault, fault } from '../../core/fault.ts'
import { named } from '../../core/named.ts'
import { failed, ok, type Result } from '../../core/result.ts'
import type { Io } from '../../io/io.ts'
import type { LivenessOptions } from '../../io/liveness.ts'
import { inBatches } from '../../io/paced.ts'
import { type Session, Socket, type SocketStats } from '../../io/socket.ts'
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
  readonly liveness?: LivenessOptions
}

export interface StreamEvents {
  /** Every frame, as it came. Gives its control messages. */
  onFrame(frame: string | Uint8Array): readonly ControlMessage[]
  /** All that is wanted has been acknowledged. */
  onUp(): void
  /** Was up, and is no more: it comes back by itself. */
  onDown(why: string): void
  /** Was up before, and will not come back before `clear`. */
  onSafeMode(why: string): void
  /** These symbols alone are silent. */
  onQuiet(symbols: readonly string[]): void
}

/** A subscribe frame stays below this; Alpaca's own client splits there. */
const FRAME_BYTES_MAX = 32 * 1024

/** How long the venue is left alone after error 406. */
const CROWDED_MS = 90_000
/** Bars come once a minute, and are late by some seconds. */
const BARS_WITHIN_MS = 90_000

type Phase = 'idle' | 'starting' | 'up' | 'safe' | 'closed'

export class Stream {
  readonly #options: StreamOptions & { readonly answerMs: number }
  readonly #events: StreamEvents
  readonly #socket: Socket
  readonly #wanted = new Map<Channel, Set<string>>()
  #phase: Phase = 'idle'
  #hasBeenUp = false
  /** Why the connection was ended, where we did it. */
  #fault: Fault | undefined
  #waiter: ((message: ControlMessage) => void) | undefined
  #starts: ((result: Result<void>) => void)[] = []
  #changes: Promise<unknown> = Promise.resolve()

  constructor(options: StreamOptions, events: StreamEvents) {
    this.#options = { answerMs: 10_000, ...options }
    this.#events = events
    const { io, url, codec, batch, answerMs = 10_000, liveness } = options
    assert(
      Number.isSafeInteger(batch) && batch >= 1,
      `a batch has at least one symbol, not ${batch}`,
    )
    const type = codec === 'json' ? 'application/json' : 'application/msgpack'
    this.#socket = new Socket(io, {
      name: `alpaca ${url}`,
      url,
      headers: () => ({ 'Content-Type': type }),
      timeoutMs: answerMs,
      // The scanner reads bytes: text would be decoded, and encoded again.
      textAs: 'bytes',
      // Each answer has its own limit; all batches together may take long.
      readyWithinMs: Infinity,
      ...(liveness === undefined ? {} : { liveness }),
      onOpen: (session) => {
        this.#changes = this.#open(session)
      },
      onMessage: (data, session) => this.#hear(data, session),
      onState: (state, why) => {
        if (state === 'connecting') this.#fault = undefined
        if (state === 'disconnected') this.#fell(why)
      },
      onSafeMode: (why) => this.#gaveUp(why),
      onQuiet: (symbols) => events.onQuiet(symbols),
    })
  }

  get stats(): SocketStats {
    return this.#socket.stats()
  }

  wanted(): Wanted {
    return Object.fromEntries(
      [...this.#wanted].map(([channel, symbols]) => [channel, [...symbols]]),
    )
  }

  /**
   * Subscribes more, in batches, after whatever was asked for before. Resolves when the venue has acknowledged all
   * of it; the first call connects. A failure of the first start leads to safe mode.
   */
  subscribe(wanted: Wanted): Promise<Result<void>> {
    if (this.#phase === 'closed' || this.#phase === 'safe') return Promise.resolve(this.#refusal())
    for (const channel of CHANNELS) {
      const symbols = this.#wanted.get(channel) ?? new Set()
      for (const symbol of wanted[channel] ?? []) symbols.add(symbol)
      this.#wanted.set(channel, symbols)
    }
    const { liveness } = this.#socket
    const barsWithinMs = Math.max(BARS_WITHIN_MS, this.#options.liveness?.dataWithinMs ?? 0)
    // Trades that are asked for together with bars come beside them: a minute without any is no silence.
    const watched = wanted.bars === undefined ? (['trades', 'quotes'] as const) : []
    for (const channel of watched) liveness.watch(wanted[channel] ?? [])
    liveness.watch(wanted.bars ?? [], barsWithinMs)
    if (this.#phase !== 'up') {
      const started = this.#whenUp()
      if (this.#phase === 'idle') this.#phase = 'starting'
      this.#socket.start()
      return started
    }
    return this.#inOrder((session) => this.#extend(session, wanted))
  }

  /** Drops symbols from all channels. */
  unsubscribe(symbols: readonly string[]): Promise<Result<void>> {
    const gone = wantedOf(this.wanted(), symbols)
    for (const set of this.#wanted.values()) for (const symbol of symbols) set.delete(symbol)
    this.#socket.liveness.unwatch(symbols)
    if (this.#phase !== 'up' || Object.keys(gone).length === 0)
      return Promise.resolve(ok(undefined))
    return this.#inOrder(async (session) => {
      const answer = await this.#ask(session, changeFrame('unsubscribe', gone))
      return answer.type === 'error'
        ? failed(faultOfStream(answer.code, answer.message))
        : ok(undefined)
    })
  }

  /** What the connection says makes no sense: the next one may do better. */
  distrust(why: string): void {
    const { session } = this.#socket
    if (session !== undefined) this.#fail(session, fault('corrupt-data', why), 'later')
  }

  /** Leaves safe mode: a person says so. */
  clear(): void {
    if (this.#phase !== 'safe') return
    this.#phase = 'starting'
    this.#socket.clear()
  }

  /** Resolves when the connection has ended, which takes at most `answerMs`. */
  close(): Promise<void> {
    this.#phase = 'closed'
    for (const start of this.#starts.splice(0)) start(failed(fault('network', 'closed')))
    return this.#socket.stop()
  }

  /** After what was asked for before; later, by the next connection, where there is none that is up. */
  #inOrder(work: (session: Session) => Promise<Result<void>>): Promise<Result<void>> {
    const done = this.#changes.then(async (): Promise<Result<void>> => {
      const { session } = this.#socket
      if (this.#phase === 'safe' || this.#phase === 'closed') return this.#refusal()
      if (this.#phase !== 'up' || session === undefined) return this.#whenUp()
      try {
        return await work(session)
      } catch (error) {
        return failed(error instanceof Lost ? error.fault : fault('network', String(error)))
      }
    })
    this.#changes = done
    return done
  }

  #whenUp(): Promise<Result<void>> {
    return new Promise((resolve) => this.#starts.push(resolve))
  }

  #refusal(): Result<void> {
    return failed(fault('network', `the stream is ${this.#phase}`))
  }

  /** From the upgrade to `up`. Where the connection is lost on the way, whoever lost it has dealt with it. */
  async #open(session: Session): Promise<void> {
    const { key, secret } = this.#options.keys
    try {
      await this.#expect(session, 'connected')
      send(session, { action: 'auth', key, secret })
      await this.#expect(session, 'authenticated')
      session.advance('authenticated')
      const refused = await this.#subscribeWanted(session)
      if (refused === undefined) this.#rise(session)
      else this.#fail(session, refused, this.#hasBeenUp ? refused.retry : 'never')
    } catch (error) {
      if (!(error instanceof Lost)) this.#fail(session, fault('network', String(error)))
    }
  }

  /** Symbols that are wanted while the first are being subscribed join the same sequence. */
  async #subscribeWanted(session: Session): Promise<Fault | undefined> {
    let acknowledged: Wanted = {}
    for (let missing = this.wanted(); isSome(missing);) {
      const result = await this.#subscribeAll(session, missing, acknowledged)
      if (result.refused !== undefined) return result.refused
      acknowledged = result.acknowledged
      missing = added(this.wanted(), missing, acknowledged)
    }
    const lacking = missingOf(this.wanted(), acknowledged)
    return lacking.length > 0 ? unacknowledged(lacking) : undefined
  }

  async #subscribeAll(
    session: Session,
    wanted: Wanted,
    before: Wanted,
  ): Promise<{ readonly acknowledged: Wanted; readonly refused?: Fault }> {
    const { io, batch, everyMs } = this.#options
    const { signal } = session
    const symbols = [...new Set(CHANNELS.flatMap((channel) => wanted[channel] ?? []))]
    let acknowledged = before
    const pace = { size: batch, everyMs, onFailure: 'abort-after-all', signal } as const
    const sent = await inBatches(io, symbols, pace, async (part) => {
      const asked = wantedOf(wanted, part)
      const answer = await this.#ask(session, changeFrame('subscribe', asked))
      if (answer.type === 'error') return failed<void>(faultOfStream(answer.code, answer.message))
      acknowledged = answer.channels
      const lacking = missingOf(asked, acknowledged)
      return lacking.length === 0 ? ok(undefined) : failed<void>(unacknowledged(lacking))
    })
    if (signal.aborted) throw this.#lost(session)
    const refusal = sent.batches.find(({ result }) => !result.ok)?.result
    return { acknowledged, ...(refusal?.ok === false ? { refused: refusal.fault } : {}) }
  }

  async #extend(session: Session, wanted: Wanted): Promise<Result<void>> {
    const { refused } = await this.#subscribeAll(session, wanted, {})
    if (refused === undefined) return ok(undefined)
    for (const channel of CHANNELS) {
      for (const symbol of wanted[channel] ?? []) this.#wanted.get(channel)?.delete(symbol)
    }
    return failed(refused)
  }

  /** Sends a frame and gives the answer to it. Throws `Lost` where the connection ends first. */
  async #ask(session: Session, frame: Frame): Promise<Answer> {
    send(session, frame)
    for (;;) {
      const answer = await this.#next(session)
      if (answer.type === 'subscription') return answer
      if (answer.type !== 'error') continue
      // 406, 407 and 500 are about the connection, not about this batch.
      if (answer.code === 406 || answer.code === 407 || answer.code === 429 || answer.code >= 500)
        throw this.#refuse(session, answer)
      return answer
    }
  }

  async #expect(session: Session, type: 'connected' | 'authenticated'): Promise<void> {
    for (;;) {
      const answer = await this.#next(session)
      if (answer.type === type) return
      // 403: already authenticated, by the keys of the handshake.
      if (answer.type === 'error' && answer.code === 403 && type === 'authenticated') return
      if (answer.type === 'error') throw this.#refuse(session, answer)
    }
  }

  #next(session: Session): Promise<ControlMessage> {
    const { io, answerMs } = this.#options
    const { signal } = session
    return new Promise((resolve, reject) => {
      const done = (): void => {
        cancel()
        signal.removeEventListener('abort', onAbort)
        this.#waiter = undefined
      }
      const onAbort = (): void => {
        done()
        reject(this.#lost(session))
      }
      const cancel = io.after(answerMs, () => {
        this.#fail(session, fault('timeout', `no answer within ${answerMs} ms`))
      })
      if (signal.aborted) {
        onAbort()
        return
      }
      signal.addEventListener('abort', onAbort)
      this.#waiter = (message) => {
        done()
        resolve(message)
      }
    })
  }

  #hear(frame: string | Uint8Array, session: Session): void {
    for (const message of this.#events.onFrame(frame)) {
      if (this.#waiter !== undefined) this.#waiter(message)
      else if (message.type === 'error') this.#refuse(session, message)
    }
  }

  #rise(session: Session): void {
    session.advance('subscribed')
    this.#phase = 'up'
    this.#hasBeenUp = true
    const starts = this.#starts.splice(0)
    this.#events.onUp()
    for (const start of starts) start(ok(undefined))
  }

  #refuse(session: Session, answer: { readonly code: number; readonly message: string }): Lost {
    const told = faultOfStream(answer.code, answer.message)
    this.#fail(session, told, told.retry, answer.code === 406 ? CROWDED_MS : 0)
    return new Lost(told)
  }

  /** Ends the connection; the socket knows what comes next. */
  #fail(session: Session, told: Fault, retry: Fault['retry'] = told.retry, waitMs = 0): void {
    if (!session.isCurrent) return
    this.#fault = told
    session.fail(told.message, { waitMs, ...(retry === 'never' ? { retry } : {}) })
  }

  #lost(session: Session): Lost {
    const { reason } = session.signal
    return new Lost(this.#fault ?? fault('network', reason instanceof Error ? reason.message : ''))
  }

  #fell(why: string): void {
    if (this.#phase !== 'up') return
    this.#phase = 'starting'
    this.#events.onDown(why)
  }

  #gaveUp(why: string): void {
    this.#phase = 'safe'
    const told = this.#fault ?? fault('network', why)
    for (const start of this.#starts.splice(0)) start(failed(told))
    if (this.#hasBeenUp) this.#events.onSafeMode(why)
  }
}

type Frame = Readonly<Record<string, unknown>>
type Answer = Exclude<ControlMessage, { readonly type: 'connected' | 'authenticated' }>

function send(session: Session, frame: Frame): void {
  // JSON is taken by both codecs: the header only decides what the venue sends.
  const text = JSON.stringify(frame)
  assert(text.length <= FRAME_BYTES_MAX, `a frame of ${text.length} bytes is longer than 32 KiB`)
  session.send(text)
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
  fault('rate-limited', `alpaca did not acknowledge ${named(lacking)}`)
