/*
 * Order request: the body of POST and PATCH /v2/orders, checked as Alpaca checks it. The real payload:
 *
 *   {"symbol":"AAPL","qty":"10","side":"buy","type":"limit","time_in_force":"day","limit_price":"187.32",
 *    "client_order_id":"sma-7-1k","order_class":"bracket","take_profit":{"limit_price":"190"},
 *    "stop_loss":{"stop_price":"185","limit_price":"184.5"}}
 *
 * Numbers are text, and numbers are taken too. https://docs.alpaca.markets/docs/orders-at-alpaca, read 2026-11-21.
 */
import { unreachable } from '../../core/assert.ts'
import type { Instrument } from '../../core/instrument.ts'
import type { Side } from '../../core/order.ts'
import type {
  Changes,
  Draft,
  Leg,
  OrderClass,
  VenueOrder,
  VenueOrderType,
  VenueTif,
} from './order.ts'
import { type ApiError, badRequest, forbidden, invalidType, unprocessable } from './error.ts'

type Body = Readonly<Record<string, unknown>>

/** What a request is checked against. */
export interface Desk {
  find(symbol: string): Instrument | undefined
  isTradable(symbol: string): boolean
  price(symbol: string): number
  newId(): string
  isOpen(instrument: Instrument): boolean
}

const TYPES: readonly VenueOrderType[] = ['market', 'limit', 'stop', 'stop_limit', 'trailing_stop']
const TIFS: readonly VenueTif[] = ['day', 'gtc', 'opg', 'cls', 'ioc', 'fok']
const CLASSES: readonly string[] = ['', 'simple', 'bracket', 'oco', 'oto']
const CRYPTO_TYPES: readonly string[] = ['market', 'limit', 'stop_limit']
/** Smallest value of a crypto order, and of an order in money. */
const COST_MIN = 10
const NOTIONAL_MIN = 1
const QTY_MAX = 1_000_000
const PRICE_MAX = 1_000_000

/** Gives the order that is asked for. Throws ApiError where Alpaca refuses the words of it. */
export function draftOf(body: Body, desk: Desk): Draft {
  const symbol = text(body, 'symbol') ?? fail('symbol is required')
  const instrument = desk.find(symbol) ?? fail(`asset "${symbol}" not found`)
  if (!desk.isTradable(instrument.symbol)) fail(`asset ${instrument.symbol} is not tradable`)
  const side = oneOf<Side>(body, 'side', ['buy', 'sell'])
  const type = oneOf<VenueOrderType>(body, 'type', TYPES)
  const tif = oneOf<VenueTif>(body, 'time_in_force', TIFS)
  const className = text(body, 'order_class') ?? ''
  if (className === 'mleg') fail('multi-leg orders are not simulated')
  if (!CLASSES.includes(className)) fail(`invalid order class: ${className}`)
  const orderClass = (className === '' ? 'simple' : className) as OrderClass
  const clientId = text(body, 'client_order_id') ?? desk.newId()
  if (clientId.length > 128) fail('client_order_id must be no more than 128 characters')
  const prices = pricesOf(orderClass === 'oco' ? withTarget(body) : body, type, instrument)
  const extendedHours = body['extended_hours'] === true
  const amount = amountOf(body, { instrument, type, price: prices.limit ?? desk.price(symbol) })
  const legs = legsOf(body, { orderClass, side, type, instrument, limit: prices.limit }, desk)
  checkKind({ instrument, type, tif, extendedHours, orderClass, qty: amount.qty })
  return {
    clientId,
    instrument,
    side,
    type,
    tif,
    ...amount,
    ...prices,
    extendedHours,
    class: orderClass,
    legs,
  }
}

/** Gives what a replacement changes. */
export function changesOf(body: Body, order: VenueOrder, desk: Desk): Changes {
  if (order.notional !== undefined) fail('notional orders cannot be replaced')
  const { instrument } = order
  const qty = number(body, 'qty')
  const limit = number(body, 'limit_price')
  const stop = number(body, 'stop_price')
  const trail = number(body, 'trail')
  const tif = text(body, 'time_in_force') as VenueTif | undefined
  if (tif !== undefined && !TIFS.includes(tif)) fail(`invalid time_in_force: ${tif}`)
  if (
    qty !== undefined &&
    (qty <= 0 || qty > QTY_MAX || (instrument.kind !== 'crypto' && !Number.isInteger(qty)))
  )
    fail('qty must be an integer > 0')
  if (limit !== undefined && order.limit === undefined)
    fail('limit_price is not allowed for this order type')
  if (stop !== undefined && order.stop === undefined)
    fail('stop_price is not allowed for this order type')
  if (trail !== undefined && order.type !== 'trailing_stop')
    fail('trail is only for trailing stop orders')
  checkTrail(trail, order.trailPercent !== undefined)
  for (const [name, price] of [
    ['limit_price', limit],
    ['stop_price', stop],
  ] as const)
    checkPrice(name, price, instrument)
  const isSame =
    (qty ?? order.qty) === order.qty &&
    (limit ?? order.limit) === order.limit &&
    (stop ?? order.stop) === order.stop &&
    (tif ?? order.tif) === order.tif &&
    trail === undefined
  if (isSame) fail('order parameters are not changed')
  return {
    clientId: text(body, 'client_order_id') ?? desk.newId(),
    ...(qty === undefined ? {} : { qty }),
    ...(limit === undefined ? {} : { limit }),
    ...(stop === undefined ? {} : { stop }),
    ...(trail === undefined ? {} : { trail }),
    ...(tif === undefined ? {} : { tif }),
  }
}

export function parseBody(body: string): Body {
  let value: unknown
  try {
    value = JSON.parse(body)
  } catch {
    throw badRequest('request body format is invalid')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw badRequest('request body format is invalid')
  return value as Body
}

function amountOf(
  body: Body,
  given: { instrument: Instrument; type: VenueOrderType; price: number },
): Pick<Draft, 'qty' | 'notional'> {
  const { instrument, price } = given
  const qty = number(body, 'qty')
  const notional = number(body, 'notional')
  if (qty !== undefined && notional !== undefined) fail('only one of qty or notional is accepted')
  if (qty !== undefined) {
    if (qty <= 0) fail('qty must be > 0')
    if (qty > QTY_MAX) fail(`qty must be <= ${QTY_MAX}`)
    if (!instrument.isOnSizeGrid(qty)) fail('qty must be limited to 9 decimal places')
    if (instrument.kind === 'crypto' && qty * price < COST_MIN)
      throw forbidden(`cost basis must be >= minimal amount of order ${COST_MIN}`)
    return { qty }
  }
  if (notional === undefined) return fail('qty or notional is required')
  const least = instrument.kind === 'crypto' ? COST_MIN : NOTIONAL_MIN
  if (notional < least) throw forbidden(`cost basis must be >= minimal amount of order ${least}`)
  if (Number.isNaN(price)) fail(`no price for ${instrument.symbol} yet`)
  const bought = notional / price
  if (bought > QTY_MAX) fail(`notional must buy no more than ${QTY_MAX}`)
  return { qty: instrument.qty(bought, 'down'), notional }
}

/** The target of an OCO is its own limit, wherever it stands. */
function withTarget(body: Body): Body {
  const target = inner(body, 'take_profit')?.['limit_price']
  return target === undefined ? body : { ...body, limit_price: target }
}

type Prices = Pick<Draft, 'limit' | 'stop' | 'trailPrice' | 'trailPercent'>

function pricesOf(body: Body, type: VenueOrderType, instrument: Instrument): Prices {
  const limit = number(body, 'limit_price')
  const stop = number(body, 'stop_price')
  const trailPrice = number(body, 'trail_price')
  const trailPercent = number(body, 'trail_percent')
  const takesLimit = type === 'limit' || type === 'stop_limit'
  const takesStop = type === 'stop' || type === 'stop_limit'
  const article = type.replace('_', ' ')
  if (takesLimit && limit === undefined) fail(`${article} orders require limit price`)
  if (!takesLimit && limit !== undefined) fail(`${article} orders require no limit price`)
  if (takesStop && stop === undefined) fail(`${article} orders require stop price`)
  if (!takesStop && stop !== undefined) fail(`${article} orders require no stop price`)
  const trails = [trailPrice, trailPercent].filter((trail) => trail !== undefined)
  if (type === 'trailing_stop' && trails.length !== 1)
    fail('trailing stop orders must specify one of trail_price or trail_percent')
  if (type !== 'trailing_stop' && trails.length > 0) fail(`${article} orders require no trail`)
  checkTrail(trailPrice ?? trailPercent, trailPercent !== undefined)
  checkPrice('limit_price', limit, instrument)
  checkPrice('stop_price', stop, instrument)
  return {
    ...(limit === undefined ? {} : { limit }),
    ...(stop === undefined ? {} : { stop }),
    ...(trailPrice === undefined ? {} : { trailPrice }),
    ...(trailPercent === undefined ? {} : { trailPercent }),
  }
}

/** A trail in percent stays below the whole price. */
function checkTrail(trail: number | undefined, isPercent: boolean): void {
  const most = isPercent ? 99 : PRICE_MAX
  if (trail !== undefined && !(trail > 0 && trail <= most)) fail(`trail must be > 0 and <= ${most}`)
}

function checkPrice(name: string, price: number | undefined, instrument: Instrument): void {
  if (price === undefined) return
  if (!(price > 0) || price > PRICE_MAX) fail(`${name} must be > 0 and <= ${PRICE_MAX}`)
  const places = instrument.kind === 'crypto' ? 9 : price >= 1 ? 2 : 4
  if (Math.abs(Number(price.toFixed(places)) - price) > 1e-12) {
    fail(`invalid ${name} ${price}. sub-penny increment does not fulfill minimum pricing criteria`)
  }
}

interface Entry {
  readonly orderClass: OrderClass
  readonly side: Side
  readonly type: VenueOrderType
  readonly instrument: Instrument
  readonly limit: number | undefined
}

function legsOf(body: Body, entry: Entry, desk: Desk): Leg[] {
  const { orderClass, side, type, instrument } = entry
  const profit = inner(body, 'take_profit')
  const loss = inner(body, 'stop_loss')
  if (orderClass === 'simple') {
    if (profit !== undefined || loss !== undefined)
      fail('take_profit and stop_loss require an order class')
    return []
  }
  if (instrument.kind === 'crypto') fail('crypto orders not allowed for advanced order_class')
  const target = profit === undefined ? undefined : number(profit, 'limit_price')
  const stop = loss === undefined ? undefined : number(loss, 'stop_price')
  const stopLimit = loss === undefined ? undefined : number(loss, 'limit_price')
  checkPrice('take_profit.limit_price', target, instrument)
  checkPrice('stop_loss.stop_price', stop, instrument)
  checkPrice('stop_loss.limit_price', stopLimit, instrument)
  const stopLeg: Leg | undefined =
    stop === undefined
      ? undefined
      : stopLimit === undefined
        ? { type: 'stop', stop }
        : { type: 'stop_limit', stop, limit: stopLimit }
  const targetLeg: Leg | undefined =
    target === undefined ? undefined : { type: 'limit', limit: target }
  switch (orderClass) {
    case 'bracket': {
      if (targetLeg === undefined) fail('bracket orders require take_profit.limit_price')
      if (stopLeg === undefined) fail('bracket orders require stop_loss.stop_price')
      const base = entry.limit ?? desk.price(instrument.symbol)
      checkExits({ base, target: target!, stop: stop!, isLong: side === 'buy' })
      return [targetLeg, stopLeg]
    }
    case 'oto':
      if ((targetLeg === undefined) === (stopLeg === undefined))
        fail('oto orders require either take_profit or stop_loss')
      return [(targetLeg ?? stopLeg)!]
    case 'oco':
      if (type !== 'limit') fail('oco orders must be limit orders')
      if (stopLeg === undefined) fail('oco orders require stop_loss.stop_price')
      return [stopLeg]
    default:
      return unreachable(orderClass)
  }
}

/** The exits of a bracket lie on their sides of its base price, a cent away at least. */
function checkExits(exits: { base: number; target: number; stop: number; isLong: boolean }): void {
  const { base, target, stop, isLong } = exits
  if (isLong ? target <= stop : target >= stop)
    fail(`take_profit.limit_price must be ${isLong ? '>' : '<'} stop_loss.stop_price`)
  if (Number.isNaN(base)) return
  if (isLong ? stop > base - 0.01 + 1e-9 : stop < base + 0.01 - 1e-9)
    fail(`stop_loss.stop_price must be ${isLong ? '<= base_price - 0.01' : '>= base_price + 0.01'}`)
  if (isLong ? target < base + 0.01 - 1e-9 : target > base - 0.01 + 1e-9)
    fail(
      `take_profit.limit_price must be ${isLong ? '>= base_price + 0.01' : '<= base_price - 0.01'}`,
    )
}

function checkKind(order: {
  instrument: Instrument
  type: VenueOrderType
  tif: VenueTif
  extendedHours: boolean
  orderClass: OrderClass
  qty: number
}): void {
  const { instrument, type, tif, extendedHours, orderClass, qty } = order
  if (instrument.kind === 'crypto') {
    if (!CRYPTO_TYPES.includes(type)) throw invalidType('invalid order type for crypto order')
    if (tif !== 'gtc' && tif !== 'ioc') fail('invalid crypto time_in_force')
    return
  }
  if (extendedHours && (type !== 'limit' || (tif !== 'day' && tif !== 'gtc')))
    fail('extended hours order must be DAY or GTC limit orders')
  if (orderClass !== 'simple' && tif !== 'day' && tif !== 'gtc')
    fail(`${orderClass} orders must be DAY or GTC`)
  if (orderClass !== 'simple' && extendedHours) fail('extended hours orders must be simple')
  if (!Number.isInteger(qty) && tif !== 'day') fail('fractional orders must be DAY orders')
  if (!Number.isInteger(qty) && orderClass !== 'simple')
    fail('fractional orders must be simple orders')
  if ((tif === 'opg' || tif === 'cls') && type !== 'market' && type !== 'limit')
    fail(`${tif} orders must be market or limit orders`)
  if ((tif === 'ioc' || tif === 'fok') && type !== 'market' && type !== 'limit')
    fail(`${tif} orders must be market or limit orders`)
  if (type === 'trailing_stop' && tif !== 'day' && tif !== 'gtc')
    fail('trailing stop orders must be DAY or GTC')
}

function oneOf<T extends string>(body: Body, name: string, allowed: readonly T[]): T {
  const value = text(body, name) ?? fail(`${name} is required`)
  if (!allowed.some((each) => each === value)) fail(`invalid ${name}: ${value}`)
  return value as T
}

function text(body: Body, name: string): string | undefined {
  const value = body[name]
  if (value === undefined || value === null || value === '') return undefined
  return typeof value === 'string' ? value : fail(`${name} must be a string`)
}

function number(body: Body, name: string): number | undefined {
  const value = body[name]
  if (value === undefined || value === null || value === '') return undefined
  const parsed = typeof value === 'number' ? value : typeof value === 'string' ? Number(value) : NaN
  return Number.isFinite(parsed) ? parsed : fail(`${name} is not a number`)
}

function inner(body: Body, name: string): Body | undefined {
  const value = body[name]
  if (value === undefined || value === null) return undefined
  return typeof value === 'object' ? (value as Body) : fail(`${name} must be an object`)
}

function fail(message: string): never {
  throw unprocessable(message) satisfies ApiError
}
