/*
 * The request budget of one key at one venue: at most `limit` in any `windowMs`, whoever asks.
 *
 * A token comes back exactly one window after it was taken, so no window, wherever it begins, holds more than the
 * limit. (The usual bucket that refills evenly lets through twice its size around an idle time; one half as large wastes
 * half of the limit.) Time is the monotonic one: a jump of the wall clock neither stops nor floods a venue.
 *
 * Who waits stands in one of four lanes: 0 cancels and what reduces, 1 orders, 2 reads, 3 backfill. The first of the
 * highest lane goes next, and nothing below it passes meanwhile, so a large request is not starved by small ones. Lane 2
 * must leave `reserve` for the lanes above and lane 3 twice as much, so that a gap of live data is not filled at the pace
 * of a backfill; lane 1 must leave `cancelReserve` for lane 0.
 *
 * What waits is bounded. When the queue is full, the newcomer takes the place of the youngest waiter of the lowest lane
 * below its own; where there is none, the newcomer is refused. A refusal says that nothing was sent.
 *
 * The venue has the last word. `heard` takes what its answer says: less remaining than we believe is taken from our
 * budget until the venue's reset, a 429 stops every lane for as long as the venue asks, and after it the budget is
 * given out evenly for one window: what has piled up does not become a burst.
 */
import { assert } from '../core/assert.ts'
import { fault } from '../core/fault.ts'
import { failed, ok, type Result } from '../core/result.ts'
import type { Io } from './io.ts'

export type Lane = 0 | 1 | 2 | 3
/** The lanes by their names. */
export const LANES = { cancel: 0, order: 1, read: 2, backfill: 3 } as const

/** Longest stop that a venue's answer can cause. */
const STOP_MAX_MS = 10 * 60_000
/** Stop after a 429 that does not say how long; doubles with each in a row, up to the window. */
const STOP_FIRST_MS = 1_000

export interface BudgetOptions {
  /** What messages call it: `alpaca trading`. */
  readonly name: string
  /** Most cost in any window. */
  readonly limit: number
  readonly windowMs: number
  /** Added to the window, because requests may travel faster than the one before: 50 ms where not told. */
  readonly marginMs?: number
  /** What lane 2 leaves to lanes 0 and 1, and lane 3 twice: a tenth of the limit where not told. */
  readonly reserve?: number
  /** What lane 1 leaves to lane 0; part of the reserve. 0 where not told. */
  readonly cancelReserve?: number
  /** Longest stop after a 429, ten minutes where not told. */
  readonly stopMaxMs?: number
  /** Most that may wait, 1,000 where not told. */
  readonly waitingMax?: number
}

export interface Ask {
  readonly lane: Lane
  /** 1 where not told; venues that count orders charge a batch by its orders. */
  readonly cost?: number
  /** Refused when it has waited for so long: an order that is too old is not worth sending. */
  readonly waitMaxMs?: number
  readonly signal?: AbortSignal
}

/** What an answer says about the budget. */
export interface Heard {
  /** The venue refused the request because of its rate: 429, or the venue's own code. */
  readonly isRefusal: boolean
  readonly limit?: number
  readonly remaining?: number
  /** Until the venue counts anew. */
  readonly resetMs?: number
  readonly retryAfterMs?: number
}

export interface BudgetStats {
  readonly granted: number
  readonly refused: number
  /** Refusals of the venue. */
  readonly limited: number
  /** Requests that were not needed, because others did their work: by batches, by caches. */
  readonly saved: number
  readonly waiting: number
  readonly waitedMs: number
  readonly used: number
  readonly limit: number
}

interface Waiter {
  readonly lane: Lane
  readonly cost: number
  readonly since: number
  readonly settle: (result: Result<void>) => void
}

interface Taken {
  readonly until: number
  readonly cost: number
}

export class Budget {
  readonly name: string
  readonly #io: Pick<Io, 'monotonic' | 'after'>
  readonly #windowMs: number
  readonly #floors: readonly [number, number, number, number]
  readonly #waitingMax: number
  readonly #stopMaxMs: number
  readonly #configured: number
  readonly #lanes: readonly [Waiter[], Waiter[], Waiter[], Waiter[]] = [[], [], [], []]
  /** What is taken, by when it comes back. */
  #taken: Taken[] = []
  #used = 0
  #limit: number
  #stoppedUntil = 0
  #evenUntil = 0
  #nextEvenAt = 0
  #stopsInRow = 0
  #cancelTimer: (() => void) | undefined
  readonly #counts = { granted: 0, refused: 0, limited: 0, saved: 0, waitedMs: 0 }

  constructor(io: Pick<Io, 'monotonic' | 'after'>, options: BudgetOptions) {
    const { limit, reserve = Math.floor(limit / 10), cancelReserve = 0 } = options
    assert(limit >= 1 && options.windowMs > 0, `a budget has a limit and a window: ${options.name}`)
    assert(
      reserve < limit && cancelReserve <= reserve,
      `${options.name}: the reserve is below ${limit}`,
    )
    this.name = options.name
    this.#io = io
    this.#configured = limit
    this.#limit = limit
    this.#windowMs = options.windowMs + (options.marginMs ?? 50)
    this.#floors = [0, cancelReserve, reserve, 2 * reserve]
    this.#stopMaxMs = options.stopMaxMs ?? STOP_MAX_MS
    this.#waitingMax = options.waitingMax ?? 1_000
  }

  /** Resolves when the request may be sent, which is now, or with the fault that says why it may not. */
  take(ask: Ask): Promise<Result<void>> {
    const { lane, cost = 1, waitMaxMs, signal } = ask
    assert(cost > 0, `a cost is > 0, not ${cost}`)
    if (signal?.aborted === true) return this.#refuse('was canceled')
    if (cost > this.#roomOf(lane)) return this.#refuse(this.#tooMuch(lane, cost))
    if (this.#waiting() >= this.#waitingMax && !this.#displace(lane)) {
      return this.#refuse(`has ${this.#waitingMax} waiting already`)
    }
    return new Promise((resolve) => {
      const since = this.#io.monotonic()
      const stopWaiting = (why: string): void => {
        const place = this.#lanes[lane].indexOf(waiter)
        if (place < 0) return
        this.#lanes[lane].splice(place, 1)
        waiter.settle(this.#refusal(why))
        // It may have been the one that nothing below could pass.
        this.#serve()
      }
      const onAbort = (): void => stopWaiting('was canceled')
      let stopTimer: (() => void) | undefined
      const settle = (result: Result<void>): void => {
        stopTimer?.()
        signal?.removeEventListener('abort', onAbort)
        this.#counts.waitedMs += this.#io.monotonic() - since
        resolve(result)
      }
      const waiter: Waiter = { lane, cost, since, settle }
      this.#lanes[lane].push(waiter)
      this.#serve()
      if (!this.#lanes[lane].includes(waiter)) return
      signal?.addEventListener('abort', onAbort)
      if (waitMaxMs !== undefined) {
        stopTimer = this.#io.after(waitMaxMs, () => stopWaiting(`had no room for ${waitMaxMs} ms`))
      }
    })
  }

  /** Takes in what an answer of the venue said. */
  heard({ isRefusal, limit, remaining, resetMs, retryAfterMs }: Heard): void {
    const now = this.#io.monotonic()
    if (limit !== undefined && limit >= 1) this.#limit = Math.min(limit, this.#configured)
    if (remaining !== undefined) {
      this.#release(now)
      const missing = this.#limit - this.#used - remaining
      const until = now + Math.min(Math.max(resetMs ?? this.#windowMs, 0), this.#windowMs)
      if (missing > 0) this.#charge(missing, until)
    }
    if (isRefusal) {
      const unsaid = Math.min(STOP_FIRST_MS * 2 ** this.#stopsInRow, this.#windowMs)
      const stopMs = Math.min(Math.max(retryAfterMs ?? resetMs ?? unsaid, 0), this.#stopMaxMs)
      this.#stopsInRow = Math.min(this.#stopsInRow + 1, 16)
      this.#stoppedUntil = Math.max(this.#stoppedUntil, now + stopMs)
      this.#evenUntil = this.#stoppedUntil + this.#windowMs
      this.#nextEvenAt = this.#stoppedUntil
      this.#counts.limited += 1
    } else this.#stopsInRow = 0
    this.#serve()
  }

  /** So many requests were not needed. */
  save(requests: number): void {
    this.#counts.saved += requests
  }

  stats(): BudgetStats {
    this.#release(this.#io.monotonic())
    return { ...this.#counts, waiting: this.#waiting(), used: this.#used, limit: this.#limit }
  }

  /** Refuses all who wait, and clears the timer. */
  close(): void {
    for (const lane of this.#lanes) {
      for (const waiter of lane.splice(0)) waiter.settle(this.#refusal('was closed'))
    }
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
  }

  /** Grants as far as there is room, then sets the timer to when there may be more. */
  #serve(): void {
    const now = this.#io.monotonic()
    this.#release(now)
    for (;;) {
      const waiter = this.#first()
      if (waiter === undefined || this.#opensAt(waiter, now) > now) break
      this.#lanes[waiter.lane].shift()
      // The venue has lowered its limit meanwhile: this would wait for ever.
      if (waiter.cost > this.#roomOf(waiter.lane)) {
        waiter.settle(this.#refusal(this.#tooMuch(waiter.lane, waiter.cost)))
        continue
      }
      this.#charge(waiter.cost, now + this.#windowMs)
      if (now < this.#evenUntil) {
        this.#nextEvenAt = now + (this.#windowMs * waiter.cost) / this.#limit
      }
      this.#counts.granted += 1
      waiter.settle(ok(undefined))
    }
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    const next = this.#first()
    if (next === undefined) return
    const wakeAt = this.#opensAt(next, now)
    this.#cancelTimer = this.#io.after(Math.max(wakeAt - now, 1), () => {
      this.#cancelTimer = undefined
      this.#serve()
    })
  }

  #first(): Waiter | undefined {
    return this.#lanes.find((lane) => lane.length > 0)?.[0]
  }

  /** The first moment at which this could be granted. */
  #opensAt({ cost, lane }: Waiter, now: number): number {
    let at = Math.max(this.#stoppedUntil, now < this.#evenUntil ? this.#nextEvenAt : 0)
    let over = this.#used + cost - this.#roomOf(lane)
    for (let i = 0; over > 0 && i < this.#taken.length; i++) {
      const { until, cost: freed } = this.#taken[i]!
      over -= freed
      at = Math.max(at, until)
    }
    return at
  }

  #charge(cost: number, until: number): void {
    this.#used += cost
    // Nearly always the last to come back: the place is found from the end.
    let i = this.#taken.length
    while (i > 0 && this.#taken[i - 1]!.until > until) i--
    this.#taken.splice(i, 0, { cost, until })
  }

  #release(now: number): void {
    let count = 0
    while (count < this.#taken.length && this.#taken[count]!.until <= now) {
      this.#used -= this.#taken[count]!.cost
      count += 1
    }
    if (count > 0) this.#taken = this.#taken.slice(count)
    if (this.#taken.length === 0) this.#used = 0
  }

  /** What the lane may fill, however low the venue has set its limit: at least one. */
  #roomOf(lane: Lane): number {
    return Math.max(this.#limit - this.#floors[lane], 1)
  }

  #tooMuch(lane: Lane, cost: number): string {
    return `has room for ${this.#roomOf(lane)}, not for ${cost}`
  }

  #waiting(): number {
    return this.#lanes.reduce((sum, lane) => sum + lane.length, 0)
  }

  /** Makes room for a newcomer of `lane`; false where all who wait have its right or a better one. */
  #displace(lane: Lane): boolean {
    for (let lower = 3; lower > lane; lower--) {
      const youngest = this.#lanes[lower as Lane].pop()
      if (youngest === undefined) continue
      youngest.settle(this.#refusal('gave its place to a more urgent request'))
      return true
    }
    return false
  }

  #refuse(why: string): Promise<Result<void>> {
    return Promise.resolve(this.#refusal(why))
  }

  #refusal(why: string): Result<void> {
    this.#counts.refused += 1
    return failed(fault('rate-limited', `the budget ${this.name} ${why}`, { sent: 'no' }))
  }
}

/**
 * What the usual headers say: `x-ratelimit-limit`, `-remaining`, `-reset` (seconds since the epoch, or seconds from now)
 * and `retry-after` (seconds or an http date). Dates are compared with the venue's own `date` where it sends one, so a
 * wrong clock of ours does no harm. https://docs.alpaca.markets, RFC 9110 section 10.2.3.
 *
 *   x-ratelimit-limit: 200    x-ratelimit-remaining: 199    x-ratelimit-reset: 1767625500
 */
export function heardOf(
  answer: { readonly status: number; readonly headers: Readonly<Record<string, string>> },
  now: number,
): Heard {
  const { headers } = answer
  const limit = countIn(headers['x-ratelimit-limit'])
  const remaining = countIn(headers['x-ratelimit-remaining'])
  const reset = countIn(headers['x-ratelimit-reset'])
  const venueNow = dateIn(headers['date']) ?? now
  const resetMs = reset === undefined ? undefined : resetIn(reset, venueNow)
  const retryAfterMs = retryAfterIn(headers['retry-after'], venueNow)
  return {
    isRefusal: answer.status === 429,
    ...(limit === undefined ? {} : { limit }),
    ...(remaining === undefined ? {} : { remaining }),
    ...(resetMs === undefined ? {} : { resetMs }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  }
}

/** Seconds that are too many to be from now are since the epoch. */
const resetIn = (seconds: number, now: number): number =>
  Math.max(seconds > 1e9 ? seconds * 1_000 - now : seconds * 1_000, 0)

function retryAfterIn(text: string | undefined, now: number): number | undefined {
  const seconds = countIn(text)
  if (seconds !== undefined) return seconds * 1_000
  const date = dateIn(text)
  return date === undefined ? undefined : Math.max(date - now, 0)
}

const countIn = (text: string | undefined): number | undefined =>
  text !== undefined && /^\d+(?:\.\d+)?$/.test(text.trim()) ? Number(text) : undefined

/** An http date, in milliseconds. */
export function dateIn(text: string | undefined): number | undefined {
  const at = text === undefined ? NaN : Date.parse(text)
  return Number.isNaN(at) ? undefined : at
}
