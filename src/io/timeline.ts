/*
 * Virtual time: one heap of events, by time and then by order of making, and a `run` that goes from one to the next.
 *
 * After each event everything settles before the next is taken: the event loop gets one turn, which ends only when
 * no promise of the program can go on by itself, and further turns until two in a row asked nothing of the world
 * (so code that goes on in a setImmediate is seen too). What waits for the real world, a file or a worker, is not
 * seen; `settle` of the options is for that.
 */
import { assert } from '../core/assert.ts'

/** Most turns of the event loop between two events; code that needs more goes round without waiting. */
const SETTLE_TURNS = 1_000
/** Turns in a row that asked nothing of the world, after which everything has settled: code may hop once. */
const QUIET_TURNS = 2
/** Most events of one moment; more of them is a loop that never lets time pass. */
const EVENTS_PER_MOMENT = 100_000

export interface VirtualEvent {
  /** Who is called: its events wait where it is frozen. */
  readonly owner: string
  /** Of one moment, timers come before what arrives: a process that stood still sees its timers first, as in Node. */
  readonly rank: 'timer' | 'arrival'
  readonly fire: () => void
}

interface Entry extends VirtualEvent {
  at: number
  order: number
  isOver: boolean
}

export class Timeline {
  readonly #settleMore: (() => Promise<void>) | undefined
  readonly #frozen = new Map<string, number>()
  readonly #failures: unknown[] = []
  #heap: Entry[] = []
  #now = 0
  #made = 0
  #over = 0
  #isRunning = false

  constructor(settle?: () => Promise<void>) {
    this.#settleMore = settle
  }

  /** Milliseconds since the world began. */
  get now(): number {
    return this.#now
  }

  /** Events that are still to come. */
  get waiting(): number {
    return this.#heap.length - this.#over
  }

  /** Gives how to take the event back. */
  add(delayMs: number, event: VirtualEvent): () => void {
    assert(delayMs >= 0, () => `an event lies ahead, not ${delayMs} ms`)
    const entry: Entry = { ...event, at: this.#now + delayMs, order: this.#made++, isOver: false }
    this.#push(entry)
    return () => {
      if (entry.isOver) return
      entry.isOver = true
      this.#over += 1
      if (this.#over > 1_000 && this.#over * 2 > this.#heap.length) this.#sweep()
    }
  }

  /** Nothing of `owner` is called for `forMs`: a process that is stopped, then continued. */
  freeze(owner: string, forMs: number): void {
    this.#frozen.set(owner, this.#now + forMs)
  }

  /** Makes the run fail: for what went wrong where nobody listens. */
  fail(cause: unknown): void {
    this.#failures.push(cause)
  }

  /**
   * Lets time pass until `until`, events of that moment included; sooner, where `isDone` says so after an
   * event. Rejects with the first thing thrown by an event.
   */
  async run(until: number, isDone: () => boolean = () => false): Promise<void> {
    assert(!this.#isRunning, 'one run at a time')
    this.#isRunning = true
    try {
      await this.#settle()
      let moment = this.#now
      let ofMoment = 0
      while (!isDone()) {
        const entry = this.#next(until)
        if (entry === undefined) {
          this.#now = Math.max(this.#now, until)
          return
        }
        this.#now = Math.max(this.#now, entry.at)
        ofMoment = this.#now === moment ? ofMoment + 1 : 1
        moment = this.#now
        assert(ofMoment <= EVENTS_PER_MOMENT, () => `time stands still at ${moment} ms`)
        entry.fire()
        await this.#settle()
      }
    } finally {
      this.#isRunning = false
    }
  }

  async #settle(): Promise<void> {
    let quiet = 0
    for (let turn = 0; turn < SETTLE_TURNS; turn++) {
      const before = this.#made
      await new Promise((resolve) => setImmediate(resolve))
      if (this.#failures.length > 0) throw this.#failures.shift()
      quiet = this.#made === before ? quiet + 1 : 0
      if (quiet < QUIET_TURNS) continue
      await this.#settleMore?.()
      if (this.#made === before) return
    }
    throw new Error(`nothing settles after ${SETTLE_TURNS} turns at ${this.#now} ms`)
  }

  /** The next event that is due by `until` and whose owner can be called. */
  #next(until: number): Entry | undefined {
    for (;;) {
      const entry = this.#heap[0]
      if (entry === undefined || (!entry.isOver && entry.at > until)) return undefined
      this.#pop()
      if (entry.isOver) {
        this.#over -= 1
        continue
      }
      const thaw = this.#frozen.get(entry.owner) ?? -1
      if (thaw <= entry.at) {
        entry.isOver = true
        return entry
      }
      entry.at = thaw
      this.#push(entry)
    }
  }

  #sweep(): void {
    const kept = this.#heap.filter((entry) => !entry.isOver)
    this.#over = 0
    // A sorted array is a heap.
    this.#heap = kept.toSorted((a, b) => (isBefore(a, b) ? -1 : 1))
  }

  #push(entry: Entry): void {
    const heap = this.#heap
    let i = heap.push(entry) - 1
    while (i > 0) {
      const parent = (i - 1) >> 1
      if (!isBefore(entry, heap[parent]!)) break
      heap[i] = heap[parent]!
      i = parent
    }
    heap[i] = entry
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()!
    if (heap.length === 0) return
    let i = 0
    for (;;) {
      let child = 2 * i + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child += 1
      if (!isBefore(heap[child]!, last)) break
      heap[i] = heap[child]!
      i = child
    }
    heap[i] = last
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  if (a.at !== b.at) return a.at < b.at
  if (a.rank !== b.rank && a.owner === b.owner) return a.rank === 'timer'
  return a.order < b.order
}
