// Adopting: a position from outside halts its symbol, until a person takes it over. A fake venue, virtual time.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { liveSession } from '../src/runtime/live/session.ts'
import { replay } from '../src/runtime/replay/replay.ts'
import type { Wished } from '../src/runtime/live/wishes.ts'
import { A, B } from '../src/testing/builders.ts'
import { Bench, MINUTE } from './live/bench.ts'

/** A run whose account somebody else moved, so that A is halted. */
async function moved(t: TestContext, { by, held = 0 }: { by: number; held?: number }) {
  const bench = new Bench(t)
  const wishes = bench.wishes()
  await bench.start({ wishes })
  await bench.bar(0)
  if (held > 0) await bench.bar(1)
  bench.venue.moveBy(A, by)
  await bench.world.run(2 * MINUTE)
  await bench.bar(0)
  assert.deepEqual(
    bench.live.engine.ours.halts.map(({ cause }) => cause),
    ['position'],
  )
  /** Asks for it; gives why it was refused. */
  const adopt = async (about: Partial<Wished>): Promise<string | undefined> => {
    const name = wishes.put({ want: 'adopt', why: '', by: 'test', symbol: 'A', ...about })
    await bench.world.run(2_000)
    assert.equal(wishes.isWaiting(name), false)
    return wishes.refusal(name)
  }
  const told = (): string => bench.told.map(({ text }) => text).join('\n')
  return { bench, adopt, told }
}

test('an adopted position is the venue’s, at its price; the strategy that it is given to can close it', async (t) => {
  const { bench, adopt, told } = await moved(t, { by: 7 })

  assert.equal(await adopt({ lane: 's' }), undefined)

  assert.deepEqual(bench.live.engine.ours.halts, [])
  assert.equal(bench.position, 7)
  const { position } = bench.live.engine.lanes[0]!
  assert.deepEqual([position.qty, position.avgPrice], [7, 100])
  assert.match(told(), /^A is 0 here and 7 at sim$/m)
  assert.match(
    told(),
    /^A was 0 here and is 7 at 100 now, as at the venue; it is s's, and no stop/m,
  )
  await bench.bar(4)
  assert.equal(bench.position, 0)
  bench.check()
})

test('a position that is nobody’s counts as held, and what an earlier owner sold is given up', async (t) => {
  const { bench, adopt } = await moved(t, { by: 7 })
  assert.equal(await adopt({}), undefined)
  assert.equal(bench.live.engine.lanes[0]!.position.qty, 0)
  await bench.bar(1)
  assert.equal(bench.position, 17)
  bench.check()

  const other = await moved(t, { by: -4, held: 10 })
  assert.match((await other.adopt({}))!, /A: strategies hold 10, more than the venue's 6; name one/)
  assert.equal(await other.adopt({ lane: 's' }), undefined)
  assert.equal(other.bench.live.engine.lanes[0]!.position.qty, 6)
  other.bench.check()
})

test('an adoption is journaled: a restart and a replay have the same position and hash', async (t) => {
  const { bench, adopt } = await moved(t, { by: 7 })
  await adopt({ lane: 's' })
  await bench.bar(0)
  bench.kill()
  await bench.start()
  await bench.bar(4)
  await bench.stop()

  const session = liveSession(bench.setup, bench.venue.limits, ['bars'])
  const again = await replay(session, bench.journal)

  assert.equal(bench.position, 0)
  assert.deepEqual([again.hash, again.differing], [bench.live.engine.hash(), 0])
})

test('what is not certain is not adopted, and why is told', async (t) => {
  const { bench, adopt, told } = await moved(t, { by: 7 })

  assert.match((await adopt({ symbol: 'Z' }))!, /Z is no symbol of this run/)
  assert.match((await adopt({ symbol: 'B' }))!, /B: the last report finds no difference/)
  assert.match((await adopt({ lane: 'other' }))!, /A: no strategy other is on it, but s/)
  bench.venue.failingReports = 1
  assert.match((await adopt({}))!, /no report now/)
  bench.live.control({ do: 'adopt', symbol: A, before: 3, qty: 7, avgPrice: 100 }, 'test')
  await bench.bar(0)
  assert.match(told(), /A is not adopted: our position has moved to 0/)

  assert.equal(bench.position, 0)
  assert.deepEqual(
    bench.live.engine.ours.halts.map(({ symbol }) => symbol),
    [A],
  )
})

test('nothing is adopted where an order may still fill', async (t) => {
  const bench = new Bench(t)
  const wishes = bench.wishes()
  await bench.start({ wishes })
  await bench.bar(0, B)
  await bench.bar(3, B)
  bench.venue.moveBy(B, 5)
  await bench.world.run(2 * MINUTE)

  const name = wishes.put({ want: 'adopt', why: '', by: 'test', symbol: 'B' })
  await bench.world.run(2_000)

  assert.match(wishes.refusal(name)!, /B: 1 orders are open there; cancel them first/)
})
