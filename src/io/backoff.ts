/*
 * How long to wait before the next try: 1, 2, 4 … 60 s, with jitter.
 *
 * The jitter is "equal": half of the step is certain, half is drawn, so 4 s means 2 to 4 s. Full jitter (0 to 4 s)
 * spreads better but may draw almost nothing, and a venue that limits connects would be met with a burst; no jitter
 * brings every client of a venue back in the same second. The steps begin again only after a connection was stable for
 * a time: a venue that accepts and closes at once would otherwise be met every second for ever.
 */
import type { Io } from './io.ts'

export interface BackoffOptions {
  /** The first step, 1 s where not told. */
  readonly firstMs?: number
  /** No step is longer: 60 s where not told. */
  readonly maxMs?: number
  /** How long a connection must have been open before the steps begin again: 60 s where not told. */
  readonly stableMs?: number
}

export class Backoff {
  readonly #io: Pick<Io, 'monotonic' | 'random'>
  readonly #firstMs: number
  readonly #maxMs: number
  readonly #stableMs: number
  #failures = 0
  #openSince: number | undefined

  constructor(io: Pick<Io, 'monotonic' | 'random'>, options: BackoffOptions = {}) {
    this.#io = io
    this.#firstMs = options.firstMs ?? 1_000
    this.#maxMs = options.maxMs ?? 60_000
    this.#stableMs = options.stableMs ?? 60_000
  }

  /** Tries that failed since the connection was last stable. */
  get failures(): number {
    return this.#failures
  }

  /** The connection stands: its time begins to count. */
  opened(): void {
    this.#openSince = this.#io.monotonic()
  }

  /** Whether the connection that is open has been so for long enough. */
  isStable(): boolean {
    const since = this.#openSince
    return since !== undefined && this.#io.monotonic() - since >= this.#stableMs
  }

  /** The connection ended, or was never made: gives how long to wait before the next try. */
  next(): number {
    if (this.isStable()) this.#failures = 0
    this.#openSince = undefined
    const step = stepOf(this.#failures, this.#firstMs, this.#maxMs)
    this.#failures += 1
    return jittered(step, this.#io.random)
  }

  /** Begins again with the first step: a person said so. */
  reset(): void {
    this.#failures = 0
    this.#openSince = undefined
  }
}

/** The step after so many failures, without jitter. */
export const stepOf = (failures: number, firstMs: number, maxMs: number): number =>
  Math.min(firstMs * 2 ** failures, maxMs)

/** Half of the step, and a drawn part of the other half. */
export const jittered = (stepMs: number, random: () => number): number =>
  stepMs / 2 + (random() * stepMs) / 2
