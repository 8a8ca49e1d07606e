// Recorder: bars wait for an archive that fails, and a run does not go on without them.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type Ms, symbolId, venueId } from '../../core/brand.ts'
import { equitySpec } from '../../core/instrument.ts'
import type { Bar } from '../../core/market.ts'
import { MINUTE } from '../../core/time.ts'
import { Universe } from '../../core/universe.ts'
import { openArchive, type SqliteArchive } from '../../store/index.ts'
import { buildSession } from './build.ts'
import { defineConfig, toRiskLimits, toSimOptions } from '../config/config.ts'
import { Recorder, WAITING_MAX } from './recorder.ts'
import type { Session } from './session.ts'

const START = Date.UTC(2026, 2, 23, 13, 30)

const barAt = (i: number): Bar => ({
  symbol: symbolId(0),
  timeframe: '1m',
  start: (START + i * MINUTE) as Ms,
  open: 100,
  high: 101,
  low: 99,
  close: 100,
  volume: 10,
  trades: 1,
})

interface Fixture {
  readonly recorder: Recorder
  readonly archive: SqliteArchive
  /** Tells the recorder of bars, as a session does after a turn. */
  readonly tell: (from: number, to: number) => void
}

async function fixture(t: TestContext): Promise<Fixture> {
  const folder = mkdtempSync(join(tmpdir(), 'skein-recorder-'))
  const archive = await openArchive(join(folder, 'archive.db'))
  t.after(async () => {
    await archive.close()
    rmSync(folder, { recursive: true })
  })
  const config = defineConfig({})
  const { engine }: Session = buildSession({
    universe: new Universe([equitySpec('SPY', venueId('sim'))]),
    uses: [],
    risk: toRiskLimits(config),
    sim: toSimOptions(config),
    run: 'test',
    currency: 'USD',
    base: '1m',
    bars: { latenessMs: 0, maxFill: 2 },
  })
  const recorder = new Recorder(archive, engine)
  const tell = (from: number, to: number): void => {
    for (let i = from; i < to; i++) engine.notices.deliver([{ type: 'bar.closed', bar: barAt(i) }])
  }
  return { recorder, archive, tell }
}

test('bars are written in bulk, and the rest when it is asked for', async (t) => {
  const { recorder, archive, tell } = await fixture(t)

  tell(0, 10)
  await recorder.work()
  assert.deepEqual(recorder.statistics, { waiting: 10, written: 0, failures: 0 })
  await recorder.flush()

  assert.deepEqual(recorder.statistics, { waiting: 0, written: 10, failures: 0 })
  assert.equal((await archive.latest({ symbol: 'SPY', timeframe: '1m', limit: 20 })).length, 10)
})

test('a few bars are written within a minute of their coming, and after a failure a minute later', async (t) => {
  const { recorder, archive, tell } = await fixture(t)
  const { mock } = t.mock.method(archive, 'putBars', () => Promise.reject(new Error('no room')), {
    times: 1,
  })

  tell(0, 3)
  for (const at of [0, MINUTE - 1]) await recorder.work(START + at)
  assert.equal(mock.callCount(), 0)
  for (const at of [MINUTE, 2 * MINUTE - 1]) await recorder.work(START + at)
  assert.deepEqual(recorder.statistics, { waiting: 3, written: 0, failures: 1 })
  await recorder.work(START + 2 * MINUTE)

  assert.deepEqual(recorder.statistics, { waiting: 0, written: 3, failures: 1 })
})

test('bars that the archive did not take wait on in order', async (t) => {
  const { recorder, archive, tell } = await fixture(t)
  tell(0, 10)
  t.mock.method(archive, 'putBars', () => Promise.reject(new Error('no room')), { times: 1 })

  await assert.rejects(recorder.flush(), /no room/)
  tell(10, 12)
  await recorder.flush()

  assert.deepEqual(recorder.statistics, { waiting: 0, written: 12, failures: 1 })
  const bars = await archive.latest({ symbol: 'SPY', timeframe: '1m', limit: 20 })
  assert.deepEqual(
    [...bars.start],
    Array.from({ length: 12 }, (_, i) => START + i * MINUTE),
  )
})

test('more bars than may wait end the run, though a handler may not throw', async (t) => {
  const { recorder, archive, tell } = await fixture(t)
  t.mock.method(archive, 'putBars', () => Promise.reject(new Error('no room')))

  tell(0, WAITING_MAX)
  await recorder.work()
  tell(WAITING_MAX, WAITING_MAX + 1)

  await assert.rejects(recorder.work(), /has not taken 200000 bars that wait \(no room\)/)
  await assert.rejects(recorder.flush(), /has not taken 200000 bars/)
})

test('whoever makes bars as fast as it can waits for the archive, and more than may wait go through', async (t) => {
  const { recorder, archive, tell } = await fixture(t)

  for (let from = 0; from < WAITING_MAX + 30_000; from += 10_000) {
    tell(from, from + 10_000)
    await recorder.calm()
  }
  await recorder.flush()

  assert.equal(recorder.statistics.written, WAITING_MAX + 30_000)
  assert.deepEqual(
    (await archive.series()).map(({ bars }) => bars),
    [WAITING_MAX + 30_000],
  )
})
