// Streaming: the common shape of indicators, which learn one value at a time and are ready after enough.
import { assert } from '../core/assert.ts'

/**
 * `push` takes the next value and gives the new `value`, in constant time on average. `value` is NaN until
 * `isReady`, so that a comparison made too early is false instead of wrong.
 */
export interface Streaming {
  push(x: number): number
  readonly value: number
  readonly isReady: boolean
}

/** Indicators refuse NaN and infinity: one would stay in every later value. Bad data ends at the edge. */
export function checkFinite(x: number): void {
  if (!Number.isFinite(x)) refuse(x)
}

// Apart: a message that names its value, written where it is, makes a closure for every value that is pushed.
function refuse(x: number): never {
  throw new Error(`assertion failed: an indicator is pushed finite values, not ${x}`)
}

/** Throws unless `length` can be the length of an indicator: 1 to a million values. */
export function checkLength(length: number): void {
  assert(
    Number.isInteger(length) && length >= 1 && length <= 1_000_000,
    `the length of an indicator is an integer from 1 to 1000000, not ${length}`,
  )
}
