/*
 * Engine: turn(at, inputs) → notices and batches. Synchronous, with no clock, no I/O and no randomness of its
 * own: live, paper, backtest and replay are ways of calling this one function.
 *
 * The order of a turn:
 *   for each input, in the order given:
 *     time moves to its `at`; timers and bars that were due before it come first, each at its own time. During a blind
 *     hold time moves at once: bars close now, and timers wait for its end, when one that fell behind fires once
 *     an order fact moves its order, position, risk, bracket and lane on; a market fact is priced, built into
 *     bars and shown to the lanes; a control changes what is allowed
 *   time moves to `at`; timers and bars due by then, so that a bar has seen every trade before its end
 *   lanes that were touched have their onTurn; quotes that were declared are made so
 *   once a minute the drawdown ladder is taken; changes of bracket legs that were lost are asked for again; closes
 *   under way are worked off
 *   the outbox is cut into batches
 */
import { assert, unreachable } from '../core/assert.ts'
import type { Batching } from '../core/batching.ts'
import type { Ms, SymbolId, VenueId } from '../core/brand.ts'
import { barEnd, calendarOf, type CalendarName } from '../core/calendar.ts'
import type { Turn } from '../core/command.ts'
import { hashOf } from '../core/hash.ts'
import type { Input, OrderFact } from '../core/input.ts'
import type { Bar, Quote, Trade } from '../core/market.ts'
import type { Order } from '../core/order.ts'
import { SymbolMarks } from '../core/symbol-marks.ts'
import { thrownText } from '../core/thrown.ts'
import { lengthMs, MINUTE, parseDuration, type Timeframe, TIMEFRAMES } from '../core/time.ts'
import type { Universe } from '../core/universe.ts'
import type { Limits } from '../core/venue.ts'
import { Bars } from './bars.ts'
import { Controls } from './controls.ts'
import { Desk } from './desk.ts'
import { captured, type EngineState, restore } from './engine-state.ts'
import { Externals } from './externals.ts'
import { Facts } from './facts.ts'
import { Lane, mustBeDone, type Use } from './lanes.ts'
import { Listeners } from './listeners.ts'
import { Notices } from './notices.ts'
import { Orders } from './orders.ts'
import { Outbox } from './outbox.ts'
import { Portfolio } from './portfolio.ts'
import type { Ours } from './reconcile-terms.ts'
import { Risk } from './risk.ts'
import type { RiskLimits } from './risk-limits.ts'
import { Timers } from './timers.ts'
import type { Safety } from './trading-state.ts'

/** A position that is not flat. */
export interface Held {
  readonly symbol: SymbolId
  readonly qty: number
  readonly avgPrice: number
}

/** A bar of the past as a lane was shown it. */
export interface Shown {
  readonly at: Ms
  readonly bar: Bar
  /** The last one before it was halted. */
  readonly halted?: boolean
}

export interface EngineOptions {
  readonly universe: Universe
  readonly uses: readonly Use[]
  readonly limits: ReadonlyMap<VenueId, Limits>
  readonly risk: RiskLimits
  /** Names this run in every order id: 1 to 8 letters or digits, never used before on the account. */
  readonly run: string
  readonly currency: string
  /** Whose trading days begin the daily counts of risk. */
  readonly calendar: CalendarName
  /** The timeframe that trades are built into, or that bars from outside have. */
  readonly base: Timeframe
  /** Where bars come from: built from trades where not told; 'outside' where the source tells them beside its trades. */
  readonly barsFrom?: 'trades' | 'outside'
  /** How long after its end a bar built from trades waits for stragglers, in milliseconds. */
  readonly latenessMs: number
  /** Most missing bars in a row that are filled from the previous close. */
  readonly maxFill: number
  /** How commands share calls, until it is switched; `BATCHING_DEFAULTS` where not given. */
  readonly batching?: Batching
}

export class Engine {
  readonly notices: Notices
  readonly universe: Universe
  readonly #desk: Desk
  readonly #facts: Facts
  readonly #bars: Bars
  readonly #timers = new Timers()
  readonly #controls: Controls
  readonly #listeners = new Listeners()
  readonly #hasTurnLanes: boolean
  readonly #touched = new SymbolMarks()
  readonly #base: Timeframe
  readonly #baseIndex: number
  readonly #baseMs: number
  readonly #buildsBars: boolean
  #n = 0
  #now = 0 as Ms
  #minute = -Infinity
  /** True while a bar of the past is shown: hooks see it, and may ask for nothing. */
  #isPast = false

  constructor(options: EngineOptions) {
    const { universe } = options
    this.universe = universe
    this.notices = new Notices()
    const portfolio = new Portfolio(universe, options.currency)
    const orders = new Orders(universe, options.run)
    const externals = new Externals()
    const book = { portfolio, orders, externals }
    const lanesOf = (symbol: SymbolId) => this.#desk.lanesOf(symbol)
    const risk = new Risk(
      options.risk,
      { ...book, lanesOf },
      calendarOf(options.calendar),
      options.limits,
    )
    const outbox = new Outbox(universe, options.limits, options.batching)
    const { limits } = options
    const parts = { universe, limits, ...book, risk, outbox, notices: this.notices }
    this.#desk = new Desk(parts)
    this.#facts = new Facts(this.#desk, (lane, hook) => this.#run(lane, hook))
    for (const use of options.uses) this.#addLanes(use)
    this.#hasTurnLanes = this.#listeners.turns.length > 0
    this.#base = options.base
    this.#baseIndex = TIMEFRAMES.indexOf(options.base)
    this.#baseMs = lengthMs(options.base)
    this.#buildsBars = options.barsFrom !== 'outside'
    const higher = this.#listeners.timeframes.filter((timeframe) => timeframe !== options.base)
    this.#bars = new Bars(
      universe,
      {
        base: options.base,
        higher,
        latenessMs: options.latenessMs,
        maxFill: options.maxFill,
        barsFrom: options.barsFrom ?? 'trades',
      },
      {
        closed: (bar) => this.#onBarClosed(bar),
        gap: (symbol, timeframe, from, to) =>
          this.notices.publish({ type: 'bar.gap', symbol, timeframe, from, to }),
        late: (trade) => this.notices.publish({ type: 'trade.late', trade }),
      },
    )
    this.#controls = new Controls({
      desk: this.#desk,
      facts: this.#facts,
      bars: this.#bars,
      halt: (lane, why) => this.#halt(lane, why),
    })
  }

  /**
   * One step: all inputs of one moment, or none, when only time has passed.
   *
   * @param at Engine time for the whole turn; never before the last turn's.
   * @param inputs In order; none is after `at`.
   */
  turn(at: Ms, inputs: readonly Input[]): Turn {
    if (this.#n === 0) this.#timers.start(at - 1)
    if (!(at >= this.#now)) backwards(at, this.#now)
    const n = ++this.#n
    for (let i = 0; i < inputs.length; i++) {
      const input = inputs[i]!
      if (!(input.at <= at)) ofTheFuture(at, input.at)
      if (input.at > this.#now) this.#moveTo(input.at)
      this.#take(input)
    }
    if (at > this.#now) this.#moveTo(at)
    this.#fireDue(at)
    if (this.#hasTurnLanes) this.#touched.sweep(this.#runTurn)
    const isBlind = this.#isBlind
    if (at >= this.#desk.restings.nextAt) this.#desk.restings.work()
    if (at >= this.#desk.markouts.nextAt) this.#desk.markouts.work(at)
    if (at >= this.#minute) this.#onMinute(at)
    if (!isBlind && at >= this.#desk.brackets.nextAt) this.#desk.brackets.work()
    if (!isBlind) this.#desk.closings.workOff()
    const batches = this.#desk.parts.outbox.flush(at)
    return { n, at, inputs, notices: this.notices.take(), batches }
  }

  /** When something of its own is due, though nothing arrives: the runner makes a turn then. */
  get nextAt(): number {
    const { brackets, closings, restings } = this.#desk
    const always = Math.min(this.#bars.nextAt, restings.nextAt)
    // What waits for the end of a blind hold is due with the input that ends it.
    if (this.#isBlind) return always
    return Math.min(always, this.#timersAt, brackets.nextAt, closings.nextAt)
  }

  get now(): Ms {
    return this.#now
  }

  get turns(): number {
    return this.#n
  }

  get equity(): number {
    return this.#desk.equity
  }

  /** Value of all positions at the last prices, in money. */
  get exposure(): number {
    return this.#desk.parts.portfolio.exposure
  }

  /** Hash of all commands that ever left, in order. */
  get intents(): string {
    return this.#desk.parts.outbox.intents
  }

  /** Counters of every part, for reports and health. */
  get statistics() {
    const { orders, outbox, risk } = this.#desk.parts
    return {
      turns: this.#n,
      orders: orders.statistics,
      outbox: outbox.statistics,
      bars: this.#bars.statistics,
      notices: this.notices.statistics,
      denied: Object.fromEntries(risk.denied),
      halted: this.#desk.lanes.filter((lane) => lane.halted !== undefined).length,
    }
  }

  /** What the account is believed to be: for reconciliation with what its venue says. */
  get ours(): Ours {
    const { orders, externals, portfolio, risk } = this.#desk.parts
    const { cash } = portfolio
    // Most who ask want no orders, and thousands of those that have ended are rows of a table.
    let known: Ours['orders'] | undefined
    return {
      get orders() {
        return (known ??= orders.known)
      },
      externals: externals.known,
      positions: this.held,
      dust: portfolio.dust,
      cash,
      halts: risk.state.halts,
    }
  }

  /** What is held, of all strategies and of others, net. */
  get held(): readonly Held[] {
    const { portfolio } = this.#desk.parts
    return portfolio.held.map(({ id }) => {
      const { qty, avgPrice } = portfolio.position(id)
      return { symbol: id, qty, avgPrice }
    })
  }

  /** Oldest first. */
  get liveOrders(): readonly Order[] {
    return [...this.#desk.parts.orders.allLive()]
  }

  /** Why the kill switch is on; undefined where it is off. */
  get killSwitch(): string | undefined {
    return this.#desk.parts.risk.state.killSwitch
  }

  get isStopping(): boolean {
    return this.#desk.parts.risk.state.isStopping
  }

  /** What keeps all symbols from new risk. */
  get safety(): Safety {
    return this.#desk.parts.risk.state.safety
  }

  /** What may be changed while a run goes on, as it is now. */
  get inForce(): { readonly risk: RiskLimits; readonly batching: Batching } {
    const { risk, outbox } = this.#desk.parts
    return { risk: risk.limits, batching: outbox.batching }
  }

  /** Those in force. */
  get riskLimits(): RiskLimits {
    return this.#desk.parts.risk.limits
  }

  /** How long ago the last price of the symbol came, in milliseconds; Infinity before the first. */
  priceAge(symbol: SymbolId, now: Ms): number {
    return this.#desk.parts.portfolio.priceAge(symbol, now)
  }

  /** Start of the first bar of the base timeframe that is not known yet; 0 before the first. */
  knownUntil(symbol: SymbolId): number {
    return this.#bars.knownUntil(symbol)
  }

  get lanes(): readonly Lane[] {
    return this.#desk.lanes
  }

  /** The engine's state as plain JSON. Indicators are not in it: `rebuild` derives them from bars. */
  capture(): EngineState {
    const { nextAt } = this.#timers
    const progress = {
      n: this.#n,
      now: this.#now,
      minute: this.#minute,
      ...(nextAt <= this.#now ? { timersFrom: nextAt } : {}),
    }
    return captured(this.#desk, this.#bars, { ...progress, hasDepth: this.wantsDepth })
  }

  /** Takes a captured state into a fresh engine with the same universe and uses. */
  restore(state: EngineState): void {
    assert(this.#n === 0, 'a state is restored before the first turn')
    this.#n = state.n
    this.#minute = state.minute
    this.#setNow(state.now as Ms)
    restore(this.#desk, this.#bars, state)
    this.#timers.start(state.timersFrom === undefined ? this.#now : state.timersFrom - 1)
  }

  /**
   * Shows a lane's hooks bars that they had seen before the snapshot, so that what they derive is there again.
   * Nothing that the hooks ask for or assign meanwhile has an effect. `ctx.now` and `ctx.session` are those of the
   * bar; price, position and equity are those of the snapshot. At the bar that `halted` it a hook may throw once more.
   */
  rebuild(lane: Lane, bars: Iterable<Shown>): void {
    const { now } = this.#desk
    lane.rebuild(() => {
      for (const { at, bar, halted } of bars) {
        this.#desk.now = at
        this.#run(lane, () => {
          try {
            mustBeDone(lane.hooks.onBar?.(bar))
          } catch (error) {
            if (halted !== true) throw error
          }
        })
      }
    })
    this.#desk.now = now
  }

  /** Equal for two runs that ended in the same state. The number of turns is no part of it. */
  hash(): string {
    const { n: _turns, ...state } = this.capture()
    return hashOf(state)
  }

  /** Levels of the book of a symbol that its strategies ask for; 0 where none does. */
  depthOf(symbol: SymbolId): number {
    return this.#listeners.depthOf(symbol)
  }

  /** False where no strategy asks for depth. */
  get wantsDepth(): boolean {
    return this.#listeners.wantsDepth
  }

  #addLanes(use: Use): void {
    const { everyMs, names } = periods(use)
    for (const symbol of use.on) {
      const lane = new Lane(this.#desk, use, this.universe.at(symbol), this.#desk.lanes.length)
      this.#desk.addLane(lane)
      this.#listeners.add(lane)
      for (const [i, name] of names.entries()) {
        this.#timers.add(everyMs[i]!, () => this.#run(lane, () => lane.hooks.onTimer?.(name)))
      }
    }
  }

  #moveTo(at: Ms): void {
    // A second after a fill is before what is heard later than that.
    if (this.#desk.markouts.nextAt < at) this.#desk.markouts.work(at - 1)
    // What was due before this moment happens at its own time, but where that was before the venue was asked.
    while (!this.#isBlind && (this.#timersAt < at || this.#bars.nextAt < at)) {
      const due = Math.max(Math.min(this.#timersAt, this.#bars.nextAt), this.#now) as Ms
      this.#setNow(due)
      this.#fireDue(due)
    }
    this.#setNow(at)
    if (this.#isBlind) this.#fireDue(at)
  }

  get #isBlind(): boolean {
    return this.#desk.isBlind
  }

  /** When the next timer fires; Infinity while they wait for the end of a hold. */
  get #timersAt(): number {
    return this.#desk.parts.risk.state.doTimersWait ? Infinity : this.#timers.nextAt
  }

  #setNow(at: Ms): void {
    this.#now = at
    this.#desk.now = at
  }

  #fireDue(at: number): void {
    if (this.#bars.nextAt <= at) this.#bars.closeDue(at)
    if (this.#timersAt <= at) this.#timers.fire(at)
  }

  #take(input: Input): void {
    switch (input.type) {
      case 'bar':
        this.#onBar(input.bar, input.source === 'warmup')
        return
      case 'trade':
        this.#onTrade(input.trade)
        return
      case 'quote':
        this.#onQuote(input.quote)
        return
      case 'depth':
        this.#desk.setDepth(input.depth)
        if (this.#hasTurnLanes) this.#touched.add(input.depth.symbol)
        return
      case 'order.accepted':
      case 'order.filled':
      case 'order.canceled':
      case 'order.expired':
      case 'order.rejected':
      case 'cancel.rejected':
      case 'order.amended':
      case 'order.absent':
      case 'order.busted':
        this.#onOrderFact(input)
        return
      case 'external':
        this.#facts.onExternal(input.order)
        return
      case 'account':
        this.#onAccount(input)
        return
      case 'venue.up':
      case 'venue.down':
        this.#desk.parts.risk.state.setStream(input, input.type === 'venue.up')
        this.#desk.restings.lookAtAll()
        return
      case 'instrument.added':
        this.universe.add(input.spec)
        this.#desk.parts.portfolio.grow()
        this.#bars.grow()
        return
      case 'control':
        this.#controls.take(input.control)
        this.#desk.restings.lookAtAll()
        return
      default:
        unreachable(input)
    }
  }

  #onAccount({ cash, transfers = [] }: Extract<Input, { type: 'account' }>): void {
    const { risk, portfolio } = this.#desk.parts
    const { equity } = portfolio
    const amount = risk.onTransfers(transfers, cash)
    if (amount !== 0) this.notices.publish({ type: 'transferred', at: this.#now, amount })
    portfolio.setCash(cash)
    // The other half of what moved it is a position that is not known yet.
    if (risk.state.halts.some(({ cause }) => cause === 'position'))
      risk.drawdown.rescale(portfolio.equity / (equity + amount))
  }

  #onOrderFact(input: OrderFact): void {
    this.#facts.onOrder(input)
    if (!this.#hasTurnLanes) return
    const order = this.#desk.order(input.id)
    if (order !== undefined) this.#touched.add(order.symbol)
  }

  #onBar(bar: Bar, isWarmup: boolean): void {
    const { symbol } = bar
    if (!isWarmup && bar.filled !== true) {
      // One that fills a gap comes long after its end: its close is a price of then.
      const end =
        bar.start + (bar.timeframe === this.#base ? this.#baseMs : lengthMs(bar.timeframe))
      this.#desk.parts.portfolio.mark(symbol, bar.close, Math.min(end, this.#now))
      this.#desk.brackets.onBar(bar)
    }
    if (this.#hasTurnLanes) this.#touched.add(symbol)
    this.#isPast = isWarmup
    if (bar.timeframe === this.#base) this.#bars.bar(bar)
    else this.#onBarClosed(bar)
    this.#isPast = false
  }

  #onTrade(trade: Trade): void {
    const { symbol, price } = trade
    this.#desk.parts.portfolio.mark(symbol, price, this.#now)
    this.#desk.brackets.onPrice(symbol, price)
    if (this.#hasTurnLanes) this.#touched.add(symbol)
    if (this.#buildsBars) this.#bars.push(symbol, trade.ts, price, trade.size)
    const lanes = this.#listeners.trades[symbol]
    if (lanes === undefined) return
    for (const lane of lanes) {
      if (lane.halted !== undefined) continue
      // As #run does, written out: a closure per trade would cost more than the hook.
      try {
        mustBeDone(lane.hooks.onTrade!(trade))
      } catch (error) {
        this.#halt(lane, error)
      }
    }
  }

  #onQuote(quote: Quote): void {
    const { symbol, bid, ask } = quote
    this.#desk.setQuote(quote)
    if (bid > 0 && ask > 0) this.#desk.parts.portfolio.mark(symbol, (bid + ask) / 2, this.#now)
    if (this.#hasTurnLanes) this.#touched.add(symbol)
    const lanes = this.#listeners.quotes[symbol]
    if (lanes === undefined) return
    for (const lane of lanes) {
      if (lane.halted !== undefined) continue
      try {
        mustBeDone(lane.hooks.onQuote!(quote))
      } catch (error) {
        this.#halt(lane, error)
      }
    }
  }

  #onBarClosed(bar: Bar): void {
    if (this.notices.wantsBars) this.notices.publish({ type: 'bar.closed', bar })
    const { timeframe } = bar
    const index = timeframe === this.#base ? this.#baseIndex : TIMEFRAMES.indexOf(timeframe)
    const lanes = this.#listeners.bars[index]![bar.symbol]
    if (lanes === undefined) return
    for (let i = 0; i < lanes.length; i++) {
      const lane = lanes[i]!
      if (lane.halted !== undefined) {
        lane.noteMissed()
        continue
      }
      lane.noteBar(index)
      if (this.#isPast) {
        this.#showPast(lane, bar)
        continue
      }
      // As #run does, written out: a closure per bar would cost more than the hook.
      try {
        mustBeDone(lane.hooks.onBar?.(bar))
      } catch (error) {
        this.#halt(lane, error)
      }
    }
  }

  /** As it will be rebuilt: at the time of the bar, and not of the start that it is shown at. */
  #showPast(lane: Lane, bar: Bar): void {
    const { now } = this.#desk
    lane.isPast = true
    this.#desk.now = barEnd(lane.instrument.spec.calendar, bar)
    this.#run(lane, () => lane.hooks.onBar?.(bar))
    this.#desk.now = now
    lane.isPast = false
  }

  readonly #runTurn = (symbol: SymbolId): void => {
    const lanes = this.#listeners.turns[symbol]
    if (lanes === undefined) return
    for (const lane of lanes) {
      if (lane.halted !== undefined) continue
      // As #run does, written out, for it runs once for each symbol of a turn.
      try {
        mustBeDone(lane.hooks.onTurn!())
      } catch (error) {
        this.#halt(lane, error)
      }
    }
  }

  #onMinute(at: Ms): void {
    this.#minute = (Math.floor(at / MINUTE) + 1) * MINUTE
    const { risk } = this.#desk.parts
    const before = risk.drawdown.level
    risk.updateDrawdown(at)
    const { level, drawdown } = risk.drawdown
    if (level === before) return
    this.notices.publish({ type: 'drawdown', level, drawdown })
    if (level === 'emergency') for (const lane of this.#desk.lanes) this.#desk.close(lane)
  }

  /** Runs a hook. What it throws halts its lane alone: the orders stay, brackets keep protecting. */
  #run(lane: Lane, hook: () => unknown): void {
    if (lane.halted !== undefined) return
    try {
      mustBeDone(hook())
    } catch (error) {
      this.#halt(lane, error)
    }
  }

  #halt(lane: Lane, error: unknown): void {
    const why = thrownText(error)
    lane.halt(why)
    const { strategy, symbol } = lane
    this.#desk.restings.withdraw(lane)
    this.notices.publish({ type: 'strategy.halted', strategy, symbol, error: why })
  }
}

// The checks of every turn and input, apart: a message that names its values, written where they are, would make a
// closure for each.
function backwards(at: Ms, now: Ms): never {
  throw new Error(`assertion failed: time moves forward: ${at} is before ${now}`)
}

function ofTheFuture(at: Ms, received: Ms): never {
  throw new Error(`assertion failed: no input of turn ${at} is of the future: ${received}`)
}

/** The named timers of a strategy, in milliseconds. */
function periods(use: Use): { readonly names: string[]; readonly everyMs: number[] } {
  const every = Object.entries(use.strategy.needs(use.params).every ?? {})
  const everyMs = every.map(([name, text]) => {
    const period = parseDuration(text)
    assert(
      period !== undefined && period > 0,
      `timer ${name} of ${use.name} is a duration: "${text}"`,
    )
    return period
  })
  return { names: every.map(([name]) => name), everyMs }
}
