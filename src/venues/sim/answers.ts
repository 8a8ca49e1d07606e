// Answers: what the venue has yet to tell, in order of the time when it is heard.
import type { Input } from '../../core/input.ts'

const NONE: readonly Input[] = []

export class Answers {
  /** Sorted by `at`; of equal times, what was said first comes first. */
  #waiting: Input[] = []

  /** Time of the next one; Infinity where nothing waits. */
  get nextAt(): number {
    return this.#waiting[0]?.at ?? Infinity
  }

  add(input: Input): void {
    // Most answers are the latest so far: the place is found from the end.
    const waiting = this.#waiting
    let i = waiting.length
    while (i > 0 && waiting[i - 1]!.at > input.at) i--
    if (i === waiting.length) waiting.push(input)
    else waiting.splice(i, 0, input)
  }

  /** All that are due by `at`; a shared empty array where none is. */
  take(at: number): readonly Input[] {
    let due = 0
    while (due < this.#waiting.length && this.#waiting[due]!.at <= at) due++
    if (due === 0) return NONE
    if (due < this.#waiting.length) return this.#waiting.splice(0, due)
    const all = this.#waiting
    this.#waiting = []
    return all
  }

  capture(): readonly Input[] {
    return structuredClone(this.#waiting)
  }

  restore(waiting: readonly Input[]): void {
    this.#waiting = structuredClone([...waiting])
  }
}
