// Trading: Alpaca's trading REST endpoints on the accounts of a venue.
import { calendarOf } from '../../core/calendar.ts'
import type { Instrument } from '../../core/instrument.ts'
import { ms } from '../../core/time.ts'
import type { Json } from '../../io/json.ts'
import type { Account } from './account.ts'
import { calendarJson, clockJson } from './calendar.ts'
import type { Draft, VenueOrder } from './order.ts'
import { isOver, leftOf } from './order.ts'
import { ApiError, duplicateId, forbidden, notFound, unprocessable } from './error.ts'
import { countOf, listOf, timeOf } from './query.ts'
import { changesOf, type Desk, draftOf, parseBody } from './order-request.ts'
import {
  accountJson,
  activityId,
  assetId,
  assetJson,
  fillJson,
  transferJson,
  orderJson,
  positionJson,
} from './render.ts'
import type { Call, Reply } from './call.ts'
import { decimal } from '../decimal.ts'
import { refused, tooMany } from './refusals.ts'
import { newYorkDate } from './text.ts'
import type { AlpacaVenue } from './venue.ts'

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
const ORDERS_MAX = 500

export class Trading {
  readonly #venue: AlpacaVenue
  readonly #settings = new Map<string, Record<string, unknown>>()

  constructor(venue: AlpacaVenue) {
    this.#venue = venue
  }

  /** Answers a request; undefined where there is no such endpoint. */
  answer(call: Call, account: Account): Reply | undefined {
    const { method, path } = call
    const [, , first = '', second, third] = path.split('/')
    switch (`${method} ${first}`) {
      case 'GET account':
        return second === undefined
          ? this.#account(account)
          : this.#accountPart(call, account, second, third)
      case 'PATCH account':
        return second === 'configurations' ? this.#configure(call, account) : undefined
      case 'GET clock':
        return { status: 200, json: clockJson(this.#venue) }
      case 'GET calendar':
        return { status: 200, json: calendarJson(call.query, this.#venue.now()) }
      case 'GET assets':
        return { status: 200, json: this.#assets(call.query, rest(path, '/v2/assets/')) }
      case 'GET orders:by_client_order_id':
        return this.#byClientId(call, account)
      case 'GET orders':
        return second === undefined
          ? this.#list(call.query, account)
          : this.#order(call, account, second)
      case 'POST orders':
        return second === undefined ? this.#place(parseBody(call.body), account) : undefined
      case 'PATCH orders':
        return second === undefined ? undefined : this.#replace(call, account, second)
      case 'DELETE orders':
        return second === undefined ? this.#cancelAll(account) : this.#cancel(account, second)
      case 'GET positions':
        return this.#positions(account, rest(path, '/v2/positions/'))
      case 'DELETE positions':
        return this.#closePositions(call, account, rest(path, '/v2/positions/'))
      default:
        return undefined
    }
  }

  #now() {
    return ms(this.#venue.now())
  }

  #account(account: Account): Reply {
    const { multiplier } = this.#venue
    const { startAt, isLive = false } = this.#venue.options
    return { status: 200, json: accountJson(account, { since: startAt, multiplier, isLive }) }
  }

  #accountPart(
    call: Call,
    account: Account,
    part: string,
    kind: string | undefined,
  ): Reply | undefined {
    switch (part) {
      case 'activities':
        return this.#activities(call.query, account, kind)
      case 'configurations':
        return { status: 200, json: this.#settingsOf(account) }
      case 'portfolio':
        return { status: 200, json: this.#portfolio(account) }
      default:
        return undefined
    }
  }

  #settingsOf(account: Account): Record<string, unknown> {
    const known = this.#settings.get(account.name) ?? {
      disable_overnight_trading: false,
      dtbp_check: 'entry',
      fractional_trading: true,
      max_margin_multiplier: String(this.#venue.multiplier),
      max_options_trading_level: 0,
      no_shorting: false,
      ptp_no_exception_entry: false,
      suspend_trade: false,
      trade_confirm_email: 'all',
    }
    this.#settings.set(account.name, known)
    return known
  }

  #configure(call: Call, account: Account): Reply {
    const settings = { ...this.#settingsOf(account), ...parseBody(call.body) }
    this.#settings.set(account.name, settings)
    return { status: 200, json: settings }
  }

  #portfolio(account: Account) {
    const { equity } = account.holdings.balance(account.open)
    const base = this.#venue.options.cash ?? 100_000
    return {
      timestamp: [Math.floor(this.#venue.now() / 1_000)],
      equity: [equity],
      profit_loss: [equity - base],
      profit_loss_pct: [(equity - base) / base],
      base_value: base,
      timeframe: '1D',
    }
  }

  #assets(query: URLSearchParams, wanted: string | undefined) {
    const { universe } = this.#venue
    const json = (instrument: Instrument) =>
      assetJson(instrument, this.#venue.isTradable(instrument.symbol))
    if (wanted !== undefined) {
      const found = this.#find(wanted)
      if (found === undefined) throw notFound(`asset not found for ${wanted}`)
      return json(found)
    }
    const kind = query.get('asset_class')
    const isWanted = (i: Instrument): boolean =>
      (kind === null || kind === '' || (kind === 'crypto') === (i.kind === 'crypto')) &&
      query.get('status') !== 'inactive'
    return universe.all.filter(isWanted).map(json)
  }

  /** By symbol, by a crypto symbol without its slash, or by asset id. */
  #find(name: string): Instrument | undefined {
    const { universe } = this.#venue
    return (
      universe.find(name) ??
      universe.all.find(
        ({ symbol }) => symbol.replace('/', '') === name || assetId(symbol) === name,
      )
    )
  }

  #desk(): Desk {
    const venue = this.#venue
    return {
      find: (symbol) => this.#find(symbol),
      isTradable: (symbol) => venue.isTradable(symbol),
      price: (symbol) => venue.market.price(this.#find(symbol)?.symbol ?? symbol),
      newId: () => venue.ids.next(),
      isOpen: (instrument) => venue.hours.isOpen(instrument, venue.now()),
    }
  }

  #place(body: Readonly<Record<string, unknown>>, account: Account): Reply {
    if (this.#settingsOf(account)['suspend_trade'] === true)
      throw forbidden('new orders are rejected by user request')
    const draft = draftOf(body, this.#desk())
    return { status: 200, json: orderJson(this.#placed(draft, account), true) }
  }

  #placed(draft: Draft, account: Account): VenueOrder {
    const placed = account.place(draft, this.#now())
    if (!placed.ok) throw refused(placed.refusal, draft)
    this.#venue.hide(placed.order.id)
    return placed.order
  }

  #replace(call: Call, account: Account, id: string): Reply {
    const order = this.#known(account, id)
    const body = parseBody(call.body)
    const { status } = order
    if (isOver(order)) throw unprocessable(`order is already in "${status}" state`)
    const isEarly = ['accepted', 'pending_new', 'pending_cancel', 'pending_replace'].includes(
      status,
    )
    if (isEarly) throw unprocessable(`cannot replace order in ${status} status`)
    const changes = changesOf(body, order, this.#desk())
    if (account.findByClientId(changes.clientId) !== undefined) throw duplicateId()
    const growth = (changes.qty ?? 0) - leftOf(order)
    const isClosing = order.intent.endsWith('close') && order.parent === undefined
    const { symbol } = order.instrument
    // What it sells already is held for itself.
    if (isClosing && growth > account.available(symbol) + 1e-9)
      throw refused(tooMany(growth, account.available(symbol)), order)
    if (changes.qty !== undefined && changes.qty > order.qty && order.parent === undefined) {
      const more = account.holdings.reserve(order, changes.qty - order.qty)
      const { buyingPower } = account.holdings.balance(account.open)
      if (order.intent.endsWith('open') && more > buyingPower)
        throw forbidden('insufficient buying power', { buying_power: decimal(buyingPower) })
    }
    return { status: 200, json: orderJson(account.replace(order, changes, this.#now()), true) }
  }

  #cancel(account: Account, id: string): Reply {
    const order = this.#known(account, id)
    if (isOver(order)) throw unprocessable(`order is already in "${order.status}" state`)
    account.cancel(order, this.#now())
    return { status: 204 }
  }

  #cancelAll(account: Account): Reply {
    // A family is canceled with its head; legs whose head has filled are heads themselves.
    const open = [...account.open].filter(({ parent }) => parent === undefined || isOver(parent))
    for (const order of open) account.cancel(order, this.#now())
    return { status: 207, json: open.map(({ id }) => ({ id, status: 200 })) }
  }

  #known(account: Account, id: string): VenueOrder {
    if (!UUID.test(id)) throw unprocessable(`order_id is invalid: ${id}`)
    const order = account.find(id)
    if (order === undefined || this.#venue.isHidden(id)) throw notFound(`order not found for ${id}`)
    return order
  }

  #order(call: Call, account: Account, id: string): Reply {
    const order = this.#known(account, id)
    return { status: 200, json: orderJson(order, call.query.get('nested') === 'true') }
  }

  #byClientId(call: Call, account: Account): Reply {
    const id = call.query.get('client_order_id') ?? ''
    const order = account.findByClientId(id)
    if (order === undefined || this.#venue.isHidden(order.id))
      throw notFound(`order not found for ${id}`)
    return { status: 200, json: orderJson(order, true) }
  }

  #list(query: URLSearchParams, account: Account): Reply {
    const status = query.get('status') ?? 'open'
    if (!['open', 'closed', 'all'].includes(status))
      throw unprocessable(`invalid status: ${status}`)
    const limit = countOf(query, 'limit', 50, ORDERS_MAX)
    const after = timeOf(query, 'after')
    const until = timeOf(query, 'until')
    const symbols = listOf(query, 'symbols').map((name) => this.#find(name)?.symbol ?? name)
    const side = query.get('side')
    const nested = query.get('nested') === 'true'
    const kinds = listOf(query, 'asset_class')
    const before = this.#cursor(query, 'before_order_id', account)
    const behind = this.#cursor(query, 'after_order_id', account)
    const found = account.orders.filter(
      (order) =>
        (status === 'all' || isOver(order) === (status === 'closed')) &&
        (after === undefined || order.createdAt > after) &&
        (until === undefined || order.createdAt < until) &&
        (symbols.length === 0 || symbols.includes(order.instrument.symbol)) &&
        (side === null || side === '' || order.side === side) &&
        (kinds.length === 0 ||
          kinds.includes(order.instrument.kind === 'crypto' ? 'crypto' : 'us_equity')) &&
        (before === undefined || order.n < before.n) &&
        (behind === undefined || order.n > behind.n) &&
        !(nested && order.parent !== undefined) &&
        !this.#venue.isHidden(order.id),
    )
    // After an id the natural order is upwards; both can be asked for.
    const isUp = (query.get('direction') ?? (behind === undefined ? 'desc' : 'asc')) === 'asc'
    const sorted = isUp ? found : found.toReversed()
    return { status: 200, json: sorted.slice(0, limit).map((order) => orderJson(order, nested)) }
  }

  #cursor(query: URLSearchParams, name: string, account: Account): VenueOrder | undefined {
    const id = query.get(name)
    return id === null || id === '' ? undefined : this.#known(account, id)
  }

  #positions(account: Account, wanted: string | undefined): Reply {
    const json = (held: ReturnType<typeof account.holdings.held>[number]) =>
      positionJson(held, account, this.#lastDay(held.instrument.symbol))
    const held = account.holdings.held()
    if (wanted === undefined) return { status: 200, json: held.map(json) }
    const instrument = this.#find(wanted)
    if (instrument === undefined) throw notFound(`symbol not found: ${wanted}`)
    const one = held.find((each) => each.instrument === instrument)
    if (one === undefined) throw notFound('position does not exist')
    return { status: 200, json: json(one) }
  }

  #lastDay(symbol: string): number {
    const minutes = this.#venue.market.shown(symbol)?.minutes ?? []
    const start = calendarOf('us-equity').dayStart(this.#now())
    return (
      minutes.findLast(({ t }) => t < start)?.c ?? minutes[0]?.o ?? this.#venue.market.price(symbol)
    )
  }

  #closePositions(call: Call, account: Account, wanted: string | undefined): Reply {
    if (wanted !== undefined) return this.#closeOne(call, account, wanted)
    if (call.query.get('cancel_orders') === 'true') this.#cancelAll(account)
    const answers = account.holdings.held().map(({ instrument, position }) => {
      const { symbol } = instrument
      try {
        const order = this.#close(account, instrument, position.qty)
        return { symbol, status: 200, body: orderJson(order, false) }
      } catch (error) {
        if (!(error instanceof ApiError)) throw error
        return { symbol, status: error.status, body: JSON.parse(error.body) as unknown }
      }
    })
    return { status: 207, json: answers }
  }

  #closeOne(call: Call, account: Account, wanted: string): Reply {
    const instrument = this.#find(wanted)
    if (instrument === undefined) throw notFound(`symbol not found: ${wanted}`)
    const { qty } = account.holdings.positionOf(instrument.symbol)
    if (qty === 0) throw notFound(`position not found: ${wanted}`)
    const asked = call.query.get('qty')
    const percentage = call.query.get('percentage')
    if (asked !== null && percentage !== null)
      throw unprocessable('only one of qty or percentage is accepted')
    const part =
      asked !== null
        ? Number(asked)
        : percentage === null
          ? Math.abs(qty)
          : (Math.abs(qty) * Number(percentage)) / 100
    if (!(part > 0)) throw unprocessable('qty must be > 0')
    const size = instrument.qty(part, 'down')
    if (size > Math.abs(qty)) throw refused(tooMany(size, Math.abs(qty)), { instrument })
    return {
      status: 200,
      json: orderJson(this.#close(account, instrument, Math.sign(qty) * size), false),
    }
  }

  #close(account: Account, instrument: Instrument, qty: number): VenueOrder {
    const tif = instrument.kind === 'crypto' ? 'gtc' : 'day'
    const side = qty > 0 ? 'sell' : 'buy'
    const terms = { type: 'market', class: 'simple', legs: [], extendedHours: false } as const
    const clientId = this.#venue.ids.next()
    return this.#placed({ ...terms, clientId, instrument, side, tif, qty: Math.abs(qty) }, account)
  }

  #activities(query: URLSearchParams, account: Account, kind: string | undefined): Reply {
    const kinds = kind === undefined ? listOf(query, 'activity_types') : [kind]
    const isOther = query.get('category') === 'non_trade_activity'
    if (isOther || (kinds.length > 0 && !kinds.includes('FILL')))
      return { status: 200, json: this.#transfers(query, account, kinds) }
    const after = timeOf(query, 'after')
    const until = timeOf(query, 'until')
    const date = query.get('date')
    const orderId = query.get('order_id')
    const found = account.executions.filter(
      ({ ts, order }) =>
        (after === undefined || ts > after) &&
        (until === undefined || ts < until) &&
        (date === null || newYorkDate(ts) === date.slice(0, 10)) &&
        (orderId === null || order.id === orderId),
    )
    return { status: 200, json: pageOf(found, query).map(fillJson) }
  }

  /** Deposits and withdrawals are all that there is besides fills. */
  #transfers(query: URLSearchParams, account: Account, kinds: readonly string[]): readonly Json[] {
    const after = timeOf(query, 'after')
    const found = account.holdings.transfers.filter(
      ({ ts, kind = '' }) =>
        (after === undefined || ts > after) && (kinds.length === 0 || kinds.includes(kind)),
    )
    return pageOf(found, query).map(transferJson)
  }
}

/** A page of activities, which are given oldest first. */
function pageOf<T extends { readonly id: string; readonly ts: number }>(
  found: readonly T[],
  query: URLSearchParams,
): readonly T[] {
  const size = countOf(query, 'page_size', 100, 100)
  const sorted = query.get('direction') === 'asc' ? found : found.toReversed()
  const token = query.get('page_token')
  const from = token === null ? 0 : sorted.findIndex((each) => activityId(each) === token) + 1
  return sorted.slice(from, from + size)
}

/** What follows a prefix in a path: symbols such as BTC/USD may hold a slash themselves. */
const rest = (path: string, prefix: string): string | undefined =>
  path.startsWith(prefix) && path.length > prefix.length ? path.slice(prefix.length) : undefined
