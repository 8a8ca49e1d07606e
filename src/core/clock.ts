// Port: Clock, for runners and adapters only. The engine has no clock: its time is the `at` of its inputs.
import type { Ms } from './brand.ts'

export interface Clock {
  now(): Ms
  /** Resolves at `when`, at once where it has passed; sooner, where the signal aborts. */
  until(when: Ms, signal?: AbortSignal): Promise<void>
}
