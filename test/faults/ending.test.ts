// Ending: what a stop wants is asked for again while its phase lasts, and what could not be done is told.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Health } from '../../src/runtime/live/health.ts'
import type { Stopped } from '../../src/runtime/live/end.ts'
import type { ExitPolicy } from '../../src/runtime/config/exit-policy.ts'
import { StoreError } from '../../src/store/index.ts'
import type { RuleText } from '../../src/simulators/fault-script.ts'
import { Bench } from './bench.ts'

const SECOND = 1_000
const CANCELS = { on: 'rest', method: 'DELETE', path: '/v2/orders', when: 'before' } as const

/** A run with an order that rests below the market. */
async function resting(t: TestContext): Promise<Bench> {
  const bench = await Bench.start(t)
  await bench.does((context) => context.buy({ qty: 10, limit: 95 }))
  assert.equal(bench.account.open.size, 1)
  return bench
}

async function stopped(bench: Bench, policy: ExitPolicy): Promise<Stopped> {
  const ended: Stopped[] = []
  void bench.live.stop(policy).then((one) => ended.push(one))
  await bench.until(() => ended.length > 0)
  return ended[0]!
}

const FAULTS: readonly RuleText[] = [
  { ...CANCELS, fault: 'status', status: 429, for: '12s' },
  { ...CANCELS, fault: 'status', status: 503, for: '12s' },
  { ...CANCELS, fault: 'silence', times: 1 },
]

for (const policy of ['protect', 'cancel', 'flatten'] as const) {
  test(`F470 a stop that is to ${policy} asks again for a cancel that was refused or lost`, async (t) => {
    for (const rule of FAULTS) {
      const bench = await resting(t)
      bench.inject(rule)

      const { phases, remaining } = await stopped(bench, policy)

      assert.equal(bench.account.open.size, 0, `after ${rule.fault}`)
      assert.deepEqual(remaining, [])
      assert.ok(phases.every(({ isDone }) => isDone))
      bench.check()
    }
  })
}

test('F470 a stop whose cancels are refused to the end tells what is left', async (t) => {
  const bench = await resting(t)
  bench.inject({ ...CANCELS, fault: 'status', status: 503 })
  const from = bench.world.now

  const { phases, remaining } = await stopped(bench, 'cancel')

  const late = phases.filter(({ isDone }) => !isDone)
  assert.deepEqual(
    late.map(({ name }) => name),
    ['cancel'],
  )
  assert.deepEqual(remaining, ['order s-r-1 open: buy 10 AAPL limit'])
  assert.ok(bench.world.now - from < 60 * SECOND)
})

test('F536 a stop whose journal takes no snapshot tells what is left, and has failed', async (t) => {
  const phases: string[] = []
  const publish = ({ phase }: Health) => phases.push(phase)
  const bench = await Bench.start(t, { live: { publish } })
  await bench.does((context) => context.buy({ qty: 10, limit: 95 }))
  t.mock.method(bench.journal, 'snapshot', () => {
    throw new StoreError('disk-full', 'journal.db has no room left')
  })

  const ended: (Stopped | Error)[] = []
  const note = (one: Stopped | Error) => ended.push(one)
  void bench.live.stop('keep').then(note, note)
  await bench.until(() => ended.length > 0)

  const [end] = ended
  assert.deepEqual(end instanceof Error ? end.message : end?.remaining, [
    'order s-r-1 open: buy 10 AAPL limit',
  ])
  assert.equal(phases.at(-1), 'failed')
  assert.match((await bench.live.pump.failure).message, /no room left/)
})

test('F552 cancels of orders that are over, of which nobody hears, give way to the report that says so', async (t) => {
  const bench = await Bench.start(t, { timing: { exitMs: 300 * SECOND } })
  await bench.does((context) => {
    for (let i = 0; i < 100; i++) context.buy({ qty: 1, limit: 95 - i / 100 })
  })
  await bench.run(61 * SECOND)
  assert.equal(bench.account.open.size, 100)
  bench.inject({ on: 'trading', fault: 'mute' })

  const ended: Stopped[] = []
  void bench.live.stop('cancel').then((one) => ended.push(one))
  await bench.run(100 * SECOND)

  assert.deepEqual(ended[0]?.remaining, [])
  assert.ok(bench.requests('DELETE', '/v2/orders').length <= 200)
})
