import assert from 'node:assert/strict'
import { test } from 'node:test'
import { venueId } from '../../core/brand.ts'
import { Universe } from '../../core/universe.ts'
import { order } from '../../testing/builders.ts'
import { categoryOf } from './category.ts'
import {
  orderBody,
  parseExecution,
  parseOrder,
  parsePosition,
  parseWallet,
  specOf,
  stateOf,
} from './wire.ts'

const BYBIT = venueId('bybit')
const LINEAR = categoryOf('linear')
const ORDER = {
  category: 'linear',
  symbol: 'ETHUSDT',
  orderId: '5cf98598-39a7-459e-97bf-76ca765ee020',
  orderLinkId: 's7-1',
  side: 'Sell',
  orderStatus: 'New',
  price: '1800',
  qty: '1',
  cumExecQty: '0',
  avgPrice: '',
  triggerPrice: '',
  rejectReason: 'EC_NoError',
  reduceOnly: false,
  positionIdx: 0,
  createdTime: '1672364262444',
  updatedTime: '1672364262457',
}

test('reads an order, whose empty texts are nothing', () => {
  assert.deepEqual(parseOrder(ORDER), {
    venueId: '5cf98598-39a7-459e-97bf-76ca765ee020',
    linkId: 's7-1',
    symbol: 'ETHUSDT',
    side: 'sell',
    status: 'New',
    qty: 1,
    filled: 0,
    limit: 1800,
    rejectReason: 'EC_NoError',
    createdAt: 1672364262444,
    updatedAt: 1672364262457,
  })
})

test('reads no order that lacks what it must have', () => {
  for (const name of ['orderId', 'symbol', 'orderStatus', 'side', 'qty'] as const)
    assert.equal(parseOrder({ ...ORDER, [name]: '' }), undefined, name)
})

test('tells a refusal after the fact from a cancel, and takes what nobody knows for open', () => {
  const stateFor = (changes: object) => stateOf(parseOrder({ ...ORDER, ...changes })!)
  const crossed = { orderStatus: 'Cancelled', rejectReason: 'EC_PostOnlyWillTakeLiquidity' }

  assert.equal(stateFor(crossed), 'rejected')
  assert.equal(stateFor({ ...crossed, cumExecQty: '0.5' }), 'canceled')
  assert.equal(
    stateFor({ orderStatus: 'Cancelled', rejectReason: 'EC_PerCancelRequest' }),
    'canceled',
  )
  assert.equal(stateFor({ orderStatus: 'PartiallyFilledCanceled' }), 'canceled')
  assert.equal(stateFor({ orderStatus: 'Untriggered' }), 'open')
  assert.equal(stateFor({ orderStatus: 'SomethingNew' }), 'open')
})

test('reads an execution with its fee, and none without a price', () => {
  const row = {
    category: 'linear',
    symbol: 'BTCUSDT',
    orderId: '8c065341-7b52-4ca9-ac2c-37e31ac55c94',
    orderLinkId: 's7-1',
    side: 'Buy',
    execFee: '-0.0150',
    execId: 'e0cbe81d-0f18-5866-9415-cf319b5dab3b',
    execPrice: '50000.00',
    execQty: '0.100',
    execType: 'Trade',
    execTime: '1672282722429',
    isMaker: true,
  }
  const read = parseExecution(row)

  assert.deepEqual(
    [read?.qty, read?.price, read?.fee, read?.ts],
    [0.1, 50_000, -0.015, 1672282722429],
  )
  assert.equal(parseExecution({ ...row, execPrice: '' }), undefined)
})

test('reads positions of one and of two sides, and a flat one without a side', () => {
  const row = { symbol: 'BTCUSDT', side: 'Sell', size: '0.5', avgPrice: '50000', positionIdx: 2 }

  assert.deepEqual(parsePosition(row), { symbol: 'BTCUSDT', qty: -0.5, avgPrice: 50_000, index: 2 })
  assert.equal(parsePosition({ ...row, side: '', size: '0', positionIdx: 0 })?.qty, -0 + 0)
})

test('reads a wallet, and an instrument with its grid', () => {
  const wallet = { totalEquity: '3.3', totalWalletBalance: '3.0', totalAvailableBalance: '2.9' }
  const instrument = {
    symbol: 'BTCUSDT',
    settleCoin: 'USDT',
    priceFilter: { tickSize: '0.5' },
    lotSizeFilter: { qtyStep: '0.001', minNotionalValue: '5' },
  }
  const spec = specOf(instrument, BYBIT, LINEAR)

  assert.deepEqual(parseWallet(wallet, LINEAR), { equity: 3.3, cash: 3, free: 2.9 })
  assert.equal(parseWallet({ ...wallet, totalAvailableBalance: 'much' }, LINEAR), undefined)
  assert.deepEqual(
    [spec?.kind, spec?.tickSize, spec?.lotSize, spec?.minNotional, spec?.currency],
    ['perpetual', 0.5, 0.001, 5, 'USDT'],
  )
  assert.equal(specOf({ ...instrument, priceFilter: {} }, BYBIT, LINEAR), undefined)
})

test('writes orders of every kind that the venue has, and words for those that it has not', () => {
  const universe = new Universe()
  const spec = specOf(
    { symbol: 'BTCUSDT', priceFilter: { tickSize: '0.01' }, lotSizeFilter: { qtyStep: '1' } },
    BYBIT,
    LINEAR,
  )!
  const instrument = universe.add(spec)
  const body = (changes: Parameters<typeof order>[0], category = LINEAR) =>
    orderBody(order(changes), instrument, category)
  const kindOf = (changes: Parameters<typeof order>[0]) => {
    const written = body(changes)
    return typeof written === 'string'
      ? written
      : [written['orderType'], written['timeInForce']].join(' ')
  }

  assert.equal(kindOf({ type: 'market', tif: 'day' }), 'Market IOC')
  assert.equal(kindOf({ type: 'limit', limit: 9, tif: 'day' }), 'Limit GTC')
  assert.equal(kindOf({ type: 'limit', limit: 9, tif: 'fok' }), 'Limit FOK')
  assert.equal(kindOf({ type: 'limit', limit: 9, tif: 'gtc', postOnly: true }), 'Limit PostOnly')
  assert.equal(kindOf({ type: 'stop', stop: 9, tif: 'gtc' }), 'Market IOC')
  assert.equal(kindOf({ type: 'market', tif: 'fok' }), 'bybit has no fok order of type market')
  assert.match(kindOf({ type: 'limit', limit: 9, tif: 'ioc', postOnly: true }), /bybit has no/)
  const stop = body({ type: 'stop', side: 'sell', stop: 9.5, tif: 'gtc', reduceOnly: true })
  assert.ok(typeof stop !== 'string')
  assert.deepEqual(
    [stop['triggerPrice'], stop['triggerDirection'], stop['reduceOnly'], stop['positionIdx']],
    ['9.5', 2, true, 0],
  )
  const option = categoryOf('option')
  assert.equal(
    body({ type: 'stop', stop: 9, tif: 'gtc' }, option),
    'bybit has no stop order of an option',
  )
  const written = body({ type: 'limit', limit: 9, tif: 'gtc', reduceOnly: true }, option)
  assert.ok(typeof written !== 'string')
  assert.deepEqual([written['positionIdx'], written['reduceOnly']], [undefined, true])
})

test('reads what each category says of its instruments', () => {
  const option = {
    symbol: 'ETH-26JUN26-16000-P',
    settleCoin: 'USDC',
    deliveryTime: '1780005000000',
    priceFilter: { tickSize: '0.1' },
    lotSizeFilter: { qtyStep: '1' },
  }
  const inverse = {
    symbol: 'BTCUSD',
    contractType: 'InversePerpetual',
    settleCoin: 'BTC',
    deliveryTime: '0',
    priceFilter: { tickSize: '0.5' },
    lotSizeFilter: { qtyStep: '1', minOrderQty: '1' },
  }
  const dated = { contractType: 'InverseFutures', deliveryTime: '1774598400000' }
  const pair = {
    symbol: 'BTCUSDT',
    quoteCoin: 'USDT',
    priceFilter: { tickSize: '0.1' },
    lotSizeFilter: { basePrecision: '0.0001', minOrderAmt: '10' },
  }

  const put = specOf(option, BYBIT, categoryOf('option'))
  const expiry = 1_780_005_000_000
  assert.deepEqual(put?.option, { underlying: 'ETH', right: 'put', strike: 16_000, expiry })
  assert.deepEqual([put?.kind, put?.currency, put?.expiry], ['option', 'USDC', expiry])
  assert.equal(specOf({ ...option, symbol: 'ETHUSDC' }, BYBIT, categoryOf('option')), undefined)
  const coined = specOf(inverse, BYBIT, categoryOf('inverse'))
  assert.deepEqual(
    [coined?.kind, coined?.inverse, coined?.currency, coined?.expiry],
    ['perpetual', true, 'BTC', undefined],
  )
  const future = specOf({ ...inverse, ...dated }, BYBIT, categoryOf('inverse'))
  assert.deepEqual([future?.kind, future?.expiry], ['future', 1_774_598_400_000])
  const spot = specOf(pair, BYBIT, categoryOf('spot'))
  assert.deepEqual([spot?.kind, spot?.lotSize, spot?.minNotional], ['crypto', 0.0001, 10])
})

test('reads the row of a coin where a run counts in it', () => {
  const row = { coin: 'BTC', equity: '1.01', walletBalance: '1', totalPositionIM: '0.1' }
  const wallet = {
    totalEquity: '99000',
    coin: [{ coin: 'USDT' }, { ...row, totalOrderIM: '0.05' }],
  }
  const of = (json: unknown) => parseWallet(json, categoryOf('inverse', 'BTC'))

  assert.deepEqual(of(wallet), { equity: 1.01, cash: 1, free: 0.86 })
  assert.deepEqual(of({ ...wallet, coin: [] }), { equity: 0, cash: 0, free: 0 })
  assert.equal(of({ ...wallet, coin: [{ ...row, equity: '' }] }), undefined)
  assert.equal(of({ totalEquity: '99000' }), undefined)
  // Isolated margin has no totals.
  const isolated = {
    ...wallet,
    totalAvailableBalance: '',
    coin: [{ ...row, coin: 'USDT', locked: '0.01' }],
  }
  assert.deepEqual(parseWallet(isolated, LINEAR), { equity: 1.01, cash: 1, free: 0.9 })
})
