/*
 * End of a run at a venue, in phases with a time limit each: drain (no new risk), cancel or flatten by policy, what is
 * under way, a last report, what waits in the inbox, the venue, the archive, and a snapshot. What is left at the venue is
 * told.
 */
import { isLive, type Order, remaining } from '../core/order.ts'
import { pause } from '../io/clock.ts'
import type { Agreement } from './live-agreement.ts'
import type { LiveParts } from './live-options.ts'

/** What happens to orders and positions at the end. */
export type ExitPolicy = 'keep' | 'cancel' | 'flatten'

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

  async run(policy: ExitPolicy): Promise<Stopped> {
    const { options, timing, pump, recorder } = this.#parts
    const { venue, journal } = options
    const { closeMs } = timing
    if (!pump.isStopped) await this.#quit(policy)
    this.#release()
    await this.#phase('venue', closeMs, venue.close())
    await this.#phase(
      'archive',
      closeMs,
      recorder.flush().catch(() => {}),
    )
    if (!pump.hasFailed) {
      pump.snapshot()
      journal.flush()
    }
    return { phases: this.#phases, remaining: this.#remaining() }
  }

  /** Until nothing of ours is under way any more. */
  async #quit(policy: ExitPolicy): Promise<void> {
    const { timing, engine, gateway, pump, control, until } = this.#parts
    const { exitMs, closeMs } = timing
    control({ do: 'drain', on: true }, 'stop')
    await this.#phase(
      'drain',
      closeMs,
      until(() => engine.isStopping),
    )
    if (policy !== 'keep') {
      control({ do: policy === 'cancel' ? 'cancel-all' : 'flatten' }, 'stop')
      await this.#phase(
        policy,
        exitMs,
        until(() => this.#isQuit(policy)),
      )
    }
    await this.#phase('answers', closeMs, gateway.idle())
    await this.#phase('report', closeMs, this.#agreement.askAfresh())
    await this.#phase(
      'inbox',
      closeMs,
      until(() => pump.inbox.nextAt === Infinity),
    )
  }

  #isQuit(policy: ExitPolicy): boolean {
    const { positions, orders } = this.#parts.engine.ours
    if (orders.some(({ order }) => isLive(order))) return false
    return policy === 'cancel' || positions.length === 0
  }

  #remaining(): readonly string[] {
    const { options, engine } = this.#parts
    const { positions, orders } = engine.ours
    const nameOf = ({ symbol }: { readonly symbol: Order['symbol'] }): string =>
      options.setup.universe.at(symbol).symbol
    return [
      ...positions.map((position) => `position ${nameOf(position)} ${position.qty}`),
      ...orders
        .map(({ order }) => order)
        .filter((order) => isLive(order))
        .map((order) => {
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
