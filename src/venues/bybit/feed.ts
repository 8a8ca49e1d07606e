/*
 * Feed: Bybit's market data, over as many connections as the names of its symbols need. All topics of a symbol go over one.
 *
 * It is up for the first time when all of them are, and down when none is. Where some are cut, it is down for the symbols
 * that they carry: what the others bring goes on meanwhile, and what was missed is asked for of the symbols alone whose
 * connection was cut.
 */
import type { SymbolId, VenueId } from '../../core/brand.ts'
import { fault } from '../../core/fault.ts'
import type { Input } from '../../core/input.ts'
import type { OrderBook } from '../../core/order-book.ts'
import { failed, ok, type Result } from '../../core/result.ts'
import { MINUTE } from '../../core/time.ts'
import type { Feed } from '../../core/venue.ts'
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
  readonly #states = new Map<MarketConnection, State>()
  /** Those that are down, where it was told that their symbols are. */
  readonly #cut = new Set<MarketConnection>()
  /** What was told of all of them together. */
  #isUp = false
  /** By name. */
  readonly #of = new Map<string, MarketConnection>()
  /** Symbols that are not traded: nothing is asked for them. With what is wanted of each, should it be traded again. */
  readonly #excluded = new Map<string, Set<Kind>>()
  #sink: (input: Input) => void = () => {}
  /** Why something is missing, until it is told that they are up. */
  #trouble: string | undefined
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
      // What nobody asks for is not missing.
      if (this.#cut.has(connection)) this.#tell({ type: 'venue.up', symbols })
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
    const state = this.#states.get(found)
    if (state?.type !== 'down' || !this.#cut.has(found)) return
    this.#tell({ type: 'venue.down', symbols: [id], why: state.why })
  }

  #connect(): MarketConnection {
    const connection: MarketConnection = new MarketConnection({
      ...this.#options,
      counts: this.counts,
      sink: (input) => this.#sink(input),
      onUp: (trouble) => {
        this.#states.set(connection, UP)
        this.#trouble ??= trouble
        this.#settle()
      },
      onDown: (why) => {
        this.#states.set(connection, { type: 'down', why })
        if (this.#has('up')) this.#settle()
        else this.#fall(why)
      },
    })
    this.#connections.push(connection)
    this.#states.set(connection, NEW)
    return connection
  }

  #has(type: State['type']): boolean {
    return [...this.#states.values()].some((state) => state.type === type)
  }

  /** None is up. */
  #fall(why: string): void {
    this.#isUp = false
    this.#cut.clear()
    this.#tell({ type: 'venue.down', why })
  }

  /** One is up at least: tells which symbols have their data, and which have them no more. */
  #settle(): void {
    if (!this.#isUp && this.#has('new') && !this.#has('down')) return
    const told = this.#trouble === undefined ? {} : { why: this.#trouble }
    const up = (symbols?: readonly SymbolId[]): void => {
      this.#tell({ type: 'venue.up', ...told, ...(symbols === undefined ? {} : { symbols }) })
      this.#trouble = undefined
    }
    if (!this.#isUp) up()
    this.#isUp = true
    for (const [connection, state] of this.#states) {
      const { symbols } = connection
      if (state.type === 'up' && this.#cut.delete(connection)) up(symbols)
      if (state.type !== 'down' || this.#cut.has(connection)) continue
      this.#cut.add(connection)
      this.#tell({ type: 'venue.down', why: state.why, symbols })
    }
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

  #tell(part: Omit<Extract<Input, { type: 'venue.up' | 'venue.down' }>, OfAll>): void {
    const { venue, io } = this.#options
    this.#sink({ ...part, at: io.now(), venue, stream: 'feed' })
  }
}

type OfAll = 'at' | 'venue' | 'stream'

/** Of a connection; it is new until it was up or could not be. */
type State = { readonly type: 'new' | 'up' } | { readonly type: 'down'; readonly why: string }
const NEW: State = { type: 'new' }
const UP: State = { type: 'up' }
