/*
 * Wire: Alpaca's payloads of orders, fills, positions, account and assets, to our words and back. Pure: no socket, no
 * clock. Money and sizes come as text and are read from text; what is missing, null or no number is `undefined`,
 * and a payload that lacks what it must have is no payload at all (`undefined`), which the caller makes a fault.
 *
 * https://docs.alpaca.markets/reference (OpenAPI files of 2026-08-13).
 */
import type { Ms } from '../../core/brand.ts'
import type { Order, OrderType, Side } from '../../core/order.ts'
import { decimal, decimalOf, isObject, type Json, some, textOf } from '../../io/json.ts'
import { parseStamp } from './stamps.ts'

/**
 * An order as Alpaca tells it, by REST and on the stream:
 *
 *   {"id":"7b08df51-c1ac-453c-99f9-323a5f075f0d","client_order_id":"5680c4bc-9ac1-4a12-a44c-df427ba53032",
 *    "created_at":"2023-12-12T22:31:24.668464435Z","updated_at":"2023-12-12T22:31:24.668464435Z","submitted_at":
 *    "2023-12-12T22:31:24.577215743Z","filled_at":null,"replaced_by":null,"replaces":null,"symbol":"AAPL",
 *    "asset_class":"us_equity","notional":null,"qty":"2","filled_qty":"0","filled_avg_price":null,"order_class":"",
 *    "order_type":"limit","type":"limit","side":"buy","time_in_force":"gtc","limit_price":"150","stop_price":null,
 *    "status":"accepted","extended_hours":false,"legs":null,"trail_percent":null,"trail_price":null,"hwm":null}
 */
export interface WireOrder {
  readonly venueId: string
  readonly clientId: string
  readonly symbol: string
  readonly side: Side
  readonly type: string
  /** Undefined for an order of an amount of money. */
  readonly qty?: number
  readonly filled: number
  readonly avgPrice?: number
  readonly limit?: number
  readonly stop?: number
  readonly status: string
  readonly replaces?: string
  readonly replacedBy?: string
  readonly legs: readonly WireOrder[]
  readonly updatedAt?: Ms
}

export function parseOrder(json: unknown): WireOrder | undefined {
  if (!isObject(json)) return undefined
  // Symbol and side of what a person trades in several options at once are "": its legs have some. It is none of ours.
  const isSpread = json['order_class'] === 'mleg' && json['symbol'] === ''
  const venueId = textOf(json['id'])
  const symbol = isSpread ? SPREAD : textOf(json['symbol'])
  const status = textOf(json['status'])
  const side = isSpread ? 'buy' : json['side']
  if (venueId === undefined || symbol === undefined || status === undefined) return undefined
  if (side !== 'buy' && side !== 'sell') return undefined
  const legs = Array.isArray(json['legs']) ? json['legs'].map((leg) => parseOrder(leg)) : []
  return {
    venueId,
    clientId: textOf(json['client_order_id']) ?? '',
    symbol,
    side,
    type: textOf(json['type']) ?? textOf(json['order_type']) ?? '',
    filled: decimalOf(json['filled_qty']) ?? 0,
    status,
    legs: legs.filter((leg) => leg !== undefined),
    ...some('qty', decimalOf(json['qty'])),
    ...some('avgPrice', decimalOf(json['filled_avg_price'])),
    ...some('limit', decimalOf(json['limit_price'])),
    ...some('stop', decimalOf(json['stop_price'])),
    ...some('replaces', textOf(json['replaces'])),
    ...some('replacedBy', textOf(json['replaced_by'])),
    ...some('updatedAt', parseStamp(json['updated_at'])),
  }
}

/** In the place of a symbol; no instrument is named so. */
const SPREAD = 'several options'

/** What a status means for us. Statuses that nobody knows count as open: that keeps their exposure. */
export type WireState = 'open' | 'filled' | 'canceled' | 'expired' | 'rejected' | 'replaced'

const STATES: Readonly<Record<string, WireState>> = {
  filled: 'filled',
  canceled: 'canceled',
  expired: 'expired',
  rejected: 'rejected',
  replaced: 'replaced',
}
export const stateOf = (status: string): WireState => STATES[status] ?? 'open'

const STATUSES_KNOWN = new Set(
  'new partially_filled filled done_for_day canceled expired replaced pending_cancel pending_replace accepted pending_new accepted_for_bidding stopped rejected suspended calculated held'.split(
    ' ',
  ),
)
export const isKnownStatus = (status: string): boolean => STATUSES_KNOWN.has(status)

/**
 * A message of the trading stream:
 *
 *   {"stream":"trade_updates","data":{"event":"partial_fill","event_id":"01JH…","at":"2026-01-05T15:04:05.2Z",
 *    "timestamp":"2026-01-05T15:04:05.123Z","execution_id":"adb4f7c7-45fe-4a3a-a0ac-02d9fa3c8264","price":"187.32",
 *    "qty":"3","position_qty":"8","order":{…}}}
 *
 * `qty` is this execution, `order.filled_qty` all of them so far.
 */
export interface TradeUpdate {
  readonly event: string
  readonly order: WireOrder
  readonly at?: Ms
  readonly execution?: string
  /** The execution that this one takes back or corrects. */
  readonly previous?: string
  readonly qty?: number
  readonly price?: number
  /** Where an event source can resume. */
  readonly eventId?: string
}

export function parseTradeUpdate(data: unknown): TradeUpdate | undefined {
  if (!isObject(data)) return undefined
  const event = textOf(data['event'])
  const order = parseOrder(data['order'])
  if (event === undefined || order === undefined) return undefined
  return {
    event,
    order,
    ...some('at', parseStamp(data['timestamp']) ?? parseStamp(data['at'])),
    ...some('execution', textOf(data['execution_id'])),
    ...some('previous', textOf(data['previous_execution_id'])),
    ...some('qty', decimalOf(data['qty'])),
    ...some('price', decimalOf(data['price'])),
    ...some('eventId', textOf(data['event_id'])),
  }
}

/**
 * A fill of the account's activities:
 *
 *   {"activity_type":"FILL","cum_qty":"2","id":"20220202135509981::2d7be4ff-d1f3-43e9-856a-0f5cf5c5088e",
 *    "leaves_qty":"0","order_id":"b5abe576-6a8a-49f3-a353-46b72c1ccae9","order_status":"filled","price":"174.78",
 *    "qty":"2","side":"buy","symbol":"AAPL","transaction_time":"2022-02-02T18:55:09.981482Z","type":"fill"}
 */
export interface WireFill {
  /** The activity's id: the page token of what follows it. */
  readonly id: string
  /** The part behind `::`, which is the execution's id. */
  readonly execution: string
  readonly order: string
  readonly symbol: string
  readonly side: Side
  readonly qty: number
  readonly price: number
  readonly cumulative?: number
  readonly ts: Ms
}

export function parseFill(json: unknown): WireFill | undefined {
  if (!isObject(json) || json['activity_type'] !== 'FILL') return undefined
  const id = textOf(json['id'])
  const order = textOf(json['order_id'])
  const symbol = textOf(json['symbol'])
  const qty = decimalOf(json['qty'])
  const price = decimalOf(json['price'])
  const ts = parseStamp(json['transaction_time'])
  if (id === undefined || order === undefined || symbol === undefined) return undefined
  if (qty === undefined || price === undefined || ts === undefined) return undefined
  // A short sale is told as `sell_short`.
  const side = json['side'] === 'buy' ? 'buy' : 'sell'
  const execution = id.includes('::') ? id.slice(id.indexOf('::') + 2) : id
  return {
    id,
    execution,
    order,
    symbol,
    side,
    qty,
    price,
    ts,
    ...some('cumulative', decimalOf(json['cum_qty'])),
  }
}

/** `{"symbol":"AAPL","qty":"5","side":"long","avg_entry_price":"100.0",…}`; the quantity of a short is negative. */
export interface WirePosition {
  readonly symbol: string
  readonly qty: number
  readonly avgPrice: number
}

export function parsePosition(json: unknown): WirePosition | undefined {
  if (!isObject(json)) return undefined
  const symbol = textOf(json['symbol'])
  const qty = decimalOf(json['qty'])
  const avgPrice = decimalOf(json['avg_entry_price'])
  if (symbol === undefined || qty === undefined || avgPrice === undefined) return undefined
  return { symbol, qty: json['side'] === 'short' ? -Math.abs(qty) : qty, avgPrice }
}

/**
 * Kinds of activities by which the owner moves cash: deposits, withdrawals, journals between accounts, and what comes
 * from another broker or goes there. Fees, interest, dividends and what mergers pay are what the account earns and costs.
 * https://docs.alpaca.markets/reference/getaccountactivities-2 (ActivityType, read 2026-11).
 */
export const TRANSFER_KINDS = 'CSD,CSW,JNL,JNLC,ACATC'

/**
 * `{"activity_type":"CSW","id":"20190801011955195::5f596936-…","net_amount":"-500","date":"2019-08-01","status":"executed"}`
 *
 * https://docs.alpaca.markets/reference/getaccountactivities-2 (read 2026-11)
 */
export interface WireTransfer {
  readonly id: string
  readonly amount: number
  /** One that was canceled has moved nothing. */
  readonly isDone: boolean
}

export function parseTransfer(json: unknown): WireTransfer | undefined {
  if (!isObject(json)) return undefined
  const id = textOf(json['id'])
  // A journal may be one of securities: it names no money.
  const amount = decimalOf(json['net_amount'] ?? 0)
  if (id === undefined || amount === undefined) return undefined
  return { id, amount, isDone: json['status'] !== 'canceled' }
}

/** `{"id":"e6fe16f3-…","account_number":"PA31RTDNUE59","status":"ACTIVE","equity":"103820.56","cash":"-23140.2","buying_power":"262113.632",…}` */
export interface WireAccount {
  readonly id: string
  readonly number: string
  /** Numbers of paper accounts begin with PA. */
  readonly isPaper: boolean
  readonly status: string
  readonly equity: number
  readonly cash: number
  readonly buyingPower: number
  /** By the venue, or by its owner's own setting. */
  readonly isBlocked: boolean
}

export function parseAccount(json: unknown): WireAccount | undefined {
  if (!isObject(json)) return undefined
  const id = textOf(json['id'])
  const status = textOf(json['status'])
  const equity = decimalOf(json['equity'])
  const cash = decimalOf(json['cash'])
  const buyingPower = decimalOf(json['buying_power'])
  if (id === undefined || status === undefined) return undefined
  if (equity === undefined || cash === undefined || buyingPower === undefined) return undefined
  const number = textOf(json['account_number']) ?? ''
  const isPaper = number.startsWith('PA')
  const isBlocked =
    json['trading_blocked'] === true ||
    json['account_blocked'] === true ||
    json['trade_suspended_by_user'] === true
  return { id, number, isPaper, status, equity, cash, buyingPower, isBlocked }
}

/**
 * `{"id":"b0b6dd9d-…","class":"us_equity","exchange":"NASDAQ","symbol":"AAPL","name":"Apple Inc. Common Stock",
 *   "status":"active","tradable":true,"fractionable":true,"shortable":true,…}`; crypto adds `min_order_size`,
 * `min_trade_increment` and `price_increment` as text.
 */
export interface WireAsset {
  readonly symbol: string
  readonly kind: 'equity' | 'crypto' | 'option'
  readonly isTradable: boolean
  readonly isFractionable: boolean
  readonly minSize?: number
  readonly lotSize?: number
  readonly tickSize?: number
}

const KINDS: Readonly<Record<string, WireAsset['kind']>> = {
  us_equity: 'equity',
  crypto: 'crypto',
  us_option: 'option',
}

export function parseAsset(json: unknown): WireAsset | undefined {
  if (!isObject(json)) return undefined
  const symbol = textOf(json['symbol'])
  const kind = KINDS[textOf(json['class']) ?? '']
  if (symbol === undefined || kind === undefined) return undefined
  return {
    symbol,
    kind,
    isTradable: json['tradable'] === true && json['status'] === 'active',
    isFractionable: json['fractionable'] === true,
    ...some('minSize', decimalOf(json['min_order_size'])),
    ...some('lotSize', decimalOf(json['min_trade_increment'])),
    ...some('tickSize', decimalOf(json['price_increment'])),
  }
}

/** What a strategy cannot ask for with our types, but Alpaca has: told per order by the venue's options. */
export interface Extras {
  /** Auctions: at the open or at the close. */
  readonly auction?: 'opg' | 'cls'
  readonly isExtendedHours?: true
  /** A stop that follows the price, instead of `stop`. */
  readonly trail?: { readonly price: number } | { readonly percent: number }
}

const TYPES: Readonly<Record<OrderType, string>> = {
  market: 'market',
  limit: 'limit',
  stop: 'stop',
  'stop-limit': 'stop_limit',
}

/**
 * The body of POST /v2/orders; numbers as text. With legs it is a bracket (stop and target) or an OTO (one of them):
 *
 *   {"symbol":"AAPL","qty":"10","side":"buy","type":"limit","time_in_force":"gtc","limit_price":"187.3",
 *    "client_order_id":"sma-7k-1","order_class":"bracket","take_profit":{"limit_price":"191"},"stop_loss":{"stop_price":"185.4"}}
 *
 * Text instead of a body says why Alpaca has no such order.
 */
export function orderBody(
  order: Order,
  about: {
    readonly symbol: string
    readonly kind: string
    readonly legs?: readonly Order[]
    readonly extras?: Extras
  },
): Json | string {
  const { symbol, kind, legs = [], extras = {} } = about
  const tif: string = extras.auction ?? order.tif
  const trouble = refusal(order, { kind, tif, legs, extras })
  if (trouble !== undefined) return trouble
  const stop = legs.find((leg) => leg.role === 'stop')
  const target = legs.find((leg) => leg.role === 'target')
  const trail = extras.trail
  return {
    symbol,
    qty: decimal(order.qty),
    side: order.side,
    type: trail === undefined ? TYPES[order.type] : 'trailing_stop',
    time_in_force: tif,
    client_order_id: order.id,
    ...(isLimited(order) ? { limit_price: decimal(order.limit ?? 0) } : {}),
    ...(order.stop === undefined || trail !== undefined ? {} : { stop_price: decimal(order.stop) }),
    ...(trail === undefined
      ? {}
      : 'price' in trail
        ? { trail_price: decimal(trail.price) }
        : { trail_percent: decimal(trail.percent) }),
    ...(extras.isExtendedHours === true ? { extended_hours: true } : {}),
    ...(legs.length === 0
      ? {}
      : { order_class: stop !== undefined && target !== undefined ? 'bracket' : 'oto' }),
    ...(target === undefined ? {} : { take_profit: { limit_price: decimal(target.limit ?? 0) } }),
    ...(stop === undefined
      ? {}
      : {
          stop_loss: {
            stop_price: decimal(stop.stop ?? 0),
            ...(isLimited(stop) ? { limit_price: decimal(stop.limit ?? 0) } : {}),
          },
        }),
  }
}

/**
 * Two exits of a position that cancel each other; Alpaca wants the target as the parent:
 *
 *   {"symbol":"AAPL","qty":"10","side":"sell","type":"limit","time_in_force":"gtc","order_class":"oco",
 *    "client_order_id":"sma-7k-3","take_profit":{"limit_price":"191"},"stop_loss":{"stop_price":"185.4"}}
 */
export function ocoBody(target: Order, stop: Order, symbol: string): Json {
  return {
    symbol,
    qty: decimal(target.qty),
    side: target.side,
    type: 'limit',
    time_in_force: target.tif,
    client_order_id: target.id,
    order_class: 'oco',
    take_profit: { limit_price: decimal(target.limit ?? 0) },
    stop_loss: {
      stop_price: decimal(stop.stop ?? 0),
      ...(isLimited(stop) ? { limit_price: decimal(stop.limit ?? 0) } : {}),
    },
  }
}

const isLimited = ({ type }: Order): boolean => type === 'limit' || type === 'stop-limit'

/** Combinations that Alpaca refuses are refused here, where it costs no request. */
function refusal(
  order: Order,
  about: {
    readonly kind: string
    readonly tif: string
    readonly legs: readonly Order[]
    readonly extras: Extras
  },
): string | undefined {
  const { kind, tif, legs, extras } = about
  const { auction, isExtendedHours, trail } = extras
  const isResting = tif === 'day' || tif === 'gtc'
  if (order.id.length > 36)
    return `a client order id has at most 36 characters, not ${order.id.length}`
  if (order.postOnly === true) return 'alpaca has no post-only orders'
  if (kind === 'crypto') {
    if (order.type === 'stop') return 'alpaca has no stop orders for crypto, only stop-limit'
    if (tif !== 'gtc' && tif !== 'ioc') return `alpaca takes gtc and ioc for crypto, not ${tif}`
    if (legs.length > 0) return 'alpaca has no brackets for crypto'
  }
  if (kind === 'crypto' && (auction !== undefined || isExtendedHours === true))
    return 'crypto trades day and night: it has no auctions and no extended hours'
  if (trail !== undefined) {
    if (kind === 'crypto') return 'alpaca has no trailing stops for crypto'
    if (order.type !== 'stop' || legs.length > 0 || !isResting)
      return 'a trailing stop is a single stop order, day or gtc'
  }
  if (auction !== undefined && (order.stop !== undefined || legs.length > 0))
    return 'alpaca takes single market and limit orders to the auctions'
  if (isExtendedHours === true && (order.type !== 'limit' || legs.length > 0 || !isResting))
    return 'alpaca takes single limit orders, day or gtc, to the extended hours'
  if (kind !== 'crypto' && (tif === 'ioc' || tif === 'fok') && order.stop !== undefined)
    return `alpaca takes ${tif} for market and limit orders, not for stops`
  if (kind === 'option' && tif !== 'day') return `alpaca takes day for options, not ${tif}`
  if (legs.length > 0 && tif !== 'day' && tif !== 'gtc')
    return `alpaca takes day and gtc for brackets, not ${tif}`
  const other = legs.find((leg) => leg.tif !== tif)
  if (other !== undefined)
    return `alpaca has one time in force for a bracket, not ${tif} and ${other.tif}`
  if ((order.type === 'limit' || order.type === 'stop-limit') && order.limit === undefined)
    return 'a limit order has a limit'
  if ((order.type === 'stop' || order.type === 'stop-limit') && order.stop === undefined)
    return 'a stop order has a stop'
  return undefined
}

const READERS = { number: decimalOf, stamp: parseStamp, text: (value: unknown) => textOf(value) }
/** The fields that we use, and what each is read as. */
export type Fields = Readonly<Record<string, keyof typeof READERS>>

export const ACCOUNT_FIELDS: Fields = {
  id: 'text',
  status: 'text',
  equity: 'number',
  cash: 'number',
  buying_power: 'number',
}
export const ASSET_FIELDS: Fields = { symbol: 'text', class: 'text' }
export const ORDER_FIELDS: Fields = { id: 'text', symbol: 'text', status: 'text', side: 'text' }
export const POSITION_FIELDS: Fields = { symbol: 'text', qty: 'number', avg_entry_price: 'number' }
export const TRANSFER_FIELDS: Fields = { id: 'text', net_amount: 'number' }

export const FILL_FIELDS: Fields = {
  id: 'text',
  order_id: 'text',
  symbol: 'text',
  qty: 'number',
  price: 'number',
  transaction_time: 'stamp',
}

/** What keeps an object from being read: `.cash is missing`; that it makes no sense where each field can be read. */
export function flawOf(json: unknown, fields: Fields): string {
  const shown = (value: unknown): string => (JSON.stringify(value) ?? 'missing').slice(0, 100)
  if (!isObject(json)) return ` is ${shown(json)}`
  const wrong = Object.entries(fields).find(
    ([name, kind]) => READERS[kind](json[name]) === undefined,
  )
  return wrong === undefined
    ? ` makes no sense: ${shown(json)}`
    : `.${wrong[0]} is ${shown(json[wrong[0]])}`
}
