/*
 * Gap: what the account's stream of a venue did not tell while it was down.
 *
 *   up     what the stream tells is heard at once
 *   down   what it tells when it is back waits
 *   fill   the venue is asked what it has; what was missed is heard first, then what has waited, and then it is up
 *
 * Only what may have been missed is heard again, and in slices, because whoever hears it takes no more than fits its inbox.
 * Where hearing it fails, or the stream goes down once more, it is begun anew: what was heard already changes nothing.
 * Where the venue cannot be asked, what the stream tells is heard all the same, and it is up when the venue was: until
 * then nobody knows what was missed.
 */
import type { Ms, OrderId } from '../core/brand.ts'
import type { Result } from '../core/result.ts'
import { MINUTE, ms } from '../core/time.ts'
import { pause } from './clock.ts'
import type { Io } from './io.ts'

/** Orders of ours that are open as far as an adapter knows, and those that have ended. */
export interface Standing {
  readonly open: ReadonlySet<OrderId>
  readonly ended: ReadonlySet<OrderId>
}

export function standingOf(
  orders: Iterable<{ readonly id: OrderId; readonly isDone?: boolean }>,
): Standing {
  const [open, ended] = [new Set<OrderId>(), new Set<OrderId>()]
  for (const { id, isDone } of orders) (isDone === true ? ended : open).add(id)
  return { open, ended }
}

/** May a stream that was down since then have told something of an order? `id` is ours, where it is one. */
export function isMissed(
  order: {
    readonly id: OrderId | undefined
    readonly isOpen: boolean
    readonly updatedAt: Ms | undefined
  },
  { open, ended }: Standing,
  since: Ms,
): boolean {
  const { id, isOpen, updatedAt = Infinity } = order
  if (isOpen || (id !== undefined && open.has(id))) return true
  return updatedAt >= since && (id === undefined || !ended.has(id))
}

/** A stream may be dead for so long before it is called down, and the clocks of both sides differ. */
const MARGIN_MS = 5 * MINUTE
/** Updates that wait while a gap is filled. */
const HELD_MAX = 10_000
/** Updates that are heard at once, and the pause after them, in which they are worked off. */
const SLICE = 250
const SLICE_PAUSE_MS = 10
/** Before a gap that could not be filled is filled anew. */
const AGAIN_MS = 1_000

export interface GapOptions<Update> {
  readonly io: Pick<Io, 'now' | 'after'>
  /** What the stream tells, in words. */
  readonly of: string
  readonly hear: (update: Update) => void
  /** What may have been missed since then, to be heard in this order. */
  readonly missed: (since: Ms) => Promise<Result<readonly (() => void)[]>>
  readonly tell: (type: 'venue.up' | 'venue.down', why?: string) => void
  readonly onTrouble: (why: string) => void
}

export class Gap<Update> {
  readonly #options: GapOptions<Update>
  /** Updates that wait for the gap before them. */
  #held: Update[] | undefined
  #downAt: Ms | undefined
  /** Rises with each end of a fill, so that one that was overtaken ends. */
  #fills = 0

  constructor(options: GapOptions<Update>) {
    this.#options = options
  }

  hear(update: Update): void {
    const { hear, of, onTrouble } = this.#options
    if (this.#held === undefined) hear(update)
    else if (this.#held.length < HELD_MAX) this.#held.push(update)
    // The report that is under way, or the next one, knows it.
    else onTrouble(`too many ${of} while a gap was filled`)
  }

  /** What waits is heard, also where it never was up before: the first connection may have failed, and the second held. */
  up(hasGap: boolean): void {
    if (hasGap) this.#held ??= []
    if (this.#held !== undefined) this.#begin()
    else this.#options.tell('venue.up')
  }

  down(why: string): void {
    this.#fills++
    this.#held ??= []
    this.#downAt ??= this.#options.io.now()
    this.#options.tell('venue.down', why)
  }

  close(): void {
    this.#fills++
  }

  #begin(): void {
    const { io, of, onTrouble } = this.#options
    const fill = ++this.#fills
    this.#fill(fill).catch((error: unknown) => {
      if (this.#fills !== fill) return
      const why = error instanceof Error ? error.message : String(error)
      onTrouble(`the gap in ${of} was not filled, which is tried again: ${why}`)
      io.after(AGAIN_MS, () => {
        if (this.#fills === fill) this.#begin()
      })
    })
  }

  async #fill(fill: number): Promise<void> {
    const { io, of, missed, tell, onTrouble } = this.#options
    const since = ms((this.#downAt ?? io.now()) - MARGIN_MS)
    for (let tries = 1; ; tries++) {
      // What is told while the venue is asked may be newer than its answer.
      this.#held ??= []
      const answer = await missed(since)
      if (this.#fills !== fill) return
      if (!answer.ok && tries === 1)
        onTrouble(`the gap in ${of} is not filled yet: ${answer.fault.message}`)
      if (!(await this.#hearAll(fill, answer.ok ? answer.value : []))) return
      if (answer.ok) break
      await pause(io, AGAIN_MS)
      if (this.#fills !== fill) return
    }
    this.#downAt = undefined
    tell('venue.up')
  }

  /** What was missed, then what waits behind it. False where another cut has overtaken it. */
  async #hearAll(fill: number, missed: readonly (() => void)[]): Promise<boolean> {
    const { io, hear } = this.#options
    let heard = 0
    const rest = async (): Promise<void> => {
      if (++heard % SLICE === 0) await pause(io, SLICE_PAUSE_MS)
    }
    for (const each of missed) {
      each()
      await rest()
      if (this.#fills !== fill) return false
    }
    const held = this.#held ?? []
    for (let next = held[0]; next !== undefined; next = held[0]) {
      hear(next)
      held.shift()
      await rest()
      if (this.#fills !== fill) return false
    }
    this.#held = undefined
    return true
  }
}
