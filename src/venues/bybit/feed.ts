/*
 * Feed: Bybit's market data, over as many connections as the names of its symbols need. All topics of a symbol go over one.
 *
 * Where one is cut, the feed is down for its symbols alone (io/feed-parts.ts): what the others bring goes on meanwhile, and
 * what was missed is asked for of those symbols.
 */
import type { SymbolId, VenueId } from '../../core/brand.ts'
import { fault } from '../../core/fault.ts'
import type { Input } from '../../core/input.ts'
import type { OrderBook } from '../../core/order-book.ts'
import { failed, ok, type Result } from '../../core/result.ts'
import { MINUTE } from '../../core/time.ts'
import type { Feed } from '../../core/venue.ts'
import { FeedParts, type Told } from '../../io/feed-parts.ts'
import {
  emptyCounts,
  type Kind,
  MarketConnection,
  type MarketOptions,
} from './market-connection.ts'

/** How often it is asked for what was not traded at the start. */
export const LOOK_MS = 5 * MINUTE

export interface FeedOptions extends MarketOptions {
  readonly venue: VenueId
  /** Symbols that may be subscribed. */
  readonly total: number
}

export class BybitFeed implements Feed {
  readonly #options: FeedOptions
  readonly #connections: MarketConnection[] = []
  readonly #parts = new FeedParts((told) => this.#tell(told))
  /** By name. */
  readonly #of = new Map<string, MarketConnection>()
  /** Symbols that are not traded: nothing is asked for them. With what is wanted of each, should it be traded again. */
  readonly #excluded = new Map<string, Set<Kind>>()
  #sink: (input: Input) => void = () => {}
  readonly counts = emptyCounts()

  constructor(options: FeedOptions) {
    this.#options = options
  }

  /** Where inputs go from now on. Nothing connects before the first `subscribe`. */
  open(sink: (input: Input) => void): void {
    this.#sink = sink
  }

  /** Before it is subscribed: the symbol takes no new risk, and has no data. */
  exclude(name: string, why: string): void {
    const { universe, onTrouble } = this.#options
    this.#excluded.set(name, new Set())
    if (universe.find(name) === undefined) return
    this.#halt(name, true, `${why}; it is asked for again every ${LOOK_MS / MINUTE} minutes`)
    onTrouble(`${name} takes no new risk: ${why}`)
  }

  get excluded(): readonly string[] {
    return [...this.#excluded.keys()]
  }

  /** It is traded again: what was wanted of it is asked for, and then it takes new risk. */
  async include(name: string): Promise<Result<void>> {
    const { universe, onTrouble } = this.#options
    const kinds = this.#excluded.get(name)
    const id = universe.find(name)?.id
    if (kinds === undefined || id === undefined) return ok(undefined)
    this.#excluded.delete(name)
    for (const kind of kinds) {
      const answer = await this.subscribe(kind, [id])
      if (answer.ok) continue
      this.#excluded.set(name, kinds)
      return answer
    }
    this.#halt(name, false, 'it is traded again')
    onTrouble(`${name} is traded again`)
    return ok(undefined)
  }

  #halt(name: string, on: boolean, why: string): void {
    const { universe, io } = this.#options
    const symbol = universe.find(name)!.id
    const control = { do: 'halt-symbol', symbol, cause: 'not-tradable', on, why } as const
    this.#sink({ type: 'control', at: io.now(), by: 'bybit', control })
  }

  async subscribe(kind: Kind, symbols: readonly SymbolId[]): Promise<Result<void>> {
    const { universe, total, category } = this.#options
    if (kind === 'bars' && !category.hasKlines)
      return failed(
        fault('unsupported', `bybit streams no bars of an ${category.word}: take trades`),
      )
    for (const id of symbols) this.#excluded.get(universe.at(id).symbol)?.add(kind)
    const wanted = symbols.filter((id) => !this.#excluded.has(universe.at(id).symbol))
    const names = wanted.map((id) => universe.at(id).symbol)
    const all = new Set([...this.#of.keys(), ...names])
    if (all.size > total)
      return failed(fault('bad-request', `${all.size} symbols are more than the limit of ${total}`))
    for (const [i, name] of names.entries()) this.#place(name, wanted[i]!)
    for (const [connection, theirs] of this.#grouped(names)) {
      const answer = await connection.subscribe(kind, theirs)
      if (!answer.ok) return answer
    }
    return ok(undefined)
  }

  async unsubscribe(symbols: readonly SymbolId[]): Promise<Result<void>> {
    const names = symbols.map((id) => this.#options.universe.at(id).symbol)
    const grouped = this.#grouped(names)
    for (const name of names) this.#of.delete(name)
    for (const [connection, theirs] of grouped) {
      this.#parts.left(connection, symbols)
      const answer = await connection.unsubscribe(theirs)
      if (!answer.ok) return answer
    }
    return ok(undefined)
  }

  book(symbol: SymbolId): OrderBook | undefined {
    const name = this.#options.universe.at(symbol).symbol
    return this.#of.get(name)?.book(name)
  }

  clear(): void {
    for (const connection of this.#connections) connection.clear()
  }

  async close(): Promise<void> {
    this.#sink = () => {}
    await Promise.all(this.#connections.map((connection) => connection.close()))
  }

  #place(name: string, id: SymbolId): void {
    if (this.#of.has(name)) return
    const found = this.#connections.find((each) => each.hasRoomFor(name)) ?? this.#connect()
    found.watch(name, id)
    this.#of.set(name, found)
    this.#parts.joined(found, id)
  }

  #connect(): MarketConnection {
    const connection: MarketConnection = new MarketConnection({
      ...this.#options,
      counts: this.counts,
      sink: (input) => this.#sink(input),
      onUp: (trouble) => this.#parts.up(connection, trouble),
      onDown: (why) => this.#parts.down(connection, why),
    })
    this.#connections.push(connection)
    this.#parts.add(connection)
    return connection
  }

  /** In the order of their connections. */
  #grouped(names: readonly string[]): ReadonlyMap<MarketConnection, readonly string[]> {
    const groups = new Map<MarketConnection, string[]>()
    for (const name of names) {
      const connection = this.#of.get(name)
      if (connection === undefined) continue
      const group = groups.get(connection)
      if (group === undefined) groups.set(connection, [name])
      else group.push(name)
    }
    return groups
  }

  #tell(told: Told): void {
    const { venue, io } = this.#options
    this.#sink({ ...told, at: io.now(), venue, stream: 'feed' })
  }
}
