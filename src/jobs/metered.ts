/*
 * Metered: requests to a provider, each written down in the ledger before it leaves. The ledger is the budget of all
 * workers together, and it outlives them: a worker that was killed does not send twice as much after it came back.
 *
 * Whoever waits for the budget keeps what it has claimed: the claim is renewed between two looks. Where it is lost, where
 * the worker is stopped, and where a wait has no end, the request is not sent.
 */
import { fault } from '../core/fault.ts'
import type { JobStore, RequestAsk } from '../core/jobs.ts'
import { failed } from '../core/result.ts'
import { HOUR, type Timeframe } from '../core/time.ts'
import { pause } from '../io/clock.ts'
import type { Io } from '../io/io.ts'
import { heardOf } from '../io/rate.ts'
import { withRequests } from '../io/with-requests.ts'

/** What leaves within a window may arrive closer together: the window is a little longer here than at the provider. */
const WINDOW_MS = 61_000
/** A provider that refuses and does not say for how long. */
export const STOP_MS = 5_000
/** What was granted leaves within this, or is asked for again: its place in the window would be another. */
const LATE_MS = 500
/** Grants in a row that came too late: the store is too slow for requests to be counted. */
const LATE_MAX = 5
/** Longest wait between two looks: another worker's clock may be wrong. */
const LOOK_MS = 5_000
/** Longest wait of a request: a provider that refuses for longer has the runs given back. */
const WAIT_MAX_MS = HOUR

export interface MeterOptions {
  readonly store: JobStore
  readonly io: Io
  readonly provider: string
  readonly worker: string
  /** Requests of all workers in any minute. */
  readonly perMinute: number
  /** Time of the venue per time of the machine, 1 where not told: an answer of the store takes the machine's time. */
  readonly speed?: number
  /** Does this request count? */
  readonly counts: (url: string) => boolean
}

/** What a worker has claimed, for whom a request is. */
export interface Held {
  readonly signal?: AbortSignal | undefined
  /** Where it is time to; false where the claim is another's. */
  readonly renew: () => Promise<boolean>
}

interface About {
  readonly timeframe: Timeframe
  readonly symbols: number
}

export class Meter {
  /** The same world, whose requests are counted. */
  readonly io: Io
  readonly #options: MeterOptions
  #about: About = { timeframe: '1d', symbols: 0 }
  #held: Held | undefined
  #sent = 0
  #waitedMs = 0
  #last: string | undefined
  /** Granted with a page, and not sent yet. */
  #kept: RequestAsk | undefined

  constructor(options: MeterOptions) {
    this.#options = options
    this.io = withRequests(options.io, (request) => this.#request(request))
  }

  /** What the next requests are for. */
  about(about: About, held?: Held): void {
    this.#about = about
    this.#held = held
    this.#last = undefined
    this.#kept = undefined
  }

  /** What the next request takes of the budget: whoever has it granted with something else says so to `keep`. */
  ask(): RequestAsk {
    const { io, provider, worker, perMinute } = this.#options
    const id = nameOnce(io, worker)
    const budget = { limit: perMinute, windowMs: WINDOW_MS }
    return { id, provider, worker, at: io.now(), ...this.#about, ...budget }
  }

  /** It was granted: the next request takes it, where it leaves in time. */
  keep(ask: RequestAsk): void {
    this.#kept = ask
  }

  /** The ledger's id of the last request. */
  get last(): string | undefined {
    return this.#last
  }

  get statistics(): { readonly sent: number; readonly waitedMs: number } {
    return { sent: this.#sent, waitedMs: this.#waitedMs }
  }

  async #request(request: Parameters<Io['http']['request']>[0]): ReturnType<Io['http']['request']> {
    const { store, io, provider, counts } = this.#options
    if (!counts(request.url)) return io.http.request(request)
    const id = await this.#take(request.signal)
    if (id === undefined)
      return failed(fault('rate-limited', 'not granted, so it was not sent', { sent: 'no' }))
    this.#last = id
    const answer = await io.http.request(request)
    if (!answer.ok) return answer
    const { status } = answer.value
    if (status === 200) return answer
    await store.answered({ id, status, at: io.now() })
    if (status === 429) {
      const { retryAfterMs, resetMs } = heardOf(answer.value, io.now())
      await store.stopRequests(provider, io.now() + (retryAfterMs ?? resetMs ?? STOP_MS))
    }
    return answer
  }

  async #take(own: AbortSignal | undefined): Promise<string | undefined> {
    const { store, io } = this.#options
    const held = this.#held
    const signal = own ?? held?.signal
    const until = io.now() + WAIT_MAX_MS
    const kept = this.#kept
    this.#kept = undefined
    if (kept !== undefined && signal?.aborted !== true && this.#isInTime(kept)) {
      this.#sent++
      return kept.id
    }
    for (let late = 0; late < LATE_MAX;) {
      if (signal?.aborted === true) return undefined
      const ask = this.ask()
      const { waitMs } = await store.takeRequest(ask)
      if (waitMs > 0) {
        if (io.now() >= until) return undefined
        this.#waitedMs += waitMs
        await pause(io, Math.min(waitMs, LOOK_MS), signal)
        if (held !== undefined && !(await held.renew())) return undefined
        continue
      }
      this.#sent++
      if (this.#isInTime(ask)) return ask.id
      late++
    }
    return undefined
  }

  #isInTime({ at }: RequestAsk): boolean {
    const { io, speed = 1 } = this.#options
    return io.now() - at <= LATE_MS * Math.max(1, speed)
  }
}

/** A name that nobody has had: a worker that begins again must not meet the names of its former life. */
export const nameOnce = (io: Pick<Io, 'now' | 'random'>, worker: string): string =>
  `${worker}-${io.now().toString(36)}-${Math.floor(io.random() * 2 ** 48).toString(36)}`
