/*
 * Scenario: a trading story as text, played against the engine alone. The story plays the venue, so every race
 * can be told: a fill before its acknowledgement, a fill after its cancel, a fact that comes twice.
 *
 *     10:00:00  trade AAPL 100
 *     10:00:01  s bracket buy 10 stop 98 target 104    > submit #1 buy 10 market
 *     10:00:02  filled #1 4 @ 100                      > submit #2 sell 4 stop 98 gtc
 *                                                      > submit #3 sell 4 limit 104 gtc
 *                                                      = #1 open 4/10, position 4 @ 100
 *     10:00:03  canceled #1
 *               filled #2 4 @ 98                       > cancel #3        = position 0
 *
 * A line with a time is a turn; lines without one belong to the turn above. Times are of New York, on Monday
 * 2026-03-09, or `Tue 09:30` and so on after it. Orders are #1, #2 … in the order in which they were made.
 *
 * WHAT HAPPENS
 *   market      trade SYMBOL price · quote SYMBOL bid x ask · bar SYMBOL open high low close [timeframe] · warmup …
 *               A bar ends at the time of its line.
 *   venue       accepted #1 · filled #1 4 @ 100 [fee 1] [as f1] · busted #1 4 @ 100 of f1 · canceled #1 · expired #1 · rejected #1 why ·
 *               refused #1 (a cancel or an amend) · amended #1 [qty 4] [limit 100] [stop 98] ·
 *               account 100000 · venue down|up feed|orders. A fill is new unless `as` names one of before.
 *   operator    pause · resume · cancel-all · flatten · stop · kill-switch on|off · safe-mode on|off ·
 *               release STRATEGY [SYMBOL]
 *   strategy    NAME buy|sell qty [limit 100] [stop 98] [ioc] [reduce-only] · NAME close · NAME cancel #1 ·
 *               NAME bracket buy|sell qty [entry 100] stop 98 [target 104] [trail 0.01 0.005] ·
 *               NAME rest 10 @ 99.9 5 @ 99.8 | 10 @ 100.1 (bids, asks)
 *               `NAME/SYMBOL` where the universe has several. What strategies do follows the turn's facts.
 *   nothing     wait
 *
 * WHAT IS EXPECTED, after two spaces or on a line of its own
 *   > command   All commands of the turn, in their order: none expected means none left.
 *   ! notice    All denials, signals, halts, gaps and changes of mode; the beginning of the text is enough.
 *   = state     After the turn; only what is told is checked. `#1 open 4/10`, `#2 done canceled 0/4`, `live #1 #3`,
 *               `live none`, `position 4 @ 100`, `position 0`, `NAME position 4 @ 100`, `cash 99600`, `halted none`.
 */
import assert from 'node:assert/strict'
import { cashOf } from '../core/account.ts'
import { type OrderId, orderId } from '../core/brand.ts'
import type { InstrumentSpec } from '../core/instrument.ts'
import { isLive, type Order } from '../core/order.ts'
import { FLAT, type Position } from '../core/position.ts'
import type { Limits } from '../core/venue.ts'
import { Engine, type EngineOptions } from '../engine/engine.ts'
import type { Lane, Use } from '../engine/lanes.ts'
import { RISK_DEFAULTS, type RiskLimits } from '../engine/risk-limits.ts'
import { type Context, defineStrategy, type Hooks, type Needs, z } from '../strategy/index.ts'
import { limitsOf, universeOf } from './builders.ts'
import { parseStory, type Step } from './scenario-text.ts'
import {
  commandText,
  factOf,
  nameOf,
  type Names,
  noticeText,
  orderText,
  perform,
  type Shown,
} from './scenario-words.ts'

/** A strategy made for a story: it does what the story says, and what its hooks do. */
export interface Puppet {
  readonly needs?: Needs
  readonly state?: () => unknown
  readonly hooks?: (ctx: Context) => Hooks
}

/** A strategy from elsewhere, with its parameters as a configuration gives them. */
export interface Guest {
  readonly strategy: Use['strategy']
  readonly params?: object
}

export type Actor = Puppet | Guest

export interface ScenarioOptions {
  /** AAPL where not given. */
  readonly symbols?: readonly (string | InstrumentSpec)[]
  /** By name; one `s` without hooks where not given. Each is on every symbol. */
  readonly actors?: Readonly<Record<string, Actor>>
  /** On top of limits that let a story trade freely. */
  readonly risk?: Partial<RiskLimits>
  readonly limits?: Partial<Limits>
  readonly options?: Partial<Pick<EngineOptions, 'base' | 'barsFrom' | 'latenessMs' | 'maxFill'>>
  /** In the account before the first turn: 100000 where not given. */
  readonly cash?: number
}

const FREE: RiskLimits = {
  ...RISK_DEFAULTS,
  maxPositionFraction: 1,
  maxTradesPerDay: Infinity,
  maxDailyLossFraction: Infinity,
  ordersPerMinute: Infinity,
  staleAfterMs: Infinity,
}
const RUN = 'r'

/** What a turn did, in the words in which a story would tell it. */
interface Done {
  readonly commands: readonly string[]
  readonly notices: readonly string[]
}

/** Plays a story on a fresh engine; throws at the first turn that went otherwise than told. */
export const scenario = (story: string, options: ScenarioOptions = {}): Stage =>
  new Stage(options).play(story)

/** An engine that stories are played on, one after the other. */
export class Stage {
  readonly engine: Engine
  readonly #options: ScenarioOptions
  readonly #shown: Shown
  #fills = 0

  constructor(options: ScenarioOptions = {}) {
    this.#options = options
    this.engine = engineOf(options)
    const { universe } = this.engine
    this.#shown = {
      strategies: Object.keys(options.actors ?? {}).length > 1,
      symbolOf: universe.size > 1 ? (symbol) => universe.at(symbol).symbol : undefined,
    }
  }

  play(story: string): this {
    const before: string[] = []
    for (const step of parseStory(story)) {
      const difference = this.#differenceOf(step, this.#turn(step))
      if (difference !== undefined) {
        const told = [...before.slice(-8), ...step.written]
        assert.fail(
          ['the story goes otherwise', ...told, ...difference, this.#situation()].join('\n'),
        )
      }
      before.push(...step.written)
    }
    return this
  }

  /** Another engine with this one's state, as it comes back from JSON. */
  restored(): Stage {
    const stage = new Stage(this.#options)
    stage.engine.restore(JSON.parse(JSON.stringify(this.engine.capture())))
    stage.#fills = this.#fills
    return stage
  }

  /** A strategy's lane on a symbol, by `s` or `s/AAPL`. */
  lane(name: string): Lane {
    const [strategy, symbol] = name.split('/')
    const lane = this.engine.lanes.find(
      (lane) =>
        lane.strategy === strategy && (symbol === undefined || lane.instrument.symbol === symbol),
    )
    assert.ok(lane, `a lane is named ${name}`)
    return lane
  }

  #turn(step: Step): Done {
    const { engine } = this
    const { at } = step
    const names = this.#names(step)
    const [wishes, facts] = [
      step.happens.filter(this.#isWish),
      step.happens.filter((line) => !this.#isWish(line)),
    ]
    const inputs = facts.map((line) => factOf(line, names))
    if (engine.turns === 0)
      engine.turn(at, [factOf(`account ${this.#options.cash ?? 100_000}`, names)])
    const turns = [engine.turn(at, inputs)]
    if (wishes.length > 0) {
      for (const line of wishes) {
        const [who = '', ...what] = line.split(/\s+/)
        perform(this.lane(who), what.join(' '), names)
      }
      turns.push(engine.turn(at, []))
    }
    const batches = turns.flatMap((turn) => turn.batches)
    const commands = batches.flatMap((batch) => batch.commands)
    const notices = turns.flatMap((turn) => turn.notices)
    return {
      commands: commands.map((command) => commandText(command, this.#shown)),
      notices: notices.flatMap((notice) => noticeText(notice, this.#shown) ?? []),
    }
  }

  readonly #isWish = (line: string): boolean => {
    const [who] = line.split(/[\s/]/)
    return this.engine.lanes.some(({ strategy }) => strategy === who)
  }

  #names({ at }: Step): Names {
    const { universe } = this.engine
    const orders = this.#orders()
    return {
      at,
      instrument: (name) => {
        const instrument = name === undefined ? universe.all[0] : universe.find(name)
        assert.ok(instrument, `${name} is in the universe`)
        return instrument
      },
      order: (name) => {
        // Those that were placed in this very turn are known to their lanes only.
        const all = [...orders, ...this.engine.lanes.flatMap((lane) => lane.orders)]
        return all.find(({ id }) => nameOf(id) === name)?.id ?? unknownId(name)
      },
      instrumentOf: (id) =>
        universe.at(orders.find((order) => order.id === id)?.symbol ?? universe.all[0]!.id),
      nextFill: () => `f${++this.#fills}`,
    }
  }

  #orders(): readonly Order[] {
    return this.engine.capture().orders.entries.map(({ order }) => order)
  }

  #differenceOf(step: Step, done: Done): string[] | undefined {
    const states = step.states.map((claim) => this.#stateOf(claim))
    const parts = [
      ...compare('>', step.commands, done.commands, (told, was) => told === was),
      ...compare('!', step.notices, done.notices, (told, was) => was.startsWith(told)),
      ...compare('=', step.states, states, (told, was) => told === was),
    ]
    return parts.length === 0 ? undefined : parts
  }

  /** What is true of the subject of a claim, in the words of the claim. */
  #stateOf(claim: string): string {
    const { engine } = this
    const orders = this.#orders()
    const [subject = '', ...rest] = claim.split(' ')
    if (subject.startsWith('#')) {
      const order = orders.find(({ id }) => nameOf(id) === subject)
      return order === undefined ? `${subject} is unknown` : orderText(order)
    }
    if (subject === 'live') {
      return ['live', ...orNone(orders.filter(isLive).map(({ id }) => nameOf(id)))].join(' ')
    }
    if (subject === 'cash') return `cash ${cashOf(engine.capture().portfolio.account)}`
    if (subject === 'safe-mode') {
      return `safe-mode ${engine.capture().risk.safeMode === null ? 'off' : 'on'}`
    }
    if (subject === 'halted' || subject === 'closing') {
      const lanes = engine.lanes.filter((lane) => lane[subject] !== undefined)
      return [subject, ...orNone(lanes.map(({ strategy }) => strategy))].join(' ')
    }
    if (subject === 'position') return `position ${positionText(this.#net())}`
    assert.equal(rest[0], 'position', `"${claim}" is no claim that a story knows`)
    const isLane = this.#isWish(subject)
    const position = isLane ? this.lane(subject).position.current : this.#net(subject)
    return `${subject} position ${positionText(position)}`
  }

  #net(symbol?: string): Position {
    const { universe } = this.engine
    const id = symbol === undefined ? 0 : universe.find(symbol)?.id
    const { positions } = this.engine.capture().portfolio
    return positions.find(([held]) => held === id)?.[1] ?? FLAT
  }

  /** All orders and positions, for a message. */
  #situation(): string {
    const live = this.#orders().map((order) => `      ${orderText(order)} ${order.role ?? ''}`)
    const lanes = this.engine.lanes.map(
      ({ strategy, instrument, position, halted, closing }) =>
        `      ${strategy}/${instrument.symbol} position ${positionText(position.current)}` +
        `${closing === undefined ? '' : ', closing'}${halted === undefined ? '' : `, ${halted}`}`,
    )
    return ['  situation', ...live, ...lanes].join('\n')
  }
}

function engineOf({ symbols, actors, limits, risk, options }: ScenarioOptions): Engine {
  const universe = universeOf(...(symbols ?? ['AAPL']))
  const on = universe.all.map(({ id }) => id)
  const uses = Object.entries(actors ?? { s: {} }).map(([name, actor]): Use => ({
    name,
    ...strategyOf(actor),
    on,
  }))
  return new Engine({
    universe,
    uses,
    limits: new Map(universe.all.map(({ venue }) => [venue, limitsOf(20, limits)])),
    risk: { ...FREE, ...risk },
    run: RUN,
    currency: 'USD',
    calendar: universe.all[0]!.spec.calendar,
    base: '1m',
    latenessMs: 0,
    maxFill: 2,
    ...options,
  })
}

function strategyOf(actor: Actor): Pick<Use, 'strategy' | 'params'> {
  if ('strategy' in actor) {
    const { strategy, params = {} } = actor
    return { strategy, params: strategy.params.parse(params) }
  }
  const { needs, state, hooks } = actor
  const strategy = defineStrategy<z.ZodObject, unknown>({
    name: 'actor',
    params: z.object({}),
    needs: () => needs ?? {},
    ...(state === undefined ? {} : { state }),
    symbol: (ctx) => hooks?.(ctx) ?? {},
  })
  return { strategy, params: {} }
}

/** Lines that tell where two lists differ; none where they do not. */
function compare(
  mark: string,
  told: readonly string[],
  was: readonly string[],
  isEqual: (told: string, was: string) => boolean,
): string[] {
  const length = Math.max(told.length, was.length)
  const pairs = Array.from({ length }, (_, i) => [told[i], was[i]] as const)
  if (pairs.every(([a, b]) => a !== undefined && b !== undefined && isEqual(a, b))) return []
  return pairs.flatMap(([a, b]) =>
    a !== undefined && b !== undefined && isEqual(a, b)
      ? [`             ${mark} ${b}`]
      : [
          ...(a === undefined ? [] : [`  told       ${mark} ${a}`]),
          ...(b === undefined ? [] : [`  happened   ${mark} ${b}`]),
        ],
  )
}

const positionText = ({ qty, avgPrice }: Position): string =>
  qty === 0 ? '0' : `${qty} @ ${Math.round(avgPrice * 1e6) / 1e6}`

const orNone = (names: readonly string[]): readonly string[] =>
  names.length === 0 ? ['none'] : names

const unknownId = (name: string): OrderId => orderId(`unknown-${RUN}-${name.slice(1)}`)
