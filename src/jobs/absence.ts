/*
 * Absence: whether a provider answers nobody here. What runs meet then is nothing of theirs, and counts against none of
 * them; but one query that is never answered, while others are, has failed as any other does, and so has what nobody has
 * answered for a day. The day begins with the silence, and not with the run: that may have been begun long ago, and have
 * stood still since, or have gone on for days.
 */
import type { JobRun } from '../core/jobs.ts'
import { DAY, MINUTE } from '../core/time.ts'

const WAIT_FIRST_MS = 15_000
const WAIT_MAX_MS = 2 * MINUTE
/** What has not been answered for so long, tries count against. */
const PATIENCE_MS = DAY

export class Absence {
  #answeredAt = -Infinity
  /** Of the first try that was not answered since. */
  #silentSince: number | undefined
  /** Tries in a row that were not answered. */
  #silences = 0

  /** The provider itself has given a page. */
  end(at: number): void {
    this.#answeredAt = at
    this.#silentSince = undefined
    this.#silences = 0
  }

  /** After a try that was not answered: whether nobody here was since the runs were last tried. */
  covers(runs: readonly Pick<JobRun, 'startedAt' | 'updatedAt'>[], now: number): boolean {
    const triedAt = Math.max(...runs.map(({ updatedAt }) => updatedAt))
    const firstAt = Math.min(...runs.map(({ startedAt = now }) => startedAt))
    const since = Math.max(firstAt, (this.#silentSince ??= now))
    return this.#answeredAt <= triedAt && now - since < PATIENCE_MS
  }

  /** After one more try: how long until the next. */
  nextMs(): number {
    return Math.min(WAIT_FIRST_MS * 2 ** this.#silences++, WAIT_MAX_MS)
  }
}
