/*
 * Broker of the simulated venue: the exchange behind the asynchronous port, on the time of an Io.
 *
 * The exchange is synchronous and says everything as facts. Here a fact that answers a command becomes its answer, and
 * all facts but refusals go to the sink as well, as they do at venues with an order stream. A command that is sent
 * again under an id that the exchange has taken is answered with the order that is there: it is not a second order.
 *
 * Where it has books, a command is in them before its answer can come, and a fact before it is told: a process that
 * dies has told nothing that the next one does not know.
 */
import { unreachable } from '../../core/assert.ts'
import type { OrderId } from '../../core/brand.ts'
import type { Batch, Command } from '../../core/command.ts'
import { type Fault, fault } from '../../core/fault.ts'
import type { Input, MarketInput, OrderFact } from '../../core/input.ts'
import { failed, ok, type Result } from '../../core/result.ts'
import type { Universe } from '../../core/universe.ts'
import type { Broker, VenueReport } from '../../core/venue.ts'
import type { Io } from '../../io/io.ts'
import { type ExchangeState, SimExchange } from './exchange.ts'
import type { SimOptions } from './models.ts'

export interface SimBrokerOptions {
  readonly io: Pick<Io, 'now' | 'after'>
  readonly universe: Universe
  readonly sim: SimOptions
  readonly sink: (input: Input) => void
  readonly books?: Books
}

/** Where the state of the exchange is kept, as text. */
export interface Books {
  /** What was saved last; undefined where nothing was. */
  load(): string | undefined
  /** Returns when it would survive the end of the process. */
  save(state: string): void
}

type Taken = Result<{ readonly venueId: string }>

/** A command whose answer the exchange has yet to give. */
interface Waiting {
  readonly type: Command['type']
  readonly answer: (taken: Taken) => void
}

export class SimBroker implements Broker {
  readonly exchange: SimExchange
  readonly #options: SimBrokerOptions
  /** By order, in the sequence in which they left. */
  readonly #waiting = new Map<OrderId, Waiting[]>()
  readonly #submits = new Map<OrderId, Promise<Taken>>()
  #cancelWake: (() => void) | undefined
  #isClosed = false

  constructor(options: SimBrokerOptions) {
    this.#options = options
    this.exchange = new SimExchange(options.universe, options.sim)
  }

  /** Opens the account, and says so; with books that have it, goes on where they end. */
  open(): void {
    const saved = this.#options.books?.load()
    if (saved !== undefined) this.exchange.restore(JSON.parse(saved) as ExchangeState)
    this.#take()
  }

  /** The market fact, told before anybody else hears of it. */
  observe(input: MarketInput): void {
    if (this.#isClosed) return
    this.exchange.observe(input)
    this.#take()
  }

  async execute(batch: Batch): Promise<readonly Taken[]> {
    if (this.#isClosed) return batch.commands.map(() => failed(CLOSED))
    const leaving: Command[] = []
    const answers = batch.commands.map((command) => {
      const known = command.type === 'submit' ? this.#known(command.order.id) : undefined
      if (known !== undefined) return known
      leaving.push(command)
      return this.#answerTo(command)
    })
    if (leaving.length > 0) {
      this.exchange.execute({ ...batch, commands: leaving }, this.#options.io.now())
      this.#save()
      this.#wake()
    }
    return Promise.all(answers)
  }

  report(): Promise<Result<VenueReport>> {
    if (this.#isClosed) return Promise.resolve(failed(CLOSED))
    this.#take()
    return Promise.resolve(ok(this.exchange.report(this.#options.io.now())))
  }

  /** Nothing is told any more. What was asked and not answered stays unknown. */
  close(): void {
    this.#isClosed = true
    this.#cancelWake?.()
    const unknown = failed<{ readonly venueId: string }>(fault('outcome-unknown', 'closed'))
    for (const waiting of this.#waiting.values()) for (const { answer } of waiting) answer(unknown)
    this.#waiting.clear()
  }

  /** The answer to an order that was sent before. */
  #known(id: OrderId): Promise<Taken> | undefined {
    const waits = this.#submits.get(id)
    if (waits !== undefined) return waits
    const venueId = this.exchange.venueIdOf(id)
    return venueId === undefined ? undefined : Promise.resolve(ok({ venueId }))
  }

  #answerTo(command: Command): Promise<Taken> {
    const id = command.type === 'submit' ? command.order.id : command.id
    const { promise, resolve } = Promise.withResolvers<Taken>()
    const waiting = this.#waiting.get(id) ?? []
    waiting.push({ type: command.type, answer: resolve })
    this.#waiting.set(id, waiting)
    if (command.type === 'submit') this.#submits.set(id, promise)
    return promise
  }

  #take(): void {
    const facts = this.exchange.take(this.#options.io.now())
    if (facts.length > 0) this.#save()
    for (const fact of facts) {
      if ('id' in fact && this.#answers(fact)) continue
      this.#options.sink(fact)
    }
    this.#wake()
  }

  /** Gives a fact to the command that it answers. True where it says nothing else. */
  #answers(fact: OrderFact): boolean {
    const { id } = fact
    switch (fact.type) {
      case 'order.accepted':
        this.#settle(id, ['submit'], ok({ venueId: fact.venueId }))
        return false
      case 'order.rejected':
        return this.#settle(id, ['submit'], failed(fact.fault))
      case 'cancel.rejected':
        return this.#settle(id, ['cancel', 'amend'], failed(fact.fault))
      case 'order.canceled':
      case 'order.expired':
        this.#settle(id, ['cancel'], ok({ venueId: this.exchange.venueIdOf(id) ?? '' }))
        return false
      case 'order.amended':
        this.#settle(id, ['amend'], ok({ venueId: this.exchange.venueIdOf(id) ?? '' }))
        return false
      case 'order.filled':
      case 'order.busted':
      case 'order.absent':
        return false
      default:
        return unreachable(fact)
    }
  }

  #settle(id: OrderId, types: readonly Command['type'][], taken: Taken): boolean {
    const waiting = this.#waiting.get(id) ?? []
    const i = waiting.findIndex(({ type }) => types.includes(type))
    const [found] = i < 0 ? [] : waiting.splice(i, 1)
    if (waiting.length === 0) this.#waiting.delete(id)
    if (found?.type === 'submit') this.#submits.delete(id)
    found?.answer(taken)
    return found !== undefined
  }

  #save(): void {
    this.#options.books?.save(JSON.stringify(this.exchange.capture()))
  }

  #wake(): void {
    this.#cancelWake?.()
    this.#cancelWake = undefined
    const next = this.exchange.nextAt()
    if (next === Infinity || this.#isClosed) return
    const { io } = this.#options
    this.#cancelWake = io.after(Math.max(0, next - io.now()), () => this.#take())
  }
}

const CLOSED: Fault = fault('network', 'the venue is closed', { sent: 'no' })
