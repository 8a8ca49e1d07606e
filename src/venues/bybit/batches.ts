/*
 * Batches: commands of one kind as few requests, each answered for itself.
 *
 *   one request   up to 20 orders, and no more than the quota of a second has: it counts orders
 *   its answer    two lists, ids and codes, in the order of the request. What is said is looked for by our id, and an item
 *                 without an answer of its own has an unknown outcome, not its neighbour's
 *   refused       by the quota: sent again when there is room, since nothing was looked at; by a rule: that is the answer
 *   lost          no answer, or one that proves nothing: each order is looked up, several times. What is there is the
 *                 answer; what is not is sent by itself, *under the same id*, which the venue takes once. Where that is
 *                 refused, the first may still be there, unseen: its outcome stays unknown
 *   not offered   where the venue has no batches, each goes by itself, from then on
 */
import { unreachable } from '../../core/assert.ts'
import type { OrderId } from '../../core/brand.ts'
import type { Command } from '../../core/command.ts'
import { type Fault, fault } from '../../core/fault.ts'
import { failed, ok, type Result } from '../../core/result.ts'
import { pause } from '../../io/clock.ts'
import type { Io } from '../../io/io.ts'
import { decimalOf, isObject, type Json, textOf } from '../../io/json.ts'
import { mapLimit } from '../../io/pool.ts'
import { faultOf, isDone, isDuplicate, isLimited, isUnsupported } from './faults.ts'
import type { Category } from './category.ts'
import { type Found, lookup, recentOrders } from './lookup.ts'
import type { OrderEntry } from './order-entry.ts'
import type { Reply, Rest } from './rest.ts'
import { stateOf } from './wire.ts'

export type Taken = Result<{ readonly venueId: string }>
export type Verb = 'create' | 'amend' | 'cancel'

/** One command, as the venue takes it. */
export interface Item {
  readonly id: OrderId
  readonly body: Json
  /** Says why it may not leave any more. */
  readonly refusal: () => Fault | undefined
  /** True where the order is already what a change asks for. */
  readonly isDoneBy: (found: Found) => boolean
}

export interface BatchesOptions {
  readonly io: Pick<Io, 'monotonic' | 'after'>
  /** For lookups, and for the budgets of both ways. */
  readonly rest: Rest
  readonly entry: OrderEntry
  readonly category: Category
  /** Orders of one request, where the quota has room for them. */
  readonly size: number
  /** Single requests that are under way at the same time. */
  readonly concurrent: number
  readonly onTrouble: (why: string) => void
}

/** Waits before the lists are read after a lost answer: they may lag behind the matcher. */
const LISTS_MS = [100, 500, 1_500]
/** Longest time that what the quota refuses waits for room. */
const WAIT_MS = 10_000

export class Batches {
  readonly #options: BatchesOptions
  #isOffered = true

  constructor(options: BatchesOptions) {
    this.#options = options
  }

  /** One answer per item, in order. */
  async send(verb: Verb, items: readonly Item[]): Promise<readonly Taken[]> {
    const { rest, size, category } = this.#options
    const taken = new Map<Item, Taken>()
    const until = this.#options.io.monotonic() + WAIT_MS
    let left = [...items]
    while (left.length > 0) {
      const room = rest.budgets[`${verb}-batch`].stats().limit
      const fits = category.costOf(size) > 1 ? Math.min(size, room) : size
      const part = left.splice(0, Math.max(1, fits))
      const answers = await this.#part(verb, part)
      for (const [i, answer] of answers.entries()) {
        const item = part[i]!
        const isOver = this.#options.io.monotonic() >= until
        if (answer.ok || !isLimited(answer.fault) || isOver) taken.set(item, answer)
        // Those behind it have not left either: their order stays.
        else left = [item, ...left]
      }
      if (left.length > 0) left.sort((one, other) => items.indexOf(one) - items.indexOf(other))
    }
    return items.map((item) => taken.get(item) ?? failed(unanswered(item)))
  }

  async #part(verb: Verb, part: readonly Item[]): Promise<readonly Taken[]> {
    const whys = part.map(({ refusal }) => refusal())
    const leaving = part.filter((_, i) => whys[i] === undefined)
    const answers =
      leaving.length < 2 || !this.#isOffered
        ? await this.#singles(verb, leaving)
        : await this.#batch(verb, leaving)
    return part.map((item, i) => {
      const why = whys[i]
      if (why !== undefined) return failed(why)
      return answers[leaving.indexOf(item)] ?? failed(unanswered(item))
    })
  }

  async #batch(verb: Verb, items: readonly Item[]): Promise<readonly Taken[]> {
    const { rest, entry, category } = this.#options
    const request = `${verb}-batch` as const
    let isStopped = false
    const answer = await entry.send(
      request,
      { category: category.name, request: items.map(({ body }) => body) },
      {
        cost: category.costOf(items.length),
        // One that may not leave any more stops them all; without it they leave.
        refusal: () => {
          const why = items.map(({ refusal }) => refusal()).find((each) => each !== undefined)
          isStopped = why !== undefined
          return why
        },
      },
    )
    if (isStopped) return this.#part(verb, items)
    if (!answer.ok) return this.#failed(verb, items, answer.fault)
    rest.saved(items.length - 1)
    const told = itemsOf(answer.value, request)
    return mapLimit(items, this.#options.concurrent, async (item): Promise<Taken> => {
      const taken = told.get(item.id) ?? failed(unanswered(item))
      return taken.ok ? taken : this.#settled(verb, item, taken.fault)
    })
  }

  /** The request as a whole brought nothing. */
  async #failed(verb: Verb, items: readonly Item[], why: Fault): Promise<readonly Taken[]> {
    if (isUnsupported(why)) {
      this.#isOffered = false
      this.#options.onTrouble(`bybit offers no batches here: ${why.message}`)
      return this.#singles(verb, items)
    }
    const isUnsent = why.code === 'network' && why.context?.['sent'] === 'no'
    if (isUnsent) return this.#singles(verb, items)
    // A refusal of the whole is a refusal of each: none of it was looked at.
    if (why.code !== 'outcome-unknown') return items.map(() => failed(why))
    this.#options.onTrouble(`a batch of ${items.length} got no answer: ${why.message}`)
    return this.#found(verb, items)
  }

  #singles(verb: Verb, items: readonly Item[]): Promise<readonly Taken[]> {
    return mapLimit(items, this.#options.concurrent, (item) => this.#single(verb, item))
  }

  async #single(verb: Verb, { id, body, refusal, ...item }: Item): Promise<Taken> {
    const { entry, category } = this.#options
    const answer = await entry.send(verb, { category: category.name, ...body }, { refusal })
    if (!answer.ok) return this.#settled(verb, { id, body, refusal, ...item }, answer.fault)
    const { orderId, orderLinkId } = answer.value.result
    // Answers are told apart by our id, not by the request that they came to.
    if (orderLinkId !== id || textOf(orderId) === undefined)
      return failed(fault('outcome-unknown', `${id}: the answer is about ${String(orderLinkId)}`))
    return ok({ venueId: String(orderId) })
  }

  /** What a refusal of one item means. */
  async #settled(verb: Verb, item: Item, why: Fault): Promise<Taken> {
    if (!isDuplicate(why) && !isDone(why) && !(verb === 'cancel' && why.code === 'not-found'))
      return failed(why)
    const { rest, category } = this.#options
    const found = await lookup(rest, category, item.id)
    if (!found.ok) return failed(isDuplicate(why) ? found.fault : why)
    const taken = takenOf(verb, item, found.value)
    if (taken !== undefined) return taken
    return failed(
      isDuplicate(why)
        ? fault('outcome-unknown', `${item.id}: bybit has seen this id and does not show the order`)
        : why,
    )
  }

  /** After a lost answer: what the venue has of each order; what it has nothing of goes once more, by itself. */
  async #found(verb: Verb, items: readonly Item[]): Promise<readonly Taken[]> {
    const { rest, io, category, concurrent } = this.#options
    const taken = new Map<Item, Taken>()
    for (const waitMs of LISTS_MS) {
      await pause(io, waitMs)
      const orders = await recentOrders(rest, category)
      if (!orders.ok) break
      for (const item of items) {
        const order = orders.value.get(item.id)
        const proof =
          order === undefined ? undefined : takenOf(verb, item, { type: 'order', order })
        if (proof !== undefined) taken.set(item, proof)
      }
      if (taken.size === items.length) break
    }
    return mapLimit(items, concurrent, async (item) => taken.get(item) ?? this.#last(verb, item))
  }

  /** No list has it: asked for by its id, wherever it may be, before it goes again under that id. */
  async #last(verb: Verb, item: Item): Promise<Taken> {
    const { rest, category } = this.#options
    const found = await lookup(rest, category, item.id)
    if (!found.ok)
      return failed(fault('outcome-unknown', `${item.id}: lost, and ${found.fault.message}`))
    const taken = takenOf(verb, item, found.value)
    if (taken !== undefined) return taken
    const again = await this.#single(verb, item)
    // No list shows the first one yet, which proves nothing; and a refusal is of the second one alone.
    if (again.ok || verb !== 'create') return again
    return failed(
      fault('outcome-unknown', `${item.id}: lost, and then refused: ${again.fault.message}`),
    )
  }
}

/** The answers of a batch, by our ids. One that is missing, or has no code of its own, is not there. */
export function itemsOf({ result, codes }: Reply, what: string): ReadonlyMap<string, Taken> {
  const { list } = result
  const rows = Array.isArray(list) ? (list as unknown[]) : []
  const told = new Map<string, Taken>()
  // Which code belongs to which row is told by nothing but their places.
  if (rows.length !== codes.length) return told
  for (const [i, row] of rows.entries()) {
    const item = codes[i]
    const linkId = isObject(row) ? textOf(row['orderLinkId']) : undefined
    const code = isObject(item) ? decimalOf(item['code']) : undefined
    if (!isObject(row) || !isObject(item) || linkId === undefined || code === undefined) continue
    const venueId = textOf(row['orderId'])
    const message = textOf(item['msg']) ?? ''
    if (code !== 0) told.set(linkId, failed(faultOf({ code, message }, `${what} ${linkId}`, true)))
    else if (venueId !== undefined) told.set(linkId, ok({ venueId }))
  }
  return told
}

/** What a lookup proves of a command; undefined where it is not done. */
function takenOf(verb: Verb, item: Item, found: Found): Taken | undefined {
  if (found.type === 'nothing') return undefined
  if (found.type === 'trace') return verb === 'create' ? ok({ venueId: found.venueId }) : undefined
  const { order } = found
  const { venueId } = order
  switch (verb) {
    case 'create':
      return stateOf(order) === 'rejected'
        ? failed(fault('bad-request', `bybit rejected ${item.id}: ${order.rejectReason}`))
        : ok({ venueId })
    case 'cancel':
      return stateOf(order) === 'canceled' ? ok({ venueId }) : undefined
    case 'amend':
      return item.isDoneBy(found) ? ok({ venueId }) : undefined
    default:
      return unreachable(verb)
  }
}

const unanswered = ({ id }: Item): Fault =>
  fault('outcome-unknown', `${id}: its batch was answered without it`)

export const neverDone = (): boolean => false

/** Of a command, why it may not leave any more. */
export const refusalOf =
  (refusal: (command: Command) => Fault | undefined, command: Command) => (): Fault | undefined =>
    refusal(command)
