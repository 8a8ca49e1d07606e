// Tests of the wire: real payloads, and what is none.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { symbolId } from '../../core/brand.ts'
import { fault } from '../../core/fault.ts'
import { errorOf, faultOfStream, isDuplicate, mayBeDuplicate, refine } from './faults.ts'
import { parseStamp } from './stamps.ts'
import { decimal, decimalOf } from '../../io/json.ts'
import {
  parseAccount,
  parseAsset,
  parseFill,
  parseOrder,
  parsePosition,
  parseTradeUpdate,
  stateOf,
} from './wire.ts'
import { barOf, parseClock, parseDay, quoteOf, tradeOf } from './wire-history.ts'
import { missingOf, parseControl, parseStatus } from './wire-stream.ts'

// Alpaca's own example: EquityOrderResponse of its OpenAPI file.
const ORDER = {
  asset_class: 'us_equity',
  asset_id: 'b0b6dd9d-8b9b-48a9-ba46-b9d54906e415',
  canceled_at: null,
  client_order_id: '5680c4bc-9ac1-4a12-a44c-df427ba53032',
  created_at: '2023-12-12T22:31:24.668464435Z',
  expired_at: null,
  extended_hours: false,
  failed_at: null,
  filled_at: null,
  filled_avg_price: null,
  filled_qty: '0',
  hwm: null,
  id: '7b08df51-c1ac-453c-99f9-323a5f075f0d',
  legs: null,
  limit_price: '150',
  notional: null,
  order_class: '',
  order_type: 'limit',
  qty: '2',
  replaced_at: null,
  replaced_by: null,
  replaces: null,
  side: 'buy',
  source: null,
  status: 'accepted',
  stop_price: null,
  submitted_at: '2023-12-12T22:31:24.577215743Z',
  subtag: null,
  symbol: 'AAPL',
  time_in_force: 'gtc',
  trail_percent: null,
  trail_price: null,
  type: 'limit',
  updated_at: '2023-12-12T22:31:24.668464435Z',
}

test('reads an order', () => {
  assert.deepEqual(parseOrder(ORDER), {
    venueId: ORDER.id,
    clientId: ORDER.client_order_id,
    symbol: 'AAPL',
    side: 'buy',
    type: 'limit',
    qty: 2,
    filled: 0,
    limit: 150,
    status: 'accepted',
    legs: [],
    updatedAt: Date.UTC(2023, 11, 12, 22, 31, 24, 668),
  })
})

test('an order without an id, a symbol, a side or a status is none', () => {
  for (const key of ['id', 'symbol', 'side', 'status'])
    assert.equal(parseOrder({ ...ORDER, [key]: null }), undefined)
  for (const json of [undefined, null, [], 'x', 5]) assert.equal(parseOrder(json), undefined)
})

test('a status that nobody knows is open', () => {
  assert.deepEqual(
    ['new', 'held', 'done_for_day', 'suspended', 'quantum', 'filled', 'replaced'].map(stateOf),
    ['open', 'open', 'open', 'open', 'open', 'filled', 'replaced'],
  )
})

test('reads a partial fill', () => {
  const update = parseTradeUpdate({
    event: 'partial_fill',
    event_id: '01JH0000000000000000000000',
    at: '2026-01-05T15:04:05.2Z',
    timestamp: '2026-01-05T15:04:05.123Z',
    execution_id: 'adb4f7c7-45fe-4a3a-a0ac-02d9fa3c8264',
    price: '187.32',
    qty: '3',
    position_qty: '8',
    order: ORDER,
  })
  assert.ok(update !== undefined)
  assert.deepEqual(
    [update.event, update.qty, update.price, update.execution],
    ['partial_fill', 3, 187.32, 'adb4f7c7-45fe-4a3a-a0ac-02d9fa3c8264'],
  )
  assert.equal(update.at, Date.UTC(2026, 0, 5, 15, 4, 5, 123))
})

test('reads a fill of the activities', () => {
  const fill = parseFill({
    activity_type: 'FILL',
    cum_qty: '2',
    id: '20220202135509981::2d7be4ff-d1f3-43e9-856a-0f5cf5c5088e',
    leaves_qty: '0',
    order_id: 'b5abe576-6a8a-49f3-a353-46b72c1ccae9',
    order_status: 'filled',
    price: '174.78',
    qty: '2',
    side: 'sell_short',
    symbol: 'AAPL',
    transaction_time: '2022-02-02T18:55:09.981482Z',
    type: 'fill',
  })
  assert.deepEqual(
    [fill?.execution, fill?.side, fill?.qty, fill?.cumulative],
    ['2d7be4ff-d1f3-43e9-856a-0f5cf5c5088e', 'sell', 2, 2],
  )
})

test('reads a position, an account and an asset', () => {
  const position = { symbol: 'AAPL', qty: '5', side: 'long', avg_entry_price: '100.0' }
  assert.deepEqual(parsePosition(position), { symbol: 'AAPL', qty: 5, avgPrice: 100 })
  const account = {
    id: 'e6fe16f3',
    account_number: 'PA31RTDNUE59',
    status: 'ACTIVE',
    equity: '103820.56',
    cash: '-23140.2',
    buying_power: '262113.632',
    trading_blocked: false,
  }
  assert.deepEqual(parseAccount(account), {
    id: 'e6fe16f3',
    number: 'PA31RTDNUE59',
    isPaper: true,
    status: 'ACTIVE',
    equity: 103820.56,
    cash: -23140.2,
    buyingPower: 262113.632,
    isBlocked: false,
  })
  assert.equal(parseAccount({ ...account, cash: 'NaN' }), undefined)
  for (const flag of ['trading_blocked', 'account_blocked', 'trade_suspended_by_user'])
    assert.equal(parseAccount({ ...account, [flag]: true })?.isBlocked, true, flag)
  const asset = {
    class: 'crypto',
    symbol: 'BTC/USD',
    status: 'active',
    tradable: true,
    fractionable: true,
    min_order_size: '0.000016',
    min_trade_increment: '0.000000001',
    price_increment: '0.1',
  }
  assert.deepEqual(parseAsset(asset), {
    symbol: 'BTC/USD',
    kind: 'crypto',
    isTradable: true,
    isFractionable: true,
    minSize: 0.000016,
    lotSize: 1e-9,
    tickSize: 0.1,
  })
})

test('reads rows of history and refuses bars that cannot be', () => {
  const id = symbolId(3)
  const bar = {
    t: '2022-01-03T09:00:00Z',
    o: 178.26,
    h: 178.34,
    l: 177.76,
    c: 178.08,
    v: 60937,
    n: 1727,
    vw: 177.954244,
  }
  assert.deepEqual(barOf(bar, id, '1m'), {
    symbol: 3,
    timeframe: '1m',
    start: Date.UTC(2022, 0, 3, 9),
    open: 178.26,
    high: 178.34,
    low: 177.76,
    close: 178.08,
    volume: 60937,
    trades: 1727,
  })
  for (const bad of [{ h: 1 }, { l: 0 }, { l: 179 }, { v: -1 }, { c: null }, { t: 'soon' }])
    assert.equal(barOf({ ...bar, ...bad }, id, '1m'), undefined)
  const trade = {
    t: '2022-01-03T09:00:00.086175744Z',
    x: 'P',
    p: 178.26,
    s: 246,
    c: ['@', 'T'],
    i: 1,
    z: 'C',
  }
  assert.deepEqual(tradeOf(trade, id), {
    symbol: 3,
    ts: Date.UTC(2022, 0, 3, 9, 0, 0, 86),
    price: 178.26,
    size: 246,
    id: '1',
  })
  const quote = {
    t: '2022-01-03T09:00:00.028160898Z',
    ax: ' ',
    ap: 0,
    as: 0,
    bx: 'Q',
    bp: 177.92,
    bs: 4,
    c: ['Y'],
    z: 'C',
  }
  assert.equal(quoteOf(quote, id)?.ask, 0)
})

test('reads the clock and a day', () => {
  const clock = parseClock({
    timestamp: '2026-01-05T10:04:05.123456789-05:00',
    is_open: true,
    next_open: '2026-01-06T09:30:00-05:00',
    next_close: '2026-01-05T16:00:00-05:00',
  })
  assert.equal(clock?.at, Date.UTC(2026, 0, 5, 15, 4, 5, 123))
  assert.deepEqual(
    parseDay({
      date: '2026-01-05',
      open: '09:30',
      close: '16:00',
      session_open: '0400',
      session_close: '2000',
    }),
    { date: '2026-01-05', open: '09:30', close: '16:00' },
  )
})

test('cuts stamps off to the millisecond, whatever their fraction', () => {
  const at = Date.UTC(2026, 0, 5, 15, 4, 5)
  for (const [text, ms] of [
    ['', 0],
    ['.1', 100],
    ['.12', 120],
    ['.1234', 123],
    ['.123999999', 123],
    ['.999999999', 999],
  ] as const) {
    assert.equal(parseStamp(`2026-01-05T15:04:05${text}Z`), at + ms)
  }
  for (const text of [
    '2026-02-30T00:00:00Z',
    '2026-01-05',
    '',
    'x',
    '2026-01-05T25:00:00Z',
    undefined,
    5,
  ])
    assert.equal(parseStamp(text), undefined)
})

test('reads control messages, and what is missing in an acknowledgement', () => {
  assert.deepEqual(parseControl({ T: 'success', msg: 'connected' }), { type: 'connected' })
  assert.deepEqual(parseControl({ T: 'error', code: 405, msg: 'symbol limit exceeded' }), {
    type: 'error',
    code: 405,
    message: 'symbol limit exceeded',
  })
  const told = parseControl({
    T: 'subscription',
    trades: ['AAPL'],
    quotes: ['AAPL', 'MSFT'],
    bars: ['*'],
    updatedBars: [],
    dailyBars: [],
    statuses: [],
    lulds: [],
    corrections: ['AAPL'],
    cancelErrors: ['AAPL'],
  })
  assert.ok(told?.type === 'subscription')
  assert.deepEqual(missingOf({ trades: ['AAPL', 'NVDA'], quotes: ['MSFT'] }, told.channels), [
    'trades of NVDA',
  ])
  assert.equal(parseControl({ T: 't' }), undefined)
  assert.equal(
    parseStatus({ T: 's', S: 'AAPL', sc: 'H', sm: 'Trading Halt', rc: 'T12', rm: 'x', z: 'C' })
      ?.isHalted,
    true,
  )
  assert.equal(
    parseStatus({ T: 's', S: 'AAPL', sc: 'T', sm: 'Trading Resumption', z: 'C' })?.isHalted,
    false,
  )
})

test('numbers are decimals as text, there and back', () => {
  assert.deepEqual([0.1, 187.32, 1e-7, 0.000000001, 100, 1e21].map(decimal).slice(0, 5), [
    '0.1',
    '187.32',
    '0.0000001',
    '0.000000001',
    '100',
  ])
  assert.deepEqual(['1.5', '-3', '', 'NaN', 'Infinity', '0x5', null, undefined, 7].map(decimalOf), [
    1.5,
    -3,
    undefined,
    undefined,
    undefined,
    undefined,
    undefined,
    undefined,
    7,
  ])
})

test('a duplicate id is known by its words, and may be meant by its code', () => {
  const said = (status: number, body: unknown) => fault('bad-request', 'x', { status, body })
  const other = said(422, { code: 40010001, message: 'us_equity orders not allowed for account' })
  assert.deepEqual([isDuplicate(other), mayBeDuplicate(other)], [false, true])
  assert.ok(isDuplicate(said(422, { code: 40010001, message: 'client_order_id must be unique' })))
  assert.ok(isDuplicate(said(422, { message: 'client order id must be unique' })))
  assert.ok(!isDuplicate(said(422, { code: 42210000, message: 'qty' })))
  assert.ok(!isDuplicate(fault('network', 'x')))
  assert.equal(errorOf(fault('network', 'x')), undefined)
})

test('no code in the body makes an unknown outcome known', () => {
  const unknown = fault('outcome-unknown', 'x', {
    status: 502,
    body: { code: 40310000, message: 'no' },
  })
  assert.equal(refine(unknown).code, 'outcome-unknown')
  assert.equal(
    refine(fault('unauthorized', 'x', { status: 403, body: { code: 40310000, message: 'no' } }))
      .code,
    'bad-request',
  )
})

test('limits of the stream are waited for, wrong keys are not', () => {
  assert.deepEqual(
    [405, 406, 407, 429, 500, 402, 409, 999].map((code) => faultOfStream(code, '').retry),
    ['later', 'later', 'later', 'later', 'later', 'never', 'never', 'later'],
  )
})
