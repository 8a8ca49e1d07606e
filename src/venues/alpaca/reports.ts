/*
 * Reports: what Alpaca has of an account, all pages of it or nothing: orders, fills, positions, cash.
 *
 * An order that was replaced is several at the venue and one here: the last of its chain, with what all have filled.
 */
import { fillId, type Ms, type OrderId } from '../../core/brand.ts'
import { fault } from '../../core/fault.ts'
import type { Transfer } from '../../core/input.ts'
import { type Instrument, money } from '../../core/instrument.ts'
import { failed, ok, type Result } from '../../core/result.ts'
import { DAY } from '../../core/time.ts'
import type { Universe } from '../../core/universe.ts'
import type { VenueReport } from '../../core/venue.ts'
import { accountOf } from './account.ts'
import type { Identity } from './identity.ts'
import { keptOf, losesCoins, netOf } from './kept.ts'
import type { Query, Rest } from './rest.ts'
import { formatStamp } from './stamps.ts'
import {
  type Fields,
  FILL_FIELDS,
  flawOf,
  ORDER_FIELDS,
  parseFill,
  parseOrder,
  parsePosition,
  parseTransfer,
  POSITION_FIELDS,
  stateOf,
  TRANSFER_FIELDS,
  TRANSFER_KINDS,
  type WireAccount,
  type WireFill,
  type WireOrder,
} from './wire.ts'

export interface ReportOptions {
  readonly rest: Rest
  readonly universe: Universe
  readonly identity: Identity
  readonly isOurs: (id: OrderId) => boolean
  readonly now: () => Ms
}

const ORDERS_PER_PAGE = 500
/** An order has at most four legs; https://docs.alpaca.markets/reference/getallorders does not say whether they count. */
const NESTED_ORDERS_LEAST = ORDERS_PER_PAGE / 5
const ACTIVITIES_PER_PAGE = 100
const PAGES_MAX = 1_000

/** The venue's orders and fills as it tells them: what a report is made of, and what a gap is filled from. */
export interface RawReport {
  readonly orders: readonly WireOrder[]
  readonly fills: readonly WireFill[]
}

export class AlpacaReports {
  readonly #options: ReportOptions
  #since: Ms | undefined
  /** Venue ids of orders that were open in the last report, whosever they are. */
  #wasOpen: ReadonlySet<string> = new Set()
  /** Symbols with an order or a position that the universe does not know, as of the last report. */
  strangers: readonly string[] = []

  constructor(options: ReportOptions) {
    this.#options = options
  }

  /** From when a report tells finished orders and fills; one day back where never told. */
  reportFrom(since: Ms): void {
    this.#since = since
  }

  /** Orders of others that were open when we last heard of them: the first report tells how they ended. */
  adopt(others: readonly string[]): void {
    this.#wasOpen = new Set(others)
  }

  async report(): Promise<Result<VenueReport>> {
    // First: what fills while the rest is read is among the fills too, or in neither, and never in the cash alone.
    const account = await accountOf(this.#options.rest)
    if (!account.ok) return account
    const raw = await this.raw()
    if (!raw.ok) return raw
    const { now } = this.#options
    const positions = await this.#list(
      '/v2/positions',
      {},
      {
        parse: parsePosition,
        fields: POSITION_FIELDS,
      },
    )
    if (!positions.ok) return positions
    const strange = new Set<string>()
    const at = <T extends { readonly symbol: string }>(
      items: readonly T[],
    ): (T & { readonly instrument: Instrument })[] =>
      items.flatMap((item) => {
        const instrument = this.#instrument(item.symbol)
        if (instrument === undefined) strange.add(item.symbol)
        return instrument === undefined ? [] : [{ ...item, instrument }]
      })
    const chains = this.#chains(raw.value.orders)
    const bought = at(raw.value.fills)
    const leftOf = (instrument: Instrument): number =>
      bought
        .filter((fill) => fill.instrument === instrument && losesCoins(instrument, fill.side))
        .reduce((sum, fill) => sum + fill.qty - netOf(instrument, fill).qty, 0)
    const report: VenueReport = {
      at: now(),
      orders: at(chains.map((chain) => ({ ...chain, symbol: chain.now.symbol }))).map(
        ({ id, now: order, before, earlier, instrument }) => ({
          ...(id === undefined ? {} : { id }),
          venueId: order.venueId,
          symbol: instrument.id,
          side: order.side,
          qty: instrument.qty((order.qty ?? order.filled) + before, 'down'),
          filled: instrument.qty(
            [order.filled, ...earlier].reduce(
              (sum, filled) => sum + keptOf(instrument, order.side, filled),
              0,
            ),
            'down',
          ),
          ...(order.limit === undefined ? {} : { limit: instrument.px(order.limit) }),
          ...(order.stop === undefined ? {} : { stop: instrument.px(order.stop) }),
          open: stateOf(order.status) === 'open',
          ...(stateOf(order.status) === 'filled' && losesCoins(instrument, order.side)
            ? { ended: 'canceled' }
            : {}),
        }),
      ),
      fills: bought.flatMap((fill) => {
        const { execution, order, price, ts, instrument } = fill
        const { qty, fee } = netOf(instrument, fill)
        const now = chains.find(({ venueIds }) => venueIds.has(order))?.now.venueId ?? order
        return qty > 0
          ? [
              {
                id: fillId(execution),
                order: now,
                qty: instrument.qty(qty),
                price,
                fee: money(fee),
                ts,
              },
            ]
          : []
      }),
      positions: at(positions.value).map(({ instrument, qty, avgPrice }) => ({
        symbol: instrument.id,
        // Of what a person bought by amount, or got as a dividend, a part of a lot is none of ours.
        qty: instrument.qty(qty, 'down'),
        avgPrice,
        ...(instrument.kind === 'crypto'
          ? { dust: dustOf(instrument, avgPrice) + leftOf(instrument) }
          : {}),
      })),
      account: standingOf(account.value),
    }
    this.strangers = [...strange]
    return ok(report)
  }

  /**
   * Open orders, those since `reportFrom`, those that were open when we last heard of them, and the fills: all pages.
   * Open ones are asked for one by one, because in a nested list a leg is within its entry alone, which may have filled
   * last week; recent ones are nested, because only so a leg is known by its entry.
   */
  async raw(): Promise<Result<RawReport>> {
    const { now, rest, identity, isOurs } = this.#options
    const after = formatStamp(this.#since ?? now() - DAY)
    const standing = await this.#orders({ status: 'open', nested: false })
    if (!standing.ok) return standing
    const recent = await this.#orders({ status: 'all', after, nested: true })
    if (!recent.ok) return recent
    const all = new Map(
      [...standing.value, ...recent.value]
        .flatMap((order) => [order, ...order.legs])
        .map((order) => [order.venueId, order]),
    )
    // A good-till-canceled order of last week that ended while we were away is in neither list.
    for (const venueId of new Set([...identity.believedOpen, ...this.#wasOpen])) {
      if (all.has(venueId)) continue
      const answer = await rest.get(`/v2/orders/${venueId}`)
      const order = answer.ok ? parseOrder(answer.value) : undefined
      if (!answer.ok && answer.fault.code !== 'not-found') return answer
      if (order !== undefined) all.set(venueId, order)
    }
    const orders = [...all.values()]
    for (const order of orders) identity.of(order, isOurs)
    const open = orders.filter(({ status }) => stateOf(status) === 'open')
    this.#wasOpen = new Set(open.map(({ venueId }) => venueId))
    const fills = await this.#fills(after)
    return fills.ok ? ok({ orders, fills: fills.value }) : fills
  }

  async transfers(): Promise<Result<readonly Transfer[]>> {
    const after = formatStamp(this.#since ?? this.#options.now() - DAY)
    const query = { after, activity_types: TRANSFER_KINDS }
    const as = { parse: parseTransfer, fields: TRANSFER_FIELDS }
    const told = await this.#activities('/v2/account/activities', query, as)
    if (!told.ok) return told
    return ok(
      told.value.flatMap(({ id, amount, isDone }) =>
        isDone ? [{ id, amount: money(amount) }] : [],
      ),
    )
  }

  /** Pages by order id: times of submission tie, ids do not. */
  async #orders(query: Query): Promise<Result<readonly WireOrder[]>> {
    const all: WireOrder[] = []
    let last: string | undefined
    for (let pages = 0; pages < PAGES_MAX; pages++) {
      const { after, ...rest } = query
      const place = last === undefined ? { after } : { after_order_id: last }
      const page = await this.#list(
        '/v2/orders',
        { ...rest, ...place, limit: ORDERS_PER_PAGE, direction: 'asc' },
        { parse: parseOrder, fields: ORDER_FIELDS },
      )
      if (!page.ok) return page
      all.push(...page.value)
      last = page.value.at(-1)?.venueId
      // A page of fewer is not full, whether legs count towards its limit or not.
      const least = query['nested'] === true ? NESTED_ORDERS_LEAST : ORDERS_PER_PAGE
      if (page.value.length < least) return ok(all)
    }
    return failed(fault('corrupt-data', 'GET /v2/orders: the pages do not end'))
  }

  #fills(after: string): Promise<Result<readonly WireFill[]>> {
    const as = { parse: parseFill, fields: FILL_FIELDS }
    return this.#activities('/v2/account/activities/FILL', { after }, as)
  }

  async #activities<T extends { readonly id: string }>(
    path: string,
    query: Query,
    as: { readonly parse: (json: unknown) => T | undefined; readonly fields: Fields },
  ): Promise<Result<readonly T[]>> {
    const all: T[] = []
    let token: string | undefined
    for (let pages = 0; pages < PAGES_MAX; pages++) {
      const place = { direction: 'asc', page_size: ACTIVITIES_PER_PAGE, page_token: token }
      const page = await this.#list(path, { ...query, ...place }, as)
      if (!page.ok) return page
      all.push(...page.value)
      const last = page.value.at(-1)?.id
      if (page.value.length < ACTIVITIES_PER_PAGE || last === token) return ok(all)
      token = last
    }
    return failed(fault('corrupt-data', 'GET /v2/account/activities: the pages do not end'))
  }

  /** A list, all of it or nothing: one order that cannot be read might be the one that matters. */
  async #list<T>(
    path: string,
    query: Query,
    as: { readonly parse: (json: unknown) => T | undefined; readonly fields: Fields },
  ): Promise<Result<readonly T[]>> {
    const answer = await this.#options.rest.get(path, query)
    if (!answer.ok) return answer
    if (!Array.isArray(answer.value)) return failed(fault('corrupt-data', `GET ${path}: no list`))
    const items: T[] = []
    for (const [i, json] of answer.value.entries()) {
      const item = as.parse(json)
      if (item === undefined)
        return failed(fault('corrupt-data', `GET ${path}: [${i}]${flawOf(json, as.fields)}`))
      items.push(item)
    }
    return ok(items)
  }

  /** Orders that replaced each other, as one: the last of them, and what those before it have filled. */
  #chains(orders: readonly WireOrder[]): readonly Chain[] {
    const { identity, isOurs } = this.#options
    const byVenue = new Map(orders.map((order) => [order.venueId, order]))
    return orders
      .filter((order) => order.replacedBy === undefined || !byVenue.has(order.replacedBy))
      .map((now) => {
        const venueIds = new Set([now.venueId])
        const filledEarlier: number[] = []
        let before = 0
        let earlier = byVenue.get(now.replaces ?? '')
        while (earlier !== undefined && !venueIds.has(earlier.venueId)) {
          venueIds.add(earlier.venueId)
          before += earlier.filled
          filledEarlier.push(earlier.filled)
          earlier = byVenue.get(earlier.replaces ?? '')
        }
        const known = identity.of(now, isOurs)
        const id = known?.id
        if (known !== undefined) identity.settle(known, now, before)
        const chain = { now, before, earlier: filledEarlier, venueIds }
        return id === undefined ? chain : { ...chain, id }
      })
  }

  /** Positions name crypto without the slash: `BTCUSD` is `BTC/USD`. */
  #instrument(symbol: string): Instrument | undefined {
    const { universe } = this.#options
    return (
      universe.find(symbol) ??
      universe.all.find((one) => one.kind === 'crypto' && one.symbol.replace('/', '') === symbol)
    )
  }
}

const standingOf = ({ equity, cash, buyingPower }: WireAccount): VenueReport['account'] => ({
  equity: money(equity),
  cash: money(cash),
  buyingPower: money(buyingPower),
})

/** What fees that were smaller than is counted may leave: less than an order could sell, or two lots. */
const dustOf = ({ spec, lotSize }: Instrument, price: number): number =>
  Math.max(price > 0 ? spec.minNotional / price : 0, 2 * lotSize)

interface Chain {
  readonly id?: OrderId
  readonly now: WireOrder
  readonly before: number
  /** What each of those before it has filled. */
  readonly earlier: readonly number[]
  readonly venueIds: ReadonlySet<string>
}
