/*
 * End of a run at a venue, in phases with a time limit each: drain (no new risk), each strategy's exit policy (asked for
 * again and again, because a venue may refuse a cancel or lose it), what is under way, a last report, what waits in the
 * inbox, all four again where a strategy closed something meanwhile, the venue, the archive, the shared database, and a
 * snapshot. What is left at the venue is told, whatever of it failed.
 */
import { isRisk, type Order, remaining } from '../../core/order.ts'
import { CANCEL_AGAIN_MS } from '../../engine/dispatch.ts'
import { pause } from '../../io/clock.ts'
import type { ExitPolicy } from '../config/exit-policy.ts'
import type { Agreement } from './agreement.ts'
import type { LiveParts } from './options.ts'

const ACTS = { protect: 'cancel-risk', cancel: 'cancel-all', flatten: 'flatten' } as const

/** Times that the end is begun again because a strategy has closed something meanwhile. */
const ROUNDS_MAX = 20

export interface Phase {
  readonly name: string
  readonly tookMs: number
  /** False where its time was up first. */
  readonly isDone: boolean
}

export interface Stopped {
  readonly phases: readonly Phase[]
  /** What is left at the venue, in words. */
  readonly remaining: readonly string[]
}

export class End {
  readonly #parts: LiveParts
  readonly #agreement: Agreement
  readonly #release: () => void
  readonly #phases: Phase[] = []

  /** @param release Lets go of everything that might still start something. */
  constructor(parts: LiveParts, agreement: Agreement, release: () => void) {
    this.#parts = parts
    this.#agreement = agreement
    this.#release = release
  }

  /** @param override For all strategies, instead of their own policies. */
  async run(override?: ExitPolicy): Promise<Stopped> {
    const { options, timing, pump, recorder } = this.#parts
    const { venue, shared } = options
    const { closeMs } = timing
    if (!pump.isStopped) await this.#quit(this.#policies(override))
    this.#release()
    await this.#phase('venue', closeMs, venue.close())
    await this.#phase(
      'archive',
      closeMs,
      recorder.flush().catch(() => {}),
    )
    if (shared !== undefined) await this.#phase('database', closeMs, shared.flush())
    if (!pump.hasFailed) this.#keep()
    return { phases: this.#phases, remaining: this.#remaining() }
  }

  /** A journal that takes no more fails the run; what is left at the venue is told all the same. */
  #keep(): void {
    const { options, pump } = this.#parts
    try {
      pump.snapshot()
      options.journal.flush()
    } catch (error) {
      pump.fail(error)
    }
  }

  #policies(override: ExitPolicy | undefined): ReadonlyMap<string, ExitPolicy> {
    const { setup, exits } = this.#parts.options
    return new Map(setup.uses.map(({ name }) => [name, override ?? exits?.get(name) ?? 'keep']))
  }

  /** Until nothing of ours is under way any more. */
  async #quit(policies: ReadonlyMap<string, ExitPolicy>): Promise<void> {
    const { timing, engine, gateway, pump, control, until } = this.#parts
    const { exitMs, closeMs } = timing
    control({ do: 'drain', on: true }, 'stop')
    await this.#phase(
      'drain',
      closeMs,
      until(() => engine.isStopping),
    )
    const active = new Set([...policies.values()].filter((policy) => policy !== 'keep'))
    // Strategies may close until the very end, so it is looked at again what a report has taken time for.
    for (let round = 1; round <= ROUNDS_MAX; round++) {
      if (active.size > 0 || !this.#isQuit(policies)) {
        const rest = this.#insist(policies)
        await this.#phase(
          [...active].join(' and ') || 'quotes',
          exitMs,
          until(() => this.#isQuit(policies)),
        )
        rest()
      }
      await this.#phase('answers', closeMs, gateway.idle())
      await this.#phase('report', closeMs, this.#agreement.askAfresh())
      await this.#phase(
        'inbox',
        closeMs,
        until(() => pump.inbox.nextAt === Infinity),
      )
      const isLate = this.#phases.some(({ isDone }) => !isDone)
      if (isLate || (this.#isQuit(policies) && gateway.underWay.size === 0)) return
    }
  }

  /** Asks for what the policies want, now and as often as a cancel may be sent again. Gives what ends that. */
  #insist(policies: ReadonlyMap<string, ExitPolicy>): () => void {
    const { options, control } = this.#parts
    let cancel = (): void => {}
    const ask = (): void => {
      for (const [strategy, policy] of policies)
        if (policy !== 'keep') control({ do: ACTS[policy], strategy }, 'stop')
      cancel = options.io.after(CANCEL_AGAIN_MS, ask)
    }
    ask()
    return () => cancel()
  }

  #isQuit(policies: ReadonlyMap<string, ExitPolicy>): boolean {
    const { engine } = this.#parts
    const isOpen = engine.liveOrders.some((order) => {
      const policy = policies.get(order.strategy)
      // Quotes are withdrawn whatever the policy: nobody would be behind them.
      if (order.quote === true) return true
      return policy !== 'keep' && (policy !== 'protect' || isRisk(order))
    })
    if (isOpen) return false
    return engine.lanes.every(
      ({ strategy, position }) => policies.get(strategy) !== 'flatten' || position.isFlat,
    )
  }

  #remaining(): readonly string[] {
    const { options, engine } = this.#parts
    const { positions } = engine.ours
    const nameOf = ({ symbol }: { readonly symbol: Order['symbol'] }): string =>
      options.setup.universe.at(symbol).symbol
    return [
      ...positions.map((position) => `position ${nameOf(position)} ${position.qty}`),
      ...engine.liveOrders.map((order) => {
        const { id, side, type, phase } = order
        return `order ${id} ${phase}: ${side} ${remaining(order)} ${nameOf(order)} ${type}`
      }),
    ]
  }

  async #phase(name: string, limitMs: number, work: Promise<unknown>): Promise<void> {
    const { options, pump } = this.#parts
    const { io } = options
    const began = io.now()
    const timer = new AbortController()
    const isDone = await Promise.race([
      work.then(
        () => true,
        () => false,
      ),
      pump.failure.then(() => false),
      pause(io, limitMs, timer.signal).then(() => false),
    ])
    timer.abort()
    this.#phases.push({ name, tookMs: io.now() - began, isDone })
  }
}
