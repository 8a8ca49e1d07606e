// Health: what a run says of itself, and what another process reads of it, on virtual time.
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { ailmentsOf, type Health } from '../src/runtime/live/health.ts'
import { askStatus, StatusFile, statusPathOf } from '../src/runtime/live/status-file.ts'
import { A } from '../src/testing/builders.ts'
import { archive, Bench, MINUTE } from './live/bench.ts'
import { put, skein, temporary } from './cli/skein.ts'

const ailments = ({ live }: Bench): readonly string[] => ailmentsOf(live.health)

async function running(t: TestContext): Promise<Bench> {
  const bench = new Bench(t)
  await bench.start()
  await bench.bar(0)
  return bench
}

test('a run that trades and misses nothing is healthy, and says how old what it knows is', async (t) => {
  const bench = await running(t)
  await bench.world.run(5_000)

  const { health } = bench.live

  assert.deepEqual(ailmentsOf(health), [])
  assert.equal(health.phase, 'running')
  assert.deepEqual(health.streams, { feed: true, orders: true })
  // The bar came ten seconds after its end: its price was that old already.
  assert.ok(health.dataAgeMs! >= 15_000 && health.dataAgeMs! < 16_000, `${health.dataAgeMs} ms`)
  assert.ok(health.at - health.lastReportAt! <= MINUTE)
  assert.deepEqual(JSON.parse(JSON.stringify(health)), health)
})

test('each thing that is wrong is told, and is gone when it is mended', async (t) => {
  const bench = await running(t)
  const { live, venue, world } = bench
  const wrong: readonly (readonly [RegExp, () => void, () => void])[] = [
    [
      /the feed stream is down/,
      () => venue.say({ type: 'venue.down', at: world.now, venue: venue.id, stream: 'feed' }),
      () => venue.say({ type: 'venue.up', at: world.now, venue: venue.id, stream: 'feed' }),
    ],
    [
      /the kill switch is on: smoke/,
      () => live.control({ do: 'kill-switch', on: true, why: 'smoke' }, 'test'),
      () => live.control({ do: 'kill-switch', on: false, why: 'clear' }, 'test'),
    ],
    [
      /safe mode: doubt/,
      () => live.control({ do: 'safe-mode', on: true, why: 'doubt' }, 'test'),
      () => live.control({ do: 'safe-mode', on: false, why: 'clear' }, 'test'),
    ],
    [
      /trading is paused/,
      () => live.control({ do: 'pause' }, 'test'),
      () => live.control({ do: 'resume' }, 'test'),
    ],
  ]
  for (const [told, harm, mend] of wrong) {
    harm()
    await world.run(10)
    assert.match(ailments(bench).join(), told)
    mend()
    await world.run(10)
    assert.deepEqual(ailments(bench), [])
  }
})

test('an order whose fate is unknown, and a position that somebody moved, are told', async (t) => {
  const bench = await running(t)
  bench.venue.lag()
  bench.venue.fillsAt = undefined
  bench.venue.script.push('booked-unknown')
  await bench.bar(1)
  assert.match(ailments(bench).join(), /what became of order s-r-1 is not known/)
  assert.deepEqual(bench.live.health.unknownOrders, ['s-r-1'])

  const other = await running(t)
  other.venue.moveBy(A, 7)
  await other.world.run(2 * MINUTE)

  assert.match(ailments(other).join(), /A is halted: A is 0 here and 7 at sim/)
})

test('a disk that is nearly full is told before it stops the run', async (t) => {
  const { live } = await running(t)
  const { journal } = live.health
  assert.ok(journal !== undefined && journal.bytes > 0 && journal.freeBytes > 0)

  const full = { ...live.health, journal: { bytes: 7_000_000_000, freeBytes: 99_999_999 } }

  assert.deepEqual(ailmentsOf(full), ['the disk of the journal, which has 7000 MB, has 99 MB left'])
})

test('a feed without prices and a venue without reports are told when they are too old', async (t) => {
  const bench = await running(t)
  bench.venue.failingReports = 1_000

  await bench.world.run(2 * MINUTE)
  assert.deepEqual(ailments(bench), [])
  await bench.world.run(2 * MINUTE)

  assert.match(ailments(bench).join(), /the newest price is \d+ s old/)
  assert.match(ailments(bench).join(), /the last report of the venue is \d+ s old/)
})

test('bars that their market lets us expect are told where they do not come, and not before they are due', async (t) => {
  const bench = await running(t)
  const { series, stale } = bench.live.health.bars

  await bench.world.run(4 * MINUTE)
  const early = bench.live.health.bars.stale
  await bench.world.run(4 * MINUTE)
  const late = bench.live.health.bars.stale

  assert.ok(series > 0)
  assert.deepEqual([stale, early], [[], []])
  assert.equal(late.length, series)
  assert.deepEqual([late[0]?.symbol, late[0]?.timeframe], ['A', '1m'])
  assert.match(ailments(bench).join(), /series of bars are stale: the last 1m bar of A began \d\d:/)
})

test('the phases are published as they come, and a failure is one', async (t) => {
  const phases: string[] = []
  const publish = ({ phase }: Health): void => {
    if (phases.at(-1) !== phase) phases.push(phase)
  }
  const bench = new Bench(t)
  await bench.start({ publish })
  await bench.bar(0)
  await bench.stop()
  assert.deepEqual(phases, ['starting', 'running', 'stopping', 'stopped'])

  await bench.start({ publish })
  bench.journal.append = () => {
    throw new Error('the disk is full')
  }
  await bench.bar(1)
  await bench.stop()

  assert.deepEqual(phases.slice(4), ['starting', 'running', 'failed'])
})

test('another process reads the status, and knows one that is no longer written', async (t) => {
  const bench = await running(t)
  const journal = `${temporary(t)}/journal.db`
  assert.equal(askStatus(journal, Date.now()), undefined)
  const file = new StatusFile(journal, assert.fail)
  file.write(bench.live.health)

  const now = askStatus(journal, Date.now())!
  const later = askStatus(journal, Date.now() + 11_000)!

  assert.deepEqual(now.ailments, [])
  assert.equal(now.status.pid, process.pid)
  assert.match(later.ailments.join(), /stands still: it has said nothing for 11 s/)
  writeFileSync(statusPathOf(journal), '{"schema":"other"}')
  assert.throws(() => askStatus(journal, Date.now()))
})

test('a run that stands still is found though the clock was set back since', async (t) => {
  const bench = await running(t)
  const journal = `${temporary(t)}/journal.db`
  new StatusFile(journal, assert.fail).write(bench.live.health)

  const { ailments } = askStatus(journal, Date.now() - 60 * MINUTE)!

  assert.match(ailments.join(), /stands still: it has said nothing since the clock was set back/)
})

test('a status that is fresh is believed where its process has an id of another container', async (t) => {
  const bench = await running(t)
  const journal = `${temporary(t)}/journal.db`
  new StatusFile(journal, assert.fail).write(bench.live.health)
  const path = statusPathOf(journal)
  const status = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>
  // No process has it: ids end at 4,194,304 (proc_sys_kernel(5)).
  const pid = 2 ** 30
  const ailments = (changes: object, laterMs = 0) => {
    writeFileSync(path, JSON.stringify({ ...status, pid, ...changes }))
    return askStatus(journal, Date.now() + laterMs)?.ailments.join()
  }

  assert.match(ailments({}) ?? '', /is gone/)
  assert.equal(ailments({ pidsOf: 'desk-2 pid:[4026532281]' }), '')
  assert.match(ailments({ pidsOf: 'desk-2' }, 11_000) ?? '', /stands still: it has said nothing/)
})

test('what somebody has said is one line of the status, and steers no terminal', async (t) => {
  const bench = await running(t)
  const folder = temporary(t)
  put(folder, 'journal.db', '')
  const why = 'enough\nsafe mode     off\u001b[2J'
  bench.live.control({ do: 'kill-switch', on: true, why }, 'test')
  await bench.bar(0)
  new StatusFile(join(folder, 'journal.db'), assert.fail).write(bench.live.health)

  const { code, stdout, stderr } = await skein(folder, 'status', '--journal', 'journal.db')

  assert.equal(code, 1)
  assert.match(stderr, /^failed: not healthy: the kill switch is on: enough safe mode {5}off$/m)
  assert.match(stdout, /^kill switch {3}enough safe mode {5}off$/m)
  assert.ok(!`${stdout}${stderr}`.includes('\u001b'))
})

test('a start that fails is told as failed', async (t) => {
  const phases: string[] = []
  const bench = new Bench(t)
  bench.venue.failingReports = 1_000

  await assert.rejects(
    bench.start({ archive, publish: ({ phase }) => phases.push(phase) }),
    /report/,
  )

  assert.equal(phases.at(-1), 'failed')
})
