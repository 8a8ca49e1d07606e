/*
 * A turn that quotes: 50 symbols of which each has three bids and three asks to rest, all moved in every turn, so that
 * 300 quotes are laid beside what rests and leave as amends, or as cancels and orders. Beside it, the least that such a
 * turn could do: the same comparison in a loop over plain arrays, and one object for each command.
 *
 * The value is the 99th percentile of the milliseconds of a turn, facts of the venue not counted: they come in turns
 * of their own.
 */
import assert from 'node:assert/strict'
import { type Ms, type OrderId, symbolId, type VenueId, venueId } from '../src/core/brand.ts'
import type { Turn } from '../src/core/command.ts'
import type { Input } from '../src/core/input.ts'
import { equitySpec, money } from '../src/core/instrument.ts'
import { EVERY_ORDER, forEveryKind } from '../src/core/terms.ts'
import { ms } from '../src/core/time.ts'
import { Universe } from '../src/core/universe.ts'
import type { Limits } from '../src/core/venue.ts'
import { Engine } from '../src/engine/engine.ts'
import { RISK_DEFAULTS } from '../src/engine/risk-limits.ts'
import { defineStrategy, z } from '../src/strategy/index.ts'
import type { Bench, Measured } from './bench.ts'

const SYMBOLS = 50
const LEVELS = 3
const FROM = Date.UTC(2026, 2, 9, 14)
const VENUE: VenueId = venueId('bench')
const OFF = Infinity

export const bench: Bench = {
  name: 'quote-turn',
  unit: 'ms p99',
  goal: { atMost: 2 },
  run: {
    skein: (size) => skeinTurns(size === 'full' ? 3_000 : 200),
    reference: (size) => bareTurns(size === 'full' ? 3_000 : 200),
  },
}

/** Prices are of a grid of a hundredth, of which a basis point of 100 is one. */
const middle = (turn: number, symbol: number): number =>
  100 + symbol + ((turn * 7 + symbol) % 5) / 100

const quoter = defineStrategy({
  name: 'quoter',
  params: z.object({}),
  needs: () => ({ quotes: true }),
  symbol: (ctx) => ({
    onTurn() {
      const { quote } = ctx
      if (quote === undefined) return
      const levels = (price: number, step: number) =>
        Array.from({ length: LEVELS }, (_, i) => ({ price: price + i * step, qty: 10 }))
      ctx.rest(
        { bids: levels(quote.bid - 0.01, -0.01), asks: levels(quote.ask + 0.01, 0.01) },
        POLICY,
      )
    },
  }),
})

/** No caps: what is measured is the turn. */
const POLICY = {
  requoteBps: 0,
  amendBps: 10,
  minRestMs: 0,
  placesPerSecond: OFF,
  amendsPerSecond: OFF,
  cancelsPerSecond: OFF,
  cancelsPerMinute: OFF,
}

function skeinTurns(count: number): Measured {
  const engine = engineOf()
  const times: number[] = []
  let commands = 0
  for (let turn = 0; turn < count; turn++) {
    const at = ms(FROM + turn * 1_000)
    const quotes = quotesOf(turn, at)
    const began = performance.now()
    const done = engine.turn(at, quotes)
    times.push(performance.now() - began)
    const answers = answersTo(done, ms(at + 10))
    commands += answers.length
    engine.turn(ms(at + 10), answers)
  }
  assert.ok(commands > count * SYMBOLS * LEVELS, 'most quotes move in most turns')
  return measured(times)
}

const quotesOf = (turn: number, at: Ms): Input[] =>
  Array.from({ length: SYMBOLS }, (_, symbol) => {
    const price = middle(turn, symbol)
    const quote = { bid: price - 0.01, bidSize: 100, ask: price + 0.01, askSize: 100 }
    return { type: 'quote', at, quote: { symbol: symbolId(symbol), ts: at, ...quote } }
  })

/** The venue takes all that is asked of it. */
function answersTo({ batches }: Turn, at: Ms): Input[] {
  const answers: Input[] = []
  for (const { commands } of batches) {
    for (const command of commands) {
      const told = { at, ts: at }
      if (command.type === 'submit') {
        const { id } = command.order
        answers.push({ type: 'order.accepted', id, venueId: id, ...told })
      } else if (command.type === 'cancel') {
        answers.push({ type: 'order.canceled', id: command.id, ...told })
      } else {
        const { id, qty, limit } = command
        answers.push({ type: 'order.amended', id, qty: qty!, limit: limit!, ...told })
      }
    }
  }
  return answers
}

function engineOf(): Engine {
  const specs = Array.from({ length: SYMBOLS }, (_, i) => ({
    ...equitySpec(`S${i}`, VENUE),
    calendar: '24/7' as const,
  }))
  const universe = new Universe(specs)
  const limits: Limits = {
    subscribe: { batch: 100, everyMs: 0, total: 100 },
    orders: { batch: 20, perSecond: 1_000 },
    history: { symbols: 1, rows: 1, perMinute: 1 },
    concurrent: 1,
    amend: true,
    terms: forEveryKind({
      takes: EVERY_ORDER,
      postOnly: true,
      shorts: true,
      fractions: true,
      brackets: 'emulated',
      protectsParts: true,
      exitsBesideLegs: true,
      exits: 'two',
    }),
    visibilityMs: 1_000,
  }
  const risk = {
    ...RISK_DEFAULTS,
    maxPositionFraction: OFF,
    maxExposureFraction: OFF,
    leverage: OFF,
    maxPositions: OFF,
    maxTradesPerDay: OFF,
    ordersPerMinute: OFF,
  }
  const engine = new Engine({
    universe,
    uses: [{ name: 'quoter', strategy: quoter, params: {}, on: universe.all.map(({ id }) => id) }],
    limits: new Map([[VENUE, limits]]),
    risk,
    run: 'bench',
    currency: 'USD',
    calendar: '24/7',
    base: '1m',
    latenessMs: 0,
    maxFill: 2,
  })
  const cash = money(10_000_000)
  const account = { venue: VENUE, equity: cash, cash, buyingPower: cash }
  engine.turn(ms(FROM - 1_000), [{ type: 'account', at: ms(FROM - 1_000), ...account }])
  return engine
}

interface Bare {
  readonly id: OrderId
  price: number
}

/** Three levels a side are moved where they are not where they should be. */
function bareTurns(count: number): Measured {
  const resting: Bare[] = []
  const times: number[] = []
  for (let turn = 0; turn < count; turn++) {
    const began = performance.now()
    const commands: unknown[] = []
    for (let symbol = 0; symbol < SYMBOLS; symbol++) {
      const price = middle(turn, symbol)
      for (let level = 0; level < 2 * LEVELS; level++) {
        const away = 0.02 + (level % LEVELS) / 100
        const wanted = Math.round((level < LEVELS ? price - away : price + away) * 100) / 100
        const order = resting[symbol * 2 * LEVELS + level]
        if (order === undefined)
          resting.push({ id: `${symbol}-${level}` as OrderId, price: wanted })
        else if (order.price !== wanted) {
          order.price = wanted
          commands.push({ type: 'amend', id: order.id, limit: wanted, qty: 10 })
        }
      }
    }
    times.push(performance.now() - began)
  }
  return measured(times)
}

/** Of the turns after the first tenth, in which the code is still being compiled. */
function measured(times: readonly number[]): Measured {
  const sorted = times.slice(times.length / 10).toSorted((a, b) => a - b)
  const at = (share: number): number => sorted[Math.floor(share * (sorted.length - 1))]!
  const also = `p50 ${at(0.5).toFixed(2)}, p99.9 ${at(0.999).toFixed(2)} ms`
  return { value: at(0.99), check: '', also }
}
