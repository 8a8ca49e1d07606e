import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fillId, orderId, symbolId, venueId } from './brand.ts'
import { fault } from './fault.ts'
import { type Input, isMarket, rank } from './input.ts'
import { equitySpec, Instrument, money } from './instrument.ts'
import { ms } from './time.ts'

const at = ms(0)
const id = orderId('sma-1-a')
const venue = venueId('sim')
const symbol = symbolId(0)
const spec = equitySpec('AAPL', venue)
const instrument = new Instrument(symbol, spec)
const bar = { symbol, start: at, open: 1, high: 1, low: 1, close: 1, volume: 0, trades: 0 }
const quote = { symbol, ts: at, bid: 1, bidSize: 1, ask: 2, askSize: 1 }
const filled = { fill: fillId('f1'), qty: instrument.qty(1), price: 1, fee: money(0) }
const [equity, cash, buyingPower] = [money(1), money(1), money(1)]
const busted = { bust: fillId('b1'), fill: fillId('f1'), qty: instrument.qty(1), price: 1 }
const external = { qty: instrument.qty(2), filled: instrument.qty(0), avgPrice: 0 }
const why = fault('bad-request', 'no')

// One of every type, in the order in which a millisecond is told.
const ranks: readonly (readonly Input[])[] = [
  [{ type: 'control', at, control: { do: 'pause' }, by: 'operator' }],
  [
    { type: 'venue.up', at, venue, stream: 'feed' },
    { type: 'venue.down', at, venue, stream: 'orders', why: 'closed' },
    { type: 'instrument.added', at, spec },
  ],
  [
    { type: 'order.accepted', at, ts: at, id, venueId: 'v1' },
    { type: 'order.filled', at, ts: at, id, ...filled },
    { type: 'order.canceled', at, ts: at, id },
    { type: 'order.expired', at, ts: at, id },
    { type: 'order.rejected', at, ts: at, id, fault: why },
    { type: 'cancel.rejected', at, ts: at, id, fault: why },
    { type: 'order.amended', at, ts: at, id },
    { type: 'order.absent', at, ts: at, id },
    { type: 'order.busted', at, ts: at, id, ...busted },
    {
      type: 'external',
      at,
      order: { ...external, venueId: 'v2', symbol, side: 'buy', open: true },
    },
  ],
  [{ type: 'account', at, venue, equity, cash, buyingPower }],
  [
    { type: 'trade', at, trade: { symbol, ts: at, price: 1, size: 1 } },
    { type: 'quote', at, quote },
    { type: 'bar', at, bar: { ...bar, timeframe: '1m' }, source: 'venue' },
  ],
]

test('ranks operator, venue, orders, account and market in this order', () => {
  for (const [expected, inputs] of ranks.entries()) {
    for (const input of inputs) assert.equal(rank(input), expected, input.type)
  }
})

test('calls trades, quotes and bars market data and nothing else', () => {
  const market = ranks.flat().filter(isMarket)

  assert.deepEqual(
    market.map(({ type }) => type),
    ['trade', 'quote', 'bar'],
  )
})

test('stops at an input of a type that is not in the list', () => {
  assert.throws(
    () => rank(JSON.parse('{"type":"gossip","at":0}') as Input),
    /unexpected value .*gossip/,
  )
})
