/*
 * Gateway: batches that are durable go to their venues; what the venues answer comes back as inputs.
 *
 * Batches leave in the order of the turns, and as many may be under way as the venue takes; venues do not wait for each
 * other. What is about an order of which something is under way waits for its answer, and everything behind it too. So
 * does a wave of quotes, until the waves before it have been answered.
 * A command is sent once, ever; only what the engine sends again as such, under its old id, leaves a second time. Its
 * answer is one of three:
 *
 *   accepted    a submit becomes `order.accepted`; cancels and amends are told by the venue's stream
 *   rejected    the venue proved that there is nothing: `order.rejected`, for its legs too, or `cancel.rejected`
 *   unknown     nothing is concluded: the symbol is halted, and reconciliation finds out what happened
 *
 * A failure that does not prove that nothing happened is unknown, a thrown one among them. A submit that has waited
 * too long, or meets the kill switch, is rejected here: what never left cannot have been taken. A quote that comes after
 * the deadline of its turn, or meets the kill switch, is neither placed nor moved. Cancels always leave, but for one
 * thing: where the venue has refused the cancel of an order for good, that order is over as a rule, and the next report
 * says so. Cancels of it that leave meanwhile would keep the report from doing so: by using up the budget, and as an order
 * that is always under way.
 */
import { assert, unreachable } from '../../core/assert.ts'
import { BoundedMap } from '../../core/bounded-map.ts'
import type { Ms, OrderId, SymbolId, VenueId } from '../../core/brand.ts'
import type { Batch, Command, Turn } from '../../core/command.ts'
import { type Fault, fault } from '../../core/fault.ts'
import type { Input } from '../../core/input.ts'
import { isLeg, type Order } from '../../core/order.ts'
import { isQuote } from '../../engine/outbox.ts'
import { failed, type Result } from '../../core/result.ts'
import type { Broker } from '../../core/venue.ts'

/** Batches that may wait for one venue. More is an error of the program: risk limits what may be asked. */
export const QUEUE_MAX = 1_000
/** A cancel that was refused for good leaves again after a report, or after so long without one. */
const CANCEL_REFUSED_MS = 120_000
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
  /** The same of quotes, asked anew for each: a deadline that was switched holds from then on. */
  readonly quoteAgeMsMax?: () => number
  /** Batches of a venue that may be under way at once; 1 where not given. */
  readonly inFlight?: ReadonlyMap<VenueId, number>
  /** Told of each batch, by the time of its turn, when all its commands were answered. */
  readonly onAnswered?: (at: Ms) => void
  /** Told where the outcome of a submit or an amend is not known. */
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
  /** Submits, and moves of quotes, that were rejected here: they came too late or against the kill switch. */
  readonly unsent: number
  /** Quotes that were not placed or moved, because the deadline of their turn was over. */
  readonly late: number
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
  readonly #working = new Map<VenueId, Set<Waiting>>()
  readonly #idle: (() => void)[] = []
  #failure: Error | undefined
  readonly #underWay = new Map<OrderId, number>()
  readonly #sent = new BoundedMap<OrderId, true>(SENT_MAX)
  /** When the venue refused a cancel for good; only what no report has told of since. */
  #refused = new BoundedMap<OrderId, Ms>(SENT_MAX)
  readonly #counts = {
    batches: 0,
    commands: 0,
    accepted: 0,
    rejected: 0,
    unknown: 0,
    unsent: 0,
    late: 0,
  }
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
    }
    for (const venue of this.#queues.keys()) this.#start(venue)
  }

  /** While there is a reason, no submit leaves but those that reduce, and no quote is moved. */
  kill(why: string | undefined): void {
    this.#killed = why
  }

  /** A report has told of the orders whose cancels were refused before it was asked for. */
  onReport(askedAt: Ms): void {
    const before = this.#refused
    this.#refused = new BoundedMap(SENT_MAX)
    for (const id of before.keys()) {
      const at = before.get(id)!
      if (at >= askedAt) this.#refused.set(id, at)
    }
  }

  /** Orders with a request that waits or is under way. */
  get underWay(): ReadonlySet<OrderId> {
    return new Set(this.#underWay.keys())
  }

  /** Resolves when nothing waits and nothing is under way. */
  async idle(): Promise<void> {
    while (this.#isWorking() && this.#failure === undefined)
      await new Promise<void>((resolve) => this.#idle.push(resolve))
    if (this.#failure !== undefined) throw this.#failure
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

  #isWorking(): boolean {
    for (const working of this.#working.values()) if (working.size > 0) return true
    return false
  }

  /** Lets leave what may, from the head of the queue on: nothing overtakes. */
  #start(venue: VenueId): void {
    const queue = this.#queues.get(venue) ?? []
    const working = this.#working.get(venue) ?? new Set<Waiting>()
    this.#working.set(venue, working)
    const most = this.#options.inFlight?.get(venue) ?? 1
    while (!this.#isClosed && working.size < most) {
      const [next] = queue
      if (next === undefined || [...working].some((other) => mustWait(next, other))) break
      queue.shift()
      working.add(next)
      void this.#work(venue, next, working)
    }
  }

  async #work(venue: VenueId, next: Waiting, working: Set<Waiting>): Promise<void> {
    try {
      await this.#execute(venue, next)
      working.delete(next)
      this.#start(venue)
    } catch (error) {
      // It stays among those under way: nothing more of this venue leaves.
      this.#failure ??= error instanceof Error ? error : new Error(String(error))
      this.#options.onError?.(error)
    }
    const waiting = this.#idle.splice(0)
    for (const resolve of waiting) resolve()
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
    this.#options.onAnswered?.(at)
  }

  /** Why a command does not leave. What is refused here never was at the venue. */
  #refusal(command: Command, at: Ms): Fault | undefined {
    const { isDryRun = false, maxAgeMs = Infinity, quoteAgeMsMax, now } = this.#options
    if (isDryRun) return fault('unsupported', 'dry-run')
    if (command.type === 'cancel') return this.#isRefused(command.id) ? REFUSED_BEFORE : undefined
    const deadlineMs = isQuote(command) ? (quoteAgeMsMax?.() ?? Infinity) : Infinity
    if (now() - at > deadlineMs) {
      this.#counts.late++
      return fault('venue-unavailable', `its turn was over its deadline of ${deadlineMs} ms`)
    }
    if (isProtective(command)) return undefined
    const { id } = command.type === 'submit' ? command.order : command
    const waited = now() - at
    const why =
      this.#killed === undefined
        ? waited > maxAgeMs
          ? `it waited ${waited} ms, at most ${maxAgeMs}`
          : undefined
        : `the kill switch is on: ${this.#killed}`
    if (why === undefined) return undefined
    this.#counts.unsent++
    return fault('bad-request', `${id} was not sent: ${why}`)
  }

  #isRefused(id: OrderId): boolean {
    const at = this.#refused.get(id)
    return at !== undefined && this.#options.now() - at < CANCEL_REFUSED_MS
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
        // Of an unknown cancel the stream tells, or reconciliation after the window. Whoever wanted an amend compares.
        if (isUnknown(answer.fault)) {
          this.#counts.unknown++
          if (command.type === 'amend') this.#options.onUnknown?.(command.id)
          return
        }
        this.#counts.rejected++
        if (command.type === 'cancel' && answer.fault.retry === 'never')
          this.#refused.set(command.id, at)
        sink({ type: 'cancel.rejected', id: command.id, fault: answer.fault, ...told })
        return
      default:
        unreachable(command)
    }
  }

  #noteSent({ order: { id }, isAgain }: Extract<Command, { type: 'submit' }>): void {
    assert(isAgain === true || !this.#sent.has(id), `order ${id} is sent once`)
    this.#sent.set(id, true)
  }
}

/** What protects or closes a position leaves whatever holds: of an amend, what is not surely that of a quote. */
const isProtective = (command: Exclude<Command, { readonly type: 'cancel' }>): boolean =>
  command.type === 'amend'
    ? command.quote !== true
    : command.order.reduceOnly === true || isLeg(command.order)

/** True where a batch waits for the answer to another: they are about one order, or that one is of an earlier wave. */
function mustWait(next: Waiting, other: Waiting): boolean {
  const isEarlier = other.at === next.at && (other.batch.wave ?? 0) < (next.batch.wave ?? 0)
  if (isEarlier && other.batch.kind !== 'cancel') return true
  const ids = new Set(idsOf(other.batch))
  for (const id of idsOf(next.batch)) if (ids.has(id)) return true
  return false
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

/** Nothing new is known of the order. */
const REFUSED_BEFORE = fault('outcome-unknown', 'its cancel was refused since the last report')

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
