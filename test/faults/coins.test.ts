// Faults of coins at Alpaca, which takes fewer orders of them than of shares, and holds one for a single sale.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Context } from '../../src/strategy/index.ts'
import { Bench, BTC } from './bench.ts'

const COIN = 'BTC/USD'

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
  assert.deepEqual([bench.position(BTC), bench.denials.length], [qty, 4])
  bench.check()
})
