// SimExchange: the door of the simulated venue. Commands go in, market facts pass by, answers come out.
import { assert, unreachable } from '../../core/assert.ts'
import type { Ms, OrderId } from '../../core/brand.ts'
import type { Batch, Command } from '../../core/command.ts'
import type { Input, MarketInput } from '../../core/input.ts'
import type { Bar } from '../../core/market.ts'
import { ms } from '../../core/time.ts'
import type { Universe } from '../../core/universe.ts'
import type { Limits, VenueReport } from '../../core/venue.ts'
import { Answers } from './answers.ts'
import { Book, type BookState, type Desk } from './book.ts'
import { Floor } from './floor.ts'
import { Gate } from './gate.ts'
import type { KnownState } from './known.ts'
import { Ledger, type LedgerState } from './ledger.ts'
import { entryDelay, limitsOf, type SimOptions, type SimTerms, termsOf } from './models.ts'
import { endOf, Seen } from './seen.ts'

interface Arrival {
  readonly at: Ms
  readonly sentAt: Ms
  readonly command: Command
}

/** The complete state, as plain JSON. Options and universe are not in it: restore into an exchange made alike. */
export interface ExchangeState {
  readonly isOpen: boolean
  readonly messages: number
  readonly lastArrival: number
  readonly arrivals: readonly Arrival[]
  readonly known: KnownState
  readonly seen: readonly number[]
  /** Not in states of older versions. */
  readonly finerBefore?: readonly number[]
  readonly answers: readonly Input[]
  readonly book: BookState
  readonly ledger: LedgerState
}

const NONE: readonly Input[] = []

/**
 * A venue within the process: deterministic, synchronous, without a clock. At each time T its driver calls
 *
 *     for (const fact of market) exchange.observe(fact)
 *     const inputs = [...exchange.take(T), ...market]
 *     for (const batch of engine.turn(T, inputs).batches) exchange.execute(batch, T)
 *
 * and visits `nextAt()` even where the market is silent. How orders trade is told in matcher.ts.
 */
export class SimExchange {
  readonly limits: Limits
  readonly #universe: Universe
  readonly #terms: SimTerms
  readonly #seen = new Seen()
  readonly #answers = new Answers()
  readonly #ledger: Ledger
  readonly #book: Book
  readonly #gate: Gate
  readonly #floor: Floor
  #arrivals: Arrival[] = []
  #messages = 0
  #lastArrival = 0
  #isOpen = false
  /** The next arrival or expiry; and the next of these or of the answers. */
  #nextEvent = Infinity
  #nextDue = Infinity

  constructor(universe: Universe, options: SimOptions) {
    this.#universe = universe
    this.#terms = termsOf(options)
    this.limits = limitsOf(this.#terms)
    this.#ledger = new Ledger(universe, this.#terms.currency, this.#terms.cash)
    const desk: Desk = {
      universe,
      terms: this.#terms,
      seen: this.#seen,
      ledger: this.#ledger,
      answers: this.#answers,
    }
    this.#book = new Book(desk)
    this.#gate = new Gate(desk, this.#book)
    this.#floor = new Floor(desk, this.#book)
  }

  /** Takes a batch that leaves us at `at`. It arrives one latency later, never before one that left earlier. */
  execute(batch: Batch, at: Ms): void {
    const { venue } = this.#terms
    assert(batch.venue === venue, `a batch for ${batch.venue} does not reach ${venue}`)
    const { length } = batch.commands
    assert(length <= this.#terms.batch, `a batch holds at most ${this.#terms.batch}, not ${length}`)
    const arrival = ms(Math.max(this.#lastArrival, at + entryDelay(this.#terms, this.#messages++)))
    this.#lastArrival = arrival
    for (const command of batch.commands) this.#arrivals.push({ at: arrival, sentAt: at, command })
    this.#plan()
  }

  /** The market fact, told before the engine hears of it. Warm-up bars are history: they change nothing. */
  observe(input: MarketInput): void {
    switch (input.type) {
      case 'bar':
        if (input.source === 'venue') this.#bar(input.bar, input.at)
        return
      case 'trade':
        if (this.#nextEvent < input.trade.ts) this.#advance(input.trade.ts - 1, input.at)
        if (this.#floor.trade(input.trade, input.at)) this.#plan()
        return
      case 'quote':
        if (this.#nextEvent < input.quote.ts) this.#advance(input.quote.ts - 1, input.at)
        if (this.#floor.quote(input.quote, input.at)) this.#plan()
        return
      // Orders meet trades and the top; what is beneath is for strategies.
      case 'depth':
        return
      default:
        unreachable(input)
    }
  }

  /** Time of the next thing that it has to do or to say; Infinity where there is none. */
  nextAt(): number {
    return this.#nextDue
  }

  /** All facts that are due by `at`, in order; one shared empty array where none is. The first call opens the account. */
  take(at: Ms): readonly Input[] {
    if (at < this.#nextDue && this.#isOpen) return NONE
    this.#advance(at, at)
    const facts = this.#answers.take(at)
    this.#plan()
    if (this.#isOpen) return facts
    this.#isOpen = true
    return [...facts, this.#account(at)]
  }

  /** The venue's id of an order that it has, or had among the last that ended; undefined for others. */
  venueIdOf(id: OrderId): string | undefined {
    if (!this.#gate.has(id)) return undefined
    return this.#book.get(id)?.venueId ?? this.#ledger.venueIdOf(id)
  }

  /** The venue's own account of the world: live orders, and the last of those that ended and of the fills. */
  report(at: Ms): VenueReport {
    return this.#ledger.report(at, this.#book.orders, (symbol) => this.#seen.price(symbol))
  }

  capture(): ExchangeState {
    return {
      isOpen: this.#isOpen,
      messages: this.#messages,
      lastArrival: this.#lastArrival,
      arrivals: structuredClone(this.#arrivals),
      known: this.#gate.capture(),
      seen: this.#seen.capture(),
      finerBefore: this.#seen.captureFiner(),
      answers: this.#answers.capture(),
      book: this.#book.capture(),
      ledger: this.#ledger.capture(),
    }
  }

  /** Continues from a captured state. Only a new exchange, with the same options and universe, may. */
  restore(state: ExchangeState): void {
    assert(!this.#isOpen && this.#messages === 0, 'only a new exchange is restored')
    this.#isOpen = state.isOpen
    this.#messages = state.messages
    this.#lastArrival = state.lastArrival
    this.#arrivals = structuredClone([...state.arrivals])
    this.#gate.restore(state.known)
    this.#seen.restore(state.seen, state.finerBefore)
    this.#answers.restore(state.answers)
    this.#book.restore(state.book)
    this.#ledger.restore(state.ledger)
    this.#plan()
  }

  #bar(bar: Bar, at: Ms): void {
    if (this.#nextEvent < at) {
      const end = Math.min(at, endOf(bar, this.#universe.at(bar.symbol)))
      if (this.#nextEvent < end) this.#advance(end - 1, at)
    }
    if (this.#floor.bar(bar, at)) this.#plan()
  }

  #plan(): void {
    this.#nextEvent = Math.min(this.#arrivals[0]?.at ?? Infinity, this.#book.nextExpiry)
    this.#nextDue = Math.min(this.#nextEvent, this.#answers.nextAt)
  }

  /** Does all that happens at the venue by `to`. An order that arrives when others expire comes after them. */
  #advance(to: number, now: number): void {
    for (;;) {
      const arrival = this.#arrivals[0]
      const expiry = this.#book.nextExpiry
      if (expiry <= to && expiry <= (arrival?.at ?? Infinity)) {
        this.#book.expire(expiry, this.#heardAt(expiry, now))
      } else if (arrival !== undefined && arrival.at <= to) {
        this.#arrivals.shift()
        const { command, sentAt, at } = arrival
        this.#gate.arrive(command, sentAt, { ts: at, at: this.#heardAt(at, now) })
      } else break
    }
    this.#plan()
  }

  /** One latency later, but not before now, where the driver did not look in time. */
  #heardAt(ts: number, now: number): number {
    return Math.max(ts + this.#terms.latency.responseMs, now)
  }

  #account(at: Ms): Input {
    const { cash } = this.#ledger
    const { venue } = this.#terms
    return { type: 'account', at, venue, equity: cash, cash, buyingPower: cash }
  }
}
