/*
 * VenueClock: what the venue's clock shows, from ours. Bybit refuses a stamp that is a second ahead of its clock, or
 * older than the window. A request that was refused so is signed again by a clock that was asked anew.
 */
import type { Ms } from '../../core/brand.ts'
import { ok, type Result } from '../../core/result.ts'
import type { Io } from '../../io/io.ts'

/** Of several answers the fastest tells the time best. */
const TRIES = 3
/** A clock that is off by more is told: something is wrong with it. */
export const OFF_MAX_MS = 5_000

export class VenueClock {
  readonly #io: Pick<Io, 'now' | 'monotonic'>
  readonly #onTrouble: (why: string) => void
  #offsetMs = 0
  #asking: Promise<Result<void>> | undefined

  constructor(io: Pick<Io, 'now' | 'monotonic'>, onTrouble: (why: string) => void) {
    this.#io = io
    this.#onTrouble = onTrouble
  }

  /** How far the venue's clock is ahead of ours. */
  get offsetMs(): number {
    return this.#offsetMs
  }

  now(): Ms {
    return Math.round(this.#io.now() + this.#offsetMs) as Ms
  }

  /** Asks for the venue's time; whoever asks meanwhile waits for the same answer. */
  sync(ask: () => Promise<Result<Ms>>): Promise<Result<void>> {
    this.#asking ??= this.#sync(ask).finally(() => {
      this.#asking = undefined
    })
    return this.#asking
  }

  async #sync(ask: () => Promise<Result<Ms>>): Promise<Result<void>> {
    let best = { offsetMs: 0, roundMs: Infinity }
    for (let i = 0; i < TRIES; i++) {
      const [began, at] = [this.#io.monotonic(), this.#io.now()]
      const answer = await ask()
      if (!answer.ok) return answer
      const roundMs = this.#io.monotonic() - began
      if (roundMs < best.roundMs) best = { offsetMs: answer.value - at - roundMs / 2, roundMs }
    }
    this.#offsetMs = best.offsetMs
    const off = Math.round(Math.abs(best.offsetMs))
    if (off > OFF_MAX_MS) this.#onTrouble(`our clock is ${off} ms off bybit's: set it`)
    return ok(undefined)
  }
}
