// Sharing: what a database that is away means for a run that gives its bars to it, and open minutes for who reads a store.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { barColumns, type BarColumns } from '../../src/core/columns.ts'
import type { Merge } from '../../src/core/jobs.ts'
import { ms } from '../../src/core/time.ts'
import { ailmentsOf } from '../../src/runtime/live/health.ts'
import { SharedBars } from '../../src/runtime/live/shared-bars.ts'
import { openArchive, StoreError } from '../../src/store/index.ts'
import { Bench, MINUTE } from '../live/bench.ts'

const SERIES = { timeframe: '1m', adjustment: 'raw' } as const

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
    open: () =>
      Promise.resolve({ merge, lasts: () => Promise.resolve([]), close: () => Promise.resolve() }),
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

test('F345 a minute that forms in the store is no bar to any reader: backtest, warm-up, jobs', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'skein-forming-'))
  const archive = await openArchive(join(folder, 'archive.db'))
  t.after(async () => {
    await archive.close()
    rmSync(folder, { recursive: true, force: true })
  })
  const start = Date.UTC(2026, 0, 7, 15)
  const at = (minute: number): BarColumns => {
    const bars = barColumns(1)
    bars.start[0] = start + minute * MINUTE
    for (const column of [bars.open, bars.high, bars.low, bars.close]) column[0] = 100 + minute
    return bars
  }
  const heard = (rank: 'forming' | 'closed', minute: number) =>
    archive.jobs.merge({ ...SERIES, rank, series: [{ symbol: 'AAPL', bars: at(minute) }] })
  // Minute 1 never closed, and minute 3 forms.
  await heard('closed', 0)
  await heard('forming', 1)
  await heard('closed', 2)
  await heard('forming', 3)

  const tape: number[] = []
  for await (const page of archive.bars({ symbol: 'AAPL', timeframe: '1m' }))
    tape.push(...page.start)
  const latest = await archive.latest({ symbol: 'AAPL', timeframe: '1m', limit: 9 })
  const span = { from: ms(start), to: ms(start + 9 * MINUTE) }
  const jobs = await archive.jobs.bars({ ...SERIES, ...span, symbol: 'AAPL' })
  const [last] = await archive.jobs.lasts({ ...SERIES, symbols: ['AAPL'] })

  const closed = [start, start + 2 * MINUTE]
  assert.deepEqual([tape, [...latest.start], [...jobs.start]], [closed, closed, closed])
  assert.equal(last?.start, closed[1])
  assert.equal((await archive.series())[0]?.bars, 2)
  assert.equal((await archive.coverage('AAPL', '1m')).length, 2)
  assert.deepEqual(await archive.jobs.coverage({}), [])
})
