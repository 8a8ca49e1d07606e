// Faults of protection: what is held has its stop, for as much as is held, and both exits never count together.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { scenario } from '../../src/testing/scenario.ts'
import { type Action, Bench } from './bench.ts'

const SECOND = 1_000
const MINUTE = 60 * SECOND
const execution = (side: 'buy' | 'sell', qty: number, price: number) =>
  ({ on: 'orders', fault: 'execution', symbol: 'AAPL', type: 'limit', side, qty, price }) as const

/** Quantities of the stops that work at the venue. */
const stops = (bench: Bench): readonly number[] =>
  [...bench.account.open]
    .filter(({ type, where }) => type === 'stop' && where !== 'held')
    .map(({ qty, filled }) => qty - filled)

test('F023 a stop is there from the first part of a fill on, and grows with each', async (t) => {
  const bench = await Bench.start(t)
  await bench.does((context) => context.bracket({ side: 'buy', qty: 10, entry: 95, stop: 90 }))
  assert.deepEqual(stops(bench), [])

  for (const [part, sum] of [
    [3, 3],
    [1, 4],
    [2, 6],
  ] as const) {
    bench.inject(execution('buy', part, 95))
    await bench.run(SECOND)
    assert.equal(bench.position(), sum)
    assert.deepEqual(stops(bench), [sum])
  }
  await bench.does((context) => {
    for (const order of context.orders) if (order.role === 'entry') context.cancel(order.id)
  })
  await bench.run(SECOND)

  assert.deepEqual(stops(bench), [6])
  assert.equal(bench.position(), 6)
  bench.check()
})

test('F023 a stop takes its size where the parts come faster than it can be replaced', async (t) => {
  const bench = await Bench.start(t)
  await bench.does((context) => context.bracket({ side: 'buy', qty: 10, entry: 95, stop: 90 }))

  for (const part of [3, 1, 2, 1, 3]) bench.inject(execution('buy', part, 95))
  await bench.run(10 * SECOND)

  assert.equal(bench.position(), 10)
  assert.deepEqual(stops(bench), [10])
  bench.check()
})

/** A part of a bracket's entry has filled, and the strategy has canceled the rest. */
async function partCanceled(t: TestContext): Promise<Bench> {
  const bench = await Bench.start(t)
  await bench.does((context) =>
    context.bracket({ side: 'buy', qty: 10, entry: 95, stop: 90, target: 105 }),
  )
  bench.inject(execution('buy', 3, 95))
  await bench.run(SECOND)
  await bench.does((context) => context.cancel(context.orders[0]!.id))
  return bench
}

test('F023 a part whose bracket ends with the cancel of its entry is not left without a stop', async (t) => {
  const bench = await partCanceled(t)
  await bench.run(5 * SECOND)

  assert.deepEqual([bench.position(), bench.held()], [3, 3])
  assert.deepEqual(stops(bench), [3])
  bench.check()
})

test('F034 an order that would meet our own is denied, and the denial names it', async (t) => {
  const bench = await Bench.start(t)
  await bench.does((context) => context.buy({ qty: 10 }))
  await bench.does((context) => context.sell({ qty: 10, limit: 101 }))

  await bench.does((context) => {
    context.buy({ qty: 5, limit: 101 })
    context.buy({ qty: 5, limit: 102 })
  })
  assert.deepEqual(bench.denials, [
    'self-cross: it would trade with our own s-r-2, sell at 101',
    'self-cross: it would trade with our own s-r-2, sell at 101',
  ])
  assert.equal(bench.submitted.length, 2)
  await bench.does((context) => context.buy({ qty: 5, limit: 100.5 }))

  assert.equal(bench.submitted.length, 3)
  bench.check()
})

test('F035 where stop and target both fill, what is too much is bought back and a person hears of it', async (t) => {
  const bench = await Bench.start(t)
  await bench.does((context) => context.bracket({ side: 'buy', qty: 10, stop: 95, target: 105 }))
  assert.equal(bench.position(), 10)
  await bench.print(94)
  await bench.run(SECOND)
  assert.equal(bench.position(), 0)

  bench.inject(execution('sell', 10, 105))
  await bench.run(5 * SECOND)

  assert.ok(bench.has(/both legs of the bracket filled/))
  assert.deepEqual([bench.position(), bench.held()], [0, 0])
  bench.check()
})

for (const [how, rule, limit] of [
  ['the stream says', undefined, 5 * SECOND],
  ['only a report says', { on: 'trading', fault: 'drop', for: '2s' }, 70 * SECOND],
] as const) {
  test(`F036 a stop that the venue cancels, as ${how}, is found and the position is closed`, async (t) => {
    const bench = await Bench.start(t)
    await bench.does((context) => context.bracket({ side: 'buy', qty: 10, stop: 95, target: 105 }))
    assert.equal(bench.position(), 10)

    if (rule !== undefined) bench.inject(rule)
    bench.inject({ on: 'orders', fault: 'revoke', symbol: 'AAPL', type: 'stop' })
    await bench.run(limit)

    assert.ok(bench.has(/the stop ended as canceled and leaves 10 unprotected/))
    assert.deepEqual([bench.position(), bench.held()], [0, 0])
    await bench.run(MINUTE)
    bench.check()
  })
}

/** An entry of which 3 of 10 fill before it ends with its session. */
async function parted(t: TestContext): Promise<Bench> {
  const bench = await Bench.start(t, LATE)
  await bench.does((context) =>
    context.bracket({ side: 'buy', qty: 10, entry: 95, stop: 90, target: 105 }),
  )
  bench.inject(execution('buy', 3, 95))
  await bench.until(() => bench.position() === 3)
  await bench.run(4 * MINUTE)
  return bench
}

test('F485 what an entry has brought in by the close keeps its stop', async (t) => {
  const bench = await parted(t)

  assert.deepEqual([bench.position(), bench.held(), stops(bench)], [3, 3, [3]])
  assert.equal(bench.live.engine.lanes[0]!.closing, undefined)
  bench.check()
})

test('F485 a target of what came of an entry that was canceled is taken', async (t) => {
  const bench = await partCanceled(t)

  await bench.print(106)
  await bench.run(5 * SECOND)

  assert.deepEqual([bench.position(), bench.held(), stops(bench)], [0, 0, []])
  assert.equal(bench.has(/bracket.broken/), false)
  bench.check()
})

test('F487 after a restart a stop of ours is not taken for the leg of the venue that it has replaced', async (t) => {
  const bench = await parted(t)

  await bench.restart()
  await bench.run(2 * MINUTE)

  assert.deepEqual([bench.position(), stops(bench)], [3, [3]])
  await bench.does((context) => {
    for (const { id } of context.orders) context.cancel(id)
  })
  assert.deepEqual(stops(bench), [], 'the cancel is that of the order that rests')
})

test('F486 a target is not taken while its market is closed, when nothing could be sold', async (t) => {
  const bench = await parted(t)

  await bench.print(106)
  await bench.run(MINUTE)

  assert.deepEqual([bench.position(), stops(bench)], [3, [3]])
  bench.check()
})

/** 15:57 in New York. */
const LATE = {
  venue: { startAt: Date.UTC(2026, 0, 7, 20, 57) },
  risk: { tradingHours: 'regular' },
} as const

test('F408 the exits of a bracket rest over the close', async (t) => {
  const bench = await Bench.start(t, LATE)
  await bench.does((context) => context.bracket({ side: 'buy', qty: 10, stop: 95, target: 105 }))

  await bench.run(5 * MINUTE)

  assert.deepEqual([bench.position(), bench.held()], [10, 10])
  assert.deepEqual(
    [...bench.account.open].map(({ type, tif }) => `${type} ${tif}`),
    ['limit gtc', 'stop gtc'],
  )
  assert.deepEqual(
    bench.live.engine.liveOrders.map(({ type, tif }) => `${type} ${tif}`),
    ['stop gtc', 'limit gtc'],
  )
  assert.deepEqual([bench.told, bench.live.engine.lanes[0]!.closing], [[], undefined])
  bench.check()
})

test('F409 an entry for the day ends with its session, and where no process was there, with the next start', async (t) => {
  const bench = await Bench.start(t, LATE)
  const enter: Action = (context) =>
    context.bracket({ side: 'buy', qty: 10, entry: 95, stop: 90, target: 105 })
  await bench.does(enter)
  await bench.run(MINUTE)
  bench.kill()
  await bench.run(5 * MINUTE)

  await bench.start()
  await bench.run(5 * SECOND)

  assert.deepEqual(
    bench.phases,
    Array.from({ length: 3 }, () => 'canceled 0/10'),
  )
  assert.deepEqual([...bench.account.open], [])
  bench.check()
})

const unanswered = (rule: object) =>
  ({ on: 'rest', method: 'PATCH', path: '/v2/orders', when: 'before', ...rule }) as never

for (const [how, rule, isKilled] of [
  ['is not answered', { fault: 'status', status: 504, times: 1 }, false],
  ['does not leave before we are killed', { fault: 'reset', times: 1 }, true],
] as const) {
  test(`F411 a stop whose growth ${how} is asked to grow again`, async (t) => {
    const bench = await Bench.start(t)
    await bench.does((context) => context.bracket({ side: 'buy', qty: 10, entry: 95, stop: 90 }))
    bench.inject(execution('buy', 3, 95))
    await bench.run(SECOND)

    bench.inject(unanswered(rule))
    bench.inject(execution('buy', 7, 95))
    await bench.until(() => bench.position() === 10)
    if (isKilled) await bench.restart()
    await bench.run(20 * SECOND)
    assert.deepEqual(stops(bench), [3])
    await bench.run(20 * SECOND)

    assert.deepEqual(stops(bench), [10])
    const asked = bench.requests('PATCH', '/v2/orders').length
    await bench.run(5 * MINUTE)
    assert.equal(bench.requests('PATCH', '/v2/orders').length, asked, 'what is there is not asked')
    assert.equal(bench.position(), 10)
    bench.check()
  })
}

/** Long 10 at 100, with a stop at 90 that trails by a twentieth. */
const trailing = async (bench: Bench): Promise<void> =>
  await bench.does((context) =>
    context.bracket({ side: 'buy', qty: 10, stop: 90, trail: { activate: 0.01, distance: 0.05 } }),
  )

/** Where the stops are, there and here. */
const stopPrices = (bench: Bench): readonly unknown[] => [
  ...[...bench.account.open].map(({ stop }) => stop),
  ...bench.orders.filter(({ role }) => role === 'stop').map(({ stop }) => stop),
]

test('F412 a stop whose move was refused is asked to move again, without haste', async (t) => {
  const bench = await Bench.start(t)
  await trailing(bench)
  bench.inject(unanswered({ fault: 'status', status: 429, for: '45s' }))

  await bench.print(104)
  await bench.run(44 * SECOND)
  assert.deepEqual(stopPrices(bench), [90, 90])
  assert.ok(bench.alpaca.venue.audit.counts()['status']! <= 10, 'it is not asked on and on')
  await bench.run(45 * SECOND)

  assert.deepEqual(stopPrices(bench), [98.8, 98.8])
  assert.equal(bench.position(), 10)
  bench.check()
})

test('F412 a stop that was moved, of which nothing is heard, is found where it is', async (t) => {
  const bench = await Bench.start(t)
  await trailing(bench)
  bench.inject({ on: 'trading', fault: 'drop', for: '5s' })

  await bench.print(104)
  assert.deepEqual(stopPrices(bench), [98.8, 90])
  await bench.run(3 * MINUTE)

  assert.deepEqual(stopPrices(bench), [98.8, 98.8])
  assert.equal(bench.position(), 10)
  bench.check()
})

for (const [how, isMended] of [
  ['a report', false],
  ['the stream that is back', true],
] as const) {
  for (const [filled, phase] of [
    [10, 'filled 10/10'],
    [5, 'open 5/10'],
  ] as const) {
    test(`F413 a stop that grew and filled ${filled} unheard is of its new size before ${how} counts its fills`, async (t) => {
      const bench = await Bench.start(t)
      await bench.does((context) => context.bracket({ side: 'buy', qty: 10, entry: 95, stop: 90 }))
      bench.inject(execution('buy', 3, 95))
      await bench.run(SECOND)
      bench.inject(execution('buy', 7, 95))
      await bench.until(() => bench.position() === 10)

      bench.inject({ on: 'trading', fault: 'drop', for: '4s' })
      await bench.run(2 * SECOND)
      bench.inject({ ...execution('sell', filled, 90), type: 'stop' })
      await bench.run(SECOND)
      if (isMended) bench.inject({ on: 'trading', fault: 'cut-off' })
      await bench.run(3 * MINUTE)

      assert.deepEqual(bench.phases, ['filled 10/10', phase])
      assert.equal(bench.position(), 10 - filled)
      assert.equal(bench.live.engine.safety.safeMode, undefined)
      bench.check()
    })
  }
}

test('F524 a sale of all that a bracket holds takes its legs along', () => {
  scenario(`
    10:00:00  trade AAPL 100
    10:00:01  s bracket buy 10 stop 98 target 104   > submit #1 buy 10 market
    10:00:02  filled #1 10 @ 100                    > submit #2 sell 10 stop 98 gtc
                                                    > submit #3 sell 10 limit 104 gtc
    10:00:03  s sell 10                             > submit #4 sell 10 market
    10:00:04  filled #4 4 @ 100                     > amend #2 qty 6   > amend #3 qty 6
    10:00:05  amended #2 qty 6
              amended #3 qty 6
    10:00:06  filled #4 6 @ 100                     > cancel #2   > cancel #3
    10:00:07  canceled #2
              canceled #3                           = live none, position 0, closing none
  `)
})
