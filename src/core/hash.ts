// Canonical JSON and the state hash: two runs agree when their hashes agree.

/** JSON with sorted keys and without undefined members: equal data gives equal text. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, member: unknown) => {
    if (member === null || typeof member !== 'object' || Array.isArray(member)) return member
    const sorted: Record<string, unknown> = {}
    for (const key of Object.keys(member).toSorted()) {
      sorted[key] = (member as Record<string, unknown>)[key]
    }
    return sorted
  })
}

/** The inner state of a Hasher, as plain data: a run that is resumed goes on hashing where it stopped. */
export interface HashState {
  readonly high: number
  readonly low: number
}

/**
 * A running 64-bit hash of text (two cyrb53-style lanes), as 16 hex digits. It finds differences between
 * two runs; it is no protection against somebody who wants a collision.
 */
export class Hasher {
  #high = 0x41c6ce57
  #low = 0xdeadbeef

  add(text: string): this {
    let high = this.#high
    let low = this.#low
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i)
      low = Math.imul(low ^ code, 2654435761)
      high = Math.imul(high ^ code, 1597334677)
    }
    // A separator, so that ("ab", "c") and ("a", "bc") differ.
    this.#low = Math.imul(low ^ 0x1f, 2654435761) ^ (high >>> 15)
    this.#high = Math.imul(high ^ 0x1f, 1597334677) ^ (low >>> 13)
    return this
  }

  capture(): HashState {
    return { high: this.#high, low: this.#low }
  }

  restore(state: HashState): void {
    this.#high = state.high
    this.#low = state.low
  }

  digest(): string {
    let low = Math.imul(this.#low ^ (this.#low >>> 16), 2246822507)
    low ^= Math.imul(this.#high ^ (this.#high >>> 13), 3266489909)
    let high = Math.imul(this.#high ^ (this.#high >>> 16), 2246822507)
    high ^= Math.imul(this.#low ^ (this.#low >>> 13), 3266489909)
    const hex = (word: number) => (word >>> 0).toString(16).padStart(8, '0')
    return hex(high) + hex(low)
  }
}

/** The hash of any plain JSON value, independent of the order of its keys. */
export const hashOf = (value: unknown): string => new Hasher().add(canonical(value)).digest()
