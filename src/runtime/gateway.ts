/*
 * Gateway: batches that are durable go to their venues; what the venues answer comes back as inputs.
 *
 * One batch per venue is under way, the next follows in the order of the turns; venues do not wait for each other.
 * A command is sent once, ever; only what the engine sends again as such, under its old id, leaves a second time. Its
 * answer is one of three:
 *
 *   accepted    a submit becomes `order.accepted`; cancels and amends are told by the venue's stream
 *   rejected    the venue proved that there is nothing: `order.rejected`, for its legs too, or `cancel.rejected`
 *   unknown     nothing is concluded: the symbol is halted, and reconciliation finds out what happened
 *
 * A failure that does not prove that nothing happened is unknown, a thrown one among them. A submit that has waited
 * too long, or meets the kill switch, is rejected here: what never left cannot have been taken. Cancels always leave.
 */
import { assert, unreachable } from '../core/assert.ts'
import type { Ms, OrderId, SymbolId, VenueId } from '../core/brand.ts'
import type { Batch, Command, Turn } from '../core/command.ts'
import { type Fault, fault } from '../core/fault.ts'
import type { Input } from '../core/input.ts'
import { isLeg, type Order } from '../core/order.ts'
import { failed, type Result } from '../core/result.ts'
import type { Broker } from '../core/venue.ts'

/** Batches that may wait for one venue. More is an error of the program: risk limits what may be asked. */
export const QUEUE_MAX = 1_000
/** Ids of sent orders that are remembered to assert that none is sent twice. */
const SENT_MAX = 100_000

export interface GatewayOptions {
  readonly brokers: ReadonlyMap<VenueId, Broker>
  readonly now: () => Ms
  readonly sink: (input: Input) => void
  /** Answers every submit with a rejection and sends nothing. */
  readonly isDryRun?: boolean
  /** A submit that waited longer is not sent: what it was meant for has passed. */
  readonly maxAgeMs?: number
  /** Told where the outcome of a submit is not known. */
  readonly onUnknown?: (id: OrderId) => void
  /** Told of an error of the program while a batch was sent: nothing of that venue leaves any more. */
  readonly onError?: (error: unknown) => void
}

export interface GatewayStatistics {
  readonly batches: number
  readonly commands: number
  readonly accepted: number
  readonly rejected: number
  readonly unknown: number
  /** Submits that were rejected here, because they came too late or against the kill switch. */
  readonly unsent: number
  readonly waiting: number
  /** Longest time from a turn to its answer, in milliseconds. */
  readonly slowestMs: number
}

type Answer = Result<{ readonly venueId: string }>
interface Waiting {
  readonly batch: Batch
  readonly at: Ms
}

export class Gateway {
  readonly #options: GatewayOptions
  readonly #queues = new Map<VenueId, Waiting[]>()
  readonly #working = new Map<VenueId, Promise<void>>()
  readonly #underWay = new Map<OrderId, number>()
  readonly #sent = new Set<OrderId>()
  readonly #counts = { batches: 0, commands: 0, accepted: 0, rejected: 0, unknown: 0, unsent: 0 }
  #slowestMs = 0
  #killed: string | undefined
  #isClosed = false

  constructor(options: GatewayOptions) {
    this.#options = options
  }

  /** Takes the batches of a turn that the journal has made durable. */
  send({ batches, at }: Turn): void {
    for (const batch of batches) {
      const { venue } = batch
      assert(this.#options.brokers.has(venue), `venue ${venue} has a broker`)
      const queue = this.#queues.get(venue) ?? []
      this.#queues.set(venue, queue)
      assert(queue.length < QUEUE_MAX, `at most ${QUEUE_MAX} batches wait for ${venue}`)
      for (const id of idsOf(batch)) this.#underWay.set(id, (this.#underWay.get(id) ?? 0) + 1)
      queue.push({ batch, at })
      if (this.#working.has(venue) || this.#isClosed) continue
      const work = this.#work(venue, queue)
      this.#working.set(venue, work)
      if (this.#options.onError !== undefined) work.catch(this.#options.onError)
    }
  }

  /** While there is a reason, no submit leaves but those that reduce. */
  kill(why: string | undefined): void {
    this.#killed = why
  }

  /** Orders with a request that waits or is under way. */
  get underWay(): ReadonlySet<OrderId> {
    return new Set(this.#underWay.keys())
  }

  /** Resolves when nothing waits and nothing is under way. */
  async idle(): Promise<void> {
    while (this.#working.size > 0) await Promise.all(this.#working.values())
  }

  /** Nothing more leaves. What is under way is no longer told. */
  close(): void {
    this.#isClosed = true
    this.#queues.clear()
  }

  get statistics(): GatewayStatistics {
    let waiting = 0
    for (const queue of this.#queues.values()) waiting += queue.length
    return { ...this.#counts, waiting, slowestMs: this.#slowestMs }
  }

  async #work(venue: VenueId, queue: Waiting[]): Promise<void> {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      await this.#execute(venue, next)
      if (this.#isClosed) break
    }
    this.#working.delete(venue)
  }

  async #execute(venue: VenueId, { batch, at }: Waiting): Promise<void> {
    const { now } = this.#options
    const answers = new Map<Command, Answer>()
    const leaving: Command[] = []
    for (const command of batch.commands) {
      const refusal = this.#refusal(command, at)
      if (refusal === undefined) leaving.push(command)
      else answers.set(command, failed(refusal))
    }
    for (const command of leaving) if (command.type === 'submit') this.#noteSent(command)
    if (leaving.length > 0) {
      this.#counts.batches++
      this.#counts.commands += leaving.length
      const given = await this.#ask(venue, { batch: { ...batch, commands: leaving }, at })
      for (const [i, command] of leaving.entries())
        answers.set(command, given[i] ?? noAnswer(venue))
    }
    if (this.#isClosed) return
    this.#slowestMs = Math.max(this.#slowestMs, now() - at)
    for (const command of batch.commands) this.#tell(command, answers.get(command)!)
    for (const id of idsOf(batch)) {
      const left = this.#underWay.get(id)! - 1
      if (left > 0) this.#underWay.set(id, left)
      else this.#underWay.delete(id)
    }
  }

  /** Why a command does not leave. What is refused here never was at the venue. */
  #refusal(command: Command, at: Ms): Fault | undefined {
    const { isDryRun = false, maxAgeMs = Infinity, now } = this.#options
    if (isDryRun) return fault('unsupported', 'dry-run')
    if (command.type !== 'submit') return undefined
    const { order } = command
    const isProtective = order.reduceOnly === true || isLeg(order)
    if (isProtective) return undefined
    const waited = now() - at
    const why =
      this.#killed === undefined
        ? waited > maxAgeMs
          ? `it waited ${waited} ms, at most ${maxAgeMs}`
          : undefined
        : `the kill switch is on: ${this.#killed}`
    if (why === undefined) return undefined
    this.#counts.unsent++
    return fault('bad-request', `${order.id} was not sent: ${why}`)
  }

  async #ask(venue: VenueId, { batch, at }: Waiting): Promise<readonly Answer[]> {
    try {
      const broker = this.#options.brokers.get(venue)!
      // The kill switch may be pulled while the rest of the batch waits in the adapter.
      return await broker.execute(batch, (command) => this.#refusal(command, at))
    } catch (error) {
      // An adapter that throws has told nothing about what it sent.
      const why = error instanceof Error ? error.message : String(error)
      return batch.commands.map(() => failed(fault('outcome-unknown', `${venue}: ${why}`)))
    }
  }

  #tell(command: Command, answer: Answer): void {
    const { sink, now } = this.#options
    const at = now()
    const told = { at, ts: at }
    switch (command.type) {
      case 'submit': {
        const { order, legs = [] } = command
        if (answer.ok) {
          this.#counts.accepted++
          const { venueId } = answer.value
          sink({ type: 'order.accepted', id: order.id, venueId, ...told })
          return
        }
        if (isUnknown(answer.fault)) {
          this.#counts.unknown++
          sink(haltInput(order, answer.fault, at))
          this.#options.onUnknown?.(order.id)
          return
        }
        this.#counts.rejected++
        for (const { id } of [order, ...legs]) {
          sink({ type: 'order.rejected', id, fault: answer.fault, ...told })
        }
        return
      }
      case 'cancel':
      case 'amend':
        if (answer.ok) {
          this.#counts.accepted++
          return
        }
        // Of an unknown cancel the stream tells, or reconciliation after the window; an amend is not repeated.
        if (isUnknown(answer.fault)) {
          this.#counts.unknown++
          return
        }
        this.#counts.rejected++
        sink({ type: 'cancel.rejected', id: command.id, fault: answer.fault, ...told })
        return
      default:
        unreachable(command)
    }
  }

  #noteSent({ order: { id }, isAgain }: Extract<Command, { type: 'submit' }>): void {
    assert(isAgain === true || !this.#sent.has(id), `order ${id} is sent once`)
    this.#sent.add(id)
    if (this.#sent.size <= SENT_MAX) return
    for (const oldest of this.#sent) {
      this.#sent.delete(oldest)
      break
    }
  }
}

function* idsOf(batch: Batch): Iterable<OrderId> {
  for (const command of batch.commands) {
    if (command.type !== 'submit') {
      yield command.id
      continue
    }
    yield command.order.id
    for (const leg of command.legs ?? []) yield leg.id
  }
}

const noAnswer = (venue: VenueId): Answer =>
  failed(fault('outcome-unknown', `${venue} gave fewer answers than commands`))

/** A failure that does not prove that nothing was taken. */
function isUnknown({ code, context }: Fault): boolean {
  if (code === 'outcome-unknown') return true
  const isTransport = code === 'network' || code === 'timeout' || code === 'corrupt-data'
  return isTransport && context?.['sent'] !== 'no'
}

function haltInput(
  { id, symbol }: Order & { readonly symbol: SymbolId },
  { message }: Fault,
  at: Ms,
): Input {
  const why = `the outcome of order ${id} is not known: ${message}`
  const control = { do: 'halt-symbol', symbol, cause: 'unknown-order', on: true, why } as const
  return { type: 'control', at, control, by: 'gateway' }
}
