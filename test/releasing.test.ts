// Releasing: a strategy that threw stays halted until a person lets it go on. A fake venue, virtual time.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Bar } from '../src/core/market.ts'
import type { Wished } from '../src/runtime/live/wishes.ts'
import { defineStrategy, z } from '../src/strategy/index.ts'
import { A, B } from '../src/testing/builders.ts'
import { Bench } from './live/bench.ts'

/** Buys with every bar, but cannot stand a volume of nine. */
const touchy = defineStrategy({
  name: 'touchy',
  params: z.strictObject({}),
  needs: () => ({ bars: '1m', warmup: 1 }),
  symbol: (ctx) => ({
    onBar: ({ volume }: Bar) => {
      if (volume === 9) throw new Error('nine is too much')
      ctx.buy({ qty: volume })
    },
  }),
})

/** A run whose strategy was halted on both of its symbols. */
async function halted(t: TestContext) {
  const bench = new Bench(t)
  const wishes = bench.wishes()
  const uses = [{ name: 's', strategy: touchy, params: {}, on: [A, B] }]
  const start = () => bench.start({ wishes, setup: { ...bench.setup, uses } })
  await start()
  for (const symbol of [A, B]) {
    await bench.bar(0, symbol)
    await bench.bar(9, symbol)
  }
  const release = async (about: Partial<Wished>): Promise<string | undefined> => {
    const name = wishes.put({ want: 'release', why: '', by: 'test', ...about })
    await bench.world.run(2_000)
    assert.equal(wishes.isWaiting(name), false)
    return wishes.refusal(name)
  }
  const names = (): string[] =>
    bench.live.health.haltedLanes.map((text) => /^s on (\w): /.exec(text)![1]!)
  assert.deepEqual(names(), ['A', 'B'])
  return { bench, start, release, names }
}

test('a released strategy goes on, on the symbol that was named, after a restart too', async (t) => {
  const { bench, start, release, names } = await halted(t)
  await bench.bar(3)
  assert.equal(bench.position, 0)

  assert.equal(await release({ lane: 's', symbol: 'A' }), undefined)

  assert.deepEqual(names(), ['B'])
  await bench.bar(3)
  assert.equal(bench.position, 3)
  bench.kill()
  await start()
  assert.deepEqual(names(), ['B'])
  assert.equal(await release({ lane: 's' }), undefined)
  assert.deepEqual(names(), [])
  await bench.bar(2)
  assert.equal(bench.position, 5)
  bench.check()
})

test('a release that would change nothing is refused, with what there is', async (t) => {
  const { release, names } = await halted(t)

  assert.equal(await release({ lane: 'sma' }), 'sma is not halted by an error; s on A, s on B is')
  assert.equal(await release({ lane: 's', symbol: 'X' }), 'X is no symbol of this run')
  assert.equal(await release({ lane: 's', symbol: 'A' }), undefined)
  assert.equal(
    await release({ lane: 's', symbol: 'A' }),
    's on A is not halted by an error; s on B is',
  )
  assert.deepEqual(names(), ['B'])
})
