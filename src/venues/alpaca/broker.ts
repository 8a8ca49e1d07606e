/*
 * Broker: orders to Alpaca. What it has of them all is reports.ts.
 *
 * A write is one attempt with three outcomes. Accepted: the venue answered with the order. Rejected: it proved that
 * there is none (4xx), or no byte left. Unknown: everything else; then `lookup` by our own id is the way to the truth.
 * "client_order_id must be unique" is the proof that an earlier attempt was taken, so the order is looked up and adopted.
 *
 * A replace asks for the quantity that is *left*: the venue's new order counts from zero, and one that repeats the total
 * would fill what is filled already once more (https://github.com/alpacahq/Alpaca-API/issues/165).
 */
import { unreachable } from '../../core/assert.ts'
import { type Ms, type OrderId, venueId as brandVenue } from '../../core/brand.ts'
import type { Batch, Command } from '../../core/command.ts'
import { type Fault, fault } from '../../core/fault.ts'
import type { Input, Transfer } from '../../core/input.ts'
import type { Instrument } from '../../core/instrument.ts'
import type { Order } from '../../core/order.ts'
import { failed, ok, type Result } from '../../core/result.ts'
import type { Broker, VenueReport } from '../../core/venue.ts'
import { pause } from '../../io/clock.ts'
import type { Io } from '../../io/io.ts'
import { decimal } from '../../io/json.ts'
import { mapLimit } from '../../io/pool.ts'
import { isDuplicate, isNotYet, isUnchanged, mayBeDuplicate } from './faults.ts'
import { clientIdOf, type Known, splitClientId } from './identity.ts'
import { AlpacaReports, type RawReport, type ReportOptions } from './reports.ts'
import {
  type Extras,
  ocoBody,
  orderBody,
  flawOf,
  ORDER_FIELDS,
  parseOrder,
  stateOf,
  type WireOrder,
} from './wire.ts'

export interface BrokerOptions extends ReportOptions {
  readonly io: Pick<Io, 'after'>
  readonly sink: (input: Input) => void
  /** Told when a report is asked for. */
  readonly onReport?: () => void
  /** Requests of one batch that are under way at the same time. */
  readonly concurrent: number
  /** What Alpaca has and our orders cannot say: auctions, extended hours, trailing stops. */
  readonly extrasOf?: (order: Order) => Extras
}

type Taken = Result<{ readonly venueId: string }>
type Amend = Extract<Command, { readonly type: 'amend' }>

/** A new order can be replaced after some milliseconds; two seconds are as long as others may wait for it. */
const REPLACE_TRIES = 8
const REPLACE_RETRY_MS = 250
/** Replacements of one order that are followed. */
const HOPS_MAX = 50

export class AlpacaBroker implements Broker {
  readonly #options: BrokerOptions
  readonly #reports: AlpacaReports
  #isClosed = false

  constructor(options: BrokerOptions) {
    this.#options = options
    this.#reports = new AlpacaReports(options)
  }

  /** From when a report tells finished orders and fills; one day back where never told. */
  reportFrom(since: Ms): void {
    this.#reports.reportFrom(since)
  }

  adopt(others: readonly string[]): void {
    this.#reports.adopt(others)
  }

  report(): Promise<Result<VenueReport>> {
    this.#options.onReport?.()
    return this.#reports.report()
  }

  transfers(): Promise<Result<readonly Transfer[]>> {
    return this.#reports.transfers()
  }

  /** As the venue tells it: what a gap is filled from. */
  raw(): Promise<Result<RawReport>> {
    return this.#reports.raw()
  }

  /** Symbols with an order or a position that the universe does not know, as of the last report. */
  get strangers(): readonly string[] {
    return this.#reports.strangers
  }

  execute(
    batch: Batch,
    refusal: (command: Command) => Fault | undefined = () => undefined,
  ): Promise<readonly Taken[]> {
    const { concurrent } = this.#options
    return mapLimit(batch.commands, concurrent, (command) => {
      if (this.#isClosed) return Promise.resolve(failed(CLOSED))
      switch (command.type) {
        case 'submit':
          return this.#submit(command.order, command.legs ?? [], () => refusal(command))
        case 'amend':
          return this.#amend(command)
        case 'cancel':
          return this.#cancel(command.id)
        default:
          return unreachable(command)
      }
    })
  }

  /** Nothing is sent any more. What is under way gets its answer. */
  close(): void {
    this.#isClosed = true
  }

  /** Two exits of a position that cancel each other, in one request. The target is the parent. */
  async submitOco(target: Order, stop: Order): Promise<Taken> {
    const { universe, identity } = this.#options
    identity.expectLegs(target.id, [{ ...stop, role: 'stop' }])
    return this.#post(target.id, ocoBody(target, stop, universe.at(target.symbol).symbol))
  }

  /** The order as the venue has it now, by our own id; undefined where the venue knows none. */
  async lookup(id: OrderId): Promise<Result<WireOrder | undefined>> {
    const { rest, identity, isOurs } = this.#options
    const known = identity.find(id)
    // A replace that was sent and not answered is found first.
    for (const revision of [(known?.revision ?? 1) + 1, known?.revision ?? 1]) {
      const found = await this.#byClientId(clientIdOf(id, revision))
      if (!found.ok) return found
      let order = found.value
      for (let hops = 0; order?.replacedBy !== undefined && hops < HOPS_MAX; hops++) {
        identity.of(order, isOurs)
        const next = await rest.get(`/v2/orders/${order.replacedBy}`, { nested: true })
        if (!next.ok) return next
        order = parseOrder(next.value)
      }
      if (order === undefined) continue
      identity.of(order, isOurs)
      return ok(order)
    }
    return ok(undefined)
  }

  async #submit(
    order: Order,
    legs: readonly Order[],
    refusal: () => Fault | undefined,
  ): Promise<Taken> {
    const { universe, identity, extrasOf } = this.#options
    const instrument = universe.at(order.symbol)
    const { symbol, kind } = instrument
    const extras = extrasOf?.(order) ?? {}
    const off = [order, ...legs].find((each) => !isOnGrid(each, instrument))
    if (off !== undefined) return failed(offGrid(off.id, symbol))
    const body = orderBody(order, { symbol, kind, legs, extras })
    if (typeof body === 'string') return failed(fault('unsupported', `${order.id}: ${body}`))
    identity.expectLegs(order.id, legs)
    const taken = await this.#post(order.id, body, refusal)
    if (taken.ok) this.#options.rest.saved(legs.length)
    return taken
  }

  async #post(id: OrderId, body: unknown, refusal?: () => Fault | undefined): Promise<Taken> {
    const { rest } = this.#options
    const answer = await rest.write('POST', '/v2/orders', body, 'order', refusal)
    if (!answer.ok) return mayBeDuplicate(answer.fault) ? this.#adopt(id, id, answer.fault) : answer
    return this.#took(id, parseOrder(answer.value))
  }

  /** Where an order cannot be replaced yet, because it is new or is being replaced, it is tried again for a while. */
  async #amend(command: Amend): Promise<Taken> {
    for (let tries = 1; ; tries++) {
      const taken = await this.#replace(command)
      if (taken.ok || tries === REPLACE_TRIES || !isNotYet(taken.fault)) return taken
      await pause(this.#options.io, REPLACE_RETRY_MS)
    }
  }

  async #replace(command: Amend): Promise<Taken> {
    const { rest, universe } = this.#options
    const found = await this.#known(command.id)
    if (!found.ok) return found
    const known = found.value
    const { symbol } = universe.at(command.symbol)
    if (!isOnGrid(command, universe.at(command.symbol))) return failed(offGrid(known.id, symbol))
    const filled = known.filledBefore + known.filled
    const left = universe.at(command.symbol).qty((command.qty ?? known.total) - filled)
    const asksQty = command.qty !== undefined || filled > 0
    if (asksQty && left <= 0)
      return failed(fault('bad-request', `${known.id} in ${symbol} has filled ${filled} already`))
    const clientId = clientIdOf(known.id, known.revision + 1)
    known.amending = {
      venueId: '',
      ...(asksQty ? { qty: left } : {}),
      ...(command.limit === undefined ? {} : { limit: command.limit }),
      ...(command.stop === undefined ? {} : { stop: command.stop }),
    }
    const body = {
      client_order_id: clientId,
      ...(asksQty ? { qty: decimal(left) } : {}),
      ...(command.limit === undefined ? {} : { limit_price: decimal(command.limit) }),
      ...(command.stop === undefined ? {} : { stop_price: decimal(command.stop) }),
    }
    const answer = await rest.write('PATCH', `/v2/orders/${known.venueId}`, body, 'order')
    if (answer.ok) return this.#took(known.id, parseOrder(answer.value))
    if (isDuplicate(answer.fault)) return this.#adopt(known.id, clientId, answer.fault)
    if (isUnchanged(answer.fault)) return ok({ venueId: known.venueId })
    if (answer.fault.code !== 'outcome-unknown') delete known.amending
    return answer
  }

  async #cancel(id: OrderId): Promise<Taken> {
    const { rest } = this.#options
    const found = await this.#known(id)
    if (!found.ok) return found
    const { venueId, amending } = found.value
    const answer = await rest.write('DELETE', `/v2/orders/${venueId}`, undefined, 'cancel')
    if (answer.ok) return ok({ venueId })
    const next = amending?.venueId ?? ''
    // Replaced meanwhile: what works now is the order that took its place.
    if (answer.fault.code !== 'bad-request' || next === '' || next === venueId) return answer
    const second = await rest.write('DELETE', `/v2/orders/${next}`, undefined, 'cancel')
    return second.ok ? ok({ venueId: next }) : second
  }

  /** What the venue answered to a write. An answer that cannot be read leaves the outcome open. */
  #took(id: OrderId, order: WireOrder | undefined): Taken {
    const { identity, isOurs } = this.#options
    if (order === undefined)
      return failed(fault('outcome-unknown', `${id}: the answer is no order`))
    // Answers are told apart by our id, not by the request that they came to.
    if (splitClientId(order.clientId).base !== id)
      return failed(fault('outcome-unknown', `${id}: the answer is about ${order.clientId}`))
    identity.link(id, order.venueId, { total: order.qty ?? 0 })
    const known = identity.of(order, isOurs)
    if (known?.amending !== undefined && order.venueId !== known.venueId) {
      known.amending = { ...known.amending, venueId: order.venueId }
    }
    if (stateOf(order.status) === 'rejected')
      return failed(fault('bad-request', `alpaca rejected ${id} in ${order.symbol}`))
    for (const leg of order.legs) this.#sayLeg(leg)
    return ok({ venueId: order.venueId })
  }

  /** The answer of an entry carries its legs; the port has no place for them, so they are told as facts. */
  #sayLeg(leg: WireOrder): void {
    const { identity, isOurs, sink, now } = this.#options
    const known = identity.of(leg, isOurs)
    if (known === undefined || stateOf(leg.status) !== 'open') return
    const at = now()
    sink({
      type: 'order.accepted',
      id: known.id,
      venueId: leg.venueId,
      ts: leg.updatedAt ?? at,
      at,
    })
  }

  /** The order that an earlier attempt has made; where there is none, what the refusal was about. */
  async #adopt(id: OrderId, clientId: string, told: Fault): Promise<Taken> {
    const found = await this.#byClientId(clientId)
    if (found.ok && found.value !== undefined) return this.#took(id, found.value)
    if (!isDuplicate(told)) return failed(told)
    return failed(
      fault(
        'outcome-unknown',
        `${id}: alpaca has seen its client order id ${clientId} and does not show the order`,
      ),
    )
  }

  /** What we know of an order; after a restart, what the venue knows. */
  async #known(id: OrderId): Promise<Result<Known>> {
    const { identity } = this.#options
    const known = identity.find(id)
    if (known !== undefined) return ok(known)
    const found = await this.lookup(id)
    if (!found.ok) return found
    const now = identity.find(id)
    return now === undefined ? failed(fault('not-found', `${id} is unknown to alpaca`)) : ok(now)
  }

  async #byClientId(clientId: string): Promise<Result<WireOrder | undefined>> {
    const answer = await this.#options.rest.get('/v2/orders:by_client_order_id', {
      client_order_id: clientId,
    })
    if (!answer.ok) return answer.fault.code === 'not-found' ? ok(undefined) : answer
    const order = parseOrder(answer.value)
    return order === undefined
      ? failed(fault('corrupt-data', `${clientId}: order${flawOf(answer.value, ORDER_FIELDS)}`))
      : ok(order)
  }
}

/** What is off the grid that `open` told is refused here: alpaca would take fractions of a share. */
const isOnGrid = (
  { qty, limit, stop }: { readonly qty?: number; readonly limit?: number; readonly stop?: number },
  instrument: Instrument,
): boolean =>
  (qty === undefined || instrument.isOnSizeGrid(qty)) &&
  (limit === undefined || instrument.isOnPriceGrid(limit)) &&
  (stop === undefined || instrument.isOnPriceGrid(stop))

const offGrid = (id: OrderId, symbol: string): Fault =>
  fault('bad-request', `${id} is off the grid of ${symbol}`)

const CLOSED = fault('network', 'alpaca is closed', { sent: 'no' })

/** Ids that the venue made by itself are UUIDs; ours never are. */
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
export const isOwnId = (id: OrderId): boolean => id !== '' && !UUID.test(splitClientId(id).base)

export const ALPACA = brandVenue('alpaca')
