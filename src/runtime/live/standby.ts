/*
 * Standby: a run that follows. Another engine trades the account; this one hears the market, its strategies see it and
 * are held, and it takes over where the other has lost the account:
 *
 *   follow   what the account tells is another's, and not heard; whether the account is free is asked a few times a second
 *   take     the account is ours: nothing of the other leaves any more, because its lease is old below its sockets
 *   clear    what runs have at rest at the account is canceled, again and again until a report has nothing of it. What a
 *            person has there stays, and counts in risk as it does always
 *   adopt    what the account holds belongs to the strategy of its symbol, once reports say what became of orders that
 *            were ours when we led before. Where several are on one symbol it stays halted, and a person is told
 *   lead     the hold is lifted, and strategies quote with the next price
 *
 * A run that comes first, and finds by the account's lease that another has had it since, goes the same way.
 *
 * So two engines never have orders in the market at once: the first order of this one comes after the report in which
 * those of the other are gone. A request of the other that passed its fence before it lost the account, and that the venue
 * has not taken when that report is made, is the one hole; it is as wide as a request is under way.
 */
import type { Input } from '../../core/input.ts'
import { pause } from '../../io/clock.ts'
import type { Agreement } from './agreement.ts'
import type { LiveParts } from './options.ts'

/** How often the account is asked for. */
const FOLLOW_MS = 250
/** Between two attempts to clear the account: the venue may still take what was under way. */
const CLEAR_MS = 250
export const FOLLOWING = 'another engine trades the account'
export const FOLLOWED = 'another engine has traded the account since this run did'

export class Standby {
  readonly #parts: LiveParts
  readonly #agreement: Agreement
  #state: 'following' | 'taking' | 'leading' = 'leading'
  #takeovers = 0
  #cancelNext: (() => void) | undefined

  constructor(parts: LiveParts, agreement: Agreement) {
    this.#parts = parts
    this.#agreement = agreement
  }

  /** True until it leads: its hold is lifted by nobody else, and no report comes by itself. */
  get isFollowing(): boolean {
    return this.#state !== 'leading'
  }

  get takeovers(): number {
    return this.#takeovers
  }

  /** From the moment in which the account turned out to be another's, or to have been. */
  follow(why: string): void {
    this.#state = 'following'
    this.#agreement.rest()
    this.#parts.tell('info', `${why}: this run follows, and takes over when it is free`)
  }

  /** The run has begun: the account may be taken from now on. */
  start(): void {
    if (this.isFollowing) this.#lookLater()
  }

  stop(): void {
    this.#cancelNext?.()
  }

  /** False for what the account tells while another's orders and positions are in it. */
  hears({ type }: Input): boolean {
    return !this.isFollowing || (type !== 'external' && !type.startsWith('order.'))
  }

  #lookLater(): void {
    const { options, pump } = this.#parts
    this.#cancelNext = options.io.after(FOLLOW_MS, () => {
      this.#look().catch((error: unknown) => pump.fail(error))
    })
  }

  async #look(): Promise<void> {
    const { pump } = this.#parts
    if (pump.isStopped) return
    const isFree = await this.#mayLead()
    if (pump.isStopped) return
    if (!isFree) {
      this.#lookLater()
      return
    }
    this.#state = 'taking'
    await this.#takeOver()
  }

  /** Whoever cannot ask does not know, and asks again: a store of leases that is away ends no run that follows. */
  async #mayLead(): Promise<boolean> {
    const { options, tell } = this.#parts
    const { account } = options.venue
    if (account === undefined) return false
    try {
      return (await options.mayLead?.(account)) === true
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      tell('warn', `whether the account is free is not known: ${why}`)
      return false
    }
  }

  async #takeOver(): Promise<void> {
    const { options, pump, tell, control } = this.#parts
    const since = pump.now()
    tell('warn', 'the account is free: this run takes over')
    const unready = await options.venue.begin?.()
    if (unready !== undefined) throw new Error(unready.message)
    if (!(await this.#isCleared())) return
    this.#agreement.wake()
    await this.#adopt()
    if (pump.isStopped) return
    this.#takeovers++
    this.#state = 'leading'
    options.leaseMark?.set()
    control({ do: 'hold', on: false, why: 'this run trades the account now' }, 'standby')
    const tookMs = pump.now() - since
    tell('warn', `this run trades ${options.venue.id} now, ${tookMs} ms after it took the account`)
  }

  /** False where the run has stopped meanwhile. */
  async #isCleared(): Promise<boolean> {
    const { options, broker, pump, tell } = this.#parts
    for (;;) {
      const canceled = await broker.cancelAll?.()
      const report = await broker.report()
      if (pump.isStopped) return false
      for (const answer of [canceled, report])
        if (answer?.ok === false) tell('warn', `not cleared: ${answer.fault.message}`)
      const isClear =
        report.ok && report.value.orders.every(({ open, isOfRun }) => !open || isOfRun !== true)
      if (canceled?.ok === true && isClear) return true
      await pause(options.io, CLEAR_MS)
    }
  }

  /** What the account holds beyond what fills of ours explain. */
  async #adopt(): Promise<void> {
    const { options, engine, pump, tell, control, until } = this.#parts
    for (const { instrument, found } of (await this.#agreement.differences()) ?? []) {
      const lanes = engine.lanes.filter(({ symbol }) => symbol === instrument.id)
      const [lane] = lanes
      if (lane === undefined || lanes.length > 1) {
        const names = lanes.map(({ strategy }) => strategy).join(', ')
        const what = `${instrument.symbol}: ${found.qty} at ${options.venue.id}`
        tell('error', `${what} may belong to ${names}; say whose: skein control adopt --lane`)
        continue
      }
      const { strategy } = lane
      control({ do: 'adopt', symbol: instrument.id, strategy, ...found }, 'standby')
    }
    await until(() => pump.isStopped || pump.inbox.nextAt === Infinity)
  }
}
