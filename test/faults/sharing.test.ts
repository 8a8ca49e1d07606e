// Sharing: what a database that is away means for a run that gives its bars to it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Merge } from '../../src/core/jobs.ts'
import { SharedBars } from '../../src/runtime/shared-bars.ts'
import { StoreError } from '../../src/store/index.ts'
import { ailmentsOf } from '../../src/runtime/health.ts'
import { Bench, MINUTE } from '../live/bench.ts'

test('F344 a run trades on while its database is away, is told ill for it, and all its bars are there after', async (t) => {
  const bench = new Bench(t)
  const { world } = bench
  const stored: number[] = []
  let isAway = false
  const merge = ({ series }: Merge) => {
    if (isAway) return Promise.reject(new StoreError('cannot-open', 'the database was away'))
    for (const { bars } of series) stored.push(...bars.start)
    return Promise.resolve({ bars: 0, revised: 0, outranked: 0 })
  }
  const shared = new SharedBars({
    io: world.node('engine 1'),
    open: () => Promise.resolve({ merge, close: () => Promise.resolve() }),
    tell: () => {},
  })
  await bench.start({ shared })
  const began = world.now

  await bench.bar(0)
  isAway = true
  // It buys while the database is away.
  for (let i = 0; i < 10; i++) await bench.bar(i === 5 ? 1 : 0)
  const { position } = bench
  const ailments = ailmentsOf(bench.live.health)
  isAway = false
  await world.run(MINUTE)
  await bench.bar(0)
  const { phases } = await bench.stop()
  await shared.close()

  assert.equal(position, 10)
  assert.match(ailments.join(), /the database has taken no bars for \d+ s: the database was away/)
  const starts = stored.filter((start) => start >= began - MINUTE)
  assert.deepEqual(
    starts,
    [...new Set(starts)].toSorted((a, b) => a - b),
  )
  assert.equal(starts.length, 12)
  assert.ok(phases.some(({ name, isDone }) => name === 'database' && isDone))
})
