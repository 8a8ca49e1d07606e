// Stage: drives a simulated venue by hand, for its tests: commands and market data in, facts out as text.
import { type Ms, orderId, symbolId, venueId } from '../../core/brand.ts'
import type { Command } from '../../core/command.ts'
import type { Input, MarketInput } from '../../core/input.ts'
import type { Instrument, InstrumentSpec } from '../../core/instrument.ts'
import type { Bar } from '../../core/market.ts'
import type { Order, OrderType, Side, TimeInForce } from '../../core/order.ts'
import { MINUTE, ms, type Timeframe } from '../../core/time.ts'
import { Universe } from '../../core/universe.ts'
import { SimExchange } from './exchange.ts'
import type { SimOptions } from './models.ts'

export const VENUE = venueId('sim')
/** Monday 2024-03-11 14:00 UTC, half an hour into the session of New York. */
export const T0 = Date.UTC(2024, 2, 11, 14)

export const coin: InstrumentSpec = {
  symbol: 'COIN',
  venue: VENUE,
  kind: 'crypto',
  currency: 'USD',
  tickSize: 0.01,
  lotSize: 1,
  multiplier: 1,
  minNotional: 0,
  calendar: '24/7',
}

export interface Wish {
  readonly id: string
  readonly side?: Side
  readonly type?: OrderType
  readonly qty?: number
  readonly limit?: number
  readonly stop?: number
  readonly tif?: TimeInForce
  readonly postOnly?: true
  readonly reduceOnly?: true
  readonly symbol?: number
}

/** Makes an order as the engine sends it: the type follows from its prices, good till canceled, 10 bought. */
export function orderOf(wish: Wish, instrument: Instrument): Order {
  const { id, limit, stop } = wish
  const type =
    limit === undefined
      ? stop === undefined
        ? 'market'
        : 'stop'
      : stop === undefined
        ? 'limit'
        : 'stop-limit'
  return {
    id: orderId(id),
    strategy: 'test',
    symbol: symbolId(wish.symbol ?? 0),
    side: wish.side ?? 'buy',
    type: wish.type ?? type,
    qty: loose(wish.qty ?? 10, (x) => instrument.qty(x)),
    ...(limit === undefined ? {} : { limit: loose(limit, (x) => instrument.px(x)) }),
    ...(stop === undefined ? {} : { stop: loose(stop, (x) => instrument.px(x)) }),
    tif: wish.tif ?? 'gtc',
    ...(wish.postOnly && { postOnly: wish.postOnly }),
    ...(wish.reduceOnly && { reduceOnly: wish.reduceOnly }),
    phase: 'sent',
    filled: instrument.qty(0),
    avgPrice: 0,
    createdAt: ms(T0),
    updatedAt: ms(T0),
  }
}

/** A grid number that may be off the grid, or none, as a broken caller would send it. */
const loose = <T extends number>(x: number, snap: (x: number) => T): T =>
  Number.isFinite(x) && Math.abs(snap(x) - x) < 1e-9 ? snap(x) : (x as T)

export class Stage {
  readonly universe: Universe
  readonly exchange: SimExchange
  /** Everything that the exchange said, and since the last `facts()`. */
  readonly said: Input[] = []
  #told = 0
  now: number = T0

  constructor(options: Partial<SimOptions> = {}, specs: readonly InstrumentSpec[] = [coin]) {
    this.universe = new Universe(specs)
    this.exchange = new SimExchange(this.universe, {
      venue: VENUE,
      cash: 100_000,
      participation: 1,
      ...options,
    })
    this.said.push(...this.exchange.take(ms(T0)))
    this.#told = this.said.length
  }

  submit(entry: Wish, ...legs: readonly Wish[]): this {
    const make = (wish: Wish) => orderOf(wish, this.universe.at(symbolId(0)))
    const order = make(entry)
    return this.send(
      legs.length === 0
        ? { type: 'submit', order }
        : { type: 'submit', order, legs: legs.map(make) },
    )
  }

  cancel(id: string): this {
    return this.send({ type: 'cancel', id: orderId(id), symbol: symbolId(0) })
  }

  amend(id: string, changes: { qty?: number; limit?: number; stop?: number }): this {
    const instrument = this.universe.at(symbolId(0))
    const { qty, limit, stop } = changes
    return this.send({
      type: 'amend',
      id: orderId(id),
      symbol: symbolId(0),
      ...(qty === undefined ? {} : { qty: loose(qty, (x) => instrument.qty(x)) }),
      ...(limit === undefined ? {} : { limit: loose(limit, (x) => instrument.px(x)) }),
      ...(stop === undefined ? {} : { stop: loose(stop, (x) => instrument.px(x)) }),
    })
  }

  send(command: Command): this {
    const batch = { venue: VENUE, kind: command.type, commands: [command] }
    this.exchange.execute(batch, ms(this.now))
    return this
  }

  /** The next bar, from now on: `[open, high, low, close]`. */
  bar(
    [open, high, low, close]: readonly [number, number, number, number],
    more: Partial<Bar> & { readonly lengthMs?: number; readonly source?: 'venue' | 'warmup' } = {},
  ): this {
    const { lengthMs = MINUTE, source = 'venue', ...rest } = more
    const timeframe: Timeframe = '1m'
    const start = ms(this.now)
    const symbol = symbolId(0)
    const known = { symbol, timeframe, start, open, high, low, close, volume: 1_000, trades: 0 }
    const at = ms(this.now + lengthMs)
    return this.fact({ type: 'bar', at, source, bar: { ...known, ...rest } })
  }

  /** A print `afterMs` from now. */
  trade(afterMs: number, price: number, size = 1_000): this {
    const ts = ms(this.now + afterMs)
    return this.fact({ type: 'trade', at: ts, trade: { symbol: symbolId(0), ts, price, size } })
  }

  /** A quote `afterMs` from now, 1,000 on each side. */
  quote(afterMs: number, bid: number, ask: number, sizes: readonly [number, number] = [1e3, 1e3]) {
    const ts = ms(this.now + afterMs)
    const [bidSize, askSize] = sizes
    const quote = { symbol: symbolId(0), ts, bid, bidSize, ask, askSize }
    return this.fact({ type: 'quote', at: ts, quote })
  }

  fact(input: MarketInput): this {
    this.until(input.at - 1)
    this.exchange.observe(input)
    return this.until(input.at)
  }

  /** Lets time pass, visiting all that the exchange has to do on the way. */
  until(at: number): this {
    while (this.exchange.nextAt() <= at) this.#take(ms(this.exchange.nextAt()))
    this.#take(ms(at))
    this.now = at
    return this
  }

  wait(forMs: number): this {
    return this.until(this.now + forMs)
  }

  #take(at: Ms): void {
    for (const fact of this.exchange.take(at)) this.said.push(fact)
  }

  /** What was said since the last call, such as `filled a 10 @ 100.5`. */
  facts(): string[] {
    const fresh = this.said.slice(this.#told)
    this.#told = this.said.length
    return fresh.map(textOf)
  }

  get cash(): number {
    return this.exchange.report(ms(this.now)).account.cash
  }

  get position(): number {
    return this.exchange.report(ms(this.now)).positions[0]?.qty ?? 0
  }
}

function textOf(input: Input): string {
  if (input.type === 'order.filled') return `filled ${input.id} ${input.qty} @ ${input.price}`
  if (input.type === 'order.rejected') return `rejected ${input.id}: ${input.fault.message}`
  if (input.type === 'cancel.rejected') return `refused ${input.id}: ${input.fault.message}`
  if (input.type === 'order.amended') {
    const { qty, limit, stop } = input
    const changes = Object.entries({ qty, limit, stop }).filter(([, x]) => x !== undefined)
    return `amended ${input.id} ${changes.map(([name, x]) => `${name} ${x}`).join(' ')}`
  }
  return 'id' in input ? `${input.type.slice('order.'.length)} ${input.id}` : input.type
}
