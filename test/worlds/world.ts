/*
 * World: a random market, a strategy that does foolish things in it, an operator with a nervous hand, and the
 * simulated venue between them; all from one seed. What a strategy does follows from the time, the seed and what
 * it sees, so a restored session goes on with the same follies.
 */
import type { Ms, SymbolId } from '../../src/core/brand.ts'
import type { Turn } from '../../src/core/command.ts'
import type { Control, Input, MarketInput } from '../../src/core/input.ts'
import { integer, type Random, seeded } from '../../src/core/random.ts'
import { HOUR, MINUTE, ms, SECOND } from '../../src/core/time.ts'
import type { Universe } from '../../src/core/universe.ts'
import { RISK_DEFAULTS } from '../../src/engine/risk-limits.ts'
import { buildSession, type Setup } from '../../src/runtime/session/build.ts'
import type { Session } from '../../src/runtime/session/session.ts'
import {
  type Context,
  defineStrategy,
  type Hooks,
  type Strategy,
  z,
} from '../../src/strategy/index.ts'
import { coin, future, share, SIM, universeOf, utc } from '../../src/testing/builders.ts'

export interface WorldOptions {
  /** Market facts, each at a time of its own. */
  readonly facts: number
  /** Brackets, one at a time in each lane, and closes; otherwise all that a context offers. */
  readonly onlyBrackets?: true
  /** No controls of an operator. */
  readonly isUnattended?: true
}

const pick = <T>(random: Random, items: readonly T[]): T =>
  items[integer(random, 0, items.length - 1)]!

/** Half an hour before the close of the stock exchange, so that its end and a night come by. */
const START = utc('2026-03-09 19:30')

export class World {
  readonly seed: number
  readonly setup: Setup
  readonly steps: readonly Step[]
  readonly #options: WorldOptions

  constructor(seed: number, options: WorldOptions) {
    this.seed = seed
    this.#options = options
    const random = seeded(seed)
    this.setup = this.#setup(random)
    this.steps = stepsOf(random, this.setup.universe, options)
  }

  build(): Session {
    return buildSession(this.setup)
  }

  /** All moments of the run: those of the market, and between them what session and venue ask for. */
  *run(session: () => Session): Iterable<Turn> {
    for (const step of this.steps) {
      let { nextAt } = session()
      for (let i = 0; nextAt < step.at; i++) {
        if (i > 10_000) throw new Error(`world ${this.seed} stands still at ${nextAt}`)
        yield session().step(ms(Math.max(nextAt, session().engine.now)), [])
        nextAt = session().nextAt
      }
      yield session().step(step.at, step.market, step.controls)
    }
  }

  #setup(random: Random): Setup {
    const hours = pick(random, ['regular', 'extended', 'always'] as const)
    const universe = universeOf(share('AAPL'), coin('BTC'), future('ES', { multiplier: 5 }))
    const on = universe.all.map(({ id }) => id)
    const names = ['one', 'two']
    return {
      universe,
      uses: names.map((name, i) => {
        const strategy = monkey(this.seed * 2 + i, this.#options)
        return { name, strategy, params: {}, on: i === 0 ? on : on.slice(0, 2) }
      }),
      risk: {
        ...RISK_DEFAULTS,
        maxTradesPerDay: Infinity,
        maxPositionFraction: 1,
        maxExposureFraction: 3,
        leverage: 3,
        tradingHours: hours,
      },
      sim: {
        venue: SIM,
        cash: 100_000,
        seed: this.seed,
        brackets: pick(random, ['native', 'emulated']),
        latency: {
          entryMs: pick(random, [1, 70, 1_500]),
          responseMs: pick(random, [1, 70, 1_500]),
          jitterMs: pick(random, [0, 30]),
        },
        queue: pick(random, ['touch', 'through', 'volume']),
        participation: pick(random, [0.1, 1]),
        batch: pick(random, [1, 20]),
        fees: pick(random, [
          { type: 'none' },
          { type: 'fraction', maker: -0.0001, taker: 0.0005 },
          { type: 'per-share', perShare: 0.005, min: 1, maxFraction: 0.01 },
        ]),
      },
      run: 'world',
      currency: 'USD',
      base: '1m',
      bars: { latenessMs: pick(random, [0, 250]), maxFill: 2 },
    }
  }
}

interface Step {
  readonly at: Ms
  readonly market: readonly MarketInput[]
  readonly controls: readonly Input[]
}

function stepsOf(random: Random, universe: Universe, options: WorldOptions): Step[] {
  const prices = universe.all.map(() => 100)
  const kinds = universe.all.map(() => pick(random, [['trade'], ['quote', 'trade'], ['bar']]))
  const steps: Step[] = []
  let at: number = START
  for (let n = 0; n < options.facts; n++) {
    at += random() < 0.1 ? integer(random, 1, 5) * MINUTE : integer(random, 1, 8 * SECOND)
    // One night in the middle, so that orders expire and closes wait.
    if (n === Math.floor(options.facts / 2)) at += 16 * HOUR
    const symbol = universe.all[integer(random, 0, universe.size - 1)]!.id
    const kind = pick(random, kinds[symbol]!)
    if (kind === 'bar') at = Math.ceil(at / MINUTE) * MINUTE
    const before = prices[symbol]!
    const move = integer(random, -60, 60) / 100
    prices[symbol] = Math.max(50, Math.round((before + move) * 4) / 4)
    const market = [factOf(kind, symbol, ms(at), [before, prices[symbol]])]
    const isControlled = options.isUnattended !== true && random() < 0.03
    const controls = isControlled ? [controlAt(random, ms(at))] : []
    steps.push({ at: ms(at), market, controls })
    if (kind === 'bar') at += 1
  }
  return steps
}

function factOf(
  kind: string,
  symbol: SymbolId,
  at: Ms,
  path: readonly [number, number],
): MarketInput {
  const [open, close] = path
  const trades = { ts: at, symbol }
  if (kind === 'trade') return { type: 'trade', at, trade: { ...trades, price: close, size: 40 } }
  if (kind === 'quote') {
    const sizes = { bidSize: 30, askSize: 30 }
    return {
      type: 'quote',
      at,
      quote: { ...trades, bid: close - 0.25, ask: close + 0.25, ...sizes },
    }
  }
  const bar = {
    symbol,
    timeframe: '1m' as const,
    start: ms(at - MINUTE),
    open,
    high: Math.max(open, close) + 0.25,
    low: Math.min(open, close) - 0.25,
    close,
    volume: 100,
    trades: 5,
  }
  return { type: 'bar', at, source: 'venue', bar }
}

function controlAt(random: Random, at: Ms): Input {
  const why = 'the operator is nervous'
  const control: Control = pick(random, [
    { do: 'pause' },
    { do: 'resume' },
    { do: 'resume' },
    { do: 'cancel-all' },
    { do: 'flatten' },
    { do: 'safe-mode', on: false, why },
    { do: 'safe-mode', on: true, why },
    { do: 'kill-switch', on: false, why },
    { do: 'kill-switch', on: false, why },
    { do: 'kill-switch', on: true, why },
    { do: 'release', strategy: 'one' },
  ])
  return { type: 'control', at, control, by: 'operator' }
}

/** Does something or nothing whenever it is called, and now and then throws. */
const monkey = (seed: number, options: WorldOptions): Strategy =>
  defineStrategy<z.ZodObject, unknown>({
    name: 'monkey',
    params: z.object({}),
    needs: () => ({ bars: ['1m', '5m'], every: { beat: '15m' } }),
    state: () => ({ deeds: 0 }),
    symbol: (ctx) => {
      const act = (reason: number) => () => {
        const random = seeded(Math.imul(seed ^ reason, 2654435761) ^ (ctx.now / 7) ^ ctx.symbol)
        const state = ctx.state as { readonly deeds: number }
        ctx.state = { deeds: state.deeds + 1 }
        if (options.onlyBrackets === true) bracketOrClose(ctx, random)
        else actAtRandom(ctx, random)
      }
      const hooks: Hooks = {
        onBar: act(1),
        onTrade: act(2),
        onQuote: act(3),
        onFill: act(4),
        onDone: act(5),
        onTimer: act(6),
        onTurn: act(7),
      }
      return hooks
    },
  })

const qtyOf = (ctx: Context, random: Random): number =>
  ctx.instrument.lotSize < 1 ? integer(random, 1, 300) / 10 : integer(random, 1, 40)

function bracketAt(ctx: Context, random: Random): void {
  const price = ctx.price ?? 100
  const side = pick(random, ['buy', 'sell'] as const)
  const away = side === 'buy' ? 1 : -1
  const distance = integer(random, 1, 8) / 4
  ctx.bracket({
    side,
    qty: qtyOf(ctx, random),
    stop: price - away * distance,
    ...(random() < 0.7 ? { target: price + away * distance } : {}),
    ...(random() < 0.3 ? { entry: price - away * 0.25 } : {}),
    ...(random() < 0.3 ? { trail: { activate: 0.002, distance: 0.003 } } : {}),
  })
}

function bracketOrClose(ctx: Context, random: Random): void {
  const isIdle = ctx.position.isFlat && ctx.orders.length === 0
  if (isIdle && random() < 0.3) bracketAt(ctx, random)
  else if (random() < 0.02) ctx.close()
}

function actAtRandom(ctx: Context, random: Random): void {
  const price = ctx.price ?? 100
  const deed = integer(random, 0, 60)
  if (deed < 3) bracketAt(ctx, random)
  else if (deed === 3) ctx.buy({ qty: qtyOf(ctx, random) })
  else if (deed === 4) ctx.sell({ qty: qtyOf(ctx, random), limit: price + 0.25, tif: 'gtc' })
  else if (deed === 5) ctx.buy({ qty: qtyOf(ctx, random), stop: price + 0.5 })
  else if (deed === 6) ctx.sell({ qty: Math.abs(ctx.position.qty), reduceOnly: true })
  else if (deed < 10 && ctx.orders.length > 0) ctx.cancel(pick(random, ctx.orders).id)
  else if (deed === 10) ctx.close()
  else if (deed === 11) ctx.signal('whim', { price })
  else if (deed === 12 && random() < 0.05) throw new Error('a branch broke')
}

/** A moment at which the venue has nothing on its way and nothing more to say. */
export function settle(session: Session): void {
  for (let i = 0; i < 1_000; i++) {
    const { nextAt } = session
    if (nextAt > session.engine.now + 10 * SECOND) return
    session.step(ms(nextAt), [])
  }
  throw new Error('the session never comes to rest')
}
