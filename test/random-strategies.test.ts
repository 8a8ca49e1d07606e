/*
 * Random strategies on the simulated venue, minute by minute: whatever they ask for, nothing throws, engine and venue
 * agree whenever nothing is under way, what brackets have brought in has its stop, a restart at any moment changes
 * nothing, and `flatten` ends flat.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Ms } from '../src/core/brand.ts'
import type { Control, MarketInput } from '../src/core/input.ts'
import { remaining, sign } from '../src/core/order.ts'
import { integer, type Random, seeded } from '../src/core/random.ts'
import { MINUTE, ms, SECOND } from '../src/core/time.ts'
import { RISK_DEFAULTS } from '../src/engine/risk-limits.ts'
import type { Lane } from '../src/engine/lanes.ts'
import { buildSession } from '../src/runtime/session/build.ts'
import type { Session } from '../src/runtime/session/session.ts'
import { type Context, defineStrategy, z } from '../src/strategy/index.ts'
import { coin, future, share, SIM, universeOf, utc } from '../src/testing/builders.ts'

const SEED = Number(process.env['SKEIN_SEED'] ?? 1)
/** Half an hour before New York opens. */
const FROM = utc('2026-03-09 13:00')
const MINUTES = 120

/** What strategies do besides brackets, one strategy or two, and who keeps the brackets. */
interface World {
  readonly seed: number
  readonly brackets: 'native' | 'emulated'
  readonly strategies: readonly string[]
  readonly wild: boolean
}

const universe = universeOf(
  'AAPL',
  future('ES'),
  coin('BTC'),
  share('BTCUSD', { kind: 'perpetual', inverse: true, tickSize: 0.5, calendar: '24/7' }),
)
/** Of each symbol: its first price, a size to begin with, and the most that trades in a minute. */
const MARKET = [
  [100, 10, 60],
  [5_000, 1, 60],
  [50_000, 0.01, 1],
  [50_000, 1_000, 5_000],
] as const

/** Decides by the bar and nothing else, so that nothing of it is lost in a restart. */
const wisher = (name: string, { seed, wild }: World) =>
  defineStrategy({
    name,
    params: z.object({}),
    needs: () => ({ bars: '1m' }),
    symbol: (ctx) => ({
      onBar({ start, close }) {
        const random = seeded(seed + start / MINUTE + 1_000 * ctx.symbol + 100_000 * name.length)
        const what = random()
        if (what < 0.25) bracket(ctx, close, random)
        else if (wild && what < 0.32) single(ctx, close, random)
        // One that is there, or that was just placed.
        if (wild && random() < 0.05) cancelOne(ctx, random)
        if (what > 0.96) ctx.close()
      },
    }),
  })

function bracket(ctx: Context, close: number, random: Random): void {
  const side = random() < 0.5 ? 'buy' : 'sell'
  const at = (fraction: number): number => close * (1 + sign(side) * fraction)
  ctx.bracket({
    side,
    qty: MARKET[ctx.symbol]![1] * integer(random, 1, 5),
    stop: at(-0.001 - 0.004 * random()),
    ...(random() < 0.3 && { entry: at(-0.0005) }),
    ...(random() < 0.7 && { target: at(0.001 + 0.006 * random()) }),
    ...(random() < 0.3 && { trail: { activate: 0.001, distance: 0.002 } }),
  })
}

function single(ctx: Context, close: number, random: Random): void {
  const side = random() < 0.5 ? 'buy' : 'sell'
  const away = close * sign(side) * 0.001
  ctx[side]({
    qty: MARKET[ctx.symbol]![1] * integer(random, 1, 5),
    ...(random() < 0.4 && { limit: close - away }),
    ...(random() < 0.2 && { stop: close + away }),
    ...(random() < 0.2 && { reduceOnly: true as const }),
  })
}

function cancelOne(ctx: Context, random: Random): void {
  const last = ctx.orders.length - 1
  const order = ctx.orders[random() < 0.5 ? last : integer(random, 0, last)]
  if (order !== undefined) ctx.cancel(order.id)
}

/** A session of the world, which may be taken down and put up again from its state. */
class Run {
  readonly #world: World
  readonly #market: Random
  readonly #prices = MARKET.map(([price]) => price as number)
  session: Session
  at: Ms = FROM

  constructor(world: World) {
    this.#world = world
    this.#market = seeded(world.seed)
    this.session = this.#build()
  }

  #build(): Session {
    const { strategies, brackets } = this.#world
    const on = universe.all.map(({ id }) => id)
    return buildSession({
      universe,
      uses: strategies.map((name) => ({
        name,
        strategy: wisher(name, this.#world),
        params: {},
        on,
      })),
      risk: {
        ...RISK_DEFAULTS,
        maxPositionFraction: 10,
        maxExposureFraction: 100,
        leverage: 100,
        maxTradesPerDay: Infinity,
        maxDailyLossFraction: Infinity,
      },
      sim: {
        venue: SIM,
        cash: 1e6,
        brackets,
        participation: 0.1,
        fees: { type: 'fraction', maker: -0.0001, taker: 0.0005 },
        slippage: { type: 'ticks', ticks: 1 },
        latency: { entryMs: 50, responseMs: 30, jitterMs: 40 },
      },
      run: 'r',
      currency: 'USD',
      base: '1m',
      bars: { latenessMs: 0, maxFill: 2 },
    })
  }

  restart(): void {
    const saved = JSON.parse(JSON.stringify(this.session.capture())) as ReturnType<
      Session['capture']
    >
    this.session = this.#build()
    this.session.restore(saved)
  }

  /** A minute of the market, and five seconds in which all answers come. */
  minute(volume = 1): void {
    const end = ms(Math.floor(this.at / MINUTE) * MINUTE + MINUTE)
    this.#until(end, this.#bars(end, volume))
    this.#until(ms(end + 5 * SECOND), [])
  }

  control(control: Control): void {
    this.session.step(this.at, [], [{ type: 'control', at: this.at, control, by: 'test' }])
  }

  #until(to: Ms, market: readonly MarketInput[]): void {
    while (this.session.nextAt < to) this.session.step(ms(this.session.nextAt), [])
    this.session.step(to, market)
    this.at = to
  }

  #bars(at: Ms, times: number): MarketInput[] {
    return universe.all.flatMap((instrument, i) => {
      if (this.#market() < 0.05) return []
      const path = Array.from({ length: 4 }, () => {
        this.#prices[i]! *= 1 + (this.#market() - 0.5) * 0.004
        return instrument.px(this.#prices[i]!)
      })
      const bar = {
        symbol: instrument.id,
        timeframe: '1m',
        start: ms(at - MINUTE),
        open: path[0]!,
        high: Math.max(...path),
        low: Math.min(...path),
        close: path[3]!,
        volume: instrument.qty(MARKET[i]![2] * (0.1 + this.#market())) * times,
        trades: 1,
      } as const
      return [{ type: 'bar', at, source: 'venue', bar } as const]
    })
  }

  /** Engine and venue, held against each other while nothing is under way. */
  check(): void {
    const { engine, exchange } = this.session
    const { positions, account } = exchange.report(this.at)
    const when = new Date(this.at).toISOString()
    for (const { id, symbol } of universe.all) {
      const lanes = engine.lanes.filter((lane) => lane.symbol === id)
      const sum = universe.at(id).qty(lanes.reduce((held, { position }) => held + position.qty, 0))
      const net = engine.held.find((held) => held.symbol === id)?.qty ?? 0
      assert.equal(net, sum, `${when} lanes of ${symbol} hold its net position`)
      const theirs = positions.find((held) => held.symbol === id)?.qty ?? 0
      assert.equal(net, theirs, `${when} the venue holds the same of ${symbol}`)
      if (!this.#world.wild) for (const lane of lanes) this.#checkStops(lane, when)
    }
    assert.ok(Math.abs(engine.ours.cash - account.cash) < 1e-6, `${when} cash`)
    const textOf = ({ id, filled, qty, limit, stop }: Working): string =>
      `${id} ${filled}/${qty} ${limit} ${stop}`
    const working = exchange.capture().book.orders.map(textOf)
    assert.deepEqual(engine.liveOrders.map(textOf).toSorted(), working.toSorted(), when)
    const canceling = engine.liveOrders.filter((order) => order.cancelSentAt !== undefined)
    assert.deepEqual(canceling, [], `${when} no cancel is under way`)
    assert.equal(engine.safety.safeMode, undefined, when)
    for (const { halted } of engine.lanes) assert.equal(halted, undefined, when)
  }

  /** All that brackets have brought in, and nothing else, is what the lane holds: so much has a stop. */
  #checkStops(lane: Lane, when: string): void {
    if (lane.closing !== undefined) return
    const filled = (id: string | undefined): boolean =>
      (lane.orders.find((order) => order.id === id)?.filled ?? 1) > 0
    const stops = lane.orders.filter(({ role, group }) => role === 'stop' && filled(group))
    const covered = stops.reduce((sum, order) => sum - sign(order.side) * remaining(order), 0)
    const held = lane.position.qty
    assert.ok(Math.abs(covered - held) < 1e-9, `${when} stops cover ${covered} of ${held}`)
  }
}

type Working = Pick<
  Session['engine']['liveOrders'][number],
  'id' | 'filled' | 'qty' | 'limit' | 'stop'
>

/** The hash of its end. @param restarts Decides after each minute whether the run is restarted. */
function play(world: World, restarts: () => boolean): string {
  const run = new Run(world)
  for (let i = 0; i < MINUTES; i++) {
    run.minute()
    run.check()
    if (restarts()) run.restart()
  }
  run.control({ do: 'flatten' })
  run.control({ do: 'pause' })
  const { engine } = run.session
  for (let i = 0; i < 30 && engine.liveOrders.length > 0; i++) run.minute(1_000)
  run.check()
  assert.deepEqual([engine.held, engine.liveOrders], [[], []], 'it ends flat')
  return `${engine.hash()} ${engine.intents}`
}

for (const brackets of ['native', 'emulated'] as const) {
  for (const strategies of [['a'], ['a', 'bb']]) {
    for (const wild of [false, true]) {
      const name = `${brackets} brackets, ${strategies.length === 1 ? 'one' : 'two on a symbol'}, ${wild ? 'with' : 'without'} other orders`
      test(`random strategies with ${name}: engine and venue agree`, () => {
        const world = { seed: SEED, brackets, strategies, wild }
        const random = seeded(SEED)
        const expected = play(world, () => false)
        assert.equal(
          play(world, () => random() < 0.05),
          expected,
          'restarts change nothing',
        )
      })
    }
  }
}
