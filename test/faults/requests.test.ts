// Faults of history: limits of requests, pages that cannot be used, answers of another shape. Rows F059 to F062, F066
// and F583.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { iso, MINUTE, ms } from '../../src/core/time.ts'
import { opened, orderOf } from '../alpaca/booking.ts'
import { historyOf, START } from '../alpaca/pages.ts'
import { barAt, eventually, feedOf, push, settled, told, venueOf } from '../alpaca/scripted.ts'
import { Bench } from './bench.ts'

test('F059 a venue that limits requests is left alone as long as it says, and reads leave room for orders', async (t) => {
  const bench = await Bench.start(t)
  const clock = (): Promise<unknown> => bench.adapter.history.clock()
  const posts = (): readonly { readonly at: number }[] => bench.requests('POST', '/v2/orders')
  bench.inject({
    on: 'rest',
    fault: 'status',
    status: 429,
    retryAfter: 10,
    path: '/v2/clock',
    times: 1,
  })
  const limitedAt = bench.world.timeline.now
  const limited = clock()
  await bench.run(500)
  bench.tells((context) => context.buy({ qty: 1 }))
  await bench.until(() => posts().length === 1)
  const waited = bench.world.timeline.now - limitedAt
  await bench.world.settled(limited)
  // A minute later the budget is whole again; more reads than it has must leave room for an order.
  await bench.run(130_000)
  const reads = Array.from({ length: 300 }, clock)
  await bench.run(1_000)
  const [seen] = [bench.requests('GET', '/v2/clock').length]
  await bench.does((context) => context.buy({ qty: 2 }))
  const sent = posts().length
  bench.adapter.budgets.trading.close()
  await bench.world.settled(Promise.all(reads))

  assert.ok(waited >= 10_000 && waited < 15_000, `the order left after ${waited} ms`)
  assert.ok(seen > 100 && seen <= 200, `${seen} reads of 300 have left`)
  assert.equal(sent, 2)
})

test('F583 keys that are revoked while a run goes on end in safe mode, and no order leaves any more', async (t) => {
  const bench = await Bench.start(t)
  const refused = {
    on: 'rest',
    fault: 'status',
    status: 401,
    body: '{"message":"unauthorized."}',
  } as const
  await bench.does((context) => context.buy({ qty: 10 }))
  // One refusal alone is an accident.
  bench.inject({ ...refused, method: 'GET', path: '/v2/orders', times: 1 })
  await bench.run(2 * MINUTE)
  assert.equal(bench.live.engine.safety.safeMode, undefined)

  const restore = bench.inject(refused)
  for (let i = 0; i < 30; i++) await bench.does((context) => context.buy({ qty: 1 }))
  const sent = bench.submitted.length
  for (let i = 0; i < 30; i++) await bench.does((context) => context.buy({ qty: 1 }))

  assert.equal(bench.submitted.length, sent)
  assert.match(bench.denials.at(-1)!, /^safe-mode: .*alpaca refuses the keys: .* 401/)
  assert.ok(bench.has(/^safe mode: alpaca refuses the keys/))
  restore()
  await bench.run(MINUTE)
  bench.live.control({ do: 'safe-mode', on: false, why: 'other keys' }, 'test')
  await bench.does((context) => context.close())
  assert.equal(bench.held(), 0)
  bench.check()
})

for (const [name, change, expected] of [
  [
    'with a symbol that nobody asked for',
    (bars: Record<string, unknown[]>) => ({ bars: { ...bars, ZZZ: [] }, next_page_token: null }),
    /nobody asked for ZZZ/,
  ],
  [
    'whose bars are out of order',
    (bars: Record<string, unknown[]>) => ({
      bars: Object.fromEntries(
        Object.entries(bars).map(([symbol, list]) => [symbol, list.toReversed()]),
      ),
      next_page_token: null,
    }),
    /follows/,
  ],
  [
    'with a bar that is none',
    () => ({
      bars: { A: [{ t: iso(START), o: 1, h: 0, l: 1, c: 1, v: 1 }] },
      next_page_token: null,
    }),
    /corrupt-data .*bars\.A\[0\] makes no sense/,
  ],
  [
    'whose token repeats itself',
    (bars: Record<string, unknown[]>) => ({ bars, next_page_token: 'again' }),
    /do not end/,
  ],
  ['without bars', () => ({ message: 'hello' }), /no bars/],
] as const) {
  test(`F060 nothing is used of a page ${name}`, async () => {
    const { read } = historyOf((body) => change(body.bars))
    const { faults, bars } = await read()

    assert.equal(faults.length, 1)
    assert.match(faults[0]!, expected)
    assert.ok(bars.length <= 7)
  })
}

test('F060 rows that a page has in common with the one before come once, and in order', async () => {
  const whole = (await historyOf().read()).bars
  const last = new Map<string, unknown>()
  const { read } = historyOf((body) => {
    // Each page begins with the last row of the page before it.
    for (const [symbol, rows] of Object.entries(body.bars)) {
      const before = last.get(symbol)
      last.set(symbol, rows.at(-1))
      if (before !== undefined) rows.unshift(before)
    }
    return body
  })
  const { bars, faults } = await read()

  assert.deepEqual(faults, [])
  assert.deepEqual(bars, whole)
})

test('F060 a page with fewer rows than asked for, or none, is not the last while it has a token', async () => {
  const whole = (await historyOf().read()).bars
  const kept: unknown[] = []
  const { read } = historyOf((body, page) => {
    // Every second page is empty, and its rows come with the next one.
    const rows = Object.entries(body.bars)
    if (page % 2 === 1 && body.next_page_token !== null) {
      kept.push(...rows)
      return { ...body, bars: {} }
    }
    const all: Record<string, unknown[]> = {}
    for (const [symbol, list] of [...(kept.splice(0) as typeof rows), ...rows])
      (all[symbol] ??= []).push(...list)
    return { ...body, bars: all }
  })

  assert.deepEqual((await read()).bars, whole)
})

test('F062 a backfill of 500 symbols does not hold up the stream, nor the filling of its gap', async () => {
  const names = Array.from({ length: 500 }, (_none, i) => `L${i}`)
  const venue = venueOf()
  const { inputs, ids, feed, history } = feedOf(venue, { names, batch: 500 })
  for (const kind of ['bars', 'quotes'] as const)
    await settled(venue.world, feed.subscribe(kind, ids.slice(0, 1)))
  const start = Math.floor(venue.world.now / MINUTE) * MINUTE
  const quote = (): void =>
    push(venue, { T: 'q', S: 'L0', bp: 4, bs: 1, ap: 5, as: 1, t: iso(venue.world.now) })
  let pages = 0
  const backfill = async (): Promise<void> => {
    const span = { from: ms(start - 600 * MINUTE), to: ms(start) }
    for (let round = 0; round < 40; round++)
      for await (const _page of history.bars({ symbols: names, timeframe: '1m', ...span })) pages++
  }
  void backfill()
  await venue.world.run(2_000)
  const before = pages
  const late: number[] = []
  for (let second = 0; second < 100; second++) {
    const [sentAt, count] = [venue.world.timeline.now, inputs.length]
    quote()
    await venue.world.run(1_000, () => inputs.length > count)
    late.push(venue.world.timeline.now - sentAt)
    await venue.world.run(1_000)
    if (second === 70) {
      // All that the backfill may have of this minute is gone. Now the stream is cut, and a bar is missed.
      venue.rest.set('L0', [barAt('L0', start)])
      venue.sockets.at(-1)!.abort()
      const cutAt = venue.world.timeline.now
      await eventually(venue, () => told(inputs).at(-1) === 'venue.up', 10_000)
      late.push(venue.world.timeline.now - cutAt)
    }
  }

  assert.ok(before > 100 && pages < 400, `${before} pages at once, ${pages} in all`)
  assert.ok(Math.max(...late) < 5_000, `${Math.max(...late)} ms`)
  assert.ok(told(inputs).some((line) => line.startsWith('bar')))
})

test('F066 an answer of another shape is named by its path, and what is new in it does no harm', async () => {
  const changed = async (change: (row: Record<string, unknown>) => object): Promise<string[]> => {
    const { read } = historyOf(({ bars, next_page_token }) => ({
      bars: Object.fromEntries(
        Object.entries(bars).map(([symbol, rows]) => [
          symbol,
          rows.map((row, i) => (i === 3 ? change(row as Record<string, unknown>) : row)),
        ]),
      ),
      next_page_token,
      currency: 'USD',
    }))
    return (await read()).faults
  }
  const renamed = await changed(({ o, ...row }) => ({ ...row, open: o }))
  const typed = await changed((row) => ({ ...row, c: { amount: 11 } }))
  const stamped = await changed((row) => ({ ...row, t: 1767625500 }))

  const orders = await opened()
  await orders.run({ type: 'submit', order: orderOf(orders.universe, 'sma-1-1') })
  const [order] = orders.venue.orders
  orders.venue.update('new', { ...order!, status: undefined as never })
  await orders.venue.world.run(100)
  order!['symbol'] = { name: 'AAPL' }
  const report = await settled(orders.venue.world, orders.alpaca.broker.report())

  assert.match(
    orders.troubles.join(),
    /a trade update that cannot be read: order\.status is missing/,
  )
  assert.match(JSON.stringify(report), /GET \/v2\/orders: \[0\]\.symbol is /)
  assert.deepEqual(await changed((row) => ({ ...row, added: [1], o: '10' })), [])
  assert.match(renamed.join(), /^corrupt-data .*: bars\.A\[3\]\.o is missing/)
  assert.match(typed.join(), /bars\.A\[3\]\.c is \{"amount":11\}/)
  assert.match(stamped.join(), /bars\.A\[3\]\.t is 1767625500/)
})
