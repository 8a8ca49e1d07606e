// The seventeen batching tests of System 0: nine of the iterator, three of the whole, three edges, two of metrics.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fault } from '../core/fault.ts'
import { failed, ok, type Result } from '../core/result.ts'
import { pause } from './clock.ts'
import { chunk, inBatches, type BatchProgress, type PaceOptions } from './paced.ts'
import { VirtualWorld } from './virtual.ts'

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i)
const sizes = (count: number, size: number): number[] =>
  [...chunk(numbers(count), size)].map((items) => items.length)

test('chunk 1: gives chunks of the size', () => assert.deepEqual(sizes(20, 10), [10, 10]))

test('chunk 2: the last one may be shorter', () => assert.deepEqual(sizes(31, 10), [10, 10, 10, 1]))

test('chunk 3: nothing gives nothing', () => assert.deepEqual(sizes(0, 10), []))

test('chunk 4: a size larger than all gives one', () => assert.deepEqual(sizes(3, 10), [3]))

test('chunk 5: a size of one gives each alone', () => assert.deepEqual(sizes(3, 1), [1, 1, 1]))

test('chunk 6: keeps the order, loses none and repeats none', () => {
  for (const size of [1, 2, 3, 7, 10, 100]) {
    assert.deepEqual([...chunk(numbers(31), size)].flat(), numbers(31))
    assert.equal(sizes(31, size).length, Math.ceil(31 / size))
  }
})

test('chunk 7: takes any iterable', () => {
  assert.deepEqual([...chunk(new Set(['A', 'B', 'C']), 2)], [['A', 'B'], ['C']])
  assert.deepEqual([...chunk('ABC', 2)], [['A', 'B'], ['C']])
})

test('chunk 8: is lazy', () => {
  let taken = 0
  function* endless(): Generator<number> {
    for (;;) yield taken++
  }

  const [first] = take(chunk(endless(), 3))

  assert.deepEqual(first, [0, 1, 2])
  assert.equal(taken, 3)
})

function take<T>(from: Iterable<T>): T[] {
  for (const item of from) return [item]
  return []
}

test('chunk 9: a thousand items come through', () => {
  assert.deepEqual([...chunk(numbers(1_000), 30)].flat(), numbers(1_000))
})

/** Sends on virtual time; `times` is when each batch began. */
async function paced<R = undefined>(
  items: Iterable<number>,
  changes: Partial<PaceOptions<number>> & { readonly takesMs?: number } = {},
  answer: (ordinal: number) => Result<R> = () => ok(undefined as R),
) {
  const world = new VirtualWorld({ seed: 1 })
  const io = world.node('engine')
  const times: number[] = []
  const { takesMs = 0, ...options } = changes
  const done = inBatches(
    io,
    items,
    { size: 10, everyMs: 1_000, ...options },
    async (_, ordinal) => {
      times.push(io.monotonic())
      if (takesMs > 0) await pause(io, takesMs)
      return answer(ordinal)
    },
  )
  const run = await world.settled(done)
  return { times, endedAt: io.monotonic(), run, timers: io.usage().timers }
}

test('whole 1: 31 symbols go out as 10, 10, 10, 1 at 0, 1, 2, 3 s, without a pause after the last', async () => {
  const { times, endedAt, run } = await paced(numbers(31))

  assert.deepEqual(times, [0, 1_000, 2_000, 3_000])
  assert.equal(endedAt, 3_000)
  assert.deepEqual(
    run.batches.map(({ items }) => items.length),
    [10, 10, 10, 1],
  )
  assert.equal(run.isComplete, true)
})

test('whole 2: an exact multiple of the size has no pause after the last either', async () => {
  const { times, endedAt } = await paced(numbers(20))

  assert.deepEqual([times, endedAt], [[0, 1_000], 1_000])
})

test('whole 3: the next batch waits for the answer to the one before', async () => {
  const quick = await paced(numbers(21), { takesMs: 400 })
  const slow = await paced(numbers(21), { takesMs: 1_500 })

  assert.deepEqual(quick.times, [0, 1_000, 2_000])
  assert.deepEqual(slow.times, [0, 1_500, 3_000])
})

test('edge 1: a size of 0 sends nothing, and takes no time', async () => {
  assert.deepEqual([...chunk(numbers(3), 0)], [])
  const { times, endedAt } = await paced(numbers(3), { size: 0 })
  assert.deepEqual([times, endedAt], [[], 0])
})

test('edge 2: a negative or fractional size is an error, at once', async () => {
  for (const size of [-1, 1.5, NaN]) assert.throws(() => chunk(numbers(3), size), /whole number/)
  const io = new VirtualWorld({ seed: 1 }).node('engine')
  const never = () => Promise.reject(new Error('was sent'))
  await assert.rejects(inBatches(io, [1], { size: -1, everyMs: 0 }, never), /whole number/)
})

test('edge 3: a signal ends it in its pause, with no timer left behind', async () => {
  const controller = new AbortController()
  const { times, run, timers } = await paced(numbers(31), {
    signal: controller.signal,
    onProgress: ({ ordinal }) => {
      if (ordinal === 2) controller.abort()
    },
  })

  assert.deepEqual(times, [0, 1_000])
  assert.equal(run.isComplete, false)
  assert.match(run.fault?.message ?? '', /after 2 batches/)
  assert.equal(timers, 0)
})

test('metric 1: progress says which batch of how many, with its symbols', async () => {
  const seen: BatchProgress<number>[] = []
  await paced(numbers(31), { onProgress: (progress) => void seen.push(progress) })

  assert.deepEqual(
    seen.map(({ ordinal, of, items }) => `${ordinal}/${of} ${items.length}`),
    ['1/4 10', '2/4 10', '3/4 10', '4/4 1'],
  )
})

test('metric 2: a failure is counted, the others are sent, and the policy decides about the whole', async () => {
  const answer = (ordinal: number): Result<number> =>
    ordinal === 2 ? failed(fault('rate-limited', 'too many')) : ok(ordinal)

  const lenient = await paced(numbers(31), {}, answer)
  const strict = await paced(numbers(31), { onFailure: 'abort-after-all' }, answer)
  const thrown = await paced(numbers(31), { onFailure: 'abort-after-all' }, (ordinal) => {
    if (ordinal === 1) throw new Error('a mistake')
    return ok(ordinal)
  })

  assert.equal(lenient.run.fault, undefined)
  assert.deepEqual([lenient.run.failures, lenient.times.length], [1, 4])
  assert.match(strict.run.fault?.message ?? '', /1 of 4 batches failed, .* too many/)
  assert.deepEqual([strict.run.batches[2]?.result, strict.times.length], [ok(3), 4])
  assert.match(thrown.run.fault?.message ?? '', /a mistake/)
})
