// What holds in every market and for every order: random worlds from a seed, checked from outside.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { type Ms, type OrderId, type SymbolId, symbolId } from '../../core/brand.ts'
import type { Command } from '../../core/command.ts'
import { canonical } from '../../core/hash.ts'
import type { Input, RowInput } from '../../core/input.ts'
import { equitySpec, type InstrumentSpec } from '../../core/instrument.ts'
import { apply, type Order, sign } from '../../core/order.ts'
import { integer, type Random, seeded } from '../../core/random.ts'
import { HOUR, MINUTE, ms } from '../../core/time.ts'
import { Universe } from '../../core/universe.ts'
import type { VenueReport } from '../../core/venue.ts'
import { SimExchange } from './exchange.ts'
import type { SimOptions } from './models.ts'
import { coin, orderOf, T0, VENUE } from './stage.ts'

const future: InstrumentSpec = { ...coin, symbol: 'FUTURE', kind: 'future', multiplier: 50 }
const SPECS = [coin, future, equitySpec('SHARE', VENUE)]
const STEPS = 150
const CASH = 1_000_000

const pick = <T>(random: Random, items: readonly T[]): T =>
  items[integer(random, 0, items.length - 1)]!

function optionsOf(seed: number): SimOptions {
  const random = seeded(seed)
  return {
    venue: VENUE,
    cash: CASH,
    seed,
    latency: {
      entryMs: pick(random, [1, 50, 2_000]),
      responseMs: pick(random, [1, 50, 2_000]),
      jitterMs: pick(random, [0, 20]),
    },
    fees: pick(random, [
      { type: 'none' },
      { type: 'per-share', perShare: 0.005, min: 1, maxFraction: 0.01 },
      { type: 'fraction', maker: -0.0001, taker: 0.0005 },
      { type: 'per-contract', perContract: 0.85 },
    ]),
    slippage: pick(random, [
      { type: 'none' },
      { type: 'ticks', ticks: 3 },
      { type: 'fraction', fraction: 0.001 },
      { type: 'half-spread', spread: 0.05 },
    ]),
    queue: pick(random, ['touch', 'through', 'volume']),
    participation: pick(random, [0.1, 0.5, 1]),
    batch: 5,
  }
}

/** A market that walks, and somebody who sends orders into it, some of them foolish. */
class World {
  readonly #random: Random
  readonly #prices = [100, 100, 100]
  readonly #kinds: readonly (readonly string[])[]
  readonly orders: Order[] = []
  #ids = 0

  constructor(seed: number) {
    this.#random = seeded(seed)
    const mixes = [['bar'], ['trade'], ['quote'], ['trade', 'quote'], ['bar', 'trade', 'quote']]
    this.#kinds = SPECS.map(() => pick(this.#random, mixes))
  }

  #move(id: number): number {
    const price = this.#prices[id]! + integer(this.#random, -40, 40) / 100
    this.#prices[id] = Math.round(price * 100) / 100
    return this.#prices[id]
  }

  market(at: Ms, lengthMs: number): RowInput[] {
    return SPECS.flatMap((_, id) => {
      const symbol = symbolId(id)
      return this.#kinds[id]!.map((kind): RowInput => this.#fact(kind, symbol, at, lengthMs))
    })
  }

  #fact(kind: string, symbol: SymbolId, at: Ms, lengthMs: number): RowInput {
    const size = () => pick(this.#random, [0, 3, 10, 25, 100])
    const price = this.#move(symbol)
    if (kind === 'trade')
      return { type: 'trade', at, trade: { symbol, ts: at, price, size: size() } }
    if (kind === 'quote') {
      const quote = { symbol, ts: at, bid: price - 0.01, ask: price + 0.01 }
      return { type: 'quote', at, quote: { ...quote, bidSize: size(), askSize: size() } }
    }
    const path = [price, this.#move(symbol), this.#move(symbol), this.#move(symbol)]
    const bar = {
      symbol,
      timeframe: '1m' as const,
      start: ms(at - lengthMs),
      open: path[0]!,
      high: Math.max(...path),
      low: Math.min(...path),
      close: path[3]!,
      volume: size(),
      trades: 0,
    }
    return { type: 'bar', at, source: 'venue', bar }
  }

  commands(universe: Universe): Command[] {
    return Array.from({ length: integer(this.#random, 0, 2) }, () => this.#command(universe))
  }

  #command(universe: Universe): Command {
    const random = this.#random
    const old = this.orders.length === 0 ? undefined : pick(random, this.orders.slice(-8))
    const what = integer(random, 0, 9)
    const near = (symbol: number) => {
      return Math.round((this.#prices[symbol]! + integer(random, -60, 60) / 100) * 100) / 100
    }
    if (old !== undefined && what === 0) return { type: 'cancel', id: old.id, symbol: old.symbol }
    if (old !== undefined && what === 1) {
      const instrument = universe.at(old.symbol)
      const changes = {
        ...(random() < 0.5 &&
          old.limit !== undefined && { limit: instrument.px(near(old.symbol)) }),
        ...(random() < 0.5 && { qty: instrument.qty(integer(random, 1, 30)) }),
      }
      return { type: 'amend', id: old.id, symbol: old.symbol, ...changes }
    }
    const symbol = integer(random, 0, 2)
    const wish = {
      symbol,
      side: pick(random, ['buy', 'sell'] as const),
      qty: integer(random, 1, 30),
      tif: pick(random, ['gtc', 'day', 'ioc', 'fok'] as const),
      ...(random() < 0.6 && { limit: near(symbol) }),
      ...(random() < 0.3 && { stop: near(symbol) }),
    }
    const isReduceOnly = random() < 0.2
    const id = `${isReduceOnly ? 'r' : 'o'}${this.#ids++}`
    const instrument = universe.at(symbolId(symbol))
    const order = orderOf({ ...wish, id, ...(isReduceOnly && { reduceOnly: true }) }, instrument)
    this.orders.push(order)
    if (isReduceOnly || random() < 0.6) return { type: 'submit', order }
    const side = wish.side === 'buy' ? ('sell' as const) : ('buy' as const)
    const away = integer(random, 1, 80) / 100
    const [stop, limit] = [-away, away].map((by) => this.#prices[symbol]! + by * sign(wish.side))
    const out = { symbol, side, qty: wish.qty, tif: pick(random, ['gtc', 'day'] as const) }
    const legs = [
      orderOf({ ...out, id: `s${id}`, stop: instrument.px(stop!) }, instrument),
      orderOf({ ...out, id: `t${id}`, limit: instrument.px(limit!) }, instrument),
    ]
    this.orders.push(...legs)
    return { type: 'submit', order, legs }
  }
}

type Watch = (seen: {
  readonly fact: RowInput
  readonly before: VenueReport
  readonly after: VenueReport
}) => void

interface Run {
  readonly said: readonly Input[]
  readonly report: VenueReport
  readonly orders: readonly Order[]
  readonly universe: Universe
}

/** Runs a world against an exchange. `renew` may replace the exchange at every step. */
function run(
  seed: number,
  hooks: { readonly renew?: (exchange: SimExchange) => SimExchange; readonly watch?: Watch } = {},
): Run {
  const { renew = (exchange) => exchange, watch } = hooks
  const universe = new Universe(SPECS)
  let exchange = new SimExchange(universe, optionsOf(seed))
  const world = new World(seed)
  const said: Input[] = []
  // An hour and a half before the close in New York, so that sessions end on the way.
  const from = T0 + 4.5 * HOUR
  for (let step = 0; step < STEPS; step++) {
    const at = ms(from + step * MINUTE)
    while (exchange.nextAt() < at) {
      exchange = renew(exchange)
      said.push(...exchange.take(ms(exchange.nextAt())))
    }
    for (const fact of world.market(at, MINUTE)) {
      exchange = renew(exchange)
      const before = watch && exchange.report(at)
      exchange.observe(fact)
      if (before !== undefined) watch?.({ fact, before, after: exchange.report(at) })
    }
    said.push(...exchange.take(at))
    for (const command of world.commands(universe)) {
      exchange = renew(exchange)
      exchange.execute({ venue: VENUE, kind: command.type, commands: [command] }, at)
    }
  }
  while (exchange.nextAt() < Infinity) said.push(...exchange.take(ms(exchange.nextAt())))
  return { said, report: exchange.report(ms(from)), orders: world.orders, universe }
}

const seeds = fc.integer({ min: 1, max: 2 ** 31 - 1 })
const check = (property: (seed: number) => void, numRuns = 100) =>
  fc.assert(fc.property(seeds, property), { numRuns, seed: 20240311 })

/** Prices between which a fill on this item must lie, and how much of it one side, or both, may take. */
function boundsOf(fact: RowInput, prints: Map<string, number>, side: 'buy' | 'sell') {
  if (fact.type === 'bar') {
    const { low, high, volume } = fact.bar
    return { low, high, size: volume }
  }
  const isTrade = fact.type === 'trade'
  const symbol = isTrade ? fact.trade.symbol : fact.quote.symbol
  const price = isTrade ? fact.trade.price : side === 'buy' ? fact.quote.ask : fact.quote.bid
  const size = isTrade ? fact.trade.size : side === 'buy' ? fact.quote.askSize : fact.quote.bidSize
  const before = prints.get(`${fact.type} ${symbol} ${side}`) ?? price
  return { low: Math.min(before, price), high: Math.max(before, price), size }
}

test('fills lie in the range of their item, take no more than its share, and never pass a limit', () => {
  let fills = 0
  check((seed) => {
    const { participation = 0.1 } = optionsOf(seed)
    const prints = new Map<string, number>()
    run(seed, {
      watch({ fact, before, after }) {
        const known = new Set(before.fills.map(({ id }) => id))
        const taken = { buy: 0, sell: 0 }
        for (const fill of after.fills.filter(({ id }) => !known.has(id))) {
          const order = after.orders.find(({ venueId }) => venueId === fill.order)!
          const bounds = boundsOf(fact, prints, order.side)
          fills++
          assert.ok(
            fill.price >= bounds.low && fill.price <= bounds.high,
            `${fill.price} ${canonical(bounds)}`,
          )
          if (order.limit !== undefined) {
            assert.ok(sign(order.side) * fill.price <= sign(order.side) * order.limit)
          }
          taken[order.side] += fill.qty
          const all = fact.type === 'quote' ? taken[order.side] : taken.buy + taken.sell
          assert.ok(all <= participation * bounds.size + 1e-9)
        }
        for (const order of after.orders) assert.ok(order.filled <= order.qty)
        if (fact.type === 'bar') return
        for (const side of ['buy', 'sell'] as const) {
          const isTrade = fact.type === 'trade'
          const price = isTrade
            ? fact.trade.price
            : side === 'buy'
              ? fact.quote.ask
              : fact.quote.bid
          const symbol = isTrade ? fact.trade.symbol : fact.quote.symbol
          prints.set(`${fact.type} ${symbol} ${side}`, price)
        }
      },
    })
  })
  assert.ok(fills > 1_000, `only ${fills} fills were seen`)
})

test('cash and positions are those of an independent account, and reduce-only orders never grow one', () => {
  check((seed) => {
    const { said, report, orders, universe } = run(seed)
    const flow = SPECS.map(() => 0)
    const held = SPECS.map(() => 0)
    let fees = 0
    for (const fact of said) {
      if (fact.type !== 'order.filled') continue
      const order = orders.find(({ id }) => id === fact.id)!
      const signed = sign(order.side) * fact.qty
      const now = held[order.symbol]! + signed
      if (order.reduceOnly)
        assert.ok(Math.abs(now) < Math.abs(held[order.symbol]!) && now * held[order.symbol]! >= 0)
      held[order.symbol] = now
      flow[order.symbol]! -= signed * fact.price * universe.at(order.symbol).multiplier
      fees += fact.fee
    }
    let cash = CASH - fees
    for (const [i, each] of flow.entries()) {
      const position = report.positions.find(({ symbol }) => symbol === i)
      assert.equal(position?.qty ?? 0, held[i])
      // What is held of a future was never paid for.
      cash += each + (i === 1 && position !== undefined ? position.qty * position.avgPrice * 50 : 0)
    }
    assert.ok(Math.abs(cash - report.account.cash) < 1e-4, `${cash} ${report.account.cash}`)
  })
})

test('what was said makes the same orders as the venue has, and no fact overtakes another', () => {
  check((seed) => {
    const { said, report, orders, universe } = run(seed)
    const ours = new Map<OrderId, Order>(orders.map((order) => [order.id, order]))
    const fills = new Set<string>()
    let latest = 0
    for (const fact of said) {
      assert.ok(fact.at >= latest)
      latest = fact.at
      if (!('id' in fact)) continue
      const order = ours.get(fact.id)!
      if (fact.type === 'cancel.rejected') continue
      assert.notEqual(order.phase, 'done', `${fact.id} hears ${fact.type} after its end`)
      const isFirst = order.phase === 'sent'
      if (
        fact.type !== 'order.accepted' &&
        fact.type !== 'order.rejected' &&
        fact.type !== 'order.canceled'
      )
        assert.ok(!isFirst, `${fact.id} hears ${fact.type} first`)
      if (fact.type === 'order.filled') {
        assert.ok(!fills.has(fact.fill))
        fills.add(fact.fill)
      }
      ours.set(fact.id, apply(order, fact, universe.at(order.symbol)))
    }
    for (const theirs of report.orders) {
      const order = ours.get(theirs.id!)!
      assert.equal(order.phase, theirs.open ? 'open' : 'done')
      assert.equal(order.filled, theirs.filled)
      assert.equal(order.qty, theirs.qty)
      assert.equal(order.limit, theirs.limit)
    }
  })
})

test('legs take out what their entry brought in, and never more', () => {
  let exits = 0
  check((seed) => {
    const { said, orders } = run(seed)
    const filled = new Map<string, number>(orders.map(({ id }) => [id, 0]))
    const sizes = new Map<string, number>(orders.map(({ id, qty }) => [id, qty]))
    const ended = new Set<string>()
    for (const fact of said) {
      if (!('id' in fact)) continue
      if (fact.type === 'order.amended') sizes.set(fact.id, fact.qty ?? sizes.get(fact.id)!)
      if (fact.type === 'order.canceled' || fact.type === 'order.expired') ended.add(fact.id)
      if (fact.type === 'order.rejected') ended.add(fact.id)
      if (fact.type !== 'order.filled') continue
      filled.set(fact.id, filled.get(fact.id)! + fact.qty)
      const entry = /^[st]/.test(fact.id) ? fact.id.slice(1) : fact.id
      const out = (filled.get(`s${entry}`) ?? 0) + (filled.get(`t${entry}`) ?? 0)
      if (entry !== fact.id) exits++
      assert.ok(out <= filled.get(entry)!, `${entry} took out ${out}`)
    }
    for (const { id } of orders.filter(({ id }) => /^[st]/.test(id))) {
      const entry = id.slice(1)
      const left = filled.get(entry)! - filled.get(`s${entry}`)! - filled.get(`t${entry}`)!
      const isWorking = !ended.has(id) && filled.get(entry)! > 0 && filled.get(id)! < sizes.get(id)!
      if (isWorking) assert.equal(sizes.get(id)! - filled.get(id)!, left, id)
    }
  })
  assert.ok(exits > 200, `only ${exits} exits were seen`)
})

test('capture and restore at every step change nothing', () => {
  check((seed) => {
    const renew = (exchange: SimExchange) => {
      const text = JSON.stringify(exchange.capture())
      const next = new SimExchange(new Universe(SPECS), optionsOf(seed))
      next.restore(JSON.parse(text))
      assert.equal(JSON.stringify(next.capture()), text)
      return next
    }
    const { said, report } = run(seed)
    const renewed = run(seed, { renew })
    assert.deepEqual(renewed.said, said)
    assert.deepEqual(renewed.report, report)
  }, 5)
})

test('the same seed gives the same result', () => {
  check((seed) => assert.deepEqual(run(seed).said, run(seed).said), 20)
})
