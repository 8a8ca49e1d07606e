// Quota: how many of something happened in the last so many milliseconds of engine time.

export interface Moment {
  readonly at: number
  readonly count: number
}

/** When a lot happened at once it is one entry, so the list stays as short as the window has moments. */
export class Quota {
  readonly #windowMs: number
  readonly #moments: { readonly at: number; count: number }[] = []
  #used = 0

  constructor(windowMs: number) {
    this.#windowMs = windowMs
  }

  /** Within the window that ends at `at`; what happened a whole window ago no longer counts. */
  used(at: number): number {
    while (this.#moments.length > 0 && this.#moments[0]!.at <= at - this.#windowMs)
      this.#used -= this.#moments.shift()!.count
    return this.#used
  }

  take(at: number, count: number): void {
    const last = this.#moments.at(-1)
    if (last !== undefined && last.at === at) last.count += count
    else this.#moments.push({ at, count })
    this.#used += count
  }

  /** When fewer than `most` count: `at` where that is so already, Infinity where time alone never makes it so. */
  freeAt(at: number, most: number): number {
    let left = this.used(at)
    if (left < most) return at
    for (const moment of this.#moments) {
      left -= moment.count
      if (left < most) return moment.at + this.#windowMs
    }
    return Infinity
  }

  /** What still counts at `at`. */
  capture(at: number): readonly Moment[] {
    this.used(at)
    return this.#moments.map((moment) => ({ ...moment }))
  }

  restore(moments: readonly Moment[]): void {
    for (const { at, count } of moments) this.take(at, count)
  }
}
