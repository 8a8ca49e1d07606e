/*
 * Wire: Bybit's payloads of orders, executions, positions, money and instruments, to our words and back. Pure. Numbers
 * and times come as text; what is missing, empty or no number is `undefined`, and a payload that lacks what it must have
 * is no payload at all.
 *
 * https://bybit-exchange.github.io/docs/v5/intro (read 2026-11)
 */
import { unreachable } from '../../core/assert.ts'
import type { Ms } from '../../core/brand.ts'
import type { InstrumentSpec, OptionTerms } from '../../core/instrument.ts'
import type { VenueId } from '../../core/brand.ts'
import type { Instrument } from '../../core/instrument.ts'
import type { Order, Side, TimeInForce } from '../../core/order.ts'
import type { Category } from './category.ts'
import { decimal, decimalOf, isObject, type Json, some, textOf } from '../../io/json.ts'

/**
 * An order, by REST and on the stream:
 *
 *   {"category":"linear","symbol":"ETHUSDT","orderId":"5cf98598-39a7-459e-97bf-76ca765ee020","orderLinkId":"s7-1","side":"Sell",
 *    "orderStatus":"New","price":"1800","qty":"1","cumExecQty":"0","avgPrice":"","triggerPrice":"","rejectReason":"EC_NoError",
 *    "reduceOnly":false,"positionIdx":0,"createdTime":"1672364262444","updatedTime":"1672364262457"}
 */
export interface WireOrder {
  readonly venueId: string
  /** Empty where whoever sent it gave none. */
  readonly linkId: string
  readonly symbol: string
  readonly side: Side
  readonly status: string
  readonly qty: number
  readonly filled: number
  readonly avgPrice?: number
  readonly limit?: number
  readonly stop?: number
  readonly rejectReason: string
  readonly createdAt?: Ms
  readonly updatedAt?: Ms
}

export function parseOrder(json: unknown): WireOrder | undefined {
  if (!isObject(json)) return undefined
  const venueId = textOf(json['orderId'])
  const symbol = textOf(json['symbol'])
  const status = textOf(json['orderStatus'])
  const side = sideOf(json['side'])
  const qty = decimalOf(json['qty'])
  if (
    venueId === undefined ||
    symbol === undefined ||
    status === undefined ||
    side === undefined ||
    qty === undefined
  )
    return undefined
  return {
    venueId,
    linkId: textOf(json['orderLinkId']) ?? '',
    symbol,
    side,
    status,
    qty,
    filled: decimalOf(json['cumExecQty']) ?? 0,
    ...some('avgPrice', decimalOf(json['avgPrice'])),
    // A market order is told with a bound for its price, which is none of ours.
    ...some('limit', json['orderType'] === 'Market' ? undefined : positive(json['price'])),
    ...some('stop', positive(json['triggerPrice'])),
    rejectReason: textOf(json['rejectReason']) ?? '',
    ...some('createdAt', timeOf(json['createdTime'])),
    ...some('updatedAt', timeOf(json['updatedTime'])),
  }
}

export type WireState = 'open' | 'filled' | 'canceled' | 'rejected'

const STATES: Readonly<Record<string, WireState>> = {
  New: 'open',
  PartiallyFilled: 'open',
  Untriggered: 'open',
  Triggered: 'open',
  Filled: 'filled',
  Cancelled: 'canceled',
  PartiallyFilledCanceled: 'canceled',
  Deactivated: 'canceled',
  Rejected: 'rejected',
}

export const isKnownStatus = (status: string): boolean => Object.hasOwn(STATES, status)

/** An order that was taken and refused afterwards is told as canceled, with the reason. */
const REFUSALS: ReadonlySet<string> = new Set(['EC_PostOnlyWillTakeLiquidity'])

/** What nobody knows counts as open: it may fill. */
export function stateOf({ status, rejectReason, filled }: WireOrder): WireState {
  const state = STATES[status] ?? 'open'
  return state === 'canceled' && filled === 0 && REFUSALS.has(rejectReason) ? 'rejected' : state
}

/**
 * An execution:
 *
 *   {"category":"linear","symbol":"BTCUSDT","orderId":"8c06…","orderLinkId":"s7-1","side":"Buy","execFee":"0.015","execId":"e0cb…",
 *    "execPrice":"50000","execQty":"0.1","execType":"Trade","execTime":"1672282722429","isMaker":true}
 */
export interface WireExecution {
  readonly id: string
  readonly venueId: string
  readonly linkId: string
  readonly symbol: string
  /** Undefined of what is no trade. */
  readonly side?: Side
  /** `Trade`, or what moved the position or the money without an order of ours. */
  readonly type: string
  readonly qty: number
  readonly price: number
  readonly fee: number
  /** What the fee is in; the coin of the run where it is not told. */
  readonly feeCoin?: string
  /** Nothing of its order is left. */
  readonly isLast: boolean
  /** What its order was for; not of a market order, which nobody can change. */
  readonly orderQty?: number
  readonly ts: Ms
}

export function parseExecution(json: unknown): WireExecution | undefined {
  if (!isObject(json)) return undefined
  const id = textOf(json['execId'])
  const venueId = textOf(json['orderId'])
  const symbol = textOf(json['symbol'])
  const type = textOf(json['execType'])
  const qty = decimalOf(json['execQty'])
  const price = decimalOf(json['execPrice'])
  const ts = timeOf(json['execTime'])
  if (id === undefined || venueId === undefined || symbol === undefined || type === undefined)
    return undefined
  if (qty === undefined || price === undefined || ts === undefined) return undefined
  const linkId = textOf(json['orderLinkId']) ?? ''
  const fee = decimalOf(json['execFee']) ?? 0
  const feeCoin = textOf(json['feeCurrency'])
  const isLast = decimalOf(json['leavesQty']) === 0
  const orderQty = json['orderType'] === 'Market' ? undefined : positive(json['orderQty'])
  return {
    id,
    venueId,
    linkId,
    symbol,
    type,
    qty,
    price,
    fee,
    isLast,
    ts,
    ...some('side', sideOf(json['side'])),
    ...some('feeCoin', feeCoin),
    ...some('orderQty', orderQty),
  }
}

/** `{"symbol":"BTCUSDT","side":"Buy","size":"0.5","avgPrice":"50000","positionIdx":0}`; a flat one has no side. */
export interface WirePosition {
  readonly symbol: string
  readonly qty: number
  readonly avgPrice: number
  /** One-way where 0; else one of the two sides of a hedged position. */
  readonly index: number
}

export function parsePosition(json: unknown): WirePosition | undefined {
  if (!isObject(json)) return undefined
  const symbol = textOf(json['symbol'])
  const size = decimalOf(json['size'])
  const index = decimalOf(json['positionIdx'])
  if (symbol === undefined || size === undefined || index === undefined) return undefined
  const sign = json['side'] === 'Sell' ? -1 : 1
  const avgPrice = decimalOf(json['avgPrice']) ?? decimalOf(json['entryPrice']) ?? 0
  return { symbol, qty: sign * size, avgPrice, index }
}

export interface WireWallet {
  readonly equity: number
  readonly cash: number
  /** What new orders may bind. */
  readonly free: number
}

/**
 * Totals are in dollars, which a run in a coin does not count in: it takes the row of its coin. So does one whose margin
 * is isolated, because there are no totals then; they are empty.
 *
 *   {"accountType":"UNIFIED","totalEquity":"3.3","totalWalletBalance":"3.0","totalAvailableBalance":"3.0",
 *    "coin":[{"coin":"BTC","equity":"1.01","walletBalance":"1","totalPositionIM":"0.1","totalOrderIM":"0.05"}]}
 */
export function parseWallet(
  json: unknown,
  { name, coin }: Pick<Category, 'name' | 'coin'>,
): WireWallet | undefined {
  if (!isObject(json)) return undefined
  const isInCoin = name === 'inverse' || name === 'spot' || json['totalAvailableBalance'] === ''
  if (isInCoin) return coinOf(json['coin'], coin)
  const equity = decimalOf(json['totalEquity'])
  const cash = decimalOf(json['totalWalletBalance'])
  const free = decimalOf(json['totalAvailableBalance'])
  return equity === undefined || cash === undefined || free === undefined
    ? undefined
    : { equity, cash, free }
}

/** `{"id":"592324803…","type":"TRANSFER_OUT","currency":"USDT","change":"-500","transactionTime":"1672121182224",…}` */
export interface WireTransfer {
  readonly id: string
  /** > 0 came, < 0 left. */
  readonly amount: number
}

export function parseTransfer(json: unknown): WireTransfer | undefined {
  if (!isObject(json)) return undefined
  const id = textOf(json['id'])
  const change = decimalOf(json['change'])
  if (id === undefined || change === undefined) return undefined
  const way = json['type'] === 'TRANSFER_OUT' ? -1 : 1
  return { id, amount: way * Math.abs(change) }
}

/** A coin that is held: `{"coin":"BTC","walletBalance":"0.999","usdValue":"49950"}` */
export interface WireCoin {
  readonly coin: string
  readonly balance: number
  /** In dollars, all of it. */
  readonly value: number
}

export function parseCoins(json: unknown): readonly WireCoin[] | undefined {
  if (!isObject(json) || !Array.isArray(json['coin'])) return undefined
  const coins: WireCoin[] = []
  for (const row of json['coin'] as unknown[]) {
    const coin = isObject(row) ? textOf(row['coin']) : undefined
    const balance = isObject(row) ? decimalOf(row['walletBalance']) : undefined
    if (!isObject(row) || coin === undefined || balance === undefined) return undefined
    coins.push({ coin, balance, value: decimalOf(row['usdValue']) ?? 0 })
  }
  return coins
}

/** A coin that the account never had has no row. */
function coinOf(rows: unknown, coin: string): WireWallet | undefined {
  if (!Array.isArray(rows)) return undefined
  const row = (rows as unknown[]).find((one) => isObject(one) && one['coin'] === coin)
  if (!isObject(row)) return { equity: 0, cash: 0, free: 0 }
  const [equity, cash, ...bound] = [
    'equity',
    'walletBalance',
    'totalPositionIM',
    'totalOrderIM',
    'locked',
  ].map((field) => decimalOf(row[field]))
  if (equity === undefined || cash === undefined) return undefined
  return { equity, cash, free: bound.reduce<number>((free, each) => free - (each ?? 0), equity) }
}

/**
 *   {"symbol":"BTCUSDT","contractType":"LinearPerpetual","status":"Trading","settleCoin":"USDT","priceFilter":{"tickSize":"0.5"},
 *    "lotSizeFilter":{"qtyStep":"0.001","minOrderQty":"0.001","minNotionalValue":"5"}}
 *   {"symbol":"BTCUSD","contractType":"InversePerpetual","settleCoin":"BTC","lotSizeFilter":{"qtyStep":"1"}, … }
 *   {"symbol":"BTC-27MAR26-70000-C-USDT","optionsType":"Call","deliveryTime":"1774598400000","settleCoin":"USDT", … }
 *   {"symbol":"BTCUSDT","quoteCoin":"USDT","lotSizeFilter":{"basePrecision":"0.000001","minOrderAmt":"5"}, … }
 */
export function specOf(
  json: unknown,
  venue: VenueId,
  { name, coin }: Pick<Category, 'name' | 'coin'>,
): InstrumentSpec | undefined {
  if (!isObject(json) || !isObject(json['priceFilter']) || !isObject(json['lotSizeFilter']))
    return undefined
  const lots = json['lotSizeFilter']
  const symbol = textOf(json['symbol'])
  const tickSize = decimalOf(json['priceFilter']['tickSize'])
  const lotSize = decimalOf(lots[name === 'spot' ? 'basePrecision' : 'qtyStep'])
  if (symbol === undefined || !(tickSize! > 0) || !(lotSize! > 0)) return undefined
  const expiry = positive(json['deliveryTime']) as Ms | undefined
  const isPerpetual = !(textOf(json['contractType']) ?? '').endsWith('Futures')
  const grid = {
    symbol,
    venue,
    currency: textOf(json[name === 'spot' ? 'quoteCoin' : 'settleCoin']) ?? coin,
    tickSize: tickSize!,
    lotSize: lotSize!,
    multiplier: 1,
    calendar: '24/7',
    ...(expiry === undefined || (isPerpetual && name !== 'option') ? {} : { expiry }),
  } as const
  const kind = isPerpetual ? 'perpetual' : 'future'
  switch (name) {
    case 'linear':
      return { ...grid, kind, minNotional: decimalOf(lots['minNotionalValue']) ?? 0 }
    // Its smallest order is a number of contracts, which are dollars.
    case 'inverse':
      return { ...grid, kind, minNotional: 0, inverse: true }
    case 'spot':
      return { ...grid, kind: 'crypto', minNotional: decimalOf(lots['minOrderAmt']) ?? 0 }
    case 'option': {
      const option = optionIn(symbol, expiry)
      return option && { ...grid, kind: 'option', minNotional: 0, option }
    }
    default:
      return unreachable(name)
  }
}

/** `BTC-27MAR26-70000-C`, and with `-USDT` where it is settled in that. */
function optionIn(symbol: string, expiry: Ms | undefined): OptionTerms | undefined {
  const [underlying = '', , strike, right] = symbol.split('-')
  const price = positive(strike)
  if (expiry === undefined || price === undefined || (right !== 'C' && right !== 'P'))
    return undefined
  return { underlying, right: right === 'C' ? 'call' : 'put', strike: price, expiry }
}

/** The parameters of an order; words where Bybit has no such order. */
export function orderBody(
  order: Order,
  { symbol }: Instrument,
  {
    name,
    word,
    hasStops,
    hasPositions,
  }: Pick<Category, 'name' | 'word' | 'hasStops' | 'hasPositions'>,
): Json | string {
  const { id, side, type, qty, limit, stop } = order
  const timeInForce = tifOf(order)
  if (timeInForce === undefined) return `bybit has no ${order.tif} order of type ${type}`
  if (stop !== undefined && !hasStops) return `bybit has no ${type} order of an ${word}`
  // A sale takes no more than there is; whoever owes coins could reduce by a purchase, and nobody owes any here.
  if (order.reduceOnly === true && !hasPositions && side === 'buy')
    return 'bybit has no purchase that reduces in spot'
  const isLimit = type === 'limit' || type === 'stop-limit'
  return {
    symbol,
    side: side === 'buy' ? 'Buy' : 'Sell',
    orderType: isLimit ? 'Limit' : 'Market',
    qty: decimal(qty),
    ...(isLimit ? { price: decimal(limit!) } : {}),
    timeInForce,
    orderLinkId: id,
    // One-way mode: a symbol has one position. Options have no other.
    ...(name === 'option' || !hasPositions ? {} : { positionIdx: 0 }),
    ...(order.reduceOnly === true && hasPositions ? { reduceOnly: true } : {}),
    // A purchase at the market is in money, where nothing else is said.
    ...(!hasPositions && !isLimit ? { marketUnit: 'baseCoin' } : {}),
    ...(stop === undefined
      ? {}
      : {
          triggerPrice: decimal(stop),
          triggerDirection: side === 'buy' ? 1 : 2,
          triggerBy: 'LastPrice',
        }),
  }
}

/** There is no session that a day order would end with: it is good till canceled. */
const TIFS: Readonly<Record<TimeInForce, string>> = {
  day: 'GTC',
  gtc: 'GTC',
  ioc: 'IOC',
  fok: 'FOK',
}

function tifOf({ type, tif, postOnly }: Order): string | undefined {
  const isNow = tif === 'ioc' || tif === 'fok'
  if (postOnly === true) return type === 'limit' && !isNow ? 'PostOnly' : undefined
  if (type === 'market') return tif === 'fok' ? undefined : 'IOC'
  if (type === 'limit') return TIFS[tif]
  if (isNow) return undefined
  return type === 'stop' ? 'IOC' : 'GTC'
}

const sideOf = (value: unknown): Side | undefined =>
  value === 'Buy' ? 'buy' : value === 'Sell' ? 'sell' : undefined

/** Prices that are not there are text, empty or "0". */
const positive = (value: unknown): number | undefined => {
  const number = decimalOf(value)
  return number !== undefined && number > 0 ? number : undefined
}

/** Milliseconds, as text or as a number. */
export const timeOf = (value: unknown): Ms | undefined => {
  const at = decimalOf(value)
  return at !== undefined && Number.isSafeInteger(at) && at > 0 ? (at as Ms) : undefined
}
