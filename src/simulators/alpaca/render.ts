// Render: orders, positions, accounts and assets as Alpaca's JSON.
import type { Instrument } from '../../core/instrument.ts'
import type { Account } from './account.ts'
import type { Held } from './holdings.ts'
import type { Transfer } from '../transfer.ts'
import { idOf } from '../ids.ts'
import type { Execution, VenueOrder } from './order.ts'
import { decimal } from '../decimal.ts'
import { cents, newYorkDate, stamp } from './text.ts'

type Json = Readonly<Record<string, unknown>>

export const assetId = (symbol: string): string => idOf(`asset ${symbol}`)
const classOf = ({ kind }: Instrument): string => (kind === 'crypto' ? 'crypto' : 'us_equity')
const exchangeOf = ({ kind, symbol }: Instrument): string =>
  kind === 'crypto' ? 'CRYPTO' : symbol.length <= 3 ? 'ARCA' : 'NASDAQ'

/** With `nested`, legs are inside their order; otherwise they are null and stand beside it. */
export function orderJson(order: VenueOrder, nested: boolean): Json {
  const { instrument, notional } = order
  const legs =
    nested && order.legs.length > 0 ? order.legs.map((leg) => orderJson(leg, true)) : null
  return {
    id: order.id,
    client_order_id: order.clientId,
    created_at: stamp(order.createdAt),
    updated_at: stamp(order.updatedAt),
    submitted_at: stamp(order.createdAt),
    filled_at: timeOf(order.filledAt),
    expired_at: timeOf(order.expiredAt),
    cancel_requested_at: timeOf(order.cancelRequestedAt),
    canceled_at: timeOf(order.canceledAt),
    failed_at: timeOf(order.failedAt),
    replaced_at: timeOf(order.replacedAt),
    replaced_by: order.replacedBy ?? null,
    replaces: order.replaces ?? null,
    asset_id: assetId(instrument.symbol),
    symbol: instrument.symbol,
    asset_class: classOf(instrument),
    notional: notional === undefined ? null : decimal(notional),
    qty: notional === undefined ? decimal(order.qty) : null,
    filled_qty: decimal(order.filled),
    filled_avg_price: order.filled > 0 ? decimal(order.avgPrice) : null,
    order_class: order.class === 'simple' ? '' : order.class,
    order_type: order.type,
    type: order.type,
    side: order.side,
    position_intent: order.intent,
    time_in_force: order.tif,
    limit_price: priceOf(order.limit),
    stop_price: priceOf(order.stop),
    status: order.status,
    extended_hours: order.extendedHours,
    legs,
    trail_percent: priceOf(order.trailPercent),
    trail_price: priceOf(order.trailPrice),
    hwm: priceOf(order.highWater),
    expires_at: stamp(order.expiresAt),
  }
}

const timeOf = (at: number | undefined): string | null => (at === undefined ? null : stamp(at))
const priceOf = (price: number | undefined): string | null =>
  price === undefined ? null : decimal(price)

export function positionJson(held: Held, account: Account, lastDay: number): Json {
  const { instrument, position, price } = held
  const { qty, avgPrice } = position
  const cost = qty * avgPrice
  const profit = account.holdings.openProfitOf(held)
  const profitShare = cost === 0 ? 0 : profit / Math.abs(cost)
  const change = lastDay > 0 ? price / lastDay - 1 : 0
  return {
    asset_id: assetId(instrument.symbol),
    symbol: instrument.symbol,
    exchange: exchangeOf(instrument),
    asset_class: classOf(instrument),
    asset_marginable: instrument.kind !== 'crypto',
    qty: decimal(qty),
    avg_entry_price: decimal(avgPrice),
    side: qty < 0 ? 'short' : 'long',
    market_value: decimal(qty * price),
    cost_basis: decimal(cost),
    unrealized_pl: decimal(profit),
    unrealized_plpc: decimal(profitShare),
    unrealized_intraday_pl: decimal(profit),
    unrealized_intraday_plpc: decimal(profitShare),
    current_price: decimal(price),
    lastday_price: decimal(lastDay),
    change_today: decimal(change),
    qty_available: decimal(Math.sign(qty) * account.available(instrument.symbol)),
  }
}

interface AccountTerms {
  readonly since: number
  readonly multiplier: number
  readonly isLive: boolean
}

export function accountJson(account: Account, { since, multiplier, isLive }: AccountTerms): Json {
  const balance = account.holdings.balance(account.open)
  const { cash, equity, longValue, shortValue, buyingPower, plainBuyingPower } = balance
  const margin = (longValue - shortValue) / 2
  return {
    id: idOf(`account ${account.name}`),
    admin_configurations: {},
    user_configurations: null,
    account_number: numberOf(account.name, isLive),
    status: 'ACTIVE',
    crypto_status: 'ACTIVE',
    options_approved_level: 0,
    options_trading_level: 0,
    currency: 'USD',
    buying_power: cents(buyingPower),
    regt_buying_power: cents(buyingPower),
    options_buying_power: cents(plainBuyingPower),
    non_marginable_buying_power: cents(plainBuyingPower),
    cash: cents(cash),
    accrued_fees: '0',
    portfolio_value: cents(equity),
    trading_blocked: false,
    transfers_blocked: false,
    account_blocked: false,
    created_at: stamp(since),
    trade_suspended_by_user: false,
    multiplier: String(multiplier),
    shorting_enabled: multiplier > 1,
    equity: cents(equity),
    last_equity: cents(equity),
    long_market_value: cents(longValue),
    short_market_value: cents(shortValue),
    position_market_value: cents(longValue - shortValue),
    initial_margin: cents(margin),
    maintenance_margin: cents(margin * 0.6),
    last_maintenance_margin: '0',
    sma: '0',
    balance_asof: newYorkDate(since),
    intraday_adjustments: '0',
    pending_reg_taf_fees: '0',
  }
}

export function assetJson(instrument: Instrument, isTradable: boolean): Json {
  const isCrypto = instrument.kind === 'crypto'
  const crypto = {
    min_order_size: '0.000000001',
    min_trade_increment: '0.000000001',
    price_increment: '0.000000001',
  }
  return {
    id: assetId(instrument.symbol),
    class: classOf(instrument),
    exchange: exchangeOf(instrument),
    symbol: instrument.symbol,
    name: isCrypto ? instrument.symbol.replace('/', ' / ') : `${instrument.symbol} (simulated)`,
    status: 'active',
    tradable: isTradable,
    marginable: !isCrypto,
    maintenance_margin_requirement: isCrypto ? 100 : 30,
    margin_requirement_long: isCrypto ? '100' : '30',
    margin_requirement_short: isCrypto ? '100' : '30',
    shortable: !isCrypto,
    easy_to_borrow: !isCrypto,
    ...(isCrypto ? {} : { borrow_status: 'easy_to_borrow' }),
    fractionable: true,
    attributes: [],
    ...(isCrypto ? crypto : {}),
  }
}

/** `20260105150405123::uuid`: the time in New York, then the execution. */
export function activityId({ ts, id }: Pick<Execution, 'ts' | 'id'>): string {
  return `${stamp(ts).replace(/\D/g, '').slice(0, 14)}${String(Math.floor(ts) % 1_000).padStart(3, '0')}::${id}`
}

export function fillJson(execution: Execution): Json {
  const { order, price, qty, ts, filled, left } = execution
  return {
    id: activityId(execution),
    activity_type: 'FILL',
    transaction_time: stamp(ts),
    type: left > 0 ? 'partial_fill' : 'fill',
    price: decimal(price),
    qty: decimal(qty),
    side: order.side,
    symbol: order.instrument.symbol,
    leaves_qty: decimal(left),
    order_id: order.id,
    cum_qty: decimal(filled),
    order_status: left > 0 ? 'partially_filled' : 'filled',
  }
}

export function transferJson({ id, ts, amount, kind = '' }: Transfer): Json {
  return {
    id: activityId({ id, ts }),
    activity_type: kind,
    date: newYorkDate(ts),
    created_at: stamp(ts),
    net_amount: decimal(amount),
    currency: 'USD',
    status: 'executed',
  }
}

/** The day on which a trade settles: the next, in New York. Weekends are not left out. */
export const activityDate = (ts: number): string => newYorkDate(ts + 86_400_000)

/** Nine digits; of paper accounts PA and ten letters and digits. */
function numberOf(name: string, isLive: boolean): string {
  const hex = idOf(name).replaceAll('-', '')
  if (isLive) return `${Number.parseInt(hex.slice(0, 12), 16) % 1e9}`.padStart(9, '1')
  return `PA${hex.slice(0, 10).toUpperCase()}`
}
