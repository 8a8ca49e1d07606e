/*
 * Desk: where wishes become orders. Lanes ask here, risk decides, the outbox sends; facts.ts takes what comes of it.
 *
 *   placing.ts    from a wish to an order on the grid
 *   brackets.ts   entry, stop and target as one
 *   closing.ts    how a lane gets rid of all it has
 *   resting.ts    quotes that a lane declared
 *   dispatch.ts   from an order to the command that leaves
 */
import { assert } from '../core/assert.ts'
import type { Ms, OrderId, Px, Qty, SymbolId, VenueId } from '../core/brand.ts'
import { calendarOf, closeAfter } from '../core/calendar.ts'
import type { Instrument } from '../core/instrument.ts'
import type { Depth, Quote } from '../core/market.ts'
import type { Denial } from '../core/notice.ts'
import {
  type LegRole,
  type Order,
  type OrderRequest,
  type Side,
  sign,
  type TimeInForce,
} from '../core/order.ts'
import type { OrderTerms } from '../core/terms.ts'
import type { Universe } from '../core/universe.ts'
import type { Limits } from '../core/venue.ts'
import type { BracketIntent, Ladder, OrderIntent, Peer, RestPolicy } from '../strategy/context.ts'
import type { BracketDesk, Group, LegChange } from './bracket.ts'
import { Brackets } from './brackets.ts'
import { type ClosingDesk, Closings } from './closing.ts'
import { Dispatch } from './dispatch.ts'
import type { Externals } from './externals.ts'
import type { Lane, LaneDesk } from './lanes.ts'
import { Markouts } from './markouts.ts'
import type { Notices } from './notices.ts'
import type { Orders } from './orders.ts'
import { Outbox } from './outbox.ts'
import { LanePeer } from './peers.ts'
import {
  legOf,
  type LegPrices,
  legPricesOf,
  misspeltBracket,
  misspeltOrder,
  orderOf,
  requestOf,
} from './placing.ts'
import { Portfolio } from './portfolio.ts'
import { type RestingDesk, Restings } from './resting.ts'
import { type Asker, Risk } from './risk.ts'
import { sizeOf } from './sizing.ts'
import { checkStopSize } from './terms.ts'

export interface DeskParts {
  readonly universe: Universe
  readonly limits: ReadonlyMap<VenueId, Limits>
  readonly portfolio: Portfolio
  readonly orders: Orders
  readonly externals: Externals
  readonly risk: Risk
  readonly outbox: Outbox
  readonly notices: Notices
}

const NONE: readonly Order[] = []

export class Desk implements LaneDesk, BracketDesk, ClosingDesk, RestingDesk {
  now = 0 as Ms
  readonly parts: DeskParts
  readonly brackets: Brackets
  readonly closings: Closings
  readonly restings: Restings
  readonly markouts: Markouts
  readonly #dispatch: Dispatch
  /** In the order in which they were added: strategies as they are listed, then their symbols. */
  readonly lanes: Lane[] = []
  readonly #bySymbol: (Lane[] | undefined)[] = []
  readonly #byStrategy = new Map<string, (Lane | undefined)[]>()
  readonly #quotes: (Quote | undefined)[] = []
  readonly #depths: (Depth | undefined)[] = []

  constructor(parts: DeskParts) {
    this.parts = parts
    this.#dispatch = new Dispatch(this, parts, (order) => this.brackets.onOrder(order))
    this.brackets = new Brackets(this)
    this.closings = new Closings(this)
    this.restings = new Restings(this)
    this.markouts = new Markouts(
      (symbol) => middleOf(this.#quotes[symbol]),
      (notice) => parts.notices.publish(notice),
    )
  }

  addLane(lane: Lane): void {
    this.lanes.push(lane)
    const lanes = this.#byStrategy.get(lane.strategy) ?? []
    lanes[lane.symbol] = lane
    this.#byStrategy.set(lane.strategy, lanes)
    const beside = (this.#bySymbol[lane.symbol] ??= [])
    beside.push(lane)
  }

  laneOf(strategy: string, symbol: SymbolId): Lane | undefined {
    return this.#byStrategy.get(strategy)?.[symbol]
  }

  /** All lanes of a symbol, in the order in which they were added. */
  lanesOf(symbol: SymbolId): readonly Lane[] {
    return this.#bySymbol[symbol] ?? []
  }

  get isBlind(): boolean {
    return this.parts.risk.state.isBlind
  }

  // ── What a lane sees ──────────────────────────────────────────────────────────────────────────────

  get equity(): number {
    return this.parts.portfolio.equity
  }

  price(symbol: SymbolId): number {
    return this.parts.portfolio.price(symbol)
  }

  quote(symbol: SymbolId): Quote | undefined {
    return this.#quotes[symbol]
  }

  setQuote(quote: Quote): void {
    this.#quotes[quote.symbol] = quote
  }

  depth(symbol: SymbolId): Depth | undefined {
    return this.#depths[symbol]
  }

  peer({ strategy }: Lane, name: string): Peer {
    const instrument = this.parts.universe.find(name)
    if (instrument === undefined) throw new Error(`${name} is no symbol of this run`)
    return new LanePeer(this, strategy, instrument)
  }

  setDepth(depth: Depth): void {
    this.#depths[depth.symbol] = depth
  }

  /** The last depths, in the order of their symbols. */
  get depths(): readonly Depth[] {
    return this.#depths.filter((depth) => depth !== undefined)
  }

  /** The last quotes, in the order of their symbols. */
  get quotes(): readonly Quote[] {
    return this.#quotes.filter((quote) => quote !== undefined)
  }

  ordersOf(lane: Lane): readonly Order[] {
    const live = this.parts.orders.liveOf(lane.symbol)
    return live.filter((order) => order.strategy === lane.strategy)
  }

  size(lane: Lane, fraction: number, stop: number | undefined): number {
    const { portfolio, risk } = this.parts
    const { equity } = portfolio
    const price = portfolio.price(lane.symbol)
    const { limits } = risk
    const inputs = {
      equity,
      price,
      fraction,
      riskFraction: limits.maxRiskFraction,
      scale: risk.drawdown.scale,
      maxOrderNotional: limits.maxOrderNotional,
      maxPositionNotional: Math.min(
        limits.maxPositionNotional,
        equity * limits.maxPositionFraction,
      ),
    }
    if (stop === undefined) return sizeOf(lane.instrument, inputs)
    return sizeOf(lane.instrument, { ...inputs, stopDistance: Math.abs(price - stop) })
  }

  signal(lane: Lane, name: string, data: Readonly<Record<string, unknown>>): void {
    const { strategy, symbol } = lane
    this.parts.notices.publish({ type: 'signal', at: this.now, strategy, symbol, name, data })
  }

  // ── What a lane asks for ──────────────────────────────────────────────────────────────────────────

  buyOrSell(lane: Lane, side: Side, intent: OrderIntent): OrderId | undefined {
    const request = requestOf(lane.instrument, side, intent)
    const misspelt = misspeltOrder(intent)
    if (misspelt !== undefined) {
      this.deny(lane, request, misspelt)
      return undefined
    }
    if (!this.#mayPlace(lane, request, { once: intent.once, held: lane.position.qty }))
      return undefined
    const replaced = this.canAmend(lane.instrument)
      ? this.#dispatch.replace(lane, request)
      : undefined
    return replaced ?? this.place(lane, request)
  }

  rest(lane: Lane, ladder: Ladder, policy: Partial<RestPolicy>): void {
    this.restings.declare(lane, ladder, policy)
  }

  bracket(lane: Lane, intent: BracketIntent): OrderId | undefined {
    const { instrument, strategy, symbol } = lane
    const { side, qty, entry: limit, target, trail } = intent
    const asked = requestOf(instrument, side, limit === undefined ? { qty } : { qty, limit })
    const endsAt = this.#endOf(instrument, asked, target !== undefined)
    const request: OrderRequest = endsAt === undefined ? asked : { ...asked, tif: 'gtc' }
    const unkept = misspeltBracket(intent) ?? this.parts.risk.checkBrackets(instrument)
    const around = request.limit ?? this.price(symbol)
    const wanted =
      unkept === undefined ? legPricesOf(instrument, intent, around) : { denial: unkept }
    const small =
      'prices' in wanted
        ? checkStopSize(
            instrument,
            { qty, ...wanted.prices },
            this.#limitsOf(instrument).terms[instrument.kind],
          )
        : undefined
    const legs = small === undefined ? wanted : { denial: small }
    if ('denial' in legs) {
      this.deny(lane, request, legs.denial)
      return undefined
    }
    // Its entry is no exit, whatever is held: its legs would bring back what it has reduced.
    const held = sign(side) * lane.position.qty > 0 ? lane.position.qty : 0
    const opposes = this.brackets.againstOf(lane, side)
    if (!this.#mayPlace(lane, request, { once: intent.once, held, opposes })) return undefined
    const entry = this.parts.orders.nextId(strategy)
    const group: Group = {
      entry,
      strategy,
      symbol,
      side,
      ...this.#keepingOf(instrument, legs.prices),
      ...legs.prices,
      ...(trail === undefined ? {} : { trail }),
      ...(endsAt === undefined ? {} : { endsAt }),
      asked: { stop: 0, target: 0 },
      askedAt: 0 as Ms,
      past: [],
      best: 0,
      filledAt: 0 as Ms,
    }
    const stamp = { id: entry, strategy, at: this.now }
    const order = orderOf(request, stamp, { group: entry, role: 'entry' })
    this.#dispatch.send(order, group.isNative ? this.#nativeLegsFor(group, order.qty) : [])
    this.brackets.add(group)
    return entry
  }

  cancel(lane: Lane, id: OrderId): void {
    const order = this.parts.orders.get(id)
    if (order === undefined || order.strategy !== lane.strategy || order.symbol !== lane.symbol)
      return
    // The market order of a close would only be sent again, and after a few of them the close is given up.
    if (lane.closing?.order !== id) this.cancelOrder(order)
  }

  close(lane: Lane): void {
    this.closings.begin(lane)
  }

  // ── What brackets and closes ask for ──────────────────────────────────────────────────────────────────────

  order(id: OrderId): Order | undefined {
    return this.parts.orders.get(id)
  }

  instrument(symbol: SymbolId): Instrument {
    return this.parts.universe.at(symbol)
  }

  exitsBesideLegs({ instrument }: Lane): boolean {
    return this.#limitsOf(instrument).terms[instrument.kind]?.exitsBesideLegs === true
  }

  exitTif({ instrument }: Lane): TimeInForce | undefined {
    return this.#marketTif(instrument)
  }

  get tradingHours(): Risk['limits']['tradingHours'] {
    return this.parts.risk.limits.tradingHours
  }

  check(lane: Lane, request: OrderRequest): Denial | undefined {
    return this.#check(lane, request, { held: lane.position.qty, live: NONE, isProtective: false })
  }

  deny(lane: Lane, request: OrderRequest, denial: Denial): void {
    const { strategy } = lane
    this.parts.notices.publish({ type: 'order.denied', strategy, request, denial })
  }

  /** Sends an order that risk has let pass. */
  place({ strategy }: Lane, request: OrderRequest): OrderId {
    const id = this.parts.orders.nextId(strategy)
    this.#dispatch.send(orderOf(request, { id, strategy, at: this.now }))
    return id
  }

  placeLeg(group: Group, role: LegRole, qty: Qty): OrderId | undefined {
    const lane = this.laneOf(group.strategy, group.symbol)!
    const isReduceOnly = this.#isReducible(group, qty)
    const leg = this.#leg(group, { role, qty, isReduceOnly })
    const held = lane.position.qty
    const denial = this.#check(lane, leg, { held, live: NONE, isProtective: true })
    if (denial !== undefined) {
      this.deny(lane, leg, denial)
      return undefined
    }
    this.#dispatch.send(leg)
    return leg.id
  }

  cancelOrder(order: Order): void {
    this.#dispatch.cancel(order)
  }

  cancelAgain(order: Order): void {
    this.#dispatch.cancelAgain(order)
  }

  forgetQuotes(lane: Lane): void {
    this.restings.forget(lane)
  }

  amendOrder(order: Order, change: LegChange): void {
    this.#dispatch.changeLeg(order, change)
  }

  closeOut(group: Group, why: string): void {
    const lane = this.laneOf(group.strategy, group.symbol)!
    this.signal(lane, 'bracket.broken', { entry: group.entry, why })
    this.close(lane)
  }

  isClosing(group: Group): boolean {
    return this.laneOf(group.strategy, group.symbol)?.closing !== undefined
  }

  // ── What resting asks for ─────────────────────────────────────────────────────────────────────────

  quotesOf({ symbol, strategy }: Lane): readonly Order[] {
    const quotes: Order[] = []
    for (const { order } of this.parts.orders.heldOf(symbol))
      if (order.quote === true && order.strategy === strategy) quotes.push(order)
    return quotes
  }

  refusesQuotes({ instrument }: Lane): boolean {
    return this.parts.risk.refusal(this.now, instrument) !== undefined
  }

  canAmend(instrument: Instrument): boolean {
    return this.#limitsOf(instrument).amend
  }

  placeQuote(lane: Lane, request: OrderRequest): OrderId | Denial {
    const { qty: held } = lane.position
    const live = held === 0 ? NONE : this.ordersOf(lane)
    const denial = this.#check(lane, request, { held, live, isProtective: false })
    if (denial === undefined) return this.place(lane, request)
    this.deny(lane, request, denial)
    return denial
  }

  amendQuote(lane: Lane, order: Order, change: { readonly qty: Qty; readonly limit: Px }): boolean {
    const { symbol, side, type, tif } = order
    const qty = lane.instrument.qty(change.qty - order.filled)
    const { limit } = change
    const request = { symbol, side, type, tif, qty, limit, postOnly: true, quote: true } as const
    // What else is under way tells only whether it reduces, and where nothing is held nothing does.
    const { qty: held } = lane.position
    const live = held === 0 ? NONE : this.ordersOf(lane).filter(({ id }) => id !== order.id)
    const denial = this.#check(lane, request, { held, live, isProtective: false, replaces: order })
    if (denial !== undefined) this.deny(lane, request, denial)
    else this.#dispatch.amendQuote(order, change)
    return denial === undefined
  }

  callForHelp(why: string): void {
    const { risk, notices } = this.parts
    if (!risk.state.isSafeMode) risk.state.setSafeMode(why)
    notices.publish({ type: 'safe-mode', on: true, why })
  }

  // ── What facts ask for ────────────────────────────────────────────────────────────────────────────

  sendAgain(order: Order): void {
    this.#dispatch.sendAgain(order)
  }

  // ── From a request to an order that leaves ────────────────────────────────────────────────────────

  #mayPlace(
    lane: Lane,
    request: OrderRequest,
    { once, ...own }: Pick<Asker, 'held' | 'opposes'> & { readonly once: string | undefined },
  ): boolean {
    const live = this.ordersOf(lane)
    const quote = this.#quotes[lane.symbol]
    const farSide = request.side === 'buy' ? quote?.ask : quote?.bid
    const denial =
      repeats(lane, once) ??
      this.#check(lane, request, { ...own, live, isProtective: false, farSide })
    if (denial !== undefined) this.deny(lane, request, denial)
    else if (once !== undefined) lane.noteSent(once)
    return denial === undefined
  }

  #check(lane: Lane, request: OrderRequest, asker: Asker): Denial | undefined {
    return this.parts.risk.check(this.now, lane.instrument, request, asker)
  }

  #leg(
    group: Group,
    leg: { readonly role: LegRole; readonly qty: Qty; readonly isReduceOnly: boolean },
  ): Order {
    const { entry, strategy } = group
    const stamp = { id: this.parts.orders.nextId(strategy), strategy, at: this.now }
    const instrument = this.instrument(group.symbol)
    const marketTif = this.#marketTif(instrument)
    return orderOf(legOf(group, { ...leg, marketTif }, instrument), stamp, {
      group: entry,
      role: leg.role,
    })
  }

  /**
   * May the venue hold a leg against its position of the symbol? A leg rests for long, so another lane counts that holds
   * nothing yet: what it does later would be netted with this one's, and end the leg.
   */
  #isReducible({ symbol, side }: Group, qty: Qty): boolean {
    const instrument = this.instrument(symbol)
    const { reduceOnly } = this.#termsOf(instrument)
    const held = sign(side) * this.parts.portfolio.qty(symbol)
    return reduceOnly === true && this.lanesOf(symbol).length === 1 && held >= qty
  }

  /** The legs that leave together with their entry. */
  #nativeLegsFor(group: Group, qty: Qty): Order[] {
    const isReduceOnly = false
    const stop = this.#leg(group, { role: 'stop', qty, isReduceOnly })
    group.stop = stop.id
    if (group.targetPx === undefined) return [stop]
    const target = this.#leg(group, { role: 'target', qty, isReduceOnly })
    group.target = target.id
    return [stop, target]
  }

  /** How long an exit at the market lives, where it must not rest. */
  #marketTif({ venue, kind }: Instrument): TimeInForce | undefined {
    return this.parts.limits.get(venue)?.terms[kind]?.marketRests === true ? 'ioc' : undefined
  }

  /** When an entry for the day is to be ended here, because it leaves with the time in force of its legs. */
  #endOf({ venue, kind, spec }: Instrument, { tif }: OrderRequest, hasTarget: boolean) {
    const terms = this.parts.limits.get(venue)?.terms[kind]
    if (tif !== 'day' || terms?.oneTif !== true || !isKeptThere(terms, hasTarget)) return undefined
    return closeAfter(calendarOf(spec.calendar), this.now)
  }

  /** How a bracket is kept: at the venue, or here, as far as its exits may rest there. */
  #keepingOf(
    instrument: Instrument,
    { targetPx }: LegPrices,
  ): Pick<Group, 'isNative' | 'isSingle' | 'collar'> {
    const terms = this.#termsOf(instrument)
    const { exits, stopCollar, protectsParts } = terms
    const hasTarget = targetPx !== undefined
    const isNative = isKeptThere(terms, hasTarget)
    // Of one that protects parts nothing is ever kept here.
    if (isNative && protectsParts) return { isNative }
    return {
      isNative,
      ...(hasTarget && exits === 'one' ? { isSingle: true } : {}),
      ...(stopCollar === undefined ? {} : { collar: stopCollar }),
    }
  }

  /** Of a kind that risk has let pass. */
  #termsOf(instrument: Instrument): OrderTerms {
    const terms = this.#limitsOf(instrument).terms[instrument.kind]
    assert(terms !== undefined, `${instrument.venue} trades ${instrument.kind}`)
    return terms
  }

  #limitsOf(instrument: Instrument): Limits {
    const limits = this.parts.limits.get(instrument.venue)
    assert(limits !== undefined, `the limits of venue ${instrument.venue} are known`)
    return limits
  }
}

/** True where the venue keeps the legs. */
const isKeptThere = ({ brackets, protectsParts }: OrderTerms, hasTarget: boolean): boolean =>
  brackets === 'native' && (protectsParts || hasTarget)

const middleOf = (quote: Quote | undefined): number =>
  quote !== undefined && quote.bid > 0 && quote.ask > 0 ? (quote.bid + quote.ask) / 2 : NaN

/** Why the lane has asked for this already. */
function repeats(lane: Lane, once: string | undefined): Denial | undefined {
  if (lane.closing !== undefined) return { code: 'duplicate', detail: 'the lane is closing' }
  if (once === undefined || !lane.hasSent(once)) return undefined
  return { code: 'duplicate', detail: `an order has left for "${once}"` }
}
