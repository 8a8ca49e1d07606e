/*
 * A circuit breaker. closed: everything passes. open: only what may always pass (cancels, reads), after so many failures
 * in a row. What ends `open` is the policy: `manual`, a person clears it (safe mode), or `timed`, after a time it is
 * half-open and lets single probes through: enough successes close it, one failure opens it again.
 *
 *   closed --failures--> open --clear()--> closed                        manual
 *   closed --failures--> open --time--> half-open --probes--> closed     timed
 *                          ^---------------'  one failure
 *
 * Its state is plain data: whoever must not forget it over a restart saves what `onChange` gives. A restored `open`
 * of the timed policy waits its whole time again, because the time of another process cannot be compared with ours.
 */
import { assert } from '../core/assert.ts'
import type { Ms } from '../core/brand.ts'
import type { Io } from './io.ts'

export interface BreakerState {
  readonly phase: 'closed' | 'open' | 'half-open'
  /** Failures in a row. */
  readonly failures: number
  /** When it last opened, and why. */
  readonly openedAt?: Ms
  readonly why?: string
}

export type BreakerPolicy =
  | { readonly type: 'manual' }
  | { readonly type: 'timed'; readonly openMs: number; readonly probes: number }

export type Traffic = 'write' | 'read' | 'cancel'

export interface BreakerOptions {
  /** Failures in a row that open it, 10 where not told. */
  readonly failures?: number
  /** Manual where not told. */
  readonly policy?: BreakerPolicy
  /** What passes even where it is open. */
  readonly always?: readonly Traffic[]
  readonly state?: BreakerState
  readonly onChange?: (state: BreakerState) => void
}

const CLOSED: BreakerState = { phase: 'closed', failures: 0 }

export class Breaker {
  readonly #io: Pick<Io, 'now' | 'monotonic'>
  readonly #failuresMax: number
  readonly #policy: BreakerPolicy
  readonly #always: readonly Traffic[]
  readonly #onChange: (state: BreakerState) => void
  #state: BreakerState
  #openedAt: number
  /** Probes that were let through and have not answered, and those that came back well. */
  #probing = 0
  #passed = 0

  constructor(io: Pick<Io, 'now' | 'monotonic'>, options: BreakerOptions = {}) {
    this.#io = io
    this.#failuresMax = options.failures ?? 10
    this.#policy = options.policy ?? { type: 'manual' }
    this.#always = options.always ?? []
    this.#onChange = options.onChange ?? (() => {})
    this.#openedAt = io.monotonic()
    // What probed before the restart will not answer any more.
    const state = options.state ?? CLOSED
    this.#state = state.phase === 'half-open' ? { ...state, phase: 'open' } : state
    assert(this.#failuresMax >= 1, `a breaker opens after >= 1 failures, not ${this.#failuresMax}`)
  }

  get state(): BreakerState {
    return this.#state
  }

  /** Whether this may be tried now. A true of the half-open phase is a probe: tell how it went. */
  admits(traffic: Traffic = 'write'): boolean {
    if (this.#always.includes(traffic)) return true
    const policy = this.#policy
    if (this.#state.phase === 'closed') return true
    if (policy.type === 'manual') return false
    if (this.#state.phase === 'open') {
      if (this.#io.monotonic() - this.#openedAt < policy.openMs) return false
      this.#probing = 0
      this.#passed = 0
      this.#become({ ...this.#state, phase: 'half-open' })
    }
    if (this.#probing + this.#passed >= policy.probes) return false
    this.#probing += 1
    return true
  }

  succeeded(): void {
    switch (this.#state.phase) {
      case 'closed':
        if (this.#state.failures > 0) this.#become(CLOSED)
        return
      case 'half-open':
        this.#probing = Math.max(this.#probing - 1, 0)
        this.#passed += 1
        if (this.#policy.type === 'timed' && this.#passed >= this.#policy.probes)
          this.#become(CLOSED)
        return
      case 'open':
        // A success of what may always pass proves nothing about the rest.
        return
    }
  }

  failed(why: string): void {
    const failures = this.#state.failures + 1
    if (this.#state.phase === 'open') return
    if (this.#state.phase === 'half-open' || failures >= this.#failuresMax) this.trip(why, failures)
    else this.#become({ ...this.#state, failures })
  }

  /** Opens it at once, for what no further try can mend. */
  trip(why: string, failures: number = this.#state.failures): void {
    this.#openedAt = this.#io.monotonic()
    this.#become({ phase: 'open', failures, openedAt: this.#io.now(), why })
  }

  /** A person says that it may go on. */
  clear(): void {
    if (this.#state !== CLOSED) this.#become(CLOSED)
  }

  #become(state: BreakerState): void {
    this.#state = state
    this.#onChange(state)
  }
}
