// Restarting: a run that dies again and again. A fake venue, a real journal, virtual time.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import {
  forgetStart,
  noteEnd,
  noteStart,
  type StartLog,
} from '../../src/runtime/live/crash-loop.ts'
import { openJournal } from '../../src/store/index.ts'
import { Bench } from '../live/bench.ts'

const RESTARTS = { max: 5, withinMs: 600_000 }

/** A bench whose run is started as the command does it. */
function looping(t: TestContext) {
  const bench = new Bench(t)
  const wishes = bench.wishes()
  const inJournal = <T>(work: (journal: StartLog) => T): T => {
    const journal = openJournal(bench.path)
    try {
      return work(journal)
    } finally {
      journal.close()
    }
  }
  /** A life of a minute: it sees a bar, and orders. */
  const live = async (): Promise<void> => {
    const safeMode = inJournal((journal) => noteStart(journal, bench.world.now, RESTARTS))
    await bench.start({ safeMode, wishes })
    await bench.bar(bench.position === 0 ? 1 : 4)
  }
  const crash = (): void => {
    bench.kill()
  }
  const end = async (): Promise<void> => {
    await bench.stop()
    inJournal(noteEnd)
  }
  return { bench, wishes, live, crash, end, inJournal }
}

test('F088 a run that crashes so often in so short a time begins in safe mode, and says it once', async (t) => {
  const { bench, wishes, live, crash, end } = looping(t)
  for (let i = 0; i < RESTARTS.max; i++) {
    await live()
    crash()
  }
  const sent = bench.venue.arrived.length
  assert.equal(sent, RESTARTS.max)

  for (let i = 0; i < 2; i++) {
    await live()
    crash()
  }
  await live()
  assert.equal(bench.live.health.safeMode, '6 starts within 10 min without an end in order')
  // An exit is no new risk.
  assert.ok(bench.venue.arrived.length <= sent + 1)
  assert.equal(bench.told.filter(({ text }) => text.startsWith('safe mode: 6 starts')).length, 1)

  wishes.put({ want: 'clear-safe-mode', why: 'mended', by: 'test' })
  await bench.bar(0)
  await end()
  await live()
  assert.equal(bench.live.health.safeMode, undefined)
  bench.check()
})

test('starts that end in order, come to nothing, or lie far apart, are no crash loop', async (t) => {
  const { bench, live, crash, end, inJournal } = looping(t)
  for (let i = 0; i < 2 * RESTARTS.max; i++) {
    await live()
    await end()
    inJournal((journal) => noteStart(journal, bench.world.now, RESTARTS))
    inJournal(forgetStart)
  }
  for (let i = 0; i < 2 * RESTARTS.max; i++) {
    await live()
    crash()
    await bench.world.run(RESTARTS.withinMs / RESTARTS.max)
  }

  assert.equal(bench.live.health.safeMode, undefined)
})
