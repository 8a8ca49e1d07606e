/*
 * Agreement: the venue is asked what it has, every minute, and sooner while something is open; what we believe is held
 * against its report, and the gap becomes inputs. One report is under way at a time.
 */
import type { Ms } from '../core/brand.ts'
import type { Input } from '../core/input.ts'
import { type Fault, fault } from '../core/fault.ts'
import { failed, type Result } from '../core/result.ts'
import type { VenueReport } from '../core/venue.ts'
import { type Difference, type Memory, NO_MEMORY, reconcile } from '../engine/reconcile.ts'
import type { Told } from './alerts.ts'
import type { LiveParts } from './live-options.ts'

export class Agreement {
  readonly #parts: LiveParts
  #memory: Memory = NO_MEMORY
  #reports = 0
  #reportedAt: Ms | undefined
  #asking: Promise<Fault | undefined> | undefined
  #cancelNext: (() => void) | undefined
  #nextAt = Infinity
  #isResting = false

  constructor(parts: LiveParts) {
    this.#parts = parts
  }

  /** Asks the venue and closes the gap. Gives why the venue could not be asked. */
  ask(): Promise<Fault | undefined> {
    const { pump } = this.#parts
    this.#asking ??= this.askOnce((inputs) => {
      for (const input of inputs) pump.push(input)
    }).finally(() => {
      this.#asking = undefined
      this.askNext()
    })
    return this.#asking
  }

  /** As `ask`, by a report that is asked for from now on. */
  async askAfresh(): Promise<Fault | undefined> {
    await this.#asking
    return await this.ask()
  }

  /** The next report comes when one is due. */
  askNext(): void {
    const { engine, timing } = this.#parts
    const isOpen =
      this.statistics.open > 0 || engine.ours.halts.some(({ cause }) => cause === 'unknown-order')
    this.askIn(isOpen ? timing.lookupEveryMs : timing.reconcileEveryMs)
  }

  /** The next report comes in `delayMs`, or sooner where it was due sooner. */
  askIn(delayMs: number): void {
    const { options, pump } = this.#parts
    if (pump.isStopped || this.#isResting) return
    const { io } = options
    const when = io.now() + delayMs
    if (this.#cancelNext !== undefined && this.#nextAt <= when) return
    this.#cancelNext?.()
    this.#nextAt = when
    this.#cancelNext = io.after(delayMs, () => {
      this.#cancelNext = undefined
      void this.ask()
    })
  }

  /** No report comes by itself any more. */
  rest(): void {
    this.#isResting = true
    this.#cancelNext?.()
  }

  /** One report, whose inputs go to whom is told. */
  async askOnce(take: (inputs: readonly Input[]) => void): Promise<Fault | undefined> {
    const { options, timing, engine, gateway, pump, tell } = this.#parts
    const { venue, setup } = options
    const askedAt = pump.now()
    const underWayBefore = gateway.underWay
    const answer = await this.#report()
    if (pump.isStopped) return undefined
    if (!answer.ok) {
      tell('warn', `${venue.id} gave no report: ${answer.fault.message}`)
      return answer.fault
    }
    this.#reports++
    this.#reportedAt = pump.now()
    const { inputs, differences, memory } = reconcile(engine.ours, answer.value, this.#memory, {
      venue: venue.id,
      universe: setup.universe,
      askedAt,
      at: pump.now(),
      visibilityMs: timing.visibilityMs,
      resendAgeMsMax: this.#resendAgeMsMax,
      underWay: new Set([...underWayBefore, ...gateway.underWay]),
    })
    this.#memory = memory
    for (const difference of differences) tell(levelOf(difference), difference.text)
    take(inputs)
    return undefined
  }

  /** When the venue last told all that it has, and the gap was closed. */
  get reportedAt(): Ms | undefined {
    return this.#reportedAt
  }

  get statistics(): { readonly reports: number; readonly open: number } {
    const { absent, unexplained, differing } = this.#memory
    return { reports: this.#reports, open: absent.size + unexplained.size + differing.size }
  }

  async #report(): Promise<Result<VenueReport>> {
    const { options, broker } = this.#parts
    try {
      return await broker.report()
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      return failed(fault('venue-unavailable', `${options.venue.id}: ${why}`))
    }
  }

  /** What is on its way out sends nothing twice. */
  get #resendAgeMsMax(): number {
    const { engine, timing } = this.#parts
    const isQuiet = engine.isStopping || engine.killSwitch !== undefined
    return isQuiet ? 0 : timing.orderAgeMsMax
  }
}

const levelOf = ({ kind }: Difference): Told['level'] =>
  kind === 'missed-fill' || kind === 'missed-end' ? 'warn' : 'error'
