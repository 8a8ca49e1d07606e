/*
 * Bench: the real Bybit adapter at the local Bybit, in virtual time. AAAUSDT prints 100 and BBBUSDT 50, once a second, with a
 * cent of spread on each side; orders of a bench rest far below unless a test says otherwise.
 */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { Ms, SymbolId } from '../../src/core/brand.ts'
import type { Command } from '../../src/core/command.ts'
import type { Control, Input, OrderFact } from '../../src/core/input.ts'
import { equitySpec } from '../../src/core/instrument.ts'
import type { Order } from '../../src/core/order.ts'
import type { Tape } from '../../src/core/tape.ts'
import { Universe } from '../../src/core/universe.ts'
import type { VenueReport } from '../../src/core/venue.ts'
import type { HttpRequest, Io } from '../../src/io/io.ts'
import { VirtualWorld } from '../../src/io/virtual.ts'
import type { Account } from '../../src/simulators/bybit/account.ts'
import { generatedMarket } from '../../src/simulators/bybit/index.ts'
import type { BybitOptions as LocalOptions } from '../../src/simulators/bybit/venue.ts'
import type { RuleText } from '../../src/simulators/fault-script.ts'
import { order } from '../../src/testing/builders.ts'
import type { Taken } from '../../src/venues/bybit/batches.ts'
import type { CategoryName } from '../../src/venues/bybit/category.ts'
import { BYBIT, type BybitOptions, BybitVenue } from '../../src/venues/bybit/venue.ts'
import { KEY, START } from './local.ts'
import { HOST, HOSTS, VirtualBybit } from './virtual.ts'

const PRICES: Readonly<Record<string, number>> = { AAAUSDT: 100, BBBUSDT: 50 }
const SECONDS = 3_600
/** The venue's time moves in such steps: minutes pass quickly so. */
const PACE_MS = 100

export interface BenchOptions {
  /** What the symbols are: perpetuals in USDT where not told. */
  readonly category?: CategoryName
  /** The symbols, and what each prints at. */
  readonly prices?: Readonly<Record<string, number>>
  readonly local?: Partial<Omit<LocalOptions, 'timers' | 'speed'>>
  readonly adapter?: Partial<BybitOptions>
  /** What stands between the adapter and its node, as a fence does. */
  readonly io?: (io: Io) => Io
  /** What becomes of the body of an answer on its way. */
  readonly spoil?: (path: string, body: string) => string
}

export class Bench {
  readonly world = new VirtualWorld({ seed: 1, startAt: START })
  readonly inputs: Input[] = []
  readonly troubles: string[] = []
  local!: VirtualBybit
  venue!: BybitVenue
  universe!: Universe
  readonly #options: BenchOptions
  #adapters = 0
  #orders = 0

  private constructor(options: BenchOptions) {
    this.#options = options
  }

  static async start(t: TestContext, options: BenchOptions = {}): Promise<Bench> {
    const bench = new Bench(options)
    const { category = 'linear', prices = PRICES } = options
    const market = { startAt: START, tape: tapeOf(prices), category }
    const given = { ...market, keys: [KEY], ...options.local }
    bench.local = await bench.world.settled(VirtualBybit.serve(bench.world, given, PACE_MS))
    const opened = await bench.connect()
    assert(opened.ok, JSON.stringify(opened))
    t.after(() => bench.local.stop())
    return bench
  }

  /** With a generated market, whose books of both symbols are asked for. */
  static async startBooks(t: TestContext): Promise<{ bench: Bench; ids: readonly SymbolId[] }> {
    const symbols = Object.keys(PRICES)
    const local = generatedMarket({ seed: 5, symbols, startAt: START, days: 1 })
    const bench = await Bench.start(t, { local })
    const ids = bench.universe.all.map(({ id }) => id)
    await bench.world.settled(bench.venue.feed.subscribe('quotes', ids))
    return { bench, ids }
  }

  /** Halts of symbols that were told, and what lifted them. */
  get halts(): readonly Extract<Control, { readonly do: 'halt-symbol' }>[] {
    return this.inputs.flatMap((input) =>
      input.type === 'control' && input.control.do === 'halt-symbol' ? [input.control] : [],
    )
  }

  /** A new adapter, as a process that starts; it knows these orders from its journal, and asks for what was since then. */
  async connect(orders: readonly Order[] = [], since?: Ms) {
    const node = this.world.node(`engine ${++this.#adapters}`)
    const io = this.#options.io?.(node) ?? node
    const told = this.#adapters > 1 ? this.universe.all.map(({ spec }) => spec) : []
    this.universe = new Universe(told)
    const { category = 'linear', prices = PRICES } = this.#options
    this.venue = new BybitVenue({
      io: this.#spoiled(io),
      keys: KEY,
      symbols: Object.keys(prices),
      universe: this.universe,
      hosts: { ...HOSTS, market: `wss://${HOST}/v5/public/${category}` },
      category,
      onTrouble: (why) => this.troubles.push(why),
      ...this.#options.adapter,
    })
    const heardAt = this.#adapters > 1 ? this.world.now : undefined
    this.venue.adopt(orders, [], undefined, [], heardAt)
    if (since !== undefined) this.venue.broker.reportFrom(since)
    const opened = await this.world.settled(this.venue.open((input) => this.inputs.push(input)))
    if (opened.ok && told.length === 0) for (const spec of opened.value) this.universe.add(spec)
    return opened
  }

  /** The process dies: nothing of it is heard or sent any more. */
  die(): void {
    this.world.node(`engine ${this.#adapters}`).close()
  }

  get account(): Account {
    return this.local.venue.accounts[0]!
  }

  inject(rule: RuleText): void {
    this.local.venue.nemesis.inject(rule)
  }

  run(forMs: number): Promise<void> {
    return this.world.run(forMs)
  }

  /** So many orders for 10 of the first symbol, with ids of their own. */
  orders(count: number, changes: Parameters<typeof order>[0] = {}): readonly Order[] {
    return Array.from({ length: count }, () => {
      const id = `s-b-${(++this.#orders).toString(36)}`
      const terms = changes.type === 'market' ? {} : { limit: 90 }
      return order({ id, type: 'limit', ...terms, tif: 'gtc', ...changes })
    })
  }

  submit(orders: readonly Order[]): Promise<readonly Taken[]> {
    return this.send(orders.map((each) => ({ type: 'submit', order: each })))
  }

  cancel(orders: readonly Order[]): Promise<readonly Taken[]> {
    return this.send(orders.map(({ id, symbol }) => ({ type: 'cancel', id, symbol })))
  }

  async send(commands: readonly Command[]): Promise<readonly Taken[]> {
    const kind = commands[0]!.type
    return this.world.settled(this.venue.broker.execute({ venue: BYBIT, kind, commands }))
  }

  async report(): Promise<VenueReport> {
    const answer = await this.world.settled(this.venue.broker.report())
    assert(answer.ok, JSON.stringify(answer))
    return answer.value
  }

  /** What was said of an order. */
  said(id: string): readonly OrderFact[] {
    return this.inputs.filter((input): input is OrderFact => 'id' in input && input.id === id)
  }

  /** Requests that arrived at a path, with the number of their orders. */
  sizesOf(path: string): readonly number[] {
    return this.local.venue.audit.requests
      .filter((request) => request.path === path && request.method === 'POST')
      .map(({ body }) => {
        const { request } = JSON.parse(body) as { request?: readonly unknown[] }
        return request?.length ?? 1
      })
  }

  /** Frames that arrived at the trade socket for an operation, with the number of their orders. */
  framesOf(op: string): readonly number[] {
    return this.local.venue.audit.frames
      .filter(({ stream, direction }) => stream === 'entry' && direction === 'in')
      .map(({ text }) => JSON.parse(text) as Frame)
      .filter((frame) => frame.op === `order.${op}`)
      .map(({ args }) => args[0]?.request?.length ?? 1)
  }

  #spoiled(io: Io): Io {
    const { spoil } = this.#options
    if (spoil === undefined) return io
    const request = async (asked: HttpRequest) => {
      const answer = await io.http.request(asked)
      if (!answer.ok) return answer
      const path = asked.url.slice(`https://${HOST}`.length)
      const body = Buffer.from(spoil(path, Buffer.from(answer.value.body).toString()))
      return { ok: true as const, value: { ...answer.value, body } }
    }
    // What a node has beside its network is on its prototype.
    return {
      now: () => io.now(),
      monotonic: () => io.monotonic(),
      after: (delayMs, fire) => io.after(delayMs, fire),
      random: io.random,
      http: { request },
      websocket: io.websocket,
      tcp: io.tcp,
    }
  }
}

interface Frame {
  readonly op: string
  readonly args: readonly { readonly request?: readonly unknown[] }[]
}

function tapeOf(prices: Readonly<Record<string, number>>): Tape {
  const column = (value: (second: number) => number) =>
    Float64Array.from({ length: SECONDS }, (_none, i) => value(i + 1))
  const ts = column((second) => START + second * 1_000)
  const size = column(() => 500)
  const pageOf = <T>(page: T) =>
    async function* (): AsyncGenerator<T> {
      yield page
    }
  return {
    name: 'two perpetuals',
    instruments: Object.keys(prices).map((symbol) => equitySpec(symbol, BYBIT)),
    series: Object.entries(prices).flatMap(([symbol, price]) => {
      const [bid, ask] = [column(() => price - 0.01), column(() => price + 0.01)]
      const quotes = { length: SECONDS, ts, bid, bidSize: size, ask, askSize: size }
      const trades = { length: SECONDS, ts, price: column(() => price), size }
      return [
        { kind: 'quotes', symbol, pages: pageOf(quotes) } as const,
        { kind: 'trades', symbol, pages: pageOf(trades) } as const,
      ]
    }),
  }
}
