// Faults of fills: what was executed counts once, whoever tells it, whenever, and however often.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AAPL, Bench } from './bench.ts'

const SECOND = 1_000
const MINUTE = 60 * SECOND
const ORDERS = { on: 'rest', method: 'POST', path: '/v2/orders' } as const

/** An open order below the market, which only a script fills. */
const resting = async (bench: Bench, qty = 10): Promise<void> => {
  await bench.does((context) => context.buy({ qty, limit: 95 }))
}
const execution = (qty: number) =>
  ({ on: 'orders', fault: 'execution', symbol: 'AAPL', type: 'limit', qty, price: 95 }) as const

test('F018 a fill that comes before the answer to its order is booked to it', async (t) => {
  const bench = await Bench.start(t)
  bench.inject({ ...ORDERS, fault: 'slow', by: '3s' })

  await bench.does((context) => context.buy({ qty: 10 }))
  assert.deepEqual(bench.phases, ['filled 10/10'])
  assert.equal(bench.position(), 10)
  await bench.run(4 * SECOND)

  assert.deepEqual(bench.phases, ['filled 10/10'])
  assert.equal(bench.live.engine.statistics.orders.unknown, 0)
  bench.check()
})

test('F019 an execution that is told five times, and again after a restart, counts once', async (t) => {
  const bench = await Bench.start(t)
  bench.inject({ on: 'trading', fault: 'duplicate', holding: 'fill"', copies: 4 })

  await bench.does((context) => context.buy({ qty: 10 }))
  assert.equal(bench.fills.length, 1)
  await bench.restart()
  bench.inject({ on: 'trading', fault: 'replay' })
  await bench.run(5 * SECOND)

  assert.equal(bench.position(), 10)
  assert.equal(bench.fills.length, 1)
  bench.check()
})

test('F020 an order that has ended stays so when its whole history comes again', async (t) => {
  const bench = await Bench.start(t)
  await bench.does((context) => context.buy({ qty: 10 }))
  await resting(bench)
  await bench.does((context) => context.cancel(context.orders[0]!.id))
  const ended = ['filled 10/10', 'canceled 0/10']
  assert.deepEqual(bench.phases, ended)

  bench.inject({ on: 'trading', fault: 'replay' })
  await bench.run(SECOND)
  assert.deepEqual(bench.phases, ended)
  await bench.restart()
  bench.inject({ on: 'trading', fault: 'replay' })
  await bench.run(SECOND)

  assert.deepEqual(bench.phases, ended)
  bench.check()
})

test('F021 a fill after the cancel was acknowledged is booked, and a person hears of it', async (t) => {
  for (const seconds of [0, 5, 120]) {
    const bench = await Bench.start(t)
    await resting(bench)
    await bench.does((context) => context.cancel(context.orders[0]!.id))
    assert.deepEqual(bench.phases, ['canceled 0/10'])

    await bench.run(seconds * SECOND)
    bench.inject(execution(4))
    await bench.run(SECOND)
    assert.deepEqual(bench.phases, ['canceled 4/10'], `after ${seconds} s`)
    bench.inject(execution(6))
    await bench.run(SECOND)

    assert.deepEqual(bench.phases, ['filled 10/10'])
    assert.ok(bench.has(/order s-r-1 had ended as canceled and has traded: .*, 4 of 10/))
    bench.check()
    bench.end()
  }
})

test('F021 a fill of an order that was given up as lost is booked too', async (t) => {
  const bench = await Bench.start(t, { timing: { visibilityMs: 10 * SECOND, orderAgeMsMax: 1 } })
  bench.inject({ on: 'orders', fault: 'hide', by: '60s', times: 1 })
  bench.inject({ ...ORDERS, fault: 'status', status: 504, when: 'after', times: 1 })
  bench.inject({ on: 'trading', fault: 'drop', for: '40s' })
  await resting(bench)
  await bench.run(45 * SECOND)
  assert.deepEqual(bench.phases, ['rejected 0/10'])

  bench.inject(execution(10))
  await bench.run(SECOND)

  assert.deepEqual(bench.phases, ['filled 10/10'])
  assert.ok(bench.has(/order s-r-1 had ended as rejected and has traded/))
  bench.check()
})

test('F022 a cancel that is refused because the order has filled brings the fill, and no new order', async (t) => {
  const bench = await Bench.start(t)
  await resting(bench)
  bench.inject({ on: 'trading', fault: 'drop', for: '5s' })
  bench.inject(execution(10))
  await bench.run(100)

  await bench.does((context) => context.cancel(context.orders[0]!.id))
  await bench.run(10 * SECOND)

  assert.deepEqual(bench.phases, ['filled 10/10'])
  assert.equal(bench.requests('DELETE', '/v2/orders').length, 1)
  assert.equal(bench.submitted.length, 1)
  bench.check()
})

test('F026 executions while the order stream was away are pulled when it is back', async (t) => {
  const bench = await Bench.start(t)
  await resting(bench)
  bench.inject({ on: 'trading', fault: 'refuse', for: '10s' })
  bench.inject({ on: 'trading', fault: 'cut-off' })
  await bench.run(100)
  bench.inject(execution(4))

  await bench.until(() => bench.position() === 4)
  assert.ok(!bench.has(/was missed/), 'the stream mends its own gap')
  bench.inject({ on: 'trading', fault: 'replay' })
  await bench.run(10 * SECOND)

  assert.deepEqual(bench.phases, ['open 4/10'])
  assert.equal(bench.fills.length, 1)
  bench.check()
})

test('F027 restarts between the parts of a fill count each execution once', async (t) => {
  const bench = await Bench.start(t)
  await resting(bench)
  bench.inject(execution(3))
  await bench.run(SECOND)
  bench.kill()
  bench.inject(execution(4))
  await bench.run(SECOND)

  await bench.start()
  assert.deepEqual(bench.phases, ['open 7/10'])
  bench.inject({ on: 'trading', fault: 'replay' })
  bench.inject(execution(3))
  await bench.run(SECOND)
  await bench.restart()

  assert.deepEqual(bench.phases, ['filled 10/10'])
  assert.equal(bench.position(), 10)
  bench.check()
})

test('F031 one execution that turns the position around is applied once', async (t) => {
  const bench = await Bench.start(t)
  await bench.does((context) => context.buy({ qty: 10 }))
  bench.inject({ on: 'trading', fault: 'duplicate', holding: 'fill"', copies: 2 })
  await bench.print(102)

  await bench.does((context) => context.sell({ qty: 25 }))
  await bench.restart()

  const [bought, sold] = bench.fills
  assert.deepEqual([bench.fills.length, bench.position()], [2, -15])
  const made = (sold!.fill.price - bought!.fill.price) * 10
  assert.ok(Math.abs(sold!.profit - made) < 1e-6, `${sold!.profit} is the profit of what was held`)
  const { avgPrice } = bench.live.engine.lanes[AAPL]!.position
  assert.equal(avgPrice, sold!.fill.price)
  bench.check()
})

test('F032 a fee that is charged later changes the cash, once, and no quantity', async (t) => {
  const bench = await Bench.start(t)
  await bench.does((context) => context.buy({ qty: 10 }))
  await bench.run(2 * MINUTE)
  const before = bench.inputs('account').length

  bench.inject({ on: 'orders', fault: 'charge', amount: 1.23 })
  await bench.run(4 * MINUTE)

  assert.equal(bench.inputs('account').length, before + 1)
  assert.equal(bench.live.engine.ours.cash, bench.account.holdings.balance([]).cash)
  assert.equal(bench.position(), 10)
  bench.check()
})

for (const { amount, ...as } of [
  { amount: -60_000 },
  { amount: 200_000 },
  { amount: 200_000, kind: 'ACATC' },
  { amount: -60_000, kind: 'ACATC' },
  { amount: -5_000, kind: 'JNL' },
] as const) {
  const name = `${amount} that its owner moves as ${'kind' in as ? as.kind : 'cash'}`
  test(`F472 ${name} is no profit and no loss, after a restart too`, async (t) => {
    const bench = await Bench.start(t)
    await bench.does((context) => context.buy({ qty: 100 }))
    bench.inject({ on: 'orders', fault: 'charge', amount: 2_000 })
    await bench.run(3 * MINUTE)
    const drawdown = (): number => bench.live.engine.capture().risk.drawdown.drawdown ?? NaN
    const before = drawdown()
    assert.ok(before > 0.015 && before < 0.025, `the drawdown is ${before}`)

    bench.inject({ on: 'orders', fault: 'transfer', amount, ...as })
    await bench.run(3 * MINUTE)

    assert.equal(bench.live.engine.ours.cash, bench.account.holdings.balance([]).cash)
    assert.ok(Math.abs(drawdown() - before) < 1e-9, `the drawdown is ${drawdown()}`)
    assert.ok(bench.has(/the account without a trade; the peaks of the drawdown moved with it$/))
    await bench.restart()
    bench.inject({ on: 'orders', fault: 'charge', amount: 1 })
    await bench.run(3 * MINUTE)
    assert.ok(Math.abs(drawdown() - before) < 1e-4, `the drawdown is ${drawdown()}`)
    assert.equal(bench.position(), 100)
    bench.check()
  })
}

test('F596 money that its owner takes while a report is read is no loss', async (t) => {
  const bench = await Bench.start(t)
  await bench.does((context) => context.buy({ qty: 100 }))
  await bench.run(3 * MINUTE)
  const peaks = bench.live.engine.capture().risk.drawdown
  const asked = bench.requests('GET', '/v2/positions').length
  bench.inject({ on: 'orders', fault: 'transfer', amount: -4_000 })
  bench.inject({ on: 'rest', path: '/v2/positions', fault: 'slow', by: '3s', times: 1 })
  await bench.until(() => bench.requests('GET', '/v2/positions').length > asked)
  bench.inject({ on: 'orders', fault: 'transfer', amount: -4_000 })
  await bench.run(3 * MINUTE)

  const { drawdown } = bench.live.engine.capture().risk.drawdown
  assert.ok(Math.abs(drawdown! - peaks.drawdown!) < 1e-9, `the drawdown is ${drawdown}`)
  assert.equal(bench.live.engine.ours.cash, bench.account.holdings.balance([]).cash)
  assert.equal(bench.inputs('account').length, 2)
  bench.check()
})

test('F596 what its owner took while no process was there is known before anything is traded', async (t) => {
  const bench = await Bench.start(t)
  await bench.does((context) => context.buy({ qty: 100 }))
  bench.kill()
  bench.inject({ on: 'orders', fault: 'transfer', amount: -60_000 })
  await bench.run(MINUTE)
  await bench.start()

  assert.equal(bench.live.engine.ours.cash, bench.account.holdings.balance([]).cash)
  const { drawdown } = bench.live.engine.capture().risk.drawdown
  assert.ok(drawdown! < 0.01, `the drawdown is ${drawdown}`)
})

test('F033 an execution that is taken back is reversed once, and a person hears of it', async (t) => {
  const bench = await Bench.start(t)
  await bench.does((context) => context.buy({ qty: 10 }))

  bench.inject({ on: 'orders', fault: 'bust', symbol: 'AAPL' })
  await bench.run(SECOND)
  assert.equal(bench.position(), 0)
  bench.inject({ on: 'trading', fault: 'replay' })
  await bench.run(SECOND)
  await bench.restart()
  bench.inject({ on: 'trading', fault: 'replay' })
  await bench.run(2 * MINUTE)

  assert.deepEqual(bench.phases, ['filled 0/10'])
  assert.equal(bench.fills.filter(({ busts }) => busts !== undefined).length, 1)
  assert.ok(bench.has(/fill .* of s-r-1 was taken back: 10 at 100\.01/))
  assert.ok(!bench.has(/safe mode/))
  assert.equal(bench.live.engine.ours.cash, 100_000)
  bench.check()
})

test('F420 an execution that is taken back unheard halts its symbol, with both numbers', async (t) => {
  const bench = await Bench.start(t)
  await bench.does((context) => context.buy({ qty: 10 }))
  bench.inject({ on: 'trading', fault: 'drop', for: '5s' })
  bench.inject({ on: 'orders', fault: 'bust', symbol: 'AAPL' })

  await bench.run(2 * MINUTE)
  await bench.does((context) => context.buy({ qty: 1 }))

  assert.ok(bench.has(/^order s-r-1 has filled 10 here and 0 at the venue$/))
  assert.ok(bench.has(/^AAPL is 10 here and 0 at alpaca$/))
  assert.deepEqual(bench.halts, ['position'])
  assert.match(bench.denials.join(), /^symbol-halted: AAPL/)
  assert.deepEqual([bench.position(), bench.held()], [10, 0])
})

const NO_ACTIVITIES = {
  on: 'rest',
  method: 'GET',
  path: '/v2/account/activities',
  fault: 'status',
  status: 200,
  body: '[]',
} as const

/** Four shares of an order that the venue counts and no fill explains, for longer than it may take. */
async function concluded(bench: Bench): Promise<void> {
  await resting(bench)
  bench.inject({ on: 'trading', fault: 'drop', for: '190s' })
  bench.inject({ ...NO_ACTIVITIES, for: '200s' })
  await bench.run(100)
  bench.inject(execution(4))
  await bench.run(210 * SECOND)
  assert.deepEqual(bench.phases, ['open 4/10'])
  assert.deepEqual(
    bench.fills.map(({ fill }) => fill.id),
    ['~s-r-1:0-4'],
  )
}

test('F422 a fill that was concluded is not counted again when the order stream brings the real one', async (t) => {
  for (const isRestarted of [false, true]) {
    const bench = await Bench.start(t)
    await concluded(bench)

    if (isRestarted) await bench.restart()
    bench.inject({ on: 'trading', fault: 'cut-off' })
    await bench.run(30 * SECOND)
    bench.inject({ on: 'trading', fault: 'replay' })
    await bench.run(2 * MINUTE)

    assert.deepEqual(bench.phases, ['open 4/10'])
    bench.check()
    await bench.does((context) => context.cancel(context.orders[0]!.id))
    await bench.does((context) => context.close())
    assert.deepEqual([bench.position(), bench.held()], [0, 0])
    bench.check()
    bench.end()
  }
})

test('F423 a concluded fill whose real one came with a report is taken back like any other', async (t) => {
  const bench = await Bench.start(t)
  await concluded(bench)
  await bench.run(2 * MINUTE)
  assert.deepEqual(bench.phases, ['open 4/10'])
  assert.equal(bench.inputs('order.filled').length, 2, 'a report has told the real one')

  bench.inject({ on: 'orders', fault: 'bust', symbol: 'AAPL' })
  await bench.run(2 * MINUTE)

  assert.deepEqual([bench.position(), bench.held()], [0, 0])
  assert.ok(!bench.has(/safe mode/))
  assert.deepEqual(bench.halts, [])
})
