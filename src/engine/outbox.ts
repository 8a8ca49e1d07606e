/*
 * Outbox: what the turn asks of the world, folded and cut into as few calls as the venues allow.
 *
 * Within one turn: a submit whose order is canceled in the same turn never leaves (both annihilate); amends of
 * one order merge, the last value of each field wins; a cancel beats an amend; a second cancel of an order
 * folds into the first. Cancels leave first, then amends, then submits, each in the order of the wish; each
 * kind is grouped by venue and cut to the venue's batch limit.
 */
import { assert } from '../core/assert.ts'
import type { OrderId, VenueId } from '../core/brand.ts'
import type { Batch, Command } from '../core/command.ts'
import { Hasher, type HashState } from '../core/hash.ts'
import type { Order } from '../core/order.ts'
import type { Universe } from '../core/universe.ts'
import type { Limits } from '../core/venue.ts'

type Submit = Extract<Command, { readonly type: 'submit' }>
type Cancel = Extract<Command, { readonly type: 'cancel' }>
type Amend = Extract<Command, { readonly type: 'amend' }>

export interface OutboxStatistics {
  readonly commands: number
  readonly batches: number
  /** Wishes that needed no command of their own. */
  readonly folded: number
}

export interface OutboxState extends OutboxStatistics {
  readonly intents: HashState
}

const NONE: readonly Batch[] = []

export class Outbox {
  readonly #universe: Universe
  readonly #limits: ReadonlyMap<VenueId, Limits>
  readonly #submits = new Map<OrderId, Submit>()
  readonly #cancels = new Map<OrderId, Cancel>()
  readonly #amends = new Map<OrderId, Amend>()
  readonly #intents = new Hasher()
  #commands = 0
  #batches = 0
  #folded = 0

  constructor(universe: Universe, limits: ReadonlyMap<VenueId, Limits>) {
    for (const [venue, { orders }] of limits) {
      assert(
        Number.isSafeInteger(orders.batch) && orders.batch > 0,
        `a batch of ${venue} holds at least one command, not ${orders.batch}`,
      )
    }
    this.#universe = universe
    this.#limits = limits
  }

  submit(command: Submit): void {
    this.#submits.set(command.order.id, command)
  }

  /** Gives 'annihilated' where the order has not left yet: the caller ends it at once. */
  cancel(command: Cancel): 'wanted' | 'annihilated' {
    const waiting = this.#submits.get(command.id)
    this.#submits.delete(command.id)
    // What was sent before may be there after all: it does not leave again, and the cancel goes after it.
    if (waiting !== undefined && waiting.isAgain !== true) {
      this.#folded += 2
      return 'annihilated'
    }
    if (this.#amends.delete(command.id)) this.#folded++
    if (this.#cancels.has(command.id)) this.#folded++
    else this.#cancels.set(command.id, command)
    return 'wanted'
  }

  /** Gives 'unsent' where the order has not left yet: the caller changes it, it leaves as it then is. */
  amend(command: Amend): 'wanted' | 'unsent' {
    if (this.#submits.has(command.id)) {
      this.#folded++
      return 'unsent'
    }
    if (this.#cancels.has(command.id)) {
      this.#folded++
      return 'wanted'
    }
    const earlier = this.#amends.get(command.id)
    if (earlier !== undefined) this.#folded++
    this.#amends.set(command.id, earlier === undefined ? command : { ...earlier, ...command })
    return 'wanted'
  }

  /** The batches of the turn that ends now; the outbox is empty afterwards. */
  flush(): readonly Batch[] {
    if (this.#isEmpty()) return NONE
    const batches: Batch[] = []
    this.#cut(this.#cancels, batches)
    this.#cut(this.#amends, batches)
    this.#cut(this.#submits, batches)
    this.#batches += batches.length
    return batches
  }

  /** Hash of all commands that ever left, in order: two runs with equal intents have equal hashes. */
  get intents(): string {
    return this.#intents.digest()
  }

  get statistics(): OutboxStatistics {
    return { commands: this.#commands, batches: this.#batches, folded: this.#folded }
  }

  capture(): OutboxState {
    assert(this.#isEmpty(), 'a snapshot is taken between turns')
    return { ...this.statistics, intents: this.#intents.capture() }
  }

  restore(state: OutboxState): void {
    this.#commands = state.commands
    this.#batches = state.batches
    this.#folded = state.folded
    this.#intents.restore(state.intents)
  }

  #isEmpty(): boolean {
    return this.#submits.size === 0 && this.#cancels.size === 0 && this.#amends.size === 0
  }

  #cut(kind: Map<OrderId, Command>, batches: Batch[]): void {
    if (kind.size === 0) return
    // A list, because there are few venues: a Map per turn costs more than the looks along it.
    const groups: { readonly venue: VenueId; readonly commands: Command[] }[] = []
    for (const command of kind.values()) {
      this.#commands++
      this.#intents.add(intent(command))
      const symbol = command.type === 'submit' ? command.order.symbol : command.symbol
      const { venue } = this.#universe.at(symbol)
      const group = groups.find((each) => each.venue === venue)
      if (group === undefined) groups.push({ venue, commands: [command] })
      else group.commands.push(command)
    }
    kind.clear()
    for (const { venue, commands: group } of groups) {
      const limits = this.#limits.get(venue)
      assert(limits !== undefined, () => `the limits of venue ${venue} are known`)
      for (let i = 0; i < group.length; i += limits.orders.batch) {
        const isWhole = group.length <= limits.orders.batch
        const chunk = isWhole ? group : group.slice(i, i + limits.orders.batch)
        batches.push({ venue, kind: chunk[0]!.type, commands: chunk })
      }
    }
  }
}

/** One line that holds all of a command that matters to its venue. */
function intent(command: Command): string {
  if (command.type === 'cancel') return `cancel ${command.id}`
  if (command.type === 'amend') {
    return `amend ${command.id} ${command.qty} ${command.limit} ${command.stop}`
  }
  const { order, legs } = command
  return `submit ${orderLine(order)} ${legs?.map(orderLine).join(' ')}`
}

function orderLine(order: Order): string {
  const { id, symbol, side, type, qty, limit, stop, tif, postOnly, reduceOnly } = order
  return `${id} ${symbol} ${side} ${type} ${qty} ${limit} ${stop} ${tif} ${postOnly} ${reduceOnly}`
}
