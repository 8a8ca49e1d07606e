/*
 * ClockOffset: how far the venue's clock is ahead of ours. By ours it is judged which market data are old or of the
 * future, and when sessions begin. It is asked with reports, so at a start, after a pause and after a step of our clock.
 */
import type { Io } from '../../io/io.ts'
import type { AlpacaHistory } from './history.ts'

/** Reports may come every few seconds. */
const EVERY_MS = 30_000
/** An answer that took longer, by a clock that may have been moved meanwhile, does not tell the time. */
const ROUND_MAX_MS = 2_000

export class ClockOffset {
  readonly #io: Pick<Io, 'now'>
  readonly #history: Pick<AlpacaHistory, 'clock'>
  #ms: number | undefined
  #askedAt = -Infinity

  constructor(io: Pick<Io, 'now'>, history: Pick<AlpacaHistory, 'clock'>) {
    this.#io = io
    this.#history = history
  }

  /** As of the last answer; undefined before the first. */
  get ms(): number | undefined {
    return this.#ms
  }

  /** Asks where the last time is long ago, or the clock was moved since. */
  async look(): Promise<void> {
    const asked = this.#io.now()
    if (Math.abs(asked - this.#askedAt) < EVERY_MS) return
    this.#askedAt = asked
    const clock = await this.#history.clock()
    const roundMs = this.#io.now() - asked
    if (!clock.ok || roundMs < 0 || roundMs > ROUND_MAX_MS) return
    this.#ms = clock.value.at - asked - roundMs / 2
  }
}
