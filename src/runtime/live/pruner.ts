/*
 * Pruner: keeps the journal of a run at a venue bounded. What is dropped must never be asked for again, so nothing is
 * dropped on trust:
 *
 *   keep    eight times in the kept span a snapshot is set aside
 *   prove   when the next snapshot is taken, a second session is restored from the one set aside and the bars that the
 *           journal keeps, and does again the turns between both; each must be decided as it was, and the state at the end
 *           must be that of the second. Else the snapshot is let go of, a person is told, and nothing is dropped by it
 *   begin   the newest proven one that is older than the kept span becomes the beginning of the journal, durably
 *   drop    what lies before goes in pieces of about a millisecond, between turns
 *
 * So a journal holds its kept span and at most an eighth of it more. All that counts for ever is in each snapshot: the
 * counter of order ids, the executions that were counted, positions, limits.
 *
 * An error here is told, leaves the run as it is, and is tried again an eighth of the span later: a journal that grows
 * stops nobody today.
 */
import type { Ms } from '../../core/brand.ts'
import type { Turn } from '../../core/command.ts'
import type { Journal, Past } from '../../core/store.ts'
import { iso } from '../../core/time.ts'
import { flawOf, type Restorable } from '../session/recover.ts'

/** Snapshots that are set aside in the kept span. */
const KEPT_PARTS = 8
/**
 * Pieces that are dropped after one snapshot, up to 16,384 turns: more than come until the next one, and so few that the
 * years of a journal that was never pruned go bit by bit.
 */
const DROPS_MAX = 64
/** Turns that are read at once to be copied: about a millisecond. */
const COPY_SLICE_TURNS = 64

export type CopyTurns = (
  span: { readonly from: number; readonly to: number },
  turns: AsyncIterable<Turn>,
) => Promise<void>

export interface PrunerOptions {
  readonly journal: Journal
  readonly past: Past
  /** Turns that are younger are kept, by the clock of the engine. */
  readonly keepMs: number
  /** Turns that a proof does again at most: a snapshot that waits for one of later is given up for that. */
  readonly proofTurnsMax: number
  /** A session that nobody listens to. */
  readonly build: () => Restorable
  /** Between two pieces of work. */
  readonly breathe: () => Promise<void>
  /** True where nothing may be written any more. What is not done the next process does. */
  readonly isOver: () => boolean
  /** Keeps turns elsewhere before they are dropped; resolves when that is durable. */
  readonly copy?: CopyTurns | undefined
  readonly tell: (level: 'info' | 'warn', text: string) => void
}

export interface PrunerStatistics {
  /** Turns, by this process. */
  readonly dropped: number
  /** Engine time at which this process last moved the beginning on. */
  readonly prunedAt?: Ms
  /** Engine time of the turn that the journal begins after, where it was pruned. */
  readonly beginsAt?: Ms
  /** Why nothing more is dropped at the moment. */
  readonly flaw?: string
}

export class Pruner {
  readonly #options: PrunerOptions
  #beginsAt: Ms | undefined
  #prunedAt: Ms | undefined
  #dropped = 0
  /** Why the last snapshot that was set aside proved nothing. */
  #flaw: string | undefined
  /** What the last piece of work met, and when it may be tried again. */
  #error: string | undefined
  #retryAt = -Infinity
  /** When a snapshot was last set aside, or found to prove nothing. */
  #keptAt = -Infinity
  #work: Promise<void> | undefined

  constructor(options: PrunerOptions) {
    this.#options = options
    const { past } = options
    this.#beginsAt = past.beginning?.at
    this.#keptAt = past.kept.at(-1)?.at ?? -Infinity
  }

  get statistics(): PrunerStatistics {
    const flaw = this.#error ?? this.#flaw
    return {
      dropped: this.#dropped,
      ...(this.#prunedAt === undefined ? {} : { prunedAt: this.#prunedAt }),
      ...(this.#beginsAt === undefined ? {} : { beginsAt: this.#beginsAt }),
      ...(flaw === undefined ? {} : { flaw }),
    }
  }

  /** After each snapshot. While it still works for the one before, it lets this one pass. */
  onSnapshot(n: number, at: Ms): void {
    if (at < this.#retryAt || this.#options.isOver() || this.#work !== undefined) return
    this.#work = this.#prune(n, at)
      .catch((error: unknown) => this.#onError(error, at))
      .finally(() => (this.#work = undefined))
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    await this.#work
  }

  async #prune(n: number, at: Ms): Promise<void> {
    // Not in the turn of the snapshot.
    await this.#breathe()
    await this.#prove(n, at)
    this.#keep(n, at)
    await this.#begin(at)
    await this.#drop()
    this.#error = undefined
  }

  /** What was set aside before, by what came since. */
  async #prove(n: number, at: Ms): Promise<void> {
    const { past, journal, build, proofTurnsMax } = this.#options
    const waiting = past.kept.find(({ isProven }) => !isProven)
    if (waiting === undefined || waiting.n >= n) return
    const others = past.kept.filter((kept) => kept.n !== waiting.n)
    if (n - waiting.n > proofTurnsMax) {
      past.keep(others)
      this.#keptAt = others.at(-1)?.at ?? -Infinity
      return
    }
    const breathe = () => this.#breathe()
    const flaw = await flawOf({ build, journal, breathe }, { from: waiting.n, to: n })
    if (flaw === undefined) {
      past.keep([...others, { ...waiting, isProven: true }])
      this.#flaw = undefined
      return
    }
    past.keep(others)
    this.#keptAt = at
    if (this.statistics.flaw === undefined) this.#warn(flaw)
    this.#flaw = flaw
  }

  #keep(n: number, at: Ms): void {
    const { past, keepMs } = this.#options
    if (at - this.#keptAt < keepMs / KEPT_PARTS || (past.beginning?.n ?? 0) >= n) return
    // Where another snapshot has taken its place meanwhile, the next one is asked.
    if (past.stateAt(n) === undefined || past.kept.some(({ isProven }) => !isProven)) return
    past.keep([...past.kept, { n, at, isProven: false }])
    this.#keptAt = at
  }

  async #begin(at: Ms): Promise<void> {
    const { past, keepMs, copy, tell } = this.#options
    const old = past.kept.findLast((kept) => kept.isProven && kept.at <= at - keepMs)
    if (old === undefined) return
    const after = past.beginning?.n ?? 0
    await copy?.({ from: after + 1, to: old.n }, this.#turns(after, old.n))
    await this.#breathe()
    past.begin(old)
    this.#beginsAt = old.at
    this.#prunedAt = at
    tell('info', `the journal begins at ${iso(old.at)} now: older turns are dropped`)
  }

  async *#turns(after: number, to: number): AsyncGenerator<Turn> {
    let count = 0
    for (const turn of this.#options.journal.since(after)) {
      if (turn.n > to) return
      yield turn
      if (++count % COPY_SLICE_TURNS === 0) await this.#breathe()
    }
  }

  async #drop(): Promise<void> {
    const { past } = this.#options
    for (let i = 0; i < DROPS_MAX; i++) {
      const dropped = past.drop()
      if (dropped === 0) return
      this.#dropped += dropped
      await this.#breathe()
    }
  }

  async #breathe(): Promise<void> {
    const { breathe, isOver } = this.#options
    await breathe()
    if (isOver()) throw new Over()
  }

  #onError(error: unknown, at: Ms): void {
    if (error instanceof Over) return
    const why = error instanceof Error ? error.message : String(error)
    this.#retryAt = at + this.#options.keepMs / KEPT_PARTS
    if (this.statistics.flaw === undefined) this.#warn(why)
    this.#error = why
  }

  #warn(why: string): void {
    this.#options.tell('warn', `nothing is dropped from the journal, which grows: ${why}`)
  }
}

/** The run ends, or is gone: no error. */
class Over extends Error {}
