// A journal that is pruned while its run goes on: what is dropped is never asked for again, and what counts for ever stays.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type TestContext, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { fillId } from '../src/core/brand.ts'
import { hashOf } from '../src/core/hash.ts'
import { money } from '../src/core/instrument.ts'
import type { Journal, Past } from '../src/core/store.ts'
import type { LiveOptions } from '../src/runtime/live/options.ts'
import { liveSession } from '../src/runtime/live/session.ts'
import { BarMarks } from '../src/runtime/session/bar-marks.ts'
import { restoreBeginning } from '../src/runtime/session/recover.ts'
import { replay } from '../src/runtime/replay/replay.ts'
import { StoreError, writeTurns } from '../src/store/index.ts'
import { type Context, defineStrategy, z } from '../src/strategy/index.ts'
import { A } from '../src/testing/builders.ts'
import { Bench, MINUTE } from './live/bench.ts'

const KEEP_MS = 40 * MINUTE

/** Buys and sells in turn at every second bar, by what it has counted of them: that is made of bars alone. */
const alternating = defineStrategy({
  name: 'alternating',
  params: z.strictObject({}),
  needs: () => ({ bars: '1m', warmup: 1 }),
  symbol: (context: Context) => {
    let bars = 0
    return {
      onBar: () => {
        bars++
        if (bars % 4 === 1) context.buy({ qty: 10 })
        if (bars % 4 === 3) context.sell({ qty: 10 })
      },
    }
  },
})

/** Buys as much as it has counted fills: no bar gives those again. */
const counting = defineStrategy({
  name: 'counting',
  params: z.strictObject({}),
  needs: () => ({ bars: '1m', warmup: 1 }),
  symbol: (context: Context) => {
    let fills = 0
    return {
      onBar: () => void context.buy({ qty: 1 + fills }),
      onFill: () => void fills++,
    }
  },
})

/** Throws at its hundredth bar, and is halted. */
const mortal = defineStrategy({
  name: 'mortal',
  params: z.strictObject({}),
  needs: () => ({ bars: '1m', warmup: 1 }),
  symbol: (context: Context) => {
    let bars = 0
    return {
      onBar: () => {
        if (++bars === 100) throw new Error('a bug')
        if (bars % 4 === 1) context.buy({ qty: 10 })
        if (bars % 4 === 3) context.sell({ qty: 10 })
      },
    }
  },
})

class PrunedBench extends Bench {
  readonly froms: string[] = []
  strategy = alternating
  keeps: Pick<LiveOptions, 'keepMs' | 'copyTurns' | 'copiesTo'> = { keepMs: KEEP_MS }

  override get setup(): LiveOptions['setup'] {
    const uses = [{ name: 's', strategy: this.strategy, params: {}, on: [A] }]
    const { risk, ...setup } = super.setup
    return { ...setup, uses, risk: { ...risk, maxTradesPerDay: Infinity } }
  }

  override get usual(): Partial<LiveOptions> {
    return {
      ...this.keeps,
      snapshotEvery: 5,
      onRecovered: ({ from }) => this.froms.push(from),
    }
  }

  async bars(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      await this.bar(0)
      await this.live.pruned()
    }
    // What the last one caused is answered.
    await this.world.run(1_000)
  }

  get past(): Past {
    return this.journal.past!
  }

  /** Orders with the executions that were counted, positions, and all that was ever commanded. */
  get state(): readonly unknown[] {
    const { orders, positions } = this.live.engine.ours
    const told = orders.map(({ order, fills }) => [order, [...fills]])
    return [orders.length, hashOf([told, positions]), this.live.engine.intents]
  }

  query(sql: string): unknown[] {
    const db = new DatabaseSync(this.path)
    try {
      return db
        .prepare(sql)
        .all()
        .map((row) => Object.values(row)[0])
    } finally {
      db.close()
    }
  }
}

/** A run of two hours of which the last forty minutes are kept. */
async function pruned(t: TestContext): Promise<PrunedBench> {
  const bench = new PrunedBench(t)
  await bench.start()
  await bench.bars(120)
  return bench
}

const turnsOf = (journal: Journal, after: number): number => [...journal.since(after)].length

test('turns older than the kept span are dropped up to a proven snapshot, and no younger one', async (t) => {
  const bench = await pruned(t)
  const { beginning } = bench.past
  const now = bench.live.engine.now

  assert.ok(beginning !== undefined)
  assert.ok(now - beginning.at >= KEEP_MS, `${(now - beginning.at) / MINUTE} min are kept`)
  assert.ok(now - beginning.at < 1.5 * KEEP_MS, `${(now - beginning.at) / MINUTE} min are kept`)
  assert.deepEqual(bench.query('select min(n) from turns'), [beginning.n + 1])
  assert.equal(turnsOf(bench.journal, beginning.n), bench.live.engine.turns - beginning.n)
  assert.throws(() => turnsOf(bench.journal, 0), { name: 'StoreError', code: 'pruned' })
  assert.ok(bench.query('select n from snapshots').length <= 3 + 1 + 10)
  const { journal } = bench.live.health
  assert.deepEqual([journal?.beginsAt, journal?.flaw], [beginning.at, undefined])
  assert.equal(journal?.dropped, beginning.n)
  // A new beginning is an eighth of the span after the one before.
  assert.ok(now - journal.prunedAt! <= KEEP_MS / 4, `${journal?.prunedAt}`)
  assert.equal(bench.told.filter(({ level }) => level === 'warn').length, 0)
})

test('a run whose first turns are gone goes on from its snapshot as if they were there', async (t) => {
  const bench = await pruned(t)
  const before = bench.state
  const last = bench.orders.at(-1)!
  bench.kill()

  await bench.start()

  assert.deepEqual(bench.froms, ['nothing', 'snapshot'])
  assert.deepEqual(bench.state, before)
  await bench.bars(4)
  const counter = (id: string): number => Number.parseInt(id.split('-').at(-1)!, 36)
  assert.ok(counter(bench.orders.at(-1)!.id) > counter(last.id))
  assert.equal(new Set(bench.venue.arrived).size, bench.venue.arrived.length)
  bench.check()
})

test('F390 an execution whose turn was dropped is not counted again when the venue tells it again', async (t) => {
  const bench = await pruned(t)
  const first = bench.live.engine.ours.orders.find(({ order }) => order.filled > 0)!
  assert.equal(bench.query('select count(*) from turns where n < 20')[0], 0)
  bench.kill()
  await bench.start()
  const { position } = bench
  const [fill] = first.fills
  const { id, filled } = first.order

  bench.live.pump.push({
    type: 'order.filled',
    at: bench.world.now,
    ts: bench.world.now,
    id,
    fill: fillId(fill!),
    qty: filled,
    price: 100,
    fee: money(0),
  })
  await bench.world.run(10)

  assert.equal(bench.position, position)
  bench.check()
})

test('where the last snapshot is of no use, all that is kept is done again from its beginning', async (t) => {
  const bench = await pruned(t)
  const before = bench.state
  bench.journal.snapshot(bench.live.engine.turns, '{"form":0}')
  bench.kill()

  await bench.start()

  assert.deepEqual(bench.froms, ['nothing', 'beginning'])
  assert.deepEqual(bench.state, before)
  await bench.bars(60)
  assert.ok(bench.past.beginning!.at > bench.world.now - 1.5 * KEEP_MS)
  bench.check()
})

test('F391 a pruned journal that cannot be done again stops the start, says why, and sends nothing', async (t) => {
  const bench = await pruned(t)
  const sent = bench.venue.arrived.length
  bench.journal.flush()
  bench.kill()
  bench.query('delete from bars where i = 3')

  const error = await bench.refusal()

  assert.ok(error instanceof StoreError)
  assert.equal(error.code, 'pruned')
  assert.match(
    error.message,
    /begins after turn \d+, .* bars .* are not all there; restore a backup of it, or begin a new/,
  )
  assert.equal(bench.venue.arrived.length, sent)
})

test('F392 nothing is dropped where a strategy derives something from more than bars, and that is told once', async (t) => {
  const bench = new PrunedBench(t)
  bench.strategy = counting
  await bench.start()
  await bench.bars(120)

  assert.equal(bench.past.beginning, undefined)
  assert.deepEqual(bench.query('select min(n) from turns'), [1])
  assert.match(bench.live.health.journal?.flaw ?? '', /^turn \d+: decided/)
  const told = bench.told.filter(({ text }) => text.startsWith('nothing is dropped from the'))
  assert.equal(told.length, 1)
  bench.check()
})

test('a pruned journal is replayed from its beginning, and every decision is compared', async (t) => {
  const bench = await pruned(t)
  const { journal } = bench
  const session = liveSession(bench.setup, bench.venue.limits, ['bars'])
  const marks = new BarMarks(session.engine)
  const breathe = (): Promise<void> => Promise.resolve()
  await restoreBeginning(bench.past.beginning!, { session, marks }, { journal, breathe })

  const again = await replay(session, journal)

  assert.deepEqual(again.differences, [])
  assert.equal(again.turns, bench.live.engine.turns - bench.past.beginning!.n)
  assert.deepEqual(
    [again.hash, again.intents],
    [bench.live.engine.hash(), bench.live.engine.intents],
  )
})

test('a process that dies between the new beginning and the last drop leaves the rest to the next one', async (t) => {
  const bench = new PrunedBench(t)
  await bench.start()
  bench.past.drop = () => {
    if (bench.past.beginning === undefined) return 0
    throw new Error('the disk is full')
  }
  await bench.bars(120)
  // The run goes on, and nobody reads what is before the beginning.
  assert.equal(bench.live.health.phase, 'running')
  assert.equal(bench.live.health.journal?.flaw, 'the disk is full')
  assert.deepEqual(bench.query('select min(n) from turns'), [1])
  const { beginning } = bench.past
  const before = bench.state
  bench.kill()

  await bench.start()
  assert.deepEqual(bench.froms, ['nothing', 'snapshot'])
  assert.deepEqual(bench.state, before)
  await bench.bars(10)

  assert.ok(bench.past.beginning!.n >= beginning!.n)
  assert.deepEqual(bench.query('select min(n) from turns'), [bench.past.beginning!.n + 1])
  bench.check()
})

test('a run that begins to prune makes the bars of before again', async (t) => {
  const bench = new PrunedBench(t)
  bench.keeps = {}
  await bench.start()
  await bench.bars(60)
  assert.deepEqual(bench.query('select count(*) from bars'), [0])
  bench.kill()

  bench.keeps = { keepMs: KEEP_MS }
  await bench.start()
  await bench.bars(90)

  assert.deepEqual(bench.froms, ['nothing', 'journal'])
  assert.ok(bench.past.beginning !== undefined)
  assert.deepEqual(bench.query('select min(n) from turns'), [bench.past.beginning.n + 1])
  const before = bench.state
  bench.kill()
  await bench.start()
  assert.equal(bench.froms.at(-1), 'snapshot')
  assert.deepEqual(bench.state, before)
  bench.check()
})

test('turns that are dropped are in files first, each once and as they were, where a folder is named', async (t) => {
  const bench = new PrunedBench(t)
  const folder = join(dirname(bench.path), 'past')
  bench.keeps = {
    keepMs: KEEP_MS,
    copiesTo: folder,
    copyTurns: ({ from, to }, turns) => writeTurns(join(folder, `r-${from}-${to}.gz`), turns),
  }
  const seen: string[] = []
  await bench.start({
    onTurn: ({ n, at, inputs, batches }) => seen.push(JSON.stringify({ n, at, inputs, batches })),
  })
  await bench.bars(160)

  const files = readdirSync(folder).toSorted(
    (a, b) => Number(a.split('-')[1]) - Number(b.split('-')[1]),
  )
  const lines = files.flatMap((file) =>
    gunzipSync(readFileSync(join(folder, file)))
      .toString()
      .trimEnd()
      .split('\n'),
  )

  assert.equal(bench.live.health.journal?.copiesTo, folder)
  assert.ok(files.length > 5)
  assert.deepEqual(lines, seen.slice(0, bench.past.beginning!.n))
  assert.deepEqual(bench.query('select min(n) from turns'), [lines.length + 1])
})

test('F395 nothing is dropped that could not be copied', async (t) => {
  const bench = new PrunedBench(t)
  const taken = join(dirname(bench.path), 'taken')
  writeFileSync(taken, 'a file, where a folder is wanted')
  bench.keeps = {
    keepMs: KEEP_MS,
    copyTurns: ({ from, to }, turns) => writeTurns(join(taken, `r-${from}-${to}.gz`), turns),
  }
  await bench.start()
  await bench.bars(120)

  assert.equal(bench.past.beginning, undefined)
  assert.deepEqual(bench.query('select min(n) from turns'), [1])
  assert.match(
    bench.live.health.journal?.flaw ?? '',
    /taken\/r-1-\d+\.gz cannot be written \(.*\); make room, or mend its folder/,
  )
  assert.equal(bench.live.health.phase, 'running')
})

test('a snapshot that has waited too long for its proof is given up for a newer one', async (t) => {
  const bench = new PrunedBench(t)
  await bench.start()
  await bench.bars(60)
  bench.past.keep([{ n: 1, at: bench.live.engine.now, isProven: false }])

  await bench.bars(10)

  const { kept } = bench.past
  assert.equal(bench.live.health.journal?.flaw, undefined)
  assert.ok(kept.length > 0 && kept.every(({ n }) => n > 60), JSON.stringify(kept))
})

test('while a strategy is halted nothing more is dropped, and a restart begins where the journal does', async (t) => {
  const bench = new PrunedBench(t)
  bench.strategy = mortal
  await bench.start()
  await bench.bars(98)
  const { beginning } = bench.past
  assert.ok(beginning !== undefined)

  await bench.bars(100)

  assert.match(bench.live.health.journal?.flaw ?? '', /^a strategy is halted, or its bars/)
  const halted = bench.past.beginning!
  // What was proven before it was halted may still go.
  assert.ok(halted.at < bench.world.now - 90 * MINUTE)
  const before = bench.state
  bench.kill()
  await bench.start()
  assert.deepEqual(bench.froms, ['nothing', 'beginning'])
  assert.deepEqual(bench.state, before)
  assert.match(bench.live.health.haltedLanes.join(), /s on A: Error: a bug/)
  bench.check()
})

test('once a strategy that was halted is released, turns are dropped again', async (t) => {
  const bench = new PrunedBench(t)
  bench.strategy = mortal
  await bench.start()
  await bench.bars(110)
  assert.equal(bench.live.health.haltedLanes.length, 1)
  bench.live.control({ do: 'release', strategy: 's' }, 'test')

  await bench.bars(110)

  assert.deepEqual(bench.live.health.haltedLanes, [])
  assert.equal(bench.live.health.journal?.flaw, undefined)
  assert.ok(bench.past.beginning!.at > bench.world.now - 1.5 * KEEP_MS)
  const before = bench.state
  bench.kill()
  await bench.start()
  assert.deepEqual(bench.froms, ['nothing', 'snapshot'])
  assert.deepEqual(bench.state, before)
  await bench.bars(8)
  assert.notDeepEqual(bench.state, before)
  bench.check()
})
