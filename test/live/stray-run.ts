// Stray run: a process of its own, whose strategy leaves a promise alone that is rejected. It prints what became of it.
import { once } from 'node:events'
import type { TestContext } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { owned, Strays } from '../../src/runtime/live/strays.ts'
import { type Context, defineStrategy, z } from '../../src/strategy/index.ts'
import { A, B } from '../../src/testing/builders.ts'
import { Bench } from './bench.ts'

/** Buys with each bar; with a volume of 9 it also tells somebody, who does not hear. */
const telling = defineStrategy({
  name: 'telling',
  params: z.strictObject({}),
  needs: () => ({ bars: '1m', warmup: 1 }),
  symbol: (context: Context) => ({
    onBar: ({ volume }) => {
      context.buy({ qty: volume })
      if (volume === 9) void tell()
    },
  }),
})

async function tell(): Promise<void> {
  await setImmediate()
  // As of an error of the network, whose stack has none of the strategy's own lines.
  await Promise.reject(Object.assign(new TypeError('fetch failed'), { stack: '' }))
}

if (import.meta.main) {
  const ends: (() => void)[] = []
  const t = { after: (end: () => void) => ends.push(end) }
  const bench = new Bench(t as unknown as TestContext)
  const strays = new Strays()
  const use = { name: 's', strategy: telling, params: {}, on: [A, B] }
  await bench.start({ strays, setup: { ...bench.setup, uses: [owned(use)] } })
  await bench.bar(1)
  await bench.bar(1, B)
  const heard = once(process, 'unhandledRejection').catch(() => {})
  await bench.bar(9, B)
  await heard
  await bench.bar(2)
  await bench.bar(2, B)
  const positions = bench.live.engine.ours.positions.map(({ qty }) => qty)
  process.stdout.write(JSON.stringify([bench.live.health.haltedLanes, positions]))
  // One that is nobody's ends the process as ever.
  if (process.argv[2] === 'ours') {
    void Promise.reject(new Error('a fault of ours'))
    await setImmediate()
    process.stdout.write('and it went on')
  }
  for (const end of ends) end()
}
