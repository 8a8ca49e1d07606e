// Stage: what every simulated venue stands on: its market, its audit log and its faults, moved along one time line.
import { setImmediate } from 'node:timers/promises'
import type { Ms } from '../core/brand.ts'
import type { Tape } from '../core/tape.ts'
import { MINUTE, ms } from '../core/time.ts'
import { scaledTime } from '../io/scaled.ts'
import { Audit } from './audit.ts'
import { Broadcast, type Told } from './broadcast.ts'
import { type FaultScript, NO_FAULTS } from './fault-script.ts'
import { Nemesis, type OneTime } from './nemesis.ts'

/** What a venue needs of a clock; `Io` has it. */
export interface Timers {
  /** Milliseconds from an arbitrary origin. */
  monotonic(): number
  /** Calls back once; gives how to cancel it. */
  after(delayMs: number, fire: () => void): () => void
}

export interface StageOptions {
  readonly tape: Tape
  /** What was before the start, where the tape does not begin earlier. */
  readonly history?: Tape
  /** Venue time of the start. */
  readonly startAt: number
  /** Venue time per clock time: 1, 60; 0 moves only by `advance`. Limits and delays are in venue time too. */
  readonly speed: number
  readonly timers: Timers
  /** Markets never close: false where not given. */
  readonly isAlwaysOpen?: boolean
  /** Minutes without trades are told as halts: false where not given. */
  readonly halts?: boolean
  readonly faults?: FaultScript
}

/** What the venue does as its time goes on. */
export interface Actors {
  /** Something happened in the market; told before the accounts move on. */
  tell(told: Told): void
  /** The market has been told up to here. */
  move(at: Ms): void
  strike(fault: OneTime): void
}

/** The market moves no further at once. */
const STEP_MS = MINUTE
/** How often a venue that follows the clock looks at it, in time of the machine. */
const PACE_MS = 10

export class Stage {
  /** At the venue's pace. */
  readonly timers: Timers
  readonly market: Broadcast
  readonly audit: Audit
  readonly nemesis: Nemesis
  readonly #options: StageOptions
  readonly #actors: Actors
  /** Of the clock: reading the history takes time, which the venue then makes up for. */
  readonly #startedAt: number
  readonly #hiddenUntil = new Map<string, number>()
  #cancelPace: (() => void) | undefined
  #isPacing = false
  #advancing: Promise<void> = Promise.resolve()

  constructor(options: StageOptions, actors: Actors) {
    const { tape, history, startAt, speed, halts = false, isAlwaysOpen = false } = options
    this.#options = options
    this.#actors = actors
    this.timers = speed > 0 ? scaledTime(options.timers, { speed, at: startAt }) : options.timers
    this.#startedAt = this.timers.monotonic()
    this.market = new Broadcast({ tape, ...(history && { history }), startAt, halts, isAlwaysOpen })
    this.audit = new Audit(() => ({ at: this.now(), clockAt: this.timers.monotonic() }))
    const elapsed = (): number => this.now() - startAt
    this.nemesis = new Nemesis(options.faults ?? NO_FAULTS, this.audit, elapsed)
  }

  /** Venue time, in whole milliseconds. */
  now(): number {
    if (!this.#isPacing) return this.market.now
    const elapsed = this.timers.monotonic() - this.#startedAt
    return Math.max(Math.floor(this.#options.startAt + elapsed), this.market.now)
  }

  /** What the venue says that the time is: wrong by the skew of a fault. */
  shownNow(): number {
    return this.now() + this.nemesis.skew()
  }

  /** What request limits count by: it goes on where the market stands still between two steps by hand. */
  clockNow(): number {
    return this.timers.monotonic()
  }

  /** An order that lookups do not find yet. */
  isHidden(orderId: string): boolean {
    return this.now() < (this.#hiddenUntil.get(orderId) ?? -Infinity)
  }

  /** Hides it for as long as a fault says, if one does. */
  hide(orderId: string): void {
    const by = this.nemesis.hiding()
    if (by > 0) this.#hiddenUntil.set(orderId, this.now() + by)
  }

  /** Reads the history, and follows the clock where there is a speed. */
  async open(): Promise<void> {
    await this.market.open()
    if (this.#options.speed <= 0) return
    this.#isPacing = true
    this.#pace()
  }

  async close(): Promise<void> {
    this.#cancelPace?.()
    this.#cancelPace = undefined
    this.#isPacing = false
    await this.#advancing
  }

  /** Moves the venue's time on by hand. */
  advance(byMs: number): Promise<void> {
    this.#advancing = this.#advancing.then(() => this.#moveTo(this.market.now + byMs))
    return this.#advancing
  }

  #pace(): void {
    this.#cancelPace = this.timers.after(PACE_MS * this.#options.speed, () => {
      this.#advancing = this.#follow()
    })
  }

  async #follow(): Promise<void> {
    await this.#moveTo(this.now())
    if (this.#isPacing) this.#pace()
  }

  async #moveTo(until: number): Promise<void> {
    const { startAt } = this.#options
    for (;;) {
      const step = this.market.now + STEP_MS
      const next = Math.min(until, step, startAt + this.nemesis.nextAt())
      const to = Math.max(next, this.market.now)
      await this.market.advance(to, (told) => this.#actors.tell(told))
      this.#actors.move(ms(this.market.now))
      for (const fault of this.nemesis.due()) this.#actors.strike(fault)
      if (next >= until) return
      // Sockets are emptied between steps, or a long one would look like a slow client.
      await setImmediate()
    }
  }
}
