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
    let i = this.#waiting.length
    while (i > 0 && this.#waiting[i - 1]!.at > input.at) i--
    this.#waiting.splice(i, 0, input)
  }

  /** All that are due by `at`; a shared empty array where none is. */
  take(at: number): readonly Input[] {
    let due = 0
    while (due < this.#waiting.length && this.#waiting[due]!.at <= at) due++
    return due === 0 ? NONE : this.#waiting.splice(0, due)
  }

  capture(): readonly Input[] {
    return structuredClone(this.#waiting)
  }

  restore(waiting: readonly Input[]): void {
    this.#waiting = structuredClone([...waiting])
  }
}
