// Waiting, and the system's clock: the only file that reads the wall clock and starts timers of Node.
import type { Ms } from '../core/brand.ts'
import type { Clock } from '../core/clock.ts'
import type { Io } from './io.ts'

/** Longest single wait; longer ones are made of several, because a timer's delay has 31 bits. */
const WAIT_MAX_MS = 60_000

/** Time of the machine, as the port has it. */
export const systemTime: Pick<Io, 'now' | 'monotonic' | 'after'> = {
  now: () => Date.now() as Ms,
  monotonic: () => performance.now(),
  after(delayMs, fire) {
    const end = performance.now() + delayMs
    let timer: NodeJS.Timeout
    const wait = (): void => {
      const left = end - performance.now()
      // A timer may fire early by a part of a millisecond; whoever waits was promised the whole of it.
      timer = setTimeout(() => (performance.now() < end ? wait() : fire()), waitOf(left))
    }
    wait()
    return () => {
      clearTimeout(timer)
    }
  },
}

const waitOf = (leftMs: number): number => Math.ceil(Math.min(Math.max(leftMs, 0), WAIT_MAX_MS))

/** The clock of an Io, for runners: what runs on the system's time runs on virtual time too. */
export function clockOf(io: Pick<Io, 'now' | 'after'>): Clock {
  return {
    now: () => io.now(),
    async until(when, signal) {
      // The wall clock may jump while we wait, so no single wait is long and each looks again.
      for (;;) {
        const left = when - io.now()
        if (left <= 0 || signal?.aborted === true) return
        await pause(io, Math.min(left, WAIT_MAX_MS), signal)
      }
    },
  }
}

export const systemClock: Clock = clockOf(systemTime)

/** Resolves after `delayMs`, sooner where the signal aborts: the caller looks at its signal. */
export function pause(io: Pick<Io, 'after'>, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) {
      resolve()
      return
    }
    const end = (): void => {
      cancel()
      signal?.removeEventListener('abort', end)
      resolve()
    }
    const cancel = io.after(delayMs, end)
    signal?.addEventListener('abort', end)
  })
}
