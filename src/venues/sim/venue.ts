/*
 * The simulated venue behind the venue port: feed, history and broker of one market, on the time of an Io.
 *
 * Its market is whatever is shown to it. A fact that is shown meets the orders first, by the rules of matcher.ts, and
 * is then told to whoever subscribed; bars become history. On virtual time (io/virtual.ts) a run is repeatable.
 */
import { unreachable } from '../../core/assert.ts'
import type { SymbolId, VenueId } from '../../core/brand.ts'
import { fault } from '../../core/fault.ts'
import type { Input, MarketInput } from '../../core/input.ts'
import type { InstrumentSpec } from '../../core/instrument.ts'
import { failed, ok, type Result } from '../../core/result.ts'
import type { Universe } from '../../core/universe.ts'
import type { Feed, Limits, Venue } from '../../core/venue.ts'
import type { Io } from '../../io/io.ts'
import { SimBroker } from './broker.ts'
import type { SimOptions } from './models.ts'
import { Past } from './past.ts'

export interface SimVenueOptions {
  readonly io: Pick<Io, 'now' | 'after'>
  /** What can be traded; `open` tells it. */
  readonly universe: Universe
  readonly sim: SimOptions
  readonly limits?: Partial<Limits>
}

type Kind = Parameters<Feed['subscribe']>[0]

/** Bars of one page of history, where the limits do not say. */
const ROWS = 1_000

export class SimVenue implements Venue {
  readonly id: VenueId
  readonly limits: Limits
  readonly feed: Feed
  readonly history: Past
  readonly broker: SimBroker
  readonly #options: SimVenueOptions
  readonly #subscribed = {
    trades: new Set<SymbolId>(),
    quotes: new Set<SymbolId>(),
    bars: new Set<SymbolId>(),
  }
  #sink: ((input: Input) => void) | undefined
  #isFeedUp = false

  constructor(options: SimVenueOptions) {
    const { io, universe, sim } = options
    this.#options = options
    this.id = sim.venue
    this.broker = new SimBroker({ io, universe, sim, sink: (input) => this.#sink?.(input) })
    const history = { symbols: universe.all.length, rows: ROWS, perMinute: 1_000_000 }
    this.limits = { ...this.broker.exchange.limits, history, ...options.limits }
    this.history = new Past(universe, this.limits.history.rows)
    this.feed = {
      subscribe: (kind, symbols) => Promise.resolve(this.#subscribe(kind, symbols)),
      unsubscribe: (symbols) => Promise.resolve(this.#unsubscribe(symbols)),
    }
  }

  open(sink: (input: Input) => void): Promise<Result<readonly InstrumentSpec[]>> {
    this.#sink = sink
    this.#tell('orders')
    this.broker.open()
    return Promise.resolve(ok(this.#options.universe.all.map(({ spec }) => spec)))
  }

  close(): Promise<void> {
    this.#sink = undefined
    this.broker.close()
    return Promise.resolve()
  }

  /** Moves the market. A bar of source `warmup` is history alone: it meets no order, and nobody is told. */
  show(input: MarketInput): void {
    if (input.type === 'bar') this.history.add(input.bar)
    if (input.type === 'bar' && input.source === 'warmup') return
    this.broker.observe(input)
    if (this.#isWanted(input)) this.#sink?.(input)
  }

  #isWanted(input: MarketInput): boolean {
    switch (input.type) {
      case 'trade':
        return this.#subscribed.trades.has(input.trade.symbol)
      case 'quote':
        return this.#subscribed.quotes.has(input.quote.symbol)
      case 'depth':
        return this.#subscribed.quotes.has(input.depth.symbol)
      case 'bar':
        return this.#subscribed.bars.has(input.bar.symbol)
      default:
        return unreachable(input)
    }
  }

  #subscribe(kind: Kind, symbols: readonly SymbolId[]): Result<void> {
    const { total } = this.limits.subscribe
    const { trades, quotes, bars } = this.#subscribed
    const all = new Set([...trades, ...quotes, ...bars, ...symbols])
    if (all.size > total)
      return failed(fault('rate-limited', `${all.size} symbols are more than ${total}`))
    for (const symbol of symbols) this.#subscribed[kind].add(symbol)
    if (!this.#isFeedUp) this.#tell('feed')
    this.#isFeedUp = true
    return ok(undefined)
  }

  #unsubscribe(symbols: readonly SymbolId[]): Result<void> {
    for (const kind of Object.values(this.#subscribed))
      for (const symbol of symbols) kind.delete(symbol)
    return ok(undefined)
  }

  #tell(stream: 'feed' | 'orders'): void {
    const at = this.#options.io.now()
    this.#sink?.({ type: 'venue.up', at, venue: this.id, stream })
  }
}
