// Session: one engine and one simulated venue, moved on together. Backtest, paper run and replay drive it.
import type { Ms } from '../../core/brand.ts'
import type { Turn } from '../../core/command.ts'
import { type Input, isMarket, type MarketInput } from '../../core/input.ts'
import type { Engine } from '../../engine/engine.ts'
import type { EngineState } from '../../engine/engine-state.ts'
import type { SimExchange, ExchangeState } from '../../venues/sim/index.ts'

export interface SessionState {
  readonly engine: EngineState
  readonly exchange: ExchangeState
}

/** What is done with a turn before its batches leave: the journal's place. */
export type BeforeSend = (turn: Turn) => void

export class Session {
  readonly engine: Engine
  readonly exchange: SimExchange
  readonly #beforeSend: BeforeSend | undefined

  constructor(engine: Engine, exchange: SimExchange, beforeSend?: BeforeSend) {
    this.engine = engine
    this.exchange = exchange
    this.#beforeSend = beforeSend
  }

  /** When something is due though no market data arrive: a timer, a bar, an answer of the venue. */
  get nextAt(): number {
    return Math.min(this.engine.nextAt, this.exchange.nextAt())
  }

  /**
   * One turn at `at`: the venue sees the market's facts first and answers what they caused; then the engine
   * takes controls, answers and facts; then its batches leave for the venue.
   */
  step(at: Ms, market: readonly MarketInput[], controls: readonly Input[] = []): Turn {
    for (let i = 0; i < market.length; i++) this.exchange.observe(market[i]!)
    const facts = this.exchange.take(at)
    const inputs =
      facts.length === 0 && controls.length === 0 ? market : [...controls, ...facts, ...market]
    return this.#turn(at, inputs)
  }

  /**
   * Does a recorded turn again. Gives the turn as the engine decides it now, and the facts as the venue tells
   * them now: the caller compares.
   *
   * @param recorded Inputs as they were journaled, the venue's answers among them.
   */
  redo(recorded: Turn): { readonly turn: Turn; readonly facts: readonly Input[] } {
    for (const input of recorded.inputs) {
      if (isMarket(input)) this.exchange.observe(input)
    }
    const facts = this.exchange.take(recorded.at)
    const turn = this.engine.turn(recorded.at, recorded.inputs)
    this.#send(turn)
    return { turn, facts }
  }

  capture(): SessionState {
    return { engine: this.engine.capture(), exchange: this.exchange.capture() }
  }

  restore(state: SessionState): void {
    this.engine.restore(state.engine)
    this.exchange.restore(state.exchange)
  }

  #turn(at: Ms, inputs: readonly Input[]): Turn {
    const turn = this.engine.turn(at, inputs)
    this.#beforeSend?.(turn)
    this.#send(turn)
    return turn
  }

  #send(turn: Turn): void {
    for (let i = 0; i < turn.batches.length; i++) this.exchange.execute(turn.batches[i]!, turn.at)
    if (turn.notices.length > 0) this.engine.notices.deliver(turn.notices)
  }
}
