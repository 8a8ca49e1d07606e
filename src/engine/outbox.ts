/*
 * Outbox: the command bus. What the turn asks of the world, folded and cut into as few calls as the venues allow.
 *
 * FOLDED, within one turn and one order:
 *   submit + cancel     never leave (both annihilate); one that was sent before leaves as a cancel
 *   submit + amend      the order leaves as it then is
 *   amend + amend       one amend, the last value of each field
 *   amend + cancel      the cancel
 *   cancel + cancel     one cancel
 *   cancel + submit     of one lane and side: an amend, where replacing.ts allows it (the desk asks)
 * Each order has one owner, so orders of two strategies are never folded into each other; they may share a call.
 *
 * CUT: cancels leave first, then amends, then submits, each in the order of the wish; last of all the cancel of a leg
 * whose entry leaves in the same turn, which nobody would know before. A call holds commands of one kind for one venue:
 * at most what the venue takes, what `batching` allows, and what is left of the venue's orders of that kind in this
 * second, because a quota counts orders and the rest of such a call would be refused. Quotes of more symbols than may be
 * quoted at once leave in waves.
 */
import { assert } from '../core/assert.ts'
import type { Ms, OrderId, SymbolId, VenueId } from '../core/brand.ts'
import { type Batching, BATCHING_DEFAULTS, checkedBatching } from '../core/batching.ts'
import type { Batch, Command } from '../core/command.ts'
import { Hasher, type HashState } from '../core/hash.ts'
import type { Order } from '../core/order.ts'
import type { Universe } from '../core/universe.ts'
import type { Limits } from '../core/venue.ts'
import { type Moment, Quota } from './quota.ts'

type Kind = Command['type']
type Submit = Extract<Command, { readonly type: 'submit' }>
type Cancel = Extract<Command, { readonly type: 'cancel' }>
type Amend = Extract<Command, { readonly type: 'amend' }>

/** Wishes that needed no command of their own, by what became of them. */
export const FOLDS = ['annihilated', 'cancel', 'amend', 'submit', 'replaced'] as const
export type Fold = (typeof FOLDS)[number]

export interface OutboxStatistics {
  readonly commands: number
  readonly batches: number
  readonly folded: Readonly<Record<Fold, number>>
  /** Calls that would have been made with one call for each wish. */
  readonly saved: number
  /** Calls that were cut short, because the venue takes no more orders of their kind in that second. */
  readonly cutByQuota: number
  /** Most orders of one kind that left for a venue with a quota within a second. */
  readonly quotaPeak: number
}

export interface OutboxState {
  readonly commands: number
  readonly batches: number
  readonly folded: Readonly<Record<Fold, number>>
  readonly cutByQuota: number
  readonly quotaPeak: number
  readonly intents: HashState
  /** Orders of the last second, by venue and kind; where the venue has no such quota, none. */
  readonly quotas?: readonly (readonly [VenueId, Readonly<Record<Kind, readonly Moment[]>>])[]
  /** Only where it is not the one of the start. */
  readonly batching?: Batching
}

interface Group {
  readonly venue: VenueId
  readonly wave: number
  readonly commands: Command[]
}

const NONE: readonly Batch[] = []

export class Outbox {
  readonly #universe: Universe
  readonly #limits: ReadonlyMap<VenueId, Limits>
  readonly #submits = new Map<OrderId, Submit>()
  readonly #cancels = new Map<OrderId, Cancel>()
  readonly #amends = new Map<OrderId, Amend>()
  readonly #intents = new Hasher()
  readonly #quotas = new Map<VenueId, Readonly<Record<Kind, Quota>>>()
  readonly #folded: Record<Fold, number> = none()
  /** Symbols with quotes in this turn, in the order of the wish. */
  readonly #quoted = new Map<SymbolId, number>()
  readonly #begun: Batching
  #batching: Batching
  #commands = 0
  #batches = 0
  #cutByQuota = 0
  #quotaPeak = 0

  constructor(
    universe: Universe,
    limits: ReadonlyMap<VenueId, Limits>,
    batching: Batching = BATCHING_DEFAULTS,
  ) {
    for (const [venue, { orders }] of limits) {
      assert(
        Number.isSafeInteger(orders.batch) && orders.batch > 0,
        `a batch of ${venue} holds at least one command, not ${orders.batch}`,
      )
    }
    this.#universe = universe
    this.#limits = limits
    this.#batching = this.#begun = checkedBatching(batching)
  }

  get batching(): Batching {
    return this.#batching
  }

  /** From this turn on. */
  switch(batching: Batching): void {
    this.#batching = checkedBatching(batching)
  }

  submit(command: Submit): void {
    if (this.#submits.has(command.order.id)) this.#folded.submit++
    this.#submits.set(command.order.id, command)
  }

  /** Gives 'annihilated' where the order has not left yet: the caller ends it at once. */
  cancel(command: Cancel): 'wanted' | 'annihilated' {
    const waiting = this.#submits.get(command.id)
    this.#submits.delete(command.id)
    // What was sent before may be there after all: it does not leave again, and the cancel goes after it.
    if (waiting !== undefined && waiting.isAgain !== true) {
      this.#folded.annihilated += 2
      return 'annihilated'
    }
    if (this.#amends.delete(command.id)) this.#folded.amend++
    if (this.#cancels.has(command.id)) this.#folded.cancel++
    else this.#cancels.set(command.id, command)
    return 'wanted'
  }

  /** Gives 'unsent' where the order has not left yet: the caller changes it, it leaves as it then is. */
  amend(command: Amend): 'wanted' | 'unsent' {
    // The changed order takes the place of the one that waits, and counts as folded then.
    if (this.#submits.has(command.id)) return 'unsent'
    if (this.#cancels.has(command.id)) {
      this.#folded.amend++
      return 'wanted'
    }
    const earlier = this.#amends.get(command.id)
    if (earlier !== undefined) this.#folded.amend++
    this.#amends.set(command.id, earlier === undefined ? command : { ...earlier, ...command })
    return 'wanted'
  }

  /** Orders of a symbol whose cancel leaves with this turn, in the order of the wish. */
  canceledOf(symbol: SymbolId): readonly OrderId[] {
    if (this.#cancels.size === 0) return []
    const ids: OrderId[] = []
    for (const cancel of this.#cancels.values()) if (cancel.symbol === symbol) ids.push(cancel.id)
    return ids
  }

  /** The cancel and the submit that was to follow leave as one amend. */
  replace(amend: Amend): void {
    const isFound = this.#cancels.delete(amend.id)
    assert(isFound, () => `order ${amend.id} is canceled in the turn in which it is replaced`)
    this.#folded.replaced++
    this.#amends.set(amend.id, amend)
  }

  /** The batches of the turn that ends now; the outbox is empty afterwards. */
  flush(at: Ms): readonly Batch[] {
    if (this.#isEmpty()) return NONE
    const { enabled, coalesceCancel, coalescePlace } = this.#batching
    const batches: Batch[] = []
    const ofLegs = this.#takeCancelsOfLegs()
    this.#cut(this.#cancels, batches, { at, isShared: enabled && coalesceCancel })
    this.#cut(this.#amends, batches, { at, isShared: enabled && coalescePlace })
    this.#cut(this.#submits, batches, { at, isShared: enabled && coalescePlace })
    this.#cut(ofLegs, batches, { at, isShared: enabled && coalesceCancel })
    if (this.#quoted.size > 0) this.#quoted.clear()
    this.#batches += batches.length
    return batches
  }

  /** Hash of all commands that ever left, in order: two runs with equal intents have equal hashes. */
  get intents(): string {
    return this.#intents.digest()
  }

  get statistics(): OutboxStatistics {
    let folded = 0
    for (const fold of FOLDS) folded += this.#folded[fold]
    return {
      commands: this.#commands,
      batches: this.#batches,
      folded: { ...this.#folded },
      saved: this.#commands + folded - this.#batches,
      cutByQuota: this.#cutByQuota,
      quotaPeak: this.#quotaPeak,
    }
  }

  capture(at: number): OutboxState {
    assert(this.#isEmpty(), 'a snapshot is taken between turns')
    const quotas = [...this.#quotas].map(([venue, { submit, cancel, amend }]) => {
      const left = (quota: Quota) => quota.capture(at)
      return [venue, { submit: left(submit), cancel: left(cancel), amend: left(amend) }] as const
    })
    return {
      commands: this.#commands,
      batches: this.#batches,
      folded: { ...this.#folded },
      cutByQuota: this.#cutByQuota,
      quotaPeak: this.#quotaPeak,
      intents: this.#intents.capture(),
      ...(quotas.length === 0 ? {} : { quotas }),
      ...(this.#batching === this.#begun ? {} : { batching: this.#batching }),
    }
  }

  restore(state: OutboxState): void {
    this.#commands = state.commands
    this.#batches = state.batches
    this.#cutByQuota = state.cutByQuota
    this.#quotaPeak = state.quotaPeak
    Object.assign(this.#folded, state.folded)
    this.#intents.restore(state.intents)
    for (const [venue, kinds] of state.quotas ?? []) {
      for (const kind of ['submit', 'cancel', 'amend'] as const)
        this.#quotaOf(venue, kind).restore(kinds[kind])
    }
    if (state.batching !== undefined) this.#batching = checkedBatching(state.batching)
  }

  /** Cancels of legs that leave with their entry in this turn. */
  #takeCancelsOfLegs(): Map<OrderId, Cancel> {
    const taken = new Map<OrderId, Cancel>()
    if (this.#cancels.size === 0) return taken
    for (const { legs = [] } of this.#submits.values()) {
      for (const { id } of legs) {
        const cancel = this.#cancels.get(id)
        if (cancel === undefined) continue
        this.#cancels.delete(id)
        taken.set(id, cancel)
      }
    }
    return taken
  }

  #isEmpty(): boolean {
    return this.#submits.size === 0 && this.#cancels.size === 0 && this.#amends.size === 0
  }

  #cut(
    kind: Map<OrderId, Command>,
    batches: Batch[],
    { at, isShared }: { readonly at: Ms; readonly isShared: boolean },
  ): void {
    if (kind.size === 0) return
    // A list, because there are few venues: a Map per turn costs more than the looks along it.
    const groups: Group[] = []
    let group: Group | undefined
    for (const command of kind.values()) {
      this.#commands++
      note(this.#intents, command)
      const symbol = command.type === 'submit' ? command.order.symbol : command.symbol
      const { venue } = this.#universe.at(symbol)
      const wave = this.#waveOf(command, symbol)
      if (group?.venue !== venue || group.wave !== wave) {
        group = groups.find((each) => each.venue === venue && each.wave === wave)
        if (group === undefined) {
          group = { venue, wave, commands: [] }
          groups.push(group)
        }
      }
      group.commands.push(command)
    }
    kind.clear()
    for (const each of groups) this.#cutGroup(each, batches, { at, isShared })
  }

  #cutGroup(
    { venue, wave, commands }: Group,
    batches: Batch[],
    { at, isShared }: { readonly at: Ms; readonly isShared: boolean },
  ): void {
    const limits = this.#limits.get(venue)
    assert(limits !== undefined, () => `the limits of venue ${venue} are known`)
    const { type: kind } = commands[0]!
    const { quota: perSecond = Infinity, batch: most } = limits.orders
    const max = isShared ? Math.min(most, this.#batching.maxBatchSize) : 1
    const quota = perSecond < Infinity ? this.#quotaOf(venue, kind) : undefined
    for (let i = 0; i < commands.length;) {
      const free = Math.max(0, perSecond - (quota?.used(at) ?? 0))
      // What is over the quota waits for the next second, where it is over it altogether.
      const fits = Math.max(1, Math.min(max, free === 0 ? perSecond : free))
      const isWhole = i === 0 && commands.length <= fits
      if (fits < max && fits < commands.length - i) this.#cutByQuota++
      const chunk = isWhole ? commands : commands.slice(i, i + fits)
      batches.push(
        wave === 0 ? { venue, kind, commands: chunk } : { venue, kind, commands: chunk, wave },
      )
      quota?.take(at, chunk.length)
      i += chunk.length
    }
    if (quota !== undefined) this.#quotaPeak = Math.max(this.#quotaPeak, quota.used(at))
  }

  /** Cancels never wait. */
  #waveOf(command: Command, symbol: SymbolId): number {
    if (command.type === 'cancel' || !isQuote(command)) return 0
    let place = this.#quoted.get(symbol)
    if (place === undefined) {
      place = this.#quoted.size
      this.#quoted.set(symbol, place)
    }
    return Math.floor(place / this.#batching.maxParallelSymbols)
  }

  #quotaOf(venue: VenueId, kind: Kind): Quota {
    let quotas = this.#quotas.get(venue)
    if (quotas === undefined) {
      quotas = { submit: new Quota(1_000), cancel: new Quota(1_000), amend: new Quota(1_000) }
      this.#quotas.set(venue, quotas)
    }
    return quotas[kind]
  }
}

/** True where a command places or moves an order that a lane has declared to rest. */
export const isQuote = (command: Command): boolean =>
  (command.type === 'submit' && command.order.quote === true) ||
  (command.type === 'amend' && command.quote === true)

const none = (): Record<Fold, number> => ({
  annihilated: 0,
  cancel: 0,
  amend: 0,
  submit: 0,
  replaced: 0,
})

/** All of a command that matters to its venue. */
function note(hasher: Hasher, command: Command): void {
  if (command.type === 'cancel') {
    hasher.add('cancel').add(command.id)
  } else if (command.type === 'amend') {
    const { id, qty, limit, stop } = command
    hasher.add('amend').add(id).number(qty).number(limit).number(stop)
  } else {
    hasher.add('submit')
    noteOrder(hasher, command.order)
    if (command.legs !== undefined) for (const leg of command.legs) noteOrder(hasher, leg)
  }
}

function noteOrder(hasher: Hasher, order: Order): void {
  const { id, symbol, side, type, qty, limit, stop, tif, postOnly, reduceOnly } = order
  hasher.add(id).number(symbol).add(side).add(type).number(qty).number(limit).number(stop).add(tif)
  hasher.add(postOnly === true ? 'post' : '').add(reduceOnly === true ? 'reduce' : '')
}
