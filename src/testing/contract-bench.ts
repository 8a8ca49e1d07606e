// Contract bench: a venue of the contract, opened, with what it said and the verbs that the tests need.
import assert from 'node:assert/strict'
import { it, type TestContext } from 'node:test'
import { orderId } from '../core/brand.ts'
import type { Command } from '../core/command.ts'
import type { Input, OrderFact } from '../core/input.ts'
import type { Instrument } from '../core/instrument.ts'
import type { Order } from '../core/order.ts'
import type { Result } from '../core/result.ts'
import type { OrderTerms } from '../core/terms.ts'
import type { Feed, VenueReport } from '../core/venue.ts'
import { order } from './builders.ts'
import { type ContractMarket, marketOf } from './contract-market.ts'
import type { Ability, Stand, VenueContract } from './contract-terms.ts'

export type Taken = Result<{ readonly venueId: string }>
type Wish = Parameters<typeof order>[0]

/** Venue time that one look takes, and the most that a condition may take. */
const LOOK_MS = 250
const WAIT_MS = 60_000

export class Bench {
  readonly stand: Stand
  readonly market: ContractMarket
  readonly inputs: Input[] = []
  #ids = 0
  #isClosed = false

  constructor(stand: Stand, market: ContractMarket) {
    this.stand = stand
    this.market = market
  }

  get venue(): Stand['venue'] {
    return this.stand.venue
  }

  get broker(): NonNullable<Stand['venue']['broker']> {
    assert(this.venue.broker !== undefined, 'the venue has a broker')
    return this.venue.broker
  }

  /** The instruments of the market, in its order. */
  get instruments(): readonly [Instrument, Instrument, Instrument] {
    const [a, b, c] = this.market.symbols.map((symbol) => this.stand.universe.find(symbol))
    assert(a !== undefined && b !== undefined && c !== undefined, 'the venue told its instruments')
    return [a, b, c]
  }

  /** What the venue takes of the instruments of the market. */
  get terms(): OrderTerms {
    const [{ kind }] = this.instruments
    const terms = this.venue.limits.terms[kind]
    assert(terms !== undefined, `the limits of the venue say what it takes of ${kind}`)
    return terms
  }

  async open(): Promise<this> {
    const opened = await this.venue.open((input) => this.inputs.push(input))
    assert(opened.ok, JSON.stringify(opened))
    for (const spec of opened.value) {
      if (this.stand.universe.find(spec.symbol) === undefined) this.stand.universe.add(spec)
    }
    return this
  }

  /** Both may be called twice: a test that closes does not say so to the one that made it. */
  async end(): Promise<void> {
    await this.venue.close()
    if (!this.#isClosed) await this.stand.end()
    this.#isClosed = true
  }

  /** Subscribes the first two symbols, or those that are named. */
  async watch(kind: Parameters<Feed['subscribe']>[0], symbols = this.instruments.slice(0, 2)) {
    const ids = symbols.map(({ id }) => id)
    assert(this.venue.feed !== undefined, 'the venue has a feed')
    const answer = await this.settled(this.venue.feed.subscribe(kind, ids))
    assert(answer.ok, JSON.stringify(answer))
  }

  /** Lets time pass until the work is done. */
  async settled<T>(work: Promise<T>): Promise<T> {
    const done: T[] = []
    const noted = work.then((value) => done.push(value))
    await this.until(() => done.length > 0, 'the venue answers')
    await noted
    return done[0]!
  }

  /** An order for 10 of the first symbol, to be sent. */
  order(changes: Wish = {}): Order {
    this.#ids++
    const [{ id: symbol }] = this.instruments
    return order({ id: `contract-k-${this.#ids.toString(36)}`, symbol, ...changes })
  }

  async send(...commands: readonly Command[]): Promise<readonly Taken[]> {
    const [first] = commands
    assert(first !== undefined, 'a batch has commands')
    const batch = { venue: this.venue.id, kind: first.type, commands }
    const taken = await this.settled(this.broker.execute(batch))
    assert.equal(taken.length, commands.length, 'there is one answer per command')
    return taken
  }

  async submit(order: Order, ...legs: readonly Order[]): Promise<Taken> {
    const submit = { type: 'submit', order } as const
    const [taken] = await this.send(legs.length === 0 ? submit : { ...submit, legs })
    return taken!
  }

  /** Submits what must be taken, and gives it as it was sent. */
  async placed(changes: Wish = {}): Promise<Order> {
    const order = this.order(changes)
    const taken = await this.submit(order)
    assert(taken.ok, `${order.type} is taken: ${JSON.stringify(taken)}`)
    return order
  }

  async cancel({ id, symbol }: Order): Promise<Taken> {
    const [taken] = await this.send({ type: 'cancel', id, symbol })
    return taken!
  }

  async amend(
    { id, symbol }: Order,
    changes: { readonly limit?: number; readonly qty?: number },
  ): Promise<Taken> {
    const { limit, qty } = changes
    const instrument = this.stand.universe.at(symbol)
    const [taken] = await this.send({
      type: 'amend',
      id,
      symbol,
      ...(limit === undefined ? {} : { limit: instrument.px(limit) }),
      ...(qty === undefined ? {} : { qty: instrument.qty(qty) }),
    })
    return taken!
  }

  async report(): Promise<VenueReport> {
    const answer = await this.settled(this.broker.report())
    assert(answer.ok, JSON.stringify(answer))
    return answer.value
  }

  /** What the venue said of an order, in order. */
  said(id: string): readonly OrderFact[] {
    return this.inputs.filter(
      (input): input is OrderFact => 'id' in input && input.id === orderId(id),
    )
  }

  has(id: string, type: OrderFact['type']): boolean {
    return this.said(id).some((fact) => fact.type === type)
  }

  /** Executions of an order that were told, each once. */
  fills(id: string): readonly Extract<OrderFact, { type: 'order.filled' }>[] {
    const fills = new Map<string, Extract<OrderFact, { type: 'order.filled' }>>()
    for (const fact of this.said(id)) if (fact.type === 'order.filled') fills.set(fact.fill, fact)
    return [...fills.values()]
  }

  filled(id: string): number {
    return this.fills(id).reduce((sum, { qty }) => sum + qty, 0)
  }

  async pass(forMs: number): Promise<void> {
    await this.stand.pass(forMs)
  }

  /** Lets time pass until the condition holds; an error after a minute of the market. */
  async until(condition: () => boolean, what: string): Promise<void> {
    for (let passed = 0; !condition(); passed += LOOK_MS) {
      assert(passed < WAIT_MS, `waited too long until ${what}`)
      await this.stand.pass(LOOK_MS)
    }
  }
}

interface About {
  /** What the venue must be able to do. */
  readonly needs?: readonly Ability[]
  /** Prices of the first symbol, one a second; 100 where not told. */
  readonly prices?: readonly number[]
}

/** Declares a test on an open venue; skipped, with the reason, where the venue lacks what it needs. */
export function itKeeps(
  contract: VenueContract,
  promise: string,
  about: About,
  work: (bench: Bench, context: TestContext) => Promise<void>,
): void {
  const { needs = [], prices = [100] } = about
  const lack = needs.find((ability) => contract.lacks?.[ability] !== undefined)
  const skip = lack === undefined ? false : `${lack}: ${contract.lacks?.[lack]}`
  it(promise, { skip }, async (context) => {
    const market = marketOf(contract.startAt, contract.symbols, prices)
    const bench = new Bench(await contract.make(market), market)
    try {
      await bench.open()
      await work(bench, context)
    } finally {
      await bench.end()
    }
  })
}
