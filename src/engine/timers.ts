// Recurring timers on engine time, aligned to UTC: a timer of five minutes fires at :00, :05, :10 …
import { assert } from '../core/assert.ts'

/** Most timers that an engine may have. */
export const TIMER_LIMIT = 10_000

interface Timer {
  readonly everyMs: number
  readonly fire: () => void
  next: number
}

/** Nothing here is saved: the next moment of a timer follows from the time, or from that of the first one that is held back. */
export class Timers {
  readonly #timers: Timer[] = []
  #nextAt = Infinity

  /** @param everyMs Period in milliseconds, > 0. The first moment is set by `start`. */
  add(everyMs: number, fire: () => void): void {
    assert(Number.isSafeInteger(everyMs) && everyMs > 0, `a period is > 0 ms, not ${everyMs}`)
    assert(this.#timers.length < TIMER_LIMIT, `an engine has at most ${TIMER_LIMIT} timers`)
    this.#timers.push({ everyMs, fire, next: Infinity })
  }

  /** Sets every timer to its first moment after `at`. */
  start(at: number): void {
    for (const timer of this.#timers) {
      timer.next = (Math.floor(at / timer.everyMs) + 1) * timer.everyMs
    }
    this.#settle()
  }

  /** When the next timer is due; Infinity where there is none. */
  get nextAt(): number {
    return this.#nextAt
  }

  /** Fires what is due at `at`, in the order of adding. A timer that fell behind fires once. */
  fire(at: number): void {
    if (at < this.#nextAt) return
    for (const timer of this.#timers) {
      if (timer.next > at) continue
      timer.next = (Math.floor(at / timer.everyMs) + 1) * timer.everyMs
      timer.fire()
    }
    this.#settle()
  }

  #settle(): void {
    let nextAt = Infinity
    for (const timer of this.#timers) nextAt = Math.min(nextAt, timer.next)
    this.#nextAt = nextAt
  }
}
