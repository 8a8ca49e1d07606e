// Killing: the kill switch while orders are on their way. The real adapter at the local Alpaca, in virtual time.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Action, Bench } from './bench.ts'

const SECOND = 1_000
const ORDERS = { on: 'rest', path: '/v2/orders' } as const
const COUNT = 20
/** From the engine to the venue. */
const WIRE_MS = 5

/** A batch of limit orders below the market. */
const quotes: Action = (context) => {
  for (let i = 0; i < COUNT; i++) context.buy({ qty: 1, limit: 91 + i / 10 })
}
const SWEEP = [0, 50, 150, 250, 450, 650, 850, 1_050, 2_000]

test('F149 after the kill switch no order of a batch under way leaves, and none stays open', async (t) => {
  const left: number[] = []
  for (const [i, delayMs] of SWEEP.entries()) {
    const bench = await Bench.start(t)
    bench.inject({ ...ORDERS, method: 'POST', fault: 'slow', by: '200ms' })
    // Of some, what became of them is not known either.
    if (i % 2 === 1)
      bench.inject({ ...ORDERS, method: 'POST', fault: 'silence', when: 'after', times: 2 })
    bench.tells(quotes)
    await bench.until(() => bench.submitted.length > 0)
    await bench.run(delayMs)

    bench.live.control({ do: 'kill-switch', on: true, why: 'the test' }, 'test')
    const killedAt = bench.world.now
    await bench.run(60 * SECOND)

    const late = bench.requests('POST', '/v2/orders').filter(({ at }) => at > killedAt + WIRE_MS)
    assert.deepEqual(late, [], `killed after ${delayMs} ms`)
    assert.deepEqual([...bench.account.open], [], `killed after ${delayMs} ms`)
    assert.ok(bench.orders.every(({ phase }) => phase === 'done'))
    assert.equal(bench.live.gateway.underWay.size, 0)
    bench.check()
    left.push(bench.submitted.length)
    bench.end()
  }
  assert.ok(left[0]! < COUNT && left.at(-1) === COUNT, `orders that had left: ${left.join(', ')}`)
})

test('F149 a cancel that fails is asked for again, until the venue has no order that adds risk', async (t) => {
  const bench = await Bench.start(t)
  await bench.does(quotes)
  await bench.run(10 * SECOND)
  assert.equal(bench.account.open.size, COUNT)
  bench.inject({
    ...ORDERS,
    method: 'DELETE',
    fault: 'status',
    status: 503,
    when: 'before',
    for: '12s',
  })

  bench.live.control({ do: 'kill-switch', on: true, why: 'the test' }, 'test')
  await bench.run(10 * SECOND)
  assert.equal(bench.account.open.size, COUNT)
  await bench.run(20 * SECOND)

  assert.equal(bench.account.open.size, 0)
  bench.check()
})
