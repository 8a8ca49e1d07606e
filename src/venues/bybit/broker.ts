/*
 * Broker: orders to Bybit, and its own account of them.
 *
 * An answer of Bybit to an order says that it was received. That it works, or was rejected after all, is told on the
 * private stream (orders.ts) and known by the report. How commands leave, one by one or together, is in batches.ts.
 */
import { unreachable } from '../../core/assert.ts'
import { fillId, type Ms, type OrderId, orderId } from '../../core/brand.ts'
import type { Batch, Command } from '../../core/command.ts'
import { type Fault, fault } from '../../core/fault.ts'
import type { Transfer } from '../../core/input.ts'
import { type Instrument, money } from '../../core/instrument.ts'
import type { Order } from '../../core/order.ts'
import { failed, ok, type Result } from '../../core/result.ts'
import { DAY } from '../../core/time.ts'
import type { Universe } from '../../core/universe.ts'
import type { Broker, VenueReport } from '../../core/venue.ts'
import type { Io } from '../../io/io.ts'
import { decimal, isObject, textOf } from '../../io/json.ts'
import { Batches, type Item, neverDone, refusalOf, type Taken, type Verb } from './batches.ts'
import { type Identity, isOfSomeRun } from './identity.ts'
import { isDone } from './faults.ts'
import type { Category } from './category.ts'
import { type Found, listOf, type ListTerms, lookup, ORDERS_PER_PAGE } from './lookup.ts'
import { coinIn, type Kept, leftOf } from './kept.ts'
import type { OrderEntry } from './order-entry.ts'
import type { Query, Rest } from './rest.ts'
import {
  orderBody,
  parseExecution,
  parseOrder,
  parsePosition,
  parseCoins,
  parseTransfer,
  parseWallet,
  stateOf,
  type WireExecution,
  type WireOrder,
  type WirePosition,
  type WireTransfer,
  type WireWallet,
} from './wire.ts'

export interface BrokerOptions {
  readonly rest: Rest
  readonly entry: OrderEntry
  readonly universe: Universe
  readonly identity: Identity
  readonly kept: Kept
  readonly isOurs: (id: OrderId) => boolean
  readonly io: Pick<Io, 'monotonic' | 'after'>
  readonly now: () => Ms
  readonly batch: number
  readonly concurrent: number
  readonly category: Category
  readonly onTrouble: (why: string) => void
}

type Refusal = (command: Command) => Fault | undefined
type Amend = Extract<Command, { readonly type: 'amend' }>
type Prepared = { readonly item: Item } | { readonly refused: Fault }

const EXECUTIONS_PER_PAGE = 100
const POSITIONS_PER_PAGE = 200
const TRANSFERS_PER_PAGE = 50
/** Longest span of a list of the past. */
const WINDOW_MS = 7 * DAY

/** Orders and executions as the venue tells them: what a report is made of, and what a gap is filled from. */
export interface RawReport {
  readonly orders: readonly WireOrder[]
  readonly executions: readonly WireExecution[]
}

const VERBS: Readonly<Record<Command['type'], Verb>> = {
  submit: 'create',
  amend: 'amend',
  cancel: 'cancel',
}

export class BybitBroker implements Broker {
  readonly #options: BrokerOptions
  readonly #batches: Batches
  #since: Ms | undefined
  #isClosed = false
  /** Executions of orders of the last report that were more than its span has, by the venue's ids. */
  #begins: ReadonlyMap<string, readonly WireExecution[]> = new Map()
  /** Symbols with an order or a position that the universe does not know, as of the last report. */
  strangers: readonly string[] = []

  constructor(options: BrokerOptions) {
    this.#options = options
    const { io, rest, entry, category, batch, concurrent, onTrouble } = options
    this.#batches = new Batches({ io, rest, entry, size: batch, concurrent, category, onTrouble })
  }

  /** From when a report tells finished orders and fills; one day back where never told. */
  reportFrom(since: Ms): void {
    this.#since = since
  }

  async execute(batch: Batch, refusal: Refusal = () => undefined): Promise<readonly Taken[]> {
    if (this.#isClosed) return batch.commands.map(() => failed(CLOSED))
    const prepared = batch.commands.map((command) => this.#prepared(command, refusal))
    const items = prepared.flatMap((each) => ('item' in each ? [each.item] : []))
    const answers = await this.#batches.send(VERBS[batch.kind], items)
    return prepared.map((each, i): Taken => {
      const answer =
        'item' in each ? answers[items.indexOf(each.item)]! : failed<never>(each.refused)
      this.#note(batch.commands[i]!, answer)
      return answer
    })
  }

  /** Nothing is sent any more. What is under way gets its answer. */
  close(): void {
    this.#isClosed = true
  }

  /** In one request, where nobody else has orders: it also takes what no list shows yet. */
  async cancelAll(): Promise<Result<number>> {
    const { rest, category } = this.#options
    const query = { ...category.lists, openOnly: 0, limit: ORDERS_PER_PAGE }
    const listed = await listOf(rest, '/v5/order/realtime', query, parseOrder)
    if (!listed.ok) return listed
    const open = listed.value.filter((order) => stateOf(order) === 'open')
    const theirs = open.filter((order) => isOfSomeRun(order))
    if (theirs.length < open.length) return await this.#cancelEach(theirs)
    const answer = await rest.post('/v5/order/cancel-all', category.lists, {
      bucket: 'cancel-all',
    })
    if (!answer.ok) return answer
    const { list } = answer.value.result
    return ok(Array.isArray(list) ? list.length : 0)
  }

  async #cancelEach(orders: readonly WireOrder[]): Promise<Result<number>> {
    const items = orders.map(({ symbol, linkId }) => ({
      id: orderId(linkId),
      body: { symbol, orderLinkId: linkId },
      refusal: () => (this.#isClosed ? CLOSED : undefined),
      isDoneBy: neverDone,
    }))
    const answers = await this.#batches.send('cancel', items)
    // One that has ended meanwhile is in no list any more.
    const hasEnded = (why: Fault): boolean => isDone(why) || why.code === 'not-found'
    const refused = answers.find((answer) => !answer.ok && !hasEnded(answer.fault))
    return refused?.ok === false ? refused : ok(answers.length)
  }

  async report(): Promise<Result<VenueReport>> {
    // First: what fills while the rest is read is among the fills too, or in neither, and never in the cash alone.
    const account = await this.#account()
    if (!account.ok) return account
    const raw = await this.raw()
    if (!raw.ok) return raw
    const { category, now, kept } = this.#options
    const listed = category.hasPositions ? await this.positions() : ok([])
    if (!listed.ok) return listed
    const { wallet, held } = account.value
    const positions = category.hasPositions ? listed.value : held
    const strange = new Set<string>()
    const known = this.#knownIn(strange)
    const dust = new Map<Instrument, number>()
    const fills = known(raw.value.executions.toSorted((a, b) => a.ts - b.ts)).flatMap(
      ({ item, instrument }) => {
        const { qty, fee } = kept.net(item, instrument)
        const { id, venueId: order, price, ts } = item
        dust.set(instrument, (dust.get(instrument) ?? 0) + leftOf(item, instrument, qty))
        if (qty <= 0) return []
        return [{ id: fillId(id), order, qty: instrument.qty(qty), price, fee: money(fee), ts }]
      },
    )
    const report: VenueReport = {
      at: now(),
      orders: known(raw.value.orders).map(({ item, instrument }) =>
        this.#reported(item, instrument),
      ),
      fills,
      positions: known(positions.filter(({ qty }) => qty !== 0)).map(({ item, instrument }) => ({
        symbol: instrument.id,
        qty: instrument.qty(item.qty, category.hasPositions ? 'nearest' : 'down'),
        avgPrice: item.avgPrice,
        ...(category.hasPositions
          ? {}
          : { dust: leastOf(instrument, item.avgPrice) + Math.max(0, dust.get(instrument) ?? 0) }),
      })),
      account: {
        equity: money(wallet.equity),
        cash: money(wallet.cash),
        buyingPower: money(Math.max(0, wallet.free)),
      },
    }
    this.strangers = [...strange]
    return ok(report)
  }

  /** Money, and the coins of our symbols, which are what spot has for positions. */
  async #account(): Promise<
    Result<{ readonly wallet: WireWallet; readonly held: readonly WirePosition[] }>
  > {
    const { rest, category, universe } = this.#options
    const parse = (json: unknown) => {
      const [wallet, coins] = [parseWallet(json, category), parseCoins(json)]
      return wallet && (category.hasPositions ? { wallet, coins: [] } : coins && { wallet, coins })
    }
    const query = { accountType: 'UNIFIED' }
    const rows = await listOf(rest, '/v5/account/wallet-balance', query, parse)
    if (!rows.ok) return rows
    const [row] = rows.value
    if (row === undefined)
      return failed(fault('corrupt-data', 'GET /v5/account/wallet-balance: no account'))
    const held: WirePosition[] = []
    let { equity } = row.wallet
    for (const { symbol, spec } of universe.all) {
      const coin = row.coins.find((one) => one.coin === coinIn(symbol, spec.currency))
      if (coin === undefined || !(coin.balance > 0)) continue
      held.push({ symbol, qty: coin.balance, avgPrice: coin.value / coin.balance, index: 0 })
      equity += coin.value
    }
    return ok({ wallet: { ...row.wallet, equity }, held })
  }

  /** Of the coin of the run. A run in dollars counts what others are worth, and of those it is not told. */
  async transfers(): Promise<Result<readonly Transfer[]>> {
    const { category } = this.#options
    const all: Transfer[] = []
    for (const type of ['TRANSFER_IN', 'TRANSFER_OUT']) {
      const query = { accountType: 'UNIFIED', currency: category.coin, type }
      const rows = await this.#spans(
        '/v5/account/transaction-log',
        { ...query, limit: TRANSFERS_PER_PAGE },
        parseTransfer,
      )
      if (!rows.ok) return rows
      all.push(...rows.value.map(({ id, amount }: WireTransfer) => ({ id, amount: money(amount) })))
    }
    return ok(all)
  }

  positions(): Promise<Result<readonly WirePosition[]>> {
    const { rest, category } = this.#options
    const query = { ...category.lists, limit: POSITIONS_PER_PAGE }
    return listOf(rest, '/v5/position/list', query, parsePosition)
  }

  /** Open orders, those that ended since `reportFrom`, those we believe to be open, and the executions: all pages. */
  async raw(): Promise<Result<RawReport>> {
    const { identity, isOurs, rest, category, now } = this.#options
    const since = this.#from
    const all = new Map<string, WireOrder>()
    const query = { ...category.lists, limit: ORDERS_PER_PAGE }
    const isOld = (page: readonly WireOrder[]): boolean =>
      page.every(({ updatedAt }) => (updatedAt ?? Infinity) < since)
    // The history lags behind the matcher, and what the list of open orders knows of closed ones ends with a restart of
    // the venue. What moves from one list to the other meanwhile is in both: the later word counts.
    const from = { startTime: Math.max(since, now() - WINDOW_MS + DAY) }
    // An open order counts however old it is.
    for (const [path, more, isEnough] of [
      ['/v5/order/history', from, isOld],
      ['/v5/order/realtime', { openOnly: 0 }, undefined],
      ['/v5/order/realtime', { openOnly: 1 }, isOld],
    ] as const) {
      const rows = await listOf(rest, path, { ...query, ...more }, parseOrder, { isEnough })
      if (!rows.ok) return rows
      for (const order of rows.value) {
        const isWanted = stateOf(order) === 'open' || (order.updatedAt ?? Infinity) >= since
        if (isWanted) all.set(order.venueId, order)
      }
    }
    const named = new Set<OrderId>()
    for (const order of all.values()) {
      const isNew = identity.find(orderId(order.linkId)) === undefined
      const known = identity.of(order, isOurs)
      if (known === undefined) continue
      named.add(known.id)
      // One of ours that nobody here believes to be open has ended for good.
      if (isNew && stateOf(order) !== 'open') known.isDone = true
    }
    // An order of last week that ended while we were away is in no list.
    for (const { id } of identity.believedOpen(named)) {
      const found = await lookup(rest, category, id)
      if (!found.ok) return found
      if (found.value.type === 'order') all.set(found.value.order.venueId, found.value.order)
      // Should it come after all, the lists and the stream have it by its id.
      if (found.value.type === 'nothing') identity.forget(id)
    }
    const orders = [...all.values()]
    const executions = await this.#executions()
    if (!executions.ok) return executions
    const earlier = await this.#earlier(orders, executions.value)
    return earlier.ok
      ? ok({ orders, executions: [...earlier.value, ...executions.value] })
      : earlier
  }

  /**
   * What was executed before the span of a report of purchases whose fee may be taken out of the coins: of a part of them
   * nobody can say how many lots it has made complete.
   */
  async #earlier(
    orders: readonly WireOrder[],
    executions: readonly WireExecution[],
  ): Promise<Result<readonly WireExecution[]>> {
    const { category, universe } = this.#options
    if (category.hasPositions) return ok([])
    const told = new Map<string, number>()
    for (const { venueId, qty } of executions) told.set(venueId, (told.get(venueId) ?? 0) + qty)
    const begun = orders.filter(({ venueId, symbol, side, filled }) => {
      const instrument = universe.find(symbol)
      if (instrument === undefined || side !== 'buy') return false
      return instrument.qty(filled) > instrument.qty(told.get(venueId) ?? 0)
    })
    const begins = new Map<string, readonly WireExecution[]>()
    for (const { venueId, createdAt } of begun) {
      // They are past, so one answer is enough.
      const known = this.#begins.get(venueId)
      const rows = known === undefined ? await this.#executions(venueId, createdAt) : ok(known)
      if (!rows.ok) return rows
      begins.set(venueId, rows.value)
    }
    this.#begins = begins
    const listed = new Set(executions.map(({ id }) => id))
    return ok([...begins.values()].flat().filter(({ id }) => !listed.has(id)))
  }

  /** Trades since `reportFrom`; those of an order since it was made. */
  async #executions(
    orderId?: string,
    from: Ms = this.#from,
  ): Promise<Result<readonly WireExecution[]>> {
    const query = { category: this.#options.category.name, orderId, limit: EXECUTIONS_PER_PAGE }
    const isOther = (json: unknown): boolean => this.#isOther(json)
    const terms = { from, isOther }
    const rows = await this.#spans('/v5/execution/list', query, parseExecution, terms)
    return rows.ok ? ok(rows.value.filter(({ type }) => type === 'Trade')) : rows
  }

  /** No trade, whatever else it is, or one in what we do not trade: it is in no order of ours. */
  #isOther(json: unknown): boolean {
    const { execType, symbol } = isObject(json) ? json : {}
    const [type, name] = [textOf(execType), textOf(symbol)]
    const isStrange = name !== undefined && this.#options.universe.find(name) === undefined
    return isStrange || (type !== undefined && type !== 'Trade')
  }

  /** What a list of the past has since `reportFrom`, in spans as long as the venue allows. */
  async #spans<T extends { readonly id: string }>(
    path: string,
    query: Query,
    parse: (json: unknown) => T | undefined,
    { from: first = this.#from, ...terms }: ListTerms<T> & { readonly from?: Ms } = {},
  ): Promise<Result<readonly T[]>> {
    const { rest, now } = this.#options
    const all = new Map<string, T>()
    for (let from: number = first; from < now(); from += WINDOW_MS) {
      const span = { startTime: from, endTime: Math.min(from + WINDOW_MS, now() + DAY) }
      const rows = await listOf(rest, path, { ...query, ...span }, parse, terms)
      if (!rows.ok) return rows
      for (const row of rows.value) all.set(row.id, row)
    }
    return ok([...all.values()])
  }

  get #from(): Ms {
    return this.#since ?? ((this.#options.now() - DAY) as Ms)
  }

  #prepared(command: Command, refusal: Refusal): Prepared {
    const { universe } = this.#options
    const instrument = universe.at(
      command.type === 'submit' ? command.order.symbol : command.symbol,
    )
    const refuse = refusalOf(refusal, command)
    switch (command.type) {
      case 'submit': {
        const { order, legs = [] } = command
        if (legs.length > 0)
          return {
            refused: fault('unsupported', `${order.id}: bybit has no brackets of this kind`),
          }
        if (!isOnGrid(order, instrument)) return { refused: offGrid(order.id, instrument) }
        const body = orderBody(order, instrument, this.#options.category)
        if (typeof body === 'string')
          return { refused: fault('unsupported', `${order.id}: ${body}`) }
        this.#options.identity.sent(order)
        return { item: { id: order.id, body, refusal: refuse, isDoneBy: neverDone } }
      }
      case 'amend': {
        if (!isOnGrid(command, instrument)) return { refused: offGrid(command.id, instrument) }
        const { id, qty, limit, stop } = command
        const body = {
          symbol: instrument.symbol,
          orderLinkId: id,
          ...(qty === undefined ? {} : { qty: decimal(qty) }),
          ...(limit === undefined ? {} : { price: decimal(limit) }),
          ...(stop === undefined ? {} : { triggerPrice: decimal(stop) }),
        }
        const isDoneBy = (found: Found) => isAsAsked(command, found)
        return { item: { id, body, refusal: refuse, isDoneBy } }
      }
      case 'cancel': {
        const body = { symbol: instrument.symbol, orderLinkId: command.id }
        return { item: { id: command.id, body, refusal: refuse, isDoneBy: neverDone } }
      }
      default:
        return unreachable(command)
    }
  }

  /** What an answer proves of an order that was submitted. */
  #note(command: Command, answer: Taken): void {
    if (command.type !== 'submit') return
    const { identity } = this.#options
    const { id } = command.order
    const known = identity.find(id)
    if (known === undefined || known.venueId !== undefined) return
    if (answer.ok) identity.link(known, answer.value.venueId)
    else if (isProof(answer.fault)) identity.forget(id)
  }

  #reported(order: WireOrder, instrument: Instrument): VenueReport['orders'][number] {
    const { identity, isOurs, kept } = this.#options
    const state = stateOf(order)
    // Of a purchase in spot the fee is missing, and what is missing comes no more.
    const told = kept.toldOf(order.venueId)
    const isShort = state === 'filled' && told !== undefined && told < order.qty
    const id = identity.of(order, isOurs)?.id
    return {
      ...(id === undefined ? {} : { id }),
      ...(isOfSomeRun(order) ? { isOfRun: true } : {}),
      venueId: order.venueId,
      symbol: instrument.id,
      side: order.side,
      qty: instrument.qty(order.qty),
      filled: instrument.qty(told ?? order.filled),
      ...(order.limit === undefined ? {} : { limit: instrument.px(order.limit) }),
      ...(order.stop === undefined ? {} : { stop: instrument.px(order.stop) }),
      open: state === 'open',
      ...(state === 'canceled' || state === 'rejected' ? { ended: state } : {}),
      ...(isShort ? { ended: 'canceled' } : {}),
    }
  }

  #knownIn(strange: Set<string>) {
    return <T extends { readonly symbol: string }>(items: readonly T[]) =>
      items.flatMap((item) => {
        const instrument = this.#options.universe.find(item.symbol)
        if (instrument === undefined) strange.add(item.symbol)
        return instrument === undefined ? [] : [{ item, instrument }]
      })
  }
}

/** Less than an order could sell; nothing, where nobody tells what a coin is worth. */
const leastOf = ({ spec }: Instrument, price: number): number =>
  price > 0 ? spec.minNotional / price : 0

/** What is off the grid that `open` told is refused here, before it can spoil a batch. */
const isOnGrid = (
  { qty, limit, stop }: Pick<Partial<Order>, 'qty' | 'limit' | 'stop'>,
  instrument: Instrument,
): boolean =>
  (qty === undefined || instrument.isOnSizeGrid(qty)) &&
  (limit === undefined || instrument.isOnPriceGrid(limit)) &&
  (stop === undefined || instrument.isOnPriceGrid(stop))

const offGrid = (id: OrderId, { symbol }: Instrument): Fault =>
  fault('bad-request', `${id} is off the grid of ${symbol}`)

const isAsAsked = ({ qty, limit, stop }: Amend, found: Found): boolean =>
  found.type === 'order' &&
  (qty === undefined || found.order.qty === qty) &&
  (limit === undefined || found.order.limit === limit) &&
  (stop === undefined || found.order.stop === stop)

/** A failure that proves that nothing is at the venue. */
const isProof = ({ code, context }: Fault): boolean =>
  code !== 'outcome-unknown' &&
  code !== 'timeout' &&
  code !== 'corrupt-data' &&
  (code !== 'network' || context?.['sent'] === 'no')

const CLOSED = fault('network', 'bybit is closed', { sent: 'no' })
