// Bounded concurrency: a list worked on by a few at a time.
import { assert } from '../core/assert.ts'

/**
 * `work` on every item, at most `limit` at once; gives the results in the order of the items. Takes the next item only
 * when it can be worked on. Where one throws or the signal aborts, no further one is begun, those that are under way end
 * first, and then the promise rejects with what was thrown first or the signal's reason.
 */
export async function mapLimit<T, R>(
  items: Iterable<T>,
  limit: number,
  work: (item: T, index: number) => Promise<R>,
  signal?: AbortSignal,
): Promise<R[]> {
  assert(Number.isSafeInteger(limit) && limit >= 1, `a limit is >= 1, not ${limit}`)
  const results: R[] = []
  const errors: unknown[] = []
  const source = items[Symbol.iterator]()
  let index = 0
  const isStopped = (): boolean => errors.length > 0 || signal?.aborted === true
  const drain = async (): Promise<void> => {
    while (!isStopped()) {
      const next = source.next()
      if (next.done === true) return
      const place = index++
      results[place] = await work(next.value, place)
    }
  }
  // A worker that throws is written down, so the others end before the caller hears of it.
  const worker = (): Promise<void> =>
    drain().catch((cause: unknown) => {
      errors.push(cause)
    })
  await Promise.all(Array.from({ length: limit }, worker))
  if (errors.length > 0) throw errors[0]
  signal?.throwIfAborted()
  return results
}
