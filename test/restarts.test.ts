/*
 * A session that is restored after every single turn does what one does that never ended: everything that an engine and its
 * simulated venue keep between two turns is in their snapshots. The session is rich, and what a person, a venue and the
 * market do in it comes from a seed.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FillId, Ms } from '../src/core/brand.ts'
import { canonical } from '../src/core/hash.ts'
import type { Control, Input, MarketInput } from '../src/core/input.ts'
import { money } from '../src/core/instrument.ts'
import { seeded } from '../src/core/random.ts'
import { ms } from '../src/core/time.ts'
import { RISK_DEFAULTS } from '../src/engine/risk-limits.ts'
import { buildSession, type Setup } from '../src/runtime/session/build.ts'
import type { Session } from '../src/runtime/session/session.ts'
import { type Context, defineStrategy, type Strategy, z } from '../src/strategy/index.ts'
import { coin, MONDAY_10, share, SIM, universeOf } from '../src/testing/builders.ts'

const SEEDS = [1, 2]
const TURNS = 400
const SECOND = 1_000
/** The stock exchange closes soon, and orders of the day end. */
const EVENING = MONDAY_10 + 5.75 * 3_600 * SECOND

type Memory = { readonly n: number }

/** What it does depends on nothing but its state, its orders and its position: bars need not be shown to it again. */
const busy = (name: string, isQuoting: boolean): Strategy =>
  defineStrategy<z.ZodObject, Memory>({
    name,
    params: z.object({}),
    needs: () => ({
      bars: ['1m', '5m'],
      trades: true,
      quotes: true,
      depth: 2,
      every: { often: '45s' },
    }),
    state: () => ({ n: 0 }),
    symbol: (ctx) => ({
      onBar: ({ close, timeframe }) => act(ctx, close, timeframe === '5m' ? 7 : 0),
      onTrade: ({ price }) => act(ctx, price, 3),
      onTurn() {
        const { quote } = ctx
        if (!isQuoting || quote === undefined || ctx.state.n % 3 > 0) return
        const bids = [1, 2].map((i) => ({ price: quote.bid * (1 - i / 2_000), qty: 2 * i }))
        const asks = [{ price: quote.ask * 1.0004, qty: 3 }]
        ctx.rest({ bids, asks }, { cancelsPerSecond: 2, placesPerSecond: Infinity })
      },
      onTimer() {
        ctx.signal('often', { n: ctx.state.n })
        if (ctx.state.n % 5 === 0) ctx.close()
      },
      onFill: () => void (ctx.state = { n: ctx.state.n + 100 }),
    }),
  })

function act(ctx: Context<Memory>, price: number, salt: number): void {
  const n = ctx.state.n + 1
  ctx.state = { n }
  const side = n % 2 === 0 ? 'buy' : 'sell'
  const [near, far] = side === 'buy' ? [0.999, 1.002] : [1.001, 0.998]
  const trail = { activate: 0.0005, distance: 0.0007 }
  const legs = { side, qty: ctx.size(0.05), stop: price * near, once: `b${n % 400}` } as const
  switch ((n + salt) % 13) {
    case 1:
      ctx.bracket({ ...legs, target: price * far, ...(n % 3 === 0 ? { trail } : {}) })
      return
    case 4:
      ctx.bracket({ ...legs, entry: price * near * (side === 'buy' ? 1.0005 : 0.9995) })
      return
    case 6:
      ctx.buy({ qty: 3, limit: price * 0.9995, tif: n % 2 === 0 ? 'gtc' : 'ioc' })
      return
    case 8:
      for (const { id } of ctx.orders.slice(0, 1)) ctx.cancel(id)
      return
    case 10:
      ctx.sell({ qty: 2, stop: price * 0.999, once: 'stop' })
      return
    case 12:
      if (n % 7 === 0) ctx.close()
      return
    default:
  }
}

const setup = (): Setup => {
  const option = share('AAPL260320C00100000', { kind: 'option', multiplier: 100 })
  const universe = universeOf('AAPL', 'MSFT', coin('BTC/USD'), option)
  const on = universe.all.map(({ id }) => id)
  return {
    universe,
    uses: [
      { name: 'busy', strategy: busy('busy', false), params: {}, on },
      { name: 'maker', strategy: busy('maker', true), params: {}, on: on.slice(0, 3) },
    ],
    risk: {
      ...RISK_DEFAULTS,
      tradingHours: 'always',
      maxTradesPerDay: 60,
      maxPositions: 6,
      ordersPerMinute: 30,
      maxDailyLoss: 4_000,
      drawdown: { ...RISK_DEFAULTS.drawdown, warning: 0.0003, recoverWarning: 0.0002, halt: 0.02 },
    },
    sim: {
      venue: SIM,
      cash: 100_000,
      latency: { entryMs: 40, responseMs: 30, jitterMs: 25 },
      fees: { type: 'per-share', perShare: 0.005, min: 1, maxFraction: 0.01 },
      queue: 'volume',
      participation: 0.3,
      seed: 7,
    },
    run: 'r',
    currency: 'USD',
    base: '1m',
    bars: { latenessMs: 100, maxFill: 2 },
  }
}

/** What happens at one moment. */
interface Moment {
  readonly at: Ms
  readonly market: readonly MarketInput[]
  readonly controls: readonly Input[]
}

/** The market and those who meddle: each moment follows from the seed and from what the session has done by then. */
class Story {
  readonly #random: () => number
  readonly #prices = [100, 50, 1_000, 5]
  readonly #session: Session
  #at: number = EVENING
  #n = 0

  constructor(seed: number, session: Session) {
    this.#random = seeded(seed)
    this.#session = session
  }

  next(): Moment {
    const { nextAt } = this.#session
    const gapMs = this.#random() < 0.03 ? 150 * SECOND : this.#random() * 9 * SECOND
    const marketAt = Math.ceil(this.#at + gapMs)
    this.#n++
    if (nextAt < marketAt) {
      this.#at = Math.max(nextAt, this.#at)
      return { at: ms(this.#at), market: [], controls: this.#meddling() }
    }
    this.#at = marketAt
    const market = this.#prices.flatMap((_price, symbol) =>
      this.#random() < 0.4 ? this.#facts(symbol) : [],
    )
    return { at: ms(this.#at), market, controls: this.#meddling() }
  }

  #facts(id: number): MarketInput[] {
    const at = ms(this.#at)
    const { id: symbol, tickSize } = this.#session.engine.universe.all[id]!
    const price = (this.#prices[id]! *= 1 + (this.#random() - 0.5) / 400)
    const [bid, ask] = [price * 0.9999, price * 1.0001].map(
      (each) => Math.round(each / tickSize) * tickSize,
    ) as [number, number]
    const size = Math.ceil(this.#random() * 400)
    const kind = this.#random()
    const quote = {
      symbol,
      ts: at,
      bid,
      bidSize: size,
      ask: Math.max(ask, bid + tickSize),
      askSize: size,
    }
    if (kind < 0.4) return [{ type: 'quote', at, quote }]
    const levels = { bids: [[bid, size]], asks: [[quote.ask, size]] } as const
    if (kind < 0.5) return [{ type: 'depth', at, depth: { symbol, ts: at, ...levels } as never }]
    // Some come late.
    const ts = ms(this.#at - (this.#random() < 0.1 ? 70 * SECOND : 0))
    return [{ type: 'trade', at, trade: { symbol, ts, price: bid, size } }]
  }

  #meddling(): Input[] {
    if (this.#random() > 0.08) return []
    const { engine } = this.#session
    const at = ms(this.#at)
    const isOn = this.#random() < 0.35
    const symbol = engine.universe.all[Math.floor(this.#random() * 4)]!.id
    const why = 'the story'
    const control = (control: Control): Input => ({ type: 'control', at, control, by: 'test' })
    const before = engine.riskLimits.ordersPerMinute
    const choices: readonly (() => Input)[] = [
      () => control({ do: isOn ? 'pause' : 'resume' }),
      () => control({ do: 'safe-mode', on: isOn, why }),
      () => control({ do: 'kill-switch', on: isOn, why }),
      () => control({ do: 'hold', on: isOn, why, ...(isOn ? { isBlind: true } : {}) }),
      () => control({ do: 'halt-symbol', symbol, cause: 'operator', on: isOn, why }),
      () => control({ do: this.#random() < 0.5 ? 'cancel-risk' : 'cancel-all' }),
      () => control({ do: 'flatten' }),
      () => control({ do: 'release', strategy: 'busy' }),
      () =>
        control({
          do: 'retune',
          changes: [{ limit: 'ordersPerMinute', before, after: isOn ? 'off' : 40 }],
        }),
      () => ({ type: isOn ? 'venue.down' : 'venue.up', at, venue: SIM, stream: 'orders' }),
      () => this.#transfer(at),
      () => this.#others(at),
      () => this.#bust(at) ?? control({ do: 'resume' }),
    ]
    // What is switched on is mostly soon switched off, or nothing would trade.
    const calm = [
      control({ do: 'resume' }),
      control({ do: 'hold', on: false, why }),
      control({ do: 'safe-mode', on: false, why }),
      control({ do: 'kill-switch', on: false, why }),
      { type: 'venue.up', at, venue: SIM, stream: 'orders' } as const,
    ]
    return isOn || this.#random() < 0.5
      ? [choices[Math.floor(this.#random() * choices.length)]!()]
      : calm
  }

  #transfer(at: Ms): Input {
    const amount = Math.round((this.#random() - 0.5) * 4_000)
    const { cash } = this.#session.engine.ours
    const told = money(cash + amount)
    const transfers = [{ id: `t${this.#n % 9}`, amount: money(amount) }]
    return {
      type: 'account',
      at,
      venue: SIM,
      equity: told,
      cash: told,
      buyingPower: told,
      transfers,
    }
  }

  /** An order of somebody else, that fills bit by bit. */
  #others(at: Ms): Input {
    const open = this.#random() < 0.6
    const { id: symbol } = this.#session.engine.universe.all[0]!
    const filled = Math.floor(this.#random() * 5)
    const order = {
      venueId: `x${this.#n % 3}`,
      symbol,
      side: 'buy',
      qty: 5,
      filled,
      avgPrice: 100,
      open,
    }
    return { type: 'external', at, order: order as never }
  }

  /** A fill is taken back. */
  #bust(at: Ms): Input | undefined {
    const { entries } = this.#session.engine.capture().orders
    const found = entries.filter(({ fills }) => fills.length > 0).at(-1)
    if (found === undefined) return undefined
    const { id, filled: qty, avgPrice: price } = found.order
    const [fill, bust] = [found.fills[0]!, `bust-${this.#n}`].map((each) => each as FillId)
    return { type: 'order.busted', at, ts: at, id, bust: bust!, fill: fill!, qty, price }
  }
}

test('a session that is restored after every turn goes on as one that is not', () => {
  const seen = new Set<string>()
  for (const seed of SEEDS) {
    const whole = buildSession(setup())
    let parts = buildSession(setup())
    const story = new Story(seed, whole)
    for (let i = 0; i < TURNS; i++) {
      const { at, market, controls } = story.next()

      const told = whole.step(at, market, controls)
      const again = parts.step(at, market, controls)

      const where = `turn ${told.n} of seed ${seed}`
      assert.equal(canonical(again), canonical(told), where)
      assert.equal(parts.engine.hash(), whole.engine.hash(), `the state after ${where}`)
      assert.equal(parts.nextAt, whole.nextAt, `when something is due after ${where}`)
      for (const notice of told.notices) seen.add(notice.type)
      const next = buildSession(setup())
      next.restore(JSON.parse(JSON.stringify(parts.capture())))
      parts = next
    }
  }
  const rich = [
    'fill',
    'quote.marked',
    'transferred',
    'external',
    'limits.changed',
    'symbol.halted',
  ]
  assert.deepEqual(
    [...rich, 'drawdown'].filter((type) => !seen.has(type)),
    [],
  )
})
