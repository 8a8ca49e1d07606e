// The system's clock: the only place where the wall clock is read.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Ms } from '../core/brand.ts'
import type { Clock } from '../core/clock.ts'

/** Longest single wait; longer ones are made of several, because a timer's delay has 31 bits. */
const WAIT_MAX_MS = 60_000

export const systemClock: Clock = {
  now: () => Date.now() as Ms,
  async until(when, signal) {
    for (;;) {
      const left = when - Date.now()
      if (left <= 0 || signal?.aborted === true) return
      const wait = Math.min(left, WAIT_MAX_MS)
      // An abort is no error here: the caller looks at its signal.
      await sleep(wait, undefined, signal === undefined ? {} : { signal }).catch(() => {})
    }
  },
}
