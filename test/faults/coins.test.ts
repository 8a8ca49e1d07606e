// Faults of coins at Alpaca, which takes fewer orders of them than of shares, and holds one for a single sale.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Context } from '../../src/strategy/index.ts'
import { Bench, BTC } from './bench.ts'

const COIN = 'BTC/USD'
const SECOND = 1_000
/** A coin at 1,000 with a stop that rests at 980, down to 931, and a target at 1,100. Of 0.5 the fee leaves 0.49875. */
const BRACKET = { side: 'buy', qty: 0.5, stop: 980, target: 1_100 } as const

/** What works at the venue: `sell stop_limit 0.5 980/931`. */
const working = (bench: Bench): readonly string[] =>
  [...bench.account.open].map(
    ({ side, type, qty, stop, limit }) => `${side} ${type} ${qty} ${stop ?? '-'}/${limit ?? '-'}`,
  )

async function holding(t: TestContext): Promise<Bench> {
  const bench = await Bench.start(t, { hasCoin: true })
  await bench.does((context) => context.bracket(BRACKET), COIN)
  await bench.run(SECOND)
  assert.deepEqual(working(bench), ['sell stop_limit 0.4987 980/931'])
  assert.equal(bench.position(BTC), 0.4987)
  return bench
}

/** Nothing is held or works, here or there, and what sold it was for that. */
function isFlat(bench: Bench, role: string | undefined): void {
  assert.deepEqual([bench.position(BTC), working(bench)], [0, []])
  assert.ok(bench.held(COIN) < 0.0002, 'dust is left')
  const sale = bench.orders.findLast(({ side, filled }) => side === 'sell' && filled > 0)
  assert.equal(sale?.role, role)
  bench.check()
}

test('F350 what the venue takes of no coin is denied with a reason, and no request leaves', async (t) => {
  const bench = await Bench.start(t, { hasCoin: true })
  const qty = 0.1
  for (const [wish, denial] of [
    [(context) => context.sell({ qty }), /takes no short sale of 0.1 of coins .* free, which is 0/],
    [
      (context) => context.buy({ qty, stop: 1_010 }),
      /takes no stop orders of coins .BTC.USD., but/,
    ],
    [
      (context) => context.buy({ qty, tif: 'fok' }),
      /takes no market orders fok .* but gtc and ioc/,
    ],
    [
      (context) => context.buy({ qty, tif: 'day' }),
      /takes no market orders day .* but gtc and ioc/,
    ],
  ] as const satisfies readonly (readonly [(context: Context) => unknown, RegExp])[]) {
    await bench.does(wish, COIN)
    assert.match(bench.denials.at(-1) ?? '', /^not-taken: alpaca /)
    assert.match(bench.denials.at(-1) ?? '', denial)
  }
  assert.equal(bench.requests('POST', '/v2/orders').length, 0)

  await bench.does((context) => context.buy({ qty }), COIN)
  assert.deepEqual([bench.position(BTC), bench.denials.length], [0.0997, 4])
  bench.check()
})

test('F351 a stop of a coin sells at the venue while nobody is here, and the target is not taken any more', async (t) => {
  const bench = await holding(t)
  bench.kill()
  await bench.print(975, COIN)
  await bench.run(SECOND)
  assert.ok(bench.held(COIN) < 0.0002)

  await bench.start()
  await bench.run(SECOND)
  isFlat(bench, 'stop')
  await bench.print(1_150, COIN)
  isFlat(bench, 'stop')
})

test('F352 a price that has passed the limit of a stop by closes the position, and it is told', async (t) => {
  const bench = await holding(t)
  await bench.print(900, COIN)
  await bench.run(SECOND)

  assert.ok(bench.has(/passed the limit of the stop by, 931/))
  isFlat(bench, undefined)
})

test('F353 a target is sold where the process dies after the cancel of the stop', async (t) => {
  const bench = await holding(t)
  bench.inject({ on: 'market', fault: 'print', symbol: COIN, price: 1_100, size: 100 })
  await bench.until(() => working(bench).length === 0)
  await bench.restart()
  await bench.run(2 * SECOND)

  assert.ok(!bench.has(/unprotected/))
  isFlat(bench, 'target')
})

test('F354 a stop of a coin that the venue refuses closes the position, and it is told', async (t) => {
  const bench = await Bench.start(t, { hasCoin: true })
  const body = JSON.stringify({ code: 40310000, message: 'insufficient balance for BTC' })
  const orders = { on: 'rest', method: 'POST', path: '/v2/orders' } as const
  bench.inject({ ...orders, fault: 'status', status: 403, body, skip: 1, times: 1 })
  await bench.does((context) => context.bracket(BRACKET), COIN)
  await bench.run(3 * SECOND)

  assert.ok(bench.has(/the stop ended as rejected and leaves 0.4987 unprotected/))
  isFlat(bench, undefined)
})

test('F355 the fee of a purchase is taken out of the coins: what is left is counted, protected and sold', async (t) => {
  const bench = await holding(t)
  assert.equal(bench.held(COIN), 0.49875)
  const entry = bench.orders.find(({ role }) => role === 'entry')
  assert.deepEqual([entry?.reason, entry?.filled], ['canceled', 0.4987])
  await bench.restart()
  await bench.run(90 * SECOND)
  assert.deepEqual([bench.position(BTC), bench.halts], [0.4987, []])
  assert.equal(working(bench).length, 1)

  await bench.does((context) => context.close(), COIN)
  await bench.run(2 * SECOND)
  isFlat(bench, undefined)
})

for (const how of ['is heard', 'is missed'] as const) {
  test(`F488 a sale that ${how} costs its fee`, async (t) => {
    const bench = await Bench.start(t, { hasCoin: true })
    await bench.does((context) => context.buy({ qty: 1 }), COIN)
    await bench.does((context) => context.sell({ qty: 0.5, limit: 1_001 }), COIN)

    if (how === 'is missed') bench.kill()
    const sold = { symbol: COIN, side: 'sell', qty: 0.5, price: 1_001 } as const
    bench.inject({ on: 'orders', fault: 'execution', ...sold })
    await bench.run(2 * SECOND)
    if (how === 'is missed') await bench.start()

    // A quarter of a percent of 500.50.
    const fees = bench.inputs('order.filled').map(({ fee }) => fee)
    assert.deepEqual(fees.slice(1), [1.25125])
    bench.check()
  })
}
