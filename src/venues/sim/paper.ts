/*
 * Paper: the feed and the history of another venue, and orders that the simulated venue fills on that feed. No order
 * ever reaches the other venue.
 *
 * Trades and quotes are subscribed beside whatever is asked for, and for a symbol with an order, because orders are
 * filled by the finest data there are; what nobody asked for is seen by the orders alone. Each fact meets the orders before anybody hears of it. The
 * books are kept where `books` says, so a run that was killed finds its orders and positions again, as at a venue that
 * stayed up: what the market did meanwhile, the orders did not see.
 */
import type { Ms, SymbolId, VenueId } from '../../core/brand.ts'
import type { Batch } from '../../core/command.ts'
import { type Input, isMarket, type MarketInput } from '../../core/input.ts'
import type { InstrumentSpec } from '../../core/instrument.ts'
import type { Order } from '../../core/order.ts'
import { ok, type Result } from '../../core/result.ts'
import { mapTerms } from '../../core/terms.ts'
import type { Universe } from '../../core/universe.ts'
import type { Broker, Feed, History, Limits, Venue, VenueStatistics } from '../../core/venue.ts'
import type { Io } from '../../io/io.ts'
import { type Books, SimBroker } from './broker.ts'
import { limitsOf, type SimOptions, termsOf } from './models.ts'

export interface PaperVenueOptions {
  readonly io: Pick<Io, 'now' | 'after'>
  readonly universe: Universe
  /** With a feed. Its broker is never used. */
  readonly market: Venue
  readonly sim: Omit<SimOptions, 'venue'>
  readonly books?: Books
}

/**
 * Data as the market bears it, orders as the simulated venue does; of these the ones that the market takes, so that a run
 * asks for nothing that it could not do there.
 */
export function paperLimits({ subscribe, history, terms }: Limits, sim: SimOptions): Limits {
  const limits = limitsOf(termsOf(sim))
  const both = mapTerms(terms, (theirs, kind) => {
    if (theirs.brackets !== 'native') return theirs
    const { takes, postOnly, shorts, fractions } = theirs
    return { ...theirs, ...limits.terms[kind], takes, postOnly, shorts, fractions }
  })
  return { ...limits, subscribe, history, terms: both }
}

type Kind = Parameters<Feed['subscribe']>[0]

/** What orders are filled on. */
const FINEST: readonly Kind[] = ['quotes', 'trades']

export class PaperVenue implements Venue {
  readonly id: VenueId
  readonly limits: Limits
  readonly feed: Feed
  readonly history?: History
  readonly broker: Broker
  readonly #fills: SimBroker
  readonly #market: Venue
  readonly #io: PaperVenueOptions['io']
  readonly #wanted: Readonly<Record<Kind, Set<SymbolId>>> = {
    trades: new Set(),
    quotes: new Set(),
    bars: new Set(),
  }
  /** Symbols whose orders see the market. */
  readonly #watched = new Set<SymbolId>()
  #sink: ((input: Input) => void) | undefined

  constructor({ io, universe, market, sim, books }: PaperVenueOptions) {
    this.#market = market
    this.#io = io
    this.id = market.id
    this.#fills = new SimBroker({
      io,
      universe,
      sim: { ...sim, venue: market.id },
      sink: (input) => this.#sink?.(input),
      ...(books === undefined ? {} : { books }),
    })
    this.broker = {
      execute: (batch) => this.#execute(batch),
      report: () => this.#fills.report(),
    }
    this.limits = paperLimits(market.limits, { ...sim, venue: market.id })
    if (market.history !== undefined) this.history = market.history
    this.feed = {
      subscribe: (kind, symbols) => this.#subscribe(kind, symbols),
      unsubscribe: (symbols) => this.#unsubscribe(symbols),
      ...(market.feed?.book && { book: (symbol) => market.feed?.book?.(symbol) }),
    }
  }

  /** Of the market's adapter. */
  get statistics(): VenueStatistics | undefined {
    return this.#market.statistics
  }

  /** Orders are in the books; halts are the market's. */
  adopt(
    _orders: readonly Order[],
    halted: readonly SymbolId[],
    run: string,
    _others?: readonly string[],
    heardAt?: Ms,
  ): void {
    this.#market.adopt?.([], halted, run, [], heardAt)
  }

  async open(sink: (input: Input) => void): Promise<Result<readonly InstrumentSpec[]>> {
    this.#sink = sink
    const opened = await this.#market.open((input) => this.#hear(input))
    if (!opened.ok) return opened
    sink({ type: 'venue.up', at: this.#io.now(), venue: this.id, stream: 'orders' })
    this.#fills.open()
    return opened
  }

  /** The streams are the market's. */
  clear(): void {
    this.#market.clear?.()
  }

  async close(): Promise<void> {
    this.#sink = undefined
    this.#fills.close()
    await this.#market.close()
  }

  #hear(input: Input): void {
    if (isMarket(input)) {
      this.#fills.observe(input)
      if (this.#isWanted(input)) this.#sink?.(input)
      return
    }
    // Its account and its orders are not those of this run.
    if ('id' in input || input.type === 'account') return
    const isOfOrders =
      (input.type === 'venue.up' || input.type === 'venue.down') && input.stream === 'orders'
    if (!isOfOrders) this.#sink?.(input)
  }

  #isWanted(input: MarketInput): boolean {
    if (input.type === 'trade') return this.#wanted.trades.has(input.trade.symbol)
    if (input.type === 'depth') return this.#wanted.quotes.has(input.depth.symbol)
    if (input.type === 'quote') return this.#wanted.quotes.has(input.quote.symbol)
    return this.#wanted.bars.has(input.bar.symbol)
  }

  #execute(batch: Batch): ReturnType<Broker['execute']> {
    const symbols = batch.commands.flatMap((command) =>
      command.type === 'submit' ? [command.order.symbol] : [],
    )
    const unwatched = symbols.filter((id) => !this.#watched.has(id))
    // It fills when the data come; where they never do, it rests.
    if (unwatched.length > 0) void this.#watch([], unwatched)
    return this.#fills.execute(batch)
  }

  async #subscribe(kind: Kind, symbols: readonly SymbolId[]): Promise<Result<void>> {
    for (const id of symbols) this.#wanted[kind].add(id)
    const answer = await this.#watch([kind], symbols)
    if (!answer.ok) for (const id of symbols) this.#wanted[kind].delete(id)
    return answer
  }

  async #watch(kinds: readonly Kind[], symbols: readonly SymbolId[]): Promise<Result<void>> {
    for (const kind of new Set([...kinds, ...FINEST])) {
      const answer = (await this.#market.feed?.subscribe(kind, symbols)) ?? ok(undefined)
      if (!answer.ok) return answer
    }
    for (const id of symbols) this.#watched.add(id)
    return ok(undefined)
  }

  async #unsubscribe(symbols: readonly SymbolId[]): Promise<Result<void>> {
    for (const set of [...Object.values(this.#wanted), this.#watched])
      for (const id of symbols) set.delete(id)
    return (await this.#market.feed?.unsubscribe(symbols)) ?? ok(undefined)
  }
}
