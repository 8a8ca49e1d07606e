/*
 * A WebSocket that reconnects.
 *
 *   disconnected --start, wait over--> connecting --upgrade--> open
 *   open --advance (adapter)--> authenticated --advance--> subscribed        told by the adapter, from the venue's answers
 *   subscribed --no data though expected--> stale --> disconnected
 *   any --closed, cut, mute, not ready in time, fail (adapter)--> disconnected --back-off--> connecting
 *   any --10 failures in a row, or one that no try can mend--> safe --clear (a person)--> connecting
 *   any --stop--> disconnected, for good
 *
 * A failure is a connection that ended before it was stable for a time after it was ready (backoff.ts). One connection
 * exists at a time: the next one is opened only when the end of the last was told. Each connection is a generation, and
 * what an old generation still says is ignored. On each connection `onOpen` runs again: log in, subscribe, verify.
 */
import { assert } from '../core/assert.ts'
import { Backoff, type BackoffOptions } from './backoff.ts'
import { Breaker, type BreakerState } from './breaker.ts'
import type { Connection, Io, Refusal } from './io.ts'
import { Liveness, type Finding, type LivenessOptions } from './liveness.ts'
import { heardOf } from './rate.ts'

export type SocketState =
  | 'disconnected'
  | 'connecting'
  | 'open'
  | 'authenticated'
  | 'subscribed'
  | 'stale'
  | 'safe'

export interface SocketOptions {
  /** What messages call it: `alpaca iex`. */
  readonly name: string
  readonly url: string
  /** Asked for each connection, because signed headers grow old. */
  readonly headers?: () => Readonly<Record<string, string>>
  /** Until the upgrade is answered, and for the closing handshake: 10 s where not told. */
  readonly timeoutMs?: number
  /** From the upgrade to `subscribed`: 60 s where not told; Infinity where the adapter limits each step itself. */
  readonly readyWithinMs?: number
  readonly messageBytesMax?: number
  /** How text frames come, as in `WebSocketOptions`. */
  readonly textAs?: 'text' | 'bytes'
  /** Frames that change something, as in `WebSocketOptions`. */
  readonly changes?: (data: string | Uint8Array) => boolean
  /** Most bytes that may wait to be sent, 1 MiB where not told; past it `send` refuses. */
  readonly waitingBytesMax?: number
  readonly liveness?: LivenessOptions
  readonly backoff?: BackoffOptions
  /** Failures in a row that lead to safe mode, 10 where not told. */
  readonly failuresMax?: number
  /** What was saved from `onBreaker`: a socket that was in safe mode starts there. */
  readonly breaker?: BreakerState
  /** Runs on every connection, the first and all others. */
  onOpen(session: Session): void
  onMessage(data: string | Uint8Array, session: Session): void
  onState?(state: SocketState, why: string): void
  /** These symbols alone are silent though data is expected; the connection stays. */
  onQuiet?(symbols: readonly string[]): void
  /** No further try until `clear`. */
  onSafeMode?(why: string): void
  onBreaker?(state: BreakerState): void
}

/** One connection, for the adapter. All of it does nothing once the connection has ended. */
export interface Session {
  /** 1, 2, 3 … */
  readonly generation: number
  readonly isCurrent: boolean
  /** Aborts when the connection has ended: for what waits on its behalf. */
  readonly signal: AbortSignal
  /** False where nothing was sent: not open, or too much waits already. */
  send(data: string | Uint8Array): boolean
  /** The venue has said so. */
  advance(state: 'authenticated' | 'subscribed'): void
  /** This connection is of no use. `never`: neither is any other, until a person has looked at it. */
  fail(why: string, next?: { readonly retry?: 'never'; readonly waitMs?: number }): void
}

export interface SocketStats {
  readonly state: SocketState
  readonly generation: number
  /** Connections that were open. */
  readonly opens: number
  readonly failuresInRow: number
  readonly messages: number
  readonly bytes: number
  readonly pings: number
  readonly pongs: number
  /** Ended by us because nothing came any more, and because only pongs came. */
  readonly cuts: number
  readonly mutes: number
  /** Sends that were refused because too much waited. */
  readonly refusedSends: number
  /** Callbacks of connections that had ended, ignored. */
  readonly late: number
  readonly silentMs: number
  readonly waitingBytes: number
  /** The last answer to a ping; undefined before the first. */
  readonly roundTripMs: number | undefined
}

/** How often liveness is looked at. */
const CHECK_MS = 1_000

interface Live {
  readonly generation: number
  readonly connection: Connection
  readonly abort: AbortController
  readonly session: Session
  /** Why we end it, and what comes next; undefined as long as we do not. */
  ending: Ending | undefined
  pingedAt: number | undefined
}

interface Ending {
  readonly why: string
  readonly isFinal: boolean
  readonly waitMs: number
}

type SocketIo = Pick<Io, 'now' | 'monotonic' | 'after' | 'random' | 'websocket'>

export class Socket {
  readonly liveness: Liveness
  readonly #io: SocketIo
  readonly #options: SocketOptions
  readonly #backoff: Backoff
  readonly #breaker: Breaker
  #state: SocketState = 'disconnected'
  #isStarted = false
  #generation = 0
  /** The one connection; kept until its end was told, so that there are never two. */
  #live: Live | undefined
  readonly #timers: Record<'retry' | 'check' | 'ready' | 'stable', (() => void) | undefined> = {
    retry: undefined,
    check: undefined,
    ready: undefined,
    stable: undefined,
  }
  #whenClosed: (() => void) | undefined
  #roundTripMs: number | undefined
  readonly #counts = {
    opens: 0,
    messages: 0,
    bytes: 0,
    pings: 0,
    pongs: 0,
    cuts: 0,
    mutes: 0,
    refusedSends: 0,
    late: 0,
  }

  constructor(io: SocketIo, options: SocketOptions) {
    this.#io = io
    this.#options = options
    this.liveness = new Liveness(options.liveness)
    this.#backoff = new Backoff(io, options.backoff)
    this.#breaker = new Breaker(io, {
      failures: options.failuresMax ?? 10,
      ...(options.breaker === undefined ? {} : { state: options.breaker }),
      onChange: (state) => options.onBreaker?.(state),
    })
  }

  get state(): SocketState {
    return this.#state
  }

  /** The connection of now; undefined where none is open. */
  get session(): Session | undefined {
    return this.#live?.session.isCurrent === true ? this.#live.session : undefined
  }

  start(): void {
    if (this.#isStarted) return
    this.#isStarted = true
    // A connection that is still closing leads to the next one when its end is told.
    if (this.#live !== undefined) return
    const { phase, why = 'saved so' } = this.#breaker.state
    if (phase === 'closed') this.#connect()
    else this.#enterSafeMode(why)
  }

  /** Closes for good; resolves when the connection has ended, which takes at most the timeout. */
  stop(): Promise<void> {
    this.#isStarted = false
    this.#clearTimers()
    const live = this.#live
    this.#become('disconnected', 'stopped')
    if (live === undefined) return Promise.resolve()
    return new Promise((resolve) => {
      const before = this.#whenClosed
      this.#whenClosed = () => {
        before?.()
        resolve()
      }
      if (live.ending === undefined) {
        this.#endSession(live, { why: 'stopped', isFinal: false, waitMs: 0 })
        live.connection.close(1000)
      }
    })
  }

  /** A person says that it may try again, at once. */
  clear(): void {
    this.#breaker.clear()
    this.#backoff.reset()
    if (this.#isStarted && this.#state === 'safe') this.#connect()
  }

  stats(): SocketStats {
    return {
      ...this.#counts,
      state: this.#state,
      generation: this.#generation,
      failuresInRow: this.#breaker.state.failures,
      silentMs: this.liveness.silentMs,
      waitingBytes: this.#live?.connection.waitingBytes ?? 0,
      roundTripMs: this.#roundTripMs,
    }
  }

  #connect(): void {
    assert(this.#live === undefined, `${this.#options.name} opens one connection at a time`)
    const { url, headers, timeoutMs = 10_000, messageBytesMax, textAs, changes } = this.#options
    const generation = ++this.#generation
    this.#become('connecting', `connection ${generation}`)
    const isOurs = (): boolean => {
      const live = this.#live
      if (live?.generation === generation && live.ending === undefined) return true
      this.#counts.late += 1
      return false
    }
    const connection = this.#io.websocket.connect({
      url,
      timeoutMs,
      ...(headers === undefined ? {} : { headers: headers() }),
      ...(messageBytesMax === undefined ? {} : { messageBytesMax }),
      ...(textAs === undefined ? {} : { textAs }),
      ...(changes === undefined ? {} : { changes }),
      onOpen: () => {
        if (isOurs()) this.#opened()
      },
      onMessage: (data) => {
        if (isOurs()) this.#received(data)
      },
      onPong: () => {
        if (isOurs()) this.#ponged()
      },
      onClose: (code, reason, refusal) => {
        if (this.#live?.generation === generation) this.#closed(code, reason, refusal)
        else this.#counts.late += 1
      },
    })
    const abort = new AbortController()
    const session = this.#sessionOf(generation, connection, abort)
    this.#live = { generation, connection, abort, session, ending: undefined, pingedAt: undefined }
  }

  #sessionOf(generation: number, connection: Connection, abort: AbortController): Session {
    const current = (): Live | undefined => {
      const live = this.#live
      return live?.generation === generation && live.ending === undefined ? live : undefined
    }
    const { waitingBytesMax = 2 ** 20 } = this.#options
    return {
      generation,
      get isCurrent() {
        return current() !== undefined
      },
      signal: abort.signal,
      send: (data) => {
        if (current() === undefined) return false
        if (connection.waitingBytes + data.length > waitingBytesMax) {
          this.#counts.refusedSends += 1
          return false
        }
        return connection.send(data)
      },
      advance: (state) => {
        if (current() === undefined || this.#state === state) return
        if (state === 'subscribed') this.#ready()
        this.#become(state, 'the venue said so')
      },
      fail: (why, next = {}) => {
        const live = current()
        if (live === undefined) return
        this.#drop(live, { why, isFinal: next.retry === 'never', waitMs: next.waitMs ?? 0 })
      },
    }
  }

  #opened(): void {
    const live = this.#live
    if (live === undefined) return
    this.#counts.opens += 1
    this.liveness.restart()
    this.#become('open', `connection ${live.generation}`)
    this.#timers.check = this.#io.after(CHECK_MS, () => this.#check(live))
    this.#limitReady(live)
    this.#options.onOpen(live.session)
  }

  #limitReady(live: Live): void {
    const { readyWithinMs = 60_000 } = this.#options
    if (readyWithinMs === Infinity) return
    this.#timers.ready = this.#io.after(readyWithinMs, () => {
      const why = `not subscribed within ${readyWithinMs} ms`
      this.#drop(live, { why, isFinal: false, waitMs: 0 })
    })
  }

  /** Subscribed: from here on its time counts, and data is expected. */
  #ready(): void {
    this.#timers.ready?.()
    this.liveness.restart()
    this.#backoff.opened()
    const { stableMs = 60_000 } = this.#options.backoff ?? {}
    this.#timers.stable?.()
    this.#timers.stable = this.#io.after(stableMs, () => this.#breaker.succeeded())
  }

  #received(data: string | Uint8Array): void {
    const live = this.#live
    if (live === undefined) return
    this.liveness.heard()
    this.#counts.messages += 1
    this.#counts.bytes += data.length
    this.#options.onMessage(data, live.session)
  }

  #ponged(): void {
    const live = this.#live
    if (live === undefined) return
    this.liveness.heard()
    this.#counts.pongs += 1
    if (live.pingedAt !== undefined) this.#roundTripMs = this.#io.monotonic() - live.pingedAt
    live.pingedAt = undefined
  }

  #check(live: Live): void {
    if (live !== this.#live || live.ending !== undefined) return
    this.#timers.check = this.#io.after(CHECK_MS, () => this.#check(live))
    const isSubscribed = this.#state === 'subscribed'
    for (const finding of this.liveness.check(CHECK_MS, this.#io.now(), isSubscribed)) {
      this.#handle(live, finding)
    }
  }

  #handle(live: Live, finding: Finding): void {
    switch (finding.type) {
      case 'ping':
        this.#counts.pings += 1
        live.pingedAt = this.#io.monotonic()
        live.connection.ping()
        return
      case 'cut':
        this.#counts.cuts += 1
        this.#drop(live, {
          why: `nothing came for ${finding.silentMs} ms, not even a pong`,
          isFinal: false,
          waitMs: 0,
        })
        return
      case 'mute': {
        this.#counts.mutes += 1
        const why = `no data for ${finding.silentMs} ms of market time`
        this.#become('stale', why)
        this.#drop(live, { why, isFinal: false, waitMs: 0 })
        return
      }
      case 'quiet':
        this.#options.onQuiet?.(finding.symbols)
        return
    }
  }

  /** We end it. What comes next waits for the end to be told. */
  #drop(live: Live, ending: Ending): void {
    if (live !== this.#live || live.ending !== undefined) return
    this.#endSession(live, ending)
    live.connection.abort()
  }

  #endSession(live: Live, ending: Ending): void {
    live.ending = ending
    this.#clearTimers()
    live.abort.abort(new Error(ending.why))
  }

  /** The end was told, whoever began it: now the next connection may come. */
  #closed(code: number, reason: string, refusal: Refusal | undefined): void {
    const live = this.#live
    if (live === undefined) return
    const ending = live.ending ?? endingOf({ code, reason, refusal }, this.#io.now())
    if (live.ending === undefined) this.#endSession(live, ending)
    this.#live = undefined
    this.#whenClosed?.()
    this.#whenClosed = undefined
    if (!this.#isStarted) return
    const wasStable = this.#backoff.isStable()
    // On top of what the venue asks for, because streams that it refused together would come back together.
    const delayMs = ending.waitMs + this.#backoff.next()
    if (ending.isFinal) this.#breaker.trip(ending.why)
    else if (wasStable) this.#breaker.succeeded()
    else this.#breaker.failed(ending.why)
    if (this.#breaker.state.phase !== 'closed') {
      this.#enterSafeMode(ending.why)
      return
    }
    this.#become('disconnected', ending.why)
    this.#timers.retry = this.#io.after(delayMs, () => this.#connect())
  }

  #enterSafeMode(why: string): void {
    this.#become('safe', why)
    this.#options.onSafeMode?.(why)
  }

  #clearTimers(): void {
    for (const name of ['retry', 'check', 'ready', 'stable'] as const) {
      this.#timers[name]?.()
      this.#timers[name] = undefined
    }
  }

  #become(state: SocketState, why: string): void {
    if (this.#state === state) return
    this.#state = state
    this.#options.onState?.(state, why)
  }
}

/** What an end that we did not begin means for the next try. */
function endingOf(
  { code, reason, refusal }: { code: number; reason: string; refusal: Refusal | undefined },
  now: number,
): Ending {
  const why = `closed with ${code}${reason === '' ? '' : `: ${reason}`}`
  if (refusal === undefined) return { why, isFinal: false, waitMs: 0 }
  const { retryAfterMs, resetMs } = heardOf(refusal, now)
  return {
    why,
    // A key that is refused is refused again, and knocking on with it may lock the account.
    isFinal: refusal.status === 401 || refusal.status === 403,
    waitMs: retryAfterMs ?? (refusal.status === 429 ? (resetMs ?? 0) : 0),
  }
}
