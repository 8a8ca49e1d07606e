import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mapLimit } from './pool.ts'

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('works on a few at once, and gives the results in order', async () => {
  let running = 0
  let most = 0
  const results = await mapLimit([5, 1, 4, 2, 3], 2, async (turns) => {
    running += 1
    most = Math.max(most, running)
    for (let i = 0; i < turns; i++) await turn()
    running -= 1
    return turns * 10
  })

  assert.deepEqual(results, [50, 10, 40, 20, 30])
  assert.equal(most, 2)
})

test('takes an item only when it can be worked on', async () => {
  let taken = 0
  function* source(): Generator<number> {
    for (let i = 0; i < 10; i++) {
      taken += 1
      yield i
    }
  }
  let seen = 0
  await mapLimit(source(), 3, async () => {
    seen = Math.max(seen, taken)
    await turn()
    if (taken <= 3) assert.equal(taken, 3)
  })

  assert.equal(taken, 10)
  assert.deepEqual(await mapLimit([], 3, () => Promise.resolve(1)), [])
})

test('begins no further one after an error, and ends those under way first', async () => {
  const ended: number[] = []
  const run = mapLimit([1, 2, 3, 4], 2, async (item) => {
    if (item === 1) throw new Error('the first')
    await turn()
    ended.push(item)
  })

  await assert.rejects(run, /the first/)
  assert.deepEqual(ended, [2])
})

test('begins no further one once the signal aborts', async () => {
  const controller = new AbortController()
  const begun: number[] = []
  const run = mapLimit(
    [1, 2, 3, 4],
    1,
    async (item) => {
      begun.push(item)
      if (item === 2) controller.abort(new Error('enough'))
      await turn()
    },
    controller.signal,
  )

  await assert.rejects(run, /enough/)
  assert.deepEqual(begun, [1, 2])
})

test('a limit below one is an error', async () => {
  await assert.rejects(
    mapLimit([1], 0, () => Promise.resolve()),
    /limit is >= 1/,
  )
})
