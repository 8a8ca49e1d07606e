// Killing: the kill switch while orders are on their way. The real adapter at the local Alpaca, in virtual time.
import assert from 'node:assert/strict'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Want, Wishes } from '../../src/runtime/live/wishes.ts'
import { temporary } from '../cli/skein.ts'
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

test('F440 a wish that cannot be taken away holds, and stops no run', async (t) => {
  const path = join(temporary(t), 'journal.db')
  const bad: string[] = []
  const wishes = new Wishes(path, (why) => bad.push(why))
  /** In the place of each file there is a folder by the time its wish is done. */
  const waiting = () => {
    const found = wishes.waiting()
    for (const { name } of found) {
      rmSync(join(`${path}.wishes`, name))
      mkdirSync(join(`${path}.wishes`, name))
    }
    return found
  }
  const stuck = {
    waiting,
    done: (name: string) => wishes.done(name),
    refuse: (name: string, why: string) => wishes.refuse(name, why),
  }
  const bench = await Bench.start(t, { live: { wishes: stuck } })
  wishes.put({ want: 'kill', why: 'enough', by: 'test' })
  await bench.run(5 * SECOND)

  assert.equal(bench.live.health.phase, 'running')
  assert.equal(bench.live.engine.killSwitch, 'enough')
  assert.match(bad.join('\n'), /^\S+ is over and cannot be taken away, the next start/)
  bench.check()
})

test('F587 who wants all closed while the kill switch is on is told that nothing is', async (t) => {
  const wishes = new Wishes(join(temporary(t), 'journal.db'))
  const bench = await Bench.start(t, { live: { wishes } })
  const wish = { why: '', by: 'test' } as const
  await bench.does((context) => context.buy({ qty: 10 }))
  wishes.put({ want: 'kill', ...wish, why: 'enough' })
  await bench.run(2 * SECOND)

  const name = wishes.put({ want: 'flatten', ...wish })
  await bench.run(2 * SECOND)

  assert.equal(
    wishes.refusal(name),
    'nothing is closed while the kill switch is on (enough): lift it first',
  )
  wishes.put({ want: 'lift', ...wish })
  await bench.run(60 * SECOND)
  assert.equal(bench.held(), 10, 'it is not done later')
  wishes.put({ want: 'flatten', ...wish })
  await bench.run(5 * SECOND)
  assert.equal(bench.held(), 0)
  bench.check()
})

test('F594 wishes of one moment are taken one after the other: what the first does to the kill switch holds for the next', async (t) => {
  const wishes = new Wishes(join(temporary(t), 'journal.db'))
  const bench = await Bench.start(t, { live: { wishes } })
  const put = (want: Want): string => wishes.put({ want, why: 'enough', by: 'test' })
  await bench.does((context) => context.buy({ qty: 10 }))

  put('kill')
  const refused = put('flatten')
  await bench.run(2 * SECOND)
  assert.match(
    wishes.refusal(refused)!,
    /^nothing is closed while the kill switch is on \(enough\)/,
  )
  put('lift')
  await bench.run(60 * SECOND)
  assert.equal(bench.held(), 10)
  put('kill')
  await bench.run(2 * SECOND)
  put('lift')
  const taken = put('flatten')
  await bench.run(10 * SECOND)

  assert.equal(wishes.refusal(taken), undefined)
  assert.equal(bench.held(), 0)
  bench.check()
})

test('F471 an order without a trace is given up though the kill switch wants it canceled', async (t) => {
  const bench = await Bench.start(t)
  bench.inject({ ...ORDERS, method: 'POST', fault: 'silence', when: 'before', times: 1 })
  await bench.does((context) => context.buy({ qty: 1, limit: 95 }))

  bench.live.control({ do: 'kill-switch', on: true, why: 'the test' }, 'test')
  await bench.run(300 * SECOND)

  assert.deepEqual(bench.phases, ['rejected 0/1'])
  // A cancel of what nobody knows to be there is a lookup, and what is under way for an order keeps it from being given up.
  const lookups = bench.requests('GET', '/v2/orders:by_client_order_id').length
  assert.ok(lookups < 10, `${lookups} lookups`)
  bench.check()
})
