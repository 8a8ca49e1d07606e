/*
 * Fake venue: a broker in memory whose answers are scripted, for what a real one does to an engine. It stays up while
 * engines come and go, books what it books whatever it answers, and remembers all that ever arrived.
 *
 * Answers to a submit:
 *   accept            booked, and said so
 *   reject            not booked, and proved
 *   booked-unknown    booked, and the answer is lost
 *   lost-unknown      not booked, and the answer is lost
 *   silent            booked, and there never is an answer
 */
import { assert } from '../core/assert.ts'
import {
  type FillId,
  fillId,
  type Ms,
  type OrderId,
  type Qty,
  type SymbolId,
} from '../core/brand.ts'
import type { Batch, Command } from '../core/command.ts'
import { fault } from '../core/fault.ts'
import type { Input } from '../core/input.ts'
import { type InstrumentSpec, money } from '../core/instrument.ts'
import type { Bar } from '../core/market.ts'
import { type Order, type Side, sign } from '../core/order.ts'
import { failed, ok, type Result } from '../core/result.ts'
import type { Universe } from '../core/universe.ts'
import type { BarQuery, Broker, Feed, History, Limits, Venue, VenueReport } from '../core/venue.ts'
import { limitsOf, SIM } from './builders.ts'

export type Answer = 'accept' | 'reject' | 'booked-unknown' | 'lost-unknown' | 'silent'

interface Booked {
  readonly id: OrderId
  readonly venueId: string
  readonly symbol: SymbolId
  readonly side: Side
  readonly qty: Qty
  readonly type: Order['type']
  filled: number
  isOpen: boolean
}

type Taken = Result<{ readonly venueId: string }>

export class FakeVenue implements Venue {
  readonly id = SIM
  readonly limits: Limits
  readonly broker: Broker
  readonly feed: Feed
  readonly history: History
  /** Ids of all submits that arrived, in order; those that came before are in `again`. */
  readonly arrived: OrderId[] = []
  readonly again: OrderId[] = []
  /** Answers to the next submits, first to last; accept where there is none. */
  readonly script: Answer[] = []
  readonly subscribed: string[] = []
  /** How often a person has cleared it. */
  cleared = 0
  /** Bars that the history knows. */
  bars: readonly Bar[] = []
  /** Market orders fill at this price as they arrive; undefined leaves them open. */
  fillsAt: number | undefined = 100
  /** While true the stream says nothing: what happens is only in reports. */
  isMute = false
  /** While true orders, fills and positions that are new are in no report. */
  isLagging = false
  /** Reports fail so many times. */
  failingReports = 0
  reports = 0
  #sink: ((input: Input) => void) | undefined
  readonly #universe: Universe
  readonly #now: () => Ms
  readonly #orders = new Map<OrderId, Booked>()
  readonly #fills: VenueReport['fills'][number][] = []
  readonly #positions = new Map<SymbolId, number>()
  #lagged: VenueReport | undefined
  #cash = 100_000

  constructor(universe: Universe, now: () => Ms, limits: Partial<Limits> = {}) {
    this.#universe = universe
    this.#now = now
    this.limits = limitsOf(20, limits)
    this.broker = { execute: (batch) => this.#execute(batch), report: () => this.#report() }
    this.feed = {
      subscribe: (kind, symbols) => {
        this.subscribed.push(...symbols.map((id) => `${kind} ${universe.at(id).symbol}`))
        return Promise.resolve(ok(undefined))
      },
      unsubscribe: () => Promise.resolve(ok(undefined)),
    }
    this.history = { bars: (query) => this.#bars(query) }
  }

  open(sink: (input: Input) => void): Promise<Result<readonly InstrumentSpec[]>> {
    this.#sink = sink
    return Promise.resolve(ok(this.#universe.all.map(({ spec }) => spec)))
  }

  clear(): void {
    this.cleared++
  }

  close(): Promise<void> {
    this.#sink = undefined
    return Promise.resolve()
  }

  /** Says something on the stream, unless it is mute or nobody listens. */
  say(input: Input): void {
    if (!this.isMute) this.#sink?.(input)
  }

  bar(bar: Bar): void {
    this.say({ type: 'bar', at: this.#now(), bar, source: 'venue' })
  }

  /** Fills a part of an open order, and says so. */
  fill(id: OrderId, qty: number, price = 100): FillId {
    const order = this.#orders.get(id)
    assert(order !== undefined, `order ${id} is booked`)
    const fill = fillId(`f${this.#fills.length + 1}`)
    const ts = this.#now()
    order.filled += qty
    if (order.filled >= order.qty) order.isOpen = false
    this.#fills.push({ id: fill, order: order.venueId, qty: qty as Qty, price, ts })
    const signed = sign(order.side) * qty
    this.#positions.set(order.symbol, this.positionOf(order.symbol) + signed)
    this.#cash -= signed * price
    this.#sayFill(order, fill, qty, price)
    return fill
  }

  /** Says a fill once more, as venues do after a reconnect. */
  repeat(fill: FillId): void {
    const { order: venueId, qty, price } = this.#fills.find(({ id }) => id === fill)!
    const order = [...this.#orders.values()].find((one) => one.venueId === venueId)!
    this.#sayFill(order, fill, qty, price)
  }

  /** Moves a position without an order: somebody traded elsewhere. */
  moveBy(symbol: SymbolId, qty: number): void {
    this.#positions.set(symbol, this.positionOf(symbol) + qty)
  }

  positionOf(symbol: SymbolId): number {
    return this.#positions.get(symbol) ?? 0
  }

  get openIds(): readonly OrderId[] {
    return [...this.#orders.values()].filter(({ isOpen }) => isOpen).map(({ id }) => id)
  }

  /** From now on reports are as old as this moment, until `isLagging` is false again. */
  lag(): void {
    this.isLagging = true
    this.#lagged = this.#tell()
  }

  #sayFill(order: Booked, fill: FillId, qty: number, price: number): void {
    const at = this.#now()
    const { id } = order
    const told = { fill, qty: qty as Qty, price, fee: money(0), ts: at }
    this.say({ type: 'order.filled', at, id, ...told })
  }

  async #execute(batch: Batch): Promise<readonly Taken[]> {
    const answers: Taken[] = []
    for (const command of batch.commands) answers.push(await this.#answer(command))
    return answers
  }

  #answer(command: Command): Taken | Promise<Taken> {
    if (command.type === 'submit') return this.#submit(command.order)
    const order = this.#orders.get(command.id)
    if (order === undefined || !order.isOpen) {
      return failed(fault('not-found', `${command.id} is not open`))
    }
    if (command.type === 'cancel') {
      order.isOpen = false
      const at = this.#now()
      this.say({ type: 'order.canceled', at, id: order.id, ts: at })
    }
    return ok({ venueId: order.venueId })
  }

  #submit(order: Order): Taken | Promise<Taken> {
    const { id } = order
    const isAgain = this.arrived.includes(id)
    const list = isAgain ? this.again : this.arrived
    list.push(id)
    // A venue that has the id proves it, and the order is adopted.
    const earlier = this.#orders.get(id)
    if (isAgain && earlier !== undefined) return ok({ venueId: earlier.venueId })
    const answer = this.script.shift() ?? 'accept'
    if (answer === 'reject') return failed(fault('bad-request', `${id} is refused`))
    const lost = failed<{ readonly venueId: string }>(fault('outcome-unknown', 'no answer'))
    if (answer === 'lost-unknown') return lost
    const known = this.#orders.get(id)
    assert(known === undefined, `the venue has ${id} once`)
    const { symbol, side, qty, type } = order
    const venueId = `v${this.#orders.size + 1}`
    this.#orders.set(id, { id, venueId, symbol, side, qty, type, filled: 0, isOpen: true })
    if (type === 'market' && this.fillsAt !== undefined) this.fill(id, qty, this.fillsAt)
    if (answer === 'silent') return new Promise(() => {})
    return answer === 'booked-unknown' ? lost : ok({ venueId })
  }

  #report(): Promise<Result<VenueReport>> {
    this.reports++
    if (this.failingReports > 0) {
      this.failingReports--
      return Promise.resolve(failed(fault('venue-unavailable', 'no report now')))
    }
    return Promise.resolve(ok(this.isLagging ? this.#lagged! : this.#tell()))
  }

  #tell(): VenueReport {
    const positions = [...this.#positions].filter(([, qty]) => qty !== 0)
    return {
      at: this.#now(),
      orders: [...this.#orders.values()].map((order) => {
        const { id, venueId, symbol, side, qty, filled, isOpen } = order
        return { id, venueId, symbol, side, qty, filled: filled as Qty, open: isOpen }
      }),
      fills: [...this.#fills],
      positions: positions.map(([symbol, qty]) => ({ symbol, qty: qty as Qty, avgPrice: 100 })),
      account: {
        equity: money(100_000),
        cash: money(this.#cash),
        buyingPower: money(this.#cash),
      },
    }
  }

  // oxlint-disable-next-line require-await -- The port is asynchronous, the bars are here.
  async *#bars(query: BarQuery): AsyncGenerator<Result<{ readonly bars: readonly Bar[] }>> {
    const wanted = new Set(query.symbols.map((symbol) => this.#universe.find(symbol)?.id))
    const bars = this.bars.filter(
      ({ symbol, start }) => wanted.has(symbol) && start >= query.from && start < query.to,
    )
    yield ok({ bars })
  }
}
