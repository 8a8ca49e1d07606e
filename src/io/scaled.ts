/*
 * Scaled: time that runs at the pace of another clock, for a local venue that is faster or slower than the machine.
 * Both sides count by it, so a minute of theirs is a minute of ours: request limits, back-offs, ages and bars.
 *
 * What the machine itself needs does not shrink with it: a loopback takes as long as it takes. So limits of requests and
 * connections are at least MACHINE_MS of the machine.
 */
import { assert } from '../core/assert.ts'
import type { Ms } from '../core/brand.ts'
import type { Io } from './io.ts'

export interface ScaledOptions {
  /** Its time per time of the machine, > 0: 60 is a minute per second. */
  readonly speed: number
  /** What it shows now. */
  readonly at: number
}

/** So long a machine may be busy with something else without being taken for dead, in its own time. */
export const MACHINE_MS = 5_000

type Time = Pick<Io, 'now' | 'monotonic' | 'after'>

/** Time that shows `at` now and runs `speed` times as fast as the time that it is made from. */
export function scaledTime(
  time: Pick<Io, 'monotonic' | 'after'>,
  { speed, at }: ScaledOptions,
): Time {
  assert(speed > 0 && speed < Infinity, `a speed is > 0, not ${speed}`)
  const began = time.monotonic()
  const monotonic = (): number => (time.monotonic() - began) * speed
  return {
    now: () => Math.floor(at + monotonic()) as Ms,
    monotonic,
    after: (delayMs, fire) => time.after(delayMs / speed, fire),
  }
}

/** The same network and randomness on scaled time. Whoever made `io` closes it. */
export function scaledIo(io: Io, options: ScaledOptions): Io {
  const limited = <T extends { readonly timeoutMs: number }>(asked: T): T => ({
    ...asked,
    timeoutMs: Math.max(asked.timeoutMs / options.speed, Math.min(asked.timeoutMs, MACHINE_MS)),
  })
  return {
    random: io.random,
    http: { request: (request) => io.http.request(limited(request)) },
    websocket: { connect: (asked) => io.websocket.connect(limited(asked)) },
    tcp: { connect: (asked) => io.tcp.connect(limited(asked)) },
    ...scaledTime(io, options),
  }
}
