// Lookups: what an account may read of itself: orders, executions, positions, its wallet and its key.
import type { Instrument } from '../../core/instrument.ts'
import type { Json } from '../../io/json.ts'
import { DAY } from '../../core/time.ts'
import { decimal } from '../decimal.ts'
import type { Transfer } from '../transfer.ts'
import type { Account } from './account.ts'
import { badParameter } from './codes.ts'
import { limitOf } from './market-data.ts'
import { type BybitOrder, isOpen } from './order.ts'
import { executionRow, orderRow, positionRow, walletRow } from './render.ts'
import type { BybitVenue } from './venue.ts'

/** Closed orders that the list of open ones still knows. */
const RECENT = 500
/** Longest window of a list of the past, and how long canceled orders without a fill are remembered. */
const WINDOW_MS = 7 * DAY
const FORGOTTEN_MS = DAY

/** The paths, with the buckets that they count in. */
export const READS: Readonly<Record<string, string>> = {
  '/v5/order/realtime': 'realtime',
  '/v5/order/history': 'history',
  '/v5/execution/list': 'executions',
  '/v5/position/list': 'positions',
  '/v5/account/wallet-balance': 'wallet',
  '/v5/account/transaction-log': 'log',
  '/v5/account/info': 'info',
  '/v5/user/query-api': 'key',
  '/v5/account/query-dcp-info': 'dcp',
}

export class Lookups {
  readonly #venue: BybitVenue
  /** After a restart of the venue the closed orders are in its history only. */
  #restartedAt = -Infinity

  constructor(venue: BybitVenue) {
    this.#venue = venue
    venue.onOneTime(({ fault }) => {
      if (fault === 'restart') this.#restartedAt = venue.now()
    })
  }

  answer(path: string, query: URLSearchParams, account: Account): unknown {
    switch (path) {
      case '/v5/order/realtime':
        return this.#realtime(query, account)
      case '/v5/order/history':
        return this.#history(query, account)
      case '/v5/execution/list':
        return this.#executions(query, account)
      case '/v5/position/list':
        return this.#positions(query, account)
      case '/v5/account/wallet-balance':
        return { list: [walletRow(account)] }
      case '/v5/account/transaction-log':
        return this.#transfers(query, account)
      case '/v5/account/info':
        return {
          marginMode: 'REGULAR_MARGIN',
          updatedTime: String(this.#venue.options.startAt),
          unifiedMarginStatus: 6,
          dcpStatus: account.deadMan.infos.length > 0 ? 'ON' : 'OFF',
          timeWindow: 10,
          smpGroup: 0,
          isMasterTrader: false,
          spotHedgingStatus: 'OFF',
        }
      case '/v5/account/query-dcp-info':
        return { dcpInfos: account.deadMan.infos }
      case '/v5/user/query-api':
        return {
          id: String(this.#venue.userIdOf(account)),
          note: 'local',
          apiKey: account.name,
          readOnly: 0,
          permissions: { ContractTrade: ['Order', 'Position'], Spot: ['SpotTrade'], Wallet: [] },
          ips: ['*'],
          type: 1,
          unified: 0,
          uta: 1,
          userID: this.#venue.userIdOf(account),
          isMaster: true,
        }
      default:
        return undefined
    }
  }

  /** Open orders; by an id, or with `openOnly` 1, also the last that were closed. */
  #realtime(query: URLSearchParams, account: Account): Json {
    this.#mustName(query, ['symbol', 'baseCoin', 'settleCoin', 'orderId', 'orderLinkId'])
    const isById = query.has('orderId') || query.has('orderLinkId')
    const closed = account.orders
      .filter((order) => !isOpen(order) && order.updatedAt > this.#restartedAt)
      .slice(-RECENT)
    const open = [...account.open]
    const pool = isById ? [...open, ...closed] : query.get('openOnly') === '1' ? closed : open
    return this.#ordersPage(query, pool)
  }

  #history(query: URLSearchParams, account: Account): Json {
    const { from, to } = windowOf(query, this.#venue.now())
    const forgotten = this.#venue.now() - FORGOTTEN_MS
    const isById = query.has('orderId') || query.has('orderLinkId')
    const pool = account.orders.filter(
      (order) =>
        !isOpen(order) &&
        (isById || (order.createdAt >= from && order.createdAt <= to)) &&
        (order.filled > 0 || order.updatedAt >= forgotten),
    )
    return this.#ordersPage(query, pool)
  }

  #ordersPage(query: URLSearchParams, pool: readonly BybitOrder[]): Json {
    const [id, linkId, symbol] = ['orderId', 'orderLinkId', 'symbol'].map((name) => query.get(name))
    const meant = pool.filter((order) => {
      if (this.#venue.isHidden(order.id)) return false
      if (id !== null) return order.id === id
      if (linkId !== null) return order.linkId === linkId
      return symbol === null || order.instrument.symbol === symbol
    })
    return this.#page(query, meant.toReversed(), { most: [20, 50], row: orderRow })
  }

  #executions(query: URLSearchParams, account: Account): Json {
    const { from, to } = windowOf(query, this.#venue.now())
    const [id, linkId, symbol] = ['orderId', 'orderLinkId', 'symbol'].map((name) => query.get(name))
    const meant = account.executions.filter(({ order, ts }) => {
      if (id !== null && order.id !== id) return false
      if (linkId !== null && order.linkId !== linkId) return false
      if (symbol !== null && order.instrument.symbol !== symbol) return false
      return ts >= from && ts <= to
    })
    return this.#page(query, meant.toReversed(), { most: [50, 100], row: executionRow })
  }

  /** Of the log there is what its owner brought or took; trades are in the list of executions. */
  #transfers(query: URLSearchParams, account: Account): Json {
    const { from, to } = windowOf(query, this.#venue.now())
    const [type, coin] = [query.get('type'), query.get('currency')]
    const meant = account.transfers.filter(
      ({ ts, amount }) =>
        ts >= from &&
        ts <= to &&
        (type === null || type === wayOf(amount)) &&
        (coin === null || coin === account.coin),
    )
    const row = ({ id, ts, amount }: Transfer): Json => ({
      id,
      type: wayOf(amount),
      currency: account.coin,
      cashFlow: decimal(amount),
      funding: '0',
      fee: '0',
      change: decimal(amount),
      transactionTime: String(ts),
    })
    return pageOf(query, meant.toReversed(), { most: [20, 50], row })
  }

  /** Where a symbol is named, its position also when it is flat. */
  #positions(query: URLSearchParams, account: Account): Json {
    this.#mustName(query, ['symbol', 'settleCoin'])
    const symbol = query.get('symbol')
    const all = this.#venue.universe.all.filter((instrument) =>
      symbol === null
        ? account.positionOf(instrument.symbol).qty !== 0 || account.hedged.has(instrument.symbol)
        : instrument.symbol === symbol,
    )
    const at = this.#venue.now()
    const row = (instrument: Instrument): Json => {
      const price = this.#venue.market.price(instrument.symbol)
      return positionRow(account, instrument, { price, at })
    }
    return this.#page(query, all, { most: [20, 200], row })
  }

  #mustName(query: URLSearchParams, names: readonly string[]): void {
    this.#venue.mustServe(query.get('category'))
    if (this.#venue.category === 'linear' && !names.some((name) => query.has(name)))
      throw badParameter('params error: symbol or settleCoin is missing')
  }

  #page<T>(query: URLSearchParams, items: readonly T[], terms: PageTerms<T>): Json {
    const { category } = this.#venue
    this.#venue.mustServe(query.get('category'))
    return { category, ...pageOf(query, items, terms) }
  }
}

interface PageTerms<T> {
  /** Rows of a page: where nothing is asked for, and at the most. */
  readonly most: readonly [number, number]
  readonly row: (item: T) => Json
}

function pageOf<T>(
  query: URLSearchParams,
  items: readonly T[],
  { most: [usual, most], row }: PageTerms<T>,
): Json {
  const from = Number(query.get('cursor') ?? 0)
  const list = items.slice(from, from + limitOf(query, usual, most)).map(row)
  const next = from + list.length < items.length ? String(from + list.length) : ''
  return { list, nextPageCursor: next }
}

const wayOf = (amount: number): string => (amount < 0 ? 'TRANSFER_OUT' : 'TRANSFER_IN')

/** Of seven days where only one end, or none, is told. */
function windowOf(query: URLSearchParams, now: number) {
  const [start, end] = [query.get('startTime'), query.get('endTime')]
  const to = end !== null ? Number(end) : start !== null ? Number(start) + WINDOW_MS : now
  const from = start === null ? to - WINDOW_MS : Number(start)
  if (to - from > WINDOW_MS) throw badParameter('params error: the time range exceeds 7 days')
  return { from, to }
}
