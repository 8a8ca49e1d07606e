// Faults of Alpaca's reports: orders that the list which was asked for does not have. Rows F479 to F481, F519, F521
// and F584.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { type OrderId, orderId } from '../../src/core/brand.ts'
import type { Order } from '../../src/core/order.ts'
import { DAY, ms } from '../../src/core/time.ts'
import { Universe } from '../../src/core/universe.ts'
import { VirtualWorld } from '../../src/io/virtual.ts'
import { generateTape } from '../../src/simulators/market.ts'
import { ALPACA } from '../../src/venues/alpaca/broker.ts'
import { AlpacaVenue } from '../../src/venues/alpaca/venue.ts'
import { opened, orderOf, settled, told } from '../alpaca/booking.ts'
import { KEY, START } from '../alpaca/local.ts'
import { HOSTS, VirtualAlpaca } from '../alpaca/virtual.ts'
import { Bench } from './bench.ts'

const MINUTE = 60_000

/** A venue whose account several runs share. Each is told of orders since it began. */
async function shared(t: TestContext) {
  const world = new VirtualWorld({ seed: 1, startAt: ms(START) })
  const market = { seed: 3, symbols: ['AAPL'], start: ms(START - DAY), sessions: 3 }
  const tape = generateTape({ ...market, kind: 'bars' })
  const alpaca = await world.settled(
    VirtualAlpaca.serve(world, { tape, startAt: START, keys: [KEY] }),
  )
  t.after(() => alpaca.stop())
  const price = alpaca.venue.market.price('AAPL')

  async function join(run: string, others: readonly string[] = []) {
    const universe = new Universe()
    const io = world.node(run)
    const adapter = new AlpacaVenue({ io, keys: KEY, symbols: ['AAPL'], universe, hosts: HOSTS })
    adapter.adopt([], [], run, others)
    const opened = await world.settled(adapter.open(() => {}))
    assert.ok(opened.ok)
    universe.add(opened.value[0]!)
    const { broker } = adapter
    broker.reportFrom(world.now)
    const submit = async (order: Order, legs: readonly Order[] = []): Promise<string> => {
      const commands = [{ type: 'submit', order, legs }] as const
      const batch = { venue: ALPACA, kind: 'submit', commands } as const
      const [taken] = await world.settled(broker.execute(batch))
      assert.ok(taken?.ok, JSON.stringify(taken))
      return taken.value.venueId
    }
    const cancel = async (id: OrderId): Promise<void> => {
      const commands = [{ type: 'cancel', id, symbol: universe.all[0]!.id }] as const
      await world.settled(broker.execute({ venue: ALPACA, kind: 'cancel', commands }))
    }
    const report = async (): Promise<readonly string[]> => {
      const answer = await world.settled(broker.report())
      assert.ok(answer.ok, JSON.stringify(answer))
      return answer.value.orders.map(
        ({ side, qty, open }) => `${side} ${qty} ${open ? 'open' : 'over'}`,
      )
    }
    return { universe, instrument: universe.all[0]!, submit, cancel, report }
  }
  return { world, price, join }
}

test('F479 the exits of another run are seen though their entry filled long before', async (t) => {
  const { world, price, join } = await shared(t)
  const { universe, instrument, submit } = await join('a')
  const group = orderId('s-a-1')
  const { limit: _, ...market } = orderOf(universe, group, { type: 'market', tif: 'gtc' })
  const exit = { side: 'sell', tif: 'gtc', group } as const
  const stop = { ...exit, role: 'stop', type: 'stop', stop: instrument.px(price / 2) } as const
  const target = { ...exit, role: 'target', limit: instrument.px(price * 2) } as const
  await submit({ ...market, group, role: 'entry' }, [
    orderOf(universe, 's-a-2', stop),
    orderOf(universe, 's-a-3', target),
  ])
  await world.run(2 * MINUTE)

  const other = await join('b')

  assert.deepEqual(await other.report(), ['sell 10 open', 'sell 10 open'])
})

for (const how of ['a run goes on', 'no run is there'] as const) {
  test(`F480 an order of somebody else that ends unheard while ${how} is told as over`, async (t) => {
    const { world, price, join } = await shared(t)
    const first = await join('a')
    const limit = first.instrument.px(price / 2)
    const id = orderId('s-a-1')
    const venueId = await first.submit(orderOf(first.universe, id, { limit, tif: 'gtc' }))
    await world.run(MINUTE)
    const second = await join('b', how === 'no run is there' ? [venueId] : [])
    if (how === 'a run goes on') assert.deepEqual(await second.report(), ['buy 10 open'])

    await first.cancel(id)
    await world.run(MINUTE)

    assert.deepEqual(await second.report(), ['buy 10 over'])
    assert.deepEqual(await second.report(), [], 'and once')
  })
}

test('F481 a report tells no more after months than after a day', async (t) => {
  const bench = await Bench.start(t)
  await bench.run(5 * MINUTE)

  const asked = bench
    .requests('GET', '/v2/account/activities')
    .map(({ query, at }) => at - Date.parse(new URLSearchParams(query).get('after') ?? ''))
  assert.ok(asked.length >= 5, `${asked.length} reports`)
  // The first is one of a new journal, whose last turn is now; each later one goes a day back from the one before.
  for (const back of asked) assert.ok(back >= DAY && back < DAY + 2 * MINUTE, `${back} ms back`)
})

for (const countsLegs of [false, true]) {
  test(`F519 all brackets of a day are reported where legs ${countsLegs ? '' : 'do not '}count towards a page`, async () => {
    const { venue, universe, alpaca } = await opened()
    venue.state.countsLegs = countsLegs
    const symbol = universe.all[0]!.symbol
    for (let i = 0; i < 400; i++) {
      const about = { symbol, qty: '10', type: 'market', side: 'buy', time_in_force: 'gtc' }
      const entry = venue.book({ ...about, client_order_id: `s-a-${i}` }, { status: 'filled' })
      const exit = { ...about, type: 'limit', limit_price: '200', side: 'sell' }
      entry.legs = [0, 1].map(() => venue.book(exit, { status: 'canceled' }))
    }

    const report = await settled(venue.world, alpaca.broker.report())

    assert.ok(report.ok, JSON.stringify(report))
    assert.equal(report.value.orders.filter(({ id }) => id !== undefined).length, 400)
    assert.equal(report.value.orders.length, 1_200)
  })
}

test('F584 an order of several options, which has no symbol and no side, is in the list', async () => {
  const { venue, universe, alpaca, run, troubles } = await opened()
  const about = { qty: '1', type: 'limit', limit_price: '10', order_class: 'mleg' }
  const leg = { ...about, limit_price: null, type: '' }
  const spread = venue.book({ ...about, symbol: '', side: '' })
  spread.legs = [
    venue.book({ ...leg, symbol: 'AAPL241213C00250000', side: 'buy' }),
    venue.book({ ...leg, symbol: 'AAPL241213C00260000', side: 'sell' }),
  ]
  await run({ type: 'submit', order: orderOf(universe, 's-a-1') })

  const report = await settled(venue.world, alpaca.broker.report())
  venue.update('new', spread)
  await venue.world.run(100)

  assert.ok(report.ok, JSON.stringify(report))
  assert.deepEqual(
    report.value.orders.map(({ id }) => id),
    ['s-a-1'],
  )
  assert.deepEqual(troubles, [])
  await settled(venue.world, alpaca.close())
})

test('F521 a fill that was missed is booked though its activity writes the coin without the slash', async () => {
  const { venue, universe, alpaca, inputs, run, troubles } = await opened()
  const coin = universe.all[1]!
  const order = orderOf(universe, 's-a-1', { symbol: coin.id, tif: 'gtc' })
  const [taken] = await run({ type: 'submit', order })
  assert.ok(taken?.ok, JSON.stringify(taken))
  const booked = venue.orders[0]!
  booked['symbol'] = 'BTCUSD'
  venue.fill(booked, 4)
  booked['symbol'] = coin.symbol
  inputs.splice(0)

  venue.sockets.at(-1)!.abort()
  await venue.world.run(MINUTE)

  assert.deepEqual(
    told(inputs).filter((line) => line.startsWith('filled')),
    ['filled s-a-1 3.9899'],
  )
  assert.deepEqual(troubles, [])
  await settled(venue.world, alpaca.close())
})
