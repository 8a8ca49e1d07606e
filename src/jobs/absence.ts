/*
 * Absence: whether a provider answers nobody here. What runs meet then is nothing of theirs, and counts against none of
 * them; but one query that is never answered, while others are, has failed as any other does, and so has what nobody has
 * answered for a day.
 */
import type { JobRun } from '../core/jobs.ts'
import { DAY, MINUTE } from '../core/time.ts'

const WAIT_FIRST_MS = 15_000
const WAIT_MAX_MS = 2 * MINUTE
/** So long after they were first tried, runs are tried whatever the provider does. */
const PATIENCE_MS = DAY

export class Absence {
  #answeredAt = -Infinity
  /** Tries in a row that were not answered. */
  #silences = 0

  /** The provider itself has given a page. */
  end(at: number): void {
    this.#answeredAt = at
    this.#silences = 0
  }

  /** Whether it has answered nobody here since the runs were last tried. */
  covers(runs: readonly JobRun[], now: number): boolean {
    const triedAt = Math.max(...runs.map(({ updatedAt }) => updatedAt))
    const firstAt = Math.min(...runs.map(({ startedAt = now }) => startedAt))
    return this.#answeredAt <= triedAt && now - firstAt < PATIENCE_MS
  }

  /** After one more try: how long until the next. */
  nextMs(): number {
    return Math.min(WAIT_FIRST_MS * 2 ** this.#silences++, WAIT_MAX_MS)
  }
}
