// Exits: what becomes of orders and positions when a run stops, by the policy of each strategy. Virtual time.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Bar } from '../src/core/market.ts'
import { EXIT_POLICIES, type ExitPolicy } from '../src/runtime/config/exit-policy.ts'
import { type Context, defineStrategy, z } from '../src/strategy/index.ts'
import { A } from '../src/testing/builders.ts'
import { Bench } from './live/bench.ts'

/** Buys, protects what it has, and quotes below the market. */
const quoter = defineStrategy({
  name: 'quoter',
  params: z.strictObject({}),
  needs: () => ({ bars: '1m' }),
  symbol: (context: Context) => ({
    onBar: ({ volume }: Bar) => {
      if (volume === 1) context.buy({ qty: 10 })
      if (volume === 2) context.sell({ qty: 10, stop: 95, reduceOnly: true })
      if (volume === 3) context.buy({ qty: 1, limit: 94 })
    },
  }),
})

/** A run of one such strategy for each policy, named after it, that holds, protects and quotes. */
async function quoting(t: TestContext): Promise<Bench> {
  const bench = new Bench(t)
  const { setup } = bench
  const uses = EXIT_POLICIES.map((name) => ({ name, strategy: quoter, params: {}, on: [A] }))
  const exits = new Map<string, ExitPolicy>(EXIT_POLICIES.map((name) => [name, name]))
  await bench.start({ setup: { ...setup, uses }, exits })
  for (const volume of [0, 1, 2, 3]) await bench.bar(volume)
  assert.equal(bench.position, 40)
  assert.equal(bench.venue.openIds.length, 8)
  return bench
}

/** By strategy: its position, and the kinds of its live orders. */
const left = ({ live, orders }: Bench): Record<string, string> =>
  Object.fromEntries(
    live.engine.lanes.map(({ strategy, position }) => {
      const open = orders.filter((one) => one.strategy === strategy && one.phase === 'open')
      return [strategy, [position.qty, ...open.map(({ type }) => type)].join(' ')]
    }),
  )

test('each strategy ends by its own policy, in one phase', async (t) => {
  const bench = await quoting(t)

  const { phases } = await bench.stop()

  assert.deepEqual(left(bench), {
    keep: '10 stop limit',
    protect: '10 stop',
    cancel: '10',
    flatten: '0',
  })
  assert.ok(phases.every(({ isDone }) => isDone))
  assert.ok(phases.some(({ name }) => name === 'protect and cancel and flatten'))
  bench.check()
})

test('a policy that is told with the command holds for all of them', async (t) => {
  const bench = await quoting(t)

  await bench.stop('protect')

  const all = { keep: '10 stop', protect: '10 stop', cancel: '10 stop', flatten: '10 stop' }
  assert.deepEqual(left(bench), all)
  bench.check()
})
