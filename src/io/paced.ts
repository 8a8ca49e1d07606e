// Batches: cut a list into chunks, and send them one after the other with a pause between two.
import { assert } from '../core/assert.ts'
import { fault, type Fault } from '../core/fault.ts'
import { failed, type Result } from '../core/result.ts'
import { pause } from './clock.ts'
import type { Io } from './io.ts'

/**
 * The items in chunks of `size`, the last one shorter; in order, none lost, none twice. Lazy: takes from `items`
 * only what a chunk needs. A size of 0 gives nothing; a negative or fractional one throws, at once.
 */
export function chunk<T>(items: Iterable<T>, size: number): Iterable<T[]> {
  assert(
    Number.isSafeInteger(size) && size >= 0,
    `a chunk has a whole number of items, not ${size}`,
  )
  return chunks(items, size)
}

function* chunks<T>(items: Iterable<T>, size: number): Generator<T[]> {
  if (size === 0) return
  let current: T[] = []
  for (const item of items) {
    current.push(item)
    if (current.length < size) continue
    yield current
    current = []
  }
  if (current.length > 0) yield current
}

export interface PaceOptions<T> {
  /** Items per batch, 0 or more. */
  readonly size: number
  /** From the start of one batch to the start of the next; longer where a batch takes longer. Never after the last. */
  readonly everyMs: number
  /** `abort-after-all`: where a batch fails the others are still sent, then the whole has failed. */
  readonly onFailure?: 'continue' | 'abort-after-all'
  /** No further batch is begun once it aborts. */
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: BatchProgress<T>) => void
}

export interface BatchProgress<T> {
  /** 1, 2, 3 … */
  readonly ordinal: number
  /** How many there will be, where the items can be counted. */
  readonly of: number | undefined
  readonly items: readonly T[]
  readonly isOk: boolean
}

export interface Batches<T, R> {
  /** One for each batch that was sent, in order. */
  readonly batches: readonly { readonly items: readonly T[]; readonly result: Result<R> }[]
  /** Batches that failed. */
  readonly failures: number
  /** False where the signal ended it before the last batch. */
  readonly isComplete: boolean
  /** Why the whole has failed: a batch did under `abort-after-all`, or the signal aborted. */
  readonly fault?: Fault
}

/** Sends batch after batch; the next one is not begun before `send` has answered. */
export async function inBatches<T, R>(
  io: Pick<Io, 'monotonic' | 'after'>,
  items: Iterable<T>,
  options: PaceOptions<T>,
  send: (batch: readonly T[], ordinal: number) => Promise<Result<R>>,
): Promise<Batches<T, R>> {
  const { size, everyMs, onFailure = 'continue', signal, onProgress } = options
  const count = countOf(items)
  const of = count === undefined || size === 0 ? undefined : Math.ceil(count / size)
  const batches: { readonly items: readonly T[]; readonly result: Result<R> }[] = []
  let failure: Fault | undefined
  let failures = 0
  let startedAt: number | undefined
  for (const batch of chunk(items, size)) {
    // The pause is taken when there is a next batch, so there is none after the last.
    if (startedAt !== undefined) {
      const left = startedAt + everyMs - io.monotonic()
      if (left > 0) await pause(io, left, signal)
    }
    if (signal?.aborted === true) {
      const why = `canceled after ${batches.length} batches`
      return { batches, failures, isComplete: false, fault: fault('network', why) }
    }
    startedAt = io.monotonic()
    const result = await attempt(() => send(batch, batches.length + 1))
    batches.push({ items: batch, result })
    if (!result.ok) {
      failures += 1
      failure ??= result.fault
    }
    onProgress?.({ ordinal: batches.length, of, items: batch, isOk: result.ok })
  }
  if (failure === undefined || onFailure === 'continue') {
    return { batches, failures, isComplete: true }
  }
  const message = `${failures} of ${batches.length} batches failed, the first because ${failure.message}`
  return { batches, failures, isComplete: true, fault: { ...failure, message } }
}

/** A batch that throws has failed like any other: the rest is still sent. */
async function attempt<R>(send: () => Promise<Result<R>>): Promise<Result<R>> {
  try {
    return await send()
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    return failed(fault('outcome-unknown', `the batch threw: ${why}`))
  }
}

function countOf(items: Iterable<unknown>): number | undefined {
  if (Array.isArray(items)) return items.length
  return items instanceof Set || items instanceof Map ? items.size : undefined
}
