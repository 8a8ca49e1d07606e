/*
 * Heartbeat: knows that the process stood still, or that its clock was moved. It beats once a second; where the clock has
 * gone on for much longer since the last beat, nothing was seen meanwhile, and what is believed may be old.
 *
 * It is asked by its own timer, and before anything is decided: which of both comes first after a pause is chance.
 */
import type { Io } from '../../io/io.ts'

const EVERY_MS = 1_000

export class Heartbeat {
  readonly #io: Pick<Io, 'now' | 'after'>
  readonly #gapMsMax: number
  readonly #onGap: (gapMs: number) => void
  #beatAt: number
  #cancel: (() => void) | undefined

  /** @param onGap Told of each gap once; below zero where the clock was moved back. */
  constructor(
    io: Pick<Io, 'now' | 'after'>,
    { gapMsMax, onGap }: { readonly gapMsMax: number; readonly onGap: (gapMs: number) => void },
  ) {
    this.#io = io
    this.#gapMsMax = gapMsMax
    this.#onGap = onGap
    this.#beatAt = io.now()
  }

  start(): void {
    this.#beatAt = this.#io.now()
    this.#next()
  }

  stop(): void {
    this.#cancel?.()
    this.#cancel = undefined
  }

  /** Looks at the clock; does nothing where it was not started. */
  look(): void {
    if (this.#cancel === undefined) return
    const now = this.#io.now()
    const gapMs = now - this.#beatAt
    this.#beatAt = now
    if (Math.abs(gapMs) > this.#gapMsMax) this.#onGap(gapMs)
  }

  #next(): void {
    this.#cancel = this.#io.after(EVERY_MS, () => {
      this.look()
      if (this.#cancel !== undefined) this.#next()
    })
  }
}
